/**
 * How many bytes of pages what is stored under an object takes: the part of its trees' leaves that is its own, by the two ways from the root to
 * its ends, and the pages of long values as often as the first of its values have them. An estimate, which reads no more than a few pages.
 */

import { pageBytes, pageCapacity } from "../../store/layout.js";
import { itemAt, TableKey, tableTree } from "../../store/table-trees.js";
import { type Cursor, type TreeReader, treeInlineValueBytesMax } from "../../store/tree.js";
import { compareBytes, KeyBuffer } from "./key-buffer.js";
import { entriesBetween, leavesBetween } from "./rows-between.js";

/** Values that are looked at. */
const sampleEntries = 256;

/** What is true now, or what was before: the past of a table is kept, and takes room. */
export type StoredPart = "rows" | "index" | "catalog";
export type StoredWhen = "now" | "before";

const trees: Readonly<Record<StoredPart, Readonly<Record<StoredWhen, number>>>> = {
  rows: { now: tableTree.rows, before: tableTree.rowHistory },
  index: { now: tableTree.index, before: tableTree.indexHistory },
  catalog: { now: tableTree.catalog, before: tableTree.catalogHistory },
};

/** @param object the storage of a table or an index; null: all of the tenant's. Only what is committed counts. */
export function storedBytes(
  reader: TreeReader,
  tenant: number,
  part: StoredPart,
  object: number | null,
  when: StoredWhen,
): number {
  const cursor = reader.cursor(trees[part][when]);
  const key = new TableKey();
  const low = key.object(tenant, object ?? 0).slice();
  const high = key.object(tenant, object ?? largestObject).slice();
  // Behind all items of the last object: no item begins so.
  const end = new Uint8Array(itemAt + endBytes).fill(0xff);
  end.set(high);
  const leaves = leavesBetween(cursor, low, end);
  const entries = entriesBetween(cursor, low, end);
  // A tree that only this statement sees is none of what is stored.
  if (leaves === null || entries === null || entries === 0) return 0;
  return Math.ceil(leaves * pageBytes + longBytes(cursor, low, end, entries));
}

const largestObject = 2 ** 32 - 1;
const endBytes = 64;

/** Bytes of pages beside the tree for long values: of all, or of as many as there are by the average of the first. */
function longBytes(cursor: Cursor, low: Uint8Array, end: Uint8Array, entries: number): number {
  let [sampled, bytes] = [0, 0];
  const key = new KeyBuffer();
  for (let more = cursor.seek(low); more; more = cursor.next()) {
    key.take(cursor);
    if (compareBytes(key.bytes, key.length, end, end.length) >= 0) break;
    if (sampled === sampleEntries) return (bytes / sampled) * Math.max(sampled, entries);
    sampled += 1;
    const { valueLength } = cursor;
    if (valueLength > treeInlineValueBytesMax) bytes += Math.ceil(valueLength / pageCapacity) * pageBytes;
  }
  return bytes;
}
