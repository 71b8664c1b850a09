/**
 * The control block: the one piece of shared memory through which the writer and the readers agree, with Atomics and no lock.
 *
 *     word 0       published: snapshot slot + 1, or 0 when nothing was published yet
 *     word 1       frame epoch: grows each time that frames are set aside to be reused (never 0)
 *     word 2       1 when the store is closed
 *     from 16      snapshot slots of 4 words: root page · version u64 · 0
 *     then         reader slots of 16 words (a cache line each): owner · pin · frame epoch
 *
 * Pins. A reader loads `published`, stores it as its pin, and loads `published` again: when it is the same, the pin holds, else it
 * tries again. The writer stores `published` first and looks for pins afterwards. All of these are sequentially consistent, so
 * either the writer sees the pin, or the reader sees that another snapshot was published. A slot that was reused for another
 * version between the two loads does no harm: what the reader then reads from it is what it has pinned. The writer may see pins
 * that a reader is about to take back; they cost it nothing but a slot for a moment.
 *
 * Frames. Eviction takes a clean page's frame while readers may be looking at it. A reader that holds page views shows the epoch at
 * which it began to; the writer unlinks the page, advances the epoch, and reuses the frame once no reader shows the old epoch or an earlier
 * one. Shown epoch 0 means "no views held". Again the reader stores, then re-loads; the writer stores, then looks.
 */
import { assert } from "../types/assert.js";
import { wordSpan } from "./layout.js";

/** Readers that can be attached at once. Each query that runs holds one. */
export const readersMax = 64;
/** Snapshots that can be pinned or published at once: a reader pins one, so there is always a free one for the next. */
export const snapshotSlots = readersMax * 2;

const wordPublished = 0;
const wordEpoch = 1;
const wordClosed = 2;
const wordSnapshots = 16;
const snapshotWords = 4;
const wordReaders = wordSnapshots + snapshotSlots * snapshotWords;
const readerWords = 16;
const readerOwner = 0;
const readerPin = 1;
const readerEpoch = 2;

export const controlBytes = (wordReaders + readersMax * readerWords) * 4;

/** True when epoch `a` is at or after `b`; both wrap. */
const atOrAfter = (a: number, b: number): boolean => ((a - b) | 0) >= 0;

