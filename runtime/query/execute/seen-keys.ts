/** Keys that were seen, and the first row of each of them. */
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanColumn } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { type Execution, layoutOf, placeOf } from "./execution.js";
import { compileGroupKey, type Key } from "./keys.js";
import { canSpill } from "./spill.js";
import { isOverfull, newParts, partsMax, type SpillParts } from "./spill-parts.js";

export type KeyOf = (columns: readonly ColumnVector[], row: number) => Key;

/** Rows as they are, as keys: equal rows have equal keys. */
export function rowKeyOf(columns: readonly PlanColumn[], execution: Execution): KeyOf {
  const expressions = columns.map(
    ({ id, name, type }): BoundExpression => ({ kind: "column", id, name, type, location: -1 }),
  );
  return compileGroupKey(expressions, layoutOf(columns), execution);
}

/** Keys, counted against the memory of the statement. */
export class SeenKeys {
  readonly #execution: Execution;
  readonly #keys = new Set<Key>();
  #bytes = 0;

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  /** False when it was there before. */
  add(key: Key): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    const bytes = 48 + (typeof key === "string" ? key.length : 0);
    this.#bytes += bytes;
    this.#execution.memory.take(bytes);
    return true;
  }

  has(key: Key): boolean {
    return this.#keys.has(key);
  }

  get size(): number {
    return this.#keys.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#keys.clear();
    this.#execution.memory.give(this.#bytes);
    this.#bytes = 0;
  }
}

export const select = (batch: RowBatch, isKept: (row: number) => boolean): RowBatch => {
  const kept: number[] = [];
  for (let index = 0; index < batch.rows; index += 1) {
    const row = placeOf(batch, index);
    if (isKept(row)) kept.push(row);
  }
  return { rows: kept.length, selection: Int32Array.from(kept), columns: batch.columns };
};

/**
 * The first row of each value, of rows that come in several calls. All values are remembered until memory is tight: rows of values that are
 * new from then on are written to files by the hash of their value, and each file is gone through for itself, behind all others.
 */
export class FirstRows {
  readonly #columns: readonly PlanColumn[];
  readonly #keyOf: KeyOf;
  readonly #execution: Execution;
  readonly #seen: SeenKeys;
  readonly #canSpill: boolean;
  /** Files that have not been gone through. */
  readonly #files = new Set<SpillParts>();

  constructor(columns: readonly PlanColumn[], keyOf: KeyOf, execution: Execution) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#execution = execution;
    this.#seen = new SeenKeys(execution);
    this.#canSpill = execution.environment.spill !== undefined && canSpill(columns);
  }

  *of(batches: Iterable<RowBatch>, level = 0): Generator<RowBatch> {
    let parts: SpillParts | null = null;
    for (const batch of batches) {
      const { columns } = batch;
      this.#execution.work(batch.rows);
      const isFull = this.#canSpill && isOverfull(this.#execution, level, this.#seen.size, this.#seen.bytes);
      if (parts === null && isFull) parts = this.#part(level);
      const overflow: SpillParts | null = parts;
      const kept = select(batch, (row) => {
        const key = this.#keyOf(columns, row);
        if (overflow === null) return this.#seen.add(key);
        if (!this.#seen.has(key)) overflow.add(key, columns, row);
        return false;
      });
      if (kept.rows > 0) yield kept;
    }
    if (parts === null) return;
    for (let number = 0; number < partsMax; number += 1) {
      this.#seen.clear();
      yield* this.of(parts.rowsOf(number), level + 1);
    }
    this.#files.delete(parts);
  }

  #part(level: number): SpillParts {
    const parts = newParts(this.#columns, this.#execution, level);
    this.#files.add(parts);
    return parts;
  }

  clear(): void {
    this.#seen.clear();
    for (const file of this.#files) file.close();
    this.#files.clear();
  }
}
