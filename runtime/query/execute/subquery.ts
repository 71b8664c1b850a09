/** Subqueries as values. One that uses no outer row runs once; IN over such a one looks its value up in a table. */

import { assert } from "../../types/assert.js";
import type { BoundExpression, Subplan } from "../plan/expression.js";
import type { ColumnVector } from "../table/access.js";
import { SqlArray } from "../types/array.js";
import { collectedArrays } from "../types/array-parts.js";
import { hashKeyOf } from "../types/compare.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { elementTypeOf, isArray } from "../types/type-table.js";
import { cardinality, type Execution, type Layout, layoutOf, type Operator, placeOf } from "./execution.js";
import { comparedWithExtremes } from "./subquery-extremes.js";
import { foundByKey } from "./subquery-keys.js";
import { readAt } from "./vector.js";

export type RowFunction = (columns: readonly ColumnVector[], row: number) => Datum;
export type Compile = (expression: BoundExpression, layout: Layout, execution: Execution) => RowFunction;

export function compileSubquery(subplan: Subplan, layout: Layout, execution: Execution, compile: Compile): RowFunction {
  const inner = layoutOf(subplan.plan.columns);
  // Built when it is first needed, since a plan may hold a subquery that no row ever asks for.
  let operator: Operator | null = null;
  const open = (): Operator => {
    operator ??= execution.build(subplan.plan, execution);
    operator.reset();
    return operator;
  };
  const hashed =
    hashedOf(subplan, inner, layout, open, execution, compile) ??
    hashedRowsOf(subplan, inner, layout, open, execution, compile) ??
    comparedWithExtremes(subplan, inner, layout, open, execution, compile);
  if (hashed !== null) return hashed;
  const [id] = subplan.columns;
  const run = runnerOf(subplan, id === undefined ? 0 : (inner.get(id) ?? 0), inner, open, execution, compile);
  if (subplan.outer.length === 0 && !subplan.isVolatile) {
    let isKnown = false;
    let value: Datum = null;
    return () => {
      if (!isKnown) value = run();
      isKnown = true;
      return value;
    };
  }
  const outer = subplan.outer.filter((column) => layout.has(column));
  const byRow: RowFunction = (columns, row) => {
    execution.load(outer, layout, columns, row);
    return run();
  };
  const { byKey } = subplan;
  return byKey === undefined ? byRow : foundByKey(byKey, byRow, outer, layout, execution, compile);
}

function runnerOf(
  subplan: Subplan,
  slot: number,
  inner: Layout,
  open: () => Operator,
  execution: Execution,
  compile: Compile,
): () => Datum {
  switch (subplan.form) {
    case "exists":
      return () => {
        const operator = open();
        const batch = nextFilled(operator);
        operator.close();
        return batch !== null;
      };
    case "scalar":
      return () => {
        const operator = open();
        const batch = nextFilled(operator);
        if (batch === null) {
          operator.close();
          return null;
        }
        const vector = batch.columns[slot];
        assert(vector !== undefined, "a scalar subquery has its column");
        const value = readAt(vector, placeOf(batch, 0));
        const isMore = batch.rows > 1 || nextFilled(operator) !== null;
        operator.close();
        if (isMore) throw cardinality();
        return value;
      };
    case "array": {
      const type: Oid = subplan.plan.columns[slot]?.type.oid ?? 0;
      return () => {
        const items: Datum[] = [];
        const operator = open();
        for (let batch = operator.next(); batch !== null; batch = operator.next()) {
          const vector = batch.columns[slot];
          assert(vector !== undefined, "an array subquery has its column");
          for (let index = 0; index < batch.rows; index += 1) items.push(readAt(vector, placeOf(batch, index)));
        }
        operator.close();
        return isArray(type) ? collectedArrays(elementTypeOf(type), items) : new SqlArray(type, items);
      };
    }
    case "any":
    case "all": {
      assert(subplan.test !== null, "ANY and ALL compare");
      const test = compile(subplan.test, inner, execution);
      const isAny = subplan.form === "any";
      return () => {
        let isUnknown = false;
        const operator = open();
        for (let batch = operator.next(); batch !== null; batch = operator.next()) {
          for (let index = 0; index < batch.rows; index += 1) {
            const value = test(batch.columns, placeOf(batch, index));
            if (value === null) isUnknown = true;
            else if (value === isAny) {
              operator.close();
              return isAny;
            }
          }
        }
        operator.close();
        return isUnknown ? null : !isAny;
      };
    }
  }
}

function nextFilled(operator: Operator) {
  for (let batch = operator.next(); batch !== null; batch = operator.next()) if (batch.rows > 0) return batch;
  return null;
}

