/** The two ends of a walk over keys: from `low` on, and below `high` when there is one. */
import type { PlaceInPage } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { compareBytes, KeyBuffer } from "./key-buffer.js";

export class WalkBounds {
  readonly #low = new KeyBuffer();
  readonly #high = new KeyBuffer();
  #hasHigh = false;

  set(low: Uint8Array, lowLength: number, high: Uint8Array | null, highLength: number): void {
    assert(lowLength <= low.length && highLength <= (high?.length ?? 0), "a bound lies within its bytes");
    this.#low.set(low, lowLength);
    this.#hasHigh = high !== null;
    if (high !== null) this.#high.set(high, highLength);
  }

  get lowKey(): Uint8Array {
    return this.#low.bytes.subarray(0, this.#low.length);
  }

  get highKey(): Uint8Array | null {
    return this.#hasHigh ? this.#high.bytes.subarray(0, this.#high.length) : null;
  }

  /** Memory that the upper end lies at the beginning of; null when there is none. */
  get high(): Uint8Array | null {
    return this.#hasHigh ? this.#high.bytes : null;
  }

  get highLength(): number {
    return this.#hasHigh ? this.#high.length : 0;
  }

  isFromLow(key: Uint8Array, length: number): boolean {
    return compareBytes(key, length, this.#low.bytes, this.#low.length) >= 0;
  }

  isBelowHigh(key: Uint8Array, length: number): boolean {
    return !this.#hasHigh || compareBytes(key, length, this.#high.bytes, this.#high.length) < 0;
  }

  /** Where a page's entries that are below the upper end end. */
  endIn(place: PlaceInPage): number {
    return this.#hasHigh ? place.endBelow(this.#high.bytes, this.#high.length) : place.pageEntries;
  }

  /** Whether a page lies between the two ends as a whole. */
  hasAllOf(place: PlaceInPage): boolean {
    const isFromLow = place.pageIndex === 0 || place.endBelow(this.#low.bytes, this.#low.length) === 0;
    return isFromLow && this.endIn(place) === place.pageEntries;
  }
}
