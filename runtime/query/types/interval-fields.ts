/** An interval while it is read: each part counted by itself, as PostgreSQL does, and told when it is more than it holds. */
import { SqlError } from "../error.js";
import { int4Max, int4Min } from "./integer.js";
import { daysPerMonth, microsPerDay, microsPerHour, microsPerMinute, microsPerSecond } from "./interval.js";
import { roundEven } from "./round-even.js";

export const invalid = (text: string): SqlError =>
  new SqlError("22007", `invalid input syntax for type interval: "${text}"`);
export const overflow = (text: string): SqlError =>
  new SqlError("22015", `interval field value out of range: "${text}"`);

/** What PostgreSQL holds; what fits a number here is less (`makeInterval`). */
export const microsMax = 2 ** 63;

export type Unit =
  | "microsecond"
  | "millisecond"
  | "second"
  | "minute"
  | "hour"
  | "day"
  | "week"
  | "month"
  | "quarter"
  | "year"
  | "decade"
  | "century"
  | "millennium";

export interface Fields {
  /** Kept apart from months until all is read: of each it is told if it is too much, and otherwise of both together. */
  years: number;
  months: number;
  days: number;
  micros: number;
  /** Units that were given: none twice. */
  readonly seen: Set<string>;
}

const microsOf = { second: microsPerSecond, minute: microsPerMinute, hour: microsPerHour } as const;
const yearsOf = { year: 1, decade: 10, century: 100, millennium: 1_000 } as const;

function addFractionOfDays(fields: Fields, fraction: number, days: number): void {
  const exact = fraction * days;
  const whole = Math.trunc(exact);
  fields.days += whole;
  fields.micros += roundEven((exact - whole) * microsPerDay);
}

/** `whole` and `fraction` have the same sign. */
export function addUnit(fields: Fields, unit: Unit, whole: number, fraction: number): void {
  switch (unit) {
    case "microsecond":
      fields.micros += whole + roundEven(fraction);
      return;
    case "millisecond":
      fields.micros += whole * 1_000 + roundEven(fraction * 1_000);
      return;
    case "second":
    case "minute":
    case "hour":
      fields.micros += whole * microsOf[unit] + roundEven(fraction * microsOf[unit]);
      return;
    case "day":
      fields.days += whole;
      fields.micros += roundEven(fraction * microsPerDay);
      return;
    case "week":
      fields.days += whole * 7;
      addFractionOfDays(fields, fraction, 7);
      return;
    case "month":
      fields.months += whole;
      addFractionOfDays(fields, fraction, daysPerMonth);
      return;
    case "quarter":
      fields.months += whole * 3;
      return;
    default:
      fields.years += whole * yearsOf[unit];
      fields.months += roundEven(fraction * yearsOf[unit] * 12);
  }
}

/** Each part by itself is what PostgreSQL counts it in. Throws 22015. */
export function expectHeld({ years, months, days }: Fields, text: string): void {
  for (const part of [years, months, days]) if (part > int4Max || part < int4Min) throw overflow(text);
}