export class Control {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength === controlBytes, "a control block has its one size");
    this.#words = new Int32Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(controlBytes);
    new Int32Array(memory)[wordEpoch] = 1;
    return memory;
  }

  // The writer's side.

  /** Makes a snapshot the one that readers pin from now on. */
  publish(slot: number, root: number, version: number): void {
    assert(slot >= 0 && slot < snapshotSlots, "a snapshot slot is within the table");
    assert(slot !== this.publishedSlot, "snapshot: the published slot is never overwritten");
    const at = wordSnapshots + slot * snapshotWords;
    Atomics.store(this.#words, at, root);
    Atomics.store(this.#words, at + 1, version | 0);
    Atomics.store(this.#words, at + 2, Math.floor(version / wordSpan));
    Atomics.store(this.#words, wordPublished, slot + 1);
  }

  /** Slot of the published snapshot, or -1. */
  get publishedSlot(): number {
    return Atomics.load(this.#words, wordPublished) - 1;
  }

  /** Marks the slots that readers pin (1) in `marks`. */
  markPins(marks: Uint8Array): void {
    marks.fill(0);
    for (let reader = 0; reader < readersMax; reader++) {
      const pin = Atomics.load(this.#words, wordReaders + reader * readerWords + readerPin);
      if (pin !== 0) marks[pin - 1] = 1;
    }
  }

  /** Ends a frame epoch; returns the one that ended. Frames unlinked in it are free once `isPast` says so. */
  advanceEpoch(): number {
    const ended = Atomics.load(this.#words, wordEpoch);
    const next = (ended + 1) | 0;
    Atomics.store(this.#words, wordEpoch, next === 0 ? 1 : next);
    return ended;
  }

  /** True when no reader holds views from that epoch or an earlier one. */
  isPast(epoch: number): boolean {
    for (let reader = 0; reader < readersMax; reader++) {
      const shown = Atomics.load(this.#words, wordReaders + reader * readerWords + readerEpoch);
      if (shown !== 0 && atOrAfter(epoch, shown)) return false;
    }
    return true;
  }

  /** Readers attached, and how many of them pin a snapshot. */
  census(): { attached: number; pinned: number } {
    let attached = 0;
    let pinned = 0;
    for (let reader = 0; reader < readersMax; reader++) {
      const at = wordReaders + reader * readerWords;
      if (Atomics.load(this.#words, at + readerOwner) !== 0) attached += 1;
      if (Atomics.load(this.#words, at + readerPin) !== 0) pinned += 1;
    }
    return { attached, pinned };
  }

  /** Frees the slot of a reader that is dead. True when that owner held it. */
  clear(reader: number, owner: number): boolean {
    assert(reader >= 0 && reader < readersMax, "a reader slot is within the table");
    assert(owner !== 0, "an owner is a number other than 0");
    const at = wordReaders + reader * readerWords;
    if (Atomics.load(this.#words, at + readerOwner) !== owner) return false;
    Atomics.store(this.#words, at + readerPin, 0);
    Atomics.store(this.#words, at + readerEpoch, 0);
    return Atomics.compareExchange(this.#words, at + readerOwner, owner, 0) === owner;
  }

  /** Frees all reader slots of an owner; returns how many it held. */
  clearAllOf(owner: number): number {
    let cleared = 0;
    for (let reader = 0; reader < readersMax; reader++) if (this.clear(reader, owner)) cleared += 1;
    return cleared;
  }

  close(): void {
    Atomics.store(this.#words, wordClosed, 1);
  }

  // A reader's side.

  get isClosed(): boolean {
    return Atomics.load(this.#words, wordClosed) === 1;
  }

  /** Takes a free reader slot for an owner; -1 when there is none. */
  claim(owner: number): number {
    assert(Number.isInteger(owner) && owner !== 0 && (owner | 0) === owner, "an owner is a 32-bit number other than 0");
    for (let reader = 0; reader < readersMax; reader++) {
      const at = wordReaders + reader * readerWords;
      if (Atomics.compareExchange(this.#words, at + readerOwner, 0, owner) === 0) return reader;
    }
    return -1;
  }

  isOwner(reader: number, owner: number): boolean {
    return Atomics.load(this.#words, wordReaders + reader * readerWords + readerOwner) === owner;
  }

  /** Pins the published snapshot and returns its slot, or -1 when nothing was published. */
  pin(reader: number): number {
    const at = wordReaders + reader * readerWords + readerPin;
    assert(Atomics.load(this.#words, at) === 0, "snapshot: a reader pins one snapshot at a time");
    for (;;) {
      const published = Atomics.load(this.#words, wordPublished);
      if (published === 0) return -1;
      Atomics.store(this.#words, at, published);
      if (Atomics.load(this.#words, wordPublished) === published) return published - 1;
      Atomics.store(this.#words, at, 0);
    }
  }

  unpin(reader: number): void {
    Atomics.store(this.#words, wordReaders + reader * readerWords + readerPin, 0);
  }

  /** Shows that the reader holds page views from now on. */
  enter(reader: number): void {
    const at = wordReaders + reader * readerWords + readerEpoch;
    for (;;) {
      const epoch = Atomics.load(this.#words, wordEpoch);
      Atomics.store(this.#words, at, epoch);
      if (Atomics.load(this.#words, wordEpoch) === epoch) return;
    }
  }

  leave(reader: number): void {
    Atomics.store(this.#words, wordReaders + reader * readerWords + readerEpoch, 0);
  }

  rootOf(slot: number): number {
    return Atomics.load(this.#words, wordSnapshots + slot * snapshotWords);
  }

  versionOf(slot: number): number {
    const at = wordSnapshots + slot * snapshotWords;
    return (Atomics.load(this.#words, at + 2) >>> 0) * wordSpan + (Atomics.load(this.#words, at + 1) >>> 0);
  }
}
