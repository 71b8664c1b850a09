/** Rows of a table: a walk over ranges of its keys, and what of it the condition lets pass. */

import { isAuditTable } from "../catalog/system/audit.js";
import type { RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import { type PlanTimePoint, rowKeyColumn, type ScanNode } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import type { ColumnVector, HistoryRange, TableScan } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { batchesAtOnce, type Execution, layoutOf, type Operator } from "./execution.js";
import { type BatchFilter, compileFilter } from "./filter.js";
import { LateKeys } from "./late-keys.js";
import { compileOuter } from "./outer-value.js";
import { ScanRanges } from "./scan-ranges.js";

export class ScanOperator implements Operator {
  readonly #node: ScanNode;
  readonly #execution: Execution;
  readonly #ranges: ScanRanges;
  readonly #history: () => HistoryRange | null;
  readonly #filter: BatchFilter | null;
  readonly #numbers: readonly number[];
  readonly #keySlot: number;
  /** Makes the keys of rows that the condition lets pass; null where the scan reads those of all rows. */
  readonly #lateKeys: LateKeys | null;
  #scan: TableScan | null = null;
  /** The scan before, which may begin anew: a look-up for each row of another table would else make one as often. */
  #last: TableScan | null = null;
  /** Read by `prepare`, and not yet given out. */
  #ready: RowBatch | null = null;
  #isDone = false;

  constructor(node: ScanNode, execution: Execution) {
    this.#node = node;
    this.#execution = execution;
    this.#ranges = new ScanRanges(node, execution);
    this.#history = historyOf(node, execution);
    this.#filter = node.filter === null ? null : compileFilter(node.filter, layoutOf(node.columns), execution);
    this.#keySlot = node.numbers.indexOf(rowKeyColumn);
    const numbers = node.numbers.filter((number) => number !== rowKeyColumn);
    this.#lateKeys = this.#keySlot >= 0 && canKeyLate(node) ? new LateKeys(node.table, numbers) : null;
    this.#numbers = this.#lateKeys?.numbers ?? numbers;
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
    const ranges = this.#ranges.evaluate();
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
      wantsKeys: this.#keySlot >= 0 && this.#lateKeys === null,
      history: this.#history(),
    });
    this.#last = time === null ? this.#scan : null;
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
      const late = this.#lateKeys;
      const columns =
        this.#keySlot < 0
          ? batch.columns
          : withKeys(batch.columns, late?.keys ?? ownKeys(batch.keys), this.#keySlot, this.#node.columns.length);
      const all: RowBatch = { rows: batch.rows, selection: null, columns };
      const kept = this.#filter === null ? all : this.#filter(all);
      if (kept.rows === 0) continue;
      late?.make(batch.columns, kept);
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

const ownKeys = (keys: readonly Uint8Array[]): Datum[] => keys.map((key) => key.slice());

/** Columns that were read only to make keys of stand at the end, and are left out. */
function withKeys(
  columns: readonly ColumnVector[],
  values: Datum[],
  slot: number,
  width: number,
): readonly ColumnVector[] {
  const all = columns.slice(0, width - 1);
  all.splice(slot, 0, { kind: "values", values });
  return all;
}

/**
 * Whether a condition over many rows is asked before their keys are known: read with its key, each row is visited by itself, where many that lie side by
 * side are else read column by column.
 */
function canKeyLate({ table, index, time, ranges, filter, columns, numbers }: ScanNode): boolean {
  if (table.keyColumns.length === 0 || isAuditTable(table)) return false;
  if (index !== null || time !== null || filter === null) return false;
  if (ranges.some(({ from, to }) => from !== null && from === to)) return false;
  const key = columns[numbers.indexOf(rowKeyColumn)];
  return key !== undefined && !columnsOf(filter).has(key.id);
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
