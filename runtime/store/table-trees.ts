/**
 * How SQL tables lie in the trees of a store: which trees there are, how their keys and values are made up. The kernel writes them, the
 * query engine reads them; neither knows more of the other.
 *
 * Each *space* is a pair of trees: what is true now, and what was true before. An entry is known by the number of its object (a table's or
 * an index's storage, a catalog object) and its *item* (a row key, an index key), both opaque here.
 *
 *   now      key    tenant u64 · object u32 · item                       value   from u64 LE · content
 *   before   key    tenant u64 · object u32 · item · to u64 BE           value   from u64 LE · content
 *
 *   space      object              item                    content
 *   catalog    oid                 –                       the definition, encoded; object 0 is the catalog's head
 *   rows       table's storage     row key                 the row
 *   index      index's storage     index key (· row key)   row key, where the item does not end with it (runtime/query/table/index-keys.ts)
 *
 * `from` is the position that wrote the entry, `to` the one that replaced or removed it. What is true at position p: in *now* the entries with
 * from ≤ p, in *before* those with from ≤ p < to. No item of an object is the beginning of another one's, so *before* has an item's
 * versions side by side, in the order of the items.
 *
 * Sequences have no past: key tenant u64 · object u32, value the sequence's own state.
 *
 * The changes of a transaction that is too large for one record gather in *staged* until its commit: key tenant u64 · part u32, value the
 * part as it was logged. One transaction of a tenant at a time.
 *
 * Notifications have a file of their own (runtime/kernel/notification-rows.ts).
 *
 * Numbers in keys are big-endian, so that memcmp order is their order.
 */
import { assert } from "../types/assert.js";
import { treeKeyBytesMax } from "./tree.js";

export const tableTree = {
  catalog: 13,
  catalogHistory: 14,
  rows: 15,
  rowHistory: 16,
  index: 17,
  indexHistory: 18,
  sequences: 19,
  staged: 20,
  notifications: 21,
} as const;

/** What the entries of facts are about, by the number that stands for it there. */
export const tableSpace = { catalog: 1, rows: 2, index: 3, sequences: 4, staged: 5, notifications: 6 } as const;

export interface SpaceTrees {
  readonly now: number;
  readonly before: number;
}

/** By number of the space; sequences have no past. */
export const spaceTrees: Readonly<Record<number, SpaceTrees>> = {
  [tableSpace.catalog]: { now: tableTree.catalog, before: tableTree.catalogHistory },
  [tableSpace.rows]: { now: tableTree.rows, before: tableTree.rowHistory },
  [tableSpace.index]: { now: tableTree.index, before: tableTree.indexHistory },
};

/** Tenant and object before the item. */
export const itemAt = 12;
/** Position at the end of a key of the past. */
export const toBytes = 8;
/** Position at the start of a value. */
export const fromBytes = 8;
/** Bytes of the values of a row key or an index key at most: what PostgreSQL lets an index's row take. */
export const keyBytesMax = 2704;
/** At the end of an index's item, in place of a row key for which there is no room. */
export const rowKeyDigestBytes = 32;
/** Bytes of an item at most. Its key also fits the trees of the past. */
export const itemBytesMax: number = keyBytesMax + rowKeyDigestBytes;
assert(
  itemAt + itemBytesMax + toBytes === treeKeyBytesMax,
  "an item's key fits its trees, now and when it is of the past",
);
/** Of an item that programs of before could have: what all replicas of a cluster take until each is known to take longer ones. */
export const itemBytesMaxBefore = 492;

const u32Span = 2 ** 32;

/** The position at the start of a value. */
export const positionAt = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);

/** Room that is made for a key, until there is a longer one. */
export const shortKeyBytes = 512;

/** Keys under construction; each call overwrites what the last one returned, and trees copy keys. */
export class TableKey {
  /** The key that was made last. Most keys are short: a long one has it replaced by longer memory. */
  bytes: Uint8Array = new Uint8Array(shortKeyBytes);
  #view = new DataView(this.bytes.buffer);
  #key = this.bytes.subarray(0, 0);
  #tenant = 0;
  #object = 0;

  /** The place before an object's first item. */
  object(tenant: number, object: number): Uint8Array {
    this.#head(tenant, object);
    return this.bytes.subarray(0, itemAt);
  }

  #head(tenant: number, object: number): void {
    assert(tenant > 0 && tenant <= Number.MAX_SAFE_INTEGER, "isolation: tables belong to a tenant of users");
    // Entries come in runs of one object.
    if (tenant === this.#tenant && object === this.#object) return;
    assert(object >= 0 && object < u32Span, "an object's number fits 32 bits");
    this.#view.setUint32(0, Math.floor(tenant / u32Span));
    this.#view.setUint32(4, tenant >>> 0);
    this.#view.setUint32(8, object);
    this.#tenant = tenant;
    this.#object = object;
  }

  /** An item that lies at [from, to) of `source`. */
  item(tenant: number, object: number, source: Uint8Array, from = 0, to: number = source.length): Uint8Array {
    const length = this.setItem(tenant, object, source, from, to);
    // Keys of one object are mostly of one length: a view of them is made once.
    if (this.#key.length !== length) this.#key = this.bytes.subarray(0, length);
    return this.#key;
  }

  /** As `item`; answers how many of `bytes` are the key. */
  setItem(tenant: number, object: number, source: Uint8Array, from: number, to: number): number {
    const length = to - from;
    assert(length >= 0 && length <= itemBytesMax, "an item of a table is within its limit");
    if (itemAt + length + toBytes > this.bytes.length) this.#grow();
    this.#head(tenant, object);
    const { bytes } = this;
    for (let read = from, write = itemAt; read < to; read++, write++) bytes[write] = source[read];
    return itemAt + length;
  }

  #grow(): void {
    this.bytes = new Uint8Array(treeKeyBytesMax);
    this.#view = new DataView(this.bytes.buffer);
    this.#key = this.bytes.subarray(0, 0);
    this.#object = -1;
  }

  /** The key that was returned last, as one of the past. */
  ended(length: number, to: number): Uint8Array {
    assert(
      length >= itemAt && length + toBytes <= this.bytes.length,
      "a key of the past is made of one of the present",
    );
    this.#view.setUint32(length, Math.floor(to / u32Span));
    this.#view.setUint32(length + 4, to >>> 0);
    return this.bytes.subarray(0, length + toBytes);
  }
}
