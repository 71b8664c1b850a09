/**
 * Functions that return sets in what a window tells rows apart or sorts them by: their rows are made beneath the window, and the whole key is
 * a column from there on. Above it the same key is that column; what a key was made of is made anew where it is asked for alone.
 */
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanNode } from "../plan/plan.js";
import { columnsOf, expressionKey, mapParts } from "../plan/walk.js";
import type { Binder } from "./binder.js";
import type { CollectedWindow } from "./context.js";
import { estimates } from "./from-item.js";
import { addSets } from "./postpone.js";
import { renamed, type SetCall, usedCalls } from "./set-collector.js";

export interface WindowSets {
  /** The rows that the windows see. */
  readonly plan: PlanNode;
  readonly windows: readonly CollectedWindow[];
  /** An expression above the windows. */
  replace(expression: BoundExpression): BoundExpression;
}

/** Null where no key has rows of a function in it. */
export function windowSets(
  input: PlanNode,
  windows: readonly CollectedWindow[],
  sets: readonly SetCall[],
  binder: Binder,
): WindowSets | null {
  const ids = new Set(sets.map(({ id }) => id));
  const isMade = (expression: BoundExpression): boolean => [...columnsOf(expression)].some((id) => ids.has(id));
  const keys = windows
    .flatMap(({ partition, order }) => [...partition, ...order.map(({ expression }) => expression)])
    .filter(isMade);
  if (keys.length === 0) return null;
  const names = new Map<ColumnId, ColumnId>(sets.map(({ id }) => [id, binder.newId()]));
  const beneath = usedCalls(sets, keys).map((call) => ({
    ...call,
    id: names.get(call.id) ?? call.id,
    arguments: call.arguments.map((argument) => renamed(argument, names)),
  }));
  const made = addSets(input, beneath);
  const byKey = new Map<string, BoundExpression>();
  const byExpression = new Map<BoundExpression, BoundExpression>();
  const [expressions, columns] = [made.columns.map(columnOf), [...made.columns]];
  for (const key of keys) {
    const text = expressionKey(key);
    const known = text === null ? undefined : byKey.get(text);
    const column = known ?? columnOf({ id: binder.newId(), name: "", type: key.type });
    byExpression.set(key, column);
    if (known !== undefined || column.kind !== "column") continue;
    if (text !== null) byKey.set(text, column);
    expressions.push(renamed(key, names));
    columns.push({ id: column.id, name: "", type: key.type });
  }
  const replace = (expression: BoundExpression): BoundExpression => {
    const text = isMade(expression) ? expressionKey(expression) : null;
    const column = text === null ? undefined : byKey.get(text);
    return column ?? mapParts(expression, replace);
  };
  const keyOf = (key: BoundExpression): BoundExpression => byExpression.get(key) ?? key;
  return {
    plan: { kind: "project", input: made, expressions, columns, ...estimates },
    windows: windows.map((window) => ({
      ...window,
      partition: window.partition.map(keyOf),
      order: window.order.map((key) => ({ ...key, expression: keyOf(key.expression) })),
    })),
    replace,
  };
}

const columnOf = ({ id, name, type }: PlanNode["columns"][number]): BoundExpression => ({
  kind: "column",
  id,
  name,
  type,
  location: -1,
});
