/** `extract`, `date_part` and `date_trunc`: fields of dates, times and intervals, and what is left when the smaller ones are cut off. */
import { SqlError } from "../../error.js";
import {
  addInt64,
  checkedTimestamp,
  dateFromDays,
  dayOfWeek,
  dayOfYear,
  daysFromDate,
  isFiniteTime,
  isoWeek,
  isTimestamp,
  joinDays,
  microsPerDay,
  mondayOf,
  splitDays,
  unixMicros,
} from "../../types/date-time/calendar.js";
import { fromLocal, toLocal } from "../../types/date-time/codecs.js";
import { zoneOffsetAt } from "../../types/date-time/format.js";
import { type TimeWithZone, utcMicros } from "../../types/date-time/time-with-zone.js";
import { requireZone, type TimeZone } from "../../types/date-time/zones.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { Decimal, decimalFromInteger, decimalInfinity, decimalMinusInfinity } from "../../types/decimal.js";
import { add, divide, toNumber } from "../../types/decimal-arithmetic.js";
import { type Interval, makeInterval, microsPerHour, microsPerMinute, microsPerSecond } from "../../types/interval.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { type Implementation, strictly } from "../define.js";

const spellings: Readonly<Record<string, string>> = {
  microsecond: "microseconds",
  us: "microseconds",
  usec: "microseconds",
  usecs: "microseconds",
  msec: "milliseconds",
  msecs: "milliseconds",
  ms: "milliseconds",
  millisecond: "milliseconds",
  seconds: "second",
  sec: "second",
  secs: "second",
  s: "second",
  minutes: "minute",
  min: "minute",
  mins: "minute",
  m: "minute",
  hours: "hour",
  hr: "hour",
  hrs: "hour",
  h: "hour",
  days: "day",
  d: "day",
  weeks: "week",
  w: "week",
  months: "month",
  mon: "month",
  mons: "month",
  qtr: "quarter",
  years: "year",
  yr: "year",
  yrs: "year",
  y: "year",
  decades: "decade",
  dec: "decade",
  decs: "decade",
  centuries: "century",
  c: "century",
  cent: "century",
  millennia: "millennium",
  mil: "millennium",
  mils: "millennium",
  timezone_h: "timezone_hour",
  timezone_m: "timezone_minute",
};
const known = new Set([
  ..."microseconds milliseconds second minute hour day week month quarter year decade century millennium".split(" "),
  ..."julian epoch dow isodow doy isoyear timezone timezone_hour timezone_minute".split(" "),
]);
/** Fields that go on for ever, so that they are infinite for an infinite time; the others have no value then. */
const monotonic = new Set("year decade century millennium julian isoyear epoch".split(" "));

const unrecognized = (name: string, type: Oid): SqlError =>
  new SqlError("22023", `unit "${name.toLowerCase()}" not recognized for type ${typeLabel(type)}`);

function fieldOf(name: string, type: Oid): string {
  const lower = name.toLowerCase();
  const field = spellings[lower] ?? lower;
  if (!known.has(field)) throw unrecognized(name, type);
  return field;
}

/** Fields that can be asked for, but are nothing to cut at. */
const notForCutting = new Set("isoyear julian epoch dow isodow doy".split(" "));

function cutFieldOf(name: string, type: Oid): string {
  const field = fieldOf(name, type);
  if (notForCutting.has(field)) throw unrecognized(name, type);
  return field;
}

const unsupported = (name: string, type: Oid): SqlError =>
  new SqlError("0A000", `unit "${name.toLowerCase()}" not supported for type ${typeLabel(type)}`);

const whole = (value: number | bigint): Decimal => decimalFromInteger(value);
/** So many µs, as units of 10^`scale` µs would have it. */
const scaled = (micros: number | bigint, scale: number): Decimal => new Decimal(BigInt(micros), scale);

const century = (year: number): number =>
  year > 0 ? Math.floor((year + 99) / 100) : -Math.floor((99 - (year - 1)) / 100);
