/** Numbers, and strings of bits, as they are written. */
import type { BoundExpression } from "../plan/expression.js";
import { bitsFromText } from "../types/bits.js";
import { decimalFromText } from "../types/decimal.js";
import { noModifier, sqlType, typeOid } from "../types/sql-type.js";
import { at } from "./coerce.js";

/** Integers that fit are integer or bigint; all else is numeric. */
export function bindNumber(text: string, location: number): BoundExpression {
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (value >= -(2n ** 31n) && value < 2n ** 31n) {
      return { kind: "constant", value: Number(value), type: sqlType(typeOid.int4), location };
    }
    if (value >= -(2n ** 63n) && value < 2n ** 63n) {
      const held =
        value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      return { kind: "constant", value: held, type: sqlType(typeOid.int8), location };
    }
  }
  if (/^-?0[xob]/i.test(text)) {
    const magnitude = BigInt(text.replace("-", "").replaceAll("_", ""));
    return bindNumber(`${text.startsWith("-") ? "-" : ""}${magnitude}`, location);
  }
  const value = decimalFromText(text.replaceAll("_", ""));
  return { kind: "constant", value, type: sqlType(typeOid.numeric), location };
}

/** `B'101'` and `X'1F'` are of type bit, without a length. Throws 22P02. */
export function bindBits(text: string, location: number): BoundExpression {
  try {
    return { kind: "constant", value: bitsFromText(text, noModifier), type: sqlType(typeOid.bit), location };
  } catch (error) {
    throw at(error, location);
  }
}
