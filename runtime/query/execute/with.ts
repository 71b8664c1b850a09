/** WITH queries: those that are kept, those that change something, and recursive ones. */
import type { RowBatch } from "../engine.js";
import type { CommonTableNode, PlanColumn, RecursiveNode, WithModificationsNode } from "../plan/plan.js";
import { type Execution, isPrepared, type Operator } from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import { type KeyOf, rowKeyOf, SeenKeys, select } from "./seen-keys.js";

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
    const keyOf = (columns: readonly PlanColumn[]): KeyOf => (node.isAll ? () => 0 : rowKeyOf(columns, execution));
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
