/** DISTINCT and DISTINCT ON. */
import type { RowBatch } from "../engine.js";
import type { DistinctNode } from "../plan/plan.js";
import { batchesOf, type Execution, isPrepared, layoutOf, type Operator } from "./execution.js";
import { compileGroupKey, type Key } from "./keys.js";
import { FirstRows, type KeyOf, select } from "./seen-keys.js";

/** The first row of each value. Of a sorted input only the last value is remembered, of any other all values. */
export class DistinctOperator implements Operator {
  readonly #node: DistinctNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #keyOf: KeyOf;
  readonly #first: FirstRows;
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: DistinctNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#keyOf = compileGroupKey(node.keys, layoutOf(node.input.columns), execution);
    this.#first = new FirstRows(node.input.columns, this.#keyOf, execution);
  }

  reset(): void {
    this.#first.clear();
    this.#input.reset();
    this.#batches = this.#node.isSorted ? this.#sorted() : this.#first.of(batchesOf(this.#input));
  }

  prepare(): boolean {
    return isPrepared(this.#input);
  }

  *#sorted(): Generator<RowBatch> {
    let last: Key | null = null;
    for (const batch of batchesOf(this.#input)) {
      this.#execution.work(batch.rows);
      const kept = select(batch, (row) => {
        const key = this.#keyOf(batch.columns, row);
        if (key === last) return false;
        last = key;
        return true;
      });
      if (kept.rows > 0) yield kept;
    }
  }

  next(): RowBatch | null {
    const step = this.#batches?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  close(): void {
    this.#first.clear();
    this.#batches = null;
    this.#input.close();
  }
}
