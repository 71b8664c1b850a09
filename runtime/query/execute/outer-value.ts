/** Expressions that use no row of their operator. */
import type { BoundExpression } from "../plan/expression.js";
import type { ColumnVector } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { compileExpression } from "./compile.js";
import type { Execution } from "./execution.js";

const noLayout = new Map<number, number>();
const noColumns: readonly ColumnVector[] = [];

export const compileOuter = (expression: BoundExpression, execution: Execution): (() => Datum) => {
  const compute = compileExpression(expression, noLayout, execution);
  return () => compute(noColumns, 0);
};
