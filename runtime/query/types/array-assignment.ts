/**
 * An array with other values for an element or a slice. An array of one dimension grows to take in what it is given, at either end, with NULLs
 * between; one of several dimensions does not. An array of no elements gets the dimensions that are named.
 */
import { SqlError } from "../error.js";
import { type SqlArray, shapedArray } from "./array.js";
import { type Dimension, itemsOf, lastOf, placeOf, placesIn, type SliceBounds } from "./array-shape.js";
import type { Datum } from "./datum.js";

/** What a part that was not there may add at most: more elements than a row has bytes could not be stored. */
export const grownMax = 2 ** 20;

export const tooManyNew = (): SqlError =>
  new SqlError("54000", `a part of a value adds more than ${grownMax} elements to it`);

const wrong = (message: string, detail?: string): SqlError => new SqlError("2202E", message, { detail });

export function withElement(array: SqlArray, subscripts: readonly number[], value: Datum): SqlArray {
  const { elementType, dimensions, items } = array;
  if (dimensions.length === 0) {
    const made = subscripts.map((first) => ({ length: 1, first }));
    itemsOf(made);
    return shapedArray(elementType, [value], made);
  }
  if (dimensions.length !== subscripts.length) throw wrong("wrong number of array subscripts");
  const [only] = dimensions;
  const [subscript = 0] = subscripts;
  if (dimensions.length === 1 && only !== undefined) return grown(array, only, subscript, [value]);
  const place = placeOf(dimensions, subscripts);
  if (place < 0) throw wrong("array subscript out of range");
  return array.withItems(elementType, items.with(place, value));
}

/** An array of one dimension with values from a subscript on. */
function grown(array: SqlArray, old: Dimension, from: number, values: readonly Datum[]): SqlArray {
  const first = Math.min(old.first, from);
  const last = Math.max(lastOf(old), from + values.length - 1);
  const dimension = { length: last - first + 1, first };
  itemsOf([dimension]);
  if (dimension.length > old.length + values.length + grownMax) throw tooManyNew();
  const items = new Array<Datum>(dimension.length).fill(null);
  for (const [at, item] of array.items.entries()) items[at + old.first - first] = item;
  for (const [at, item] of values.entries()) items[at + from - first] = item;
  return shapedArray(array.elementType, items, [dimension]);
}

export function withSlice(array: SqlArray, bounds: readonly SliceBounds[], values: readonly Datum[]): SqlArray {
  const { elementType, dimensions, items } = array;
  if (dimensions.length === 0) {
    const made = bounds.map(({ from, to }): Dimension => {
      if (from === null || to === null)
        throw wrong(
          "array slice subscript must provide both boundaries",
          "When assigning to a slice of an empty array value, slice boundaries must be fully specified.",
        );
      return { length: to - from + 1, first: from };
    });
    const count = itemsOf(made);
    if (values.length < count) throw wrong("source array too small");
    return shapedArray(elementType, values.slice(0, count), made);
  }
  if (dimensions.length < bounds.length) throw wrong("wrong number of array subscripts");
  const isFlat = dimensions.length === 1;
  const part = dimensions.map((dimension, at): Dimension => {
    const { from, to } = bounds[at] ?? { from: null, to: null };
    const first = from ?? dimension.first;
    const last = to ?? lastOf(dimension);
    if (first > last) throw wrong("upper bound cannot be less than lower bound");
    if (!isFlat && (first < dimension.first || last > lastOf(dimension))) throw wrong("array subscript out of range");
    return { length: last - first + 1, first };
  });
  const count = itemsOf(part);
  if (values.length < count) throw wrong("source array too small");
  const [only] = part;
  const [old] = dimensions;
  if (isFlat && only !== undefined && old !== undefined) return grown(array, old, only.first, values.slice(0, count));
  const result = [...items];
  let at = 0;
  for (const place of placesIn(dimensions, part)) {
    result[place] = values[at] ?? null;
    at += 1;
  }
  return array.withItems(elementType, result);
}
