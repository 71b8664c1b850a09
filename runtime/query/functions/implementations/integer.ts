/**
 * Arithmetic of smallint, integer and bigint. Results are checked against the type's bounds (22003), division truncates, and a bigint is a
 * number while it is safe, so that most sums need no bigint of JavaScript.
 */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { type Decimal, decimalFromInteger } from "../../types/decimal.js";
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from "../../types/integer.js";
import { divisionByZero, outOfRange } from "../../types/invalid.js";
import { type Implementation, strictly, strictOf } from "../define.js";

const labels = { int2: "smallint", int4: "integer", int8: "bigint" } as const;
type IntegerType = keyof typeof labels;

export function toInt2(value: number): number {
  if (value > int2Max || value < int2Min) throw outOfRange("smallint");
  return value;
}

export function toInt4(value: number): number {
  if (value > int4Max || value < int4Min) throw outOfRange("integer");
  return value;
}

export function toInt8(value: bigint): Int64 {
  if (value > int8Max || value < int8Min) throw outOfRange("bigint");
  return int64(value);
}

export function add8(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return toInt8(BigInt(a) + BigInt(b));
}

export function subtract8(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return toInt8(BigInt(a) - BigInt(b));
}

export function multiply8(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    // No negative zero: a value has one form.
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return toInt8(BigInt(a) * BigInt(b));
}

export function divide8(a: Int64, b: Int64): Int64 {
  if (b === 0) throw divisionByZero();
  if (typeof a === "number" && typeof b === "number") {
    // The quotient of two safe integers can round up to the next integer, so that the remainder decides.
    return (a - (a % b)) / b + 0;
  }
  return toInt8(BigInt(a) / BigInt(b));
}

export function remainder8(a: Int64, b: Int64): Int64 {
  if (b === 0) throw divisionByZero();
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
  return int64(BigInt(a) % BigInt(b));
}

const small = (check: (value: number) => number) => ({
  pl: (a: number, b: number): Datum => check(a + b),
  mi: (a: number, b: number): Datum => check(a - b),
  mul: (a: number, b: number): Datum => {
    const product = a * b;
    // A product of two integers below 2^32 may not be exact, but then it is far out of range.
    return check(product + 0);
  },
  div: (a: number, b: number): Datum => {
    if (b === 0) throw divisionByZero();
    return check(Math.trunc(a / b) + 0);
  },
});

const operations = {
  int2: small(toInt2),
  int4: small(toInt4),
  int8: { pl: add8, mi: subtract8, mul: multiply8, div: divide8 },
} as const;

const digit = { int2: "2", int4: "4", int8: "8" } as const;
const widest = (a: IntegerType, b: IntegerType): IntegerType =>
  a === "int8" || b === "int8" ? "int8" : a === "int4" || b === "int4" ? "int4" : "int2";

/** `int4pl(int4,int4)`, `int48pl(int4,int8)` and the others. */
function arithmetic(): Implementation[] {
  const types: readonly IntegerType[] = ["int2", "int4", "int8"];
  return types.flatMap((left) =>
    types.flatMap((right) => {
      const result = widest(left, right);
      const prefix = left === right ? left : `int${digit[left]}${digit[right]}`;
      return (["pl", "mi", "mul", "div"] as const).map((name) =>
        strictOf(`${prefix}${name}(${left},${right})`, operations[result][name] as (a: never, b: never) => Datum),
      );
    }),
  );
}

function unary(): Implementation[] {
  const negate = {
    int2: (a: number) => toInt2(0 - a),
    int4: (a: number) => toInt4(0 - a),
    int8: (a: Int64) => subtract8(0, a),
  };
  const types: readonly IntegerType[] = ["int2", "int4", "int8"];
  return types.flatMap((type) => {
    const absolute = (a: never): Datum => (a < 0 ? (negate[type] as (a: never) => Datum)(a) : a);
    const mod =
      type === "int8"
        ? remainder8
        : (a: number, b: number): Datum => {
            if (b === 0) throw divisionByZero();
            return (a % b) + 0;
          };
    return [
      strictOf(`${type}um(${type})`, negate[type] as (a: never) => Datum),
      strictOf(`${type}up(${type})`, (a: never) => a),
      strictOf(`${type}abs(${type})`, absolute),
      strictOf(`abs(${type})`, absolute),
      strictOf(`${type}mod(${type},${type})`, mod as (a: never, b: never) => Datum),
      strictOf(`mod(${type},${type})`, mod as (a: never, b: never) => Datum),
    ];
  });
}

