/** Operators that pass rows on one by one: filter, project, limit, sets in a select list, locks. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { notSupported, SqlError } from "../error.js";
import type { FilterNode, LimitNode, LockNode, ProjectNode, ProjectSetNode, SortKey } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { compileExpression, type RowFunction } from "./compile.js";
import { batchesAtOnce, type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import { compileNumbers, type NumbersFunction } from "./numbers.js";
import { compileOuter } from "./outer-value.js";
import { valuesOf } from "./scans.js";
import { BatchBuilder, copyAt, isNumberType, newVector, readAt, writeAt } from "./vector.js";

export class FilterOperator implements Operator {
  readonly #input: Operator;
  readonly #filter: BatchFilter;
  readonly #execution: Execution;
  /** Found by `prepare`, and not yet given out. */
  #ready: RowBatch | null = null;
  #isOver = false;

  constructor(node: FilterNode, input: Operator, execution: Execution) {
    this.#input = input;
    this.#execution = execution;
    this.#filter = compileFilter(node.condition, layoutOf(node.input.columns), execution);
  }

  reset(): void {
    this.#ready = null;
    this.#isOver = false;
    this.#input.reset();
  }

  prepare(): boolean {
    if (this.#ready !== null || this.#isOver) return true;
    for (let read = 0; read < batchesAtOnce && isPrepared(this.#input); read += 1) {
      const batch = this.#input.next();
      this.#isOver = batch === null;
      if (batch === null) return true;
      this.#execution.work(batch.rows);
      const kept = this.#filter(batch);
      if (kept.rows === 0) continue;
      this.#ready = kept;
      return true;
    }
    return false;
  }

  next(): RowBatch | null {
    while (!this.prepare());
    const batch = this.#ready;
    this.#ready = null;
    return batch;
  }

  close(): void {
    this.#input.close();
  }
}

type Output =
  | { readonly kind: "column"; readonly slot: number }
  | { readonly kind: "numbers"; readonly compute: NumbersFunction }
  | { readonly kind: "rows"; readonly compute: RowFunction; readonly vector: ColumnVector };

/** Columns that are only passed on are shared; the others are computed at the selected rows' places. */
export class ProjectOperator implements Operator {
  readonly #input: Operator;
  readonly #outputs: readonly Output[];
  readonly #execution: Execution;

  constructor(node: ProjectNode, input: Operator, execution: Execution) {
    this.#input = input;
    this.#execution = execution;
    const layout = layoutOf(node.input.columns);
    this.#outputs = node.expressions.map((expression): Output => {
      const slot = expression.kind === "column" ? layout.get(expression.id) : undefined;
      if (slot !== undefined) return { kind: "column", slot };
      const numbers = isNumberType(expression.type.oid) ? compileNumbers(expression, layout, execution) : null;
      if (numbers !== null) return { kind: "numbers", compute: numbers };
      const vector = newVector(expression.type.oid);
      return { kind: "rows", compute: compileExpression(expression, layout, execution), vector };
    });
  }

  reset(): void {
    this.#input.reset();
  }

  atMost(rows: number): void {
    this.#input.atMost?.(rows);
  }

  prepare(): boolean {
    return isPrepared(this.#input);
  }

  next(): RowBatch | null {
    const batch = this.#input.next();
    if (batch === null) return null;
    this.#execution.work(batch.rows);
    const { rows, selection, columns } = batch;
    const computed = this.#outputs.map((output): ColumnVector => {
      switch (output.kind) {
        case "column": {
          const vector = columns[output.slot];
          assert(vector !== undefined, "a batch has the column");
          return vector;
        }
        case "numbers": {
          const { numbers, nulls } = output.compute(batch);
          return { kind: "numbers", numbers, nulls, hasNulls: true };
        }
        case "rows": {
          const { compute, vector } = output;
          for (let index = 0; index < rows; index += 1) {
            const row = selection === null ? index : (selection[index] ?? 0);
            writeAt(vector, row, compute(columns, row));
          }
          return vector;
        }
      }
    });
    return { rows, selection, columns: computed };
  }

  close(): void {
    this.#input.close();
  }
}

