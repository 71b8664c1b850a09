/** interval: what it is, its bounds and its order. Text, modifiers and the binary form are beside it. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { Value } from "./datum.js";
import { int4Max, int4Min } from "./integer.js";

/** A span of time in three parts that do not convert into one another: a month has no fixed days, a day no fixed hours. */
export class Interval {
  readonly months: number;
  readonly days: number;
  /** µs; a safe integer. */
  readonly micros: number;

  constructor(months: number, days: number, micros: number) {
    this.months = months;
    this.days = days;
    this.micros = micros;
  }
}

export const microsPerSecond = 1_000_000;
export const microsPerMinute = 60 * microsPerSecond;
export const microsPerHour = 60 * microsPerMinute;
export const microsPerDay = 24 * microsPerHour;
/** Days of a month where an order or a fraction needs some. */
export const daysPerMonth = 30;

export function intervalOf(value: Value): Interval {
  assert(value instanceof Interval, "a value of interval is an Interval");
  return value;
}

export const intervalOutOfRange = (): SqlError => new SqlError("22008", "interval out of range");

/** Throws 22008 when a part is beyond what an interval holds. */
export function makeInterval(months: number, days: number, micros: number): Interval {
  const isWithin = months >= int4Min && months <= int4Max && days >= int4Min && days <= int4Max;
  if (!isWithin || !Number.isSafeInteger(micros)) throw intervalOutOfRange();
  // No negative zeros: equal parts are identical.
  return new Interval(months + 0, days + 0, micros + 0);
}

/** µs in all, with months of 30 days and days of 24 hours: what intervals are ordered by. */
export function intervalTotal({ months, days, micros }: Interval): number | bigint {
  const total = (months * daysPerMonth + days) * microsPerDay + micros;
  if (Number.isSafeInteger(total)) return total;
  return (BigInt(months) * BigInt(daysPerMonth) + BigInt(days)) * BigInt(microsPerDay) + BigInt(micros);
}

export function compareIntervals(a: Interval, b: Interval): number {
  const left = intervalTotal(a);
  const right = intervalTotal(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
