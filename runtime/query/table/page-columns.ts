/**
 * Columns of a page that is kept: as they were decoded before, or decoded now, whole, and kept for the next scan when there is room. Decoded whole,
 * a column serves all batches that the page's rows fall into.
 */
import { fromBytes } from "../../store/table-trees.js";
import { assert } from "../../types/assert.js";
import type { Datum } from "../types/datum.js";
import type { ColumnVector } from "./access.js";
import { type CachedColumn, type CachedPage, pageEntriesMax } from "./cached-page.js";
import type { ColumnCache } from "./column-cache.js";
import type { ColumnPlace, RowCodec } from "./row-codec.js";
import type { VersionWalk } from "./version-walk.js";

/** Kinds of values that nobody changes once they are decoded, and that are small. */
const keptKinds: ReadonlySet<string> = new Set([
  "boolean",
  "int64",
  "timestamp",
  "uuid",
  "text",
  "numeric",
  "inet",
  "timetz",
  "bits",
  "money",
  "macaddr",
  "macaddr8",
]);

/** Whether a column's values are kept. */
export const isKept = ({ storage }: ColumnPlace, isNumbers: boolean): boolean =>
  isNumbers || keptKinds.has(storage.kind);

export class PageColumns {
  readonly #cache: ColumnCache;
  readonly #codec: RowCodec;
  readonly #starts = new Int32Array(pageEntriesMax);
  /** The page that `#starts` is of. */
  #started: CachedPage | null = null;
  readonly #numbers = new Float64Array(pageEntriesMax);
  readonly #nulls = new Uint8Array(pageEntriesMax);

  constructor(cache: ColumnCache, codec: RowCodec) {
    this.#cache = cache;
    this.#codec = codec;
  }

  /**
   * Fills a batch's column, from `row` on, with `count` entries of the page that the walk stands in: those from the walk's `first` on, or `found`.
   */
  fill(
    walk: VersionWalk,
    page: CachedPage,
    place: ColumnPlace,
    found: Int32Array,
    count: number,
    target: ColumnVector,
    row: number,
  ): void {
    const column = this.#cache.column(page, place) ?? this.#decode(walk, page, place, target.kind);
    const { first } = walk;
    if (target.kind === "values") {
      assert(column.kind === "values", "a column is kept as what it is read as");
      const { values } = column;
      for (let index = 0; index < count; index++)
        target.values[row + index] = values[first < 0 ? (found[index] ?? 0) : first + index] ?? null;
      return;
    }
    assert(column.kind === "numbers" && row + count <= target.numbers.length, "a column has room for the rows");
    const { numbers, nulls } = column;
    if (first < 0) for (let index = 0; index < count; index++) target.numbers[row + index] = numbers[found[index]];
    else target.numbers.set(numbers.subarray(first, first + count), row);
    if (nulls === null) return;
    for (let index = 0; index < count; index++) {
      const isNull = nulls[first < 0 ? (found[index] ?? 0) : first + index] ?? 0;
      target.nulls[row + index] = isNull;
      if (isNull === 1) target.hasNulls = true;
    }
  }

  #decode(walk: VersionWalk, page: CachedPage, place: ColumnPlace, kind: ColumnVector["kind"]): CachedColumn {
    const { entries } = page;
    const starts = this.#startsOf(walk, page);
    if (kind === "values") {
      const { bytes, view } = walk;
      const values: Datum[] = [];
      for (let index = 0; index < entries; index++)
        values.push(this.#codec.read(bytes, view, starts[index] ?? 0, place));
      this.#cache.keepValues(page, place, values);
      return { kind, place, values };
    }
    const [numbers, nulls] = [this.#numbers, this.#nulls];
    nulls.fill(0, 0, entries);
    const hasNulls = this.#codec.readNumbers(walk.view, starts, entries, place, numbers, nulls, 0);
    this.#cache.keepNumbers(page, place, numbers, hasNulls ? nulls : null);
    return { kind, place, numbers, nulls: hasNulls ? nulls : null };
  }

  /** Where the contents of a page's entries begin. */
  #startsOf(walk: VersionWalk, page: CachedPage): Int32Array {
    const starts = this.#starts;
    // A page may come to lie elsewhere in memory between two runs: only within one it does not.
    if (this.#started === page) return starts;
    const found = walk.place.startsInPage(starts);
    assert(found === page.entries, "a page that is kept has all of its values beside their keys");
    for (let index = 0; index < found; index++) starts[index] = (starts[index] ?? 0) + fromBytes;
    this.#started = page;
    return starts;
  }

  /** What is read from here on may lie elsewhere. */
  begin(): void {
    this.#started = null;
  }
}
