/**
 * Runs one statement on the shard's newest state with its transaction's own writes over it. It is run to its end in one go: nothing else is
 * decided meanwhile. What it writes goes into the transaction's overlay; nothing of the state is changed here.
 */

import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { actorOf } from "../../../runtime/query/bind/authority.js";
import type {
  BoundExplain,
  BoundInsert,
  BoundModification,
  BoundQuery,
  BoundStatement,
} from "../../../runtime/query/bind/bound.js";
import type { Catalog } from "../../../runtime/query/catalog/model.js";
import { closedColumns } from "../../../runtime/query/catalog/privileges.js";
import type { QueryEnvironment, RowBatch } from "../../../runtime/query/engine.js";
import { atLoadPlace, notSupported, SqlError } from "../../../runtime/query/error.js";
import type { BoundExpression, ColumnId } from "../../../runtime/query/plan/expression.js";
import type { PlanNode } from "../../../runtime/query/plan/plan.js";
import { mayTouchRows, mayWrite } from "../../../runtime/query/plan/walk.js";
import type { TableSource } from "../../../runtime/query/table/access.js";
import { type Overlay, OverlayReader } from "../../../runtime/query/table/overlay.js";
import { type PastDefinitions, TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { codecOf } from "../../../runtime/query/types/codecs.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { concurrentDelete, concurrentUpdate } from "../../../runtime/query/write/constraint-errors.js";
import { manyChangesOf } from "../../../runtime/query/write/many-changes.js";
import { type ModificationResult, modify, readsWhileWriting } from "../../../runtime/query/write/modification.js";
import type { LockStrength, LockWaitPolicy, WritePorts } from "../../../runtime/query/write/ports.js";
import { positionAt, TableKey, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { AssertionFailed, assert, unreachable } from "../../../runtime/types/assert.js";
import type { SqlRequest } from "../../messages/sql.js";
import { AuditSource } from "../../sql/audit-source.js";
import { DataRows, valueAt } from "../../sql/data-rows.js";
import type { Engine } from "../../sql/engine.js";
import { Evaluation, unixTimeOf } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import { type FactsLimits, takenBy } from "./facts-limits.js";
import { RowChanges } from "./row-changes.js";
import type { Sequences } from "./sequences.js";
import type { Session } from "./session.js";
import type { StatementLocks } from "./statement-locks.js";
import { lockingRows, tableLockName, writing } from "./table-locks.js";
import type { Transaction } from "./transaction.js";

const noParameters: readonly Datum[] = [];
const resultBytesMax = 256 * 1024 * 1024;
/** A statement that runs longer than this in the shard holds up every write: it is for projections. ms. */
const shardStatementMs = 30_000;
/** A definition over all rows of a table cannot be had elsewhere. ms. */
const shardDefinitionMs = 300_000;

export interface StatementParts {
  readonly engine: Engine;
  readonly request: SqlRequest;
  readonly session: Session;
  readonly transaction: Transaction;
  readonly locks: StatementLocks;
  readonly sequences: Sequences;
  readonly limits: FactsLimits;
  /** The state as others see it, and with the transaction's writes over it. */
  readonly state: TreeReader;
  readonly reader: OverlayReader;
  readonly catalog: Catalog;
  readonly definitions: PastDefinitions;
  /** The catalog as it was at a position. */
  readonly pastCatalog: (position: number) => Catalog;
  /** Newest position of the tenant. */
  readonly position: number;
  readonly evaluation: Evaluation;
  /** ms, monotonic. */
  readonly clock: () => number;
  /** Says that a statement that takes long is at work. */
  readonly working: () => void;
}

export const modificationTag = (kind: BoundModification["kind"], count: number): string =>
  `${kind === "insert" ? "INSERT 0" : kind.toUpperCase()} ${count}`;

export interface StatementResult {
  readonly rows: DataRows | null;
  readonly tag: (rows: number) => string;
  readonly count: number;
}

export class StatementRun {
  readonly #parts: StatementParts;
  readonly #source: TreeTableSource;
  readonly #current: TreeTableSource;
  readonly #environment: QueryEnvironment;
  readonly #ports: WritePorts;
  readonly #key = new TableKey();
  readonly #startedMs: number;
  readonly #limitMs: number;
  /** The transaction's writes as they were before the first change: what all parts of a statement read that reads while it writes. */
  #before: Overlay | null = null;
  /** Changes in a WITH: of several parts, none writes what another has written. */
  #hasParts = false;

  constructor(parts: StatementParts, bound: BoundStatement) {
    this.#parts = parts;
    this.#startedMs = parts.clock();
    this.#limitMs = bound.body.kind === "definition" ? shardDefinitionMs : shardStatementMs;
    const { request, transaction, reader, state, position, evaluation } = parts;
    const { tenant } = request;
    const { snapshot } = transaction;
    const watch =
      transaction.isolation === "serializable"
        ? (tree: number, low: Uint8Array, high: Uint8Array | null): void =>
            void transaction.reads.push({ tree, low: low.slice(), high: high === null ? null : high.slice() })
        : null;
    const read = snapshot < 0 ? position : snapshot;
    this.#source = new TreeTableSource(reader, tenant, read, snapshot >= 0 && snapshot < position, {
      past: state,
      watch,
      definitions: parts.definitions,
    });
    this.#current = new TreeTableSource(reader, tenant, position, false, { past: state });
    this.#environment = {
      source: new AuditSource(this.#source, {
        reads: new StateReads(state),
        tenant,
        catalog: parts.catalog,
        past: parts.pastCatalog,
        records: null,
      }),
      context: evaluation.context,
      parameters:
        request.kind === "load" ? noParameters : readParameters(request.parameters, bound, evaluation.context),
      memoryBytesMax: evaluation.queryMemory,
      check: () => this.check(),
      positionAt: (at) => new StateReads(state).positionsUntil(tenant, unixTimeOf(at)) - 1,
      systemRows: (table) => parts.engine.systemRows(table, { catalog: parts.catalog, context: evaluation.context }),
      commonRows: new Map(),
      modify: (modification, environment) => this.#modifyInWith(modification, environment),
      lockRow: (table, key, strength, wait) => this.#lockRow(table, key, strength, wait),
    };
    this.#ports = this.#writePorts();
  }

  /** Says that the statement is at work, and throws when it has to end. */
  check(): void {
    this.#parts.working();
    if (this.#parts.clock() - this.#startedMs < this.#limitMs) return;
    throw new SqlError("57014", `canceling statement: it ran for ${this.#limitMs / 1_000} s where writes are decided`, {
      hint: "Run long queries outside of transactions that have written; they are then read from a snapshot.",
    });
  }

  #writePorts(): WritePorts {
    const { engine, request, transaction, locks, sequences, state, reader, catalog, evaluation, limits } = this.#parts;
    const { tenant } = request;
    return {
      tenant,
      catalog,
      reader,
      overlay: takenBy(transaction.overlay, limits.itemBytes),
      locks,
      timing: transaction.deferred,
      source: this.#current,
      snapshot: transaction.snapshot,
      isWritten: (key) =>
        this.#hasParts && this.#before !== null && !transaction.overlay.agreesWith(this.#before, tableTree.rows, key),
      check: () => this.check(),
      nextRowNumber: (storage) => {
        transaction.sequences.add(storage);
        return sequences.nextRowNumber(state, tenant, storage);
      },
      transactionNumber: () => transaction.tellNumber(sequences, state),
      compile: (expression, ids) => engine.compile(expression, ids, this.#environment),
      rulesOf: (table) => engine.rulesOf(table, { catalog, context: evaluation.context }),
      defaultOf: (table, column) => {
        const expression = engine.defaultOf(table, column, { catalog, context: evaluation.context });
        return expression === null ? null : engine.compile(expression, [], this.#environment)([]);
      },
      text: (type, value) => (value === null ? "null" : codecOf(type.oid).output(value, evaluation.context)),
      schemaName: (table) => {
        const schema = catalog.objectByOid(table.schema);
        return schema?.kind === "schema" ? schema.name : "";
      },
      unreadable: (table) => closedColumns(table, actorOf(evaluation.context), "r"),
    };
  }

  get ports(): WritePorts {
    return this.#ports;
  }

  /** Everything as it is now, whatever the transaction's snapshot: what a refresh reads. */
  get current(): TableSource {
    return this.#audited(this.#current);
  }

  /** The same without the transaction's own writes, to be read beside what it loads. */
  get committed(): TableSource {
    const { state, request, position } = this.#parts;
    return this.#audited(new TreeTableSource(state, request.tenant, position, false, { past: state }));
  }

  #audited(tables: TreeTableSource): TableSource {
    const { state, request, catalog, pastCatalog } = this.#parts;
    return new AuditSource(tables, {
      reads: new StateReads(state),
      tenant: request.tenant,
      catalog,
      past: pastCatalog,
      records: null,
    });
  }

  get environment(): QueryEnvironment {
    return this.#environment;
  }

  run(bound: BoundStatement): StatementResult {
    const { body } = bound;
    switch (body.kind) {
      case "query":
        return this.#query(body);
      case "insert":
      case "update":
      case "delete":
      case "merge":
        return this.#modification(body);
      case "explain":
        return this.#explain(body);
      case "definition":
      case "session":
        throw notSupported(body.statement.kind);
      default:
        return unreachable(body);
    }
  }

  /** An INSERT of one row of parameters, for each row of values. */
  load(insert: BoundInsert, rows: Iterable<readonly Datum[]>): StatementResult {
    const { locks, request } = this.#parts;
    locks.lockWhole(tableLockName(request.tenant, insert.table.oid), writing);
    if (readsWhileWriting(insert)) this.#readBefore();
    const numbers: number[] = [];
    const kept = this.#kept(insert, this.#computed(insert.plan, rows), numbers);
    const { count } = modify(insert, kept, this.#ports, (error, row) => atLoadPlace(error, numbers[row] ?? row, null));
    return { rows: null, count, tag: () => `INSERT 0 ${count}` };
  }

  /** Those of a load's rows that its WHERE lets in. @param numbers which they are, from 0; none without one */
  *#kept(
    { plan, condition }: BoundInsert,
    rows: Iterable<readonly Datum[]>,
    numbers: number[],
  ): Iterable<readonly Datum[]> {
    if (condition === null) {
      yield* rows;
      return;
    }
    const ids = plan.columns.map(({ id }) => id);
    const holds = this.#parts.engine.compile(condition, ids, this.#environment);
    let row = 0;
    for (const values of rows) {
      try {
        if (holds(values) === true) {
          numbers.push(row);
          yield values;
        }
      } catch (error) {
        throw atLoadPlace(error, row, null);
      }
      row += 1;
    }
  }

  *#computed(plan: PlanNode, rows: Iterable<readonly Datum[]>): Iterable<readonly Datum[]> {
    assert(plan.kind === "values" && plan.items.length === 1, "a load runs an INSERT of one row");
    const [item = []] = plan.items;
    const { engine } = this.#parts;
    let row = 0;
    for (const parameters of rows) {
      const environment = { ...this.#environment, parameters };
      yield item.map((expression) => {
        try {
          return engine.compile(expression, [], environment)([]);
        } catch (error) {
          throw atLoadPlace(error, row, parameterIn(expression));
        }
      });
      row += 1;
    }
  }

  /** Rows of a plan that reads the state alone, as others see it: the transaction has written no rows, and may write some meanwhile. */
  rowsOfState(plan: PlanNode): Iterable<readonly Datum[]> {
    this.#readState();
    return this.rowsOf(plan);
  }

  /** As `rowsOfState`, batch by batch: each is valid until the next one. */
  batchesOfState(plan: PlanNode, outputs: readonly ColumnId[]): Iterable<RowBatch> {
    this.#readState();
    return this.batchesOf(plan, this.#environment, outputs);
  }

  #readState(): void {
    const { transaction, state } = this.#parts;
    assert(!transaction.overlay.hasRows, "what a transaction has written is read with the state");
    this.#source.readBy(state);
  }

  *batchesOf(plan: PlanNode, environment: QueryEnvironment, outputs: readonly ColumnId[]): Iterable<RowBatch> {
    const stream = this.#parts.engine.run(plan, outputs, environment);
    try {
      for (let batch = stream.next(); batch !== null; batch = stream.next()) yield batch;
    } finally {
      stream.close();
    }
  }

  /** Rows of a plan, one after the other, in the order of its columns. */
  *rowsOf(
    plan: PlanNode,
    environment: QueryEnvironment = this.#environment,
    outputs: readonly ColumnId[] = plan.columns.map(({ id }) => id),
  ): Iterable<readonly Datum[]> {
    for (const { rows, selection, columns } of this.batchesOf(plan, environment, outputs)) {
      for (let row = 0; row < rows; row++) {
        const at = selection === null ? row : (selection[row] ?? 0);
        yield columns.map((column) => valueAt(column, at));
      }
    }
  }

  #query(query: BoundQuery): StatementResult {
    const { engine, request, evaluation } = this.#parts;
    const { plan, outputs, columns } = query;
    const places = outputs.map((_id, index) => index);
    const types = columns.map(({ type }) => type);
    const rows = new DataRows(types, request.resultFormats, evaluation.context);
    const stream = engine.run(plan, outputs, this.#environment);
    let count = 0;
    try {
      for (let batch = stream.next(); batch !== null; batch = stream.next()) {
        rows.addBatch(batch, places, 0, batch.rows);
        count += batch.rows;
        if (rows.length > resultBytesMax) throw resultTooLarge();
      }
    } finally {
      stream.close();
    }
    return { rows, count, tag: (shown) => `SELECT ${shown}` };
  }

  #modification(modification: BoundModification): StatementResult {
    const { request, evaluation } = this.#parts;
    const { count, rows } = this.#modify(modification, this.#environment);
    const tag = modificationTag(modification.kind, count);
    if (modification.returning === null) return { rows: null, count, tag: () => tag };
    const types = modification.returning.columns.map(({ type }) => type);
    const out = new DataRows(types, request.resultFormats, evaluation.context);
    for (const row of rows) out.add(row);
    return { rows: out, count, tag: () => tag };
  }

  #modify(modification: BoundModification, environment: QueryEnvironment): ModificationResult {
    const { locks, request } = this.#parts;
    locks.lockWhole(tableLockName(request.tenant, modification.table.oid), writing);
    // What others see is read faster than what a transaction sees; as long as it has written no rows, both are the same.
    if (this.#before === null && !this.#parts.transaction.overlay.hasRows) {
      this.#readState();
      const count = this.#changeMany(modification, environment);
      if (count !== null) return { count, rows: [] };
    } else if (readsWhileWriting(modification)) this.#readBefore();
    return modify(modification, this.rowsOf(modification.plan, environment), this.#ports);
  }

  /** A statement that changes rows of the state and is done with each of them by itself; null when it has to take the general way. */
  #changeMany(modification: BoundModification, environment: QueryEnvironment): number | null {
    const { transaction, locks } = this.#parts;
    const { isolation, snapshot } = transaction;
    // Rows that are updated within a transaction are locked by their names, as those who refer to them may go on.
    if (isolation === "serializable" || snapshot >= 0 || (modification.kind === "update" && !locks.isAlone))
      return null;
    const { plan } = modification;
    if (mayWrite(plan)) return null;
    const { state, request, position } = this.#parts;
    const source = new TreeTableSource(state, request.tenant, position, false, { past: state });
    const change = manyChangesOf(modification, { ...this.#ports, reader: state, source });
    if (change === null) return null;
    const rows = this.rowsOf(plan, environment);
    const given = mayTouchRows(plan) ? [...rows] : rows;
    return change(given, new RowChanges(modification.table, this.#parts));
  }

  /** A change in a WITH is one of several of its statement, of which none sees what another writes. */
  #modifyInWith(modification: BoundModification, environment: QueryEnvironment): ModificationResult["rows"] {
    this.#hasParts = true;
    this.#readBefore();
    return this.#modify(modification, environment).rows;
  }

  /** From now on the statement reads what was there before its first change. */
  #readBefore(): void {
    if (this.#before !== null) return;
    const { transaction, state } = this.#parts;
    this.#before = transaction.overlay.copy();
    this.#source.readBy(new OverlayReader(state, this.#before));
  }

  #explain(explain: BoundExplain): StatementResult {
    const { request, evaluation, engine } = this.#parts;
    const out = new DataRows(
      explain.columns.map(({ type }) => type),
      request.resultFormats,
      evaluation.context,
    );
    const { statement } = explain;
    if (statement.kind !== "query" && explain.isAnalyze)
      throw notSupported("EXPLAIN ANALYZE of a statement that writes");
    for (const line of engine.explain(explain, this.#environment)) out.add([line]);
    return { rows: out, count: out.rows, tag: () => "EXPLAIN" };
  }

  /** FOR UPDATE and the like. False when the row is to be skipped. */
  #lockRow(oid: number, key: Uint8Array, strength: string, wait: string): boolean {
    const { catalog, locks, request, reader, transaction } = this.#parts;
    const table = catalog.objectByOid(oid);
    if (table?.kind !== "table") throw new AssertionFailed("rows that are locked are a table's");
    const policy: LockWaitPolicy = wait === "skip" ? "skip" : wait === "error" ? "error" : "block";
    const treeKey = this.#key.item(request.tenant, table.storage, key).slice();
    locks.lockWhole(tableLockName(request.tenant, oid), lockingRows);
    if (!locks.hold(tableTree.rows, treeKey, strengthOf(strength), policy, table)) return false;
    const isThere = reader.get(tableTree.rows, treeKey);
    if (transaction.snapshot < 0) return isThere;
    if (!isThere) throw concurrentDelete();
    if (positionAt(reader.valueView, reader.valueStart) > transaction.snapshot) throw concurrentUpdate();
    return true;
  }
}

/** The parameter that a value of a load is, converted or as it is; null for what is computed otherwise. */
function parameterIn(expression: BoundExpression): number | null {
  let value = expression;
  while (value.kind === "cast") value = value.subject;
  return value.kind === "parameter" ? value.index : null;
}

function strengthOf(strength: string): LockStrength {
  switch (strength) {
    case "update":
    case "noKeyUpdate":
    case "share":
    case "keyShare":
      return strength;
    default:
      throw new AssertionFailed("a row lock has a known strength");
  }
}

const resultTooLarge = (): SqlError =>
  new SqlError("53200", `the result has more than ${resultBytesMax} bytes`, {
    hint: "Read it in parts, by a cursor or outside of the transaction.",
  });
