/** Arithmetic, comparison and conversion of dates, times and timestamps, and what the time is. */
import { SqlError } from "../../error.js";
import { zoneAbbreviations } from "../../types/date-time/abbreviations.js";
import {
  addInt64,
  checkedDate,
  checkedTimestamp,
  clockMicros,
  dateFromDays,
  dateMax,
  dateMin,
  daysFromDate,
  daysInMonth,
  isFiniteTime,
  joinDays,
  microsPerDay,
  microsPerSecond,
  momentOf,
  splitDays,
  subtractInt64,
  unixMicros,
} from "../../types/date-time/calendar.js";
import { fromLocal, limitTime, limitTimestamp, toLocal } from "../../types/date-time/codecs.js";
import { rankOf, type TimeWithZone } from "../../types/date-time/time-with-zone.js";
import { fixedZone, requireZone, type TimeZone, zoneCalled } from "../../types/date-time/zones.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { float8Text } from "../../types/float.js";
import { int4Min } from "../../types/integer.js";
import { type Interval, intervalOutOfRange, makeInterval } from "../../types/interval.js";
import { intervalText } from "../../types/interval-format.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, nullably, strictly, strictOf } from "../define.js";
import { roundHalfEven } from "./float.js";
import { justifyHours, negateInterval } from "./interval.js";

/** `extra_float_digits` at which a double shows six digits, C's `%g`. */
const sixDigits = -9;

export const sessionZone = (context: EvaluationContext): TimeZone => requireZone(context.timeZone);

const midnight = (days: number): Int64 => (Number.isFinite(days) ? joinDays(days, 0) : days);

export function dateToTimestamp(days: number): Int64 {
  const timestamp = midnight(days);
  if (isFiniteTime(timestamp) && checkedTimestampOrNull(timestamp) === null)
    throw new SqlError("22008", "date out of range for timestamp");
  return timestamp;
}

function checkedTimestampOrNull(timestamp: Int64): Int64 | null {
  try {
    return checkedTimestamp(timestamp);
  } catch {
    return null;
  }
}

const dateToTimestamptz = (days: number, context: EvaluationContext): Int64 =>
  checkedTimestamp(fromLocal(dateToTimestamp(days), sessionZone(context)));

const dayOf = (local: Int64): number => (isFiniteTime(local) ? splitDays(local).days : Number(local));

/** Months later, the day held within the month. */
function addMonths(local: Int64, months: number): Int64 {
  const { days, micros } = splitDays(local);
  const { year, month, day } = dateFromDays(days);
  const total = year * 12 + month - 1 + months;
  const newYear = Math.floor(total / 12);
  const newMonth = total - newYear * 12 + 1;
  return joinDays(daysFromDate(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth))), micros);
}

export function addToTimestamp(timestamp: Int64, { months, days, micros }: Interval): Int64 {
  if (!isFiniteTime(timestamp)) return timestamp;
  let moved = timestamp;
  if (months !== 0) moved = checkedTimestamp(addMonths(moved, months));
  if (days !== 0) {
    const split = splitDays(moved);
    moved = checkedTimestamp(joinDays(split.days + days, split.micros));
  }
  return checkedTimestamp(addInt64(moved, micros));
}

/** Months and days are those of the session's calendar: a day may have 23 or 25 hours. */
export function addToTimestamptz(timestamp: Int64, interval: Interval, zone: TimeZone): Int64 {
  if (!isFiniteTime(timestamp)) return timestamp;
  const { months, days, micros } = interval;
  let moved = timestamp;
  if (months !== 0) moved = checkedTimestamp(fromLocal(addMonths(toLocal(moved, zone), months), zone));
  if (days !== 0) {
    const split = splitDays(toLocal(moved, zone));
    moved = checkedTimestamp(fromLocal(joinDays(split.days + days, split.micros), zone));
  }
  return checkedTimestamp(addInt64(moved, micros));
}

