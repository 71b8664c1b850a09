/**
 * How many entries of an index have the same values in its first columns, on average: told from a few of its pages, since entries that are alike
 * lie side by side. What the planner knows of a column's values comes from here.
 */
import type { Cursor } from "../../store/tree.js";
import { behind } from "./key-bounds.js";
import { KeyBuffer } from "./key-buffer.js";
import type { KeyColumn } from "./key-codec.js";
import { columnEnds } from "./key-ends.js";
import { entriesBetween } from "./rows-between.js";

/** Pages that are looked into. */
const samplesMax = 6;
/** Entries of each that are looked at. */
const entriesMax = 100;
/** Levels that a tree may have, with room to spare. */
const levelsMax = 32;

class Sample {
  readonly #columns: readonly KeyColumn[];
  readonly #from: number;
  readonly #high: Uint8Array;
  #key = new KeyBuffer();
  #before = new KeyBuffer();
  readonly #ends: Int32Array;
  /** Pairs of neighbours that were compared, and for each number of first columns those that differ in them. */
  pairs = 0;
  readonly changes: Float64Array;
  /** Of all keys, the fewest columns of which it was told where they end. */
  columns: number;

  constructor(columns: readonly KeyColumn[], from: number, high: Uint8Array) {
    this.#columns = columns;
    this.#from = from;
    this.#high = high;
    this.#ends = new Int32Array(columns.length);
    this.changes = new Float64Array(columns.length);
    this.columns = columns.length;
  }

  /** Looks at entries from the one on that the cursor stands on. */
  take(cursor: Cursor): void {
    let isFirst = true;
    for (let left = entriesMax; left > 0; left--) {
      this.#key.take(cursor);
      const { bytes, length } = this.#key;
      if (compare(bytes, length, this.#high) >= 0) return;
      const told = columnEnds(this.#columns, bytes, this.#from, length, this.#ends);
      this.columns = Math.min(this.columns, told);
      if (!isFirst) this.#count();
      isFirst = false;
      [this.#key, this.#before] = [this.#before, this.#key];
      if (!cursor.next()) return;
    }
  }

  #count(): void {
    this.pairs += 1;
    const [one, other] = [this.#key.bytes, this.#before.bytes];
    let at = this.#from;
    let isAlike = true;
    for (let column = 0; column < this.columns; column++) {
      const end = this.#ends[column] ?? 0;
      while (isAlike && at < end) {
        isAlike = one[at] === other[at];
        at += 1;
      }
      if (!isAlike) this.changes[column] = (this.changes[column] ?? 0) + 1;
    }
  }

  /** The newest key up to the end of a column. */
  prefix(columns: number): Uint8Array {
    return this.#before.bytes.slice(0, this.#ends[columns - 1] ?? 0);
  }
}

function compare(bytes: Uint8Array, length: number, other: Uint8Array): number {
  return Buffer.compare(bytes.subarray(0, length), other);
}

/**
 * For each number of first columns, how many entries agree in them on average; of fewer columns where nothing is known of the others. Null for a
 * cursor that cannot tell.
 *
 * @param low where the index begins in its tree, which is what its keys begin with; `high` where it ends
 * @param total entries that there are, roughly
 */
export function entriesAlike(
  cursor: Cursor,
  low: Uint8Array,
  high: Uint8Array,
  total: number,
  columns: readonly KeyColumn[],
): readonly number[] | null {
  if (cursor.seekBeneath === undefined || cursor.path === undefined) return null;
  const sample = new Sample(columns, low.length, high);
  if (total === 0 || !cursor.seek(low)) return [];
  const [from, to, counts] = [new Int32Array(levelsMax), new Int32Array(levelsMax), new Int32Array(levelsMax)];
  const levels = cursor.path(from, counts);
  sample.take(cursor);
  if (cursor.seekFloor(high)) {
    cursor.path(to, counts);
    let level = levels - 1;
    while (level > 0 && from[level] === to[level]) level -= 1;
    const [first, between] = [(from[level] ?? 0) + 1, (to[level] ?? 0) - (from[level] ?? 0) - 1];
    const samples = level === 0 ? 0 : Math.min(between, samplesMax);
    for (let at = 0; at < samples; at++) {
      cursor.seekBeneath(level, first + Math.floor(((at + 0.5) * between) / samples));
      sample.take(cursor);
    }
  }
  const found: number[] = [];
  for (let count = 1; count <= sample.columns && sample.pairs > 0; count++) {
    const changes = sample.changes[count - 1] ?? 0;
    found.push(Math.min(total, changes > 0 ? sample.pairs / changes : groupOf(cursor, sample.prefix(count), total)));
  }
  return found;
}

/** Pages of one value each: as many as have that of the last. */
function groupOf(cursor: Cursor, prefix: Uint8Array, total: number): number {
  const end = behind(prefix);
  return Math.max(1, (end === null ? null : entriesBetween(cursor, prefix, end)) ?? total);
}
