/** `to_char` of times and intervals. */
import { SqlError } from "../../error.js";
import {
  clockOf,
  dateFromDays,
  dayOfWeek,
  dayOfYear,
  daysFromDate,
  isFiniteTime,
  isoYearStart,
  splitDays,
} from "../../types/date-time/calendar.js";
import { offsetText } from "../../types/date-time/format.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { type Interval, microsPerHour, microsPerMinute, microsPerSecond } from "../../types/interval.js";
import { dateTemplate, dayNames, monthNames, romanMonths } from "./date-words.js";
import { ordinalSuffix, type TemplateField } from "./template.js";

/** What a pattern can show. Intervals have no calendar. */
interface Shown {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  /** Days from 2000-01-01; of an interval what its parts would be as a date. */
  readonly days: number;
  readonly isInterval: boolean;
  readonly dayOfYear: number;
  readonly zone: { readonly abbreviation: string; readonly offset: number } | null;
}

/** A number with zeros before it, unless it is to fill nothing. */
function padded(value: number, width: number, isFilled: boolean): string {
  const sign = value < 0 ? "-" : "";
  const digits = String(Math.abs(value));
  return sign + (isFilled ? digits.padStart(width, "0") : digits);
}

/** A number with zeros before it up to a width that the sign has a part of. */
const paddedTo = (value: number, width: number, isFilled: boolean): string =>
  padded(value, value < 0 ? width - 1 : width, isFilled);

/** The case of a name follows that of the keyword. */
function named(name: string, written: string, width: number, isFilled: boolean): string {
  const isUpper = written.length > 1 && written.slice(0, 2) === written.slice(0, 2).toUpperCase();
  const isLower = written === written.toLowerCase();
  const shown = isUpper ? name.toUpperCase() : isLower ? name.toLowerCase() : name;
  return isFilled && width > 0 ? shown.padEnd(width) : shown;
}

const twelve = (hour: number): number => (hour % 12 === 0 ? 12 : hour % 12);

const shownYear = (year: number): number => (year > 0 ? year : 1 - year);

function century(year: number): number {
  return year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
}

const noCalendar = (): SqlError =>
  new SqlError("22007", "invalid format specification for an interval value", {
    hint: "Intervals are not tied to specific calendar dates.",
  });

function requireDays({ days, isInterval }: Shown): number {
  if (isInterval) throw noCalendar();
  return days;
}

/** The ISO week, seen from the year that is shown: of an interval the date may lie in another. */
function isoWeekOf({ year, days }: Shown): { readonly year: number; readonly week: number } {
  let isoYear = year;
  if (days < isoYearStart(isoYear)) isoYear -= 1;
  let week = Math.trunc((days - isoYearStart(isoYear)) / 7) + 1;
  if (week >= 52 && days >= isoYearStart(isoYear + 1)) {
    isoYear += 1;
    week = Math.trunc((days - isoYearStart(isoYear)) / 7) + 1;
  }
  return { year: isoYear, week };
}

function numberField(field: string, shown: Shown, isFilled: boolean): string | null {
  const { isInterval } = shown;
  const year = isInterval ? shown.year : shownYear(shown.year);
  const isoYear = (): number => (isInterval ? isoWeekOf(shown).year : shownYear(isoWeekOf(shown).year));
  const signPlace = year < 0 ? 1 : 0;
  const fraction = (digits: number): string => padded(Math.trunc(shown.micros / 10 ** (6 - digits)), digits, true);
  switch (field) {
    case "HH24":
      return padded(shown.hour, 2, isFilled);
    case "HH":
    case "HH12":
      return padded(twelve(shown.hour), shown.hour < 0 && shown.hour % 12 === 0 ? 3 : 2, isFilled);
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
      return paddedTo(shown.day, 2, isFilled);
    case "DDD":
      return paddedTo(shown.dayOfYear, 3, isFilled);
    case "IDDD":
      return paddedTo(shown.days - isoYearStart(isoWeekOf(shown).year) + 1, 3, isFilled);
    case "D":
      return String(dayOfWeek(requireDays(shown)) + 1);
    case "ID":
      return String(dayOfWeek(requireDays(shown)) || 7);
    case "MM":
      return padded(shown.month, 2, isFilled);
    case "Q":
      return shown.month === 0 ? "" : String(Math.floor((shown.month - 1) / 3) + 1);
    case "WW":
      return padded(Math.trunc((shown.dayOfYear - 1) / 7) + 1, 2, isFilled);
    case "IW":
      return padded(isoWeekOf(shown).week, 2, isFilled);
    case "W":
      return String(Math.trunc((shown.day - 1) / 7) + 1);
    case "CC":
      return padded(isInterval ? Math.trunc(shown.year / 100) : century(shown.year), 2, isFilled);
    case "J":
      return String(shown.days + 2_451_545);
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
      return paddedTo(isoYear(), 4 + signPlace, isFilled);
    case "IYY":
      return paddedTo(isoYear() % 1_000, 3 + signPlace, isFilled);
    case "IY":
      return paddedTo(isoYear() % 100, 2 + signPlace, isFilled);
    case "I":
      return String(isoYear() % 10);
    default:
      return null;
  }
}

