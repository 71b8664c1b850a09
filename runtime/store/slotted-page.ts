/**
 * Searching a page and moving its cells. Leaves and branches differ in what a cell holds before its suffix (`cellHead`: two
 * bytes or four) and in that a branch's first cell has no key.
 *
 * A page is named by the views of its chunk and its first byte there (`base`), so that nothing is allocated.
 */
import { assert } from "../types/assert.js";
import { headOf } from "./keys.js";
import {
  branchCellHead,
  countOf,
  leafCellHead,
  overflowMark,
  overflowReferenceBytes,
  pageBytes,
  pageHeaderBytes,
  prefixOf,
  slotBytes,
  slotHeadBytes,
  wordHeap,
  wordKind,
  wordPrefix,
  wordSlots,
} from "./layout.js";

/** Order of the page's prefix against the same many bytes of the key: 0 when the key begins with the prefix. */
export function comparePrefix(
  u8: Uint8Array,
  base: number,
  prefix: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const from = base + pageBytes - prefix;
  const common = prefix < keyLength ? prefix : keyLength;
  for (let at = 0; at < common; at++) {
    const difference = u8[from + at] - key[at];
    if (difference !== 0) return difference;
  }
  return prefix > keyLength ? 1 : 0;
}

/** Order of a slot's key against a key whose head is the same and which begins with the prefix. */
function compareRest(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  slotWord: number,
  cellHead: number,
  key: Uint8Array,
  prefix: number,
  keyLength: number,
): number {
  const slot = i32[slotWord + 1];
  const suffix = slot >>> 16;
  const keySuffix = keyLength - prefix;
  const common = suffix < keySuffix ? suffix : keySuffix;
  if (common > slotHeadBytes) {
    const cell = base + (slot & 0xffff) + cellHead - slotHeadBytes;
    for (let at = slotHeadBytes; at < common; at++) {
      const difference = u8[cell + at] - key[prefix + at];
      if (difference !== 0) return difference;
    }
  }
  return suffix - keySuffix;
}

/** Order of the key in a slot against the given key. */
export function compareSlot(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  cellHead: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const prefix = prefixOf(i32, base);
  if (prefix !== 0) {
    const order = comparePrefix(u8, base, prefix, key, keyLength);
    if (order !== 0) return order;
  }
  const slotWord = (base >> 2) + wordSlots + (index << 1);
  const head = headOf(key, prefix, keyLength);
  const slotHead = i32[slotWord];
  if (slotHead !== head) return slotHead < head ? -1 : 1;
  return compareRest(u8, i32, base, slotWord, cellHead, key, prefix, keyLength);
}

/**
 * Index of the entry with this key, or `~index` of where it would be inserted.
 *
 * @param hint an index to look at first: where the key is likely to be, or just before that
 */
