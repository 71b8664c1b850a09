/** A page of rows of the present whose columns are kept (column-cache.ts): since when its entries are true, and what of them was decoded. */
import { assert } from "../../types/assert.js";
import type { Datum } from "../types/datum.js";
import type { ColumnPlace } from "./row-codec.js";

/** Entries of a page at most, with room to spare. */
export const pageEntriesMax = 1_024;

/** A column of a page, by the page's entries. Where `nulls` is 1 there is no number. */
export type CachedColumn =
  | {
      readonly kind: "numbers";
      readonly place: ColumnPlace;
      readonly numbers: Int32Array | Float64Array;
      readonly nulls: Uint8Array | null;
    }
  | { readonly kind: "values"; readonly place: ColumnPlace; readonly values: readonly Datum[] };

/** A column and whose memory it lies in. */
export interface KeptColumn {
  readonly column: CachedColumn;
  readonly block: { isUsed: boolean };
}

/** Rows whose columns are kept. */
export interface ColumnHolder {
  readonly entries: number;
  /** By column number. */
  readonly columns: (KeptColumn | undefined)[];
}

interface Described {
  readonly number: number;
  readonly birth: number;
  readonly entries: number;
  /** Least and greatest of the positions that wrote its entries. */
  readonly oldest: number;
  readonly newest: number;
}

export class CachedPage implements Described, ColumnHolder {
  readonly number: number;
  readonly birth: number;
  readonly entries: number;
  readonly oldest: number;
  readonly newest: number;
  /** Null when one position wrote them all. */
  readonly #from: Float64Array | null;
  /** By column number. */
  readonly columns: (KeptColumn | undefined)[] = [];

  constructor({ number, birth, entries, oldest, newest }: Described, from: Float64Array | null) {
    assert(oldest <= newest && (from !== null || oldest === newest), "a page's positions lie between two");
    this.number = number;
    this.birth = birth;
    this.entries = entries;
    this.oldest = oldest;
    this.newest = newest;
    this.#from = from;
  }

  /** Whether all entries were true at that position. */
  isTrue(position: number): boolean {
    return this.newest <= position;
  }

  /** The first entry from `from` on and before `to` that is true at a position; `to` when none is. */
  firstTrue(from: number, to: number, position: number): number {
    assert(from >= 0 && to <= this.entries, "entries are looked for in their page");
    if (this.oldest > position) return to;
    const begins = this.#from;
    if (begins === null) return from;
    for (let index = from; index < to; index++) if ((begins[index] ?? 0) <= position) return index;
    return to;
  }

  /** The entries from `from` on and before `to` that are true at a position. Returns how many. */
  allTrue(from: number, to: number, position: number, found: Int32Array): number {
    assert(from >= 0 && to <= this.entries && to - from <= found.length, "there is room for entries of the page");
    if (this.oldest > position) return 0;
    const begins = this.#from;
    let count = 0;
    // No branches: an entry that is not true is written over by the next.
    for (let index = from; index < to; index++) {
      found[count] = index;
      count += begins === null || (begins[index] ?? 0) <= position ? 1 : 0;
    }
    return count;
  }
}
