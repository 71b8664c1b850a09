/**
 * JSON text (RFC 8259) as a tree that knows where each value stands in the text, so that `json` can give back what was written and `jsonb`
 * its meaning. Errors carry PostgreSQL's details.
 */
import { SqlError } from "../error.js";
import { utf8 } from "./bytes.js";

/** Arrays and objects within one another at most. */
export const jsonDepthMax = 4_000;

interface Span {
  /** Units of the text. */
  readonly from: number;
  readonly to: number;
}

export type JsonTree = Span &
  (
    | { readonly kind: "object"; readonly entries: readonly (readonly [key: string, value: JsonTree])[] }
    | { readonly kind: "array"; readonly items: readonly JsonTree[] }
    | { readonly kind: "string"; readonly value: string }
    | { readonly kind: "number" }
    | { readonly kind: "boolean"; readonly value: boolean }
    | { readonly kind: "null" }
  );

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/uy;
/** What is told as one token: a number with what sticks to it, a word of letters and digits, or one sign. */
const wordPattern =
  /(?=[-\d])-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d*)?[\w\u{80}-\u{10ffff}]*|[\w\u{80}-\u{10ffff}]+/uy;
const escapes: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
  "/": "/",
};

/** Throws 22P02. `decodesUnicode` is what jsonb asks for: escapes that are no text (U+0000) are then refused with 22P05. */
export function parseJson(text: string, decodesUnicode: boolean): JsonTree {
  const parser = new Parser(text, decodesUnicode);
  return parser.document();
}