/** A count of rows as LIMIT and OFFSET give it: NULL is all, or none to skip. */
export function rowCount(value: Datum, what: "LIMIT" | "OFFSET"): number {
  if (value === null) return what === "LIMIT" ? Number.POSITIVE_INFINITY : 0;
  const count = Number(value);
  if (count >= 0) return count;
  throw what === "LIMIT"
    ? new SqlError("2201W", "LIMIT must not be negative")
    : new SqlError("2201X", "OFFSET must not be negative");
}

export class LimitOperator implements Operator {
  readonly #input: Operator;
  readonly #limit: (() => Datum) | null;
  readonly #offset: (() => Datum) | null;
  readonly #ties: readonly { readonly compute: RowFunction; readonly key: SortKey }[] | null;
  #toSkip = 0;
  #left = 0;
  #lastKeys: readonly Datum[] | null = null;
  #isDone = false;

  constructor(node: LimitNode, input: Operator, execution: Execution) {
    this.#input = input;
    this.#limit = node.limit === null ? null : compileOuter(node.limit, execution);
    this.#offset = node.offset === null ? null : compileOuter(node.offset, execution);
    const layout = layoutOf(node.input.columns);
    this.#ties =
      node.ties?.map((key) => ({ compute: compileExpression(key.expression, layout, execution), key })) ?? null;
  }

