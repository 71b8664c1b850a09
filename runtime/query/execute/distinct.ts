/** DISTINCT, set operations, WITH queries that are kept, and recursive ones. */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import type {
  CommonTableNode,
  DistinctNode,
  PlanColumn,
  RecursiveNode,
  SetOperationNode,
  WithModificationsNode,
} from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { groupsMin, hashOf, levelsMax, partChunkBytes, partsOfOverflow } from "./aggregate.js";
import { type Execution, isPrepared, layoutOf, type Operator, placeOf } from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import { compileGroupKey, type Key } from "./keys.js";
import { MemoryShare } from "./memory.js";
import { canSpill, SpilledRows } from "./spill.js";
import { BatchBuilder, readAt } from "./vector.js";

type KeyOf = (columns: readonly ColumnVector[], row: number) => Key;

/** Keys that were seen, counted against the memory of the statement. */
class SeenKeys {
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

const select = (batch: RowBatch, isKept: (row: number) => boolean): RowBatch => {
  const kept: number[] = [];
  for (let index = 0; index < batch.rows; index += 1) {
    const row = placeOf(batch, index);
    if (isKept(row)) kept.push(row);
  }
  return { rows: kept.length, selection: Int32Array.from(kept), columns: batch.columns };
};

/**
 * The first row of each value. Of a sorted input only the last value is remembered; of any other all values, until memory is tight: rows of
 * values that are new from then on are written to files by the hash of their value, and each file is gone through for itself.
 */
export class DistinctOperator implements Operator {
  readonly #node: DistinctNode;
  readonly #input: Operator;
  readonly #execution: Execution;
  readonly #keyOf: KeyOf;
  readonly #seen: SeenKeys;
  readonly #canSpill: boolean;
  /** Files that have not been gone through. */
  readonly #files = new Set<SpilledRows>();
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: DistinctNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
    this.#keyOf = compileGroupKey(node.keys, layoutOf(node.input.columns), execution);
    this.#seen = new SeenKeys(execution);
    this.#canSpill = execution.environment.spill !== undefined && canSpill(node.input.columns);
  }

  #forget(): void {
    this.#seen.clear();
    for (const file of this.#files) file.close();
    this.#files.clear();
    this.#batches = null;
  }

  reset(): void {
    this.#forget();
    this.#input.reset();
    this.#batches = this.#node.isSorted ? this.#sorted() : this.#firstOf(this.#inputBatches(), 0);
  }

  prepare(): boolean {
    return isPrepared(this.#input);
  }

  *#inputBatches(): Generator<RowBatch> {
    for (let batch = this.#input.next(); batch !== null; batch = this.#input.next()) yield batch;
  }

  *#sorted(): Generator<RowBatch> {
    let last: Key | null = null;
    for (const batch of this.#inputBatches()) {
      this.#execution.work(batch.rows);
      const kept = select(batch, (row) => {
        const key = this.#keyOf(batch.columns, row);
        if (key === last) return false;
        last = key;
        return true;
      });
      if (kept.rows > 0) yield kept;
    }
  }

  *#firstOf(batches: Iterable<RowBatch>, level: number): Generator<RowBatch> {
    let parts: (SpilledRows | null)[] | null = null;
    for (const batch of batches) {
      this.#execution.work(batch.rows);
      const isFull =
        this.#canSpill &&
        level < levelsMax &&
        this.#seen.size >= groupsMin &&
        this.#execution.memory.isTight(this.#seen.bytes);
      if (isFull) parts ??= new Array<SpilledRows | null>(partsOfOverflow).fill(null);
      const overflow = parts;
      const kept = select(batch, (row) => {
        const key = this.#keyOf(batch.columns, row);
        if (overflow === null) return this.#seen.add(key);
        if (!this.#seen.has(key)) this.#spill(overflow, hashOf(key, level) % partsOfOverflow, batch, row);
        return false;
      });
      if (kept.rows > 0) yield kept;
    }
    for (const part of parts ?? []) {
      if (part === null) continue;
      this.#seen.clear();
      yield* this.#firstOf(this.#rowsOf(part), level + 1);
      part.close();
      this.#files.delete(part);
    }
  }

