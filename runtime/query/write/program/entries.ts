/** Entries of indexes: which one a row has, where it stands, and how it is put, moved and removed. */
import { itemAt, TableKey, tableSpace, tableTree } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { RowRules } from "../../bind/bound.js";
import type { IndexDefinition, TableDefinition } from "../../catalog/model.js";
import { compileForFrames, type Frame, type FrameFunction } from "../../execute/frame-expression.js";
import type { ColumnId } from "../../plan/expression.js";
import { indexEntry } from "../../table/index-keys.js";
import { compareBytes } from "../../table/key-buffer.js";
import { viewOf } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import type { LoadTarget, ProgramRun } from "./program.js";

/** A key that is a column has its place in a row's values; one that is an expression is computed of the frame's row. */
type IndexKey = number | FrameFunction;

export interface IndexProgram {
  readonly index: IndexDefinition;
  readonly keys: readonly IndexKey[];
  /** Of a partial index: whether a row has an entry. */
  readonly predicate: FrameFunction | null;
  /** Places of the columns that decide where an entry stands, and whether there is one; null where any may. */
  readonly places: readonly number[] | null;
}

export interface Entry {
  readonly index: IndexDefinition;
  readonly treeKey: Uint8Array;
  readonly content: Uint8Array;
  readonly mustBeUnique: boolean;
}

/**
 * Programs of all indexes but the primary key's, which is the rows' own tree; null when the general way has to do one of them.
 *
 * @param slots places of the rules' columns in a row's values
 */
export function indexPrograms(
  { indexes }: RowRules,
  slots: ReadonlyMap<ColumnId, number>,
): readonly IndexProgram[] | null {
  const programs: IndexProgram[] = [];
  for (const { index, keys: expressions, predicate: condition } of indexes) {
    if (index.isPrimary) continue;
    if (index.isDeferrable === true) return null;
    const keys: IndexKey[] = [];
    for (const [at, expression] of expressions.entries()) {
      const column = index.keys[at]?.column ?? 0;
      const key = column > 0 ? column - 1 : compileForFrames(expression, slots);
      if (key === null) return null;
      keys.push(key);
    }
    const predicate = condition === null ? null : compileForFrames(condition, slots);
    if (condition !== null && predicate === null) return null;
    const places = keys.filter((key) => typeof key === "number");
    programs.push({
      index,
      keys,
      predicate,
      places: predicate === null && places.length === keys.length ? places : null,
    });
  }
  return programs;
}

const scratch = new TableKey();

/** The entry of a row; null when a partial index has none for it. Leaves the row in the frame. */
export function entryOf(
  { index, keys, predicate, places }: IndexProgram,
  row: Datum[],
  rowKey: Uint8Array,
  tenant: number,
  frame: Frame,
): Entry | null {
  if (places === null) frame.row = row;
  if (predicate !== null && predicate(frame) !== true) return null;
  const values = keys.map((key) => (typeof key === "number" ? (row[key] ?? null) : key(frame)));
  const { item, content, mustBeUnique } = indexEntry(index, values, rowKey);
  return { index, treeKey: scratch.item(tenant, index.storage, item).slice(), content, mustBeUnique };
}

/** Whether another row has the place of an entry. */
export const isTaken = ({ treeKey, mustBeUnique }: Entry, { state }: ProgramRun): boolean =>
  mustBeUnique && state.get(tableTree.index, treeKey);

/** Keeps others from an entry's place; false when one may come to have it. */
export const lockPlace = ({ treeKey, mustBeUnique }: Entry, table: TableDefinition, { lock }: ProgramRun): boolean =>
  !mustBeUnique || lock(tableTree.index, treeKey, "update", table);

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

/** A row's entry in an index becomes that of what the row has become; false when another row has its place. */
export function moveEntry(old: Entry | null, now: Entry | null, table: TableDefinition, run: ProgramRun): boolean {
  if (old !== null && now !== null && isSame(old.treeKey, now.treeKey)) {
    if (!isSame(old.content, now.content)) putEntry(now, run);
    return true;
  }
  if (now !== null && (isTaken(now, run) || !lockPlace(now, table, run))) return false;
  if (old !== null) removeEntry(old, run);
  if (now !== null) putEntry(now, run);
  return true;
}

const isSame = (left: Uint8Array, right: Uint8Array): boolean =>
  compareBytes(left, left.length, right, right.length) === 0;
