/**
 * Canonical bytes, reading side, for untrusted input: each read is bounded by what is there, lengths are checked before
 * anything is allocated, and `end` refuses trailing bytes. Every failure is a `frameInvalid`.
 */
import { KimberliteError } from "./errors.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const u32Span = 2 ** 32;
const noBytes = new Uint8Array(0);

export class ByteReader {
  readonly #bytes: Uint8Array;
  offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.offset = from;
    this.#end = to;
  }

  get remaining(): number {
    return this.#end - this.offset;
  }

  #take(count: number): number {
    const at = this.offset;
    if (count > this.#end - at) {
      throw new KimberliteError("frameInvalid", `${count} bytes expected, ${this.#end - at} left`);
    }
    this.offset = at + count;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8);
  }

  u32(): number {
    return this.#u32(this.#take(4));
  }

  /** Byte by byte: readers are made for each message, and a DataView of it costs more than its numbers. */
  #u32(at: number): number {
    const bytes = this.#bytes;
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
  }

  /** A u64 that must be a safe integer. */
  u64(): number {
    const at = this.#take(8);
    const high = this.#u32(at + 4);
    if (high >= 0x20_0000) throw new KimberliteError("frameInvalid", "a 64-bit number is beyond 2^53 - 1");
    return high * u32Span + this.#u32(at);
  }

  /** A view of the next bytes, not a copy. */
  raw(count: number): Uint8Array {
    if (count === 0) return noBytes;
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Passes over bytes that are read in another way. */
  skip(count: number): void {
    this.#take(count);
  }

  bytes(lengthMax: number): Uint8Array {
    const length = this.u32();
    if (length > lengthMax) throw new KimberliteError("frameInvalid", `a length of ${length} is over ${lengthMax}`);
    return this.raw(length);
  }

  string(lengthMax: number): string {
    const length = this.u16();
    if (length > lengthMax) throw new KimberliteError("frameInvalid", `a text of ${length} bytes is over ${lengthMax}`);
    try {
      return decoder.decode(this.raw(length));
    } catch (cause) {
      if (cause instanceof KimberliteError) throw cause;
      throw new KimberliteError("frameInvalid", "a text is not UTF-8", { cause });
    }
  }

  /** A byte that must be one of the first `count` values. */
  choice(count: number): number {
    const value = this.u8();
    if (value >= count)
      throw new KimberliteError("frameInvalid", `a choice of ${value} where 0 to ${count - 1} are known`);
    return value;
  }

  end(): void {
    if (this.offset !== this.#end) {
      throw new KimberliteError("frameInvalid", `${this.#end - this.offset} bytes follow the last field`);
    }
  }
}
