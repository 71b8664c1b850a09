/**
 * Reads an array's text that has several dimensions, or says where its subscripts begin: `{{1,2},{3,4}}`, `[0:1]={1,2}`. Goes through the
 * states of PostgreSQL's `ArrayCount`, so that what is malformed is told in its words.
 */
import { SqlError } from "../error.js";
import { type Dimension, dimensionsMax, itemsOf, tooManyDimensions } from "./array-shape.js";

/** An element as it stands between the braces; null for NULL. */
export type Item = string | null;

export interface ReadArray {
  readonly items: readonly Item[];
  /** Null for one dimension that begins at 1, and for no elements. */
  readonly shape: readonly Dimension[] | null;
}

export const malformed = (text: string, detail?: string): SqlError =>
  new SqlError("22P02", `malformed array literal: "${text}"`, { detail });

const isSpace = (character: string | undefined): boolean => character !== undefined && /[ \t-\r]/u.test(character);

/** What stood last. */
type State =
  | "nothing"
  | "level"
  | "element"
  | "quoted"
  | "quoteEnd"
  | "levelEnd"
  | "levelDelimiter"
  | "elementDelimiter";

/** Reads the whole text, whose beginning is not that of a plain array. */
export function readShapedText(text: string, delimiter: string): ReadArray {
  const { bounds, at } = readBounds(text);
  const { items, lengths } = new Braces(text, delimiter, at).read();
  if (bounds === null) {
    itemsOf(lengths.map((length) => ({ length, first: 1 })));
    return { items, shape: lengths.length < 2 ? null : lengths.map((length) => ({ length, first: 1 })) };
  }
  if (bounds.length !== lengths.length || bounds.some(({ length }, index) => length !== lengths[index]))
    throw malformed(text, "Specified array dimensions do not match array contents.");
  itemsOf(bounds);
  return { items, shape: bounds };
}

/** `[0:1][3]=`, and where it ends. */
function readBounds(text: string): { readonly bounds: readonly Dimension[] | null; readonly at: number } {
  const bounds: Dimension[] = [];
  let at = 0;
  const skip = (): void => {
    while (isSpace(text[at])) at += 1;
  };
  const number = (): number | null => {
    const from = at;
    while (/[-+\d]/u.test(text[at] ?? "")) at += 1;
    return at === from ? null : Number.parseInt(text.slice(from, at), 10) || 0;
  };
  skip();
  while (text[at] === "[") {
    if (bounds.length >= dimensionsMax) throw tooManyDimensions(bounds.length + 1);
    at += 1;
    let first = 1;
    let last = number();
    if (last === null) throw malformed(text, '"[" must introduce explicitly-specified array dimensions.');
    if (text[at] === ":") {
      first = last;
      at += 1;
      last = number();
      if (last === null) throw malformed(text, "Missing array dimension value.");
    }
    if (text[at] !== "]") throw malformed(text, 'Missing "]" after array dimensions.');
    at += 1;
    if (last < first) throw new SqlError("2202E", "upper bound cannot be less than lower bound");
    bounds.push({ first, length: last - first + 1 });
    skip();
  }
  if (bounds.length === 0) return { bounds: null, at };
  if (text[at] !== "=") throw malformed(text, 'Missing "=" after array dimensions.');
  at += 1;
  skip();
  if (text[at] !== "{") throw malformed(text, 'Array contents must start with "{".');
  return { bounds, at };
}

class Braces {
  readonly #text: string;
  readonly #delimiter: string;
  #at: number;
  #state: State = "nothing";
  #level = 0;
  #depth = 1;
  /** Elements of the open brace of each level, and of the last one that was closed. */
  readonly #count = new Array<number>(dimensionsMax).fill(1);
  readonly #last = new Array<number>(dimensionsMax).fill(0);
  readonly #items: Item[] = [];
  #itemLevel = 0;

  constructor(text: string, delimiter: string, at: number) {
    this.#text = text;
    this.#delimiter = delimiter;
    this.#at = at;
  }

