/** time with time zone: a wall clock's reading with the offset from UTC at which it was read. */
import { assert } from "../../../types/assert.js";
import { SqlError } from "../../error.js";
import { exactly, fixed } from "../bytes.js";
import type { TypeCodec } from "../codec.js";
import type { Value } from "../datum.js";
import type { TextContext } from "../text-context.js";
import { dateFromDays, microsPerDay, microsPerSecond, splitDays, unixDays } from "./calendar.js";
import { limitTime, localNow, toLocal } from "./codecs.js";
import { clockText, offsetText } from "./format.js";
import { isJulianDate } from "./julian.js";
import { invalidTime, type LocalNow, parseTime } from "./parse.js";
import { isConstant, offsetOfLocal, requireZone, type TimeZone } from "./zones.js";

/** Offsets are less than that on both sides of UTC. */
const offsetLimit = 16 * 3_600;

export class TimeWithZone {
  /** µs since midnight, 0 to 86,400,000,000. */
  readonly micros: number;
  /** Seconds east of UTC. */
  readonly offset: number;

  constructor(micros: number, offset: number) {
    assert(micros >= 0 && micros <= microsPerDay, "a time of day lies within a day");
    this.micros = micros;
    // No negative zeros: equal parts are identical.
    this.offset = offset + 0;
  }
}

export function timeWithZoneOf(value: Value): TimeWithZone {
  assert(value instanceof TimeWithZone, "a value of time with time zone is a TimeWithZone");
  return value;
}

/** µs since midnight of a clock that shows UTC, which may be of the day before or behind. */
export const utcMicros = ({ micros, offset }: TimeWithZone): number => micros - offset * microsPerSecond;

/** By the moment that they are on one day; of equal ones the eastern is first. */
export const compareTimesWithZone = (a: TimeWithZone, b: TimeWithZone): number =>
  Math.sign(utcMicros(a) - utcMicros(b)) || Math.sign(b.offset - a.offset);

/** One number with the order of times with their zones, those beyond a day as well. */
export const rankOf = (micros: number, offset: number): bigint =>
  (BigInt(micros) - BigInt(offset * microsPerSecond)) * BigInt(2 * offsetLimit) - BigInt(offset);

/** The offset of a zone's wall clock when it shows a time on a day. */
export const offsetOn = (days: number, micros: number, zone: TimeZone): number =>
  offsetOfLocal(zone, (days + unixDays) * 86_400 + Math.floor(micros / microsPerSecond)).offset;

/** A time without a zone is one of the session's today. */
export function timeOfToday(micros: number, { transactionTime, timeZone }: TextContext): TimeWithZone {
  const zone = requireZone(timeZone);
  return new TimeWithZone(micros, offsetOn(splitDays(toLocal(transactionTime, zone)).days, micros, zone));
}

/** The same moment by a clock with another offset. */
export function atOffset({ micros, offset }: TimeWithZone, wanted: number): TimeWithZone {
  const moved = micros + (wanted - offset) * microsPerSecond;
  return new TimeWithZone(((moved % microsPerDay) + microsPerDay) % microsPerDay, wanted);
}

function fromText(text: string, context: TextContext): TimeWithZone {
  const now = (): LocalNow => localNow(context);
  const type = "time with time zone";
  const { micros, offset, days, zone } = parseTime(text, type, "timeAlone", context.dateStyle.order, now);
  if (micros === null) throw invalidTime(type, text);
  if (offset !== null) return new TimeWithZone(micros, offset);
  // A place's offset depends on the day; beyond all days it is as in Greenwich.
  const place = zone ?? requireZone(context.timeZone);
  const day = days ?? now().days;
  return new TimeWithZone(
    micros,
    isConstant(place) || isJulianDate(dateFromDays(day)) ? offsetOn(day, micros, place) : 0,
  );
}

export const limitTimeWithZone = (time: TimeWithZone, precision: number): TimeWithZone =>
  new TimeWithZone(limitTime(time.micros, precision), time.offset);

export const timeWithZoneText = ({ micros, offset }: TimeWithZone): string => clockText(micros) + offsetText(offset);

export const timeWithZoneCodec: TypeCodec = {
  input: (text, modifier, context) => limitTimeWithZone(fromText(text, context), modifier),
  output: (value) => timeWithZoneText(timeWithZoneOf(value)),
  receive: (bytes, modifier) => {
    const view = exactly(bytes, 12);
    const micros = view.getBigInt64(0);
    const west = view.getInt32(8);
    if (micros < 0n || micros > BigInt(microsPerDay)) throw new SqlError("22008", "time out of range");
    if (Math.abs(west) >= offsetLimit) throw new SqlError("22009", "time zone displacement out of range");
    return limitTimeWithZone(new TimeWithZone(Number(micros), -west), modifier);
  },
  // Seconds west of UTC are sent.
  send: (value) => {
    const { micros, offset } = timeWithZoneOf(value);
    return fixed(12, (view) => {
      view.setBigInt64(0, BigInt(micros));
      view.setInt32(8, -offset);
    });
  },
};
