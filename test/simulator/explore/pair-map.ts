/** Numbers by pairs of numbers, in plain arrays: a `Map` of keys made of two takes ten times the memory and time. Numbers are not negative. */
const none = -1;
const columns = 3;

export function hashOfPair(first: number, second: number): number {
  let hash = Math.imul(first ^ 0x811c9dc5, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ second, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

export class PairMap {
  #cells = new Int32Array(columns * 64).fill(none);
  #mask = 63;
  #count = 0;

  /** -1 when there is none. */
  get(first: number, second: number): number {
    return this.#cells[this.#find(first, second) + 2] ?? none;
  }

  set(first: number, second: number, value: number): void {
    const at = this.#find(first, second);
    if (this.#cells[at] === none) this.#count += 1;
    this.#cells[at] = first;
    this.#cells[at + 1] = second;
    this.#cells[at + 2] = value;
    if (this.#count * 2 > this.#mask) this.#grow();
  }

  #find(first: number, second: number): number {
    const cells = this.#cells;
    for (let slot = hashOfPair(first, second) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * columns;
      if (cells[at] === none || (cells[at] === first && cells[at + 1] === second)) return at;
    }
  }

  #grow(): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2).fill(none);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < former.length; at += columns) {
      if (former[at] === none) continue;
      this.#cells.set(former.subarray(at, at + columns), this.#find(former[at] ?? none, former[at + 1] ?? none));
    }
  }
}
