/** money: hundredths, as they are written where `lc_monetary` is C: `$1,234.56`, `-$0.01`. */
import { assert } from "../../types/assert.js";
import { exactly, fixed, int64 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Int64, Value } from "./datum.js";
import { int8Max, int8Min } from "./integer.js";
import { invalidText, outOfRangeText } from "./invalid.js";

export function moneyOf(value: Value): Int64 {
  assert(typeof value === "number" || typeof value === "bigint", "a value of money is a number of hundredths");
  return value;
}

const pattern =
  /^[ \t-\r]*\$?[ \t-\r]*([-(+]?)[ \t-\r]*\$?[ \t-\r]*([\d,]*)(?:\.(,*(?:\d,*)?(?:\d,*)?)(\d?)\d*)?([ \t-\r)+$-]*)$/u;

/** Digits with commas anywhere; a minus or a parenthesis before them, or a minus behind, is a sign. Throws 22P02 and 22003. */
function moneyFromText(text: string): Int64 {
  const match = pattern.exec(text);
  if (match === null) throw invalidText("money", text);
  const [, sign = "", whole = "", fraction = "", next = "", tail = ""] = match;
  const digits = (part: string): string => part.replaceAll(",", "");
  let hundredths = BigInt(`0${digits(whole)}${digits(fraction).padEnd(2, "0")}`);
  if (next >= "5") hundredths += 1n;
  const value = sign === "-" || sign === "(" || tail.includes("-") ? -hundredths : hundredths;
  if (value < int8Min || value > int8Max) throw outOfRangeText("money", text);
  return int64(value);
}

export function moneyText(value: Int64): string {
  const digits = String(value).replace("-", "").padStart(3, "0");
  const whole = digits.slice(0, -2).replace(/\B(?=(?:\d{3})+$)/gu, ",");
  return `${value < 0 ? "-" : ""}$${whole}.${digits.slice(-2)}`;
}

export const moneyCodec: TypeCodec = {
  input: moneyFromText,
  output: (value) => moneyText(moneyOf(value)),
  receive: (bytes) => int64(exactly(bytes, 8).getBigInt64(0)),
  send: (value) => fixed(8, (view) => view.setBigInt64(0, BigInt(moneyOf(value)))),
};
