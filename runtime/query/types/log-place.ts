/** pg_lsn: a place in the log, 64 bits shown as two halves of hexadecimal digits (`16/B374D848`). */
import { exactly, fixed, int64 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Int64, Value } from "./datum.js";
import { invalidText } from "./invalid.js";

const pattern = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/iu;

/** As a number without a sign, which a value of 64 bits above 2^63 is not kept as. */
export const unsignedPlace = (value: Value): bigint => BigInt.asUintN(64, BigInt(value as Int64));

function fromText(text: string): Int64 {
  const [, high, low] = pattern.exec(text) ?? [];
  if (high === undefined || low === undefined) throw invalidText("pg_lsn", text);
  return int64((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`));
}

function toText(value: Value): string {
  const place = unsignedPlace(value);
  return `${(place >> 32n).toString(16)}/${(place & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

export const logPlaceCodec: TypeCodec = {
  input: fromText,
  output: toText,
  receive: (bytes) => int64(exactly(bytes, 8).getBigUint64(0)),
  send: (value) => fixed(8, (view) => view.setBigUint64(0, unsignedPlace(value))),
};
