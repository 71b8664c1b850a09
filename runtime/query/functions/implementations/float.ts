/** Arithmetic of real and double precision: IEEE 754, but overflow and underflow of finite numbers are errors (22003). */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from "../../types/integer.js";
import { divisionByZero, outOfRange } from "../../types/invalid.js";
import { type Implementation, strictly, strictOf } from "../define.js";

const overflow = (): SqlError => new SqlError("22003", "value out of range: overflow");
const underflow = (): SqlError => new SqlError("22003", "value out of range: underflow");

/** A result that is infinite though no operand is has overflowed; one that is zero though none is has underflowed. */
export function checkFloat(result: number, isInfinityFine: boolean, isZeroFine: boolean): number {
  if (!isInfinityFine && (result === Number.POSITIVE_INFINITY || result === Number.NEGATIVE_INFINITY)) throw overflow();
  if (!isZeroFine && result === 0) throw underflow();
  return result;
}

const infinite = (a: number): boolean => a === Number.POSITIVE_INFINITY || a === Number.NEGATIVE_INFINITY;

const sum = (round: (value: number) => number, a: number, b: number): number => {
  const result = round(a + b);
  return infinite(result) ? checkFloat(result, infinite(a) || infinite(b), true) : result;
};
const product = (round: (value: number) => number, a: number, b: number): number =>
  checkFloat(round(a * b), infinite(a) || infinite(b), a === 0 || b === 0);
function quotient(round: (value: number) => number, a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
  return checkFloat(round(a / b), infinite(a), a === 0 || infinite(b));
}

const same = (value: number): number => value;

function arithmetic(): Implementation[] {
  const pairs = [
    ["float4", "float4", "float4", Math.fround],
    ["float8", "float8", "float8", same],
    ["float48", "float4", "float8", same],
    ["float84", "float8", "float4", same],
  ] as const;
  const binary = pairs.flatMap(([prefix, left, right, round]) => [
    strictOf(`${prefix}pl(${left},${right})`, (a: number, b: number) => sum(round, a, b)),
    strictOf(`${prefix}mi(${left},${right})`, (a: number, b: number) => sum(round, a, -b)),
    strictOf(`${prefix}mul(${left},${right})`, (a: number, b: number) => product(round, a, b)),
    strictOf(`${prefix}div(${left},${right})`, (a: number, b: number) => quotient(round, a, b)),
  ]);
  const unary = (["float4", "float8"] as const).flatMap((type) => [
    strictOf(`${type}um(${type})`, (a: number) => -a),
    strictOf(`${type}up(${type})`, (a: number) => a),
    strictOf(`${type}abs(${type})`, (a: number) => Math.abs(a)),
    strictOf(`abs(${type})`, (a: number) => Math.abs(a)),
  ]);
  return [...binary, ...unary];
}

/** To the nearest integer, halves to even: C's `rint`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return Object.is(value, -0) ? -0 : floor;
  if (rest > 0.5) return floor + 1 === 0 && value < 0 ? -0 : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1 === 0 && value < 0 ? -0 : floor + 1;
}

function toInteger(value: number, minimum: number, maximum: number, label: string): number {
  const rounded = roundHalfEven(value);
  if (!(rounded >= minimum && rounded <= maximum)) throw outOfRange(label);
  return rounded + 0;
}

function toBigint(value: number): Datum {
  const rounded = roundHalfEven(value);
  if (!Number.isFinite(rounded)) throw outOfRange("bigint");
  const exact = BigInt(rounded);
  if (exact < int8Min || exact > int8Max) throw outOfRange("bigint");
  return int64(exact);
}

function narrow(value: number): number {
  const result = Math.fround(value);
  return checkFloat(result, infinite(value), value === 0);
}

const inputRange = (): SqlError => new SqlError("22003", "input is out of range");

function squareRoot(a: number): number {
  if (a < 0) throw new SqlError("2201F", "cannot take square root of a negative number");
  return Math.sqrt(a);
}

function raise(base: number, exponent: number): number {
  if (Number.isNaN(base)) return exponent === 0 ? 1 : base;
  if (Number.isNaN(exponent)) return base === 1 ? 1 : exponent;
  if (base === 0 && exponent < 0) throw new SqlError("2201F", "zero raised to a negative power is undefined");
  const isWhole = Math.floor(exponent) === exponent;
  if (base < 0 && !isWhole)
    throw new SqlError("2201F", "a negative number raised to a non-integer power yields a complex result");
  // JavaScript has NaN where C has 1.
  if (base === 1 || (base === -1 && infinite(exponent))) return 1;
  const result = base ** exponent;
  if (infinite(base) || infinite(exponent)) return result;
  return checkFloat(result, false, base === 0);
}

function naturalLogarithm(a: number, log: (a: number) => number): number {
  if (a === 0) throw new SqlError("2201E", "cannot take logarithm of zero");
  if (a < 0) throw new SqlError("2201E", "cannot take logarithm of a negative number");
  return checkFloat(log(a), infinite(a), a === 1);
}

function exponential(a: number): number {
  const result = Math.exp(a);
  return infinite(a) ? result : checkFloat(result, false, false);
}

/** An angle's function, of radians; infinite angles have none. */
const ofAngle =
  (compute: (a: number) => number) =>
  (a: number): number => {
    if (infinite(a)) throw inputRange();
    return compute(a);
  };

