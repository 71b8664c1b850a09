/**
 * Reads dates and times as people write them: `2020-01-31 04:05:06.7+02`, `Jan 31, 2020`, `31/1/20`, `20200131T040506Z`, `4:05 PM`,
 * `yesterday`, `infinity`, `44-03-15 BC`. Words and numbers are taken one by one, and what a bare number means depends on what came before
 * it and on the order that the setting `DateStyle` names.
 */
import { SqlError } from "../../error.js";
import { trimSpaces } from "../spaces.js";
import type { DateStyle } from "../text-context.js";
import { zoneAbbreviations } from "./abbreviations.js";
import { clockMicros, daysInMonth, microsPerDay } from "./calendar.js";
import { findZone, fixedZone, type TimeZone, zoneCalled } from "./zones.js";

export type SpecialTime = "now" | "today" | "tomorrow" | "yesterday" | "epoch" | "infinity" | "-infinity";

export interface ParsedTime {
  /** A word that stands for the whole, or for the date alone when a time of day follows. */
  readonly special: SpecialTime | null;
  /** Astronomical year; null without a date. */
  readonly date: { readonly year: number; readonly month: number; readonly day: number } | null;
  /** Days from 2000-01-01, for a Julian day. */
  readonly julianDays: number | null;
  /** µs since midnight, null without a time of day. */
  readonly micros: number | null;
  /** Seconds east of UTC that the text says, or a zone it names. */
  readonly offset: number | null;
  readonly zone: TimeZone | null;
}

export const invalidTime = (type: string, text: string): SqlError =>
  new SqlError("22007", `invalid input syntax for type ${type}: "${text}"`);
export const fieldOverflow = (text: string, isOrderDoubtful = false): SqlError =>
  new SqlError("22008", `date/time field value out of range: "${text}"`, {
    hint: isOrderDoubtful ? 'Perhaps you need a different "datestyle" setting.' : undefined,
  });

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const monthFullNames = "january february march april may june july august september october november december".split(
  " ",
);
const dayPattern =
  /^(?:sun|mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sunday|monday|tuesday|wednesday|thursday|friday|saturday)$/u;
const specials = new Set(["now", "today", "tomorrow", "yesterday", "epoch", "infinity"]);
const ignored = new Set(["at", "on"]);
/** Words after which a digit begins something else; after any other it is a part of a zone's name. */
const separate = new Set(
  "ad allballs am at bc d dow doy dst h isodow isoyear j jd julian m mm on pm s t y yesterday".split(" "),
);

const monthOf = (word: string): number => {
  if (word === "sept") return 9;
  const short = monthNames.indexOf(word);
  return (short < 0 ? monthFullNames.indexOf(word) : short) + 1;
};

/** A word of PostgreSQL's table of dates, in small letters. */
export const isDateWord = (word: string): boolean =>
  separate.has(word) || specials.has(word) || dayPattern.test(word) || monthOf(word) > 0;

const patterns = {
  space: /[ \t-\r,]+/uy,
  dateParts: /(\d+|[a-z]{3,9})([-/.])(\d+|[a-z]{3,9})\2(\d+)/iuy,
  time: /(\d+):(\d+)(?::(\d+))?(\.\d*)?/uy,
  yearDay: /(\d{4,})\.(\d{3})(?!\d)/uy,
  offset: /([+-])(\d+)(?::(\d+)(?::(\d+))?)?/uy,
  julian: /j(\d+)(?![a-z])/iuy,
  number: /(\d+)(\.\d*)?/uy,
  word: /[a-z]+/iuy,
  zoneName: /[a-z][a-z0-9_]*(?:\/[a-z0-9_+-]+)+/iuy,
  posixZone: /(?:<[^>]+>|[a-z]{3,})[+-]\d+(?::\d+){0,2}(?:[a-z]{3,})?(?:,[^ \t-\r]*)?/iuy,
  /** What is one piece with its signs and digits: `foo-bar`, `PST8PDT`. */
  attached: /([a-z]+)([-/.+\d])[a-z0-9+\-/_.:]*/iuy,
  negativeInfinity: /-[ \t-\r]*infinity/iuy,
} as const;

/** Throws 22007 for what is no date or time, 22008 for parts beyond their range. `type` is named in errors. */
export function parseTime(text: string, type: string, order: DateStyle["order"]): ParsedTime {
  return new TimeParser(text, type, order).parse();
}

/** The greatest number that a part of a date can be. */
const partMax = 2 ** 31 - 1;

