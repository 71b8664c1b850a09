/** `WHERE CURRENT OF`: the row key of what the statement changes is that of the row on which the cursor stands. */
import type { TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import type { BoundExpression, Callee, ColumnId } from "../plan/expression.js";
import type { CurrentOf } from "../syntax/ast-expression.js";
import type { Query } from "../syntax/ast-query.js";
import { bytesOf } from "../types/bytea.js";
import { decodeCursorRow, rowKeyOfCursor } from "../types/cursor-row.js";
import type { Datum } from "../types/datum.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import type { Binder, BoundRows } from "./binder.js";
import type { ResultColumn } from "./bound.js";
import { operation } from "./operator.js";

const bytea = sqlType(typeOid.bytea);

/** @param keyId the column with the key of the table's rows */
export function bindCurrentOf(
  { cursor, parameter }: CurrentOf,
  table: TableDefinition,
  keyId: ColumnId,
  binder: Binder,
): BoundExpression {
  const given = binder.parameter(parameter, -1);
  binder.typeParameter(parameter - 1, bytea, -1);
  const callee: Callee = {
    name: "current_of",
    oid: 0,
    isStrict: false,
    volatility: "stable",
    evaluator: { arity: 1, call: (row) => keyOf(row, cursor, table) },
  };
  const found: BoundExpression = {
    kind: "call",
    callee,
    arguments: [{ ...given, type: bytea }],
    form: "function",
    type: bytea,
    location: -1,
  };
  const own: BoundExpression = { kind: "column", id: keyId, name: "row_key", type: bytea, location: -1 };
  return operation(binder, "=", own, found, -1);
}

/** NULL for a cursor's row that has none of the table. Throws 24000 for a cursor that has no such rows, or stands on none. */
function keyOf(row: Datum, cursor: string, { oid, name }: TableDefinition): Datum {
  if (row === null) throw new SqlError("34000", `cursor "${cursor}" does not exist`);
  const { isLocked, isOnRow, rows } = decodeCursorRow(bytesOf(row));
  const own = rows.filter(({ table }) => table === oid);
  const [only] = own;
  if (only === undefined || own.length > 1) {
    const locks =
      own.length > 1 ? "has multiple FOR UPDATE/SHARE references" : "does not have a FOR UPDATE/SHARE reference";
    const what = isLocked ? `${locks} to` : "is not a simply updatable scan of";
    throw new SqlError("24000", `cursor "${cursor}" ${what} table "${name}"`);
  }
  if (!isOnRow) throw new SqlError("24000", `cursor "${cursor}" is not positioned on a row`);
  return only.key;
}

/**
 * Row keys that come with a cursor's rows, before its columns: of the tables that it locks; without a lock of the only one that it reads, in
 * no order. Others are not simply updatable.
 */
export function keysOfCursor(
  query: Query,
  { parts, locks }: BoundRows,
): readonly { readonly id: ColumnId; readonly column: ResultColumn }[] {
  if (query.isOfCursor !== true || query.kind !== "select") return [];
  const isSimple = query.order.length === 0 && query.from.length === 1 && parts?.length === 1;
  const known = locks !== undefined && locks.length > 0 ? locks : isSimple ? parts : [];
  const tables = new Map(known.map(({ keyId, table }) => [keyId, table]));
  return [...tables].map(([id, { oid }]) => ({
    id,
    column: { name: "", type: bytea, table: oid, column: rowKeyOfCursor },
  }));
}
