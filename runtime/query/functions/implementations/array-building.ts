/** Arrays out of arrays: one behind another, with an element more or fewer, filled with a value. */
import { notSupported, SqlError } from "../../error.js";
import { SqlArray, shapedArray } from "../../types/array.js";
import { sliced } from "../../types/array-parts.js";
import {
  type Dimension,
  dimensionsMax,
  isSameShape,
  itemsOf,
  lastOf,
  tooManyDimensions,
} from "../../types/array-shape.js";
import type { Datum } from "../../types/datum.js";
import type { Oid } from "../../types/sql-type.js";

const notFlat = (): SqlError => new SqlError("22000", "argument must be empty or one-dimensional array");

/** Throws 0A000 for an array of several dimensions. @param what as in "removing elements from" */
export function expectFlat({ shape }: SqlArray, what: string): void {
  if (shape !== null && shape.length > 1) throw notSupportedIn(what);
}

const notSupportedIn = (what: string): SqlError =>
  new SqlError("0A000", `${what} multidimensional arrays is not supported`);

/** The array with an element behind its last, or before its first; either way it begins where it began. */
export function withItem(elementType: Oid, array: SqlArray | null, item: Datum, place: "first" | "last"): SqlArray {
  const old = array?.items ?? [];
  const items = place === "last" ? [...old, item] : [item, ...old];
  const shape = array?.shape ?? null;
  if (shape === null) return new SqlArray(elementType, items);
  if (shape.length !== 1) throw notFlat();
  return shapedArray(elementType, items, [{ length: items.length, first: array?.first ?? 1 }]);
}

const incompatible = (detail: string): SqlError =>
  new SqlError("2202E", "cannot concatenate incompatible arrays", { detail });

/** Two arrays, or an array and one that is an element of its outermost dimension. */
export function concatenated(left: SqlArray, right: SqlArray): SqlArray {
  const { elementType } = left;
  if (left.items.length === 0) return right;
  if (right.items.length === 0) return left;
  const items = [...left.items, ...right.items];
  if (left.shape === null && right.shape === null) return new SqlArray(elementType, items);
  const [a, b] = [left.dimensions, right.dimensions];
  if (Math.abs(a.length - b.length) > 1)
    throw incompatible(`Arrays of ${a.length} and ${b.length} dimensions are not compatible for concatenation.`);
  if (a.length === b.length) {
    if (!isSameShape(a.slice(1), b.slice(1)))
      throw incompatible("Arrays with differing element dimensions are not compatible for concatenation.");
    return longer(elementType, items, a, b[0]?.length ?? 0);
  }
  const [whole, part] = a.length > b.length ? [a, b] : [b, a];
  if (!isSameShape(whole.slice(1), part))
    throw incompatible("Arrays with differing dimensions are not compatible for concatenation.");
  return longer(elementType, items, whole, 1);
}

function longer(elementType: Oid, items: readonly Datum[], of: readonly Dimension[], by: number): SqlArray {
  const dimensions = of.map(({ length, first }, at) => ({ length: at === 0 ? length + by : length, first }));
  itemsOf(dimensions);
  return shapedArray(elementType, items, dimensions);
}

const wrongSubscripts = (detail: string): SqlError =>
  new SqlError("2202E", "wrong number of array subscripts", { detail });

const isFlat = ({ shape }: SqlArray): boolean => shape === null || shape.length === 1;

export function filled(
  elementType: Oid,
  value: Datum,
  lengths: SqlArray | null,
  firsts: SqlArray | null | undefined,
): SqlArray {
  if (lengths === null || firsts === null)
    throw new SqlError("22004", "dimension array or low bound array cannot be null");
  if (!isFlat(lengths)) throw wrongSubscripts("Dimension array must be one dimensional.");
  if (lengths.items.includes(null)) throw new SqlError("22004", "dimension values cannot be null");
  if (lengths.items.length > dimensionsMax) throw tooManyDimensions(lengths.items.length);
  if (firsts !== undefined) {
    if (!isFlat(firsts)) throw wrongSubscripts("Dimension array must be one dimensional.");
    if (firsts.items.includes(null)) throw new SqlError("22004", "dimension values cannot be null");
    if (firsts.items.length !== lengths.items.length)
      throw wrongSubscripts("Low bound array has different size than dimensions array.");
  }
  const dimensions = lengths.items.map((length, at): Dimension => {
    return { length: Number(length), first: Number(firsts?.items[at] ?? 1) };
  });
  const count = itemsOf(dimensions);
  if (count > filledMax) throw notSupported(`an array of more than ${filledMax} equal elements`);
  return shapedArray(elementType, new Array<Datum>(count).fill(value), dimensions);
}

/** More elements than a row has bytes. */
const filledMax = 2 ** 23;

/** Without the last ones of the outermost dimension; counted from 1 then. */
export function trimmed(array: SqlArray, count: number): SqlArray {
  const [outermost = { length: 0, first: 1 }] = array.dimensions;
  if (count < 0 || count > outermost.length)
    throw new SqlError("2202E", `number of elements to trim must be between 0 and ${outermost.length}`);
  return sliced(array, [{ from: null, to: lastOf(outermost) - count }]);
}

/** Without the elements that are not kept; it begins where it began. */
export function filtered(array: SqlArray, isKept: (item: Datum) => boolean): SqlArray {
  expectFlat(array, "removing elements from");
  const items = array.items.filter(isKept);
  return shapedArray(array.elementType, items, [{ length: items.length, first: array.first }]);
}
