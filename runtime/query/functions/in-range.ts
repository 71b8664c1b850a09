/**
 * What an offset of a RANGE frame is to a value: how far from a row others may be (`in_range` of a B-tree's operator family). The limit of a
 * frame may be beyond what the column's type holds, and over dates it is a timestamp.
 */
import { assert } from "../../types/assert.js";
import { comparatorOf } from "../types/compare.js";
import { rankOf, timeWithZoneOf } from "../types/date-time/time-with-zone.js";
import type { Int64, Value } from "../types/datum.js";
import { Decimal, decimalOf } from "../types/decimal.js";
import { add, signOf, subtract } from "../types/decimal-arithmetic.js";
import { intervalOf, intervalTotal } from "../types/interval.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import type { EvaluationContext } from "./context.js";
import { addToTimestamp, addToTimestamptz, dateToTimestamp, sessionZone } from "./implementations/date-time.js";
import { addIntervals, negateInterval } from "./implementations/interval.js";

/** One end of a frame, as values and not as rows go: `isUpper` for the end that values are not above. */
export interface RangeSide {
  readonly goesUp: boolean;
  readonly isUpper: boolean;
}

export interface RangeOffset {
  /** Whether an offset may be that: none is below zero or NaN. */
  readonly isAllowed: (offset: Value) => boolean;
  /** The value with the offset added or taken from it. */
  readonly limit: (value: Value, offset: Value, side: RangeSide, context: EvaluationContext) => Value;
  /** The order of a value of the column and a limit. */
  readonly compare: (value: Value, limit: Value) => number;
}

function wideSum(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number" && Number.isSafeInteger(a + b)) return a + b;
  return BigInt(a) + BigInt(b);
}

function int64Of(value: Value): Int64 {
  assert(typeof value === "number" || typeof value === "bigint", "an integer is a number");
  return value;
}

const integers: RangeOffset = {
  isAllowed: (offset) => int64Of(offset) >= 0,
  limit: (value, offset, { goesUp }) =>
    wideSum(int64Of(value), goesUp ? int64Of(offset) : typeof offset === "bigint" ? -offset : 0 - Number(offset)),
  compare: comparatorOf(typeOid.int8),
};

const floats: RangeOffset = {
  isAllowed: (offset) => Number(offset) >= 0,
  limit: (value, offset, { goesUp, isUpper }) => {
    const [base, by] = [Number(value), Number(offset)];
    // An infinity less another is as far as it goes.
    if (by === Infinity && base === (goesUp ? -Infinity : Infinity)) return isUpper ? Infinity : -Infinity;
    return goesUp ? base + by : base - by;
  },
  compare: comparatorOf(typeOid.float8),
};

const numerics: RangeOffset = {
  isAllowed: (offset) => decimalOf(offset).special !== "NaN" && signOf(decimalOf(offset)) >= 0,
  limit: (value, offset, { goesUp, isUpper }) => {
    const [base, by] = [decimalOf(value), decimalOf(offset)];
    if (by.special === "Infinity" && base.special === (goesUp ? "-Infinity" : "Infinity"))
      return new Decimal(0n, 0, isUpper ? "Infinity" : "-Infinity");
    return goesUp ? add(base, by) : subtract(base, by);
  },
  compare: comparatorOf(typeOid.numeric),
};

const signed = (offset: Value, { goesUp }: RangeSide) =>
  goesUp ? intervalOf(offset) : negateInterval(intervalOf(offset));
const isNoneBelow = (offset: Value): boolean => intervalTotal(intervalOf(offset)) >= 0;

const timestamps: RangeOffset = {
  isAllowed: isNoneBelow,
  limit: (value, offset, side) => addToTimestamp(int64Of(value), signed(offset, side)),
  compare: comparatorOf(typeOid.timestamp),
};

const moments: RangeOffset = {
  ...timestamps,
  limit: (value, offset, side, context) => addToTimestamptz(int64Of(value), signed(offset, side), sessionZone(context)),
};

const dates: RangeOffset = {
  isAllowed: isNoneBelow,
  limit: (value, offset, side) => addToTimestamp(dateToTimestamp(Number(value)), signed(offset, side)),
  compare: (value, limit) => timestamps.compare(dateToTimestamp(Number(value)), limit),
};

/** Times of day have no days and months, and a frame does not begin again at the other end of the day. */
const times: RangeOffset = {
  isAllowed: (offset) => intervalOf(offset).micros >= 0,
  limit: (value, offset, { goesUp }) => Number(value) + (goesUp ? 1 : -1) * intervalOf(offset).micros,
  compare: comparatorOf(typeOid.time),
};

/** The sum may be beyond a day, where no time of day is. */
const zonedTimes: RangeOffset = {
  isAllowed: times.isAllowed,
  limit: (value, offset, { goesUp }) => {
    const { micros, offset: zone } = timeWithZoneOf(value);
    return rankOf(micros + (goesUp ? 1 : -1) * intervalOf(offset).micros, zone);
  },
  compare: (value, limit) => {
    const { micros, offset } = timeWithZoneOf(value);
    return comparatorOf(typeOid.int8)(rankOf(micros, offset), limit);
  },
};

const intervals: RangeOffset = {
  isAllowed: isNoneBelow,
  limit: (value, offset, side) => addIntervals(intervalOf(value), signed(offset, side)),
  compare: comparatorOf(typeOid.interval),
};

interface Family {
  /** Types that an offset may have. */
  readonly offsets: readonly Oid[];
  readonly range: RangeOffset;
}

const { int2, int4, int8, float4, float8, numeric, date, time, timetz, timestamp, timestamptz, interval } = typeOid;

const families: ReadonlyMap<Oid, Family> = new Map<Oid, Family>([
  [int2, { offsets: [int8, int4, int2], range: integers }],
  [int4, { offsets: [int8, int4, int2], range: integers }],
  [int8, { offsets: [int8], range: integers }],
  [float4, { offsets: [float8], range: floats }],
  [float8, { offsets: [float8], range: floats }],
  [numeric, { offsets: [numeric], range: numerics }],
  [date, { offsets: [interval], range: dates }],
  [time, { offsets: [interval], range: times }],
  [timetz, { offsets: [interval], range: zonedTimes }],
  [timestamp, { offsets: [interval], range: timestamps }],
  [timestamptz, { offsets: [interval], range: moments }],
  [interval, { offsets: [interval], range: intervals }],
]);

/** RANGE over a type; null where its values have no distances. */
export const rangeFamilyOf = (column: Oid): Family | null => families.get(column) ?? null;
