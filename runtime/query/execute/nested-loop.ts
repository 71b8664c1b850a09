/** A nested loop: each left row is loaded into registers, and filters the right side's batches, which are kept unless the join is lateral. */
import type { RowBatch } from "../engine.js";
import type { JoinNode } from "../plan/plan.js";
import { columnsOf, outerColumnsOf } from "../plan/walk.js";
import { type Execution, layoutOf, type Operator, placeOf } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import { JoinOperator } from "./join-operator.js";
import { KeptRows } from "./kept-rows.js";

export class NestedLoopOperator extends JoinOperator {
  protected override readonly firstPairs = 16;
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
      this.isMidway = true;
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
      this.isMidway = false;
    }
    if (matchedRight !== null) yield* this.unmatched(matchedRight, this.#kept);
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
