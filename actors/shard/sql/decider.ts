/**
 * SQL in the shard that leads: takes statements out of the queue of writes, one at a time and in order, and says what becomes of each.
 *
 *   answer   nothing is written: it may be sent as any answer that rests on the state as proposed
 *   commit   the changes of a transaction, for the kernel to decide and the log to hold; the answer waits for it
 *   waits    a lock is in the way: the statement comes back into the queue when its owners have ended, and is run again from its start
 *
 * A statement that stands alone is a transaction of its own: run, committed, and over before anything else is looked at. So statements on a
 * hot row follow one another and never fail. Those of an open transaction gather in its overlay until its COMMIT.
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { putFact } from "../../../runtime/kernel/sql-facts.js";
import { CatalogCache, type ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { SqlError } from "../../../runtime/query/error.js";
import { type AdvisoryLockRequest } from "../../../runtime/query/functions/context.js";
import { millisecondsOf } from "../../../runtime/query/settings.js";
import { OverlayReader } from "../../../runtime/query/table/overlay.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { type WriteProgram, writeProgramOf } from "../../../runtime/query/write/single-row.js";
import { pending } from "../../../runtime/query/write/table-writer.js";
import { itemAt, tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { type ErrorRecord, KimberliteError } from "../../../runtime/types/errors.js";
import { miB } from "../../../runtime/types/limits.js";
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import { type DecodedSqlRequest, decodeSqlRequest, encodeSqlReply, writeSqlReply } from "../../messages/sql-codec.js";
import { asOfPosition } from "../../sql/as-of.js";
import { type Engine, statementError } from "../../sql/engine.js";
import { Evaluation, noEffects, RequestSettings } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import { PlanCache, type PlannedStatement } from "../../sql/plan-cache.js";
import type { QueuedRequest, RequestQueue } from "../request-queue.js";
import { runDefinition } from "./definition-run.js";
import { beginFacts, endFacts, factsHeadBytes, writeFacts, writeStage } from "./facts-of.js";
import { LockTable, WaitGraph } from "./lock-table.js";
import { LockWait } from "./lock-wait.js";
import { Sequences } from "./sequences.js";
import { Session } from "./session.js";
import { advisoryLockName, StatementLocks, tableLockName } from "./statement-locks.js";
import { effectsOf, type StatementParts, type StatementResult, StatementRun } from "./statement-run.js";
import { Transaction, transactionBytesMax } from "./transaction.js";

export type SqlOutcome =
  | { readonly kind: "answer"; readonly body: Uint8Array }
  | { readonly kind: "failed"; readonly error: KimberliteError }
  | { readonly kind: "waits" }
  | {
      readonly kind: "commit";
      /** Body of a `sqlCommit`, then the principal; overwritten by the next transaction. */
      readonly bytes: Uint8Array;
      readonly view: DataView;
      readonly bodyTo: number;
      /** Bodies of the `sqlStage`s that have to be written before it, one after the other. */
      readonly stages: Stages | null;
      /** The answer once the record is written, overwritten by the next one's. Ends the transaction. */
      readonly committed: (position: number) => Uint8Array;
      /** The answer when the kernel refused it. Ends the transaction too. */
      readonly refused: (error: ErrorRecord) => Uint8Array;
    };

/** Parts of a large transaction on their way into the log. */
export interface Stages {
  readonly count: number;
  /** The next one to be written. */
  next: number;
  /** Body of a `sqlStage`, then the principal; overwritten by the next one. */
  body(part: number): { readonly bytes: Uint8Array; readonly view: DataView; readonly bodyTo: number };
}

export interface DeciderHost {
  readonly engine: Engine;
  /** The working state: everything proposed so far. */
  readonly state: TreeReader;
  /** Sends an answer that rests on nothing that is under way. */
  answer(request: Readonly<QueuedRequest>, body: Uint8Array): void;
  /** A statement met a defect of the engine. */
  defect(error: Error): void;
  /** A statement takes long, and is at work. */
  working(): void;
  /** ms since 1970. */
  now(): number;
  monotonic(): number;
  random(): number;
}

interface Parked {
  readonly request: QueuedRequest;
  readonly tenant: number;
  /** Transactions in its way. */
  readonly owners: Set<number>;
  readonly transaction: Transaction | null;
  readonly session: Session;
  /** ms, monotonic; Infinity without a lock_timeout. */
  readonly until: number;
}

