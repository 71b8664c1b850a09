/**
 * Frames out of a socket's chunks, however the network cut them.
 *
 * A frame that lies within one chunk is handed on as a range of that chunk: no copy, no object per frame. Only a frame that
 * straddles chunks is gathered in a carry-over buffer. That buffer grows with the bytes that really arrived, at most doubling, so
 * a peer that announces 9 MiB and sends nothing costs 4 KiB; it is given back after a large frame.
 *
 * Invariants
 *   1. Memory held between chunks is at most twice what arrived of one frame, and at most one frame of the largest size.
 *   2. Frames come out in order, each exactly once, whatever the chunking.
 *   3. After the first invalid byte nothing more comes out: the connection can only be closed, since framing is lost.
 */

import { crc32cOf } from "../../runtime/crypto/crc32c.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { checkFrameHeader, frameAt, frameBodyBytesMax, frameHeaderBytes } from "./frame.js";

/**
 * Receives one frame. `bytes[bodyStart..bodyEnd)` is its body and `view` a DataView over the same `bytes`; both may be
 * overwritten when the call returns, so what is to be kept must be copied.
 */
export type FrameHandler = (
  kind: number,
  requestId: number,
  timeoutMs: number,
  bytes: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
  view: DataView,
) => void;

const carryBytesMin = 4096;
/** A carry-over buffer larger than this is given back once its frame is complete. */
const carryBytesKept = 64 * 1024;
const u32Span = 2 ** 32;
const nothing = new Uint8Array(0);

export class FrameDecoder {
  readonly #onFrame: FrameHandler;
  readonly #bodyBytesMax: number;
  #carry: Uint8Array = nothing;
  #carryView: DataView = new DataView(nothing.buffer);
  #carried = 0;
  #stopped = false;

  constructor(onFrame: FrameHandler, bodyBytesMax: number = frameBodyBytesMax) {
    assert(bodyBytesMax >= 0 && bodyBytesMax <= frameBodyBytesMax, "a decoder's body limit is within the protocol's");
    this.#onFrame = onFrame;
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Bytes of an incomplete frame that wait for more. */
  get pendingBytes(): number {
    return this.#carried;
  }

  /** Memory set aside between chunks. */
  get heldBytes(): number {
    return this.#carry.length;
  }

  /** No frame comes out after this, not even the rest of the chunk being decoded. May be called by the frame handler. */
  stop(): void {
    this.#stopped = true;
    this.#carry = nothing;
    this.#carryView = new DataView(nothing.buffer);
    this.#carried = 0;
  }

  /** Decodes one chunk. Throws `frameInvalid` for bytes that are no frame, and whatever the handler throws; both stop the decoder. */
  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    try {
      // A plain Uint8Array even for a Buffer: a handler that calls `slice` to copy must get a copy, and a Buffer gives a view.
      const isPlain = chunk.constructor === Uint8Array;
      this.#decode(isPlain ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  #decode(chunk: Uint8Array): void {
    let at = 0;
    if (this.#carried > 0) {
      at = this.#completeCarried(chunk);
      if (this.#carried > 0 || this.#stopped) return;
    }
    const end = chunk.length;
    if (at === end) return;
    const view = new DataView(chunk.buffer, chunk.byteOffset, end);
    while (end - at >= frameHeaderBytes) {
      checkFrameHeader(view, at, frameHeaderBytes, this.#bodyBytesMax);
      const frameEnd = at + frameHeaderBytes + view.getUint32(at + frameAt.bodyLength, true);
      if (frameEnd > end) break;
      this.#deliver(chunk, view, at, frameEnd);
      if (this.#stopped) return;
      at = frameEnd;
    }
    if (at === end) return;
    checkFrameHeader(view, at, Math.min(end - at, frameHeaderBytes), this.#bodyBytesMax);
    this.#keep(chunk, at, end);
  }

  /** Adds to the incomplete frame what it lacks and hands it on when complete. Returns where the next frame begins in the chunk. */
  #completeCarried(chunk: Uint8Array): number {
    let at = 0;
    if (this.#carried < frameHeaderBytes) {
      at = Math.min(frameHeaderBytes - this.#carried, chunk.length);
      this.#keep(chunk, 0, at);
      checkFrameHeader(this.#carryView, 0, Math.min(this.#carried, frameHeaderBytes), this.#bodyBytesMax);
      if (this.#carried < frameHeaderBytes) return at;
    }
    const frameLength = frameHeaderBytes + this.#carryView.getUint32(frameAt.bodyLength, true);
    const take = Math.min(frameLength - this.#carried, chunk.length - at);
    this.#keep(chunk, at, at + take);
    at += take;
    assert(this.#carried <= frameLength, "the carry-over buffer holds bytes of one frame only");
    if (this.#carried < frameLength) return at;
    this.#carried = 0;
    this.#deliver(this.#carry, this.#carryView, 0, frameLength);
    if (this.#carry.length > carryBytesKept) {
      this.#carry = nothing;
      this.#carryView = new DataView(nothing.buffer);
    }
    return at;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    assert(from <= to && to <= chunk.length, "what is carried over lies within the chunk");
    const needed = this.#carried + (to - from);
    assert(needed <= frameHeaderBytes + this.#bodyBytesMax, "what is carried over is at most one frame");
    if (needed > this.#carry.length) {
      const grown = new Uint8Array(
        Math.max(needed, carryBytesMin, Math.min(needed * 2, frameHeaderBytes + this.#bodyBytesMax)),
      );
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
      this.#carryView = new DataView(grown.buffer);
    }
    // A loop, since most of what is carried over is short and `set` of a subarray costs an object.
    if (to - from <= 64) {
      for (let i = from, o = this.#carried; i < to; i++, o++) this.#carry[o] = chunk[i] as number;
    } else {
      this.#carry.set(chunk.subarray(from, to), this.#carried);
    }
    this.#carried = needed;
  }

  #deliver(bytes: Uint8Array, view: DataView, at: number, end: number): void {
    assert(at + frameHeaderBytes <= end && end <= bytes.length, "a frame that is handed on is complete");
    const checksum = crc32cOf(view, at + frameAt.requestId, end, crc32cOf(view, at, at + frameAt.checksum));
    if (checksum !== view.getUint32(at + frameAt.checksum, true)) {
      throw new KimberliteError("frameInvalid", "its checksum does not hold; the bytes were damaged on the way", {
        detail: { kind: view.getUint8(at + frameAt.kind), length: end - at },
      });
    }
    this.#onFrame(
      view.getUint8(at + frameAt.kind),
      view.getUint32(at + frameAt.requestId + 4, true) * u32Span + view.getUint32(at + frameAt.requestId, true),
      view.getUint32(at + frameAt.timeoutMs, true),
      bytes,
      at + frameHeaderBytes,
      end,
      view,
    );
  }
}
