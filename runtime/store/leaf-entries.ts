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

/** What the entries of a leaf say of when they are true: from a position on, and in a tree of the past until another one. */
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

/**
 * The first of a leaf's entries from `from` on and before `to` that is true at a position; `to` when none is. `~index` for one of which that is
 * not known: its value lies in pages of its own, or its key's end in the page's prefix.
 */
export function firstTrue(
  view: DataView,
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  from: number,
  to: number,
  position: number,
  truth: Truth,
): number {
  const slots = (base >> 2) + wordSlots;
  for (let index = from; index < to; index++) {
    const slot = i32[slots + (index << 1) + 1];
    const cell = base + (slot & 0xffff);
    if ((u8[cell] | (u8[cell + 1] << 8)) === overflowMark) return ~index;
    const suffix = slot >>> 16;
    const start = cell + leafCellHead + (suffix > slotHeadBytes ? suffix - slotHeadBytes : 0);
    if (truth === "past") {
      if (suffix < positionBytes) return ~index;
      if (positionInKey(view, i32[slots + (index << 1)], start, suffix) <= position) continue;
    }
    if (positionInValue(view, start) <= position) return index;
  }
  return to;
}

/**
 * When a leaf's first `count` entries are true: from `from` on and, in a tree of the past, until `to`. Their values begin at `starts`, and none lies in
 * pages of its own. False, with anything written, when a key's end lies in the page's prefix.
 */
export function positionsOf(
  view: DataView,
  i32: Int32Array,
  base: number,
  count: number,
  truth: Truth,
  starts: Int32Array,
  from: Float64Array,
  to: Float64Array,
): boolean {
  assert(count <= from.length && count <= to.length, "there is room for each entry's positions");
  const slots = (base >> 2) + wordSlots;
  for (let index = 0; index < count; index++) {
    const start = starts[index] ?? 0;
    from[index] = positionInValue(view, start);
    if (truth === "now") continue;
    const suffix = i32[slots + (index << 1) + 1] >>> 16;
    if (suffix < positionBytes) return false;
    to[index] = positionInKey(view, i32[slots + (index << 1)], start, suffix);
  }
  return true;
}
