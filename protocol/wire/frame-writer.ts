/**
 * Frames into one buffer, so that all that a turn has to say goes out in one write. A frame is begun, its body written field by
 * field, and ended; or a body that is ready is copied in. `take` hands the bytes to the transport, `recycle` gives the memory
 * back when the transport is done with it, so a busy connection alternates between two buffers and allocates nothing.
 *
 * Invariants
 *   1. Bytes that were taken are not touched again before they are recycled.
 *   2. Between frames the buffer holds whole frames only; an abandoned frame leaves no trace.
 */

import { crc32cOf } from "../../runtime/crypto/crc32c.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteFields } from "../../runtime/types/byte-fields.js";
import { frameAt, frameBodyBytesMax, frameHeaderBytes, frameMagic, frameVersion } from "./frame.js";

const bufferBytesMin = 4096;
/** A larger buffer is left to the garbage collector instead of being kept for the next turn. */
const bufferBytesKept = 256 * 1024;
const u32Span = 2 ** 32;
/** Up to here copying in a loop is cheaper than `set` of a subarray, which costs an object. */
const loopBytesMax = 64;

interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const nothing = new Uint8Array(0);
const noMemory: Memory = { bytes: nothing, view: new DataView(nothing.buffer) };

export class FrameWriter extends ByteFields {
  /** Start of the frame being written, -1 between frames. */
  #frameStart = -1;
  /** Memory that is free to be written to next, and memory that was handed out last. */
  #spare: Memory = noMemory;
  #lent: Memory = noMemory;

  constructor() {
    super(nothing, bufferBytesMin);
  }

  /** Starts a frame; its body follows by `u8` … `raw`, then `end`. */
  begin(kind: number, requestId: number, timeoutMs: number): this {
    assert(this.#frameStart === -1, "a frame is ended before the next begins");
    assert(Number.isSafeInteger(requestId) && requestId >= 0, "a request id is a non-negative safe integer");
    assert(timeoutMs >= 0 && timeoutMs < u32Span, "a timeout is a u32 of milliseconds");
    const at = this.reserve(frameHeaderBytes);
    this.#frameStart = at;
    const view = this.memoryView;
    view.setUint32(at, frameMagic, true);
    view.setUint32(at + frameAt.version, frameVersion | (kind << 8), true);
    view.setUint32(at + frameAt.requestId, requestId % u32Span, true);
    view.setUint32(at + frameAt.requestId + 4, Math.floor(requestId / u32Span), true);
    view.setUint32(at + frameAt.timeoutMs, timeoutMs, true);
    view.setUint32(at + frameAt.zero, 0, true);
    return this;
  }

  /** Ends the frame: fills in the length and the checksum. Returns the bytes of the frame, header included. */
  end(): number {
    const at = this.#frameStart;
    const bodyLength = this.written - at - frameHeaderBytes;
    assert(at >= 0 && bodyLength >= 0, "a frame that ends was begun");
    assert(bodyLength <= frameBodyBytesMax, "a frame's body is within the protocol's limit");
    this.memoryView.setUint32(at + frameAt.bodyLength, bodyLength, true);
    const view = this.memoryView;
    const head = crc32cOf(view, at, at + frameAt.checksum);
    view.setUint32(at + frameAt.checksum, crc32cOf(view, at + frameAt.requestId, this.written, head), true);
    this.#frameStart = -1;
    return bodyLength + frameHeaderBytes;
  }

  /** Forgets the frame being written. */
  abandon(): void {
    assert(this.#frameStart >= 0, "a frame that is abandoned was begun");
    this.written = this.#frameStart;
    this.#frameStart = -1;
  }

  /** A whole frame whose body is bytes[from..to). */
  frame(
    kind: number,
    requestId: number,
    timeoutMs: number,
    body: Uint8Array,
    from = 0,
    to: number = body.length,
  ): number {
    this.begin(kind, requestId, timeoutMs);
    if (to - from > loopBytesMax) this.raw(body, from, to);
    else {
      const at = this.reserve(to - from);
      const { memory } = this;
      for (let read = from, write = at; read < to; read++, write++) memory[write] = body[read] as number;
    }
    return this.end();
  }

  /** The whole frames so far, now the caller's until `recycle`. */
  take(): Uint8Array {
    assert(this.#frameStart === -1, "only whole frames are taken");
    const taken = this.memory.subarray(0, this.written);
    this.#lent = { bytes: this.memory, view: this.memoryView };
    this.#use(this.#spare);
    this.#spare = noMemory;
    this.written = 0;
    return taken;
  }

  /** Gives back what `take` handed out, once no one reads it any more. */
  recycle(taken: Uint8Array): void {
    assert(taken.byteOffset === 0 && taken.buffer !== this.memory.buffer, "what is recycled was taken from a writer");
    if (taken.buffer.byteLength > bufferBytesKept || taken.buffer.byteLength === 0) return;
    const isLast = taken.buffer === this.#lent.bytes.buffer;
    const memory = isLast ? this.#lent : { bytes: new Uint8Array(taken.buffer), view: new DataView(taken.buffer) };
    if (this.memory.length === 0 && this.written === 0) this.#use(memory);
    else this.#spare = memory;
  }

  #use({ bytes, view }: Memory): void {
    assert(bytes.buffer === view.buffer, "a view is over its own memory");
    this.memory = bytes;
    this.memoryView = view;
  }
}
