/**
 * Between digits and floating-point numbers where JavaScript's own way is not PostgreSQL's: a float of four bytes is rounded once, from its
 * digits and not from a double; and the fewest digits that read back as a number must lie nearer to it than to any other. Digits just between
 * two numbers are read as one of them, and do not count (Ryu, Adams 2018, as PostgreSQL uses it).
 */
import { assert } from "../../types/assert.js";

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);
const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

/** The float next to one that is not 0, away from 0 or towards it. */
function nextFloat(value: number, step: 1 | -1): number {
  float[0] = value;
  floatBits[0] = (floatBits[0] ?? 0) + step;
  return float[0] ?? 0;
}

function nextDouble(value: number, step: 1 | -1): number {
  double[0] = value;
  doubleBits[0] = (doubleBits[0] ?? 0n) + BigInt(step);
  return double[0] ?? 0;
}

const smallestFloat = 2 ** -149;
const mantissaBits = 52n;
const pattern = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/u;

/** Whether digits are less than a double (-1), it (0) or more (1), exactly. @param text as `Number` reads it, of a finite number */
function compareDigits(text: string, value: number): number {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = pattern.exec(text) ?? [];
  const coefficient = BigInt(`${whole}${fraction}` === "" ? "0" : `${whole}${fraction}`) * (sign === "-" ? -1n : 1n);
  const tens = Number(exponent) - fraction.length;
  double[0] = Math.abs(value);
  const bits = doubleBits[0] ?? 0n;
  const biased = bits >> mantissaBits;
  const mantissa = (bits & ((1n << mantissaBits) - 1n)) + (biased === 0n ? 0n : 1n << mantissaBits);
  const twos = (biased === 0n ? 1 : Number(biased)) - 1_075;
  const left = coefficient * 10n ** BigInt(Math.max(0, tens)) * 2n ** BigInt(Math.max(0, -twos));
  const right = mantissa * (value < 0 ? -1n : 1n) * 10n ** BigInt(Math.max(0, -tens)) * 2n ** BigInt(Math.max(0, twos));
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The float nearest to some digits. @param wide the double nearest to them, finite */
export function floatOfDigits(text: string, wide: number): number {
  const near = Math.fround(wide);
  if (near === wide || !Number.isFinite(near)) return near;
  const isBeyond = Math.abs(wide) > Math.abs(near);
  const other = near === 0 ? Math.sign(wide) * smallestFloat : nextFloat(near, isBeyond ? 1 : -1);
  // Only from just between two floats could the double have come to the wrong one.
  if (Math.abs(wide - near) !== Math.abs(other - wide)) return near;
  const order = compareDigits(text, wide);
  return order === 0 ? near : order > 0 ? Math.max(near, other) : Math.min(near, other);
}

/** Digits that tell exactly what a number is, in scientific notation, where it has no more. */
const exactDigits = 100;

/** A number in so many digits, in scientific notation: the nearest, a half to an even one, and the next beyond it, away from 0. */
function near(value: number, digits: number): readonly [nearest: string, beyond: string] {
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential(exactDigits).split("e");
  const all = mantissa.replace(".", "");
  const rest = all.slice(digits);
  const kept = BigInt(all.slice(0, digits));
  const half = `5${"0".repeat(rest.length - 1)}`;
  const isUp = rest > half || (rest === half && kept % 2n === 1n);
  const written = (coefficient: bigint): string => {
    const text = String(coefficient);
    const fraction = text.slice(1, digits);
    return `${value < 0 ? "-" : ""}${text.slice(0, 1)}${fraction === "" ? "" : `.${fraction}`}e${Number(exponent) + text.length - digits}`;
  };
  const nearest = kept + (isUp ? 1n : 0n);
  return [written(nearest), written(nearest + 1n)];
}

/** Below these, no digits as short as they come lie just between two numbers. */
const plainFloats = 2 ** 19;
const wholeFloats = 2 ** 24;
const plainDoubles = 2 ** 53;

/** The fewest digits of a double, in scientific notation. @param value finite, not 0 */
export function shortestDouble(value: number): string {
  const text = value.toExponential();
  if (Math.abs(value) < plainDoubles) return text;
  const least = text.replace(/^-|e.*$/gu, "").replace(".", "").length;
  return shortest(value, least, Number, nextDouble, halfway);
}

/** The fewest digits of a float of four bytes, in scientific notation. @param value one, finite, not 0 */
export function shortestFloat(value: number): string {
  assert(Math.fround(value) === value, "a float of four bytes is one");
  // Each whole number has its own digits here, and needs all of them.
  if (Math.abs(value) < wholeFloats && Number.isInteger(value)) return value.toExponential();
  if (Math.abs(value) >= plainFloats)
    return shortest(
      value,
      1,
      (text) => Math.fround(Number(text)),
      nextFloat,
      (a, b) => (text) => compareDigits(text, (a + b) / 2) === 0,
    );
  const isRight = (fraction: number): boolean => Math.fround(Number(value.toExponential(fraction))) === value;
  // Seven digits are what most have that are no short ones.
  let fraction = 6;
  if (isRight(fraction)) while (fraction > 0 && isRight(fraction - 1)) fraction -= 1;
  else while (fraction < 8 && !isRight(fraction)) fraction += 1;
  // Where the number is just between two so short, JavaScript writes the greater one.
  const longer = value.toExponential(fraction + 1);
  const [even] = isHalf(longer) && Number(longer) === value ? near(value, fraction + 1) : [];
  return even !== undefined && Math.fround(Number(even)) === value ? even : value.toExponential(fraction);
}

const isHalf = (text: string): boolean => text.charAt(text.indexOf("e") - 1) === "5";

/** Whether digits lie just between two doubles, which no double is: twice of them is their sum. */
const halfway =
  (a: number, b: number) =>
  (text: string): boolean => {
    const [mantissa = "", exponent = "0"] = text.split("e");
    const [whole = "", fraction = ""] = mantissa.split(".");
    const places = Number(exponent) - fraction.length;
    if (places < 0 || !Number.isFinite(a) || !Number.isFinite(b)) return false;
    return 2n * BigInt(`${whole}${fraction}`) * 10n ** BigInt(places) === BigInt(a) + BigInt(b);
  };

function shortest(
  value: number,
  least: number,
  read: (text: string) => number,
  next: (value: number, step: 1 | -1) => number,
  between: (a: number, b: number) => (text: string) => boolean,
): string {
  const isAbove = between(value, next(value, 1));
  const isBelow = between(value, next(value, -1));
  const isRight = (text: string): boolean => read(text) === value && !isAbove(text) && !isBelow(text);
  for (let digits = least; digits < 17; digits += 1) {
    // Beyond a power of two numbers lie twice as far from one another as before it, so that what is not the nearest may be the right one.
    const found = near(value, digits).find(isRight);
    if (found !== undefined) return found;
  }
  return near(value, 17)[0];
}
