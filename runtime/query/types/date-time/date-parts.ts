/**
 * The parts of a date and a time while they are read, piece by piece. What a bare number is follows from the parts that are there and from the order
 * that `DateStyle` names. What is wrong is told in the order in which PostgreSQL 15 finds it.
 */
import { SqlError } from "../../error.js";
import { int4Max, int4Min } from "../integer.js";
import { roundEven } from "../round-even.js";
import type { DateStyle } from "../text-context.js";
import { daysFromDate, daysInMonth, microsPerDay, microsPerSecond } from "./calendar.js";
import { dateWord } from "./words.js";

/** Parts, as bits. */
export const part = {
  year: 1 << 0,
  month: 1 << 1,
  day: 1 << 2,
  hour: 1 << 3,
  minute: 1 << 4,
  second: 1 << 5,
  fraction: 1 << 6,
  zone: 1 << 7,
  /** Of a zone: it is daylight saving's. */
  daylight: 1 << 8,
  daylightMark: 1 << 9,
  dayOfYear: 1 << 10,
  weekday: 1 << 11,
  half: 1 << 12,
  era: 1 << 13,
  special: 1 << 14,
  /** Of a zone: its abbreviation has not always meant the same. */
  changing: 1 << 15,
} as const;
export const wholeDate = part.year | part.month | part.day;
export const wholeTime = part.hour | part.minute | part.second | part.fraction;

export const invalidTime = (type: string, text: string): SqlError =>
  new SqlError("22007", `invalid input syntax for type ${type}: "${text}"`);

const leadingInteger = /^[+-]?\d+/u;
const offsetHoursMax = 15;

export interface Integer {
  readonly value: number;
  /** What stands behind it; the whole text where no number begins. */
  readonly rest: string;
}

export class DateParts {
  readonly #text: string;
  readonly #type: string;
  readonly #order: DateStyle["order"];
  /** Bits of the parts that are there. */
  seen = 0;
  year = 0;
  month = 0;
  day = 0;
  dayOfYear = 0;
  hour = 0;
  minute = 0;
  second = 0;
  /** µs. */
  fraction = 0;
  isBefore = false;
  /** Null: by 24 hours. */
  isAfternoon: boolean | null = null;
  /** The year is whole as it is. */
  isJulian = false;
  isTwoDigits = false;

  constructor(text: string, type: string, order: DateStyle["order"]) {
    this.#text = text;
    this.#type = type;
    this.#order = order;
  }

  invalid(): SqlError {
    return invalidTime(this.#type, this.#text);
  }

  overflow(isOrderDoubtful = false): SqlError {
    return new SqlError("22008", `date/time field value out of range: "${this.#text}"`, {
      hint: isOrderDoubtful ? 'Perhaps you need a different "datestyle" setting.' : undefined,
    });
  }

  /** A number at the beginning of a text, 0 where there is none; null when it has more than 32 bits. */
  #leading(text: string): Integer | null {
    const digits = leadingInteger.exec(text)?.[0] ?? "";
    const value = Number(digits);
    return value > int4Max || value < int4Min ? null : { value, rest: text.slice(digits.length) };
  }

  integer(text: string): Integer {
    const found = this.#leading(text);
    if (found === null) throw this.overflow();
    return found;
  }

  /** @param text from the point on, which may stand alone. µs */
  micros(text: string): number {
    if (!/^\.\d*$/u.test(text)) throw this.invalid();
    return roundEven(Number(`0${text}`) * microsPerSecond);
  }

  /** Throws 22007 for what is there already. */
  add(parts: number): void {
    if ((this.seen & parts) !== 0) throw this.invalid();
    this.seen |= parts;
  }

  has(parts: number): boolean {
    return (this.seen & parts) === parts;
  }

