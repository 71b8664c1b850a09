/** What the planner knows of the tables while it chooses ways, and what its nodes are estimated at. */
import type { RowRules } from "../bind/bound.js";
import type { Catalog, TableDefinition } from "../catalog/model.js";
import { auditIndexesOf, isAuditTable } from "../catalog/system/audit.js";
import type { TableSource } from "../table/access.js";
import type { AccessPath, TableSize } from "./access.js";
import { equalShare, estimateRows } from "./estimate.js";
import type { PlanNode, ScanNode } from "./plan.js";
import { type UsableIndex, usableIndexes } from "./usable-indexes.js";
import { inputsOf } from "./walk.js";

export interface PlanContext {
  readonly statistics: Pick<TableSource, "rowsEstimate" | "entriesWithin">;
  readonly catalog: Catalog;
  /** What a table's indexes say of its rows, bound and with constants computed; null where nobody binds it. */
  readonly rulesOf: ((table: TableDefinition) => RowRules) | null;
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

export const rowsOf = (table: TableDefinition, { statistics }: PlanContext): number =>
  isAuditTable(table) ? auditRows : statistics.rowsEstimate(table);

/** Of a column that refers to another table, values are taken to be as many as rows there. */
export function sizeOf(table: TableDefinition, context: PlanContext): TableSize {
  const shareOf = (column: number): number => {
    let share = equalShare;
    for (const constraint of table.constraints) {
      if (constraint.kind !== "foreignKey" || constraint.columns.length !== 1 || constraint.columns[0] !== column)
        continue;
      const referenced = context.catalog.objectByOid(constraint.referencedTable);
      if (referenced?.kind === "table") share = Math.min(share, 1 / Math.max(1, rowsOf(referenced, context)));
    }
    return share;
  };
  const { statistics } = context;
  const rows = rowsOf(table, context);
  const within: TableSize["within"] = (index, ranges) =>
    isAuditTable(table) ? null : (statistics.entriesWithin?.(table, index, ranges) ?? null);
  return { rows, shareOf, within };
}

export function withPath(scan: ScanNode, path: AccessPath): ScanNode {
  return { ...scan, index: path.index, ranges: path.ranges, rows: Math.max(1, path.rows), cost: path.cost };
}
