/** Conditions as lists of terms that must all hold. */
import { sqlType, typeOid } from "../types/sql-type.js";
import type { BoundExpression } from "./expression.js";

export function conjunctsOf(condition: BoundExpression | null): readonly BoundExpression[] {
  if (condition === null) return [];
  if (condition.kind === "and") return condition.terms.flatMap(conjunctsOf);
  if (condition.kind === "constant" && condition.value === true) return [];
  return [condition];
}

export function conjunction(terms: readonly BoundExpression[]): BoundExpression | null {
  const [only] = terms;
  if (only === undefined) return null;
  if (terms.length === 1) return only;
  return { kind: "and", terms, type: sqlType(typeOid.bool), location: -1 };
}
