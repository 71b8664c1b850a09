/** The growing memory under a batch of packed entries. What is handed out is an exact-size copy. */
import { assert } from "../../runtime/types/assert.js";

/** A single giant entry must not pin its memory for ever. */
const keptBytesMax = 4 * 1024 * 1024;

export class BatchBuffer {
  readonly #initialBytes: number;
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  count = 0;

  constructor(initialBytes: number) {
    assert(initialBytes > 0 && initialBytes <= keptBytesMax, "a batch begins with memory that is kept");
    this.#initialBytes = initialBytes;
    this.bytes = new Uint8Array(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Room for one more entry; `bytes` and `view` may be others afterwards. @returns where the entry begins */
  entry(entryBytes: number): number {
    const at = this.length;
    const needed = at + entryBytes;
    if (needed > this.bytes.length) this.#grow(needed);
    this.length = needed;
    this.count += 1;
    return at;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  clear(): void {
    this.length = 0;
    this.count = 0;
  }

  /** The batch as an exact-size copy; empty afterwards. */
  take(): Uint8Array {
    assert(this.count > 0, "an empty batch is not sent");
    const taken = this.bytes.slice(0, this.length);
    this.clear();
    if (this.bytes.length > keptBytesMax) {
      this.bytes = new Uint8Array(this.#initialBytes);
      this.view = new DataView(this.bytes.buffer);
    }
    return taken;
  }
}
