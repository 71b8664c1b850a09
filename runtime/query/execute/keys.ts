/** Values of several columns as one key of a table: equal keys are equal values by their types' equality. */
import type { BoundExpression } from "../plan/expression.js";
import type { ColumnVector } from "../table/access.js";
import { hashKeyOf } from "../types/compare.js";
import { compileExpression } from "./compile.js";
import type { Execution, Layout } from "./execution.js";

export type Key = string | number | bigint | boolean;

/** Null when a value is NULL, which equals nothing. */
export type JoinKey = (columns: readonly ColumnVector[], row: number) => Key | null;

export function compileJoinKey(expressions: readonly BoundExpression[], layout: Layout, execution: Execution): JoinKey {
  const parts = expressions.map((expression) => ({
    compute: compileExpression(expression, layout, execution),
    keyOf: hashKeyOf(expression.type.oid),
  }));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    const { compute, keyOf } = only;
    return (columns, row) => {
      const value = compute(columns, row);
      return value === null ? null : keyOf(value);
    };
  }
  return (columns, row) => {
    let key = "";
    for (const { compute, keyOf } of parts) {
      const value = compute(columns, row);
      if (value === null) return null;
      const part = String(keyOf(value));
      key += `${part.length}:${part}`;
    }
    return key;
  };
}

const nullKey = "null";

/** NULLs are equal to one another: GROUP BY, DISTINCT, UNION. */
export function compileGroupKey(
  expressions: readonly BoundExpression[],
  layout: Layout,
  execution: Execution,
): (columns: readonly ColumnVector[], row: number) => Key {
  const parts = expressions.map((expression) => ({
    compute: compileExpression(expression, layout, execution),
    keyOf: hashKeyOf(expression.type.oid),
  }));
  const [only] = parts;
  if (parts.length === 0) return () => 0;
  if (parts.length === 1 && only !== undefined) {
    const { compute, keyOf } = only;
    return (columns, row) => {
      const value = compute(columns, row);
      if (value === null) return nullKey;
      const key = keyOf(value);
      return typeof key === "string" ? `=${key}` : key;
    };
  }
  return (columns, row) => {
    let key = "";
    for (const { compute, keyOf } of parts) {
      const value = compute(columns, row);
      if (value === null) key += "-";
      else {
        const part = String(keyOf(value));
        key += `${part.length}:${part}`;
      }
    }
    return key;
  };
}
