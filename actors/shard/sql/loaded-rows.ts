/**
 * Rows that a transaction writes in numbers, in the form in which they are committed: entries of facts, back to back, in parts that each fit one
 * record. Nothing is made for a row beside its bytes. They are new ones (COPY, an INSERT of many rows), or what a statement changes and removes
 * of the state's (row-changes.ts): never both, so that whoever loads new ones finds no key in here that is not there.
 *
 *   lasts    the last key of each object, while its keys have come in ascending order: whatever is behind it is not in here
 *   places   where each entry lies, by a hash of its space, object and item: open addressing, half full at most. 0 is none, else
 *            part × 2^20 + offset + 1. Made when a key is looked for that is not behind the last
 *
 * Their keys are locked by being in here (lock-table.ts). Whoever reads the transaction's trees gets them as single entries (`pour`).
 */

import {
  factAction,
  putBytes,
  removeBytes,
  SqlFactsReader,
  setPut,
  setRemove,
} from "../../../runtime/kernel/sql-facts.js";
import type { LoadedEntries } from "../../../runtime/query/table/loaded-entries.js";
import { pending } from "../../../runtime/query/table/overlay.js";
import { viewOf } from "../../../runtime/query/types/bytes.js";
import {
  fromBytes,
  itemAt,
  shortKeyBytes,
  TableKey,
  tableSpace,
  tableTree,
} from "../../../runtime/store/table-trees.js";
import { treeKeyBytesMax, type ValueView } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { kiB, miB } from "../../../runtime/types/limits.js";
import { expectTaken, type FactsLimits } from "./facts-limits.js";
import { leavePart, takePart } from "./part-memory.js";

const partSpan = miB;
/** The first part begins small: a transaction may load a few rows many times, and its keys are held until it ends. */
const partBytesMin = 2 * kiB;
const placesMin = 1_024;
/** All places fit 32 bits. */
const partsMax = 2_000;

/** A place to come back to. */
export interface LoadedMark {
  readonly parts: number;
  readonly bytesOfLast: number;
  readonly entries: number;
  readonly rows: number;
}

class Part {
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  readonly #most: number;

