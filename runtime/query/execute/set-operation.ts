/**
 * UNION, INTERSECT and EXCEPT. UNION is the first row of each value of both sides, or all of them. The others count the right side's rows by value and
 * let the left side's rows by or not; values that are new when memory is tight are written to files by their hash, and so are the left
 * side's rows of these values, and each file is gone through for itself.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { SetOperationNode } from "../plan/plan.js";
import { batchesOf, type Execution, isPrepared, type Operator, placeOf } from "./execution.js";
import type { Key } from "./keys.js";
import { MemoryShare } from "./memory.js";
import { FirstRows, type KeyOf, rowKeyOf, select } from "./seen-keys.js";
import { canSpill } from "./spill.js";
import { isOverfull, PartedSides, partsMax, type SpillParts } from "./spill-parts.js";

export class SetOperationOperator implements Operator {
  readonly #node: SetOperationNode;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #execution: Execution;
  /** Columns stand at the same places and have the same types on both sides. */
  readonly #keyOf: KeyOf;
  readonly #first: FirstRows;
  /** How often each row is on the right, less how often it was matched. */
  readonly #counts = new Map<Key, number>();
  readonly #memory: MemoryShare;
  readonly #canSpill: boolean;
  readonly #parted = new Set<PartedSides>();
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: SetOperationNode, left: Operator, right: Operator, execution: Execution) {
    this.#node = node;
    this.#left = left;
    this.#right = right;
    this.#execution = execution;
    this.#memory = new MemoryShare(execution.memory);
    const { columns } = node.left;
    const isAlike = columns.every(({ type }, index) => node.right.columns[index]?.type.oid === type.oid);
    assert(isAlike && columns.length === node.right.columns.length, "both sides have the same types");
    // Rows of UNION ALL are not compared: their types may have no equality.
    const compared = node.operation === "union" && node.isAll ? [] : columns;
    this.#keyOf = rowKeyOf(compared, execution);
    this.#first = new FirstRows(compared, this.#keyOf, execution);
    this.#canSpill = execution.environment.spill !== undefined && canSpill(compared);
  }

  #forget(): void {
    this.#first.clear();
    this.#forgetCounts();
    for (const parted of this.#parted) parted.close();
    this.#parted.clear();
    this.#batches = null;
  }

  #forgetCounts(): void {
    this.#counts.clear();
    this.#memory.release();
  }

  reset(): void {
    this.#forget();
    this.#left.reset();
    this.#batches = this.#node.operation === "union" ? this.#union() : this.#other();
  }

  prepare(): boolean {
    return isPrepared(this.#left);
  }

  next(): RowBatch | null {
    const step = this.#batches?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  *#union(): Generator<RowBatch> {
    yield* this.#node.isAll ? this.#both() : this.#first.of(this.#both());
  }

  *#both(): Generator<RowBatch> {
    yield* batchesOf(this.#left);
    this.#right.reset();
    yield* batchesOf(this.#right);
  }

  *#other(): Generator<RowBatch> {
    this.#right.reset();
    const kept = this.#keptOf(batchesOf(this.#left), batchesOf(this.#right), 0);
    // What INTERSECT lets by is counted; EXCEPT's rows are not.
    const isCounted = this.#node.isAll || this.#node.operation === "intersect";
    yield* isCounted ? kept : this.#first.of(kept);
  }

  *#keptOf(lefts: Iterable<RowBatch>, rights: Iterable<RowBatch>, level: number): Generator<RowBatch> {
    let parted: PartedSides | null = null;
    for (const batch of rights) {
      this.#execution.work(batch.rows);
      const isFull = this.#canSpill && isOverfull(this.#execution, level, this.#counts.size, this.#memory.bytes);
      if (parted === null && isFull) parted = this.#part(level);
      this.#count(batch, parted?.right ?? null);
    }
    const overflow = parted?.left ?? null;
    for (const batch of lefts) {
      const { columns } = batch;
      this.#execution.work(batch.rows);
      const kept = select(batch, (row) => {
        const key = this.#keyOf(columns, row);
        const count = this.#counts.get(key);
        if (count !== undefined || overflow === null) return this.#isKept(key, count ?? 0);
        overflow.add(key, columns, row);
        return false;
      });
      if (kept.rows > 0) yield kept;
    }
    if (parted === null) return;
    for (let number = 0; number < partsMax; number += 1) {
      this.#forgetCounts();
      yield* this.#keptOf(parted.left.rowsOf(number), parted.right.rowsOf(number), level + 1);
    }
    this.#parted.delete(parted);
  }

  #part(level: number): PartedSides {
    const parted = new PartedSides(this.#node.left.columns, this.#node.right.columns, this.#execution, level);
    this.#parted.add(parted);
    return parted;
  }

  #count(batch: RowBatch, overflow: SpillParts | null): void {
    for (let index = 0; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      const key = this.#keyOf(batch.columns, row);
      const count = this.#counts.get(key);
      if (count === undefined && overflow !== null) {
        overflow.add(key, batch.columns, row);
        continue;
      }
      if (count === undefined) this.#memory.take(48 + (typeof key === "string" ? key.length : 0));
      this.#counts.set(key, (count ?? 0) + 1);
    }
  }

  #isKept(key: Key, count: number): boolean {
    const { operation, isAll } = this.#node;
    if (count === 0) return operation === "except";
    if (isAll) this.#counts.set(key, count - 1);
    else if (operation === "intersect") this.#counts.set(key, 0);
    return operation === "intersect";
  }

  close(): void {
    this.#forget();
    this.#left.close();
    this.#right.close();
  }
}
