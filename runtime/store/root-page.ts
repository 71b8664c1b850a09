/**
 * The root page: one version of everything. Its number is the version's address.
 *
 *     40   32 trees of 16 bytes: root page u32 · levels u32 · entries u64
 *     552  length of the user header u32
 *     556  the user header, at most 512 bytes, opaque here (operation, log address, time …)
 */
import { assert } from "../types/assert.js";
import { kindOf, pageBytes, pageHeaderBytes, pageKindRoot, treeHeightMax, wordSpan } from "./layout.js";
import { treesMax } from "./tree.js";

export const userHeaderBytesMax = 512;

const wordTrees = pageHeaderBytes >> 2;
const treeWords = 4;
const wordHeader = wordTrees + treesMax * treeWords;
const headerAt = (wordHeader + 1) * 4;

assert(headerAt + userHeaderBytesMax <= pageBytes, "a root page holds all trees and the longest user header");

export interface TreeRoots {
  readonly roots: Int32Array;
  readonly heights: Int32Array;
  readonly counts: Float64Array;
}

export function writeRoot(u8: Uint8Array, i32: Int32Array, base: number, trees: TreeRoots, header: Uint8Array): void {
  assert(header.length <= userHeaderBytesMax, "a user header is at most 512 bytes long");
  assert(kindOf(i32, base) === pageKindRoot, "a version's page is a root page");
  let word = (base >> 2) + wordTrees;
  for (let tree = 0; tree < treesMax; tree++, word += treeWords) {
    const count = trees.counts[tree];
    i32[word] = trees.roots[tree];
    i32[word + 1] = trees.heights[tree];
    i32[word + 2] = count | 0;
    i32[word + 3] = Math.floor(count / wordSpan);
  }
  i32[(base >> 2) + wordHeader] = header.length;
  for (let at = 0; at < header.length; at++) u8[base + headerAt + at] = header[at];
}

export function readRoot(i32: Int32Array, base: number, trees: TreeRoots): void {
  assert(kindOf(i32, base) === pageKindRoot, "snapshot: a version's address leads to a root page");
  let word = (base >> 2) + wordTrees;
  for (let tree = 0; tree < treesMax; tree++, word += treeWords) {
    trees.roots[tree] = i32[word];
    trees.heights[tree] = i32[word + 1];
    trees.counts[tree] = (i32[word + 3] >>> 0) * wordSpan + (i32[word + 2] >>> 0);
    assert((i32[word] === 0) === (i32[word + 1] === 0), "a tree has a root exactly when it has levels");
    assert(i32[word + 1] <= treeHeightMax, "a tree stays below its largest height");
  }
}

/** Copies the user header to the start of `target` and returns its length. */
export function copyUserHeader(u8: Uint8Array, i32: Int32Array, base: number, target: Uint8Array): number {
  assert(kindOf(i32, base) === pageKindRoot, "snapshot: a version's address leads to a root page");
  const length = i32[(base >> 2) + wordHeader];
  assert(length <= userHeaderBytesMax && length <= target.length, "a user header fits where it is copied to");
  target.set(u8.subarray(base + headerAt, base + headerAt + length));
  return length;
}

/** Trees of a version, as arrays to read them into. */
export const emptyRoots = (): TreeRoots => ({
  roots: new Int32Array(treesMax),
  heights: new Int32Array(treesMax),
  counts: new Float64Array(treesMax),
});
