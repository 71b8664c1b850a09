/**
 * Reads dates and times as people write them: `2020-01-31 04:05:06.7+02`, `Jan 31, 2020`, `31/1/20`, `20200131T040506Z`, `4:05 PM`,
 * `yesterday`, `infinity`, `44-03-15 BC`, `y2020m1d31`. Field by field (fields.ts), each by what came before it (date-parts.ts): as PostgreSQL 15
 * does, in what it takes and in what it says of the rest.
 */
import { SqlError } from "../../error.js";
import type { DateStyle } from "../text-context.js";
import { zoneAbbreviations } from "./abbreviations.js";
import { clockOf, dateFromDays, microsPerDay } from "./calendar.js";
import { DateParts, part, wholeDate, wholeTime } from "./date-parts.js";
import { type Field, splitFields } from "./fields.js";
import { parseIso } from "./iso.js";
import { julianDate } from "./julian.js";
import { type DateWord, dateWord, type SpecialTime, type Unit } from "./words.js";
import { findZone, isConstant, type TimeZone, zoneCalled } from "./zones.js";

export { invalidTime } from "./date-parts.js";

/** What the session's clock shows. */
export interface LocalNow {
  /** From 2000-01-01. */
  readonly days: number;
  readonly micros: number;
  /** Seconds east of UTC. */
  readonly offset: number;
}

export interface ParsedTime {
  /** Then nothing else counts. */
  readonly special: SpecialTime | null;
  /** Days from 2000-01-01; null without a date. */
  readonly days: number | null;
  /** µs since midnight, null without a time of day. */
  readonly micros: number | null;
  /** Seconds east of UTC that the text says, or a zone it names. */
  readonly offset: number | null;
  readonly zone: TimeZone | null;
}

/** What texts of a type are read as. */
export type ReadAs = "date" | "dateTime" | "timeAlone";

/** Characters of all fields, as PostgreSQL has room for them. */
const charactersMax = { date: 129, dateTime: 153, timeAlone: 129 } as const;

/**
 * Throws 22007 for what is no date or time, 22008 for parts beyond their range, 22009 for offsets beyond theirs, 22023 for a zone that there is not.
 *
 * @param type named in errors
 */
export function parseTime(
  text: string,
  type: string,
  as: ReadAs,
  order: DateStyle["order"],
  now: () => LocalNow,
): ParsedTime {
  const known = as === "timeAlone" ? null : parseIso(text);
  if (known !== null) return known;
  const parts = new DateParts(text, type, order);
  const fields = splitFields(text, charactersMax[as]);
  if (fields === null) throw parts.invalid();
  return new TimeReader(parts, fields, as === "timeAlone", now).read();
}

class TimeReader {
  readonly #parts: DateParts;
  readonly #fields: readonly Field[];
  readonly #isTimeAlone: boolean;
  readonly #now: () => LocalNow;
  #at = 0;
  /** What the number that comes is. */
  #unit: Unit | null = null;
  #hasNamedMonth = false;
  #special: SpecialTime | null = null;
  #offset = 0;
  #zone: TimeZone | null = null;

  constructor(parts: DateParts, fields: readonly Field[], isTimeAlone: boolean, now: () => LocalNow) {
    this.#parts = parts;
    this.#fields = fields;
    this.#isTimeAlone = isTimeAlone;
    this.#now = now;
  }

  read(): ParsedTime {
    for (const [at, field] of this.#fields.entries()) {
      this.#at = at;
      const found = this.#field(field);
      if (found !== null) this.#parts.add(found);
    }
    return this.#isTimeAlone ? this.#timeAlone() : this.#dateTime();
  }

