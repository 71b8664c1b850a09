/** Writes dates and times in the styles of the setting `DateStyle`. */
import type { Int64 } from "../datum.js";
import type { DateStyle } from "../text-context.js";
import {
  clockOf,
  dateFromDays,
  dayOfWeek,
  isFiniteTime,
  type Moment,
  momentOf,
  splitDays,
  unixDays,
} from "./calendar.js";
import { offsetAt, type TimeZone, type ZoneOffset } from "./zones.js";

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number): string => String(value).padStart(2, "0");
/** Years before 1 AD are told by their number BC. */
const yearText = (year: number): string => String(year > 0 ? year : 1 - year).padStart(4, "0");
const era = (year: number): string => (year > 0 ? "" : " BC");

const infinityText = (value: Int64): string => (value < 0 ? "-infinity" : "infinity");

/** `04:05:06.7`: as many decimals as there are. */
export function clockText(micros: number): string {
  const { hour, minute, second, micros: fraction } = clockOf(micros);
  const decimals = fraction === 0 ? "" : `.${String(fraction).padStart(6, "0").replace(/0+$/u, "")}`;
  return `${two(hour)}:${two(minute)}:${two(second)}${decimals}`;
}

export function dateText(days: number, style: DateStyle): string {
  if (!Number.isFinite(days)) return infinityText(days);
  const { year, month, day } = dateFromDays(days);
  return `${datePart(year, month, day, style, "-")}${era(year)}`;
}

function datePart(year: number, month: number, day: number, style: DateStyle, postgresDelimiter: string): string {
  const isDayFirst = style.order === "DMY";
  const [first, second] = isDayFirst ? [two(day), two(month)] : [two(month), two(day)];
  switch (style.format) {
    case "ISO":
      return `${yearText(year)}-${two(month)}-${two(day)}`;
    case "SQL":
      return `${first}/${second}/${yearText(year)}`;
    case "German":
      return `${two(day)}.${two(month)}.${yearText(year)}`;
    case "Postgres":
      return `${first}${postgresDelimiter}${second}${postgresDelimiter}${yearText(year)}`;
  }
}

/** `+02`, `-03:30`, `+00:53:28`. */
export function offsetText(offset: number): string {
  const size = Math.abs(offset);
  const minutes = Math.floor((size % 3_600) / 60);
  const seconds = size % 60;
  const tail = seconds === 0 ? (minutes === 0 ? "" : `:${two(minutes)}`) : `:${two(minutes)}:${two(seconds)}`;
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(size / 3_600))}${tail}`;
}

export function timestampText(timestamp: Int64, style: DateStyle): string {
  if (!isFiniteTime(timestamp)) return infinityText(timestamp);
  return momentText(timestamp, style, "");
}

export function timestamptzText(timestamp: Int64, zone: TimeZone, style: DateStyle): string {
  if (!isFiniteTime(timestamp)) return infinityText(timestamp);
  const offset = zoneOffsetAt(zone, timestamp);
  const local = shift(timestamp, offset.offset);
  return momentText(local, style, style.format === "ISO" ? offsetText(offset.offset) : ` ${offset.abbreviation}`);
}

function momentText(local: Int64, style: DateStyle, zone: string): string {
  const { year, month, day }: Moment = momentOf(local);
  const { days, micros } = splitDays(local);
  const clock = clockText(micros);
  if (style.format === "Postgres") {
    const name = monthNames[month - 1] ?? "";
    const date = style.order === "DMY" ? `${two(day)} ${name}` : `${name} ${two(day)}`;
    return `${dayNames[dayOfWeek(days)] ?? ""} ${date} ${clock} ${yearText(year)}${zone}${era(year)}`;
  }
  return `${datePart(year, month, day, style, "-")} ${clock}${zone}${era(year)}`;
}

/** Offset of a zone at a timestamp. */
export function zoneOffsetAt(zone: TimeZone, timestamp: Int64): ZoneOffset {
  const { days, micros } = splitDays(timestamp);
  return offsetAt(zone, (days + unixDays) * 86_400 + Math.floor(micros / 1_000_000));
}

/** The timestamp so many seconds later. */
export function shift(timestamp: Int64, seconds: number): Int64 {
  if (typeof timestamp === "number") {
    const moved = timestamp + seconds * 1_000_000;
    if (Number.isSafeInteger(moved) || !Number.isFinite(timestamp)) return moved + 0;
  }
  const moved = BigInt(timestamp) + BigInt(seconds) * 1_000_000n;
  return moved >= -9_007_199_254_740_991n && moved <= 9_007_199_254_740_991n ? Number(moved) : moved;
}
