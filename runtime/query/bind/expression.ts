/** Expressions: from names to what they mean. One function for each construct, chosen by its kind. */
import { unreachable } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import { requireCast } from "../functions/coercion.js";
import { resolveOperator } from "../functions/resolve.js";
import type { BoundExpression } from "../plan/expression.js";
import { isVolatile } from "../plan/walk.js";
import type { CaseExpression, Expression, Indirection, SpecialValue } from "../syntax/ast-expression.js";
import { comparatorOf, hasOrder } from "../types/compare.js";
import { decimalFromText } from "../types/decimal.js";
import { beneath, type Oid, recordType, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf, elementTypeOf, isArray, typeFactsOf } from "../types/type-table.js";
import { beginningOf } from "./beginning.js";
import { positionOf } from "./binder.js";
import { castTo, compare, callOf as textCall } from "./build-syntax.js";
import { bindCall } from "./call.js";
import { asText, coerce, coerceTo, isUnknown, unify } from "./coerce.js";
import { bindColumn, missingRelation } from "./column-name.js";
import { type ExpressionContext, plainContext } from "./context.js";
import { asDomainValue } from "./domain.js";
import { expectFields } from "./entries.js";
import { fieldNamed } from "./field.js";
import { bindGrouping } from "./grouping-call.js";
import { expectWithout } from "./no-query.js";
import { bindIn, bindOperator, bindQuantified, comparison, distinct, operation } from "./operator.js";
import { castTarget } from "./populate.js";
import { wholeRow } from "./scope.js";
import { bindSubquery } from "./subquery.js";
import { bindSubscripts, jsonbSubscript, noSubscripts } from "./subscript.js";

/** Throws `SqlError` with the place in the text. */
export function bindExpression(expression: Expression, context: ExpressionContext): BoundExpression {
  const bound = context.binder.within(expression.location, () => bindKind(expression, context));
  const location = beginningOf(expression);
  return location < bound.location ? { ...bound, location } : bound;
}

export const bindAll = (items: readonly Expression[], context: ExpressionContext): readonly BoundExpression[] =>
  items.map((item) => bindExpression(item, context));

const bool = sqlType(typeOid.bool);

