/**
 * Reads an interval: numbers with units (`1 year 2 mons -3 days`), a time of day (`04:05:06.7`), `1-2` for years and months, ISO 8601
 * (interval-iso.ts), `ago`. Words are read from the end, so that each number knows its unit; a unit before which there is no number says nothing, and a fraction of a unit spills into the smaller ones.
 */
import { splitFields } from "./date-time/fields.js";
import { int4Max, int4Min } from "./integer.js";
import { type Interval, makeInterval, microsPerHour, microsPerMinute, microsPerSecond } from "./interval.js";
import { addUnit, expectHeld, type Fields, invalid, microsMax, overflow, type Unit } from "./interval-fields.js";
import { readIsoInterval } from "./interval-iso.js";
import { roundEven } from "./round-even.js";
import { intervalLimits } from "./type-name.js";

const spellings: readonly (readonly [unit: Unit | "timezone", words: string])[] = [
  ["microsecond", "microsecon us usec usecs useconds"],
  ["millisecond", "millisecon ms msec msecs mseconds"],
  ["second", "s sec secs second seconds"],
  ["minute", "m min mins minute minutes"],
  ["hour", "h hr hrs hour hours"],
  ["day", "d day days"],
  ["week", "w week weeks"],
  ["month", "mon mons month months"],
  // Nothing is counted in them.
  ["quarter", "qtr quarter"],
  ["timezone", "timezone timezone_h timezone_m"],
  ["year", "y yr yrs year years"],
  ["decade", "dec decs decade decades"],
  ["century", "c cent centuries century"],
  ["millennium", "mil mils millennia millennium"],
];
/** What stands behind it in a word is not looked at. */
const lettersRead = 10;
const unitOf: ReadonlyMap<string, Unit | "timezone"> = new Map(
  spellings.flatMap(([unit, words]) => words.split(" ").map((word) => [word, unit] as const)),
);

const rangeUnits: readonly (readonly [bit: number, unit: Unit])[] = [
  [1 << 12, "second"],
  [1 << 11, "minute"],
  [1 << 10, "hour"],
  [1 << 3, "day"],
  [1 << 1, "month"],
  [1 << 2, "year"],
];

/** Of all fields, as PostgreSQL has room for them. */
const charactersMax = 256;

/** What a number without a unit counts: the smallest field of the modifier, else seconds. */
function bareUnit(modifier: number): Unit {
  const limits = intervalLimits(modifier);
  if (limits === null) return "second";
  return rangeUnits.find(([bit]) => (limits.fields & bit) !== 0)?.[1] ?? "second";
}

/** The modifier says what a number without a unit is. Throws 22007 and 22015. */
export function intervalFromText(text: string, modifier: number): Interval {
  const fields: Fields = { years: 0, months: 0, days: 0, micros: 0, seen: new Set() };
  if (text.startsWith("P")) readIsoInterval(text, fields);
  else readWords(fields, text, modifier);
  return makeInterval(fields.years * 12 + fields.months, fields.days, fields.micros);
}

function readWords(fields: Fields, text: string, modifier: number): void {
  // Null: what the modifier says.
  let unit: Unit | "ago" | "timezone" | null = null;
  let isAgo = false;
  for (const { kind, text: field } of (splitFields(text, charactersMax) ?? []).toReversed()) {
    // A number with something behind it, unless it is the months of `1-2`; what has letters first is none.
    if (kind === "date" && !/^\d/u.test(field)) throw invalid(text);
    if (kind === "word" || kind === "signedWord") {
      const named = field === "ago" ? field : unitOf.get(field.slice(0, lettersRead));
      if (named === undefined) throw invalid(text);
      isAgo ||= named === "ago";
      unit = named;
    } else if (kind === "time" || (kind === "signed" && isTime(field.slice(1), modifier))) {
      readTime(fields, field, text, modifier);
      unit = "day";
    } else unit = readNumber(fields, field, unit ?? bareUnit(modifier), text);
  }
  if (fields.seen.size === 0) throw invalid(text);
  if (!isAgo) return;
  fields.years = -fields.years;
  fields.months = -fields.months;
  fields.days = -fields.days;
  fields.micros = -fields.micros;
  expectHeld(fields, text);
}