function difference(a: Int64, b: Int64): Interval {
  if (!isFiniteTime(a) || !isFiniteTime(b)) throw new SqlError("22008", "cannot subtract infinite timestamps");
  const micros = subtractInt64(a, b);
  if (typeof micros === "number") return justifyHours(makeInterval(0, 0, micros));
  const days = micros / BigInt(microsPerDay);
  return makeInterval(0, Number(days), Number(micros - days * BigInt(microsPerDay)));
}

/** Years, months, days and a time, as a person would tell an age. */
function age(later: Int64, earlier: Int64): Interval {
  if (!isFiniteTime(later) || !isFiniteTime(earlier)) throw new SqlError("22008", "interval out of range");
  const isNegative = later < earlier;
  const [from, to] = isNegative ? [momentOf(later), momentOf(earlier)] : [momentOf(earlier), momentOf(later)];
  let micros =
    clockMicros(to.hour, to.minute, to.second, to.micros) -
    clockMicros(from.hour, from.minute, from.second, from.micros);
  let days = to.day - from.day;
  let months = (to.year - from.year) * 12 + to.month - from.month;
  if (micros < 0) {
    micros += microsPerDay;
    days -= 1;
  }
  while (days < 0) {
    days += daysInMonth(from.year, from.month);
    months -= 1;
  }
  const span = makeInterval(months, days, micros);
  return isNegative ? negateInterval(span) : span;
}

const today = (context: EvaluationContext): Int64 =>
  midnight(splitDays(toLocal(context.transactionTime, sessionZone(context))).days);

export function zoneNamed(name: string): TimeZone {
  const abbreviation = zoneAbbreviations.get(name.toLowerCase());
  if (abbreviation === undefined) return requireZone(name);
  return abbreviation.zone === null ? fixedZone(abbreviation.offset) : zoneCalled(abbreviation.zone, name);
}

/** The zone of `make_timestamptz`: a name, or an offset east of UTC with its sign (`+2`, `-02:30`, `+0230`). Throws 22023. */
function zoneOrOffset(text: string): TimeZone {
  if (/^\d/u.test(text)) {
    const hint = 'Numeric time zones must have "-" or "+" as first character.';
    throw new SqlError("22023", `invalid input syntax for type numeric time zone: "${text}"`, { hint });
  }
  const match = /^([+-])(\d+)(?::(\d*)(?::(\d*))?)?$/u.exec(text);
  if (match === null) return zoneNamed(text);
  const [, sign, digits = "", minutesText, secondsText = ""] = match;
  const isPacked = minutesText === undefined && digits.length > 2;
  const hours = Number(isPacked ? digits.slice(0, -2) : digits);
  const minutes = Number(isPacked ? digits.slice(-2) : (minutesText ?? ""));
  const seconds = Number(secondsText);
  if (hours > 15 || minutes > 59 || seconds > 59)
    throw new SqlError("22023", `numeric time zone "${text}" out of range`);
  const east = hours * 3_600 + minutes * 60 + seconds;
  return fixedZone(sign === "-" ? -east : east);
}

/** Seconds east of UTC that an interval says. Throws 22023. */
export function offsetOfInterval(span: Interval, { intervalStyle }: EvaluationContext): number {
  if (span.months !== 0 || span.days !== 0) {
    const text = intervalText(span, intervalStyle);
    throw new SqlError("22023", `interval time zone "${text}" must not include months or days`);
  }
  return Math.trunc(span.micros / microsPerSecond);
}

/** In its errors `make_date` tells the year as it counts them, `make_timestamp` as it was given. */
function makeDate(year: number, month: number, day: number, showsGiven = false): number {
  const two = (value: number): string => String(value).padStart(2, "0");
  const astronomical = year < 0 && year > int4Min ? year + 1 : year;
  const text = `${showsGiven ? year : astronomical}-${two(month)}-${two(day)}`;
  const isWrong =
    year === 0 || year === int4Min || month < 1 || month > 12 || day < 1 || day > daysInMonth(astronomical, month);
  if (isWrong) throw new SqlError("22008", `date field value out of range: ${text}`);
  const days = daysFromDate(astronomical, month, day);
  if (days < dateMin || days > dateMax) throw new SqlError("22008", `date out of range: ${text}`);
  return days;
}

