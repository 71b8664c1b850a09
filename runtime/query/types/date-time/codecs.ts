/** date, time, timestamp and timestamptz: their text and binary forms. */
import { SqlError } from "../../error.js";
import { exactly, fixed, int64 } from "../bytes.js";
import type { TypeCodec } from "../codec.js";
import type { Int64, Value } from "../datum.js";
import { int8Max, int8Min } from "../integer.js";
import { invalidBinary } from "../invalid.js";
import type { TextContext } from "../text-context.js";
import {
  checkedDate,
  dateMax,
  dateMin,
  dateOutOfRange,
  int64Of,
  isFiniteTime,
  isTimestamp,
  joinDays,
  microsPerDay,
  splitDays,
  timestampOutOfRange,
  unixDays,
  unixMicros,
} from "./calendar.js";
import { clockText, dateText, shift, timestampText, timestamptzText, zoneOffsetAt } from "./format.js";
import { invalidTime, type LocalNow, type ParsedTime, parseTime } from "./parse.js";
import { offsetOfLocal, requireZone, type TimeZone } from "./zones.js";

const infinityOf = (special: ParsedTime["special"]): number | null =>
  special === "infinity" ? Number.POSITIVE_INFINITY : special === "-infinity" ? Number.NEGATIVE_INFINITY : null;

/** The wall clock of a zone at a moment, as a timestamp without time zone. */
export const toLocal = (timestamp: Int64, zone: TimeZone): Int64 =>
  isFiniteTime(timestamp) ? shift(timestamp, zoneOffsetAt(zone, timestamp).offset) : timestamp;

/** The moment at which the wall clock of a zone shows this. */
export function fromLocal(local: Int64, zone: TimeZone): Int64 {
  if (!isFiniteTime(local)) return local;
  const { days, micros } = splitDays(local);
  const seconds = (days + unixDays) * 86_400 + Math.floor(micros / 1_000_000);
  return shift(local, -offsetOfLocal(zone, seconds).offset);
}

/** What the session's clock shows at the beginning of its transaction. */
export function localNow(context: TextContext): LocalNow {
  const zone = requireZone(context.timeZone);
  const { offset } = zoneOffsetAt(zone, context.transactionTime);
  return { ...splitDays(toLocal(context.transactionTime, zone)), offset };
}

function dateFromText(text: string, context: TextContext): number {
  const { special, days } = parseTime(text, "date", "date", context.dateStyle.order, () => localNow(context));
  const infinity = infinityOf(special);
  if (infinity !== null) return infinity;
  if (special === "epoch") return -unixDays;
  if (days === null) throw invalidTime("date", text);
  if (days < dateMin || days > dateMax) throw new SqlError("22008", `date out of range: "${text}"`);
  return days;
}

function timeFromText(text: string, context: TextContext): number {
  const { micros } = parseTime(text, "time", "timeAlone", context.dateStyle.order, () => localNow(context));
  if (micros === null) throw invalidTime("time", text);
  return micros;
}

/** The text's wall clock, and the moment it means where it names a zone. */
function timestampFromText(
  text: string,
  type: string,
  context: TextContext,
): { readonly local: Int64; readonly moment: Int64 | null } {
  const parsed = parseTime(text, type, "dateTime", context.dateStyle.order, () => localNow(context));
  const infinity = infinityOf(parsed.special);
  if (infinity !== null) return { local: infinity, moment: infinity };
  if (parsed.special === "epoch") return { local: -unixMicros, moment: -unixMicros };
  if (parsed.days === null) throw invalidTime(type, text);
  const local = joinDays(parsed.days, parsed.micros ?? 0);
  // A time of day that is more than one, or less, may carry it over the epoch: that is more than was thought of.
  if ((local < 0 && parsed.days > 0) || (local > 0 && parsed.days < -1))
    throw new SqlError("22008", `timestamp out of range: "${text}"`);
  const moment =
    parsed.offset !== null ? shift(local, -parsed.offset) : parsed.zone !== null ? fromLocal(local, parsed.zone) : null;
  return { local, moment };
}

function checkedText(timestamp: Int64, text: string): Int64 {
  if (isFiniteTime(timestamp) && !isTimestamp(timestamp))
    throw new SqlError("22008", `timestamp out of range: "${text}"`);
  return timestamp;
}

