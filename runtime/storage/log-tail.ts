/**
 * The newest bytes of the log in shared memory. The shard encodes the next prepare's body straight into the ring, the replica adds the
 * header and writes the same memory to disk, projections read records from it without a system call. What a replica takes from its
 * peers it copies into the ring itself.
 *
 * Ring: the byte at address a lies at ring[a % ringBytes]. Control block, u32 words:
 *
 *   0, 1   committed end: low and high half of the address behind the newest prepare that is durable here and committed. Written
 *          by the replica only. What lies behind it may still be taken back, so nobody else reads it.
 *   2, 3   tail low: low and high half. Bytes below it may be overwritten at any moment. Written by whoever writes
 *          to the ring: the shard while it leads, the replica while it follows.
 *
 * Protocol of a reader in another thread: address + length <= committedEnd; address >= tailLow; copy; address >= tailLow *again*,
 * else the copy may be torn and the file is read instead. The halves are stored in an order that makes a read between
 * two stores err on the safe side without a loop: the committed end never reads too high (low half first), tail low never reads too
 * low (high half first, and the reader takes the low half first).
 */
import { assert } from "../types/assert.js";
import { sectorBytes } from "../types/limits.js";
import type { AlignedMemory } from "./aligned-memory.js";
import { mark } from "./marks.js";

/** Plain data: sent to other threads as it is. */
export interface LogTailHandle {
  readonly memory: AlignedMemory;
  readonly control: SharedArrayBuffer;
}

const u32Span = 2 ** 32;
const controlBytes = 64;
const endLow = 0;
const endHigh = 1;
const tailLowLow = 2;
const tailLowHigh = 3;

export const createTail = (memory: AlignedMemory): LogTailHandle => ({
  memory,
  control: new SharedArrayBuffer(controlBytes),
});

export class LogTail {
  readonly handle: LogTailHandle;
  /** The ring; index it by `offsetOf(address)`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly ringBytes: number;
  readonly #control: Int32Array;

  constructor(handle: LogTailHandle) {
    this.handle = handle;
    const { buffer, from, bytes } = handle.memory;
    this.bytes = new Uint8Array(buffer, from, bytes);
    this.view = new DataView(buffer, from, bytes);
    this.ringBytes = bytes;
    this.#control = new Int32Array(handle.control);
  }

  offsetOf(address: number): number {
    return address % this.ringBytes;
  }

  /** Address behind the newest prepare that is durable here and committed. */
  get committedEnd(): number {
    const high = Atomics.load(this.#control, endHigh) >>> 0;
    return high * u32Span + (Atomics.load(this.#control, endLow) >>> 0);
  }

  /** Bytes below this address are not to be trusted in the ring. */
  get tailLow(): number {
    const low = Atomics.load(this.#control, tailLowLow) >>> 0;
    return (Atomics.load(this.#control, tailLowHigh) >>> 0) * u32Span + low;
  }

  /** Replica: everything below `end` is durable and committed. */
  publishCommittedEnd(end: number): void {
    assert(end % sectorBytes === 0, "the committed end is on a sector");
    assert(end >= this.committedEnd, "durability: the committed end never goes back");
    Atomics.store(this.#control, endLow, (end % u32Span) | 0);
    Atomics.store(this.#control, endHigh, Math.floor(end / u32Span) | 0);
  }

  /**
   * Claims the ring up to the address `limit` for writing, before the first byte is written. What lay there one ring length ago is
   * gone for readers from here on.
   *
   * @param kept address up to which everything is on disk; the shard knows only of what is committed
   */
  reserve(limit: number, kept = this.committedEnd): void {
    const low = limit - this.ringBytes;
    if (low <= this.tailLow) return;
    assert(low <= kept, "durability: bytes that are not durable yet are never overwritten in the ring");
    Atomics.store(this.#control, tailLowHigh, Math.floor(low / u32Span) | 0);
    Atomics.store(this.#control, tailLowLow, (low % u32Span) | 0);
  }

  /** Whether `reserve` may be asked for that: otherwise what is under way has to be committed first. */
  hasRoom(limit: number): boolean {
    return limit - this.ringBytes <= this.committedEnd;
  }

  /**
   * Replica: puts a prepare's bytes at `[from, to)`, zeros behind them, unless the shard has encoded them there.
   *
   * @param kept address up to which everything is on disk
   */
  place(frame: Uint8Array, from: number, to: number, kept: number): void {
    const at = this.offsetOf(from);
    const isThere = frame.buffer === this.bytes.buffer && frame.byteOffset === this.bytes.byteOffset + at;
    if (!isThere) {
      mark("tailCopies");
      this.reserve(to, kept);
      this.bytes.set(frame, at);
    }
    assert(this.tailLow + this.ringBytes >= to, "isolation: a prepare lies in reserved memory of the ring");
    this.bytes.fill(0, at + frame.length, at + to - from);
  }

  /** Replica: bytes at `[from, to)` were written past the ring; those that readers would look for in it are put there. */
  refresh(frame: Uint8Array, from: number, to: number, kept: number): void {
    if (to <= this.tailLow) {
      mark("tailLeavesOld");
      return;
    }
    this.reserve(to, kept);
    const skipped = Math.max(this.tailLow - from, 0);
    const at = this.offsetOf(from);
    this.bytes.set(frame.subarray(Math.min(skipped, frame.length)), at + Math.min(skipped, frame.length));
    this.bytes.fill(0, at + Math.max(frame.length, skipped), at + to - from);
  }

  /**
   * Replica: the log goes on in the next segment, and nothing is written at `address`. What the ring has there is of a ring length ago, or of
   * a discarded log: even a child of the prepare before, so that whoever walks the ring would take it for the next one.
   */
  passOver(address: number): void {
    assert(address % sectorBytes === 0, "a prepare would begin on a sector");
    if (address < this.tailLow || address >= this.tailLow + this.ringBytes) return;
    mark("tailPassesOver");
    const at = this.offsetOf(address);
    this.bytes.fill(0, at, at + sectorBytes);
  }

  /** Replica: the log goes on at `end` with what was written past the ring; nothing before it is looked for there. */
  skipTo(end: number): void {
    assert(end % sectorBytes === 0 && end >= this.committedEnd, "the log only grows");
    if (end <= this.tailLow) return;
    Atomics.store(this.#control, tailLowHigh, Math.floor(end / u32Span) | 0);
    Atomics.store(this.#control, tailLowLow, (end % u32Span) | 0);
  }

  /**
   * At start, before any other thread sees the tail. The ring holds nothing of the log.
   *
   * @param committed address up to which the log is committed
   * @param end address behind everything that lies on the disk
   */
  begin(committed: number, end: number): void {
    assert(this.committedEnd === 0 && this.tailLow === 0, "a tail begins once");
    assert(committed <= end, "what is committed lies on the disk");
    this.publishCommittedEnd(committed);
    Atomics.store(this.#control, tailLowHigh, Math.floor(end / u32Span) | 0);
    Atomics.store(this.#control, tailLowLow, (end % u32Span) | 0);
  }
}
