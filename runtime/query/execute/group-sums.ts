/**
 * Sums of integers and counts, gathered by the place of a group for many rows before its accumulator hears of them: a loop over two columns
 * instead of a call for each row.
 *
 * A batch of 1,024 integers of 32 bits adds less than 2^41, so a sum stays exact for 1,024 batches; then, and before anybody asks for results, the
 * accumulators are told.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { Accumulator } from "../functions/registry.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";

const batchesMax = 1_024;

assert(batchRowsMax * batchesMax * 2 ** 31 <= 2 ** 52, "a sum that is gathered is exact");
assert(batchRowsMax * batchesMax < 2 ** 31, "rows that are counted fit 32 bits");

export class GroupSums {
  #sums = new Float64Array(64);
  #rows = new Int32Array(64);
  #groups = 0;
  #batches = 0;

  /** Whether the accumulators have to be told before the next batch. */
  get isFull(): boolean {
    return this.#batches >= batchesMax;
  }

  /**
   * Adds a batch whose rows' groups are known.
   *
   * @param vector what is summed; null counts all rows
   * @param found place of each row's group; below 0 for a row that has none
   * @param haveAll whether no row is without one
   */
  add(
    { rows, selection }: RowBatch,
    vector: Extract<ColumnVector, { kind: "numbers" }> | null,
    groups: number,
    found: Int32Array,
    haveAll: boolean,
  ): void {
    assert(!this.isFull && rows <= found.length, "sums are gathered while they are exact");
    this.#batches += 1;
    if (groups > this.#groups) this.#grow(groups);
    const sums = this.#sums;
    const counts = this.#rows;
    if (vector === null && haveAll) {
      for (let index = 0; index < rows; index += 1) counts[found[index]] += 1;
      return;
    }
    if (vector === null) {
      for (let index = 0; index < rows; index += 1) {
        const place = found[index] ?? -1;
        if (place >= 0) counts[place] += 1;
      }
      return;
    }
    const { numbers, nulls } = vector;
    if (selection === null && !vector.hasNulls && haveAll) {
      for (let row = 0; row < rows; row += 1) {
        const place = found[row];
        sums[place] += numbers[row];
        counts[place] += 1;
      }
      return;
    }
    for (let index = 0; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      const place = found[index] ?? -1;
      if (place < 0 || nulls[row] !== 0) continue;
      sums[place] += numbers[row] ?? 0;
      counts[place] += 1;
    }
  }

  #grow(groups: number): void {
    this.#groups = groups;
    if (groups <= this.#sums.length) return;
    const sums = new Float64Array(2 * groups);
    const rows = new Int32Array(2 * groups);
    sums.set(this.#sums);
    rows.set(this.#rows);
    this.#sums = sums;
    this.#rows = rows;
  }

  /** Tells the accumulators, by their groups' places, and begins anew. */
  flush(accumulatorOf: (place: number) => Accumulator): void {
    for (let place = 0; place < this.#groups; place += 1) {
      const rows = this.#rows[place] ?? 0;
      if (rows === 0) continue;
      const accumulator = accumulatorOf(place);
      assert(accumulator.addSum !== undefined, "what is gathered is told to who can take it");
      accumulator.addSum(this.#sums[place] ?? 0, rows);
    }
    this.#sums.fill(0);
    this.#rows.fill(0);
    this.#groups = 0;
    this.#batches = 0;
  }
}

/** Of a batch's rows, none of them NULL. In two halves, so that no addition waits for the one before it; sums of integers come out the same. */
export function sumOf(numbers: Float64Array, selection: Int32Array | null, rows: number): number {
  let [even, odd] = [0, 0];
  const pairs = rows & ~1;
  if (selection === null) {
    for (let row = 0; row < pairs; row += 2) {
      even += numbers[row] ?? 0;
      odd += numbers[row + 1] ?? 0;
    }
    return pairs === rows ? even + odd : even + odd + (numbers[pairs] ?? 0);
  }
  for (let index = 0; index < pairs; index += 2) {
    even += numbers[selection[index] ?? 0] ?? 0;
    odd += numbers[selection[index + 1] ?? 0] ?? 0;
  }
  return pairs === rows ? even + odd : even + odd + (numbers[selection[pairs] ?? 0] ?? 0);
}
