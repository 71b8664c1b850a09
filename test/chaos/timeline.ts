/** When things happened: acknowledged writes and answered reads as instants, and what the faults did, in words as they come. */

export const quantile = (of: readonly number[], share: number): number =>
  [...of].sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))] ?? 0;

/** What was late already before the span that is looked at is not its fault. */
const slackMs = 50;

/** Instants in order, on `performance.now`'s scale. */
export class Instants {
  readonly #at: number[] = [];

  add(at = performance.now()): void {
    this.#at.push(at);
  }

  get count(): number {
    return this.#at.length;
  }

  get last(): number {
    return this.#at.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** How many there were in [from, to). */
  countIn(from: number, to: number): number {
    return this.#first(to) - this.#first(from);
  }

  /** The longest time without any that touches [from, to]; an open end counts up to `to`. */
  longestGap(from: number, to: number): number {
    let index = this.#first(from);
    let before = Math.max(from - slackMs, index > 0 ? (this.#at[index - 1] ?? from) : from);
    let longest = 0;
    for (; index < this.#at.length && before < to; index++) {
      const at = this.#at[index] ?? to;
      longest = Math.max(longest, at - before);
      before = at;
    }
    return before < to ? Math.max(longest, to - before) : longest;
  }

  /** The index of the first at or after an instant. */
  #first(at: number): number {
    let [low, high] = [0, this.#at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#at[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class Timeline {
  readonly began = performance.now();
  readonly writes = new Instants();
  /** By node: reads of modes other than linearizable. */
  readonly reads: readonly Instants[];
  readonly #print: (line: string) => void;

  constructor(nodes: number, print: (line: string) => void) {
    this.reads = Array.from({ length: nodes }, () => new Instants());
    this.#print = print;
  }

  get seconds(): number {
    return (performance.now() - this.began) / 1_000;
  }

  say(what: string): void {
    this.#print(`${this.seconds.toFixed(2).padStart(8)} s  ${what}`);
  }
}
