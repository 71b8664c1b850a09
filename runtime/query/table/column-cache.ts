/**
 * Columns of rows as they were decoded from their pages, kept for the next query. A page that readers see never changes, so what was decoded of it
 * stays true: it is found by the page's number and birth, and a page that was written anew has another birth. Rows of the past are kept by table and
 * position instead (past-rows.ts), in the same memory.
 *
 * Memory is taken in blocks of one size, up to a bound. Numbers lie in the blocks; other values lie on the heap and are counted against a block. A
 * block is given up as a whole: when there are as many as there may be, a hand goes round and takes the first that nobody has used since it
 * last came by. It takes a step for each block's worth of bytes that found no room, so that a table larger than the cache does not drive out
 * itself: a part of it stays, and is found by each scan.
 */
import type { PlaceInPage } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { datumBytes } from "../execute/memory.js";
import type { Datum } from "../types/datum.js";
import { type CachedColumn, CachedPage, type ColumnHolder, pageEntriesMax } from "./cached-page.js";
import { blockBytes, ColumnBlock } from "./column-block.js";
import { PastPart, PastRows } from "./past-rows.js";
import type { ColumnPlace } from "./row-codec.js";

/** What a page's record takes on the heap beside what it holds, about, and a column's. */
const pageRecordBytes = 160;
const columnRecordBytes = 128;
const partRecordBytes = 160;
const int32Kinds: ReadonlySet<string> = new Set(["int16", "int32"]);

export class ColumnCache {
  readonly #blocksMax: number;
  readonly #blocks: ColumnBlock[] = [];
  readonly #pages = new Map<number, CachedPage>();
  /** By name: tables as of positions. */
  readonly #past = new Map<string, PastRows>();
  #current = 0;
  #hand = 0;
  /** Bytes that found no room since the hand last moved. */
  #refused = 0;
  hits = 0;
  misses = 0;
  readonly #starts = new Int32Array(pageEntriesMax);
  readonly #from = new Float64Array(pageEntriesMax);

  /** @param bytesMax bound of its memory; below a block nothing is kept */
  constructor(bytesMax: number) {
    assert(bytesMax >= 0, "a cache's bound is a number of bytes");
    this.#blocksMax = Math.floor(bytesMax / blockBytes);
  }

  /** Bytes in use, those of vectors on the heap estimated. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get pages(): number {
    return this.#pages.size;
  }

  /** What is kept of a page; null when it is not known. */
  find(place: PlaceInPage): CachedPage | null {
    const known = this.#pages.get(place.pageNumber);
    if (known === undefined || known.birth !== place.pageBirth) return null;
    return known;
  }

