/**
 * Reading a store from another thread, without a lock: pin the published snapshot, look, unpin. What is pinned does not change.
 *
 *   reader.pin();  … reader.get(…), cursors …;  reader.quiesce();  … later, the same snapshot …;  reader.unpin();
 *
 * Between `quiesce` and the next look at a page the reader holds no views of shared memory, and the writer may evict what it
 * looked at: call it at the end of each slice of a long read. Cursors stay where they are; value fields are void after it.
 * A reader that neither quiesces nor unpins makes the writer wait, and in the end refuse writes, when its cache is full.
 *
 * One reader runs one query at a time. Its thread may attach several.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { Control } from "./control.js";
import { TreeCursor } from "./cursor.js";
import type { StoreHandle } from "./handle.js";
import { levelOf, noHint, overflowMark, pageBytes } from "./layout.js";
import { readOverflow } from "./overflow.js";
import type { PageFile } from "./page-file.js";
import type { PageSource } from "./page-source.js";
import { baseOf, chunkOf, PageSpace } from "./page-space.js";
import { sharedFrameOf } from "./page-table.js";
import { PrivateCache } from "./private-cache.js";
import { copyUserHeader, emptyRoots, readRoot, userHeaderBytesMax } from "./root-page.js";
import { childOf, lengthFieldOf, searchBranch, searchLeaf, valueStartOf } from "./slotted-page.js";
import { type TreeReader, treesMax, treeValueBytesMax } from "./tree.js";

export interface StoreReaderOptions {
  /** The page file, opened by this thread for reading. */
  readonly file: PageFile;
  /** Who reads: a number other than 0 by which its slots are cleared should it die (its actor's epoch). */
  readonly owner: number;
  /** Pages of its private cache; else an eighth of the shared one, within bounds. */
  readonly cachePages?: number;
}

const cachePagesMin = 256;
const cachePagesMax = 8_192;

/**
 * After a start the shared cache is empty but for what is written, and all else is read from here: a cache that holds but a few pages has each row
 * that an index leads to read its page from the file again, and check it.
 */
const cachePagesOf = ({ frames }: PageSpace): number => Math.min(cachePagesMax, Math.max(cachePagesMin, frames >> 3));

const empty = new Uint8Array(0);

export class StoreReader implements TreeReader, PageSource {
  readonly isPublished = true;
  readonly space: PageSpace;
  readonly slot: number;
  readonly owner: number;
  valueBytes: Uint8Array = empty;
  valueView: DataView = new DataView(empty.buffer);
  valueStart = 0;
  valueLength = 0;
  /** Grows with each pin. */
  writes = 0;

  readonly #control: Control;
  readonly #table: Int32Array;
  readonly #reference: Uint8Array;
  readonly #private: PrivateCache;
  readonly #trees = emptyRoots();
  readonly #header = new Uint8Array(userHeaderBytesMax);
  #headerLength = 0;
  #version = -1;
  #isInside = false;
  #entries = 0;
  #long: Uint8Array = empty;
  #longView: DataView = new DataView(empty.buffer);

  private constructor(handle: StoreHandle, options: StoreReaderOptions, slot: number, control: Control) {
    this.#control = control;
    this.slot = slot;
    this.owner = options.owner;
    this.space = new PageSpace(handle.chunks);
    this.#table = new Int32Array(handle.table);
    this.#reference = new Uint8Array(handle.reference);
    const pages = options.cachePages ?? cachePagesOf(this.space);
    this.#private = new PrivateCache(this.space, this.#table, options.file, handle.cluster, pages);
  }

  /** Takes a reader slot. Throws `mailboxFull` when all are taken. */
  static attach(handle: StoreHandle, options: StoreReaderOptions): StoreReader {
    assert(handle.pageBytes === pageBytes, "writer and readers run the same program");
    const control = new Control(handle.control);
    const slot = control.claim(options.owner);
    if (slot < 0) throw new KimberliteError("mailboxFull", "all reader slots of the store are taken");
    return new StoreReader(handle, options, slot, control);
  }

  get isPinned(): boolean {
    return this.#version >= 0;
  }

