/** ORDER BY items, once their expression is known. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { SortKey } from "../plan/plan.js";
import type { SortItem } from "../syntax/ast-expression.js";
import { comparatorOf, isOrdered, isUnsorted } from "../types/compare.js";
import type { SqlType } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { beginningOf } from "./beginning.js";
import { type Binder, positionOf } from "./binder.js";

/** Throws 42883 where values of the type cannot be told to be the same. @param location -1 where the statement has no place for it */
export function expectEquality({ environment }: Binder, { oid }: SqlType, location: number): void {
  if (isOrdered(oid, environment.context)) return;
  throw new SqlError("42883", `could not identify an equality operator for type ${typeLabel(oid)}`, {
    position: positionOf(location),
  });
}

/** NULLs are the greatest: last when ascending, first when descending, unless it says otherwise. 42883 for a type without an order. */
export function bindSort(
  { environment }: Binder,
  item: SortItem,
  expression: BoundExpression | SortItem,
  position?: number,
): SortKey {
  if (!("type" in expression)) throw notSupported("this ORDER BY", position);
  const { oid } = expression.type;
  if (!isOrdered(oid, environment.context) || isUnsorted(oid)) {
    throw new SqlError("42883", `could not identify an ordering operator for type ${typeLabel(oid)}`, {
      position: positionOf(beginningOf(item.expression)),
      hint: "Use an explicit ordering operator or modify the query.",
    });
  }
  if (item.using !== null && item.using !== "<" && item.using !== ">") {
    throw new SqlError("42809", `operator ${item.using} is not a valid ordering operator`, {
      position: positionOf(item.location),
      hint: 'Ordering operators must be "<" or ">" members of btree operator families.',
    });
  }
  const isDescending = item.isDescending || item.using === ">";
  return {
    expression,
    compare: comparatorOf(oid),
    isDescending,
    nullsFirst: item.nullsFirst ?? isDescending,
  };
}

/** Order by a column upwards: what DISTINCT and set operations need. */
export const ascending = (expression: BoundExpression): SortKey => ({
  expression,
  compare: comparatorOf(expression.type.oid),
  isDescending: false,
  nullsFirst: false,
});