  reset(): void {
    this.#toSkip = this.#offset === null ? 0 : rowCount(this.#offset(), "OFFSET");
    this.#left = this.#limit === null ? Number.POSITIVE_INFINITY : rowCount(this.#limit(), "LIMIT");
    this.#lastKeys = null;
    this.#isDone = this.#left === 0;
    if (this.#isDone) return;
    this.#input.reset();
    if (this.#ties === null) this.#input.atMost?.(this.#toSkip + this.#left);
  }

  prepare(): boolean {
    return this.#isDone || isPrepared(this.#input);
  }

  next(): RowBatch | null {
    while (!this.#isDone) {
      const batch = this.#input.next();
      if (batch === null) {
        this.#isDone = true;
        return null;
      }
      const skipped = Math.min(this.#toSkip, batch.rows);
      this.#toSkip -= skipped;
      if (skipped === batch.rows) continue;
      const rest = batch.rows - skipped;
      const taken = Math.min(rest, this.#left) + this.#tied(batch, skipped + Math.min(rest, this.#left));
      this.#left = Math.max(0, this.#left - taken);
      if (this.#left === 0 && (this.#ties === null || taken < rest)) this.#finish();
      if (taken === 0) return null;
      return slice(batch, skipped, taken);
    }
    return null;
  }

  /** Rows from `from` on that are equal to the last that was wanted. */
  #tied(batch: RowBatch, from: number): number {
    if (this.#ties === null || from > batch.rows) return 0;
    const ties = this.#ties;
    const keysOf = (index: number): Datum[] => ties.map(({ compute }) => compute(batch.columns, placeOf(batch, index)));
    if (from > 0 && this.#left > 0) this.#lastKeys = keysOf(from - 1);
    let count = 0;
    for (let index = from; index < batch.rows; index += 1) {
      const keys = keysOf(index);
      const isSame = ties.every(({ key }, at) => {
        const [a, b] = [keys[at] ?? null, this.#lastKeys?.[at] ?? null];
        return a === null || b === null ? a === b : key.compare(a, b) === 0;
      });
      if (!isSame) break;
      count += 1;
    }
    return count;
  }

  #finish(): void {
    this.#isDone = true;
    // Rows of the current batch are still read by the caller, so the input is closed with this operator.
  }

  close(): void {
    this.#isDone = true;
    this.#input.close();
  }
}

/** Rows `from` to `from + count` - 1 of a batch. */
function slice(batch: RowBatch, from: number, count: number): RowBatch {
  if (from === 0 && count === batch.rows) return batch;
  const selection = Int32Array.from({ length: count }, (_, index) => placeOf(batch, from + index));
  return { rows: count, selection, columns: batch.columns };
}

/** For each row, as many rows as the longest of the sets has. */
export class ProjectSetOperator implements Operator {
  readonly #input: Operator;
  readonly #functions: readonly {
    readonly callee: ProjectSetNode["functions"][number]["callee"];
    readonly args: readonly RowFunction[];
  }[];
  readonly #builder: BatchBuilder;
  readonly #execution: Execution;
  readonly #width: number;
  #rows: Iterator<null> | null = null;
  /** An input batch was pulled and is not done. */
  #isMidway = false;

  constructor(node: ProjectSetNode, input: Operator, execution: Execution) {
    const layout = layoutOf(node.input.columns);
    this.#input = input;
    this.#execution = execution;
    this.#width = node.input.columns.length;
    this.#builder = new BatchBuilder(node.columns);
    this.#functions = node.functions.map((one) => ({
      callee: one.callee,
      args: one.arguments.map((argument) => compileExpression(argument, layout, execution)),
    }));
  }

  reset(): void {
    this.#input.reset();
    this.#isMidway = false;
    this.#builder.clear();
    this.#rows = this.#produce();
  }

  /** Puts rows into the builder, and stops whenever it is full. */
  *#produce(): Generator<null> {
    const { context } = this.#execution.environment;
    for (let batch = this.#input.next(); batch !== null; batch = this.#input.next()) {
      this.#isMidway = true;
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const { columns } = batch;
        const runs = this.#functions.map(({ callee, args }) => {
          const values = args.map((argument) => argument(columns, row));
          return { rows: valuesOf(callee, values, context)[Symbol.iterator](), isDone: false };
        });
        for (;;) {
          const values = runs.map((run) => {
            const step = run.isDone ? null : run.rows.next();
            if (step !== null && step.done !== true) return step.value;
            run.isDone = true;
            return null;
          });
          if (runs.every(({ isDone }) => isDone)) break;
          this.#push(columns, row, values);
          if (this.#builder.isFull) yield null;
        }
      }
      this.#isMidway = false;
      this.#execution.work(batch.rows);
    }
  }

  #push(columns: readonly ColumnVector[], row: number, values: readonly Datum[]): void {
    const to = this.#builder.rows;
    for (const [slot, target] of this.#builder.columns.entries()) {
      const source = columns[slot];
      if (slot < this.#width && source !== undefined) copyAt(source, row, target, to);
      else writeAt(target, to, values[slot - this.#width] ?? null);
    }
    this.#builder.rows += 1;
  }

  /** The input is asked for nothing while its last batch is in use: it would put the next one in its place. */
  prepare(): boolean {
    return this.#isMidway || isPrepared(this.#input);
  }

  next(): RowBatch | null {
    if (this.#rows === null) return null;
    this.#builder.clear();
    if (this.#rows.next().done === true) this.#rows = null;
    return this.#builder.rows === 0 ? null : this.#builder.batch();
  }

  close(): void {
    this.#rows = null;
    this.#input.close();
  }
}

/** Locks the rows that it passes on; those that are to be skipped are left out. */
export class LockOperator implements Operator {
  readonly #node: LockNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #slots: readonly number[];
  /** Rows that are still asked for: others stay free, for whoever looks for one that is. */
  #left = Number.POSITIVE_INFINITY;

  constructor(node: LockNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    const layout = layoutOf(node.input.columns);
    this.#slots = node.locks.map(({ keyId }) => layout.get(keyId) ?? -1);
  }

  reset(): void {
    this.#left = Number.POSITIVE_INFINITY;
    this.#input.reset();
  }

  atMost(rows: number): void {
    this.#left = rows;
  }

  prepare(): boolean {
    return isPrepared(this.#input);
  }

  next(): RowBatch | null {
    const { lockRow } = this.#execution.environment;
    if (lockRow === undefined) throw notSupported("locking rows here");
    if (this.#left === 0) return null;
    for (let batch = this.#input.next(); batch !== null; batch = this.#input.next()) {
      const kept: number[] = [];
      for (let index = 0; index < batch.rows && kept.length < this.#left; index += 1) {
        const row = placeOf(batch, index);
        const { columns } = batch;
        const isLocked = this.#node.locks.every(({ table, strength, wait }, at) => {
          const vector = columns[this.#slots[at] ?? -1];
          assert(vector !== undefined, "a locked row has its key");
          const key = readAt(vector, row);
          // The inner side of an outer join may have no row.
          return key === null || !(key instanceof Uint8Array) || lockRow(table.oid, key, strength, wait);
        });
        if (isLocked) kept.push(row);
      }
      this.#left -= kept.length;
      if (kept.length > 0) return { rows: kept.length, selection: Int32Array.from(kept), columns: batch.columns };
    }
    return null;
  }

  close(): void {
    this.#input.close();
  }
}
