/**
 * Where an expression begins: errors about all of it point there, those about an operator or a cast to that. PostgreSQL's exprLocation.
 */
import type { Expression } from "../syntax/ast-expression.js";

/** What stands to the left of the expression's own place, if anything does. */
function leftOf(expression: Expression): Expression | null {
  switch (expression.kind) {
    case "operator":
    case "quantified":
    case "distinctFrom":
      return expression.left;
    case "inList":
    case "between":
    case "pattern":
    case "isTest":
    case "cast":
    case "indirection":
    case "collate":
    case "subquery":
      return expression.subject;
    case "and":
    case "or":
      return expression.terms[0] ?? null;
    default:
      return null;
  }
}

/** Its first byte in the statement, without parentheses; -1 where that is not known. */
export function beginningOf(expression: Expression): number {
  let first = expression.location;
  for (let left = leftOf(expression); left !== null; left = leftOf(left))
    if (left.location >= 0 && (first < 0 || left.location < first)) first = left.location;
  return first;
}
