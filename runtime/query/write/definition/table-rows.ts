/**
 * Definitions that have to do with rows that are there: a constraint that all rows must fulfil, a table written anew under another storage.
 */
import { AssertionFailed, assert } from "../../../types/assert.js";
import type { Catalog, ConstraintDefinition, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import { readAt } from "../../execute/vector.js";
import type { DomainRule } from "../../functions/domain-check.js";
import type { ColumnVector, ScanBatch } from "../../table/access.js";
import type { Datum } from "../../types/datum.js";
import { immediate } from "../deferred-checks.js";
import { ForeignKeys } from "../foreign-keys.js";
import type { RowLocks, WritePorts } from "../ports.js";
import { TableWriter } from "../table-writer.js";
import type { DefinitionPorts } from "./ports.js";

export interface ScannedRow {
  readonly key: Uint8Array;
  /** By column number - 1. */
  readonly values: Datum[];
}

/** Batches of all rows of a table as it is now, the transaction's own included; each valid until the next. */
function* batchesOf(
  ports: WritePorts,
  table: TableDefinition,
  columns: readonly number[],
  wantsKeys: boolean,
): Iterable<ScanBatch> {
  const scan = ports.source.scan({
    table,
    index: null,
    ranges: [{ from: null, to: null }],
    isBackward: false,
    columns,
    wantsKeys,
    history: null,
  });
  try {
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      ports.check();
      yield batch;
    }
  } finally {
    scan.close();
  }
}

function expectColumn({ columns }: ScanBatch, index: number): ColumnVector {
  const column = columns[index];
  if (column === undefined) throw new AssertionFailed("a scan has the columns that were asked for");
  return column;
}

/** Every row of a table as it is now, the transaction's own included. */
export function* rowsOf(ports: WritePorts, table: TableDefinition): Iterable<ScannedRow> {
  const live = table.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => number);
  const none: readonly Datum[] = table.columns.map(() => null);
  for (const batch of batchesOf(ports, table, live, true)) {
    const columns = live.map((number, index) => ({ place: number - 1, column: expectColumn(batch, index) }));
    for (let row = 0; row < batch.rows; row++) {
      const values = none.slice();
      for (const { place, column } of columns) values[place] = readAt(column, row);
      const key = batch.keys[row];
      if (key === undefined) throw new AssertionFailed("a scan that was asked for keys has them");
      yield { key, values };
    }
  }
}

/** Rows that are loaded from while they are walked; all at once when the transaction has written some of them itself. */
function rowsToLoad(ports: DefinitionPorts, write: WritePorts, table: TableDefinition): Iterable<ScannedRow> {
  const source = ports.committed();
  return source === null ? collected(write, table) : rowsOf({ ...write, source }, table);
}

/** All rows at once, so that they can be written while they are walked. */
export const collected = (ports: WritePorts, table: TableDefinition): ScannedRow[] => [...rowsOf(ports, table)];

/** Throws when a row breaks a constraint that was added. */
export function checkRows(ports: DefinitionPorts, table: TableDefinition, constraint: ConstraintDefinition): void {
  const write = ports.write(ports.draft.catalog);
  const only: TableDefinition = { ...table, constraints: [constraint] };
  if (constraint.kind === "foreignKey") {
    // As in PostgreSQL, which looks at all rows by one query. Whoever removes one that is referred to looks for those that refer to it: the
    // constraint is known by then, or the table's lock has kept them out.
    const locks: RowLocks = {
      lock: () => true,
      hold: () => true,
      lockTable: (parent, isWritten) => write.locks.lockTable(parent, isWritten),
      awaitWriters: () => undefined,
    };
    const keys = new ForeignKeys({ ...write, timing: immediate, locks }, new Map());
    for (const { key, values } of collected(write, table)) keys.wrote(only, null, { key, values, from: 0 });
    keys.settle();
    return;
  }
  if (constraint.kind !== "check") return;
  const rules = write.rulesOf({ ...only, indexes: [] });
  const rule = rules.checks.find(({ name, domain }) => domain === null && name === constraint.name);
  if (rule === undefined) throw new AssertionFailed("a check of a table is among its rules");
  const holds = write.compile(rule.expression, rules.rowIds);
  for (const { values } of rowsOf(write, table)) {
    const image = table.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => values[number - 1] ?? null);
    if (holds(image) !== false) continue;
    throw new SqlError(
      "23514",
      `check constraint "${constraint.name}" of relation "${table.name}" is violated by some row`,
      {
        schema: write.schemaName(table),
        table: table.name,
        constraint: constraint.name,
      },
    );
  }
}