  /**
   * Begins to keep a page of the present whose entries are all rows of one table. Null when some of its values do not lie in it, or when there is no
   * room.
   */
  admit(place: PlaceInPage): CachedPage | null {
    const { pageNumber, pageBirth, pageEntries } = place;
    assert(pageEntries > 0 && pageEntries <= pageEntriesMax, "a page has entries, and no more than fit it");
    const block = this.#room(pageRecordBytes + pageEntries * 8);
    if (block === null) return null;
    const [starts, from] = [this.#starts, this.#from];
    if (place.startsInPage(starts) < pageEntries) return null;
    place.positionsInPage(starts, from);
    let [oldest, newest] = [from[0] ?? 0, from[0] ?? 0];
    for (let index = 1; index < pageEntries; index++) {
      const position = from[index] ?? 0;
      if (position < oldest) oldest = position;
      if (position > newest) newest = position;
    }
    const isOfOne = oldest === newest;
    block.count(pageRecordBytes + (isOfOne ? 0 : pageEntries * 8));
    const page = new CachedPage(
      { number: pageNumber, birth: pageBirth, entries: pageEntries, oldest, newest },
      isOfOne ? null : block.float64(from, pageEntries),
    );
    block.pages.push(page);
    this.#pages.set(pageNumber, page);
    return page;
  }

  /** What is kept of a table as of a position, which the state that is read has reached. */
  past(tenant: number, storage: number, position: number): PastRows {
    assert(position >= 0, "a position is a number");
    const name = `${tenant}/${storage}@${position}`;
    return this.#past.get(name) ?? new PastRows(name);
  }

  /** Begins to keep a part of a table as of a position. Null when there is no room, or when others keep that table meanwhile. */
  admitPart(rows: PastRows, low: Uint8Array, high: Uint8Array | null, entries: number): PastPart | null {
    if ((this.#past.get(rows.name) ?? rows) !== rows) return null;
    const bytes = partRecordBytes + low.length;
    const block = this.#room(bytes);
    if (block === null) return null;
    block.count(bytes);
    const part = new PastPart(rows, low, high, entries, block);
    rows.add(part);
    block.parts.push(part);
    this.#past.set(rows.name, rows);
    return part;
  }

  has({ columns }: ColumnHolder, place: ColumnPlace): boolean {
    const known = columns[place.number];
    return known !== undefined && isSame(known.column.place, place);
  }

  /** A column of a page or part that is kept; null when it is not. */
  column({ columns }: ColumnHolder, place: ColumnPlace): CachedColumn | null {
    const known = columns[place.number];
    if (known === undefined || !isSame(known.column.place, place)) {
      this.misses += 1;
      return null;
    }
    known.block.isUsed = true;
    this.hits += 1;
    return known.column;
  }

  /** Keeps a column of numbers when there is room. What is passed in is copied. */
  keepNumbers(holder: ColumnHolder, place: ColumnPlace, numbers: Float64Array, nulls: Uint8Array | null): void {
    const count = holder.entries;
    assert(numbers.length >= count && (nulls === null || nulls.length >= count), "a column has all rows");
    const isInt32 = int32Kinds.has(place.storage.kind);
    const bytes = columnRecordBytes + count * (isInt32 ? 4 : 8) + 8 + (nulls === null ? 0 : count + 8);
    const block = this.#room(bytes);
    if (block === null) return;
    block.count(bytes);
    this.#keep(block, holder, {
      kind: "numbers",
      place,
      numbers: isInt32 ? block.int32(numbers, count) : block.float64(numbers, count),
      nulls: nulls === null ? null : block.bits(nulls, count),
    });
  }

  /** Keeps a column of other values when there is room. They must not be changed any more. */
  keepValues(holder: ColumnHolder, place: ColumnPlace, values: readonly Datum[]): void {
    assert(values.length === holder.entries, "a column has all rows");
    let bytes = columnRecordBytes + values.length * 8;
    for (const value of values) if (typeof value !== "boolean" && value !== null) bytes += datumBytes(value);
    const block = this.#room(bytes);
    if (block === null) return;
    block.count(bytes);
    this.#keep(block, holder, { kind: "values", place, values });
  }

  #keep(block: ColumnBlock, holder: ColumnHolder, column: CachedColumn): void {
    const { number } = column.place;
    holder.columns[number] = { column, block };
    block.columns.push({ holder, number });
  }

  /** A block with room for so many bytes; null when there is none. */
  #room(bytes: number): ColumnBlock | null {
    if (bytes > blockBytes) return null;
    const current = this.#blocks[this.#current];
    if (current?.has(bytes) === true) return current;
    if (this.#blocks.length < this.#blocksMax) {
      const block = new ColumnBlock();
      this.#current = this.#blocks.length;
      this.#blocks.push(block);
      return block;
    }
    return this.#blocksMax === 0 ? null : this.#turn(bytes);
  }

  #turn(bytes: number): ColumnBlock | null {
    this.#refused += bytes;
    if (this.#refused < blockBytes) return null;
    this.#refused = 0;
    const at = this.#hand;
    this.#hand = (at + 1) % this.#blocks.length;
    const block = this.#blocks[at];
    assert(block !== undefined, "the hand points to a block");
    if (block.isUsed) {
      block.isUsed = false;
      return null;
    }
    this.#giveUp(block);
    this.#current = at;
    return block;
  }

  #giveUp(block: ColumnBlock): void {
    for (const page of block.pages) if (this.#pages.get(page.number) === page) this.#pages.delete(page.number);
    for (const part of block.parts) {
      part.rows.remove(part);
      if (part.rows.parts === 0) this.#past.delete(part.rows.name);
    }
    for (const { holder, number } of block.columns) {
      if (holder.columns[number]?.block === block) holder.columns[number] = undefined;
    }
    block.clear();
  }
}

const isSame = (a: ColumnPlace, b: ColumnPlace): boolean =>
  a === b ||
  (a.storage === b.storage &&
    a.fixedAt === b.fixedAt &&
    a.variableIndex === b.variableIndex &&
    a.missing === b.missing);
