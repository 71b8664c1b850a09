/**
 * Operators over whole columns of numbers. Each does what the operator's function does for one row, with the same errors; where `nulls`
 * is 1 there is no row, and whatever it computes there is not looked at and does not fail.
 */
import { SqlError } from "../error.js";
import type { NumberKernel } from "../functions/registry.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { isEnum } from "../types/user-types.js";

/** Types whose numbers compare as they are; of the others NaN is equal to itself and above all. */
const plainTypes: ReadonlySet<Oid> = new Set([typeOid.int2, typeOid.int4, typeOid.oid, typeOid.date, typeOid.time]);
const floatTypes: ReadonlySet<Oid> = new Set([typeOid.float4, typeOid.float8]);

/** The kernel of an operator, by its name and its operands' types; null when there is none. */
export function kernelFor(name: string, left: Oid, right: Oid): NumberKernel | null {
  if (left === right && (plainTypes.has(left) || isEnum(left))) {
    const compare = plainComparisons[name];
    if (compare !== undefined) return compare;
  }
  if (floatTypes.has(left) && floatTypes.has(right)) {
    const compare = floatComparisons[name];
    if (compare !== undefined) return compare;
  }
  if (left === typeOid.int4 && right === typeOid.int4) return integerArithmetic[name] ?? null;
  if (left === typeOid.float8 && right === typeOid.float8) return floatArithmetic[name] ?? null;
  return null;
}

const plainComparisons: Readonly<Record<string, NumberKernel>> = {
  "=": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = left[row] === right[row] ? 1 : 0;
  },
  "<>": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = left[row] === right[row] ? 0 : 1;
  },
  "<": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) < (right[row] ?? 0) ? 1 : 0;
  },
  "<=": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) <= (right[row] ?? 0) ? 1 : 0;
  },
  ">": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) > (right[row] ?? 0) ? 1 : 0;
  },
  ">=": (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) >= (right[row] ?? 0) ? 1 : 0;
  },
};

/** `a < b` where NaN is the greatest and equal to itself. */
const isLess = (a: number, b: number): boolean => a < b || (Number.isNaN(b) && !Number.isNaN(a));
const isEqual = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

const comparison =
  (test: (a: number, b: number) => boolean): NumberKernel =>
  (left, right, _nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = test(left[row] ?? 0, right[row] ?? 0) ? 1 : 0;
  };

const floatComparisons: Readonly<Record<string, NumberKernel>> = {
  "=": comparison(isEqual),
  "<>": comparison((a, b) => !isEqual(a, b)),
  "<": comparison(isLess),
  "<=": comparison((a, b) => !isLess(b, a)),
  ">": comparison((a, b) => isLess(b, a)),
  ">=": comparison((a, b) => !isLess(a, b)),
};

const outOfRange = (): SqlError => new SqlError("22003", "integer out of range");
const overflow = (): SqlError => new SqlError("22003", "value out of range: overflow");
const underflow = (): SqlError => new SqlError("22003", "value out of range: underflow");
const divisionByZero = (): SqlError => new SqlError("22012", "division by zero");

/** Fails for a row that is there and whose result is no integer of 32 bits. */
function checkIntegers(nulls: Uint8Array, rows: number, result: Float64Array): void {
  for (let row = 0; row < rows; row += 1) {
    const value = result[row] ?? 0;
    if (value !== (value | 0) && nulls[row] === 0) throw outOfRange();
  }
}

const integerArithmetic: Readonly<Record<string, NumberKernel>> = {
  "+": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) + (right[row] ?? 0);
    checkIntegers(nulls, rows, result);
  },
  "-": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) - (right[row] ?? 0);
    checkIntegers(nulls, rows, result);
  },
  // A product of 32-bit integers beyond 2^53 is rounded, and still seen to be out of range. Zero has no sign.
  "*": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) * (right[row] ?? 0) + 0;
    checkIntegers(nulls, rows, result);
  },
  "/": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) {
      if (right[row] === 0 && nulls[row] === 0) throw divisionByZero();
      result[row] = Math.trunc((left[row] ?? 0) / (right[row] ?? 0)) + 0;
    }
    checkIntegers(nulls, rows, result);
  },
  "%": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) {
      if (right[row] === 0 && nulls[row] === 0) throw divisionByZero();
      result[row] = ((left[row] ?? 0) % (right[row] ?? 0)) + 0;
    }
  },
};

/** Fails where finite operands have an infinite result. */
function checkFinite(
  left: Float64Array,
  right: Float64Array,
  nulls: Uint8Array,
  rows: number,
  result: Float64Array,
): void {
  for (let row = 0; row < rows; row += 1) {
    const value = result[row] ?? 0;
    if (value - value === 0) continue;
    const isFromFinite = Number.isFinite(left[row]) && Number.isFinite(right[row]);
    if (isFromFinite && nulls[row] === 0) throw overflow();
  }
}

const floatArithmetic: Readonly<Record<string, NumberKernel>> = {
  "+": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) + (right[row] ?? 0);
    checkFinite(left, right, nulls, rows, result);
  },
  "-": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) result[row] = (left[row] ?? 0) - (right[row] ?? 0);
    checkFinite(left, right, nulls, rows, result);
  },
  "*": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) {
      const value = (left[row] ?? 0) * (right[row] ?? 0);
      if (value === 0 && left[row] !== 0 && right[row] !== 0 && nulls[row] === 0) throw underflow();
      result[row] = value;
    }
    checkFinite(left, right, nulls, rows, result);
  },
  "/": (left, right, nulls, rows, result) => {
    for (let row = 0; row < rows; row += 1) {
      const divisor = right[row] ?? 0;
      const dividend = left[row] ?? 0;
      if (divisor === 0 && !Number.isNaN(dividend) && nulls[row] === 0) throw divisionByZero();
      const value = dividend / divisor;
      if (value === 0 && dividend !== 0 && Number.isFinite(divisor) && nulls[row] === 0) throw underflow();
      result[row] = value;
    }
    checkFinite(left, right, nulls, rows, result);
  },
};
