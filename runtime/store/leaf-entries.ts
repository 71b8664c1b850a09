/**
 * Many entries of a leaf at once: where their values begin, and in a tree of positions (table-trees.ts) when they are true.
 *
 * A page is named as in slotted-page.ts.
 */
import { assert } from "../types/assert.js";
import { leafCellHead, overflowMark, slotHeadBytes, wordSlots } from "./layout.js";

/**
 * As `valueStartOf`, for the leaf's cells from one on up to another, or to one whose value lies in pages of its own. Returns how many there are.
 */
export function valueStartsOf(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  from: number,
  to: number,
  starts: Int32Array,
): number {
  const slots = (base >> 2) + wordSlots + 1;
  let found = 0;
  for (let index = from; index < to; index++) {
    const slot = i32[slots + (index << 1)];
    const cell = base + (slot & 0xffff);
    if ((u8[cell] | (u8[cell + 1] << 8)) === overflowMark) break;
    const suffix = slot >>> 16;
    starts[found] = cell + leafCellHead + (suffix > slotHeadBytes ? suffix - slotHeadBytes : 0);
    found += 1;
  }
  return found;
}

/** Bytes of a position at the start of a value, and at the end of a key of the past (table-trees.ts). */
const positionBytes = 8;
const u32Span = 2 ** 32;

/** What the entries of a tree of positions say of when they are true: from a position on, and in a tree of the past until another one. */
export type Truth = "now" | "past";

/** The position at the end of a key whose value begins at `start`. Its upper half may begin in the slot's head. */
function positionInKey(view: DataView, head: number, start: number, suffix: number): number {
  // So many bytes of the upper half are in the cell.
  const inCell = suffix - positionBytes;
  const upper =
    inCell >= slotHeadBytes
      ? view.getUint32(start - positionBytes)
      : ((head ^ 0x80000000) << (inCell * 8)) |
        (inCell === 0 ? 0 : view.getUint32(start - slotHeadBytes - inCell) >>> (32 - inCell * 8));
  return (upper >>> 0) * u32Span + view.getUint32(start - slotHeadBytes);
}

const positionInValue = (view: DataView, start: number): number =>
  view.getUint32(start + positionBytes / 2, true) * u32Span + view.getUint32(start, true);

/** The bits of a slot's head that are an item's, of a key of the past whose suffix is so long. */
function itemMask(suffix: number): number {
  const bytes = Math.min(slotHeadBytes, suffix - positionBytes);
  return bytes === 0 ? 0 : -1 << ((slotHeadBytes - bytes) * 8);
}

/** Where a cell's value begins. */
const valueAt = (cell: number, suffix: number): number =>
  cell + leafCellHead + (suffix > slotHeadBytes ? suffix - slotHeadBytes : 0);

/** Where the versions of the item at `index` end, of the entries before `to`. */
function itemEnd(u8: Uint8Array, i32: Int32Array, base: number, index: number, to: number): number {
  const slots = (base >> 2) + wordSlots;
  const [head, slot] = [i32[slots + (index << 1)], i32[slots + (index << 1) + 1]];
  const suffix = slot >>> 16;
  const mask = itemMask(suffix);
  let end = index + 1;
  // Slots lie side by side, and tell most items apart.
  while (end < to && ((i32[slots + (end << 1)] ^ head) & mask) === 0 && i32[slots + (end << 1) + 1] >>> 16 === suffix)
    end += 1;
  const inCell = suffix - positionBytes - slotHeadBytes;
  if (inCell <= 0 || end === index + 1) return end;
  const cell = base + (slot & 0xffff) + leafCellHead;
  const isSame = (other: number): boolean => {
    const otherCell = base + (i32[slots + (other << 1) + 1] & 0xffff) + leafCellHead;
    for (let at = 0; at < inCell; at++) if (u8[cell + at] !== u8[otherCell + at]) return false;
    return true;
  };
  if (isSame(end - 1)) return end;
  let same = index;
  while (end - same > 1) {
    const middle = (same + end) >>> 1;
    if (isSame(middle)) same = middle;
    else end = middle;
  }
  return end;
}

/**
 * Those of a leaf's entries of the past, from `from` on and before `to`, that are true at a position, at most `most`: their indexes go to `found`.
 * Returns how many there are; `~count` when it ends before one of which that is not known, whose index stands behind those that were found: its value lies
 * in pages of its own, or its key's end in the page's prefix.
 *
 * The versions of an item lie side by side in the order of their ends, so the first one that ends behind the position is the only one that may be
 * true. It is searched for, and first where it was among the versions of the item before: a cell that is not looked at need not come into the
 * processor's cache.
 */
export function trueInPast(
  view: DataView,
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  from: number,
  to: number,
  position: number,
  found: Int32Array,
  most: number,
): number {
  assert(most > 0 && most <= found.length, "there is room for what is true");
  const slots = (base >> 2) + wordSlots;
  let count = 0;
  let guess = 0;
  let index = from;
  while (index < to && count < most) {
    const suffix = i32[slots + (index << 1) + 1] >>> 16;
    if (suffix < positionBytes) {
      found[count] = index;
      return ~count;
    }
    const end = itemEnd(u8, i32, base, index, to);
    let [low, high] = [index, end];
    let middle = Math.min(index + guess, end - 1);
    while (low < high) {
      const cell = base + (i32[slots + (middle << 1) + 1] & 0xffff);
      const ends = positionInKey(view, i32[slots + (middle << 1)], valueAt(cell, suffix), suffix);
      const isBehind = ends > position;
      if (isBehind) high = middle;
      else low = middle + 1;
      // The one before, or the one behind; then by halves.
      if (middle === index + guess) middle = isBehind ? middle - 1 : middle + 1;
      else middle = (low + high) >>> 1;
    }
    if (low < end) {
      guess = low - index;
      const cell = base + (i32[slots + (low << 1) + 1] & 0xffff);
      if ((u8[cell] | (u8[cell + 1] << 8)) === overflowMark) {
        found[count] = low;
        return ~count;
      }
      if (positionInValue(view, valueAt(cell, suffix)) <= position) {
        found[count] = low;
        count += 1;
      }
    }
    index = end;
  }
  return count;
}

/**
 * The first of a leaf's entries of the present, from `from` on and before `to`, that is true at a position; `to` when none is. `~index` for one of which
 * that is not known: its value lies in pages of its own.
 */
export function firstTrue(
  view: DataView,
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  from: number,
  to: number,
  position: number,
): number {
  const slots = (base >> 2) + wordSlots;
  for (let index = from; index < to; index++) {
    const slot = i32[slots + (index << 1) + 1];
    const cell = base + (slot & 0xffff);
    if ((u8[cell] | (u8[cell + 1] << 8)) === overflowMark) return ~index;
    if (positionInValue(view, valueAt(cell, slot >>> 16)) <= position) return index;
  }
  return to;
}

/** From when on a leaf's first `count` entries are true. Their values begin at `starts`, and none lies in pages of its own. */
export function positionsOf(view: DataView, count: number, starts: Int32Array, from: Float64Array): void {
  assert(count <= from.length && count <= starts.length, "there is room for each entry's position");
  for (let index = 0; index < count; index++) from[index] = positionInValue(view, starts[index] ?? 0);
}