function makeTime(hour: number, minute: number, second: number): number {
  const isBeyond =
    hour < 0 ||
    minute < 0 ||
    minute > 59 ||
    !(second >= 0 && second <= 60) ||
    hour > 24 ||
    (hour === 24 && (minute > 0 || second > 0));
  if (isBeyond) {
    const two = (value: number): string => String(value).padStart(2, "0");
    throw new SqlError(
      "22008",
      `time field value out of range: ${hour}:${two(minute)}:${float8Text(second, sixDigits).padStart(2, "0")}`,
    );
  }
  return clockMicros(hour, minute, 0, roundHalfEven(second * microsPerSecond));
}

/** In the range of a day. */
export const wrapTime = (micros: number): number => ((micros % microsPerDay) + microsPerDay) % microsPerDay;

const timeOfTimestamp = (local: Int64): Datum => (isFiniteTime(local) ? splitDays(local).micros : null);

function addDays(days: number, count: number): number {
  if (!Number.isFinite(days)) return days;
  return checkedDate(days + count);
}

function fromEpoch(seconds: number): Int64 {
  if (Number.isNaN(seconds)) throw new SqlError("22008", "timestamp cannot be NaN");
  if (!Number.isFinite(seconds)) return seconds;
  const micros = roundHalfEven(seconds * microsPerSecond);
  if (Math.abs(micros) > 9.3e18)
    throw new SqlError("22008", `timestamp out of range: "${float8Text(seconds, sixDigits)}"`);
  return checkedTimestamp(addInt64(Number.isSafeInteger(micros) ? micros : BigInt(micros), -unixMicros));
}

/** The start of the stride of this length that the timestamp is in, counted from the origin. */
function bin(stride: Interval, timestamp: Int64, origin: Int64): Int64 {
  if (!isFiniteTime(timestamp)) return timestamp;
  if (!isFiniteTime(origin)) throw new SqlError("22008", "origin out of range");
  if (stride.months !== 0)
    throw new SqlError("0A000", "timestamps cannot be binned into intervals containing months or years");
  const length = spanOfInt64(BigInt(stride.days) * BigInt(microsPerDay) + BigInt(stride.micros));
  if (length <= 0n) throw new SqlError("22008", "stride must be greater than zero");
  const distance = spanOfInt64(BigInt(timestamp) - BigInt(origin));
  let steps = distance / length;
  if (distance < 0n && distance % length !== 0n) steps -= 1n;
  return checkedTimestamp(addBig(origin, steps * length));
}

/** A span in µs. 22008 for one that 64 bits do not hold: some 292,000 years. */
function spanOfInt64(micros: bigint): bigint {
  if (BigInt.asIntN(64, micros) !== micros) throw intervalOutOfRange();
  return micros;
}

const addBig = (time: Int64, micros: bigint): Int64 => {
  const moved = BigInt(time) + micros;
  return Number.isSafeInteger(Number(moved)) ? Number(moved) : moved;
};

type Comparison = readonly [name: string, test: (order: number) => Datum];
const tests: readonly Comparison[] = [
  ["eq", (order) => order === 0],
  ["ne", (order) => order !== 0],
  ["lt", (order) => order < 0],
  ["le", (order) => order <= 0],
  ["gt", (order) => order > 0],
  ["ge", (order) => order >= 0],
  ["cmp", (order) => order],
];

const order = (a: Int64, b: Int64): number => (a < b ? -1 : a > b ? 1 : 0);

type Lift = (value: never, context: EvaluationContext) => Int64;

