/** INSERT of rows of values, and of what a plan yields. */
import { TableKey, tableSpace, tableTree } from "../../../store/table-trees.js";
import { assert } from "../../../types/assert.js";
import type { BoundInsert } from "../../bind/bound.js";
import type { Catalog, TableDefinition } from "../../catalog/model.js";
import { compileForFrames, type Frame, type FrameFunction } from "../../execute/frame-expression.js";
import { isDomainCheck } from "../../functions/domain-check.js";
import type { BoundExpression, ColumnId } from "../../plan/expression.js";
import { visitExpression } from "../../plan/walk.js";
import { rowKeyCodecOf, rowNumberKey } from "../../table/index-keys.js";
import { rowCodecOf } from "../../table/row-codec.js";
import type { Datum } from "../../types/datum.js";
import { blockProgram, rowAdder } from "./block.js";
import { type Draws, drawsOf } from "./draws.js";
import { type Entry, entryOf, type IndexProgram, indexPrograms, isTaken, lockPlace, putEntry } from "./entries.js";
import { type ProgramRun, rowBytesMax, type WriteProgram } from "./program.js";
import { leadsSomewhere, type Reference, referencesOf } from "./references.js";
import { type CompiledRules, compiledRules, isSound, liveColumns, rowSlots, tell } from "./rules.js";

const noSlots: ReadonlyMap<ColumnId, number> = new Map();
const noEntries: readonly Entry[] = [];

/** The value of a column in each of the statement's rows. */
type RowValue = (frame: Frame, row: number) => Datum;

export interface StoredValue {
  /** In a row's values. */
  readonly place: number;
  readonly of: RowValue;
  /** The parameter that it is, as it is; -1 when it is computed. */
  readonly parameter: number;
  /** Parameters that it is computed from. */
  readonly uses: readonly number[];
}

/** The columns that are stored as they are given; generated ones are computed once those are known. Null where `valueOf` says so. */
function storedValues(
  { table, plan, values }: BoundInsert,
  valueOf: (planColumn: number) => RowValue | null,
  expressionOf: (planColumn: number) => BoundExpression | null = () => null,
): readonly StoredValue[] | null {
  const stored: StoredValue[] = [];
  for (const [at, { number }] of liveColumns(table).entries()) {
    const id = values[at] ?? null;
    if (id === null) continue;
    const planColumn = plan.columns.findIndex((column) => column.id === id);
    assert(planColumn >= 0, "what an INSERT stores is in its plan's columns");
    const of = valueOf(planColumn);
    if (of === null) return null;
    const expression = expressionOf(planColumn);
    const parameter = expression?.kind === "parameter" ? expression.index : -1;
    stored.push({ place: number - 1, of, parameter, uses: expression === null ? [] : parametersOf(expression) });
  }
  return stored;
}

function parametersOf(expression: BoundExpression): readonly number[] {
  const found: number[] = [];
  visitExpression(expression, (part) => {
    if (part.kind === "parameter") found.push(part.index);
  });
  return found;
}

/**
 * One column of VALUES, the whole of it at once: what an INSERT of a thousand rows looks at for a row lies side by side. Null for what
 * only the executor computes.
 */
function columnOf(items: readonly (readonly BoundExpression[])[], planColumn: number): RowValue | null {
  const compiled: FrameFunction[] = [];
  const constants: Datum[] = [];
  let before: BoundExpression | null = null;
  for (const item of items) {
    const expression = item[planColumn];
    assert(expression !== undefined, "a row of VALUES has all columns");
    if (expression.kind === "constant") constants.push(expression.value);
    // The default of a column is one expression in all rows.
    const known = expression === before ? compiled.at(-1) : undefined;
    const compute = known ?? compileForFrames(expression, noSlots);
    if (compute === null) return null;
    compiled.push(compute);
    before = expression;
  }
  if (constants.length === items.length) return (_frame, row) => constants[row] ?? null;
  const [only] = compiled;
  if (only !== undefined && compiled.every((one) => one === only)) return (frame) => only(frame);
  return (frame, row) => compiled[row]?.(frame) ?? null;
}

