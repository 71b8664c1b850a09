/** Dimensions of arrays: how many elements they make, where a subscript leads, and which elements a slice has. */
import { SqlError } from "../error.js";

/** One dimension, of which an array lists the outermost first. */
export interface Dimension {
  readonly length: number;
  /** Subscript of its first element. */
  readonly first: number;
}

/** What was written of a slice; null takes the dimension's own end. */
export interface SliceBounds {
  readonly from: number | null;
  readonly to: number | null;
}

export const dimensionsMax = 6;
export const itemsMax = 2 ** 27 - 1;
const int32Max = 2 ** 31 - 1;

export const tooManyItems = (): SqlError =>
  new SqlError("54000", `array size exceeds the maximum allowed (${itemsMax})`);

export const tooManyDimensions = (count: number): SqlError =>
  new SqlError("54000", `number of array dimensions (${count}) exceeds the maximum allowed (${dimensionsMax})`);

/** How many elements an array of these dimensions has. Throws 54000 for more than there can be, and for subscripts that are no integers. */
export function itemsOf(dimensions: readonly Dimension[]): number {
  let count = 1;
  for (const { length } of dimensions) {
    count *= length;
    if (length < 0 || count > itemsMax) throw tooManyItems();
  }
  for (const { length, first } of dimensions)
    if (first + length > int32Max) throw new SqlError("54000", `array lower bound is too large: ${first}`);
  return dimensions.length === 0 ? 0 : count;
}

export const lastOf = ({ length, first }: Dimension): number => first + length - 1;

export const isSameShape = (a: readonly Dimension[], b: readonly Dimension[]): boolean =>
  a.length === b.length && a.every(({ length, first }, at) => length === b[at]?.length && first === b[at]?.first);

/** The place of an element among all, counted from 0; -1 where there is none. */
export function placeOf(dimensions: readonly Dimension[], subscripts: readonly number[]): number {
  if (dimensions.length !== subscripts.length || dimensions.length === 0) return -1;
  let place = 0;
  for (const [at, { length, first }] of dimensions.entries()) {
    const offset = (subscripts[at] ?? 0) - first;
    if (offset < 0 || offset >= length) return -1;
    place = place * length + offset;
  }
  return place;
}

/** The part of each dimension that a slice has; null when it has none of it. Dimensions that are not named are whole. */
export function sliceOf(dimensions: readonly Dimension[], bounds: readonly SliceBounds[]): readonly Dimension[] | null {
  if (dimensions.length < bounds.length || dimensions.length === 0) return null;
  const parts = dimensions.map((dimension, at): Dimension => {
    const { from, to } = bounds[at] ?? { from: null, to: null };
    const first = Math.max(from ?? dimension.first, dimension.first);
    return { first, length: Math.min(to ?? int32Max, lastOf(dimension)) - first + 1 };
  });
  return parts.some(({ length }) => length <= 0) ? null : parts;
}

/** Places of the elements of a part, in their order. */
export function* placesIn(dimensions: readonly Dimension[], part: readonly Dimension[]): Iterable<number> {
  const subscripts = part.map(({ first }) => first);
  for (let left = itemsOf(part); left > 0; left -= 1) {
    yield placeOf(dimensions, subscripts);
    for (let at = part.length - 1; at >= 0; at -= 1) {
      const dimension = part[at];
      if (dimension === undefined) break;
      const next = (subscripts[at] ?? 0) + 1;
      subscripts[at] = next > lastOf(dimension) ? dimension.first : next;
      if (next <= lastOf(dimension)) break;
    }
  }
}

/** `[1:2][0:4]`. */
export const boundsText = (dimensions: readonly Dimension[]): string =>
  dimensions.map((dimension) => `[${dimension.first}:${lastOf(dimension)}]`).join("");

/** Items between as many braces as there are dimensions, or whatever `wrap` makes of those of one brace. */
export function nested<T>(
  items: readonly T[],
  dimensions: readonly Dimension[],
  wrap: (items: readonly T[], isOutermost: boolean) => T,
): T {
  let level: readonly T[] = items;
  for (let at = dimensions.length - 1; at > 0; at -= 1) {
    const length = dimensions[at]?.length ?? 1;
    const wrapped: T[] = [];
    for (let from = 0; from < level.length; from += length) wrapped.push(wrap(level.slice(from, from + length), false));
    level = wrapped;
  }
  return wrap(level, true);
}
