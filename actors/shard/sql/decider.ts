/**
 * SQL in the shard that leads: takes statements out of the queue of writes, one at a time and in order, and says what becomes of each
 * (outcome.ts).
 *
 * A statement that stands alone is a transaction of its own: run, committed, and over before anything else is looked at. So statements on a
 * hot row follow one another and never fail. Those of an open transaction gather in its overlay until its COMMIT.
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { encodeLocks } from "../../../runtime/query/catalog/lock-facts.js";
import { CatalogCache } from "../../../runtime/query/catalog/over-trees.js";
import { SqlError } from "../../../runtime/query/error.js";
import { lockKeeperIn } from "../../../runtime/query/session-locks.js";
import { isPageDamage } from "../../../runtime/store/page-file.js";
import { assert, unreachable } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import { type DecodedSqlRequest, decodeSqlRequest } from "../../messages/sql-codec.js";
import { statementError } from "../../sql/engine.js";
import { temporarySchemaOf } from "../../sql/evaluation.js";
import { PlanCache } from "../../sql/plan-cache.js";
import { UnfetchedRows } from "../../sql/unfetched-rows.js";
import type { QueuedRequest, RequestQueue } from "../request-queue.js";
import { CommitMaker, type CommitReply } from "./commit-maker.js";
import type { DeciderHost, Deciding } from "./deciding.js";
import { DrawnOids } from "./drawn-oids.js";
import { KeptOutcomes } from "./kept-outcomes.js";
import { LockQueue } from "./lock-queue.js";
import { LockTable } from "./lock-table.js";
import { LockWait } from "./lock-wait.js";
import { locksTold } from "./locks-told.js";
import { leaveTransaction } from "./numbers-left.js";
import { answer, done, failed, locksLost, type SqlOutcome, transactionLost } from "./outcome.js";
import { RecentWrites } from "./recent-writes.js";
import { fetchReply } from "./result-replies.js";
import { Sequences } from "./sequences.js";
import { servedPosition } from "./served-tenant.js";
import { Session } from "./session.js";
import { StatementExecution } from "./statement-execution.js";
import { StatementPrograms } from "./statement-programs.js";
import { endOf, TemporarySessions } from "./temporary-sessions.js";
import { Transaction } from "./transaction.js";
import { ViewKeeper } from "./view-keeper.js";

export class SqlDecider {
  readonly #deciding: Deciding;
  readonly #commits: CommitMaker;
  readonly #programs: StatementPrograms;
  readonly #queue: LockQueue;
  readonly #execution: StatementExecution;
  readonly #views: ViewKeeper;
  readonly #recent = new RecentWrites();
  readonly #sessions = new Map<string, Session>();
  readonly #kept = new KeptOutcomes();
  readonly #unfetched = new UnfetchedRows();
  #nextOwner = 1;

  constructor(host: DeciderHost) {
    const reads = new StateReads(host.state);
    this.#deciding = {
      host,
      reads,
      catalogs: new CatalogCache(),
      plans: new PlanCache(),
      locks: new LockTable(),
      sequences: new Sequences(),
      oids: new DrawnOids(),
      temporary: new TemporarySessions(reads, () => host.monotonic()),
      keeper: keeperOf(host),
    };
    this.#commits = new CommitMaker(this.#deciding);
    this.#programs = new StatementPrograms(this.#deciding, this.#commits);
    this.#queue = new LockQueue(host, this.#deciding.locks, (session) => this.#rollback(session));
    this.#views = new ViewKeeper(this.#deciding);
    this.#execution = new StatementExecution(this.#deciding, this.#programs, this.#queue);
  }

  /** Statements that wait for locks. */
  get parked(): number {
    return this.#queue.count;
  }

  get openTransactions(): number {
    let count = 0;
    for (const { transaction } of this.#sessions.values()) if (transaction !== null) count += 1;
    return count;
  }

  /** Statements that were done by a program of their own. */
  get singleRows(): number {
    return this.#programs.singleRows;
  }

  /** Statements of transactions, and those of several rows, that were done by programs. */
  get programRuns(): number {
    return this.#programs.programRuns;
  }

  /** Whether anything may come to its end by time alone. */
  get hasTimers(): boolean {
    return this.#queue.hasTimers;
  }

  #owner(): number {
    const owner = this.#nextOwner;
    this.#nextOwner += 1;
    return owner;
  }

  // ------------------------------------------------------------------ deciding

  decide(waiting: Readonly<QueuedRequest>, tenant: number): SqlOutcome {
    const kept = this.#kept.take(waiting, tenant);
    if (kept !== null) return kept;
    try {
      return this.#decide(waiting, decodeSqlRequest(waiting.bytes, waiting.bodyFrom, waiting.bodyTo));
    } catch (error) {
      if (error instanceof KimberliteError && !isPageDamage(error)) return { kind: "failed", error };
      throw error;
    } finally {
      this.#queue.decided(waiting);
    }
  }

  /** A commit found no room: it is asked for again, by the same request. */
  keep(waiting: Readonly<QueuedRequest>, tenant: number, outcome: SqlOutcome): void {
    this.#kept.keep(waiting, tenant, outcome);
  }

  /** A commit of that tenant is to be asked for again before anything else of it. */
  isHalfWritten(tenant: number): boolean {
    return this.#kept.has(tenant);
  }

  /** Puts statements whose locks are free back into the queue; what is half written of a tenant is written to its end first. */
  requeueWoken(queue: Pick<RequestQueue, "unshift">): boolean {
    return this.#queue.requeue(queue, (tenant) => this.#kept.has(tenant));
  }

  #session({ tenant, session }: SqlRequest, port: Port | null): Session {
    const name = `${tenant} ${session}`;
    let found = this.#sessions.get(name);
    if (found === undefined) {
      found = new Session(tenant, this.#owner(), port, this.#unfetched);
      this.#sessions.set(name, found);
    }
    found.port = port;
    return found;
  }

  #decide(waiting: Readonly<QueuedRequest>, request: DecodedSqlRequest): SqlOutcome {
    if (this.#queue.count > 0 && this.#isHeld(waiting, request)) return { kind: "waits" };
    const position = servedPosition(this.#deciding.reads, request.tenant);
    if (request.kind === "end") return this.#endWholly(waiting, request, position);
    if (request.kind === "locks") return answer(done(this.#locksOf(request.tenant), position));
    if (this.#hasLostLocks(request)) return answer(failed(locksLost()));
    const alone = this.#recent.isEmpty
      ? this.#programs.decide(waiting, request, position, () => this.#session(request, waiting.port))
      : null;
    if (alone !== null) {
      this.#claimed(this.#sessions.get(`${request.tenant} ${request.session}`));
      return alone;
    }
    const session = this.#session(request, waiting.port);
    let outcome: SqlOutcome;
    try {
      outcome = this.#perform(waiting, request, session, position);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      // One that was only to be described was not run: whoever asked says so where its transaction has failed.
      const transaction = request.kind === "describe" ? null : transactionOf(request, session);
      if (transaction !== null) {
        transaction.fail(this.#deciding.locks);
        this.#queue.wake(transaction.id);
      }
      outcome = this.#commits.ofNumbersLeft(waiting, request.tenant, position, failed(error));
    } finally {
      this.#claimed(session);
    }
    if (session.isIdle && outcome.kind !== "waits" && this.#deciding.locks.mark(session.owner) === 0) {
      this.#sessions.delete(`${request.tenant} ${request.session}`);
    }
    return outcome;
  }

  /** A statement was decided: others need not stand behind its session any more, unless it waits again. */
  #claimed(session: Session | undefined): void {
    if (session !== undefined && !this.#deciding.locks.claims.isEmpty) this.#queue.claimed(session);
  }

  #locksOf(tenant: number): string {
    return encodeLocks(locksTold(tenant, this.#sessions, this.#deciding.locks, this.#queue));
  }

  /** Whether a statement is of a session that believes to hold advisory locks, and does not any more. One that has just given them back may still. */
  #hasLostLocks({ kind, settings, tenant, session }: SqlRequest): boolean {
    if (kind !== "execute" && kind !== "load" && kind !== "savepoint") return false;
    const keeper = lockKeeperIn(settings);
    if (keeper === "" || keeper === this.#deciding.keeper) return false;
    return this.#sessions.get(`${tenant} ${session}`)?.advisory.isEmpty !== false;
  }

  /** Statements of one session are decided in the order in which they came, also when one of them waits for a lock. */
  #isHeld(waiting: Readonly<QueuedRequest>, { kind, transaction, tenant, session: number }: SqlRequest): boolean {
    if (kind !== "execute" || transaction.isOpen) return false;
    const session = this.#sessions.get(`${tenant} ${number}`);
    return session !== undefined && this.#queue.holdBehind(session, waiting);
  }

  #perform(waiting: Readonly<QueuedRequest>, request: SqlRequest, session: Session, position: number): SqlOutcome {
    switch (request.kind) {
      case "fetch":
        return answer(fetchReply(session, request, position));
      case "listen":
        throw new SqlError("XX000", "what was notified is read from a projection");
      case "close":
        session.close(request.cursor);
        this.#execution.callIn(request, session);
        return answer(done("CLOSE", position));
      case "commit":
        return this.#commit(waiting, request, session, position);
      case "rollback":
        // It may be said again, of a transaction that is over: the one of now is another.
        if (transactionOf(request, session) !== null) this.#rollback(session);
        return this.#commits.ofNumbersLeft(waiting, request.tenant, position, done("ROLLBACK", position));
      default:
    }
    const { locks, sequences } = this.#deciding;
    const transaction = this.#goOn(request, session, position);
    switch (request.kind) {
      case "savepoint":
        expectSound(transaction);
        transaction?.savepoint(request.text, locks);
        return answer(done("SAVEPOINT", position));
      case "releaseSavepoint":
        expectSound(transaction);
        transaction?.release(request.text);
        return answer(done("RELEASE", position));
      case "rollbackToSavepoint":
        if (transaction !== null) {
          transaction.rollbackTo(request.text, locks, sequences);
          this.#queue.wake(transaction.id);
        }
        return answer(done("ROLLBACK", position));
      default:
        expectSound(transaction);
        return this.#execute(waiting, request, session, transaction, position);
    }
  }

  #execute(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    open: Transaction | null,
    position: number,
  ): SqlOutcome {
    try {
      const executed = this.#execution.execute(request, session, open, position);
      switch (executed.kind) {
        case "outcome":
          return executed.outcome;
        case "told":
          return this.#tell(waiting, executed.reply);
        case "alone":
          return this.#commitOf(waiting, request, executed.transaction, position, executed.reply, () => {});
        default:
          return unreachable(executed);
      }
    } catch (error) {
      if (!(error instanceof LockWait)) throw statementError(error, (defect) => this.#deciding.host.defect(defect));
      return this.#park(waiting, request, session, open, error);
    }
  }

  #tell(waiting: Readonly<QueuedRequest>, reply: SqlReply): SqlOutcome {
    const told = answer(reply);
    assert(told.kind === "answer", "what is said is an answer");
    this.#deciding.host.answer(waiting, told.body);
    return { kind: "told" };
  }

  #park(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    open: Transaction | null,
    wait: LockWait,
  ): SqlOutcome {
    this.#queue.park(waiting, request, session, open, wait);
    return { kind: "waits" };
  }

  // ------------------------------------------------------------------ transactions

  /**
   * The transaction that a request is part of, begun now or known from before: never a second one in the place of a lost one. Null for a
   * statement that stands alone, and for the description of one before its transaction has begun here: whoever asks for it does not count it,
   * and would not end what it began.
   */
  #goOn(request: SqlRequest, session: Session, position: number): Transaction | null {
    const { requests, isOpen } = request.transaction;
    const known = transactionOf(request, session);
    if (isOpen && requests > 0) {
      if (known === null) throw transactionLost();
      return known;
    }
    // A statement that waited comes again with the transaction that it began. Whatever else is here is of a transaction whose end was not
    // heard of: its snapshot, isolation and locks are not this one's.
    if (known !== null && known.overlay.isEmpty && known.notifications.length === 0) return known;
    this.#rollback(session);
    return isOpen && request.kind !== "describe" ? this.#begin(request, session, position) : null;
  }

  #begin({ tenant, transaction: wanted }: SqlRequest, session: Session, position: number): Transaction {
    assert(session.transaction === null, "a session has one transaction at a time");
    const { isolation, snapshot, startedAt } = wanted;
    const at = isolation === "readCommitted" ? -1 : snapshot >= 0 ? snapshot : Math.max(0, position);
    const transaction = new Transaction(this.#owner(), tenant, isolation, at, startedAt);
    session.transaction = transaction;
    if (isolation === "serializable") this.#recent.begin(tenant);
    return transaction;
  }

  #commit(waiting: Readonly<QueuedRequest>, request: SqlRequest, session: Session, position: number): SqlOutcome {
    const transaction = transactionOf(request, session);
    if (transaction === null) throw transactionLost();
    if (transaction.isFailed) {
      this.#rollback(session);
      return this.#commits.ofNumbersLeft(waiting, request.tenant, position, done("ROLLBACK", position));
    }
    let failure: unknown;
    try {
      this.#execution.settle(request, session, transaction, position);
      this.#recent.check(transaction);
      const reply: CommitReply = (at, wrote) => ({ ...done("COMMIT", at), wrote });
      return this.#commitOf(waiting, request, transaction, position, reply, () => this.#ended(session, request));
    } catch (error) {
      failure = error;
    }
    try {
      if (failure instanceof LockWait) return this.#park(waiting, request, session, transaction, failure);
    } catch (error) {
      failure = error;
    }
    // A COMMIT that fails ends its transaction all the same.
    this.#rollback(session);
    throw statementError(failure, (defect) => this.#deciding.host.defect(defect));
  }

  #commitOf(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    transaction: Transaction,
    position: number,
    reply: CommitReply,
    ended: () => void,
  ): SqlOutcome {
    this.#views.maintain(request, transaction, position);
    const remember = (at: number): void => this.#recent.remember(transaction, at, () => this.#transactions());
    return this.#commits.ofTransaction(waiting, transaction, position, reply, { remember, ended });
  }

  *#transactions(): Iterable<Transaction> {
    for (const { transaction } of this.#sessions.values()) if (transaction !== null) yield transaction;
  }

  /** The session's transaction is over, one way or the other. */
  #ended(session: Session, { tenant }: Pick<SqlRequest, "tenant">): void {
    const { transaction } = session;
    if (transaction === null) return;
    session.transaction = null;
    session.closeAll();
    this.#deciding.locks.releaseAll(transaction.id);
    this.#queue.ended(transaction.id);
    if (transaction.isolation !== "serializable") return;
    for (const other of this.#transactions()) {
      if (other.tenant === tenant && other.isolation === "serializable") return;
    }
    this.#recent.end(tenant);
  }

  #rollback(session: Session): void {
    if (session.transaction !== null) leaveTransaction(this.#deciding, session.transaction);
    this.#forget(session);
  }

  #forget(session: Session): void {
    const { transaction } = session;
    if (transaction === null) return;
    transaction.overlay.clear();
    transaction.takeBack(0);
    this.#ended(session, transaction);
  }

  // ------------------------------------------------------------------ ends

  /** The session is over, and its temporary tables go as well. */
  #endWholly(waiting: Readonly<QueuedRequest>, request: SqlRequest, position: number): SqlOutcome {
    const { temporary } = this.#deciding;
    const schema = temporarySchemaOf(request);
    // This shard has asked itself to, and the session has called in since.
    const isOwn = waiting.port === null;
    if (isOwn && (schema === null || !temporary.isLeft(request.tenant, schema))) return answer(done("END", position));
    this.#end(request);
    const dropped = this.#execution.withoutTemporary(request);
    const reply = (at: number): SqlReply => {
      if (schema !== null) temporary.cleared(request.tenant, schema);
      return done("END", at);
    };
    if (dropped === null) return answer(done("END", position));
    return this.#commitOf(waiting, request, dropped, position, reply, () => {});
  }

  /** Whether temporary tables of sessions that are over may have to be cleared away before long. */
  get looksAfterSessions(): boolean {
    return this.#deciding.temporary.isWaiting;
  }

  /** Requests of this shard's own: the ends of sessions that nobody ends. */
  endsOfSilent(): readonly SqlRequest[] {
    return this.#deciding.temporary.due().map(endOf);
  }

  #end(request: Pick<SqlRequest, "tenant" | "session">): void {
    const name = `${request.tenant} ${request.session}`;
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    this.#queue.drop(session);
    this.#rollback(session);
    session.closeAll();
    this.#deciding.locks.releaseAll(session.owner);
    this.#queue.wake(session.owner);
    this.#sessions.delete(name);
  }

  /** Ends what has waited for too long. */
  timer(): void {
    this.#queue.timer();
  }

  /** The client of a request waits no longer. */
  cancel(port: Port, correlation: number): void {
    this.#queue.cancel(port, correlation);
  }

  /** Sessions whose gateways are gone are over. */
  dropClosed(): void {
    for (const [name, session] of this.#sessions) {
      if (session.port === null || session.port.isOpen) continue;
      if (!session.advisory.isEmpty) this.#deciding.keeper = keeperOf(this.#deciding.host);
      const [tenant, number] = name.split(" ").map(Number);
      if (tenant !== undefined && number !== undefined) this.#end({ tenant, session: number });
    }
    this.#deciding.temporary.portsClosed();
  }

  /** The state went back, or somebody else leads: every transaction is over, and who waits is told. */
  dropAll(): void {
    this.#queue.dropAll(
      new SqlError("40001", "could not serialize access: the shard that decides has changed", {
        hint: "Run the transaction again.",
      }),
    );
    for (const session of this.#sessions.values()) {
      this.#forget(session);
      session.closeAll();
    }
    this.#sessions.clear();
    const { sequences, oids, catalogs, plans, temporary } = this.#deciding;
    temporary.clear();
    oids.clear();
    sequences.clear();
    catalogs.clear();
    plans.clear();
    this.#kept.clear();
    this.#recent.clear();
    this.#deciding.keeper = keeperOf(this.#deciding.host);
  }
}

/** A name for who keeps advisory locks from now on: nobody else has it, and nobody had it before. */
const keeperOf = (host: DeciderHost): string => `${host.now()} ${host.monotonic()}`;

/** The session's transaction, if it is the one that a request is part of. */
function transactionOf(
  { transaction: { isOpen, startedAt } }: SqlRequest,
  { transaction }: Session,
): Transaction | null {
  return isOpen && transaction?.startedAt === startedAt ? transaction : null;
}

function expectSound(transaction: Transaction | null): void {
  if (transaction?.isFailed !== true) return;
  throw new SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block");
}
