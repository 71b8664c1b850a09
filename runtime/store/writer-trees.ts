/**
 * The trees of the working version: search, insert, replace, delete, with copy-on-write.
 *
 * A page made in the working version is changed in place; any other is copied first, and so are the pages above it (an owned page
 * has only owned pages above it). The older versions keep what they had.
 *
 * Each tree has a *finger*: the path to the leaf that was used last. A key that lies between the leaf's bounds, which are keys of the
 * branches on the path, needs no descent: ascending and clustered work costs a fifth of a random one. The finger is dropped
 * when pages of the tree split or merge, and when frames may have changed hands.
 *
 * An operation first makes sure of the frames and page numbers it may need, so it is refused with nothing changed or done whole.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { PageAllocator } from "./allocator.js";
import { TreeCursor } from "./cursor.js";
import { type FramePool, levelFrames, operationFrames, ordinaryLevels } from "./frame-pool.js";
import { noteInsert, runAt } from "./insert-run.js";
import {
  birthOf,
  branchCellHead,
  countOf,
  leafCellHead,
  levelOf,
  noHint,
  overflowMark,
  overflowReferenceBytes,
  pageKindOverflowData,
  pageKindOverflowHead,
  prefixOf,
  roomOf,
  slotBytes,
  treeHeightShift,
  wordHeap,
  wordPrefix,
} from "./layout.js";
import { fillOverflow, overflowNumbers, overflowPages, overflowPagesMax, readOverflow } from "./overflow.js";
import type { PageSource } from "./page-source.js";
import { baseOf, chunkOf, type PageSpace } from "./page-space.js";
import {
  cellOf,
  childOf,
  comparePrefix,
  compareSlot,
  insertLeafCell,
  leafCellBytes,
  lengthFieldOf,
  openLeafCell,
  removeCell,
  searchBranch,
  searchLeaf,
  storedBytesOf,
  valueStartOf,
} from "./slotted-page.js";
import { fromBytes } from "./table-trees.js";
import { type TreeWriter, treeInlineValueBytesMax, treeKeyBytesMax, treesMax, treeValueBytesMax } from "./tree.js";
import { TreeShape } from "./tree-shape.js";
import { setVersion } from "./version-value.js";

const empty = new Uint8Array(0);

/** After so many descents in a row that led away from the finger's leaf, the finger is not tried until one leads back to it. */
const luckMax = 4;

export class WriterTrees implements TreeWriter, PageSource {
  readonly isPublished = false;
  readonly space: PageSpace;
  valueBytes: Uint8Array = empty;
  valueView: DataView = new DataView(empty.buffer);
  valueStart = 0;
  valueLength = 0;
  /** Puts, inserts, updates, deletes and roll-backs so far. */
  writes = 0;

  protected readonly pool: FramePool;
  protected readonly allocator: PageAllocator;
  protected readonly shape: TreeShape;
  /** Dirty frames beyond which pages are spilled before a write. */
  protected readonly dirtyFramesMax: number;

  readonly #u8: Uint8Array[];
  readonly #i32: Int32Array[];
  readonly #view: DataView[];
  readonly #pathFrame: Int32Array;
  readonly #pathIndex: Int32Array;
  /** For each tree: how many misses the finger is still tried for. */
  readonly #luck = new Int32Array(treesMax).fill(luckMax);
  readonly #reference = new Uint8Array(overflowReferenceBytes);
  readonly #referenceView = new DataView(this.#reference.buffer);
  readonly #overflowFrames = new Int32Array(overflowPagesMax);
  readonly #overflowNumbers = new Int32Array(overflowPagesMax);
  #long: Uint8Array = empty;
  #version: Uint8Array = empty;
  #versionView: DataView = new DataView(empty.buffer);
  #longView: DataView = new DataView(empty.buffer);

  constructor(pool: FramePool, allocator: PageAllocator, working: number) {
    this.pool = pool;
    this.allocator = allocator;
    this.space = pool.space;
    this.#u8 = pool.space.u8;
    this.#i32 = pool.space.i32;
    this.#view = pool.space.view;
    this.shape = new TreeShape(pool, allocator, working);
    this.#pathFrame = this.shape.pathFrame;
    this.#pathIndex = this.shape.pathIndex;
    // What is left serves loads: the frames of two operations, and a tenth for reading at all.
    this.dirtyFramesMax = pool.frames - 2 * operationFrames - (pool.frames >> 3);
    assert(this.dirtyFramesMax > operationFrames, "a cache takes the changes of at least one operation");
  }

