/** Rows that an operator keeps, in batches, until it lets go of them. Their memory counts against the statement's budget. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { datumBytes, type MemoryBudget } from "./memory.js";
import { copyAt, newVector, readAt, writeAt } from "./vector.js";

interface KeptBatch {
  rows: number;
  readonly selection: null;
  readonly columns: readonly ColumnVector[];
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
    for (const [index, column] of target.columns.entries()) {
      const source = columns[index];
      assert(source !== undefined, "a kept row has a value for each column");
      copyAt(source, row, column, target.rows);
      if (column.kind === "values") this.#count(column.values[target.rows] ?? null);
    }
    this.#added(target);
  }

  appendRow(row: readonly Datum[]): void {
    const target = this.#room();
    for (const [index, column] of target.columns.entries()) {
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
    const fresh: KeptBatch = { rows: 0, selection: null, columns: this.#types.map(({ type }) => newVector(type.oid)) };
    this.#batches.push(fresh);
    return fresh;
  }

  /** Columns that hold row `row`, in which it is at `row % batchRowsMax`. */
  columnsAt(row: number): readonly ColumnVector[] {
    const batch = this.#batches[Math.floor(row / batchRowsMax)];
    assert(batch !== undefined, "a kept row is in a batch");
    return batch.columns;
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