const millennium = (year: number): number =>
  year > 0 ? Math.floor((year + 999) / 1_000) : -Math.floor((999 - (year - 1)) / 1_000);
const decade = (year: number): number => Math.floor(year / 10);
/** There is no year 0: 1 BC is -1. */
const shownYear = (year: number): number => (year > 0 ? year : year - 1);

/** A field of a wall clock's reading; null when it has none of that name. */
function localField(field: string, days: number, micros: number): Decimal | null {
  const { year, month, day } = dateFromDays(days);
  switch (field) {
    case "microseconds":
      return whole(micros % microsPerMinute);
    case "milliseconds":
      return scaled(micros % microsPerMinute, 3);
    case "second":
      return scaled(micros % microsPerMinute, 6);
    case "minute":
      return whole(Math.floor(micros / microsPerMinute) % 60);
    case "hour":
      return whole(Math.floor(micros / microsPerHour));
    case "day":
      return whole(day);
    case "month":
      return whole(month);
    case "quarter":
      return whole(Math.floor((month - 1) / 3) + 1);
    case "week":
      return whole(isoWeek(days).week);
    case "year":
      return whole(shownYear(year));
    case "decade":
      return whole(decade(year));
    case "century":
      return whole(century(year));
    case "millennium":
      return whole(millennium(year));
    case "isoyear":
      return whole(shownYear(isoWeek(days).year));
    case "dow":
      return whole(dayOfWeek(days));
    case "isodow":
      return whole(dayOfWeek(days) === 0 ? 7 : dayOfWeek(days));
    case "doy":
      return whole(dayOfYear(days));
    case "julian":
      return add(whole(days + 2_451_545), divide(whole(micros), whole(microsPerDay)));
    default:
      return null;
  }
}

const infiniteField = (field: string, time: Int64): Decimal | null =>
  monotonic.has(field) ? (time < 0 ? decimalMinusInfinity : decimalInfinity) : null;

function timestampField(name: string, timestamp: Int64): Decimal | null {
  const field = fieldOf(name, typeOid.timestamp);
  if (!isFiniteTime(timestamp)) return infiniteField(field, timestamp);
  if (field.startsWith("timezone")) throw unsupported(name, typeOid.timestamp);
  if (field === "epoch") return scaled(BigInt(timestamp) + BigInt(unixMicros), 6);
  const { days, micros } = splitDays(timestamp);
  return localField(field, days, micros);
}

function zoneField(field: string, offset: number): Decimal | null {
  if (field === "timezone") return whole(offset);
  if (field === "timezone_hour") return whole(Math.trunc(offset / 3_600));
  return field === "timezone_minute" ? whole(Math.trunc((offset % 3_600) / 60)) : null;
}

function timestamptzField(name: string, timestamp: Int64, zone: TimeZone): Decimal | null {
  const field = fieldOf(name, typeOid.timestamptz);
  if (!isFiniteTime(timestamp)) return infiniteField(field, timestamp);
  if (field === "epoch") return scaled(BigInt(timestamp) + BigInt(unixMicros), 6);
  const { offset } = zoneOffsetAt(zone, timestamp);
  const { days, micros } = splitDays(toLocal(timestamp, zone));
  return zoneField(field, offset) ?? localField(field, days, micros);
}

const timeOnly = new Set(
  "microseconds milliseconds second minute hour timezone timezone_hour timezone_minute".split(" "),
);

function dateField(name: string, days: number): Decimal | null {
  const field = fieldOf(name, typeOid.date);
  if (timeOnly.has(field)) throw unsupported(name, typeOid.date);
  if (!Number.isFinite(days)) return infiniteField(field, days);
  if (field === "epoch") return whole(BigInt(days + 10_957) * 86_400n);
  if (field === "julian") return whole(days + 2_451_545);
  return localField(field, days, 0);
}

