/**
 * numeric: an exact number, `coefficient` × 10^-`scale`, or NaN, or ±Infinity. The scale is part of the value (1.50 shows its zero) and no
 * part of its equality.
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { fixed, viewOf } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";
import { insufficientBinary, invalidBinary, invalidText } from "./invalid.js";
import { numericLimits } from "./type-name.js";

/** Digits before and after the point at most: PostgreSQL's format. */
const integerDigitsMax = 131_072;
export const scaleMax = 16_383;

export class Decimal {
  readonly coefficient: bigint;
  /** Digits after the point, shown even when zero. */
  readonly scale: number;
  readonly special: "NaN" | "Infinity" | "-Infinity" | null;

  constructor(coefficient: bigint, scale: number, special: "NaN" | "Infinity" | "-Infinity" | null = null) {
    this.coefficient = coefficient;
    this.scale = scale;
    this.special = special;
  }
}

export const decimalNaN = new Decimal(0n, 0, "NaN");
export const decimalInfinity = new Decimal(0n, 0, "Infinity");
export const decimalMinusInfinity = new Decimal(0n, 0, "-Infinity");
export const decimalZero = new Decimal(0n, 0);

const powers: bigint[] = [1n];

/** 10^exponent. The small ones are kept. */
export function powerOfTen(exponent: number): bigint {
  assert(exponent >= 0, "a power of ten is a whole number");
  if (exponent > 1_000) return 10n ** BigInt(exponent);
  for (let next = powers.length; next <= exponent; next += 1) powers.push((powers[next - 1] ?? 1n) * 10n);
  return powers[exponent] ?? 1n;
}

export function decimalOf(value: Value): Decimal {
  assert(value instanceof Decimal, "a value of numeric is a Decimal");
  return value;
}

export const decimalFromInteger = (value: number | bigint): Decimal => new Decimal(BigInt(value), 0);

const overflow = (): SqlError => new SqlError("22003", "value overflows numeric format");

/** Digits of a coefficient; 1 for zero. */
export function digitCount(coefficient: bigint): number {
  const magnitude = coefficient < 0n ? -coefficient : coefficient;
  if (magnitude < 1_000_000_000_000_000n) {
    const small = Number(magnitude);
    let count = 1;
    for (let limit = 10; small >= limit; limit *= 10) count += 1;
    return count;
  }
  return longCount(magnitude) ?? magnitude.toString().length;
}

const bitsOfHexDigit = 4;
const leadingHexDigits = 12;
/** A logarithm of 150,000 digits is exact to 10^-10. */
const logarithmGap = 1e-6;

/** By the logarithm, without all decimal digits of a long number; null for short ones, and next to a power of ten. */
function longCount(magnitude: bigint): number | null {
  if (magnitude < longFrom) return null;
  const hex = magnitude.toString(16);
  const bits = (hex.length - leadingHexDigits) * bitsOfHexDigit;
  const logarithm = Math.log10(Number.parseInt(hex.slice(0, leadingHexDigits), 16)) + bits * Math.log10(2);
  const whole = Math.round(logarithm);
  return Math.abs(logarithm - whole) < logarithmGap ? null : Math.floor(logarithm) + 1;
}

const longFrom = 10n ** 1_000n;

/** Throws 22003 when the value is beyond what numeric can hold. */
export function checked(value: Decimal): Decimal {
  const { coefficient, scale, special } = value;
  if (special !== null || (coefficient < longFrom && coefficient > -longFrom)) return value;
  if (digitCount(coefficient) - scale > integerDigitsMax) throw overflow();
  return value;
}

/** The integer nearest to numerator / denominator, halves away from zero. The denominator is positive. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  assert(denominator > 0n, "a rounding division is by a positive number");
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  const twice = rest < 0n ? -rest * 2n : rest * 2n;
  if (twice < denominator) return quotient;
  return numerator < 0n ? quotient - 1n : quotient + 1n;
}

/** The coefficient of the value at another scale, rounded half away from zero. A negative scale rounds before the point. */
export function coefficientAt(value: Decimal, scale: number): bigint {
  if (scale === value.scale) return value.coefficient;
  if (scale > value.scale) return value.coefficient * powerOfTen(scale - value.scale);
  return divideRounded(value.coefficient, powerOfTen(value.scale - scale));
}

