/**
 * Arithmetic of numeric. Sums, differences and products are exact; quotients and the transcendental functions have as many digits as
 * PostgreSQL gives them, which is a rule on the scale of the result: at least 16 significant digits, never fewer than the operands show.
 */
import { SqlError } from "../error.js";
import {
  checked,
  coefficientAt,
  compareDecimals,
  Decimal,
  decimalFromInteger,
  decimalFromText,
  decimalInfinity,
  decimalMinusInfinity,
  decimalNaN,
  decimalText,
  decimalZero,
  digitCount,
  divideRounded,
  normalDecimal,
  powerOfTen,
  roundDecimal,
  scaleMax,
  truncateDecimal,
} from "./decimal.js";
import { divisionByZero } from "./invalid.js";

const significantDigits = 16;
const displayScaleMax = 1_000;
/** Digits of a group in PostgreSQL's representation, on which its rule of scales stands. */
const groupDigits = 4;

const one = decimalFromInteger(1);

/** -1, 0 or 1; NaN has none. */
export const signOf = ({ coefficient, special }: Decimal): number =>
  special === "Infinity" ? 1 : special === "-Infinity" ? -1 : coefficient > 0n ? 1 : coefficient < 0n ? -1 : 0;

const isNaN_ = ({ special }: Decimal): boolean => special === "NaN";
const infinityOf = (sign: number): Decimal =>
  sign > 0 ? decimalInfinity : sign < 0 ? decimalMinusInfinity : decimalNaN;

export function negate(a: Decimal): Decimal {
  if (a.special !== null) return isNaN_(a) ? a : infinityOf(-signOf(a));
  return new Decimal(-a.coefficient, a.scale);
}

export const absolute = (a: Decimal): Decimal => (signOf(a) < 0 ? negate(a) : a);

export function add(a: Decimal, b: Decimal): Decimal {
  if (a.special !== null || b.special !== null) {
    if (isNaN_(a) || isNaN_(b)) return decimalNaN;
    if (a.special !== null && b.special !== null) return a.special === b.special ? a : decimalNaN;
    return a.special === null ? b : a;
  }
  if (a.scale === b.scale) return checked(new Decimal(a.coefficient + b.coefficient, a.scale));
  const scale = Math.max(a.scale, b.scale);
  return checked(new Decimal(coefficientAt(a, scale) + coefficientAt(b, scale), scale));
}

export const subtract = (a: Decimal, b: Decimal): Decimal => add(a, negate(b));

export function multiply(a: Decimal, b: Decimal): Decimal {
  if (a.special !== null || b.special !== null) {
    if (isNaN_(a) || isNaN_(b)) return decimalNaN;
    return infinityOf(signOf(a) * signOf(b));
  }
  const product = new Decimal(a.coefficient * b.coefficient, a.scale + b.scale);
  return checked(product.scale > scaleMax ? roundDecimal(product, scaleMax) : product);
}

/** Place of the leading group of four digits, and the group. */
function leadingGroup(a: Decimal): { readonly weight: number; readonly group: number } {
  if (a.coefficient === 0n) return { weight: 0, group: 0 };
  const magnitude = a.coefficient < 0n ? -a.coefficient : a.coefficient;
  const exponent = digitCount(magnitude) - 1 - a.scale;
  const weight = Math.floor(exponent / groupDigits);
  const digits = exponent - weight * groupDigits + 1;
  return { weight, group: Number(magnitude.toString().slice(0, digits).padEnd(digits, "0")) };
}

const displayScale = (scale: number, ...shown: readonly number[]): number =>
  Math.min(Math.max(scale, 0, ...shown), displayScaleMax);

/** Digits after the point of a quotient. */
export function quotientScale(a: Decimal, b: Decimal): number {
  const left = leadingGroup(a);
  const right = leadingGroup(b);
  const weight = left.weight - right.weight - (left.group <= right.group ? 1 : 0);
  return displayScale(significantDigits - weight * groupDigits, a.scale, b.scale);
}

/** a / b rounded to a scale. Both are finite, b is not zero. */
export function quotientAt(a: Decimal, b: Decimal, scale: number): Decimal {
  const shift = scale + b.scale - a.scale;
  const sign = b.coefficient < 0n ? -1n : 1n;
  const numerator = shift >= 0 ? a.coefficient * powerOfTen(shift) : a.coefficient;
  const denominator = shift >= 0 ? b.coefficient : b.coefficient * powerOfTen(-shift);
  return new Decimal(divideRounded(numerator * sign, denominator * sign), scale);
}

