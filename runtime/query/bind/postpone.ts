/**
 * Volatile columns of a SELECT that is sorted or limited are computed for the rows that come out, and not for all that were looked at:
 * `SELECT nextval('s') … ORDER BY … LIMIT 10` draws ten numbers, as in PostgreSQL.
 */
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode, SortKey } from "../plan/plan.js";
import { columnsOf, isVolatile } from "../plan/walk.js";
import { typeOfRows } from "./call.js";
import { estimates } from "./from-item.js";
import type { SetCall } from "./set-collector.js";

interface Output {
  readonly id: ColumnId;
  readonly name: string;
  readonly expression: BoundExpression;
}

const columnOf = ({ id, name, type }: PlanColumn): BoundExpression => ({
  kind: "column",
  id,
  name,
  type,
  location: -1,
});
const planColumn = ({ id, name, expression }: Output): PlanColumn => ({ id, name, type: expression.type });

/** The outputs that are computed last; none that rows are sorted by. */
export function postponedOf<Item extends Output>(
  outputs: readonly Item[],
  keys: readonly SortKey[],
): ReadonlySet<Item> {
  const sorted = new Set(columnsOf(...keys.map(({ expression }) => expression)));
  return new Set(outputs.filter(({ id, expression }) => isVolatile(expression) && !sorted.has(id)));
}

/** The outputs that have a row for each of a function's. */
export function madeOf<Item extends Output>(sets: readonly SetCall[], outputs: readonly Item[]): ReadonlySet<Item> {
  const ids = new Set(sets.map(({ id }) => id));
  return new Set(outputs.filter(({ expression }) => [...columnsOf(expression)].some((id) => ids.has(id))));
}

/** Whether functions are asked for their rows behind the sort and DISTINCT ON: none of the keys has one in it. */
export function areSetsBehind(
  sets: readonly SetCall[],
  outputs: readonly Output[],
  keys: readonly { readonly outputId: ColumnId }[],
): boolean {
  const made = [...madeOf(sets, outputs)];
  return sets.length > 0 && !keys.some(({ outputId }) => made.some(({ id }) => id === outputId));
}

/** A row for each of the functions' rows, level by level. */
export function addSets(input: PlanNode, sets: readonly SetCall[]): PlanNode {
  const levels = [...new Set(sets.map(({ level }) => level))].toSorted((a, b) => a - b);
  let plan = input;
  for (const level of levels) {
    const functions = sets.filter((set) => set.level === level);
    const added = functions.map(({ id, callee }) => ({ id, type: typeOfRows(callee), name: callee.name }));
    plan = { kind: "projectSet", input: plan, functions, columns: [...plan.columns, ...added], ...estimates };
  }
  return plan;
}

/**
 * What is sorted: the other outputs, and the columns that the postponed ones are made of.
 * @param more what else is computed of the sorted rows
 */
export function projectEarly(
  input: PlanNode,
  outputs: readonly Output[],
  postponed: ReadonlySet<Output>,
  more: readonly BoundExpression[] = [],
): PlanNode {
  const early = outputs.filter((output) => !postponed.has(output));
  const used = new Set(columnsOf(...[...postponed].map(({ expression }) => expression), ...more));
  const passed = input.columns.filter(({ id }) => used.has(id));
  return {
    kind: "project",
    input,
    expressions: [...early.map(({ expression }) => expression), ...passed.map(columnOf)],
    columns: [...early.map(planColumn), ...passed],
    ...estimates,
  };
}

/** All outputs, under the numbers that `final` has for them. */
export function projectLate(
  input: PlanNode,
  outputs: readonly Output[],
  postponed: ReadonlySet<Output>,
  final: readonly Output[],
): PlanNode {
  return {
    kind: "project",
    input,
    expressions: outputs.map((output) => (postponed.has(output) ? output.expression : columnOf(planColumn(output)))),
    columns: final.map(planColumn),
    ...estimates,
  };
}
