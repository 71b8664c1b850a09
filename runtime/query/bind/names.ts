/** What an output column is called that was given no name. */
import type { Expression } from "../syntax/ast-expression.js";
import type { Query } from "../syntax/ast-query.js";

const nameless = "?column?";

export const columnNameOf = (expression: Expression): string => figure(expression) ?? nameless;

function figure(expression: Expression): string | null {
  switch (expression.kind) {
    case "columnName":
      return expression.parts.at(-1) ?? null;
    case "functionCall":
      return expression.name.at(-1) ?? null;
    case "cast":
      return figure(expression.subject) ?? expression.type.names.at(-1) ?? null;
    case "collate":
      return figure(expression.subject);
    case "case":
      return (expression.otherwise === null ? null : strong(expression.otherwise)) ?? "case";
    case "coalesce":
    case "greatest":
    case "least":
    case "array":
    case "row":
    case "grouping":
      return expression.kind;
    case "nullIf":
      return "nullif";
    case "booleanLiteral":
      return "bool";
    case "specialValue":
      return expression.name;
    case "indirection":
      return expression.step.kind === "field" ? expression.step.name : figure(expression.subject);
    case "subquery":
      if (expression.form === "exists" || expression.form === "array") return expression.form;
      return expression.form === "scalar" ? firstName(expression.query) : null;
    default:
      return null;
  }
}

/** A name that is better than "case": that of a column or function, and none that a type gave. */
const strong = (expression: Expression): string | null =>
  expression.kind === "cast" || expression.kind === "booleanLiteral" ? null : figure(expression);

function firstName(query: Query): string | null {
  let at = query;
  while (at.kind === "setOperation") at = at.left;
  if (at.kind === "values") return "column1";
  const [item] = at.items;
  return item === undefined ? null : (item.name ?? figure(item.expression));
}
