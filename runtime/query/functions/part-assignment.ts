/**
 * What a column holds once a part of it has been given a value: an element or a slice of an array (`SET a[2] = 5`), or what stands at a path
 * in a jsonb (`SET j['a'][0] = '1'`). An array grows to take in what it is given, with NULLs between. One whose first element would not be
 * number 1 is refused, as everywhere here.
 */
import { assert } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import { arrayOf, SqlArray } from "../types/array.js";
import type { Datum } from "../types/datum.js";
import { isArrayNode, isObjectNode, Jsonb, type JsonbNode, nodeOf, objectNode } from "../types/jsonb.js";
import { type Oid, type SqlType, sqlType } from "../types/sql-type.js";
import { textOf } from "../types/text.js";
import type { ResolvedScalar } from "./registry.js";

/** How many elements an array has at most. */
const itemsMax = 2 ** 27 - 1;
/** What a part that was not there may add at most: more elements than a row has bytes could not be stored. */
const grownMax = 2 ** 20;

const base = { kind: "scalar", oid: 0, volatility: "immutable", isStrict: false } as const;
const tooManyItems = (): SqlError => new SqlError("54000", `array size exceeds the maximum allowed (${itemsMax})`);
const tooManyNew = (): SqlError => new SqlError("54000", `a part of a value adds more than ${grownMax} elements to it`);
const wrongSubscript = (message: string, detail?: string): SqlError => new SqlError("2202E", message, { detail });

function subscriptOf(value: Datum): number {
  if (value === null) throw new SqlError("22004", "array subscript in assignment must not be null");
  return Number(value);
}

/** Throws for an array that is no array here: of more dimensions, or one that begins elsewhere. */
function expectOneDimension(array: SqlArray, subscripts: number): void {
  if (subscripts === 1) return;
  if (array.items.length === 0) throw notSupported("an array of several dimensions");
  throw wrongSubscript("wrong number of array subscripts");
}

/** The elements with those from `from` on in the places of what was there. */
function withItems(array: SqlArray, from: number, items: readonly Datum[]): SqlArray {
  const { elementType, first, items: old } = array;
  if (from < first || (old.length === 0 && from !== first))
    throw notSupported("an array whose first element is not number 1");
  const at = from - first;
  const length = Math.max(old.length, at + items.length);
  if (length > itemsMax || from + items.length - 1 > itemsMax) throw tooManyItems();
  if (length > old.length + items.length + grownMax) throw tooManyNew();
  const result: Datum[] = [...old];
  while (result.length < at) result.push(null);
  for (const [index, item] of items.entries()) result[at + index] = item;
  return new SqlArray(elementType, result, first);
}

/** A function of an array, a value, and one number for each subscript. */
export const elementAssigned = (type: SqlType, element: Oid, subscripts: number): ResolvedScalar => ({
  ...base,
  name: "element",
  argumentTypes: [type, sqlType(element)],
  resultType: type,
  evaluator: {
    arity: "any",
    call: ([array = null, value = null, ...places]) => {
      const [place = 0] = places.map(subscriptOf);
      const whole = array === null ? new SqlArray(element, []) : arrayOf(array);
      expectOneDimension(whole, subscripts);
      return withItems(whole, place, [value]);
    },
  },
});

/** Which ends of a slice were written: `a[1:]` has the first only. */
export interface SliceEnds {
  readonly from: boolean;
  readonly to: boolean;
}

/** A function of an array, another whose elements are taken, and the ends that were written, in their order. */
export const sliceAssigned = (type: SqlType, element: Oid, ends: readonly SliceEnds[]): ResolvedScalar => ({
  ...base,
  name: "slice",
  argumentTypes: [type, type],
  resultType: type,
  evaluator: {
    arity: "any",
    call: ([array = null, source = null, ...places]) => {
      const given = places.map(subscriptOf);
      const whole = array === null ? new SqlArray(element, []) : arrayOf(array);
      if (source === null) return whole;
      expectOneDimension(whole, ends.length);
      const [end] = ends;
      assert(end !== undefined, "a slice has ends");
      const { items } = arrayOf(source);
      const { first, items: old } = whole;
      const isEmpty = old.length === 0;
      if (isEmpty && !(end.from && end.to)) {
        const detail = "When assigning to a slice of an empty array value, slice boundaries must be fully specified.";
        throw wrongSubscript("array slice subscript must provide both boundaries", detail);
      }
      const from = end.from ? (given.shift() ?? first) : first;
      const to = end.to ? (given.shift() ?? first) : first + old.length - 1;
      const length = to - from + 1;
      if (isEmpty && (length < 0 || length > itemsMax)) throw tooManyItems();
      if (!isEmpty && length < 1) throw wrongSubscript("upper bound cannot be less than lower bound");
      if (length > itemsMax) throw tooManyItems();
      if (items.length < length) throw wrongSubscript("source array too small");
      return length === 0 ? whole : withItems(whole, from, items.slice(0, length));
    },
  },
});

/**
 * A function of a jsonb, another that takes its place at a path, and the path's steps as texts.
 * @param startsInArray what a NULL is taken for: an empty array, or an empty object
 */
export const pathAssigned = (type: SqlType, startsInArray: boolean): ResolvedScalar => ({
  ...base,
  name: "path",
  argumentTypes: [type, type],
  resultType: type,
  evaluator: {
    arity: "any",
    call: ([json = null, value = null, ...steps]) => {
      const path = steps.map((step) => {
        if (step === null) throw new SqlError("22004", "jsonb subscript in assignment must not be null");
        return textOf(step);
      });
      const whole = json === null ? (startsInArray ? [] : objectNode([])) : nodeOf(json);
      return new Jsonb(placed(whole, path, 0, value === null ? null : nodeOf(value)));
    },
  },
});

const integerPattern = /^[ \t-\r]*[+-]?\d+$/u;
const int4Max = 2 ** 31 - 1;

/** The node with a value at what is left of the path, which is made where there is none of it. */
function placed(node: JsonbNode, path: readonly string[], depth: number, value: JsonbNode): JsonbNode {
  const key = path[depth];
  if (key === undefined) return value;
  if (isObjectNode(node)) {
    const have = node.get(key);
    const next = have === undefined ? made(path, depth + 1, value) : placed(have, path, depth + 1, value);
    return objectNode([...node, [key, next]]);
  }
  if (!isArrayNode(node)) {
    const detail = "The path assumes key is a composite object, but it is a scalar value.";
    throw new SqlError("22023", "cannot replace existing key", { detail });
  }
  if (!integerPattern.test(key) || Math.abs(Number(key)) > int4Max)
    throw new SqlError("22P02", `path element at position ${depth + 1} is not an integer: "${key}"`);
  const index = Number(key) < 0 ? node.length + Number(key) : Number(key);
  if (index < 0) throw new SqlError("22023", `path element at position ${depth + 1} is out of range: ${Number(key)}`);
  const have = node[index];
  if (have !== undefined) return node.with(index, placed(have, path, depth + 1, value));
  return [...node, ...gap(index - node.length), made(path, depth + 1, value)];
}

/** What a step says that there is nothing at: an array for a number, an object for a name. */
function made(path: readonly string[], depth: number, value: JsonbNode): JsonbNode {
  const key = path[depth];
  if (key === undefined) return value;
  const next = made(path, depth + 1, value);
  return integerPattern.test(key) ? [...gap(Number(key)), next] : objectNode([[key, next]]);
}

function gap(length: number): readonly null[] {
  if (length > grownMax) throw tooManyNew();
  return new Array<null>(Math.max(0, length)).fill(null);
}
