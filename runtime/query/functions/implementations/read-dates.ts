/** What `to_date` and `to_timestamp` read out of a text by a pattern. */
import { SqlError } from "../../error.js";
import { clockMicros, daysFromDate, daysInMonth, isoYearStart } from "../../types/date-time/calendar.js";
import { microsPerSecond } from "../../types/interval.js";
import { dayNames, monthNames, partsOf, romanMonths } from "./date-words.js";
import type { DatePart } from "./format-pattern.js";

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
export function moment(
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
