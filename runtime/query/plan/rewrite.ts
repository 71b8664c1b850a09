/** Copies of nodes with their inputs or expressions replaced. Columns of nodes that pass on their input's follow it. */
import { unreachable } from "../../types/assert.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type {
  JoinNode,
  JoinRangeBound,
  PlanBound,
  PlanNode,
  PlanRange,
  PlanTime,
  SortKey,
  WindowBound,
} from "./plan.js";
import { mapParts } from "./walk.js";

type Change = (expression: BoundExpression) => BoundExpression;

/** The node over other inputs; as many as it has. */
export function withInputs(node: PlanNode, inputs: readonly PlanNode[]): PlanNode {
  const [first, second] = inputs;
  switch (node.kind) {
    case "scan":
    case "systemScan":
    case "values":
    case "functionScan":
    case "workingTable":
      return node;
    case "modification":
      return first === undefined ? node : { ...node, modification: { ...node.modification, plan: first } };
    case "filter":
    case "sort":
    case "limit":
    case "distinct":
    case "lock":
      return first === undefined ? node : { ...node, input: first, columns: first.columns };
    case "project":
    case "aggregate":
      return first === undefined ? node : { ...node, input: first };
    case "window": {
      if (first === undefined) return node;
      const added = node.columns.slice(node.columns.length - node.calls.length);
      return { ...node, input: first, columns: [...first.columns, ...added] };
    }
    case "projectSet": {
      if (first === undefined) return node;
      const added = node.columns.slice(node.columns.length - node.functions.length);
      return { ...node, input: first, columns: [...first.columns, ...added] };
    }
    case "join": {
      if (first === undefined || second === undefined) return node;
      const isHalf = node.type === "semi" || node.type === "anti";
      return {
        ...node,
        left: first,
        right: second,
        columns: isHalf ? first.columns : [...first.columns, ...second.columns],
      };
    }
    case "setOperation":
      return first === undefined || second === undefined ? node : { ...node, left: first, right: second };
    case "commonTable":
      return first === undefined ? node : { ...node, source: first };
    case "recursive":
      return first === undefined || second === undefined ? node : { ...node, start: first, step: second };
    case "withModifications": {
      const input = inputs.at(-1);
      if (input === undefined) return node;
      const modifications = node.modifications.map((modification, index) => {
        const changed = inputs[index];
        return changed?.kind === "commonTable" ? changed : modification;
      });
      return { ...node, modifications, input, columns: input.columns };
    }
    default:
      return unreachable(node);
  }
}

const mapKeys = (keys: readonly SortKey[], change: Change): readonly SortKey[] =>
  keys.map((key) => ({ ...key, expression: change(key.expression) }));

const mapBound = (bound: PlanBound | null, change: Change): PlanBound | null =>
  bound === null ? null : { ...bound, values: bound.values.map(change) };

/** A point stays one: the same bound on both ends. */
function mapRange(range: PlanRange, change: Change): PlanRange {
  const from = mapBound(range.from, change);
  return { ...range, from, to: range.to === range.from ? from : mapBound(range.to, change) };
}

function mapMethod(method: JoinNode["method"], change: Change): JoinNode["method"] {
  if (method.kind === "nestedLoop") return method;
  const keys = {
    leftKeys: method.leftKeys.map(change),
    rightKeys: method.rightKeys.map(change),
    residual: maybe(method.residual, change),
  };
  if (method.kind !== "range") return { ...method, ...keys };
  const bound = (at: JoinRangeBound | null): JoinRangeBound | null =>
    at === null ? null : { ...at, value: change(at.value) };
  return { ...method, ...keys, subject: change(method.subject), from: bound(method.from), to: bound(method.to) };
}

function mapTime(time: PlanTime | null, change: Change): PlanTime | null {
  if (time === null || time.kind === "all") return time;
  if (time.kind === "asOf") return { ...time, point: { ...time.point, value: change(time.point.value) } };
  return {
    ...time,
    from: { ...time.from, value: change(time.from.value) },
    to: { ...time.to, value: change(time.to.value) },
  };
}

