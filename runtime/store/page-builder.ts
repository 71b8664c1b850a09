/**
 * Rebuilding pages: to compact one, to give one another prefix, to split one, to merge two. Always from a private copy, cell by
 * cell in key order.
 *
 * A *virtual sequence* is a page's cells with one more put in at its place: what a page would hold if it were large enough. A split
 * deals it out to two pages. The size of a range under some prefix is known before anything is written.
 *
 * Why both parts of a split fit. Let C be a page's room, P the prefix that its keys and the new cell share, m the largest cell. The page held C
 * at most, P among it, so the sequence takes T <= C + m, and the parts, which each have the prefix, T + P together. Of the places to cut,
 * the one nearest to the half is m / 2 off at most, so the larger part takes (T + P + m) / 2 <= (C + P) / 2 + m. That is no more than C as long as
 * m <= (C - P) / 2: half a page without the prefix. A leaf's largest cell is of the longest key with the longest value that lies beside it; each
 * byte of a prefix is one less in the cell. (The first cut behind the half may be m off, and would ask for a third.)
 *
 * Why a prefix needs no fence keys: keys that share a prefix are neighbours in key order, so one that lacks the prefix of its page
 * lies before all the page's keys or behind them. When the page has no room under a shorter prefix, it gets a page of its own
 * on that side.
 */
import { assert } from "../types/assert.js";
import { commonPrefix } from "./keys.js";
import {
  branchCellHead,
  countOf,
  kindOf,
  pageBytes,
  pageCapacity,
  pageKindBranch,
  prefixOf,
  slotBytes,
  wordHeap,
  wordKind,
  wordPrefix,
  wordTree,
} from "./layout.js";
import {
  appendCell,
  branchCellBytes,
  childOf,
  copyKey,
  heapStartOf,
  insertBranchCell,
  insertLeafCell,
  leafCellBytes,
  lengthFieldOf,
  suffixLengthOf,
  valueStartOf,
} from "./slotted-page.js";
import { treeInlineValueBytesMax, treeKeyBytesMax } from "./tree.js";

/** A branch that is split or loses children has so many left, lest a tree of few pages be high (layout.ts). */
export const branchChildrenMin = 2;

assert(
  slotBytes + leafCellBytes(treeKeyBytesMax, treeInlineValueBytesMax) <= pageCapacity >> 1,
  "a leaf's cell takes half a page at most",
);
assert(
  slotBytes + branchCellBytes(treeKeyBytesMax) <= (pageCapacity - slotBytes - branchCellBytes(0)) >> 1,
  "a branch has room for the first child and two with keys",
);

/** Empties a page and gives it a prefix. Number, birth, kind, level and tree stay. */
export function clearPage(u8: Uint8Array, i32: Int32Array, base: number, key: Uint8Array, prefix: number): void {
  const word = base >> 2;
  i32[word + wordKind] &= 0xffff;
  i32[word + wordHeap] = heapStartOf(prefix);
  i32[word + wordPrefix] = prefix;
  i32[word + wordTree] &= 0xff;
  const from = base + pageBytes - prefix;
  for (let at = 0; at < prefix; at++) u8[from + at] = key[at];
}

export class PageBuilder {
  readonly #u8: Uint8Array;
  readonly #i32: Int32Array;
  #cellHead = 0;
  #count = 0;
  readonly #key = new Uint8Array(treeKeyBytesMax + 4);
  readonly #other = new Uint8Array(treeKeyBytesMax + 4);

  // The cell that is put into the sequence; `#at` is its index, or -1 when there is none.
  #at = -1;
  #newKey: Uint8Array = this.#key;
  #newKeyLength = 0;
  #lengthField = 0;
  #source: Uint8Array = this.#key;
  #sourceStart = 0;
  #child = 0;

  constructor() {
    const buffer = new ArrayBuffer(pageBytes);
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
  }

  /** Takes a copy of a page as the sequence. */
  load(u8: Uint8Array, i32: Int32Array, base: number, cellHead: number): void {
    assert((kindOf(i32, base) === pageKindBranch) === (cellHead === branchCellHead), "a page is read as what it is");
    this.#u8.set(u8.subarray(base, base + pageBytes));
    this.#cellHead = cellHead;
    this.#count = countOf(i32, base);
    this.#at = -1;
  }

