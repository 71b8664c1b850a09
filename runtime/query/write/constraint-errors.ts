/**
 * Violated constraints, in PostgreSQL's words and with its fields. Of a row no values are told but those that whoever runs the statement
 * may read, or has given: through a view a table is written that its user may know nothing of.
 */
import type { ConstraintDefinition, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import { shortened, utf8 } from "../types/bytes.js";
import type { Datum } from "../types/datum.js";
import type { SqlType } from "../types/sql-type.js";

type Text = (type: SqlType, value: Datum) => string;
interface Names {
  readonly text: Text;
  schemaName(table: TableDefinition): string;
  unreadable(table: TableDefinition): ReadonlySet<number> | null;
}

/** Bytes of one value in a message. */
const valueBytesMax = 64;

/** A row that is written: its values, and the numbers of the columns that the statement gives values to. */
export interface WrittenRow {
  readonly values: readonly Datum[];
  readonly given: readonly number[];
}

function failingRow(names: Names, table: TableDefinition, { values, given }: WrittenRow): string | undefined {
  const closed = names.unreadable(table);
  const columns = table.columns.filter(
    ({ isDropped, number }) => !isDropped && (closed === null || !closed.has(number) || given.includes(number)),
  );
  if (columns.length === 0) return undefined;
  const shown = columns.map(({ number, type }) => {
    const value = values[number - 1] ?? null;
    return value === null ? "null" : shortened(utf8(names.text(type, value)), valueBytesMax);
  });
  const list = closed === null ? "" : `(${columns.map(({ name }) => name).join(", ")}) = `;
  return `Failing row contains ${list}(${shown.join(", ")}).`;
}

/** Whether the values of a key may be told; of an expression nobody knows of which columns it is. */
function isKeyTold(names: Names, table: TableDefinition, columns: readonly number[]): boolean {
  const closed = names.unreadable(table);
  return closed === null || columns.every((number) => number > 0 && !closed.has(number));
}

const columnNames = (table: TableDefinition, numbers: readonly number[]): string =>
  numbers.map((number) => quoted(table.columns[number - 1]?.name ?? "")).join(", ");

/** A name as it has to be written. */
export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

const valueList = (
  names: Names,
  table: TableDefinition,
  numbers: readonly number[],
  values: readonly Datum[],
): string =>
  numbers
    .map((number, index) => {
      const column = table.columns[number - 1];
      const value = values[index] ?? null;
      return column === undefined || value === null ? "null" : names.text(column.type, value);
    })
    .join(", ");

export const notNullViolated = (names: Names, table: TableDefinition, column: string, row: WrittenRow): SqlError =>
  new SqlError("23502", `null value in column "${column}" of relation "${table.name}" violates not-null constraint`, {
    detail: failingRow(names, table, row),
    schema: names.schemaName(table),
    table: table.name,
    column,
  });

export const checkViolated = (names: Names, table: TableDefinition, constraint: string, row: WrittenRow): SqlError =>
  new SqlError("23514", `new row for relation "${table.name}" violates check constraint "${constraint}"`, {
    detail: failingRow(names, table, row),
    schema: names.schemaName(table),
    table: table.name,
    constraint,
  });

export const checkOptionViolated = (names: Names, table: TableDefinition, view: string, row: WrittenRow): SqlError =>
  new SqlError("44000", `new row violates check option for view "${view}"`, {
    detail: failingRow(names, table, row),
  });

/** @param values of the index's keys */
export function uniqueViolated(
  names: Names,
  table: TableDefinition,
  index: IndexDefinition,
  values: readonly Datum[],
): SqlError {
  const keys = index.keys
    .map(({ column, expression }) =>
      expression === null ? quoted(table.columns[column - 1]?.name ?? "") : expression.text,
    )
    .join(", ");
  const shown = index.keys
    .map(({ type }, at) => {
      const value = values[at] ?? null;
      return value === null ? "null" : names.text(type, value);
    })
    .join(", ");
  return new SqlError("23505", `duplicate key value violates unique constraint "${index.name}"`, {
    detail: isKeyTold(
      names,
      table,
      index.keys.map(({ column }) => column),
    )
      ? `Key (${keys})=(${shown}) already exists.`
      : undefined,
    schema: names.schemaName(table),
    table: table.name,
    constraint: index.name,
  });
}

function keyText(names: Names, table: TableDefinition, columns: readonly number[], values: readonly Datum[]): string {
  if (!isKeyTold(names, table, columns)) return "Key";
  return `Key (${columnNames(table, columns)})=(${valueList(names, table, columns, values)})`;
}

type ForeignKey = Extract<ConstraintDefinition, { kind: "foreignKey" }>;

/** @param values of the constraint's columns, in its order */
export const parentMissing = (
  names: Names,
  child: TableDefinition,
  constraint: ForeignKey,
  parent: TableDefinition,
  values: readonly Datum[],
): SqlError =>
  new SqlError(
    "23503",
    `insert or update on table "${child.name}" violates foreign key constraint "${constraint.name}"`,
    {
      detail: `${keyText(names, child, constraint.columns, values)} is not present in table "${parent.name}".`,
      schema: names.schemaName(child),
      table: child.name,
      constraint: constraint.name,
    },
  );

/** A key of which some columns are NULL and others are not. */
export const keyMixed = (names: Names, child: TableDefinition, constraint: ForeignKey): SqlError =>
  new SqlError(
    "23503",
    `insert or update on table "${child.name}" violates foreign key constraint "${constraint.name}"`,
    {
      detail: "MATCH FULL does not allow mixing of null and nonnull key values.",
      schema: names.schemaName(child),
      table: child.name,
      constraint: constraint.name,
    },
  );

/** @param values of the referenced columns, in the constraint's order */
export const stillReferenced = (
  names: Names,
  parent: TableDefinition,
  constraint: ForeignKey,
  child: TableDefinition,
  values: readonly Datum[],
): SqlError =>
  new SqlError(
    "23503",
    `update or delete on table "${parent.name}" violates foreign key constraint "${constraint.name}" on table "${child.name}"`,
    {
      detail: `${keyText(names, parent, constraint.referencedColumns, values)} is still referenced from table "${child.name}".`,
      schema: names.schemaName(child),
      table: child.name,
      constraint: constraint.name,
    },
  );

export const concurrentUpdate = (): SqlError =>
  new SqlError("40001", "could not serialize access due to concurrent update");
export const concurrentDelete = (): SqlError =>
  new SqlError("40001", "could not serialize access due to concurrent delete");

/** Whether a row is in the way must be known with the row. */
export const arbiterDeferrable = (names: Names, table: TableDefinition, index: IndexDefinition): SqlError =>
  new SqlError(
    "55000",
    "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters",
    { schema: names.schemaName(table), table: table.name, constraint: index.name },
  );
