/**
 * How the trees of the working version change shape: copy-on-write of a path, splits upwards from a full leaf, merges upwards from an
 * emptying one. `WriterTrees` finds leaves and changes cells; what takes more than one page is here.
 *
 * Splits: a key behind all others of its leaf that follows the newest insert gets a leaf of its own, so ascending keys leave full
 * pages behind; a leaf with a run of such inserts in its midst is cut just behind them, so that the run goes on at a leaf's end, or before
 * the newest when it has no room with the others; else the cut is in the middle, by bytes.
 * Merges: a page less than a third full is joined with a neighbour under the same parent when both fit into nine tenths of one.
 *
 * A branch below the root has two children at least, which bounds the height (layout.ts): no cut leaves one with fewer, and one that loses all
 * but one of its children is joined with a neighbour or, where both do not fit into a page, is given the neighbour's nearest child.
 * That changes the separator before the right one of the two, so it is taken out of their parent and put in anew, as after a split.
 */
import { assert } from "../types/assert.js";
import type { PageAllocator } from "./allocator.js";
import type { FramePool } from "./frame-pool.js";
import { noteInsert, runAt } from "./insert-run.js";
import { commonPrefix } from "./keys.js";
import {
  branchCellHead,
  countOf,
  garbageOf,
  leafCellHead,
  liveBytesOf,
  pageCapacity,
  pageKindBranch,
  pageKindLeaf,
  roomOf,
  slotBytes,
  slotHeadBytes,
  treeHeightMax,
  treeHeightShift,
  wordPrefix,
} from "./layout.js";
import { branchChildrenMin, clearPage, PageBuilder } from "./page-builder.js";
import { baseOf, chunkOf } from "./page-space.js";
import {
  branchCellBytes,
  childOf,
  comparePrefix,
  copyKey,
  insertBranchCell,
  insertLeafCell,
  removeChild,
  setChild,
  storedBytesOf,
} from "./slotted-page.js";
import { treeInlineValueBytesMax, treeKeyBytesMax, treesMax } from "./tree.js";

/** A rebuilt page has at least this much room, so that the next insert does not rebuild it again. */
const rebuildRoomMin = pageCapacity >> 4;
/** Inserts in a row that make a split cut behind them. */
const runMin = 4;
const sparseBytes = Math.floor(pageCapacity / 3);
const mergedBytesMax = Math.floor((pageCapacity * 9) / 10);

export class TreeShape {
  /** Page number, levels and entries of each tree in the working version. */
  readonly roots = new Int32Array(treesMax);
  readonly heights = new Int32Array(treesMax);
  readonly counts = new Float64Array(treesMax);
  /** The working version. */
  working: number;

  /** For each tree and level (`tree << treeHeightShift | level`): the page on the path, and the child taken there. */
  readonly pathFrame = new Int32Array(treesMax << treeHeightShift);
  readonly pathIndex = new Int32Array(treesMax << treeHeightShift);
  /** The cache's generation in which a tree's path is right, or -1. */
  readonly fingers = new Float64Array(treesMax).fill(-1);
  /** Index in the leaf of what was last found or put. */
  readonly hints = new Int32Array(treesMax);
  /** The lowest level whose branch has a key at or below the leaf's, and one above it: the leaf's bounds. 0 when there is none. */
  readonly lowLevels = new Int32Array(treesMax);
  readonly highLevels = new Int32Array(treesMax);

  readonly #pool: FramePool;
  readonly #allocator: PageAllocator;
  readonly #builder = new PageBuilder();
  readonly #otherBuilder = new PageBuilder();
  readonly #key = new Uint8Array(treeKeyBytesMax + 4);
  readonly #otherKey = new Uint8Array(treeKeyBytesMax + 4);
  readonly #value = new Uint8Array(treeInlineValueBytesMax);
  #separator = new Uint8Array(treeKeyBytesMax + 4);
  #separatorLength = 0;
  #nextSeparator = new Uint8Array(treeKeyBytesMax + 4);

  constructor(pool: FramePool, allocator: PageAllocator, working: number) {
    this.#pool = pool;
    this.#allocator = allocator;
    this.working = working;
  }

  dropFingers(): void {
    this.fingers.fill(-1);
  }

