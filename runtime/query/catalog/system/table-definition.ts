/** Definitions of tables that nobody has made: plain columns, no storage, nothing that depends on them. */
import { type Oid, sqlType } from "../../types/sql-type.js";
import type { TableDefinition } from "../model.js";

/** A column of such a table. */
export interface SystemColumn {
  readonly name: string;
  readonly type: Oid;
  readonly isNotNull: boolean;
}

export const systemTable = (
  named: Pick<TableDefinition, "oid" | "name" | "schema" | "owner">,
  columns: readonly SystemColumn[],
  keyColumns: readonly number[] = [],
): TableDefinition => ({
  kind: "table",
  ...named,
  storage: 0,
  columns: columns.map(({ name, type, isNotNull }, index) => ({
    number: index + 1,
    name,
    type: sqlType(type),
    isNotNull,
    default: null,
    identity: null,
    generated: null,
    sequence: 0,
    isDropped: false,
    missingValue: null,
  })),
  keyColumns,
  constraints: [],
  indexes: [],
  version: 0,
});