function bindKind(expression: Expression, context: ExpressionContext): BoundExpression {
  const { binder } = context;
  const { location } = expression;
  switch (expression.kind) {
    case "columnName":
      return bindColumn(expression, context);
    case "integerLiteral":
      return { kind: "constant", value: expression.value, type: sqlType(typeOid.int4), location };
    case "numberLiteral":
      return bindNumber(expression.text, location);
    case "stringLiteral":
      return { kind: "constant", value: expression.text, type: sqlType(typeOid.unknown), location };
    case "booleanLiteral":
      return { kind: "constant", value: expression.value, type: bool, location };
    case "nullLiteral":
      return { kind: "constant", value: null, type: sqlType(typeOid.unknown), location };
    case "parameterName":
      return binder.parameter(expression.number, location);
    case "operator":
      return bindOperator(expression, context, bindExpression);
    case "pattern": {
      const { subject: left, pattern: right, operator: name } = expression;
      return bindOperator({ kind: "operator", name, schema: null, left, right, location }, context, bindExpression);
    }
    case "quantified":
      return bindQuantified(expression, context, bindExpression);
    case "inList":
      return bindIn(expression, context, bindExpression);
    case "between":
      return bindBetween(expression, context);
    case "distinctFrom": {
      const left = bindExpression(expression.left, context);
      const right = bindExpression(expression.right, context);
      return distinct(binder, left, right, expression.isNegated, location);
    }
    case "and":
    case "or": {
      const what = expression.kind.toUpperCase();
      const terms = expression.terms.map((term) => coerceTo(binder, bindExpression(term, context), typeOid.bool, what));
      return { kind: expression.kind, terms, type: bool, location };
    }
    case "not": {
      const term = coerceTo(binder, bindExpression(expression.term, context), typeOid.bool, "NOT");
      return { kind: "not", term, type: bool, location };
    }
    case "isTest":
      return bindTest(expression, context);
    case "nullIf": {
      const found = comparison(
        binder,
        "=",
        bindExpression(expression.left, context),
        bindExpression(expression.right, context),
        location,
      );
      const { operator: equality, left, right } = found;
      if (equality.resultType.oid !== typeOid.bool) {
        throw new SqlError("42804", "NULLIF requires = operator to yield boolean", { position: positionOf(location) });
      }
      return { kind: "nullIf", equality, left, right, type: left.type, location };
    }
    case "coalesce": {
      const { items, type } = unify(
        binder,
        bindAll(expression.items, { ...context, setsRefusedBy: "COALESCE" }),
        "COALESCE",
        location,
      );
      return { kind: "coalesce", items, type, location };
    }
    case "greatest":
    case "least": {
      const what = expression.kind.toUpperCase();
      const { items, type } = unify(binder, bindAll(expression.items, context), what, location);
      if (!hasOrder(type.oid))
        throw new SqlError("42883", `could not identify a comparison function for type ${typeLabel(type.oid)}`);
      return { kind: expression.kind, compare: comparatorOf(type.oid), items, type, location };
    }
    case "case":
      return bindCase(expression, context);
    case "functionCall":
      return bindCall(expression, context, bindExpression);
    case "cast": {
      const target = castTarget(expression, binder);
      if (!("oid" in target)) return target;
      return expression.parameter === undefined
        ? bindCast(expression.subject, target, location, context)
        : bindArgument(expression.subject, target, expression.parameter, context);
    }
    case "subquery":
      return bindSubquery(expression, context, bindExpression);
    case "array":
      return bindArray(expression.items, null, location, context);
    case "row": {
      const items = expression.items.flatMap((item) => rowItems(item, context));
      expectFields(items.length, positionOf(location));
      const names = items.map((_, index) => `f${index + 1}`);
      const type = recordType(items.map((item, index) => ({ name: names[index] ?? "", type: item.type })));
      return { kind: "rowOf", names, items, type, location };
    }
    case "indirection":
      return bindIndirection(expression, context);
    case "specialValue":
      return bindSpecial(expression, context);
    case "collate":
      return bindCollate(expression, context);
    case "grouping":
      return bindGrouping(expression.items, context, location, bindExpression);
    case "default":
      throw new SqlError("42601", "DEFAULT is not allowed in this context", { position: positionOf(location) });
    case "currentOf":
      throw notSupported("WHERE CURRENT OF", positionOf(location));
    default:
      return unreachable(expression);
  }
}

/** `t.*` within ROW(…) is its columns. */
export function rowItems(item: Expression, context: ExpressionContext): readonly BoundExpression[] {
  if (item.kind !== "columnName" || !item.isStar) return [bindExpression(item, context)];
  const name = item.parts.at(-1) ?? "";
  const relation = context.scope.relation(item.parts.at(-2) ?? null, name, item.location);
  if (relation === null) throw missingRelation(name, item.location);
  const row = wholeRow({ ...relation, isScalarFunction: false }, item.location);
  return row.kind === "rowOf" ? row.items : [row];
}

/** Integers that fit are integer or bigint; all else is numeric. */
function bindNumber(text: string, location: number): BoundExpression {
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (value >= -(2n ** 31n) && value < 2n ** 31n) {
      return { kind: "constant", value: Number(value), type: sqlType(typeOid.int4), location };
    }
    if (value >= -(2n ** 63n) && value < 2n ** 63n) {
      const held =
        value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      return { kind: "constant", value: held, type: sqlType(typeOid.int8), location };
    }
  }
  if (/^-?0[xob]/i.test(text)) {
    const magnitude = BigInt(text.replace("-", "").replaceAll("_", ""));
    return bindNumber(`${text.startsWith("-") ? "-" : ""}${magnitude}`, location);
  }
  const value = decimalFromText(text.replaceAll("_", ""));
  return { kind: "constant", value, type: sqlType(typeOid.numeric), location };
}

