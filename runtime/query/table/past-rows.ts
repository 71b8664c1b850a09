/**
 * The rows of one table as they were at one position, in parts that are kept (column-cache.ts): each has all rows between two keys, column by column,
 * up to a batch. The parts lie in the order of their keys, do not overlap, and leave gaps where nobody has read yet or where memory was given up.
 *
 * What was true at a position that was reached is true of it for ever: later commits put further entries into the trees of the past and take none out
 * (runtime/kernel/commands/sql-commit.ts). So a part is never out of date, whatever becomes of the pages that its rows were read from.
 */
import { assert } from "../../types/assert.js";
import type { ColumnHolder, KeptColumn } from "./cached-page.js";
import { compareBytes } from "./key-buffer.js";

export class PastPart implements ColumnHolder {
  readonly rows: PastRows;
  /** Whole keys of the present's form; `high` is exclusive, null is without an end. */
  readonly low: Uint8Array;
  readonly high: Uint8Array | null;
  readonly entries: number;
  readonly columns: (KeptColumn | undefined)[] = [];
  /** Whose memory it is counted against. */
  readonly block: { isUsed: boolean };

  constructor(rows: PastRows, low: Uint8Array, high: Uint8Array | null, entries: number, block: PastPart["block"]) {
    assert(compareEnds(low, high) < 0, "a part begins before it ends");
    this.rows = rows;
    this.low = low;
    this.high = high;
    this.entries = entries;
    this.block = block;
  }
}

/** Order of two upper ends, of which null is behind all. */
export function compareEnds(a: Uint8Array | null, b: Uint8Array | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return compareBytes(a, a.length, b, b.length);
}

export class PastRows {
  /** What it is found by. */
  readonly name: string;
  readonly #parts: PastPart[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get parts(): number {
    return this.#parts.length;
  }

  /** How many parts begin at this key or before it. */
  #upTo(key: Uint8Array): number {
    let [from, to] = [0, this.#parts.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compareEnds(this.#parts[middle]?.low ?? null, key) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** The part that has this key's place; null when there is none. */
  around(key: Uint8Array): PastPart | null {
    const part = this.#parts[this.#upTo(key) - 1];
    return part !== undefined && compareEnds(part.high, key) > 0 ? part : null;
  }

  /** Where the first part behind this key begins; null when there is none. */
  nextLow(key: Uint8Array): Uint8Array | null {
    return this.#parts[this.#upTo(key)]?.low ?? null;
  }

  add(part: PastPart): void {
    const at = this.#upTo(part.low);
    const [before, next] = [this.#parts[at - 1], this.#parts[at]];
    assert(before === undefined || compareEnds(before.high, part.low) <= 0, "a part begins where no other one is");
    assert(next === undefined || compareEnds(part.high, next.low) <= 0, "a part ends before the next one begins");
    this.#parts.splice(at, 0, part);
  }

  remove(part: PastPart): void {
    const at = this.#upTo(part.low) - 1;
    assert(this.#parts[at] === part, "a part that is given up is there");
    this.#parts.splice(at, 1);
  }
}
