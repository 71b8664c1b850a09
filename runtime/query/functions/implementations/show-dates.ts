/** `to_char` of times and intervals. */
import { SqlError } from "../../error.js";
import {
  clockOf,
  dateFromDays,
  dayOfWeek,
  dayOfYear,
  isFiniteTime,
  isoWeek,
  isoYearStart,
  splitDays,
} from "../../types/date-time/calendar.js";
import { offsetText } from "../../types/date-time/format.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { type Interval, microsPerHour, microsPerMinute, microsPerSecond } from "../../types/interval.js";
import { dayNames, monthNames, partsOf, romanMonths } from "./date-words.js";
import { ordinalOf } from "./format-pattern.js";

/** What a pattern can show. Intervals have no calendar. */
interface Shown {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  /** Days from 2000-01-01; null for an interval. */
  readonly days: number | null;
  readonly dayOfYear: number;
  readonly zone: { readonly abbreviation: string; readonly offset: number } | null;
}

/** A number with zeros before it, unless it is to fill nothing. */
function padded(value: number, width: number, isFilled: boolean): string {
  const sign = value < 0 ? "-" : "";
  const digits = String(Math.abs(value));
  return sign + (isFilled ? digits.padStart(width, "0") : digits);
}

/** The case of a name follows that of the keyword. */
function named(name: string, written: string, width: number, isFilled: boolean): string {
  const isUpper = written.length > 1 && written.slice(0, 2) === written.slice(0, 2).toUpperCase();
  const isLower = written === written.toLowerCase();
  const shown = isUpper ? name.toUpperCase() : isLower ? name.toLowerCase() : name;
  return isFilled && width > 0 ? shown.padEnd(width) : shown;
}

const twelve = (hour: number): number => {
  const rest = hour % 12;
  return rest === 0 ? (hour < 0 ? -12 : 12) : rest;
};

const shownYear = (year: number): number => (year > 0 ? year : 1 - year);

function century(year: number): number {
  return year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
}

const noCalendar = (): SqlError =>
  new SqlError("22007", "invalid format specification for an interval value", {
    hint: "Intervals are not tied to specific calendar dates.",
  });

function requireDays(shown: Shown): number {
  if (shown.days === null) throw noCalendar();
  return shown.days;
}

function numberField(field: string, shown: Shown, isFilled: boolean): string | null {
  const isInterval = shown.days === null;
  const year = isInterval ? shown.year : shownYear(shown.year);
  const isoYear = (): number => shownYear(isoWeek(requireDays(shown)).year);
  const fraction = (digits: number): string => padded(Math.trunc(shown.micros / 10 ** (6 - digits)), digits, true);
  switch (field) {
    case "HH24":
      return padded(shown.hour, 2, isFilled);
    case "HH":
    case "HH12":
      return padded(twelve(shown.hour), 2, isFilled);
    case "MI":
      return padded(shown.minute, 2, isFilled);
    case "SS":
      return padded(shown.second, 2, isFilled);
    case "MS":
    case "FF3":
      return fraction(3);
    case "US":
    case "FF6":
      return fraction(6);
    case "FF1":
      return fraction(1);
    case "FF2":
      return fraction(2);
    case "FF4":
      return fraction(4);
    case "FF5":
      return fraction(5);
    case "SSSS":
    case "SSSSS":
      return String(shown.hour * 3_600 + shown.minute * 60 + shown.second);
    case "DD":
      return padded(shown.day, 2, isFilled);
    case "DDD":
      return padded(isInterval ? shown.dayOfYear : dayOfYear(requireDays(shown)), 3, isFilled);
    case "IDDD": {
      const days = requireDays(shown);
      return padded(days - isoYearStart(isoWeek(days).year) + 1, 3, isFilled);
    }
    case "D":
      return String(dayOfWeek(requireDays(shown)) + 1);
    case "ID":
      return String(dayOfWeek(requireDays(shown)) || 7);
    case "MM":
      return padded(shown.month, 2, isFilled);
    case "Q":
      return shown.month === 0 ? "" : String(Math.floor((shown.month - 1) / 3) + 1);
    case "WW":
      return padded(
        Math.trunc(((isInterval ? shown.dayOfYear : dayOfYear(requireDays(shown))) - 1) / 7) + 1,
        2,
        isFilled,
      );
    case "IW":
      return padded(isoWeek(requireDays(shown)).week, 2, isFilled);
    case "W":
      return String(Math.trunc((shown.day - 1) / 7) + 1);
    case "CC":
      return padded(isInterval ? Math.trunc(shown.year / 100) : century(shown.year), 2, isFilled);
    case "J":
      return String(requireDays(shown) + 2_451_545);
    case "YYYY":
      return padded(year, 4, isFilled);
    case "Y,YYY": {
      const thousands = Math.trunc(year / 1_000);
      return `${thousands},${String(Math.abs(year % 1_000)).padStart(3, "0")}`;
    }
    case "YYY":
      return padded(year % 1_000, 3, isFilled);
    case "YY":
      return padded(year % 100, 2, isFilled);
    case "Y":
      return String(year % 10);
    case "IYYY":
      return padded(isoYear(), 4, isFilled);
    case "IYY":
      return padded(isoYear() % 1_000, 3, isFilled);
    case "IY":
      return padded(isoYear() % 100, 2, isFilled);
    case "I":
      return String(isoYear() % 10);
    default:
      return null;
  }
}

