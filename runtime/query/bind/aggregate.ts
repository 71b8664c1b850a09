/**
 * Calls of aggregates. An aggregate is computed by the query whose rows it is about: of those whose columns (or aggregates) it is made of,
 * the innermost; its own where it is made of none (SQL:2016 10.9, as PostgreSQL has it). `SELECT (SELECT max(o.x) FROM i …) FROM o` groups o.
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { ResolvedAggregate } from "../functions/registry.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { AggregateCall, SortKey } from "../plan/plan.js";
import { columnsOf, expressionKey, visitExpression } from "../plan/walk.js";
import type { Expression, FunctionCall } from "../syntax/ast-expression.js";
import { typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { type Binder, positionOf } from "./binder.js";
import { asText, coerceTo, unify } from "./coerce.js";
import type { Collector, ExpressionContext } from "./context.js";
import type { Scope } from "./scope.js";
import { ascending, bindSort, expectEquality } from "./sort.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

export function bindAggregate(
  call: FunctionCall,
  callee: ResolvedAggregate,
  args: readonly BoundExpression[],
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  const { location } = call;
  checkForm(call, callee, args.length);
  const inner: ExpressionContext = { ...context, collector: null, clause: "FILTER", sets: null };
  const filter = call.filter === null ? null : coerceTo(binder, bind(call.filter, inner), typeOid.bool, "FILTER");
  const matched = callee.form === "hypothetical" ? matchHypothetical(call, binder, args) : args;
  const direct = matched.slice(0, callee.directCount);
  const rest = matched.slice(callee.directCount);
  const order = call.isWithinGroup
    ? call.order.map((item, index) => bindSort(binder, item, rest[index] ?? item, positionOf(location)))
    : call.order.map((item) =>
        bindSort(
          binder,
          item,
          asText(binder, bind(item.expression, { ...inner, clause: "ORDER BY" })),
          positionOf(item.location),
        ),
      );
  if (call.isDistinct) for (const { type, location: at } of rest) expectEquality(binder, type, at);
  const parts = [...rest, ...order.map(({ expression }) => expression), ...(filter === null ? [] : [filter])];
  const level = levelOf(parts, direct, context, location);
  const { scope, collector } = siteOf(level, context, location, "aggregate functions");
  if (call.isDistinct && !call.isWithinGroup && order.some(({ expression }) => !isArgument(expression, args))) {
    throw new SqlError("42P10", "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list", {
      position: positionOf(location),
    });
  }
  const made = {
    callee,
    arguments: rest,
    direct,
    isDistinct: call.isDistinct,
    order: sortOf(call, callee, rest, order),
    filter,
  };
  const id = collect(made, collector, binder);
  binder.aggregateScopes.set(id, scope);
  return { kind: "column", id, name: callee.name, type: callee.resultType, location };
}

function checkForm(call: FunctionCall, callee: ResolvedAggregate, count: number): void {
  const refuse = (message: string): SqlError => new SqlError("42809", message, { position: positionOf(call.location) });
  if (call.isWithinGroup !== (callee.form !== "plain")) {
    throw refuse(
      call.isWithinGroup
        ? `${callee.name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`
        : `WITHIN GROUP is required for ordered-set aggregate ${callee.name}`,
    );
  }
  expectStar(call, callee, count);
}

/** Throws 42809 for a call without arguments that has no star either. */
export function expectStar(call: FunctionCall, callee: ResolvedAggregate, count: number): void {
  if (count === 0 && !call.isStar)
    throw new SqlError("42809", `${callee.name}(*) must be used to call a parameterless aggregate function`, {
      position: positionOf(call.location),
    });
}

/** DISTINCT finds values by sorting them, and those of a list are seen in that order. */
function sortOf(
  call: FunctionCall,
  callee: ResolvedAggregate,
  args: readonly BoundExpression[],
  order: readonly SortKey[],
): readonly SortKey[] {
  if (!call.isDistinct || call.isWithinGroup || !lists.has(callee.name)) return order;
  const missing = args.filter((one) => !order.some(({ expression }) => isArgument(expression, [one])));
  return [...order, ...missing.map(ascending)];
}

/** The column that the call is; the same call twice is one. */
function collect(call: AggregateCallSpec, collector: Collector, binder: Binder): ColumnId {
  const key = keyOf(call);
  const known = key === null ? undefined : collector.aggregateKeys.get(key);
  if (known !== undefined) return known;
  const id = binder.newId();
  collector.aggregates.push({ id, ...call, type: call.callee.resultType });
  if (key !== null) collector.aggregateKeys.set(key, id);
  return id;
}

/**
 * How many levels outwards the query is that computes the aggregate, 0 for its own. Throws 42803 for one within another of its own level, or
 * within whose arguments stands what no aggregate can have.
 *
 * @param parts what is aggregated, in order and under conditions @param direct arguments that are the same for all rows
 */
