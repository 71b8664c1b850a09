/** What DEFAULT may say: a value that is made of no row. */

import { expectWithout, type Telling } from "../../bind/no-query.js";
import type { StoredExpression } from "../../catalog/model.js";
import type { Expression } from "../../syntax/ast-expression.js";
import type { DefinitionPorts } from "./ports.js";

/** The expression as it is kept. Throws 0A000 for one that names a column or has a query. */
export function storeDefault(
  expression: Expression,
  { storeExpression }: DefinitionPorts,
  telling: Telling = "placed",
): StoredExpression {
  expectWithout(expression, { columnName: "column reference", subquery: "subquery" }, "DEFAULT expression", telling);
  return storeExpression(expression);
}
