/**
 * UPDATE and DELETE of rows of the state, many or one, where each row is a matter of its own: no key moves, no entry of an index can be in the way
 * of another's, and of what refers to a row that goes either nothing may be left, or all goes too. Then a row is read, and what becomes of it is written, without a name for it or its entries, and
 * rows are read while others are written.
 *
 * The general way (modification.ts) is what all else takes, and is this one's twin.
 */
import { fromBytes, TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { BoundDelete, BoundModification, BoundUpdate } from "../bind/bound.js";
import type { Catalog, TableDefinition } from "../catalog/model.js";
import { indexEntryView, isOfColumns } from "../table/index-keys.js";
import { compareBytes } from "../table/key-buffer.js";
import { rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import { isRemovable, ManyRemovals } from "./many-removals.js";
import type { WritePorts } from "./ports.js";
import { entriesOf } from "./row-entries.js";
import type { ChangeStrength } from "./row-strength.js";
import { isTouched, rowBytesMax, rowTooBig, TableWriter } from "./table-writer.js";

/** The state's rows, and where changes of them go. */
export interface ChangeTarget {
  readonly state: TreeReader;
  /** Whether the statement has not come to a row before. */
  isNew(treeKey: Uint8Array): boolean;
  /** Locks a row that is about to be changed. Throws what has to be waited for. */
  lock(treeKey: Uint8Array, strength: ChangeStrength): void;
  /** Whether a row was changed. */
  has(treeKey: Uint8Array): boolean;
  /** A row that was locked stays as it is. */
  keep(treeKey: Uint8Array): void;
  put(space: number, object: number, treeKey: Uint8Array, content: Uint8Array): void;
  remove(space: number, object: number, treeKey: Uint8Array): void;
}

/** Changes the rows that a plan yields; how many. */
export type ManyChanges = (rows: Iterable<readonly Datum[]>, target: ChangeTarget) => number;

/** Rows between two looks at whether the statement is to end. */
const checkRows = 500;

/** Null for a statement that has to take the general way. @param ports whose source reads the state */
export function manyChangesOf(modification: BoundModification, ports: WritePorts): ManyChanges | null {
  if (modification.kind !== "update" && modification.kind !== "delete") return null;
  const { returning, checkOptions, table, key, plan } = modification;
  if (returning !== null || checkOptions.length > 0) return null;
  const one = modification.kind === "delete" ? deleting(modification, ports) : updating(modification, ports);
  if (one === null) return null;
  const keyPlace = plan.columns.findIndex(({ id }) => id === key);
  assert(keyPlace >= 0, "what a modification reads is in its plan's columns");
  const treeKeys = new TableKey();
  return (rows, target) => {
    let [seen, count] = [0, 0];
    for (const planned of rows) {
      seen += 1;
      if (seen % checkRows === 0) ports.check();
      const rowKey = planned[keyPlace];
      assert(rowKey instanceof Uint8Array, "a row key is bytes");
      const treeKey = treeKeys.item(ports.tenant, table.storage, rowKey);
      if (!target.isNew(treeKey)) continue;
      const isThere = target.state.get(tableTree.rows, treeKey);
      assert(isThere, "a row that a plan names is in the state that it reads");
      one.change(planned, rowKey, treeKey, target);
      count += 1;
    }
    one.settle(target);
    return count;
  };
}

interface RowChange {
  /** Locks the row that the state shows, and changes it. */
  change(planned: readonly Datum[], rowKey: Uint8Array, treeKey: Uint8Array, target: ChangeTarget): void;
  /** All rows of the statement are changed. */
  settle(target: ChangeTarget): void;
}

function deleting({ table, rules }: BoundDelete, ports: WritePorts): RowChange | null {
  if (!isRemovable(table, ports)) return null;
  const removals = new ManyRemovals(ports);
  const remove = removals.of(table, rules);
  return {
    change: (_planned, rowKey, treeKey, target) => {
      target.lock(treeKey, "update");
      remove(rowKey, treeKey, target);
    },
    settle: (target) => removals.settle(target),
  };
}

function updating(statement: BoundUpdate, ports: WritePorts): RowChange | null {
  const { table, plan, assignments, rules } = statement;
  const columns = assignments.map(({ column }) => column);
  const written = new Set([...columns, ...rules.generated.map(({ column }) => column)]);
  if (!isOwnMatter(table, ports.catalog, written)) return null;
  // An entry of a key that was written, or of what is computed, may move.
  const entries = entriesOf(table, rules, ports).filter(
    ({ index }) => !isOfColumns(index) || index.keys.some(({ column }) => written.has(column)),
  );
  // Its place may be another row's, which may leave it.
  if (entries.some(({ index }) => index.isUnique)) return null;
  const places = assignments.map(({ id }) => plan.columns.findIndex((column) => column.id === id));
  assert(!places.includes(-1), "what a modification reads is in its plan's columns");
  const codec = rowCodecOf(table);
  const writer = new TableWriter(table, rules, ports, statement.given);
  const entryKey = new TableKey();
  const change: RowChange["change"] = (planned, rowKey, treeKey, target) => {
    const { valueBytes, valueView, valueStart, valueLength } = target.state;
    const old = codec.decode(valueBytes, valueView, valueStart + fromBytes);
    const next = [...old];
    for (let at = 0; at < columns.length; at++) next[(columns[at] ?? 0) - 1] = planned[places[at] ?? -1] ?? null;
    // What may not become of a row is an error, whoever else has it.
    writer.prepare(next, columns);
    // No unique key is written, so that those who refer to the row are not kept out.
    target.lock(treeKey, "noKeyUpdate");
    const content = codec.encodeView(next);
    if (content.length > rowBytesMax) throw rowTooBig(content.length);
    const stored = valueBytes.subarray(valueStart + fromBytes, valueStart + valueLength);
    if (compareBytes(content, content.length, stored, stored.length) === 0) {
      target.keep(treeKey);
      return;
    }
    target.put(tableSpace.rows, table.storage, treeKey, content);
    for (const { index, keysOf } of entries) {
      if (!isTouched(index, old, next)) continue;
      const [before, after] = [keysOf(old), keysOf(next)];
      // The row's key ends the item: only the row itself can have had it.
      const gone = before === null ? null : indexEntryView(index, before, rowKey).item.slice();
      const come = after === null ? null : indexEntryView(index, after, rowKey);
      if (gone !== null && come !== null && compareBytes(gone, gone.length, come.item, come.item.length) === 0)
        continue;
      if (come !== null) {
        const key = entryKey.item(ports.tenant, index.storage, come.item);
        target.put(tableSpace.index, index.storage, key, come.content);
      }
      if (gone !== null)
        target.remove(tableSpace.index, index.storage, entryKey.item(ports.tenant, index.storage, gone));
    }
  };
  return { change, settle: () => {} };
}

/** Whether rows keep their keys, lead where they led, and nobody refers to what is written. */
function isOwnMatter(table: TableDefinition, catalog: Catalog, written: ReadonlySet<number>): boolean {
  const isWritten = (number: number): boolean => written.has(number);
  return (
    !table.keyColumns.some(isWritten) &&
    table.constraints.every((constraint) => constraint.kind !== "foreignKey" || !constraint.columns.some(isWritten)) &&
    catalog
      .referencing(table.oid)
      .every(({ constraint }) => constraint.kind !== "foreignKey" || !constraint.referencedColumns.some(isWritten))
  );
}
