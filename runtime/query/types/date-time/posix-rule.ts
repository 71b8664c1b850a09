/**
 * Zones that are told by a rule (POSIX's TZ): `EST5`, `CET-1CEST,M3.5.0,M10.5.0/3`, `<+03>-3`. Read as the library of zones reads them that
 * PostgreSQL uses, which takes for a name whatever is no digit, comma or sign.
 */

export interface ZoneOffset {
  /** Seconds east of UTC. */
  readonly offset: number;
  readonly isDst: boolean;
  readonly abbreviation: string;
}

export interface PosixRule {
  readonly standard: ZoneOffset;
  readonly daylight: { readonly offset: ZoneOffset; readonly from: YearlyMoment; readonly to: YearlyMoment } | null;
}

/** A moment of each year by the wall clock: month, week and weekday, or a day of the year. */
export type YearlyMoment =
  | {
      readonly kind: "weekday";
      readonly month: number;
      readonly week: number;
      readonly weekday: number;
      readonly seconds: number;
    }
  | { readonly kind: "day"; readonly day: number; readonly countsLeapDay: boolean; readonly seconds: number };

/** Without dates it is the rule of the United States. */
const usualDates = ",M3.2.0,M11.1.0";
const hoursMax = 167;
const usualSeconds = 2 * 3_600;

const patterns = { quoted: /<([^>]*)>/y, name: /[^\d,+-]*/y, digits: /\d+/y, sign: /[+-]/y, comma: /[,;]/y } as const;

class RuleReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  takes(character: string): boolean {
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }

  takesComma(): boolean {
    return this.#match(patterns.comma) !== null;
  }

  /** Null for a quoted one that does not end. */
  name(): string | null {
    if (this.#text.charAt(this.#at) === "<") return this.#match(patterns.quoted)?.[1] ?? null;
    return this.#match(patterns.name)?.[0] ?? "";
  }

  get isAtOffset(): boolean {
    return /[\d+-]/u.test(this.#text.charAt(this.#at));
  }

  /** Null for what is no number within these. */
  number(least: number, most: number): number | null {
    const value = Number(this.#match(patterns.digits)?.[0] ?? Number.NaN);
    return value >= least && value <= most ? value : null;
  }

  /** `5`, `-5:30`, `+05:30:15`, in seconds; null for what is none. */
  seconds(): number | null {
    const sign = this.#match(patterns.sign)?.[0];
    const hours = this.number(0, hoursMax);
    const hasMinutes = hours !== null && this.takes(":");
    const minutes = hasMinutes ? this.number(0, 59) : 0;
    // A leap second, too.
    const seconds = hasMinutes && minutes !== null && this.takes(":") ? this.number(0, 60) : 0;
    if (hours === null || minutes === null || seconds === null) return null;
    const total = hours * 3_600 + minutes * 60 + seconds;
    return sign === "-" ? -total : total;
  }

  moment(): YearlyMoment | null {
    if (this.takes("M")) return this.#weekday();
    const countsLeapDay = !this.takes("J");
    const day = this.number(countsLeapDay ? 0 : 1, 365);
    const seconds = this.#clock();
    return day === null || seconds === null ? null : { kind: "day", day, countsLeapDay, seconds };
  }

  #weekday(): YearlyMoment | null {
    const month = this.number(1, 12);
    const week = this.takes(".") ? this.number(1, 5) : null;
    const weekday = this.takes(".") ? this.number(0, 6) : null;
    const seconds = this.#clock();
    if (month === null || week === null || weekday === null || seconds === null) return null;
    return { kind: "weekday", month, week, weekday, seconds };
  }

  #clock(): number | null {
    return this.takes("/") ? this.seconds() : usualSeconds;
  }
}

/** Offsets in the text are west of UTC. Returns null for what is no rule. */
export function parseRule(text: string): PosixRule | null {
  const reader = new RuleReader(text);
  const name = reader.name();
  const west = name === null ? null : reader.seconds();
  if (name === null || west === null) return null;
  const standard = { abbreviation: name, offset: 0 - west, isDst: false };
  if (reader.isAtEnd) return { standard, daylight: null };
  const daylightName = reader.name();
  if (daylightName === null || daylightName === "") return null;
  const daylightWest = reader.isAtOffset ? reader.seconds() : west - 3_600;
  if (daylightWest === null) return null;
  const dates = reader.isAtEnd ? new RuleReader(usualDates) : reader;
  const from = dates.takesComma() ? dates.moment() : null;
  const to = from !== null && dates.takes(",") ? dates.moment() : null;
  if (from === null || to === null || !dates.isAtEnd) return null;
  return {
    standard,
    daylight: { offset: { abbreviation: daylightName, offset: 0 - daylightWest, isDst: true }, from, to },
  };
}
