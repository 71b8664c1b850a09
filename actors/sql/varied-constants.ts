/**
 * Statements whose constants a gateway has made parameters, so that texts which differ in these alone have one plan. Where a partial index
 * could serve a constant and no parameter, they are refused when they are described, which comes before they are run: their constants stay.
 */
import type { BoundStatement } from "../../runtime/query/bind/bound.js";
import type { Catalog } from "../../runtime/query/catalog/model.js";
import { SqlError } from "../../runtime/query/error.js";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import { expressionsOfNode, inputsOf, visitExpression } from "../../runtime/query/plan/walk.js";

/** Ends their text, which nobody sees. */
export const variedMark = " /* constants as parameters */";

/** Plans of subqueries in a node's expressions. */
function subplansIn(node: PlanNode): readonly PlanNode[] {
  const found: PlanNode[] = [];
  for (const expression of expressionsOfNode(node))
    visitExpression(expression, (part) => {
      if (part.kind === "subquery") found.push(part.subplan.plan);
    });
  return found;
}

/** Throws 0A000. */
export function expectNoPartialIndex(text: string, { body }: BoundStatement, catalog: Catalog): void {
  if (!text.endsWith(variedMark)) return;
  const waiting: PlanNode[] = "plan" in body ? [body.plan] : [];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.kind === "scan" && catalog.indexesOf(node.table).some(({ predicate }) => predicate !== null))
      throw new SqlError("0A000", "a partial index may serve a constant of this statement");
    waiting.push(...inputsOf(node), ...subplansIn(node));
  }
}