  /** All that follow return the bits of what they have found. `4:05`, `4:05:06.7`; `05:06.7` is of minutes. */
  time(text: string): number {
    // Hours are held in 64 bits, until all is read.
    const [hours = ""] = leadingInteger.exec(text) ?? [];
    if (Number(hours) >= 2 ** 63) throw this.overflow();
    const minute = this.integer(text.slice(hours.length + 1));
    let [h, m, s, fraction] = [Number(hours), minute.value, 0, 0];
    if (minute.rest.startsWith(".")) {
      fraction = this.micros(minute.rest);
      [h, m, s] = [0, h, m];
    } else if (minute.rest.startsWith(":")) {
      const second = this.integer(minute.rest.slice(1));
      s = second.value;
      if (second.rest.startsWith(".")) fraction = this.micros(second.rest);
      else if (second.rest !== "") throw this.invalid();
    } else if (minute.rest !== "") throw this.invalid();
    if (m > 59 || s > 60 || h > int4Max) throw this.overflow();
    [this.hour, this.minute, this.second, this.fraction] = [h, m, s, fraction];
    return wholeTime;
  }

  /** µs since midnight: seconds as 32 bits hold them, whatever stood behind `h` and `mm`. */
  get clock(): number {
    const minutes = (Math.imul(this.hour, 60) + this.minute) | 0;
    return ((Math.imul(minutes, 60) + this.second) | 0) * microsPerSecond + this.fraction;
  }

  get isBeyondDay(): boolean {
    return this.hour > 24 || this.minute > 59 || this.second > 60 || this.clock > microsPerDay;
  }

  /** `+02`, `-0830`, `+2:30:15`. Returns seconds east of UTC. Throws 22009 beyond 15:59:59. */
  offset(text: string): number {
    const sign = text.charAt(0);
    if (sign !== "+" && sign !== "-") throw this.invalid();
    const first = this.#offsetPart(text.slice(1));
    let [hours, minutes, seconds, rest] = [first.value, 0, 0, first.rest];
    if (rest.startsWith(":")) {
      ({ value: minutes, rest } = this.#offsetPart(rest.slice(1)));
      if (rest.startsWith(":")) ({ value: seconds, rest } = this.#offsetPart(rest.slice(1)));
    } else if (rest === "" && text.length > 3) {
      minutes = hours % 100;
      hours = Math.trunc(hours / 100);
    }
    if (hours < 0 || hours > offsetHoursMax || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59)
      throw this.#beyondOffsets();
    if (rest !== "") throw this.invalid();
    const total = hours * 3_600 + minutes * 60 + seconds;
    return sign === "-" ? -total : total;
  }

  #offsetPart(text: string): Integer {
    const found = this.#leading(text);
    if (found === null) throw this.#beyondOffsets();
    return found;
  }

  #beyondOffsets(): SqlError {
    return new SqlError("22009", `time zone displacement out of range: "${this.#text}"`);
  }

  /** Parts between joints: the month's name first, then the numbers in their order. */
  date(text: string): number {
    // What stands behind a part is passed over, whatever it is.
    const pieces: string[] = [];
    for (let rest = text; rest !== ""; ) {
      const [piece] = /^(?:\d+|[a-z]+)/u.exec((rest = rest.replace(/^[^a-z\d]+/u, ""))) ?? [];
      if (piece === undefined) throw this.invalid();
      pieces.push(piece);
      rest = rest.slice(piece.length + 1);
    }
    let found = 0;
    const add = (parts: number): void => {
      if (((this.seen | found) & parts) !== 0) throw this.invalid();
      found |= parts;
    };
    const isName = (piece: string): boolean => /^[a-z]/u.test(piece) && dateWord(piece)?.kind !== "ignored";
    for (const name of pieces.filter(isName)) {
      const word = dateWord(name);
      if (word?.kind !== "month") throw this.invalid();
      this.month = word.value;
      add(part.month);
    }
    const hasNamedMonth = (found & part.month) !== 0;
    for (const piece of pieces) if (!isName(piece)) add(this.number(piece, hasNamedMonth, this.seen | found));
    if (((this.seen | found) & ~(part.dayOfYear | part.zone)) !== wholeDate) throw this.invalid();
    return found;
  }