  constructor(capacity: number, most: number) {
    this.#most = most;
    this.bytes = takePart(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  grow(needed: number): void {
    assert(needed <= this.#most, "a part is bounded");
    let capacity = this.bytes.length;
    while (capacity < needed) capacity *= 4;
    const grown = takePart(Math.min(this.#most, capacity));
    grown.set(this.bytes.subarray(0, this.length));
    leavePart(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

export class LoadedRows implements LoadedEntries {
  readonly #tenant: number;
  readonly #partBytes: number;
  readonly #itemBytes: number;
  readonly #parts: Part[] = [];
  readonly #reader = new SqlFactsReader();
  readonly #key = new TableKey();
  /** Null while nobody had to look. */
  #places: Int32Array | null = null;
  readonly #lasts: Last[] = [];
  #earlierBytes = 0;
  /** Rows; entries of indexes are not counted. */
  rows = 0;
  /** Rows and entries of indexes. */
  entries = 0;

  readonly kind: "new" | "changes";

  /**
   * @param partBytes of a part at most
   * @param itemBytes of a key at most
   */
  constructor(
    tenant: number,
    { partBytes, itemBytes }: Pick<FactsLimits, "partBytes" | "itemBytes">,
    kind: "new" | "changes" = "new",
  ) {
    this.kind = kind;
    assert(tenant > 0, "rows that are loaded belong to a tenant of users");
    assert(partBytes < partSpan, "a place names a byte of a part");
    this.#tenant = tenant;
    this.#partBytes = partBytes;
    this.#itemBytes = itemBytes;
  }

  get objects(): readonly number[] {
    return this.#lasts.map(({ object }) => object);
  }

  get isEmpty(): boolean {
    return this.entries === 0;
  }

  /** Bytes of the facts. */
  get factsBytes(): number {
    return this.#earlierBytes + (this.#parts.at(-1)?.length ?? 0);
  }

  get bytes(): number {
    return this.factsBytes + 4 * (this.#places?.length ?? 0);
  }

  /** The entries of facts, each part whole ones. Valid until the next change. */
  get parts(): readonly Uint8Array[] {
    return this.#parts.map(({ bytes, length }) => bytes.subarray(0, length));
  }

  /** Adds an entry whose key is not in here; its content is the beginning of `content`. Throws 54000 for a key that a replica may not take. */
  add(
    space: number,
    object: number,
    treeKey: Uint8Array,
    content: Uint8Array,
    contentView: DataView = viewOf(content),
    contentLength: number = content.length,
  ): void {
    assert(treeKey.length > itemAt, "what is loaded is an item of an object");
    expectTaken(treeKey, this.#itemBytes);
    const part = this.#room(putBytes(treeKey.length - itemAt, contentLength));
    setPut(part.bytes, part.view, part.length, space, object, treeKey, itemAt, content, contentView, contentLength);
    this.#added(part, putBytes(treeKey.length - itemAt, contentLength), space, object, treeKey);
  }

  /** Adds that an entry of the state, whose key is not in here, goes. */
  remove(space: number, object: number, treeKey: Uint8Array): void {
    assert(treeKey.length > itemAt && this.kind === "changes", "what is removed is an item that was there");
    const part = this.#room(removeBytes(treeKey.length - itemAt));
    setRemove(part.bytes, part.view, part.length, space, object, treeKey, itemAt);
    this.#added(part, removeBytes(treeKey.length - itemAt), space, object, treeKey);
  }

  /** The part that the next entry goes to. */
  #room(bytes: number): Part {
    let part = this.#parts.at(-1);
    if (part === undefined || part.length + bytes > this.#partBytes) {
      assert(this.#parts.length < partsMax, "what is loaded is bounded by its transaction");
      this.#earlierBytes += part?.length ?? 0;
      part = new Part(this.#parts.length === 0 ? partBytesMin : this.#partBytes, this.#partBytes);
      this.#parts.push(part);
    }
    if (part.length + bytes > part.bytes.length) part.grow(part.length + bytes);
    return part;
  }

  #added(part: Part, bytes: number, space: number, object: number, treeKey: Uint8Array): void {
    const at = part.length;
    part.length += bytes;
    this.entries += 1;
    if (space === tableSpace.rows) this.rows += 1;
    this.#ascend(space, object, treeKey);
    const places = this.#places;
    if (places === null) return;
    if (this.entries * 2 > places.length) this.#build();
    else note(places, (this.#parts.length - 1) * partSpan + at + 1, hashOf(space, treeKey));
  }

  #last(space: number, object: number): Last | null {
    for (const last of this.#lasts) if (last.object === object && last.space === space) return last;
    return null;
  }

  #ascend(space: number, object: number, treeKey: Uint8Array): void {
    let last = this.#last(space, object);
    if (last === null) {
      last = { space, object, bytes: new Uint8Array(shortKeyBytes), length: 0, isAscending: true };
      this.#lasts.push(last);
    }
    if (!last.isAscending) return;
    if (!isBehind(last, treeKey)) {
      last.isAscending = false;
      return;
    }
    if (treeKey.length > last.bytes.length) last.bytes = new Uint8Array(treeKeyBytesMax);
    const { bytes } = last;
    for (let index = itemAt; index < treeKey.length; index++) bytes[index] = treeKey[index] ?? 0;
    last.length = treeKey.length;
  }

  /** Whether a key is behind all of its object that are in here, as far as that is known. */
  isBehind(space: number, object: number, treeKey: Uint8Array): boolean {
    const last = this.#last(space, object);
    return last === null || (last.isAscending && isBehind(last, treeKey));
  }

  /** Whether an entry of this key is in here. */
  has(tree: number, treeKey: Uint8Array): boolean {
    return this.find(tree, treeKey) >= 0;
  }

  /** Where the content of a key's entry lies, for `value`; -1 when it is not in here. */
  find(tree: number, treeKey: Uint8Array): number {
    if (this.entries === 0) return -1;
    const space = spaceOf(tree);
    const last = this.#last(space, objectOf(treeKey));
    if (last === null || (last.isAscending && isBehind(last, treeKey))) return -1;
    const places = this.#places ?? this.#build();
    const mask = places.length - 1;
    for (let at = hashOf(space, treeKey) & mask; ; at = (at + 1) & mask) {
      const place = places[at] ?? 0;
      if (place === 0) return -1;
      if (this.#isAt(place - 1, space, treeKey)) return place - 1;
    }
  }

  /** The entry at a place that `find` has answered, as a tree would show it: its content begins behind a position, which says nothing. */
  value(place: number): ValueView {
    const part = this.#parts[Math.floor(place / partSpan)];
    assert(part !== undefined, "a place lies in one of the parts");
    const at = place % partSpan;
    const contentFrom = at + putBytes(part.view.getUint16(at + 6, true), 0);
    const length = part.view.getUint32(contentFrom - 4, true);
    assert(contentFrom + length <= part.length, "an entry lies within its part");
    return {
      valueBytes: part.bytes,
      valueView: part.view,
      valueStart: contentFrom - fromBytes,
      valueLength: fromBytes + length,
    };
  }

  #isAt(place: number, space: number, treeKey: Uint8Array): boolean {
    const part = this.#parts[Math.floor(place / partSpan)];
    assert(part !== undefined, "a place lies in one of the parts");
    const { bytes, view } = part;
    const at = place % partSpan;
    const length = treeKey.length - itemAt;
    if (bytes[at] !== space || view.getUint16(at + 6, true) !== length) return false;
    // The object is little-endian in facts and big-endian in keys.
    for (let index = 0; index < 4; index++) {
      if (bytes[at + 2 + index] !== treeKey[objectAt + 3 - index]) return false;
    }
    for (let index = 0; index < length; index++) {
      if (bytes[at + 8 + index] !== treeKey[itemAt + index]) return false;
    }
    return true;
  }

  /** Every entry, with its key in the trees. */
  *#all(): Iterable<{ readonly part: number; readonly at: number; readonly treeKey: Uint8Array }> {
    const reader = this.#reader;
    for (const [number, { bytes, view, length }] of this.#parts.entries()) {
      reader.openEntries(bytes, view, 0, length);
      while (reader.next()) {
        const { object, itemFrom, itemTo } = reader;
        const treeKey = this.#key.item(this.#tenant, object, bytes, itemFrom, itemTo);
        yield { part: number, at: itemFrom - entryHeadBytes, treeKey };
      }
      assert(reader.problem === "", "what was loaded is whole entries");
    }
  }

  #build(): Int32Array {
    let size = placesMin;
    while (size < 4 * this.entries) size *= 2;
    const places = new Int32Array(size);
    for (const { part, at, treeKey } of this.#all()) {
      note(places, part * partSpan + at + 1, hashOf(this.#reader.space, treeKey));
    }
    this.#places = places;
    return places;
  }

  /** Their transaction is over: there is nothing in here any more, and its memory is the next load's. */
  release(): void {
    for (const { bytes } of this.#parts) leavePart(bytes);
    this.#parts.length = 0;
    this.#places = null;
    this.#lasts.length = 0;
    this.#earlierBytes = 0;
    this.entries = 0;
    this.rows = 0;
  }

  mark(): LoadedMark {
    const { entries, rows } = this;
    return { parts: this.#parts.length, bytesOfLast: this.#parts.at(-1)?.length ?? 0, entries, rows };
  }

  rewind({ parts, bytesOfLast, entries, rows }: LoadedMark): void {
    assert(parts <= this.#parts.length && entries <= this.entries, "what is taken back was added");
    if (entries === this.entries) return;
    this.#parts.length = parts;
    const last = this.#parts.at(-1);
    if (last !== undefined) last.length = bytesOfLast;
    this.#earlierBytes = this.#parts.slice(0, -1).reduce((sum, { length }) => sum + length, 0);
    this.entries = entries;
    this.rows = rows;
    this.#places = null;
    // Their last keys are not known any more: all are looked up from now on.
    for (const last of this.#lasts) last.isAscending = false;
  }

  pour(into: (tree: number, key: Uint8Array, value: Uint8Array | null) => void): void {
    const reader = this.#reader;
    for (const { treeKey } of this.#all()) {
      const tree = reader.space === tableSpace.rows ? tableTree.rows : tableTree.index;
      const isPut = reader.action === factAction.put;
      const value = isPut ? pending(reader.bytes.subarray(reader.contentFrom, reader.contentTo)) : null;
      into(tree, treeKey.slice(), value);
    }
  }
}

/** The last key of one object, from its item on, as long as each was behind the one before. */
interface Last {
  readonly space: number;
  readonly object: number;
  bytes: Uint8Array;
  length: number;
  isAscending: boolean;
}

/** Place of the object's number in a tree's key, behind the tenant. */
const objectAt = 8;
/** Of an entry of facts, before its item. */
const entryHeadBytes = 8;

const spaceOf = (tree: number): number => (tree === tableTree.rows ? tableSpace.rows : tableSpace.index);

/** The object's number in a tree's key. */
export const objectOf = (key: Uint8Array): number =>
  ((key[objectAt] ?? 0) * 2 ** 24 +
    (((key[objectAt + 1] ?? 0) << 16) | ((key[objectAt + 2] ?? 0) << 8) | (key[objectAt + 3] ?? 0))) >>>
  0;

/** Keys of one object differ in their items. */
function isBehind({ bytes, length }: Last, treeKey: Uint8Array): boolean {
  const common = Math.min(length, treeKey.length);
  for (let at = itemAt; at < common; at++) {
    const difference = (treeKey[at] ?? 0) - (bytes[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return treeKey.length > length;
}

function note(places: Int32Array, place: number, hash: number): void {
  const mask = places.length - 1;
  let at = hash & mask;
  while (places[at] !== 0) at = (at + 1) & mask;
  places[at] = place;
}

/** FNV-1a of object and item, its bits mixed once more: the low ones choose the place. */
function hashOf(space: number, treeKey: Uint8Array): number {
  let hash = 0x811c_9dc5 ^ space;
  for (let at = objectAt; at < treeKey.length; at++) hash = Math.imul(hash ^ (treeKey[at] ?? 0), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
