/**
 * The writing half of a connection: frames gather here for a turn of the event loop and leave in one write; while the transport is
 * behind they go on gathering, and `bufferedBytes` tells how much.
 *
 * Invariants
 *   1. At most one write that the transport could not take at once is under way.
 *   2. `flushed` is the ordinal of the newest request whose bytes were given to the transport: those above it never left.
 */
import { assert } from "../../runtime/types/assert.js";
import { FrameWriter } from "../wire/frame-writer.js";
import type { Transport } from "../wire/transport.js";

export class Outbox {
  readonly writer = new FrameWriter();
  readonly #transport: Transport;
  #transportBytes = 0;
  #isBlocked = false;
  #isScheduled = false;
  #isClosed = false;
  #ordinal = 0;
  #flushed = 0;
  readonly #flush = (): void => this.flush();
  readonly #recycle = (taken: Uint8Array): void => {
    this.#transportBytes -= taken.length;
    assert(this.#transportBytes >= 0, "bytes under way are counted");
    this.writer.recycle(taken);
  };

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes of frames that the transport has not passed on. */
  get bufferedBytes(): number {
    return this.writer.length + this.#transportBytes;
  }

  /** Ordinal of the newest request that may have left this process. */
  get flushed(): number {
    return this.#flushed;
  }

  /** Counts one more request and sees to it that it leaves. Returns its ordinal. */
  nextOrdinal(): number {
    this.schedule();
    return ++this.#ordinal;
  }

  /** Writes at the end of this turn: answers that arrived together are answered together. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#isBlocked || this.#isClosed || this.writer.length === 0) return;
    const bytes = this.writer.take();
    this.#flushed = this.#ordinal;
    this.#transportBytes += bytes.length;
    this.#isBlocked = !this.#transport.write(bytes, this.#recycle);
  }

  /** The transport has room again. */
  drained(): void {
    this.#isBlocked = false;
    this.flush();
  }

  /** Writes nothing more. */
  close(): void {
    this.#isClosed = true;
  }
}
