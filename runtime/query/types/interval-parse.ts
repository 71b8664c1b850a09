/**
 * Reads an interval: numbers with units (`1 year 2 mons -3 days`), a time of day (`04:05:06.7`), `1-2` for years and months, ISO 8601
 * (interval-iso.ts), `ago`. Words are read from the end, so that each number knows its unit; a unit before which there is no number says nothing, and a fraction of a unit spills into the smaller ones.
 */
import { type Interval, makeInterval, microsPerHour, microsPerMinute, microsPerSecond } from "./interval.js";
import {
  addUnit,
  expectHeld,
  type Fields,
  invalid,
  microsMax,
  overflow,
  roundEven,
  type Unit,
} from "./interval-fields.js";
import { readIsoInterval } from "./interval-iso.js";
import { spacesFrom } from "./spaces.js";
import { intervalLimits } from "./type-name.js";

const spellings: readonly (readonly [unit: Unit, words: string])[] = [
  ["microsecond", "microsecon us usec usecs useconds"],
  ["millisecond", "millisecon ms msec msecs mseconds"],
  ["second", "s sec secs second seconds"],
  ["minute", "m min mins minute minutes"],
  ["hour", "h hr hrs hour hours"],
  ["day", "d day days"],
  ["week", "w week weeks"],
  ["month", "mon mons month months"],
  ["quarter", "qtr quarter"],
  ["year", "y yr yrs year years"],
  ["decade", "dec decs decade decades"],
  ["century", "c cent centuries century"],
  ["millennium", "mil mils millennia millennium"],
];
/** What stands behind it in a word is not looked at. */
const lettersRead = 10;
const unitOf: ReadonlyMap<string, Unit> = new Map(
  spellings.flatMap(([unit, words]) => words.split(" ").map((word) => [word, unit] as const)),
);

const tokenPattern =
  /[ \t-\r]*(?:(?<time>(?:[+-][ \t-\r]*)?\d+:\d+(?::\d+)?(?:\.\d*)?)|(?<yearMonth>(?:[+-][ \t-\r]*)?\d+-\d+)(?![\d.-])|(?<number>(?:[+-][ \t-\r]*)?\d+\.?\d*|\.\d+)(?!-\d)|(?<word>[a-z]+)|[!-*,./:-@[-`{-~]|[ \t-\r])/iuy;

type Token = { readonly kind: "time" | "yearMonth" | "number" | "word"; readonly text: string };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  const end = spacesFrom(text);
  while (tokenPattern.lastIndex < end) {
    const from = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) {
      // Years and months with more behind them: the months are looked at first, when what follows can be read.
      const months = /^[ \t-\r]*[+-]?\d+-(\d+)-\d+(?:[ \t-\r]+\d+(?::\d+)*(?:\.\d*)?)?[ \t-\r]*$/u.exec(
        text.slice(from),
      )?.[1];
      throw months !== undefined && Number(months) >= 12 ? overflow(text) : invalid(text);
    }
    const { time, yearMonth, number, word } = match.groups ?? {};
    if (time !== undefined) tokens.push({ kind: "time", text: signed(time) });
    else if (yearMonth !== undefined) tokens.push({ kind: "yearMonth", text: signed(yearMonth) });
    else if (number !== undefined) tokens.push({ kind: "number", text: signed(number) });
    else if (word !== undefined) tokens.push({ kind: "word", text: word.toLowerCase() });
  }
  return tokens;
}

/** A sign may stand apart from its number. */
const signed = (text: string): string => text.replace(/[ \t-\r]+/u, "");

const rangeUnits: readonly (readonly [bit: number, unit: Unit])[] = [
  [1 << 12, "second"],
  [1 << 11, "minute"],
  [1 << 10, "hour"],
  [1 << 3, "day"],
  [1 << 1, "month"],
  [1 << 2, "year"],
];

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
  const tokens = tokenize(text);
  if (tokens.length === 0) throw invalid(text);
  let unit: Unit | "ago" | null = null;
  let isAgo = false;
  for (const token of tokens.toReversed()) {
    if (token.kind === "word") {
      if (token.text === "ago") {
        isAgo = true;
        unit = "ago";
        continue;
      }
      const named = unitOf.get(token.text.slice(0, lettersRead));
      if (named === undefined) throw invalid(text);
      unit = named;
      continue;
    }
    if (token.kind === "time") {
      readTime(fields, token.text, text, modifier);
      unit = "day";
    } else if (token.kind === "yearMonth") {
      claim(fields, "month", text);
      const [years = 0, months = 0] = token.text.replace(/^[+-]/u, "").split("-").map(Number);
      if (months >= 12) throw overflow(text);
      const sign = token.text.startsWith("-") ? -1 : 1;
      fields.years += sign * years;
      fields.months += sign * months;
      expectHeld(fields, text);
    } else {
      if (unit === "ago") throw invalid(text);
      const counted: Unit = unit ?? bareUnit(modifier);
      claim(fields, counted, text);
      if (counted === "second" && /\.0*[1-9]/u.test(token.text)) claimParts(fields, text);
      addNumber(fields, counted, token.text, text);
      // A number before a time is days; further ones need their own units.
      unit = unit === null ? null : counted;
    }
  }
  if (fields.seen.size === 0) throw invalid(text);
  if (isAgo) {
    fields.years = -fields.years;
    fields.months = -fields.months;
    fields.days = -fields.days;
    fields.micros = -fields.micros;
    expectHeld(fields, text);
  }
}

/** Seconds with a fraction say what parts of a second there are. */
function claimParts(fields: Fields, text: string): void {
  claim(fields, "millisecond", text);
  claim(fields, "microsecond", text);
}

function claim(fields: Fields, unit: string, text: string): void {
  if (fields.seen.has(unit)) throw invalid(text);
  fields.seen.add(unit);
}

function addNumber(fields: Fields, unit: Unit, number: string, text: string): void {
  const value = Number(number);
  const whole = Math.trunc(value);
  if (Math.abs(whole) > Number.MAX_SAFE_INTEGER) throw overflow(text);
  const point = number.indexOf(".");
  const fraction =
    point < 0 || /e/iu.test(number)
      ? value - whole
      : (number.startsWith("-") ? -1 : 1) * Number(`0${number.slice(point)}`);
  addUnit(fields, unit, whole, fraction);
  expectHeld(fields, text);
  if (Math.abs(fields.micros) > microsMax) throw overflow(text);
}

function readTime(fields: Fields, time: string, text: string, modifier: number): void {
  for (const unit of ["hour", "minute", "second"]) claim(fields, unit, text);
  claimParts(fields, text);
  const isNegative = time.startsWith("-");
  const parts = time.replace(/^[+-]/u, "").split(":");
  const limits = intervalLimits(modifier);
  const isMinuteSecond = limits !== null && limits.fields === ((1 << 11) | (1 << 12));
  const [first = "0", middle = "0", last = "0"] =
    parts.length === 2 && (isMinuteSecond || parts[1]?.includes(".")) ? ["0", ...parts] : parts;
  const seconds = Number(last);
  if (Number(middle) > 59 || seconds >= 61 || !Number.isSafeInteger(Number(first) * microsPerHour))
    throw overflow(text);
  const micros =
    Number(first) * microsPerHour + Number(middle) * microsPerMinute + roundEven(seconds * microsPerSecond);
  fields.micros += isNegative ? -micros : micros;
}
