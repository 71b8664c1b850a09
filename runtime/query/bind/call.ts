/** Calls of functions: plain ones, aggregates, window functions, and functions that return sets. */
import { notSupported, SqlError } from "../error.js";
import { pathway } from "../functions/coercion.js";
import type { ResolvedAggregate, ResolvedFunction, ResolvedSet, ResolvedWindow } from "../functions/registry.js";
import { findFunction, hasExactFunction, resolveFunction } from "../functions/resolve.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, FunctionCall } from "../syntax/ast-expression.js";
import { type Oid, recordType, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { isRowType, typeFactsByName } from "../types/type-table.js";
import { bindAggregate, expectStar } from "./aggregate.js";
import { type Binder, positionOf } from "./binder.js";
import { coerce, coerceArgument, coerceTo } from "./coerce.js";
import { type ExpressionContext, functionsInFrom } from "./context.js";
import { expectArguments } from "./entries.js";
import { populateCall } from "./populate.js";
import { userTypesOf } from "./type-name.js";
import { expectNoneWithin, expectNoSets, findWindow } from "./window.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

export function bindCall(call: FunctionCall, context: ExpressionContext, bind: Bind): BoundExpression {
  const { location } = call;
  const populate = populateCall(call, context, bind);
  if (populate !== null) {
    const { record, rows, args } = populate;
    checkPlain(call, rows.name);
    if (record === null) return bindSetCall(call, rows, args, context);
    return { kind: "call", callee: record, arguments: args, form: "function", type: record.resultType, location };
  }
  const found = resolve(call, context, bind);
  if (found.kind === "cast") return found.expression;
  const { callee, args } = found;
  if (callee.kind !== "aggregate" && callee.kind !== "window") checkPlain(call, callee.name);
  switch (callee.kind) {
    case "scalar":
      return { kind: "call", callee, arguments: args, form: "function", type: callee.resultType, location };
    case "set":
      return bindSetCall(call, callee, args, context);
    case "aggregate":
      return call.over === null
        ? bindAggregate(call, callee, args, context, bind)
        : bindWindowCall(call, callee, args, context, bind);
    case "window":
      if (call.over === null) {
        throw new SqlError("42809", `window function ${callee.name} requires an OVER clause`, {
          position: positionOf(location),
        });
      }
      return bindWindowCall(call, callee, args, context, bind);
  }
}

type Found =
  | { readonly kind: "call"; readonly callee: ResolvedFunction; readonly args: readonly BoundExpression[] }
  | { readonly kind: "cast"; readonly expression: BoundExpression };

/** The function that is meant, with its arguments converted; or a cast that is written like a call: `int4('5')`. */
function resolve(call: FunctionCall, context: ExpressionContext, bind: Bind): Found {
  const { binder } = context;
  const { location } = call;
  const name = call.name.at(-1) ?? "";
  const schema = call.name.length > 1 ? (call.name.at(-2) ?? null) : null;
  const inner = innerContext(call, context);
  const given = call.arguments.map((item, index) => ({ item: bind(item, inner), name: call.argumentNames[index] }));
  // Who calls a function for what it answers sends a parameter of nothing in the place of the answer: it is no argument.
  const meant = given.filter(({ item }) => item.kind !== "parameter" || item.type.oid !== typeOid.void);
  const direct = meant.map(({ item }) => item);
  const ordered = call.isWithinGroup ? call.order.map(({ expression }) => bind(expression, inner)) : [];
  const bound = [...direct, ...ordered];
  expectArguments(bound.length, positionOf(location));
  // The one function that tells a domain from the type beneath it.
  const tellsDomains = name === "pg_typeof";
  const shape = {
    schema,
    name,
    args: bound.map(({ type: { oid, domain = oid } }, index) => {
      const argumentName = meant[index]?.name;
      const type = tellsDomains ? domain : oid;
      return argumentName === null || argumentName === undefined ? { type } : { type, name: argumentName };
    }),
    isVariadic: call.isVariadic,
    orderedCount: ordered.length,
    position: positionOf(location),
  };
  const [only] = bound;
  const type = schema === null || schema === "pg_catalog" ? typeFactsByName(name) : null;
  const isOne = bound.length === 1 && only !== undefined && call.over === null && !call.isStar;
  const cast = (): Found | null => {
    const expression = type === null || !isOne ? null : coerce(binder, only, sqlType(type.oid), "explicit");
    return expression === null ? null : { kind: "cast", expression: { ...expression, location } };
  };
  if (type !== null && isOne && isCast(only, type.oid) && !hasExactFunction(shape)) {
    const found = cast();
    if (found !== null) return found;
  }
  const callee = findFunction(shape);
  if (callee === null) {
    const found = cast();
    if (found !== null) return found;
    if (bound.length === 1 && userTypesOf(binder.environment)(call.name) !== null)
      throw notSupported(`a cast to ${name} that is written as a call`, positionOf(location));
    if (schema !== null && !isSchema(schema, binder))
      throw new SqlError("3F000", `schema "${schema}" does not exist`, { position: shape.position });
    return { kind: "call", callee: resolveFunction(shape), args: bound };
  }
  if (tellsDomains) return { kind: "call", callee, args: bound };
  const args = bound.map((item, index) => coerceArgument(binder, item, callee.argumentTypes[index] ?? item.type));
  return { kind: "call", callee, args };
}

/** A literal is read as what the name says, other values are where nothing but their text or name changes. */
function isCast(expression: BoundExpression, target: Oid): boolean {
  const { oid } = expression.type;
  if (oid === typeOid.unknown) return expression.kind === "constant";
  const way = isRowType(oid) ? null : pathway(oid, target, "explicit");
  return way?.kind === "none" || way?.kind === "text";
}

const isSchema = (name: string, { environment: { catalog } }: Binder): boolean =>
  ["pg_catalog", "information_schema", "kimberlite"].includes(name) || catalog.schemaByName(name) !== null;

/** Within the arguments of an aggregate no aggregate may stand; which a call is, its name tells before its arguments are known. */
function innerContext(call: FunctionCall, context: ExpressionContext): ExpressionContext {
  if (call.over !== null) return { ...context, inside: "window" };
  return context;
}

function checkPlain(call: FunctionCall, name: string): void {
  const position = positionOf(call.location);
  const wrong = (what: string): SqlError =>
    new SqlError("42809", `${what}, but ${name} is not an aggregate function`, { position });
  if (call.isStar) throw wrong(`${name}(*) specified`);
  if (call.isDistinct) throw wrong("DISTINCT specified");
  if (call.isWithinGroup) throw wrong("WITHIN GROUP specified");
  if (call.order.length > 0) throw wrong("ORDER BY specified");
  if (call.filter !== null) throw wrong("FILTER specified");
  if (call.over !== null) {
    throw new SqlError("42809", `OVER specified, but ${name} is not a window function nor an aggregate function`, {
      position,
    });
  }
}

function bindSetCall(
  call: FunctionCall,
  callee: ResolvedSet,
  args: readonly BoundExpression[],
  context: ExpressionContext,
): BoundExpression {
  const { sets, binder } = context;
  const { location } = call;
  if (sets === null) {
    const message =
      context.clause === functionsInFrom
        ? "set-returning functions must appear at top level of FROM"
        : `set-returning functions are not allowed in ${context.clause}`;
    throw new SqlError("0A000", message, { position: positionOf(location) });
  }
  if (context.setsRefusedBy !== undefined)
    throw new SqlError("0A000", `set-returning functions are not allowed in ${context.setsRefusedBy}`, {
      position: positionOf(location),
      hint: "You might be able to move the set-returning function into a LATERAL FROM item.",
    });
  // What rows of arrays are made of is not known here, but it is in the rows themselves.
  if (callee.isRecord && callee.columns === null && callee.name !== "unnest")
    throw notSupported(`${callee.name} in a select list`, positionOf(location));
  const id = sets.add(callee, args, () => binder.newId());
  return { kind: "column", id, name: callee.name, type: typeOfRows(callee), location };
}

/** Of each row of a set-returning function as one value. */
export const typeOfRows = ({ isRecord, columns, resultType }: ResolvedSet): SqlType =>
  isRecord && columns !== null && resultType.oid === typeOid.record ? recordType(columns) : resultType;

function bindWindowCall(
  call: FunctionCall,
  callee: ResolvedAggregate | ResolvedWindow,
  args: readonly BoundExpression[],
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { collector, binder } = context;
  const { location, over } = call;
  const position = positionOf(location);
  if (collector === null || !context.allowsWindows || over === null) {
    throw new SqlError("42P20", `window functions are not allowed in ${context.clause}`, { position });
  }
  if (callee.kind === "aggregate") expectStar(call, callee, args.length);
  if (call.isDistinct) throw notSupported("DISTINCT for window functions", position);
  if (call.isWithinGroup) throw notSupported(`OVER for the ordered-set aggregate ${callee.name}`, position);
  if (call.order.length > 0) throw notSupported("aggregate ORDER BY for window functions", position);
  if (callee.kind === "aggregate" && callee.form !== "plain") throw notSupported(`OVER for ${callee.name}`, position);
  if (callee.kind === "window" && call.isStar) {
    throw new SqlError("42809", `${callee.name}(*) specified, but ${callee.name} is not an aggregate function`, {
      position,
    });
  }
  if (callee.kind === "window" && call.filter !== null) {
    throw notSupported("FILTER for a window function that is no aggregate", position);
  }
  const inner: ExpressionContext = { ...context, allowsWindows: false, sets: null, clause: "FILTER" };
  const filter = call.filter === null ? null : coerceTo(binder, bind(call.filter, inner), typeOid.bool, "FILTER");
  expectNoneWithin(args, collector, location);
  expectNoSets(args, collector);
  const id = binder.newId();
  collector.windowCalls.push({
    call: { id, callee, arguments: args, filter, type: callee.resultType },
    over: findWindow(over, context.windows),
    location,
  });
  collector.windowIds.add(id);
  return { kind: "column", id, name: callee.name, type: callee.resultType, location };
}

/** A call in FROM: a set-returning function, or a plain one as a set of one row. */
export function bindTableCall(
  call: FunctionCall,
  context: ExpressionContext,
  bind: Bind,
): { readonly callee: ResolvedSet; readonly args: readonly BoundExpression[] } | { readonly scalar: BoundExpression } {
  const populate = populateCall(call, context, bind);
  if (populate !== null) {
    checkPlain(call, populate.rows.name);
    return { callee: populate.rows, args: populate.args };
  }
  const found = resolve(call, context, bind);
  if (found.kind === "cast") return { scalar: found.expression };
  const { callee, args } = found;
  if (callee.kind === "set") {
    checkPlain(call, callee.name);
    return { callee, args };
  }
  if (callee.kind === "scalar") {
    checkPlain(call, callee.name);
    const scalar = {
      kind: "call",
      callee,
      arguments: args,
      form: "function",
      type: callee.resultType,
      location: call.location,
    } as const;
    return { scalar };
  }
  const what = callee.kind === "aggregate" ? "aggregate" : "window";
  throw new SqlError(
    what === "aggregate" ? "42803" : "42P20",
    `${what} functions are not allowed in ${functionsInFrom}`,
    {
      position: positionOf(call.location),
    },
  );
}
