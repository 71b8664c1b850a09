/** What may be the empty half of an outer join: as one value its row is NULL there, and no row of NULLs. */
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import type { Binder } from "./binder.js";
import { type BoundItem, estimates } from "./from-item.js";
import type { ScopeRelation } from "./scope.js";

export interface OptionalItem {
  readonly plan: PlanNode;
  /** Each relation of the item with the column that tells whether its row is there. */
  readonly relations: readonly (readonly [ScopeRelation, ScopeRelation])[];
}

/**
 * The item with a column for each relation that is never NULL in its rows: the row key of a table, what an outer join within has made, else one
 * that is added to the plan. Columns that nothing asks for are left out by the planner.
 */
export function optionalItem({ plan, names }: BoundItem, binder: Binder): OptionalItem {
  const rows = names.relations.filter(
    ({ name, isScalarFunction, isJoin }) => !isScalarFunction && isJoin !== true && name !== "",
  );
  const known = rows.map((relation) => [relation, presentOf(relation)] as const);
  const isComplete = known.every(([, present]) => present !== null);
  const mark: PlanColumn = { id: binder.newId(), name: "", type: sqlType(typeOid.bool) };
  return {
    plan: isComplete ? plan : marked(plan, mark),
    relations: known.map(([relation, present]) => [relation, { ...relation, present: present ?? mark }]),
  };
}

function presentOf({ present, keyId }: ScopeRelation): PlanColumn | null {
  if (present !== undefined) return present;
  return keyId === null ? null : { id: keyId, name: "", type: sqlType(typeOid.bytea) };
}

/** The plan's rows with a column that is true in each of them. */
function marked(plan: PlanNode, mark: PlanColumn): PlanNode {
  const columns = [...plan.columns, mark];
  const { type } = mark;
  const isThere = { kind: "constant", value: true, type, location: -1 } as const;
  if (plan.kind === "project") return { ...plan, expressions: [...plan.expressions, isThere], columns };
  const own = plan.columns.map((column) => ({ kind: "column", ...column, location: -1 }) as const);
  return { kind: "project", input: plan, expressions: [...own, isThere], columns, ...estimates };
}
