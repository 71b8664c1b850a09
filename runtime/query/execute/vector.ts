/** Columns of batches: read, written, kept. A batch has `batchRowsMax` rows at most, wherever it comes from. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { isEnum } from "../types/user-types.js";

/** Types whose every value is a JavaScript number. */
const numberTypes: ReadonlySet<Oid> = new Set([
  typeOid.int2,
  typeOid.int4,
  typeOid.oid,
  typeOid.float4,
  typeOid.float8,
  typeOid.date,
  typeOid.time,
]);

export const isNumberType = (oid: Oid): boolean => numberTypes.has(oid) || isEnum(oid);

export function readAt(vector: ColumnVector, row: number): Datum {
  if (vector.kind === "values") return vector.values[row] ?? null;
  return vector.nulls[row] === 1 ? null : (vector.numbers[row] ?? null);
}

/** A column that operators write: always with room for a whole batch. */
export function newVector(oid: Oid, rows = batchRowsMax): ColumnVector {
  if (!isNumberType(oid)) return { kind: "values", values: [] };
  return { kind: "numbers", numbers: new Float64Array(rows), nulls: new Uint8Array(rows), hasNulls: false };
}

/** The same column with room for a whole batch. */
function grown(vector: ColumnVector): ColumnVector {
  if (vector.kind === "values") return vector;
  const numbers = new Float64Array(batchRowsMax);
  const nulls = new Uint8Array(batchRowsMax);
  numbers.set(vector.numbers);
  nulls.set(vector.nulls);
  return { kind: "numbers", numbers, nulls, hasNulls: vector.hasNulls };
}

/** Rows that a batch has room for before it grows: most statements yield a few. */
const fewRows = 16;

/** Columns that gather rows: small at first, of a whole batch when they must be. */
export class GrowingColumns {
  columns: readonly ColumnVector[];
  #capacity = fewRows;

  constructor(types: readonly { readonly type: { readonly oid: Oid } }[]) {
    this.columns = types.map(({ type }) => newVector(type.oid, fewRows));
  }

  /** Columns with room for row number `row`. */
  at(row: number): readonly ColumnVector[] {
    if (row >= this.#capacity) {
      this.columns = this.columns.map(grown);
      this.#capacity = batchRowsMax;
    }
    return this.columns;
  }
}

export function writeAt(vector: ColumnVector, row: number, value: Datum): void {
  if (vector.kind === "values") {
    vector.values[row] = value;
  } else if (value === null) {
    vector.nulls[row] = 1;
    vector.hasNulls = true;
  } else {
    assert(typeof value === "number", "a column of numbers holds numbers");
    vector.numbers[row] = value;
    vector.nulls[row] = 0;
  }
}

/** Copies one value from vector to vector. */
export function copyAt(source: ColumnVector, from: number, target: ColumnVector, to: number): void {
  if (target.kind === "numbers" && source.kind === "numbers") {
    target.numbers[to] = source.numbers[from] ?? 0;
    const isNull = source.nulls[from] ?? 0;
    target.nulls[to] = isNull;
    if (isNull === 1) target.hasNulls = true;
  } else if (target.kind === "values" && source.kind === "values") {
    target.values[to] = source.values[from] ?? null;
  } else writeAt(target, to, readAt(source, from));
}

/** Gathers rows into a batch of its own; says when it is full. */
export class BatchBuilder {
  readonly #growing: GrowingColumns;
  rows = 0;

  constructor(types: readonly { readonly type: { readonly oid: Oid } }[]) {
    this.#growing = new GrowingColumns(types);
  }

  get isFull(): boolean {
    return this.rows === batchRowsMax;
  }

  /** The columns, with room for the next row. */
  get columns(): readonly ColumnVector[] {
    return this.#growing.at(this.rows);
  }

  /** Starts anew; the last batch is no longer valid. */
  clear(): void {
    this.rows = 0;
    for (const column of this.#growing.columns) {
      if (column.kind === "numbers") column.hasNulls = false;
    }
  }

  /** Room for so many rows, which the caller writes. */
  reserve(rows: number): readonly ColumnVector[] {
    assert(rows <= batchRowsMax, "a batch has room for the rows");
    this.rows = rows;
    return this.#growing.at(Math.max(0, rows - 1));
  }

  pushRow(row: readonly Datum[]): void {
    assert(this.rows < batchRowsMax, "a batch has room for the row");
    const { columns } = this;
    for (let index = 0; index < columns.length; index += 1) {
      const column = columns[index];
      if (column !== undefined) writeAt(column, this.rows, row[index] ?? null);
    }
    this.rows += 1;
  }

  batch(): RowBatch {
    return { rows: this.rows, selection: null, columns: this.#growing.columns };
  }
}

/** The rows 0 to `batchRowsMax` - 1. */
export const allRows: Int32Array = Int32Array.from({ length: batchRowsMax }, (_, row) => row);

/** The rows of a batch in memory of their own. */
export function copyOf({ rows, selection, columns }: RowBatch): RowBatch {
  const copies = columns.map((column): ColumnVector => {
    const copy: ColumnVector =
      column.kind === "values"
        ? { kind: "values", values: [] }
        : { kind: "numbers", numbers: new Float64Array(rows), nulls: new Uint8Array(rows), hasNulls: false };
    for (let row = 0; row < rows; row += 1) copyAt(column, selection === null ? row : (selection[row] ?? 0), copy, row);
    return copy;
  });
  return { rows, selection: null, columns: copies };
}