function bindBetween(
  expression: Extract<Expression, { kind: "between" }>,
  context: ExpressionContext,
): BoundExpression {
  const { isNegated, isSymmetric, subject, low, high, location } = expression;
  const test = (name: string, right: Expression): BoundExpression =>
    bindOperator({ kind: "operator", name, schema: null, left: subject, right, location }, context, bindExpression);
  const within = (from: Expression, to: Expression): BoundExpression => ({
    kind: "and",
    terms: [test(">=", from), test("<=", to)],
    type: bool,
    location,
  });
  const beyond = (from: Expression, to: Expression): BoundExpression => ({
    kind: "or",
    terms: [test("<", from), test(">", to)],
    type: bool,
    location,
  });
  const result = isSymmetric
    ? ({
        kind: isNegated ? "and" : "or",
        terms: isNegated ? [beyond(low, high), beyond(high, low)] : [within(low, high), within(high, low)],
        type: bool,
        location,
      } as const)
    : isNegated
      ? beyond(low, high)
      : within(low, high);
  if (isVolatile(result)) throw notSupported("BETWEEN of a volatile expression", positionOf(location));
  return result;
}

function bindTest(expression: Extract<Expression, { kind: "isTest" }>, context: ExpressionContext): BoundExpression {
  const { test, isNegated, location } = expression;
  const bound = bindExpression(expression.subject, context);
  if (test === "null") {
    if (bound.kind === "rowOf" && bound.items.length > 0) {
      // A row IS NULL when all its fields are, IS NOT NULL when none is.
      const terms = bound.items.map(
        (subject) => ({ kind: "isTest", test, isNegated, subject, type: bool, location }) as const,
      );
      return { kind: "and", terms, type: bool, location };
    }
    return {
      kind: "isTest",
      test,
      isNegated,
      subject: isUnknown(bound) && bound.kind !== "parameter" ? asText(context.binder, bound) : bound,
      type: bool,
      location,
    };
  }
  const what = `IS ${isNegated ? "NOT " : ""}${test.toUpperCase()}`;
  const subject = coerceTo(context.binder, bound, typeOid.bool, what);
  return { kind: "isTest", test, isNegated, subject, type: bool, location };
}

function bindCase(expression: CaseExpression, outer: ExpressionContext): BoundExpression {
  const context: ExpressionContext = { ...outer, setsRefusedBy: "CASE" };
  const { binder } = context;
  const { location } = expression;
  const subject = expression.subject === null ? null : asText(binder, bindExpression(expression.subject, context));
  if (subject !== null && isVolatile(subject))
    throw notSupported("CASE of a volatile expression", positionOf(location));
  const conditions = expression.branches.map((branch) => {
    const condition = bindExpression(branch.condition, context);
    if (subject === null) return coerceTo(binder, condition, typeOid.bool, "CASE/WHEN");
    const found = comparison(binder, "=", subject, condition, branch.location);
    return callOf(found.operator, [found.left, found.right], branch.location);
  });
  const otherwise: BoundExpression =
    expression.otherwise === null
      ? { kind: "constant", value: null, type: sqlType(typeOid.unknown), location }
      : bindExpression(expression.otherwise, context);
  const results = expression.branches.map((branch) => bindExpression(branch.result, context));
  const { items, type } = unify(binder, [otherwise, ...results], "CASE", location);
  const [last = otherwise, ...firsts] = items;
  return {
    kind: "case",
    branches: conditions.map((condition, index) => ({ condition, result: firsts[index] ?? last })),
    otherwise: last,
    type,
    location,
  };
}

type ResolvedOperator = ReturnType<typeof resolveOperator>;

export const callOf = (
  operator: ResolvedOperator,
  args: readonly BoundExpression[],
  location: number,
): BoundExpression => ({
  kind: "call",
  callee: operator,
  arguments: args,
  form: "operator",
  type: operator.resultType,
  location,
});

