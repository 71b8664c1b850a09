/** The moment that the fields mean which `to_date` and `to_timestamp` have read. */
import { SqlError } from "../../error.js";
import { clockMicros, daysFromDate, daysInMonth, isLeapYear, isoYearStart } from "../../types/date-time/calendar.js";
import { julianDate } from "../../types/date-time/julian.js";
import { type DateFields, readDateText, readStandardDateText } from "./read-date-text.js";
import type { TemplatePart } from "./template.js";

export interface ReadMoment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Days from 2000-01-01; of days beyond their month as they run on. */
  readonly days: number;
  /** µs of the day. */
  readonly micros: number;
  /** Seconds east of UTC; null where none is given. */
  readonly offset: number | null;
  /** Digits of a second that are kept; null for all. */
  readonly precision: number | null;
}

const outOfRange = (text: string): SqlError => new SqlError("22008", `date/time field value out of range: "${text}"`);

/** Astronomical: 0 is 1 BC. */
function yearOf({ year, century, yearDigits, isBc }: DateFields): number | null {
  if (year !== 0) {
    // With a century, YY are the last digits of a year in it.
    if (century !== 0 && yearDigits <= 2) {
      const signed = isBc === 1 ? -century : century;
      const rest = year % 100;
      if (rest === 0) return signed * 100 + (signed >= 0 ? 0 : 1);
      return signed >= 0 ? rest + (signed - 1) * 100 : (signed + 1) * 100 - rest + 1;
    }
    const signed = isBc === 1 ? -year : year;
    return signed < 0 ? signed + 1 : signed;
  }
  if (century === 0) return null;
  const signed = isBc === 1 ? -century : century;
  return signed >= 0 ? (signed - 1) * 100 + 1 : signed * 100 + 1;
}

interface Calendar {
  year: number;
  month: number;
  day: number;
  /** What was said of it: only that is checked. */
  has: { year: boolean; month: boolean; day: boolean };
}

function dateOf(fields: DateFields): Calendar {
  const year = yearOf(fields);
  const date: Calendar = { year: year ?? 0, month: 1, day: 1, has: { year: year !== null, month: false, day: false } };
  const becomes = (julian: number): void => {
    Object.assign(date, julianDate(julian), { has: { year: true, month: true, day: true } });
  };
  const julianOf = (days: number): number => (days + 2_451_545) | 0;
  if (fields.julian !== 0) becomes(fields.julian);
  let { dayOfYear } = fields;
  let { day } = fields;
  if (fields.week !== 0) {
    const { dayOfWeek: weekday } = fields;
    if (fields.calendar === "iso")
      becomes(
        julianOf(isoYearStart(date.year) + (fields.week - 1) * 7) + (weekday === 0 ? 0 : weekday > 1 ? weekday - 2 : 6),
      );
    else dayOfYear = ((fields.week - 1) * 7 + 1) | 0;
  }
  if (fields.weekOfMonth !== 0) day = ((fields.weekOfMonth - 1) * 7 + 1) | 0;
  if (day !== 0) {
    date.day = day;
    date.has.day = true;
  }
  if (fields.month !== 0) {
    date.month = fields.month;
    date.has.month = true;
  }
  if (dayOfYear === 0 || (date.month > 1 && date.day > 1)) return date;
  if (date.year === 0 && fields.isBc === 0)
    throw new SqlError("22007", "cannot calculate day of year without year information");
  if (fields.calendar === "iso") {
    becomes(julianOf(isoYearStart(date.year) - 1 + dayOfYear));
    return date;
  }
  let before = 0;
  let month = 1;
  while (month <= 12 && dayOfYear > before + daysInMonth(date.year, month)) {
    before += daysInMonth(date.year, month);
    month += 1;
  }
  if (date.month <= 1) date.month = month;
  if (date.day <= 1) date.day = dayOfYear - before;
  date.has.month = true;
  date.has.day = true;
  return date;
}

function requireDate({ year, month, day, has }: Calendar, text: string): void {
  if (has.month && (month < 1 || month > 12)) throw outOfRange(text);
  if (has.day && (day < 1 || day > 31)) throw outOfRange(text);
  const last = month === 2 ? (isLeapYear(year) ? 29 : 28) : daysInMonth(year, month);
  if (has.year && has.month && has.day && day > last) throw outOfRange(text);
}

/** The hour as it was given or of the second of the day; with `am`, `pm` or HH12 it is one of twelve. */
function hourOf({ hour: given, isTwelveHours, isPm, secondOfDay }: DateFields): number {
  const hour = given === 0 ? Math.trunc(secondOfDay / 3_600) : given;
  if (!isTwelveHours) return hour;
  if (hour < 1 || hour > 12)
    throw new SqlError("22007", `hour "${hour}" is invalid for the 12-hour clock`, {
      hint: "Use the 24-hour clock, or give an hour between 1 and 12.",
    });
  return (hour % 12) + (isPm === 1 ? 12 : 0);
}

function microsOf(fields: DateFields, hour: number, text: string): number {
  const minute = fields.minute === 0 ? Math.trunc((fields.secondOfDay % 3_600) / 60) : fields.minute;
  const second = fields.second === 0 ? fields.secondOfDay % 60 : fields.second;
  const fraction = Math.imul(fields.millisecond, 1_000) + fields.microsecond;
  const isOf = (value: number, bound: number): boolean => value >= 0 && value < bound;
  if (!isOf(hour, 24) || !isOf(minute, 60) || !isOf(second, 60) || !isOf(fraction, 1_000_000)) throw outOfRange(text);
  return clockMicros(hour, minute, second, fraction);
}

export const moment = (text: string, template: string): ReadMoment => momentOf(text, readDateText(text, template));

/** @param parts of `standardDateTemplate` */
export const standardMoment = (text: string, parts: readonly TemplatePart[]): ReadMoment =>
  momentOf(text, readStandardDateText(text, parts));

function momentOf(text: string, fields: DateFields): ReadMoment {
  const hour = hourOf(fields);
  const date = dateOf(fields);
  requireDate(date, text);
  const micros = microsOf(fields, hour, text);
  const { zoneSign, zoneHour, zoneMinute, precision } = fields;
  if (zoneSign !== 0 && (zoneHour < 0 || zoneHour > 15 || zoneMinute < 0 || zoneMinute >= 60))
    throw new SqlError("22009", `time zone displacement out of range: "${text}"`);
  const { year, month, day } = date;
  return {
    year,
    month,
    day,
    days: daysFromDate(year, month, day),
    micros,
    offset: zoneSign === 0 ? null : zoneSign * (zoneHour * 3_600 + zoneMinute * 60),
    precision,
  };
}
