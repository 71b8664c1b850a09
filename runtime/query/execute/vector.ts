/** Columns of batches: read, written, kept. A batch has `batchRowsMax` rows at most, wherever it comes from. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { type Oid, typeOid } from "../types/sql-type.js";

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

export const isNumberType = (oid: Oid): boolean => numberTypes.has(oid);

export function readAt(vector: ColumnVector, row: number): Datum {
  if (vector.kind === "values") return vector.values[row] ?? null;
  return vector.nulls[row] === 1 ? null : (vector.numbers[row] ?? null);
}

/** A column that operators write: always with room for a whole batch. */
export function newVector(oid: Oid): ColumnVector {
  if (!isNumberType(oid)) return { kind: "values", values: new Array<Datum>(batchRowsMax).fill(null) };
  return {
    kind: "numbers",
    numbers: new Float64Array(batchRowsMax),
    nulls: new Uint8Array(batchRowsMax),
    hasNulls: false,
  };
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
  readonly columns: readonly ColumnVector[];
  rows = 0;

  constructor(types: readonly { readonly type: { readonly oid: Oid } }[]) {
    this.columns = types.map(({ type }) => newVector(type.oid));
  }

  get isFull(): boolean {
    return this.rows === batchRowsMax;
  }

  /** Starts anew; the last batch is no longer valid. */
  clear(): void {
    this.rows = 0;
    for (const column of this.columns) {
      if (column.kind === "numbers") column.hasNulls = false;
    }
  }

  pushRow(row: readonly Datum[]): void {
    assert(this.rows < batchRowsMax, "a batch has room for the row");
    for (const [index, column] of this.columns.entries()) writeAt(column, this.rows, row[index] ?? null);
    this.rows += 1;
  }

  batch(): RowBatch {
    return { rows: this.rows, selection: null, columns: this.columns };
  }
}

/** The rows 0 to `batchRowsMax` - 1. */
export const allRows: Int32Array = Int32Array.from({ length: batchRowsMax }, (_, row) => row);
