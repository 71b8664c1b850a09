/** Walks over expressions and plans: children, columns that are used, copies with parts replaced. */
import { unreachable } from "../../types/assert.js";
import type { BoundExpression, ColumnId, Subplan } from "./expression.js";
import type { PlanNode, PlanRange, PlanTime, SortKey } from "./plan.js";

const none: readonly BoundExpression[] = [];

/** Direct parts of an expression, in order of writing. A subquery's plan is no part; what is compared with it is. */
export function partsOf(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case "constant":
    case "parameter":
    case "column":
    case "grouping":
      return none;
    case "call":
      return expression.arguments;
    case "cast":
      return [expression.subject];
    case "and":
    case "or":
      return expression.terms;
    case "not":
      return [expression.term];
    case "isTest":
      return [expression.subject];
    case "distinctFrom":
    case "nullIf":
      return [expression.left, expression.right];
    case "coalesce":
    case "greatest":
    case "least":
    case "arrayOf":
      return expression.items;
    case "rowOf":
      return expression.present === undefined ? expression.items : [...expression.items, expression.present];
    case "case":
      return [...expression.branches.flatMap(({ condition, result }) => [condition, result]), expression.otherwise];
    case "inList":
      return [expression.subject, ...expression.items];
    case "quantified":
      return [expression.left, expression.array];
    case "element":
      return [expression.array, ...expression.indexes];
    case "slice":
      return [
        expression.array,
        ...expression.bounds.flatMap(({ from, to }) => [from, to].flatMap((end) => (end === null ? none : [end]))),
      ];
    case "field":
      return [expression.record];
    case "subquery":
      return none;
    default:
      return unreachable(expression);
  }
}

/** The expression with each part replaced by `change` of it. Parts that stay the same object leave the whole the same object. */
export function mapParts(
  expression: BoundExpression,
  change: (part: BoundExpression) => BoundExpression,
): BoundExpression {
  const list = (items: readonly BoundExpression[]): readonly BoundExpression[] => {
    let changed: BoundExpression[] | null = null;
    for (const [index, item] of items.entries()) {
      const next = change(item);
      if (next !== item && changed === null) changed = items.slice();
      if (changed !== null) changed[index] = next;
    }
    return changed ?? items;
  };
  switch (expression.kind) {
    case "constant":
    case "parameter":
    case "column":
    case "grouping":
    case "subquery":
      return expression;
    case "call": {
      const args = list(expression.arguments);
      return args === expression.arguments ? expression : { ...expression, arguments: args };
    }
    case "cast": {
      const subject = change(expression.subject);
      return subject === expression.subject ? expression : { ...expression, subject };
    }
    case "and":
    case "or": {
      const terms = list(expression.terms);
      return terms === expression.terms ? expression : { ...expression, terms };
    }
    case "not": {
      const term = change(expression.term);
      return term === expression.term ? expression : { ...expression, term };
    }
    case "isTest": {
      const subject = change(expression.subject);
      return subject === expression.subject ? expression : { ...expression, subject };
    }
    case "distinctFrom":
    case "nullIf": {
      const left = change(expression.left);
      const right = change(expression.right);
      return left === expression.left && right === expression.right ? expression : { ...expression, left, right };
    }
    case "coalesce":
    case "greatest":
    case "least":
    case "arrayOf": {
      const items = list(expression.items);
      return items === expression.items ? expression : { ...expression, items };
    }
    case "rowOf": {
      const items = list(expression.items);
      if (expression.present !== undefined) return { ...expression, items, present: change(expression.present) };
      return items === expression.items ? expression : { ...expression, items };
    }
    case "case":
      return {
        ...expression,
        branches: expression.branches.map(({ condition, result }) => ({
          condition: change(condition),
          result: change(result),
        })),
        otherwise: change(expression.otherwise),
      };
    case "inList": {
      const subject = change(expression.subject);
      const items = list(expression.items);
      return subject === expression.subject && items === expression.items
        ? expression
        : { ...expression, subject, items };
    }
    case "quantified": {
      const left = change(expression.left);
      const array = change(expression.array);
      return left === expression.left && array === expression.array ? expression : { ...expression, left, array };
    }
    case "element":
      return { ...expression, array: change(expression.array), indexes: list(expression.indexes) };
    case "slice":
      return {
        ...expression,
        array: change(expression.array),
        bounds: expression.bounds.map(({ from, to }) => ({
          from: from === null ? null : change(from),
          to: to === null ? null : change(to),
        })),
      };
    case "field":
      return { ...expression, record: change(expression.record) };
    default:
      return unreachable(expression);
  }
}

/** Calls `visit` for the expression and all its parts, and for what subqueries within use of rows outside. */
export function visitExpression(expression: BoundExpression, visit: (part: BoundExpression) => void): void {
  visit(expression);
  for (const part of partsOf(expression)) visitExpression(part, visit);
}