interface Kept {
  readonly port: Port | null;
  readonly correlation: number;
  readonly outcome: SqlOutcome;
}

/** A write of a serializable transaction's past, to be held against what it read. */
interface RecentWrite {
  readonly position: number;
  readonly tree: number;
  readonly key: Uint8Array;
}

const noBytes = new Uint8Array(0);
const recentWritesMax = 1_000_000;
/** Changes of one transaction: they are put into the trees in one go. */
const factsBytesMax = 256 * miB;

export class SqlDecider {
  readonly #host: DeciderHost;
  readonly #catalogs = new CatalogCache();
  readonly #plans = new PlanCache();
  readonly #programs = new WeakMap<PlannedStatement, WriteProgram | null>();
  readonly #reply = new ByteWriter(256);
  readonly #locks = new LockTable();
  readonly #graph = new WaitGraph();
  readonly #sequences = new Sequences();
  readonly #sessions = new Map<string, Session>();
  readonly #facts = new ByteWriter(64 * 1024);
  readonly #reads: StateReads;
  #parked: Parked[] = [];
  /** Outcome that found no room in a prepare, by tenant: the request is the next of its tenant. */
  readonly #kept = new Map<number, Kept>();
  /** Statements that are to be run again, each tenant's first one last. */
  #woken: { readonly tenant: number; readonly request: QueuedRequest }[] = [];
  /** By tenant, while serializable transactions are open. */
  readonly #recent = new Map<number, RecentWrite[]>();
  #nextOwner = 1;
  #nextPending = -1;
  /** Statements that were done by a program of their own. */
  singleRows = 0;
  /** Statements of transactions, and those of several rows, that were done by programs. */
  programRuns = 0;

  constructor(host: DeciderHost) {
    this.#host = host;
    this.#reads = new StateReads(host.state);
  }

  get parked(): number {
    return this.#parked.length;
  }

  get openTransactions(): number {
    let count = 0;
    for (const { transaction } of this.#sessions.values()) if (transaction !== null) count += 1;
    return count;
  }

  /** Whether anything may come to its end by time alone. */
  get hasTimers(): boolean {
    return this.#parked.some(({ until }) => until !== Number.POSITIVE_INFINITY);
  }

  #owner(): number {
    const owner = this.#nextOwner;
    this.#nextOwner += 1;
    return owner;
  }

  // ------------------------------------------------------------------ deciding

  decide(waiting: Readonly<QueuedRequest>, tenant: number): SqlOutcome {
    const kept = this.#kept.get(tenant);
    this.#kept.delete(tenant);
    // When another comes before it after all, it is decided anew.
    if (kept !== undefined && kept.port === waiting.port && kept.correlation === waiting.correlation)
      return kept.outcome;
    try {
      return this.#decide(waiting, decodeSqlRequest(waiting.bytes, waiting.bodyFrom, waiting.bodyTo));
    } catch (error) {
      if (error instanceof KimberliteError) return { kind: "failed", error };
      throw error;
    }
  }

  /** A commit found no room: it is asked for again, by the same request. */
  keep(waiting: Readonly<QueuedRequest>, tenant: number, outcome: SqlOutcome): void {
    assert(outcome.kind === "commit", "only what is to be written needs room");
    const bytes = outcome.bytes.slice();
    const { port, correlation } = waiting;
    this.#kept.set(tenant, { port, correlation, outcome: { ...outcome, bytes, view: new DataView(bytes.buffer) } });
  }

  /** Puts statements whose locks are free back into the queue, before all others of their tenants. */
  requeueWoken(queue: Pick<RequestQueue, "unshift">): boolean {
    if (this.#woken.length === 0) return false;
    // What is half written of a tenant is written to its end first.
    const woken = this.#woken.filter(({ tenant }) => !this.#kept.has(tenant));
    this.#woken = this.#woken.filter(({ tenant }) => this.#kept.has(tenant));
    for (const { tenant, request } of woken) queue.unshift(tenant, request);
    return true;
  }

  #position(tenant: number): number {
    const info = this.#reads.tenant(tenant);
    if (info === null || tenant === 0)
      throw new KimberliteError("tenantUnknown", `tenant ${tenant} was never on this shard`);
    const { status, epoch } = info;
    if (status === tenantStatus.fenced || status === tenantStatus.importing) {
      throw new KimberliteError("tenantMoving", `tenant ${tenant} is between two shards`, {
        detail: { tenant, epoch },
      });
    }
    if (status !== tenantStatus.active) {
      throw new KimberliteError("routeStale", `tenant ${tenant} has left this shard`, { detail: { tenant, epoch } });
    }
    return info.nextPosition - 1;
  }