/** Bits in two's complement. A shift counts modulo the width, as the processor's does. */
function bits(): Implementation[] {
  const narrow = { int2: (value: number) => (value << 16) >> 16, int4: (value: number) => value | 0 };
  const smallBits = (["int2", "int4"] as const).flatMap((type) => {
    const wrap = narrow[type];
    return [
      strictOf(`${type}and(${type},${type})`, (a: number, b: number) => wrap(a & b)),
      strictOf(`${type}or(${type},${type})`, (a: number, b: number) => wrap(a | b)),
      strictOf(`${type}xor(${type},${type})`, (a: number, b: number) => wrap(a ^ b)),
      strictOf(`${type}not(${type})`, (a: number) => wrap(~a)),
      strictOf(`${type}shl(${type},int4)`, (a: number, b: number) => wrap(a << b)),
      strictOf(`${type}shr(${type},int4)`, (a: number, b: number) => wrap(a >> b)),
    ];
  });
  const wide = (value: bigint): Int64 => int64(BigInt.asIntN(64, value));
  return [
    ...smallBits,
    strictOf("int8and(int8,int8)", (a: Int64, b: Int64) => wide(BigInt(a) & BigInt(b))),
    strictOf("int8or(int8,int8)", (a: Int64, b: Int64) => wide(BigInt(a) | BigInt(b))),
    strictOf("int8xor(int8,int8)", (a: Int64, b: Int64) => wide(BigInt(a) ^ BigInt(b))),
    strictOf("int8not(int8)", (a: Int64) => wide(~BigInt(a))),
    strictOf("int8shl(int8,int4)", (a: Int64, b: number) => wide(BigInt(a) << BigInt(b & 63))),
    strictOf("int8shr(int8,int4)", (a: Int64, b: number) => wide(BigInt(a) >> BigInt(b & 63))),
  ];
}

function gcd(a: bigint, b: bigint): bigint {
  let left = a < 0n ? -a : a;
  let right = b < 0n ? -b : b;
  while (right !== 0n) [left, right] = [right, left % right];
  return left;
}

function lcm(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n;
  const product = (a / gcd(a, b)) * b;
  return product < 0n ? -product : product;
}

const smallOf = (value: bigint): number => {
  if (value > BigInt(int4Max) || value < BigInt(int4Min)) throw outOfRange("integer");
  return Number(value);
};

const hex = (value: bigint, width: number): string => BigInt.asUintN(width, value).toString(16);

/** 20,000! has 77,338 digits; beyond some 32,000 the result is no numeric. */
function factorial(n: Int64): Decimal {
  if (n < 0) throw new SqlError("22003", "factorial of a negative number is undefined");
  if (n > 32_177) throw new SqlError("22003", "value overflows numeric format");
  let product = 1n;
  for (let factor = 2n; factor <= BigInt(n); factor += 1n) product *= factor;
  return decimalFromInteger(product);
}

const named = strictly({
  "gcd(int4,int4)": (a, b) => smallOf(gcd(BigInt(a), BigInt(b))),
  "gcd(int8,int8)": (a, b) => toInt8(gcd(BigInt(a), BigInt(b))),
  "lcm(int4,int4)": (a, b) => smallOf(lcm(BigInt(a), BigInt(b))),
  "lcm(int8,int8)": (a, b) => toInt8(lcm(BigInt(a), BigInt(b))),
  "to_hex(int4)": (a) => hex(BigInt(a), 32),
  "to_hex(int8)": (a) => hex(BigInt(a), 64),
  "factorial(int8)": (n) => factorial(n),
  "int4inc(int4)": (a) => toInt4(a + 1),
  "int8inc(int8)": (a) => add8(a, 1),
  "int8dec(int8)": (a) => subtract8(a, 1),
  "int2(int4)": (a) => toInt2(a),
  "int4(int2)": (a) => a,
  "int8(int2)": (a) => a,
  "int8(int4)": (a) => a,
  "int2(int8)": (a) => toInt2(Number(a)),
  "int4(int8)": (a) => toInt4(Number(a)),
  "int4(bool)": (a) => (a ? 1 : 0),
  "bool(int4)": (a) => a !== 0,
  "int8(oid)": (a) => a,
  "xid(xid8)": (a) => Number(BigInt.asUintN(32, BigInt(a))),
  "oid(int8)": (a) => {
    if (a < 0 || a > 4_294_967_295) throw new SqlError("22003", "OID out of range");
    return Number(a);
  },
  "int4(char)": (a) => {
    const code = a === "" ? 0 : a.charCodeAt(0);
    return code > 127 ? code - 256 : code;
  },
  "char(int4)": (a) => {
    if (a < -128 || a > 127) throw new SqlError("22003", '"char" out of range');
    return a === 0 ? "" : String.fromCharCode(a & 255);
  },
});

export const integers: readonly Implementation[] = [...arithmetic(), ...unary(), ...bits(), ...named];
