/** time with time zone: its arithmetic, what it is made of and becomes, and the same moment in another zone. */
import { SqlError } from "../../error.js";
import { addInt64, checkedTimestamp, isFiniteTime, microsPerDay, splitDays } from "../../types/date-time/calendar.js";
import { toLocal } from "../../types/date-time/codecs.js";
import { zoneOffsetAt } from "../../types/date-time/format.js";
import {
  atOffset,
  limitTimeWithZone,
  TimeWithZone,
  timeOfToday,
  utcMicros,
} from "../../types/date-time/time-with-zone.js";
import type { Datum, Int64 } from "../../types/datum.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";
import { dateToTimestamp, offsetOfInterval, sessionZone, wrapTime, zoneNamed } from "./date-time.js";

/** The clock goes on, its zone stays. */
const moved = ({ micros, offset }: TimeWithZone, by: number): TimeWithZone =>
  new TimeWithZone(wrapTime(micros + (by % microsPerDay)), offset);

function onDate(days: number, time: TimeWithZone): Int64 {
  const midnight = dateToTimestamp(days);
  if (!isFiniteTime(midnight)) return midnight;
  try {
    return checkedTimestamp(addInt64(midnight, utcMicros(time)));
  } catch {
    throw new SqlError("22008", "date out of range for timestamp");
  }
}

function ofTimestamp(timestamp: Int64, context: EvaluationContext): Datum {
  if (!isFiniteTime(timestamp)) return null;
  const zone = sessionZone(context);
  return new TimeWithZone(splitDays(toLocal(timestamp, zone)).micros, zoneOffsetAt(zone, timestamp).offset);
}

export const timesWithZone: readonly Implementation[] = strictly({
  "datetimetz_pl(date,timetz)": onDate,
  "timetzdate_pl(timetz,date)": (time, days) => onDate(days, time),
  "timestamptz(date,timetz)": onDate,
  "timetz(timestamptz)": ofTimestamp,
  "timetz(time)": (micros, context) => timeOfToday(micros, context),
  "timetz(timetz,int4)": (time, precision) => limitTimeWithZone(time, precision),
  "time(timetz)": ({ micros }) => micros,
  "timetz_pl_interval(timetz,interval)": (time, { micros }) => moved(time, micros),
  "interval_pl_timetz(interval,timetz)": ({ micros }, time) => moved(time, micros),
  "timetz_mi_interval(timetz,interval)": (time, { micros }) => moved(time, -micros),
  // The offset of a zone is that of the transaction's begin.
  "timezone(text,timetz)": (name, time, context) =>
    atOffset(time, zoneOffsetAt(zoneNamed(name), context.transactionTime).offset),
  "timezone(interval,timetz)": (span, time, context) => atOffset(time, offsetOfInterval(span, context)),
});