class TimeParser {
  readonly #text: string;
  readonly #type: string;
  readonly #order: DateStyle["order"];
  #at = 0;
  #year: number | null = null;
  #yearDigits = 0;
  #month: number | null = null;
  #day: number | null = null;
  #dayOfYear: number | null = null;
  #hasTextMonth = false;
  #julian: number | null = null;
  #micros: number | null = null;
  #offset: number | null = null;
  #zone: TimeZone | null = null;
  #special: SpecialTime | null = null;
  /** Null where neither BC nor AD was said. */
  #isBc: boolean | null = null;
  #half: "am" | "pm" | null = null;

  constructor(text: string, type: string, order: DateStyle["order"]) {
    this.#text = text;
    this.#type = type;
    this.#order = order;
  }

  parse(): ParsedTime {
    let isEmpty = true;
    for (;;) {
      this.#match(patterns.space);
      if (this.#at >= this.#text.length) break;
      isEmpty = false;
      this.#token();
    }
    if (isEmpty) throw this.#invalid();
    return this.#finish();
  }

  #invalid(): SqlError {
    return invalidTime(this.#type, this.#text);
  }

  #overflow(isOrderDoubtful = false): SqlError {
    return fieldOverflow(this.#text, isOrderDoubtful);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #token(): void {
    const first = this.#text[this.#at] ?? "";
    if (/[0-9]/u.test(first)) return this.#digits();
    if (first === "+" || first === "-") return this.#signed();
    if (/[a-z<]/iu.test(first)) return this.#word();
    // Other punctuation stands between words and says nothing.
    if (!/^[!-~]$/u.test(first)) throw this.#invalid();
    this.#at += 1;
  }

  #digits(): void {
    const parts = this.#match(patterns.dateParts);
    if (parts !== null) return this.#dateParts([parts[1] ?? "", parts[3] ?? "", parts[4] ?? ""]);
    const time = this.#match(patterns.time);
    if (time !== null) return this.#time(time);
    if (this.#year === null && this.#month === null && !this.#isTimeType()) {
      const yearDay = this.#match(patterns.yearDay);
      if (yearDay !== null) {
        this.#year = Number(yearDay[1]);
        this.#yearDigits = 4;
        this.#dayOfYear = Number(yearDay[2]);
        return;
      }
    }
    const [, digits = "", fraction = ""] = this.#match(patterns.number) ?? [];
    this.#bareNumber(digits, fraction);
  }

  /** Three parts between equal delimiters: month names first, then the numbers in their order. */
  #dateParts(parts: readonly string[]): void {
    if (this.#year !== null || this.#month !== null || this.#day !== null) throw this.#invalid();
    for (const part of parts) if (/[a-z]/iu.test(part)) this.#textMonth(part.toLowerCase());
    for (const part of parts) if (!/[a-z]/iu.test(part)) this.#number(part);
  }

  #textMonth(word: string): void {
    const month = monthOf(word);
    if (month === 0) throw this.#invalid();
    // A number before the month's name was taken for the month, and is the day.
    if (this.#month !== null && !this.#hasTextMonth && this.#day === null) this.#day = this.#month;
    else if (this.#month !== null) throw this.#invalid();
    this.#month = month;
    this.#hasTextMonth = true;
  }

  #time(match: RegExpExecArray): void {
    if (this.#micros !== null) throw this.#invalid();
    const [, first = "0", second = "0", third, fraction = ""] = match;
    const isMinutes = third === undefined && fraction !== "";
    const [hour, minute, seconds] = isMinutes
      ? [0, Number(first), Number(second)]
      : [Number(first), Number(second), Number(third ?? "0")];
    this.#setTime(hour, minute, seconds, fraction);
  }

  #setTime(hour: number, minute: number, second: number, fraction: string): void {
    const micros = fraction.length > 1 ? Math.round(Number(`0${fraction}`) * 1_000_000) : 0;
    const total = clockMicros(hour, minute, second, micros);
    if (hour > 24 || minute > 59 || second > 60 || total > microsPerDay) throw this.#overflow();
    this.#micros = total;
  }

