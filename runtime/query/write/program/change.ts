/** UPDATE and DELETE of one row by its whole key. */
import { itemAt, TableKey, tableSpace, tableTree } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { BoundDelete, BoundUpdate } from "../../bind/bound.js";
import type { Catalog, TableDefinition } from "../../catalog/model.js";
import { compileForFrames } from "../../execute/frame-expression.js";
import { type KeyValue, pointKeyOf } from "../../execute/point.js";
import type { BoundExpression, ColumnId } from "../../plan/expression.js";
import type { PlanNode, ScanNode } from "../../plan/plan.js";
import { rowKeyCodecOf } from "../../table/index-keys.js";
import { rowCodecOf } from "../../table/row-codec.js";
import type { Datum } from "../../types/datum.js";
import { areChanged, keyColumnsOf } from "../row-strength.js";
import { drawsOf } from "./draws.js";
import { entryOf, type IndexProgram, indexPrograms, moveEntry, removeEntry } from "./entries.js";
import { type ProgramRun, rowBytesMax, type WriteProgram } from "./program.js";
import { leadsSomewhere, type Reference, referencesOf } from "./references.js";
import { type CompiledRules, type Computed, compiledRules, isSound, rowSlots, tell } from "./rules.js";

/** The scan that a plan names its row by, and how its columns are computed of it; null for any other plan. */
function scanOf(
  plan: PlanNode,
): { readonly scan: ScanNode; expressionOf(id: ColumnId): BoundExpression | undefined } | null {
  if (plan.kind === "scan") return { scan: plan, expressionOf: () => undefined };
  if (plan.kind !== "project" || plan.input.kind !== "scan") return null;
  return {
    scan: plan.input,
    expressionOf: (id) => plan.expressions[plan.columns.findIndex((column) => column.id === id)],
  };
}

/** Finds the row of a run by its key, and shows it in the state; null when there is none. */
type FindRow = (run: ProgramRun) => Uint8Array | null;

function findRow(table: TableDefinition, keyValues: readonly KeyValue[]): FindRow {
  const keyCodec = rowKeyCodecOf(table);
  const key = new TableKey();
  return ({ state, tenant, frame }) => {
    const values: Datum[] = [];
    for (const part of keyValues) {
      const value = part.kind === "parameter" ? frame.parameters[part.index] : part.value;
      // NULL equals nothing.
      if (value === null) return null;
      assert(value !== undefined, "a bound statement has a value for each parameter");
      values.push(value);
    }
    const treeKey = key.item(tenant, table.storage, keyCodec.encodeBound(values));
    return state.get(tableTree.rows, treeKey) ? treeKey : null;
  };
}

// ---- UPDATE

export function updateProgram(update: BoundUpdate, catalog: Catalog): WriteProgram | null {
  const { table, plan, key, assignments, rules } = update;
  const found = scanOf(plan);
  if (found === null || found.expressionOf(key)?.kind !== "column") return null;
  const { scan, expressionOf } = found;
  const keyValues = pointKeyOf(scan);
  const checked = compiledRules(update);
  if (keyValues === null || checked === null) return null;
  const written = [...assignments.map(({ column }) => column), ...checked.generated.map(({ place }) => place + 1)];
  const isWritten = (number: number): boolean => written.includes(number);
  const references = referencesOf(table, catalog, isWritten);
  if (references === null) return null;
  const all = indexPrograms(rules, rowSlots(table, rules));
  if (all === null) return null;
  const indexes = all.filter(({ places }) => places === null || places.some((place) => isWritten(place + 1)));
  const slots = new Map<ColumnId, number>();
  for (const [at, { id }] of scan.columns.entries()) {
    const number = scan.numbers[at] ?? 0;
    if (number > 0) slots.set(id, number - 1);
  }
  const computed: Computed[] = [];
  const expressions: BoundExpression[] = [];
  for (const { column, id } of assignments) {
    const expression = expressionOf(id);
    const compute = expression === undefined ? null : compileForFrames(expression, slots);
    if (expression === undefined || compute === null) return null;
    expressions.push(expression);
    computed.push({ place: column - 1, compute });
  }
  const keys = {
    own: keyColumnsOf(table, catalog).filter(isWritten),
    kept: keptColumns(table, catalog).filter(isWritten),
  };
  const run = changeRow(table, findRow(table, keyValues), computed, checked, indexes, references, keys);
  return { rows: 1, input: "statement", draws: drawsOf(expressions), isLoad: false, block: null, run };
}

