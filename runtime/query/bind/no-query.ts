/**
 * What holds of a row, or is computed of it alone, has no query in it: other rows may change without it. Nor have the arguments of an EXECUTE.
 */
import { SqlError } from "../error.js";
import { positionOf } from "./binder.js";

export type RowExpression =
  | "check constraint"
  | "column generation expression"
  | "index expression"
  | "index predicate"
  | "DEFAULT expression"
  | "EXECUTE parameter";

/** Whether the error says where in the statement it is: PostgreSQL does not for domains and tables that are altered. */
export type Telling = "placed" | "unplaced";

/** Throws 0A000 for syntax that has a node of this kind anywhere in it. */
export function expectWithout(
  node: unknown,
  refused: Readonly<Partial<Record<string, string>>>,
  where: RowExpression,
  telling: Telling = "placed",
): void {
  if (typeof node !== "object" || node === null) return;
  const { kind, location } = node as { readonly kind?: unknown; readonly location?: unknown };
  const what = typeof kind === "string" ? refused[kind] : undefined;
  if (what !== undefined) {
    const position = telling === "placed" && typeof location === "number" ? positionOf(location) : undefined;
    throw new SqlError("0A000", `cannot use ${what} in ${where}`, { position });
  }
  for (const value of Object.values(node)) expectWithout(value, refused, where, telling);
}

export const expectNoQuery = (node: unknown, where: RowExpression, telling: Telling = "placed"): void =>
  expectWithout(node, { subquery: "subquery" }, where, telling);
