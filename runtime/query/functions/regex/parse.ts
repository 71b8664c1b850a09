/**
 * Reads PostgreSQL's advanced regular expressions (chapter "Pattern Matching") into a tree. POSIX syntax with the escapes of Perl:
 * non-greedy quantifiers, non-capturing groups, lookaround, back references, classes, embedded options.
 */
import { SqlError } from "../../error.js";
import {
  anyCharacter,
  type CharacterSet,
  classNamed,
  isWordCharacter,
  SetBuilder,
  singleCharacter,
} from "./character-set.js";

export type RegexNode =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly kind: "choice"; readonly items: readonly RegexNode[] }
  | { readonly kind: "group"; readonly item: RegexNode; readonly capture: number }
  /** `max` is Infinity for no limit. */
  | {
      readonly kind: "repeat";
      readonly item: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly isGreedy: boolean;
    }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "look"; readonly item: RegexNode; readonly isAhead: boolean; readonly isNegative: boolean }
  | { readonly kind: "back"; readonly capture: number };

export type Assertion =
  | "textStart"
  | "textEnd"
  | "lineStart"
  | "lineEnd"
  | "wordStart"
  | "wordEnd"
  | "wordBoundary"
  | "notWordBoundary";

export interface RegexOptions {
  readonly ignoresCase: boolean;
  /** `.` and negated sets do not match a new line. */
  readonly dotExcludesNewLine: boolean;
  /** `^` and `$` match at each line. */
  readonly anchorsAtLines: boolean;
  readonly isExpanded: boolean;
  readonly isLiteral: boolean;
}

export const defaultOptions: RegexOptions = {
  ignoresCase: false,
  dotExcludesNewLine: false,
  anchorsAtLines: false,
  isExpanded: false,
  isLiteral: false,
};

export interface ParsedRegex {
  readonly node: RegexNode;
  readonly captures: number;
  readonly hasBackReferences: boolean;
}

const repeatMax = 255;
/** Groups within one another at most. */
const depthMax = 500;

export const invalidRegex = (detail: string): SqlError =>
  new SqlError("2201B", `invalid regular expression: ${detail}`);

/** Options by their letters; `g` is the caller's. Throws 22023 for others. */
export function optionsOf(letters: string, base: RegexOptions = defaultOptions): RegexOptions {
  let options = base;
  for (const letter of letters)
    switch (letter) {
      case "i":
        options = { ...options, ignoresCase: true };
        break;
      case "c":
        options = { ...options, ignoresCase: false };
        break;
      case "n":
      case "m":
        options = { ...options, dotExcludesNewLine: true, anchorsAtLines: true };
        break;
      case "s":
        options = { ...options, dotExcludesNewLine: false, anchorsAtLines: false };
        break;
      case "p":
        options = { ...options, dotExcludesNewLine: true, anchorsAtLines: false };
        break;
      case "w":
        options = { ...options, dotExcludesNewLine: false, anchorsAtLines: true };
        break;
      case "x":
        options = { ...options, isExpanded: true };
        break;
      case "t":
        options = { ...options, isExpanded: false };
        break;
      case "q":
        options = { ...options, isLiteral: true };
        break;
      case "e":
        break;
      case "b":
        throw new SqlError("0A000", "basic regular expressions are not supported");
      default:
        throw new SqlError("22023", `invalid regular expression option: "${letter}"`);
    }
  return options;
}

export function parseRegex(pattern: string, given: RegexOptions): ParsedRegex {
  let text = pattern;
  let options = given;
  if (text.startsWith("***=")) {
    text = text.slice(4);
    options = { ...options, isLiteral: true };
  } else if (text.startsWith("***:")) text = text.slice(4);
  const embedded = options.isLiteral ? null : /^\(\?([a-z]+)\)/u.exec(text);
  if (embedded !== null) {
    options = optionsOf(embedded[1] ?? "", options);
    text = text.slice(embedded[0].length);
  }
  return new RegexParser(text, options).parse();
}

const controlEscapes: Readonly<Record<string, number>> = { a: 7, b: 8, B: 92, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 };
const classEscapes: Readonly<Record<string, readonly [name: string, isNegated: boolean]>> = {
  d: ["digit", false],
  D: ["digit", true],
  s: ["space", false],
  S: ["space", true],
  w: ["word", false],
  W: ["word", true],
};
const assertEscapes: Readonly<Record<string, Assertion>> = {
  A: "textStart",
  Z: "textEnd",
  m: "wordStart",
  M: "wordEnd",
  y: "wordBoundary",
  Y: "notWordBoundary",
};

class RegexParser {
  readonly #codes: readonly string[];
  readonly #options: RegexOptions;
  #at = 0;
  #captures = 0;
  /** Those that are open around this place. */
  #lookarounds = 0;
  /** Groups that are not over yet: nothing in them refers to them. */
  readonly #open = new Set<number>();
  #depth = 0;
  #hasBackReferences = false;

  constructor(text: string, options: RegexOptions) {
    this.#codes = Array.from(text);
    this.#options = options;
  }

