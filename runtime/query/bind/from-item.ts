/** One item of FROM: a plan, and the names that it makes visible. */
import { SqlError } from "../error.js";
import type { PlanNode } from "../plan/plan.js";
import type { Alias } from "../syntax/ast-query.js";
import type { FromNames, ScopeColumn, ScopeRelation } from "./scope.js";

export interface BoundItem {
  readonly plan: PlanNode;
  readonly names: FromNames;
}

/** Before the planner has thought about it. */
export const estimates = { rows: -1, cost: -1 } as const;

/** Throws 42P10 for an alias that names more columns than may be named. */
export function expectAliases(alias: Alias | null, columns: number, name: string, isJoin = false): void {
  if (alias === null || alias.columns.length <= columns) return;
  throw new SqlError(
    "42P10",
    `${isJoin ? "join expression" : "table"} "${name}" has ${columns} columns available but ${alias.columns.length} columns specified`,
  );
}

/** An item under its alias, whose column names take the place of its own. */
export function namedItem(
  plan: PlanNode,
  columns: readonly ScopeColumn[],
  alias: Alias | null,
  name: string,
  location: number,
  more: Partial<ScopeRelation> = {},
): BoundItem {
  expectAliases(alias, columns.length, name, more.isJoin);
  const renamed = columns.map((column, index) => ({ ...column, name: alias?.columns[index] ?? column.name }));
  const relation: ScopeRelation = {
    name,
    schema: null,
    columns: renamed,
    hidden: [],
    table: null,
    isScalarFunction: false,
    location,
    keyId: null,
    ...more,
  };
  return { plan, names: { relations: [relation], columns: renamed } };
}