  /** Gives an empty tree its first leaf. */
  plant(tree: number): void {
    assert(this.heights[tree] === 0 && this.counts[tree] === 0, "a tree is planted where there is none");
    const number = this.#allocator.allocate();
    this.pathFrame[tree << treeHeightShift] = this.#pool.create(number, this.working, pageKindLeaf, 0, tree);
    this.roots[tree] = number;
    this.heights[tree] = 1;
    this.lowLevels[tree] = 0;
    this.highLevels[tree] = 0;
    this.fingers[tree] = this.#pool.generation;
  }

  /** Makes all pages of the tree's path the working version's own. */
  own(tree: number): void {
    const path = tree << treeHeightShift;
    const height = this.heights[tree];
    const births = this.#pool.birth;
    let level = 0;
    while (level < height && births[this.pathFrame[path + level]] !== this.working) level++;
    if (this.#pool.spilled > 0) for (let at = level; at < height; at++) this.#pool.touch(this.pathFrame[path + at]);
    for (level -= 1; level >= 0; level--) this.#copyPage(tree, level);
  }

  /** Copies the page of a path's level; the one above it is owned. */
  #copyPage(tree: number, level: number): void {
    const at = (tree << treeHeightShift) + level;
    const old = this.pathFrame[at];
    const oldNumber = this.#pool.number[old];
    const oldBirth = this.#pool.birth[old];
    assert(oldBirth < this.working, "snapshot: a page that is copied belongs to an older version");
    const number = this.#allocator.allocate();
    this.pathFrame[at] = this.#pool.copy(old, number, this.working);
    this.#link(tree, level, number);
    this.#allocator.free(oldNumber, oldBirth);
  }

  /** Points the parent of a path's level, or the tree's root, to a page. */
  #link(tree: number, level: number, number: number): void {
    if (level + 1 === this.heights[tree]) {
      this.roots[tree] = number;
      return;
    }
    const at = (tree << treeHeightShift) + level + 1;
    const parent = this.pathFrame[at];
    assert(this.#pool.birth[parent] === this.working, "snapshot: a page of an older version is never changed");
    setChild(this.#pool.space.i32[chunkOf(parent)], baseOf(parent), this.pathIndex[at], number);
  }

  #free(frame: number): void {
    this.#allocator.free(this.#pool.number[frame], this.#pool.birth[frame]);
  }

  // Growing.

