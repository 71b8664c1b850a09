/** Leaves out what nobody uses: columns that scans need not decode, expressions, aggregates. */
import { unreachable } from "../../types/assert.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanColumn, PlanNode } from "./plan.js";
import { mapExpressions, withInputs } from "./rewrite.js";
import { addColumns, columnsOf, expressionsOfNode, isVolatile, mapParts, outerColumnsOf } from "./walk.js";

/** The plan with at least the needed columns, in their order. */
export function prune(node: PlanNode, needed: ReadonlySet<ColumnId>): PlanNode {
  return pruneInputs(mapExpressions(node, pruneExpression), needed);
}

/** Plans of subqueries are pruned to what is compared or returned of them. */
function pruneExpression(expression: BoundExpression): BoundExpression {
  if (expression.kind !== "subquery") return mapParts(expression, pruneExpression);
  const { subplan } = expression;
  const needed = new Set<ColumnId>(subplan.columns);
  if (subplan.test !== null) addColumns(subplan.test, needed);
  const { byKey } = subplan;
  const ofKeys = new Set(byKey?.keys.map(({ inner }) => inner));
  if (byKey !== undefined && byKey.value !== null) addColumns(byKey.value, ofKeys);
  return {
    ...expression,
    subplan: {
      ...subplan,
      plan: prune(subplan.plan, needed),
      test: subplan.test === null ? null : pruneExpression(subplan.test),
      ...(byKey === undefined ? {} : { byKey: { ...byKey, plan: prune(byKey.plan, ofKeys) } }),
    },
  };
}

const all = (node: PlanNode): ReadonlySet<ColumnId> => new Set(node.columns.map(({ id }) => id));

function pruneInputs(node: PlanNode, needed: ReadonlySet<ColumnId>): PlanNode {
  const withOwn = (): ReadonlySet<ColumnId> => {
    const own = new Set(needed);
    for (const expression of expressionsOfNode(node)) addColumns(expression, own);
    return own;
  };
  switch (node.kind) {
    case "scan":
    case "systemScan": {
      const own = withOwn();
      const kept = node.columns.map(({ id }) => own.has(id));
      return {
        ...node,
        columns: node.columns.filter((_, at) => kept[at]),
        numbers: node.numbers.filter((_, at) => kept[at]),
      };
    }
    case "values": {
      const kept = node.columns.map(({ id }, at) => needed.has(id) || node.items.some((row) => isNeeded(row[at])));
      return {
        ...node,
        columns: node.columns.filter((_, at) => kept[at]),
        items: node.items.map((row) => row.filter((_, at) => kept[at])),
      };
    }
    case "functionScan":
    case "workingTable":
      return node;
    case "project": {
      const kept = node.columns.map(({ id }, at) => needed.has(id) || isNeeded(node.expressions[at]));
      const expressions = node.expressions.filter((_, at) => kept[at]);
      const input = prune(node.input, columnsOf(...expressions));
      const columns = node.columns.filter((_, at) => kept[at]);
      return isSame(input, columns, expressions) ? input : { ...node, input, expressions, columns };
    }
    case "filter":
    case "sort":
    case "limit":
    case "distinct":
      return withInputs(node, [prune(node.input, withOwn())]);
    case "lock": {
      const own = new Set(needed);
      for (const { keyId } of node.locks) own.add(keyId);
      return withInputs(node, [prune(node.input, own)]);
    }
    case "join": {
      const own = new Set(withOwn());
      if (node.isLateral) for (const id of outerColumnsOf(node.right)) own.add(id);
      return withInputs(node, [prune(node.left, own), prune(node.right, own)]);
    }
    case "aggregate": {
      const aggregates = node.aggregates.filter(({ id }) => needed.has(id));
      const gone = new Set(node.aggregates.filter(({ id }) => !needed.has(id)).map(({ id }) => id));
      const kept = { ...node, aggregates, columns: node.columns.filter(({ id }) => !gone.has(id)) };
      return { ...kept, input: prune(node.input, columnsOf(...expressionsOfNode(kept))) };
    }
    case "window": {
      const calls = node.calls.filter(({ id }) => needed.has(id));
      if (calls.length === 0) return prune(node.input, needed);
      const kept = { ...node, calls };
      const own = new Set(needed);
      for (const expression of expressionsOfNode(kept)) addColumns(expression, own);
      const input = prune(node.input, own);
      const added = node.columns.filter(({ id }) => calls.some((call) => call.id === id));
      return { ...kept, input, columns: [...input.columns, ...added] };
    }
    case "projectSet":
      return withInputs(node, [prune(node.input, withOwn())]);
    // Columns are matched by their places: all of them stay.
    case "setOperation":
      return withInputs(node, [prune(node.left, all(node.left)), prune(node.right, all(node.right))]);
    case "recursive":
      return withInputs(node, [prune(node.start, all(node.start)), prune(node.step, all(node.step))]);
    case "commonTable":
      return withInputs(node, [prune(node.source, all(node.source))]);
    case "withModifications": {
      const modifications = node.modifications.map((modification) => prune(modification, all(modification)));
      return withInputs(node, [...modifications, prune(node.input, needed)]);
    }
    case "modification":
      return node;
    default:
      return unreachable(node);
  }
}

/** Whether a projection puts out what it is given. */
const isSame = (
  input: PlanNode,
  columns: readonly PlanColumn[],
  expressions: readonly (BoundExpression | undefined)[],
): boolean =>
  columns.length === input.columns.length &&
  input.columns.every(({ id }, at) => {
    const expression = expressions[at];
    return columns[at]?.id === id && expression?.kind === "column" && expression.id === id;
  });

const isNeeded = (expression: BoundExpression | undefined): boolean =>
  expression !== undefined && isVolatile(expression);
