/**
 * Intervals of ISO 8601, in both of its forms and as PostgreSQL reads them: with designators (`P1Y2M3DT4H`), and as a date and a time, with signs
 * between their parts (`P1-2-3T4:5:6`) or without (`P00010203T040506`). Nothing may stand around them, not even spaces.
 */
import { addUnit, expectHeld, type Fields, invalid, microsMax, overflow, type Unit } from "./interval-fields.js";

const partMax = 1e15;
const numberPattern = /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/uy;

interface Part {
  /** Digits before the point: eight or six of them in a row are a date or a time. */
  readonly width: number;
  readonly whole: number;
  readonly fraction: number;
}

const dateUnits: ReadonlyMap<string, Unit> = new Map([
  ["Y", "year"],
  ["M", "month"],
  ["W", "week"],
  ["D", "day"],
]);
const timeUnits: ReadonlyMap<string, Unit> = new Map([
  ["H", "hour"],
  ["M", "minute"],
  ["S", "second"],
]);

/** The form without designators: its units in their order, the sign between them, and how wide all of them are without it. */
const dateForm = { units: ["year", "month", "day"], separator: "-", width: 8 } as const;
const timeForm = { units: ["hour", "minute", "second"], separator: ":", width: 6 } as const;

class IsoReader {
  readonly #text: string;
  readonly #fields: Fields;
  #at = 1;

  constructor(text: string, fields: Fields) {
    this.#text = text;
    this.#fields = fields;
  }

  read(): void {
    if (this.#text.length < 2) throw invalid(this.#text);
    let isTime = false;
    let isFirst = true;
    while (this.#at < this.#text.length) {
      if (this.#take("T")) {
        isTime = true;
        isFirst = true;
        continue;
      }
      const part = this.#number();
      const unit = (isTime ? timeUnits : dateUnits).get(this.#next());
      if (unit === undefined) {
        if (!isFirst) throw invalid(this.#text);
        this.#withoutDesignators(part, isTime ? timeForm : dateForm);
        // After a date only a time may follow, after a time nothing.
        if (this.#at < this.#text.length && (isTime || this.#next() !== "T")) throw invalid(this.#text);
        continue;
      }
      this.#at += 1;
      this.#add(unit, part.whole, part.fraction);
      isFirst = false;
    }
  }

  #next(): string {
    return this.#text.charAt(this.#at);
  }

  #take(letter: string): boolean {
    if (this.#next() !== letter) return false;
    this.#at += 1;
    return true;
  }

  #number(): Part {
    numberPattern.lastIndex = this.#at;
    const [number] = numberPattern.exec(this.#text) ?? [];
    if (number === undefined) throw invalid(this.#text);
    this.#at += number.length;
    const value = Number(number);
    if (!Number.isFinite(value)) throw invalid(this.#text);
    if (Math.abs(value) > partMax) throw overflow(this.#text);
    const whole = Math.trunc(value);
    return { width: (/\d*/u.exec(number.replace("-", "")) ?? [""])[0].length, whole, fraction: value - whole };
  }

  #withoutDesignators(first: Part, { units, separator, width }: typeof dateForm | typeof timeForm): void {
    const [large, middle, small] = units;
    const next = this.#next();
    const isAlone = next === "" || (separator === "-" && next === "T");
    if (isAlone && first.width === width) {
      this.#add(large, Math.trunc(first.whole / 10_000), 0);
      this.#add(middle, Math.trunc(first.whole / 100) % 100, 0);
      this.#add(small, first.whole % 100, 0);
      // PostgreSQL adds the rest of a day as one, and that of a second as if it were of a microsecond.
      this.#add(separator === "-" ? "day" : "microsecond", 0, first.fraction);
      return;
    }
    if (!isAlone && next !== separator) throw invalid(this.#text);
    this.#add(large, first.whole, first.fraction);
    for (const unit of [middle, small]) {
      if (!this.#take(separator)) return;
      const part = this.#number();
      this.#add(unit, part.whole, part.fraction);
    }
  }

  #add(unit: Unit, whole: number, fraction: number): void {
    addUnit(this.#fields, unit, whole, fraction);
    expectHeld(this.#fields, this.#text);
    if (Math.abs(this.#fields.micros) > microsMax) throw overflow(this.#text);
  }
}

/** @param text begins with `P`. Throws 22007 and 22015. */
export const readIsoInterval = (text: string, fields: Fields): void => {
  new IsoReader(text, fields).read();
};
