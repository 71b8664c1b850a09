/** BETWEEN and IS …: conditions that are written as words. */
import { notSupported } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import { isVolatile } from "../plan/walk.js";
import type { Expression } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { beginningOf } from "./beginning.js";
import { positionOf } from "./binder.js";
import { asText, coerceTo, isUnknown } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { bindOperator } from "./operator.js";
import { expectNoSet } from "./set-collector.js";
import type { Bind } from "./stored.js";

const bool = sqlType(typeOid.bool);

export function bindBetween(
  expression: Extract<Expression, { kind: "between" }>,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { isNegated, isSymmetric, subject, low, high, location } = expression;
  const test = (name: string, right: Expression): BoundExpression => {
    const bound = bindOperator({ kind: "operator", name, schema: null, left: subject, right, location }, context, bind);
    expectNoSet(context.sets, { ...bound, location: beginningOf(subject) }, isNegated ? "OR" : "AND");
    return bound;
  };
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

export function bindTest(
  expression: Extract<Expression, { kind: "isTest" }>,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { test, isNegated, location } = expression;
  const bound = bind(expression.subject, context);
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
  expectNoSet(context.sets, subject, what);
  return { kind: "isTest", test, isNegated, subject, type: bool, location };
}
