/**
 * What a column holds once a part of it has been given a value: an element or a slice of an array (`SET a[2] = 5`), what stands at a path in a
 * jsonb (`SET j['a'][0] = '1'`), a field of a row (`SET c.field = 3`), or a part of such a part.
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { arrayOf, SqlArray } from "../types/array.js";
import { grownMax, tooManyNew, withElement, withSlice } from "../types/array-assignment.js";
import type { Datum } from "../types/datum.js";
import { isArrayNode, isObjectNode, Jsonb, type JsonbNode, nodeOf, objectNode } from "../types/jsonb.js";
import { compositeOf, recordOf } from "../types/record.js";
import { type Oid, type RecordField, type SqlType, sqlType } from "../types/sql-type.js";
import { textOf } from "../types/text.js";
import type { EvaluationContext } from "./context.js";
import type { ResolvedScalar } from "./registry.js";

const base = { kind: "scalar", oid: 0, volatility: "immutable", isStrict: false } as const;
function subscriptOf(value: Datum): number {
  if (value === null) throw new SqlError("22004", "array subscript in assignment must not be null");
  return Number(value);
}

/** A function of an array, a value, and one number for each subscript. */
export const elementAssigned = (type: SqlType, element: Oid): ResolvedScalar => ({
  ...base,
  name: "element",
  argumentTypes: [type, sqlType(element)],
  resultType: type,
  evaluator: {
    arity: "any",
    call: ([array = null, value = null, ...places]) => {
      const whole = array === null ? new SqlArray(element, []) : arrayOf(array);
      return withElement(whole, places.map(subscriptOf), value);
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
      const bounds = ends.map(({ from, to }) => ({
        from: from ? (given.shift() ?? 0) : null,
        to: to ? (given.shift() ?? 0) : null,
      }));
      return withSlice(whole, bounds, arrayOf(source).items);
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

/** One way into a value: to what is there, and back with another in its place. */
export interface PartStep {
  /** How many subscripts it has. */
  readonly placeCount: number;
  readonly old: (whole: Datum, places: readonly Datum[]) => Datum;
  readonly replaced: (whole: Datum, value: Datum, places: readonly Datum[], context: EvaluationContext) => Datum;
}

/** To a field of a composite type. Where there is no row yet its other fields are NULL. */
export function fieldStep(type: Oid, fields: readonly RecordField[], index: number): PartStep {
  const fieldOf = (whole: Datum, at: number): Datum => (whole === null ? null : (recordOf(whole).values[at] ?? null));
  return {
    placeCount: 0,
    old: (whole) => fieldOf(whole, index),
    replaced: (whole, value) =>
      compositeOf(
        type,
        fields,
        fields.map((_, at) => (at === index ? value : fieldOf(whole, at))),
      ),
  };
}

/** To an element, a slice or a path. @param assigned a function of the whole, the value and the subscripts */
export function subscriptStep({ evaluator }: ResolvedScalar, placeCount: number): PartStep {
  assert(evaluator.arity === "any", "an assignment to a part takes any number of subscripts");
  const { call } = evaluator;
  return {
    placeCount,
    old: (whole, places) =>
      whole instanceof SqlArray && !places.includes(null) ? whole.within(places.map(Number)) : null,
    replaced: (whole, value, places, context) => call([whole, value, ...places], context),
  };
}

/** A function of a value, another for the part of it that some steps lead to, and the subscripts of all of them. */
export const partAssigned = (type: SqlType, takes: SqlType, steps: readonly PartStep[]): ResolvedScalar => ({
  ...base,
  name: "part",
  argumentTypes: [type, takes],
  resultType: type,
  evaluator: {
    arity: "any",
    call: ([whole = null, value = null, ...places], context) => {
      const within = (old: Datum, depth: number, from: number): Datum => {
        const step = steps[depth];
        if (step === undefined) return value;
        const own = places.slice(from, from + step.placeCount);
        const isLast = depth === steps.length - 1;
        const next = isLast ? value : within(step.old(old, own), depth + 1, from + step.placeCount);
        return step.replaced(old, next, own, context);
      };
      return within(whole, 0, 0);
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
