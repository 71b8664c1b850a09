/**
 * Joins. A nested loop loads each left row into registers and filters the right side's batches; a hash join looks up the left row's key
 * in a table of the right side. Both keep outer rows' order on the left, and hold the right side in memory unless it is lateral.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { JoinNode } from "../plan/plan.js";
import { columnsOf, outerColumnsOf } from "../plan/walk.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { type Execution, type Layout, layoutOf, type Operator, placeOf } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import { KeptRows } from "./kept-rows.js";
import { compileJoinKey, type JoinKey, type Key } from "./keys.js";
import { BatchBuilder, copyAt, writeAt } from "./vector.js";

/** What both ways of joining share: pulling the left side row by row and putting out pairs. */
abstract class JoinOperator implements Operator {
  protected readonly node: JoinNode;
  protected readonly execution: Execution;
  protected readonly left: Operator;
  protected readonly right: Operator;
  protected readonly leftLayout: Layout;
  readonly #builder: BatchBuilder;
  readonly #leftWidth: number;
  #steps: Iterator<null> | null = null;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    this.node = node;
    this.execution = execution;
    this.left = left;
    this.right = right;
    this.leftLayout = layoutOf(node.left.columns);
    this.#builder = new BatchBuilder(node.columns);
    this.#leftWidth = node.left.columns.length;
  }

  /** Calls `pair` and its like; yields whenever `isFull`. */
  protected abstract produce(): Generator<null>;

  reset(): void {
    this.left.reset();
    this.#builder.clear();
    this.#steps = this.produce();
  }

  protected get isFull(): boolean {
    return this.#builder.isFull;
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

  next(): RowBatch | null {
    if (this.#steps === null) return null;
    this.#builder.clear();
    if (this.#steps.next().done === true) this.#steps = null;
    return this.#builder.rows === 0 ? null : this.#builder.batch();
  }

  close(): void {
    this.#steps = null;
    this.left.close();
    this.right.close();
  }
}

export class NestedLoopOperator extends JoinOperator {
  readonly #filter: BatchFilter | null;
  readonly #loaded: readonly number[];
  readonly #kept: KeptRows;
  #isKept = false;

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const rightLayout = layoutOf(node.right.columns);
    this.#filter = node.condition === null ? null : compileFilter(node.condition, rightLayout, execution);
    const used = columnsOf(node.condition);
    if (node.isLateral) for (const id of outerColumnsOf(node.right)) used.add(id);
    this.#loaded = [...used].filter((id) => this.leftLayout.has(id));
    this.#kept = new KeptRows(node.right.columns, execution.memory);
  }

  override reset(): void {
    this.#kept.clear();
    this.#isKept = false;
    super.reset();
  }

  protected override *produce(): Generator<null> {
    const { type } = this.node;
    const isRightKept = type === "right" || type === "full";
    if (isRightKept) this.#keep();
    const matchedRight = isRightKept ? new Uint8Array(this.#kept.rows) : null;
    for (let batch = this.left.next(); batch !== null; batch = this.left.next()) {
      const { columns } = batch;
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        this.execution.load(this.#loaded, this.leftLayout, columns, row);
        let isMatched = false;
        let base = 0;
        for (const candidates of this.#rightBatches()) {
          this.execution.work(candidates.rows);
          const kept = this.#filter === null ? candidates : this.#filter(candidates);
          if (kept.rows > 0) isMatched = true;
          if (type === "semi" || type === "anti") {
            if (isMatched) break;
            continue;
          }
          for (let at = 0; at < kept.rows; at += 1) {
            const place = placeOf(kept, at);
            if (matchedRight !== null) matchedRight[base + place] = 1;
            this.pair(columns, row, kept.columns, place);
            if (this.isFull) yield null;
          }
          base += candidates.rows;
        }
        const isAlone =
          type === "left" || type === "full"
            ? !isMatched
            : type === "semi"
              ? isMatched
              : type === "anti"
                ? !isMatched
                : false;
        if (isAlone) {
          this.pair(columns, row, null, 0);
          if (this.isFull) yield null;
        }
      }
    }
    if (matchedRight === null) return;
    for (const [row, isMatched] of matchedRight.entries()) {
      if (isMatched === 1) continue;
      this.pair(null, 0, this.#kept.columnsAt(row), row % batchRowsMax);
      if (this.isFull) yield null;
    }
  }

  #keep(): void {
    if (this.#isKept) return;
    this.right.reset();
    for (let batch = this.right.next(); batch !== null; batch = this.right.next()) this.#kept.append(batch);
    this.right.close();
    this.#isKept = true;
  }

  /** The right side for the loaded left row. */
  *#rightBatches(): Iterable<RowBatch> {
    if (!this.node.isLateral) {
      this.#keep();
      yield* this.#kept.batches;
      return;
    }
    this.right.reset();
    for (let batch = this.right.next(); batch !== null; batch = this.right.next()) yield batch;
    this.right.close();
  }
}

export class HashJoinOperator extends JoinOperator {
  readonly #leftKey: JoinKey;
  readonly #rightKey: JoinKey;
  readonly #residual: RowFunction | null;
  readonly #loaded: readonly number[];
  readonly #kept: KeptRows;
  readonly #first = new Map<Key, number>();
  #following: Int32Array = new Int32Array(0);

  constructor(node: JoinNode, left: Operator, right: Operator, execution: Execution) {
    super(node, left, right, execution);
    const { method } = node;
    assert(method.kind !== "nestedLoop", "a hash join has keys");
    const rightLayout = layoutOf(node.right.columns);
    this.#leftKey = compileJoinKey(method.leftKeys, this.leftLayout, execution);
    this.#rightKey = compileJoinKey(method.rightKeys, rightLayout, execution);
    this.#residual = method.residual === null ? null : compileExpression(method.residual, rightLayout, execution);
    this.#loaded = [...columnsOf(method.residual)].filter((id) => this.leftLayout.has(id));
    this.#kept = new KeptRows(node.right.columns, execution.memory);
  }

  override reset(): void {
    this.#build();
    super.reset();
  }

  /** Chains of right rows by key, in their order: `first` of a key, then `following` of a row; -1 ends. */
  #build(): void {
    this.#kept.clear();
    this.#first.clear();
    const keepsAll = this.node.type === "right" || this.node.type === "full";
    const keys: (Key | null)[] = [];
    this.right.reset();
    for (let batch = this.right.next(); batch !== null; batch = this.right.next()) {
      this.execution.memory.take(batch.rows * 48);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const key = this.#rightKey(batch.columns, row);
        if (key === null && !keepsAll) continue;
        keys.push(key);
        this.#kept.appendAt(batch.columns, row);
      }
    }
    this.right.close();
    this.#following = new Int32Array(keys.length).fill(-1);
    for (let row = keys.length - 1; row >= 0; row -= 1) {
      const key = keys[row] ?? null;
      if (key === null) continue;
      this.#following[row] = this.#first.get(key) ?? -1;
      this.#first.set(key, row);
    }
  }

  protected override *produce(): Generator<null> {
    const { type } = this.node;
    const kept = this.#kept;
    const residual = this.#residual;
    const matchedRight = type === "right" || type === "full" ? new Uint8Array(kept.rows) : null;
    for (let batch = this.left.next(); batch !== null; batch = this.left.next()) {
      const { columns } = batch;
      this.execution.work(batch.rows);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const key = this.#leftKey(columns, row);
        let isMatched = false;
        let candidate = key === null ? -1 : (this.#first.get(key) ?? -1);
        if (candidate >= 0 && this.#loaded.length > 0) this.execution.load(this.#loaded, this.leftLayout, columns, row);
        for (; candidate >= 0; candidate = this.#following[candidate] ?? -1) {
          const rightColumns = kept.columnsAt(candidate);
          const place = candidate % batchRowsMax;
          if (residual !== null && residual(rightColumns, place) !== true) continue;
          isMatched = true;
          if (type === "semi" || type === "anti") break;
          if (matchedRight !== null) matchedRight[candidate] = 1;
          this.pair(columns, row, rightColumns, place);
          if (this.isFull) yield null;
        }
        const isAlone =
          type === "left" || type === "full"
            ? !isMatched
            : type === "semi"
              ? isMatched
              : type === "anti"
                ? !isMatched
                : false;
        if (isAlone) {
          this.pair(columns, row, null, 0);
          if (this.isFull) yield null;
        }
      }
    }
    if (matchedRight === null) return;
    for (const [row, isMatched] of matchedRight.entries()) {
      if (isMatched === 1) continue;
      this.pair(null, 0, kept.columnsAt(row), row % batchRowsMax);
      if (this.isFull) yield null;
    }
  }

  override close(): void {
    super.close();
    this.#kept.clear();
    this.#first.clear();
  }
}
