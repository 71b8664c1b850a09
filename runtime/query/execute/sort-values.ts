/** Order of rows whose sort keys are at hand. */
import type { SortKey } from "../plan/plan.js";
import type { Datum } from "../types/datum.js";

export function compareSortRows(keys: readonly SortKey[], a: readonly Datum[], b: readonly Datum[]): number {
  for (const [index, { compare, isDescending, nullsFirst }] of keys.entries()) {
    const x = a[index] ?? null;
    const y = b[index] ?? null;
    if (x === null || y === null) {
      if (x === y) continue;
      return (x === null) === nullsFirst ? -1 : 1;
    }
    const order = compare(x, y);
    if (order !== 0) return isDescending ? -order : order;
  }
  return 0;
}