  parse(): ParsedRegex {
    if (this.#options.isLiteral) {
      const items = this.#codes.map((character) => this.#literal(character));
      return { node: { kind: "sequence", items }, captures: 0, hasBackReferences: false };
    }
    const node = this.#choice();
    if (this.#at < this.#codes.length) throw invalidRegex("parentheses () not balanced");
    return { node, captures: this.#captures, hasBackReferences: this.#hasBackReferences };
  }

  #peek(offset = 0): string {
    return this.#codes[this.#at + offset] ?? "";
  }

  #take(): string {
    const character = this.#peek();
    this.#at += 1;
    return character;
  }

  #accept(text: string): boolean {
    const characters = Array.from(text);
    if (!characters.every((character, index) => this.#peek(index) === character)) return false;
    this.#at += characters.length;
    return true;
  }

  #literal(character: string): RegexNode {
    return { kind: "set", set: singleCharacter(character.codePointAt(0) ?? 0, this.#options.ignoresCase) };
  }

  #choice(): RegexNode {
    this.#depth += 1;
    if (this.#depth > depthMax) throw invalidRegex("regular expression is too complex");
    const items = [this.#sequence()];
    while (this.#accept("|")) items.push(this.#sequence());
    this.#depth -= 1;
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: "choice", items };
  }

  #skipExpanded(): void {
    if (!this.#options.isExpanded) return;
    for (;;)
      if (/\s/u.test(this.#peek())) this.#at += 1;
      else if (this.#peek() === "#") while (this.#at < this.#codes.length && this.#take() !== "\n");
      else return;
  }

  #sequence(): RegexNode {
    const items: RegexNode[] = [];
    for (;;) {
      this.#skipExpanded();
      const next = this.#peek();
      if (next === "" || next === "|" || (next === ")" && this.#depth > 1)) break;
      if (next === ")") throw invalidRegex("parentheses () not balanced");
      if (this.#accept("(?#")) {
        while (this.#peek() !== ")" && this.#peek() !== "") this.#at += 1;
        if (!this.#accept(")")) throw invalidRegex("parentheses () not balanced");
        continue;
      }
      const atom = this.#atom();
      items.push(this.#quantified(atom));
    }
    const [only] = items;
    if (only === undefined) return { kind: "empty" };
    return items.length === 1 ? only : { kind: "sequence", items };
  }

  #quantified(atom: RegexNode): RegexNode {
    this.#skipExpanded();
    const bounds = this.#bounds();
    if (bounds === null) return atom;
    const isGreedy = !this.#accept("?");
    if (atom.kind === "assert" || atom.kind === "look") throw invalidRegex("quantifier operand invalid");
    if (/^[*+?]$/u.test(this.#peek()) || (this.#peek() === "{" && /\d/u.test(this.#peek(1))))
      throw invalidRegex("quantifier operand invalid");
    return { kind: "repeat", item: atom, min: bounds.min, max: bounds.max, isGreedy };
  }

  #bounds(): { readonly min: number; readonly max: number } | null {
    if (this.#accept("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#accept("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#accept("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{" || !/\d/u.test(this.#peek(1))) return null;
    this.#at += 1;
    const min = this.#number();
    let max = min;
    if (this.#accept(",")) max = /\d/u.test(this.#peek()) ? this.#number() : Number.POSITIVE_INFINITY;
    if (!this.#accept("}")) throw invalidRegex("braces {} not balanced");
    if (min > max || min > repeatMax || (max !== Number.POSITIVE_INFINITY && max > repeatMax))
      throw invalidRegex("invalid repetition count(s)");
    return { min, max };
  }

  #number(): number {
    let value = 0;
    while (/\d/u.test(this.#peek())) value = Math.min(value * 10 + Number(this.#take()), 1_000_000);
    return value;
  }

  #atom(): RegexNode {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#bracket();
      case ".":
        return { kind: "set", set: anyCharacter(this.#options.dotExcludesNewLine) };
      case "^":
        return { kind: "assert", what: this.#options.anchorsAtLines ? "lineStart" : "textStart" };
      case "$":
        return { kind: "assert", what: this.#options.anchorsAtLines ? "lineEnd" : "textEnd" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw invalidRegex("quantifier operand invalid");
      case "{":
        if (/\d/u.test(this.#peek())) throw invalidRegex("quantifier operand invalid");
        return this.#literal(character);
      default:
        return this.#literal(character);
    }
  }

  #group(): RegexNode {
    const close = (): void => {
      if (!this.#accept(")")) throw invalidRegex("parentheses () not balanced");
    };
    const lookarounds = [
      ["?=", true, false],
      ["?!", true, true],
      ["?<=", false, false],
      ["?<!", false, true],
    ] as const;
    for (const [opening, isAhead, isNegative] of lookarounds)
      if (this.#accept(opening)) {
        this.#lookarounds += 1;
        const item = this.#choice();
        this.#lookarounds -= 1;
        close();
        return { kind: "look", item, isAhead, isNegative };
      }
    if (this.#accept("?:")) {
      const item = this.#choice();
      close();
      return { kind: "group", item, capture: 0 };
    }
    if (this.#peek() === "?") throw invalidRegex("quantifier operand invalid");
    let capture = 0;
    // Within a lookaround no parentheses capture.
    if (this.#lookarounds === 0) {
      this.#captures += 1;
      capture = this.#captures;
    }
    this.#open.add(capture);
    const item = this.#choice();
    close();
    this.#open.delete(capture);
    return { kind: "group", item, capture };
  }

  #classSet(name: string, isNegated: boolean): RegexNode {
    const test = classNamed(name);
    if (test === null) throw invalidRegex("invalid character class");
    const builder = new SetBuilder();
    builder.test(test);
    return {
      kind: "set",
      set: builder.build({ isNegated, ignoresCase: false, excludesNewLine: this.#options.dotExcludesNewLine }),
    };
  }

  #escape(): RegexNode {
    const letter = this.#peek();
    if (letter === "") throw invalidRegex("invalid escape \\ sequence");
    const named = classEscapes[letter];
    if (named !== undefined) {
      this.#at += 1;
      return this.#classSet(named[0], named[1]);
    }
    const assertion = assertEscapes[letter];
    if (assertion !== undefined) {
      this.#at += 1;
      return { kind: "assert", what: assertion };
    }
    if (/[1-9]/u.test(letter)) {
      const from = this.#at;
      const number = this.#number();
      if (number <= 9 || number <= this.#captures) {
        if (number > this.#captures || this.#lookarounds > 0 || this.#open.has(number))
          throw invalidRegex("invalid backreference number");
        this.#hasBackReferences = true;
        return { kind: "back", capture: number };
      }
      this.#at = from;
    }
    return this.#literal(String.fromCodePoint(this.#escapedCode()));
  }

  /** A character after a backslash, within brackets too. */
  #escapedCode(): number {
    const letter = this.#take();
    const control = controlEscapes[letter];
    if (control !== undefined) return control;
    const hex = (digits: number, isAtMost = false): number => {
      let value = 0;
      let count = 0;
      while (count < digits && /[0-9a-f]/iu.test(this.#peek())) {
        value = value * 16 + Number.parseInt(this.#take(), 16);
        count += 1;
      }
      if (count === 0 || (!isAtMost && count < digits) || value > 0x10_ffff)
        throw invalidRegex("invalid escape \\ sequence");
      return value;
    };
    switch (letter) {
      case "c":
        return (this.#take().codePointAt(0) ?? 0) & 31;
      case "u":
        return hex(4);
      case "U":
        return hex(8);
      case "x":
        return hex(255, true);
      default:
        if (/[0-7]/u.test(letter)) {
          let digits = letter;
          while (digits.length < 3 && /[0-7]/u.test(this.#peek())) digits += this.#take();
          return Number.parseInt(digits, 8);
        }
        if (/[a-z0-9]/iu.test(letter)) throw invalidRegex("invalid escape \\ sequence");
        return letter.codePointAt(0) ?? 0;
    }
  }

  #bracket(): RegexNode {
    if (this.#accept("[:<:]]")) return { kind: "assert", what: "wordStart" };
    if (this.#accept("[:>:]]")) return { kind: "assert", what: "wordEnd" };
    const isNegated = this.#accept("^");
    const builder = new SetBuilder();
    let isFirst = true;
    while (isFirst || this.#peek() !== "]") {
      if (this.#peek() === "") throw invalidRegex("brackets [] not balanced");
      this.#bracketItem(builder);
      isFirst = false;
    }
    this.#at += 1;
    return {
      kind: "set",
      set: builder.build({
        isNegated,
        ignoresCase: this.#options.ignoresCase,
        excludesNewLine: this.#options.dotExcludesNewLine,
      }),
    };
  }

  #bracketItem(builder: SetBuilder): void {
    if (this.#accept("[:")) {
      let name = "";
      while (/[a-z]/u.test(this.#peek())) name += this.#take();
      if (!this.#accept(":]")) throw invalidRegex("brackets [] not balanced");
      const test = classNamed(name);
      if (test === null) throw invalidRegex("invalid character class");
      builder.test(test);
      return;
    }
    if (this.#peek() === "\\") {
      const named = classEscapes[this.#peek(1)];
      if (named !== undefined) {
        this.#at += 2;
        const test = classNamed(named[0]) ?? isWordCharacter;
        builder.test(named[1] ? (code) => !test(code) : test);
        return;
      }
    }
    const from = this.#bracketCharacter();
    if (this.#peek() !== "-" || this.#peek(1) === "]" || this.#peek(1) === "") {
      builder.range(from, from);
      return;
    }
    this.#at += 1;
    const to = this.#bracketCharacter();
    if (to < from) throw invalidRegex("invalid character range");
    builder.range(from, to);
  }

  #bracketCharacter(): number {
    for (const mark of [".", "="])
      if (this.#accept(`[${mark}`)) {
        const character = this.#take();
        if (!this.#accept(`${mark}]`)) throw invalidRegex("invalid collating element");
        return character.codePointAt(0) ?? 0;
      }
    const character = this.#take();
    if (character === "\\") return this.#escapedCode();
    if (character === "") throw invalidRegex("brackets [] not balanced");
    return character.codePointAt(0) ?? 0;
  }
}
