/** Which side of a join an expression is of. */
import { typeOid } from "../types/sql-type.js";
import type { BoundExpression } from "./expression.js";
import type { PlanNode } from "./plan.js";
import { columnsOf, hasSubquery, isVolatile } from "./walk.js";

/** Null for an expression of both sides, of neither, or that may say something else each time it is asked. */
export type SideOf = (expression: BoundExpression) => "left" | "right" | null;

export function sidesOf(left: PlanNode, right: PlanNode): SideOf {
  const leftIds = new Set(left.columns.map(({ id }) => id));
  const rightIds = new Set(right.columns.map(({ id }) => id));
  return (expression) => {
    const used = [...columnsOf(expression)];
    const isLeft = used.some((id) => leftIds.has(id));
    const isRight = used.some((id) => rightIds.has(id));
    if (isLeft === isRight || isVolatile(expression) || hasSubquery(expression)) return null;
    return isLeft ? "left" : "right";
  };
}

const integers: ReadonlySet<number> = new Set([typeOid.int2, typeOid.int4, typeOid.int8]);
const strings: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar]);

/** Types whose values compare with one another as those of one type do, so that equal values have equal hash keys. */
export const comparesAlike = (a: number, b: number): boolean =>
  a === b || (integers.has(a) && integers.has(b)) || (strings.has(a) && strings.has(b));
