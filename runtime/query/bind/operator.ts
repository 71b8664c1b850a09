/** Operators, comparisons of rows, IN and ANY/ALL over arrays. */
import { SqlError } from "../error.js";
import type { ResolvedOperator } from "../functions/registry.js";
import { resolveOperator } from "../functions/resolve.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, InList, OperatorCall, QuantifiedCall } from "../syntax/ast-expression.js";
import { hasOrder } from "../types/compare.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { arrayTypeOf, elementTypeOf } from "../types/type-table.js";
import { type Binder, positionOf } from "./binder.js";
import { coerce, coerceArgument, commonOf, isUnknown } from "./coerce.js";
import type { ExpressionContext } from "./context.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

const bool = sqlType(typeOid.bool);
const rowComparisons: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);

export function bindOperator(call: OperatorCall, context: ExpressionContext, bind: Bind): BoundExpression {
  const { name, location } = call;
  if (call.schema !== null && call.schema !== "pg_catalog") {
    throw new SqlError("42883", `operator does not exist: ${call.schema}.${name}`, { position: positionOf(location) });
  }
  if (call.left === null) {
    const right = bind(call.right, context);
    const operator = resolveOperator(name, null, right.type.oid, positionOf(location));
    return operatorCall(operator, [coerceArgument(context.binder, right, operator.rightType)], location);
  }
  const left = bind(call.left, context);
  const right = bind(call.right, context);
  return operation(context.binder, name, left, right, location);
}

/** Of no composite type: such are compared as values, in which NULLs are equal. */
const isPlainRow = (expression: BoundExpression): expression is Extract<BoundExpression, { kind: "rowOf" }> =>
  expression.kind === "rowOf" && expression.type.oid === typeOid.record;

/** `left name right`, rows field by field. */
export function operation(
  binder: Binder,
  name: string,
  left: BoundExpression,
  right: BoundExpression,
  location: number,
): BoundExpression {
  if (isPlainRow(left) && isPlainRow(right) && rowComparisons.has(name)) {
    return compareRows(binder, name, left.items, right.items, location);
  }
  const found = comparison(binder, name, left, right, location);
  return operatorCall(found.operator, [found.left, found.right], location);
}

/** The operator with its operands converted. */
export function comparison(
  binder: Binder,
  name: string,
  left: BoundExpression,
  right: BoundExpression,
  location: number,
): { readonly operator: ResolvedOperator; readonly left: BoundExpression; readonly right: BoundExpression } {
  const operator = resolveOperator(name, left.type.oid, right.type.oid, positionOf(location));
  return {
    operator,
    left: coerceArgument(binder, left, operator.leftType ?? operator.rightType),
    right: coerceArgument(binder, right, operator.rightType),
  };
}