const mapOffset = (bound: WindowBound, change: Change): WindowBound =>
  "offset" in bound ? { ...bound, offset: change(bound.offset) } : bound;

const maybe = (expression: BoundExpression | null, change: Change): BoundExpression | null =>
  expression === null ? null : change(expression);

/** The node with its own expressions changed. */
export function mapExpressions(node: PlanNode, change: Change): PlanNode {
  switch (node.kind) {
    case "scan":
      return {
        ...node,
        ranges: node.ranges.map((range) => mapRange(range, change)),
        time: mapTime(node.time, change),
        filter: maybe(node.filter, change),
      };
    case "systemScan":
      return { ...node, filter: maybe(node.filter, change) };
    case "values":
      return { ...node, items: node.items.map((row) => row.map(change)) };
    case "filter":
      return { ...node, condition: change(node.condition) };
    case "project":
      return { ...node, expressions: node.expressions.map(change) };
    case "join": {
      const { method } = node;
      return {
        ...node,
        condition: maybe(node.condition, change),
        method: mapMethod(method, change),
      };
    }
    case "aggregate":
      return {
        ...node,
        groups: node.groups.map((group) => ({ ...group, expression: change(group.expression) })),
        aggregates: node.aggregates.map((call) => ({
          ...call,
          arguments: call.arguments.map(change),
          direct: call.direct.map(change),
          order: mapKeys(call.order, change),
          filter: maybe(call.filter, change),
        })),
      };
    case "window":
      return {
        ...node,
        partition: node.partition.map(change),
        order: mapKeys(node.order, change),
        frame: { ...node.frame, from: mapOffset(node.frame.from, change), to: mapOffset(node.frame.to, change) },
        calls: node.calls.map((call) => ({
          ...call,
          arguments: call.arguments.map(change),
          filter: maybe(call.filter, change),
        })),
      };
    case "sort":
      return {
        ...node,
        keys: mapKeys(node.keys, change),
        top: node.top === null ? null : { limit: change(node.top.limit), offset: maybe(node.top.offset, change) },
      };
    case "limit":
      return {
        ...node,
        limit: maybe(node.limit, change),
        offset: maybe(node.offset, change),
        ties: node.ties === null ? null : mapKeys(node.ties, change),
      };
    case "distinct":
      return { ...node, keys: node.keys.map(change) };
    case "functionScan":
      return { ...node, functions: node.functions.map((one) => ({ ...one, arguments: one.arguments.map(change) })) };
    case "projectSet":
      return { ...node, functions: node.functions.map((one) => ({ ...one, arguments: one.arguments.map(change) })) };
    case "modification":
    case "setOperation":
    case "commonTable":
    case "recursive":
    case "workingTable":
    case "withModifications":
    case "lock":
      return node;
    default:
      return unreachable(node);
  }
}

/** The expression with plans of its subqueries changed. */
export function mapSubplans(expression: BoundExpression, change: (plan: PlanNode) => PlanNode): BoundExpression {
  if (expression.kind !== "subquery") return mapParts(expression, (part) => mapSubplans(part, change));
  const { subplan } = expression;
  const test = subplan.test === null ? null : mapSubplans(subplan.test, change);
  const byKey = subplan.byKey === undefined ? {} : { byKey: { ...subplan.byKey, plan: change(subplan.byKey.plan) } };
  return { ...expression, subplan: { ...subplan, plan: change(subplan.plan), test, ...byKey } };
}

/** The expression with columns replaced; null when a subquery within it uses one of them. */
export function substitute(
  expression: BoundExpression,
  replacements: ReadonlyMap<ColumnId, BoundExpression>,
): BoundExpression | null {
  let isPossible = true;
  const change = (part: BoundExpression): BoundExpression => {
    if (part.kind === "column") return replacements.get(part.id) ?? part;
    if (part.kind === "grouping" && replacements.has(part.setId)) isPossible = false;
    if (part.kind === "subquery" && part.subplan.outer.some((id) => replacements.has(id))) isPossible = false;
    return mapParts(part, change);
  };
  const changed = change(expression);
  return isPossible ? changed : null;
}
