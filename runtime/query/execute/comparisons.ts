/**
 * The commonest conditions, a column of integers or dates against one value, straight from the column to the selection: no column of
 * results between.
 */
import type { RowBatch } from "../engine.js";
import type { BoundExpression } from "../plan/expression.js";
import { columnsOf, hasSubquery, isVolatile } from "../plan/walk.js";
import { batchRowsMax } from "../table/access.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { compileExpression } from "./compile.js";
import type { Execution, Layout } from "./execution.js";
import type { BatchFilter } from "./filter.js";
import { allRows } from "./vector.js";

type Select = (
  numbers: Float64Array,
  nulls: Uint8Array,
  selection: Int32Array,
  rows: number,
  value: number,
  kept: Int32Array,
) => number;

/**
 * Each writes the rows that pass into `kept`, and answers how many there are. None branches on a row: one that does not pass is written over by the
 * next. A processor that guesses wrong for every other row takes four times as long as one that does not guess.
 */
const selects: Readonly<Record<string, Select>> = {
  "=": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) === value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
  "<>": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) !== value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
  "<": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) < value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
  "<=": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) <= value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
  ">": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) > value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
  ">=": (numbers, nulls, selection, rows, value, kept) => {
    let count = 0;
    for (let index = 0; index < rows; index += 1) {
      const row = selection[index] ?? 0;
      kept[count] = row;
      count += ((numbers[row] ?? 0) >= value ? 1 : 0) & ((nulls[row] ?? 0) ^ 1);
    }
    return count;
  },
};

type SelectAll = (numbers: Float64Array, rows: number, value: number, kept: Int32Array) => number;

/** As `selects`, of all rows of a batch that has no NULLs there. */
const selectsOfAll: Readonly<Record<string, SelectAll>> = {
  "=": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) === value ? 1 : 0;
    }
    return count;
  },
  "<>": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) !== value ? 1 : 0;
    }
    return count;
  },
  "<": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) < value ? 1 : 0;
    }
    return count;
  },
  "<=": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) <= value ? 1 : 0;
    }
    return count;
  },
  ">": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) > value ? 1 : 0;
    }
    return count;
  },
  ">=": (numbers, rows, value, kept) => {
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      kept[count] = row;
      count += (numbers[row] ?? 0) >= value ? 1 : 0;
    }
    return count;
  },
};

const types: ReadonlySet<Oid> = new Set([typeOid.int2, typeOid.int4, typeOid.oid, typeOid.date]);
const mirrored: Readonly<Record<string, string>> = { "=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** Null when the condition is not of this form, or the batch's column turns out not to be one of numbers (`otherwise` is for that). */
export function compileComparison(
  term: BoundExpression,
  layout: Layout,
  execution: Execution,
  otherwise: () => BatchFilter,
): BatchFilter | null {
  if (term.kind !== "call" || term.form !== "operator" || term.arguments.length !== 2) return null;
  const [left, right] = term.arguments;
  if (left === undefined || right === undefined || left.type.oid !== right.type.oid || !types.has(left.type.oid))
    return null;
  const isLeft = left.kind === "column" && layout.has(left.id);
  const column = isLeft ? left : right;
  const other = isLeft ? right : left;
  if (column.kind !== "column" || hasSubquery(other) || isVolatile(other)) return null;
  for (const id of columnsOf(other)) if (layout.has(id)) return null;
  const slot = layout.get(column.id);
  const operator = isLeft ? term.callee.name : (mirrored[term.callee.name] ?? "");
  const [select, selectOfAll] = [selects[operator], selectsOfAll[operator]];
  if (slot === undefined || select === undefined || selectOfAll === undefined) return null;
  const compute = compileExpression(other, layout, execution);
  let kept: Int32Array | null = null;
  let fallback: BatchFilter | null = null;
  return (batch: RowBatch): RowBatch => {
    const { rows, selection, columns } = batch;
    const vector = columns[slot];
    if (vector === undefined || vector.kind !== "numbers") {
      fallback ??= otherwise();
      return fallback(batch);
    }
    const value = compute(columns, 0);
    if (typeof value !== "number") return { rows: 0, selection: allRows, columns };
    kept ??= new Int32Array(batchRowsMax);
    const count =
      selection === null && !vector.hasNulls
        ? selectOfAll(vector.numbers, rows, value, kept)
        : select(vector.numbers, vector.nulls, selection ?? allRows, rows, value, kept);
    return { rows: count, selection: kept, columns };
  };
}
