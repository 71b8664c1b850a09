/**
 * The row on which a cursor of SQL stands, as the value of the parameter that `WHERE CURRENT OF` has: the session that keeps the cursor says
 * which row it is, and whoever carries the statement out finds it by its key.
 *
 *   flags  u8    1: the cursor's query locks rows; 2: it stands on a row
 *   then for each table whose rows the cursor's rows are made of
 *   table  u32   its oid
 *   row    u8    1, and its key: length u32, bytes; or 0: the cursor's row has none of this table
 */
import { ByteReader } from "../../types/byte-reader.js";
import { ByteWriter } from "../../types/byte-writer.js";
import type { Oid } from "./sql-type.js";

export interface CursorRow {
  /** FOR UPDATE or the like. */
  readonly isLocked: boolean;
  /** Not before the first row, nor behind the last. */
  readonly isOnRow: boolean;
  /** Empty for a query whose rows are none of a table's. */
  readonly rows: readonly { readonly table: Oid; readonly key: Uint8Array | null }[];
}

const keyBytesMax = 1 << 20;

/** Stands in a result column's place for the number of the column: the column is a row key, and nobody's to see. */
export const rowKeyOfCursor = 0xffff;

export function encodeCursorRow({ isLocked, isOnRow, rows }: CursorRow): Uint8Array {
  const out = new ByteWriter().u8((isLocked ? 1 : 0) + (isOnRow ? 2 : 0));
  for (const { table, key } of rows) {
    out.u32(table).u8(key === null ? 0 : 1);
    if (key !== null) out.bytes(key);
  }
  return out.finish();
}

export function decodeCursorRow(bytes: Uint8Array): CursorRow {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const rows: CursorRow["rows"][number][] = [];
  while (reader.offset < bytes.length) {
    const table = reader.u32();
    rows.push({ table, key: reader.u8() === 1 ? reader.bytes(keyBytesMax) : null });
  }
  return { isLocked: (flags & 1) === 1, isOnRow: (flags & 2) === 2, rows };
}