const within =
  (minimum: number, maximum: number, compute: (a: number) => number) =>
  (a: number): number => {
    if (a < minimum || a > maximum) throw inputRange();
    return compute(a);
  };

const toDegrees = (radians: number): number => radians / (Math.PI / 180);
const toRadians = (degrees: number): number => degrees * (Math.PI / 180);

/** Sine and cosine of degrees, exact at multiples of 30 and 90. */
function sineDegrees(degrees: number): number {
  if (infinite(degrees)) throw inputRange();
  let angle = degrees % 360;
  let sign = 1;
  if (angle < 0) {
    angle = -angle;
    sign = -1;
  }
  if (angle > 180) {
    angle = 360 - angle;
    sign = -sign;
  }
  if (angle > 90) angle = 180 - angle;
  return sign * firstQuadrantSine(angle);
}

function firstQuadrantSine(angle: number): number {
  if (Number.isNaN(angle)) return angle;
  if (angle <= 30) return Math.sin(toRadians(angle)) / Math.sin(toRadians(30)) / 2;
  return firstQuadrantCosine(90 - angle);
}

function firstQuadrantCosine(angle: number): number {
  if (angle <= 60) return 1 - (1 - Math.cos(toRadians(angle))) / (1 - Math.cos(toRadians(60))) / 2;
  return firstQuadrantSine(90 - angle);
}

const cosineDegrees = (degrees: number): number => sineDegrees((degrees % 360) + 90);

/** Exact at 0, 30, 90 and, by what is left to 90, at 60: as PostgreSQL scales both halves. */
function arcsineDegrees(sine: number): number {
  const x = Math.abs(sine);
  const degrees = x <= 0.5 ? (Math.asin(x) / Math.asin(0.5)) * 30 : 90 - (Math.acos(x) / Math.acos(0.5)) * 60;
  return sine < 0 ? -degrees : degrees;
}

function arccosineDegrees(cosine: number): number {
  const x = Math.abs(cosine);
  const degrees = x <= 0.5 ? 90 - (Math.asin(x) / Math.asin(0.5)) * 30 : (Math.acos(x) / Math.acos(0.5)) * 60;
  return cosine < 0 ? 180 - degrees : degrees;
}

/** An angle in the first quadrant with the same tangent but for its sign, as PostgreSQL folds it: so the sign of an infinite one is known. */
function folded(degrees: number): { readonly angle: number; readonly sign: number } {
  if (infinite(degrees)) throw inputRange();
  let angle = degrees % 360;
  let sign = 1;
  if (angle < 0) {
    angle = -angle;
    sign = -sign;
  }
  if (angle > 180) {
    angle = 360 - angle;
    sign = -sign;
  }
  if (angle > 90) {
    angle = 180 - angle;
    sign = -sign;
  }
  return { angle, sign };
}

function tangentDegrees(degrees: number): number {
  const { angle, sign } = folded(degrees);
  const result = (sign * (sineDegrees(angle) / cosineDegrees(angle))) / (sineDegrees(45) / cosineDegrees(45));
  return result === 0 ? 0 : result;
}

function cotangentDegrees(degrees: number): number {
  const { angle, sign } = folded(degrees);
  const result = (sign * (cosineDegrees(angle) / sineDegrees(angle))) / (cosineDegrees(45) / sineDegrees(45));
  return result === 0 ? 0 : result;
}

function widthBucket(operand: number, low: number, high: number, count: number): number {
  if (count <= 0) throw new SqlError("2201G", "count must be greater than zero");
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high))
    throw new SqlError("2201G", "operand, lower bound, and upper bound cannot be NaN");
  if (infinite(low) || infinite(high)) throw new SqlError("2201G", "lower and upper bounds must be finite");
  if (low === high) throw new SqlError("2201G", "lower bound cannot equal upper bound");
  const isRising = low < high;
  if (isRising ? operand < low : operand > low) return 0;
  if (isRising ? operand >= high : operand <= high) {
    if (count >= int4Max) throw outOfRange("integer");
    return count + 1;
  }
  return Math.min(Math.floor(((operand - low) / (high - low)) * count), count - 1) + 1;
}

