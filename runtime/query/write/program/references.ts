/** Rows that a written row refers to: each has to be there, and is kept. */
import { tableTree } from "../../../store/table-trees.js";
import type { Catalog, TableDefinition } from "../../catalog/model.js";
import type { Datum } from "../../types/datum.js";
import { type ForeignKey, foreignKeysOf, ReferencedRows, refersToNothing } from "../referenced-rows.js";
import type { LoadTarget, ProgramRun } from "./program.js";

export interface Reference {
  readonly constraint: ForeignKey;
  readonly rows: ReferencedRows;
  /** Places of the referring columns in a row's values. */
  readonly places: readonly number[];
}

/**
 * References of rows of a table; null when one may wait for the end of the transaction, or leads to the table itself, whose rows may be written
 * by the same statement.
 *
 * @param isWritten whether a column, by its number, is written: the others lead where they have led
 */
export function referencesOf(
  table: TableDefinition,
  catalog: Catalog,
  isWritten: (number: number) => boolean,
): readonly Reference[] | null {
  const references: Reference[] = [];
  for (const constraint of foreignKeysOf(table)) {
    if (!constraint.columns.some(isWritten)) continue;
    const parent = catalog.objectByOid(constraint.referencedTable);
    if (parent?.kind !== "table" || parent.oid === table.oid || constraint.deferral !== undefined) return null;
    const places = constraint.columns.map((number) => number - 1);
    references.push({ constraint, rows: new ReferencedRows(table, parent, constraint, catalog), places });
  }
  return references;
}

/** As below, of a row that is loaded. */
export function leadsAmongLoaded(
  references: readonly Reference[],
  row: readonly Datum[],
  tenant: number,
  { referenced }: LoadTarget,
): boolean {
  for (const { constraint, rows, places } of references) {
    const values = places.map((place) => row[place] ?? null);
    if (refersToNothing(constraint, values)) continue;
    const treeKey = values.includes(null) ? null : rows.find(referenced, tenant, values);
    if (treeKey === null || !referenced.keep(treeKey, rows.parent)) return false;
  }
  return true;
}

/** False when a row is not there, or not to be had. */
export function leadsSomewhere(
  references: readonly Reference[],
  row: readonly Datum[],
  { state, tenant, lock }: ProgramRun,
): boolean {
  for (const { constraint, rows, places } of references) {
    const values = places.map((place) => row[place] ?? null);
    if (refersToNothing(constraint, values)) continue;
    const treeKey = values.includes(null) ? null : rows.find(state, tenant, values);
    if (treeKey === null || !state.get(tableTree.rows, treeKey)) return false;
    if (!lock(tableTree.rows, treeKey, "keyShare", rows.parent)) return false;
  }
  return true;
}
