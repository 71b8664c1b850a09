/** Arrays of one dimension: their text in braces, their binary form, their order. */
import { assert } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import { receiveItems } from "./array-binary.js";
import { concatBytes, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Datum, Value } from "./datum.js";
import { spacesFrom, trimSpaces } from "./spaces.js";
import { noModifier, type Oid } from "./sql-type.js";

/** An array of one dimension. */
export class SqlArray {
  readonly elementType: Oid;
  readonly items: readonly Datum[];
  /** Subscript of the first element: 0 in an int2vector or oidvector (and in what those are cast to), else 1. */
  readonly first: 0 | 1;

  constructor(elementType: Oid, items: readonly Datum[], first: 0 | 1 = 1) {
    this.elementType = elementType;
    this.items = items;
    this.first = first;
  }

  /** The element with a subscript; NULL where there is none. */
  at(subscript: number): Datum {
    return this.items[subscript - this.first] ?? null;
  }
}

export function arrayOf(value: Value): SqlArray {
  assert(value instanceof SqlArray, "a value of an array type is an array");
  return value;
}

const malformed = (text: string, detail?: string): SqlError =>
  new SqlError("22P02", `malformed array literal: "${text}"`, { detail });

/** An element as it stands between the braces; null for NULL. */
type Item = string | null;

/** Reads `{a,"b c",NULL}`. Elements are as they were written, without quotes and escapes. */
export function readArrayText(text: string, delimiter: string): Item[] {
  let at = 0;
  const skip = (): void => {
    while (/[ \t-\r]/u.test(text[at] ?? "")) at += 1;
  };
  skip();
  if (text[at] === "[") {
    const bounds = /^\[[ \t-\r]*1[ \t-\r]*:[ \t-\r]*\d+[ \t-\r]*\][ \t-\r]*=/u.exec(text.slice(at));
    if (bounds === null) {
      if (/^(?:\[[ \t-\r]*-?\d+[ \t-\r]*(?::[ \t-\r]*-?\d+[ \t-\r]*)?\])+[ \t-\r]*=/u.test(text.slice(at)))
        throw notSupported("an array of several dimensions, or whose first element is not number 1,");
      throw malformed(text, "Missing array dimension value.");
    }
    at += bounds[0].length;
    skip();
  }
  if (text[at] !== "{") throw malformed(text, 'Array value must start with "{" or dimension information.');
  at += 1;
  const items: Item[] = [];
  skip();
  if (text[at] === "}") at += 1;
  else
    for (;;) {
      skip();
      const item = readItem(text, at, delimiter);
      items.push(item.value);
      at = item.next;
      skip();
      const next = text[at];
      if (next === undefined) throw malformed(text, "Unexpected end of input.");
      at += 1;
      if (next === "}") break;
      if (next !== delimiter) throw malformed(text, "Unexpected array element.");
    }
  skip();
  if (at < text.length) throw malformed(text, "Junk after closing right brace.");
  return items;
}

function readItem(text: string, from: number, delimiter: string): { readonly value: Item; readonly next: number } {
  let at = from;
  const first = text[at];
  if (first === undefined) throw malformed(text, "Unexpected end of input.");
  if (first === "{") throw notSupported("an array of several dimensions");
  if (first === delimiter || first === "}") throw malformed(text, `Unexpected "${first}" character.`);
  let value = "";
  if (first === '"') {
    at += 1;
    while (text[at] !== '"') {
      if (text[at] === "\\") at += 1;
      if (text[at] === undefined) throw malformed(text, "Unexpected end of input.");
      value += text[at] ?? "";
      at += 1;
    }
    return { value, next: at + 1 };
  }
  let isEscaped = false;
  let keep = 0;
  while (text[at] !== delimiter && text[at] !== "}") {
    if (text[at] === undefined) throw malformed(text, "Unexpected end of input.");
    if (text[at] === '"') throw malformed(text, "Unexpected array element.");
    if (text[at] === "{") throw malformed(text, 'Unexpected "{" character.');
    if (text[at] === "\\") {
      isEscaped = true;
      at += 1;
      if (text[at] === undefined) throw malformed(text, "Unexpected end of input.");
      value += text[at] ?? "";
      keep = value.length;
    } else value += text[at] ?? "";
    at += 1;
  }
  const trimmed = value.slice(0, Math.max(keep, spacesFrom(value)));
  return { value: !isEscaped && /^null$/iu.test(trimmed) ? null : trimmed, next: at };
}

/** An element between the braces, in quotes where it needs them. */
export function quoteItem(text: string, delimiter: string): string {
  const needsQuotes = text === "" || /^null$/iu.test(text) || /["\\{} \t-\r]/u.test(text) || text.includes(delimiter);
  return needsQuotes ? `"${text.replace(/["\\]/gu, "\\$&")}"` : text;
}

export interface ArrayElement {
  readonly type: Oid;
  readonly codec: TypeCodec;
  readonly delimiter: string;
}

export function arrayCodec({ type, codec, delimiter }: ArrayElement): TypeCodec {
  return {
    input: (text, modifier, context) =>
      new SqlArray(
        type,
        readArrayText(text, delimiter).map((item) => (item === null ? null : codec.input(item, modifier, context))),
      ),
    output: (value, context) => {
      const items = arrayOf(value).items.map((item) =>
        item === null ? "NULL" : quoteItem(codec.output(item, context), delimiter),
      );
      const { first } = arrayOf(value);
      const bounds = first === 1 || items.length === 0 ? "" : `[${first}:${items.length - 1 + first}]=`;
      return `${bounds}{${items.join(delimiter)}}`;
    },
    receive: (bytes, modifier, context) =>
      new SqlArray(
        type,
        receiveItems(bytes, type, 1, (item) => codec.receive(item, modifier, context)),
      ),
    send: (value, context) => {
      const { items, first } = arrayOf(value);
      const head = fixed(items.length === 0 ? 12 : 20, (view) => {
        view.setInt32(0, items.length === 0 ? 0 : 1);
        view.setInt32(4, items.includes(null) ? 1 : 0);
        view.setUint32(8, type);
        if (items.length > 0) {
          view.setInt32(12, items.length);
          view.setInt32(16, first);
        }
      });
      return concatBytes([head, ...items.map((item) => sendItem(item === null ? null : codec.send(item, context)))]);
    },
  };
}

function sendItem(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) return fixed(4, (view) => view.setInt32(0, -1));
  return concatBytes([fixed(4, (view) => view.setInt32(0, bytes.length)), bytes]);
}

/** int2vector and oidvector: numbers between spaces, counted from 0. */
export function vectorCodec(element: Oid, codec: TypeCodec): TypeCodec {
  return {
    ...arrayCodec({ type: element, codec, delimiter: "," }),
    input: (text, _modifier, context) =>
      new SqlArray(
        element,
        trimSpaces(text) === ""
          ? []
          : text
              .trim()
              .split(/[ \t-\r]+/u)
              .map((word) => codec.input(word, noModifier, context)),
        0,
      ),
    receive: (bytes, modifier, context) =>
      new SqlArray(
        element,
        receiveItems(bytes, element, 0, (item) => codec.receive(item, modifier, context)),
        0,
      ),
    output: (value, context) =>
      arrayOf(value)
        .items.map((item) => (item === null ? "" : codec.output(item, context)))
        .join(" "),
  };
}