  get generation(): number {
    return this.pool.generation;
  }

  frameOf(number: number): number {
    return this.pool.frameOf(number);
  }

  rootOf(tree: number): number {
    assert(tree >= 0 && tree < treesMax, "a tree number is from 0 to 31");
    return this.shape.roots[tree];
  }

  heightOf(tree: number): number {
    return this.shape.heights[tree];
  }

  /** Entries of a tree. */
  entries(tree: number): number {
    assert(tree >= 0 && tree < treesMax, "a tree number is from 0 to 31");
    return this.shape.counts[tree];
  }

  prepare(): void {
    if (this.pool.freeFrames < this.pool.readyFrames) this.pool.makeRoom(operationFrames);
  }

  /** Throws with nothing changed when the cache or the page file cannot take another write. */
  #prepareWrite(tree: number, keyLength: number, longPages: number): void {
    assert(keyLength <= treeKeyBytesMax, "a key is at most as long as keys of trees may be");
    const height = this.shape.heights[tree];
    const extraPages = longPages + (height > ordinaryLevels ? (height - ordinaryLevels) * levelFrames : 0);
    const pages = operationFrames + extraPages;
    while (this.pool.dirtyFrames + extraPages > this.dirtyFramesMax) {
      if (this.pool.spill() > 0) continue;
      throw new KimberliteError("cacheFull", `${this.pool.dirtyFrames} changed pages await a checkpoint`, {
        detail: { dirty: this.pool.dirtyFrames, dirtyMax: this.dirtyFramesMax, frames: this.pool.frames },
      });
    }
    if (this.allocator.available < pages) {
      throw new KimberliteError("diskFull", `the page file is at its bound of ${this.allocator.pagesMax} pages`, {
        detail: { pages: this.allocator.pageCount, pagesMax: this.allocator.pagesMax },
      });
    }
    if (this.pool.freeFrames < this.pool.readyFrames + extraPages) this.pool.makeRoom(pages);
  }

  // Finding a leaf.

  /** Index in the leaf of the entry with this key, or `~index` of its place. The tree's path then leads to the leaf. */
  #locate(tree: number, key: Uint8Array, keyLength: number): number {
    assert(tree >= 0 && tree < treesMax, "a tree number is from 0 to 31");
    const path = tree << treeHeightShift;
    const hasFinger = this.shape.fingers[tree] === this.pool.generation;
    if (hasFinger && this.#luck[tree] > 0) {
      const frame = this.#pathFrame[path];
      const chunk = chunkOf(frame);
      const i32 = this.#i32[chunk];
      const base = baseOf(frame);
      const at = searchLeaf(this.#u8[chunk], i32, base, key, keyLength, this.shape.hints[tree]);
      const index = at < 0 ? ~at : at;
      // Found, or between two keys of the leaf: it is the right one. At its edges the bounds decide.
      if (
        at >= 0 ||
        ((index > 0 || this.#isAboveLow(tree, key, keyLength)) &&
          (index < countOf(i32, base) || this.#isBelowHigh(tree, key, keyLength)))
      ) {
        this.shape.hints[tree] = index;
        this.#luck[tree] = luckMax;
        return at;
      }
    }
    const last = hasFinger ? this.#pathFrame[path] : -1;
    const at = this.#descend(tree, key, keyLength);
    this.#luck[tree] = last === this.#pathFrame[path] ? luckMax : Math.max(0, this.#luck[tree] - 1);
    this.shape.hints[tree] = at < 0 ? ~at : at;
    return at;
  }

  #isBelowHigh(tree: number, key: Uint8Array, keyLength: number): boolean {
    const level = this.shape.highLevels[tree];
    if (level === 0) return true;
    const path = (tree << treeHeightShift) + level;
    const frame = this.#pathFrame[path];
    const chunk = chunkOf(frame);
    const index = this.#pathIndex[path] + 1;
    return compareSlot(this.#u8[chunk], this.#i32[chunk], baseOf(frame), index, branchCellHead, key, keyLength) > 0;
  }

  #isAboveLow(tree: number, key: Uint8Array, keyLength: number): boolean {
    const level = this.shape.lowLevels[tree];
    if (level === 0) return true;
    const path = (tree << treeHeightShift) + level;
    const frame = this.#pathFrame[path];
    const chunk = chunkOf(frame);
    const index = this.#pathIndex[path];
    return compareSlot(this.#u8[chunk], this.#i32[chunk], baseOf(frame), index, branchCellHead, key, keyLength) <= 0;
  }

  #descend(tree: number, key: Uint8Array, keyLength: number): number {
    const path = tree << treeHeightShift;
    let level = this.shape.heights[tree] - 1;
    if (level < 0) return ~0;
    this.shape.fingers[tree] = -1;
    let number = this.shape.roots[tree];
    let low = 0;
    let high = 0;
    for (; level > 0; level--) {
      const frame = this.pool.frameOf(number);
      const chunk = chunkOf(frame);
      const base = baseOf(frame);
      const i32 = this.#i32[chunk];
      assert(levelOf(i32, base) === level, "a child lies one level below its branch");
      const index = searchBranch(this.#u8[chunk], i32, base, key, keyLength);
      this.#pathFrame[path + level] = frame;
      this.#pathIndex[path + level] = index;
      if (index > 0) low = level;
      if (index + 1 < countOf(i32, base)) high = level;
      number = childOf(i32, base, index);
    }
    const frame = this.pool.frameOf(number);
    const chunk = chunkOf(frame);
    const base = baseOf(frame);
    assert(levelOf(this.#i32[chunk], base) === 0, "a descent ends at a leaf");
    this.#pathFrame[path] = frame;
    this.shape.lowLevels[tree] = low;
    this.shape.highLevels[tree] = high;
    this.shape.fingers[tree] = this.pool.generation;
    return searchLeaf(this.#u8[chunk], this.#i32[chunk], base, key, keyLength, noHint);
  }

  /** Describes the value of an entry of the leaf at the end of the tree's path. */
  #show(tree: number, index: number): void {
    const frame = this.#pathFrame[tree << treeHeightShift];
    const chunk = chunkOf(frame);
    const i32 = this.#i32[chunk];
    const base = baseOf(frame);
    const length = lengthFieldOf(this.#u8[chunk], i32, base, index);
    const start = valueStartOf(i32, base, index);
    if (length === overflowMark) {
      this.#showLong(this.space.view[chunk].getUint32(start, true), this.space.view[chunk].getUint32(start + 4, true));
      return;
    }
    this.valueBytes = this.#u8[chunk];
    this.valueView = this.space.view[chunk];
    this.valueStart = start;
    this.valueLength = length;
  }

  #showLong(length: number, head: number): void {
    assert(length <= treeValueBytesMax, "a value is at most 1 MiB long");
    if (this.#long.length < length) {
      this.#long = new Uint8Array(treeValueBytesMax);
      this.#longView = new DataView(this.#long.buffer);
    }
    readOverflow(this, head, length, this.#long);
    this.valueBytes = this.#long;
    this.valueView = this.#longView;
    this.valueStart = 0;
    this.valueLength = length;
  }

  // The interface of a TreeWriter.

  get(tree: number, key: Uint8Array): boolean {
    this.prepare();
    const at = this.#locate(tree, key, key.length);
    if (at < 0) return false;
    this.#show(tree, at);
    return true;
  }

  cursor(tree: number): TreeCursor {
    return new TreeCursor(this, tree);
  }

  update(tree: number, key: Uint8Array): boolean {
    this.#prepareWrite(tree, key.length, 0);
    const at = this.#locate(tree, key, key.length);
    if (at < 0) return false;
    this.shape.own(tree);
    this.writes += 1;
    this.#show(tree, at);
    assert(this.valueBytes !== this.#long, "a value that is changed in place lies beside its key");
    return true;
  }

  put(tree: number, key: Uint8Array, value: Uint8Array): void {
    this.#prepareWrite(tree, key.length, value.length > treeInlineValueBytesMax ? overflowPages(value.length) : 0);
    const at = this.#locate(tree, key, key.length);
    this.#store(tree, at, key, key.length, value, value.length);
  }

  insert(tree: number, key: Uint8Array, value: Uint8Array): boolean {
    return this.#insert(tree, key, key.length, value, value.length);
  }

  insertVersion(
    tree: number,
    key: Uint8Array,
    keyLength: number,
    position: number,
    source: Uint8Array,
    sourceView: DataView,
    from: number,
    to: number,
  ): boolean {
    const valueLength = fromBytes + to - from;
    if (valueLength <= treeInlineValueBytesMax) {
      const start = this.#follow(tree, key, keyLength, valueLength);
      if (start >= 0) {
        const chunk = chunkOf(this.#pathFrame[tree << treeHeightShift]);
        setVersion(this.#u8[chunk], this.#view[chunk], start, position, source, sourceView, from, to);
        return true;
      }
    }
    if (this.#version.length < valueLength) {
      this.#version = new Uint8Array(
        valueLength > treeInlineValueBytesMax ? treeValueBytesMax : treeInlineValueBytesMax,
      );
      this.#versionView = new DataView(this.#version.buffer);
    }
    setVersion(this.#version, this.#versionView, 0, position, source, sourceView, from, to);
    return this.#insert(tree, key, keyLength, this.#version, valueLength);
  }

  /**
   * Makes a cell for a new key just behind the one that was found or put last, when it is seen at once to go there and its leaf has room.
   * Returns where its value goes in the leaf's chunk; -1, with nothing done, for any other.
   */
  #follow(tree: number, key: Uint8Array, keyLength: number, valueLength: number): number {
    const { shape, pool } = this;
    if (shape.fingers[tree] !== pool.generation) return -1;
    const frame = this.#pathFrame[tree << treeHeightShift];
    if (pool.birth[frame] !== shape.working || pool.isSpilled(frame)) return -1;
    const chunk = chunkOf(frame);
    const i32 = this.#i32[chunk];
    const u8 = this.#u8[chunk];
    const base = baseOf(frame);
    const index = shape.hints[tree] + 1;
    const count = countOf(i32, base);
    if (index > count || compareSlot(u8, i32, base, index - 1, leafCellHead, key, keyLength) >= 0) return -1;
    const prefix = prefixOf(i32, base);
    if (index < count) {
      if (compareSlot(u8, i32, base, index, leafCellHead, key, keyLength) <= 0) return -1;
    } else if (comparePrefix(u8, base, prefix, key, keyLength) !== 0 || !this.#isBelowHigh(tree, key, keyLength)) {
      return -1;
    }
    if (slotBytes + leafCellBytes(keyLength - prefix, valueLength) > roomOf(i32, base)) return -1;
    shape.hints[tree] = index;
    shape.counts[tree] += 1;
    this.writes += 1;
    const start = openLeafCell(u8, i32, base, index, key, keyLength, prefix, valueLength);
    noteInsert(i32, base, index, runAt(i32, base, index));
    return start;
  }

  #insert(tree: number, key: Uint8Array, keyLength: number, value: Uint8Array, valueLength: number): boolean {
    this.#prepareWrite(tree, keyLength, valueLength > treeInlineValueBytesMax ? overflowPages(valueLength) : 0);
    const at = this.#locate(tree, key, keyLength);
    if (at >= 0) {
      this.#show(tree, at);
      return false;
    }
    this.#store(tree, at, key, keyLength, value, valueLength);
    return true;
  }

  delete(tree: number, key: Uint8Array): boolean {
    this.#prepareWrite(tree, key.length, 0);
    const at = this.#locate(tree, key, key.length);
    if (at < 0) return false;
    this.#freeLong(tree, at);
    this.shape.own(tree);
    const frame = this.#pathFrame[tree << treeHeightShift];
    const chunk = chunkOf(frame);
    removeCell(this.#u8[chunk], this.#i32[chunk], baseOf(frame), at, leafCellHead);
    this.writes += 1;
    this.shape.counts[tree] -= 1;
    assert(this.shape.counts[tree] >= 0, "a tree has as many entries as were put and not deleted");
    this.shape.shrinkLeaf(tree);
    return true;
  }

  /** Inserts (`at` < 0) or replaces. */
  #store(tree: number, at: number, key: Uint8Array, keyLength: number, value: Uint8Array, valueLength: number): void {
    assert(valueLength <= treeValueBytesMax, "a value is at most 1 MiB long");
    if (at >= 0) this.#freeLong(tree, at);
    const isLong = valueLength > treeInlineValueBytesMax;
    if (isLong) this.#writeLong(tree, value.subarray(0, valueLength));
    const source = isLong ? this.#reference : value;
    const lengthField = isLong ? overflowMark : valueLength;
    if (this.shape.heights[tree] === 0) this.shape.plant(tree);
    this.shape.own(tree);
    this.writes += 1;
    if (at >= 0) {
      this.#replace(tree, at, key, keyLength, lengthField, source);
    } else {
      this.shape.counts[tree] += 1;
      this.#insertAt(tree, ~at, key, keyLength, lengthField, source);
    }
  }

  #replace(
    tree: number,
    at: number,
    key: Uint8Array,
    keyLength: number,
    lengthField: number,
    source: Uint8Array,
  ): void {
    const frame = this.#pathFrame[tree << treeHeightShift];
    const chunk = chunkOf(frame);
    const u8 = this.#u8[chunk];
    const i32 = this.#i32[chunk];
    const base = baseOf(frame);
    const oldBytes = storedBytesOf(lengthFieldOf(u8, i32, base, at));
    const bytes = storedBytesOf(lengthField);
    if (bytes > oldBytes) {
      removeCell(u8, i32, base, at, leafCellHead);
      this.#insertAt(tree, at, key, keyLength, lengthField, source);
      return;
    }
    const start = valueStartOf(i32, base, at);
    for (let index = 0; index < bytes; index++) u8[start + index] = source[index];
    const cell = base + cellOf(i32, base, at);
    u8[cell] = lengthField;
    u8[cell + 1] = lengthField >>> 8;
    i32[(base >> 2) + wordHeap] += (oldBytes - bytes) << 16;
  }

  /** Puts a new cell into the leaf at the end of the tree's path, which is owned. */
  #insertAt(
    tree: number,
    index: number,
    key: Uint8Array,
    keyLength: number,
    lengthField: number,
    source: Uint8Array,
  ): void {
    const frame = this.#pathFrame[tree << treeHeightShift];
    const chunk = chunkOf(frame);
    const u8 = this.#u8[chunk];
    const i32 = this.#i32[chunk];
    const base = baseOf(frame);
    const word = base >> 2;
    const prefix = i32[word + wordPrefix] & 0xffff;
    const matches = prefix === 0 || comparePrefix(u8, base, prefix, key, keyLength) === 0;
    if (matches) {
      if (slotBytes + leafCellBytes(keyLength - prefix, lengthField) <= roomOf(i32, base)) {
        insertLeafCell(u8, i32, base, index, key, keyLength, lengthField, source, 0);
        noteInsert(i32, base, index, runAt(i32, base, index));
        return;
      }
    }
    this.shape.growLeaf(tree, index, key, keyLength, lengthField, source, matches);
  }

  // Long values.

  /** Spreads a value over pages of its own; the reference to it is then in `#reference`. */
  #writeLong(tree: number, value: Uint8Array): void {
    const count = overflowPages(value.length);
    const working = this.shape.working;
    for (let at = 0; at < count; at++) {
      const number = this.allocator.allocate();
      this.#overflowNumbers[at] = number;
      const kind = at === 0 ? pageKindOverflowHead : pageKindOverflowData;
      this.#overflowFrames[at] = this.pool.create(number, working, kind, 0, tree);
    }
    fillOverflow(this.space, this.#overflowFrames, count, this.#overflowNumbers, value);
    this.#referenceView.setUint32(0, value.length, true);
    this.#referenceView.setUint32(4, this.#overflowNumbers[0], true);
  }

  /** Gives up the pages of an entry's value, if it has any. */
  #freeLong(tree: number, index: number): void {
    const frame = this.#pathFrame[tree << treeHeightShift];
    const chunk = chunkOf(frame);
    const base = baseOf(frame);
    if (lengthFieldOf(this.#u8[chunk], this.#i32[chunk], base, index) !== overflowMark) return;
    const head = this.space.view[chunk].getUint32(valueStartOf(this.#i32[chunk], base, index) + 4, true);
    const headFrame = this.pool.frameOf(head);
    const birth = birthOf(this.#i32[chunkOf(headFrame)], baseOf(headFrame));
    const count = overflowNumbers(this.space, headFrame, this.#overflowNumbers);
    for (let at = 0; at < count; at++) this.allocator.free(this.#overflowNumbers[at], birth);
    this.allocator.free(head, birth);
  }
}
