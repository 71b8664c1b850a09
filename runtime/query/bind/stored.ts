/** Expressions that are kept in the catalog. */
import type { StoredExpression } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { ExpressionContext } from "./context.js";

export type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

/** A stored expression: its locations are in another text, so they are not told, unless it has just been written. */
export function bindStored(expression: StoredExpression, context: ExpressionContext, bind: Bind): BoundExpression {
  const { binder } = context;
  const before = binder.namesRowTypes;
  binder.namesRowTypes = null;
  try {
    const bound = binder.withinStored(() => bind(expression.syntax, context));
    if (binder.namesRowTypes !== null) throw notSupported("a table's name as a type in a definition");
    binder.namesRowTypes = before;
    return bound;
  } catch (error) {
    if (error instanceof SqlError && binder.environment.tellsPlaces !== true)
      throw new SqlError(error.sqlState, error.message, { ...error.fields, position: undefined });
    throw error;
  }
}