  #session({ tenant, session }: SqlRequest, port: Port | null): Session {
    const name = `${tenant} ${session}`;
    let found = this.#sessions.get(name);
    if (found === undefined) {
      found = new Session(tenant, this.#owner(), port);
      this.#sessions.set(name, found);
    }
    found.port = port;
    return found;
  }

  #decide(waiting: Readonly<QueuedRequest>, request: DecodedSqlRequest): SqlOutcome {
    const position = this.#position(request.tenant);
    if (request.kind === "end") {
      this.#end(request);
      return answer(done("END", position));
    }
    const alone = this.#decideSingle(waiting, request, position);
    if (alone !== null) return alone;
    const session = this.#session(request, waiting.port);
    let outcome: SqlOutcome;
    try {
      outcome = this.#perform(waiting, request, session, position);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      if (request.transaction.isOpen && session.transaction !== null) session.transaction.isFailed = true;
      outcome = answer(failed(error));
    }
    if (session.isIdle && outcome.kind !== "waits" && this.#locks.mark(session.owner) === 0) {
      this.#sessions.delete(`${request.tenant} ${request.session}`);
    }
    return outcome;
  }

  /** A statement that stands alone, writes one row and meets nobody (single-row.ts); null when it is to be run the general way. */
  #decideSingle(waiting: Readonly<QueuedRequest>, request: DecodedSqlRequest, position: number): SqlOutcome | null {
    const { kind, tenant, transaction } = request;
    if (kind !== "execute" || transaction.isOpen || transaction.isReadOnly) return null;
    if (this.#recent.size > 0 || isAsOf(request)) return null;
    const { state } = this.#host;
    const facts = this.#facts;
    let rows: number | null;
    let tag = "";
    try {
      const catalog = this.#catalogs.current(state, tenant);
      const planned = this.#plans.find(request, catalog.version);
      const program = planned === undefined ? null : this.#programOf(planned, catalog);
      if (planned === undefined || program === null || !program.isSingle || program.isVolatile) return null;
      const { body } = planned.bound;
      assert(body.kind === "insert" || body.kind === "update", "a program writes to a table");
      const locks = new StatementLocks(this.#locks, null);
      if (!locks.isFree(tableLockName(tenant, body.table.oid), "keyShare")) return null;
      beginFacts(facts, tenant);
      const { context } = new Evaluation(request, {
        catalog,
        position,
        now: Math.floor(this.#host.now() * 1_000),
        clock: () => this.#host.now(),
        random: () => this.#host.random(),
        effects: noEffects,
        names: (searchPath) => this.#host.engine.names(catalog, searchPath),
      });
      const parameters = readParameters(request.parameters, planned.bound.parameterTypes, context, "");
      rows = program.run({
        state,
        tenant,
        frame: { row: [], parameters, context },
        put: (space, object, treeKey, content) => putFact(facts, space, object, treeKey.subarray(itemAt), content),
        lock: (tree, treeKey, strength, table) => locks.lock(tree, treeKey, strength, "skip", table),
      });
      tag = body.kind === "insert" ? `INSERT 0 ${rows}` : `UPDATE ${rows}`;
    } catch (error) {
      return answer(failed(statementError(error, (defect) => this.#host.defect(defect))));
    }
    if (rows === null) return null;
    this.singleRows += 1;
    if (facts.length === factsHeadBytes) return answer(done(tag, position));
    endFacts(facts, rows);
    return this.#commitOf(waiting, null, {
      committed: (at) => ({ ...done(tag, at), wrote: true }),
      refused: () => {},
    });
  }

  #programOf(planned: PlannedStatement, catalog: ObjectCatalog): WriteProgram | null {
    const { body } = planned.bound;
    if (body.kind !== "insert" && body.kind !== "update") return null;
    let program = this.#programs.get(planned);
    if (program === undefined) {
      program = writeProgramOf(body, catalog);
      this.#programs.set(planned, program);
    }
    return program;
  }

  #perform(waiting: Readonly<QueuedRequest>, request: SqlRequest, session: Session, position: number): SqlOutcome {
    switch (request.kind) {
      case "fetch":
        return answer(this.#fetch(session, request, position));
      case "listen":
        throw new SqlError("XX000", "what was notified is read from a projection");
      case "close":
        session.close(request.cursor);
        return answer(done("CLOSE", position));
      case "commit":
        return this.#commit(waiting, request, session, position);
      case "rollback":
        this.#rollback(session);
        return answer(done("ROLLBACK", position));
      default:
    }
    const transaction = request.transaction.isOpen ? this.#transactionOf(request, session, position) : null;
    switch (request.kind) {
      case "savepoint":
        expectSound(transaction);
        transaction?.savepoint(request.text, this.#locks);
        return answer(done("SAVEPOINT", position));
      case "releaseSavepoint":
        expectSound(transaction);
        transaction?.release(request.text);
        return answer(done("RELEASE", position));
      case "rollbackToSavepoint":
        if (transaction !== null) {
          transaction.rollbackTo(request.text, this.#locks);
          this.#wake(transaction.id);
        }
        return answer(done("ROLLBACK", position));
      default:
        expectSound(transaction);
        return this.#execute(waiting, request, session, transaction, position);
    }
  }

  /** The session's transaction, begun now or known from before: never a second one in the place of a lost one. */
  #transactionOf(request: SqlRequest, session: Session, position: number): Transaction {
    const { requests, isolation, snapshot } = request.transaction;
    if (requests > 0) {
      if (session.transaction !== null) return session.transaction;
      throw new SqlError("40001", "could not serialize access: the transaction was lost, none of it is committed", {
        hint: "Run the transaction again.",
      });
    }
    // A statement that waited comes again with the transaction that it began.
    if (session.transaction !== null) {
      if (session.transaction.overlay.isEmpty && session.transaction.notifications.length === 0) {
        return session.transaction;
      }
      this.#rollback(session);
    }
    const at = isolation === "readCommitted" ? -1 : snapshot >= 0 ? snapshot : Math.max(0, position);
    const transaction = new Transaction(this.#owner(), request.tenant, isolation, at);
    session.transaction = transaction;
    if (isolation === "serializable" && !this.#recent.has(request.tenant)) this.#recent.set(request.tenant, []);
    return transaction;
  }

  #catalog(transaction: Transaction, reader: TreeReader): ObjectCatalog {
    const { tenant, catalogVersion } = transaction;
    if (catalogVersion < 0) return this.#catalogs.pending(reader, tenant, catalogVersion);
    return this.#catalogs.current(this.#host.state, tenant);
  }

  #execute(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    open: Transaction | null,
    position: number,
  ): SqlOutcome {
    const { state } = this.#host;
    const isAlone = open === null;
    const transaction = open ?? new Transaction(0, request.tenant, "readCommitted", -1);
    const { overlay } = transaction;
    const mark = overlay.mark();
    const told = transaction.notifications.length;
    const reader = new OverlayReader(state, overlay);
    const locks = new StatementLocks(this.#locks, isAlone ? null : transaction.id);
    try {
      const present = this.#catalog(transaction, reader);
      const evaluationUnder = (catalog: ObjectCatalog): Evaluation =>
        this.#evaluation(request, session, open, { transaction, catalog, position });
      const asOf = asOfPosition(request, this.#reads, position, () => evaluationUnder(present).context);
      const catalog = asOf === null ? present : this.#catalogs.past(state, request.tenant, asOf);
      const evaluation = evaluationUnder(catalog);
      const planned =
        this.#plans.find(request, catalog.version) ?? this.#plan(request, catalog, evaluation, reader, position);
      if (planned === null) return answer({ kind: "syntaxWanted" });
      if (request.kind === "describe") return answer(described(planned));
      const { bound } = planned;
      const isQuery = bound.body.kind === "query" || bound.body.kind === "explain";
      if (asOf !== null && (bound.writes || !isQuery)) {
        throw new SqlError("25006", "cannot execute a statement that changes something while kimberlite.as_of is set");
      }
      if (bound.writes && request.transaction.isReadOnly) {
        throw new SqlError("25006", "cannot execute a statement that writes in a read-only transaction");
      }
      const parts: StatementParts = {
        engine: this.#host.engine,
        request,
        session,
        transaction,
        locks,
        sequences: this.#sequences,
        state,
        reader,
        catalog,
        definitions: (past, table, versions) => this.#catalogs.tableVersions(past, request.tenant, table, versions),
        pastCatalog: (at) => this.#catalogs.past(state, request.tenant, at),
        position,
        evaluation,
        clock: () => this.#host.monotonic(),
        working: () => this.#host.working(),
      };
      const result = this.#runProgram(parts, planned, catalog) ?? this.#runGeneral(parts, planned);
      if (overlay.bytes > transactionBytesMax) throw transactionTooLarge(overlay.bytes, transactionBytesMax);
      const reply = (at: number, wrote: boolean): SqlReply =>
        this.#rowsReply(request, session, result, planned, evaluation, at, wrote);
      if (!isAlone) return answer(reply(position, false));
      return this.#decideFacts(waiting, transaction, reply, position);
    } catch (error) {
      overlay.rollbackTo(mark);
      transaction.takeBack(told);
      if (error instanceof LockWait) return this.#park(waiting, request, session, open, error);
      throw statementError(error, (defect) => this.#host.defect(defect));
    }
  }

  #evaluation(
    request: SqlRequest,
    session: Session,
    open: Transaction | null,
    around: { readonly transaction: Transaction; readonly catalog: ObjectCatalog; readonly position: number },
  ): Evaluation {
    const { engine, state } = this.#host;
    const { transaction, catalog, position } = around;
    return new Evaluation(request, {
      catalog,
      position,
      now: Math.floor(this.#host.now() * 1_000),
      clock: () => this.#host.now(),
      random: () => this.#host.random(),
      effects: effectsOf({ session, transaction, sequences: this.#sequences, state, catalog, request }, (wanted) =>
        this.#advisory(request.tenant, session, open, wanted),
      ),
      names: (searchPath) => engine.names(catalog, searchPath),
    });
  }

  #runGeneral(parts: StatementParts, { bound, point }: PlannedStatement): StatementResult {
    const run = new StatementRun(parts, bound);
    const { body } = bound;
    return body.kind === "definition" || body.kind === "session"
      ? runDefinition(parts, run, body, () => this.#nextPending--)
      : run.run(bound, point);
  }

  /** A write that has a program (single-row.ts), into the transaction's overlay; null when it is to be run the general way. */
  #runProgram(parts: StatementParts, planned: PlannedStatement, catalog: ObjectCatalog): StatementResult | null {
    const { request, transaction, locks, reader, evaluation } = parts;
    const { overlay, isolation, snapshot } = transaction;
    if (isolation === "serializable" || snapshot >= 0) return null;
    const program = this.#programOf(planned, catalog);
    const { body, parameterTypes } = planned.bound;
    if (program === null || (body.kind !== "insert" && body.kind !== "update")) return null;
    locks.lockWhole(tableLockName(request.tenant, body.table.oid), "keyShare");
    const { context } = evaluation;
    const mark = overlay.mark();
    const rows = program.run({
      state: reader,
      tenant: request.tenant,
      frame: { row: [], parameters: readParameters(request.parameters, parameterTypes, context, ""), context },
      put: (space, _object, treeKey, content) => overlay.set(treeOfSpace(space), treeKey, pending(content)),
      lock: (tree, treeKey, strength, table) => locks.lock(tree, treeKey, strength, "block", table),
    });
    if (rows === null) {
      overlay.rollbackTo(mark);
      return null;
    }
    this.programRuns += 1;
    const tag = body.kind === "insert" ? `INSERT 0 ${rows}` : `UPDATE ${rows}`;
    return { rows: null, count: rows, tag: () => tag };
  }

  #plan(
    request: SqlRequest,
    catalog: ObjectCatalog,
    evaluation: Evaluation,
    reader: TreeReader,
    position: number,
  ): PlannedStatement | null {
    const statement = this.#plans.statement(request);
    if (statement === null) return null;
    const bound = this.#host.engine.bind({
      statement,
      text: request.text,
      catalog,
      parameterTypes: request.parameterTypes,
      context: evaluation.context,
      statistics: new TreeTableSource(reader, request.tenant, Math.max(0, position), false),
    });
    return this.#plans.keep(request, bound);
  }

  #rowsReply(
    request: SqlRequest,
    session: Session,
    { rows, tag, count }: ReturnType<StatementRun["run"]>,
    planned: PlannedStatement,
    evaluation: Evaluation,
    position: number,
    wrote: boolean,
  ): SqlReply {
    const columns = rows === null ? null : planned.columns;
    const { notices, changed } = evaluation;
    const common = { kind: "rows" as const, columns, position, wrote, notices, settings: changed };
    if (rows === null) return { ...common, rows: noBytes, rowCount: 0, tag: tag(count), cursor: 0 };
    const { rowsMax } = request;
    if (rowsMax === 0 || rows.rows <= rowsMax) {
      const shown = rows.rows;
      return { ...common, rows: rows.take(), rowCount: shown, tag: tag(shown), cursor: 0 };
    }
    const first = rows.takeSome(rowsMax);
    const cursor = session.open({ rows, tag, fetched: rowsMax });
    return { ...common, rows: first, rowCount: rowsMax, tag: "", cursor };
  }

  #fetch(session: Session, { cursor: number, rowsMax }: SqlRequest, position: number): SqlReply {
    const cursor = session.cursor(number);
    const wanted = rowsMax === 0 ? cursor.rows.rows : Math.min(rowsMax, cursor.rows.rows);
    const rows = cursor.rows.takeSome(wanted);
    cursor.fetched += wanted;
    const isDone = cursor.rows.rows === 0;
    if (isDone) session.close(number);
    return {
      kind: "rows",
      columns: null,
      rows,
      rowCount: wanted,
      tag: isDone ? cursor.tag(wanted) : "",
      cursor: isDone ? 0 : number,
      position,
      wrote: false,
      notices: [],
      settings: [],
    };
  }

  // ------------------------------------------------------------------ commit

  #commit(waiting: Readonly<QueuedRequest>, request: SqlRequest, session: Session, position: number): SqlOutcome {
    const { transaction } = session;
    if (transaction === null) {
      throw new SqlError("40001", "could not serialize access: the transaction was lost, none of it is committed", {
        hint: "Run the transaction again.",
      });
    }
    if (transaction.isFailed) {
      this.#rollback(session);
      return answer(done("ROLLBACK", position));
    }
    try {
      this.#checkReads(transaction);
      return this.#decideFacts(
        waiting,
        transaction,
        (at, wrote) => ({ ...done("COMMIT", at), wrote }),
        position,
        () => this.#ended(session, request),
      );
    } catch (error) {
      // A COMMIT that fails ends its transaction all the same.
      this.#rollback(session);
      throw error;
    }
  }

  /** What a serializable transaction has read must be as it was: then its place in the log could have been that of its snapshot. */
  #checkReads(transaction: Transaction): void {
    if (transaction.isolation !== "serializable" || transaction.overlay.isEmpty) return;
    const recent = this.#recent.get(transaction.tenant);
    assert(recent !== undefined, "writes are kept while a serializable transaction is open");
    for (const { position, tree, key } of recent) {
      if (position <= transaction.snapshot || !transaction.hasRead(tree, key)) continue;
      throw new SqlError("40001", "could not serialize access due to read/write dependencies among transactions", {
        detail: "Reason code: a row that was read has been changed since.",
        hint: "The transaction might succeed if retried.",
      });
    }
  }

  #decideFacts(
    waiting: Readonly<QueuedRequest>,
    transaction: Transaction,
    reply: (position: number, wrote: boolean) => SqlReply,
    position: number,
    ended: () => void = () => {},
  ): SqlOutcome {
    const { tenant } = transaction;
    const { state } = this.#host;
    const touched = [...transaction.sequences].flatMap((object) => {
      const sequence = this.#sequences.find(state, tenant, object);
      return sequence === null ? [] : [{ object, state: sequence }];
    });
    const facts = writeFacts(this.#facts, transaction, touched, state, () => this.#host.working());
    this.#host.working();
    if (facts.entries === 0) {
      ended();
      return answer(reply(position, false));
    }
    if (facts.bytes > factsBytesMax) throw transactionTooLarge(facts.bytes, factsBytesMax);
    const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
    return this.#commitOf(waiting, facts.parts.length === 0 ? null : stagesOf(tenant, facts.parts, principal.slice()), {
      committed: (at) => {
        this.#remember(transaction, at);
        ended();
        return reply(at, true);
      },
      refused: ended,
    });
  }

  /** What `#facts` holds, for the kernel to decide and the log to hold. */
  #commitOf(
    waiting: Readonly<QueuedRequest>,
    stages: Stages | null,
    { committed, refused }: { readonly committed: (position: number) => SqlReply; readonly refused: () => void },
  ): SqlOutcome {
    const bodyTo = this.#facts.length;
    const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
    const bytes = this.#facts.raw(principal).view();
    return {
      stages,
      kind: "commit",
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
      bodyTo,
      committed: (at) => writeSqlReply(committed(at), this.#reply).view(),
      refused: (error) => {
        refused();
        return encodeSqlReply(failed(sqlErrorOf(error)));
      },
    };
  }

  /** Keeps what a commit wrote, for serializable transactions that are open. */
  #remember({ tenant, overlay }: Transaction, position: number): void {
    const recent = this.#recent.get(tenant);
    if (recent === undefined) return;
    for (const { tree, key } of overlay.all()) recent.push({ position, tree, key });
    if (recent.length <= recentWritesMax) return;
    // Nobody can be sure any more: whoever is open has to begin anew.
    for (const { transaction } of this.#sessions.values()) {
      if (transaction?.tenant === tenant && transaction.isolation === "serializable") transaction.isFailed = true;
    }
    recent.length = 0;
  }

  /** The session's transaction is over, one way or the other. */
  #ended(session: Session, { tenant }: Pick<SqlRequest, "tenant">): void {
    const { transaction } = session;
    if (transaction === null) return;
    session.transaction = null;
    session.closeAll();
    this.#locks.releaseAll(transaction.id);
    this.#graph.end(transaction.id);
    this.#wake(transaction.id);
    if (transaction.isolation !== "serializable") return;
    for (const other of this.#sessions.values()) {
      if (other.transaction?.tenant === tenant && other.transaction.isolation === "serializable") return;
    }
    this.#recent.delete(tenant);
  }

  #rollback(session: Session): void {
    const { transaction } = session;
    if (transaction === null) return;
    transaction.overlay.clear();
    transaction.takeBack(0);
    this.#ended(session, transaction);
  }

  #end(request: Pick<SqlRequest, "tenant" | "session">): void {
    const name = `${request.tenant} ${request.session}`;
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    this.#parked = this.#parked.filter((parked) => parked.session !== session);
    this.#rollback(session);
    this.#locks.releaseAll(session.owner);
    this.#wake(session.owner);
    this.#sessions.delete(name);
  }

  // ------------------------------------------------------------------ waiting for locks

  #park(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    transaction: Transaction | null,
    { owners }: LockWait,
  ): SqlOutcome {
    assert(owners.length > 0, "whoever waits, waits for somebody");
    if (transaction !== null) {
      if (this.#graph.wouldDeadlock(transaction.id, owners)) {
        throw new SqlError("40P01", "deadlock detected", {
          detail: `The transaction waits for ${owners.length === 1 ? "one that waits" : "some that wait"} for it.`,
          hint: "See server log for query details.",
        });
      }
      this.#graph.wait(transaction.id, owners);
    }
    const timeoutMs = millisecondsOf(new RequestSettings(request.settings).get("lock_timeout"));
    const until = timeoutMs > 0 ? this.#host.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
    this.#parked.push({
      request: { ...waiting },
      tenant: request.tenant,
      owners: new Set(owners),
      transaction,
      session,
      until,
    });
    return { kind: "waits" };
  }

  /** An owner of locks has given some back: who waits for it is run again, in the order of waiting. */
  #wake(owner: number): void {
    const woken = this.#parked.filter(({ owners }) => owners.has(owner));
    if (woken.length === 0) return;
    this.#parked = this.#parked.filter(({ owners }) => !owners.has(owner));
    // Each is put before all others of its tenant, so the last one first.
    for (const { request, tenant, transaction } of woken.reverse()) {
      if (transaction !== null) this.#graph.end(transaction.id);
      this.#woken.push({ tenant, request });
    }
  }

  #fail(parked: Parked, error: SqlError): void {
    const { transaction, request } = parked;
    if (transaction !== null) {
      transaction.isFailed = true;
      this.#graph.end(transaction.id);
    }
    this.#host.answer(request, encodeSqlReply(failed(error)));
  }

  /** Ends what has waited for too long. */
  timer(): void {
    const now = this.#host.monotonic();
    const over = this.#parked.filter(({ until }) => until <= now);
    this.#parked = this.#parked.filter(({ until }) => until > now);
    for (const parked of over) this.#fail(parked, new SqlError("55P03", "canceling statement due to lock timeout"));
  }

  /** The client of a request waits no longer. */
  cancel(port: Port, correlation: number): void {
    const at = this.#parked.findIndex(({ request }) => request.port === port && request.correlation === correlation);
    const parked = this.#parked[at];
    if (parked === undefined) return;
    this.#parked.splice(at, 1);
    this.#fail(parked, new SqlError("57014", "canceling statement due to user request"));
  }

  /** Sessions whose gateways are gone are over. @param lost a port that is open and yet leads nowhere any more */
  dropClosed(lost: Port | null = null): void {
    for (const [name, session] of this.#sessions) {
      if (session.port === null || (session.port.isOpen && session.port !== lost)) continue;
      const [tenant, number] = name.split(" ").map(Number);
      if (tenant !== undefined && number !== undefined) this.#end({ tenant, session: number });
    }
  }

  /** The state went back, or somebody else leads: every transaction is over, and who waits is told. */
  dropAll(): void {
    const error = new SqlError("40001", "could not serialize access: the shard that decides has changed", {
      hint: "Run the transaction again.",
    });
    const parked = this.#parked;
    this.#parked = [];
    for (const { request } of [...parked, ...this.#woken]) this.#host.answer(request, encodeSqlReply(failed(error)));
    this.#woken = [];
    for (const session of this.#sessions.values()) this.#rollback(session);
    this.#sessions.clear();
    this.#sequences.clear();
    this.#catalogs.clear();
    this.#plans.clear();
    this.#kept.clear();
    this.#woken = [];
    this.#recent.clear();
  }

  // ------------------------------------------------------------------ advisory locks

  #advisory(tenant: number, session: Session, transaction: Transaction | null, wanted: AdvisoryLockRequest): boolean {
    const { kind, key, isShared, scope } = wanted;
    if (kind === "unlockAll") {
      this.#locks.releaseAll(session.owner);
      this.#wake(session.owner);
      return true;
    }
    const name = advisoryLockName(tenant, String(key));
    if (kind === "unlock") {
      const wasHeld = this.#locks.release(name, session.owner);
      if (wasHeld) this.#wake(session.owner);
      return wasHeld;
    }
    const isSelf = (owner: number): boolean => owner === session.owner || owner === transaction?.id;
    const strength = isShared ? "share" : "update";
    const owners = this.#locks.inTheWay(name, strength, null).filter((owner) => !isSelf(owner));
    if (owners.length > 0) {
      if (kind === "tryLock") return false;
      throw new LockWait(owners);
    }
    // A lock of a transaction that stands alone is over before anybody sees it.
    const owner = scope === "session" ? session.owner : transaction?.id;
    if (owner !== undefined && this.#locks.inTheWay(name, strength, owner).length === 0) {
      this.#locks.take(name, strength, owner);
    }
    return true;
  }
}

function stagesOf(tenant: number, parts: readonly Uint8Array[], principal: Uint8Array): Stages {
  const out = new ByteWriter(64 * 1024);
  return {
    count: parts.length,
    next: 0,
    body: (part) => {
      const entries = parts[part];
      assert(entries !== undefined, "only parts that there are are staged");
      const bodyTo = writeStage(out, tenant, part, entries).length;
      const bytes = out.raw(principal).view();
      return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bodyTo };
    },
  };
}