function levelOf(
  parts: readonly BoundExpression[],
  direct: readonly BoundExpression[],
  context: ExpressionContext,
  location: number,
): number {
  const levels = context.scope.levels();
  const { aggregateScopes } = context.binder;
  const ownerOf = (id: ColumnId): number =>
    levels.findIndex((scope) => scope.owns(id) || aggregateScopes.get(id) === scope);
  const owners = [...columnsOf(...parts)].map(ownerOf).filter((at) => at >= 0);
  const level = owners.length === 0 ? 0 : Math.min(...owners);
  visitColumns([...direct, ...parts], (id, at) => {
    const refuse = (state: string, message: string, hint?: string): never => {
      throw new SqlError(state, message, { position: positionOf(at < 0 ? location : at), hint });
    };
    if (context.collector?.windowIds.has(id) === true)
      refuse("42803", "aggregate function calls cannot contain window function calls");
    if (context.collector?.sets.has(id) === true)
      refuse(
        "0A000",
        "aggregate function calls cannot contain set-returning function calls",
        "You might be able to move the set-returning function into a LATERAL FROM item.",
      );
    const owner = ownerOf(id);
    if (owner >= 0 && owner <= level && aggregateScopes.has(id))
      refuse("42803", "aggregate function calls cannot be nested");
    if (owner >= 0 && owner < level)
      refuse("42803", "outer-level aggregate cannot contain a lower-level variable in its direct arguments");
  });
  return level;
}

/** Calls `visit` for every column that expressions use, with where it stands; those that subqueries use of rows outside stand where these do. */
function visitColumns(expressions: readonly BoundExpression[], visit: (id: ColumnId, location: number) => void): void {
  for (const whole of expressions) {
    visitExpression(whole, (part) => {
      if (part.kind === "column") visit(part.id, part.location);
      else if (part.kind === "subquery") for (const id of part.subplan.outer) visit(id, part.location);
    });
  }
}

/**
 * What an expression of the query so many levels outwards is being bound for, and who collects its aggregates. Throws 42803 for nobody.
 *
 * @param what the calls, as an error names them
 */
export function siteOf(
  level: number,
  context: ExpressionContext,
  location: number,
  what: string,
): { readonly scope: Scope; readonly collector: Collector } {
  const scope = context.scope.levels()[level];
  assert(scope !== undefined, "an aggregate is of a level that there is");
  const site = level === 0 ? context : context.binder.contextOf(scope);
  // What no expression's context leads to is an item of FROM, beside what it reads.
  const clause = site === null ? "FROM clause of their own query level" : site.clause;
  if (site === null || site.collector === null) {
    throw new SqlError("42803", `${what} are not allowed in ${clause}`, { position: positionOf(location) });
  }
  return { scope, collector: site.collector };
}

/** Aggregates whose result shows in which order they saw their values. */
const lists: ReadonlySet<string> = new Set([
  "array_agg",
  "string_agg",
  "json_agg",
  "jsonb_agg",
  "json_object_agg",
  "jsonb_object_agg",
]);

type AggregateCallSpec = Omit<AggregateCall, "id" | "type">;

function keyOf(call: AggregateCallSpec): string | null {
  if (call.order.length > 0) return null;
  const keys = [...call.direct, ...call.arguments, ...(call.filter === null ? [] : [call.filter])].map(expressionKey);
  return keys.includes(null) ? null : `${call.callee.oid} ${call.isDistinct} ${call.filter !== null} ${keys.join(";")}`;
}

const isArgument = (expression: BoundExpression, args: readonly BoundExpression[]): boolean => {
  const key = expressionKey(expression);
  return key !== null && args.some((argument) => expressionKey(argument) === key);
};

/** The row that is imagined, and what orders the others: place for place of one type. */
function matchHypothetical(
  { name, arguments: given, order, location }: FunctionCall,
  binder: Binder,
  args: readonly BoundExpression[],
): readonly BoundExpression[] {
  const count = given.length;
  if (count !== order.length) {
    const called = name.at(-1) ?? "";
    const types = args.map(({ type }) => typeLabel(type.oid)).join(", ");
    throw new SqlError("42883", `function ${called}(${types}) does not exist`, {
      position: positionOf(location),
      hint: `To use the hypothetical-set aggregate ${called}, the number of hypothetical direct arguments (here ${count}) must match the number of ordering columns (here ${order.length}).`,
    });
  }
  const pairs = args
    .slice(0, count)
    .map((direct, place) => unify(binder, [args[count + place] ?? direct, direct], "WITHIN GROUP", location).items);
  return [1, 0].flatMap((half) => pairs.flatMap((pair) => pair[half] ?? []));
}
