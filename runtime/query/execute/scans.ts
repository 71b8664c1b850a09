/** Operators that make up rows: system tables, constant rows, functions, kept rows. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { notSupported } from "../error.js";
import type { FunctionScanNode, PlanNode, SystemScanNode, ValuesNode } from "../plan/plan.js";
import type { Datum } from "../types/datum.js";
import { SqlRecord } from "../types/record.js";
import { type Execution, layoutOf, type Operator } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import type { KeptRows } from "./kept-rows.js";
import { compileOuter } from "./outer-value.js";
import { BatchBuilder } from "./vector.js";

/** Rows from an iterator, in batches. */
export abstract class RowsOperator implements Operator {
  readonly #builder: BatchBuilder;
  readonly #execution: Execution;
  #rows: Iterator<readonly Datum[]> | null = null;

  constructor(node: PlanNode, execution: Execution) {
    this.#builder = new BatchBuilder(node.columns);
    this.#execution = execution;
  }

  protected abstract rows(): Iterable<readonly Datum[]>;

  reset(): void {
    this.close();
    this.#rows = this.rows()[Symbol.iterator]();
  }

  next(): RowBatch | null {
    if (this.#rows === null) return null;
    this.#builder.clear();
    while (!this.#builder.isFull) {
      const step = this.#rows.next();
      if (step.done === true) {
        this.#rows = null;
        break;
      }
      this.#builder.pushRow(step.value);
    }
    this.#execution.work(this.#builder.rows);
    return this.#builder.rows === 0 ? null : this.#builder.batch();
  }

  close(): void {
    this.#rows?.return?.();
    this.#rows = null;
  }
}

export class ValuesOperator extends RowsOperator {
  readonly #items: readonly (readonly (() => Datum)[])[];

  constructor(node: ValuesNode, execution: Execution) {
    super(node, execution);
    this.#items = node.items.map((row) => row.map((item) => compileOuter(item, execution)));
  }

  protected override *rows(): Iterable<readonly Datum[]> {
    for (const row of this.#items) yield row.map((item) => item());
  }
}

export class FunctionScanOperator extends RowsOperator {
  readonly #node: FunctionScanNode;
  readonly #arguments: readonly (readonly (() => Datum)[])[];
  readonly #environment: Execution["environment"];

  constructor(node: FunctionScanNode, execution: Execution) {
    super(node, execution);
    this.#node = node;
    this.#environment = execution.environment;
    this.#arguments = node.functions.map((one) => one.arguments.map((argument) => compileOuter(argument, execution)));
  }

  protected override *rows(): Iterable<readonly Datum[]> {
    const { functions, hasOrdinality } = this.#node;
    const runs = functions.map(({ callee, columns, width }, index) => ({
      width,
      rows: rowsOf(
        callee,
        (this.#arguments[index] ?? []).map((argument) => argument()),
        columns,
        this.#environment.context,
      )[Symbol.iterator](),
      isDone: false,
    }));
    for (let ordinal = 1; ; ordinal += 1) {
      const row: Datum[] = [];
      for (const run of runs) {
        const step = run.isDone ? null : run.rows.next();
        if (step === null || step.done === true) {
          run.isDone = true;
          for (let column = 0; column < run.width; column += 1) row.push(null);
        } else for (let column = 0; column < run.width; column += 1) row.push(step.value[column] ?? null);
      }
      if (runs.every(({ isDone }) => isDone)) return;
      if (hasOrdinality) row.push(ordinal);
      yield row;
    }
  }
}

type SetCallee = FunctionScanNode["functions"][number]["callee"];

/** What a set-returning function returns, a row of several columns as one value. */
export function valuesOf(
  callee: SetCallee,
  args: readonly Datum[],
  context: Execution["environment"]["context"],
): Iterable<Datum> {
  return callee.isStrict && args.includes(null) ? [] : callee.rows(args, context, callee.columns ?? []);
}

/** Rows of a set-returning function, each as its columns. */
export function* rowsOf(
  callee: SetCallee,
  args: readonly Datum[],
  columns: FunctionScanNode["functions"][number]["columns"],
  context: Execution["environment"]["context"],
): Iterable<readonly Datum[]> {
  if (callee.isStrict && args.includes(null)) return;
  for (const value of callee.rows(args, context, columns)) {
    if (!callee.isRecord) yield [value];
    else if (value instanceof SqlRecord) yield value.values;
    else yield columns.map(() => null);
  }
}

export class SystemScanOperator extends RowsOperator {
  readonly #node: SystemScanNode;
  readonly #execution: Execution;
  readonly #filter: BatchFilter | null;

  constructor(node: SystemScanNode, execution: Execution) {
    super(node, execution);
    this.#node = node;
    this.#execution = execution;
    this.#filter = node.filter === null ? null : compileFilter(node.filter, layoutOf(node.columns), execution);
  }

  protected override *rows(): Iterable<readonly Datum[]> {
    const { table, numbers } = this.#node;
    const places = numbers.map((number) => table.columns.findIndex((column) => column.number === number));
    for (const row of this.#execution.environment.systemRows(table)) yield places.map((place) => row[place] ?? null);
  }

  override next(): RowBatch | null {
    for (;;) {
      const batch = super.next();
      if (batch === null || this.#filter === null) return batch;
      const kept = this.#filter(batch);
      if (kept.rows > 0) return kept;
    }
  }
}

/** Rows that were kept before. */
export class KeptOperator implements Operator {
  readonly #find: () => KeptRows;
  readonly #slots: readonly number[];
  #rows: KeptRows | null = null;
  #next = 0;

  /** `slots` are the kept columns that are put out, in order. */
  constructor(find: () => KeptRows, slots: readonly number[]) {
    this.#find = find;
    this.#slots = slots;
  }

  reset(): void {
    this.#rows = this.#find();
    this.#next = 0;
  }

  next(): RowBatch | null {
    const batch = this.#rows?.batches[this.#next];
    if (batch === undefined) return null;
    this.#next += 1;
    const columns = this.#slots.map((slot) => {
      const vector = batch.columns[slot];
      assert(vector !== undefined, "a kept batch has the column");
      return vector;
    });
    return { rows: batch.rows, selection: batch.selection, columns };
  }

  close(): void {
    this.#rows = null;
  }
}

/** A modification's RETURNING rows; it is run by whoever may write. */
export class ModificationOperator extends RowsOperator {
  readonly #node: Extract<PlanNode, { kind: "modification" }>;
  readonly #execution: Execution;

  constructor(node: Extract<PlanNode, { kind: "modification" }>, execution: Execution) {
    super(node, execution);
    this.#node = node;
    this.#execution = execution;
  }

  protected override rows(): Iterable<readonly Datum[]> {
    const { environment } = this.#execution;
    if (environment.modify === undefined) throw notSupported("a data-modifying WITH here");
    return environment.modify(this.#node.modification, environment);
  }
}
