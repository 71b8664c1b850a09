/**
 * How strongly a row is locked by who changes it. Those who refer to it may go on beside a change that leaves its key alone, so what counts is
 * whether a column that a foreign key may refer to is another one afterwards, and not whether it was assigned: programs that write all columns
 * of a row give its key the value that it has.
 */
import type { Catalog, TableDefinition } from "../catalog/model.js";
import { isOfColumns } from "../table/index-keys.js";
import { compareBytes } from "../table/key-buffer.js";
import { rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";

/** Of a row that is changed. */
export type ChangeStrength = "update" | "noKeyUpdate";

/** Numbers of the columns that a foreign key may refer to: those of unique indexes of columns and of all rows. */
export function keyColumnsOf(table: TableDefinition, catalog: Catalog): readonly number[] {
  const numbers = new Set(table.keyColumns);
  for (const index of catalog.indexesOf(table))
    if (index.isUnique && isOfColumns(index)) for (const { column } of index.keys) numbers.add(column);
  return [...numbers];
}

/** Whether columns of a row are stored as others than before: equal values that are written otherwise (`1.0` for `1`) are others. */
export function areChanged(
  table: TableDefinition,
  numbers: readonly number[],
  before: readonly Datum[],
  after: readonly Datum[],
): boolean {
  const unlike = numbers.filter((number) => !Object.is(before[number - 1] ?? null, after[number - 1] ?? null));
  if (unlike.length === 0) return false;
  const codec = rowCodecOf(table);
  const stored = (values: readonly Datum[]): Uint8Array =>
    codec.encode(values.map((value, place) => (unlike.includes(place + 1) ? value : null)));
  const [old, now] = [stored(before), stored(after)];
  return compareBytes(old, old.length, now, now.length) !== 0;
}
