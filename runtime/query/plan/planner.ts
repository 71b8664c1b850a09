/** From the tree that means a statement to one that runs well. */
import type { BoundModification, BoundStatement } from "../bind/bound.js";
import type { Catalog } from "../catalog/model.js";
import type { TableSource } from "../table/access.js";
import type { ColumnId } from "./expression.js";
import type { PlanNode } from "./plan.js";

/** What the planner knows of the data. */
export type Statistics = Pick<TableSource, "rowsEstimate">;

/** The statement with its plans made. */
export function planBound(bound: BoundStatement, statistics: Statistics, catalog: Catalog): BoundStatement {
  const plan = (node: PlanNode, _needed: readonly ColumnId[]): PlanNode => optimize(node, statistics, catalog);
  const modification = (body: BoundModification): BoundModification => ({
    ...body,
    plan: plan(body.plan, []),
  });
  const { body } = bound;
  switch (body.kind) {
    case "query":
      return { ...bound, body: { ...body, plan: plan(body.plan, body.outputs) } };
    case "insert":
    case "update":
    case "delete":
      return { ...bound, body: modification(body) };
    case "explain": {
      const { statement } = body;
      const planned =
        statement.kind === "query"
          ? { ...statement, plan: plan(statement.plan, statement.outputs) }
          : modification(statement);
      return { ...bound, body: { ...body, statement: planned } };
    }
    case "definition":
    case "session":
      return bound;
  }
}

function optimize(node: PlanNode, _statistics: Statistics, _catalog: Catalog): PlanNode {
  return node;
}