const treeOfSpace = (space: number): number => (space === tableSpace.rows ? tableTree.rows : tableTree.index);

/** Whether the session reads the past: then nothing is changed. */
const isAsOf = ({ settings }: SqlRequest): boolean =>
  settings.some(([name, value]) => value !== "" && name.toLowerCase() === "kimberlite.as_of");

const answer = (reply: SqlReply): SqlOutcome => ({ kind: "answer", body: encodeSqlReply(reply) });

const failed = ({ sqlState, message, fields }: SqlError): SqlReply => ({ kind: "failed", sqlState, message, fields });

const done = (tag: string, position: number): Extract<SqlReply, { kind: "rows" }> => ({
  kind: "rows",
  columns: null,
  rows: noBytes,
  rowCount: 0,
  tag,
  cursor: 0,
  position,
  wrote: false,
  notices: [],
  settings: [],
});

const described = ({ bound, columns }: PlannedStatement): SqlReply => ({
  kind: "described",
  parameterTypes: bound.parameterTypes,
  columns,
});

function expectSound(transaction: Transaction | null): void {
  if (transaction?.isFailed !== true) return;
  throw new SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block");
}

const transactionTooLarge = (bytes: number, limit: number): SqlError =>
  new SqlError("54000", `the transaction changes too much at once: ${bytes} bytes, the limit is ${limit}`, {
    hint: "Split it into several transactions.",
  });

/** A refusal of the kernel in SQL's terms. */
const sqlErrorOf = ({ code, message }: ErrorRecord): SqlError =>
  new SqlError(code === "quotaExceeded" ? "53400" : "XX000", message);
