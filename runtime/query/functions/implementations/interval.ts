/** Arithmetic of intervals: by parts, and by factors, where a fraction of a month spills into days and a fraction of a day into its time. */

import {
  daysPerMonth,
  Interval,
  intervalOutOfRange,
  makeInterval,
  microsPerDay,
  microsPerHour,
  microsPerMinute,
  microsPerSecond,
} from "../../types/interval.js";
import { limitInterval } from "../../types/interval-codec.js";
import { divisionByZero } from "../../types/invalid.js";
import { type Implementation, strictly } from "../define.js";
import { roundHalfEven } from "./float.js";

const secondsPerDay = 86_400;

/** To the microsecond, as sums of seconds are. */
const roundMicro = (seconds: number): number => roundHalfEven(seconds * 1_000_000) / 1_000_000;

function scale(interval: Interval, apply: (part: number) => number): Interval {
  const exactMonths = apply(interval.months);
  const exactDays = apply(interval.days);
  if (Number.isNaN(exactMonths) || Number.isNaN(exactDays)) throw intervalOutOfRange();
  const months = Math.trunc(exactMonths);
  let days = Math.trunc(exactDays);
  const restDays = roundMicro((exactMonths - months) * daysPerMonth);
  let seconds = roundMicro((exactDays - days + restDays - Math.trunc(restDays)) * secondsPerDay);
  if (Math.abs(seconds) >= secondsPerDay) {
    const whole = Math.trunc(seconds / secondsPerDay);
    days += whole;
    seconds -= whole * secondsPerDay;
  }
  const micros = roundHalfEven(apply(interval.micros) + seconds * 1_000_000);
  return makeInterval(months, days + Math.trunc(restDays), micros);
}

export const multiplyInterval = (interval: Interval, factor: number): Interval =>
  scale(interval, (part) => part * factor);

export function divideInterval(interval: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  return scale(interval, (part) => part / divisor);
}

export const addIntervals = (a: Interval, b: Interval): Interval =>
  makeInterval(a.months + b.months, a.days + b.days, a.micros + b.micros);

export const negateInterval = (a: Interval): Interval => makeInterval(0 - a.months, 0 - a.days, 0 - a.micros);

export function justifyHours({ months, days, micros }: Interval): Interval {
  const whole = Math.trunc(micros / microsPerDay);
  let sumDays = days + whole;
  let rest = micros - whole * microsPerDay;
  if (sumDays > 0 && rest < 0) {
    rest += microsPerDay;
    sumDays -= 1;
  } else if (sumDays < 0 && rest > 0) {
    rest -= microsPerDay;
    sumDays += 1;
  }
  return makeInterval(months, sumDays, rest);
}

function justifyDays({ months, days, micros }: Interval): Interval {
  const whole = Math.trunc(days / daysPerMonth);
  let sumMonths = months + whole;
  let rest = days - whole * daysPerMonth;
  if (sumMonths > 0 && rest < 0) {
    rest += daysPerMonth;
    sumMonths -= 1;
  } else if (sumMonths < 0 && rest > 0) {
    rest -= daysPerMonth;
    sumMonths += 1;
  }
  return makeInterval(sumMonths, rest, micros);
}

function justify(interval: Interval): Interval {
  let { months, days, micros } = interval;
  // Days of another sign than months, or the same as the time, first move up.
  if ((days > 0 && micros > 0) || (days < 0 && micros < 0)) {
    const whole = Math.trunc(days / daysPerMonth);
    days -= whole * daysPerMonth;
    months += whole;
  }
  const wholeDays = Math.trunc(micros / microsPerDay);
  micros -= wholeDays * microsPerDay;
  days += wholeDays;
  const wholeMonths = Math.trunc(days / daysPerMonth);
  days -= wholeMonths * daysPerMonth;
  months += wholeMonths;
  if (months > 0 && (days < 0 || (days === 0 && micros < 0))) {
    days += daysPerMonth;
    months -= 1;
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0))) {
    days -= daysPerMonth;
    months += 1;
  }
  if (days > 0 && micros < 0) {
    micros += microsPerDay;
    days -= 1;
  } else if (days < 0 && micros > 0) {
    micros -= microsPerDay;
    days += 1;
  }
  return makeInterval(months, days, micros);
}

/** Seconds, minutes and hours as they come, none of them limited. */
function assemble(
  years: number,
  months: number,
  weeks: number,
  days: number,
  hours: number,
  minutes: number,
  seconds: number,
): Interval {
  if (!Number.isFinite(seconds)) throw intervalOutOfRange();
  const micros = hours * microsPerHour + minutes * microsPerMinute + roundHalfEven(seconds * microsPerSecond);
  return makeInterval(years * 12 + months, weeks * 7 + days, micros);
}

export const intervals: readonly Implementation[] = strictly({
  "interval_um(interval)": negateInterval,
  "interval_pl(interval,interval)": addIntervals,
  "interval_mi(interval,interval)": (a, b) => makeInterval(a.months - b.months, a.days - b.days, a.micros - b.micros),
  "interval_mul(interval,float8)": (a, factor) => multiplyInterval(a, factor),
  "mul_d_interval(float8,interval)": (factor, a) => multiplyInterval(a, factor),
  "interval_div(interval,float8)": (a, divisor) => divideInterval(a, divisor),
  "justify_hours(interval)": justifyHours,
  "justify_days(interval)": justifyDays,
  "justify_interval(interval)": justify,
  "make_interval(int4,int4,int4,int4,int4,int4,float8)": assemble,
  "interval(interval,int4)": (a, modifier) => limitInterval(a, modifier),
  "interval(time)": (micros) => new Interval(0, 0, micros),
  "isfinite(interval)": () => true,
});
