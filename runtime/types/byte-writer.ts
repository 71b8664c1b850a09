/**
 * Canonical bytes, writing side: little-endian fixed integers, length-prefixed bytes, fields in declared order. The buffer grows
 * by doubling and is reused; `finish` hands out an exact-size copy, so nothing of an earlier message can leak.
 */
import { assert } from "./assert.js";

const encoder = new TextEncoder();
const u32Span = 2 ** 32;

export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  reset(): this {
    this.length = 0;
    return this;
  }

  #reserve(count: number): number {
    const at = this.length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length = needed;
    return at;
  }

  u8(value: number): this {
    assert(value >= 0 && value <= 0xff, "a u8 is from 0 to 255");
    // The place first: growing replaces the view that is written through.
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
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

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Length as u32, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 without normalisation, length in bytes as u16. */
  string(text: string): this {
    const bytes = encoder.encode(text);
    return this.u16(bytes.length).raw(bytes);
  }

  /** The bytes so far as a view that the next write may overwrite. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** The bytes so far as an exact-size copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}
