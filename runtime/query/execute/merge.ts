/** UNION ALL of two sides that are in the same order: always the row of the side that comes first, the left one's of rows that do not differ. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { SetOperationNode, SortKey } from "../plan/plan.js";
import { batchRowsMax } from "../table/access.js";
import { type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { BatchBuilder, copyAt, readAt } from "./vector.js";

/** Rows of the first batch: a limit above may ask for few. Each batch is four times the one before. */
const firstRows = 16;

interface Side {
  readonly input: Operator;
  /** Null at its end. */
  batch: RowBatch | null;
  index: number;
}

export class MergeOperator implements Operator {
  readonly #left: Side;
  readonly #right: Side;
  readonly #execution: Execution;
  readonly #keys: readonly { readonly slot: number; readonly key: SortKey }[];
  readonly #builder: BatchBuilder;
  #capacity = firstRows;
  #hasBegun = false;

  constructor(node: SetOperationNode, keys: readonly SortKey[], left: Operator, right: Operator, execution: Execution) {
    const layout = layoutOf(node.columns);
    this.#keys = keys.map((key) => {
      const slot = key.expression.kind === "column" ? layout.get(key.expression.id) : undefined;
      assert(slot !== undefined, "sides are merged by columns");
      return { slot, key };
    });
    this.#left = { input: left, batch: null, index: 0 };
    this.#right = { input: right, batch: null, index: 0 };
    this.#execution = execution;
    this.#builder = new BatchBuilder(node.columns);
  }

  reset(): void {
    this.#left.input.reset();
    this.#right.input.reset();
    this.#hasBegun = false;
    this.#capacity = firstRows;
  }

  prepare(): boolean {
    return this.#hasBegun || (isPrepared(this.#left.input) && isPrepared(this.#right.input));
  }

  next(): RowBatch | null {
    if (!this.#hasBegun) {
      this.#advance(this.#left);
      this.#advance(this.#right);
      this.#hasBegun = true;
    }
    const builder = this.#builder;
    builder.clear();
    while (builder.rows < this.#capacity) {
      const side = this.#first();
      if (side?.batch === null || side === null) break;
      const row = placeOf(side.batch, side.index);
      const to = builder.rows;
      for (const [slot, target] of builder.columns.entries()) {
        const source = side.batch.columns[slot];
        assert(source !== undefined, "both sides have all columns");
        copyAt(source, row, target, to);
      }
      builder.rows = to + 1;
      side.index += 1;
      if (side.index === side.batch.rows) this.#advance(side);
    }
    this.#execution.work(builder.rows);
    this.#capacity = Math.min(batchRowsMax, this.#capacity * 4);
    return builder.rows === 0 ? null : builder.batch();
  }

  /** The side whose row is next; null at the end of both. */
  #first(): Side | null {
    const [left, right] = [this.#left, this.#right];
    if (left.batch === null) return right.batch === null ? null : right;
    if (right.batch === null) return left;
    const a = placeOf(left.batch, left.index);
    const b = placeOf(right.batch, right.index);
    for (const { slot, key } of this.#keys) {
      const [ours, theirs] = [left.batch.columns[slot], right.batch.columns[slot]];
      assert(ours !== undefined && theirs !== undefined, "both sides have the keys");
      const x = readAt(ours, a);
      const y = readAt(theirs, b);
      if (x === null || y === null) {
        if (x === y) continue;
        return (x === null) === key.nullsFirst ? left : right;
      }
      const order = key.compare(x, y);
      if (order !== 0) return order < 0 === key.isDescending ? right : left;
    }
    return left;
  }

  #advance(side: Side): void {
    side.index = 0;
    do side.batch = side.input.next();
    while (side.batch?.rows === 0);
  }

  close(): void {
    this.#left.input.close();
    this.#right.input.close();
  }
}
