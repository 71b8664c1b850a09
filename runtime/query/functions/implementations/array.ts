/** Functions of arrays, and the sets of rows that arrays and ranges unfold into. */
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import { boundsText, type Dimension, lastOf } from "../../types/array-shape.js";
import { codecOf } from "../../types/codecs.js";
import { comparatorOf } from "../../types/compare.js";
import { isFiniteTime } from "../../types/date-time/calendar.js";
import { requireZone } from "../../types/date-time/zones.js";
import type { Datum, Int64, Value } from "../../types/datum.js";
import { compareDecimals, type Decimal, decimalFromInteger } from "../../types/decimal.js";
import { add, signOf } from "../../types/decimal-arithmetic.js";
import { type Interval, intervalTotal } from "../../types/interval.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { elementTypeOf } from "../../types/type-table.js";
import type { EvaluationContext } from "../context.js";
import { type CallTypes, type Implementation, nullably, sets, setsOfAny, strictly } from "../define.js";
import { concatenated, expectFlat, filled, filtered, trimmed, withItem } from "./array-building.js";
import { addToTimestamp, addToTimestamptz } from "./date-time.js";
import { splitText } from "./text.js";

const elementOf = ({ result }: CallTypes): Oid => elementTypeOf(result);
const argumentElement = ({ args }: CallTypes, index = 0): Oid => elementTypeOf(args[index] ?? 0);

/** Equality as DISTINCT FROM has it: NULL is equal to NULL. */
function sameAs(type: Oid): (a: Datum, b: Datum) => boolean {
  const compare = comparatorOf(type);
  return (a, b) => (a === null || b === null ? a === b : compare(a, b) === 0);
}

const isEqual = (compare: (a: Value, b: Value) => number, a: Datum, b: Datum): boolean =>
  a !== null && b !== null && compare(a, b) === 0;

function joined(array: SqlArray, delimiter: string, nullText: string | null, context: EvaluationContext): string {
  const codec = codecOf(array.elementType);
  return array.items
    .flatMap((item) => (item === null ? (nullText === null ? [] : [nullText]) : [codec.output(item, context)]))
    .join(delimiter);
}

function contains(whole: SqlArray, part: SqlArray, { args }: CallTypes): boolean {
  const compare = comparatorOf(elementTypeOf(args[0] ?? 0));
  return part.items.every((item) => whole.items.some((other) => isEqual(compare, item, other)));
}

function overlaps(a: SqlArray, b: SqlArray, types: CallTypes): boolean {
  const compare = comparatorOf(argumentElement(types));
  return a.items.some((item) => b.items.some((other) => isEqual(compare, item, other)));
}

const searching = "searching for elements in";

function position(array: SqlArray | null, item: Datum, from: number | null, types: CallTypes): Datum {
  if (array === null) return null;
  expectFlat(array, searching);
  if (array.items.length === 0) return null;
  if (from === null) throw new SqlError("22004", "initial position must not be null");
  const same = sameAs(argumentElement(types));
  const at = array.items.findIndex((other, index) => index >= from - array.first && same(other, item));
  return at < 0 ? null : at + array.first;
}

