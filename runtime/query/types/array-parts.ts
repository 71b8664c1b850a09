/** Slices of arrays, and arrays that are made of arrays. */
import { SqlError } from "../error.js";
import { arrayOf, type SqlArray, shapedArray } from "./array.js";
import {
  type Dimension,
  dimensionsMax,
  isSameShape,
  itemsOf,
  placesIn,
  type SliceBounds,
  sliceOf,
  tooManyDimensions,
} from "./array-shape.js";
import type { Datum } from "./datum.js";
import type { Oid } from "./sql-type.js";

/** A part of each dimension, counted from 1; an array of none where there is no such part. */
export function sliced(array: SqlArray, bounds: readonly SliceBounds[]): SqlArray {
  const { elementType, dimensions, items } = array;
  const part = sliceOf(dimensions, bounds);
  if (part === null) return shapedArray(elementType, [], []);
  const [only] = part;
  const kept =
    part.length === 1 && only !== undefined
      ? items.slice(only.first - array.first, only.first - array.first + only.length)
      : [...placesIn(dimensions, part)].map((place) => items[place] ?? null);
  return shapedArray(
    elementType,
    kept,
    part.map(({ length }) => ({ length, first: 1 })),
  );
}

/** Throws 54000 for more dimensions than there can be. */
function wrapped(elementType: Oid, arrays: readonly SqlArray[], inner: readonly Dimension[]): SqlArray {
  if (inner.length >= dimensionsMax) throw tooManyDimensions(inner.length + 1);
  const dimensions = [{ length: arrays.length, first: 1 }, ...inner];
  itemsOf(dimensions);
  return shapedArray(
    elementType,
    arrays.flatMap(({ items }) => items),
    dimensions,
  );
}

/** `ARRAY[a, b]` of arrays. Throws 2202E unless all have the same dimensions, or none has any. */
export function arrayOfArrays(elementType: Oid, values: readonly Datum[]): SqlArray {
  const arrays = values.flatMap((value) => (value === null ? [] : [arrayOf(value)]));
  const inner = arrays.find(({ items }) => items.length > 0)?.dimensions;
  if (inner === undefined) return shapedArray(elementType, [], []);
  const isEven = arrays.length === values.length && arrays.every(({ dimensions }) => isSameShape(dimensions, inner));
  if (!isEven)
    throw new SqlError("2202E", "multidimensional arrays must have array expressions with matching dimensions");
  return wrapped(elementType, arrays, inner);
}

/** What `array_agg` and `ARRAY(SELECT …)` make of arrays. Throws 22004 and 2202E for arrays that do not go together. */
export function collectedArrays(elementType: Oid, values: readonly Datum[]): SqlArray {
  const arrays: SqlArray[] = [];
  for (const value of values) {
    if (value === null) throw new SqlError("22004", "cannot accumulate null arrays");
    const array = arrayOf(value);
    const [first = array] = arrays;
    if (first.items.length === 0) throw new SqlError("2202E", "cannot accumulate empty arrays");
    if (!isSameShape(array.dimensions, first.dimensions))
      throw new SqlError("2202E", "cannot accumulate arrays of different dimensionality");
    arrays.push(array);
  }
  const [first] = arrays;
  return first === undefined ? shapedArray(elementType, [], []) : wrapped(elementType, arrays, first.dimensions);
}
