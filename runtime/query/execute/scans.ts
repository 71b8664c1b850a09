/** Operators that read: tables, system tables, constant rows, functions, kept rows. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import {
  type FunctionScanNode,
  type PlanBound,
  type PlanNode,
  type PlanTimePoint,
  rowKeyColumn,
  type ScanNode,
  type SystemScanNode,
  type ValuesNode,
} from "../plan/plan.js";
import type { ColumnVector, HistoryRange, KeyBound, KeyRange, TableScan } from "../table/access.js";
import { SqlArray } from "../types/array.js";
import { comparatorOf, hashKeyOf } from "../types/compare.js";
import type { Datum, Value } from "../types/datum.js";
import { SqlRecord } from "../types/record.js";
import { compileExpression } from "./compile.js";
import { batchesAtOnce, type Execution, layoutOf, type Operator } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import type { KeptRows } from "./kept-rows.js";
import { BatchBuilder } from "./vector.js";

const noLayout = new Map<number, number>();
const noColumns: readonly ColumnVector[] = [];

/** An expression that uses no row of its operator. */
export const compileOuter = (expression: BoundExpression, execution: Execution): (() => Datum) => {
  const compute = compileExpression(expression, noLayout, execution);
  return () => compute(noColumns, 0);
};

// ---- tables

interface CompiledRange {
  readonly isEach: boolean;
  readonly isRowKey: boolean;
  readonly from: CompiledBound | null;
  readonly to: CompiledBound | null;
}

interface CompiledBound {
  readonly values: readonly (() => Datum)[];
  readonly isInclusive: boolean;
}

export class ScanOperator implements Operator {
  readonly #node: ScanNode;
  readonly #execution: Execution;
  readonly #ranges: readonly CompiledRange[];
  readonly #history: () => HistoryRange | null;
  readonly #filter: BatchFilter | null;
  readonly #numbers: readonly number[];
  readonly #keySlot: number;
  #scan: TableScan | null = null;
  /** The scan before, which may begin anew: a look-up for each row of another table would else make one as often. */
  #last: TableScan | null = null;
  /** Read by `prepare`, and not yet given out. */
  #ready: RowBatch | null = null;
  #isDone = false;