  #spill(parts: (SpilledRows | null)[], number: number, { columns }: RowBatch, row: number): void {
    const { spill } = this.#execution.environment;
    assert(spill !== undefined, "rows are written where they may be");
    let part = parts[number] ?? null;
    if (part === null) {
      part = new SpilledRows(this.#node.input.columns, spill);
      parts[number] = part;
      this.#files.add(part);
    }
    part.add(columns.map((column) => readAt(column, row)));
  }

  *#rowsOf(part: SpilledRows): Generator<RowBatch> {
    part.flush();
    const builder = new BatchBuilder(this.#node.input.columns);
    builder.clear();
    for (const row of part.read({ from: 0, to: part.end }, partChunkBytes)) {
      builder.pushRow(row);
      if (!builder.isFull) continue;
      yield builder.batch();
      builder.clear();
    }
    if (builder.rows > 0) yield builder.batch();
  }

  next(): RowBatch | null {
    const step = this.#batches?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  close(): void {
    this.#forget();
    this.#input.close();
  }
}

const columnsAsExpressions = (columns: readonly PlanColumn[]): readonly BoundExpression[] =>
  columns.map(({ id, name, type }) => ({ kind: "column", id, name, type, location: -1 }));

export class SetOperationOperator implements Operator {
  readonly #node: SetOperationNode;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #execution: Execution;
  readonly #leftKey: KeyOf | null;
  readonly #rightKey: KeyOf | null;
  readonly #seen: SeenKeys;
  /** How often each row is on the right: INTERSECT and EXCEPT. */
  readonly #counts = new Map<Key, number>();
  readonly #memory: MemoryShare;
  #isRight = false;
  #isCounted = false;

  constructor(node: SetOperationNode, left: Operator, right: Operator, execution: Execution) {
    this.#node = node;
    this.#left = left;
    this.#right = right;
    this.#execution = execution;
    this.#seen = new SeenKeys(execution);
    this.#memory = new MemoryShare(execution.memory);
    const isPlain = node.operation === "union" && node.isAll;
    const keyOf = (input: SetOperationNode["left"]): KeyOf =>
      compileGroupKey(columnsAsExpressions(input.columns), layoutOf(input.columns), execution);
    this.#leftKey = isPlain ? null : keyOf(node.left);
    this.#rightKey = isPlain ? null : keyOf(node.right);
  }

  reset(): void {
    this.#left.reset();
    this.#seen.clear();
    this.#counts.clear();
    this.#memory.release();
    this.#isRight = false;
    this.#isCounted = false;
  }

