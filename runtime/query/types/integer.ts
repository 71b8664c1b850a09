/** smallint, integer, bigint, oid and its kin: text and binary, and the bounds that arithmetic keeps to. */
import { assert } from "../../types/assert.js";
import { exactly, fixed, int64 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Int64 } from "./datum.js";
import { invalidText, outOfRangeText } from "./invalid.js";
import { trimSpaces } from "./spaces.js";

export const int2Min = -32_768;
export const int2Max = 32_767;
export const int4Min = -2_147_483_648;
export const int4Max = 2_147_483_647;
export const int8Min = -9_223_372_036_854_775_808n;
export const int8Max = 9_223_372_036_854_775_807n;
export const oidMax = 4_294_967_295;

const integerPattern = /^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/u;

/** A number of at most 15 digits needs no bigint. */
const shortDigits = 15;

/** Digits that are too many are told before what stands behind them. */
function unreadable(name: string, text: string, isBeyond: (digits: string) => boolean): Error {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/u.exec(text)?.[1];
  return digits !== undefined && isBeyond(digits) ? outOfRangeText(name, text) : invalidText(name, text);
}

function smallInput(name: string, minimum: number, maximum: number): TypeCodec["input"] {
  return (text) => {
    if (!integerPattern.test(text))
      throw unreadable(name, text, (digits) => Number(digits) < minimum || Number(digits) > maximum);
    const value = Number(text);
    if (value < minimum || value > maximum) throw outOfRangeText(name, text);
    return value === 0 ? 0 : value;
  };
}

const decimalText: TypeCodec["output"] = (value) => (typeof value === "bigint" ? String(value) : String(Number(value)));

function numberOf(value: unknown): number {
  assert(typeof value === "number", "a value of a small integer type is a number");
  return value;
}

export const int2Codec: TypeCodec = {
  input: smallInput("smallint", int2Min, int2Max),
  output: decimalText,
  receive: (bytes) => exactly(bytes, 2).getInt16(0),
  send: (value) => fixed(2, (view) => view.setInt16(0, numberOf(value))),
};

export const int4Codec: TypeCodec = {
  input: smallInput("integer", int4Min, int4Max),
  output: decimalText,
  receive: (bytes) => exactly(bytes, 4).getInt32(0),
  send: (value) => fixed(4, (view) => view.setInt32(0, numberOf(value))),
};

/** Reads a bigint as SQL writes it. */
export function int8FromText(text: string): Int64 {
  if (!integerPattern.test(text))
    throw unreadable(
      "bigint",
      text,
      (digits) => BigInt(digits.replace("+", "")) < int8Min || BigInt(digits.replace("+", "")) > int8Max,
    );
  const digits = trimSpaces(text);
  if (digits.length <= shortDigits) return Number(digits) + 0;
  const value = BigInt(digits.startsWith("+") ? digits.slice(1) : digits);
  if (value < int8Min || value > int8Max) throw outOfRangeText("bigint", text);
  return int64(value);
}

export const int8Codec: TypeCodec = {
  input: int8FromText,
  output: decimalText,
  receive: (bytes) => int64(exactly(bytes, 8).getBigInt64(0)),
  send: (value) => {
    assert(typeof value === "number" || typeof value === "bigint", "a value of bigint is an integer");
    return fixed(8, (view) => view.setBigInt64(0, BigInt(value)));
  },
};

/** oid is unsigned; a negative number is taken for its two's complement. */
export const oidCodec: TypeCodec = {
  input: (text) => {
    if (!integerPattern.test(text)) throw invalidText("oid", text);
    const value = Number(text);
    if (value < int4Min || value > oidMax) throw outOfRangeText("oid", text);
    return value < 0 ? value + oidMax + 1 : value + 0;
  },
  output: decimalText,
  receive: (bytes) => exactly(bytes, 4).getUint32(0),
  send: (value) => fixed(4, (view) => view.setUint32(0, numberOf(value))),
};

const unsignedLong = 2n ** 64n;

/** As C's `strtoul`: the number that the text begins with, hexadecimal and octal ones too, 0 without one, the greatest where it is too great. */
function leadingNumber(text: string): bigint {
  const [, sign, hexadecimal, digits = ""] = /^[ \t-\r]*([+-]?)(?:0x([\da-f]+)|(\d*))/iu.exec(text) ?? [];
  const octal = hexadecimal === undefined && digits.startsWith("0") ? (/^[0-7]+/u.exec(digits)?.[0] ?? "") : null;
  const magnitude =
    hexadecimal !== undefined ? BigInt(`0x${hexadecimal}`) : BigInt(octal === null ? digits : `0o${octal}`);
  if (magnitude >= unsignedLong) return unsignedLong - 1n;
  return sign === "-" ? BigInt.asUintN(64, -magnitude) : magnitude;
}

/** xid and cid read whatever there is, and keep the lower half of it. */
export const looseCodec: TypeCodec = {
  ...oidCodec,
  input: (text) => Number(BigInt.asUintN(32, leadingNumber(text))),
};

/** xid8. Throws 22003 for numbers of 2^63 and more, which no transaction has. */
export const xid8Codec: TypeCodec = {
  ...int8Codec,
  input: (text) => {
    const value = leadingNumber(text);
    if (value > int8Max) throw outOfRangeText("xid8", text);
    return int64(value);
  },
};
