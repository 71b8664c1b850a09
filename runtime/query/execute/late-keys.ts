/** Row keys of a table with a primary key, made of the columns that they are of: only for rows that a condition has let pass. */
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import type { RowBatch } from "../engine.js";
import type { ColumnVector } from "../table/access.js";
import { rowKeyCodecOf } from "../table/index-keys.js";
import type { KeyCodec } from "../table/key-codec.js";
import type { Datum } from "../types/datum.js";
import { placeOf } from "./execution.js";
import { readAt } from "./vector.js";

export class LateKeys {
  readonly #codec: KeyCodec;
  /** Where the key's columns are among those that are read. */
  readonly #places: readonly number[];
  readonly #values: Datum[];
  /** Columns to read: those that were asked for, then those of the key that were not. */
  readonly numbers: readonly number[];
  /** By place in the batch; true where `make` was asked for the row. */
  readonly keys: Datum[] = [];

  constructor(table: TableDefinition, asked: readonly number[]) {
    assert(table.keyColumns.length > 0, "a key is made of columns");
    this.#codec = rowKeyCodecOf(table);
    this.numbers = [...asked, ...table.keyColumns.filter((number) => !asked.includes(number))];
    this.#places = table.keyColumns.map((number) => this.numbers.indexOf(number));
    this.#values = this.#places.map(() => null);
  }

  /** @param columns in the order of `numbers` */
  make(columns: readonly ColumnVector[], batch: RowBatch): void {
    for (let index = 0; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      for (let at = 0; at < this.#places.length; at += 1) {
        const column = columns[this.#places[at] ?? 0];
        assert(column !== undefined, "the key's columns are read");
        this.#values[at] = readAt(column, row);
      }
      this.keys[row] = this.#codec.encode(this.#values).slice();
    }
  }
}
