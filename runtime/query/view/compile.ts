/** From a materialized view's stored query to what computes it. */
import { assert } from "../../types/assert.js";
import { Binder, plainQuery } from "../bind/binder.js";
import type { BindEnvironment } from "../bind/environment.js";
import { bindModification } from "../bind/modify.js";
import { comparison } from "../bind/operator.js";
import { bindQuery } from "../bind/query.js";
import type { MaterializedViewDefinition, StoredQuery, ViewBinding, ViewSource } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import { inlineCommonTables } from "../plan/inline.js";
import type { PlanNode } from "../plan/plan.js";
import type { Statistics } from "../plan/plan-context.js";
import { planRows } from "../plan/planner.js";
import { expressionsOfNode, inputsOf, visitExpression } from "../plan/walk.js";
import type { SqlType } from "../types/sql-type.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { Groups, groupedRows } from "./groups.js";
import { ViewProgram } from "./program.js";
import { shapeOf, type ViewShape } from "./shape.js";

interface BoundView {
  readonly plan: PlanNode;
  readonly outputs: readonly { readonly id: ColumnId; readonly name: string; readonly type: SqlType }[];
  readonly shape: ViewShape;
  readonly binder: Binder;
}

export const bindingOf = ({ context }: Pick<BindEnvironment, "context">): ViewBinding => ({
  timeZone: context.timeZone,
  dateStyle: context.dateStyle,
  intervalStyle: context.intervalStyle,
  time: Number(context.transactionTime),
});

/** @param rights of who asks when a view is made; nobody's when it is kept */
function bindView(
  query: StoredQuery,
  binding: ViewBinding,
  environment: BindEnvironment,
  rights: "ofUser" | "unchecked",
): BoundView {
  const { time, ...settings } = binding;
  const context = { ...environment.context, ...settings, transactionTime: time };
  const isTrusted = rights === "unchecked";
  const binder = new Binder({ ...environment, context, isTrusted, asOf: null }, bindQuery, bindModification);
  const bound = binder.query(query.syntax, null, null, plainQuery);
  const plan = inlineCommonTables(bound.plan);
  const outputs = bound.outputs.map(({ id, name, type }) => ({ id, name, type }));
  return {
    plan,
    outputs,
    binder,
    shape: shapeOf(
      plan,
      bound.outputs.map(({ id }) => id),
    ),
  };
}

/** What is known of a query before the view is made. */
export interface DescribedView {
  readonly shape: ViewShape;
  /** Types of the columns behind the view's own. */
  readonly stateTypes: readonly SqlType[];
  readonly sources: readonly ViewSource[];
}

export function describeView(
  query: StoredQuery,
  binding: ViewBinding,
  environment: BindEnvironment,
  statistics: Statistics,
): DescribedView {
  const { plan, outputs, shape, binder } = bindView(query, binding, environment, "ofUser");
  if (binder.writes || binder.locks) throw notSupported("a materialized view that writes or locks");
  const ids = outputs.map(({ id }) => id);
  const stateTypes = shape.kind === "groups" ? new Groups(shape.aggregate, environment.context).stateTypes : [];
  return { shape, stateTypes, sources: sourcesOf(planRows(plan, ids, statistics, environment.catalog)) };
}

/** Tables that a plan reads, those of its subqueries too, and the columns that are read of each. */
function sourcesOf(root: PlanNode): readonly ViewSource[] {
  const found = new Map<number, Set<number>>();
  const nodes: PlanNode[] = [root];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    if (node.kind === "scan") {
      const columns = found.get(node.table.oid) ?? new Set();
      for (const number of node.numbers) if (number > 0) columns.add(number);
      found.set(node.table.oid, columns);
    }
    nodes.push(...inputsOf(node));
    for (const expression of expressionsOfNode(node)) {
      visitExpression(expression, (part) => {
        if (part.kind === "subquery") nodes.push(part.subplan.plan);
      });
    }
  }
  return [...found]
    .map(([table, columns]): ViewSource => ({ table, columns: [...columns].sort((a, b) => a - b) }))
    .sort((a, b) => a.table - b.table);
}

export function compileView(
  view: MaterializedViewDefinition,
  environment: BindEnvironment,
  statistics: Statistics,
): ViewProgram {
  const { plan, outputs, shape, binder } = bindView(view.query, view.binding, environment, "unchecked");
  const { catalog } = environment;
  for (const [at, { type }] of view.columns.entries()) {
    if (outputs[at]?.type.oid === type.oid) continue;
    throw new SqlError("0A000", `materialized view "${view.name}" does not fit the tables that it reads any more`);
  }
  const ids = outputs.slice(0, view.columns.length).map(({ id }) => id);
  if (shape.kind !== "groups") {
    return new ViewProgram(view, shape, { plan, outputs: ids }, null, catalog, statistics);
  }
  // Column numbers are given out in one row: those of the grouped rows come behind all others.
  const grouped = groupedRows(shape.input, shape.aggregate, () => binder.newId());
  const conditions = shape.aggregate.groups.map(({ expression }, index): BoundExpression => {
    const column = grouped.plan.columns[index];
    assert(column !== undefined, "a grouped row has the values of its group");
    const value: BoundExpression = { kind: "parameter", index, type: expression.type, location: -1 };
    const own: BoundExpression = { kind: "column", id: column.id, name: "", type: column.type, location: -1 };
    const { operator, left, right } = comparison(binder, "=", own, value, -1);
    return {
      kind: "call",
      callee: operator,
      arguments: [left, right],
      form: "operator",
      type: operator.resultType,
      location: -1,
    };
  });
  const isOfGroup: BoundExpression | null =
    conditions.length === 0 ? null : { kind: "and", terms: conditions, type: sqlType(typeOid.bool), location: -1 };
  return new ViewProgram(view, { ...shape, outputs: ids }, grouped, isOfGroup, catalog, statistics);
}