/** An explicit cast. */
export function bindCast(
  subject: Expression,
  target: SqlType,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  const { binder } = context;
  const element = elementTypeOf(target.oid);
  const bound =
    subject.kind === "array" && element !== 0
      ? bindArray(subject.items, sqlType(element, target.modifier), location, context)
      : bindExpression(subject, context);
  return asDomainValue(explicitCast(bound, target, location, context), target, binder, bindExpression);
}

/** What an EXECUTE gives a parameter. With those of the protocol, it is held against the parameter's domain when its statement begins. */
function bindArgument(
  subject: Expression,
  target: SqlType,
  parameter: number,
  context: ExpressionContext,
): BoundExpression {
  const { binder } = context;
  expectWithout(subject, { subquery: "subquery" }, "EXECUTE parameter");
  const bound = bindExpression(subject, plainContext(binder, context.scope, "EXECUTE parameters"));
  const coerced = coerce(binder, bound, beneath(target), "assignment");
  if (coerced !== null) return coerced;
  const [given, expected] = [binder.labelOf(bound.type), binder.labelOf(target)];
  throw new SqlError(
    "42804",
    `parameter $${parameter} of type ${given} cannot be coerced to the expected type ${expected}`,
    { position: positionOf(bound.location), hint: "You will need to rewrite or cast the expression." },
  );
}

export function explicitCast(
  bound: BoundExpression,
  target: SqlType,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  const coerced = coerce(context.binder, bound, target, "explicit");
  if (coerced !== null) return { ...coerced, type: target };
  requireCast(bound.type, target, "explicit", positionOf(location));
  throw notSupported(`a cast from ${typeLabel(bound.type.oid)} to ${typeLabel(target.oid)}`, positionOf(location));
}

function bindArray(
  syntax: readonly Expression[],
  element: SqlType | null,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  const { binder } = context;
  const bound = syntax.map((item) =>
    item.kind === "array" ? bindArray(item.items, element, item.location, context) : bindExpression(item, context),
  );
  if (bound.length === 0 && element === null) {
    throw new SqlError("42P18", "cannot determine type of empty array", {
      position: positionOf(location),
      hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].",
    });
  }
  if (bound.some(({ type }, at) => syntax[at]?.kind === "array" || isArray(type.oid)))
    return bindNested(bound, element, location, context);
  const unified =
    element === null
      ? unify(binder, bound, "ARRAY", location)
      : { items: bound.map((item) => explicitCast(item, element, item.location, context)), type: element };
  return arrayOf(unified.items, unified.type.oid, location);
}

/** An array whose items are arrays. */
function bindNested(
  bound: readonly BoundExpression[],
  element: SqlType | null,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  const target = element === null ? null : sqlType(arrayTypeOf(element.oid), element.modifier);
  const unified =
    target === null
      ? unify(context.binder, bound, "ARRAY", location)
      : { items: bound.map((item) => explicitCast(item, target, item.location, context)), type: target };
  const { oid } = unified.type;
  const elementType = isArray(oid) ? elementTypeOf(oid) : 0;
  if (elementType === 0)
    throw new SqlError("42704", `could not find element type for data type ${typeLabel(oid)}`, {
      position: positionOf(location),
    });
  return { kind: "arrayOf", elementType, items: unified.items, isNested: true, type: sqlType(oid), location };
}

function arrayOf(items: readonly BoundExpression[], elementType: Oid, location: number): BoundExpression {
  const oid = arrayTypeOf(elementType);
  if (oid === 0) {
    throw new SqlError("42704", `could not find array type for data type ${typeLabel(elementType)}`, {
      position: positionOf(location),
    });
  }
  return { kind: "arrayOf", elementType, items, type: sqlType(oid), location };
}

