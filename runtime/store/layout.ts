/**
 * The page: what every page of the store looks like, in memory and in the page file.
 *
 * A page is `pageBytes` long and little-endian. Its number is its address in the page file divided by `pageBytes`. Page 0 is
 * the head of the file and belongs to no version.
 *
 *     0  checksum      u32  CRC32C of bytes 4 to the end; true only in the file, zero in memory
 *     4  page number   u32  so that a page read from the wrong place is noticed
 *     8  birth         u64  the version that made the page; in that version alone it is changed in place
 *    16  cluster       u32  first four bytes of the cluster id
 *    20  kind u8 · level u8 (0 = leaf) · count u16 (cells)
 *    24  heap u16 (lowest byte in use by cells) · garbage u16 (bytes of removed cells above it)
 *    28  prefix length u16 · last insert u16 (index of the newest cell)
 *    32  tree u8 · run u8 (inserts in a row, each just after the one before; stops at 255) · zero u16
 *    36  next          u32  the next page of a free list, or 0
 *    40  slots, 8 bytes each, in key order, growing upwards; cells growing downwards; the prefix at the end of the page
 *
 * All keys of a page begin with its prefix, which is kept once. What follows it in a key is the suffix.
 *
 *     slot   head i32   the first four bytes of the suffix, big-endian, padded with zeros, with the top bit flipped: signed
 *                       integer order is then memcmp order, and a search mostly compares integers without touching cells
 *            offset u16 (of the cell in the page) · suffix length u16
 *     leaf cell    value length u16 (65,535: the value is in overflow pages, and the cell holds its length u32 and the number
 *                  of its first page u32) · the suffix after its first four bytes · the value
 *     branch cell  child page u32 · the suffix after its first four bytes · zeros up to a multiple of four
 *
 * The key of a branch's cell is a lower bound, inclusive, of the keys under its child. The first cell has none: its child takes
 * everything below the second one's key.
 */
import { assert } from "../types/assert.js";

/**
 * 8 KiB was measured against 4 and 16 (benchmarks/store.ts): smaller pages make descents longer and the page table larger,
 * larger ones make each copy-on-write of a small change dearer.
 */
export const pageShift = 13;
export const pageBytes = 1 << pageShift;
/** Pages lie in shared chunks of at most this size: an index into one is a small integer, which V8 handles fastest. */
const chunkShift = 26;
export const chunkBytesMax = 1 << chunkShift;
export const chunkPagesShift = chunkShift - pageShift;

export const pageHeaderBytes = 40;
export const slotBytes = 8;
/** Bytes of a page for slots, cells and prefix. */
export const pageCapacity = pageBytes - pageHeaderBytes;

export const wordNumber = 1;
export const wordBirth = 2;
export const wordCluster = 4;
export const wordKind = 5;
export const wordHeap = 6;
export const wordPrefix = 7;
export const wordTree = 8;
export const wordNext = 9;
export const wordSlots = 10;

export const pageKindRoot = 1;
export const pageKindBranch = 2;
export const pageKindLeaf = 3;
export const pageKindOverflowHead = 4;
export const pageKindOverflowData = 5;
export const pageKindFreeList = 6;

export const pageKindNames = ["none", "root", "branch", "leaf", "overflow head", "overflow data", "free list"] as const;

/** A hint beyond all cells: a search begins in the middle. */
export const noHint = 0x10000;

/** What a leaf cell holds before its suffix, and a branch cell. */
export const leafCellHead = 2;
export const branchCellHead = 4;
/** Mark in a leaf cell's length: the value is in overflow pages. */
export const overflowMark = 0xffff;
export const overflowReferenceBytes = 8;
/** Bytes of the suffix that a slot's head holds. */
export const slotHeadBytes = 4;

/**
 * Levels of a tree. A branch below the root has two children at least (tree-shape.ts), of keys as long as they may be and as unlike as
 * they may be; so a tree of h levels has 2^(h-1) leaves and as many pages above them, less one. A page file has 2^28 pages at most (page-table.ts):
 * that is 28 levels, and no key that fits a page can ask for one more. What is left is for branches with one child, which programs of before could
 * leave behind in the few levels that their trees had. (Keys as they are, of which separators are the shortest beginnings that tell
 * neighbours apart, branch some hundred times: 10^9 entries are 5 levels.)
 */
export const treeHeightMax = 32;
export const treeHeightShift = 5;

/** Versions and births are safe integers; their upper half lies in a word of its own. */
export const wordSpan = 2 ** 32;

assert(pageBytes <= 0x8000, "an offset in a page fits 16 bits");
assert(treeHeightMax <= 1 << treeHeightShift, "the levels of a tree fit their part of a path");
assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "pages are little-endian, as the machine is");

export function initialisePage(
  i32: Int32Array,
  base: number,
  number: number,
  birth: number,
  cluster: number,
  kind: number,
  level: number,
  tree: number,
): void {
  const word = base >> 2;
  i32[word] = 0;
  i32[word + wordNumber] = number;
  i32[word + wordBirth] = birth | 0;
  i32[word + wordBirth + 1] = Math.floor(birth / wordSpan);
  i32[word + wordCluster] = cluster;
  i32[word + wordKind] = kind | (level << 8);
  i32[word + wordHeap] = pageBytes;
  i32[word + wordPrefix] = 0;
  i32[word + wordTree] = tree;
  i32[word + wordNext] = 0;
}

export const kindOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordKind] & 0xff;
export const levelOf = (i32: Int32Array, base: number): number => (i32[(base >> 2) + wordKind] >>> 8) & 0xff;
export const countOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordKind] >>> 16;
export const heapOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordHeap] & 0xffff;
export const garbageOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordHeap] >>> 16;
export const prefixOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordPrefix] & 0xffff;
export const numberOf = (i32: Int32Array, base: number): number => i32[(base >> 2) + wordNumber];

export const birthOf = (i32: Int32Array, base: number): number => {
  const word = (base >> 2) + wordBirth;
  return (i32[word + 1] >>> 0) * wordSpan + (i32[word] >>> 0);
};

/** Bytes between the slots and the cells. */
export function roomOf(i32: Int32Array, base: number): number {
  const word = base >> 2;
  return (i32[word + wordHeap] & 0xffff) - pageHeaderBytes - (i32[word + wordKind] >>> 16) * slotBytes;
}

/** Bytes in use by slots, live cells and prefix. */
export function liveBytesOf(i32: Int32Array, base: number): number {
  return pageCapacity - roomOf(i32, base) - garbageOf(i32, base);
}
