/**
 * Frames into one buffer, so that all that a turn has to say goes out in one write. A frame is begun, its body written field by
 * field, and ended; or a body that is ready is copied in. `take` hands the bytes to the transport, `recycle` gives the memory
 * back when the transport is done with it, so a busy connection alternates between two buffers and allocates nothing.
 *
 * Invariants
 *   1. Bytes that were taken are not touched again before they are recycled.
 *   2. Between frames the buffer holds whole frames only; an abandoned frame leaves no trace.
 */

import { crc32c } from "../../runtime/crypto/crc32c.js";
import { assert } from "../../runtime/types/assert.js";
import { frameAt, frameBodyBytesMax, frameHeaderBytes, frameMagic, frameVersion } from "./frame.js";

const bufferBytesMin = 4096;
/** A larger buffer is left to the garbage collector instead of being kept for the next turn. */
const bufferBytesKept = 256 * 1024;
const u32Span = 2 ** 32;
const encoder = new TextEncoder();
const nothing = new Uint8Array(0);

export class FrameWriter {
  #bytes: Uint8Array = nothing;
  #view: DataView = new DataView(nothing.buffer);
  #length = 0;
  /** Start of the frame being written, -1 between frames. */
  #frameStart = -1;
  #spare: Uint8Array | undefined;

  /** Bytes written and not yet taken. */
  get length(): number {
    return this.#length;
  }

  /** Starts a frame; its body follows by `u8` … `raw`, then `end`. */
  begin(kind: number, requestId: number, timeoutMs: number): this {
    assert(this.#frameStart === -1, "a frame is ended before the next begins");
    assert(Number.isSafeInteger(requestId) && requestId >= 0, "a request id is a non-negative safe integer");
    assert(timeoutMs >= 0 && timeoutMs < u32Span, "a timeout is a u32 of milliseconds");
    const at = this.#reserve(frameHeaderBytes);
    this.#frameStart = at;
    const view = this.#view;
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
    const bodyLength = this.#length - at - frameHeaderBytes;
    assert(at >= 0 && bodyLength >= 0, "a frame that ends was begun");
    assert(bodyLength <= frameBodyBytesMax, "a frame's body is within the protocol's limit");
    this.#view.setUint32(at + frameAt.bodyLength, bodyLength, true);
    const head = crc32c(this.#bytes, at, at + frameAt.checksum);
    this.#view.setUint32(at + frameAt.checksum, crc32c(this.#bytes, at + frameAt.requestId, this.#length, head), true);
    this.#frameStart = -1;
    return bodyLength + frameHeaderBytes;
  }

  /** Forgets the frame being written. */
  abandon(): void {
    assert(this.#frameStart >= 0, "a frame that is abandoned was begun");
    this.#length = this.#frameStart;
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
    this.raw(body, from, to);
    return this.end();
  }

  u8(value: number): this {
    assert(value >= 0 && value <= 0xff, "a u8 is from 0 to 255");
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    assert(value >= 0 && value <= 0xffff, "a u16 is from 0 to 65,535");
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    assert(value >= 0 && value < u32Span, "a u32 is from 0 to 2^32 - 1");
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** A u64 from a safe integer. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, "a u64 is written from a non-negative safe integer");
    const at = this.#reserve(8);
    this.#view.setUint32(at, value % u32Span, true);
    this.#view.setUint32(at + 4, Math.floor(value / u32Span), true);
    return this;
  }

  raw(bytes: Uint8Array, from = 0, to: number = bytes.length): this {
    const at = this.#reserve(to - from);
    this.#bytes.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
    return this;
  }

  /** UTF-8 of a text, its length in bytes as u16 before it. */
  string(text: string): this {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const at = this.#reserve(2 + text.length * 3);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at + 2, this.#length));
    assert(written <= 0xffff, "a text on the wire is at most 65,535 bytes");
    this.#view.setUint16(at, written, true);
    this.#length = at + 2 + written;
    return this;
  }

  /** The whole frames so far, now the caller's until `recycle`. */
  take(): Uint8Array {
    assert(this.#frameStart === -1, "only whole frames are taken");
    const taken = this.#bytes.subarray(0, this.#length);
    const next = this.#spare ?? nothing;
    this.#spare = undefined;
    this.#bytes = next;
    this.#view = new DataView(next.buffer);
    this.#length = 0;
    return taken;
  }

  /** Gives back what `take` handed out, once no one reads it any more. */
  recycle(taken: Uint8Array): void {
    assert(taken.byteOffset === 0 && taken.buffer !== this.#bytes.buffer, "what is recycled was taken from a writer");
    if (taken.buffer.byteLength > bufferBytesKept || taken.buffer.byteLength === 0) return;
    if (this.#bytes.length === 0 && this.#length === 0) {
      this.#bytes = new Uint8Array(taken.buffer);
      this.#view = new DataView(taken.buffer);
    } else {
      this.#spare = new Uint8Array(taken.buffer);
    }
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#length = needed;
    return at;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2, bufferBytesMin));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
