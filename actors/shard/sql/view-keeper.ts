/**
 * Keeps materialized views up to date: what a transaction that is about to commit has changed of the tables that views read becomes changes
 * of the views' rows, in the same record. So a view's state and its position move in one step, by the log alone: no commit is skipped and
 * none is counted twice, whoever leads and whatever dies (docs/decisions/0016-materialized-views-are-facts.md).
 *
 * The difference is taken against the state that the commit comes after, and not against what the transaction has seen: between two of its
 * statements others may have committed.
 */
import type { Catalog, MaterializedViewDefinition } from "../../../runtime/query/catalog/model.js";
import { rowsOfObject } from "../../../runtime/query/catalog/model.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import type { QueryEnvironment } from "../../../runtime/query/engine.js";
import { OverlayReader } from "../../../runtime/query/table/overlay.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { codecOf } from "../../../runtime/query/types/codecs.js";
import type { TableChange } from "../../../runtime/query/view/delta-source.js";
import { isComparable, ViewMaintenance } from "../../../runtime/query/view/maintain.js";
import type { ViewProgram, ViewRun } from "../../../runtime/query/view/program.js";
import { isMaintained } from "../../../runtime/query/view/shape.js";
import { immediate } from "../../../runtime/query/write/deferred-checks.js";
import type { WritePorts } from "../../../runtime/query/write/ports.js";
import { TableKey, tableTree } from "../../../runtime/store/table-trees.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import type { SqlRequest } from "../../messages/sql.js";
import type { Around } from "../../sql/engine.js";
import { Evaluation, noEffects } from "../../sql/evaluation.js";
import type { Deciding } from "./deciding.js";
import { takenBy } from "./facts-limits.js";
import type { Transaction } from "./transaction.js";

export class ViewKeeper {
  readonly #deciding: Deciding;
  /** Programs hang on the catalogs that they were made under. */
  readonly #programs = new WeakMap<Catalog, Map<number, ViewProgram>>();
  readonly #key = new TableKey();
  /** Commits that changed a view. */
  maintained = 0;

  constructor(deciding: Deciding) {
    this.#deciding = deciding;
  }

  /**
   * Adds to what a transaction has written what follows from it for views. May be done again, when the commit found no room and others came
   * before it. Throws `SqlError` when a view's query fails on what was written.
   */
  maintain(request: SqlRequest, transaction: Transaction, position: number): void {
    const { tenant, overlay, catalogVersion } = transaction;
    if (transaction.maintainedFrom !== null) overlay.rollbackTo(transaction.maintainedFrom);
    if (overlay.isEmpty) return;
    const { host, catalogs } = this.#deciding;
    const reader = new OverlayReader(host.state, overlay);
    const committed = catalogs.current(host.state, tenant);
    const catalog = catalogVersion < 0 ? catalogs.pending(reader, tenant, committed, catalogVersion) : committed;
    const views = catalog.materializedViews.filter((view) => isMaintained(view, catalog));
    const isComputed = ({ oid }: MaterializedViewDefinition): boolean => transaction.isComputed(oid, position);
    const computed = new Set(views.filter(isComputed).map(({ oid }) => oid));
    const isLeftAlone = (view: MaterializedViewDefinition): boolean =>
      isComparable(view, committed, catalog) ? !overlay.touches(storagesOf(view, catalog)) : computed.has(view.oid);
    // What was loaded stays as it is when no view has anything to do with it.
    if (views.every(isLeftAlone)) return;
    transaction.maintainedFrom = overlay.mark();
    const work = new Work(this.#deciding, request, transaction, catalog, position, reader);
    for (const view of views) {
      if (!isComparable(view, committed, catalog)) {
        if (!computed.has(view.oid)) work.maintenance(view, this.#program(view, work), new Map()).refresh();
        continue;
      }
      const changes = this.#changes(view, catalog, transaction);
      if (changes.size === 0) continue;
      work.maintenance(view, this.#program(view, work), changes).apply();
      this.maintained += 1;
    }
  }

  #program(view: MaterializedViewDefinition, { around, after }: Work): ViewProgram {
    let programs = this.#programs.get(around.catalog);
    if (programs === undefined) {
      programs = new Map();
      this.#programs.set(around.catalog, programs);
    }
    let program = programs.get(view.oid);
    if (program === undefined) {
      program = this.#deciding.host.engine.compileView(view, around, after);
      programs.set(view.oid, program);
    }
    return program;
  }

  /** What was changed of the tables that a view reads. */
  #changes(
    view: MaterializedViewDefinition,
    catalog: ObjectCatalog,
    transaction: Transaction,
  ): Map<number, TableChange> {
    const found = new Map<number, TableChange>();
    for (const { table } of view.sources) {
      const change = this.#changeOf(storageOf(table, catalog), transaction);
      if (change.removed.length + change.added.length > 0) found.set(table, change);
    }
    return found;
  }

  #changeOf(storage: number, { tenant, overlay }: Transaction): TableChange {
    const { host } = this.#deciding;
    const { state } = host;
    let looked = 0;
    const removed: Uint8Array[] = [];
    const added: Uint8Array[] = [];
    const prefix = this.#key.object(tenant, storage).slice();
    for (const { key, value } of overlay.under(tableTree.rows, prefix)) {
      looked += 1;
      if (looked % entriesBetweenSigns === 0) host.working();
      const isThere = state.get(tableTree.rows, key);
      const { valueBytes, valueStart, valueLength } = state;
      const before = isThere ? valueBytes.slice(valueStart + positionBytes, valueStart + valueLength) : null;
      const after = value === null ? null : value.subarray(positionBytes);
      if (before !== null && after !== null && isSame(before, after)) continue;
      if (before !== null) removed.push(before);
      if (after !== null) added.push(after);
    }
    return { removed, added };
  }
}