/** Adds the columns that an expression uses, those of its subqueries' outer rows too. */
export function addColumns(expression: BoundExpression, found: Set<ColumnId>): void {
  visitExpression(expression, (part) => {
    if (part.kind === "column") found.add(part.id);
    else if (part.kind === "grouping") found.add(part.setId);
    else if (part.kind === "subquery") for (const id of part.subplan.outer) found.add(id);
  });
}

export function columnsOf(...expressions: readonly (BoundExpression | null)[]): Set<ColumnId> {
  const found = new Set<ColumnId>();
  for (const expression of expressions) if (expression !== null) addColumns(expression, found);
  return found;
}

/** Whether it may give another value each time: such expressions are not moved, merged or left out. */
export function isVolatile(expression: BoundExpression): boolean {
  let found = false;
  visitExpression(expression, (part) => {
    if (part.kind === "call" && part.callee.volatility === "volatile") found = true;
    else if (part.kind === "cast" && part.cast.volatility === "volatile") found = true;
    else if (part.kind === "subquery" && part.subplan.isVolatile) found = true;
  });
  return found;
}

/** Whether its value depends on nothing but what is in it: no setting, no clock, no table. */
export function isImmutable(expression: BoundExpression): boolean {
  let found = true;
  visitExpression(expression, (part) => {
    if (part.kind === "call" && part.callee.volatility !== "immutable") found = false;
    else if (part.kind === "cast" && part.cast.volatility !== "immutable") found = false;
    else if (part.kind === "subquery") found = false;
  });
  return found;
}

export function hasSubquery(expression: BoundExpression): boolean {
  let found = false;
  visitExpression(expression, (part) => {
    if (part.kind === "subquery") found = true;
  });
  return found;
}

/** Inputs of a node, in order. */
export function inputsOf(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case "scan":
    case "systemScan":
    case "values":
    case "functionScan":
    case "workingTable":
      return [];
    case "modification":
      return [node.modification.plan];
    case "filter":
    case "project":
    case "aggregate":
    case "window":
    case "sort":
    case "limit":
    case "distinct":
    case "projectSet":
    case "lock":
      return [node.input];
    case "join":
    case "setOperation":
      return [node.left, node.right];
    case "commonTable":
      return [node.source];
    case "recursive":
      return [node.start, node.step];
    case "withModifications":
      return [...node.modifications, node.input];
    default:
      return unreachable(node);
  }
}

const keyExpressions = (keys: readonly SortKey[]): readonly BoundExpression[] =>
  keys.map(({ expression }) => expression);
const some = (...expressions: readonly (BoundExpression | null | undefined)[]): BoundExpression[] =>
  expressions.filter((one) => one !== null && one !== undefined);

const rangeExpressions = (ranges: readonly PlanRange[]): readonly BoundExpression[] =>
  ranges.flatMap(({ from, to }) => [...(from?.values ?? []), ...(to?.values ?? [])]);

function timeExpressions(time: PlanTime | null): readonly BoundExpression[] {
  if (time === null || time.kind === "all") return [];
  return time.kind === "asOf" ? [time.point.value] : [time.from.value, time.to.value];
}

/** Expressions that a node evaluates itself. */
export function expressionsOfNode(node: PlanNode): readonly BoundExpression[] {
  switch (node.kind) {
    case "scan":
      return [...rangeExpressions(node.ranges), ...timeExpressions(node.time), ...some(node.filter)];
    case "systemScan":
      return some(node.filter);
    case "values":
      return node.items.flat();
    case "filter":
      return [node.condition];
    case "project":
      return node.expressions;
    case "join": {
      const { method } = node;
      const own = some(node.condition);
      if (method.kind === "nestedLoop") return own;
      const keys = [...own, ...method.leftKeys, ...method.rightKeys, ...some(method.residual)];
      if (method.kind !== "range") return keys;
      const { subject, from, to } = method;
      return [...keys, subject, ...some(from?.value ?? null), ...some(to?.value ?? null)];
    }
    case "aggregate":
      return [
        ...node.groups.map(({ expression }) => expression),
        ...node.aggregates.flatMap((call) => [
          ...call.arguments,
          ...call.direct,
          ...keyExpressions(call.order),
          ...some(call.filter),
        ]),
      ];
    case "window":
      return [
        ...node.partition,
        ...keyExpressions(node.order),
        ...some(
          "offset" in node.frame.from ? node.frame.from.offset : null,
          "offset" in node.frame.to ? node.frame.to.offset : null,
        ),
        ...node.calls.flatMap((call) => [...call.arguments, ...some(call.filter)]),
      ];
    case "sort":
      return [...keyExpressions(node.keys), ...some(node.top?.limit, node.top?.offset)];
    case "limit":
      return [...some(node.limit, node.offset), ...keyExpressions(node.ties ?? [])];
    case "distinct":
      return node.keys;
    case "functionScan":
      return node.functions.flatMap((one) => one.arguments);
    case "projectSet":
      return node.functions.flatMap((one) => one.arguments);
    case "modification":
    case "setOperation":
    case "commonTable":
    case "recursive":
    case "workingTable":
    case "withModifications":
    case "lock":
      return [];
    default:
      return unreachable(node);
  }
}