  putLeafCell(
    at: number,
    key: Uint8Array,
    keyLength: number,
    lengthField: number,
    source: Uint8Array,
    start: number,
  ): void {
    assert(this.#at === -1 && at <= this.#count, "one cell is put among the others or just behind them");
    this.#at = at;
    this.#newKey = key;
    this.#newKeyLength = keyLength;
    this.#lengthField = lengthField;
    this.#source = source;
    this.#sourceStart = start;
    this.#count += 1;
  }

  putBranchCell(at: number, key: Uint8Array, keyLength: number, child: number): void {
    assert(this.#at === -1 && at > 0 && at <= this.#count, "one cell is put behind a branch's first");
    this.#at = at;
    this.#newKey = key;
    this.#newKeyLength = keyLength;
    this.#child = child;
    this.#count += 1;
  }

  /** Cells of the sequence. */
  get count(): number {
    return this.#count;
  }

  #indexOf(index: number): number {
    return this.#at !== -1 && index > this.#at ? index - 1 : index;
  }

  /** Copies the key of a cell of the sequence; 0 for a branch's first. */
  keyInto(index: number, target: Uint8Array): number {
    assert(index < this.#count, "a key that is read belongs to the sequence");
    if (index !== this.#at) return copyKey(this.#u8, this.#i32, 0, this.#indexOf(index), this.#cellHead, target);
    for (let at = 0; at < this.#newKeyLength; at++) target[at] = this.#newKey[at];
    return this.#newKeyLength;
  }

  /** Child of a branch's cell. */
  childAt(index: number): number {
    return index === this.#at ? this.#child : childOf(this.#i32, 0, this.#indexOf(index));
  }

  /** Length of the prefix that the keys from `from` to `to`, exclusive, share. The first one of a branch does not count. */
  prefixOfRange(from: number, to: number): number {
    const first = this.#cellHead === branchCellHead ? from + 1 : from;
    if (to - first <= 1) return 0; // a key alone shares nothing with those to come
    const length = this.keyInto(first, this.#key);
    const otherLength = this.keyInto(to - 1, this.#other);
    return commonPrefix(this.#key, length, this.#other, otherLength);
  }

  /**
   * The prefix for a page of a range of whose keys `known` bytes are shared, and which fits with those: as many as they share, unless that takes
   * more room than there is. A longer prefix costs its own bytes, and saves none of keys whose rest lies in their slots.
   */
  fittingPrefix(from: number, to: number, known: number): number {
    const shared = this.prefixOfRange(from, to);
    return shared <= known || this.rangeBytes(from, to, shared) <= pageCapacity ? shared : known;
  }

  /** Bytes of one cell and its slot under a prefix. */
  cellBytes(index: number, prefix: number): number {
    const isNew = index === this.#at;
    const at = this.#indexOf(index);
    const full = isNew ? this.#newKeyLength : prefixOf(this.#i32, 0) + suffixLengthOf(this.#i32, 0, at);
    if (this.#cellHead === branchCellHead) return slotBytes + branchCellBytes(index === 0 ? 0 : full - prefix);
    return (
      slotBytes + leafCellBytes(full - prefix, isNew ? this.#lengthField : lengthFieldOf(this.#u8, this.#i32, 0, at))
    );
  }

  /** Bytes that a range takes in a page with that prefix, the prefix included. */
  rangeBytes(from: number, to: number, prefix: number): number {
    let bytes = pageBytes - heapStartOf(prefix);
    for (let index = from; index < to; index++) bytes += this.cellBytes(index, prefix);
    // A branch's cell that becomes the first of its page sheds its key: the sum is then an upper bound.
    return bytes;
  }

  /** Fills a page with a range of the sequence. The first key of a branch's range is left out. */
  build(u8: Uint8Array, i32: Int32Array, base: number, from: number, to: number, prefix: number): void {
    assert(from < to && to <= this.#count, "a page is built from at least one cell");
    const keyed = this.#cellHead === branchCellHead ? from + 1 : from;
    if (keyed < to) this.keyInto(keyed, this.#key);
    assert(keyed < to || prefix === 0, "a page without keys has no prefix");
    clearPage(u8, i32, base, this.#key, prefix);
    this.appendTo(u8, i32, base, from, to);
    assert(countOf(i32, base) === to - from, "a page that was built holds its range");
  }

  /** Puts a range behind the cells that a page holds; in a branch it is the page's first cells, or all have keys. */
  appendTo(u8: Uint8Array, i32: Int32Array, base: number, from: number, to: number): void {
    const isSamePrefix = prefixOf(i32, base) === prefixOf(this.#i32, 0);
    for (let index = from, at = countOf(i32, base); index < to; index++, at++) {
      if (isSamePrefix && index !== this.#at && (at > 0 || this.#cellHead !== branchCellHead)) {
        appendCell(u8, i32, base, this.#u8, this.#i32, 0, this.#indexOf(index), this.#cellHead);
        continue;
      }
      const length = this.keyInto(index, this.#key);
      if (this.#cellHead === branchCellHead) {
        insertBranchCell(u8, i32, base, at, this.#key, length, this.childAt(index));
      } else if (index === this.#at) {
        insertLeafCell(u8, i32, base, at, this.#key, length, this.#lengthField, this.#source, this.#sourceStart);
      } else {
        const old = this.#indexOf(index);
        const lengthField = lengthFieldOf(this.#u8, this.#i32, 0, old);
        insertLeafCell(u8, i32, base, at, this.#key, length, lengthField, this.#u8, valueStartOf(this.#i32, 0, old));
      }
    }
  }

  /**
   * Where to cut the sequence so that both parts have as nearly the same size as they can: the index of the first cell of the second part.
   * The prefix is the old page's, which the parts can only lengthen, so both fit. A branch's parts have `branchChildrenMin` children at least.
   */
  middle(prefix: number): number {
    const least = this.#cellHead === branchCellHead ? branchChildrenMin : 1;
    const prefixBytes = pageBytes - heapStartOf(prefix);
    // What both parts take.
    const total = this.rangeBytes(0, this.#count, prefix) + prefixBytes;
    let left = prefixBytes;
    let index = 0;
    while (index < this.#count - least) {
      const bytes = this.cellBytes(index, prefix);
      left += bytes;
      index += 1;
      if (left * 2 < total || index < least) continue;
      if (index > least && left * 2 - total > total - (left - bytes) * 2) index -= 1;
      break;
    }
    assert(index >= least && index <= this.#count - least, "a split leaves cells on both sides");
    return index;
  }
}