function bindIndirection(expression: Indirection, context: ExpressionContext): BoundExpression {
  // Steps as they are written: subscripts side by side go into one array.
  const steps: Indirection[] = [];
  let base: Expression = expression;
  for (; base.kind === "indirection"; base = base.subject) steps.unshift(base);
  let bound = bindExpression(base, context);
  for (let at = 0; at < steps.length; ) {
    const step = steps[at];
    if (step === undefined) break;
    const isSubscript = ({ step: { kind } }: Indirection): boolean => kind === "index" || kind === "slice";
    const isOfArray = isSubscript(step) && elementTypeOf(bound.type.oid) !== 0 && bound.type.oid !== typeOid.name;
    const end = isOfArray ? steps.findIndex((each, index) => index > at && !isSubscript(each)) : at + 1;
    const run = steps.slice(at, end < 0 ? steps.length : end);
    bound = isOfArray ? bindSubscripts(bound, run, context, bindExpression) : bindStep(bound, step, context);
    at += run.length;
  }
  return bound;
}

function bindStep(subject: BoundExpression, expression: Indirection, context: ExpressionContext): BoundExpression {
  const { binder } = context;
  const { step, location } = expression;
  switch (step.kind) {
    case "field":
      return fieldNamed(step.name, subject, expression, binder);
    case "star":
      throw notSupported('row expansion via "*" here', positionOf(location));
    case "index":
    case "slice": {
      if (subject.type.oid === typeOid.jsonb) {
        const { text } = jsonbSubscript(step, context, bindExpression);
        return operation(binder, "#>", subject, arrayOf([text], typeOid.text, location), location);
      }
      if (subject.type.oid === typeOid.name && step.kind === "index")
        return bindExpression(characterOf(expression.subject, step.index), context);
      throw noSubscripts(subject, location);
    }
  }
}

/** `relname[0]`: one character of a name, counted from 0. */
function characterOf(name: Expression, index: Expression): Expression {
  const one: Expression = { kind: "numberLiteral", text: "1", location: -1 };
  return castTo("char", textCall("substr", castTo("text", name), compare("+", index, one), one));
}

/** Functions that are written without parentheses. */
function bindSpecial(expression: SpecialValue, context: ExpressionContext): BoundExpression {
  const { name, modifier, location } = expression;
  const call = (callee: string): BoundExpression => bindCall(plainCall(callee, location), context, bindExpression);
  const cast = (subject: BoundExpression, oid: Oid): BoundExpression =>
    explicitCast(subject, sqlType(oid, modifier), location, context);
  switch (name) {
    case "current_timestamp":
      return modifier < 0 ? call("now") : cast(call("now"), typeOid.timestamptz);
    case "current_date":
      return explicitCast(call("now"), sqlType(typeOid.date), location, context);
    case "current_time":
      return cast(call("now"), typeOid.timetz);
    case "localtime":
      return cast(call("now"), typeOid.time);
    case "localtimestamp":
      return cast(call("now"), typeOid.timestamp);
    case "current_catalog":
      return call("current_database");
    case "current_role":
    case "user":
      return call("current_user");
    default:
      return call(name);
  }
}

export const plainCall = (name: string, location: number, args: readonly Expression[] = []) => ({
  kind: "functionCall" as const,
  name: [name],
  arguments: args,
  argumentNames: args.map(() => null),
  isVariadic: false,
  isStar: false,
  isDistinct: false,
  order: [],
  isWithinGroup: false,
  filter: null,
  over: null,
  isSqlSyntax: false,
  location,
});

const collations: ReadonlySet<string> = new Set(["C", "POSIX", "default", "ucs_basic"]);

/** Text is compared by its bytes in every collation that there is. */
function bindCollate(
  expression: Extract<Expression, { kind: "collate" }>,
  context: ExpressionContext,
): BoundExpression {
  const name = expression.name.at(-1) ?? "";
  const bound = asText(context.binder, bindExpression(expression.subject, context));
  if ((typeFactsOf(bound.type.oid)?.collation ?? 0) === 0) {
    const message = `collations are not supported by type ${context.binder.labelOf(bound.type)}`;
    throw new SqlError("42804", message, { position: positionOf(expression.location) });
  }
  if (collations.has(name)) return bound;
  throw new SqlError("42704", `collation "${name}" for encoding "UTF8" does not exist`, {
    position: positionOf(expression.location),
  });
}
