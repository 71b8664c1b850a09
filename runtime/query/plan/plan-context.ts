/** What the planner knows of the tables while it chooses ways, and what its nodes are estimated at. */
import type { RowRules } from "../bind/bound.js";
import type { Catalog, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { auditIndexesOf, isAuditTable } from "../catalog/system/audit.js";
import type { TableSource } from "../table/access.js";
import type { AccessPath, TableSize } from "./access.js";
import { equalShare, estimateRows } from "./estimate.js";
import type { PlanNode, ScanNode } from "./plan.js";
import { type UsableIndex, usableIndexes } from "./usable-indexes.js";
import { inputsOf } from "./walk.js";

/** What the planner knows of the data. */
export type Statistics = Pick<TableSource, "rowsEstimate" | "entriesWithin" | "sharesAlike">;

export interface PlanContext {
  readonly statistics: Statistics;
  readonly catalog: Catalog;
  /** What a table's indexes say of its rows, bound and with constants computed; null where nobody binds it. */
  readonly rulesOf: ((table: TableDefinition) => RowRules) | null;
  /** What was found of tables, each of which is asked about once a plan. */
  readonly sizes: Map<TableDefinition, TableSize>;
}

/** With estimates: rows by form, cost as the inputs' and something for each row. */
export function costed(node: PlanNode): PlanNode {
  const rows = estimateRows(node);
  const inputs = inputsOf(node);
  const below = inputs.reduce((sum, { cost }) => sum + Math.max(0, cost), 0);
  return {
    ...node,
    rows,
    cost: below + inputs.reduce((sum, input) => sum + Math.max(0, input.rows), 0) * 0.1 + rows * 0.05,
  };
}

export const indexesOf = (scan: ScanNode, { catalog, rulesOf }: PlanContext): readonly UsableIndex[] => {
  const { table, time } = scan;
  if (isAuditTable(table)) return usableIndexes(scan, auditIndexesOf(table), null);
  // Entries are read of one moment, not of several versions.
  return time !== null && time.kind !== "asOf" ? [] : usableIndexes(scan, catalog.indexesOf(table), rulesOf);
};

/** There is always more in the log than in what is looked for by it. */
const auditRows = 1_000_000;

export function sizeOf(table: TableDefinition, context: PlanContext): TableSize {
  const known = context.sizes.get(table);
  if (known !== undefined) return known;
  const size = measured(table, context);
  context.sizes.set(table, size);
  return size;
}

/** Of a column that no index begins with and that refers to another table, values are taken to be as many as rows there. */
function measured(table: TableDefinition, context: PlanContext): TableSize {
  const { statistics, catalog } = context;
  if (isAuditTable(table)) {
    return {
      rows: auditRows,
      shareOf: () => equalShare,
      toldShareOf: () => null,
      sharesOf: () => null,
      within: () => null,
    };
  }
  const rows = statistics.rowsEstimate(table);
  const shares = new Map<IndexDefinition | null, readonly number[] | null>();
  const sharesOf: TableSize["sharesOf"] = (index) => {
    let found = shares.get(index);
    if (found === undefined) {
      found = statistics.sharesAlike?.(table, index) ?? null;
      shares.set(index, found);
    }
    return found;
  };
  const isUnique = (column: number): boolean =>
    (table.keyColumns.length === 1 && table.keyColumns[0] === column) ||
    catalog
      .indexesOf(table)
      .some(
        ({ isUnique, keys, predicate }) =>
          isUnique && predicate === null && keys.length === 1 && keys[0]?.column === column,
      );
  const toldShareOf = (column: number): number | null => {
    if (isUnique(column)) return 1 / Math.max(1, rows);
    const [key] = table.keyColumns.length > 0 && table.keyColumns[0] === column ? (sharesOf(null) ?? []) : [];
    if (key !== undefined) return key;
    for (const index of catalog.indexesOf(table)) {
      const [share] = index.predicate === null && index.keys[0]?.column === column ? (sharesOf(index) ?? []) : [];
      if (share !== undefined) return share;
    }
    return null;
  };
  const shareOf = (column: number): number => {
    const told = toldShareOf(column);
    if (told !== null) return told;
    let share = equalShare;
    for (const constraint of table.constraints) {
      if (constraint.kind !== "foreignKey" || constraint.columns.length !== 1 || constraint.columns[0] !== column)
        continue;
      const referenced = catalog.objectByOid(constraint.referencedTable);
      if (referenced?.kind === "table") share = Math.min(share, 1 / Math.max(1, sizeOf(referenced, context).rows));
    }
    return share;
  };
  const within: TableSize["within"] = (index, ranges) => statistics.entriesWithin?.(table, index, ranges) ?? null;
  return { rows, shareOf, toldShareOf, sharesOf, within };
}

export function withPath(scan: ScanNode, path: AccessPath): ScanNode {
  return { ...scan, index: path.index, ranges: path.ranges, rows: Math.max(1, path.rows), cost: path.cost };
}