function timeField(name: string, micros: number): Decimal | null {
  const field = fieldOf(name, typeOid.time);
  if (field === "epoch") return scaled(micros, 6);
  if (!timeOnly.has(field) || field.startsWith("timezone")) throw unsupported(name, typeOid.time);
  return localField(field, 0, micros);
}

function zonedTimeField(name: string, time: TimeWithZone): Decimal | null {
  const field = fieldOf(name, typeOid.timetz);
  if (field === "epoch") return scaled(utcMicros(time), 6);
  if (!timeOnly.has(field)) throw unsupported(name, typeOid.timetz);
  return zoneField(field, time.offset) ?? localField(field, 0, time.micros);
}

function intervalField(name: string, interval: Interval): Decimal | null {
  const field = fieldOf(name, typeOid.interval);
  const { months, days, micros } = interval;
  const years = Math.trunc(months / 12);
  switch (field) {
    case "microseconds":
      return whole(micros % microsPerMinute);
    case "milliseconds":
      return scaled(micros % microsPerMinute, 3);
    case "second":
      return scaled(micros % microsPerMinute, 6);
    case "minute":
      return whole(Math.trunc((micros % microsPerHour) / microsPerMinute));
    case "hour":
      return whole(Math.trunc(micros / microsPerHour));
    case "day":
      return whole(days);
    case "month":
      return whole(months % 12);
    case "quarter":
      return whole(Math.trunc((months % 12) / 3) + 1);
    case "year":
      return whole(years);
    case "decade":
      return whole(Math.trunc(years / 10));
    case "century":
      return whole(Math.trunc(years / 100));
    case "millennium":
      return whole(Math.trunc(years / 1_000));
    case "epoch": {
      // Years of 365.25 days, months of 30: in quarters of a day, which are whole.
      const quarterDays = BigInt(years) * 1_461n + (BigInt(months % 12) * 30n + BigInt(days)) * 4n;
      return scaled(quarterDays * 21_600n * 1_000_000n + BigInt(micros), 6);
    }
    default:
      throw unsupported(name, typeOid.interval);
  }
}

function timestampOf(days: number): Int64 {
  if (!Number.isFinite(days)) return days;
  const timestamp = joinDays(days, 0);
  if (!isTimestamp(timestamp)) throw new SqlError("22008", "date out of range for timestamp");
  return timestamp;
}

const asFloat = (field: Decimal | null): Datum => (field === null ? null : toNumber(field));

const cutTime: Readonly<Record<string, number>> = {
  microseconds: 1,
  milliseconds: 1_000,
  second: microsPerSecond,
  minute: microsPerMinute,
  hour: microsPerHour,
  day: microsPerDay,
};

/** A wall clock's reading with all below the field cut off. */
function truncateLocal(field: string, local: Int64): Int64 | null {
  const { days, micros } = splitDays(local);
  const unit = cutTime[field];
  if (unit !== undefined) return joinDays(days, Math.floor(micros / unit) * unit);
  const { year, month } = dateFromDays(days);
  switch (field) {
    case "week":
      return joinDays(mondayOf(days), 0);
    case "month":
      return joinDays(daysFromDate(year, month, 1), 0);
    case "quarter":
      return joinDays(daysFromDate(year, Math.floor((month - 1) / 3) * 3 + 1, 1), 0);
    case "year":
      return joinDays(daysFromDate(year, 1, 1), 0);
    case "decade":
      return joinDays(
        daysFromDate(year > 0 ? Math.floor(year / 10) * 10 : -Math.floor((8 - (year - 1)) / 10) * 10, 1, 1),
        0,
      );
    case "century":
      return joinDays(
        daysFromDate(
          year > 0 ? Math.floor((year + 99) / 100) * 100 - 99 : -Math.floor((99 - (year - 1)) / 100) * 100 + 1,
          1,
          1,
        ),
        0,
      );
    case "millennium":
      return joinDays(
        daysFromDate(
          year > 0
            ? Math.floor((year + 999) / 1_000) * 1_000 - 999
            : -Math.floor((999 - (year - 1)) / 1_000) * 1_000 + 1,
          1,
          1,
        ),
        0,
      );
    default:
      return null;
  }
}

