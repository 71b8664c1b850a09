/** INSERT of rows of values, and of what a plan yields. */
import { TableKey, tableSpace, tableTree } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { BoundInsert } from "../../bind/bound.js";
import type { Catalog, TableDefinition } from "../../catalog/model.js";
import { compileForFrames } from "../../execute/frame-expression.js";
import type { BoundExpression, ColumnId } from "../../plan/expression.js";
import { rowKeyCodecOf, rowNumberKey } from "../../table/index-keys.js";
import { rowCodecOf } from "../../table/row-codec.js";
import type { Datum } from "../../types/datum.js";
import { type Draws, drawsOf } from "./draws.js";
import { type Entry, entryOf, isFree, isPlain, type PlainIndex, plainIndex, putEntry } from "./entries.js";
import { type ProgramRun, rowBytesMax, type WriteProgram } from "./program.js";
import { leadsSomewhere, type Reference, referencesOf } from "./references.js";
import { type CompiledRules, type Computed, compiledRules, isSound, liveColumns, tell } from "./rules.js";

const noSlots: ReadonlyMap<ColumnId, number> = new Map();
const noEntries: readonly Entry[] = [];

/** How one row of VALUES becomes a row of the table; null for what only the executor computes. */
function computedOf(
  { table, plan, values }: BoundInsert,
  item: readonly BoundExpression[],
): readonly Computed[] | null {
  const computed: Computed[] = [];
  for (const [at, { number }] of liveColumns(table).entries()) {
    const id = values[at] ?? null;
    // Generated: computed once the others are known.
    if (id === null) continue;
    const expression = item[plan.columns.findIndex((column) => column.id === id)];
    const compute = expression === undefined ? null : compileForFrames(expression, noSlots);
    if (compute === null) return null;
    computed.push({ place: number - 1, compute });
  }
  return computed;
}

/** How a row of the plan becomes a row of the table. */
function takenFrom({ table, plan, values }: BoundInsert): readonly Computed[] {
  const taken: Computed[] = [];
  for (const [at, { number }] of liveColumns(table).entries()) {
    const id = values[at] ?? null;
    if (id === null) continue;
    const place = plan.columns.findIndex((column) => column.id === id);
    assert(place >= 0, "what an INSERT stores is in its plan's columns");
    taken.push({ place: number - 1, compute: ({ parameters }) => parameters[place] ?? null });
  }
  return taken;
}

export function insertProgram(insert: BoundInsert, catalog: Catalog): WriteProgram | null {
  const { table, plan, onConflict, rules } = insert;
  if (onConflict !== null && onConflict.action !== "nothing") return null;
  const checked = compiledRules(insert);
  const references = referencesOf(table, catalog, () => true);
  const others = rules.indexes.map(({ index }) => index).filter((index) => !index.isPrimary);
  if (checked === null || references === null || !others.every(isPlain)) return null;
  const write = insertRow(table, others.map(plainIndex), checked, references);
  const isLoad = references.length === 0 && checked.returning === null;
  if (plan.kind !== "values") {
    const taken = takenFrom(insert);
    return { rows: 1, input: "plan", draws: "more", isLoad, run: (run) => (write(taken, run) ? 1 : null) };
  }
  const rows: (readonly Computed[])[] = [];
  for (const item of plan.items) {
    const computed = computedOf(insert, item);
    if (computed === null) return null;
    rows.push(computed);
  }
  const drawn = drawsOf(plan.items.flat());
  const draws: Draws = drawn === "nothing" && table.keyColumns.length === 0 ? "numbers" : drawn;
  return {
    rows: rows.length,
    input: "statement",
    draws,
    isLoad,
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
  checked: CompiledRules,
  references: readonly Reference[],
): (computed: readonly Computed[], run: ProgramRun) => boolean {
  // What is not computed, dropped columns, stays NULL; nobody keeps the row.
  const row: Datum[] = new Array<Datum>(table.columns.length).fill(null);
  const keyValues: Datum[] = [];
  const codec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const hasKey = table.keyColumns.length > 0;
  const key = new TableKey();
  return (computed, run) => {
    const { state, tenant, frame } = run;
    for (const { place, compute } of computed) row[place] = compute(frame);
    if (!isSound(checked, frame, row)) return false;
    for (let at = 0; at < table.keyColumns.length; at++) keyValues[at] = row[(table.keyColumns[at] ?? 0) - 1] ?? null;
    const rowKey = hasKey ? keyCodec.encode(keyValues) : rowNumberKey(run.nextRowNumber(table.storage));
    const treeKey = key.item(tenant, table.storage, rowKey);
    // Numbers are new; a key may be taken.
    if (hasKey) {
      if (!run.lock(tableTree.rows, treeKey, "update", table) || state.get(tableTree.rows, treeKey)) return false;
    }
    const content = codec.encodeView(row);
    if (content.length > rowBytesMax) return false;
    const placed = indexes.length === 0 ? noEntries : placedBy(indexes, row, rowKey, table, run);
    if (placed === null) return false;
    run.put(tableSpace.rows, table.storage, treeKey, content);
    for (const entry of placed) putEntry(entry, run);
    if (references.length > 0 && !leadsSomewhere(references, row, run)) return false;
    tell(checked, frame, run.returned);
    return true;
  };
}

/** The row's index entries; null when one that must be unique is there. */
function placedBy(
  indexes: readonly PlainIndex[],
  row: readonly Datum[],
  rowKey: Uint8Array,
  table: TableDefinition,
  run: ProgramRun,
): readonly Entry[] | null {
  const placed: Entry[] = [];
  for (const index of indexes) {
    const entry = entryOf(index, row, rowKey, run.tenant);
    if (!isFree(entry, table, run)) return null;
    placed.push(entry);
  }
  return placed;
}
