/**
 * Memory for request bodies that must be kept until their answer: small ones share a slab, since an array of its own costs half a
 * microsecond, more than all else of encoding an append. A slab lives as long as the last body in it.
 */
import { assert } from "../../runtime/types/assert.js";

const slabBytes = 64 * 1024;
const sharedBytesMax = 4 * 1024;

export class BodySlab {
  #slab = new Uint8Array(slabBytes);
  #used = 0;

  /** A copy of the bytes that stays as it is. */
  keep(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > sharedBytesMax) return new Uint8Array(bytes);
    if (this.#used + length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = at + length;
    assert(this.#used <= slabBytes, "a body lies within its slab");
    this.#slab.set(bytes, at);
    return this.#slab.subarray(at, at + length);
  }
}
