/** The ranges of keys that a scan goes over, with the values that they have when it begins. */
import { assert } from "../../types/assert.js";
import type { PlanBound, ScanNode } from "../plan/plan.js";
import type { KeyBound, KeyRange } from "../table/access.js";
import { SqlArray } from "../types/array.js";
import { comparatorOf, hashKeyOf } from "../types/compare.js";
import type { Datum, Value } from "../types/datum.js";
import type { Execution } from "./execution.js";
import { compileOuter } from "./outer-value.js";

interface CompiledRange {
  readonly isEach: boolean;
  readonly isRowKey: boolean;
  readonly from: CompiledBound | null;
  readonly to: CompiledBound | null;
}

interface CompiledBound {
  readonly values: readonly (() => Datum)[];
  readonly isInclusive: boolean;
  readonly deciding: number;
}

export class ScanRanges {
  readonly #node: ScanNode;
  readonly #ranges: readonly CompiledRange[];

  constructor(node: ScanNode, execution: Execution) {
    this.#node = node;
    const bound = (at: PlanBound | null): CompiledBound | null =>
      at === null
        ? null
        : {
            values: at.values.map((value) => compileOuter(value, execution)),
            isInclusive: at.isInclusive,
            deciding: at.deciding ?? at.values.length,
          };
    this.#ranges = node.ranges.map(({ from, to, isEach, isRowKey }) => {
      const first = bound(from);
      const last = to === from ? first : bound(to);
      return { from: first, to: last, isEach: isEach === true, isRowKey: isRowKey === true };
    });
  }

  /** The ranges with their values; those that a NULL makes empty are left out, and points that are the same are one. */
  evaluate(): readonly KeyRange[] {
    const ranges: KeyRange[] = [];
    for (const { from, to, isEach, isRowKey } of this.#ranges) {
      if (isEach) {
        ranges.push(...pointsOf(from));
        continue;
      }
      const first = from === null ? null : evaluateBound(from);
      const last = to === null ? null : to === from ? first : evaluateBound(to);
      if ((from !== null && first === null) || (to !== null && last === null)) continue;
      ranges.push(isRowKey ? { from: first, to: last, isRowKey } : { from: first, to: last });
    }
    return ranges.length < 2 ? ranges : this.#distinctPoints(ranges);
  }

  /** Several ranges come of a list of values of the same key columns: sorted, each once. */
  #distinctPoints(ranges: readonly KeyRange[]): readonly KeyRange[] {
    const types = keyTypesOf(this.#node);
    const keys = new Set<string>();
    const unique = ranges.filter(({ from }) => {
      const key = (from?.values ?? [])
        .map((value, index) => (value === null ? "" : String(hashKeyOf(types[index]?.oid ?? 0)(value))))
        .join("\0");
      if (keys.has(key)) return false;
      keys.add(key);
      return true;
    });
    return unique.toSorted((a, b) => {
      for (const [index, type] of types.entries()) {
        const [x, y] = [a.from?.values[index] ?? null, b.from?.values[index] ?? null];
        if (x === null || y === null) return 0;
        const order = comparatorOf(type.oid)(x, y);
        if (order !== 0) return type.isDescending ? -order : order;
      }
      return 0;
    });
  }
}

function evaluateBound(bound: CompiledBound): KeyBound | null {
  const values: Value[] = [];
  for (const compute of bound.values) {
    const value = compute();
    // Where rows are compared, those that are equal up to a NULL are left to the filter.
    if (value === null) return values.length < bound.deciding ? null : { values, isInclusive: true };
    values.push(value);
  }
  return { values, isInclusive: bound.isInclusive };
}

/** A point for each element of the array that stands last. */
function pointsOf(bound: CompiledBound | null): readonly KeyRange[] {
  const values = bound === null ? null : evaluateBound(bound)?.values;
  if (values === null || values === undefined) return [];
  const array = values.at(-1);
  assert(array instanceof SqlArray, "points for each element are made of an array");
  return array.items.flatMap((item): readonly KeyRange[] => {
    if (item === null) return [];
    const point = { values: [...values.slice(0, -1), item], isInclusive: true };
    return [{ from: point, to: point }];
  });
}

function keyTypesOf(node: ScanNode): readonly { readonly oid: number; readonly isDescending: boolean }[] {
  const { index, table } = node;
  if (index !== null) return index.keys.map(({ type, isDescending }) => ({ oid: type.oid, isDescending }));
  return table.keyColumns.map((number) => {
    const column = table.columns.find((one) => one.number === number);
    return { oid: column?.type.oid ?? 0, isDescending: false };
  });
}
