/** The keys by which rows are sorted, computed once for each row, and how rows compare by them. */
import type { SortKey } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { typeOid } from "../types/sql-type.js";
import { compileExpression, type RowFunction } from "./compile.js";
import type { Execution, Layout } from "./execution.js";
import { isNumberType } from "./vector.js";

export type CompareRows = (a: number, b: number) => number;

/** Keys of rows, one list for each key, as they are added. */
export class SortKeys {
  readonly #keys: readonly SortKey[];
  readonly #compute: readonly RowFunction[];
  readonly values: readonly Datum[][];

  constructor(keys: readonly SortKey[], layout: Layout, execution: Execution) {
    this.#keys = keys;
    this.#compute = keys.map(({ expression }) => compileExpression(expression, layout, execution));
    this.values = keys.map(() => []);
  }

  add(columns: readonly ColumnVector[], row: number): void {
    for (const [index, compute] of this.#compute.entries()) this.values[index]?.push(compute(columns, row));
  }

  clear(): void {
    for (const list of this.values) list.length = 0;
  }

  /** Keys of a row that is not added. */
  keysOf(columns: readonly ColumnVector[], row: number): readonly Datum[] {
    return this.#compute.map((compute) => compute(columns, row));
  }

  /** Order of a row that was not added against keys. */
  compareWith(columns: readonly ColumnVector[], row: number, keys: readonly Datum[]): number {
    for (let index = 0; index < this.#keys.length; index += 1) {
      const key = this.#keys[index];
      const x = this.#compute[index]?.(columns, row) ?? null;
      const y = keys[index] ?? null;
      if (key === undefined) continue;
      if (x === null || y === null) {
        if (x === y) continue;
        return (x === null) === key.nullsFirst ? -1 : 1;
      }
      const order = key.compare(x, y);
      if (order !== 0) return key.isDescending ? -order : order;
    }
    return 0;
  }

  /** Whether a row that was not added has the first so many keys of the row that was added last; true when there is none. */
  agreesWithLast(columns: readonly ColumnVector[], row: number, count: number): boolean {
    for (let index = 0; index < count; index += 1) {
      const list = this.values[index];
      if (list === undefined || list.length === 0) continue;
      const x = this.#compute[index]?.(columns, row) ?? null;
      const y = list.at(-1) ?? null;
      if (x === null || y === null) {
        if (x !== y) return false;
      } else if (this.#keys[index]?.compare(x, y) !== 0) return false;
    }
    return true;
  }

  /** Order of rows by the numbers in which they were added. */
  comparison(from = 0, to = this.#keys.length): CompareRows {
    const parts = this.#keys.slice(from, to).map((key, index) => comparisonOf(key, this.values[from + index] ?? []));
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    return (a, b) => {
      for (const part of parts) {
        const order = part(a, b);
        if (order !== 0) return order;
      }
      return 0;
    };
  }
}

function comparisonOf(key: SortKey, values: readonly Datum[]): CompareRows {
  const { isDescending, nullsFirst } = key;
  const compare = plainComparison(key, values);
  const nullOrder = nullsFirst ? -1 : 1;
  return (a, b) => {
    const x = values[a] ?? null;
    const y = values[b] ?? null;
    if (x === null || y === null) return x === y ? 0 : x === null ? nullOrder : -nullOrder;
    const order = compare(x, y);
    return isDescending ? -order : order;
  };
}

/**
 * The machine's own comparison where it agrees with the type's for all these values: texts without units from the surrogates on, whose
 * order of units is that of code points, and numbers that are numbers.
 */
function plainComparison({ compare, expression }: SortKey, values: readonly Datum[]): SortKey["compare"] {
  const { oid } = expression.type;
  const isPlain =
    oid === typeOid.text || oid === typeOid.varchar
      ? values.every((value) => value === null || (typeof value === "string" && !/[\ud800-\uffff]/.test(value)))
      : isNumberType(oid) && values.every((value) => typeof value === "number" && !Number.isNaN(value));
  return isPlain ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : compare;
}