/** Rounds to so many decimals of a second, halves away from zero. */
export function limitTimestamp(timestamp: Int64, precision: number): Int64 {
  if (precision < 0 || precision >= 6 || !isFiniteTime(timestamp)) return timestamp;
  const unit = 10 ** (6 - precision);
  if (typeof timestamp === "number") {
    const rounded = Math.sign(timestamp) * Math.floor((Math.abs(timestamp) + unit / 2) / unit) * unit + 0;
    if (Number.isSafeInteger(rounded)) return rounded;
  }
  const value = BigInt(timestamp);
  const size = BigInt(unit);
  const magnitude = value < 0n ? -value : value;
  const rounded = ((magnitude + size / 2n) / size) * size;
  const result = value < 0n ? -rounded : rounded;
  if (!isTimestamp(result)) throw timestampOutOfRange();
  return int64(result);
}

export function limitTime(micros: number, precision: number): number {
  if (precision < 0 || precision >= 6) return micros;
  const unit = 10 ** (6 - precision);
  return Math.floor((micros + unit / 2) / unit) * unit;
}

const numberOf = (value: Value): number => Number(int64Of(value));

export const dateCodec: TypeCodec = {
  input: (text, _modifier, context) => dateFromText(text, context),
  output: (value, context) => dateText(numberOf(value), context.dateStyle),
  receive: (bytes) => {
    const days = exactly(bytes, 4).getInt32(0);
    if (days === 2_147_483_647) return Number.POSITIVE_INFINITY;
    if (days === -2_147_483_648) return Number.NEGATIVE_INFINITY;
    if (days < dateMin || days > dateMax) throw dateOutOfRange();
    return days;
  },
  send: (value) => {
    const days = numberOf(value);
    const infinite = days < 0 ? -2_147_483_648 : 2_147_483_647;
    return fixed(4, (view) => view.setInt32(0, Number.isFinite(days) ? checkedDate(days) : infinite));
  },
};

export const timeCodec: TypeCodec = {
  input: (text, modifier, context) => limitTime(timeFromText(text, context), modifier),
  output: (value) => clockText(numberOf(value)),
  receive: (bytes, modifier) => {
    const micros = exactly(bytes, 8).getBigInt64(0);
    if (micros < 0n || micros > BigInt(microsPerDay)) throw new SqlError("22008", "time out of range");
    return limitTime(Number(micros), modifier);
  },
  send: (value) => fixed(8, (view) => view.setBigInt64(0, BigInt(numberOf(value)))),
};

function receiveTimestamp(bytes: Uint8Array, modifier: number): Int64 {
  const micros = exactly(bytes, 8).getBigInt64(0);
  if (micros === int8Max) return Number.POSITIVE_INFINITY;
  if (micros === int8Min) return Number.NEGATIVE_INFINITY;
  if (!isTimestamp(micros)) throw timestampOutOfRange();
  return limitTimestamp(int64(micros), modifier);
}

function sendTimestamp(value: Value): Uint8Array {
  const timestamp = int64Of(value);
  if (typeof timestamp === "number" && Number.isNaN(timestamp)) throw invalidBinary();
  const micros = isFiniteTime(timestamp) ? BigInt(timestamp) : timestamp < 0 ? int8Min : int8Max;
  return fixed(8, (view) => view.setBigInt64(0, micros));
}

export const timestampCodec: TypeCodec = {
  input: (text, modifier, context) => {
    const { local } = timestampFromText(text, "timestamp", context);
    return limitTimestamp(checkedText(local, text), modifier);
  },
  output: (value, context) => timestampText(int64Of(value), context.dateStyle),
  receive: receiveTimestamp,
  send: sendTimestamp,
};

export const timestamptzCodec: TypeCodec = {
  input: (text, modifier, context) => {
    const { local, moment } = timestampFromText(text, "timestamp with time zone", context);
    const timestamp = moment ?? fromLocal(local, requireZone(context.timeZone));
    return limitTimestamp(checkedText(timestamp, text), modifier);
  },
  output: (value, context) => timestamptzText(int64Of(value), requireZone(context.timeZone), context.dateStyle),
  receive: receiveTimestamp,
  send: sendTimestamp,
};
