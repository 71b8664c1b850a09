/** What DEFAULT may say: a value that is made of no row. */
import type { StoredExpression } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";

/** The expression as it is kept. Throws 0A000 for one that names a column or has a query. */
export function storeDefault(expression: Expression, { storeExpression }: DefinitionPorts): StoredExpression {
  expectRowless(expression);
  return storeExpression(expression);
}

function expectRowless(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  const { kind, location } = node as { readonly kind?: unknown; readonly location?: unknown };
  if (kind === "columnName" || kind === "subquery") {
    const what = kind === "subquery" ? "subquery" : "column reference";
    const position = typeof location === "number" ? placeOf(location) : undefined;
    throw new SqlError("0A000", `cannot use ${what} in DEFAULT expression`, { position });
  }
  for (const value of Object.values(node)) expectRowless(value);
}
