/** Rows that an operator keeps, in batches, until it lets go of them. Their memory counts against the statement's budget. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { datumBytes, type MemoryBudget } from "./memory.js";
import { copyAt, GrowingColumns, readAt, writeAt } from "./vector.js";

class KeptBatch {
  rows = 0;
  readonly selection = null;
  readonly #growing: GrowingColumns;

  constructor(types: readonly { readonly type: { readonly oid: Oid } }[]) {
    this.#growing = new GrowingColumns(types);
  }

  get columns(): readonly ColumnVector[] {
    return this.#growing.columns;
  }

  /** Columns with room for the next row. */
  room(): readonly ColumnVector[] {
    return this.#growing.at(this.rows);
  }
}

export class KeptRows {
  readonly #types: readonly { readonly type: { readonly oid: Oid } }[];
  readonly #memory: MemoryBudget;
  readonly #batches: KeptBatch[] = [];
  #bytes = 0;
  rows = 0;

  constructor(types: readonly { readonly type: { readonly oid: Oid } }[], memory: MemoryBudget) {
    this.#types = types;
    this.#memory = memory;
  }

  /** Bytes that they take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get batches(): readonly RowBatch[] {
    return this.#batches;
  }

  append(batch: RowBatch): void {
    for (let index = 0; index < batch.rows; index += 1) {
      this.appendAt(batch.columns, batch.selection === null ? index : (batch.selection[index] ?? 0));
    }
  }

  appendAt(columns: readonly ColumnVector[], row: number): void {
    const target = this.#room();
    const own = target.room();
    for (let index = 0; index < own.length; index += 1) {
      const column = own[index];
      const source = columns[index];
      assert(source !== undefined && column !== undefined, "a kept row has a value for each column");
      copyAt(source, row, column, target.rows);
      if (column.kind === "values") this.#count(column.values[target.rows] ?? null);
    }
    this.#added(target);
  }

  appendRow(row: readonly Datum[]): void {
    const target = this.#room();
    for (const [index, column] of target.room().entries()) {
      const value = row[index] ?? null;
      writeAt(column, target.rows, value);
      if (column.kind === "values") this.#count(value);
    }
    this.#added(target);
  }

  #added(target: KeptBatch): void {
    target.rows += 1;
    this.rows += 1;
  }

  #count(value: Datum): void {
    const bytes = datumBytes(value);
    if (bytes <= 8) return;
    this.#bytes += bytes;
    this.#memory.take(bytes);
  }

  #room(): KeptBatch {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.rows < batchRowsMax) return last;
    const bytes = this.#types.length * batchRowsMax * 9 + 128;
    this.#memory.take(bytes);
    this.#bytes += bytes;
    const fresh = new KeptBatch(this.#types);
    this.#batches.push(fresh);
    return fresh;
  }

  /** Columns that hold row `row`, in which it is at `row % batchRowsMax`. */
  columnsAt(row: number): readonly ColumnVector[] {
    const batch = this.#batches[Math.floor(row / batchRowsMax)];
    assert(batch !== undefined, "a kept row is in a batch");
    return batch.columns;
  }

  /** A column of numbers, batch by batch; null for one of other values. */
  numbersOf(column: number): readonly Extract<ColumnVector, { kind: "numbers" }>[] | null {
    const found: Extract<ColumnVector, { kind: "numbers" }>[] = [];
    for (const { columns } of this.#batches) {
      const vector = columns[column];
      if (vector?.kind !== "numbers") return null;
      found.push(vector);
    }
    return found;
  }

  value(row: number, column: number): Datum {
    const vector = this.columnsAt(row)[column];
    assert(vector !== undefined, "a kept row has the column");
    return readAt(vector, row % batchRowsMax);
  }

  row(row: number): Datum[] {
    return this.columnsAt(row).map((vector) => readAt(vector, row % batchRowsMax));
  }

  /** Forgets all rows. */
  clear(): void {
    this.#memory.give(this.#bytes);
    this.#bytes = 0;
    this.#batches.length = 0;
    this.rows = 0;
  }
}