/** Columns that are written, by their numbers. */
interface WrittenKeys {
  /** Those that a foreign key may refer to. */
  readonly own: readonly number[];
  /** Those that have to keep their values. */
  readonly kept: readonly number[];
}

/** A row that moves, or that others may refer to by what changes, is the general way's. */
function keptColumns(table: TableDefinition, catalog: Catalog): readonly number[] {
  const referenced = catalog
    .referencing(table.oid)
    .flatMap(({ constraint }) => (constraint.kind === "foreignKey" ? constraint.referencedColumns : []));
  return [...new Set([...table.keyColumns, ...referenced])];
}

function changeRow(
  table: TableDefinition,
  find: FindRow,
  computed: readonly Computed[],
  checked: CompiledRules,
  indexes: readonly IndexProgram[],
  references: readonly Reference[],
  keys: WrittenKeys,
): WriteProgram["run"] {
  const codec = rowCodecOf(table);
  return (run) => {
    const { state, frame } = run;
    const treeKey = find(run);
    if (treeKey === null) return 0;
    const { valueBytes, valueView, valueStart, valueLength } = state;
    const before = codec.decode(valueBytes, valueView, valueStart + 8);
    frame.row = before;
    const after = [...before];
    for (const { place, compute } of computed) after[place] = compute(frame);
    if (!isSound(checked, frame, after)) return null;
    if (areChanged(table, keys.kept, before, after)) return null;
    const strength = areChanged(table, keys.own, before, after) ? "update" : "noKeyUpdate";
    if (!run.lock(tableTree.rows, treeKey, strength, table)) return null;
    const content = codec.encodeView(after);
    if (content.length > rowBytesMax) return null;
    // Before the state is looked at again, which shows another value then.
    const isSame = compareRange(content, valueBytes, valueStart + 8, valueStart + valueLength);
    if (!isSame) run.put(tableSpace.rows, table.storage, treeKey, content);
    const rowKey = indexes.length === 0 ? treeKey : treeKey.slice(itemAt);
    for (const index of indexes) {
      if (index.places !== null && !isChanged(index.places, before, after)) continue;
      const old = entryOf(index, before, rowKey, run.tenant, frame);
      const now = entryOf(index, after, rowKey, run.tenant, frame);
      if (!moveEntry(old, now, table, run)) return null;
    }
    if (references.length > 0 && !leadsSomewhere(changedOf(references, before, after), after, run)) return null;
    frame.row = after;
    tell(checked, frame, run.returned);
    return 1;
  };
}

const isChanged = (places: readonly number[], before: readonly Datum[], after: readonly Datum[]): boolean =>
  places.some((place) => (before[place] ?? null) !== (after[place] ?? null));

const changedOf = (
  references: readonly Reference[],
  before: readonly Datum[],
  after: readonly Datum[],
): readonly Reference[] => references.filter(({ places }) => isChanged(places, before, after));

/** Whether content is what stands in a range of bytes: a row that stays as it is is no change. */
function compareRange(content: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (content.length !== to - from) return false;
  for (let at = 0; at < content.length; at++) if (content[at] !== bytes[from + at]) return false;
  return true;
}

// ---- DELETE

export function deleteProgram(statement: BoundDelete, catalog: Catalog): WriteProgram | null {
  const { table, plan, rules } = statement;
  const found = scanOf(plan);
  const keyValues = found === null ? null : pointKeyOf(found.scan);
  const checked = compiledRules(statement);
  if (keyValues === null || checked === null || catalog.referencing(table.oid).length > 0) return null;
  const indexes = indexPrograms(rules, rowSlots(table, rules));
  if (indexes === null) return null;
  const find = findRow(table, keyValues);
  const codec = rowCodecOf(table);
  const run = (row: ProgramRun): number | null => {
    const { state, frame, tenant } = row;
    const treeKey = find(row);
    if (treeKey === null) return 0;
    if (!row.lock(tableTree.rows, treeKey, "update", table)) return null;
    const before = codec.decode(state.valueBytes, state.valueView, state.valueStart + 8);
    frame.row = before;
    const rowKey = treeKey.slice(itemAt);
    for (const index of indexes) {
      const entry = entryOf(index, before, rowKey, tenant, frame);
      if (entry !== null) removeEntry(entry, row);
    }
    row.remove(tableSpace.rows, table.storage, treeKey);
    tell(checked, frame, row.returned);
    return 1;
  };
  return { rows: 1, input: "statement", draws: "nothing", isLoad: false, block: null, run };
}