/** The number of thresholds (in rising order) that are not above the operand. */
function bucket(operand: Datum, thresholds: SqlArray, types: CallTypes): number {
  if (thresholds.dimensions.length > 1) throw new SqlError("2202E", "thresholds must be one-dimensional array");
  if (thresholds.items.includes(null)) throw new SqlError("22004", "thresholds array must not contain NULLs");
  const compare = comparatorOf(argumentElement(types, 1));
  let low = 0;
  let high = thresholds.items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const threshold = thresholds.items[middle] ?? null;
    if (operand !== null && threshold !== null && compare(operand, threshold) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

const dimensionOf = ({ dimensions }: SqlArray, number: number): Dimension | null => dimensions[number - 1] ?? null;

const upperOf = (array: SqlArray, number: number): number | null => {
  const dimension = dimensionOf(array, number);
  return dimension === null ? null : lastOf(dimension);
};

const strict = strictly({
  "array_dims(anyarray)": ({ dimensions }) => (dimensions.length === 0 ? null : boundsText(dimensions)),
  "array_ndims(anyarray)": ({ dimensions }) => (dimensions.length === 0 ? null : dimensions.length),
  "array_lower(anyarray,int4)": (array, number) => dimensionOf(array, number)?.first ?? null,
  "array_upper(anyarray,int4)": (array, number) => upperOf(array, number),
  "array_length(anyarray,int4)": (array, number) => dimensionOf(array, number)?.length ?? null,
  "cardinality(anyarray)": (array) => array.items.length,
  "array_to_string(anyarray,text)": (array, delimiter, context) => joined(array, delimiter, null, context),
  "arrayoverlap(anyarray,anyarray)": (a, b, _context, types) => overlaps(a, b, types),
  "arraycontains(anyarray,anyarray)": (a, b, _context, types) => contains(a, b, types),
  "arraycontained(anyarray,anyarray)": (a, b, _context, types) => contains(b, a, types),
  "trim_array(anyarray,int4)": (array, count) => trimmed(array, count),
  "width_bucket(anycompatible,anycompatiblearray)": (operand, thresholds, _context, types) =>
    bucket(operand, thresholds, types),
  "array_larger(anyarray,anyarray)": (a, b, _context, types) => (comparatorOf(types.args[0] ?? 0)(a, b) >= 0 ? a : b),
  "array_smaller(anyarray,anyarray)": (a, b, _context, types) => (comparatorOf(types.args[0] ?? 0)(a, b) <= 0 ? a : b),
  "btarraycmp(anyarray,anyarray)": (a, b, _context, types) => comparatorOf(types.args[0] ?? 0)(a, b),
});

const open = nullably({
  "array_append(anycompatiblearray,anycompatible)": (array, item, _context, types) =>
    withItem(elementOf(types), array, item, "last"),
  "array_prepend(anycompatible,anycompatiblearray)": (item, array, _context, types) =>
    withItem(elementOf(types), array, item, "first"),
  "array_cat(anycompatiblearray,anycompatiblearray)": (a, b) => (a === null ? b : b === null ? a : concatenated(a, b)),
  "array_to_string(anyarray,text,text)": (array, delimiter, nullText, context) =>
    array === null || delimiter === null ? null : joined(array, delimiter, nullText, context),
  "array_remove(anycompatiblearray,anycompatible)": (array, item, _context, types) => {
    if (array === null) return null;
    const same = sameAs(elementOf(types));
    return filtered(array, (other) => !same(other, item));
  },
  "array_replace(anycompatiblearray,anycompatible,anycompatible)": (array, from, to, _context, types) => {
    if (array === null) return null;
    const same = sameAs(elementOf(types));
    return array.withItems(
      array.elementType,
      array.items.map((other) => (same(other, from) ? to : other)),
    );
  },
  "array_position(anycompatiblearray,anycompatible)": (array, item, _context, types) =>
    position(array, item, array?.first ?? 1, types),
  "array_position(anycompatiblearray,anycompatible,int4)": (array, item, from, _context, types) =>
    position(array, item, from, types),
  "array_positions(anycompatiblearray,anycompatible)": (array, item, _context, types) => {
    if (array === null) return null;
    expectFlat(array, searching);
    const same = sameAs(argumentElement(types));
    return new SqlArray(
      typeOid.int4,
      array.items.flatMap((other, index) => (same(other, item) ? [index + array.first] : [])),
    );
  },
  "array_fill(anyelement,_int4)": (value, lengths, _context, types) =>
    filled(elementOf(types), value, lengths, undefined),
  "array_fill(anyelement,_int4,_int4)": (value, lengths, firsts, _context, types) =>
    filled(elementOf(types), value, lengths, firsts),
});

function zeroStep(): SqlError {
  return new SqlError("22023", "step size cannot equal zero");
}

function* numbers(from: Int64, to: Int64, step: Int64): Iterable<Datum> {
  if (step === 0) throw zeroStep();
  if (typeof from === "number" && typeof to === "number" && typeof step === "number") {
    const isSafe = Number.isSafeInteger(to + step);
    if (isSafe) {
      if (step > 0) for (let value = from; value <= to; value += step) yield value;
      else for (let value = from; value >= to; value += step) yield value;
      return;
    }
  }
  const last = BigInt(to);
  const stride = BigInt(step);
  for (let value = BigInt(from); stride > 0n ? value <= last : value >= last; value += stride) {
    if (BigInt.asIntN(64, value) !== value) return;
    yield Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}

function* decimals(from: Decimal, to: Decimal, step: Decimal): Iterable<Datum> {
  for (const [value, what] of [
    [from, "start value"],
    [to, "stop value"],
    [step, "step size"],
  ] as const)
    if (value.special !== null)
      throw new SqlError("22023", `${what} cannot be ${value.special === "NaN" ? "NaN" : "infinity"}`);
  const sign = signOf(step);
  if (sign === 0) throw zeroStep();
  for (let value = from; sign * compareDecimals(value, to) <= 0; value = add(value, step)) yield value;
}

function* times(from: Int64, to: Int64, step: Interval, next: (time: Int64) => Int64): Iterable<Datum> {
  const direction = intervalTotal(step);
  if (direction === 0 || direction === 0n) throw zeroStep();
  for (let time = from; direction > 0 ? time <= to : time >= to; time = next(time)) {
    yield time;
    if (!isFiniteTime(time)) return;
  }
}

function* subscripts(array: SqlArray, number: number, isReversed: boolean): Iterable<Datum> {
  const dimension = dimensionOf(array, number);
  if (dimension === null) return;
  const { first } = dimension;
  const last = lastOf(dimension);
  for (let index = first; index <= last; index += 1) yield isReversed ? last + first - index : index;
}

const one = decimalFromInteger(1);

const rows = sets({
  "generate_series(int4,int4)": (from, to) => numbers(from, to, 1),
  "generate_series(int4,int4,int4)": (from, to, step) => numbers(from, to, step),
  "generate_series(int8,int8)": (from, to) => numbers(from, to, 1),
  "generate_series(int8,int8,int8)": (from, to, step) => numbers(from, to, step),
  "generate_series(numeric,numeric)": (from, to) => decimals(from, to, one),
  "generate_series(numeric,numeric,numeric)": (from, to, step) => decimals(from, to, step),
  "generate_series(timestamp,timestamp,interval)": (from, to, step) =>
    times(from, to, step, (time) => addToTimestamp(time, step)),
  "generate_series(timestamptz,timestamptz,interval)": (from, to, step, context) => {
    const zone = requireZone(context.timeZone);
    return times(from, to, step, (time) => addToTimestamptz(time, step, zone));
  },
  "generate_subscripts(anyarray,int4)": (array, dimension) => subscripts(array, dimension, false),
  "generate_subscripts(anyarray,int4,bool)": (array, dimension, isReversed) => subscripts(array, dimension, isReversed),
  "unnest(anyarray)": (array) => array.items,
});

const textRows = setsOfAny({
  "string_to_table(text,text)": (text, delimiter) => (text === null ? [] : splitText(text, delimiter, null)),
  "string_to_table(text,text,text)": (text, delimiter, nullText) =>
    text === null ? [] : splitText(text, delimiter, nullText),
});

export const arrays: readonly Implementation[] = [...strict, ...open, ...rows, ...textRows];
