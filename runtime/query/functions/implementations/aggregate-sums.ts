/** count, sum, avg, min and max. */
import { assert } from "../../../types/assert.js";
import { comparatorOf, hasOrder } from "../../types/compare.js";
import { int64Of } from "../../types/date-time/calendar.js";
import type { Datum, Int64, Value } from "../../types/datum.js";
import {
  Decimal,
  decimalFromInteger,
  decimalInfinity,
  decimalMinusInfinity,
  decimalNaN,
  decimalOf,
  decimalZero,
  powerOfTen,
} from "../../types/decimal.js";
import { add, divide, subtract } from "../../types/decimal-arithmetic.js";
import { Interval, intervalOf, makeInterval } from "../../types/interval.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { aggregates, aggregatesOfAll, type Implementation } from "../define.js";
import { allProcedures } from "../procedures.js";
import type { Accumulator } from "../registry.js";
import { checkFloat } from "./float.js";
import { add8, subtract8 } from "./integer.js";
import { divideInterval } from "./interval.js";

/** Calls `take` for each number that is not NULL. */
function eachNumber(
  numbers: Float64Array,
  nulls: Uint8Array,
  selected: Int32Array | null,
  count: number,
  take: (value: number) => void,
): void {
  for (let index = 0; index < count; index += 1) {
    const row = selected === null ? index : (selected[index] ?? 0);
    if (nulls[row] === 0) take(numbers[row] ?? 0);
  }
}

class Count implements Accumulator {
  readonly isExact = true;
  #rows = 0;

  add(): void {
    this.#rows += 1;
  }

  remove(): void {
    this.#rows -= 1;
  }

  addNumbers(_numbers: Float64Array, nulls: Uint8Array, selected: Int32Array | null, count: number): void {
    for (let index = 0; index < count; index += 1)
      if (nulls[selected === null ? index : (selected[index] ?? 0)] === 0) this.#rows += 1;
  }

  addSum(_sum: number, rows: number): void {
    this.#rows += rows;
  }

  finish(): Datum {
    return this.#rows;
  }
}

/** Sum of smallint or integer: a bigint. */
class IntegerSum implements Accumulator {
  readonly isExact = true;
  #sum: Int64 = 0;
  #rows = 0;
  readonly #finish: (sum: Int64, rows: number) => Datum;

  constructor(finish: (sum: Int64, rows: number) => Datum) {
    this.#finish = finish;
  }

  add(value: Datum): void {
    this.#sum = add8(this.#sum, Number(value));
    this.#rows += 1;
  }

  remove(value: Datum): void {
    this.#sum = subtract8(this.#sum, Number(value));
    this.#rows -= 1;
  }

  addNumbers(numbers: Float64Array, nulls: Uint8Array, selected: Int32Array | null, count: number): void {
    // A batch of 32-bit numbers sums up safely in a double.
    let sum = 0;
    let rows = 0;
    for (let index = 0; index < count; index += 1) {
      const row = selected === null ? index : (selected[index] ?? 0);
      if (nulls[row] !== 0) continue;
      sum += numbers[row] ?? 0;
      rows += 1;
    }
    this.addSum(sum, rows);
  }

  addSum(sum: number, rows: number): void {
    assert(Number.isSafeInteger(sum), "a sum of 32-bit integers is taken while it is exact");
    this.#sum = add8(this.#sum, sum);
    this.#rows += rows;
  }

  finish(): Datum {
    return this.#rows === 0 ? null : this.#finish(this.#sum, this.#rows);
  }
}

/** Sum of bigint: beyond bigint's range too, so kept as a safe number plus what did not fit. */
class BigintSum implements Accumulator {
  readonly isExact = true;
  #small = 0;
  #large = 0n;
  #rows = 0;
  readonly #finish: (sum: bigint, rows: number) => Datum;

  constructor(finish: (sum: bigint, rows: number) => Datum) {
    this.#finish = finish;
  }

