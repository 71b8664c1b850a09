/**
 * Canonical bytes, field by field: little-endian fixed integers, texts as UTF-8 with their length, at the end of memory that grows by
 * doubling. What becomes of the bytes is for the writers that extend this: messages (`ByteWriter`), frames of a connection.
 */
import { assert } from "./assert.js";

const encoder = new TextEncoder();
const u32Span = 2 ** 32;

export abstract class ByteFields {
  protected memory: Uint8Array;
  protected memoryView: DataView;
  protected written = 0;

  readonly #grownBytesMin: number;

  /** @param grownBytesMin memory that is set aside at least when more is needed */
  protected constructor(memory: Uint8Array, grownBytesMin: number) {
    this.#grownBytesMin = grownBytesMin;
    this.memory = memory;
    this.memoryView = new DataView(memory.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.written;
  }

  protected replaceMemory(memory: Uint8Array): void {
    assert(memory.byteOffset === 0 && memory.length === memory.buffer.byteLength, "a writer has its memory to itself");
    this.memory = memory;
    this.memoryView = new DataView(memory.buffer);
  }

  /** Room for `count` bytes; the memory may be another afterwards. @returns where they begin */
  protected reserve(count: number): number {
    const at = this.written;
    const needed = at + count;
    if (needed > this.memory.length) this.#grow(needed);
    this.written = needed;
    return at;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.memory.length * 2, this.#grownBytesMin));
    grown.set(this.memory.subarray(0, this.written));
    this.replaceMemory(grown);
  }

  u8(value: number): this {
    assert(value >= 0 && value <= 0xff, "a u8 is from 0 to 255");
    // The place first: growing replaces the memory that is written to.
    const at = this.reserve(1);
    this.memory[at] = value;
    return this;
  }

  u16(value: number): this {
    assert(value >= 0 && value <= 0xffff, "a u16 is from 0 to 65,535");
    const at = this.reserve(2);
    this.memoryView.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    assert(value >= 0 && value < u32Span, "a u32 is from 0 to 2^32 - 1");
    const at = this.reserve(4);
    this.memoryView.setUint32(at, value, true);
    return this;
  }

  /** A u64 from a safe integer. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, "a u64 is written from a non-negative safe integer");
    const at = this.reserve(8);
    this.memoryView.setUint32(at, value % u32Span, true);
    this.memoryView.setUint32(at + 4, Math.floor(value / u32Span), true);
    return this;
  }

  /** Bytes as they are: bytes[from..to). */
  raw(bytes: Uint8Array, from = 0, to: number = bytes.length): this {
    const at = this.reserve(to - from);
    this.memory.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
    return this;
  }

  /** UTF-8 of a text without normalisation, its length in bytes as u16 before it. */
  string(text: string): this {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const at = this.reserve(2 + text.length * 3);
    const { written } = encoder.encodeInto(text, this.memory.subarray(at + 2, this.written));
    assert(written <= 0xffff, "a text has at most 65,535 bytes");
    this.memoryView.setUint16(at, written, true);
    this.written = at + 2 + written;
    return this;
  }
}
