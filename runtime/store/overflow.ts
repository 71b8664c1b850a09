/**
 * Values too long to lie beside their key: a head page and data pages, all made at once and never changed.
 *
 *     word 6 (24)  number of data pages
 *     word 7 (28)  length of the value in bytes
 *     40           page numbers of the data pages, u32 each; then the value's first bytes
 *     data page    40 … the next bytes of the value
 *
 * The head lists all pages, so that giving up a value reads one page and not all.
 */
import { assert } from "../types/assert.js";
import {
  birthOf,
  kindOf,
  pageBytes,
  pageCapacity,
  pageHeaderBytes,
  pageKindOverflowData,
  pageKindOverflowHead,
} from "./layout.js";
import { baseOf, chunkOf, type PageSpace } from "./page-space.js";
import { treeValueBytesMax } from "./tree.js";

const wordPages = 6;
const wordLength = 7;

/** Pages that a value of that length takes, the head included. */
export const overflowPages = (length: number): number => Math.max(1, Math.ceil((length - 4) / (pageCapacity - 4)));
export const overflowPagesMax = overflowPages(treeValueBytesMax);

assert(overflowPagesMax * 4 < pageCapacity, "a head page lists the data pages of the longest value");

/** Frames of the pages of one value: the head first. */
export function fillOverflow(
  space: PageSpace,
  frames: Int32Array,
  count: number,
  numbers: Int32Array,
  value: Uint8Array,
): void {
  assert(count === overflowPages(value.length), "a value is spread over as many pages as it needs");
  const headBase = baseOf(frames[0]);
  const head = space.i32[chunkOf(frames[0])];
  assert(kindOf(head, headBase) === pageKindOverflowHead, "the first page of a value is its head");
  const word = headBase >> 2;
  head[word + wordPages] = count - 1;
  head[word + wordLength] = value.length;
  for (let at = 1; at < count; at++) head[word + pageHeaderBytes / 4 + at - 1] = numbers[at];
  let from = 0;
  for (let at = 0; at < count; at++) {
    const begin = baseOf(frames[at]) + pageHeaderBytes + (at === 0 ? (count - 1) * 4 : 0);
    const end = baseOf(frames[at]) + pageBytes;
    const bytes = Math.min(end - begin, value.length - from);
    space.u8[chunkOf(frames[at])].set(value.subarray(from, from + bytes), begin);
    from += bytes;
  }
  assert(from === value.length, "a value is stored whole");
}

/** The page numbers of a value's data pages are copied to `numbers`; returns how many there are. */
export function overflowNumbers(space: PageSpace, headFrame: number, numbers: Int32Array): number {
  const base = baseOf(headFrame);
  const i32 = space.i32[chunkOf(headFrame)];
  assert(kindOf(i32, base) === pageKindOverflowHead, "a reference to a long value leads to a head page");
  const count = i32[(base >> 2) + wordPages];
  assert(count < overflowPagesMax, "a long value has no more pages than the longest");
  const from = (base + pageHeaderBytes) >> 2;
  for (let at = 0; at < count; at++) numbers[at] = i32[from + at];
  return count;
}

interface OverflowSource {
  readonly space: PageSpace;
  prepare(): void;
  frameOf(number: number): number;
}

const numbersScratch = new Int32Array(overflowPagesMax);

/** Copies a long value to the start of `target`. One page at a time is looked at. */
export function readOverflow(source: OverflowSource, head: number, length: number, target: Uint8Array): void {
  source.prepare();
  const headFrame = source.frameOf(head);
  const pages = overflowNumbers(source.space, headFrame, numbersScratch);
  const i32 = source.space.i32[chunkOf(headFrame)];
  assert(
    i32[(baseOf(headFrame) >> 2) + wordLength] === length,
    "a long value has the length that its reference states",
  );
  assert(pages + 1 === overflowPages(length), "a long value has as many pages as its length needs");
  const birth = birthOf(i32, baseOf(headFrame));
  let to = 0;
  let frame = headFrame;
  for (let at = 0; ; at++) {
    const begin = baseOf(frame) + pageHeaderBytes + (at === 0 ? pages * 4 : 0);
    const bytes = Math.min(baseOf(frame) + pageBytes - begin, length - to);
    target.set(source.space.u8[chunkOf(frame)].subarray(begin, begin + bytes), to);
    to += bytes;
    if (at === pages) break;
    source.prepare();
    frame = source.frameOf(numbersScratch[at]);
    const page = source.space.i32[chunkOf(frame)];
    assert(kindOf(page, baseOf(frame)) === pageKindOverflowData, "a head page lists data pages");
    assert(birthOf(page, baseOf(frame)) === birth, "snapshot: all pages of a long value were made at once");
  }
  assert(to === length, "a long value is read whole");
}