const power = (a: number, b: number): number => raise(a, b);
const ceiling = (a: number): number => Math.ceil(a);

const named = strictly({
  "dsqrt(float8)": squareRoot,
  "sqrt(float8)": squareRoot,
  "dcbrt(float8)": (a) => Math.cbrt(a),
  "cbrt(float8)": (a) => Math.cbrt(a),
  "dpow(float8,float8)": power,
  "pow(float8,float8)": power,
  "power(float8,float8)": power,
  "dexp(float8)": exponential,
  "exp(float8)": exponential,
  "ln(float8)": (a) => naturalLogarithm(a, Math.log),
  "dlog1(float8)": (a) => naturalLogarithm(a, Math.log),
  "log(float8)": (a) => naturalLogarithm(a, Math.log10),
  "log10(float8)": (a) => naturalLogarithm(a, Math.log10),
  "dlog10(float8)": (a) => naturalLogarithm(a, Math.log10),
  "ceil(float8)": ceiling,
  "ceiling(float8)": ceiling,
  "floor(float8)": (a) => Math.floor(a),
  "round(float8)": roundHalfEven,
  "dround(float8)": roundHalfEven,
  "trunc(float8)": (a) => Math.trunc(a),
  "dtrunc(float8)": (a) => Math.trunc(a),
  "sign(float8)": (a) => (a > 0 ? 1 : a < 0 ? -1 : Number.isNaN(a) ? 0 : 0),
  "degrees(float8)": (a) => checkFloat(toDegrees(a), infinite(a), a === 0),
  "radians(float8)": (a) => checkFloat(toRadians(a), infinite(a), a === 0),
  "pi()": () => Math.PI,
  "sin(float8)": ofAngle(Math.sin),
  "cos(float8)": ofAngle(Math.cos),
  "tan(float8)": ofAngle(Math.tan),
  "cot(float8)": ofAngle((a) => 1 / Math.tan(a)),
  "asin(float8)": within(-1, 1, Math.asin),
  "acos(float8)": within(-1, 1, Math.acos),
  "atan(float8)": (a) => Math.atan(a),
  "atan2(float8,float8)": (a, b) => Math.atan2(a, b),
  "sinh(float8)": (a) => Math.sinh(a),
  "cosh(float8)": (a) => Math.cosh(a),
  "tanh(float8)": (a) => Math.tanh(a),
  "asinh(float8)": (a) => Math.asinh(a),
  "acosh(float8)": within(1, Number.POSITIVE_INFINITY, Math.acosh),
  "atanh(float8)": within(-1, 1, Math.atanh),
  "sind(float8)": sineDegrees,
  "cosd(float8)": (a) => (infinite(a) ? sineDegrees(a) : cosineDegrees(a)),
  "tand(float8)": tangentDegrees,
  "cotd(float8)": cotangentDegrees,
  "asind(float8)": within(-1, 1, arcsineDegrees),
  "acosd(float8)": within(-1, 1, arccosineDegrees),
  "atand(float8)": (a) => (Math.atan(a) / Math.atan(1)) * 45,
  "atan2d(float8,float8)": (a, b) => (Math.atan2(a, b) / Math.atan(1)) * 45,
  "width_bucket(float8,float8,float8,int4)": widthBucket,
  "random()": (context) => context.random(),
  "float8(float4)": (a) => a,
  "float4(float8)": narrow,
  "float8(int2)": (a) => a,
  "float8(int4)": (a) => a,
  "float8(int8)": (a) => Number(a),
  "float4(int2)": (a) => Math.fround(a),
  "float4(int4)": (a) => Math.fround(a),
  "float4(int8)": (a) => Math.fround(Number(a)),
  "int2(float8)": (a) => toInteger(a, int2Min, int2Max, "smallint"),
  "int4(float8)": (a) => toInteger(a, int4Min, int4Max, "integer"),
  "int8(float8)": toBigint,
  "int2(float4)": (a) => toInteger(a, int2Min, int2Max, "smallint"),
  "int4(float4)": (a) => toInteger(a, int4Min, int4Max, "integer"),
  "int8(float4)": toBigint,
});

export const floats: readonly Implementation[] = [...arithmetic(), ...named];
