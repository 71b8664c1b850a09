/** Dates and times as programs write them, `2020-01-31 04:05:06.789+02`: read at once. All others, and what is wrong, are read field by field. */
import { clockMicros, daysFromDate, daysInMonth } from "./calendar.js";
import type { ParsedTime } from "./parse.js";

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?$/u;

/** Null for what is to be read field by field. */
export function parseIso(text: string): ParsedTime | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [
    ,
    yearText,
    monthText,
    dayText,
    hour,
    minuteText,
    secondText,
    fraction = "",
    zulu,
    sign,
    hoursEast,
    minutesEast,
  ] = match;
  const [year, month, day] = [Number(yearText), Number(monthText), Number(dayText)];
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  const days = daysFromDate(year, month, day);
  if (hour === undefined) return { special: null, days, micros: 0, offset: null, zone: null };
  const [hours, minutes, seconds] = [Number(hour), Number(minuteText), Number(secondText)];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  const micros = clockMicros(hours, minutes, seconds, Number(fraction.padEnd(6, "0")));
  if (zulu !== undefined) return { special: null, days, micros, offset: 0, zone: null };
  if (sign === undefined) return { special: null, days, micros, offset: null, zone: null };
  const [east, more] = [Number(hoursEast), Number(minutesEast ?? 0)];
  if (east > 15 || more > 59) return null;
  const offset = east * 3_600 + more * 60;
  return { special: null, days, micros, offset: sign === "-" ? 0 - offset : offset, zone: null };
}
