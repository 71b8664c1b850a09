/**
 * Facts of a SQL transaction: what it changed in all, one entry for each changed item, in any order, no item twice. Nothing in them has
 * to be evaluated: rows, index entries and definitions are the bytes that go into the trees (runtime/store/table-trees.ts).
 *
 *    0     1  version: 1
 *    1     4  rows inserted, updated and deleted
 *    5     …  entries back to back:
 *               0   1  space: 1 catalog · 2 rows · 3 index · 4 sequences · 5 staged · 6 notifications
 *               1   1  action: 1 put · 2 remove
 *               2   4  object
 *               6   2  length of the item
 *               8   …  item
 *               …   4  length of the content  ┐ only of a put
 *               …   …  content                ┘
 *
 * A put of *staged* stands for entries that were logged before, in `object` parts of this form without a head (`commands/sql-stage.ts`).
 *
 * Catalog objects, sequences, staged parts and notifications (whose object is their number within the transaction) have empty items. A put of an item that is there ends its old version; a remove finds it there.
 */
import { itemBytesMax, tableSpace } from "../store/table-trees.js";
import { treeValueBytesMax } from "../store/tree.js";
import { assert } from "../types/assert.js";
import type { ByteWriter } from "../types/byte-writer.js";
import { notificationBytesMax } from "./notification-rows.js";
import { copyBytes } from "./numbers.js";

export const sqlFactsVersion = 1;
export const sqlFactsHeadBytes = 5;
export const factAction = { put: 1, remove: 2 } as const;
/** Bytes of content at most: a tree's value without its position. */
export const factContentBytesMax = treeValueBytesMax - 8;
const sequenceBytesMax = 64;
const entryHeadBytes = 8;
const lengthBytes = 4;

export function beginSqlFacts(out: ByteWriter, rows: number): void {
  assert(rows >= 0 && rows < 2 ** 32, "rows of one transaction fit 32 bits");
  out.u8(sqlFactsVersion).u32(rows);
}

export function putFact(out: ByteWriter, space: number, object: number, item: Uint8Array, content: Uint8Array): void {
  assert(item.length <= itemBytesMax, "an item of a table is within its limit");
  assert(content.length <= factContentBytesMax, "content of a fact is within its limit");
  out.u8(space).u8(factAction.put).u32(object).u16(item.length).raw(item).u32(content.length).raw(content);
}

/** Bytes of a put of an item and a content of these lengths. */
export const putBytes = (itemLength: number, contentLength: number): number =>
  entryHeadBytes + itemLength + lengthBytes + contentLength;

/**
 * As `putFact`, into memory that has room for it, from `at` on: the item is `itemBytes[itemFrom..]`, the content the beginning of `content`, of
 * which `contentView` is the view.
 */
export function setPut(
  target: Uint8Array,
  view: DataView,
  at: number,
  space: number,
  object: number,
  itemBytes: Uint8Array,
  itemFrom: number,
  content: Uint8Array,
  contentView: DataView,
  contentLength: number,
): void {
  const itemLength = itemBytes.length - itemFrom;
  assert(itemLength >= 0 && itemLength <= itemBytesMax, "an item of a table is within its limit");
  assert(contentLength <= factContentBytesMax, "content of a fact is within its limit");
  assert(at + putBytes(itemLength, contentLength) <= target.length, "a put has room");
  target[at] = space;
  target[at + 1] = factAction.put;
  view.setUint32(at + 2, object, true);
  view.setUint16(at + 6, itemLength, true);
  let write = at + entryHeadBytes;
  for (let read = itemFrom; read < itemBytes.length; read++, write++) target[write] = itemBytes[read];
  view.setUint32(write, contentLength, true);
  copyBytes(content, contentView, 0, contentLength, target, view, write + lengthBytes);
}

/** Bytes of a remove of an item of that length. */
export const removeBytes = (itemLength: number): number => entryHeadBytes + itemLength;

/** As `removeFact`, into memory that has room for it, from `at` on: the item is `itemBytes[itemFrom..]`. */
export function setRemove(
  target: Uint8Array,
  view: DataView,
  at: number,
  space: number,
  object: number,
  itemBytes: Uint8Array,
  itemFrom: number,
): void {
  const itemLength = itemBytes.length - itemFrom;
  assert(itemLength >= 0 && itemLength <= itemBytesMax, "an item of a table is within its limit");
  assert(space === tableSpace.rows || space === tableSpace.index, "items of tables and indexes are removed by the row");
  assert(at + removeBytes(itemLength) <= target.length, "a remove has room");
  target[at] = space;
  target[at + 1] = factAction.remove;
  view.setUint32(at + 2, object, true);
  view.setUint16(at + 6, itemLength, true);
  for (let read = itemFrom, write = at + entryHeadBytes; read < itemBytes.length; read++, write++)
    target[write] = itemBytes[read];
}