  /**
   * Puts a cell into a leaf that has no room for it, or whose prefix its key lacks. The leaf is at the end of the tree's path, owned.
   */
  growLeaf(
    tree: number,
    index: number,
    key: Uint8Array,
    keyLength: number,
    lengthField: number,
    source: Uint8Array,
    matches: boolean,
  ): void {
    const frame = this.pathFrame[tree << treeHeightShift];
    const { u8: chunks, i32: words } = this.#pool.space;
    const u8 = chunks[chunkOf(frame)];
    const i32 = words[chunkOf(frame)];
    const base = baseOf(frame);
    assert(this.#pool.birth[frame] === this.working, "snapshot: a page of an older version is never changed");
    // Key and value may lie in the page that is about to be rebuilt.
    this.#key.set(key.subarray(0, keyLength));
    this.#value.set(source.subarray(0, storedBytesOf(lengthField)));
    const run = runAt(i32, base, index);
    const oldPrefix = i32[(base >> 2) + wordPrefix] & 0xffff;

    if (matches && run > 0 && index === countOf(i32, base) && this.#isFull(u8, i32, base, keyLength, oldPrefix)) {
      this.#appendLeaf(tree, keyLength, lengthField, run);
      return;
    }
    const builder = this.#builder;
    builder.load(u8, i32, base, leafCellHead);
    builder.putLeafCell(index, this.#key, keyLength, lengthField, this.#value, 0);
    const count = builder.count;
    const prefix = builder.prefixOfRange(0, count);
    const room = pageCapacity - builder.rangeBytes(0, count, prefix);
    if (room >= (matches ? rebuildRoomMin : 0)) {
      builder.build(u8, i32, base, 0, count, prefix);
      noteInsert(i32, base, index, run);
      return;
    }

    let cut: number;
    if (!matches) cut = index === 0 ? 1 : index;
    else if (run > 0 && index === count - 1) cut = index;
    else if (run >= runMin && this.#fits(0, index + 1, oldPrefix)) cut = index + 1;
    else if (run >= runMin && this.#fits(index, count, oldPrefix)) cut = index;
    else cut = builder.middle(oldPrefix);

    const lastLength = builder.keyInto(cut - 1, this.#otherKey);
    const firstLength = builder.keyInto(cut, this.#separator);
    const common = this.#separate(lastLength, firstLength);
    const number = this.#allocator.allocate();
    const right = this.#pool.create(number, this.working, pageKindLeaf, 0, tree);
    const rightU8 = chunks[chunkOf(right)];
    const rightI32 = words[chunkOf(right)];
    const hinted = hintedPrefix(common, firstLength);
    const rightPrefix = cut === count - 1 ? hinted : builder.fittingPrefix(cut, count, oldPrefix);
    builder.build(rightU8, rightI32, baseOf(right), cut, count, rightPrefix);
    if (index >= cut) noteInsert(rightI32, baseOf(right), index - cut, run);
    if (cut < count - 1 || index < cut) {
      builder.build(u8, i32, base, 0, cut, builder.fittingPrefix(0, cut, oldPrefix));
      if (index < cut) noteInsert(i32, base, index, run);
    }
    this.#insertChild(tree, 1, number);
  }

  /** Makes `#separator`, the first key of a part, the shortest key above the last one of the part before it, which is in `#otherKey`. */
  #separate(lastLength: number, firstLength: number): number {
    const common = commonPrefix(this.#otherKey, lastLength, this.#separator, firstLength);
    assert(common < firstLength, "order: keys of a page ascend");
    this.#separatorLength = common + 1;
    return common;
  }

  /** Whether a leaf is known, without rebuilding it, to gain too little by the longest prefix of its keys and the one in `#key`, behind them. */
  #isFull(u8: Uint8Array, i32: Int32Array, base: number, keyLength: number, prefix: number): boolean {
    const firstLength = copyKey(u8, i32, base, 0, leafCellHead, this.#otherKey);
    const shared = commonPrefix(this.#otherKey, firstLength, this.#key, keyLength);
    return garbageOf(i32, base) + (shared - prefix) * countOf(i32, base) < rebuildRoomMin;
  }

  /** A leaf for the cell of `#key` and `#value` alone, behind the one at the end of the tree's path. */
  #appendLeaf(tree: number, keyLength: number, lengthField: number, run: number): void {
    const { u8: chunks, i32: words } = this.#pool.space;
    const frame = this.pathFrame[tree << treeHeightShift];
    const base = baseOf(frame);
    const i32 = words[chunkOf(frame)];
    const lastLength = copyKey(chunks[chunkOf(frame)], i32, base, countOf(i32, base) - 1, leafCellHead, this.#otherKey);
    this.#separator.set(this.#key.subarray(0, keyLength));
    const prefix = hintedPrefix(this.#separate(lastLength, keyLength), keyLength);
    const number = this.#allocator.allocate();
    const right = this.#pool.create(number, this.working, pageKindLeaf, 0, tree);
    const rightU8 = chunks[chunkOf(right)];
    const rightI32 = words[chunkOf(right)];
    clearPage(rightU8, rightI32, baseOf(right), this.#key, prefix);
    insertLeafCell(rightU8, rightI32, baseOf(right), 0, this.#key, keyLength, lengthField, this.#value, 0);
    noteInsert(rightI32, baseOf(right), 0, run);
    this.#insertChild(tree, 1, number);
  }

  /** Whether a range of the loaded sequence has room in a page of its own. */
  #fits(from: number, to: number, known: number): boolean {
    const builder = this.#builder;
    return builder.rangeBytes(from, to, builder.fittingPrefix(from, to, known)) <= pageCapacity;
  }

  /** Puts a new page and the separator before it behind the path's child on a level, splitting upwards as needed. */
  #insertChild(tree: number, fromLevel: number, newChild: number): void {
    const path = tree << treeHeightShift;
    this.fingers[tree] = -1;
    let child = newChild;
    for (let level = fromLevel; ; level++) {
      if (level === this.heights[tree]) {
        this.#growRoot(tree, level, child);
        return;
      }
      const frame = this.pathFrame[path + level];
      assert(this.#pool.birth[frame] === this.working, "snapshot: a page of an older version is never changed");
      child = this.#insertIntoBranch(tree, level, frame, this.pathIndex[path + level] + 1, child);
      if (child === 0) return;
    }
  }

  #growRoot(tree: number, level: number, child: number): void {
    assert(level < treeHeightMax, "a tree stays below its largest height");
    const number = this.#allocator.allocate();
    const frame = this.#pool.create(number, this.working, pageKindBranch, level, tree);
    const u8 = this.#pool.space.u8[chunkOf(frame)];
    const i32 = this.#pool.space.i32[chunkOf(frame)];
    insertBranchCell(u8, i32, baseOf(frame), 0, this.#separator, 0, this.roots[tree]);
    insertBranchCell(u8, i32, baseOf(frame), 1, this.#separator, this.#separatorLength, child);
    this.roots[tree] = number;
    this.heights[tree] = level + 1;
  }

  /** Returns the number of the new page when the branch was split (its separator is then the one to insert above), else 0. */
  #insertIntoBranch(tree: number, level: number, frame: number, index: number, child: number): number {
    const { u8: chunks, i32: words } = this.#pool.space;
    const u8 = chunks[chunkOf(frame)];
    const i32 = words[chunkOf(frame)];
    const base = baseOf(frame);
    const oldPrefix = i32[(base >> 2) + wordPrefix] & 0xffff;
    const run = runAt(i32, base, index) > 0 ? 1 : 0;
    const matches = comparePrefix(u8, base, oldPrefix, this.#separator, this.#separatorLength) === 0;
    if (matches && slotBytes + branchCellBytes(this.#separatorLength - oldPrefix) <= roomOf(i32, base)) {
      insertBranchCell(u8, i32, base, index, this.#separator, this.#separatorLength, child);
      noteInsert(i32, base, index, run);
      return 0;
    }
    const builder = this.#builder;
    builder.load(u8, i32, base, branchCellHead);
    builder.putBranchCell(index, this.#separator, this.#separatorLength, child);
    const count = builder.count;
    const prefix = builder.prefixOfRange(0, count);
    if (builder.rangeBytes(0, count, prefix) + (matches ? rebuildRoomMin : 0) <= pageCapacity) {
      builder.build(u8, i32, base, 0, count, prefix);
      noteInsert(i32, base, index, run);
      return 0;
    }
    let cut: number;
    if (!matches || (run > 0 && index === count - 1))
      cut = Math.max(branchChildrenMin, Math.min(index, count - branchChildrenMin));
    else cut = builder.middle(oldPrefix);

    const nextLength = builder.keyInto(cut, this.#nextSeparator);
    const number = this.#allocator.allocate();
    const right = this.#pool.create(number, this.working, pageKindBranch, level, tree);
    const rightPrefix = builder.fittingPrefix(cut, count, oldPrefix);
    builder.build(chunks[chunkOf(right)], words[chunkOf(right)], baseOf(right), cut, count, rightPrefix);
    noteInsert(words[chunkOf(right)], baseOf(right), index >= cut ? index - cut : 0, run);
    builder.build(u8, i32, base, 0, cut, builder.fittingPrefix(0, cut, oldPrefix));

    const spent = this.#separator;
    this.#separator = this.#nextSeparator;
    this.#separatorLength = nextLength;
    this.#nextSeparator = spent;
    return number;
  }

  // Shrinking.

  /** After a cell was removed from the leaf at the end of the tree's path. */
  shrinkLeaf(tree: number): void {
    const frame = this.pathFrame[tree << treeHeightShift];
    const i32 = this.#pool.space.i32[chunkOf(frame)];
    const base = baseOf(frame);
    if (countOf(i32, base) > 0 && liveBytesOf(i32, base) >= sparseBytes) return;
    this.#shrink(tree);
  }

  #shrink(tree: number): void {
    const path = tree << treeHeightShift;
    for (let level = 0; ; level++) {
      const frame = this.pathFrame[path + level];
      const i32 = this.#pool.space.i32[chunkOf(frame)];
      const base = baseOf(frame);
      const count = countOf(i32, base);
      if (level + 1 === this.heights[tree]) {
        this.#shrinkRoot(tree, level);
        return;
      }
      const parent = this.pathFrame[path + level + 1];
      const parentU8 = this.#pool.space.u8[chunkOf(parent)];
      const parentI32 = this.#pool.space.i32[chunkOf(parent)];
      assert(this.#pool.birth[parent] === this.working, "snapshot: a page of an older version is never changed");
      if (count === 0) {
        this.fingers[tree] = -1;
        this.#free(frame);
        removeChild(parentU8, parentI32, baseOf(parent), this.pathIndex[path + level + 1]);
        continue;
      }
      const isLone = level > 0 && count < branchChildrenMin;
      if (!isLone && liveBytesOf(i32, base) >= sparseBytes) return;
      if (this.#merge(tree, level)) continue;
      if (isLone) this.#borrow(tree, level);
      return;
    }
  }

  #shrinkRoot(tree: number, rootLevel: number): void {
    const path = tree << treeHeightShift;
    let frame = this.pathFrame[path + rootLevel];
    for (let level = rootLevel; ; level--) {
      const i32 = this.#pool.space.i32[chunkOf(frame)];
      const base = baseOf(frame);
      const count = countOf(i32, base);
      if (count > 1 || (level === 0 && count === 1)) return;
      this.fingers[tree] = -1;
      this.#free(frame);
      if (count === 0) {
        assert(this.counts[tree] === 0, "a tree without pages has no entries");
        this.roots[tree] = 0;
        this.heights[tree] = 0;
        return;
      }
      this.roots[tree] = childOf(i32, base, 0);
      this.heights[tree] = level;
      frame = this.#pool.frameOf(this.roots[tree]);
    }
  }

  /** Joins the page of a path's level with a neighbour; false when neither is small enough. */
  #merge(tree: number, level: number): boolean {
    const at = (tree << treeHeightShift) + level + 1;
    const parent = this.pathFrame[at];
    const index = this.pathIndex[at];
    const count = countOf(this.#pool.space.i32[chunkOf(parent)], baseOf(parent));
    assert(index < count, "a path leads through children that exist");
    return (index + 1 < count && this.#join(tree, level, index)) || (index > 0 && this.#join(tree, level, index - 1));
  }

  /** Joins two neighbours under the path's parent, the left one's index there given, if they fit. */
  #join(tree: number, level: number, leftIndex: number): boolean {
    const path = tree << treeHeightShift;
    const { u8: chunks, i32: words } = this.#pool.space;
    const parent = this.pathFrame[path + level + 1];
    const parentU8 = chunks[chunkOf(parent)];
    const parentI32 = words[chunkOf(parent)];
    const index = this.pathIndex[path + level + 1];
    const mine = this.pathFrame[path + level];
    const other = this.#pool.frameOf(childOf(parentI32, baseOf(parent), leftIndex === index ? index + 1 : leftIndex));
    const isMineLeft = leftIndex === index;
    const left = isMineLeft ? mine : other;
    const right = isMineLeft ? other : mine;
    const live = liveBytesOf(words[chunkOf(left)], baseOf(left)) + liveBytesOf(words[chunkOf(right)], baseOf(right));
    if (live > mergedBytesMax) return false;

    const cellHead = level === 0 ? leafCellHead : branchCellHead;
    const leftBuilder = this.#builder;
    const rightBuilder = this.#otherBuilder;
    leftBuilder.load(chunks[chunkOf(left)], words[chunkOf(left)], baseOf(left), cellHead);
    rightBuilder.load(chunks[chunkOf(right)], words[chunkOf(right)], baseOf(right), cellHead);
    const separatorLength = copyKey(
      parentU8,
      parentI32,
      baseOf(parent),
      leftIndex + 1,
      branchCellHead,
      this.#separator,
    );
    const prefix = this.#joinedPrefix(level, separatorLength);
    const separatorBytes = level === 0 ? 0 : branchCellBytes(separatorLength - prefix);
    const bytes =
      leftBuilder.rangeBytes(0, leftBuilder.count, prefix) +
      rightBuilder.rangeBytes(0, rightBuilder.count, prefix) +
      separatorBytes;
    if (bytes > mergedBytesMax) return false;

    this.fingers[tree] = -1;
    const target = isMineLeft ? left : this.#ownChild(parentI32, baseOf(parent), leftIndex, left);
    const u8 = chunks[chunkOf(target)];
    const i32 = words[chunkOf(target)];
    const base = baseOf(target);
    clearPage(u8, i32, base, this.#key, prefix);
    leftBuilder.appendTo(u8, i32, base, 0, leftBuilder.count);
    if (level === 0) {
      rightBuilder.appendTo(u8, i32, base, 0, rightBuilder.count);
    } else {
      insertBranchCell(u8, i32, base, leftBuilder.count, this.#separator, separatorLength, rightBuilder.childAt(0));
      rightBuilder.appendTo(u8, i32, base, 1, rightBuilder.count);
    }
    assert(countOf(i32, base) === leftBuilder.count + rightBuilder.count, "a merged page holds all cells of both");
    this.#free(right);
    removeChild(parentU8, parentI32, baseOf(parent), leftIndex + 1);
    this.pathFrame[path + level] = target;
    return true;
  }

  /** Gives the branch of a path's level, which has one child, the nearest one of a neighbour that is too full to be joined with it. */
  #borrow(tree: number, level: number): void {
    const at = (tree << treeHeightShift) + level + 1;
    const { u8: chunks, i32: words } = this.#pool.space;
    const parent = this.pathFrame[at];
    const [parentU8, parentI32, parentBase] = [chunks[chunkOf(parent)], words[chunkOf(parent)], baseOf(parent)];
    const index = this.pathIndex[at];
    const isMineLeft = index + 1 < countOf(parentI32, parentBase);
    // Programs of before left branches whose only child has one itself.
    if (!isMineLeft && index === 0) return;
    const otherIndex = isMineLeft ? index + 1 : index - 1;
    const found = this.#pool.frameOf(childOf(parentI32, parentBase, otherIndex));
    const other = this.#ownChild(parentI32, parentBase, otherIndex, found);
    const [u8, i32, base] = [chunks[chunkOf(other)], words[chunkOf(other)], baseOf(other)];
    const count = countOf(i32, base);
    assert(count > branchChildrenMin, "a branch that is too full to be joined has a child to spare");
    const mine = this.pathFrame[at - 1];
    const [mineU8, mineI32, mineBase] = [chunks[chunkOf(mine)], words[chunkOf(mine)], baseOf(mine)];
    const rightIndex = isMineLeft ? otherIndex : index;
    const separatorLength = copyKey(parentU8, parentI32, parentBase, rightIndex, branchCellHead, this.#separator);
    const own = childOf(mineI32, mineBase, 0);
    const given = isMineLeft ? 0 : count - 1;
    const lent = childOf(i32, base, given);
    const nextLength = copyKey(u8, i32, base, isMineLeft ? 1 : given, branchCellHead, this.#nextSeparator);
    removeChild(u8, i32, base, given);
    clearPage(mineU8, mineI32, mineBase, this.#separator, 0);
    insertBranchCell(mineU8, mineI32, mineBase, 0, this.#separator, 0, isMineLeft ? own : lent);
    insertBranchCell(mineU8, mineI32, mineBase, 1, this.#separator, separatorLength, isMineLeft ? lent : own);

    removeChild(parentU8, parentI32, parentBase, rightIndex);
    [this.#separator, this.#nextSeparator] = [this.#nextSeparator, this.#separator];
    this.#separatorLength = nextLength;
    this.pathIndex[at] = rightIndex - 1;
    this.#insertChild(tree, level + 1, this.#pool.number[isMineLeft ? other : mine]);
  }

  /** Prefix of all keys of the two loaded pages (and their separator, between branches). The first key is then in `#key`. */
  #joinedPrefix(level: number, separatorLength: number): number {
    const left = this.#builder;
    const right = this.#otherBuilder;
    const first = level === 0 ? 0 : 1;
    let firstLength = separatorLength;
    if (left.count > first) firstLength = left.keyInto(first, this.#key);
    else this.#key.set(this.#separator.subarray(0, separatorLength));
    let lastLength = separatorLength;
    if (right.count > first) lastLength = right.keyInto(right.count - 1, this.#otherKey);
    else this.#otherKey.set(this.#separator.subarray(0, separatorLength));
    return commonPrefix(this.#key, firstLength, this.#otherKey, lastLength);
  }

  /** Makes a child of an owned branch the working version's own; returns its frame. */
  #ownChild(parentI32: Int32Array, parentBase: number, index: number, frame: number): number {
    if (this.#pool.birth[frame] === this.working) {
      this.#pool.touch(frame);
      return frame;
    }
    const number = this.#allocator.allocate();
    const copied = this.#pool.copy(frame, number, this.working);
    setChild(parentI32, parentBase, index, number);
    this.#free(frame);
    return copied;
  }
}

/**
 * The prefix of a page of one key, which alone has none to share: its neighbour hints at what those to come will share with it. What a slot's head
 * holds of a key takes no room: left out of the prefix, it may change, as the last bytes of a number do.
 */
const hintedPrefix = (shared: number, keyLength: number): number =>
  Math.min(shared, Math.max(0, keyLength - slotHeadBytes));
