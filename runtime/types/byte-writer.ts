/**
 * Messages as canonical bytes, writing side. The memory is reused; `finish` hands out an exact-size copy, so nothing of an earlier
 * message can leak.
 */
import { assert } from "./assert.js";
import { ByteFields } from "./byte-fields.js";

export class ByteWriter extends ByteFields {
  constructor(capacity = 256) {
    super(new Uint8Array(capacity), capacity);
  }

  reset(): this {
    this.written = 0;
    return this;
  }

  /** Forgets what was written beyond `length`. */
  rewind(length: number): void {
    assert(length >= 0 && length <= this.written, "a writer is set back to what it has written");
    this.written = length;
  }

  /** Length as u32, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** The bytes so far as a view that the next write may overwrite. */
  view(): Uint8Array {
    return this.memory.subarray(0, this.written);
  }

  /** The bytes so far as an exact-size copy. */
  finish(): Uint8Array {
    return this.memory.slice(0, this.written);
  }
}
