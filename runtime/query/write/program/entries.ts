/** Entries of plain indexes: each key a column, of every row. */
import { itemAt, TableKey, tableSpace, tableTree } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../../catalog/model.js";
import { indexEntry } from "../../table/index-keys.js";
import { viewOf } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import type { LoadTarget, ProgramRun } from "./program.js";

export interface PlainIndex {
  readonly index: IndexDefinition;
  /** Places of the keys' columns in a row's values. */
  readonly places: readonly number[];
}

export interface Entry {
  readonly index: IndexDefinition;
  readonly treeKey: Uint8Array;
  readonly content: Uint8Array;
  readonly mustBeUnique: boolean;
}

export const isPlain = ({ predicate, keys, isDeferrable }: IndexDefinition): boolean =>
  predicate === null && isDeferrable !== true && keys.every(({ column }) => column > 0);

export function plainIndex(index: IndexDefinition): PlainIndex {
  assert(isPlain(index), "the keys of a plain index are columns");
  return { index, places: index.keys.map(({ column }) => column - 1) };
}

const scratch = new TableKey();

export function entryOf(
  { index, places }: PlainIndex,
  row: readonly Datum[],
  rowKey: Uint8Array,
  tenant: number,
): Entry {
  const values = places.map((at) => row[at] ?? null);
  const { item, content, mustBeUnique } = indexEntry(index, values, rowKey);
  return { index, treeKey: scratch.item(tenant, index.storage, item).slice(), content, mustBeUnique };
}

/** Whether an entry's place is to be had: false when another row has it, or may come to have it. */
export const isFree = (
  { treeKey, mustBeUnique }: Entry,
  table: TableDefinition,
  { lock, state }: ProgramRun,
): boolean =>
  !mustBeUnique || (lock(tableTree.index, treeKey, "update", table) && !state.get(tableTree.index, treeKey));

export function putEntry({ index, treeKey, content }: Entry, { put }: ProgramRun): void {
  assert(treeKey.length > itemAt, "an entry has an item");
  put(tableSpace.index, index.storage, treeKey, content);
}

/** Adds a row's entry to a load; false when its place is taken. */
export function addEntry({ index, treeKey, content, mustBeUnique }: Entry, load: LoadTarget): boolean {
  assert(treeKey.length > itemAt, "an entry has an item");
  return load.add(tableSpace.index, index.storage, treeKey, mustBeUnique, content, viewOf(content), content.length);
}

export function removeEntry({ index, treeKey }: Entry, { remove }: ProgramRun): void {
  assert(treeKey.length > itemAt, "an entry has an item");
  remove(tableSpace.index, index.storage, treeKey);
}
