/** Writes an interval in each of the four styles of the setting `IntervalStyle`. */
import { type Interval, microsPerHour, microsPerMinute, microsPerSecond } from "./interval.js";
import type { TextContext } from "./text-context.js";

interface Parts {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly micros: number;
}

function partsOf({ months, days, micros }: Interval): Parts {
  return {
    years: Math.trunc(months / 12),
    months: months % 12,
    days,
    hours: Math.trunc(micros / microsPerHour),
    minutes: Math.trunc((micros % microsPerHour) / microsPerMinute),
    seconds: Math.trunc((micros % microsPerMinute) / microsPerSecond),
    micros: micros % microsPerSecond,
  };
}

const two = (value: number): string => String(Math.abs(value)).padStart(2, "0");

/** Seconds with as much of a fraction as there is. */
function secondsText(seconds: number, micros: number, width: number): string {
  const whole = String(Math.abs(seconds)).padStart(width, "0");
  if (micros === 0) return whole;
  return `${whole}.${String(Math.abs(micros)).padStart(6, "0").replace(/0+$/u, "")}`;
}

export function intervalText(interval: Interval, style: TextContext["intervalStyle"]): string {
  const parts = partsOf(interval);
  switch (style) {
    case "postgres":
      return postgresText(parts);
    case "postgres_verbose":
      return verboseText(parts);
    case "iso_8601":
      return isoText(parts);
    case "sql_standard":
      return standardText(parts);
  }
}

function postgresText(parts: Parts): string {
  const { hours, minutes, seconds, micros } = parts;
  const words: string[] = [];
  let isBefore = false;
  for (const [value, unit] of [
    [parts.years, "year"],
    [parts.months, "mon"],
    [parts.days, "day"],
  ] as const) {
    if (value === 0) continue;
    words.push(`${isBefore && value > 0 ? "+" : ""}${value} ${unit}${value === 1 ? "" : "s"}`);
    isBefore = value < 0;
  }
  const hasTime = hours !== 0 || minutes !== 0 || seconds !== 0 || micros !== 0;
  if (words.length === 0 || hasTime) {
    const isNegative = hours < 0 || minutes < 0 || seconds < 0 || micros < 0;
    const sign = isNegative ? "-" : isBefore ? "+" : "";
    words.push(`${sign}${two(hours)}:${two(minutes)}:${secondsText(seconds, micros, 2)}`);
  }
  return words.join(" ");
}

function verboseText(parts: Parts): string {
  const words: string[] = [];
  // The sign of the first part is said once, by "ago", and those after it are told against it.
  let isBefore = false;
  for (const [value, unit] of [
    [parts.years, "year"],
    [parts.months, "mon"],
    [parts.days, "day"],
    [parts.hours, "hour"],
    [parts.minutes, "min"],
  ] as const) {
    if (value === 0) continue;
    if (words.length === 0) isBefore = value < 0;
    const shown = isBefore ? -value : value;
    words.push(`${shown} ${unit}${shown === 1 ? "" : "s"}`);
  }
  const { seconds, micros } = parts;
  if (seconds !== 0 || micros !== 0) {
    const isNegative = seconds < 0 || micros < 0;
    if (words.length === 0) isBefore = isNegative;
    const sign = isNegative !== isBefore ? "-" : "";
    words.push(`${sign}${secondsText(seconds, micros, 1)} sec${Math.abs(seconds) === 1 && micros === 0 ? "" : "s"}`);
  }
  if (words.length === 0) return "@ 0";
  return `@ ${words.join(" ")}${isBefore ? " ago" : ""}`;
}

function isoText(parts: Parts): string {
  const { years, months, days, hours, minutes, seconds, micros } = parts;
  const item = (value: number, letter: string): string => (value === 0 ? "" : `${value}${letter}`);
  const date = item(years, "Y") + item(months, "M") + item(days, "D");
  const sign = seconds < 0 || micros < 0 ? "-" : "";
  const second = seconds === 0 && micros === 0 ? "" : `${sign}${secondsText(seconds, micros, 1)}S`;
  const time = item(hours, "H") + item(minutes, "M") + second;
  if (date === "" && time === "") return "PT0S";
  return `P${date}${time === "" ? "" : `T${time}`}`;
}

function standardText(parts: Parts): string {
  const { years, months, days, hours, minutes, seconds, micros } = parts;
  const all = [years, months, days, hours, minutes, seconds, micros];
  const hasNegative = all.some((value) => value < 0);
  const hasPositive = all.some((value) => value > 0);
  const hasYearMonth = years !== 0 || months !== 0;
  const hasDay = days !== 0;
  const hasTime = hours !== 0 || minutes !== 0 || seconds !== 0 || micros !== 0;
  if (!hasNegative && !hasPositive) return "0";
  const clock = `${Math.abs(hours)}:${two(minutes)}:${secondsText(seconds, micros, 2)}`;
  if ((hasNegative && hasPositive) || (hasYearMonth && (hasDay || hasTime))) {
    const sign = (isNegative: boolean): string => (isNegative ? "-" : "+");
    const isTimeNegative = hours < 0 || minutes < 0 || seconds < 0 || micros < 0;
    const yearMonth = `${sign(years < 0 || months < 0)}${Math.abs(years)}-${Math.abs(months)}`;
    return `${yearMonth} ${sign(days < 0)}${Math.abs(days)} ${sign(isTimeNegative)}${clock}`;
  }
  const sign = hasNegative ? "-" : "";
  if (hasYearMonth) return `${sign}${Math.abs(years)}-${Math.abs(months)}`;
  if (hasDay) return `${sign}${Math.abs(days)} ${clock}`;
  return `${sign}${clock}`;
}