  /** Returns the bits of what it has found; null for what says nothing. */
  #field({ kind, text }: Field): number | null {
    switch (kind) {
      case "date":
        return this.#isTimeAlone ? this.#dateOfTime(text) : this.#date(text);
      case "time":
        return this.#time(text);
      case "signed":
        this.#offset = this.#parts.offset(text);
        return part.zone;
      case "number":
        return this.#unit === null ? this.#number(text) : this.#numberOf(this.#unit, text);
      default:
        return this.#word(text);
    }
  }

  /** Behind a month and a day it is a zone, or a time that is run together with one. */
  #date(text: string): number {
    const parts = this.#parts;
    if (this.#unit === "julian") return this.#julianWithZone(text);
    if (this.#unit === null && !parts.has(part.month | part.day)) return parts.date(text);
    if (this.#unit === null && !/^\d/u.test(text)) return this.#namedZone(text);
    if (this.#unit !== null && this.#unit !== "time") throw parts.invalid();
    this.#unit = null;
    return this.#timeWithZone(text, parts.seen);
  }

  #timeWithZone(text: string, seen: number): number {
    const parts = this.#parts;
    const sign = text.indexOf("-");
    if (parts.has(wholeTime) || sign < 0) throw parts.invalid();
    this.#offset = parts.offset(text.slice(sign));
    return parts.packed(text.slice(0, sign), seen) | part.zone;
  }

  /** A time alone may have a date before it, where something behind it makes one of use. */
  #dateOfTime(text: string): number {
    const fields = this.#fields;
    const mayBeDate = this.#at === 0 && fields.length >= 2;
    if (mayBeDate && (fields.at(-1)?.kind === "date" || fields[1]?.kind === "time")) return this.#parts.date(text);
    return /^\d/u.test(text) ? this.#timeWithZone(text, this.#parts.seen | wholeDate) : this.#namedZone(text);
  }

  #julianWithZone(text: string): number {
    const { value, rest } = this.#parts.integer(text);
    if (value < 0) throw this.#parts.overflow();
    this.#setJulian(value);
    this.#offset = this.#parts.offset(rest);
    this.#unit = null;
    return wholeDate | wholeTime | part.zone;
  }

  #setJulian(julian: number): void {
    Object.assign(this.#parts, julianDate(julian));
    this.#parts.isJulian = true;
  }

  #namedZone(name: string): number {
    this.#zone = findZone(name);
    if (this.#zone === null) throw new SqlError("22023", `time zone "${name}" not recognized`);
    return part.zone;
  }

  #time(text: string): number {
    const parts = this.#parts;
    if (this.#isTimeAlone) return parts.time(text);
    if (this.#unit !== null && this.#unit !== "time") throw parts.invalid();
    this.#unit = null;
    const found = parts.time(text);
    if (parts.isBeyondDay) throw parts.overflow();
    return found;
  }

  #number(text: string): number {
    const parts = this.#parts;
    const point = text.indexOf(".");
    if (this.#isTimeAlone) {
      if (point >= 0) {
        if (this.#at === 0 && this.#fields.length >= 2 && this.#fields.at(-1)?.kind === "date") return parts.date(text);
        if (point <= 2) throw parts.invalid();
      }
      if (point >= 0 || text.length > 4) return parts.packed(text, parts.seen | wholeDate);
      return parts.number(text, false, parts.seen | wholeDate);
    }
    if (point >= 0 && (parts.seen & wholeDate) === 0) return parts.date(text);
    // Five digits are a year, and so are more of them behind some of a date and of a time.
    const hasBoth = (parts.seen & wholeDate) !== 0 && (parts.seen & wholeTime) !== 0;
    const isPacked = point > 2 || (text.length >= 6 && !hasBoth);
    return isPacked ? parts.packed(text, parts.seen) : parts.number(text, this.#hasNamedMonth, parts.seen);
  }

  /** `y2020m1d31`, `t040506`, `J2451187`. */
  #numberOf(unit: Unit, text: string): number {
    const parts = this.#parts;
    const { value, rest } = parts.integer(text);
    const hasFraction = rest.startsWith(".");
    if (hasFraction ? unit !== "julian" && unit !== "time" && unit !== "second" : rest !== "") throw parts.invalid();
    const found = this.#setUnit(unit, value, hasFraction ? rest : "", text);
    this.#unit = null;
    this.#special = null;
    return found;
  }

  #setUnit(unit: Unit, value: number, fraction: string, text: string): number {
    const parts = this.#parts;
    switch (unit) {
      case "month": {
        // Behind an hour of a day it is the minute.
        const which = parts.has(part.month | part.hour) ? "minute" : "month";
        parts[which] = value;
        return part[which];
      }
      case "second":
        parts.second = value;
        if (fraction === "") return part.second;
        parts.fraction = parts.micros(fraction);
        return part.second | part.fraction;
      case "julian":
        return this.#julian(value, fraction);
      case "time": {
        const found = parts.packed(text, parts.seen | wholeDate);
        if (found !== wholeTime) throw parts.invalid();
        return found;
      }
      case "other":
        throw parts.invalid();
      default:
        parts[unit] = value;
        return part[unit];
    }
  }

  #julian(value: number, fraction: string): number {
    if (value < 0) throw this.#parts.overflow();
    this.#setJulian(value);
    if (fraction === "") return wholeDate;
    this.#setClock(Math.trunc(Number(`0${fraction}`) * microsPerDay));
    return wholeDate | wholeTime;
  }

  #setClock(micros: number): void {
    const { hour, minute, second, micros: fraction } = clockOf(micros);
    Object.assign(this.#parts, { hour, minute, second, fraction });
  }

  #word(text: string): number | null {
    const parts = this.#parts;
    const abbreviation = zoneAbbreviations.get(text);
    if (abbreviation !== undefined) {
      if (abbreviation.zone !== null) {
        this.#zone = zoneCalled(abbreviation.zone, text);
        return part.zone | part.changing;
      }
      this.#offset = abbreviation.offset;
      return abbreviation.isDst ? part.zone | part.daylight : part.zone;
    }
    const word = dateWord(text);
    if (word !== undefined) return this.#known(word);
    this.#zone = findZone(text);
    if (this.#zone === null) throw parts.invalid();
    return part.zone;
  }

  #known(word: DateWord): number | null {
    const parts = this.#parts;
    switch (word.kind) {
      case "ignored":
        return null;
      case "month":
        return this.#month(word.value);
      case "weekday":
        if (this.#isTimeAlone) throw parts.invalid();
        return part.weekday;
      case "daylight":
        this.#offset += 3_600;
        return part.daylightMark | part.daylight;
      case "half":
        parts.isAfternoon = word.isAfternoon;
        return part.half;
      case "era":
        parts.isBefore = word.isBefore;
        return part.era;
      case "unit":
        this.#unit = word.unit;
        return 0;
      case "isoTime":
        return this.#isoTime();
      case "midnight":
        this.#setClock(0);
        this.#offset = 0;
        this.#special = null;
        return wholeTime | part.zone;
      case "now":
        return this.#setNow();
      case "day":
        if (this.#isTimeAlone) throw parts.invalid();
        Object.assign(parts, dateFromDays(this.#now().days + word.from));
        this.#special = null;
        return wholeDate;
      case "special":
        if (this.#isTimeAlone) throw parts.invalid();
        this.#special = word.special;
        return part.special;
    }
  }

  #month(value: number): number {
    const parts = this.#parts;
    if (this.#isTimeAlone) throw parts.invalid();
    let found: number = part.month;
    // A number before it was taken for the month, and is the day.
    if (
      parts.has(part.month) &&
      !this.#hasNamedMonth &&
      !parts.has(part.day) &&
      parts.month >= 1 &&
      parts.month <= 31
    ) {
      parts.day = parts.month;
      found = part.day;
    }
    this.#hasNamedMonth = true;
    parts.month = value;
    return found;
  }

  #isoTime(): number {
    const next = this.#fields[this.#at + 1]?.kind;
    if (!this.#isTimeAlone && !this.#parts.has(wholeDate)) throw this.#parts.invalid();
    if (next !== "number" && next !== "time" && next !== "date") throw this.#parts.invalid();
    this.#unit = "time";
    return 0;
  }

  #setNow(): number {
    const { days, micros, offset } = this.#now();
    this.#setClock(micros);
    if (this.#isTimeAlone) return wholeTime;
    Object.assign(this.#parts, dateFromDays(days));
    this.#offset = offset;
    this.#special = null;
    return wholeDate | wholeTime | part.zone;
  }

  #dateTime(): ParsedTime {
    const parts = this.#parts;
    parts.validate();
    parts.applyHalf();
    if (this.#special !== null) return { special: this.#special, days: null, micros: null, offset: null, zone: null };
    if (!parts.has(wholeDate)) throw parts.invalid();
    this.#expectZone();
    return this.#parsed();
  }

  #timeAlone(): ParsedTime {
    const parts = this.#parts;
    parts.validate();
    parts.applyHalf();
    if (parts.isBeyondDay) throw parts.overflow();
    if (!parts.has(wholeTime)) throw parts.invalid();
    const hasDate = (parts.seen & wholeDate) !== 0;
    const isPlace = this.#zone !== null && this.#zone.called === undefined;
    this.#expectZone();
    // What a place's clocks show depends on the day, unless they have always shown the same.
    if (isPlace && this.#zone !== null && !isConstant(this.#zone) && !parts.has(wholeDate)) throw parts.invalid();
    const isByDay = this.#zone === null ? !parts.has(part.zone) : !isPlace;
    if (hasDate && !parts.has(wholeDate) && isByDay) throw parts.invalid();
    return this.#parsed();
  }

  /** Daylight saving goes with an offset alone. */
  #expectZone(): void {
    const parts = this.#parts;
    if (parts.has(part.daylightMark) && (this.#zone !== null || !parts.has(part.zone))) throw parts.invalid();
  }

  #parsed(): ParsedTime {
    const parts = this.#parts;
    const hasZone = parts.has(part.zone);
    return {
      special: null,
      days: parts.has(wholeDate) ? parts.days : null,
      micros: parts.clock,
      offset: hasZone && this.#zone === null ? this.#offset : null,
      zone: this.#zone,
    };
  }
}
