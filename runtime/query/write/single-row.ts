/**
 * The commonest writes, rows of values inserted, or one row changed by its key, as programs that are made once for a statement and run for
 * each execution: no operators and no writer are made for it.
 *
 * A program does what `Modification` and `TableWriter` do when all goes well. Whenever it does not (a value is missing, a check fails, a
 * key is taken) it says so, and what it has put is to be dropped: the statement is then run the general way, which knows what to say.
 *
 * What a table may not have, else there is no program: foreign keys that the write concerns, generated columns, expressions that only
 * the executor runs (frame-expression.ts); for an UPDATE also an index or a key on a changed column, and partial or expression indexes.
 */
import { TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { BoundInsert, BoundModification, BoundUpdate } from "../bind/bound.js";
import type { Catalog, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { compileForFrames, type Frame, type FrameFunction } from "../execute/frame-expression.js";
import { type KeyValue, pointKeyOf } from "../execute/point.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import { isVolatile } from "../plan/walk.js";
import { indexEntry, rowKeyCodecOf, rowNumberKey } from "../table/index-keys.js";
import { type RowCodec, rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import type { LockStrength } from "./ports.js";

/** A row beyond this is left to the general way, which stages what one record cannot hold. */
const rowBytesMax = 256 * 1024;

/** Told of each item that is put, with its key in the trees and without. The bytes are its to copy. */
export type PutItem = (space: number, object: number, treeKey: Uint8Array, content: Uint8Array) => void;

export interface SingleRun {
  /** The state as the statement sees it, with what it has put already if it may put more than one row. */
  readonly state: TreeReader;
  readonly tenant: number;
  /** Parameters and context; the program sets the row. */
  readonly frame: Frame;
  readonly put: PutItem;
  /** Locks a row or the place of a unique entry; false when it is not to be had, and the statement is to be run the general way. */
  lock(tree: number, treeKey: Uint8Array, strength: LockStrength, table: TableDefinition): boolean;
  /** The next number for a row of a table without a primary key; only a volatile program asks for it. */
  nextRowNumber(storage: number): number;
}

export interface WriteProgram {
  /** Rows that one run puts at most. */
  readonly rows: number;
  /** Where its values come from: `plan` has one run for each row of the statement's plan, whose columns are the frame's parameters. */
  readonly input: "statement" | "plan";
  /** Whether something in it draws numbers, or is otherwise to be computed once. */
  readonly isVolatile: boolean;
  /** Rows that were written, changed or not; null when the statement has to be run the general way. */
  run(run: SingleRun): number | null;
}

/** Null when the statement is more than a program can do. */
export function writeProgramOf(modification: BoundModification, catalog: Catalog): WriteProgram | null {
  if (modification.returning !== null || modification.plan.failing !== undefined) return null;
  switch (modification.kind) {
    case "insert":
      return insertProgram(modification);
    case "update":
      return updateProgram(modification, catalog);
    case "delete":
      return null;
  }
}

interface Rules {
  /** Columns that must not be NULL, as places in a row's values. */
  readonly required: readonly number[];
  readonly checks: readonly FrameFunction[];
}

/** Checks are compiled over the row's values by column number - 1. */
function rulesOf({ table, rules }: BoundModification): Rules | null {
  if (rules.generated.length > 0) return null;
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  assert(rules.rowIds.length === live.length, "the rules of a table have an id for each live column");
  const slots = new Map<ColumnId, number>();
  for (const [at, { number }] of live.entries()) slots.set(rules.rowIds[at] ?? 0, number - 1);
  const checks: FrameFunction[] = [];
  for (const { expression } of rules.checks) {
    const check = compileForFrames(expression, slots);
    if (check === null) return null;
    checks.push(check);
  }
  return { required: live.filter(({ isNotNull }) => isNotNull).map(({ number }) => number - 1), checks };
}

function isSound({ required, checks }: Rules, frame: Frame): boolean {
  for (const place of required) if ((frame.row[place] ?? null) === null) return false;
  for (const check of checks) if (check(frame) === false) return false;
  return true;
}

// ---- INSERT

interface PlainIndex {
  readonly index: IndexDefinition;
  /** Places of the keys' columns in a row's values. */
  readonly places: readonly number[];
}

interface Placed {
  readonly index: IndexDefinition;
  readonly treeKey: Uint8Array;
  readonly content: Uint8Array;
}

const hasForeignKey = ({ constraints }: TableDefinition): boolean =>
  constraints.some(({ kind }) => kind === "foreignKey");

const isPlain = ({ predicate, keys, isDeferrable }: IndexDefinition): boolean =>
  predicate === null && isDeferrable !== true && keys.every(({ column }) => column > 0);

interface Computed {
  readonly place: number;
  readonly compute: FrameFunction;
}

/** How one row of VALUES becomes a row of the table; null for what only the executor computes. */
function computedOf(
  { table, plan, values }: BoundInsert,
  item: readonly BoundExpression[],
): readonly Computed[] | null {
  const computed: Computed[] = [];
  for (const [at, { number }] of table.columns.filter(({ isDropped }) => !isDropped).entries()) {
    const id = values[at] ?? null;
    const expression = id === null ? undefined : item[plan.columns.findIndex((column) => column.id === id)];
    const compute = expression === undefined ? null : compileForFrames(expression, noSlots);
    if (compute === null) return null;
    computed.push({ place: number - 1, compute });
  }
  return computed;
}

/** How a row of the plan becomes a row of the table. */
function takenFrom({ table, plan, values }: BoundInsert): readonly Computed[] {
  const taken: Computed[] = [];
  for (const [at, { number }] of table.columns.filter(({ isDropped }) => !isDropped).entries()) {
    const id = values[at] ?? null;
    const place = plan.columns.findIndex((column) => column.id === id);
    assert(place >= 0, "what an INSERT stores is in its plan's columns");
    taken.push({ place: number - 1, compute: ({ parameters }) => parameters[place] ?? null });
  }
  return taken;
}

function insertProgram(insert: BoundInsert): WriteProgram | null {
  const { table, plan, onConflict, rules } = insert;
  if (hasForeignKey(table)) return null;
  if (onConflict !== null && onConflict.action !== "nothing") return null;
  const checked = rulesOf(insert);
  const others = rules.indexes.map(({ index }) => index).filter((index) => !index.isPrimary);
  if (checked === null || !others.every(isPlain)) return null;
  const indexes = others.map((index): PlainIndex => ({ index, places: index.keys.map(({ column }) => column - 1) }));
  const write = insertRow(table, indexes, checked);
  if (plan.kind !== "values") {
    const taken = takenFrom(insert);
    return { rows: 1, input: "plan", isVolatile: true, run: (run) => (write(taken, run) ? 1 : null) };
  }
  const rows: (readonly Computed[])[] = [];
  for (const item of plan.items) {
    const computed = computedOf(insert, item);
    if (computed === null) return null;
    rows.push(computed);
  }
  return {
    rows: rows.length,
    input: "statement",
    isVolatile:
      table.keyColumns.length === 0 || plan.items.some((item) => item.some((expression) => isVolatile(expression))),
    run: (run) => {
      for (const computed of rows) if (!write(computed, run)) return null;
      return rows.length;
    },
  };
}

/** Puts one row; false when the general way has to. */
function insertRow(
  table: TableDefinition,
  indexes: readonly PlainIndex[],
  checked: Rules,
): (computed: readonly Computed[], run: SingleRun) => boolean {
  // What is not computed, dropped columns, stays NULL; nobody keeps the row.
  const row: Datum[] = new Array<Datum>(table.columns.length).fill(null);
  const keyValues: Datum[] = [];
  const codec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const hasKey = table.keyColumns.length > 0;
  const key = new TableKey();
  const entryKey = new TableKey();
  return (computed, run) => {
    const { state, tenant, frame, put } = run;
    for (const { place, compute } of computed) row[place] = compute(frame);
    frame.row = row;
    if (!isSound(checked, frame)) return false;
    for (let at = 0; at < table.keyColumns.length; at++) keyValues[at] = row[(table.keyColumns[at] ?? 0) - 1] ?? null;
    const rowKey = hasKey ? keyCodec.encode(keyValues) : rowNumberKey(run.nextRowNumber(table.storage));
    const treeKey = key.item(tenant, table.storage, rowKey);
    // Numbers are new; a key may be taken.
    if (hasKey) {
      if (!run.lock(tableTree.rows, treeKey, "update", table) || state.get(tableTree.rows, treeKey)) return false;
    }
    const content = codec.encodeView(row);
    if (content.length > rowBytesMax) return false;
    const placed = indexes.length === 0 ? nothing : place(table, indexes, row, rowKey, run, entryKey);
    if (placed === null) return false;
    put(tableSpace.rows, table.storage, treeKey, content);
    for (const entry of placed) put(tableSpace.index, entry.index.storage, entry.treeKey, entry.content);
    return true;
  };
}

const noSlots: ReadonlyMap<ColumnId, number> = new Map();
const nothing: readonly Placed[] = [];

/** The row's index entries; null when one that must be unique is there. */
function place(
  table: TableDefinition,
  indexes: readonly PlainIndex[],
  row: readonly Datum[],
  rowKey: Uint8Array,
  { state, tenant, lock }: SingleRun,
  key: TableKey,
): readonly Placed[] | null {
  const placed: Placed[] = [];
  for (const { index, places } of indexes) {
    const values = places.map((at) => row[at] ?? null);
    const { item, content, mustBeUnique } = indexEntry(index, values, rowKey);
    const treeKey = key.item(tenant, index.storage, item).slice();
    if (mustBeUnique) {
      if (!lock(tableTree.index, treeKey, "update", table) || state.get(tableTree.index, treeKey)) return null;
    }
    placed.push({ index, treeKey, content });
  }
  return placed;
}

// ---- UPDATE by key

function updateProgram(update: BoundUpdate, catalog: Catalog): WriteProgram | null {
  const { table, plan, key, assignments } = update;
  if (plan.kind !== "project" || plan.input.kind !== "scan") return null;
  const { input: scan } = plan;
  const keyValues = pointKeyOf(scan);
  const checked = rulesOf(update);
  const changed = assignments.map(({ column }) => column);
  if (keyValues === null || checked === null || !isApart(table, changed, update, catalog)) return null;
  const slots = new Map<ColumnId, number>();
  for (const [at, { id }] of scan.columns.entries()) {
    const number = scan.numbers[at] ?? 0;
    if (number > 0) slots.set(id, number - 1);
  }
  const expressionOf = (id: ColumnId) => plan.expressions[plan.columns.findIndex((column) => column.id === id)];
  if (expressionOf(key)?.kind !== "column") return null;
  const computed: Computed[] = [];
  let isAnyVolatile = false;
  for (const { column, id } of assignments) {
    const expression = expressionOf(id);
    const compute = expression === undefined ? null : compileForFrames(expression, slots);
    if (expression === undefined || compute === null) return null;
    isAnyVolatile ||= isVolatile(expression);
    computed.push({ place: column - 1, compute });
  }
  return {
    rows: 1,
    input: "statement",
    isVolatile: isAnyVolatile,
    run: changeByKey(table, keyValues, computed, checked),
  };
}

/** Whether nothing but the row itself depends on the columns that are changed. */
function isApart(
  table: TableDefinition,
  changed: readonly number[],
  { rules }: BoundUpdate,
  catalog: Catalog,
): boolean {
  const isChanged = (number: number): boolean => changed.includes(number);
  if (table.keyColumns.some(isChanged)) return false;
  const refers = table.constraints.some((each) => each.kind === "foreignKey" && each.columns.some(isChanged));
  const isReferredTo = catalog
    .referencing(table.oid)
    .some(({ constraint }) => constraint.kind === "foreignKey" && constraint.referencedColumns.some(isChanged));
  if (refers || isReferredTo) return false;
  return rules.indexes.every(({ index }) => isPlain(index) && !index.keys.some(({ column }) => isChanged(column)));
}

function changeByKey(
  table: TableDefinition,
  keyValues: readonly KeyValue[],
  computed: readonly Computed[],
  checked: Rules,
): WriteProgram["run"] {
  const codec: RowCodec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const key = new TableKey();
  return ({ state, tenant, frame, put, lock }) => {
    const values: Datum[] = [];
    for (const part of keyValues) {
      const value = part.kind === "parameter" ? frame.parameters[part.index] : part.value;
      // NULL equals nothing.
      if (value === null) return 0;
      assert(value !== undefined, "a bound statement has a value for each parameter");
      values.push(value);
    }
    const treeKey = key.item(tenant, table.storage, keyCodec.encodeBound(values));
    if (!state.get(tableTree.rows, treeKey)) return 0;
    // No column that is changed is one of a key.
    if (!lock(tableTree.rows, treeKey, "noKeyUpdate", table)) return null;
    const isThere = state.get(tableTree.rows, treeKey);
    assert(isThere, "a row that is locked stays");
    const { valueBytes, valueView, valueStart, valueLength } = state;
    const before = codec.decode(valueBytes, valueView, valueStart + 8);
    frame.row = before;
    const after = [...before];
    for (const { place, compute } of computed) after[place] = compute(frame);
    frame.row = after;
    if (!isSound(checked, frame)) return null;
    const content = codec.encodeView(after);
    if (content.length > rowBytesMax) return null;
    if (!isSame(content, valueBytes, valueStart + 8, valueStart + valueLength)) {
      put(tableSpace.rows, table.storage, treeKey, content);
    }
    return 1;
  };
}

/** A row that stays as it is is no change. */
function isSame(content: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (content.length !== to - from) return false;
  for (let at = 0; at < content.length; at++) if (content[at] !== bytes[from + at]) return false;
  return true;
}
