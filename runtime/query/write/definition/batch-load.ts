/** Rows of a query, column by column, into a table that is new. */
import { TableKey, tableSpace } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { TableDefinition } from "../../catalog/model.js";
import type { RowBatch } from "../../engine.js";
import { readAt } from "../../execute/vector.js";
import { rowNumberKey } from "../../table/index-keys.js";
import { rowCodecOf } from "../../table/row-codec.js";
import { viewOf } from "../../types/bytes.js";
import type { WritePorts } from "../ports.js";
import { type LoadTarget, rowBytesMax } from "../program/program.js";
import { TableWriter } from "../table-writer.js";

/**
 * Loads all rows of the batches; how many there are. A row's values go straight into its bytes where nothing is checked or computed of them.
 *
 * @param table without a primary key, which has one column for each of the batches' and no rows yet
 */
export function loadBatches(
  table: TableDefinition,
  batches: Iterable<RowBatch>,
  write: WritePorts,
  target: LoadTarget,
): number {
  assert(table.keyColumns.length === 0, "rows of a table that is made of a query are numbered");
  const rules = write.rulesOf(table);
  const isPlain =
    rules.checks.length + rules.generated.length + rules.indexes.length === 0 &&
    table.columns.every(({ isNotNull, isDropped }) => !isNotNull && !isDropped);
  const writer = new TableWriter(table, rules, write);
  const codec = rowCodecOf(table);
  const key = new TableKey().item(write.tenant, table.storage, rowNumberKey(0));
  const keyView = viewOf(key);
  let count = 0;
  for (const { rows, selection, columns } of batches) {
    write.check();
    count += rows;
    for (let index = 0; index < rows; index++) {
      const row = selection === null ? index : (selection[index] ?? 0);
      if (isPlain) {
        codec.begin();
        for (let at = 0; at < columns.length; at++) {
          const column = columns[at];
          assert(column !== undefined, "a batch has all columns");
          codec.put(at, readAt(column, row));
        }
        const length = codec.end();
        if (length >= 0 && length <= rowBytesMax) {
          const number = write.nextRowNumber(table.storage);
          keyView.setUint32(key.length - 8, Math.floor(number / 2 ** 32));
          keyView.setUint32(key.length - 4, number >>> 0);
          target.add(tableSpace.rows, table.storage, key, false, codec.rowBytes, codec.rowView, length);
          continue;
        }
      }
      const values = columns.map((column) => readAt(column, row));
      writer.prepare(values, "all");
      writer.insert(values, "none");
    }
  }
  return count;
}