/** Comparisons of two different types: both become the wider one. */
function mixedComparisons(): Implementation[] {
  const same = (value: Int64): Int64 => value;
  const local = (value: Int64, context: EvaluationContext): Int64 => fromLocal(value, sessionZone(context));
  const dateInZone = (days: number, context: EvaluationContext): Int64 =>
    fromLocal(midnight(days), sessionZone(context));
  const pairs: readonly (readonly [left: string, right: string, liftLeft: Lift, liftRight: Lift])[] = [
    ["date", "timestamp", midnight as Lift, same as Lift],
    ["date", "timestamptz", dateInZone as Lift, same as Lift],
    ["timestamp", "timestamptz", local as Lift, same as Lift],
  ];
  return pairs.flatMap(([left, right, liftLeft, liftRight]) =>
    tests.flatMap(([name, test]) => {
      const forward = (a: never, b: never, ...rest: readonly unknown[]): Datum => {
        const context = rest[0] as EvaluationContext;
        return test(order(liftLeft(a, context), liftRight(b, context)));
      };
      const backward = (b: never, a: never, ...rest: readonly unknown[]): Datum => {
        const context = rest[0] as EvaluationContext;
        return test(order(liftRight(b, context), liftLeft(a, context)));
      };
      return [
        strictOf(`${left}_${name}_${right}(${left},${right})`, forward),
        strictOf(`${right}_${name}_${left}(${right},${left})`, backward),
      ];
    }),
  );
}

/** SQL's OVERLAPS: whether two spans have a moment in common. Ends may be NULL, which may leave the answer open. */
function overlaps(from1: Int64 | null, to1: Int64 | null, from2: Int64 | null, to2: Int64 | null): boolean | null {
  const first = ordered(from1, to1);
  const second = ordered(from2, to2);
  if (first === null || second === null) return null;
  const [earlier, later] = first.from <= second.from ? [first, second] : [second, first];
  if (earlier.from === later.from) return earlier.to === null || later.to === null ? null : true;
  if (earlier.to === null) return null;
  if (later.from < earlier.to) return true;
  return later.to === null ? null : false;
}

function ordered(from: Int64 | null, to: Int64 | null): { readonly from: Int64; readonly to: Int64 | null } | null {
  if (from === null) return to === null ? null : { from: to, to: null };
  if (to === null) return { from, to };
  return from <= to ? { from, to } : { from: to, to: from };
}

const shiftedEnd = (from: Int64 | null, span: Interval | null): Int64 | null =>
  from === null || span === null ? null : addToTimestamp(from, span);
const zonedEnd = (from: Int64 | null, span: Interval | null, context: EvaluationContext): Int64 | null =>
  from === null || span === null ? null : addToTimestamptz(from, span, sessionZone(context));
const timeEnd = (from: number | null, span: Interval | null): number | null =>
  from === null || span === null ? null : wrapTime(from + span.micros);

const rank = (time: TimeWithZone | null): Int64 | null => (time === null ? null : rankOf(time.micros, time.offset));

const overlapping = nullably({
  "overlaps(timestamp,timestamp,timestamp,timestamp)": (a, b, c, d) => overlaps(a, b, c, d),
  "overlaps(timestamp,interval,timestamp,interval)": (a, b, c, d) => overlaps(a, shiftedEnd(a, b), c, shiftedEnd(c, d)),
  "overlaps(timestamp,timestamp,timestamp,interval)": (a, b, c, d) => overlaps(a, b, c, shiftedEnd(c, d)),
  "overlaps(timestamp,interval,timestamp,timestamp)": (a, b, c, d) => overlaps(a, shiftedEnd(a, b), c, d),
  "overlaps(timestamptz,timestamptz,timestamptz,timestamptz)": (a, b, c, d) => overlaps(a, b, c, d),
  "overlaps(timestamptz,interval,timestamptz,interval)": (a, b, c, d, context) =>
    overlaps(a, zonedEnd(a, b, context), c, zonedEnd(c, d, context)),
  "overlaps(timestamptz,timestamptz,timestamptz,interval)": (a, b, c, d, context) =>
    overlaps(a, b, c, zonedEnd(c, d, context)),
  "overlaps(timestamptz,interval,timestamptz,timestamptz)": (a, b, c, d, context) =>
    overlaps(a, zonedEnd(a, b, context), c, d),
  "overlaps(time,time,time,time)": (a, b, c, d) => overlaps(a, b, c, d),
  "overlaps(time,interval,time,interval)": (a, b, c, d) => overlaps(a, timeEnd(a, b), c, timeEnd(c, d)),
  "overlaps(time,time,time,interval)": (a, b, c, d) => overlaps(a, b, c, timeEnd(c, d)),
  "overlaps(time,interval,time,time)": (a, b, c, d) => overlaps(a, timeEnd(a, b), c, d),
  "overlaps(timetz,timetz,timetz,timetz)": (a, b, c, d) => overlaps(rank(a), rank(b), rank(c), rank(d)),
});

