/** CASE, with a value to compare and without. */
import { notSupported } from "../error.js";
import type { resolveOperator } from "../functions/resolve.js";
import type { BoundExpression } from "../plan/expression.js";
import { isVolatile } from "../plan/walk.js";
import type { CaseExpression } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { positionOf } from "./binder.js";
import { asText, coerceTo, unify } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { comparison } from "./operator.js";
import type { Bind } from "./stored.js";

export function bindCase(expression: CaseExpression, outer: ExpressionContext, bind: Bind): BoundExpression {
  const context: ExpressionContext = { ...outer, setsRefusedBy: "CASE" };
  const { binder } = context;
  const { location } = expression;
  const subject = expression.subject === null ? null : asText(binder, bind(expression.subject, context));
  // With one branch it is evaluated once, as it should be.
  if (subject !== null && isVolatile(subject) && expression.branches.length > 1)
    throw notSupported("CASE of a volatile expression", positionOf(location));
  const conditions = expression.branches.map((branch) => {
    const condition = bind(branch.condition, context);
    if (subject === null) return coerceTo(binder, condition, typeOid.bool, "CASE/WHEN");
    const found = comparison(binder, "=", subject, condition, branch.location);
    return callOf(found.operator, [found.left, found.right], branch.location);
  });
  const otherwise: BoundExpression =
    expression.otherwise === null
      ? { kind: "constant", value: null, type: sqlType(typeOid.unknown), location }
      : bind(expression.otherwise, context);
  const results = expression.branches.map((branch) => bind(branch.result, context));
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

const callOf = (operator: ResolvedOperator, args: readonly BoundExpression[], location: number): BoundExpression => ({
  kind: "call",
  callee: operator,
  arguments: args,
  form: "operator",
  type: operator.resultType,
  location,
});