  #change(value: Int64, sign: 1 | -1): void {
    if (typeof value === "number") {
      const sum = this.#small + sign * value;
      if (Number.isSafeInteger(sum)) {
        this.#small = sum;
        return;
      }
    }
    this.#large += BigInt(this.#small) + BigInt(sign) * BigInt(value);
    this.#small = 0;
  }

  add(value: Datum): void {
    this.#change(value === null ? 0 : int64Of(value), 1);
    this.#rows += 1;
  }

  remove(value: Datum): void {
    this.#change(value === null ? 0 : int64Of(value), -1);
    this.#rows -= 1;
  }

  finish(): Datum {
    return this.#rows === 0 ? null : this.#finish(this.#large + BigInt(this.#small), this.#rows);
  }
}

/**
 * Sum of numeric. It has as many digits after the point as the value in it that has most: how many values have how many is counted, so that one
 * can be taken out again.
 */
class DecimalSum implements Accumulator {
  readonly isExact = true;
  /** Of what is finite. */
  #sum: Decimal = decimalZero;
  #rows = 0;
  readonly #special = { NaN: 0, Infinity: 0, "-Infinity": 0 };
  /** Values by their digits after the point. */
  readonly #scales: number[] = [];
  #hasRemoved = false;
  readonly #finish: (sum: Decimal, rows: number) => Datum;

  constructor(finish: (sum: Decimal, rows: number) => Datum) {
    this.#finish = finish;
  }

  add(value: Datum): void {
    if (value !== null) this.#change(decimalOf(value), 1);
    this.#rows += 1;
  }

  remove(value: Datum): void {
    this.#hasRemoved = true;
    if (value !== null) this.#change(decimalOf(value), -1);
    this.#rows -= 1;
  }

  #change(value: Decimal, sign: 1 | -1): void {
    const { special, scale } = value;
    if (special !== null) {
      this.#special[special] += sign;
      return;
    }
    this.#sum = sign === 1 ? add(this.#sum, value) : subtract(this.#sum, value);
    this.#scales[scale] = (this.#scales[scale] ?? 0) + sign;
  }

  get #total(): Decimal {
    const { NaN: unknown, Infinity: above, "-Infinity": below } = this.#special;
    if (unknown > 0 || (above > 0 && below > 0)) return decimalNaN;
    if (above > 0) return decimalInfinity;
    if (below > 0) return decimalMinusInfinity;
    const sum = this.#sum;
    if (!this.#hasRemoved) return sum;
    const scale = Math.max(
      0,
      this.#scales.findLastIndex((count) => count > 0),
    );
    return scale < sum.scale ? new Decimal(sum.coefficient / powerOfTen(sum.scale - scale), scale) : sum;
  }

  finish(): Datum {
    return this.#rows === 0 ? null : this.#finish(this.#total, this.#rows);
  }
}

class FloatSum implements Accumulator {
  #sum = 0;
  #rows = 0;
  #sawInfinity = false;
  readonly #round: (value: number) => number;
  readonly #finish: (sum: number, rows: number) => number;

  constructor(round: (value: number) => number, finish: (sum: number, rows: number) => number) {
    this.#round = round;
    this.#finish = finish;
  }

  #take(value: number): void {
    this.#sum = this.#rows === 0 ? value : this.#round(this.#sum + value);
    this.#rows += 1;
    if (!Number.isFinite(value)) this.#sawInfinity = true;
    checkFloat(this.#sum, this.#sawInfinity, true);
  }

  add(value: Datum): void {
    this.#take(Number(value));
  }

  addNumbers(numbers: Float64Array, nulls: Uint8Array, selected: Int32Array | null, count: number): void {
    eachNumber(numbers, nulls, selected, count, (value) => this.#take(value));
  }

  finish(): Datum {
    return this.#rows === 0 ? null : this.#finish(this.#sum, this.#rows);
  }
}

class IntervalSum implements Accumulator {
  #sum = new Interval(0, 0, 0);
  #rows = 0;
  readonly #finish: (sum: Interval, rows: number) => Datum;

  constructor(finish: (sum: Interval, rows: number) => Datum) {
    this.#finish = finish;
  }

