/**
 * Aggregates that can be told of rows that come and of rows that go. Their state is stored with the group, in columns of its own:
 *
 *   count       rows counted                                  int8
 *   sum, avg    rows · the exact sum · rows of the sum's scale  int8, numeric, int8
 *   min, max    the value                                     its type
 *
 * What cannot be taken back says so, and the group is computed anew from its rows: the smallest value goes, a sum may lose digits behind its
 * point that no row has any more, or a NaN.
 */
import { AssertionFailed, assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { AggregateCall } from "../plan/plan.js";
import { codecOf } from "../types/codecs.js";
import { comparatorOf } from "../types/compare.js";
import type { Datum, Value } from "../types/datum.js";
import { Decimal, decimalFromInteger, decimalOf, decimalZero } from "../types/decimal.js";
import { add, divide, subtract } from "../types/decimal-arithmetic.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import type { TextContext } from "../types/text-context.js";

export interface MaintainedAggregate {
  /** Types of the columns that hold its state. */
  readonly stateTypes: readonly SqlType[];
  /** Of a group without rows. */
  readonly empty: readonly Datum[];
  /** The state with one value more; null when the group is to be computed anew. */
  insert(state: readonly Datum[], value: Datum): readonly Datum[] | null;
  /** For a group that is computed anew, from all of its rows in their order. */
  gather(): Gathering;
  /** The state with one value less; null when the group is to be computed anew. */
  remove(state: readonly Datum[], value: Datum): readonly Datum[] | null;
  result(state: readonly Datum[]): Datum;
}

/** What an aggregate comes to, value by value. */
export interface Gathering {
  add(value: Datum): void;
  /** The state by now. */
  readonly state: readonly Datum[];
}

const int8 = sqlType(typeOid.int8);

export function maintainedAggregate(call: AggregateCall, text: TextContext): MaintainedAggregate {
  const { callee, arguments: args } = call;
  const [argument] = args;
  switch (callee.name) {
    case "count":
      return counted(argument === undefined);
    case "sum":
    case "avg":
      assert(argument !== undefined, "a sum is of something");
      return summed(callee.name, argument.type.oid);
    case "min":
    case "max":
      assert(argument !== undefined, "an extreme is of something");
      return extreme(callee.name === "max" ? 1 : -1, argument.type, text);
    default:
      throw new AssertionFailed("an aggregate that is maintained is one of those that can be");
  }
}

function countOf(state: readonly Datum[], at: number): number {
  const count = Number(state[at]);
  assert(Number.isSafeInteger(count) && count >= 0, "order: rows that leave a group were in it");
  return count;
}

function counted(countsAll: boolean): MaintainedAggregate {
  const change = (state: readonly Datum[], value: Datum, by: 1 | -1): readonly Datum[] =>
    countsAll || value !== null ? [countOf([countOf(state, 0) + by], 0)] : state;
  return {
    stateTypes: [int8],
    empty: [0],
    insert: (state, value) => change(state, value, 1),
    gather: () => new GatheredCount(countsAll),
    remove: (state, value) => change(state, value, -1),
    result: (state) => countOf(state, 0),
  };
}

class GatheredCount implements Gathering {
  readonly #countsAll: boolean;
  #count = 0;

  constructor(countsAll: boolean) {
    this.#countsAll = countsAll;
  }

  add(value: Datum): void {
    if (this.#countsAll || value !== null) this.#count += 1;
  }

  get state(): readonly Datum[] {
    return [this.#count];
  }
}

/** A value of any type that has sums, as an exact number. */
function exactly(value: Value): Decimal {
  if (typeof value === "number" || typeof value === "bigint") return decimalFromInteger(value);
  return decimalOf(value);
}

/** Added to by values of one scale, as most sums are, without a number of its own for each. */
class GatheredSum implements Gathering {
  #rows = 0;
  #sum: Decimal = decimalZero;
  /** The sum of what has come since `#sum`, of its scale. */
  #added = 0;
  #atScale = 0;

  add(value: Datum): void {
    if (value === null) return;
    const isNumber = typeof value === "number";
    const scale = isNumber ? 0 : typeof value === "bigint" ? 0 : decimalOf(value).scale;
    if (this.#rows > 0 && scale === this.#sum.scale && this.#sum.special === null) {
      const coefficient = isNumber ? value : smallOf(value);
      const added = this.#added + coefficient;
      if (Number.isSafeInteger(added)) {
        this.#added = added;
        this.#rows += 1;
        this.#atScale += 1;
        return;
      }
    }
    this.#settle();
    const next = exactly(value);
    const before = this.#sum;
    this.#sum = this.#rows === 0 ? next : add(before, next);
    const isMore = next.scale > before.scale || this.#rows === 0;
    this.#rows += 1;
    if (this.#sum.special !== null) this.#atScale = 0;
    else if (isMore) this.#atScale = 1;
    else if (next.scale === before.scale) this.#atScale += 1;
  }

  #settle(): void {
    if (this.#added === 0) return;
    this.#sum = add(this.#sum, new Decimal(BigInt(this.#added), this.#sum.scale));
    this.#added = 0;
  }

  get state(): readonly Datum[] {
    this.#settle();
    return [this.#rows, this.#sum, this.#atScale];
  }
}

/** The coefficient of a number whose digits are few; NaN for any other. */
function smallOf(value: Value): number {
  if (typeof value === "bigint") return Number.NaN;
  const { coefficient, special } = decimalOf(value);
  if (special !== null) return Number.NaN;
  const small = Number(coefficient);
  return Number.isSafeInteger(small) ? small : Number.NaN;
}

const bigintMax = 2n ** 63n - 1n;

function summed(name: "sum" | "avg", oid: number): MaintainedAggregate {
  const isSmall = oid === typeOid.int2 || oid === typeOid.int4;
  const insert = (state: readonly Datum[], value: Datum): readonly Datum[] => {
    if (value === null) return state;
    const added = exactly(value);
    const [rows, sum, atScale] = sumOf(state);
    const next = rows === 0 ? added : add(sum, added);
    if (next.special !== null) return [rows + 1, next, 0];
    const isMore = added.scale > sum.scale || rows === 0;
    return [rows + 1, next, isMore ? 1 : atScale + (added.scale === sum.scale ? 1 : 0)];
  };
  return {
    stateTypes: [int8, sqlType(typeOid.numeric), int8],
    empty: [0, decimalZero, 0],
    insert,
    gather: () => new GatheredSum(),
    remove(state, value) {
      if (value === null) return state;
      const removed = exactly(value);
      const [rows, sum, atScale] = sumOf(state);
      assert(rows > 0, "order: a value that leaves a sum was in it");
      if (removed.special !== null || sum.special !== null) return null;
      if (rows === 1) return [0, decimalZero, 0];
      assert(removed.scale <= sum.scale, "a sum shows all digits of its values");
      const left = atScale - (removed.scale === sum.scale ? 1 : 0);
      // No other value has so many digits behind the point.
      if (left === 0) return null;
      return [rows - 1, subtract(sum, removed), left];
    },
    result(state) {
      const [rows, sum] = sumOf(state);
      if (rows === 0) return null;
      if (name === "avg") return divide(sum, decimalFromInteger(rows));
      if (!isSmall) return sum;
      const { coefficient } = sum;
      if (coefficient > bigintMax || coefficient < -bigintMax - 1n) throw new SqlError("22003", "bigint out of range");
      return Number.isSafeInteger(Number(coefficient)) ? Number(coefficient) : coefficient;
    },
  };
}

function sumOf(state: readonly Datum[]): readonly [rows: number, sum: Decimal, atScale: number] {
  const sum = state[1] ?? null;
  assert(state.length === 3 && sum !== null, "the state of a sum has its three parts");
  return [countOf(state, 0), decimalOf(sum), countOf(state, 2)];
}

function extreme(sign: 1 | -1, type: SqlType, text: TextContext): MaintainedAggregate {
  const compare = comparatorOf(type.oid);
  const { output } = codecOf(type.oid);
  /** Values that are equal and look different are told apart by who is first among the rows. */
  const isSame = (a: Value, b: Value): boolean => a === b || output(a, text) === output(b, text);
  const bestOf = (state: readonly Datum[]): Datum => {
    assert(state.length === 1, "the state of an extreme is its value");
    return state[0] ?? null;
  };
  return {
    stateTypes: [type],
    empty: [null],
    insert(state, value) {
      const best = bestOf(state);
      if (value === null) return state;
      const order = best === null ? 1 : sign * compare(value, best);
      if (order > 0) return [value];
      return order === 0 && best !== null && !isSame(value, best) ? null : state;
    },
    gather: () => new GatheredExtreme((value, best) => sign * compare(value, best) >= 0),
    remove(state, value) {
      const best = bestOf(state);
      if (value === null) return state;
      assert(best !== null, "order: a value that leaves a group was in it");
      return compare(value, best) === 0 ? null : state;
    },
    result: bestOf,
  };
}

class GatheredExtreme implements Gathering {
  readonly #isAsGood: (value: Value, best: Value) => boolean;
  #best: Datum = null;

  constructor(isAsGood: (value: Value, best: Value) => boolean) {
    this.#isAsGood = isAsGood;
  }

  add(value: Datum): void {
    if (value === null) return;
    if (this.#best === null || this.#isAsGood(value, this.#best)) this.#best = value;
  }

  get state(): readonly Datum[] {
    return [this.#best];
  }
}