class Parser {
  readonly #text: string;
  readonly #decodesUnicode: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, decodesUnicode: boolean) {
    this.#text = text;
    this.#decodesUnicode = decodesUnicode;
  }

  document(): JsonTree {
    this.#space();
    const tree = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected("end of input");
    return tree;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  /** What stands here, for an error: a whole token. */
  #unexpected(expected: string): SqlError {
    const from = this.#at;
    const token = this.#token();
    if (token === null) return this.#invalid("The input string ended unexpectedly.", from, from);
    const end = from + token.text.length;
    if (!token.isValid) return this.#invalid(`Token "${token.text}" is invalid.`, from, end);
    return this.#invalid(`Expected ${expected}, but found "${token.text}".`, from, end);
  }

  /** @param from where the token begins @param end how far it was read */
  #invalid(detail: string, from: number, end: number): SqlError {
    return new SqlError("22P02", "invalid input syntax for type json", {
      detail,
      context: jsonContext(this.#text, from, end),
    });
  }

  #token(): { readonly text: string; readonly isValid: boolean } | null {
    const from = this.#at;
    const first = this.#text[from];
    if (first === undefined) return null;
    if ('{}[],:"'.includes(first)) {
      if (first !== '"') return { text: first, isValid: true };
      this.#string();
      return { text: this.#text.slice(from, this.#at), isValid: true };
    }
    wordPattern.lastIndex = from;
    const word = wordPattern.exec(this.#text)?.[0] ?? first;
    numberPattern.lastIndex = from;
    const isNumber = numberPattern.exec(this.#text)?.[0] === word;
    return { text: word, isValid: isNumber || word === "true" || word === "false" || word === "null" };
  }

  #value(): JsonTree {
    const from = this.#at;
    const first = this.#text[from];
    switch (first) {
      case "{":
        return this.#object(from);
      case "[":
        return this.#array(from);
      case '"': {
        const value = this.#string();
        return { kind: "string", value, from, to: this.#at };
      }
      default:
        return this.#scalar(from);
    }
  }

  #scalar(from: number): JsonTree {
    wordPattern.lastIndex = from;
    const word = wordPattern.exec(this.#text)?.[0] ?? "";
    const to = from + word.length;
    if (word === "true" || word === "false" || word === "null") {
      this.#at = to;
      return word === "null" ? { kind: "null", from, to } : { kind: "boolean", value: word === "true", from, to };
    }
    numberPattern.lastIndex = from;
    if (word === "" || numberPattern.exec(this.#text)?.[0] !== word) throw this.#unexpected("JSON value");
    this.#at = to;
    return { kind: "number", from, to };
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > jsonDepthMax)
      throw new SqlError("54001", "stack depth limit exceeded", {
        hint: `JSON is nested at most ${jsonDepthMax} deep.`,
      });
  }

  #object(from: number): JsonTree {
    this.#enter();
    this.#at += 1;
    const entries: (readonly [string, JsonTree])[] = [];
    this.#space();
    if (this.#text[this.#at] === "}") this.#at += 1;
    else
      for (;;) {
        this.#space();
        if (this.#text[this.#at] !== '"') throw this.#unexpected(entries.length === 0 ? 'string or "}"' : "string");
        const key = this.#string();
        this.#space();
        if (this.#text[this.#at] !== ":") throw this.#unexpected('":"');
        this.#at += 1;
        this.#space();
        entries.push([key, this.#value()]);
        this.#space();
        const next = this.#text[this.#at];
        if (next !== "," && next !== "}") throw this.#unexpected('"," or "}"');
        this.#at += 1;
        if (next === "}") break;
      }
    this.#depth -= 1;
    return { kind: "object", entries, from, to: this.#at };
  }

  #array(from: number): JsonTree {
    this.#enter();
    this.#at += 1;
    const items: JsonTree[] = [];
    this.#space();
    if (this.#text[this.#at] === "]") this.#at += 1;
    else
      for (;;) {
        this.#space();
        items.push(this.#value());
        this.#space();
        const next = this.#text[this.#at];
        if (next !== "," && next !== "]") throw this.#unexpected('"," or "]"');
        this.#at += 1;
        if (next === "]") break;
      }
    this.#depth -= 1;
    return { kind: "array", items, from, to: this.#at };
  }

  #string(): string {
    const from = this.#at;
    this.#at += 1;
    let value = "";
    let start = this.#at;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(code)) throw this.#endsWithin(from);
      if (code === 0x22) {
        value += this.#text.slice(start, this.#at);
        this.#at += 1;
        return value;
      }
      if (code < 0x20) {
        const shown = code.toString(16).padStart(2, "0");
        throw this.#invalid(`Character with value 0x${shown} must be escaped.`, from, this.#at);
      }
      if (code !== 0x5c) {
        this.#at += 1;
        continue;
      }
      value += this.#text.slice(start, this.#at) + this.#escape(from);
      start = this.#at;
    }
  }

  #endsWithin(from: number): SqlError {
    return this.#invalid(`Token "${this.#text.slice(from)}" is invalid.`, from, this.#text.length);
  }

  #escape(stringFrom: number): string {
    const letter = characterAt(this.#text, this.#at + 1);
    if (letter === "") throw this.#endsWithin(stringFrom);
    if (letter !== "u") {
      const plain = escapes[letter];
      if (plain === undefined) {
        const end = this.#at + 1 + letter.length;
        throw this.#invalid(`Escape sequence "\\${letter}" is invalid.`, stringFrom, end);
      }
      this.#at += 2;
      return plain;
    }
    const unit = this.#hexUnit(stringFrom);
    const isHigh = unit >= 0xd800 && unit <= 0xdbff;
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (!this.#decodesUnicode) return String.fromCharCode(isHigh || isLow || unit === 0 ? 0xfffd : unit);
    if (unit === 0)
      throw new SqlError("22P05", "unsupported Unicode escape sequence", {
        detail: "\\u0000 cannot be converted to text.",
        context: jsonContext(this.#text, stringFrom, this.#at),
      });
    const isAlone = (end = this.#at): SqlError =>
      this.#invalid("Unicode low surrogate must follow a high surrogate.", stringFrom, end);
    if (isLow) throw isAlone();
    if (!isHigh) return String.fromCharCode(unit);
    if (this.#text[this.#at] !== "\\" || this.#text[this.#at + 1] !== "u")
      throw isAlone(this.#at + characterAt(this.#text, this.#at).length);
    const low = this.#hexUnit(stringFrom);
    if (low >= 0xd800 && low <= 0xdbff)
      throw this.#invalid("Unicode high surrogate must not follow a high surrogate.", stringFrom, this.#at);
    if (low < 0xdc00 || low > 0xdfff) throw isAlone();
    return String.fromCharCode(unit, low);
  }

  #hexUnit(stringFrom: number): number {
    const start = this.#at + 2;
    const digits = /^[0-9a-fA-F]{0,4}/u.exec(this.#text.slice(start, start + 4))?.[0] ?? "";
    if (digits.length < 4) {
      const wrong = characterAt(this.#text, start + digits.length);
      if (wrong === "") throw this.#endsWithin(stringFrom);
      const end = start + digits.length + wrong.length;
      throw this.#invalid('"\\u" must be followed by four hexadecimal digits.', stringFrom, end);
    }
    this.#at += 6;
    return Number.parseInt(digits, 16);
  }
}

const characterAt = (text: string, at: number): string => {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
};

/** Bytes of a line that are shown with an error. */
const contextBytesMax = 50;

/** The line up to where it was read, or the last part of that. */
function jsonContext(text: string, from: number, end: number): string {
  const lineStart = text.lastIndexOf("\n", from - 1) + 1;
  const start = from === 0 ? 0 : lineStart;
  const line = text.slice(0, start).split("\n").length;
  const characters = Array.from(text.slice(start, end));
  const sizes = characters.map((character) => utf8(character).length);
  let length = sizes.reduce((sum, size) => sum + size, 0);
  let [first, bytes] = [0, 0];
  while (length >= contextBytesMax) {
    length -= sizes[first] ?? 0;
    bytes += sizes[first] ?? 0;
    first += 1;
  }
  // Three points take as much room as what they would stand for.
  if (bytes <= 3) first = 0;
  const goesOn = end < text.length && text[end] !== "\n" && text[end] !== "\r";
  return `JSON data, line ${line}: ${first > 0 ? "..." : ""}${characters.slice(first).join("")}${goesOn ? "..." : ""}`;
}

const escaped: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
};

/** A string as JSON writes it. */
export function quoteJson(text: string): string {
  let quoted = "";
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code !== 0x22 && code !== 0x5c) continue;
    const unit = text[at] ?? "";
    quoted += text.slice(start, at) + (escaped[unit] ?? `\\u${code.toString(16).padStart(4, "0")}`);
    start = at + 1;
  }
  return `"${quoted}${text.slice(start)}"`;
}

/** Order of keys within a jsonb object: shorter ones (in bytes) first, then by their bytes. */
export function compareJsonKeys(a: string, b: string): number {
  if (a === b) return 0;
  const left = utf8(a);
  const right = utf8(b);
  if (left.length !== right.length) return left.length < right.length ? -1 : 1;
  for (const [index, byte] of left.entries()) {
    const other = right[index] ?? 0;
    if (byte !== other) return byte < other ? -1 : 1;
  }
  return 0;
}
