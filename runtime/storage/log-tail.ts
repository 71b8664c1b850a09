/**
 * The newest bytes of the log in shared memory. The shard encodes the next prepare's body straight into the ring, the replica adds the
 * header and writes the same memory to disk, projections read records from it without a system call.
 *
 * Ring: the byte at address a lies at ring[a % ringBytes]. Control block, u32 words:
 *
 *   0, 1   durable end: low and high half of the address behind the newest durable prepare. Written by the replica only.
 *   2, 3   tail low: low and high half. Bytes below it may be overwritten at any moment. Written by the shard only.
 *
 * Protocol of a reader in another thread: address + length <= durableEnd; address >= tailLow; copy; address >= tailLow *again*,
 * else the copy may be torn and the file is read instead. The halves are stored in an order that makes a read between
 * two stores err on the safe side without a loop: the durable end never reads too high (low half first), tail low never reads too
 * low (high half first, and the reader takes the low half first).
 */
import { assert } from "../types/assert.js";
import { sectorBytes } from "../types/limits.js";
import type { AlignedMemory } from "./aligned-memory.js";

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

  /** Address behind the newest durable prepare. */
  get durableEnd(): number {
    const high = Atomics.load(this.#control, endHigh) >>> 0;
    return high * u32Span + (Atomics.load(this.#control, endLow) >>> 0);
  }

  /** Bytes below this address are not to be trusted in the ring. */
  get tailLow(): number {
    const low = Atomics.load(this.#control, tailLowLow) >>> 0;
    return (Atomics.load(this.#control, tailLowHigh) >>> 0) * u32Span + low;
  }

  /** Replica: everything below `end` is durable. */
  publishDurableEnd(end: number): void {
    assert(end % sectorBytes === 0, "the durable end is on a sector");
    assert(end >= this.durableEnd, "durability: the durable end never goes back");
    Atomics.store(this.#control, endLow, (end % u32Span) | 0);
    Atomics.store(this.#control, endHigh, Math.floor(end / u32Span) | 0);
  }

  /**
   * Shard: claims the ring up to the address `limit` for writing, before the first byte is written. What lay there one ring
   * length ago is gone for readers from here on.
   */
  reserve(limit: number): void {
    const low = limit - this.ringBytes;
    if (low <= this.tailLow) return;
    assert(low <= this.durableEnd, "durability: bytes that are not durable yet are never overwritten in the ring");
    Atomics.store(this.#control, tailLowHigh, Math.floor(low / u32Span) | 0);
    Atomics.store(this.#control, tailLowLow, (low % u32Span) | 0);
  }

  /** At start, before any other thread sees the tail: the log ends here, and the ring holds nothing of it. */
  begin(end: number): void {
    assert(this.durableEnd === 0 && this.tailLow === 0, "a tail begins once");
    this.publishDurableEnd(end);
    Atomics.store(this.#control, tailLowHigh, Math.floor(end / u32Span) | 0);
    Atomics.store(this.#control, tailLowLow, (end % u32Span) | 0);
  }
}