  /** One number of a date. @param seen what is taken to be there */
  number(text: string, hasNamedMonth: boolean, seen: number): number {
    const { value, rest } = this.integer(text);
    if (rest === text) throw this.invalid();
    if (rest.startsWith(".")) {
      if (text.length - rest.length > 2) return this.packed(text, seen | wholeDate);
      this.fraction = this.micros(rest);
    } else if (rest !== "") throw this.invalid();
    const known = seen & wholeDate;
    if (text.length === 3 && known === part.year && value >= 1 && value <= 366) {
      this.dayOfYear = value;
      return part.dayOfYear | part.month | part.day;
    }
    if (known === wholeDate) return this.packed(text, seen);
    const which = this.#which(text.length, hasNamedMonth, known);
    if (which === "year") {
      this.isTwoDigits = text.length <= 2;
      this.year = value;
    } else if (which === "yearAfterDay") {
      // The first number was the day.
      this.day = this.year;
      this.year = value;
      this.isTwoDigits = false;
      return part.day;
    } else this[which] = value;
    return part[which];
  }

  #which(digits: number, hasNamedMonth: boolean, known: number): "year" | "month" | "day" | "yearAfterDay" {
    const isYear = digits >= 3 || this.#order === "YMD";
    switch (known) {
      case 0:
        return isYear ? "year" : this.#order === "DMY" ? "day" : "month";
      case part.year:
      case part.day:
        return "month";
      case part.month:
        return hasNamedMonth && isYear ? "year" : "day";
      case part.year | part.month:
        return hasNamedMonth && digits >= 3 && this.isTwoDigits ? "yearAfterDay" : "day";
      case part.month | part.day:
        return "year";
      default:
        throw this.invalid();
    }
  }

  /** Run together: `20200131`, `200131`, `040506.7`, `0405`. */
  packed(text: string, seen: number): number {
    const point = text.indexOf(".");
    const digits = point < 0 ? text : text.slice(0, point);
    // What stands behind a fraction is not looked at.
    if (point >= 0) this.fraction = roundEven(Number.parseFloat(`0${text.slice(point)}`) * microsPerSecond);
    else if ((seen & wholeDate) !== wholeDate && digits.length >= 6) {
      const years = digits.slice(0, -4);
      // As `atoi` has it: the lower half of what is held in 64 bits.
      const held = BigInt(years);
      this.year = Number(BigInt.asIntN(32, held < 2n ** 63n ? held : 2n ** 63n - 1n));
      this.month = Number(digits.slice(-4, -2));
      this.day = Number(digits.slice(-2));
      if (years.length === 2) this.isTwoDigits = true;
      return wholeDate;
    }
    if ((seen & wholeTime) === wholeTime || (digits.length !== 6 && digits.length !== 4)) throw this.invalid();
    this.hour = Number(digits.slice(0, 2));
    this.minute = Number(digits.slice(2, 4));
    this.second = Number(digits.slice(4));
    return wholeTime;
  }

  /** The year in full, and whether the parts are what they can be. */
  validate(): void {
    if (this.has(part.year)) this.#fullYear();
    if (this.has(part.dayOfYear)) {
      this.month = 1;
      this.day = 1;
      return;
    }
    if (this.has(part.month) && (this.month < 1 || this.month > 12)) throw this.overflow(true);
    if (this.has(part.day) && (this.day < 1 || this.day > 31)) throw this.overflow(true);
    if (this.has(wholeDate) && this.day > daysInMonth(this.year, this.month)) throw this.overflow();
  }

  #fullYear(): void {
    if (this.isJulian) return;
    if (this.isBefore) {
      if (this.year <= 0) throw this.overflow();
      this.year = 1 - this.year;
    } else if (this.isTwoDigits) {
      if (this.year < 0) throw this.overflow();
      this.year += this.year < 70 ? 2_000 : this.year < 100 ? 1_900 : 0;
    } else if (this.year <= 0) throw this.overflow();
  }

  applyHalf(): void {
    if (this.isAfternoon === null) return;
    if (this.hour > 12) throw this.overflow();
    if (this.isAfternoon && this.hour !== 12) this.hour += 12;
    else if (!this.isAfternoon && this.hour === 12) this.hour = 0;
  }

  /** From 2000-01-01, of a whole date. */
  get days(): number {
    const days = daysFromDate(this.year, this.month, this.day);
    return this.has(part.dayOfYear) ? days + this.dayOfYear - 1 : days;
  }
}
