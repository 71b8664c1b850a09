/**
 * One run of a plan. Registers hold columns of rows outside of the operator that runs: a correlated subquery and the inner side of a
 * nested loop read the outer row there. Column numbers are unique within a statement, so one register each is enough.
 */

import type { QueryEnvironment, RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import type { ColumnId } from "../plan/expression.js";
import type { PlanNode } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import type { KeptRows } from "./kept-rows.js";
import { MemoryBudget } from "./memory.js";
import { readAt } from "./vector.js";

/** Yields batches. Begins at `reset`, which may come again at any time: then it begins anew, with the registers as they are. */
export interface Operator {
  reset(): void;
  /**
   * Does a part of what has to be done before the first batch: an operator that reads all of its input reads some of it. False until it
   * is done, so that whoever pulls can serve others in between. Need not be called: `next` does what is left. Absent: there is nothing.
   */
  prepare?(): boolean;
  /** After a `reset`: so many rows are read and no more, for whoever does something to each row that it gives out. */
  atMost?(rows: number): void;
  /** The next batch, valid until the next call; null at the end. */
  next(): RowBatch | null;
  close(): void;
}

export interface Statistics {
  rows: number;
  loops: number;
  nanoseconds: number;
}

/** Place of each column in a batch. */
export type Layout = ReadonlyMap<ColumnId, number>;

export const layoutOf = (columns: readonly { readonly id: ColumnId }[]): Layout =>
  new Map(columns.map(({ id }, index) => [id, index]));

/**
 * Rows between two looks at whether to end: a row may cost a millisecond where a function reads the catalog, and a thread that says nothing
 * for ten seconds is taken for hung.
 */
const checkRows = 1_024;

export class Execution {
  readonly environment: QueryEnvironment;
  readonly registers: Datum[] = [];
  readonly memory: MemoryBudget;
  /** Rows of WITH queries that have run. */
  readonly commonRows: Map<number, KeptRows>;
  /** Rows of a recursive query's last round. */
  readonly workingRows = new Map<number, KeptRows>();
  /** For EXPLAIN ANALYZE. */
  readonly statistics: Map<PlanNode, Statistics> | null;
  readonly clock: (() => number) | null;
  readonly build: (node: PlanNode, execution: Execution) => Operator;
  /** Rows that operators have gone over, and as many for each time. */
  worked = 0;
  #sinceCheck = 0;

  constructor(
    environment: QueryEnvironment,
    build: (node: PlanNode, execution: Execution) => Operator,
    analyze: { readonly clock: () => number } | null = null,
  ) {
    this.environment = environment;
    this.commonRows = environment.commonRows ?? new Map<number, KeptRows>();
    this.memory = new MemoryBudget(environment.memoryBytesMax);
    this.build = build;
    this.statistics = analyze === null ? null : new Map();
    this.clock = analyze?.clock ?? null;
  }

  /** Counts work; asks now and then whether the statement is to end. */
  work(rows: number): void {
    this.worked += rows + 1;
    this.#sinceCheck += rows + 1;
    if (this.#sinceCheck < checkRows) return;
    this.#sinceCheck = 0;
    this.environment.check();
  }

  /** Puts columns of a row into their registers. */
  load(ids: readonly ColumnId[], layout: Layout, columns: readonly ColumnVector[], row: number): void {
    for (const id of ids) {
      const slot = layout.get(id);
      const vector = slot === undefined ? undefined : columns[slot];
      if (vector !== undefined) this.registers[id] = readAt(vector, row);
    }
  }
}

/** Rows of a batch, as places in its columns. */
export const placeOf = (batch: RowBatch, index: number): number =>
  batch.selection === null ? index : (batch.selection[index] ?? 0);

export const cardinality = (): SqlError =>
  new SqlError("21000", "more than one row returned by a subquery used as an expression");

/** Batches of input that one `prepare` takes. */
export const batchesAtOnce = 16;

/** For operators that have nothing to prepare but their input. */
export const isPrepared = (input: Operator): boolean => input.prepare?.() ?? true;

export function* batchesOf(input: Operator): Generator<RowBatch> {
  for (let batch = input.next(); batch !== null; batch = input.next()) yield batch;
}