/** Throws when a value of a column breaks one of the chosen rules of its domain. */
export function checkDomain(
  ports: DefinitionPorts,
  table: TableDefinition,
  column: number,
  isChosen: (rule: DomainRule) => boolean,
  failed: (rule: DomainRule) => SqlError,
): void {
  const write = ports.write(ports.draft.catalog);
  const rules = write.rulesOf({ ...table, constraints: [], indexes: [] });
  const chosen = rules.checks.flatMap(({ domain, expression }) =>
    domain !== null && domain.column === column && isChosen(domain)
      ? [{ domain, holds: write.compile(expression, rules.rowIds) }]
      : [],
  );
  if (chosen.length === 0) return;
  for (const { values } of rowsOf(write, table)) {
    const image = table.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => values[number - 1] ?? null);
    const broken = chosen.find(({ holds }) => holds(image) === false);
    if (broken !== undefined) throw failed(broken.domain);
  }
}

/** Throws when a column that must not be NULL is. */
export function checkNotNull(ports: DefinitionPorts, table: TableDefinition, number: number): void {
  const write = ports.write(ports.draft.catalog);
  const column = table.columns[number - 1];
  assert(column !== undefined, "a column is one of its table's");
  for (const batch of batchesOf(write, table, [number], false)) {
    const values = expectColumn(batch, 0);
    let row = 0;
    while (row < batch.rows && readAt(values, row) !== null) row++;
    if (row === batch.rows) continue;
    throw new SqlError("23502", `column "${column.name}" of relation "${table.name}" contains null values`, {
      schema: write.schemaName(table),
      table: table.name,
      column: column.name,
    });
  }
}

export const hasRows = (ports: DefinitionPorts, table: TableDefinition): boolean => {
  for (const { rows } of batchesOf(ports.write(ports.draft.catalog), table, [], false)) if (rows > 0) return true;
  return false;
};

/**
 * Writes all rows of a table under its new definition, which has a storage of its own and so have its indexes. What lies under the old
 * storage stays for the past.
 *
 * @param change a row's values by the old definition's columns become those of the new one
 */
export function rewrite(
  ports: DefinitionPorts,
  old: TableDefinition,
  oldCatalog: Catalog,
  next: TableDefinition,
  change: (values: readonly Datum[]) => Datum[],
): void {
  assert(old.storage !== next.storage, "rows that are written anew lie under a new storage");
  const rows = rowsToLoad(ports, ports.write(oldCatalog), old);
  const write = { ...ports.write(ports.draft.catalog), ...ports.load() };
  const writer = new TableWriter(next, write.rulesOf(next), write);
  try {
    for (const { values } of rows) {
      const row = change(values);
      writer.prepare(row, "all");
      writer.insert(row, "none");
    }
    writer.settle({ ...ports.write(ports.draft.catalog), timing: immediate });
  } catch (error) {
    throw error instanceof SqlError && error.sqlState === "23505" ? indexNotBuilt(error) : error;
  }
}

/** Rows that were there have become alike: it is their index that cannot be made. */
const indexNotBuilt = ({ fields }: SqlError): SqlError =>
  new SqlError("23505", `could not create unique index "${fields.constraint ?? ""}"`, {
    ...fields,
    detail: fields.detail?.replace(/ already exists\.$/, " is duplicated."),
  });

/** Changes all rows of a table in their places. */
export function updateRows(ports: DefinitionPorts, table: TableDefinition, change: (values: Datum[]) => void): void {
  const write = ports.write(ports.draft.catalog);
  const writer = new TableWriter(table, write.rulesOf(table), write);
  for (const { key, values } of collected(write, table)) {
    const next = [...values];
    change(next);
    writer.prepare(next, "all");
    writer.update({ key, values, from: 0 }, next);
  }
  writer.settle();
}