export function insertProgram(insert: BoundInsert, catalog: Catalog): WriteProgram | null {
  const { table, plan, condition, onConflict, rules } = insert;
  if (condition !== null) return null;
  if (onConflict !== null && onConflict.action !== "nothing") return null;
  const checked = compiledRules(insert);
  const references = referencesOf(table, catalog, () => true);
  const indexes = indexPrograms(rules, rowSlots(table, rules));
  if (checked === null || references === null || indexes === null) return null;
  const write = insertRow(table, indexes, checked, references);
  const isLoad = checked.returning === null;
  if (plan.kind !== "values") {
    const taken = storedValues(
      insert,
      (planColumn) =>
        ({ parameters }) =>
          parameters[planColumn] ?? null,
    );
    assert(taken !== null, "a row of a plan is taken as it is");
    const run = (row: ProgramRun): number | null => (write(taken, 0, row) ? 1 : null);
    return { rows: 1, input: "plan", draws: "more", isLoad, block: null, run };
  }
  const { items } = plan;
  const [sole = null] = items.length === 1 ? items : [];
  const stored = storedValues(
    insert,
    (planColumn) => columnOf(items, planColumn),
    (planColumn) => sole?.[planColumn] ?? null,
  );
  if (stored === null) return null;
  const rows = items.length;
  const drawn = drawsOf(plan.items.flat());
  const [given, drawnLast] = drawn === "nothing" ? [[], stored] : drawingLast(stored, items, insert);
  const draws: Draws = drawn === "nothing" && table.keyColumns.length === 0 ? "numbers" : drawn;
  return {
    rows,
    input: "statement",
    draws,
    isLoad,
    block: isLoad && sole !== null ? blockProgram({ table, indexes, references }, checked, stored) : null,
    run: (run) => {
      // What is wrong of any row is told before a number is drawn for the first.
      if (rows > 1) for (let row = 0; row < rows; row++) for (const { of } of given) of(run.frame, row);
      for (let row = 0; row < rows; row++) if (!write(drawnLast, row, run)) return null;
      return rows;
    },
  };
}

/**
 * Columns whose values draw no numbers, and all of them with these first: as where what is constant is computed before a statement runs. What a domain
 * says of a value is asked as the row is made, in its turn.
 */
function drawingLast(
  stored: readonly StoredValue[],
  items: readonly (readonly BoundExpression[])[],
  { table, plan, values }: BoundInsert,
): readonly [given: readonly StoredValue[], all: readonly StoredValue[]] {
  const places = liveColumns(table).map(({ number }) => number - 1);
  const isMade = ({ place }: StoredValue): boolean => {
    const planColumn = plan.columns.findIndex((column) => column.id === values[places.indexOf(place)]);
    const expressions = items.flatMap((item) => item[planColumn] ?? []);
    return drawsOf(expressions) !== "nothing" || expressions.some(asksDomain);
  };
  const given = stored.filter((one) => !isMade(one));
  return [given, [...given, ...stored.filter(isMade)]];
}

function asksDomain(expression: BoundExpression): boolean {
  let found = false;
  visitExpression(expression, (part) => {
    if (part.kind === "call") found ||= isDomainCheck(part.callee);
  });
  return found;
}

/** Puts one row; false when the general way has to. */
function insertRow(
  table: TableDefinition,
  indexes: readonly IndexProgram[],
  checked: CompiledRules,
  references: readonly Reference[],
): (stored: readonly StoredValue[], number: number, run: ProgramRun) => boolean {
  // What is not computed, dropped columns, stays NULL; nobody keeps the row.
  const row: Datum[] = new Array<Datum>(table.columns.length).fill(null);
  const keyValues: Datum[] = [];
  const codec = rowCodecOf(table);
  const keyCodec = rowKeyCodecOf(table);
  const hasKey = table.keyColumns.length > 0;
  const key = new TableKey();
  const addRow = rowAdder({ table, indexes, references });
  return (stored, number, run) => {
    const { state, tenant, frame, load } = run;
    for (const { place, of } of stored) row[place] = of(frame, number);
    if (!isSound(checked, frame, row)) return false;
    if (load !== null) {
      const content = codec.encodeView(row);
      return addRow(row, content, codec.rowView, content.length, run, load);
    }
    for (let at = 0; at < table.keyColumns.length; at++) keyValues[at] = row[(table.keyColumns[at] ?? 0) - 1] ?? null;
    const rowKey = hasKey ? keyCodec.encode(keyValues) : rowNumberKey(run.nextRowNumber(table.storage));
    const treeKey = hasKey ? keyCodec.treeKey(tenant, table.storage) : key.item(tenant, table.storage, rowKey);
    // Numbers are new; a key may be taken, and whose row that is need not be waited for to see it.
    if (hasKey && state.get(tableTree.rows, treeKey)) return false;
    const content = codec.encodeView(row);
    if (content.length > rowBytesMax) return false;
    const placed = indexes.length === 0 ? noEntries : placedBy(indexes, row, rowKey, run);
    if (placed === null || (hasKey && !run.lock(tableTree.rows, treeKey, "update", table))) return false;
    for (const entry of placed) if (!lockPlace(entry, table, run)) return false;
    run.put(tableSpace.rows, table.storage, treeKey, content);
    for (const entry of placed) putEntry(entry, run);
    if (references.length > 0 && !leadsSomewhere(references, row, run)) return false;
    tell(checked, frame, run.returned);
    return true;
  };
}

/** The row's index entries; null when one that must be unique is there. */
function placedBy(
  indexes: readonly IndexProgram[],
  row: Datum[],
  rowKey: Uint8Array,
  run: ProgramRun,
): readonly Entry[] | null {
  const placed: Entry[] = [];
  for (const index of indexes) {
    const entry = entryOf(index, row, rowKey, run.tenant, run.frame);
    if (entry === null) continue;
    if (isTaken(entry, run)) return null;
    placed.push(entry);
  }
  return placed;
}
