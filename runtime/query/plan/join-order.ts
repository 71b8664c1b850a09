/** In what order inner joins are carried out. */

import { conjunctsOf } from "./conjuncts.js";
import { spreadConditions } from "./disjunctions.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import { bestJoin } from "./join-methods.js";
import type { PlanNode } from "./plan.js";
import type { PlanContext } from "./plan-context.js";
import { columnsOf } from "./walk.js";

/** Inner joins in one another as one list of relations and one of conditions. */
function flatten(node: PlanNode, relations: PlanNode[], conditions: BoundExpression[]): void {
  if (node.kind === "join" && node.type === "inner" && !node.isLateral) {
    flatten(node.left, relations, conditions);
    flatten(node.right, relations, conditions);
    conditions.push(...conjunctsOf(node.condition));
  } else relations.push(node);
}

/** The same, with what disjunctions say beside themselves. */
export function relationsOf(node: PlanNode): ReturnType<typeof spreadConditions> {
  const relations: PlanNode[] = [];
  const conditions: BoundExpression[] = [];
  flatten(node, relations, conditions);
  return spreadConditions(relations, conditions);
}

const isWithin = (
  condition: BoundExpression,
  available: ReadonlySet<ColumnId>,
  all: ReadonlySet<ColumnId>,
): boolean => {
  for (const id of columnsOf(condition)) if (all.has(id) && !available.has(id)) return false;
  return true;
};

/** The smallest relation first, then always the one that makes the cheapest join; those without a condition last. */
export function orderJoins(
  relations: readonly PlanNode[],
  conditions: readonly BoundExpression[],
  context: PlanContext,
): PlanNode {
  const all = new Set(relations.flatMap(({ columns }) => columns.map(({ id }) => id)));
  const left = relations.slice();
  let open = conditions.slice();
  let firstAt = 0;
  for (const [index, { rows }] of left.entries()) if (rows < (left[firstAt]?.rows ?? 0)) firstAt = index;
  const [first] = left.splice(firstAt, 1);
  if (first === undefined) throw new Error("a join has relations");
  let plan = first;
  while (left.length > 0) {
    const here = new Set(plan.columns.map(({ id }) => id));
    let best: {
      readonly at: number;
      readonly joined: PlanNode;
      readonly used: readonly BoundExpression[];
      readonly isCross: boolean;
    } | null = null;
    for (const [at, relation] of left.entries()) {
      const available = new Set([...here, ...relation.columns.map(({ id }) => id)]);
      const used = open.filter((condition) => isWithin(condition, available, all));
      const isCross = !used.some((condition) => [...columnsOf(condition)].some((id) => here.has(id)));
      if (best !== null && isCross && !best.isCross) continue;
      const joined = bestJoin("inner", plan, relation, used, context);
      const isBetter = best === null || (best.isCross && !isCross) || joined.cost < best.joined.cost;
      if (isBetter) best = { at, joined, used, isCross };
    }
    if (best === null) break;
    plan = best.joined;
    left.splice(best.at, 1);
    const { used } = best;
    open = open.filter((condition) => !used.includes(condition));
  }
  return plan;
}
