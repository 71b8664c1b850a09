/**
 * Dates and times within a jsonpath: what `.datetime()` makes of a text, how two of them compare, and the text that they are in a jsonb. What
 * only a time zone makes comparable (a moment and a wall clock) is compared by the functions whose names end in `_tz`, and refused by others.
 */
import { SqlError } from "../error.js";
import { standardDateTemplate } from "../functions/implementations/date-words.js";
import { type ReadMoment, standardMoment } from "../functions/implementations/read-dates.js";
import type { TemplatePart } from "../functions/implementations/template.js";
import { dateMax, dateMin, isTimestamp, joinDays, microsPerSecond, splitDays } from "../types/date-time/calendar.js";
import { fromLocal, limitTime, limitTimestamp, toLocal } from "../types/date-time/codecs.js";
import { clockText, dateText, offsetText, shift, timestampText } from "../types/date-time/format.js";
import { isJulianDate } from "../types/date-time/julian.js";
import { requireZone } from "../types/date-time/zones.js";
import type { Int64 } from "../types/datum.js";
import { type JsonbNode, nodeKind } from "../types/jsonb.js";
import type { TextContext } from "../types/text-context.js";

type DateTimeKind = "date" | "time" | "timetz" | "timestamp" | "timestamptz";

const kindNames: Readonly<Record<DateTimeKind, string>> = {
  date: "date",
  time: "time without time zone",
  timetz: "time with time zone",
  timestamp: "timestamp without time zone",
  timestamptz: "timestamp with time zone",
};

export class DateTimeItem {
  readonly kind: DateTimeKind;
  /** Days, µs of a day, or µs: of a moment those in UTC, of a time with time zone those of its own clock. */
  readonly value: Int64;
  /** Seconds east of UTC of what has a time zone, else 0. */
  readonly offset: number;

  constructor(kind: DateTimeKind, value: Int64, offset = 0) {
    this.kind = kind;
    this.value = value;
    this.offset = offset;
  }
}

/** What a path finds: a value of jsonb, or a date or time. */
export type PathNode = JsonbNode | DateTimeItem;

export const kindOf = (node: PathNode): string =>
  node instanceof DateTimeItem ? kindNames[node.kind] : nodeKind(node);

const iso = { format: "ISO", order: "YMD" } as const;

/** As jsonb holds it: ISO 8601, with the time zone that was read. */
export function plainNode(node: PathNode): JsonbNode {
  if (!(node instanceof DateTimeItem)) return node;
  const { kind, value, offset } = node;
  if (kind === "date") return dateText(Number(value), iso);
  if (kind === "time" || kind === "timetz") return clockText(Number(value)) + (kind === "time" ? "" : zoneText(offset));
  const text = timestampText(shift(value, offset), iso).replace(" ", "T");
  return kind === "timestamp" ? text : text.replace(/(?: BC)?$/u, (era) => zoneText(offset) + era);
}

/** The offset has minutes. */
const zoneText = (offset: number): string => offsetText(offset).replace(/^...$/u, "$&:00");

/** What is tried where no template is given, in this order. */
const clocks = ["HH24:MI:SS.US", "HH24:MI:SS"];
const zoned = clocks.flatMap((clock) => [`${clock}TZH:TZM`, `${clock}TZH`]);
const ofDay = (times: readonly string[]): readonly string[] =>
  ["yyyy-mm-dd ", 'yyyy-mm-dd"T"'].flatMap((date) => times.map((time) => date + time));
const usualTemplates = ["yyyy-mm-dd", ...zoned, ...clocks, ...ofDay(zoned), ...ofDay(clocks)];

const clockFields = /^(?:[AP]\.?M\.?|HH.*|MI|SS|MS|US|FF\d|SSSSS?)$/u;
const zoneFields = /^TZ[HM]$/u;

function typeOf(parts: readonly TemplatePart[]): { hasDate: boolean; hasClock: boolean; hasZone: boolean } {
  const fields = parts.flatMap((part) => (part.kind === "field" && part.field !== "FX" ? [part.field] : []));
  return {
    hasDate: fields.some((field) => !clockFields.test(field) && !zoneFields.test(field)),
    hasClock: fields.some((field) => clockFields.test(field)),
    hasZone: fields.some((field) => zoneFields.test(field)),
  };
}