/** Rounded to this many digits after the point (before it, when negative). */
export function roundDecimal(value: Decimal, scale: number): Decimal {
  if (value.special !== null) return value;
  const limited = Math.min(Math.max(scale, -integerDigitsMax - 1), scaleMax);
  if (limited >= 0) return new Decimal(coefficientAt(value, limited), limited);
  return checked(new Decimal(coefficientAt(value, limited) * powerOfTen(-limited), 0));
}

export function truncateDecimal(value: Decimal, scale: number): Decimal {
  if (value.special !== null || scale >= value.scale)
    return value.special === null ? roundDecimal(value, scale) : value;
  const cut = value.coefficient / powerOfTen(value.scale - scale);
  return scale >= 0 ? new Decimal(cut, scale) : new Decimal(cut * powerOfTen(-scale), 0);
}

const numberPattern = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d+))?$/u;

/** Throws 22P02 for what is no number. */
export function decimalFromText(text: string): Decimal {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/gu, "");
  const match = numberPattern.exec(trimmed);
  if (match === null) return specialFromText(trimmed, text);
  const [, sign = "", whole = "", fraction = "", bareFraction = "", exponentText = "0"] = match;
  const digits = `${whole}${fraction}${bareFraction}`;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) >= 1_073_741_823) throw overflow();
  const scale = fraction.length + bareFraction.length - exponent;
  let coefficient = BigInt(digits);
  if (coefficient !== 0n && digitCount(coefficient) - scale > integerDigitsMax) throw overflow();
  if (scale < 0) coefficient = coefficient === 0n ? 0n : coefficient * powerOfTen(-scale);
  if (scale > scaleMax) throw overflow();
  return checked(new Decimal(sign === "-" ? -coefficient : coefficient, Math.max(0, scale)));
}

function specialFromText(trimmed: string, text: string): Decimal {
  switch (trimmed.toLowerCase()) {
    case "nan":
      return decimalNaN;
    case "inf":
    case "infinity":
    case "+inf":
    case "+infinity":
      return decimalInfinity;
    case "-inf":
    case "-infinity":
      return decimalMinusInfinity;
    default:
      throw invalidText("numeric", text);
  }
}

