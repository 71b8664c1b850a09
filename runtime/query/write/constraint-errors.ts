/** Violated constraints, in PostgreSQL's words and with its fields. */
import type { ConstraintDefinition, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import { shortened, utf8 } from "../types/bytes.js";
import type { Datum } from "../types/datum.js";
import type { SqlType } from "../types/sql-type.js";

type Text = (type: SqlType, value: Datum) => string;
interface Names {
  readonly text: Text;
  schemaName(table: TableDefinition): string;
}

/** Bytes of one value in a message. */
const valueBytesMax = 64;

function failingRow(names: Names, table: TableDefinition, values: readonly Datum[]): string {
  const shown = table.columns
    .filter(({ isDropped }) => !isDropped)
    .map(({ number, type }) => {
      const value = values[number - 1] ?? null;
      return value === null ? "null" : shortened(utf8(names.text(type, value)), valueBytesMax);
    });
  return `Failing row contains (${shown.join(", ")}).`;
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

export const notNullViolated = (
  names: Names,
  table: TableDefinition,
  column: string,
  values: readonly Datum[],
): SqlError =>
  new SqlError("23502", `null value in column "${column}" of relation "${table.name}" violates not-null constraint`, {
    detail: failingRow(names, table, values),
    schema: names.schemaName(table),
    table: table.name,
    column,
  });

export const checkViolated = (
  names: Names,
  table: TableDefinition,
  constraint: string,
  values: readonly Datum[],
): SqlError =>
  new SqlError("23514", `new row for relation "${table.name}" violates check constraint "${constraint}"`, {
    detail: failingRow(names, table, values),
    schema: names.schemaName(table),
    table: table.name,
    constraint,
  });

export const checkOptionViolated = (
  names: Names,
  table: TableDefinition,
  view: string,
  values: readonly Datum[],
): SqlError =>
  new SqlError("44000", `new row violates check option for view "${view}"`, {
    detail: failingRow(names, table, values),
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
    detail: `Key (${keys})=(${shown}) already exists.`,
    schema: names.schemaName(table),
    table: table.name,
    constraint: index.name,
  });
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
      detail: `Key (${columnNames(child, constraint.columns)})=(${valueList(names, child, constraint.columns, values)}) is not present in table "${parent.name}".`,
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
      detail: `Key (${columnNames(parent, constraint.referencedColumns)})=(${valueList(names, parent, constraint.referencedColumns, values)}) is still referenced from table "${child.name}".`,
      schema: names.schemaName(child),
      table: child.name,
      constraint: constraint.name,
    },
  );

export const concurrentUpdate = (): SqlError =>
  new SqlError("40001", "could not serialize access due to concurrent update");
export const concurrentDelete = (): SqlError =>
  new SqlError("40001", "could not serialize access due to concurrent delete");