  prepare(): boolean {
    return isPrepared(this.#left);
  }

  next(): RowBatch | null {
    return this.#node.operation === "union" ? this.#nextOfUnion() : this.#nextOfOther();
  }

  #nextOfUnion(): RowBatch | null {
    for (;;) {
      const batch = (this.#isRight ? this.#right : this.#left).next();
      if (batch === null) {
        if (this.#isRight) return null;
        this.#isRight = true;
        this.#right.reset();
        continue;
      }
      const keyOf = this.#isRight ? this.#rightKey : this.#leftKey;
      if (keyOf === null) return batch;
      this.#execution.work(batch.rows);
      const kept = select(batch, (row) => this.#seen.add(keyOf(batch.columns, row)));
      if (kept.rows > 0) return kept;
    }
  }

  #nextOfOther(): RowBatch | null {
    if (!this.#isCounted) this.#count();
    const keyOf = this.#leftKey;
    assert(keyOf !== null, "INTERSECT and EXCEPT compare rows");
    for (let batch = this.#left.next(); batch !== null; batch = this.#left.next()) {
      const { columns } = batch;
      this.#execution.work(batch.rows);
      const kept = select(batch, (row) => this.#isKept(keyOf(columns, row)));
      if (kept.rows > 0) return kept;
    }
    return null;
  }

  #isKept(key: Key): boolean {
    const { operation, isAll } = this.#node;
    const count = this.#counts.get(key) ?? 0;
    if (isAll) {
      if (count > 0) this.#counts.set(key, count - 1);
      return operation === "intersect" ? count > 0 : count === 0;
    }
    return (operation === "intersect" ? count > 0 : count === 0) && this.#seen.add(key);
  }

  #count(): void {
    this.#isCounted = true;
    const keyOf = this.#rightKey;
    assert(keyOf !== null, "INTERSECT and EXCEPT compare rows");
    this.#right.reset();
    for (let batch = this.#right.next(); batch !== null; batch = this.#right.next()) {
      this.#memory.take(batch.rows * 48);
      for (let index = 0; index < batch.rows; index += 1) {
        const key = keyOf(batch.columns, placeOf(batch, index));
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      }
    }
    this.#right.close();
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#seen.clear();
    this.#counts.clear();
    this.#memory.release();
  }
}

/** The rows of a WITH query, run when they are first asked for. */
export function commonRows(node: CommonTableNode, execution: Execution): KeptRows {
  const known = execution.commonRows.get(node.number);
  if (known !== undefined) return known;
  const rows = new KeptRows(node.source.columns, execution.memory);
  const operator = execution.build(node.source, execution);
  operator.reset();
  for (let batch = operator.next(); batch !== null; batch = operator.next()) rows.append(batch);
  operator.close();
  execution.commonRows.set(node.number, rows);
  return rows;
}

/** Modifications run to their ends before the first row of the rest is read. */
export class WithModificationsOperator implements Operator {
  readonly #node: WithModificationsNode;
  readonly #input: Operator;
  readonly #execution: Execution;

  constructor(node: WithModificationsNode, input: Operator, execution: Execution) {
    this.#node = node;
    this.#input = input;
    this.#execution = execution;
  }

  reset(): void {
    for (const modification of this.#node.modifications) commonRows(modification, this.#execution);
    this.#input.reset();
  }

  prepare(): boolean {
    return isPrepared(this.#input);
  }

  next(): RowBatch | null {
    return this.#input.next();
  }

  close(): void {
    this.#input.close();
  }
}

/** Rounds: each runs the step over the rows of the round before, until there are none. */
export class RecursiveOperator implements Operator {
  readonly #node: RecursiveNode;
  readonly #start: Operator;
  readonly #step: Operator;
  readonly #execution: Execution;
  readonly #seen: SeenKeys;
  readonly #startKey: KeyOf;
  readonly #stepKey: KeyOf;
  #batches: Iterator<RowBatch> | null = null;

  constructor(node: RecursiveNode, start: Operator, step: Operator, execution: Execution) {
    this.#node = node;
    this.#start = start;
    this.#step = step;
    this.#execution = execution;
    this.#seen = new SeenKeys(execution);
    const keyOf = (columns: readonly PlanColumn[]): KeyOf =>
      node.isAll ? () => 0 : compileGroupKey(columnsAsExpressions(columns), layoutOf(columns), execution);
    this.#startKey = keyOf(node.start.columns);
    this.#stepKey = keyOf(node.step.columns);
  }

  reset(): void {
    this.#seen.clear();
    this.#batches = this.#rounds();
  }

  *#rounds(): Generator<RowBatch> {
    let round = this.#collect(this.#start, this.#startKey);
    while (round.rows > 0) {
      yield* round.batches;
      this.#execution.workingRows.set(this.#node.number, round);
      const next = this.#collect(this.#step, this.#stepKey);
      round.clear();
      round = next;
    }
  }

  #collect(operator: Operator, keyOf: KeyOf): KeptRows {
    const rows = new KeptRows(this.#node.columns, this.#execution.memory);
    operator.reset();
    for (let batch = operator.next(); batch !== null; batch = operator.next()) {
      const { columns } = batch;
      this.#execution.work(batch.rows);
      rows.append(this.#node.isAll ? batch : select(batch, (row) => this.#seen.add(keyOf(columns, row))));
    }
    operator.close();
    return rows;
  }

  next(): RowBatch | null {
    const step = this.#batches?.next();
    return step === undefined || step.done === true ? null : step.value;
  }

  close(): void {
    this.#batches = null;
    this.#seen.clear();
    this.#start.close();
    this.#step.close();
  }
}