function truncateTimestamp(name: string, timestamp: Int64): Int64 {
  if (!isFiniteTime(timestamp)) return timestamp;
  const field = cutFieldOf(name, typeOid.timestamp);
  const cut = truncateLocal(field, timestamp);
  if (cut === null) throw unsupported(name, typeOid.timestamp);
  return checkedTimestamp(cut);
}

function truncateTimestamptz(name: string, timestamp: Int64, zone: TimeZone): Int64 {
  if (!isFiniteTime(timestamp)) return timestamp;
  const field = cutFieldOf(name, typeOid.timestamptz);
  const local = toLocal(timestamp, zone);
  const cut = truncateLocal(field, local);
  if (cut === null) throw unsupported(name, typeOid.timestamptz);
  // Below the day the offset stays; above it is the one of the new day.
  const isBelowDay = (cutTime[field] ?? microsPerDay) < microsPerDay;
  if (!isBelowDay) return checkedTimestamp(fromLocal(cut, zone));
  const { offset } = zoneOffsetAt(zone, timestamp);
  return checkedTimestamp(addInt64(cut, -offset * microsPerSecond));
}

function truncateInterval(name: string, { months, days, micros }: Interval): Interval {
  const field = cutFieldOf(name, typeOid.interval);
  const unit = cutTime[field];
  if (field === "day") return makeInterval(months, days, 0);
  if (unit !== undefined) return makeInterval(months, days, Math.trunc(micros / unit) * unit);
  const spans: Readonly<Record<string, number>> = {
    month: 1,
    quarter: 3,
    year: 12,
    decade: 120,
    century: 1_200,
    millennium: 12_000,
  };
  const span = spans[field];
  if (span === undefined) {
    if (field === "week")
      throw new SqlError("0A000", `unit "week" not supported for type interval`, {
        detail: "Months usually have fractional weeks.",
      });
    throw unsupported(name, typeOid.interval);
  }
  return makeInterval(Math.trunc(months / span) * span, 0, 0);
}

export const dateFields: readonly Implementation[] = strictly({
  "extract(text,date)": (name, days) => dateField(name, days),
  "extract(text,time)": (name, micros) => timeField(name, micros),
  "extract(text,timetz)": zonedTimeField,
  "extract(text,timestamp)": (name, timestamp) => timestampField(name, timestamp),
  "extract(text,timestamptz)": (name, timestamp, context) =>
    timestamptzField(name, timestamp, requireZone(context.timeZone)),
  "extract(text,interval)": (name, interval) => intervalField(name, interval),
  "date_part(text,date)": (name, days) => asFloat(timestampField(name, timestampOf(days))),
  "date_part(text,time)": (name, micros) => asFloat(timeField(name, micros)),
  "date_part(text,timetz)": (name, time) => asFloat(zonedTimeField(name, time)),
  "date_part(text,timestamp)": (name, timestamp) => asFloat(timestampField(name, timestamp)),
  "date_part(text,timestamptz)": (name, timestamp, context) =>
    asFloat(timestamptzField(name, timestamp, requireZone(context.timeZone))),
  "date_part(text,interval)": (name, interval) => asFloat(intervalField(name, interval)),
  "date_trunc(text,timestamp)": (name, timestamp) => truncateTimestamp(name, timestamp),
  "date_trunc(text,timestamptz)": (name, timestamp, context) =>
    truncateTimestamptz(name, timestamp, requireZone(context.timeZone)),
  "date_trunc(text,timestamptz,text)": (name, timestamp, zone) =>
    isFiniteTime(timestamp) ? truncateTimestamptz(name, timestamp, requireZone(zone)) : timestamp,
  "date_trunc(text,interval)": (name, interval) => truncateInterval(name, interval),
});
