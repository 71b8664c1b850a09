/** An expression over parameters alone: it is computed before the statement that they belong to begins, and reads no rows. */

import { AssertionFailed } from "../../types/assert.js";
import type { QueryEnvironment } from "../engine.js";
import type { EvaluationContext } from "../functions/context.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { TableSource } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { compileRow } from "./run.js";

const noRows = (): never => {
  throw new AssertionFailed("an expression over parameters reads no rows");
};
const noSource: TableSource = { scan: noRows, rowsEstimate: noRows, position: -1 };
const noLimit: Pick<QueryEnvironment, "memoryBytesMax" | "check"> = { memoryBytesMax: 0, check: () => undefined };

/** Expressions over a row that needs no table, by the ids of its columns. */
export function rowFunction(
  expressions: readonly BoundExpression[],
  ids: readonly ColumnId[],
  context: EvaluationContext,
): (row: readonly Datum[]) => readonly Datum[] {
  const source = { source: noSource, positionAt: noRows, systemRows: noRows };
  return compileRow(expressions, ids, { ...source, ...noLimit, context, parameters: [] });
}

/** Throws what computing it throws. `parameters` has the values up to the last that the expression names. */
export function parameterValue(
  expression: BoundExpression,
  parameters: readonly Datum[],
  context: EvaluationContext,
): Datum {
  const source = { source: noSource, positionAt: noRows, systemRows: noRows };
  const [value = null] = compileRow([expression], [], { ...source, ...noLimit, context, parameters })([]);
  return value;
}
