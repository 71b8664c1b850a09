/**
 * Keys of unique constraints that are deferrable. Rows with the same key may stand beside each other for a while, so their entries are
 * told apart by their rows, as those of an index that is not unique, and whether a key is one row's alone is counted.
 */
import { TableKey, tableTree } from "../../store/table-trees.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import { indexCodecOf, rowKeyOfEntry } from "../table/index-keys.js";
import { KeyBuffer } from "../table/key-buffer.js";
import type { Datum } from "../types/datum.js";
import { uniqueViolated } from "./constraint-errors.js";
import type { WritePorts } from "./ports.js";

/** What all entries of a key begin with in the tree: the name under which the key is locked. */
export function keyPrefix(tenant: number, index: IndexDefinition, values: readonly Datum[]): Uint8Array {
  assert(index.isDeferrable === true, "keys are counted where rows may share one");
  return new TableKey().item(tenant, index.storage, indexCodecOf(index).encode(values)).slice();
}

/** Keys in the trees of rows that have a key of an index: all of them, or as many as tell that there are several. */
function rowsWith(
  { tenant, reader }: WritePorts,
  table: TableDefinition,
  index: IndexDefinition,
  values: readonly Datum[],
): readonly Uint8Array[] {
  const prefix = keyPrefix(tenant, index, values);
  const cursor = reader.cursor(tableTree.index);
  const key = new KeyBuffer();
  const rows: Uint8Array[] = [];
  for (let isThere = cursor.seek(prefix); isThere && rows.length < 2; isThere = cursor.next()) {
    key.take(cursor);
    if (key.length < prefix.length || prefix.some((byte, at) => key.bytes[at] !== byte)) break;
    rows.push(new TableKey().item(tenant, table.storage, rowKeyOfEntry(key.bytes, key.length, cursor)).slice());
  }
  return rows;
}

/** Whether more than one row has a key. */
export const isShared = (
  ports: WritePorts,
  table: TableDefinition,
  index: IndexDefinition,
  values: readonly Datum[],
): boolean => rowsWith(ports, table, index, values).length > 1;

/** Throws 23505 when more than one row has a key, after those who have written these and may yet take it back, or remove them. */
export function expectUnshared(
  ports: WritePorts,
  table: TableDefinition,
  index: IndexDefinition,
  values: readonly Datum[],
): void {
  const rows = rowsWith(ports, table, index, values);
  if (rows.length < 2) return;
  for (const treeKey of rows) ports.locks.awaitWriters(tableTree.rows, treeKey);
  throw uniqueViolated(ports, table, index, values);
}

/** The constraint that an index is made for. */
export function constraintOf(table: TableDefinition, { oid }: IndexDefinition) {
  const constraint = table.constraints.find((each) => "index" in each && each.index === oid);
  if (constraint === undefined || !("index" in constraint))
    throw new AssertionFailed("an index whose rows may share a key is a constraint's");
  return constraint;
}