/** How a text is read by a template. Throws 22007 for a template that is none; what it gives throws 22007, 22008 and 22009 for a text. */
export function dateTimeReader(template: string): (text: string) => DateTimeItem {
  const parts = standardDateTemplate(template);
  return (text) => {
    const moment = template === "" ? null : standardMoment(text, parts);
    const { hasDate, hasClock, hasZone } = typeOf(parts);
    if (moment === null || (!hasDate && !hasClock))
      throw new SqlError("22007", "datetime format is not dated and not timed");
    if (!hasDate) return timeItem(moment, hasZone);
    if (hasClock) return timestampItem(moment, hasZone);
    if (hasZone) throw new SqlError("22007", "datetime format is zoned but not timed");
    if (!isJulianDate(moment) || moment.days < dateMin || moment.days > dateMax)
      throw new SqlError("22008", `date out of range: "${text}"`);
    return new DateTimeItem("date", moment.days);
  };
}

function timeItem({ micros, precision, offset }: ReadMoment, hasZone: boolean): DateTimeItem {
  const value = limitTime(micros, precision ?? -1);
  return hasZone ? new DateTimeItem("timetz", value, offset ?? 0) : new DateTimeItem("time", value);
}

function timestampItem(moment: ReadMoment, hasZone: boolean): DateTimeItem {
  const { days, micros, precision, offset } = moment;
  const kind = hasZone ? "timestamptz" : "timestamp";
  const east = hasZone ? (offset ?? 0) : 0;
  const value = joinDays(days, micros - east * microsPerSecond);
  if (!isJulianDate(moment) || !isTimestamp(value)) throw new SqlError("22008", `${kind} out of range`);
  return new DateTimeItem(kind, limitTimestamp(value, precision ?? -1), east);
}

/** What stands between a template's fields, in order: a text without it needs not be tried, which spares most of the errors. */
const signsOf = (template: string): string => template.replaceAll(/HH24|[a-zA-SU-Z"]|TZ[HM]/gu, "");

function hasInOrder(text: string, signs: string): boolean {
  let at = 0;
  for (const sign of signs) {
    at = text.indexOf(sign, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** A text in one of the usual forms; null for any other. */
export function usualDateTime(text: string): DateTimeItem | null {
  for (const template of usualTemplates) {
    if (!hasInOrder(text, signsOf(template))) continue;
    const item = attempt(() => dateTimeReader(template)(text));
    if (item !== null) return item;
  }
  return null;
}

/** Null for what is no date or time. */
export function attempt(read: () => DateTimeItem): DateTimeItem | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

const isTime = ({ kind }: DateTimeItem): boolean => kind === "time" || kind === "timetz";

/** Below, at or above 0; null for a time and a day, which do not compare. @param zone of the session; null: none is to be used (0A000) */
export function compareDateTimes(a: DateTimeItem, b: DateTimeItem, zone: TextContext | null): number | null {
  if (isTime(a) !== isTime(b)) return null;
  const isZoned = a.kind.endsWith("tz") || b.kind.endsWith("tz");
  const [left, right] = isZoned ? [zonedItem(a, b, zone), zonedItem(b, a, zone)] : [a, b];
  if (!isTime(a)) return orderOf(microsOf(left), microsOf(right));
  const inUtc = (item: DateTimeItem): number => Number(item.value) - item.offset * microsPerSecond;
  return orderOf(inUtc(left), inUtc(right)) || orderOf(right.offset, left.offset);
}

const orderOf = (a: Int64, b: Int64): number => (a < b ? -1 : a > b ? 1 : 0);
const microsOf = ({ kind, value }: DateTimeItem): Int64 => (kind === "date" ? joinDays(Number(value), 0) : value);

/** With the session's time zone, if it has none of its own. */
function zonedItem(item: DateTimeItem, other: DateTimeItem, context: TextContext | null): DateTimeItem {
  if (item.kind === "timetz" || item.kind === "timestamptz") return item;
  if (context === null)
    throw new SqlError("0A000", `cannot convert value from ${item.kind} to ${other.kind} without time zone usage`, {
      hint: "Use *_tz() function for time zone support.",
    });
  const zone = requireZone(context.timeZone);
  if (item.kind !== "time") return new DateTimeItem("timestamptz", fromLocal(microsOf(item), zone));
  // The offset is that of the time today.
  const { days } = splitDays(toLocal(context.transactionTime, zone));
  const local = joinDays(days, Number(item.value));
  const behind = BigInt(local) - BigInt(fromLocal(local, zone));
  return new DateTimeItem("timetz", item.value, Number(behind / BigInt(microsPerSecond)));
}