const arithmetic = strictly({
  "date_mi(date,date)": (a, b) => {
    if (!Number.isFinite(a) || !Number.isFinite(b)) throw new SqlError("22008", "cannot subtract infinite dates");
    return a - b;
  },
  "date_pli(date,int4)": (days, count) => addDays(days, count),
  "integer_pl_date(int4,date)": (count, days) => addDays(days, count),
  "date_mii(date,int4)": (days, count) => addDays(days, -count),
  "date_pl_interval(date,interval)": (days, span) => addToTimestamp(dateToTimestamp(days), span),
  "interval_pl_date(interval,date)": (span, days) => addToTimestamp(dateToTimestamp(days), span),
  "date_mi_interval(date,interval)": (days, span) => addToTimestamp(dateToTimestamp(days), negateInterval(span)),
  "datetime_pl(date,time)": (days, micros) => addInt64(dateToTimestamp(days), micros),
  "timedate_pl(time,date)": (micros, days) => addInt64(dateToTimestamp(days), micros),
  "timestamp_mi(timestamp,timestamp)": difference,
  "timestamptz_mi(timestamptz,timestamptz)": difference,
  "timestamp_pl_interval(timestamp,interval)": (timestamp, span) => addToTimestamp(timestamp, span),
  "interval_pl_timestamp(interval,timestamp)": (span, timestamp) => addToTimestamp(timestamp, span),
  "timestamp_mi_interval(timestamp,interval)": (timestamp, span) => addToTimestamp(timestamp, negateInterval(span)),
  "timestamptz_pl_interval(timestamptz,interval)": (timestamp, span, context) =>
    addToTimestamptz(timestamp, span, sessionZone(context)),
  "interval_pl_timestamptz(interval,timestamptz)": (span, timestamp, context) =>
    addToTimestamptz(timestamp, span, sessionZone(context)),
  "timestamptz_mi_interval(timestamptz,interval)": (timestamp, span, context) =>
    addToTimestamptz(timestamp, negateInterval(span), sessionZone(context)),
  "time_mi_time(time,time)": (a, b) => makeInterval(0, 0, a - b),
  "time_pl_interval(time,interval)": (micros, span) => wrapTime(micros + span.micros),
  "interval_pl_time(interval,time)": (span, micros) => wrapTime(micros + span.micros),
  "time_mi_interval(time,interval)": (micros, span) => wrapTime(micros - span.micros),
  "age(timestamp,timestamp)": age,
  "age(timestamp)": (timestamp, context) => age(today(context), timestamp),
  "age(timestamptz,timestamptz)": (a, b, context) =>
    age(toLocal(a, sessionZone(context)), toLocal(b, sessionZone(context))),
  "age(timestamptz)": (timestamp, context) => age(today(context), toLocal(timestamp, sessionZone(context))),
  "date_bin(interval,timestamp,timestamp)": bin,
  "date_bin(interval,timestamptz,timestamptz)": bin,
});

