/** Numbers as they are written: the smallest of integer, bigint and numeric that holds one is its type. */
import { decimalFromText, decimalText } from "../types/decimal.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import type { Analysed } from "./analysed.js";
import { constant } from "./conversion.js";

export function number(text: string): Analysed {
  const whole = integerOf(text.replaceAll("_", ""));
  if (whole === null) return constant(decimalText(decimalFromText(text.replaceAll("_", ""))), sqlType(typeOid.numeric));
  const fits = (bits: bigint): boolean => whole >= -(2n ** (bits - 1n)) && whole < 2n ** (bits - 1n);
  return constant(String(whole), sqlType(fits(32n) ? typeOid.int4 : fits(64n) ? typeOid.int8 : typeOid.numeric));
}

function integerOf(text: string): bigint | null {
  if (!/^-?(?:\d+|0[xob][0-9a-f]+)$/iu.test(text)) return null;
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}
