/** What an output column is called that was given no name. */
import type { Expression } from "../syntax/ast-expression.js";
import type { Query } from "../syntax/ast-query.js";

const nameless = "?column?";

export const columnNameOf = (expression: Expression): string => figure(expression)?.name ?? nameless;

/** Names of an index's columns, of which no two are the same: those of the columns, or of what the expressions would be called. */
export function indexColumnNames(parts: readonly (string | Expression)[]): readonly string[] {
  const names: string[] = [];
  for (const part of parts) {
    const first = typeof part === "string" ? part : (figure(part)?.name ?? "expr");
    let name = first;
    for (let pass = 1; names.includes(name); pass++) name = `${first}${pass}`;
    names.push(name);
  }
  return names;
}

/** A weak name, that of a type or of CASE, gives way to that of a cast around it. */
interface Name {
  readonly name: string;
  readonly isWeak: boolean;
}

const strong = (name: string | undefined): Name | null => (name === undefined ? null : { name, isWeak: false });
const weak = (name: string): Name => ({ name, isWeak: true });

function figure(expression: Expression): Name | null {
  switch (expression.kind) {
    case "columnName":
      return strong(expression.parts.at(-1));
    case "functionCall":
      return strong(expression.name.at(-1));
    case "cast": {
      const inner = figure(expression.subject);
      if (inner !== null && !inner.isWeak) return inner;
      const type = expression.type.names.at(-1);
      return type === undefined ? inner : weak(type);
    }
    case "collate":
      return figure(expression.subject);
    case "case": {
      const inner = expression.otherwise === null ? null : figure(expression.otherwise);
      return inner === null || inner.isWeak ? weak("case") : inner;
    }
    case "coalesce":
    case "greatest":
    case "least":
    case "array":
    case "row":
    case "grouping":
      return strong(expression.kind);
    case "nullIf":
      return strong("nullif");
    case "specialValue":
      return strong(expression.name);
    case "indirection":
      return expression.step.kind === "field" ? strong(expression.step.name) : figure(expression.subject);
    case "subquery":
      if (expression.form === "exists" || expression.form === "array") return strong(expression.form);
      return expression.form === "scalar" ? firstName(expression.query) : null;
    default:
      return null;
  }
}

function firstName(query: Query): Name | null {
  let at = query;
  while (at.kind === "setOperation") at = at.left;
  if (at.kind === "values") return strong("column1");
  const [item] = at.items;
  if (item === undefined) return null;
  return item.name === null ? figure(item.expression) : strong(item.name);
}