  #change(value: Datum, sign: 1 | -1): void {
    if (value === null) return;
    const { months, days, micros } = intervalOf(value);
    this.#sum = makeInterval(
      this.#sum.months + sign * months,
      this.#sum.days + sign * days,
      this.#sum.micros + sign * micros,
    );
    this.#rows += sign;
  }

  add(value: Datum): void {
    this.#change(value, 1);
  }

  remove(value: Datum): void {
    this.#change(value, -1);
  }

  finish(): Datum {
    return this.#rows === 0 ? null : this.#finish(this.#sum, this.#rows);
  }
}

/** Keeps the largest (`sign` 1) or smallest (-1) value. */
class Extreme implements Accumulator {
  readonly isFolded = true;
  #best: Datum = null;
  readonly #compare: (a: Value, b: Value) => number;
  readonly #sign: 1 | -1;
  readonly #isNumber: boolean;

  constructor(type: Oid, sign: 1 | -1) {
    this.#compare = comparatorOf(type);
    this.#sign = sign;
    this.#isNumber = type === typeOid.int4 || type === typeOid.int2 || type === typeOid.date || type === typeOid.oid;
  }

  add(value: Datum): void {
    if (value === null) return;
    if (this.#best === null || this.#sign * this.#compare(value, this.#best) >= 0) this.#best = value;
  }

  addNumbers(numbers: Float64Array, nulls: Uint8Array, selected: Int32Array | null, count: number): void {
    if (!this.#isNumber) {
      eachNumber(numbers, nulls, selected, count, (value) => this.add(value));
      return;
    }
    let best = this.#best === null ? this.#sign * Number.NEGATIVE_INFINITY : Number(this.#best);
    let isFound = this.#best !== null;
    for (let index = 0; index < count; index += 1) {
      const row = selected === null ? index : (selected[index] ?? 0);
      if (nulls[row] !== 0) continue;
      const value = numbers[row] ?? 0;
      isFound = true;
      if (this.#sign > 0 ? value > best : value < best) best = value;
    }
    if (isFound) this.#best = best;
  }

  finish(): Datum {
    return this.#best;
  }
}

const average = (sum: Int64, rows: number): Datum => divide(decimalFromInteger(sum), decimalFromInteger(rows));
const asDecimal = (sum: bigint): Datum => decimalFromInteger(sum);
const same = (value: number): number => value;

/** min and max of every type that has them. */
function extremes(): Implementation[] {
  const table = allProcedures
    .filter(
      ({ kind, name, argumentTypes: [type = 0] }) =>
        kind === "aggregate" &&
        (name === "min" || name === "max") &&
        (hasOrder(type) || type === typeOid.anyarray || type === typeOid.anyenum),
    )
    .map(
      ({ signature, name }) =>
        [
          signature,
          (types: { readonly args: readonly Oid[] }) => new Extreme(types.args[0] ?? 0, name === "max" ? 1 : -1),
        ] as const,
    );
  return aggregates(Object.fromEntries(table));
}

export const sums: readonly Implementation[] = [
  ...extremes(),
  ...aggregatesOfAll({ "count()": () => new Count() }),
  ...aggregates({
    "count(any)": () => new Count(),
    "sum(int2)": () => new IntegerSum((sum) => sum),
    "sum(int4)": () => new IntegerSum((sum) => sum),
    "sum(int8)": () => new BigintSum(asDecimal),
    "sum(numeric)": () => new DecimalSum((sum) => sum),
    "sum(float4)": () => new FloatSum(Math.fround, same),
    "sum(float8)": () => new FloatSum(same, same),
    "sum(interval)": () => new IntervalSum((sum) => sum),
    "avg(int2)": () => new IntegerSum(average),
    "avg(int4)": () => new IntegerSum(average),
    "avg(int8)": () => new BigintSum(average),
    "avg(numeric)": () => new DecimalSum((sum, rows) => divide(sum, decimalFromInteger(rows))),
    "avg(float4)": () => new FloatSum(same, (sum, rows) => sum / rows),
    "avg(float8)": () => new FloatSum(same, (sum, rows) => sum / rows),
    "avg(interval)": () => new IntervalSum((sum, rows) => divideInterval(sum, rows)),
  }),
];
