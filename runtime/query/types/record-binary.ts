/**
 * The binary form of a row, as clients send it:
 *
 *   fields i32 · for each: its type u32 · bytes i32 (-1: NULL) · its own binary form
 */
import { SqlError } from "../error.js";
import { viewOf } from "./bytes.js";
import type { Datum } from "./datum.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";
import type { RecordField, SqlType } from "./sql-type.js";
import { typeLabel } from "./type-name.js";

/** Reads a row of these fields. Throws 42804 for one of others, 22P03 for what is none. */
export function receiveRecord(
  bytes: Uint8Array,
  fields: readonly RecordField[],
  receive: (item: Uint8Array, type: SqlType) => Datum,
): readonly Datum[] {
  const view = viewOf(bytes);
  let at = 0;
  const word = (): number => {
    if (at + 4 > bytes.length) throw insufficientBinary();
    at += 4;
    return view.getInt32(at - 4);
  };
  const count = word();
  if (count !== fields.length)
    throw new SqlError("42804", `wrong number of columns: ${count}, expected ${fields.length}`);
  const values = fields.map(({ type }, index): Datum => {
    const given = word() >>> 0;
    if (given !== type.oid) {
      const [have, want] = [`${given} (${typeLabel(given)})`, `${type.oid} (${typeLabel(type.oid)})`];
      const place = `in record column ${index + 1}`;
      throw new SqlError("42804", `binary data has type ${have} instead of expected ${want} ${place}`);
    }
    const length = word();
    if (length === -1) return null;
    if (length < -1 || at + length > bytes.length) throw insufficientBinary();
    at += length;
    return receive(bytes.subarray(at - length, at), type);
  });
  if (at < bytes.length) throw invalidBinary();
  return values;
}
