/** Expressions that are kept in the catalog. */
import type { StoredExpression } from "../catalog/model.js";
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { ExpressionContext } from "./context.js";

export type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

/** A stored expression: its locations are in another text, so they are not told. */
export function bindStored(expression: StoredExpression, context: ExpressionContext, bind: Bind): BoundExpression {
  try {
    return bind(expression.syntax, context);
  } catch (error) {
    if (error instanceof SqlError)
      throw new SqlError(error.sqlState, error.message, { ...error.fields, position: undefined });
    throw error;
  }
}
