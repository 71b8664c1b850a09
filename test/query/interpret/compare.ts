/** Equality and order of rows, one value after the other, by the comparisons of their types. No hashing. */
import type { SortOrder } from "../../../runtime/query/functions/registry.js";
import { comparatorOf } from "../../../runtime/query/types/compare.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";

/** NULLs are the same here: GROUP BY, DISTINCT, UNION. */
export function areSame(types: readonly Oid[], a: readonly Datum[], b: readonly Datum[]): boolean {
  return types.every((type, at) => {
    const [x, y] = [a[at] ?? null, b[at] ?? null];
    return x === null || y === null ? x === y : comparatorOf(type)(x, y) === 0;
  });
}

export function orderOf(keys: readonly SortOrder[], a: readonly Datum[], b: readonly Datum[]): number {
  for (const [at, { compare, isDescending, nullsFirst }] of keys.entries()) {
    const [x, y] = [a[at] ?? null, b[at] ?? null];
    if (x === null && y === null) continue;
    if (x === null) return nullsFirst ? -1 : 1;
    if (y === null) return nullsFirst ? 1 : -1;
    const order = compare(x, y);
    if (order !== 0) return isDescending ? -order : order;
  }
  return 0;
}