/** `x IN (a subquery that uses no outer row)`, and `x <> ALL`, of one column: its values in a table. */
function hashedOf(
  subplan: Subplan,
  inner: Layout,
  layout: Layout,
  open: () => Operator,
  execution: Execution,
  compile: Compile,
): RowFunction | null {
  const [pair] = subplan.equalities ?? [];
  if (pair === undefined || subplan.equalities?.length !== 1 || subplan.isVolatile) return null;
  if (subplan.planOuter.length > 0) return null;
  const isAny = subplan.form === "any";
  const subject = compile(pair.outer, layout, execution);
  const slot = inner.get(pair.inner);
  if (slot === undefined) return null;
  const keyOf = hashKeyOf(pair.outer.type.oid);
  let table: {
    readonly keys: Set<string | number | bigint | boolean>;
    readonly hasNull: boolean;
    readonly isEmpty: boolean;
  } | null = null;
  const fill = (): NonNullable<typeof table> => {
    const keys = new Set<string | number | bigint | boolean>();
    let hasNull = false;
    const operator = open();
    for (let batch = operator.next(); batch !== null; batch = operator.next()) {
      const vector = batch.columns[slot];
      assert(vector !== undefined, "a hashed subquery has its column");
      for (let index = 0; index < batch.rows; index += 1) {
        const value = readAt(vector, placeOf(batch, index));
        if (value === null) hasNull = true;
        else {
          const key = keyOf(value);
          execution.memory.take(48 + (typeof key === "string" ? key.length : 0));
          keys.add(key);
        }
      }
    }
    operator.close();
    return { keys, hasNull, isEmpty: keys.size === 0 && !hasNull };
  };
  return (columns, row) => {
    table ??= fill();
    if (table.isEmpty) return !isAny;
    const value = subject(columns, row);
    if (value === null) return null;
    if (table.keys.has(keyOf(value))) return isAny;
    return table.hasNull ? null : !isAny;
  };
}

/**
 * `(x, y) IN (a subquery that uses no outer row)`: its rows in a table. A NULL on either side leaves the answer open where all else is equal, so a row
 * with one is compared with each other row.
 */
function hashedRowsOf(
  subplan: Subplan,
  inner: Layout,
  layout: Layout,
  open: () => Operator,
  execution: Execution,
  compile: Compile,
): RowFunction | null {
  const pairs = subplan.equalities ?? [];
  if (subplan.form !== "any" || pairs.length < 2 || subplan.isVolatile || subplan.planOuter.length > 0) return null;
  const parts = pairs.map((pair) => ({
    subject: compile(pair.outer, layout, execution),
    slot: inner.get(pair.inner),
    keyOf: hashKeyOf(pair.outer.type.oid),
  }));
  let table: { readonly whole: Map<string, RowKey>; readonly withNulls: Map<string, RowKey> } | null = null;
  const fill = (): NonNullable<typeof table> => {
    const whole = new Map<string, RowKey>();
    const withNulls = new Map<string, RowKey>();
    const operator = open();
    for (let batch = operator.next(); batch !== null; batch = operator.next()) {
      for (let index = 0; index < batch.rows; index += 1) {
        const row = placeOf(batch, index);
        const key = parts.map(({ slot, keyOf }) => {
          const vector = batch.columns[slot ?? -1];
          assert(vector !== undefined, "a hashed subquery has its columns");
          const value = readAt(vector, row);
          return value === null ? null : String(keyOf(value));
        });
        const rows = key.includes(null) ? withNulls : whole;
        const name = joined(key);
        if (rows.has(name)) continue;
        execution.memory.take(96 + 2 * name.length);
        rows.set(name, key);
      }
    }
    operator.close();
    return { whole, withNulls };
  };
  return (columns, row) => {
    table ??= fill();
    const key = parts.map(({ subject, keyOf }) => {
      const value = subject(columns, row);
      return value === null ? null : String(keyOf(value));
    });
    const hasNull = key.includes(null);
    if (!hasNull && table.whole.has(joined(key))) return true;
    const mayBe = (other: RowKey): boolean =>
      other.every((part, at) => part === null || key[at] === null || part === key[at]);
    for (const other of table.withNulls.values()) if (mayBe(other)) return null;
    if (hasNull) for (const other of table.whole.values()) if (mayBe(other)) return null;
    return false;
  };
}

/** Values of a row by which it is found; null for NULL. */
type RowKey = readonly (string | null)[];

const joined = (key: RowKey): string => key.map((part) => (part === null ? "-" : `${part.length}:${part}`)).join("");
