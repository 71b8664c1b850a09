/** Conditions that put a value of the right side of a join between values of the left: `b.at >= a.at AND b.at < a.at + interval '1 hour'`. */
import { isRowType } from "../types/type-table.js";
import type { BoundExpression } from "./expression.js";
import { comparesAlike, sidesOf } from "./join-sides.js";
import type { JoinRangeBound, PlanNode } from "./plan.js";
import { expressionKey } from "./walk.js";

export interface JoinRange {
  /** The right side's value. */
  readonly subject: BoundExpression;
  readonly from: JoinRangeBound | null;
  readonly to: JoinRangeBound | null;
  /** The conditions that the range says. */
  readonly terms: readonly BoundExpression[];
}

export const isTwoSided = ({ from, to }: Pick<JoinRange, "from" | "to">): boolean => from !== null && to !== null;

interface Side {
  readonly subject: BoundExpression;
  readonly isLower: boolean;
  readonly bound: JoinRangeBound;
  readonly term: BoundExpression;
}

/** The range from both ends, else the first one; null when there is none. Conditions beyond one for each end are no part of it. */
export function joinRangeOf(conditions: readonly BoundExpression[], left: PlanNode, right: PlanNode): JoinRange | null {
  const sideOf = sidesOf(left, right);
  const ranges = new Map<string, JoinRange>();
  for (const term of conditions) {
    const side = boundOf(term, sideOf);
    const key = side === null ? null : expressionKey(side.subject);
    if (side === null || key === null) continue;
    const { subject, isLower, bound } = side;
    const before = ranges.get(key) ?? { subject, from: null, to: null, terms: [] };
    const end = isLower ? "from" : "to";
    if (before[end] === null) ranges.set(key, { ...before, [end]: bound, terms: [...before.terms, term] });
  }
  const all = [...ranges.values()];
  return all.find(isTwoSided) ?? all[0] ?? null;
}

function boundOf(term: BoundExpression, sideOf: ReturnType<typeof sidesOf>): Side | null {
  if (term.kind !== "call" || term.form !== "operator") return null;
  const { name } = term.callee;
  const [a, b] = term.arguments;
  if (name !== "<" && name !== "<=" && name !== ">" && name !== ">=") return null;
  if (a === undefined || b === undefined || !comparesAlike(a.type.oid, b.type.oid)) return null;
  // Rows may have columns of other types, which is an error of those alone that are compared.
  if (isRowType(a.type.oid)) return null;
  const isInclusive = name === "<=" || name === ">=";
  const isAbove = name === ">" || name === ">=";
  const sides = [sideOf(a), sideOf(b)];
  if (sides[0] === "right" && sides[1] === "left")
    return { subject: a, isLower: isAbove, bound: { value: b, isInclusive }, term };
  if (sides[0] === "left" && sides[1] === "right")
    return { subject: b, isLower: !isAbove, bound: { value: a, isInclusive }, term };
  return null;
}
