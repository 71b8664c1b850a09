/**
 * A range of a table's keys as of a position, part after part: those that are kept (past-rows.ts) are taken, and the gaps between them are walked and
 * kept. Whoever walks asks for `take` until it has no part, walks from `low` to `end`, and says with `keep` how far it came.
 */
import { assert } from "../../types/assert.js";
import type { ColumnVector } from "./access.js";
import type { CachedColumn } from "./cached-page.js";
import type { ColumnCache } from "./column-cache.js";
import { compareBytes } from "./key-buffer.js";
import { compareEnds, type PastPart, type PastRows } from "./past-rows.js";
import type { ColumnPlace } from "./row-codec.js";

export class PastRange {
  readonly #cache: ColumnCache;
  readonly #rows: PastRows;
  readonly #high: Uint8Array | null;
  readonly #places: readonly ColumnPlace[];
  /** Of the part that was taken last. */
  readonly #columns: CachedColumn[] = [];
  #low: Uint8Array;
  #end: Uint8Array | null;
  #isDone = false;
  /** Whether a gap is walked. */
  isWalked = false;

  constructor(
    cache: ColumnCache,
    rows: PastRows,
    low: Uint8Array,
    high: Uint8Array | null,
    places: readonly ColumnPlace[],
  ) {
    this.#cache = cache;
    this.#rows = rows;
    this.#low = low;
    this.#high = high;
    this.#end = high;
    this.#places = places;
    this.#isDone = compareEnds(high, low) <= 0;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Where the gap that is to be walked begins, and where it ends. */
  get low(): Uint8Array {
    return this.#low;
  }

  get end(): Uint8Array | null {
    return this.#end;
  }

  /** How many rows the part that comes next has, when it and all of its columns are kept; null when a gap comes next, which is to be walked. */
  take(): number | null {
    assert(!this.#isDone && !this.isWalked, "a part is taken where the one before ended");
    const part = this.#rows.around(this.#low);
    if (part !== null && this.#isWhole(part) && this.#find(part)) {
      part.block.isUsed = true;
      this.#move(part.high);
      return part.entries;
    }
    // A part that lacks a column, or of which the range has only some, is a gap of its own.
    const end = part === null ? this.#rows.nextLow(this.#low) : part.high;
    this.#end = compareEnds(end, this.#high) < 0 ? end : this.#high;
    this.isWalked = true;
    return null;
  }

  #isWhole(part: PastPart): boolean {
    return compareEnds(part.low, this.#low) === 0 && compareEnds(part.high, this.#high) <= 0;
  }

  #find(part: PastPart): boolean {
    this.#columns.length = 0;
    if (part.entries === 0) return true;
    for (const place of this.#places) {
      const column = this.#cache.column(part, place);
      if (column === null) return false;
      this.#columns.push(column);
    }
    return true;
  }

  #move(to: Uint8Array | null): void {
    this.#isDone = compareEnds(to, this.#high) >= 0;
    if (this.#isDone) return;
    assert(to !== null, "what is behind a part without an end is behind the range");
    this.#low = to;
  }

  /** Copies the columns of the part that was taken. */
  fill(rows: number, columns: readonly ColumnVector[]): void {
    for (const [index, target] of columns.entries()) {
      const source = this.#columns[index];
      assert(source !== undefined && source.kind === target.kind, "a column is kept as what it is read as");
      if (target.kind === "values") {
        assert(source.kind === "values", "values are kept as values");
        for (let row = 0; row < rows; row++) target.values[row] = source.values[row] ?? null;
        continue;
      }
      assert(source.kind === "numbers" && rows <= target.numbers.length, "a column has room for the rows");
      target.numbers.set(source.numbers);
      if (source.nulls === null) continue;
      target.nulls.set(source.nulls);
      target.hasNulls = true;
    }
  }

  /**
   * Keeps what was walked, when there is room. It has all rows from `low` up to the end of the gap, or up to `to` (exclusive) when the walk is to go
   * on from there.
   */
  keep(rows: number, columns: readonly ColumnVector[], to: Uint8Array | null): void {
    assert(this.isWalked, "what is kept was walked");
    // The last row of a gap may be the last that there was room for.
    this.isWalked = to !== null && compareEnds(to, this.#end) < 0;
    const end = this.isWalked ? to : this.#end;
    const part = this.#holderOf(end, rows);
    if (part !== null) {
      assert(part.entries === rows, "what was true at a position does not change");
      for (const [index, place] of this.#places.entries()) {
        const column = columns[index];
        assert(column !== undefined, "a walk has the range's columns");
        if (rows === 0 || this.#cache.has(part, place)) continue;
        if (column.kind === "values") this.#cache.keepValues(part, place, column.values.slice(0, rows));
        else this.#cache.keepNumbers(part, place, column.numbers, column.hasNulls ? column.nulls : null);
      }
    }
    this.#move(end);
  }

  #holderOf(end: Uint8Array | null, rows: number): PastPart | null {
    const known = this.#rows.around(this.#low);
    if (known === null) {
      // Another scan may have kept some of the gap since it was found.
      const isFree = compareEnds(this.#rows.nextLow(this.#low), end) >= 0;
      return isFree ? this.#cache.admitPart(this.#rows, this.#low, end, rows) : null;
    }
    const { low } = known;
    const isSame = compareBytes(low, low.length, this.#low, this.#low.length) === 0;
    return isSame && compareEnds(known.high, end) === 0 ? known : null;
  }
}
