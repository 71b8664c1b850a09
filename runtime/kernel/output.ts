/**
 * A place to write: a span of bytes that belongs to someone else, such as the shared tail of the log or a batch of replies.
 * `at` is the next byte to write, `end` the first that must not be written. The caller checks for room once per record with an
 * upper bound; each write asserts it again.
 */
import { assert } from "../types/assert.js";
import { copyBytes, setU64 } from "./numbers.js";

export class Output {
  bytes: Uint8Array;
  view: DataView;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    assert(at <= end && end <= bytes.length, "an output lies within its bytes");
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get room(): number {
    return this.end - this.at;
  }

  #take(count: number): number {
    const at = this.at;
    assert(at + count <= this.end, "a write stays within its output");
    this.at = at + count;
    return at;
  }

  u8(value: number): this {
    this.view.setUint8(this.#take(1), value);
    return this;
  }

  u16(value: number): this {
    this.view.setUint16(this.#take(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.view.setUint32(this.#take(4), value, true);
    return this;
  }

  u64(value: number): this {
    setU64(this.view, this.#take(8), value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#take(bytes.length));
    return this;
  }

  /** Length u16, then the bytes: a text that is already UTF-8. */
  text(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  copy(source: Uint8Array, sourceView: DataView, from: number, to: number): this {
    copyBytes(source, sourceView, from, to, this.bytes, this.view, this.#take(to - from));
    return this;
  }
}