/** Columns of rows outside that a plan uses: all that it uses and no node in it puts out. */
export function outerColumnsOf(plan: PlanNode): Set<ColumnId> {
  const used = new Set<ColumnId>();
  const made = new Set<ColumnId>();
  const pending: PlanNode[] = [plan];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const { id } of node.columns) made.add(id);
    for (const expression of expressionsOfNode(node)) addColumns(expression, used);
    for (const input of inputsOf(node)) pending.push(input);
  }
  for (const id of made) used.delete(id);
  return used;
}

/** Whether anything in a plan is volatile, or writes. */
export function isPlanVolatile(plan: PlanNode): boolean {
  const pending: PlanNode[] = [plan];
  const rounds = new Set<number>();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === "modification" || node.kind === "lock") return true;
    if (node.kind === "recursive") rounds.add(node.number);
    // A working table has other rows each round: what reads one, and not its rounds, is run anew, too.
    if (node.kind === "workingTable" && !rounds.has(node.number)) return true;
    if (node.kind === "functionScan" || node.kind === "projectSet") {
      if (node.functions.some(({ callee }) => callee.volatility === "volatile")) return true;
    }
    if (expressionsOfNode(node).some(isVolatile)) return true;
    for (const input of inputsOf(node)) pending.push(input);
  }
  return false;
}

/**
 * A text that two expressions share exactly when they are the same computation, or null for what is not compared (subqueries,
 * volatile functions). Locations do not matter.
 */
export function expressionKey(expression: BoundExpression): string | null {
  const parts: string[] = [];
  for (const part of partsOf(expression)) {
    const key = expressionKey(part);
    if (key === null) return null;
    parts.push(key);
  }
  const own = ownKey(expression);
  return own === null ? null : `${own}:${expression.type.oid}.${expression.type.modifier}(${parts.join(",")})`;
}

function ownKey(expression: BoundExpression): string | null {
  switch (expression.kind) {
    case "constant": {
      const { value } = expression;
      if (value === null) return "null";
      if (typeof value === "object")
        return `constant ${JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${item}n` : item instanceof Map ? [...item] : item))}`;
      return `constant ${typeof value} ${JSON.stringify(String(value))}`;
    }
    case "parameter":
      return `parameter ${expression.index}`;
    case "column":
      return `column ${expression.id}`;
    case "call":
      return expression.callee.volatility === "volatile" ? null : `call ${expression.callee.oid}`;
    case "isTest":
      return `is ${expression.test} ${expression.isNegated}`;
    case "distinctFrom":
    case "inList":
      return `${expression.kind} ${expression.isNegated}`;
    case "quantified":
      return `${expression.quantifier} ${expression.comparison.oid}`;
    case "case":
      return `case ${expression.branches.length}`;
    case "field":
      return `field ${expression.index}`;
    case "slice":
      return `slice ${expression.bounds.map(({ from, to }) => `${from === null}:${to === null}`).join(" ")}`;
    case "grouping":
      return `grouping ${expression.setId} ${expression.bitsOfSet.join(" ")}`;
    case "subquery":
      return null;
    default:
      return expression.kind;
  }
}

/** A subquery, with what it uses of rows outside found out. */
export const subplanOf = (
  form: Subplan["form"],
  plan: PlanNode,
  columns: readonly ColumnId[],
  test: BoundExpression | null,
  equalities: Subplan["equalities"],
): Subplan => {
  const outer = outerColumnsOf(plan);
  const planOuter = [...outer];
  if (test !== null) addColumns(test, outer);
  for (const { id } of plan.columns) outer.delete(id);
  return { form, plan, columns, test, equalities, outer: [...outer], planOuter, isVolatile: isPlanVolatile(plan) };
};

/** Whether a plan changes rows while it runs: a statement's own, as a subquery cannot. */
export const mayWrite = (plan: PlanNode): boolean =>
  plan.kind === "modification" || plan.kind === "withModifications" || inputsOf(plan).some(mayWrite);

/** Whether a plan may change or lock rows while it runs; yes of every one with a subquery, which is not looked into. */
export function mayTouchRows(plan: PlanNode): boolean {
  if (plan.kind === "modification" || plan.kind === "withModifications" || plan.kind === "lock") return true;
  return expressionsOfNode(plan).some(hasSubquery) || inputsOf(plan).some(mayTouchRows);
}
