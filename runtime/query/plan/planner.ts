/**
 * From the tree that means a statement to one that runs well: WITH queries that are read once become part of the rest, conditions go
 * down, ways into tables and of joining are chosen, what nobody uses is left out.
 */
import type { BoundModification, BoundQuery, BoundStatement, MergeAction, RowRules } from "../bind/bound.js";
import type { Catalog } from "../catalog/model.js";
import type { EvaluationContext } from "../functions/context.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import { ConstantFolder } from "./fold.js";
import { inlineCommonTables } from "./inline.js";
import { physical } from "./physical.js";
import type { PlanNode } from "./plan.js";
import type { PlanContext, Statistics } from "./plan-context.js";
import { prune } from "./prune.js";
import { pushDown } from "./push-down.js";
import { mapExpressions, withInputs } from "./rewrite.js";
import { subplanByKey } from "./subplan-by-key.js";
import { columnsOf, inputsOf, mapParts } from "./walk.js";

/** The statement with its plans made. A plan is as good as the statistics were, and right whatever they are. */
export function planBound(
  bound: BoundStatement,
  statistics: Statistics,
  catalog: Catalog,
  evaluation: EvaluationContext,
  rulesOf: PlanContext["rulesOf"] = null,
): BoundStatement {
  const context = {
    statistics,
    catalog,
    rulesOf: rulesOf === null ? null : foldedRules(rulesOf, evaluation),
    sizes: new Map(),
  };
  return mapPlans(bound, (plan, needed) => planNode(plan, needed, context, evaluation));
}

/** Rules of each table once, with their constants computed as those of the statement are. */
function foldedRules(
  rulesOf: NonNullable<PlanContext["rulesOf"]>,
  evaluation: EvaluationContext,
): NonNullable<PlanContext["rulesOf"]> {
  const known = new Map<number, RowRules>();
  const folder = new ConstantFolder(evaluation);
  return (table) => {
    const found = known.get(table.oid);
    if (found !== undefined) return found;
    const rules = rulesOf(table);
    const indexes = rules.indexes.map((each) => ({
      ...each,
      keys: each.keys.map((key) => folder.fold(key)),
      predicate: each.predicate === null ? null : folder.fold(each.predicate),
    }));
    const folded = { ...rules, indexes };
    known.set(table.oid, folded);
    return folded;
  };
}

/** The statement as it was bound, but for what must be done to run it: the twin that plans are tested against. */
export function planNaively(bound: BoundStatement): BoundStatement {
  return mapPlans(bound, inlineCommonTables);
}

function mapPlans(
  bound: BoundStatement,
  plan: (node: PlanNode, needed: readonly ColumnId[]) => PlanNode,
): BoundStatement {
  const query = (body: BoundQuery): BoundQuery => ({ ...body, plan: plan(body.plan, body.outputs) });
  const modification = (body: BoundModification): BoundModification => ({
    ...body,
    plan: plan(body.plan, neededBy(body)),
  });
  const { body } = bound;
  switch (body.kind) {
    case "query":
      return { ...bound, body: query(body) };
    case "insert":
    case "update":
    case "delete":
    case "merge":
      return { ...bound, body: modification(body) };
    case "explain": {
      const { statement } = body;
      const planned = statement.kind === "query" ? query(statement) : modification(statement);
      return { ...bound, body: { ...body, statement: planned } };
    }
    case "definition":
      return body.query === null ? bound : { ...bound, body: { ...body, query: query(body.query) } };
    case "session":
      return bound;
  }
}

/** Columns of a modification's plan that whoever carries it out reads. */
export function neededBy(body: BoundModification): readonly ColumnId[] {
  const returned = columnsOf(...(body.returning?.expressions ?? []));
  const own = new Set(body.plan.columns.map(({ id }) => id));
  const used = [...returned].filter((id) => own.has(id));
  switch (body.kind) {
    case "insert":
      return [...body.values.filter((id) => id !== null), ...used];
    case "update":
      return [body.key, ...body.old, ...body.assignments.map(({ id }) => id), ...used];
    case "delete":
      return [body.key, ...body.old, ...used];
    case "merge":
      return [body.key, ...body.old, body.action, ...body.actions.flatMap(valuesOf), ...used];
  }
}

/** Columns that hold what an action writes. */
function valuesOf(action: MergeAction): readonly ColumnId[] {
  if (action.kind === "insert") return action.values.filter((id) => id !== null);
  return action.kind === "update" ? action.assignments.map(({ id }) => id) : [];
}

/** A plan of rows that no statement stands around. */
export const planRows = (
  plan: PlanNode,
  outputs: readonly ColumnId[],
  statistics: Statistics,
  catalog: Catalog,
): PlanNode =>
  prune(optimize(inlineCommonTables(plan), { statistics, catalog, rulesOf: null, sizes: new Map() }), new Set(outputs));

function planNode(
  root: PlanNode,
  needed: readonly ColumnId[],
  context: PlanContext,
  evaluation: EvaluationContext,
): PlanNode {
  const folder = new ConstantFolder(evaluation);
  const whole = folder.conditions(inlineCommonTables(root));
  const plan = folder.all(prune(optimize(whole, context), new Set(needed)));
  return folder.failing === null ? plan : { ...plan, failing: folder.failing };
}

/** Everything but leaving out: that is done once, from the top. */
function optimize(root: PlanNode, context: PlanContext): PlanNode {
  return physical(withSubplans(pushDown(root, []), context), context);
}

/** Plans of subqueries, and of modifications within, on their own. */
function withSubplans(node: PlanNode, context: PlanContext): PlanNode {
  const inputs = inputsOf(node).map((input) => withSubplans(input, context));
  return mapExpressions(withInputs(node, inputs), (expression) => withSubqueries(expression, context));
}

function withSubqueries(expression: BoundExpression, context: PlanContext): BoundExpression {
  if (expression.kind !== "subquery") return mapParts(expression, (part) => withSubqueries(part, context));
  const { subplan } = expression;
  const found = subplanByKey(subplan);
  const byKey = found === null ? {} : { byKey: { ...found, plan: optimize(found.plan, context) } };
  const test = subplan.test === null ? null : withSubqueries(subplan.test, context);
  return { ...expression, subplan: { ...subplan, plan: optimize(subplan.plan, context), test, ...byKey } };
}