function wordField({ field, written, isBare, isTranslated }: TemplateField, shown: Shown): string {
  const isFilled = !isBare && !isTranslated;
  switch (field) {
    case "AM":
    case "PM":
    case "A.M.":
    case "P.M.": {
      const half = shown.hour % 24 >= 12 ? "pm" : "am";
      const text = field.includes(".") ? `${half[0]}.${half[1]}.` : half;
      return written === written.toUpperCase() ? text.toUpperCase() : text;
    }
    case "AD":
    case "BC":
    case "A.D.":
    case "B.C.": {
      requireDays(shown);
      const era = shown.year <= 0 ? "bc" : "ad";
      const text = field.includes(".") ? `${era[0]}.${era[1]}.` : era;
      return written === written.toUpperCase() ? text.toUpperCase() : text;
    }
    case "MONTH":
      requireDays(shown);
      return shown.month === 0 ? "" : named(monthNames[shown.month - 1] ?? "", written, 9, isFilled);
    case "MON":
      requireDays(shown);
      return shown.month === 0 ? "" : named((monthNames[shown.month - 1] ?? "").slice(0, 3), written, 0, false);
    case "DAY":
      return named(dayNames[dayOfWeek(requireDays(shown))] ?? "", written, 9, isFilled);
    case "DY":
      return named((dayNames[dayOfWeek(requireDays(shown))] ?? "").slice(0, 3), written, 0, false);
    case "RM": {
      // An interval's whole years end with a month of their own, and one before the first counts from the last.
      const month = shown.month > 0 ? shown.month : shown.month < 0 ? 13 + shown.month : shown.year < 0 ? 1 : 12;
      const roman = shown.month === 0 && shown.year === 0 ? "" : (romanMonths[month - 1] ?? "");
      if (roman === "") return "";
      const text = !isBare ? roman.padEnd(4) : roman;
      return written === "rm" ? text.toLowerCase() : text;
    }
    case "TZ": {
      requireDays(shown);
      const name = shown.zone?.abbreviation ?? "";
      return written === "tz" ? name.toLowerCase() : name;
    }
    case "TZH": {
      requireDays(shown);
      const offset = shown.zone?.offset ?? 0;
      return `${offset < 0 ? "-" : "+"}${String(Math.floor(Math.abs(offset) / 3_600)).padStart(2, "0")}`;
    }
    case "TZM":
      requireDays(shown);
      return String(Math.floor((Math.abs(shown.zone?.offset ?? 0) % 3_600) / 60)).padStart(2, "0");
    case "OF":
      requireDays(shown);
      return isBare ? offsetText(shown.zone?.offset ?? 0).replace(/^(.)0/u, "$1") : offsetText(shown.zone?.offset ?? 0);
    case "FX":
      return "";
    default:
      return written;
  }
}

function show(pattern: string, shown: Shown): Datum {
  if (pattern === "") return null;
  let result = "";
  for (const part of dateTemplate(pattern)) {
    if (part.kind !== "field") {
      result += part.text;
      continue;
    }
    const number = numberField(part.field, shown, !part.isBare);
    if (number === null) result += wordField(part, shown);
    else result += part.ordinal === null || number === "" ? number : number + ordinalSuffix(number, part.ordinal);
  }
  return result;
}

export function showTimestamp(local: Int64, pattern: string, zone: Shown["zone"]): Datum {
  if (!isFiniteTime(local)) return null;
  const { days, micros } = splitDays(local);
  const { year, month, day } = dateFromDays(days);
  const clock = clockOf(micros);
  // Field by field: an object that is spread together costs as much as all of the text.
  return show(pattern, {
    year,
    month,
    day,
    hour: clock.hour,
    minute: clock.minute,
    second: clock.second,
    micros: clock.micros,
    days,
    isInterval: false,
    dayOfYear: dayOfYear(days),
    zone,
  });
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
    days: daysFromDate(Math.trunc(months / 12), months % 12, days),
    isInterval: true,
    dayOfYear: Math.trunc(months / 12) * 360 + (months % 12) * 30 + days,
    zone: null,
  });
}