  /** The pinned version. */
  get version(): number {
    assert(this.#version >= 0, "snapshot: a reader reads only what it has pinned");
    return this.#version;
  }

  /** The newest published version: what the next `pin` takes at least. -1 before the first. */
  get newestVersion(): number {
    const slot = this.#control.publishedSlot;
    return slot < 0 ? -1 : this.#control.versionOf(slot);
  }

  /** Pages read from the file so far. */
  get loads(): number {
    return this.#private.loads;
  }

  get generation(): number {
    return this.#entries + this.#private.replaced;
  }

  /** Pins the newest published version and returns it. Throws `shardUnavailable` when the store is closed. */
  pin(): number {
    this.#checkOwner();
    if (this.#control.isClosed) throw new KimberliteError("shardUnavailable", "the store is closed");
    const slot = this.#control.pin(this.slot);
    if (slot < 0) throw new KimberliteError("shardUnavailable", "the store has no published version yet");
    this.#version = this.#control.versionOf(slot);
    this.writes += 1;
    try {
      this.#readRoot(this.#control.rootOf(slot));
    } catch (error) {
      this.unpin();
      throw error;
    }
    return this.#version;
  }

  #readRoot(root: number): void {
    this.prepare();
    const frame = this.frameOf(root);
    const i32 = this.space.i32[chunkOf(frame)];
    readRoot(i32, baseOf(frame), this.#trees);
    this.#headerLength = copyUserHeader(this.space.u8[chunkOf(frame)], i32, baseOf(frame), this.#header);
  }

  unpin(): void {
    assert(this.#version >= 0, "snapshot: a reader unpins only what it has pinned");
    this.#checkOwner();
    this.quiesce();
    this.#version = -1;
    this.#control.unpin(this.slot);
  }

  /** Holds no views of pages from here to the next look: void are the value fields, not the cursors. */
  quiesce(): void {
    if (!this.#isInside) return;
    this.#isInside = false;
    this.#entries += 1;
    this.#control.leave(this.slot);
  }

  /** Gives the slot back. */
  close(): void {
    if (this.#version >= 0) this.unpin();
    this.#control.clear(this.slot, this.owner);
  }

  #checkOwner(): void {
    assert(this.#control.isOwner(this.slot, this.owner), "snapshot: a reader whose slot was cleared reads no more");
  }

  /** Copies the user header of the pinned version to the start of `target` and returns its length. */
  headerInto(target: Uint8Array): number {
    assert(this.#version >= 0, "snapshot: a reader reads only what it has pinned");
    assert(target.length >= this.#headerLength, "a user header fits where it is copied to");
    for (let at = 0; at < this.#headerLength; at++) target[at] = this.#header[at];
    return this.#headerLength;
  }

  // Where its cursors find pages.

  prepare(): void {
    assert(this.#version >= 0, "snapshot: a reader reads only what it has pinned");
    if (this.#isInside) return;
    this.#checkOwner();
    this.#isInside = true;
    this.#control.enter(this.slot);
  }

  frameOf(number: number): number {
    const frame = sharedFrameOf(this.#table, number);
    if (frame < 0) return this.#private.frameOf(number);
    if (this.#reference[frame] === 0) this.#reference[frame] = 1;
    return frame;
  }

  rootOf(tree: number): number {
    assert(tree >= 0 && tree < treesMax, "a tree number is from 0 to 31");
    return this.#trees.roots[tree];
  }

  heightOf(tree: number): number {
    return this.#trees.heights[tree];
  }

  /** Entries of a tree. */
  entries(tree: number): number {
    assert(this.#version >= 0, "snapshot: a reader reads only what it has pinned");
    return this.#trees.counts[tree];
  }

  // The interface of a TreeReader.

  cursor(tree: number): TreeCursor {
    return new TreeCursor(this, tree);
  }

  get(tree: number, key: Uint8Array): boolean {
    this.prepare();
    let number = this.rootOf(tree);
    if (number === 0) return false;
    for (let level = this.#trees.heights[tree] - 1; level > 0; level--) {
      const frame = this.frameOf(number);
      const chunk = chunkOf(frame);
      const i32 = this.space.i32[chunk];
      const base = baseOf(frame);
      assert(levelOf(i32, base) === level, "a child lies one level below its branch");
      number = childOf(i32, base, searchBranch(this.space.u8[chunk], i32, base, key, key.length));
    }
    const frame = this.frameOf(number);
    const chunk = chunkOf(frame);
    const i32 = this.space.i32[chunk];
    const base = baseOf(frame);
    assert(levelOf(i32, base) === 0, "a descent ends at a leaf");
    const at = searchLeaf(this.space.u8[chunk], i32, base, key, key.length, noHint);
    if (at < 0) return false;
    const length = lengthFieldOf(this.space.u8[chunk], i32, base, at);
    const start = valueStartOf(i32, base, at);
    if (length === overflowMark) {
      this.#showLong(this.space.view[chunk].getUint32(start, true), this.space.view[chunk].getUint32(start + 4, true));
      return true;
    }
    this.valueBytes = this.space.u8[chunk];
    this.valueView = this.space.view[chunk];
    this.valueStart = start;
    this.valueLength = length;
    return true;
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
}
