/**
 * ORDER BY: all rows kept, their keys computed once, places sorted. With a limit only the first rows are kept; without one, rows beyond the
 * memory are written as sorted runs, which are merged.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { SortKey, SortNode } from "../plan/plan.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { typeOid } from "../types/sql-type.js";
import { compileExpression, type RowFunction } from "./compile.js";
import {
  batchesAtOnce,
  type Execution,
  isPrepared,
  type Layout,
  layoutOf,
  type Operator,
  placeOf,
} from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import { MemoryShare } from "./memory.js";
import { compileOuter } from "./scans.js";
import { rowCount } from "./simple.js";
import { mergeRuns } from "./sort-runs.js";
import { canSpill, SpilledRows, type SpilledRun } from "./spill.js";
import { BatchBuilder, copyAt, isNumberType } from "./vector.js";

export type CompareRows = (a: number, b: number) => number;

/** Keys of rows, one list for each key, as they are added. */
export class SortKeys {
  readonly #keys: readonly SortKey[];
  readonly #compute: readonly RowFunction[];
  readonly values: readonly Datum[][];

  constructor(keys: readonly SortKey[], layout: Layout, execution: Execution) {
    this.#keys = keys;
    this.#compute = keys.map(({ expression }) => compileExpression(expression, layout, execution));
    this.values = keys.map(() => []);
  }

