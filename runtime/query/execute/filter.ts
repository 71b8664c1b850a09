/** Conditions over batches: which rows stay. Comparisons of columns of numbers run over whole columns; all else row by row. */
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import { batchRowsMax } from "../table/access.js";
import { compileComparison } from "./comparisons.js";
import { compileExpression, type RowFunction } from "./compile.js";
import type { Execution, Layout } from "./execution.js";
import { compileNumbers, type NumbersFunction } from "./numbers.js";
import { allRows } from "./vector.js";

/** Narrows a batch to the rows for which the condition is true; the selection is valid until the next call. */
export type BatchFilter = (batch: RowBatch) => RowBatch;

export function compileFilter(condition: BoundExpression, layout: Layout, execution: Execution): BatchFilter {
  const terms = condition.kind === "and" ? condition.terms : [condition];
  const steps = terms.map((term) => compileStep(term, layout, execution));
  const [only] = steps;
  if (steps.length === 1 && only !== undefined) return only;
  return (batch) => {
    let narrowed = batch;
    for (const step of steps) {
      if (narrowed.rows === 0) return narrowed;
      narrowed = step(narrowed);
    }
    return narrowed;
  };
}

/** Rows below which a condition is not worth a loop over columns. */
const fewRows = 8;

/** Each way is made when a batch first asks for it: a point query never asks for the loops over columns. */
function compileStep(term: BoundExpression, layout: Layout, execution: Execution): BatchFilter {
  let few: BatchFilter | null = null;
  let many: BatchFilter | null = null;
  const byRow = (): BatchFilter => rowFilter(compileExpression(term, layout, execution));
  return (batch) => {
    if (batch.rows <= fewRows) {
      few ??= byRow();
      return few(batch);
    }
    many ??= compileMany(term, layout, execution);
    return many(batch);
  };
}

function compileMany(term: BoundExpression, layout: Layout, execution: Execution): BatchFilter {
  const general = (): BatchFilter => {
    const numbers = compileNumbers(term, layout, execution);
    return numbers === null ? rowFilter(compileExpression(term, layout, execution)) : numberFilter(numbers);
  };
  return compileComparison(term, layout, execution, general) ?? general();
}

function rowFilter(test: RowFunction): BatchFilter {
  let kept = new Int32Array(fewRows);
  return ({ rows, selection, columns }) => {
    if (kept.length < rows) kept = new Int32Array(batchRowsMax);
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection === null ? index : (selection[index] ?? 0);
      if (test(columns, row) !== true) continue;
      kept[count] = row;
      count += 1;
    }
    return count === rows ? { rows, selection, columns } : { rows: count, selection: kept, columns };
  };
}

function numberFilter(test: NumbersFunction): BatchFilter {
  const kept = new Int32Array(batchRowsMax);
  return (batch) => {
    const { rows, columns } = batch;
    const selection = batch.selection ?? allRows;
    const { numbers, nulls } = test(batch);
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      // No branch: a row that is not kept is written over by the next.
      count += (numbers[row] ?? 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return { rows: count, selection: kept, columns };
  };
}
