/** Runs plans: whole queries, the plans of modifications, and single expressions over rows at hand. */
import { assert } from "../../types/assert.js";
import type { QueryEnvironment, RowBatch, RowStream } from "../engine.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanNode } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { buildOperator } from "./build.js";
import { compileExpression } from "./compile.js";
import { Execution, isPrepared, layoutOf } from "./execution.js";
import { compileOuter } from "./outer-value.js";
import { readAt } from "./vector.js";

/** Starts a plan; its rows have the columns `outputs`, in that order. */
export function runPlan(plan: PlanNode, outputs: readonly ColumnId[], environment: QueryEnvironment): RowStream {
  const execution = new Execution(environment, buildOperator);
  return streamOf(plan, outputs, execution);
}

export function streamOf(plan: PlanNode, outputs: readonly ColumnId[], execution: Execution): RowStream {
  const layout = layoutOf(plan.columns);
  const slots = outputs.map((id) => {
    const slot = layout.get(id);
    assert(slot !== undefined, "a plan puts out the columns that are asked of it");
    return slot;
  });
  const isWhole = slots.length === plan.columns.length && slots.every((slot, index) => slot === index);
  const operator = execution.build(plan, execution);
  const { failing } = plan;
  let isBegun = false;
  const begin = (): void => {
    if (isBegun) return;
    if (failing !== undefined) compileOuter(failing, execution)();
    operator.reset();
    isBegun = true;
  };
  return {
    prepare(): boolean {
      begin();
      return isPrepared(operator);
    },
    next(): RowBatch | null {
      begin();
      const batch = operator.next();
      if (batch === null || isWhole) return batch;
      const columns = slots.map((slot): ColumnVector => {
        const vector = batch.columns[slot];
        assert(vector !== undefined, "a batch has the column");
        return vector;
      });
      return { rows: batch.rows, selection: batch.selection, columns };
    },
    close: () => operator.close(),
  };
}

/** All rows of a stream, each as a list. */
export function* rowsOfStream(stream: RowStream): Generator<readonly Datum[]> {
  for (let batch = stream.next(); batch !== null; batch = stream.next()) {
    for (let index = 0; index < batch.rows; index += 1) {
      const row = batch.selection === null ? index : (batch.selection[index] ?? 0);
      yield batch.columns.map((column) => readAt(column, row));
    }
  }
}

/**
 * Expressions over rows that are at hand, such as RETURNING, checks and index keys: `ids` say which column each value of a row is. The
 * function may be called for many rows; its result is a new list.
 */
export function compileRow(
  expressions: readonly BoundExpression[],
  ids: readonly ColumnId[],
  environment: QueryEnvironment,
): (row: readonly Datum[]) => Datum[] {
  const execution = new Execution(environment, buildOperator);
  const layout = layoutOf(ids.map((id) => ({ id })));
  const computed = expressions.map((expression) => compileExpression(expression, layout, execution));
  const held = ids.map((): Datum[] => [null]);
  const columns = held.map((values): ColumnVector => ({ kind: "values", values }));
  return (row) => {
    assert(row.length === ids.length, "a row has a value for each column");
    for (let index = 0; index < held.length; index += 1) {
      const values = held[index];
      if (values !== undefined) values[0] = row[index] ?? null;
    }
    return computed.map((compute) => compute(columns, 0));
  };
}
