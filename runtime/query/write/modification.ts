/**
 * Carries out INSERT, UPDATE, DELETE and MERGE. What the plan yields is read to its end before anything is written, so that a statement never
 * sees its own rows; then row after row is locked and written, foreign keys follow, and RETURNING is computed of what was written.
 */
import { assert, unreachable } from "../../types/assert.js";
import type { BoundDelete, BoundInsert, BoundMerge, BoundModification, BoundUpdate } from "../bind/bound.js";
import type { TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import type { ColumnId } from "../plan/expression.js";
import { columnsOf, hasSubquery } from "../plan/walk.js";
import { nameOfKey } from "../table/overlay.js";
import type { Datum } from "../types/datum.js";
import { checkOptionViolated } from "./constraint-errors.js";
import { ForeignKeys } from "./foreign-keys.js";
import type { RowExpression, WritePorts } from "./ports.js";
import { type ChangeStrength, keyColumnsOf } from "./row-strength.js";
import { type StoredRow, TableWriter } from "./table-writer.js";

export interface ModificationResult {
  /** Rows inserted, updated or deleted. */
  readonly count: number;
  /** RETURNING's rows; empty without one. */
  readonly rows: readonly (readonly Datum[])[];
}

/** Everything that the modification's plan yields, a row at a time, in the order of the plan's columns. */
export type PlanRows = Iterable<readonly Datum[]>;

/** @param failing what is thrown for an error of a row that is inserted: its number among all counts from 0 */
export function modify(
  modification: BoundModification,
  input: PlanRows,
  ports: WritePorts,
  failing: (error: unknown, row: number) => unknown = (error) => error,
): ModificationResult {
  const rows = [...input];
  const run = new Run(modification, ports);
  switch (modification.kind) {
    case "insert":
      run.insert(modification, rows, failing);
      break;
    case "update":
      run.update(modification, rows);
      break;
    case "delete":
      run.delete(modification, rows);
      break;
    case "merge":
      run.merge(modification, rows);
      break;
    default:
      unreachable(modification);
  }
  return run.finish();
}

/** Whether something else than its plan has a query: what is asked of a row once it is written must not see the statement's rows either. */
export function readsWhileWriting(modification: BoundModification): boolean {
  const { returning, checkOptions } = modification;
  const onConflict = modification.kind === "insert" ? modification.onConflict : null;
  const assigned = onConflict?.assignments.map(({ value }) => value) ?? [];
  const where = onConflict?.where ?? null;
  const visible = onConflict?.visible ?? [];
  return [
    ...(returning?.expressions ?? []),
    ...[...checkOptions, ...visible].map(({ expression }) => expression),
    ...assigned,
    ...(where === null ? [] : [where]),
  ].some(hasSubquery);
}

/** Locks a row that is there, and changes it. */
type RowChange = (old: StoredRow, planned: readonly Datum[]) => void;

const mergedTwice = (): SqlError =>
  new SqlError("21000", "MERGE command cannot affect row a second time", {
    hint: "Ensure that not more than one source row matches any one target row.",
  });

class Run {
  readonly #ports: WritePorts;
  readonly #writer: TableWriter;
  readonly #foreignKeys: ForeignKeys;
  readonly #given: readonly number[];
  readonly #table: TableDefinition;
  /** Places of the plan's columns by id. */
  readonly #places: ReadonlyMap<ColumnId, number>;
  readonly #returning: readonly RowExpression[] | null;
  readonly #checkOptions: readonly { readonly view: string; readonly holds: RowExpression }[];
  /** Whether something asks for `xmin` of the rows that are written. */
  readonly #tellsXmin: boolean;
  readonly #returned: Datum[][] = [];
  /** Of the row that was written last: whether ON CONFLICT has updated it. */
  #isUpserted = false;
  #count = 0;

  constructor(modification: BoundModification, ports: WritePorts) {
    const { table, rules, given, checkOptions, plan, returning } = modification;
    const xmax = modification.kind === "insert" ? (modification.onConflict?.xmax ?? 0) : 0;
    this.#ports = ports;
    this.#table = table;
    this.#given = given;
    this.#writer = new TableWriter(table, rules, ports, given);
    this.#foreignKeys = new ForeignKeys(ports, new Map([[table.oid, this.#writer]]));
    this.#places = new Map(plan.columns.map(({ id }, index) => [id, index]));
    const written = [...rules.rowIds, rules.xmin];
    const ids = [...written, ...plan.columns.map(({ id }) => id), xmax];
    const asked = [...(returning?.expressions ?? []), ...checkOptions.map(({ expression }) => expression)];
    this.#tellsXmin = asked.some((expression) => columnsOf(expression).has(rules.xmin));
    this.#returning =
      returning === null ? null : returning.expressions.map((expression) => ports.compile(expression, ids));
    this.#checkOptions = checkOptions.map(({ view, expression }) => ({
      view,
      holds: ports.compile(expression, written),
    }));
  }

  #place(id: ColumnId): number {
    const place = this.#places.get(id);
    assert(place !== undefined, "what a modification reads is in its plan's columns");
    return place;
  }

  /** A row was written: `values` is what RETURNING sees of it. */
  #wrote(values: readonly Datum[], planned: readonly Datum[]): void {
    this.#count += 1;
    if (this.#returning === null && this.#checkOptions.length === 0) return;
    const image = this.#writer.image(values);
    image.push(this.#tellsXmin ? this.#ports.transactionNumber() : null);
    // A view does not have the row either when its condition is not known to hold.
    const broken = this.#checkOptions.find(({ holds }) => holds(image) !== true);
    if (broken !== undefined)
      throw checkOptionViolated(this.#ports, this.#table, broken.view, { values, given: this.#given });
    if (this.#returning === null) return;
    const row = [...image, ...planned, this.#isUpserted ? Math.max(1, this.#ports.snapshot) : 0];
    this.#returned.push(this.#returning.map((expression) => expression(row)));
  }

  finish(): ModificationResult {
    this.#foreignKeys.settle();
    return { count: this.#count, rows: this.#returned };
  }

  insert(
    statement: BoundInsert,
    rows: readonly (readonly Datum[])[],
    failing: (error: unknown, row: number) => unknown,
  ): void {
    const { values, onConflict } = statement;
    const places = values.map((id) => (id === null ? -1 : this.#place(id)));
    const insertOne =
      onConflict === null
        ? (planned: readonly Datum[]): void => this.#insertOne(places, planned)
        : this.#settling(statement, onConflict, places);
    for (const [row, planned] of rows.entries()) {
      try {
        insertOne(planned);
      } catch (error) {
        throw failing(error, row);
      }
    }
  }

  /** An INSERT of a row with ON CONFLICT. */
  #settling(
    statement: BoundInsert,
    onConflict: NonNullable<BoundInsert["onConflict"]>,
    places: readonly number[],
  ): (planned: readonly Datum[]) => void {
    const upsert = onConflict.action === "update" ? this.#upsert(statement, onConflict) : null;
    const arbiters = onConflict.arbiters.length === 0 ? "any" : onConflict.arbiters;
    const written = new Set<string>();
    return (planned) => {
      const row = this.#rowOf(places, planned);
      const result = this.#writer.insert(row, arbiters);
      if (!("existing" in result)) {
        if (upsert !== null) written.add(nameOfKey(result.key));
        this.#foreignKeys.wrote(this.#table, null, result);
        this.#isUpserted = false;
        this.#wrote(row, planned);
        return;
      }
      const { existing } = result;
      if (upsert === null) return this.#writer.expectSeen(existing);
      if (written.has(nameOfKey(existing.key))) {
        throw new SqlError("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time", {
          hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
        });
      }
      const after = upsert(existing.key, row);
      if (after === null) return;
      written.add(nameOfKey(after.key));
      this.#isUpserted = true;
      this.#wrote(after.values, planned);
    };
  }

  /** DO UPDATE of one row; null when its WHERE says no. */
  #upsert(
    { rules, table }: BoundInsert,
    { existingIds, visible, assignments, where }: NonNullable<BoundInsert["onConflict"]>,
  ): (key: Uint8Array, excluded: readonly Datum[]) => StoredRow | null {
    const ids = [...existingIds, ...rules.rowIds];
    const shown = visible.map(({ view, expression }) => ({ view, holds: this.#ports.compile(expression, ids) }));
    const condition = where === null ? null : this.#ports.compile(where, ids);
    const changes = assignments.map(({ column, value }) => ({ column, value: this.#ports.compile(value, ids) }));
    const columns = changes.map(({ column }) => column);
    // PostgreSQL counts all that is generated as assigned here.
    const strength = this.#strength([...columns, ...rules.generated.map(({ column }) => column)]);
    return (key, excluded) => {
      const old = condition === null ? this.#writer.lock(key, strength) : this.#writer.hold(key, strength);
      assert(old !== null, "a row that is in the way of another is there");
      const image = [...this.#writer.image(old.values), ...this.#writer.image(excluded)];
      const hidden = shown.find(({ holds }) => holds(image) !== true);
      if (hidden !== undefined)
        throw new SqlError("55000", `conflicting row is not visible through view "${hidden.view}"`);
      if (condition !== null) {
        if (condition(image) !== true) return null;
        this.#writer.lock(key, strength);
      }
      const next = [...old.values];
      for (const { column, value } of changes) next[column - 1] = value(image);
      assert(next.length === table.columns.length, "a row has a value for each column");
      return this.#change(old, next, columns);
    };
  }

  /** Before a row is looked at, it is locked for all that may become of columns which are assigned. */
  #strength(columns: readonly number[]): ChangeStrength {
    const keys = keyColumnsOf(this.#table, this.#ports.catalog);
    return columns.some((number) => keys.includes(number)) ? "update" : "noKeyUpdate";
  }

  /** @param columns those that are given new values */
  #change(old: StoredRow, next: Datum[], columns: readonly number[]): StoredRow {
    this.#writer.prepare(next, columns);
    this.#writer.lockFor(old, next);
    const after = this.#writer.update(old, next);
    this.#foreignKeys.wrote(this.#table, old, after);
    return after;
  }

  update({ key, assignments }: BoundUpdate, rows: readonly (readonly Datum[])[]): void {
    this.#each(this.#place(key), rows, this.#updating(assignments));
  }

  delete({ key }: BoundDelete, rows: readonly (readonly Datum[])[]): void {
    this.#each(this.#place(key), rows, this.#deleting());
  }

  #updating(assignments: BoundUpdate["assignments"]): RowChange {
    const changes = assignments.map(({ column, id }) => ({ column, place: this.#place(id) }));
    const columns = changes.map(({ column }) => column);
    return (old, planned) => {
      const next = [...old.values];
      for (const { column, place } of changes) next[column - 1] = planned[place] ?? null;
      this.#wrote(this.#change(old, next, columns).values, planned);
    };
  }

  #deleting(): RowChange {
    return (old, planned) => {
      this.#writer.lockFor(old, null);
      this.#writer.delete(old);
      this.#foreignKeys.wrote(this.#table, old, null);
      this.#wrote(old.values, planned);
    };
  }

  /** Each row by the action that the plan has chosen for it. A row of the table that two rows of the source would change is an error. */
  merge({ key, action, actions }: BoundMerge, rows: readonly (readonly Datum[])[]): void {
    const [keyPlace, actionPlace] = [this.#place(key), this.#place(action)];
    const written = new Set<string>();
    const perform = actions.map((each): ((planned: readonly Datum[]) => void) => {
      if (each.kind === "nothing") return () => undefined;
      if (each.kind === "insert") {
        const places = each.values.map((id) => (id === null ? -1 : this.#place(id)));
        return (planned) => this.#insertOne(places, planned);
      }
      const change = each.kind === "update" ? this.#updating(each.assignments) : this.#deleting();
      return (planned) => {
        const rowKey = planned[keyPlace];
        assert(rowKey instanceof Uint8Array, "a row key is bytes");
        const name = nameOfKey(rowKey);
        if (written.has(name)) throw mergedTwice();
        written.add(name);
        const old = this.#writer.isWritten(rowKey) ? null : this.#writer.toChange(rowKey);
        if (old !== null) change(old, planned);
      };
    });
    for (const planned of rows) {
      const chosen = planned[actionPlace];
      if (typeof chosen === "number") perform[chosen]?.(planned);
    }
  }

  #insertOne(places: readonly number[], planned: readonly Datum[]): void {
    const row = this.#rowOf(places, planned);
    const result = this.#writer.insert(row, "none");
    assert(!("existing" in result), "a row that is in the way of another is an error where nothing else is said");
    this.#foreignKeys.wrote(this.#table, null, result);
    this.#wrote(row, planned);
  }

  #rowOf(places: readonly number[], planned: readonly Datum[]): Datum[] {
    const row = this.#writer.fromLive(places.map((place) => (place < 0 ? null : (planned[place] ?? null))));
    this.#writer.prepare(row, "all");
    return row;
  }

  /** Each row that the plan names, once. */
  #each(keyPlace: number, rows: readonly (readonly Datum[])[], change: RowChange): void {
    const seen = rows.length > 1 ? new Set<string>() : null;
    for (const planned of rows) {
      const key = planned[keyPlace];
      assert(key instanceof Uint8Array, "a row key is bytes");
      if (seen !== null) {
        const name = nameOfKey(key);
        if (seen.has(name)) continue;
        seen.add(name);
      }
      if (this.#writer.isWritten(key)) continue;
      const old = this.#writer.toChange(key);
      if (old !== null) change(old, planned);
    }
  }
}
