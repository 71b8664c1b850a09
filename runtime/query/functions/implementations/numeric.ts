/** Functions and casts of numeric, over the exact arithmetic of its type. */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import {
  coefficientAt,
  compareDecimals,
  type Decimal,
  decimalFromInteger,
  decimalText,
  limitDecimal,
  minimalScale,
  normalDecimal,
  roundDecimal,
  scaleMax,
  truncateDecimal,
} from "../../types/decimal.js";
import {
  absolute,
  add,
  ceiling,
  divide,
  divideWhole,
  exponential,
  floor,
  fromNumber,
  greatestCommonDivisor,
  leastCommonMultiple,
  logarithm,
  multiply,
  naturalLogarithm,
  negate,
  power,
  remainder,
  signOf,
  squareRoot,
  subtract,
  toNumber,
} from "../../types/decimal-arithmetic.js";
import { float4OfDecimal } from "../../types/float.js";
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { type Implementation, strictly } from "../define.js";

const ten = decimalFromInteger(10);
const one = decimalFromInteger(1);
/** Digits that any double, any float is exact in. */
const doubleDigits = 15;
const realDigits = 6;

export function toInteger(value: Decimal, minimum: bigint, maximum: bigint, label: string): Datum {
  if (value.special !== null)
    throw new SqlError("0A000", `cannot convert ${value.special === "NaN" ? "NaN" : "infinity"} to ${label}`);
  const rounded = coefficientAt(value, 0);
  if (rounded < minimum || rounded > maximum) throw outOfRange(label);
  return int64(rounded);
}

function sign(a: Decimal): Decimal {
  return a.special === "NaN" ? a : decimalFromInteger(signOf(a));
}

function bucket(operand: Decimal, low: Decimal, high: Decimal, count: number): number {
  if (count <= 0) throw new SqlError("2201G", "count must be greater than zero");
  if (operand.special === "NaN" || low.special === "NaN" || high.special === "NaN")
    throw new SqlError("2201G", "operand, lower bound, and upper bound cannot be NaN");
  if (low.special !== null || high.special !== null)
    throw new SqlError("2201G", "lower and upper bounds must be finite");
  const order = compareDecimals(low, high);
  if (order === 0) throw new SqlError("2201G", "lower bound cannot equal upper bound");
  if (order < 0 ? compareDecimals(operand, low) < 0 : compareDecimals(operand, low) > 0) return 0;
  if (order < 0 ? compareDecimals(operand, high) >= 0 : compareDecimals(operand, high) <= 0) {
    if (count >= int4Max) throw outOfRange("integer");
    return count + 1;
  }
  const scaled = multiply(subtract(operand, low), decimalFromInteger(count));
  return Number(divideWhole(scaled, subtract(high, low)).coefficient) + 1;
}

/** Digits that can be asked for, on either side of the point. */
const displayable = (scale: number): number => Math.min(Math.max(scale, -140_000), scaleMax);

const root = (a: Decimal): Decimal => squareRoot(a);
const raised = (a: Decimal, b: Decimal): Decimal => power(a, b);
const remain = (a: Decimal, b: Decimal): Decimal => remainder(a, b);
const whole = (a: Decimal, b: Decimal): Decimal => divideWhole(a, b);
const size = (a: Decimal): Decimal => absolute(a);
const commonLogarithm = (a: Decimal): Decimal => logarithm(ten, a);
const display = (a: Decimal): number | null => (a.special === null ? a.scale : null);

export const numerics: readonly Implementation[] = strictly({
  "numeric_add(numeric,numeric)": (a, b) => add(a, b),
  "numeric_sub(numeric,numeric)": (a, b) => subtract(a, b),
  "numeric_mul(numeric,numeric)": (a, b) => multiply(a, b),
  "numeric_div(numeric,numeric)": (a, b) => divide(a, b),
  "numeric_mod(numeric,numeric)": remain,
  "mod(numeric,numeric)": remain,
  "div(numeric,numeric)": whole,
  "numeric_div_trunc(numeric,numeric)": whole,
  "numeric_uminus(numeric)": (a) => negate(a),
  "numeric_uplus(numeric)": (a) => a,
  "numeric_inc(numeric)": (a) => add(a, one),
  "numeric_abs(numeric)": size,
  "abs(numeric)": size,
  "sign(numeric)": sign,
  "ceil(numeric)": (a) => ceiling(a),
  "ceiling(numeric)": (a) => ceiling(a),
  "floor(numeric)": (a) => floor(a),
  "round(numeric)": (a) => roundDecimal(a, 0),
  "round(numeric,int4)": (a, scale) => roundDecimal(a, displayable(scale)),
  "trunc(numeric)": (a) => truncateDecimal(a, 0),
  "trunc(numeric,int4)": (a, scale) => truncateDecimal(a, displayable(scale)),
  "sqrt(numeric)": root,
  "numeric_sqrt(numeric)": root,
  "exp(numeric)": (a) => exponential(a),
  "numeric_exp(numeric)": (a) => exponential(a),
  "ln(numeric)": (a) => naturalLogarithm(a),
  "numeric_ln(numeric)": (a) => naturalLogarithm(a),
  "log(numeric)": commonLogarithm,
  "log10(numeric)": commonLogarithm,
  "log(numeric,numeric)": (base, a) => logarithm(base, a),
  "numeric_log(numeric,numeric)": (base, a) => logarithm(base, a),
  "pow(numeric,numeric)": raised,
  "power(numeric,numeric)": raised,
  "numeric_power(numeric,numeric)": raised,
  "gcd(numeric,numeric)": (a, b) => greatestCommonDivisor(a, b),
  "lcm(numeric,numeric)": (a, b) => leastCommonMultiple(a, b),
  "scale(numeric)": display,
  "min_scale(numeric)": (a) => (a.special === null ? minimalScale(a) : null),
  "trim_scale(numeric)": (a) => normalDecimal(a),
  "width_bucket(numeric,numeric,numeric,int4)": bucket,
  "numeric(numeric,int4)": (a, modifier) => limitDecimal(a, modifier),
  "numeric(int2)": (a) => decimalFromInteger(a),
  "numeric(int4)": (a) => decimalFromInteger(a),
  "numeric(int8)": (a) => decimalFromInteger(a),
  "numeric(float4)": (a) => fromNumber(a, realDigits),
  "numeric(float8)": (a) => fromNumber(a, doubleDigits),
  "int2(numeric)": (a) => toInteger(a, BigInt(int2Min), BigInt(int2Max), "smallint"),
  "int4(numeric)": (a) => toInteger(a, BigInt(int4Min), BigInt(int4Max), "integer"),
  "int8(numeric)": (a) => toInteger(a, int8Min, int8Max, "bigint"),
  "float8(numeric)": (a) => {
    const value = toNumber(a);
    if (a.special === null && !Number.isFinite(value))
      throw new SqlError("22003", `"${decimalText(a)}" is out of range for type double precision`);
    return value;
  },
  "float4(numeric)": float4OfDecimal,
});
