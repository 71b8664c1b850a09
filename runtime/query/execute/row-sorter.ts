/** Rows that are to be sorted: kept with their keys, and beyond the memory written as sorted runs, which are merged. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { PlanColumn, SortKey } from "../plan/plan.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { type Execution, layoutOf } from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import { MemoryShare } from "./memory.js";
import { SortKeys } from "./sort-keys.js";
import { mergeRuns } from "./sort-runs.js";
import { canSpill, SpilledRows, type SpilledRun } from "./spill.js";

export class RowSorter {
  readonly #columns: readonly PlanColumn[];
  readonly #sortKeys: readonly SortKey[];
  readonly #execution: Execution;
  readonly #memory: MemoryShare;
  readonly #canSpill: boolean;
  #kept: KeptRows;
  #keys: SortKeys;
  #spilled: SpilledRows | null = null;
  readonly #runs: SpilledRun[] = [];

  constructor(columns: readonly PlanColumn[], keys: readonly SortKey[], execution: Execution) {
    this.#columns = columns;
    this.#sortKeys = keys;
    this.#execution = execution;
    this.#memory = new MemoryShare(execution.memory);
    this.#canSpill = execution.environment.spill !== undefined && canSpill(columns);
    this.#kept = new KeptRows(columns, execution.memory);
    this.#keys = this.#newKeys();
  }

  #newKeys(): SortKeys {
    return new SortKeys(this.#sortKeys, layoutOf(this.#columns), this.#execution);
  }

  /** Rows that are in memory, in the order in which they came, and their keys. */
  get kept(): KeptRows {
    return this.#kept;
  }

  get keys(): SortKeys {
    return this.#keys;
  }

  /** Some rows are in files: only `merged` knows all. */
  get hasRuns(): boolean {
    return this.#runs.length > 0;
  }

  add(columns: readonly ColumnVector[], row: number): void {
    this.#keys.add(columns, row);
    this.#kept.appendAt(columns, row);
  }

  /** Counts what rows take beside their columns: keys, and what is computed of them. */
  charge(bytes: number): void {
    this.#memory.take(bytes);
  }

  /** Writes what is in memory as a sorted run when memory is tight. */
  relieve(): void {
    if (this.#canSpill && this.#execution.memory.isTight(this.#kept.bytes)) this.#spill();
  }

  #spill(): void {
    const { spill } = this.#execution.environment;
    assert(spill !== undefined, "rows are written where they may be");
    this.#spilled ??= new SpilledRows(this.#columns, spill);
    const from = this.#spilled.end;
    for (const row of this.order()) this.#spilled.add(this.#kept.row(row));
    this.#runs.push({ from, to: this.#spilled.end });
    this.#execution.work(this.#kept.rows);
    this.forgetKept();
  }

  /** All rows in their order, when some are in files. */
  merged(): Generator<RowBatch> {
    if (this.#kept.rows > 0) this.#spill();
    assert(this.#spilled !== null, "runs that are merged were written");
    this.#spilled.flush();
    const work = (rows: number): void => this.#execution.work(rows);
    return mergeRuns(this.#spilled, this.#runs, this.#columns, this.#sortKeys, this.#newKeys(), work);
  }

  /** The rows in memory by their numbers, in their order; the first of them alone when so many are wanted. */
  order(wanted = Number.POSITIVE_INFINITY): readonly number[] {
    const order = Array.from({ length: this.#kept.rows }, (_, row) => row);
    if (this.#sortKeys.length > 0) order.sort(this.#keys.comparison());
    return order.length > wanted ? order.slice(0, wanted) : order;
  }

  /** Lets go of all rows but the first so many. */
  keepFirst(wanted: number): void {
    const kept = new KeptRows(this.#columns, this.#execution.memory);
    const keys = this.#newKeys();
    for (const row of this.order(wanted)) {
      kept.appendAt(this.#kept.columnsAt(row), row % batchRowsMax);
      for (const [index, list] of keys.values.entries()) list.push(this.#keys.values[index]?.[row] ?? null);
    }
    this.#kept.clear();
    this.#kept = kept;
    this.#keys = keys;
  }

  /** Lets go of the rows in memory. */
  forgetKept(): void {
    this.#kept.clear();
    this.#memory.release();
    this.#keys.clear();
  }

  forgetRuns(): void {
    this.#spilled?.close();
    this.#spilled = null;
    this.#runs.length = 0;
  }

  clear(): void {
    this.forgetKept();
    this.forgetRuns();
  }
}