export function searchLeaf(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  key: Uint8Array,
  keyLength: number,
  hint: number,
): number {
  const word = base >> 2;
  const count = i32[word + wordKind] >>> 16;
  const prefix = i32[word + wordPrefix] & 0xffff;
  if (prefix !== 0) {
    const order = comparePrefix(u8, base, prefix, key, keyLength);
    if (order !== 0) return order > 0 ? -1 : ~count;
  }
  const head = headOf(key, prefix, keyLength);
  const slots = word + wordSlots;
  let low = 0;
  let high = count;
  let middle = hint < count ? hint : count >>> 1;
  while (low < high) {
    const slotHead = i32[slots + (middle << 1)];
    if (slotHead < head) low = middle + 1;
    else if (slotHead > head) high = middle;
    else {
      const order = compareRest(u8, i32, base, slots + (middle << 1), leafCellHead, key, prefix, keyLength);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    middle = (low + high) >>> 1;
  }
  return ~low;
}

/** Index of the child whose keys may include this one. */
export function searchBranch(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const word = base >> 2;
  const count = i32[word + wordKind] >>> 16;
  const prefix = i32[word + wordPrefix] & 0xffff;
  if (prefix !== 0) {
    const order = comparePrefix(u8, base, prefix, key, keyLength);
    if (order !== 0) return order > 0 ? 0 : count - 1;
  }
  const head = headOf(key, prefix, keyLength);
  const slots = word + wordSlots;
  let low = 1;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const slotHead = i32[slots + (middle << 1)];
    if (slotHead < head) low = middle + 1;
    else if (slotHead > head) high = middle;
    else if (compareRest(u8, i32, base, slots + (middle << 1), branchCellHead, key, prefix, keyLength) <= 0)
      low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Offset of a cell within its page. */
export const cellOf = (i32: Int32Array, base: number, index: number): number =>
  i32[(base >> 2) + wordSlots + (index << 1) + 1] & 0xffff;

export const suffixLengthOf = (i32: Int32Array, base: number, index: number): number =>
  i32[(base >> 2) + wordSlots + (index << 1) + 1] >>> 16;

/** Bytes of a suffix that lie in the cell. */
const restOf = (suffix: number): number => (suffix > slotHeadBytes ? suffix - slotHeadBytes : 0);

export const childOf = (i32: Int32Array, base: number, index: number): number =>
  i32[(base + cellOf(i32, base, index)) >> 2];

export function setChild(i32: Int32Array, base: number, index: number, child: number): void {
  i32[(base + cellOf(i32, base, index)) >> 2] = child;
}

/** The length field of a leaf's cell: a value's length, or `overflowMark`. */
export function lengthFieldOf(u8: Uint8Array, i32: Int32Array, base: number, index: number): number {
  const cell = base + cellOf(i32, base, index);
  return u8[cell] | (u8[cell + 1] << 8);
}

/** Index in the chunk of the first byte of a leaf's value, or of its overflow reference. */
export function valueStartOf(i32: Int32Array, base: number, index: number): number {
  const slot = i32[(base >> 2) + wordSlots + (index << 1) + 1];
  const suffix = slot >>> 16;
  return base + (slot & 0xffff) + leafCellHead + (suffix > slotHeadBytes ? suffix - slotHeadBytes : 0);
}

/** Bytes that a value takes in its cell. */
export const storedBytesOf = (lengthField: number): number =>
  lengthField === overflowMark ? overflowReferenceBytes : lengthField;

export const leafCellBytes = (suffix: number, lengthField: number): number =>
  leafCellHead + restOf(suffix) + storedBytesOf(lengthField);

export const branchCellBytes = (suffix: number): number => (branchCellHead + restOf(suffix) + 3) & ~3;

export function cellBytesOf(u8: Uint8Array, i32: Int32Array, base: number, index: number, cellHead: number): number {
  const suffix = suffixLengthOf(i32, base, index);
  return cellHead === branchCellHead
    ? branchCellBytes(suffix)
    : leafCellBytes(suffix, lengthFieldOf(u8, i32, base, index));
}

/** Copies the key of a cell to `target` and returns its length; 0 for a branch's first cell. */
export function copyKey(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  cellHead: number,
  target: Uint8Array,
): number {
  if (cellHead === branchCellHead && index === 0) return 0;
  const prefix = prefixOf(i32, base);
  const from = base + pageBytes - prefix;
  for (let at = 0; at < prefix; at++) target[at] = u8[from + at];
  const slotWord = (base >> 2) + wordSlots + (index << 1);
  const head = i32[slotWord] ^ 0x80000000;
  const slot = i32[slotWord + 1];
  const suffix = slot >>> 16;
  if (suffix > 0) target[prefix] = head >>> 24;
  if (suffix > 1) target[prefix + 1] = head >>> 16;
  if (suffix > 2) target[prefix + 2] = head >>> 8;
  if (suffix > 3) target[prefix + 3] = head;
  const rest = base + (slot & 0xffff) + cellHead - slotHeadBytes;
  for (let at = slotHeadBytes; at < suffix; at++) target[prefix + at] = u8[rest + at];
  return prefix + suffix;
}

// Short moves cost less in a loop than the call of copyWithin does.
const loopSlotsMax = 24;

/** Makes room for one slot at `index` and one cell of `bytes`; returns where the cell begins in the chunk. */
function openSlot(u8: Uint8Array, i32: Int32Array, base: number, index: number, bytes: number): number {
  const word = base >> 2;
  const count = i32[word + wordKind] >>> 16;
  const heap = (i32[word + wordHeap] & 0xffff) - bytes;
  assert(heap >= pageHeaderBytes + (count + 1) * slotBytes, "a cell is put only where its page has room");
  assert(index <= count, "a cell is put among the others or just behind them");
  const slots = word + wordSlots;
  if (count - index <= loopSlotsMax) {
    for (let at = slots + (count << 1) - 1, stop = slots + (index << 1); at >= stop; at--) i32[at + 2] = i32[at];
  } else {
    const from = base + pageHeaderBytes + index * slotBytes;
    u8.copyWithin(from + slotBytes, from, base + pageHeaderBytes + count * slotBytes);
  }
  i32[word + wordKind] = (i32[word + wordKind] & 0xffff) | ((count + 1) << 16);
  i32[word + wordHeap] = (i32[word + wordHeap] & ~0xffff) | heap;
  return base + heap;
}

function fillSlot(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  cell: number,
  cellHead: number,
  key: Uint8Array,
  prefix: number,
  keyLength: number,
): void {
  const slotWord = (base >> 2) + wordSlots + (index << 1);
  i32[slotWord] = headOf(key, prefix, keyLength);
  i32[slotWord + 1] = (cell - base) | ((keyLength - prefix) << 16);
  for (let from = prefix + slotHeadBytes, to = cell + cellHead; from < keyLength; from++, to++) u8[to] = key[from];
}

// Longer copies cost less through `set`, for all that it takes a view.
const loopBytesMax = 64;

/**
 * Puts a leaf cell at `index`. The page has room, and the key begins with the page's prefix.
 * @param source holds, from `sourceStart`, the value or its overflow reference
 */
export function insertLeafCell(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
  lengthField: number,
  source: Uint8Array,
  sourceStart: number,
): void {
  const prefix = prefixOf(i32, base);
  assert(prefix <= keyLength, "a key of a page begins with its prefix");
  const to = openLeafCell(u8, i32, base, index, key, keyLength, prefix, lengthField);
  const stored = storedBytesOf(lengthField);
  if (stored <= loopBytesMax) for (let at = 0; at < stored; at++) u8[to + at] = source[sourceStart + at];
  else u8.set(source.subarray(sourceStart, sourceStart + stored), to);
}

/** Makes a leaf cell at `index`, but for its value; returns where that goes in the chunk. */
export function openLeafCell(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
  prefix: number,
  lengthField: number,
): number {
  const bytes = leafCellBytes(keyLength - prefix, lengthField);
  const cell = openSlot(u8, i32, base, index, bytes);
  fillSlot(u8, i32, base, index, cell, leafCellHead, key, prefix, keyLength);
  u8[cell] = lengthField;
  u8[cell + 1] = lengthField >>> 8;
  return cell + bytes - storedBytesOf(lengthField);
}

/** Puts a copy of another page's cell behind all cells of a page with the same prefix. */
export function appendCell(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  sourceU8: Uint8Array,
  sourceI32: Int32Array,
  sourceBase: number,
  sourceIndex: number,
  cellHead: number,
): void {
  assert(
    prefixOf(i32, base) === prefixOf(sourceI32, sourceBase),
    "cells are copied as they are between pages of one prefix",
  );
  const bytes = cellBytesOf(sourceU8, sourceI32, sourceBase, sourceIndex, cellHead);
  const index = countOf(i32, base);
  const cell = openSlot(u8, i32, base, index, bytes);
  const slotWord = (base >> 2) + wordSlots + (index << 1);
  const sourceSlot = (sourceBase >> 2) + wordSlots + (sourceIndex << 1);
  i32[slotWord] = sourceI32[sourceSlot];
  i32[slotWord + 1] = (cell - base) | (sourceI32[sourceSlot + 1] & ~0xffff);
  const from = sourceBase + (sourceI32[sourceSlot + 1] & 0xffff);
  if (bytes <= loopBytesMax) for (let at = 0; at < bytes; at++) u8[cell + at] = sourceU8[from + at];
  else u8.set(sourceU8.subarray(from, from + bytes), cell);
}

/** Puts a branch cell at `index`. The page has room, and the key (if the index is not 0) begins with the page's prefix. */
export function insertBranchCell(
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
  index: number,
  key: Uint8Array,
  keyLength: number,
  child: number,
): void {
  const prefix = index === 0 ? 0 : prefixOf(i32, base);
  const length = index === 0 ? 0 : keyLength;
  assert(prefix <= length, "a key of a page begins with its prefix");
  const cell = openSlot(u8, i32, base, index, branchCellBytes(length - prefix));
  fillSlot(u8, i32, base, index, cell, branchCellHead, key, prefix, length);
  i32[cell >> 2] = child;
}

/** Where the cells of an empty page end: before the prefix, at a multiple of four for the branches' sake. */
export const heapStartOf = (prefix: number): number => (pageBytes - prefix) & ~3;

/** Takes a cell out. Its bytes become garbage, or room when it was the page's last. */
export function removeCell(u8: Uint8Array, i32: Int32Array, base: number, index: number, cellHead: number): void {
  const word = base >> 2;
  const count = countOf(i32, base);
  assert(index < count, "a cell that is removed exists");
  const bytes = cellBytesOf(u8, i32, base, index, cellHead);
  const to = base + pageHeaderBytes + index * slotBytes;
  if (index + 1 < count) u8.copyWithin(to, to + slotBytes, base + pageHeaderBytes + count * slotBytes);
  i32[word + wordKind] = (i32[word + wordKind] & 0xffff) | ((count - 1) << 16);
  if (count === 1) i32[word + wordHeap] = heapStartOf(prefixOf(i32, base));
  else i32[word + wordHeap] += bytes << 16;
}

/** Takes a child out of a branch. When it was the first, the next one becomes the first and loses its key. */
export function removeChild(u8: Uint8Array, i32: Int32Array, base: number, index: number): void {
  assert(countOf(i32, base) > 0, "a child is removed from a branch that has one");
  removeCell(u8, i32, base, index, branchCellHead);
  if (index !== 0 || countOf(i32, base) === 0) return;
  const slotWord = (base >> 2) + wordSlots;
  const shorter = branchCellBytes(suffixLengthOf(i32, base, 0)) - branchCellBytes(0);
  i32[slotWord + 1] &= 0xffff;
  i32[(base >> 2) + wordHeap] += shorter << 16;
}