function wordField(field: string, written: string, shown: Shown, isFilled: boolean): string {
  switch (field) {
    case "AM":
    case "PM":
    case "A.M.":
    case "P.M.": {
      const half = ((shown.hour % 24) + 24) % 24 >= 12 ? "pm" : "am";
      const text = field.includes(".") ? `${half[0]}.${half[1]}.` : half;
      return written === written.toUpperCase() ? text.toUpperCase() : text;
    }
    case "AD":
    case "BC":
    case "A.D.":
    case "B.C.": {
      const era = requireDays(shown) !== null && shown.year <= 0 ? "bc" : "ad";
      const text = field.includes(".") ? `${era[0]}.${era[1]}.` : era;
      return written === written.toUpperCase() ? text.toUpperCase() : text;
    }
    case "MONTH":
      return shown.month === 0 ? "" : named(monthNames[shown.month - 1] ?? "", written, 9, isFilled);
    case "MON":
      return shown.month === 0 ? "" : named((monthNames[shown.month - 1] ?? "").slice(0, 3), written, 0, false);
    case "DAY":
      return named(dayNames[dayOfWeek(requireDays(shown))] ?? "", written, 9, isFilled);
    case "DY":
      return named((dayNames[dayOfWeek(requireDays(shown))] ?? "").slice(0, 3), written, 0, false);
    case "RM": {
      const roman = romanMonths[shown.month - 1] ?? "";
      const text = isFilled ? roman.padEnd(4) : roman;
      return written === "rm" ? text.toLowerCase() : text;
    }
    case "TZ": {
      requireDays(shown);
      const name = shown.zone?.abbreviation ?? "";
      return written === "tz" ? name.toLowerCase() : name;
    }
    case "TZH": {
      const offset = shown.zone?.offset ?? 0;
      return `${offset < 0 ? "-" : "+"}${String(Math.floor(Math.abs(offset) / 3_600)).padStart(2, "0")}`;
    }
    case "TZM":
      return String(Math.floor((Math.abs(shown.zone?.offset ?? 0) % 3_600) / 60)).padStart(2, "0");
    case "OF":
      return offsetText(shown.zone?.offset ?? 0);
    default:
      return written;
  }
}

function show(pattern: string, shown: Shown): Datum {
  if (pattern === "") return null;
  let result = "";
  for (const part of partsOf(pattern)) {
    if (part.kind === "text") {
      result += part.text;
      continue;
    }
    const number = numberField(part.field, shown, part.isFilled);
    if (number === null) result += wordField(part.field, part.written, shown, part.isFilled);
    else result += part.ordinal === null ? number : number + ordinalOf(number, part.ordinal);
  }
  return result;
}

export function showTimestamp(local: Int64, pattern: string, zone: Shown["zone"]): Datum {
  if (!isFiniteTime(local)) return null;
  const { days, micros } = splitDays(local);
  return show(pattern, { ...dateFromDays(days), ...clockOf(micros), days, dayOfYear: 0, zone });
}

export function showInterval({ months, days, micros }: Interval, pattern: string): Datum {
  return show(pattern, {
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
    hour: Math.trunc(micros / microsPerHour),
    minute: Math.trunc((micros % microsPerHour) / microsPerMinute),
    second: Math.trunc((micros % microsPerMinute) / microsPerSecond),
    micros: micros % microsPerSecond,
    days: null,
    dayOfYear: Math.trunc(months / 12) * 360 + (months % 12) * 30 + days,
    zone: null,
  });
}
