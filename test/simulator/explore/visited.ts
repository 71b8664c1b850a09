/**
 * World states that were found, in rows of plain numbers, so that tens of millions of them fit. Those with the same members and the same spent
 * are one group, and differ in what was sent. One that has sent more can do all that one can that has sent less, so of a group only those are kept
 * of which none has sent all that another has.
 */
import type { Letters } from "./letters.js";
import type { Spent, WorldState } from "./small-world.js";

/** Three members, what was spent: by these a group is found. Then the network, the parent and the next of the group, as rows. */
const keyColumns = 4;
const [networkColumn, parentColumn, nextColumn] = [4, 5, 6];
const columns = 7;
/** Counts of what was spent share one number. */
const spentBase = 8;
const none = -1;

function spentCode({ ops, timers, crashes, damages }: Spent): number {
  return ((ops * spentBase + timers) * spentBase + crashes) * spentBase + damages;
}

function spentOf(code: number): Spent {
  const digit = (place: number): number => Math.floor(code / spentBase ** place) % spentBase;
  return { ops: digit(3), timers: digit(2), crashes: digit(1), damages: digit(0) };
}

export class Visited {
  readonly #letters: Letters;
  #rows = new Int32Array(columns * 1024);
  /** By hash: the first row of a group. */
  #slots = new Int32Array(4096).fill(none);
  #isOutdone = new Uint8Array(1024);
  /** Rows whose next states were not looked at. */
  #open = new Int32Array(1024);
  #openCount = 0;
  /** Rows, those that were outdone since included. */
  count = 0;
  groups = 0;

  constructor(letters: Letters) {
    this.#letters = letters;
  }

  /** Notes a state to be looked at, unless one is known that can do all that it can. */
  add({ members, network, spent }: WorldState, parent: number): void {
    const key = [members[0] ?? 0, members[1] ?? 0, members[2] ?? 0, spentCode(spent)];
    const slot = this.#find(key);
    const first = this.#slots[slot] ?? none;
    let kept = none;
    for (let row = first; row !== none; row = this.#cell(row, nextColumn)) {
      const other = this.#cell(row, networkColumn);
      if (this.#letters.isWithin(network, other)) return;
      if (this.#letters.isWithin(other, network)) {
        this.#isOutdone[row] = 1;
        const next = this.#cell(row, nextColumn);
        if (kept === none) this.#slots[slot] = next;
        else this.#rows[kept * columns + nextColumn] = next;
      } else kept = row;
    }
    this.#append([...key, network, parent, this.#slots[slot] ?? none]);
    this.#slots[slot] = this.count - 1;
    if (first !== none) return;
    this.groups += 1;
    if (this.groups * 2 > this.#slots.length) this.#rehash();
  }

  /** The row that was found last of those that nobody has looked at; -1 when all were. */
  take(): number {
    while (this.#openCount > 0) {
      this.#openCount -= 1;
      const row = this.#open[this.#openCount] ?? none;
      if (this.#isOutdone[row] === 0) return row;
    }
    return none;
  }

  at(row: number): WorldState {
    const [first, second, third] = [this.#cell(row, 0), this.#cell(row, 1), this.#cell(row, 2)];
    const network = this.#cell(row, networkColumn);
    return { members: [first, second, third], network, spent: spentOf(this.#cell(row, keyColumns - 1)) };
  }

  /** From the first state to that one. */
  pathTo(row: number): WorldState[] {
    const path: WorldState[] = [];
    for (let at = row; at !== none; at = this.#cell(at, parentColumn)) path.unshift(this.at(at));
    return path;
  }

  #cell(row: number, column: number): number {
    return this.#rows[row * columns + column] ?? none;
  }

  #append(row: readonly number[]): void {
    if ((this.count + 1) * columns > this.#rows.length) this.#rows = grown(this.#rows);
    if (this.count >= this.#isOutdone.length) {
      const flags = new Uint8Array(this.#isOutdone.length * 2);
      flags.set(this.#isOutdone);
      this.#isOutdone = flags;
    }
    if (this.#openCount >= this.#open.length) this.#open = grown(this.#open);
    this.#rows.set(row, this.count * columns);
    this.#open[this.#openCount] = this.count;
    this.#openCount += 1;
    this.count += 1;
  }

  /** Where a group is, or would be. */
  #find(key: ArrayLike<number>): number {
    let hash = 0x811c9dc5;
    for (let index = 0; index < keyColumns; index++) {
      hash = Math.imul(hash ^ (key[index] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? none;
      if (row === none || this.#isOf(row, key)) return slot;
    }
  }

  #isOf(row: number, key: ArrayLike<number>): boolean {
    for (let index = 0; index < keyColumns; index++) {
      if (this.#rows[row * columns + index] !== key[index]) return false;
    }
    return true;
  }

  #rehash(): void {
    const former = this.#slots;
    this.#slots = new Int32Array(former.length * 2).fill(none);
    for (const row of former) {
      if (row !== none) this.#slots[this.#find(this.#rows.subarray(row * columns, row * columns + keyColumns))] = row;
    }
  }
}

function grown(rows: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(rows.length * 2);
  larger.set(rows);
  return larger;
}
