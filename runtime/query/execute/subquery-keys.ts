/**
 * Correlated subqueries that are asked for many rows: they are run for each at first, and once that has cost what a run for all keys at once would, that is
 * done instead, and its rows are looked up.
 */
import { assert } from "../../types/assert.js";
import type { ColumnId, SubplanByKey } from "../plan/expression.js";
import { columnsOf } from "../plan/walk.js";
import { batchRowsMax, type ColumnVector } from "../table/access.js";
import { hashKeyOf } from "../types/compare.js";
import type { Datum } from "../types/datum.js";
import { cardinality, type Execution, type Layout, layoutOf, placeOf } from "./execution.js";
import { KeptRows } from "./kept-rows.js";
import type { Compile, RowFunction } from "./subquery.js";
import { readAt } from "./vector.js";

type Key = string | number | bigint | boolean;

/** What beginning a subquery costs, in rows that a scan goes over. */
const runCost = 100;
/** Runs for single rows before any other way is thought of. */
const runsMin = 16;
/** Bytes of a key in the table. */
const keyBytes = 64;
/** The place of a key that has several rows. */
const several = -1;

interface Table {
  /** Places of rows by their keys. */
  readonly places: Map<Key, number>;
  readonly rows: KeptRows;
}

/** @param byRow runs the subquery for a row, having loaded its `outer` columns into registers */
export function foundByKey(
  byKey: SubplanByKey,
  byRow: RowFunction,
  outer: readonly ColumnId[],
  layout: Layout,
  execution: Execution,
  compile: Compile,
): RowFunction {
  const { plan, keys, value, isGrouped } = byKey;
  const inner = layoutOf(plan.columns);
  const keyOfOuter = keyOf(
    keys.map((key) => ({ compute: compile(key.outer, layout, execution), oid: key.outer.type.oid })),
  );
  const computed = value === null ? null : compile(value, inner, execution);
  const usesOuter = value !== null && [...columnsOf(value)].some((id) => !inner.has(id));
  const wholeCost = Math.max(0, plan.cost) + Math.max(0, plan.rows);
  let runs = 0;
  let spent = 0;
  let table: Table | null = null;
  let isTooMuch = false;
  /** What aggregates of no rows come to, once that was asked for. */
  let ofNone: { readonly value: Datum } | null = null;

  return (columns, row) => {
    if (table === null && !isTooMuch && runs >= runsMin && spent >= wholeCost) {
      table = filled(byKey, inner, execution);
      isTooMuch = table === null;
    }
    if (table === null) {
      const before = execution.worked;
      const found = byRow(columns, row);
      runs += 1;
      spent += execution.worked - before + runCost;
      return found;
    }
    const key = keyOfOuter(columns, row);
    const place = key === null ? undefined : table.places.get(key);
    if (computed === null) return place !== undefined;
    if (place === undefined) {
      if (!isGrouped) return null;
      if (usesOuter) return byRow(columns, row);
      ofNone ??= { value: byRow(columns, row) };
      return ofNone.value;
    }
    if (place === several) throw cardinality();
    if (usesOuter) execution.load(outer, layout, columns, row);
    return computed(table.rows.columnsAt(place), place % batchRowsMax);
  };
}

/** A key of one value or of several; null where one of them is NULL, which equals nothing. */
function keyOf(
  parts: readonly { readonly compute: RowFunction; readonly oid: number }[],
): (columns: readonly ColumnVector[], row: number) => Key | null {
  const keyed = parts.map(({ compute, oid }) => ({ compute, hash: hashKeyOf(oid) }));
  const [only] = keyed;
  if (only !== undefined && keyed.length === 1) {
    const { compute, hash } = only;
    return (columns, row) => {
      const value = compute(columns, row);
      return value === null ? null : hash(value);
    };
  }
  return (columns, row) => {
    let key = "";
    for (const { compute, hash } of keyed) {
      const value = compute(columns, row);
      if (value === null) return null;
      const part = String(hash(value));
      key += `${part.length}:${part}`;
    }
    return key;
  };
}

/** The rows of all keys; null where they would take too much of the statement's memory. */
function filled({ plan, keys, value, isGrouped }: SubplanByKey, inner: Layout, execution: Execution): Table | null {
  const { memory } = execution;
  const keyOfRow = keyOf(
    keys.map((key) => {
      const slot = inner.get(key.inner);
      const oid = plan.columns[slot ?? -1]?.type.oid;
      assert(slot !== undefined && oid !== undefined, "a subquery by key has the columns of its keys");
      return { compute: (columns, row) => readAt(columns[slot] ?? noColumn, row), oid };
    }),
  );
  const places = new Map<Key, number>();
  const rows = new KeptRows(plan.columns, memory);
  const operator = execution.build(plan, execution);
  operator.reset();
  for (let batch = operator.next(); batch !== null; batch = operator.next()) {
    const before = places.size;
    for (let index = 0; index < batch.rows; index += 1) {
      const row = placeOf(batch, index);
      const key = keyOfRow(batch.columns, row);
      if (key === null) continue;
      if (value === null) places.set(key, 0);
      else if (places.has(key)) {
        assert(!isGrouped, "aggregates have one row for a key");
        places.set(key, several);
      } else {
        places.set(key, rows.rows);
        rows.appendAt(batch.columns, row);
      }
    }
    memory.take((places.size - before) * keyBytes);
    if (!memory.isTight(rows.bytes + places.size * keyBytes)) continue;
    memory.give(places.size * keyBytes);
    rows.clear();
    operator.close();
    return null;
  }
  operator.close();
  return { places, rows };
}

const noColumn: ColumnVector = { kind: "values", values: [] };