export function decimalText({ coefficient, scale, special }: Decimal): string {
  if (special !== null) return special;
  if (scale === 0) return coefficient.toString();
  const isNegative = coefficient < 0n;
  const digits = (isNegative ? -coefficient : coefficient).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${isNegative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** NaN is above all, as an index needs it. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.special !== null || b.special !== null) return Math.sign(specialRank(a) - specialRank(b));
  if (a.scale === b.scale) return a.coefficient < b.coefficient ? -1 : a.coefficient > b.coefficient ? 1 : 0;
  const scale = Math.max(a.scale, b.scale);
  const left = coefficientAt(a, scale);
  const right = coefficientAt(b, scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

const specialRank = ({ special }: Decimal): number =>
  special === "NaN" ? 2 : special === "Infinity" ? 1 : special === "-Infinity" ? -1 : 0;

/** Digits after the point without the zeros at the end. By its text, as each division of a long number would go through all of it. */
export function minimalScale({ coefficient, scale }: Decimal): number {
  if (scale === 0 || coefficient % 10n !== 0n) return scale;
  if (coefficient === 0n) return 0;
  const text = coefficient.toString();
  let zeros = 1;
  while (zeros < scale && text.charCodeAt(text.length - 1 - zeros) === zeroDigit) zeros += 1;
  return scale - zeros;
}

const zeroDigit = 0x30;

/** The value without zeros at its end: equal values have one normal form. */
export function normalDecimal(value: Decimal): Decimal {
  const scale = value.special === null ? minimalScale(value) : value.scale;
  if (scale === value.scale) return value;
  return new Decimal(value.coefficient / powerOfTen(value.scale - scale), scale);
}

/** Applies `numeric(p,s)`. Throws 22003 with PostgreSQL's detail. */
export function limitDecimal(value: Decimal, modifier: number): Decimal {
  const limits = numericLimits(modifier);
  if (limits === null) return value;
  const { precision, scale } = limits;
  const field = `A field with precision ${precision}, scale ${scale}`;
  if (value.special === "NaN") return value;
  if (value.special !== null)
    throw new SqlError("22003", "numeric field overflow", { detail: `${field} cannot hold an infinite value.` });
  const rounded = roundDecimal(value, scale);
  const integerDigits = precision - scale;
  const isTooLarge = rounded.coefficient !== 0n && digitCount(rounded.coefficient) - rounded.scale > integerDigits;
  if (isTooLarge)
    throw new SqlError("22003", "numeric field overflow", {
      detail: `${field} must round to an absolute value less than ${integerDigits === 0 ? "1" : `10^${integerDigits}`}.`,
    });
  return rounded;
}

const signs = { positive: 0x0000, negative: 0x4000, NaN: 0xc000, Infinity: 0xd000, "-Infinity": 0xf000 } as const;

/** Digits of base 10,000, the weight of the first, sign and scale: 16 bits each. */
function sendDecimal({ coefficient, scale, special }: Decimal): Uint8Array {
  if (special !== null) return fixed(8, (view) => view.setUint16(4, signs[special]));
  const magnitude = coefficient < 0n ? -coefficient : coefficient;
  const padding = (4 - (scale % 4)) % 4;
  const text = magnitude === 0n ? "" : `${magnitude}${"0".repeat(padding)}`;
  const aligned = text.padStart(Math.ceil(text.length / 4) * 4, "0");
  const groups: number[] = [];
  for (let at = 0; at < aligned.length; at += 4) groups.push(Number(aligned.slice(at, at + 4)));
  const weight = groups.length - (scale + padding) / 4 - 1;
  while (groups.at(-1) === 0) groups.pop();
  return fixed(8 + groups.length * 2, (view) => {
    view.setInt16(0, groups.length);
    view.setInt16(2, groups.length === 0 ? 0 : weight);
    view.setUint16(4, coefficient < 0n ? signs.negative : signs.positive);
    view.setUint16(6, scale);
    for (const [index, group] of groups.entries()) view.setInt16(8 + index * 2, group);
  });
}

function receiveDecimal(bytes: Uint8Array): Decimal {
  if (bytes.length < 8) throw insufficientBinary();
  const view = viewOf(bytes);
  const count = view.getUint16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getUint16(6);
  if (sign === signs.NaN) return decimalNaN;
  if (sign === signs.Infinity) return decimalInfinity;
  if (sign === signs["-Infinity"]) return decimalMinusInfinity;
  if (sign !== signs.positive && sign !== signs.negative)
    throw invalidBinary('invalid sign in external "numeric" value');
  if (scale > scaleMax) throw invalidBinary('invalid scale in external "numeric" value');
  // As a text, which is read in less than the square of its length.
  let digits = "0";
  for (let index = 0; index < count; index += 1) {
    if (bytes.length < 10 + index * 2) throw insufficientBinary();
    const digit = view.getInt16(8 + index * 2);
    if (digit < 0 || digit > 9_999) throw invalidBinary('invalid digit in external "numeric" value');
    digits += String(digit).padStart(4, "0");
  }
  if (bytes.length > 8 + count * 2) throw invalidBinary();
  const coefficient = BigInt(digits);
  const exponent = (weight - count + 1) * 4;
  const whole =
    exponent >= 0 ? new Decimal(coefficient * powerOfTen(exponent), 0) : new Decimal(coefficient, -exponent);
  // Digits beyond the scale are cut off, as PostgreSQL does.
  const cut = truncateDecimal(whole, scale);
  return checked(sign === signs.negative ? new Decimal(-cut.coefficient, cut.scale) : cut);
}

export const decimalCodec: TypeCodec = {
  input: (text, modifier) => limitDecimal(decimalFromText(text), modifier),
  output: (value) => decimalText(decimalOf(value)),
  receive: (bytes, modifier) => limitDecimal(receiveDecimal(bytes), modifier),
  send: (value) => sendDecimal(decimalOf(value)),
};
