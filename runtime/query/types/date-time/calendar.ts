/**
 * The proleptic Gregorian calendar by whole numbers. Days count from 2000-01-01, µs from its midnight; years are astronomical (0 is 1 BC).
 * Times are numbers while they are safe integers (the years 1715 to 2285) and bigints beyond.
 */
import { assert } from "../../../types/assert.js";
import { SqlError } from "../../error.js";
import { int64 } from "../bytes.js";
import type { Int64, Value } from "../datum.js";

export const microsPerSecond = 1_000_000;
export const microsPerDay = 86_400_000_000;
export const secondsPerDay = 86_400;

/** Days from 1970-01-01 to 2000-01-01. */
export const unixDays = 10_957;
export const unixMicros = unixDays * microsPerDay;

/** 4714-11-24 BC and 5874897-12-31: the first and last day that a date holds. */
export const dateMin = -2_451_545;
export const dateMax = 2_145_031_948;
/** Midnights of 4714-11-24 BC and 294277-01-01: timestamps are from the first to before the last. */
const timestampMin = -211_813_488_000_000_000n;
const timestampEnd = 9_223_371_331_200_000_000n;

export interface CalendarDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

export interface Moment extends CalendarDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

/** Days from 2000-01-01 of any calendar date; months and days beyond their range run on. */
export function daysFromDate(year: number, month: number, day: number): number {
  // Years begin in March, so that the leap day is the last of its year.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 730_425;
}

export function dateFromDays(days: number): CalendarDate {
  const shifted = days + 730_425;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

export const isLeapYear = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

export const daysInMonth = (year: number, month: number): number =>
  month === 2 ? (isLeapYear(year) ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;

/** 0 is Sunday. 2000-01-01 was a Saturday. */
export const dayOfWeek = (days: number): number => (((days + 6) % 7) + 7) % 7;

/** The Monday of a week, in days. */
export const mondayOf = (days: number): number => days - ((dayOfWeek(days) + 6) % 7);

/** Year and number of the ISO 8601 week of a day. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  // The week belongs to the year of its Thursday.
  const thursday = mondayOf(days) + 3;
  const { year } = dateFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromDate(year, 1, 1)) / 7) + 1 };
}

/** Monday of week 1 of an ISO year. */
export const isoYearStart = (year: number): number => mondayOf(daysFromDate(year, 1, 4));

export const dayOfYear = (days: number): number => days - daysFromDate(dateFromDays(days).year, 1, 1) + 1;

/** A timestamp's whole days and what is left of the day. Finite timestamps only. */
export function splitDays(timestamp: Int64): { readonly days: number; readonly micros: number } {
  if (typeof timestamp === "number") {
    const days = Math.floor(timestamp / microsPerDay);
    return { days, micros: timestamp - days * microsPerDay };
  }
  const length = BigInt(microsPerDay);
  const rest = ((timestamp % length) + length) % length;
  return { days: Number((timestamp - rest) / length), micros: Number(rest) };
}

/** Days and µs of the day as one timestamp, in its one form. µs may run over the day. */
export function joinDays(days: number, micros: number): Int64 {
  const total = days * microsPerDay + micros;
  return Number.isSafeInteger(total) ? total + 0 : int64(BigInt(days) * BigInt(microsPerDay) + BigInt(micros));
}

export const timestampOutOfRange = (): SqlError => new SqlError("22008", "timestamp out of range");
export const dateOutOfRange = (): SqlError => new SqlError("22008", "date out of range");

export const isTimestamp = (timestamp: Int64): boolean => timestamp >= timestampMin && timestamp < timestampEnd;

/** Throws 22008 beyond what a timestamp holds; infinities pass. */
export function checkedTimestamp(timestamp: Int64): Int64 {
  if (isFiniteTime(timestamp) && !isTimestamp(timestamp)) throw timestampOutOfRange();
  return timestamp;
}

export function checkedDate(days: number): number {
  if (Number.isFinite(days) && (days < dateMin || days > dateMax)) throw dateOutOfRange();
  return days;
}

export const isFiniteTime = (value: Int64): boolean => typeof value === "bigint" || Number.isFinite(value);

export function int64Of(value: Value): Int64 {
  assert(typeof value === "number" || typeof value === "bigint", "a value of a 64-bit type is an integer");
  return value;
}

export function momentOf(timestamp: Int64): Moment {
  const { days, micros } = splitDays(timestamp);
  const { year, month, day } = dateFromDays(days);
  const { hour, minute, second, micros: rest } = clockOf(micros);
  return { year, month, day, hour, minute, second, micros: rest };
}

export interface Clock {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

/** µs since midnight as a time of day: 0 to 24:00:00. */
export function clockOf(micros: number): Clock {
  const seconds = Math.floor(micros / microsPerSecond);
  return {
    hour: Math.floor(seconds / 3_600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: micros - seconds * microsPerSecond,
  };
}

export const clockMicros = (hour: number, minute: number, second: number, micros: number): number =>
  ((hour * 60 + minute) * 60 + second) * microsPerSecond + micros;

/** Sum of two times in their one form. Infinite ones stay. */
export function addInt64(a: Int64, b: Int64): Int64 {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum + 0;
    if (!Number.isFinite(a) || !Number.isFinite(b)) return sum;
    return int64(BigInt(a) + BigInt(b));
  }
  if (!isFiniteTime(a)) return a;
  if (!isFiniteTime(b)) return b;
  return int64(BigInt(a) + BigInt(b));
}

export const negateInt64 = (a: Int64): Int64 => (typeof a === "number" ? 0 - a : int64(-a));
export const subtractInt64 = (a: Int64, b: Int64): Int64 => addInt64(a, negateInt64(b));