  constructor(node: ScanNode, execution: Execution) {
    this.#node = node;
    this.#execution = execution;
    const bound = (at: PlanBound | null): CompiledBound | null =>
      at === null
        ? null
        : { values: at.values.map((value) => compileOuter(value, execution)), isInclusive: at.isInclusive };
    this.#ranges = node.ranges.map(({ from, to, isEach, isRowKey }) => {
      const first = bound(from);
      const last = to === from ? first : bound(to);
      return { from: first, to: last, isEach: isEach === true, isRowKey: isRowKey === true };
    });
    this.#history = historyOf(node, execution);
    this.#filter = node.filter === null ? null : compileFilter(node.filter, layoutOf(node.columns), execution);
    this.#keySlot = node.numbers.indexOf(rowKeyColumn);
    this.#numbers = node.numbers.filter((number) => number !== rowKeyColumn);
  }

  reset(): void {
    this.close();
    this.#isDone = false;
    this.#ready = null;
    const { isUnpopulated, name } = this.#node.table;
    if (isUnpopulated === true) {
      throw new SqlError("55000", `materialized view "${name}" has not been populated`, {
        hint: "Use the REFRESH MATERIALIZED VIEW command.",
      });
    }
    const ranges = this.#evaluateRanges();
    if (ranges.length === 0) {
      this.#isDone = true;
      return;
    }
    if (this.#last?.restart?.(ranges) === true) {
      this.#scan = this.#last;
      return;
    }
    const { table, index, isBackward, time } = this.#node;
    this.#scan = this.#execution.environment.source.scan({
      table,
      index,
      ranges,
      isBackward,
      columns: this.#numbers,
      wantsKeys: this.#keySlot >= 0,
      history: this.#history(),
    });
    this.#last = time === null ? this.#scan : null;
  }

  /** The ranges with their values; those that a NULL makes empty are left out, and points that are the same are one. */
  #evaluateRanges(): readonly KeyRange[] {
    const ranges: KeyRange[] = [];
    for (const { from, to, isEach, isRowKey } of this.#ranges) {
      if (isEach) {
        ranges.push(...pointsOf(from));
        continue;
      }
      const first = from === null ? null : evaluateBound(from);
      const last = to === null ? null : to === from ? first : evaluateBound(to);
      if ((from !== null && first === null) || (to !== null && last === null)) continue;
      ranges.push(isRowKey ? { from: first, to: last, isRowKey } : { from: first, to: last });
    }
    return ranges.length < 2 ? ranges : this.#distinctPoints(ranges);
  }

  /** Several ranges come of a list of values of the same key columns: sorted, each once. */
  #distinctPoints(ranges: readonly KeyRange[]): readonly KeyRange[] {
    const types = keyTypesOf(this.#node);
    const keys = new Set<string>();
    const unique = ranges.filter(({ from }) => {
      const key = (from?.values ?? [])
        .map((value, index) => (value === null ? "" : String(hashKeyOf(types[index]?.oid ?? 0)(value))))
        .join("\0");
      if (keys.has(key)) return false;
      keys.add(key);
      return true;
    });
    return unique.toSorted((a, b) => {
      for (const [index, type] of types.entries()) {
        const [x, y] = [a.from?.values[index] ?? null, b.from?.values[index] ?? null];
        if (x === null || y === null) return 0;
        const order = comparatorOf(type.oid)(x, y);
        if (order !== 0) return type.isDescending ? -order : order;
      }
      return 0;
    });
  }

  prepare(): boolean {
    if (this.#ready !== null) return true;
    for (let read = 0; read < batchesAtOnce; read += 1) {
      if (this.#isDone || this.#scan === null) return true;
      const batch = this.#scan.next();
      if (batch === null) {
        this.close();
        this.#isDone = true;
        return true;
      }
      this.#execution.work(batch.rows);
      const columns = this.#keySlot < 0 ? batch.columns : withKeys(batch.columns, batch.keys, this.#keySlot);
      const all: RowBatch = { rows: batch.rows, selection: null, columns };
      const kept = this.#filter === null ? all : this.#filter(all);
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
    this.#scan?.close();
    this.#scan = null;
  }
}

function evaluateBound(bound: CompiledBound): KeyBound | null {
  const values: Value[] = [];
  for (const compute of bound.values) {
    const value = compute();
    if (value === null) return null;
    values.push(value);
  }
  return { values, isInclusive: bound.isInclusive };
}

/** A point for each element of the array that stands last. */
function pointsOf(bound: CompiledBound | null): readonly KeyRange[] {
  const values = bound === null ? null : evaluateBound(bound)?.values;
  if (values === null || values === undefined) return [];
  const array = values.at(-1);
  assert(array instanceof SqlArray, "points for each element are made of an array");
  return array.items.flatMap((item): readonly KeyRange[] => {
    if (item === null) return [];
    const point = { values: [...values.slice(0, -1), item], isInclusive: true };
    return [{ from: point, to: point }];
  });
}

export function keyTypesOf(node: ScanNode): readonly { readonly oid: number; readonly isDescending: boolean }[] {
  const { index, table } = node;
  if (index !== null) return index.keys.map(({ type, isDescending }) => ({ oid: type.oid, isDescending }));
  return table.keyColumns.map((number) => {
    const column = table.columns.find((one) => one.number === number);
    return { oid: column?.type.oid ?? 0, isDescending: false };
  });
}

function withKeys(
  columns: readonly ColumnVector[],
  keys: readonly Uint8Array[],
  slot: number,
): readonly ColumnVector[] {
  const all = columns.slice();
  all.splice(slot, 0, { kind: "values", values: keys.map((key) => key.slice()) });
  return all;
}

/** Positions to read, worked out when the scan begins. */
function historyOf({ time }: ScanNode, execution: Execution): () => HistoryRange | null {
  if (time === null) return () => null;
  if (time.kind === "all") return () => ({ from: 0, to: null });
  if (time.kind === "asOf") {
    const point = compilePoint(time.point, execution);
    return () => {
      const position = point();
      return { from: position, to: position + 1 };
    };
  }
  const from = compilePoint(time.from, execution);
  const to = compilePoint(time.to, execution);
  return () => ({ from: from(), to: to() });
}

function compilePoint({ kind, value }: PlanTimePoint, execution: Execution): () => number {
  const compute = compileOuter(value, execution);
  const { source } = execution.environment;
  return () => {
    const given = compute();
    if (given === null) throw new SqlError("22004", "FOR SYSTEM_TIME needs a position or a timestamp, and not NULL");
    const number = Number(given);
    // Commands of that time that this state has not seen are for later statements.
    if (kind === "timestamp") return Math.min(execution.environment.positionAt(number), source.position);
    const position = number;
    if (position < 0) throw new SqlError("22023", `position ${position} is negative`);
    if (position > source.position) {
      throw new SqlError("22023", `position ${position} has not been reached: the state is at ${source.position}`);
    }
    return position;
  };
}

// ---- rows that are made up

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
