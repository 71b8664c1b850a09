/** Memory of one size that decoded columns are kept in (column-cache.ts), and what is found in it. It is given up as a whole. */
import { assert } from "../../types/assert.js";
import type { CachedPage, ColumnHolder } from "./cached-page.js";
import type { PastPart } from "./past-rows.js";

export const blockBytes = 256 * 1024;

export class ColumnBlock {
  readonly #memory = new ArrayBuffer(blockBytes);
  #used = 0;
  /** Bytes of it and on the heap. */
  bytes = 0;
  isUsed = true;
  readonly pages: CachedPage[] = [];
  readonly parts: PastPart[] = [];
  readonly columns: { readonly holder: ColumnHolder; readonly number: number }[] = [];

  has(bytes: number): boolean {
    return this.bytes + bytes <= blockBytes;
  }

  count(bytes: number): void {
    this.bytes += bytes;
  }

  #place(bytes: number): number {
    const at = this.#used;
    this.#used = (at + bytes + 7) & ~7;
    assert(this.#used <= blockBytes, "what lies in a block was counted before");
    return at;
  }

  int32(source: Float64Array, count: number): Int32Array {
    const kept = new Int32Array(this.#memory, this.#place(count * 4), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  float64(source: Float64Array, count: number): Float64Array {
    const kept = new Float64Array(this.#memory, this.#place(count * 8), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  bits(source: Uint8Array, count: number): Uint8Array {
    const kept = new Uint8Array(this.#memory, this.#place(count), count);
    for (let index = 0; index < count; index++) kept[index] = source[index] ?? 0;
    return kept;
  }

  clear(): void {
    this.#used = 0;
    this.bytes = 0;
    this.isUsed = true;
    this.pages.length = 0;
    this.parts.length = 0;
    this.columns.length = 0;
  }
}
