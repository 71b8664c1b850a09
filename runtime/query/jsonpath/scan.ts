/**
 * Words of a jsonpath. The rules are tried together and the longest match is taken, the earlier rule of two, as PostgreSQL's scanner does:
 * what an error says to be near is the text of the last match, which is not always the word that is wrong.
 */
import { SqlError } from "../error.js";

export type TokenKind = "end" | "string" | "variable" | "integer" | "number" | "identifier" | "keyword" | "symbol";

export interface Token {
  readonly kind: TokenKind;
  /** The value of a string or name; a keyword in lower case; a symbol or number as written. */
  readonly text: string;
  /** What a keyword looks like where it is a key. */
  readonly written: string;
  /** The scanner's last match; empty reads as the end of the input. */
  readonly near: string;
}

/** Keywords in any case; those of JSON only in lower case. */
const keywords: ReadonlySet<string> = new Set(
  `is to abs lax flag last size type with floor double exists starts strict ceiling unknown datetime keyvalue like_regex`.split(
    " ",
  ),
);
const exactKeywords: ReadonlySet<string> = new Set(["null", "true", "false"]);

const other = String.raw`[^?%$.[\]{}()|&!=<>@#,*:\-+/\\" \t\n\r\f]`;
const integer = String.raw`(?:0|[1-9]\d*)`;
const decimal = String.raw`(?:${integer}\.\d*|\.\d+)`;
const real = String.raw`(?:${integer}|${decimal})[Ee][-+]?\d+`;

type Rule =
  | "symbol"
  | "variable"
  | "blank"
  | "comment"
  | "number"
  | "integer"
  | "unfinished"
  | "junk"
  | "quote"
  | "quoted$"
  | "word";

const rule = (name: Rule, pattern: string): readonly [Rule, RegExp] => [name, new RegExp(pattern, "uy")];
const rules: readonly (readonly [Rule, RegExp])[] = [
  rule("symbol", String.raw`&&|\|\||\*\*|<=|==|<>|!=|>=`),
  rule("variable", String.raw`\$${other}+`),
  rule("quoted$", String.raw`\$"`),
  rule("symbol", String.raw`[?%$.[\]{}()|&!=<>@#,*:\-+/]`),
  rule("blank", String.raw`[ \t\n\r\f]+`),
  rule("comment", String.raw`/\*`),
  rule("number", real),
  rule("number", decimal),
  rule("integer", integer),
  rule("unfinished", String.raw`(?:${integer}|${decimal})[Ee][-+]`),
  rule("junk", `(?:${real}|${decimal}|${integer})${other}`),
  rule("quote", `"`),
  rule("word", String.raw`\\|${other}+`),
];

const matchAt = (pattern: RegExp, text: string, at: number): string | null => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
};

