/**
 * ORDER BY: all rows kept, their keys computed once, places sorted. With a limit only the first rows are kept; without one, rows beyond the
 * memory are written as sorted runs, which are merged.
 */
import type { RowBatch } from "../engine.js";
import type { SortNode } from "../plan/plan.js";
import { batchRowsMax } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { batchesAtOnce, type Execution, isPrepared, type Operator, placeOf } from "./execution.js";
import type { KeptRows } from "./kept-rows.js";
import { RowSorter } from "./row-sorter.js";
import { compileOuter } from "./scans.js";
import { rowCount } from "./simple.js";
import { BatchBuilder, copyAt } from "./vector.js";

/** Kept rows in an order, batch by batch. */
export function* emit(kept: KeptRows, order: Iterable<number>, builder: BatchBuilder): Generator<RowBatch> {
  builder.clear();
  for (const row of order) {
    const columns = kept.columnsAt(row);
    const place = row % batchRowsMax;
    for (const [slot, target] of builder.columns.entries()) {
      const source = columns[slot];
      if (source !== undefined) copyAt(source, place, target, builder.rows);
    }
    builder.rows += 1;
    if (!builder.isFull) continue;
    yield builder.batch();
    builder.clear();
  }
  if (builder.rows > 0) yield builder.batch();
}

export class SortOperator implements Operator {
  readonly #node: SortNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #builder: BatchBuilder;
  readonly #limit: (() => Datum) | null;
  readonly #offset: (() => Datum) | null;
  readonly #rows: RowSorter;
  /** Keys of the last of the wanted rows so far: a row that is not before it is not wanted. */
  #worst: readonly Datum[] | null = null;
  /** Rows asked for, once it has begun; Infinity for all. */
  #wanted: number | null = null;
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: SortNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#builder = new BatchBuilder(node.columns);
    this.#rows = new RowSorter(node.input.columns, node.keys, execution);
    this.#limit = node.top === null ? null : compileOuter(node.top.limit, execution);
    this.#offset = node.top?.offset === null || node.top === null ? null : compileOuter(node.top.offset, execution);
  }

  reset(): void {
    this.#input.reset();
    this.#rows.clear();
    this.#worst = null;
    this.#wanted = null;
    this.#batches = null;
  }

  prepare(): boolean {
    if (this.#batches !== null) return true;
    this.#wanted ??=
      this.#limit === null
        ? Number.POSITIVE_INFINITY
        : rowCount(this.#limit(), "LIMIT") + (this.#offset === null ? 0 : rowCount(this.#offset(), "OFFSET"));
    if (!this.#gather(this.#wanted)) return false;
    this.#input.close();
    this.#batches = this.#rows.hasRuns
      ? this.#rows.merged()
      : emit(this.#rows.kept, this.#rows.order(this.#wanted), this.#builder);
    return true;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const step = this.#batches?.next();
    if (step !== undefined && step.done !== true) return step.value;
    this.#rows.forgetRuns();
    return null;
  }

  /** Takes some of the input; true when there is no more. */
  #gather(wanted: number): boolean {
    // When twice the wanted rows have gathered, the first half of them is kept.
    const gathered = Math.max(batchRowsMax, wanted * 2);
    for (let taken = 0; taken < batchesAtOnce && isPrepared(this.#input); taken += 1) {
      const batch = this.#input.next();
      if (batch === null) return true;
      this.#execution.work(batch.rows);
      this.#rows.charge(Number.isFinite(wanted) ? 0 : batch.rows * this.#node.keys.length * 8);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        if (this.#worst !== null && this.#rows.keys.compareWith(batch.columns, row, this.#worst) >= 0) continue;
        this.#rows.add(batch.columns, row);
      }
      if (this.#rows.kept.rows > gathered) this.#prune(wanted);
      else if (wanted === Number.POSITIVE_INFINITY) this.#rows.relieve();
    }
    return false;
  }

  #prune(wanted: number): void {
    this.#rows.keepFirst(wanted);
    this.#worst = wanted === 0 ? [] : this.#rows.keys.values.map((list) => list[wanted - 1] ?? null);
  }

  close(): void {
    this.#input.close();
    this.#rows.clear();
    this.#batches = null;
  }
}
