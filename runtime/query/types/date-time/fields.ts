/**
 * The pieces that dates, times and intervals are written in, told apart by their first letters and what joins them, before anybody knows what they
 * mean: as PostgreSQL's `ParseDateTime` does it.
 *
 *   number      `2020`, `2020.123`, `.5`
 *   date        `2020-01-31`, `31/jan/20`, and what has letters and joints in it: `America/New_York`, `gmt-8`
 *   time        `4:05`, `4:05:06.7`
 *   word        `jan`, `t`, `infinity`
 *   signedWord  `-infinity`
 *   signed      `+02`, `-8:30`, `-1-2`
 */
import { isDateWord } from "./words.js";

export interface Field {
  readonly kind: "number" | "date" | "time" | "word" | "signedWord" | "signed";
  /** In small letters, without spaces. */
  readonly text: string;
}

/** Of one text, as PostgreSQL has room for them. */
const fieldsMax = 25;

const patterns = {
  space: /[ \t-\r]+/y,
  time: /\d+:[\d:.]*/y,
  /** Its second part is a number; a third one wants the same joint. */
  numbers: /\d+([-/.])\d+(?:\1(?:\d|\1)*)?/y,
  named: /\d+([-/.])(?:[a-z\d]|\1)*/iy,
  number: /\d+|\.\d*/y,
  word: /[a-z]+/iy,
  zone: /[a-z]+[-+/.\d][-+/_.:a-z\d]*/iy,
  sign: /[+-][ \t-\r]*/y,
  signed: /\d[\d:.-]*/y,
  punctuation: /[!-/:-@[-`{-~]/y,
} as const;

class Splitter {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  /** Null for what is none; `wrong` for a sign that stands alone. */
  field(): Field | "wrong" | null {
    return this.#fromDigit() ?? this.#fromLetter() ?? this.#fromSign();
  }

  #fromDigit(): Field | null {
    const time = this.take(patterns.time);
    if (time !== null) return { kind: "time", text: time };
    const numbers = this.take(patterns.numbers);
    if (numbers !== null) return { kind: /^\d+\.\d+$/u.test(numbers) ? "number" : "date", text: numbers };
    const named = this.take(patterns.named);
    if (named !== null) return { kind: "date", text: named.toLowerCase() };
    const number = this.take(patterns.number);
    return number === null ? null : { kind: "number", text: number };
  }

  /** A word goes on as a date or a zone behind a joint; behind a sign or a digit only if it is no word of dates. */
  #fromLetter(): Field | null {
    const start = this.#at;
    const word = this.take(patterns.word)?.toLowerCase();
    if (word === undefined) return null;
    const next = this.#text.charAt(this.#at);
    if (!/[-/.]/u.test(next) && (!/[+\d]/u.test(next) || isDateWord(word))) return { kind: "word", text: word };
    this.#at = start;
    return { kind: "date", text: (this.take(patterns.zone) ?? word).toLowerCase() };
  }

  #fromSign(): Field | "wrong" | null {
    const sign = this.take(patterns.sign)?.charAt(0);
    if (sign === undefined) return null;
    const signed = this.take(patterns.signed);
    if (signed !== null) return { kind: "signed", text: sign + signed };
    const word = this.take(patterns.word);
    return word === null ? "wrong" : { kind: "signedWord", text: (sign + word).toLowerCase() };
  }
}

/** @param charactersMax that all fields together may have, each with one more. Returns null for what has no such fields, or too many */
export function splitFields(text: string, charactersMax: number): readonly Field[] | null {
  const fields: Field[] = [];
  const splitter = new Splitter(text);
  let characters = 0;
  for (;;) {
    splitter.take(patterns.space);
    if (splitter.isAtEnd) return fields;
    if (fields.length >= fieldsMax) return null;
    const field = splitter.field();
    if (field === "wrong") return null;
    if (field === null) {
      if (splitter.take(patterns.punctuation) === null) return null;
      continue;
    }
    characters += field.text.length + 1;
    if (characters > charactersMax) return null;
    fields.push(field);
  }
}