export function removeFact(out: ByteWriter, space: number, object: number, item: Uint8Array): void {
  assert(item.length <= itemBytesMax, "an item of a table is within its limit");
  assert(space !== tableSpace.sequences, "a sequence that is gone keeps its last state");
  out.u8(space).u8(factAction.remove).u32(object).u16(item.length).raw(item);
}

/** Stands for parts that were staged. */
export function stagedFact(out: ByteWriter, parts: number): void {
  assert(parts > 0, "what was staged has a part");
  out.u8(tableSpace.staged).u8(factAction.put).u32(parts).u16(0).u32(0);
}

function lengthMaxOf(space: number): number {
  if (space === tableSpace.sequences) return sequenceBytesMax;
  return space === tableSpace.notifications ? notificationBytesMax : factContentBytesMax;
}

/** Walks facts; the fields describe the entry that `next` found. Bytes may be anything: what does not fit ends the walk with a problem. */
export class SqlFactsReader {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  #at = 0;
  #to = 0;
  rows = 0;
  space = 0;
  action = 0;
  object = 0;
  itemFrom = 0;
  itemTo = 0;
  contentFrom = 0;
  contentTo = 0;
  /** Why `open` or `next` answered false; empty at the end of sound facts. */
  problem = "";

  open(bytes: Uint8Array, view: DataView, from: number, to: number): boolean {
    assert(from <= to && to <= bytes.length, "facts lie within their bytes");
    this.bytes = bytes;
    this.view = view;
    this.problem = "";
    this.#to = to;
    if (to - from < sqlFactsHeadBytes) return this.#refuse("facts shorter than their head");
    if (view.getUint8(from) !== sqlFactsVersion) return this.#refuse("facts of an unknown version");
    this.rows = view.getUint32(from + 1, true);
    this.#at = from + sqlFactsHeadBytes;
    return true;
  }

  /** Opens entries that have no head: a staged part. */
  openEntries(bytes: Uint8Array, view: DataView, from: number, to: number): void {
    assert(from <= to && to <= bytes.length, "facts lie within their bytes");
    this.bytes = bytes;
    this.view = view;
    this.problem = "";
    this.#at = from;
    this.#to = to;
    this.rows = 0;
  }

  #refuse(problem: string): boolean {
    this.problem = problem;
    return false;
  }

  next(): boolean {
    const at = this.#at;
    const { view } = this;
    if (at === this.#to) return false;
    if (this.#to - at < entryHeadBytes) return this.#refuse("an entry shorter than its head");
    this.space = view.getUint8(at);
    this.action = view.getUint8(at + 1);
    this.object = view.getUint32(at + 2, true);
    const itemLength = view.getUint16(at + 6, true);
    this.itemFrom = at + entryHeadBytes;
    this.itemTo = this.itemFrom + itemLength;
    this.contentFrom = this.itemTo;
    this.contentTo = this.itemTo;
    if (this.space < tableSpace.catalog || this.space > tableSpace.notifications)
      return this.#refuse("an unknown space");
    const hasItem = this.space === tableSpace.rows || this.space === tableSpace.index;
    if (itemLength > itemBytesMax || itemLength > 0 !== hasItem) return this.#refuse("an item of a wrong length");
    if (this.itemTo > this.#to) return this.#refuse("an item that is cut off");
    if (this.action === factAction.put) {
      if (this.itemTo + 4 > this.#to) return this.#refuse("a put without content");
      const length = view.getUint32(this.itemTo, true);
      this.contentFrom = this.itemTo + 4;
      this.contentTo = this.contentFrom + length;
      if (length > lengthMaxOf(this.space)) return this.#refuse("content beyond its limit");
      if (this.contentTo > this.#to) return this.#refuse("content that is cut off");
    } else if (this.action !== factAction.remove || this.space >= tableSpace.sequences) {
      return this.#refuse("an unknown action");
    }
    this.#at = this.contentTo;
    return true;
  }
}
