/** Arrays: their text in braces and their binary form. Most have one dimension that begins at 1, and nothing beside their elements. */
import { assert } from "../../types/assert.js";
import { receiveArray } from "./array-binary.js";
import { boundsText, type Dimension, nested, placeOf } from "./array-shape.js";
import { type Item, malformed, type ReadArray, readShapedText } from "./array-text.js";
import { concatBytes, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Datum, Value } from "./datum.js";
import { invalidBinary } from "./invalid.js";
import { spacesFrom, trimSpaces } from "./spaces.js";
import { noModifier, type Oid, typeOid } from "./sql-type.js";

/** An array's elements, row by row where it has several dimensions. */
export class SqlArray {
  readonly elementType: Oid;
  readonly items: readonly Datum[];
  /** Null: one dimension that begins at 1, or no elements, which have no dimension. */
  readonly shape: readonly Dimension[] | null;

  constructor(elementType: Oid, items: readonly Datum[], shape: readonly Dimension[] | null = null) {
    this.elementType = elementType;
    this.items = items;
    this.shape = shape;
  }

  /** The dimensions, outermost first; none of an array without elements. */
  get dimensions(): readonly Dimension[] {
    if (this.shape !== null) return this.shape;
    return this.items.length === 0 ? [] : [{ length: this.items.length, first: 1 }];
  }

  /** Subscript of the first element of the outermost dimension. */
  get first(): number {
    return this.shape?.[0]?.first ?? 1;
  }

  /** The element with a subscript; NULL where there is none, and in an array of several dimensions. */
  at(subscript: number): Datum {
    return (this.shape === null ? this.items[subscript - 1] : this.within([subscript])) ?? null;
  }

  /** The element with one subscript for each dimension; NULL where there is none. */
  within(subscripts: readonly number[]): Datum {
    return this.items[placeOf(this.dimensions, subscripts)] ?? null;
  }

  /** Other elements, as many, in the places of these. */
  withItems(elementType: Oid, items: readonly Datum[]): SqlArray {
    return new SqlArray(elementType, items, this.shape);
  }
}

/** An array with dimensions that may be none, or what a plain one has. */
export function shapedArray(elementType: Oid, items: readonly Datum[], dimensions: readonly Dimension[]): SqlArray {
  const isPlain = items.length === 0 || (dimensions.length === 1 && dimensions[0]?.first === 1);
  return new SqlArray(elementType, items, isPlain ? null : dimensions);
}

/** What an int2vector or an oidvector is: counted from 0. */
export const vectorOf = (elementType: Oid, items: readonly Datum[]): SqlArray =>
  shapedArray(elementType, items, [{ length: items.length, first: 0 }]);

export function arrayOf(value: Value): SqlArray {
  assert(value instanceof SqlArray, "a value of an array type is an array");
  return value;
}

/** Reads `{a,"b c",NULL}`. Elements are as they were written, without quotes and escapes. */
function readArrayText(text: string, delimiter: string): ReadArray {
  let at = 0;
  const skip = (): void => {
    while (/[ \t-\r]/u.test(text[at] ?? "")) at += 1;
  };
  skip();
  if (text[at] === "[") return readShapedText(text, delimiter);
  if (text[at] !== "{") throw malformed(text, 'Array value must start with "{" or dimension information.');
  at += 1;
  const items: Item[] = [];
  skip();
  if (text[at] === "}") at += 1;
  else
    for (;;) {
      skip();
      if (text[at] === "{" && items.length === 0) return readShapedText(text, delimiter);
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
  return { items, shape: null };
}

function readItem(text: string, from: number, delimiter: string): { readonly value: Item; readonly next: number } {
  let at = from;
  const first = text[at];
  if (first === undefined) throw malformed(text, "Unexpected end of input.");
  if (first === delimiter || first === "}" || first === "{") throw malformed(text, `Unexpected "${first}" character.`);
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
    input: (text, modifier, context) => {
      const { items, shape } = readArrayText(text, delimiter);
      const values = items.map((item) => (item === null ? null : codec.input(item, modifier, context)));
      return shape === null ? new SqlArray(type, values) : shapedArray(type, values, shape);
    },
    output: (value, context) => {
      const array = arrayOf(value);
      const items = array.items.map((item) =>
        item === null ? "NULL" : quoteItem(codec.output(item, context), delimiter),
      );
      const { shape } = array;
      if (shape === null) return `{${items.join(delimiter)}}`;
      const bounds = shape.every(({ first }) => first === 1) ? "" : `${boundsText(shape)}=`;
      return `${bounds}${nested(items, shape, (level) => `{${level.join(delimiter)}}`)}`;
    },
    receive: (bytes, modifier, context) => {
      const { items, dimensions } = receiveArray(bytes, type, (item) => codec.receive(item, modifier, context));
      return shapedArray(type, items, dimensions);
    },
    send: (value, context) => {
      const { items, dimensions } = arrayOf(value);
      const head = fixed(12 + dimensions.length * 8, (view) => {
        view.setInt32(0, dimensions.length);
        view.setInt32(4, items.includes(null) ? 1 : 0);
        view.setUint32(8, type);
        for (const [at, { length, first }] of dimensions.entries()) {
          view.setInt32(12 + at * 8, length);
          view.setInt32(16 + at * 8, first);
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
      vectorOf(
        element,
        trimSpaces(text) === ""
          ? []
          : text
              .trim()
              .split(/[ \t-\r]+/u)
              .map((word) => codec.input(word, noModifier, context)),
      ),
    receive: (bytes, modifier, context) => {
      const { items, dimensions } = receiveArray(bytes, element, (item) => codec.receive(item, modifier, context));
      if (items.length > 0 && (dimensions.length !== 1 || dimensions[0]?.first !== 0))
        throw invalidBinary(`invalid ${element === typeOid.oid ? "oidvector" : "int2vector"} data`);
      return vectorOf(element, items);
    },
    output: (value, context) =>
      arrayOf(value)
        .items.map((item) => (item === null ? "" : codec.output(item, context)))
        .join(" "),
  };
}
