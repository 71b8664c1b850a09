/** Cursors of the present in pages whose columns are kept (column-cache.ts). */
import type { Cursor } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { CachedPage } from "./cached-page.js";
import type { ColumnCache } from "./column-cache.js";
import type { WalkBounds } from "./walk-bounds.js";

/** The page that a cursor stands in, if it is kept; a page that lies within the walk's bounds as a whole is kept from now on. */
export function keptPage(cache: ColumnCache | null, { place = null }: Cursor, bounds: WalkBounds): CachedPage | null {
  if (cache === null || place === null) return null;
  const known = cache.find(place);
  if (known !== null) return known;
  return bounds.hasAllOf(place) ? cache.admit(place) : null;
}

/** Moves a cursor on within its page, to the first entry that is true or cannot be told to be, or to the last one within bounds. */
export function toTrue(cache: ColumnCache | null, cursor: Cursor, position: number, bounds: WalkBounds): void {
  const { place = null } = cursor;
  const page = keptPage(cache, cursor, bounds);
  if (page === null || place === null) {
    cursor.toTrue?.(position, "now", bounds.high, bounds.highLength);
    return;
  }
  const end = bounds.endIn(place);
  assert(end <= page.entries, "a page that is kept has the entries of the page that is read");
  // The cursor may stand behind the walk's end.
  if (end > place.pageIndex) place.standAt(Math.min(page.firstTrue(place.pageIndex, end, position), end - 1));
}

export const isLastOfPage = ({ place = null }: Cursor): boolean =>
  place !== null && place.pageIndex === place.pageEntries - 1;
