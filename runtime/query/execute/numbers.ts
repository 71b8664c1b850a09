/**
 * Expressions over whole columns of numbers: those whose every part is a column of a number type, a constant of one, or an operator that
 * has a kernel. A kernel goes over all rows of a batch; rows that are not selected are masked like NULLs, so that what would fail in them
 * does not.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { NumberKernel } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import { columnsOf, hasSubquery, isVolatile } from "../plan/walk.js";
import { batchRowsMax } from "../table/access.js";
import { typeOid } from "../types/sql-type.js";
import { compileExpression } from "./compile.js";
import type { Execution, Layout } from "./execution.js";
import { kernelFor } from "./kernels.js";
import { isNumberType, readAt } from "./vector.js";

export interface Numbers {
  /** By place in the batch; booleans are 0 and 1. */
  readonly numbers: Float64Array;
  /** 1 where the value is NULL, or the row is not selected. */
  readonly nulls: Uint8Array;
}

/** Computes the expression for the selected rows of a batch; the result is valid until the next call. */
export type NumbersFunction = (batch: RowBatch) => Numbers;

/** Null when the expression is none of these. */
export function compileNumbers(
  expression: BoundExpression,
  layout: Layout,
  execution: Execution,
): NumbersFunction | null {
  if (expression.kind !== "call" || expression.form !== "operator" || !expression.callee.isStrict) return null;
  if (!isNumberType(expression.type.oid) && expression.type.oid !== typeOid.bool) return null;
  const [left, right] = expression.arguments;
  if (left === undefined || right === undefined || expression.arguments.length !== 2) return null;
  const kernel = kernelFor(expression.callee.name, left.type.oid, right.type.oid);
  if (kernel === null) return null;
  const first = compileOperand(left, layout, execution);
  const second = compileOperand(right, layout, execution);
  if (first === null || second === null) return null;
  return kernelFunction(kernel, first, second);
}

function kernelFunction(kernel: NumberKernel, left: NumbersFunction, right: NumbersFunction): NumbersFunction {
  let result: Numbers | null = null;
  return (batch) => {
    const a = left(batch);
    const b = right(batch);
    const extent = extentOf(batch);
    result ??= { numbers: new Float64Array(batchRowsMax), nulls: new Uint8Array(batchRowsMax) };
    const { numbers, nulls } = result;
    for (let row = 0; row < extent; row += 1) nulls[row] = (a.nulls[row] ?? 0) | (b.nulls[row] ?? 0);
    kernel(a.numbers, b.numbers, nulls, extent, numbers);
    return result;
  };
}

/** One past the last place that a batch's rows are at. */
const extentOf = ({ rows, selection }: RowBatch): number =>
  selection === null ? rows : rows === 0 ? 0 : (selection[rows - 1] ?? 0) + 1;

export function compileOperand(
  expression: BoundExpression,
  layout: Layout,
  execution: Execution,
): NumbersFunction | null {
  if (!isNumberType(expression.type.oid)) return null;
  if (expression.kind === "column") {
    const slot = layout.get(expression.id);
    return slot === undefined ? outerOperand(expression, layout, execution) : columnOperand(slot);
  }
  const inner = compileNumbers(expression, layout, execution);
  if (inner !== null) return inner;
  if (columnsOf(expression).size > 0 || hasSubquery(expression) || isVolatile(expression)) return null;
  return outerOperand(expression, layout, execution);
}

/** A value that is the same for all rows of the batch: a constant, a parameter, a column of a row outside. */
function outerOperand(expression: BoundExpression, layout: Layout, execution: Execution): NumbersFunction {
  const compute = compileExpression(expression, layout, execution);
  let scratch: { readonly numbers: Float64Array; readonly nulls: Uint8Array; readonly masked: Uint8Array } | null =
    null;
  let filled: number | null | undefined;
  return (batch) => {
    const value = compute(batch.columns, 0);
    assert(value === null || typeof value === "number", "an operand of a number type is a number");
    scratch ??= {
      numbers: new Float64Array(batchRowsMax),
      nulls: new Uint8Array(batchRowsMax),
      masked: new Uint8Array(batchRowsMax),
    };
    const { numbers, nulls, masked } = scratch;
    if (value !== filled) {
      numbers.fill(value ?? 0);
      nulls.fill(value === null ? 1 : 0);
      filled = value;
    }
    return { numbers, nulls: batch.selection === null ? nulls : mask(batch, nulls, masked) };
  };
}

function columnOperand(slot: number): NumbersFunction {
  let masked: Uint8Array = new Uint8Array(0);
  let scratch: Float64Array | null = null;
  return (batch) => {
    const vector = batch.columns[slot];
    assert(vector !== undefined, "a batch has the column");
    if (masked.length === 0 && (batch.selection !== null || vector.kind !== "numbers"))
      masked = new Uint8Array(batchRowsMax);
    if (vector.kind === "numbers") {
      const nulls = batch.selection === null ? vector.nulls : mask(batch, vector.nulls, masked);
      return { numbers: vector.numbers, nulls };
    }
    scratch ??= new Float64Array(batchRowsMax);
    masked.fill(1);
    for (let index = 0; index < batch.rows; index += 1) {
      const row = batch.selection === null ? index : (batch.selection[index] ?? 0);
      const value = readAt(vector, row);
      if (value === null) continue;
      assert(typeof value === "number", "a column of a number type holds numbers");
      scratch[row] = value;
      masked[row] = 0;
    }
    return { numbers: scratch, nulls: masked };
  };
}

/** NULLs of the selected rows, and 1 at all other places. */
function mask({ rows, selection }: RowBatch, nulls: Uint8Array, masked: Uint8Array): Uint8Array {
  if (selection === null) return nulls;
  masked.fill(1);
  for (let index = 0; index < rows; index += 1) {
    const row = selection[index] ?? 0;
    masked[row] = nulls[row] ?? 0;
  }
  return masked;
}
