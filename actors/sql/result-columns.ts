/** Result columns as RowDescription tells them. */
import type { ResultColumn } from "../../runtime/query/bind/bound.js";
import { typeLengthOf } from "../../runtime/query/types/type-table.js";
import type { SqlColumn } from "../messages/sql.js";

export const sqlColumns = (columns: readonly ResultColumn[]): SqlColumn[] =>
  columns.map(({ name, type, table, column }) => ({
    name,
    table,
    column,
    type: type.oid,
    typeLength: typeLengthOf(type.oid),
    modifier: type.modifier,
  }));