/** Returns what a number before it counts, if it has no unit. */
function readNumber(fields: Fields, field: string, unit: Unit | "ago" | "timezone", text: string): Unit {
  const { whole, months, fraction } = numberPattern.exec(field)?.groups ?? {};
  if (whole === undefined) throw invalid(text);
  if (Math.abs(Number(whole)) >= 2 ** 63) throw overflow(text);
  if (months !== undefined) {
    const [, count = "", rest = ""] = monthsPattern.exec(months) ?? [];
    if (Number(count) < 0 || Number(count) >= 12) throw overflow(text);
    if (rest !== "") throw invalid(text);
    fields.years += Number(whole);
    fields.months += field.startsWith("-") ? -Number(count) : Number(count);
    expectHeld(fields, text);
    claim(fields, "month", text);
    return "month";
  }
  if (fraction !== undefined && !/^\.\d*$/u.test(fraction)) throw invalid(text);
  if (unit === "ago" || unit === "timezone" || unit === "quarter") throw invalid(text);
  addNumber(fields, unit, field === "." ? "0" : field, text);
  claim(fields, unit, text);
  if (unit === "second" && /\.0*[1-9]/u.test(field)) claimParts(fields, text);
  return unit === "hour" ? "day" : unit;
}

/** What stands behind the digits is months behind a hyphen, or a fraction, which may be none that is a number. */
const numberPattern = /^(?<whole>[+-]?\d+|(?=\.))(?:-(?<months>.*)|(?<fraction>\..*))?$/u;
/** A number and what is left behind it. */
const monthsPattern = /^([+-]?\d*)(.*)$/u;

/** Seconds with a fraction say what parts of a second there are. */
function claimParts(fields: Fields, text: string): void {
  claim(fields, "millisecond", text);
  claim(fields, "microsecond", text);
}

function claim(fields: Fields, unit: string, text: string): void {
  if (fields.seen.has(unit)) throw invalid(text);
  fields.seen.add(unit);
}

/** What is counted in days or more: in 32 bits. */
const ofDays = new Set<Unit>(["day", "week", "month", "year", "decade", "century", "millennium"]);

function addNumber(fields: Fields, unit: Unit, number: string, text: string): void {
  const value = Number(number);
  const whole = Math.trunc(value);
  if (Math.abs(whole) > Number.MAX_SAFE_INTEGER) throw overflow(text);
  const point = number.indexOf(".");
  const fraction =
    point < 0 || /e/iu.test(number)
      ? value - whole
      : (number.startsWith("-") ? -1 : 1) * Number(`0${number.slice(point)}`);
  if (ofDays.has(unit) && Math.abs(whole) > int4Max && whole !== int4Min) throw overflow(text);
  addUnit(fields, unit, whole, fraction);
  expectHeld(fields, text);
  if (Math.abs(fields.micros) > microsMax) throw overflow(text);
}

const timePattern = /^(\d+):(\d*)(?::(\d*))?(\.\d*)?$/u;

interface TimeParts {
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly fraction: number;
}

/** Null for what is none. Two parts are minutes and seconds where those are all that the modifier takes, or there is a fraction. */
function timeParts(field: string, modifier: number): TimeParts | null {
  const match = timePattern.exec(field);
  if (match === null) return null;
  const [, first = "", second = "", third, point = ""] = match;
  const limits = intervalLimits(modifier);
  const isMinuteSecond = limits !== null && limits.fields === ((1 << 11) | (1 << 12));
  const fraction = Number(`0${point}`);
  if (third === undefined && (point !== "" || isMinuteSecond))
    return { hours: 0, minutes: Number(first), seconds: Number(second), fraction };
  return { hours: Number(first), minutes: Number(second), seconds: Number(third ?? 0), fraction };
}

const isInRange = ({ minutes, seconds }: TimeParts): boolean => minutes <= 59 && seconds <= 60;

/** Whether it is read as a time of day when it has a sign; else it is a number with something wrong behind it. */
function isTime(field: string, modifier: number): boolean {
  const parts = timeParts(field, modifier);
  return parts !== null && isInRange(parts);
}

/** What it says of the time is all that there is: units that were read before it and go into the time are gone. */
function readTime(fields: Fields, field: string, text: string, modifier: number): void {
  const parts = timeParts(field.replace(/^[+-]/u, ""), modifier);
  if (parts === null) throw invalid(text);
  const { hours, minutes, seconds, fraction } = parts;
  if (!isInRange(parts) || !Number.isSafeInteger(hours * microsPerHour)) throw overflow(text);
  const whole = hours * microsPerHour + minutes * microsPerMinute + seconds * microsPerSecond;
  const micros = whole + roundEven(fraction * microsPerSecond);
  fields.micros = field.startsWith("-") ? -micros : micros;
  for (const unit of ["hour", "minute", "second"]) claim(fields, unit, text);
  claimParts(fields, text);
}