function storageOf(table: number, catalog: ObjectCatalog): number {
  const rows = rowsOfObject(catalog.objectByOid(table));
  assert(rows !== null, "what a materialized view reads is there");
  return rows.storage;
}

const storagesOf = ({ sources }: MaterializedViewDefinition, catalog: ObjectCatalog): ReadonlySet<number> =>
  new Set(sources.map(({ table }) => storageOf(table, catalog)));

/** Entries between two signs of life. */
const entriesBetweenSigns = 4_096;
/** Where a row's position stands, before the row. */
const positionBytes = 8;

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** What the views of one commit are computed with. */
class Work {
  readonly around: Around;
  readonly after: TreeTableSource;
  readonly #before: TreeTableSource;
  readonly #environment: QueryEnvironment;
  readonly #write: WritePorts;

  constructor(
    { host }: Deciding,
    request: SqlRequest,
    { tenant, overlay }: Transaction,
    catalog: ObjectCatalog,
    position: number,
    reader: OverlayReader,
  ) {
    const { engine, state } = host;
    const evaluation = new Evaluation(request, {
      catalog,
      position,
      now: Math.floor(host.now() * 1_000),
      clock: () => host.now(),
      random: () => host.random(),
      effects: noEffects,
      names: (searchPath, user) => engine.names(catalog, searchPath, user),
    });
    const { context } = evaluation;
    const around = { catalog, context };
    const at = Math.max(0, position);
    this.around = around;
    this.after = new TreeTableSource(reader, tenant, at, false);
    this.#before = new TreeTableSource(state, tenant, at, false);
    const environment: QueryEnvironment = {
      source: this.after,
      context,
      parameters: [],
      memoryBytesMax: evaluation.queryMemory,
      check: () => host.working(),
      positionAt: () => -1,
      systemRows: () => [],
    };
    this.#environment = environment;
    this.#write = {
      tenant,
      catalog,
      reader,
      overlay: takenBy(overlay, host.limits.itemBytes),
      // Nobody comes between: the commit is decided in one go.
      locks: { lock: () => true, hold: () => true, lockTable: () => undefined, awaitWriters: () => undefined },
      timing: immediate,
      source: this.after,
      snapshot: -1,
      isWritten: () => false,
      check: () => host.working(),
      nextRowNumber: () => {
        throw new AssertionFailed("rows of a view have no numbers");
      },
      transactionNumber: () => {
        throw new AssertionFailed("nobody is told of the rows of a view");
      },
      compile: (expression, ids) => engine.compile(expression, ids, environment),
      rulesOf: (table) => engine.rulesOf(table, around),
      defaultOf: () => null,
      text: (type, value) => (value === null ? "null" : codecOf(type.oid).output(value, context)),
      schemaName: (table) => catalog.objectByOid(table.schema)?.name ?? "",
      unreadable: () => null,
    };
  }

  maintenance(
    view: MaterializedViewDefinition,
    program: ViewProgram,
    changes: ReadonlyMap<number, TableChange>,
  ): ViewMaintenance {
    assert(program.view.oid === view.oid, "a view is computed by its own program");
    const run: ViewRun = { environment: this.#environment, before: this.#before, after: this.after, changes };
    return new ViewMaintenance(program, run, this.#write);
  }
}
