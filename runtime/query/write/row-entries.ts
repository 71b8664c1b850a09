/** Entries of rows in the indexes of their table, made of values alone. */
import type { RowRules } from "../bind/bound.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import { isOfColumns } from "../table/index-keys.js";
import type { Datum } from "../types/datum.js";
import type { WritePorts } from "./ports.js";

/** The entry of a row in one index. */
export interface EntryOf {
  readonly index: IndexDefinition;
  /** Values of its keys, of a row's values by column number - 1; null for a row that has no entry. */
  keysOf(values: readonly Datum[]): readonly Datum[] | null;
}

/** All but the primary key's, which is the rows' own tree. */
export function entriesOf(
  table: TableDefinition,
  rules: RowRules,
  { compile }: Pick<WritePorts, "compile">,
): readonly EntryOf[] {
  const live = table.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => number);
  const imageOf = (values: readonly Datum[]): readonly Datum[] => live.map((number) => values[number - 1] ?? null);
  return rules.indexes
    .filter(({ index }) => !index.isPrimary)
    .map(({ index, keys, predicate }): EntryOf => {
      if (isOfColumns(index)) {
        const columns = index.keys.map(({ column }) => column);
        return { index, keysOf: (values) => columns.map((number) => values[number - 1] ?? null) };
      }
      const computed = keys.map((expression) => compile(expression, rules.rowIds));
      const holds = predicate === null ? null : compile(predicate, rules.rowIds);
      const keysOf = (values: readonly Datum[]): readonly Datum[] | null => {
        const image = imageOf(values);
        return holds !== null && holds(image) !== true ? null : computed.map((expression) => expression(image));
      };
      return { index, keysOf };
    });
}