  #isTimeType(): boolean {
    return this.#type === "time" || this.#type.startsWith("time ");
  }

  #bareNumber(digits: string, fraction: string): void {
    const hasDate = this.#hasDate() || this.#special !== null || this.#julian !== null;
    const isTimeType = this.#isTimeType();
    if (hasDate || isTimeType || (fraction !== "" && digits.length < 6)) {
      if (!hasDate && !isTimeType) throw this.#invalid();
      if (this.#micros !== null) throw this.#invalid();
      const isLong = digits.length === 6;
      if (!isLong && digits.length !== 4) {
        // An hour before AM or PM.
        if (digits.length > 2 || !/^[ \t-\r]*[ap]m\b/iu.test(this.#text.slice(this.#at))) throw this.#invalid();
        return this.#setTime(Number(digits), 0, 0, "");
      }
      return this.#setTime(
        Number(digits.slice(0, 2)),
        Number(digits.slice(2, 4)),
        isLong ? Number(digits.slice(4)) : 0,
        fraction,
      );
    }
    const isBlank = this.#year === null && this.#month === null && this.#day === null;
    if (isBlank && digits.length >= 6) {
      const yearDigits = digits.length - 4;
      this.#year = Number(digits.slice(0, yearDigits));
      this.#yearDigits = yearDigits;
      this.#month = Number(digits.slice(yearDigits, yearDigits + 2));
      this.#day = Number(digits.slice(yearDigits + 2));
      return;
    }
    this.#number(digits);
  }

  /** One number of a date: which part it is follows from those that are there. */
  #number(digits: string): void {
    const value = Number(digits);
    const isLong = digits.length >= 3;
    const setYear = (): void => {
      this.#year = value;
      this.#yearDigits = digits.length;
    };
    const hasYear = this.#year !== null;
    const hasMonth = this.#month !== null;
    const hasDay = this.#day !== null;
    if (!hasYear && !hasMonth && !hasDay) {
      if (isLong || this.#order === "YMD") setYear();
      else if (this.#order === "DMY") this.#day = value;
      else this.#month = value;
    } else if (hasYear && !hasMonth && !hasDay) {
      if (digits.length === 3) this.#dayOfYear = value;
      else this.#month = value;
    } else if (!hasYear && hasMonth && !hasDay) {
      if (this.#hasTextMonth && (isLong || this.#order === "YMD")) setYear();
      else this.#day = value;
    } else if (hasYear && hasMonth && !hasDay) {
      if (this.#hasTextMonth && isLong && this.#yearDigits <= 2) {
        this.#day = this.#year;
        setYear();
      } else this.#day = value;
    } else if (hasDay && !hasMonth) this.#month = value;
    else if (hasMonth && hasDay && !hasYear) setYear();
    else throw this.#invalid();
  }

  #signed(): void {
    if (this.#match(patterns.negativeInfinity) !== null) {
      this.#setSpecial("-infinity");
      return;
    }
    // Behind a date without a time, `-07` is an offset only where it cannot be taken for a fourth part of the date.
    const isApart = /[ \t-\r]/u.test(this.#text[this.#at - 1] ?? "");
    const match = this.#match(patterns.offset);
    if (match === null) throw this.#invalid();
    const offset = this.#offsetSeconds(match);
    const canStand = this.#micros !== null || (this.#hasDate() && (match[1] === "+" || isApart));
    if (!canStand || this.#offset !== null) throw this.#invalid();
    this.#offset = offset;
  }

  #hasDate(): boolean {
    return this.#year !== null && this.#month !== null && this.#day !== null;
  }

  #offsetSeconds([, sign, hoursText = "0", minutesText, secondsText]: RegExpExecArray): number {
    const isPacked = minutesText === undefined && hoursText.length > 2;
    const hours = Number(isPacked ? hoursText.slice(0, -2) : hoursText);
    const minutes = Number(isPacked ? hoursText.slice(-2) : (minutesText ?? "0"));
    const seconds = Number(secondsText ?? "0");
    if (hours > 15 || minutes > 59 || seconds > 59)
      throw new SqlError("22009", `time zone displacement out of range: "${this.#text}"`);
    const total = hours * 3_600 + minutes * 60 + seconds;
    return sign === "-" ? -total : total;
  }

  #setSpecial(special: SpecialTime): void {
    if (this.#special !== null || this.#year !== null || this.#month !== null) throw this.#invalid();
    this.#special = special;
  }

  #word(): void {
    const julian = this.#match(patterns.julian);
    if (julian !== null) {
      if (Number(julian[1]) > partMax) throw this.#overflow();
      this.#julian = Number(julian[1]) - 2_451_545;
      return;
    }
    const parts = this.#match(patterns.dateParts);
    if (parts !== null) return this.#dateParts([parts[1] ?? "", parts[3] ?? "", parts[4] ?? ""]);
    const named = this.#match(patterns.zoneName) ?? this.#match(patterns.posixZone);
    if (named !== null) return this.#namedZone(named[0]);
    const attached = this.#attached();
    if (attached !== null) return this.#namedZone(attached);
    const word = this.#match(patterns.word)?.[0].toLowerCase() ?? "";
    this.#plainWord(word);
  }

  #attached(): string | null {
    const start = this.#at;
    const match = this.#match(patterns.attached);
    if (match === null) return null;
    const [whole, head = "", sign = ""] = match;
    const word = head.toLowerCase();
    const isWord = separate.has(word) || specials.has(word) || dayPattern.test(word);
    if (monthOf(word) === 0 && (!isWord || "-/.".includes(sign))) return whole;
    this.#at = start;
    return null;
  }

  #plainWord(word: string): void {
    if (word === "am" || word === "pm") {
      if (this.#half !== null) throw this.#invalid();
      this.#half = word;
    } else if (word === "bc" || word === "ad") {
      if (this.#isBc !== null) throw this.#invalid();
      this.#isBc = word === "bc";
    } else if (word === "t" && /^\d/u.test(this.#text.slice(this.#at))) return;
    else if (word === "allballs") {
      this.#micros = 0;
      this.#offset = 0;
    } else if (specials.has(word)) this.#setSpecial(word as SpecialTime);
    else if (dayPattern.test(word) || ignored.has(word)) return;
    else if (monthOf(word) > 0) this.#textMonth(word);
    else if (word === "") throw this.#invalid();
    else this.#zoneWord(word);
  }

  #zoneWord(word: string): void {
    const abbreviation = zoneAbbreviations.get(word);
    if (abbreviation === undefined) {
      if (word === "dst" && this.#offset !== null) this.#offset += 3_600;
      else if (word.length < 3 || (this.#micros === null && !this.#hasDate())) throw this.#invalid();
      else this.#namedZone(word);
      return;
    }
    if (this.#offset !== null || this.#zone !== null) throw this.#invalid();
    if (abbreviation.zone === null) this.#offset = abbreviation.offset;
    else this.#zone = zoneCalled(abbreviation.zone, word);
  }

  #namedZone(name: string): void {
    const zone = findZone(name);
    // Where a zone can stand, which is behind a date, what has signs in it is told as one that there is not.
    const isTold = /[^a-z]/iu.test(name) && (this.#hasDate() || this.#isTimeAlone(name));
    if (zone === null && isTold) throw new SqlError("22023", `time zone "${name.toLowerCase()}" not recognized`);
    if (zone === null || this.#offset !== null || this.#zone !== null) throw this.#invalid();
    this.#zone = zone;
  }

  /** A time of day has no date to wait for, unless the piece stands before it, in a date's place. */
  #isTimeAlone(piece: string): boolean {
    if (!this.#isTimeType()) return false;
    const isFirst = trimSpaces(this.#text.slice(0, this.#at - piece.length)) === "";
    return !isFirst || !/^[ \t-\r]*\d+:|\d[-/.]\d+[-/.]\d+[ \t-\r]*$/u.test(this.#text.slice(this.#at));
  }

  #finish(): ParsedTime {
    this.#applyHalf();
    // What a place's clocks show depends on the day, unless they have always shown the same.
    const { transitions, rule, called } = this.#zone ?? fixedZone(0);
    const isPlace = called === undefined && (rule !== null || transitions.types.length > 1);
    if (isPlace && !this.#hasDate() && this.#special === null && this.#julian === null) throw this.#invalid();
    return {
      special: this.#special,
      date: this.#date(),
      julianDays: this.#julian,
      micros: this.#micros,
      offset: this.#offset,
      zone: this.#zone,
    };
  }

  #applyHalf(): void {
    if (this.#half === null) return;
    if (this.#micros === null) throw this.#invalid();
    const hour = Math.floor(this.#micros / 3_600_000_000);
    if (hour > 12) throw this.#overflow();
    const shift = this.#half === "pm" ? (hour === 12 ? 0 : 12) : hour === 12 ? -12 : 0;
    this.#micros += shift * 3_600_000_000;
  }

  #date(): ParsedTime["date"] {
    const isBlank = this.#year === null && this.#month === null && this.#day === null;
    if (isBlank) {
      if (this.#isBc === true) throw this.#invalid();
      return null;
    }
    if ([this.#year, this.#month, this.#day].some((part) => part !== null && part > partMax)) throw this.#overflow();
    // Each part is looked at before it is asked whether all are there.
    const year = this.#year === null ? null : this.#fullYear(this.#year);
    if (this.#dayOfYear !== null && year !== null) {
      if (this.#dayOfYear < 1 || this.#dayOfYear > 366) throw this.#overflow();
      return { year, month: 1, day: this.#dayOfYear };
    }
    if (this.#month !== null && (this.#month < 1 || this.#month > 12)) throw this.#overflow(true);
    if (this.#day !== null && (this.#day < 1 || this.#day > 31)) throw this.#overflow(true);
    if (year === null || this.#month === null || this.#day === null) throw this.#invalid();
    if (this.#day > daysInMonth(year, this.#month)) throw this.#overflow();
    return { year, month: this.#month, day: this.#day };
  }

  #fullYear(year: number): number {
    if (this.#isBc === true) {
      if (year <= 0) throw this.#overflow();
      return 1 - year;
    }
    if (this.#yearDigits <= 2) return year < 70 ? year + 2_000 : year + 1_900;
    if (year <= 0) throw this.#overflow();
    return year;
  }
}