export function divide(a: Decimal, b: Decimal): Decimal {
  if (isNaN_(a) || isNaN_(b)) return decimalNaN;
  if (a.special !== null) {
    if (b.special !== null) return decimalNaN;
    if (b.coefficient === 0n) throw divisionByZero();
    return infinityOf(signOf(a) * signOf(b));
  }
  if (b.special !== null) return decimalZero;
  if (b.coefficient === 0n) throw divisionByZero();
  return checked(quotientAt(a, b, quotientScale(a, b)));
}

/** The whole part of a / b. */
export function divideWhole(a: Decimal, b: Decimal): Decimal {
  if (a.special !== null || b.special !== null) return divide(a, b);
  if (b.coefficient === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(coefficientAt(a, scale) / coefficientAt(b, scale), 0);
}

export function remainder(a: Decimal, b: Decimal): Decimal {
  if (isNaN_(a) || isNaN_(b)) return decimalNaN;
  if (a.special !== null) {
    if (b.special === null && b.coefficient === 0n) throw divisionByZero();
    return decimalNaN;
  }
  if (b.special !== null) return a;
  if (b.coefficient === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(coefficientAt(a, scale) % coefficientAt(b, scale), scale);
}

export function ceiling(a: Decimal): Decimal {
  const whole = truncateDecimal(a, 0);
  return a.special === null && signOf(a) > 0 && compareDecimals(whole, a) !== 0 ? add(whole, one) : whole;
}

export function floor(a: Decimal): Decimal {
  const whole = truncateDecimal(a, 0);
  return a.special === null && signOf(a) < 0 && compareDecimals(whole, a) !== 0 ? subtract(whole, one) : whole;
}

/** Greatest common divisor, at the larger scale. */
export function greatestCommonDivisor(a: Decimal, b: Decimal): Decimal {
  if (a.special !== null || b.special !== null) return decimalNaN;
  const scale = Math.max(a.scale, b.scale);
  let left = coefficientAt(absolute(a), scale);
  let right = coefficientAt(absolute(b), scale);
  while (right !== 0n) [left, right] = [right, left % right];
  return new Decimal(left, scale);
}

export function leastCommonMultiple(a: Decimal, b: Decimal): Decimal {
  if (a.special !== null || b.special !== null) return decimalNaN;
  const scale = Math.max(a.scale, b.scale);
  if (a.coefficient === 0n || b.coefficient === 0n) return new Decimal(0n, scale);
  const divisor = greatestCommonDivisor(a, b);
  const product =
    coefficientAt(absolute(a), scale) * (coefficientAt(absolute(b), scale) / coefficientAt(divisor, scale));
  return checked(new Decimal(product, scale));
}

/** 10^0 to 10^22: all that a double holds exactly. */
const exactPowers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

export function toNumber(a: Decimal): number {
  if (a.special !== null) return Number(a.special);
  const coefficient = Number(a.coefficient);
  const power = exactPowers[a.scale];
  // Both are exact, so the quotient is rounded once, as the text is.
  return power !== undefined && Number.isSafeInteger(coefficient) ? coefficient / power : Number(decimalText(a));
}

/** A double as numeric has the digits that any double is exact in. */
export function fromNumber(value: number, digits: number): Decimal {
  if (Number.isNaN(value)) return decimalNaN;
  if (!Number.isFinite(value)) return infinityOf(value);
  // `%.15g` drops zeros at the end.
  return normalDecimal(decimalFromText(value.toPrecision(digits)));
}

function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

export function squareRoot(a: Decimal): Decimal {
  if (isNaN_(a)) return a;
  if (signOf(a) < 0) throw new SqlError("2201F", "cannot take square root of a negative number");
  if (a.special !== null) return a;
  const { weight } = leadingGroup(a);
  const half = Math.trunc(((weight + 1) * groupDigits) / 2) - 1;
  const scale = displayScale(significantDigits - half, a.scale);
  return squareRootAt(a, scale);
}

/** The root of a value that is not negative, rounded to a scale. */
export function squareRootAt(a: Decimal, scale: number): Decimal {
  // One digit more than wanted, so that the rounding is right.
  const guard = Math.max(scale + 1, Math.ceil(a.scale / 2));
  return roundDecimal(new Decimal(integerRoot(coefficientAt(a, guard * 2)), guard), scale);
}

const ln10 = 2.302585092994046;
const log10e = 0.434294481903252;

/** The decimal place of the leading digit of ln(a), roughly: PostgreSQL's own estimate, since the scale of results hangs on it. */
function logarithmWeight(a: Decimal): number {
  if (signOf(a) <= 0) return 0;
  const value = toNumber(a);
  if (value >= 0.9 && value <= 1.1) {
    const difference = subtract(a, one);
    if (difference.coefficient === 0n) return 0;
    const { weight, group } = leadingGroup(difference);
    return weight * groupDigits + Math.trunc(Math.log10(group));
  }
  const magnitude = a.coefficient.toString();
  const exponent = magnitude.length - 1 - a.scale;
  const mantissa = Number(`${magnitude.slice(0, 1)}.${magnitude.slice(1, 9)}`);
  const estimate = Math.log(mantissa) + exponent * ln10;
  return Math.trunc(Math.log10(Math.abs(estimate)));
}

/** e^x for a fixed-point x of `digits` decimals. */
function exponentialFixed(x: bigint, digits: number): bigint {
  const unit = powerOfTen(digits);
  // Halve until the series is short, and square as often afterwards.
  let halvings = 0;
  let rest = x;
  while (rest > unit / 8n || rest < -unit / 8n) {
    rest /= 2n;
    halvings += 1;
  }
  let sum = unit;
  let term = unit;
  for (let n = 1n; term !== 0n; n += 1n) {
    term = (term * rest) / unit / n;
    sum += term;
  }
  for (let left = halvings; left > 0; left -= 1) sum = (sum * sum) / unit;
  return sum;
}

/** ln of a positive value, as a fixed-point number of `digits` decimals. */
function logarithmFixed(a: Decimal, digits: number): bigint {
  const magnitude = digitCount(a.coefficient) - 1 - a.scale;
  // a = m × 10^magnitude with 1 <= m < 10.
  const guard = digits + Math.max(5, digitCount(BigInt(Math.abs(magnitude)))) + 5;
  const unit = powerOfTen(guard);
  const mantissa =
    guard + a.scale >= 0
      ? (a.coefficient * powerOfTen(Math.max(0, guard - a.scale - magnitude))) /
        powerOfTen(Math.max(0, a.scale + magnitude - guard))
      : 0n;
  const log =
    seriesLogarithm(mantissa, unit) + BigInt(magnitude) * (magnitude === 0 ? 0n : seriesLogarithm(10n * unit, unit));
  return divideRounded(log, powerOfTen(guard - digits));
}

/** ln(x) by square roots towards 1 and the series of the inverse hyperbolic tangent. */
function seriesLogarithm(x: bigint, unit: bigint): bigint {
  let roots = 0n;
  let rest = x;
  while (rest > unit + unit / 16n || rest < unit - unit / 16n) {
    rest = integerRoot(rest * unit);
    roots += 1n;
  }
  const ratio = ((rest - unit) * unit) / (rest + unit);
  const square = (ratio * ratio) / unit;
  let sum = 0n;
  let power = ratio;
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += power / n;
    power = (power * square) / unit;
  }
  return sum * 2n * 2n ** roots;
}

const guardDigits = 12;

function lnAt(a: Decimal, scale: number): Decimal {
  const digits = scale + guardDigits;
  return roundDecimal(new Decimal(logarithmFixed(a, digits), digits), scale);
}

function requirePositive(a: Decimal): void {
  if (signOf(a) < 0) throw new SqlError("2201E", "cannot take logarithm of a negative number");
  if (a.special === null && a.coefficient === 0n) throw new SqlError("2201E", "cannot take logarithm of zero");
}

export function naturalLogarithm(a: Decimal): Decimal {
  if (isNaN_(a)) return a;
  requirePositive(a);
  if (a.special !== null) return a;
  return lnAt(a, displayScale(significantDigits - logarithmWeight(a), a.scale));
}

export function logarithm(base: Decimal, a: Decimal): Decimal {
  if (isNaN_(base) || isNaN_(a)) return decimalNaN;
  // Of what is infinite it is told that the other is negative before that it is zero; else the base is looked at first.
  if ((base.special !== null || a.special !== null) && signOf(a) < 0) requirePositive(a);
  requirePositive(base);
  requirePositive(a);
  if (base.special !== null || a.special !== null) {
    if (base.special !== null && a.special !== null) return decimalNaN;
    return base.special === null ? decimalInfinity : decimalZero;
  }
  const weight = logarithmWeight(a) - logarithmWeight(base);
  const scale = displayScale(significantDigits - weight, base.scale, a.scale);
  const digits = scale + guardDigits + Math.abs(logarithmWeight(base)) + 8;
  const lower = new Decimal(logarithmFixed(base, digits), digits);
  if (lower.coefficient === 0n) throw divisionByZero();
  return quotientAt(new Decimal(logarithmFixed(a, digits), digits), lower, scale);
}

const resultScaleMax = 2_000;
/** e to this power is beyond what PostgreSQL computes. */
const exponentMax = 3 * resultScaleMax;

function exponentialAt(a: Decimal, scale: number): Decimal {
  const places = Math.max(0, Math.trunc(toNumber(a) * log10e));
  const digits = scale + places + guardDigits + 10;
  return roundDecimal(new Decimal(exponentialFixed(coefficientAt(a, digits), digits), digits), scale);
}

export function exponential(a: Decimal): Decimal {
  if (isNaN_(a)) return a;
  if (a.special !== null) return a.special === "Infinity" ? a : decimalZero;
  const places = Math.min(Math.max(toNumber(a) * log10e, -resultScaleMax), resultScaleMax);
  if (toNumber(a) >= exponentMax) throw new SqlError("22003", "value overflows numeric format");
  return exponentialAt(a, displayScale(significantDigits - Math.trunc(places), a.scale));
}

export function power(base: Decimal, exponent: Decimal): Decimal {
  const special = specialPower(base, exponent);
  if (special !== null) return special;
  if (base.coefficient === 0n && exponent.coefficient < 0n)
    throw new SqlError("2201F", "zero raised to a negative power is undefined");
  const isWhole = exponent.coefficient % powerOfTen(exponent.scale) === 0n;
  if (base.coefficient < 0n && !isWhole)
    throw new SqlError("2201F", "a negative number raised to a non-integer power yields a complex result");
  const whole = exponent.coefficient / powerOfTen(exponent.scale);
  if (isWhole && whole >= -2_147_483_648n && whole <= 2_147_483_647n) return wholePower(base, Number(whole));
  if (base.coefficient === 0n) return new Decimal(0n, significantDigits);
  if (base.coefficient > 0n) return powerByLogarithm(base, exponent);
  // A whole power beyond those that are multiplied out.
  const size = powerByLogarithm(new Decimal(-base.coefficient, base.scale), exponent);
  return whole % 2n === 0n ? size : new Decimal(-size.coefficient, size.scale);
}

/** @param base above zero */
function powerByLogarithm(base: Decimal, exponent: Decimal): Decimal {
  const whole = exponent.coefficient / powerOfTen(exponent.scale);
  const estimate = logarithmWeight(base);
  // The scale of the result hangs on an estimate of its size, with eight digits of the logarithm: PostgreSQL's own, rounding included.
  const coarse = Math.min(Math.max(estimateDigits - estimate, 0), resultScaleMax);
  const digits = coarse + digitCount(whole) + 40;
  const logarithm = roundDecimal(new Decimal(logarithmFixed(base, digits), digits), coarse);
  const product = roundDecimal(multiply(logarithm, exponent), coarse);
  const places = Math.min(Math.max(toNumber(product) * log10e, -resultScaleMax), resultScaleMax);
  if (toNumber(product) >= exponentMax) throw new SqlError("22003", "value overflows numeric format");
  const scale = displayScale(significantDigits - Math.trunc(places), base.scale, exponent.scale);
  if (toNumber(product) <= -exponentMax) return new Decimal(0n, scale);
  const wanted = scale + Math.max(0, Math.trunc(places)) + 20;
  const precise = multiply(
    new Decimal(logarithmFixed(base, wanted + digitCount(whole)), wanted + digitCount(whole)),
    exponent,
  );
  return checked(exponentialAt(precise, scale));
}

const estimateDigits = 8;
const integerPlacesMax = 131_072;

function specialPower(base: Decimal, exponent: Decimal): Decimal | null {
  if (base.special === null && exponent.special === null) return null;
  const isOne = compareDecimals(base, one) === 0;
  if (isNaN_(exponent)) return isOne ? one : decimalNaN;
  if (isNaN_(base)) return exponent.special === null && exponent.coefficient === 0n ? one : decimalNaN;
  if (exponent.special !== null) {
    if (isOne) return one;
    const size = compareDecimals(absolute(base), one);
    if (size === 0) return one;
    if (base.special === null && base.coefficient === 0n && exponent.special === "-Infinity")
      throw new SqlError("2201F", "zero raised to a negative power is undefined");
    return size > 0 === (exponent.special === "Infinity") ? decimalInfinity : decimalZero;
  }
  const isWhole = exponent.coefficient % powerOfTen(exponent.scale) === 0n;
  if (base.special === "-Infinity" && !isWhole)
    throw new SqlError("2201F", "a negative number raised to a non-integer power yields a complex result");
  if (exponent.coefficient === 0n) return one;
  if (exponent.coefficient < 0n) return decimalZero;
  if (base.special === "Infinity") return decimalInfinity;
  return (exponent.coefficient / powerOfTen(exponent.scale)) % 2n === 0n ? decimalInfinity : decimalMinusInfinity;
}

function wholePower(base: Decimal, exponent: number): Decimal {
  const scale = displayScale(significantDigits, base.scale);
  if (base.coefficient === 0n) return exponent === 0 ? new Decimal(powerOfTen(scale), scale) : new Decimal(0n, scale);
  const text = (base.coefficient < 0n ? -base.coefficient : base.coefficient).toString();
  const mantissa = Number(`${text.slice(0, 1)}.${text.slice(1, 17)}`);
  const places = exponent * (Math.log10(mantissa) + (text.length - 1 - base.scale));
  if (places > integerPlacesMax + 4) throw new SqlError("22003", "value overflows numeric format");
  if (places + 1 < -scale) return new Decimal(0n, scale);
  if (exponent >= 0 && text.length * exponent < 20_000) {
    const exact = new Decimal(base.coefficient ** BigInt(exponent), base.scale * exponent);
    return checked(roundDecimal(exact, scale));
  }
  if (exponent < 0 && text.length * -exponent < 20_000) {
    const exact = new Decimal(base.coefficient ** BigInt(-exponent), base.scale * -exponent);
    return checked(quotientAt(one, exact, scale));
  }
  return checked(approximatePower(base, exponent, scale, places));
}

/** A power whose exact digits would be too many: by squaring, with no more digits than the result needs. */
function approximatePower(base: Decimal, exponent: number, scale: number, places: number): Decimal {
  const steps = BigInt(Math.abs(exponent));
  // Each step may lose a digit or so.
  const digits = scale + Math.max(0, Math.ceil(Math.abs(places))) + 2 * steps.toString(2).length + 20;
  let square: Floating = cut({ coefficient: absolute(base).coefficient, exponent: -base.scale }, digits);
  let result: Floating = { coefficient: 1n, exponent: 0 };
  for (let left = steps; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = times(result, square, digits);
    if (left > 1n) square = times(square, square, digits);
  }
  const magnitude = exponent < 0 ? reciprocalAt(result, scale) : atScale(result, scale);
  return base.coefficient < 0n && exponent % 2 !== 0 ? negate(magnitude) : magnitude;
}

/** coefficient × 10^exponent, with a limited number of digits. */
interface Floating {
  readonly coefficient: bigint;
  readonly exponent: number;
}

function cut(value: Floating, digits: number): Floating {
  const surplus = digitCount(value.coefficient) - digits;
  if (surplus <= 0) return value;
  return { coefficient: value.coefficient / powerOfTen(surplus), exponent: value.exponent + surplus };
}

const times = (a: Floating, b: Floating, digits: number): Floating =>
  cut({ coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent }, digits);

function atScale({ coefficient, exponent }: Floating, scale: number): Decimal {
  if (exponent >= -scale) return new Decimal(coefficient * powerOfTen(exponent + scale), scale);
  return new Decimal(divideRounded(coefficient, powerOfTen(-exponent - scale)), scale);
}

function reciprocalAt({ coefficient, exponent }: Floating, scale: number): Decimal {
  const shift = scale - exponent;
  if (shift < 0) return new Decimal(0n, scale);
  return new Decimal(divideRounded(powerOfTen(shift), coefficient), scale);
}