const operatorCall = (
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

function compareRows(
  binder: Binder,
  name: string,
  left: readonly BoundExpression[],
  right: readonly BoundExpression[],
  location: number,
): BoundExpression {
  if (left.length !== right.length) {
    throw new SqlError("42601", "unequal number of entries in row expressions", { position: positionOf(location) });
  }
  if (left.length === 0) {
    const position = positionOf(location);
    throw new SqlError("0A000", "cannot compare rows of zero length", { position });
  }
  const each = (operator: string, index: number): BoundExpression => {
    const [a, b] = [left[index], right[index]];
    if (a === undefined || b === undefined) throw new SqlError("XX000", "a row has fewer entries than it has");
    return operation(binder, operator, a, b, location);
  };
  if (name === "=" || name === "<>") {
    const terms = left.map((_, index) => each(name, index));
    return terms.length === 1 && terms[0] !== undefined
      ? terms[0]
      : { kind: name === "=" ? "and" : "or", terms, type: bool, location };
  }
  // a < x OR (a = x AND (b < y OR …)): the last pair by the operator itself, the others strictly.
  const strict = name.charAt(0);
  let result = each(name, left.length - 1);
  for (let index = left.length - 2; index >= 0; index -= 1) {
    const rest: BoundExpression = { kind: "and", terms: [each("=", index), result], type: bool, location };
    result = { kind: "or", terms: [each(strict, index), rest], type: bool, location };
  }
  return result;
}

/** IS [NOT] DISTINCT FROM. */
export function distinct(
  binder: Binder,
  left: BoundExpression,
  right: BoundExpression,
  isNegated: boolean,
  location: number,
): BoundExpression {
  if (isPlainRow(left) && isPlainRow(right)) {
    if (left.items.length !== right.items.length) {
      throw new SqlError("42601", "unequal number of entries in row expressions", { position: positionOf(location) });
    }
    const terms = left.items.map((item, index) => {
      const other = right.items[index];
      if (other === undefined) throw new SqlError("XX000", "a row has fewer entries than it has");
      return distinct(binder, item, other, isNegated, location);
    });
    return { kind: isNegated ? "and" : "or", terms, type: bool, location };
  }
  const found = comparison(binder, "=", left, right, location);
  return {
    kind: "distinctFrom",
    isNegated,
    equality: found.operator,
    left: found.left,
    right: found.right,
    type: bool,
    location,
  };
}

export function bindIn(list: InList, context: ExpressionContext, bind: Bind): BoundExpression {
  const { binder } = context;
  const { location, isNegated } = list;
  const subject = bind(list.subject, context);
  const items = list.items.map((item) => bind(item, context));
  const hasRows = isPlainRow(subject) || items.some(isPlainRow);
  const common = hasRows ? null : commonOrNull([subject, ...items]);
  if (common === null) {
    const terms = items.map((item) => operation(binder, isNegated ? "<>" : "=", subject, item, location));
    const [only] = terms;
    if (terms.length === 1 && only !== undefined) return only;
    return { kind: isNegated ? "and" : "or", terms, type: bool, location };
  }
  // What cannot be read as the common type is told before that the type has no equality.
  if (items.length > 1 && !hasOrder(common))
    for (const item of items) if (isUnknown(item)) coerce(binder, item, sqlType(common), "implicit");
  const operator = resolveOperator("=", isUnknown(subject) ? common : subject.type.oid, common, positionOf(location));
  // Of several values a literal or parameter has the type that all of them have in common; of a single one it is what `=` takes.
  const inferred = (item: BoundExpression): BoundExpression =>
    items.length > 1 && isUnknown(item) ? (coerce(binder, item, sqlType(common), "implicit") ?? item) : item;
  return {
    kind: "inList",
    isNegated,
    comparison: operator,
    subject: coerceArgument(binder, subject, operator.leftType ?? operator.rightType),
    items: items.map((item) => coerceArgument(binder, inferred(item), operator.rightType)),
    type: bool,
    location,
  };
}

function commonOrNull(items: readonly BoundExpression[]): number | null {
  try {
    return commonOf(items, "IN").oid;
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

export function bindQuantified(call: QuantifiedCall, context: ExpressionContext, bind: Bind): BoundExpression {
  const { binder } = context;
  const { name, location, quantifier } = call;
  const left = bind(call.left, context);
  let array = bind(call.right, context);
  if (isUnknown(array)) {
    const oid = arrayTypeOf(isUnknown(left) ? typeOid.text : left.type.oid);
    array = coerce(binder, array, sqlType(oid), "implicit") ?? array;
  }
  const element = elementTypeOf(array.type.oid);
  if (element === 0) {
    throw new SqlError("42809", "op ANY/ALL (array) requires array on right side", { position: positionOf(location) });
  }
  const operator = resolveOperator(name, left.type.oid, element, positionOf(location));
  if (operator.resultType.oid !== typeOid.bool) {
    throw new SqlError("42809", "op ANY/ALL (array) requires operator to yield boolean", {
      position: positionOf(location),
    });
  }
  return {
    kind: "quantified",
    quantifier,
    comparison: operator,
    left: coerceArgument(binder, left, operator.leftType ?? operator.rightType),
    array: coerceArgument(binder, array, sqlType(arrayTypeOf(operator.rightType.oid))),
    type: bool,
    location,
  };
}