const wordPart = new RegExp(`${other}+`, "uy");
const wordEnd = /[ \t\n\r\f]+|\/\*|[?%$.[\]{}()|&!=<>@#,*:\-+/"]/uy;
const quotedPart = /[^\\"]+/uy;
const unicode = /\\u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\})/uy;
const unicodeStart = /\\u(?:\{[0-9A-Fa-f]{0,6}|[0-9A-Fa-f]{0,3})/uy;
const hexadecimal = /\\x[0-9A-Fa-f]{2}/uy;
const hexadecimalStart = /\\x[0-9A-Fa-f]?/uy;
const controls: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** 42601: PostgreSQL's words for what the scanner or the grammar does not take. */
export const pathError = (message: string, near: string): SqlError =>
  new SqlError(
    "42601",
    near === "" ? `${message} at end of jsonpath input` : `${message} at or near "${near}" of jsonpath input`,
  );

const invalidPath = (detail: string): SqlError =>
  new SqlError("22P02", "invalid input syntax for type jsonpath", { detail });

export class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    for (;;) {
      if (this.#at >= this.#text.length) return { kind: "end", text: "", written: "", near: "" };
      const [name, match] = this.#longest();
      this.#at += match.length;
      switch (name) {
        case "blank":
          break;
        case "comment":
          this.#comment();
          break;
        case "variable":
          return { kind: "variable", text: match.slice(1), written: match, near: match };
        case "quoted$":
          return this.#quoted("variable");
        case "quote":
          return this.#quoted("string");
        case "unfinished":
          throw pathError("invalid numeric literal", match);
        case "junk":
          throw pathError("trailing junk after numeric literal", match);
        case "word": {
          this.#at -= match.length;
          const word = this.#word();
          if (word !== null) return word;
          break;
        }
        default:
          return { kind: name, text: match, written: match, near: match };
      }
    }
  }

  #longest(): readonly [Rule, string] {
    let best: readonly [Rule, string] | null = null;
    for (const [name, pattern] of rules) {
      const match = matchAt(pattern, this.#text, this.#at);
      if (match !== null && (best === null || match.length > best[1].length)) best = [name, match];
    }
    // Every unit is one of the rules' first ones.
    return best ?? ["junk", this.#text.slice(this.#at, this.#at + 1)];
  }

  #comment(): void {
    const end = this.#text.indexOf("*/", this.#at);
    if (end < 0) throw pathError("unexpected end of comment", "");
    this.#at = end + 2;
  }

  #quoted(kind: "string" | "variable"): Token {
    let value = "";
    for (;;) {
      const part = matchAt(quotedPart, this.#text, this.#at);
      if (part !== null) {
        value += part;
        this.#at += part.length;
      } else if (this.#at >= this.#text.length) throw pathError("unexpected end of quoted string", "");
      else if (this.#text[this.#at] === '"') {
        this.#at += 1;
        return { kind, text: value, written: value, near: '"' };
      } else value += this.#escape();
    }
  }

  /** A name or keyword without quotes. Null for one that a comment ends: PostgreSQL's scanner forgets it. */
  #word(): Token | null {
    let value = "";
    for (;;) {
      const part = matchAt(wordPart, this.#text, this.#at);
      const end = part === null ? matchAt(wordEnd, this.#text, this.#at) : null;
      if (part !== null) {
        value += part;
        this.#at += part.length;
      } else if (this.#at >= this.#text.length) return wordToken(value, "");
      else if (end === "/*") {
        this.#at += 2;
        this.#comment();
        return null;
      } else if (end !== null) {
        const isBlank = /^[ \t\n\r\f]/u.test(end);
        if (isBlank) this.#at += end.length;
        return wordToken(value, isBlank ? end : "");
      } else value += this.#escape();
    }
  }

  /** What stands behind a backslash; several escapes of Unicode in a row are one match. */
  #escape(): string {
    const text = this.#text;
    const unit = text[this.#at + 1];
    if (unit === undefined) throw pathError("unexpected end after backslash", "\\");
    if (unit === "u") return this.#unicode();
    if (unit === "x") {
      const match = matchAt(hexadecimal, text, this.#at);
      if (match === null)
        throw pathError("invalid hex character sequence", matchAt(hexadecimalStart, text, this.#at) ?? "");
      this.#at += match.length;
      return characterOf(Number.parseInt(match.slice(2), 16));
    }
    const code = text.codePointAt(this.#at + 1) ?? 0;
    const character = String.fromCodePoint(code);
    this.#at += 1 + character.length;
    return controls[character] ?? character;
  }

  #unicode(): string {
    const from = this.#at;
    const codes: number[] = [];
    while (this.#text.startsWith("\\u", this.#at)) {
      const match = matchAt(unicode, this.#text, this.#at);
      if (match === null) {
        const start = matchAt(unicodeStart, this.#text, this.#at) ?? "";
        throw pathError("invalid unicode sequence", this.#text.slice(from, this.#at + start.length));
      }
      this.#at += match.length;
      codes.push(Number.parseInt(match.replaceAll(/[\\u{}]/gu, ""), 16));
    }
    return joinSurrogates(codes);
  }
}

function wordToken(value: string, near: string): Token {
  const lower = value.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase());
  const isKeyword = keywords.has(lower) || exactKeywords.has(value);
  return { kind: isKeyword ? "keyword" : "identifier", text: isKeyword ? lower : value, written: value, near };
}

function characterOf(code: number): string {
  if (code === 0)
    throw new SqlError("22P05", "unsupported Unicode escape sequence", {
      detail: String.raw`\u0000 cannot be converted to text.`,
    });
  if (code > 0x10_ffff) throw new SqlError("22P05", "could not convert Unicode to server encoding");
  return String.fromCodePoint(code);
}

function joinSurrogates(codes: readonly number[]): string {
  let text = "";
  let high = -1;
  for (const code of codes) {
    const isHigh = code >= 0xd800 && code <= 0xdbff;
    const isLow = code >= 0xdc00 && code <= 0xdfff;
    if (isHigh) {
      if (high >= 0) throw invalidPath("Unicode high surrogate must not follow a high surrogate.");
      high = code;
      continue;
    }
    if (isLow !== high >= 0) throw invalidPath("Unicode low surrogate must follow a high surrogate.");
    text += isLow ? String.fromCharCode(high, code) : characterOf(code);
    high = -1;
  }
  if (high >= 0) throw invalidPath("Unicode low surrogate must follow a high surrogate.");
  return text;
}
