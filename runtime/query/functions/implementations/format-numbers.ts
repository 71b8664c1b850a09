/** `to_char` of numbers, and `to_number`: each type of number has its own way to its digits, as PostgreSQL has. */
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { Decimal, decimalFromInteger, decimalText, digitCount, powerOfTen, roundDecimal } from "../../types/decimal.js";
import { multiply } from "../../types/decimal-arithmetic.js";
import { type Implementation, strictly } from "../define.js";
import { exponentText, fixedText } from "./exact-doubles.js";
import { roundHalfEven } from "./float.js";
import { type NumberTemplate, readNumberTemplate } from "./number-template.js";
import { readNumber } from "./read-numbers.js";
import { showNumber } from "./show-numbers.js";

const romanDigits: readonly (readonly [value: number, text: string])[] = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

function romanText(value: number): string {
  if (!(value >= 1 && value <= 3_999)) return "#".repeat(15);
  let left = value;
  let text = "";
  for (const [size, letters] of romanDigits)
    while (left >= size) {
      text += letters;
      left -= size;
    }
  return text;
}

/** How a type comes to the digits that a template shows. May change what the template has to suit them. */
interface NumberKind<Value> {
  readonly roman: (value: Value) => number;
  readonly exponent: (value: Value, decimals: number) => string | null;
  readonly digits: (value: Value, template: NumberTemplate) => string;
}

function format<Value>(value: Value, pattern: string, kind: NumberKind<Value>): Datum {
  if (pattern === "") return "";
  const template = readNumberTemplate(pattern);
  if (template.isRoman)
    return showNumber(template, { digits: romanText(kind.roman(value)), isNegative: false, blanks: 0 });
  if (template.hasExponent) {
    const text = kind.exponent(value, template.after);
    if (text === null) return ` ${"#".repeat(template.before)}.${"#".repeat(template.after + 4)}`;
    return text.startsWith("-") ? text : ` ${text}`;
  }
  const text = kind.digits(value, template);
  template.before += template.moved;
  const isNegative = text.startsWith("-");
  const digits = isNegative ? text.slice(1) : text;
  const point = digits.indexOf(".");
  const length = point < 0 ? digits.length : point;
  if (length > template.before)
    return showNumber(template, {
      digits: `${"#".repeat(template.before)}.${"#".repeat(template.after)}`,
      isNegative,
      blanks: 0,
    });
  return showNumber(template, { digits, isNegative, blanks: template.before - length });
}

const outOfRange = (type: string): SqlError => new SqlError("22003", `${type} out of range`);

/** An integer moved by V within its type, and zeros behind the point. */
function integerDigits(
  value: bigint,
  { moved, after }: NumberTemplate,
  factorMax: number,
  type: "integer" | "bigint",
): string {
  const bound = type === "integer" ? 1n << 31n : 1n << 63n;
  // A power of ten that the type does not hold is an error for bigint, and the least integer.
  const isBeyond = moved > factorMax;
  if (isBeyond && type === "bigint") throw outOfRange(type);
  const product = value * (isBeyond ? -bound : 10n ** BigInt(moved));
  if (product < -bound || product >= bound) throw outOfRange(type);
  return `${product}${after > 0 ? `.${"0".repeat(after)}` : ""}`;
}

function decimalExponent({ coefficient, scale, special }: Decimal, decimals: number): string | null {
  if (special !== null) return null;
  const magnitude = coefficient < 0n ? -coefficient : coefficient;
  const exponent = magnitude === 0n ? 0 : digitCount(magnitude) - 1 - scale;
  const places = scale + exponent;
  const shifted = places >= 0 ? new Decimal(coefficient, places) : new Decimal(coefficient * powerOfTen(-places), 0);
  // What is rounded up to ten keeps two digits before its point.
  const text = decimalText(roundDecimal(shifted, decimals));
  return `${text}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

const int4: NumberKind<number> = {
  roman: (value) => value,
  exponent: exponentText,
  digits: (value, template) => integerDigits(BigInt(value), template, 9, "integer"),
};

const int8: NumberKind<bigint> = {
  roman: (value) => romanInteger(value),
  exponent: (value, decimals) => decimalExponent(decimalFromInteger(value), decimals),
  digits: (value, template) => integerDigits(value, template, 18, "bigint"),
};

function romanInteger(value: bigint): number {
  if (value < -(1n << 31n) || value >= 1n << 31n) throw outOfRange("integer");
  return Number(value);
}

const numeric: NumberKind<Decimal> = {
  roman: (value) => {
    if (value.special !== null)
      throw new SqlError("0A000", `cannot convert ${value.special === "NaN" ? "NaN" : "infinity"} to integer`);
    return romanInteger(roundDecimal(value, 0).coefficient);
  },
  exponent: decimalExponent,
  digits: (value, { moved, after, hasMove }) => {
    const shifted = hasMove ? multiply(value, decimalFromInteger(powerOfTen(moved))) : value;
    return decimalText(shifted.special === null ? roundDecimal(shifted, after) : shifted);
  },
};

/** Digits of a real number: no more than the type is exact in. */
const real = (precision: number, narrowed: (value: number) => number): NumberKind<number> => ({
  roman: (value) => (Number.isFinite(value) ? roundHalfEven(value) : Number.NaN),
  exponent: (value, decimals) => (Number.isFinite(value) ? exponentText(value, decimals) : null),
  digits: (value, template) => {
    const shifted = template.hasMove ? narrowed(value * narrowed(10 ** template.moved)) : value;
    const whole = fixedText(Math.abs(shifted), 0).length;
    template.after = Math.max(0, Math.min(template.after, precision - whole));
    return fixedText(shifted, template.after);
  },
});

const float8 = real(15, (value) => value);
const float4 = real(6, Math.fround);

export const numberFormats: readonly Implementation[] = strictly({
  "to_char(int4,text)": (value, pattern) => format(value, pattern, int4),
  "to_char(int8,text)": (value, pattern) => format(BigInt(value), pattern, int8),
  "to_char(numeric,text)": (value, pattern) => format(value, pattern, numeric),
  "to_char(float8,text)": (value, pattern) => format(value, pattern, float8),
  "to_char(float4,text)": (value, pattern) => format(value, pattern, float4),
  "to_number(text,text)": (text, pattern) => readNumber(text, pattern),
});
