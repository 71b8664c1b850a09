/**
 * The commonest writes, one row inserted, or one row changed by its key, as programs that are made once for a statement and run for each
 * execution: no operators, no overlay, no writer made for it. They are for a statement that stands alone, where no lock is held.
 *
 * A program does what `Modification` and `TableWriter` do when all goes well. Whenever it does not (a value is missing, a check fails, a
 * key is taken) it writes nothing and says so: the statement is then run the general way, which knows what to say.
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
import type { ColumnId } from "../plan/expression.js";
import { indexEntry, rowKeyCodecOf } from "../table/index-keys.js";
import { type RowCodec, rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";

/** A row beyond this is left to the general way, which stages what one record cannot hold. */
const rowBytesMax = 256 * 1024;

/** Told of each item that is put. The bytes are its to copy. */
export type PutItem = (space: number, object: number, item: Uint8Array, content: Uint8Array) => void;

export interface SingleRun {
  readonly state: TreeReader;
  readonly tenant: number;
  /** Parameters and context; the program sets the row. */
  readonly frame: Frame;
  readonly put: PutItem;
}

/** Rows that were written, changed or not; null when the statement has to be run the general way. */
export type SingleRowProgram = (run: SingleRun) => number | null;

/** Null when the statement is more than a program can do. */
export function singleRowProgramOf(modification: BoundModification, catalog: Catalog): SingleRowProgram | null {
  if (modification.returning !== null) return null;
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
  readonly item: Uint8Array;
  readonly content: Uint8Array;
}

const hasForeignKey = ({ constraints }: TableDefinition): boolean =>
  constraints.some(({ kind }) => kind === "foreignKey");

const isPlain = ({ predicate, keys }: IndexDefinition): boolean =>
  predicate === null && keys.every(({ column }) => column > 0);

function insertProgram(insert: BoundInsert): SingleRowProgram | null {
  const { table, plan, values, onConflict, rules } = insert;
  if (table.keyColumns.length === 0 || hasForeignKey(table)) return null;
  if (onConflict !== null && onConflict.action !== "nothing") return null;
  const item = plan.kind === "values" && plan.items.length === 1 ? plan.items[0] : undefined;
  const checked = rulesOf(insert);
  const others = rules.indexes.map(({ index }) => index).filter((index) => !index.isPrimary);
  if (item === undefined || checked === null || !others.every(isPlain)) return null;
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  const computed: { readonly place: number; readonly compute: FrameFunction }[] = [];
  for (const [at, { number }] of live.entries()) {
    const id = values[at] ?? null;
    const expression = id === null ? undefined : item[plan.columns.findIndex((column) => column.id === id)];
    const compute = expression === undefined ? null : compileForFrames(expression, noSlots);
    if (compute === null) return null;
    computed.push({ place: number - 1, compute });
  }
  const indexes = others.map((index): PlainIndex => ({ index, places: index.keys.map(({ column }) => column - 1) }));
  const width = table.columns.length;
  const codec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const treeKey = new TableKey();
  return ({ state, tenant, frame, put }) => {
    const row: Datum[] = new Array<Datum>(width).fill(null);
    for (const { place, compute } of computed) row[place] = compute(frame);
    frame.row = row;
    if (!isSound(checked, frame)) return null;
    const rowKey = keyCodec.encode(table.keyColumns.map((number) => row[number - 1] ?? null));
    if (state.get(tableTree.rows, treeKey.item(tenant, table.storage, rowKey))) return null;
    const content = codec.encode(row);
    if (content.length > rowBytesMax) return null;
    const placed = indexes.length === 0 ? nothing : place(indexes, row, rowKey, state, tenant, treeKey);
    if (placed === null) return null;
    put(tableSpace.rows, table.storage, rowKey, content);
    for (const entry of placed) put(tableSpace.index, entry.index.storage, entry.item, entry.content);
    return 1;
  };
}

const noSlots: ReadonlyMap<ColumnId, number> = new Map();
const nothing: readonly Placed[] = [];

/** The row's index entries; null when one that must be unique is there. */
function place(
  indexes: readonly PlainIndex[],
  row: readonly Datum[],
  rowKey: Uint8Array,
  state: TreeReader,
  tenant: number,
  treeKey: TableKey,
): readonly Placed[] | null {
  const placed: Placed[] = [];
  for (const { index, places } of indexes) {
    const values = places.map((at) => row[at] ?? null);
    const { item, content, mustBeUnique } = indexEntry(index, values, rowKey);
    if (mustBeUnique && state.get(tableTree.index, treeKey.item(tenant, index.storage, item))) return null;
    placed.push({ index, item, content });
  }
  return placed;
}

// ---- UPDATE by key

function updateProgram(update: BoundUpdate, catalog: Catalog): SingleRowProgram | null {
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
  const computed: { readonly place: number; readonly compute: FrameFunction }[] = [];
  for (const { column, id } of assignments) {
    const expression = expressionOf(id);
    const compute = expression === undefined ? null : compileForFrames(expression, slots);
    if (compute === null) return null;
    computed.push({ place: column - 1, compute });
  }
  return changeByKey(table, keyValues, computed, checked);
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
  computed: readonly { readonly place: number; readonly compute: FrameFunction }[],
  checked: Rules,
): SingleRowProgram {
  const codec: RowCodec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const treeKey = new TableKey();
  return ({ state, tenant, frame, put }) => {
    const values: Datum[] = [];
    for (const part of keyValues) {
      const value = part.kind === "parameter" ? frame.parameters[part.index] : part.value;
      // NULL equals nothing.
      if (value === null) return 0;
      assert(value !== undefined, "a bound statement has a value for each parameter");
      values.push(value);
    }
    const rowKey = keyCodec.encodeBound(values);
    if (!state.get(tableTree.rows, treeKey.item(tenant, table.storage, rowKey))) return 0;
    const { valueBytes, valueView, valueStart, valueLength } = state;
    const before = codec.decode(valueBytes, valueView, valueStart + 8);
    frame.row = before;
    const after = [...before];
    for (const { place, compute } of computed) after[place] = compute(frame);
    frame.row = after;
    if (!isSound(checked, frame)) return null;
    const content = codec.encode(after);
    if (content.length > rowBytesMax) return null;
    if (!isSame(content, valueBytes, valueStart + 8, valueStart + valueLength)) {
      put(tableSpace.rows, table.storage, rowKey, content);
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