  read(): { readonly items: readonly Item[]; readonly lengths: readonly number[] } {
    for (let isOpen = true; isOpen; ) isOpen = this.#step();
    while (this.#at < this.#text.length) {
      if (!isSpace(this.#text[this.#at])) throw malformed(this.#text, "Junk after closing right brace.");
      this.#at += 1;
    }
    if (this.#items.length === 0) return { items: [], lengths: [] };
    const isEven = this.#itemLevel === this.#depth;
    if (!isEven) throw malformed(this.#text, "Multidimensional arrays must have sub-arrays with matching dimensions.");
    return { items: this.#items, lengths: this.#last.slice(0, this.#depth) };
  }

  /** One character, or one element. Answers whether a brace is open. */
  #step(): boolean {
    const character = this.#text[this.#at];
    if (character === undefined) throw malformed(this.#text, "Unexpected end of input.");
    if (character === "{") return this.#open();
    if (character === "}") return this.#close();
    if (character === this.#delimiter) {
      this.#expect(character, "element", "quoteEnd", "levelEnd");
      this.#state = this.#state === "levelEnd" ? "levelDelimiter" : "elementDelimiter";
      this.#count[this.#level - 1] = (this.#count[this.#level - 1] ?? 0) + 1;
      this.#at += 1;
    } else if (isSpace(character)) this.#at += 1;
    else {
      if (this.#state !== "level" && this.#state !== "elementDelimiter") {
        const detail = character === "\\" ? 'Unexpected "\\" character.' : "Unexpected array element.";
        throw malformed(this.#text, detail);
      }
      this.#items.push(character === '"' ? this.#quoted() : this.#bare());
      this.#itemLevel = this.#level;
    }
    return true;
  }

  #open(): boolean {
    this.#expect("{", "nothing", "level", "levelDelimiter");
    this.#state = "level";
    if (this.#level >= dimensionsMax) throw tooManyDimensions(this.#level + 1);
    this.#level += 1;
    this.#depth = Math.max(this.#depth, this.#level);
    this.#at += 1;
    return true;
  }

  #close(): boolean {
    const isEmpty = this.#level === 1 && this.#state === "level";
    if (!isEmpty) this.#expect("}", "element", "quoteEnd", "levelEnd");
    this.#state = "levelEnd";
    this.#level -= 1;
    const count = this.#count[this.#level] ?? 0;
    const last = this.#last[this.#level] ?? 0;
    if (last !== 0 && count !== last)
      throw malformed(this.#text, "Multidimensional arrays must have sub-arrays with matching dimensions.");
    this.#last[this.#level] = count;
    this.#count[this.#level] = 1;
    this.#at += 1;
    return this.#level > 0;
  }

  #expect(character: string, ...states: readonly State[]): void {
    if (!states.includes(this.#state)) throw malformed(this.#text, `Unexpected "${character}" character.`);
  }

  #quoted(): string {
    let value = "";
    this.#at += 1;
    while (this.#text[this.#at] !== '"') value += this.#character();
    this.#at += 1;
    this.#state = "quoteEnd";
    return value;
  }

  #bare(): Item {
    let value = "";
    let keep = 0;
    let isEscaped = false;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === "}" || character === this.#delimiter) break;
      if (character === '"') throw malformed(this.#text, "Unexpected array element.");
      if (character === "{") throw malformed(this.#text, 'Unexpected "{" character.');
      const isEscape = character === "\\";
      value += this.#character();
      if (isEscape || !isSpace(character)) keep = value.length;
      isEscaped ||= isEscape;
    }
    this.#state = "element";
    const trimmed = value.slice(0, keep);
    return !isEscaped && /^null$/iu.test(trimmed) ? null : trimmed;
  }

  /** The next character of an element, which a backslash may stand before. */
  #character(): string {
    if (this.#text[this.#at] === "\\") this.#at += 1;
    const character = this.#text[this.#at];
    if (character === undefined) throw malformed(this.#text, "Unexpected end of input.");
    this.#at += 1;
    return character;
  }
}