const conversions = strictly({
  "timestamp(date)": dateToTimestamp,
  "timestamp(date,time)": (days, micros) => addInt64(dateToTimestamp(days), micros),
  "timestamp(timestamptz)": (timestamp, context) => toLocal(timestamp, sessionZone(context)),
  "timestamp(timestamp,int4)": (timestamp, precision) => limitTimestamp(timestamp, precision),
  "timestamptz(date)": dateToTimestamptz,
  "timestamptz(timestamp)": (timestamp, context) => checkedTimestamp(fromLocal(timestamp, sessionZone(context))),
  "timestamptz(date,time)": (days, micros, context) =>
    checkedTimestamp(fromLocal(addInt64(dateToTimestamp(days), micros), sessionZone(context))),
  "timestamptz(timestamptz,int4)": (timestamp, precision) => limitTimestamp(timestamp, precision),
  "date(timestamp)": (timestamp) => dayOf(timestamp),
  "date(timestamptz)": (timestamp, context) => dayOf(toLocal(timestamp, sessionZone(context))),
  "time(timestamp)": (timestamp) => timeOfTimestamp(timestamp),
  "time(timestamptz)": (timestamp, context) => timeOfTimestamp(toLocal(timestamp, sessionZone(context))),
  "time(interval)": (span) => wrapTime(span.micros),
  "time(time,int4)": (micros, precision) => limitTime(micros, precision),
  "timezone(text,timestamptz)": (zone, timestamp) =>
    isFiniteTime(timestamp) ? checkedTimestamp(toLocal(timestamp, zoneNamed(zone))) : timestamp,
  "timezone(text,timestamp)": (zone, timestamp) =>
    isFiniteTime(timestamp) ? checkedTimestamp(fromLocal(timestamp, zoneNamed(zone))) : timestamp,
  "timezone(interval,timestamptz)": (span, timestamp, context) =>
    checkedTimestamp(toLocal(timestamp, fixedZone(offsetOfInterval(span, context)))),
  "timezone(interval,timestamp)": (span, timestamp, context) =>
    checkedTimestamp(fromLocal(timestamp, fixedZone(offsetOfInterval(span, context)))),
  "to_timestamp(float8)": fromEpoch,
  "make_date(int4,int4,int4)": (year, month, day) => makeDate(year, month, day),
  "make_time(int4,int4,float8)": makeTime,
  "make_timestamp(int4,int4,int4,int4,int4,float8)": (year, month, day, hour, minute, second) =>
    checkedTimestamp(joinDays(makeDate(year, month, day, true), makeTime(hour, minute, second))),
  "make_timestamptz(int4,int4,int4,int4,int4,float8)": (year, month, day, hour, minute, second, context) =>
    checkedTimestamp(
      fromLocal(joinDays(makeDate(year, month, day, true), makeTime(hour, minute, second)), sessionZone(context)),
    ),
  "make_timestamptz(int4,int4,int4,int4,int4,float8,text)": (year, month, day, hour, minute, second, zone) =>
    checkedTimestamp(
      fromLocal(joinDays(makeDate(year, month, day, true), makeTime(hour, minute, second)), zoneOrOffset(zone)),
    ),
  "isfinite(date)": (days) => Number.isFinite(days),
  "isfinite(timestamp)": (timestamp) => isFiniteTime(timestamp),
  "isfinite(timestamptz)": (timestamp) => isFiniteTime(timestamp),
  "now()": (context) => context.transactionTime,
  "transaction_timestamp()": (context) => context.transactionTime,
  "statement_timestamp()": (context) => context.statementTime,
  "clock_timestamp()": (context) => context.clock(),
  "pg_postmaster_start_time()": (context) => context.applicationStartTime,
  "pg_conf_load_time()": (context) => context.applicationStartTime,
});

export const datesAndTimes: readonly Implementation[] = [
  ...arithmetic,
  ...conversions,
  ...overlapping,
  ...mixedComparisons(),
];
