/** What all ways of joining share: pulling the left side row by row and putting out pairs. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { JoinNode } from "../plan/plan.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { type Execution, isPrepared, type Layout, layoutOf, type Operator } from "./execution.js";
import type { KeptRows } from "./kept-rows.js";
import { BatchBuilder, copyAt, writeAt } from "./vector.js";

export abstract class JoinOperator implements Operator {
  protected readonly node: JoinNode;
  protected readonly execution: Execution;
  protected readonly left: Operator;
  protected readonly right: Operator;
  protected readonly leftLayout: Layout;
  readonly #builder: BatchBuilder;
  readonly #leftWidth: number;
  #steps: Iterator<null> | null = null;
  /** Pairs that the next batch may have. */
  #capacity = batchRowsMax;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    this.node = node;
    this.execution = execution;
    this.left = left;
    this.right = right;
    this.leftLayout = layoutOf(node.left.columns);
    this.#builder = new BatchBuilder(node.columns);
    this.#leftWidth = node.left.columns.length;
  }

  /** Pairs of the first batch: few, where each may cost much and no more be asked for. Each batch is four times the one before. */
  protected readonly firstPairs: number = batchRowsMax;

  /** A left batch was pulled and is not joined to its end. */
  protected isMidway = false;

  /** Calls `pair` and its like; yields whenever `isFull`. */
  protected abstract produce(): Generator<null>;

  reset(): void {
    this.left.reset();
    this.isMidway = false;
    this.#builder.clear();
    this.#capacity = this.firstPairs;
    this.#steps = this.produce();
  }

  /** While the rows of a left batch are being joined, the left side is not asked for anything: it would put its next batch in that one's place. */
  prepare(): boolean {
    return this.isMidway || isPrepared(this.left);
  }

  protected get isFull(): boolean {
    return this.#builder.rows >= this.#capacity;
  }

  /** A left and a right row, either of which may be none; `rightRow` is at its place in the columns. */
  protected pair(
    leftColumns: readonly ColumnVector[] | null,
    leftRow: number,
    rightColumns: readonly ColumnVector[] | null,
    rightRow: number,
  ): void {
    const to = this.#builder.rows;
    assert(to < batchRowsMax, "a joined row has room");
    for (const [slot, target] of this.#builder.columns.entries()) {
      const isLeft = slot < this.#leftWidth;
      const source = isLeft ? leftColumns?.[slot] : rightColumns?.[slot - this.#leftWidth];
      if (source === undefined) writeAt(target, to, null);
      else copyAt(source, isLeft ? leftRow : rightRow, target, to);
    }
    this.#builder.rows += 1;
  }

  /** Many pairs at once into an empty batch; a right row of -1 is none. */
  protected gather(
    leftColumns: readonly ColumnVector[],
    leftRows: Int32Array,
    right: KeptRows,
    rightRows: Int32Array,
    count: number,
  ): void {
    assert(this.#builder.rows === 0 && count <= batchRowsMax, "pairs are gathered into an empty batch");
    const targets = this.#builder.reserve(count);
    for (const [slot, target] of targets.entries()) {
      const source = leftColumns[slot];
      if (slot < this.#leftWidth && source !== undefined) {
        if (source.kind === "numbers" && target.kind === "numbers" && !source.hasNulls) {
          gatherNumbers(source.numbers, leftRows, target, count);
        } else for (let at = 0; at < count; at += 1) copyAt(source, leftRows[at] ?? 0, target, at);
        continue;
      }
      const column = slot - this.#leftWidth;
      const kept = target.kind === "numbers" ? right.numbersOf(column) : null;
      if (kept !== null && target.kind === "numbers") {
        gatherKeptNumbers(kept, rightRows, target, count);
        continue;
      }
      for (let at = 0; at < count; at += 1) {
        const row = rightRows[at] ?? -1;
        const vector = row < 0 ? undefined : right.columnsAt(row)[column];
        if (vector === undefined) writeAt(target, at, null);
        else copyAt(vector, row % batchRowsMax, target, at);
      }
    }
  }

  /** Right rows that no left row was paired with, at the end. */
  protected *unmatched(isMatched: Uint8Array, right: KeptRows): Generator<null> {
    for (const [row, matched] of isMatched.entries()) {
      if (matched === 1) continue;
      this.pair(null, 0, right.columnsAt(row), row % batchRowsMax);
      if (this.isFull) yield null;
    }
    // What comes behind begins with an empty batch.
    if (this.#builder.rows > 0 && !this.isFull) yield null;
  }

  next(): RowBatch | null {
    if (this.#steps === null) return null;
    this.#builder.clear();
    if (this.#steps.next().done === true) this.#steps = null;
    this.#capacity = Math.min(batchRowsMax, this.#capacity * 4);
    return this.#builder.rows === 0 ? null : this.#builder.batch();
  }

  close(): void {
    this.#steps = null;
    this.left.close();
    this.right.close();
  }
}

type NumberColumn = Extract<ColumnVector, { kind: "numbers" }>;

/** Numbers of rows none of which is NULL. */
function gatherNumbers(source: Float64Array, rows: Int32Array, { numbers, nulls }: NumberColumn, count: number): void {
  for (let at = 0; at < count; at += 1) numbers[at] = source[rows[at] ?? 0] ?? 0;
  nulls.fill(0, 0, count);
}

/** Numbers of kept rows, batch by batch; a row of -1 is none. */
function gatherKeptNumbers(kept: readonly NumberColumn[], rows: Int32Array, target: NumberColumn, count: number): void {
  const { numbers, nulls } = target;
  let anyNull = 0;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] ?? -1;
    const vector = row < 0 ? undefined : kept[row >>> batchRowsBits];
    if (vector === undefined) {
      nulls[at] = 1;
      anyNull = 1;
      continue;
    }
    const place = row & (batchRowsMax - 1);
    const isNull = vector.nulls[place] ?? 0;
    numbers[at] = vector.numbers[place] ?? 0;
    nulls[at] = isNull;
    anyNull |= isNull;
  }
  if (anyNull === 1) target.hasNulls = true;
}

const batchRowsBits = Math.log2(batchRowsMax);
assert(2 ** batchRowsBits === batchRowsMax, "a row's place in its batch is its number's low bits");
