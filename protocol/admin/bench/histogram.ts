/**
 * Latencies in constant memory: buckets whose width grows with the value (128 to every doubling), so that each percentile is right to within
 * 0.8 % from a microsecond to an hour. The buckets are one typed array; recording allocates nothing.
 */
import { assert } from "../../../runtime/types/assert.js";

/** Buckets to every doubling; values below twice as many have a bucket each. */
const steps = 128;
const exact = 2 * steps;
const bitsMax = 32;
const valueMax = 2 ** bitsMax - 1;

export class Histogram {
  readonly #counts = new Float64Array(exact + (bitsMax - 8) * steps);
  #total = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  get mean(): number {
    return this.#total === 0 ? 0 : this.#sum / this.#total;
  }

  /** @param micros a whole number of microseconds; what is above an hour counts as an hour */
  record(micros: number): void {
    assert(micros >= 0, "a latency is not negative");
    const value = Math.min(Math.floor(micros), valueMax);
    const index = Histogram.#index(value);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
    this.#sum += value;
    if (value > this.#max) this.#max = value;
  }

  merge(other: Histogram): void {
    for (let index = 0; index < this.#counts.length; index += 1) {
      this.#counts[index] = (this.#counts[index] ?? 0) + (other.#counts[index] ?? 0);
    }
    this.#total += other.#total;
    this.#sum += other.#sum;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** The value below which a share of the records lies, in microseconds. @param share from 0 to 1 */
  percentile(share: number): number {
    assert(share >= 0 && share <= 1, "a share is from 0 to 1");
    const wanted = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index += 1) {
      seen += this.#counts[index] ?? 0;
      if (seen >= wanted) return Math.min(Histogram.#upper(index), this.#max);
    }
    return this.#max;
  }

  static #index(value: number): number {
    if (value < exact) return value;
    // The eight highest bits name the bucket: shifted so, a value lies in [128, 256).
    const shift = 31 - Math.clz32(value) - 7;
    return exact + (shift - 1) * steps + ((value >>> shift) - steps);
  }

  /** The largest value that falls into a bucket. */
  static #upper(index: number): number {
    if (index < exact) return index;
    const shift = Math.floor((index - exact) / steps) + 1;
    return (steps + ((index - exact) % steps) + 1) * 2 ** shift - 1;
  }
}
