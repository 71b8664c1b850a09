/**
 * Columns of rows as they were decoded from their pages, kept for the next query. A page that readers see never changes, so what was decoded of it
 * stays true: it is found by the page's number and birth, and a page that was written anew has another birth.
 *
 * Memory is taken in blocks of one size, up to a bound. Numbers lie in the blocks; other values lie on the heap and are counted against a block. A
 * block is given up as a whole: when there are as many as there may be, a hand goes round and takes the first that nobody has used since it
 * last came by. It takes a step for each block's worth of bytes that found no room, so that a table larger than the cache does not drive out
 * itself: a part of it stays, and is found by each scan.
 */
import type { Truth } from "../../store/leaf-entries.js";
import type { PlaceInPage } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { datumBytes } from "../execute/memory.js";
import type { Datum } from "../types/datum.js";
import { type CachedColumn, CachedPage, pageEntriesMax } from "./cached-page.js";
import type { ColumnPlace } from "./row-codec.js";

const blockBytes = 256 * 1024;
/** What a page's record takes on the heap beside what it holds, about, and a column's. */
const pageRecordBytes = 160;
const columnRecordBytes = 128;
const int32Kinds: ReadonlySet<string> = new Set(["int16", "int32"]);

/** Memory of one size, and what is found in it. */
class Block {
  readonly #memory = new ArrayBuffer(blockBytes);
  #used = 0;
  /** Bytes of it and on the heap. */
  bytes = 0;
  isUsed = true;
  readonly pages: CachedPage[] = [];
  readonly columns: { readonly page: CachedPage; readonly number: number }[] = [];

  has(bytes: number): boolean {
    return this.bytes + bytes <= blockBytes;
  }

  count(bytes: number): void {
    this.bytes += bytes;
  }

  #place(bytes: number): number {
    const at = this.#used;
    this.#used = (at + bytes + 7) & ~7;
    assert(this.#used <= blockBytes, "what lies in a block was counted before");
    return at;
  }

  int32(source: Float64Array, count: number): Int32Array {
    const kept = new Int32Array(this.#memory, this.#place(count * 4), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  float64(source: Float64Array, count: number): Float64Array {
    const kept = new Float64Array(this.#memory, this.#place(count * 8), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  bits(source: Uint8Array, count: number): Uint8Array {
    const kept = new Uint8Array(this.#memory, this.#place(count), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  clear(): void {
    this.#used = 0;
    this.bytes = 0;
    this.isUsed = true;
    this.pages.length = 0;
    this.columns.length = 0;
  }
}

export class ColumnCache {
  readonly #blocksMax: number;
  readonly #blocks: Block[] = [];
  readonly #pages = new Map<number, CachedPage>();
  #current = 0;
  #hand = 0;
  /** Bytes that found no room since the hand last moved. */
  #refused = 0;
  hits = 0;
  misses = 0;
  readonly #starts = new Int32Array(pageEntriesMax);
  readonly #from = new Float64Array(pageEntriesMax);
  readonly #to = new Float64Array(pageEntriesMax);

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
   * Begins to keep a page whose entries are all rows of one table. Null when its entries are not told by the page alone, or when there is no
   * room.
   */
  admit(place: PlaceInPage, truth: Truth): CachedPage | null {
    const { pageNumber, pageBirth, pageEntries } = place;
    assert(pageEntries > 0 && pageEntries <= pageEntriesMax, "a page has entries, and no more than fit it");
    const block = this.#room(pageRecordBytes + pageEntries * 16);
    if (block === null) return null;
    const [starts, from, to] = [this.#starts, this.#from, this.#to];
    if (place.startsInPage(starts) < pageEntries || !place.positionsInPage(truth, starts, from, to)) return null;
    let [oldest, newest] = [from[0] ?? 0, from[0] ?? 0];
    for (let index = 1; index < pageEntries; index++) {
      const position = from[index] ?? 0;
      if (position < oldest) oldest = position;
      if (position > newest) newest = position;
    }
    const vectors = (oldest === newest ? 0 : 1) + (truth === "now" ? 0 : 1);
    block.count(pageRecordBytes + pageEntries * 8 * vectors);
    const page = new CachedPage(
      { number: pageNumber, birth: pageBirth, entries: pageEntries, oldest, newest },
      oldest === newest ? null : block.float64(from, pageEntries),
      truth === "now" ? null : block.float64(to, pageEntries),
    );
    block.pages.push(page);
    this.#pages.set(pageNumber, page);
    return page;
  }

  /** A column of a page that is kept; null when it is not. */
  column({ columns }: CachedPage, place: ColumnPlace): CachedColumn | null {
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
  keepNumbers(page: CachedPage, place: ColumnPlace, numbers: Float64Array, nulls: Uint8Array | null): void {
    const count = page.entries;
    assert(numbers.length >= count && (nulls === null || nulls.length >= count), "a column has all of a page's rows");
    const isInt32 = int32Kinds.has(place.storage.kind);
    const bytes = columnRecordBytes + count * (isInt32 ? 4 : 8) + 8 + (nulls === null ? 0 : count + 8);
    const block = this.#room(bytes);
    if (block === null) return;
    block.count(bytes);
    this.#keep(block, page, {
      kind: "numbers",
      place,
      numbers: isInt32 ? block.int32(numbers, count) : block.float64(numbers, count),
      nulls: nulls === null ? null : block.bits(nulls, count),
    });
  }

  /** Keeps a column of other values when there is room. They must not be changed any more. */
  keepValues(page: CachedPage, place: ColumnPlace, values: readonly Datum[]): void {
    assert(values.length === page.entries, "a column has all of a page's rows");
    let bytes = columnRecordBytes + values.length * 8;
    for (const value of values) if (typeof value !== "boolean" && value !== null) bytes += datumBytes(value);
    const block = this.#room(bytes);
    if (block === null) return;
    block.count(bytes);
    this.#keep(block, page, { kind: "values", place, values });
  }

  #keep(block: Block, page: CachedPage, column: CachedColumn): void {
    const { number } = column.place;
    page.columns[number] = { column, block };
    block.columns.push({ page, number });
  }

  /** A block with room for so many bytes; null when there is none. */
  #room(bytes: number): Block | null {
    if (bytes > blockBytes) return null;
    const current = this.#blocks[this.#current];
    if (current?.has(bytes) === true) return current;
    if (this.#blocks.length < this.#blocksMax) {
      const block = new Block();
      this.#current = this.#blocks.length;
      this.#blocks.push(block);
      return block;
    }
    return this.#blocksMax === 0 ? null : this.#turn(bytes);
  }

  #turn(bytes: number): Block | null {
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

  #giveUp(block: Block): void {
    for (const page of block.pages) if (this.#pages.get(page.number) === page) this.#pages.delete(page.number);
    for (const { page, number } of block.columns) {
      if (page.columns[number]?.block === block) page.columns[number] = undefined;
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
