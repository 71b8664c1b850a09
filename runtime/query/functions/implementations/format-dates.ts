/** `to_char` of times and intervals, `to_date` and `to_timestamp` of texts. */
import { SqlError } from "../../error.js";
import {
  checkedTimestamp,
  clockMicros,
  clockOf,
  dateFromDays,
  dateMax,
  dateMin,
  dayOfWeek,
  dayOfYear,
  daysFromDate,
  daysInMonth,
  isFiniteTime,
  isoWeek,
  isoYearStart,
  joinDays,
  splitDays,
} from "../../types/date-time/calendar.js";
import { fromLocal, toLocal } from "../../types/date-time/codecs.js";
import { offsetText, zoneOffsetAt } from "../../types/date-time/format.js";
import { requireZone } from "../../types/date-time/zones.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { type Interval, microsPerHour, microsPerMinute, microsPerSecond } from "../../types/interval.js";
import { type Implementation, strictly } from "../define.js";
import { type DatePart, ordinalOf, parseDatePattern } from "./format-pattern.js";

const monthNames = "January February March April May June July August September October November December".split(" ");
const dayNames = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const romanMonths = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

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

const patternsKept = new Map<string, readonly DatePart[]>();

function partsOf(pattern: string): readonly DatePart[] {
  const known = patternsKept.get(pattern);
  if (known !== undefined) return known;
  const parts = parseDatePattern(pattern);
  if (patternsKept.size > 200) patternsKept.clear();
  patternsKept.set(pattern, parts);
  return parts;
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

function showTimestamp(local: Int64, pattern: string, zone: Shown["zone"]): Datum {
  if (!isFiniteTime(local)) return null;
  const { days, micros } = splitDays(local);
  return show(pattern, { ...dateFromDays(days), ...clockOf(micros), days, dayOfYear: 0, zone });
}

function showInterval({ months, days, micros }: Interval, pattern: string): Datum {
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

/** Parts that a text gave, by the fields of the pattern. */
interface Read {
  readonly values: Map<string, number>;
  isBc: boolean;
  isPm: boolean | null;
  yearDigits: number;
  offset: number | null;
}

const widths: Readonly<Record<string, number>> = {
  HH: 2,
  HH12: 2,
  HH24: 2,
  MI: 2,
  SS: 2,
  MS: 3,
  US: 6,
  FF1: 1,
  FF2: 2,
  FF3: 3,
  FF4: 4,
  FF5: 5,
  FF6: 6,
  SSSS: 5,
  SSSSS: 5,
  DD: 2,
  DDD: 3,
  IDDD: 3,
  D: 1,
  ID: 1,
  MM: 2,
  Q: 1,
  WW: 2,
  IW: 2,
  W: 1,
  CC: 2,
  J: 7,
  YYYY: 4,
  "Y,YYY": 5,
  YYY: 3,
  YY: 2,
  Y: 1,
  IYYY: 4,
  IYY: 3,
  IY: 2,
  I: 1,
};

const isSeparator = (character: string): boolean => /[^\p{L}\p{N}]/u.test(character);

function readText(text: string, pattern: string): Read {
  const read: Read = { values: new Map(), isBc: false, isPm: null, yearDigits: 0, offset: null };
  const parts = partsOf(pattern);
  let at = 0;
  const skipSpaces = (): void => {
    while (/\s/u.test(text[at] ?? "")) at += 1;
  };
  for (const [index, part] of parts.entries()) {
    if (part.kind === "text") {
      for (const character of part.text) {
        if (at >= text.length) return read;
        // A separator or space of the pattern matches any separator, or nothing where the text goes on.
        if (isSeparator(character)) {
          if (isSeparator(text[at] ?? "") && !/[+-]/u.test(text[at] ?? "")) at += 1;
          else if (text[at] === character) at += 1;
        } else at += 1;
      }
      continue;
    }
    skipSpaces();
    if (at >= text.length) return read;
    const width = widths[part.field];
    if (width === undefined) {
      at = readWord(text, at, part, read);
      continue;
    }
    const next = parts[index + 1];
    // Digits run on where no other number follows directly.
    const runsOn = !part.isFilled || next === undefined || next.kind === "text" || widths[next.field] === undefined;
    const whole = part.field === "Y,YYY" ? "(\\d+,\\d{3})" : `([+-]?\\d{1,${runsOn ? 18 : width}})`;
    // A sign takes one of the places of a field that another number follows.
    const match = new RegExp(`^\\s*${whole}`, "u").exec(text.slice(at, runsOn ? text.length : at + width));
    if (!runsOn) requireWidth(text.slice(at), match, width, part.written);
    if (match === null)
      throw new SqlError("22007", `invalid value "${text.slice(at, at + width)}" for "${part.written}"`, {
        detail: "Value must be an integer.",
      });
    const digits = (match[1] ?? "").replace(",", "");
    at += match[0].length;
    take(part.field, digits, read, part.written);
    if (part.ordinal !== null) at += 2;
  }
  return read;
}

/** Where another number follows, a field takes exactly as many characters as it has places. */
function requireWidth(rest: string, match: RegExpExecArray | null, width: number, written: string): void {
  const hint = 'If your source string is not fixed-width, try using the "FM" modifier.';
  if (rest.length < width)
    throw new SqlError("22007", `source string too short for "${written}" formatting field`, {
      detail: `Field requires ${width} characters, but only ${rest.length} remain.`,
      hint,
    });
  if (match === null || match[0].length === width) return;
  throw new SqlError("22007", `invalid value "${rest.slice(0, width)}" for "${written}"`, {
    detail: `Field requires ${width} characters, but only ${match[0].length} could be parsed.`,
    hint,
  });
}

function take(field: string, digits: string, read: Read, written: string): void {
  const value = Number(digits);
  if (!Number.isSafeInteger(value) || Math.abs(value) > 2_147_483_647)
    throw new SqlError("22008", `value for "${written}" in source string is out of range`);
  if (field === "MS" || field === "US" || field.startsWith("FF")) {
    read.values.set("fraction", Math.round(Number(`0.${digits.replace(/^[+-]/u, "")}`) * 1_000_000));
    return;
  }
  const isYear = /^I?Y/u.test(field) || field === "I";
  if (isYear) {
    read.yearDigits = digits.replace(/^[+-]/u, "").length;
    const width = field === "Y,YYY" ? 4 : field.length;
    read.values.set(
      field.startsWith("I") ? "isoYear" : "year",
      width < 4 && read.yearDigits < 4 ? fullYear(value, width) : value,
    );
    return;
  }
  read.values.set(field === "HH" ? "HH12" : field === "SSSSS" ? "SSSS" : field, value);
}

/** Years of fewer digits are those nearest to 2020. */
function fullYear(value: number, width: number): number {
  if (width === 1 || width === 2) return value < 70 ? value + 2_000 : value < 100 ? value + 1_900 : value;
  return value < 100 ? (value < 70 ? value + 2_000 : value + 1_900) : value < 520 ? value + 2_000 : value + 1_000;
}

function readWord(text: string, at: number, part: Extract<DatePart, { readonly kind: "field" }>, read: Read): number {
  const rest = text.slice(at);
  const pick = (names: readonly string[], length: number | null): number => {
    const found = names.findIndex((name) =>
      rest.toLowerCase().startsWith((length === null ? name : name.slice(0, length)).toLowerCase()),
    );
    if (found < 0)
      throw new SqlError("22007", `invalid value "${rest.split(/\s/u)[0] ?? ""}" for "${part.written}"`, {
        detail: "The given value did not match any of the allowed values for this field.",
      });
    return found;
  };
  const lengthOf = (names: readonly string[], index: number): number => names[index]?.length ?? 0;
  switch (part.field) {
    case "MONTH": {
      const index = pick(monthNames, null);
      read.values.set("MM", index + 1);
      return at + lengthOf(monthNames, index);
    }
    case "MON":
      read.values.set("MM", pick(monthNames, 3) + 1);
      return at + 3;
    case "DAY":
      return at + lengthOf(dayNames, pick(dayNames, null));
    case "DY":
      pick(dayNames, 3);
      return at + 3;
    case "RM": {
      const match = /^(?:VIII|VII|III|XII|VI|IV|IX|XI|II|X|V|I)/iu.exec(rest);
      if (match === null) pick([], null);
      read.values.set("MM", romanMonths.indexOf((match?.[0] ?? "").toUpperCase()) + 1);
      return at + (match?.[0].length ?? 0);
    }
    case "AM":
    case "PM":
      read.isPm = pick(["am", "pm"], null) === 1;
      return at + 2;
    case "A.M.":
    case "P.M.":
      read.isPm = pick(["a.m.", "p.m."], null) === 1;
      return at + 4;
    case "AD":
    case "BC":
      read.isBc = pick(["ad", "bc"], null) === 1;
      return at + 2;
    case "A.D.":
    case "B.C.":
      read.isBc = pick(["a.d.", "b.c."], null) === 1;
      return at + 4;
    case "TZH": {
      const match = /^([+-]?)(\d{1,2})/u.exec(rest);
      if (match === null) return at;
      read.offset = (match[1] === "-" ? -1 : 1) * Number(match[2]) * 3_600;
      return at + match[0].length;
    }
    case "TZM": {
      const match = /^\d{1,2}/u.exec(rest);
      if (match === null) return at;
      const offset = read.offset ?? 0;
      read.offset = offset + (offset < 0 ? -1 : 1) * Number(match[0]) * 60;
      return at + match[0].length;
    }
    default:
      throw new SqlError("0A000", `formatting field "${part.written}" is only supported in to_char`);
  }
}

const outOfRange = (text: string): SqlError => new SqlError("22008", `date/time field value out of range: "${text}"`);

/** The days and µs of the day that a text means by a pattern. */
function moment(
  text: string,
  pattern: string,
): { readonly days: number; readonly micros: number; readonly offset: number | null } {
  const read = readText(text, pattern);
  const get = (field: string): number | undefined => read.values.get(field);
  let year = get("year") ?? (get("CC") === undefined ? 0 : undefined);
  const given = get("CC");
  if (given !== undefined) {
    const rest = get("year");
    year = rest === undefined ? (given - 1) * 100 + 1 : (given - 1) * 100 + (rest % 100 === 0 ? 100 : rest % 100);
  }
  let astronomical = year ?? 0;
  if (read.isBc && astronomical > 0) astronomical = 1 - astronomical;
  else if (astronomical < 0) astronomical += 1;
  const days = daysOf(get, astronomical, text);
  return { days, micros: microsOf(get, read, text), offset: read.offset };
}

function daysOf(get: (field: string) => number | undefined, year: number, text: string): number {
  const julian = get("J");
  if (julian !== undefined) return julian - 2_451_545;
  const isoYear = get("isoYear");
  if (isoYear !== undefined) {
    const week = get("IW");
    const dayInYear = get("IDDD");
    if (dayInYear !== undefined) return isoYearStart(isoYear) + dayInYear - 1;
    return isoYearStart(isoYear) + ((week ?? 1) - 1) * 7 + (get("ID") ?? 1) - 1;
  }
  const dayInYear = get("DDD");
  if (dayInYear !== undefined && get("MM") === undefined) {
    if (dayInYear < 1 || dayInYear > 366) throw outOfRange(text);
    return daysFromDate(year, 1, 1) + dayInYear - 1;
  }
  const week = get("WW");
  if (week !== undefined && get("MM") === undefined) return daysFromDate(year, 1, 1) + (week - 1) * 7;
  const month = get("MM") ?? 1;
  const inMonth = get("W");
  const day = get("DD") ?? (inMonth === undefined ? 1 : (inMonth - 1) * 7 + 1);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw outOfRange(text);
  return daysFromDate(year, month, day);
}

function microsOf(get: (field: string) => number | undefined, read: Read, text: string): number {
  const seconds = get("SSSS");
  const fraction = get("fraction") ?? 0;
  if (seconds !== undefined) return seconds * microsPerSecond + fraction;
  let hour = get("HH24") ?? get("HH12") ?? 0;
  if (get("HH12") !== undefined && get("HH24") === undefined) {
    if (hour < 1 || hour > 12)
      throw new SqlError("22007", `hour "${hour}" is invalid for the 12-hour clock`, {
        hint: "Use the 24-hour clock, or give an hour between 1 and 12.",
      });
    if (read.isPm === true && hour < 12) hour += 12;
    else if (read.isPm === false && hour === 12) hour = 0;
  }
  const minute = get("MI") ?? 0;
  const second = get("SS") ?? 0;
  if (hour > 23 || minute > 59 || second > 59) throw outOfRange(text);
  return clockMicros(hour, minute, second, fraction);
}

export const dateFormats: readonly Implementation[] = strictly({
  "to_char(timestamp,text)": (timestamp, pattern) => showTimestamp(timestamp, pattern, null),
  "to_char(timestamptz,text)": (timestamp, pattern, context) => {
    if (!isFiniteTime(timestamp)) return null;
    const zone = requireZone(context.timeZone);
    return showTimestamp(toLocal(timestamp, zone), pattern, zoneOffsetAt(zone, timestamp));
  },
  "to_char(interval,text)": (interval, pattern) => showInterval(interval, pattern),
  "to_date(text,text)": (text, pattern) => {
    const { days } = moment(text, pattern);
    if (days < dateMin || days > dateMax) throw new SqlError("22008", `date out of range: "${text}"`);
    return days;
  },
  "to_timestamp(text,text)": (text, pattern, context) => {
    const { days, micros, offset } = moment(text, pattern);
    if (offset !== null) return checkedTimestamp(joinDays(days, micros - offset * microsPerSecond));
    return checkedTimestamp(fromLocal(joinDays(days, micros), requireZone(context.timeZone)));
  },
});
