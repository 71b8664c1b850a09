/**
 * ORDER BY: all rows kept, their keys computed once, places sorted. With a limit only the first rows are kept; without one, rows beyond the
 * memory are written as sorted runs, which are merged.
 *
 * Where the input is in the order of the first keys, no row that comes later is before one that differs in them: so many rows are sorted and put out at a
 * time, and a limit above ends the reading.
 */
import type { RowBatch } from "../engine.js";
import type { SortNode } from "../plan/plan.js";
import { batchRowsMax } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { batchesAtOnce, type Execution, isPrepared, type Operator, placeOf } from "./execution.js";
import type { KeptRows } from "./kept-rows.js";
import { compileOuter } from "./outer-value.js";
import { RowSorter } from "./row-sorter.js";
import { rowCount } from "./simple.js";
import { BatchBuilder, copyAt } from "./vector.js";

/** Rows of presorted input that are sorted at a time, at first: most limits are small. */
const gatheredFirst = 32;

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
  /** Rows asked for and not put out yet, once it has begun; Infinity for all. */
  #wanted: number | null = null;
  #batches: Iterator<RowBatch> | null = null;
  /** Of presorted input: the batch that is being taken, and its next row; and rows to gather before some are put out. */
  #batch: RowBatch | null = null;
  #index = 0;
  #gathered = 0;
  #isOver = false;

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
    this.#batch = null;
    this.#gathered = gatheredFirst;
    this.#isOver = false;
  }

  prepare(): boolean {
    if (this.#batches !== null) return true;
    this.#wanted ??=
      this.#limit === null
        ? Number.POSITIVE_INFINITY
        : rowCount(this.#limit(), "LIMIT") + (this.#offset === null ? 0 : rowCount(this.#offset(), "OFFSET"));
    if (!this.#gather(this.#wanted)) return false;
    if (this.#isOver) this.#input.close();
    this.#batches = this.#rows.hasRuns
      ? this.#rows.merged()
      : emit(this.#rows.kept, this.#rows.order(this.#wanted), this.#builder);
    return true;
  }

  next(): RowBatch | null {
    for (;;) {
      while (!this.prepare());
      const step = this.#batches?.next();
      if (step !== undefined && step.done !== true) {
        if (this.#wanted !== null) this.#wanted -= step.value.rows;
        return step.value;
      }
      this.#rows.forgetRuns();
      if (this.#isOver || this.#wanted === 0) return null;
      // What comes now is behind all that was put out.
      this.#rows.forgetKept();
      this.#worst = null;
      this.#batches = null;
    }
  }

  /** Takes some of the input; true when there is no more, or no more that could be before what was gathered. */
  #gather(wanted: number): boolean {
    // When twice the wanted rows have gathered, the first half of them is kept.
    const gathered = Math.max(batchRowsMax, wanted * 2);
    for (let taken = 0; taken < batchesAtOnce && (this.#batch !== null || isPrepared(this.#input)); taken += 1) {
      if (this.#batch === null) {
        this.#batch = this.#input.next();
        this.#index = 0;
        if (this.#batch === null) {
          this.#isOver = true;
          return true;
        }
        this.#execution.work(this.#batch.rows);
        this.#rows.charge(Number.isFinite(wanted) ? 0 : this.#batch.rows * this.#node.keys.length * 8);
      }
      if (this.#take(this.#batch, Math.min(wanted, this.#gathered))) return true;
      this.#batch = null;
      if (this.#rows.kept.rows > gathered) this.#prune(wanted);
      else if (wanted === Number.POSITIVE_INFINITY) this.#rows.relieve();
    }
    return false;
  }

  /**
   * Takes the rows of a batch; true, somewhere in it, when `enough` have gathered and the next one differs in the keys that the input is sorted by. So
   * those beyond the first so many have the same of these keys, also when only the first wanted ones of them are kept.
   */
  #take(batch: RowBatch, enough: number): boolean {
    const { presorted } = this.#node;
    const { keys, kept } = this.#rows;
    for (let index = this.#index; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      if (presorted > 0 && kept.rows >= enough && !keys.agreesWithLast(batch.columns, row, presorted)) {
        this.#index = index;
        this.#gathered = Math.min(batchRowsMax, this.#gathered * 4);
        return true;
      }
      if (this.#worst !== null && keys.compareWith(batch.columns, row, this.#worst) >= 0) continue;
      this.#rows.add(batch.columns, row);
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
    this.#batch = null;
  }
}
