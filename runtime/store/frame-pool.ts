/**
 * The writer's page cache: which frame holds which page, what of it the page file has too, and which frame to give up next.
 *
 *   free   holds nothing
 *   clean  holds a page as the page file has it: may be evicted
 *   dirty  holds a page that the page file does not have yet: stays until a checkpoint wrote it, it was spilled, or nothing reaches it
 *   limbo  held a page that was evicted while readers may have been looking at it: free once they have moved on (control.ts)
 *
 * Eviction is by second chance: whoever reads a page, here or in another thread, marks its frame; the hand clears marks and
 * takes the first clean frame without one.
 *
 * Spilling: changes beyond what the cache holds go to the page file before their version is complete. No checkpoint names such a page yet,
 * so a crash leaves garbage under numbers that are free; the checkpoint that does name it syncs the whole file first. Only a page of the
 * working version can be changed afterwards, and is dirty again from then on (`touch`).
 *
 * Invariants:
 *   1. table[n] = f + 1 exactly when frame f is clean or dirty and holds page n.
 *   2. No frame changes hands in the middle of an operation: an operation first makes room for all that it may need.
 *   3. Dirty frames stay below their bound, so there are always clean ones to read with.
 *   4. A root page is never spilled: its checksum is taken when a checkpoint writes it.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Control } from "./control.js";
import {
  initialisePage,
  kindOf,
  numberOf,
  pageBytes,
  pageKindRoot,
  pageShift,
  treeHeightMax,
  wordBirth,
  wordNumber,
  wordSpan,
} from "./layout.js";
import { type PageFile, pageCorrupt, readPage, sealPage } from "./page-file.js";
import { baseOf, chunkOf, type PageSpace } from "./page-space.js";
import { generationOf } from "./page-table.js";

const stateFree = 0;
const stateClean = 1;
const stateDirty = 2;
const stateLimbo = 3;

/** Frames that an operation may take at each level: a load and a copy, a split, the neighbours of a merge and a copy of one. */
export const levelFrames = 6;
/** Levels of all trees but those of very long and very unlike keys. */
export const ordinaryLevels = 13;
/** Frames that an operation on so high a tree may take; a higher one's has more made ready. */
export const operationFrames = 80;
/** Pages that are spilled at once: 4 MiB, or a sixteenth of a small cache. */
const spillPagesMax = (4 * 1024 * 1024) >> pageShift;
/** Pages that are written with one call at most: 512 KiB. */
const runPagesMax = (512 * 1024) >> pageShift;
/** Least cache: an operation's frames a few times over. */
export const framesMin = 512;

assert(operationFrames >= ordinaryLevels * levelFrames, "an operation has frames for each level");
assert(
  2 * operationFrames + (framesMin >> 3) >= treeHeightMax * levelFrames,
  "the least cache, full of changes, has frames for an operation on the highest tree",
);

export class FramePool {
  readonly space: PageSpace;
  readonly cluster: number;
  readonly file: PageFile;
  /** Frames that a running checkpoint reads (1): their pages are not recycled meanwhile. */
  readonly inCheckpoint: Uint8Array;
  /** For each frame in use its page's number and birth. */
  readonly number: Int32Array;
  readonly birth: Float64Array;
  /** Below so many free frames `makeRoom` is due. */
  readonly readyFrames: number;
  /** Grows whenever frames that were handed out may have changed hands. */
  generation = 0;
  freeFrames: number;
  dirtyFrames = 0;
  /** Pages read from the file, and frames evicted, since the start. */
  loads = 0;
  evictions = 0;
  /** Pages written before their checkpoint, since the start. */
  spilled = 0;

  readonly #table: Int32Array;
  readonly #reference: Uint8Array;
  readonly #control: Control;
  readonly #pause: () => boolean;
  readonly #state: Uint8Array;
  readonly #free: Int32Array;
  readonly #limbo: Int32Array;
  readonly #limboEpoch: Int32Array;
  #limboFrom = 0;
  #limboCount = 0;
  #hand = 0;
  #spillHand = 0;
  /** Allocated when it is first needed. */
  #run: { readonly u8: Uint8Array; readonly i32: Int32Array } | null = null;

  /** @param pause waits a moment for readers to move on; false when the wait has lasted long enough */
  constructor(
    space: PageSpace,
    table: Int32Array,
    reference: Uint8Array,
    control: Control,
    cluster: number,
    file: PageFile,
    pause: () => boolean,
  ) {
    const frames = space.frames;
    assert(frames >= framesMin, "a cache has room for a few operations");
    assert(reference.length >= frames, "each frame has a reference mark");
    this.space = space;
    this.cluster = cluster;
    this.file = file;
    this.#table = table;
    this.#reference = reference;
    this.#control = control;
    this.#pause = pause;
    this.inCheckpoint = new Uint8Array(frames);
    this.number = new Int32Array(frames);
    this.birth = new Float64Array(frames);
    this.#state = new Uint8Array(frames);
    this.#limbo = new Int32Array(frames);
    this.#limboEpoch = new Int32Array(frames);
    // Low numbers are handed out first, so that memory that is not needed is not touched.
    this.#free = new Int32Array(frames);
    for (let frame = 0; frame < frames; frame++) this.#free[frame] = frames - 1 - frame;
    this.freeFrames = frames;
    this.readyFrames = operationFrames + (frames >> 4);
  }

