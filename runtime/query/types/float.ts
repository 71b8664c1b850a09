/**
 * real and double precision: the fewest digits that read back as the same number (`extra_float_digits` above 0), or a fixed number of
 * significant digits, in the layout of C's `%g`.
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { exactly, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import { type Decimal, decimalText } from "./decimal.js";
import { floatOfDigits, shortestDouble, shortestFloat } from "./float-digits.js";
import { invalidText } from "./invalid.js";
import { trimSpaces } from "./spaces.js";

const floatPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u;
const wordPattern = /^([+-]?)(inf|infinity|nan)$/iu;
const hexPattern = /^[+-]?0x/iu;

/** Digits that any double (float) is exact in on the way from text and back. */
const doubleDigits = 15;
const realDigits = 6;

function parse(text: string, name: string): number {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/gu, "");
  const word = wordPattern.exec(trimmed);
  if (word !== null) {
    if (word[2]?.toLowerCase() === "nan") return Number.NaN;
    return word[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!floatPattern.test(trimmed) || hexPattern.test(trimmed)) throw invalidText(name, text);
  return Number(trimmed);
}

const tooLarge = (text: string, name: string): SqlError =>
  new SqlError("22003", `"${trimSpaces(text)}" is out of range for type ${name}`);

export function float8FromText(text: string): number {
  const value = parse(text, "double precision");
  const isZeroText = /^[+-]?[0.]*(?:[eE].*)?$/u.test(trimSpaces(text));
  if (Math.abs(value) === Number.POSITIVE_INFINITY && !wordPattern.test(trimSpaces(text)))
    throw tooLarge(text, "double precision");
  if (value === 0 && !isZeroText) throw tooLarge(text, "double precision");
  return value;
}

function float4FromText(text: string): number {
  const wide = parse(text, "real");
  const value = Number.isFinite(wide) ? floatOfDigits(trimSpaces(text), wide) : wide;
  const isZeroText = /^[+-]?[0.]*(?:[eE].*)?$/u.test(trimSpaces(text));
  if (Math.abs(value) === Number.POSITIVE_INFINITY && !wordPattern.test(trimSpaces(text))) throw tooLarge(text, "real");
  if (value === 0 && !isZeroText) throw tooLarge(text, "real");
  return value;
}

/** PostgreSQL's own way as well: by the text, so that it is rounded once. Throws 22003. */
export const float4OfDecimal = (value: Decimal): number =>
  value.special === null ? float4FromText(decimalText(value)) : Number(value.special);

/** The layout of `%g`: plain digits for exponents from -4 to below `digits`, else with an exponent of two digits or more. */
function layout(scientific: string, digits: number): string {
  const [mantissa = "", exponentText = "0"] = scientific.split("e");
  const exponent = Number(exponentText);
  const isNegative = mantissa.startsWith("-");
  const bare = mantissa.replace("-", "").replace(".", "");
  const sign = isNegative ? "-" : "";
  if (exponent < -4 || exponent >= digits) {
    const fraction = bare.slice(1);
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${bare.slice(0, 1)}${fraction === "" ? "" : `.${fraction}`}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${bare}`;
  if (bare.length <= exponent + 1) return `${sign}${bare}${"0".repeat(exponent + 1 - bare.length)}`;
  return `${sign}${bare.slice(0, exponent + 1)}.${bare.slice(exponent + 1)}`;
}

function special(value: number): string | null {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "Infinity";
  if (value === Number.NEGATIVE_INFINITY) return "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return null;
}

const trimZeros = (scientific: string): string => scientific.replace(/(?:\.0+|(\.\d*?)0+)(?=e)/u, "$1");

export function float8Text(value: number, extraDigits: number): string {
  const word = special(value);
  if (word !== null) return word;
  if (extraDigits > 0) return layout(trimZeros(shortestDouble(value)), doubleDigits);
  const digits = Math.max(1, doubleDigits + extraDigits);
  return layout(trimZeros(value.toExponential(digits - 1)), digits);
}

export function float4Text(value: number, extraDigits: number): string {
  const word = special(value);
  if (word !== null) return word;
  if (extraDigits > 0) return layout(trimZeros(shortestFloat(value)), realDigits);
  const digits = Math.max(1, realDigits + extraDigits);
  return layout(trimZeros(value.toExponential(digits - 1)), digits);
}

function numberOf(value: unknown): number {
  assert(typeof value === "number", "a value of a float type is a number");
  return value;
}

export const float8Codec: TypeCodec = {
  input: float8FromText,
  output: (value, context) => float8Text(numberOf(value), context.extraFloatDigits),
  receive: (bytes) => exactly(bytes, 8).getFloat64(0),
  send: (value) => fixed(8, (view) => view.setFloat64(0, numberOf(value))),
};

export const float4Codec: TypeCodec = {
  input: float4FromText,
  output: (value, context) => float4Text(numberOf(value), context.extraFloatDigits),
  receive: (bytes) => exactly(bytes, 4).getFloat32(0),
  send: (value) => fixed(4, (view) => view.setFloat32(0, numberOf(value))),
};