  add(columns: readonly ColumnVector[], row: number): void {
    for (const [index, compute] of this.#compute.entries()) this.values[index]?.push(compute(columns, row));
  }

  clear(): void {
    for (const list of this.values) list.length = 0;
  }

  /** Keys of a row that is not added. */
  keysOf(columns: readonly ColumnVector[], row: number): readonly Datum[] {
    return this.#compute.map((compute) => compute(columns, row));
  }

  /** Order of a row that was not added against keys. */
  compareWith(columns: readonly ColumnVector[], row: number, keys: readonly Datum[]): number {
    for (let index = 0; index < this.#keys.length; index += 1) {
      const key = this.#keys[index];
      const x = this.#compute[index]?.(columns, row) ?? null;
      const y = keys[index] ?? null;
      if (key === undefined) continue;
      if (x === null || y === null) {
        if (x === y) continue;
        return (x === null) === key.nullsFirst ? -1 : 1;
      }
      const order = key.compare(x, y);
      if (order !== 0) return key.isDescending ? -order : order;
    }
    return 0;
  }

  /** Order of rows by the numbers in which they were added. */
  comparison(from = 0, to = this.#keys.length): CompareRows {
    const parts = this.#keys.slice(from, to).map((key, index) => comparisonOf(key, this.values[from + index] ?? []));
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    return (a, b) => {
      for (const part of parts) {
        const order = part(a, b);
        if (order !== 0) return order;
      }
      return 0;
    };
  }
}

function comparisonOf(key: SortKey, values: readonly Datum[]): CompareRows {
  const { isDescending, nullsFirst } = key;
  const compare = plainComparison(key, values);
  const nullOrder = nullsFirst ? -1 : 1;
  return (a, b) => {
    const x = values[a] ?? null;
    const y = values[b] ?? null;
    if (x === null || y === null) return x === y ? 0 : x === null ? nullOrder : -nullOrder;
    const order = compare(x, y);
    return isDescending ? -order : order;
  };
}

/**
 * The machine's own comparison where it agrees with the type's for all these values: texts without units from the surrogates on, whose
 * order of units is that of code points, and numbers that are numbers.
 */
function plainComparison({ compare, expression }: SortKey, values: readonly Datum[]): SortKey["compare"] {
  const { oid } = expression.type;
  const isPlain =
    oid === typeOid.text || oid === typeOid.varchar
      ? values.every((value) => value === null || (typeof value === "string" && !/[\ud800-\uffff]/.test(value)))
      : isNumberType(oid) && values.every((value) => typeof value === "number" && !Number.isNaN(value));
  return isPlain ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : compare;
}

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
  readonly #memory: MemoryShare;
  readonly #limit: (() => Datum) | null;
  readonly #offset: (() => Datum) | null;
  #kept: KeptRows;
  #keys: SortKeys;
  /** Keys of the last of the wanted rows so far: a row that is not before it is not wanted. */
  #worst: readonly Datum[] | null = null;
  /** Rows asked for, once it has begun; Infinity for all. */
  #wanted: number | null = null;
  readonly #canSpill: boolean;
  #spilled: SpilledRows | null = null;
  readonly #runs: SpilledRun[] = [];
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: SortNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#memory = new MemoryShare(execution.memory);
    this.#builder = new BatchBuilder(node.columns);
    this.#kept = new KeptRows(node.input.columns, execution.memory);
    this.#keys = this.#newKeys();
    this.#canSpill = execution.environment.spill !== undefined && canSpill(node.input.columns);
    this.#limit = node.top === null ? null : compileOuter(node.top.limit, execution);
    this.#offset = node.top?.offset === null || node.top === null ? null : compileOuter(node.top.offset, execution);
  }

  #newKeys(): SortKeys {
    return new SortKeys(this.#node.keys, layoutOf(this.#node.input.columns), this.#execution);
  }

  reset(): void {
    this.#input.reset();
    this.#kept.clear();
    this.#memory.release();
    this.#keys.clear();
    this.#worst = null;
    this.#wanted = null;
    this.#batches = null;
    this.#forgetSpilled();
  }

  prepare(): boolean {
    if (this.#batches !== null) return true;
    this.#wanted ??=
      this.#limit === null
        ? Number.POSITIVE_INFINITY
        : rowCount(this.#limit(), "LIMIT") + (this.#offset === null ? 0 : rowCount(this.#offset(), "OFFSET"));
    if (!this.#gather(this.#wanted)) return false;
    this.#input.close();
    this.#batches = this.#runs.length > 0 ? this.#merged() : emit(this.#kept, this.#order(this.#wanted), this.#builder);
    return true;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const step = this.#batches?.next();
    if (step !== undefined && step.done !== true) return step.value;
    this.#forgetSpilled();
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
      this.#memory.take(Number.isFinite(wanted) ? 0 : batch.rows * this.#node.keys.length * 8);
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        if (this.#worst !== null && this.#keys.compareWith(batch.columns, row, this.#worst) >= 0) continue;
        this.#keys.add(batch.columns, row);
        this.#kept.appendAt(batch.columns, row);
      }
      if (this.#kept.rows > gathered) this.#prune(wanted);
      else if (this.#canSpill && wanted === Number.POSITIVE_INFINITY) this.#relieve();
    }
    return false;
  }

  /** Writes what is kept as a sorted run when memory becomes tight. */
  #relieve(): void {
    if (this.#execution.memory.isTight(this.#kept.bytes)) this.#spill();
  }

  #spill(): void {
    const { spill } = this.#execution.environment;
    assert(spill !== undefined, "rows are written where they may be");
    this.#spilled ??= new SpilledRows(this.#node.input.columns, spill);
    const from = this.#spilled.end;
    for (const row of this.#order(Number.POSITIVE_INFINITY)) this.#spilled.add(this.#kept.row(row));
    this.#runs.push({ from, to: this.#spilled.end });
    this.#execution.work(this.#kept.rows);
    this.#kept.clear();
    this.#memory.release();
    this.#keys.clear();
  }

  #merged(): Iterator<RowBatch> {
    if (this.#kept.rows > 0) this.#spill();
    const { columns } = this.#node.input;
    assert(this.#spilled !== null, "runs that are merged were written");
    this.#spilled.flush();
    const work = (rows: number): void => this.#execution.work(rows);
    return mergeRuns(this.#spilled, this.#runs, columns, this.#node.keys, this.#keys, work);
  }

  #forgetSpilled(): void {
    this.#spilled?.close();
    this.#spilled = null;
    this.#runs.length = 0;
  }

  #order(wanted: number): readonly number[] {
    const order = Array.from({ length: this.#kept.rows }, (_, row) => row);
    order.sort(this.#keys.comparison());
    return order.length > wanted ? order.slice(0, wanted) : order;
  }

  #prune(wanted: number): void {
    const order = this.#order(wanted);
    const kept = new KeptRows(this.#node.input.columns, this.#execution.memory);
    const keys = this.#newKeys();
    for (const row of order) {
      kept.appendAt(this.#kept.columnsAt(row), row % batchRowsMax);
      for (const [index, list] of keys.values.entries()) list.push(this.#keys.values[index]?.[row] ?? null);
    }
    this.#kept.clear();
    this.#kept = kept;
    this.#keys = keys;
    this.#worst = wanted === 0 ? [] : keys.values.map((list) => list[wanted - 1] ?? null);
  }

  close(): void {
    this.#input.close();
    this.#kept.clear();
    this.#memory.release();
    this.#keys.clear();
    this.#batches = null;
    this.#forgetSpilled();
  }
}