  get frames(): number {
    return this.space.frames;
  }

  get limboFrames(): number {
    return this.#limboCount;
  }

  /** The frame of a page, which is read from the file when it is not in memory. Throws `dataCorrupt`. */
  frameOf(number: number): number {
    const frame = this.#table[number << 1] - 1;
    if (frame < 0) return this.#load(number);
    this.#reference[frame] = 1;
    return frame;
  }

  /** The frame of a page if it is in memory, or -1. */
  residentFrameOf(number: number): number {
    return this.#table[number << 1] - 1;
  }

  #take(): number {
    assert(this.freeFrames > 0, "an operation made room before it began");
    this.freeFrames -= 1;
    return this.#free[this.freeFrames];
  }

  #give(frame: number): void {
    this.#state[frame] = stateFree;
    this.#free[this.freeFrames] = frame;
    this.freeFrames += 1;
  }

  #load(number: number): number {
    assert(number > 0 && number << 1 < this.#table.length, "a page number is within the page table");
    const frame = this.#take();
    const chunk = chunkOf(frame);
    try {
      const birth = readPage(
        this.file,
        number,
        this.cluster,
        this.space.u8[chunk],
        this.space.i32[chunk],
        baseOf(frame),
      );
      const generation = this.#table[(number << 1) + 1];
      if (generation !== 0 && generation !== generationOf(birth)) {
        throw pageCorrupt(this.file, number, "stale", "an older page is in its place");
      }
      this.birth[frame] = birth;
    } catch (error) {
      this.#give(frame);
      throw error;
    }
    this.loads += 1;
    this.number[frame] = number;
    this.#state[frame] = stateClean;
    this.#reference[frame] = 1;
    Atomics.store(this.#table, number << 1, frame + 1);
    return frame;
  }

  #adopt(frame: number, number: number, birth: number): void {
    assert(this.#table[number << 1] === 0, "a page number that is used anew has no frame yet");
    this.number[frame] = number;
    this.birth[frame] = birth;
    this.#state[frame] = stateDirty;
    this.#reference[frame] = 1;
    this.dirtyFrames += 1;
    this.#table[(number << 1) + 1] = generationOf(birth);
    Atomics.store(this.#table, number << 1, frame + 1);
  }

  /** An empty page under a fresh number. */
  create(number: number, birth: number, kind: number, level: number, tree: number): number {
    const frame = this.#take();
    initialisePage(this.space.i32[chunkOf(frame)], baseOf(frame), number, birth, this.cluster, kind, level, tree);
    this.#adopt(frame, number, birth);
    return frame;
  }

  /** A copy of a page under a fresh number. */
  copy(source: number, number: number, birth: number): number {
    const frame = this.#take();
    const from = baseOf(source);
    const to = baseOf(frame);
    const chunk = chunkOf(frame);
    if (chunk === chunkOf(source)) this.space.u8[chunk].copyWithin(to, from, from + pageBytes);
    else this.space.u8[chunk].set(this.space.u8[chunkOf(source)].subarray(from, from + pageBytes), to);
    const i32 = this.space.i32[chunk];
    const word = to >> 2;
    i32[word + wordNumber] = number;
    i32[word + wordBirth] = birth | 0;
    i32[word + wordBirth + 1] = Math.floor(birth / wordSpan);
    this.#adopt(frame, number, birth);
    return frame;
  }

  /** Forgets a page that nothing reaches any more. False when a running checkpoint still reads it. */
  release(number: number): boolean {
    const frame = this.#table[number << 1] - 1;
    if (frame < 0) return true;
    assert(this.number[frame] === number, "snapshot: a frame is released under the number of the page that it holds");
    if (this.inCheckpoint[frame] === 1) return false;
    Atomics.store(this.#table, number << 1, 0);
    if (this.#state[frame] === stateDirty) this.dirtyFrames -= 1;
    this.#give(frame);
    return true;
  }

  isDirty(frame: number): boolean {
    return this.#state[frame] === stateDirty;
  }

  /** The page file has the page now. */
  markClean(frame: number): void {
    assert(this.#state[frame] === stateDirty, "durability: a page becomes clean once");
    this.#state[frame] = stateClean;
    this.dirtyFrames -= 1;
  }

  /** Whether a page of the working version was spilled, and did not change again since. */
  isSpilled(frame: number): boolean {
    return this.spilled > 0 && this.#state[frame] === stateClean;
  }

  /** A page of the working version is about to be changed: if it was spilled, the page file does not have it any more. */
  touch(frame: number): void {
    if (!this.isSpilled(frame)) return;
    this.#state[frame] = stateDirty;
    this.dirtyFrames += 1;
  }

  /**
   * Writes dirty pages that were not looked at lately to the page file and counts them as clean. Throws what the page file throws, with
   * nothing changed.
   *
   * @returns how many; 0 when all that is dirty is being read by a checkpoint
   */
  spill(): number {
    const frames = this.#state.length;
    const wanted = Math.min(spillPagesMax, frames >> 4);
    // The hand may come round again before there are enough.
    const met = new Set<number>();
    for (let steps = frames * 2; steps > 0 && met.size < wanted; steps--) {
      const frame = this.#spillHand;
      this.#spillHand = frame + 1 === frames ? 0 : frame + 1;
      if (this.#state[frame] !== stateDirty || this.inCheckpoint[frame] === 1) continue;
      if (kindOf(this.space.i32[chunkOf(frame)], baseOf(frame)) === pageKindRoot) continue;
      if (this.#reference[frame] !== 0) this.#reference[frame] = 0;
      else met.add(frame);
    }
    const chosen = [...met].sort((a, b) => this.number[a] - this.number[b]);
    for (let at = 0; at < chosen.length; ) at += this.#spillRun(chosen, at);
    for (const frame of chosen) this.markClean(frame);
    this.spilled += chosen.length;
    return chosen.length;
  }

  /** Writes the pages of `chosen` from `from` on that lie side by side in the file; returns how many. */
  #spillRun(chosen: readonly number[], from: number): number {
    if (this.#run === null) {
      const buffer = new SharedArrayBuffer(runPagesMax * pageBytes);
      this.#run = { u8: new Uint8Array(buffer), i32: new Int32Array(buffer) };
    }
    const { u8, i32 } = this.#run;
    const first = this.number[chosen[from]];
    let count = 0;
    while (count < runPagesMax && from + count < chosen.length) {
      const frame = chosen[from + count];
      if (this.number[frame] !== first + count) break;
      const base = baseOf(frame);
      const to = count * pageBytes;
      u8.set(this.space.u8[chunkOf(frame)].subarray(base, base + pageBytes), to);
      assert(numberOf(i32, to) === first + count, "durability: a page is written under its own number");
      sealPage(u8, i32, to);
      count += 1;
    }
    assert(count > 0, "a run has a page");
    this.file.write(u8, 0, count * pageBytes, first * pageBytes);
    return count;
  }

  /** Frees what readers have left behind. */
  #reap(): void {
    while (this.#limboCount > 0) {
      if (!this.#control.isPast(this.#limboEpoch[this.#limboFrom])) return;
      const epoch = this.#limboEpoch[this.#limboFrom];
      while (this.#limboCount > 0 && this.#limboEpoch[this.#limboFrom] === epoch) {
        this.#give(this.#limbo[this.#limboFrom]);
        this.#limboFrom = this.#limboFrom + 1 === this.#limbo.length ? 0 : this.#limboFrom + 1;
        this.#limboCount -= 1;
      }
    }
  }

  /** Unlinks up to `wanted` clean pages. Their frames are in limbo until no reader can look at them. */
  #evict(wanted: number): number {
    const frames = this.#state.length;
    const from = this.#limboCount;
    for (let steps = frames * 2; steps > 0 && this.#limboCount - from < wanted; steps--) {
      const frame = this.#hand;
      this.#hand = frame + 1 === frames ? 0 : frame + 1;
      if (this.#state[frame] !== stateClean || this.inCheckpoint[frame] === 1) continue;
      if (this.#reference[frame] !== 0) {
        this.#reference[frame] = 0;
        continue;
      }
      Atomics.store(this.#table, this.number[frame] << 1, 0);
      this.#state[frame] = stateLimbo;
      this.#limbo[(this.#limboFrom + this.#limboCount) % frames] = frame;
      this.#limboCount += 1;
    }
    const evicted = this.#limboCount - from;
    if (evicted === 0) return 0;
    const epoch = this.#control.advanceEpoch();
    for (let at = from; at < this.#limboCount; at++) this.#limboEpoch[(this.#limboFrom + at) % frames] = epoch;
    this.evictions += evicted;
    this.generation += 1;
    return evicted;
  }

  /**
   * Makes `wanted` frames free, before an operation begins. Throws `cacheFull`, with nothing changed, when the cache is full of pages
   * that await a checkpoint or that readers do not let go of.
   */
  makeRoom(wanted: number): void {
    this.#reap();
    // Ahead of need, so that readers have moved on by the time that the frames are wanted.
    const batch = this.readyFrames + Math.min(1024, this.#state.length >> 5);
    if (this.freeFrames + this.#limboCount < this.readyFrames) {
      this.#evict(batch - this.freeFrames - this.#limboCount);
      this.#reap();
    }
    for (let waiting = true; this.freeFrames < wanted; ) {
      if (this.freeFrames + this.#limboCount < wanted) this.#evict(wanted - this.freeFrames - this.#limboCount);
      this.#reap();
      if (this.freeFrames >= wanted) return;
      if (this.#limboCount === 0 || !waiting) {
        throw new KimberliteError(
          "cacheFull",
          `${this.dirtyFrames} of ${this.frames} pages await a checkpoint and ${this.#limboCount} a reader; raise the cache's size if this lasts`,
          { detail: { frames: this.frames, dirty: this.dirtyFrames, limbo: this.#limboCount } },
        );
      }
      waiting = this.#pause();
    }
  }
}
