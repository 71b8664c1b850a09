/**
 * One statement, described or run, for its session: found among the plans or planned anew, run on the newest state with its transaction's
 * writes over it, and answered. What it has written is taken back when it fails or meets a lock; a lock is thrown on, to be waited for.
 */
import { type BoundStatement, isBoundModification } from "../../../runtime/query/bind/bound.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { temporaryMadeSetting } from "../../../runtime/query/catalog/temporary.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import type { PointQuery } from "../../../runtime/query/execute/point.js";
import { lockKeeperSetting } from "../../../runtime/query/session-locks.js";
import { OverlayReader } from "../../../runtime/query/table/overlay.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SettingChange, SqlColumn, SqlReply, SqlRequest } from "../../messages/sql.js";
import { asOfPosition } from "../../sql/as-of.js";
import { answerBytesMax } from "../../sql/data-rows.js";
import { statementError } from "../../sql/engine.js";
import { Evaluation, temporarySchemaOf } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import { PlanSizes } from "../../sql/plan-sizes.js";
import { PointRows } from "../../sql/point-rows.js";
import { expectTemporary } from "../../sql/temporary-loss.js";
import { expectNoPartialIndex } from "../../sql/varied-constants.js";
import { advisoryLock } from "./advisory-locks.js";
import type { Deciding } from "./deciding.js";
import { settleDeferred } from "./deferred-constraints.js";
import { isUndisturbed } from "./definition-locks.js";
import { runDefinition } from "./definition-run.js";
import { loadedValues } from "./loaded-values.js";
import type { LockQueue } from "./lock-queue.js";
import { LockWait } from "./lock-wait.js";
import { leaveTransaction } from "./numbers-left.js";
import { answer, described, type SqlOutcome, transactionTooLarge } from "./outcome.js";
import { rowsReply } from "./result-replies.js";
import type { Session } from "./session.js";
import { effectsOf } from "./session-effects.js";
import { StatementLocks } from "./statement-locks.js";
import type { StatementPrograms } from "./statement-programs.js";
import { type StatementParts, type StatementResult, StatementRun } from "./statement-run.js";
import { dropSchema, endOfCommit } from "./temporary-tables.js";
import { Transaction, transactionBytesMax } from "./transaction.js";

/** A statement that is over: its answer, or what its transaction, which it was alone in, comes to. */
export type Executed =
  | { readonly kind: "outcome"; readonly outcome: SqlOutcome }
  /** To be answered at once: of what others have written it says nothing, and its transaction is not committed. */
  | { readonly kind: "told"; readonly reply: SqlReply }
  | {
      readonly kind: "alone";
      readonly transaction: Transaction;
      readonly reply: (position: number, wrote: boolean) => SqlReply;
    };

/** The transaction of a statement, and the state that it begins on. */
interface Around {
  readonly transaction: Transaction;
  readonly catalog: ObjectCatalog;
  readonly position: number;
}

/** What is done for a transaction as a whole is done as its COMMIT. */
const commitStatement: BoundStatement = {
  body: { kind: "session", statement: { kind: "commit", andChain: false, location: -1 } },
  parameterTypes: [],
  domainParameters: [],
  columns: null,
  catalogVersion: 0,
  writes: false,
};

const outcomeOf = (outcome: SqlOutcome): Executed => ({ kind: "outcome", outcome });

export class StatementExecution {
  readonly #deciding: Deciding;
  readonly #programs: StatementPrograms;
  readonly #queue: LockQueue;
  readonly #rows = new PointRows();
  #nextPending = -1;

  constructor(deciding: Deciding, programs: StatementPrograms, queue: LockQueue) {
    this.#deciding = deciding;
    this.#programs = programs;
    this.#queue = queue;
  }

  /** What everybody sees, with what the transaction has defined: read again after a definition of its own, or a commit of another. */
  #catalog(transaction: Transaction, reader: TreeReader): ObjectCatalog {
    const { tenant, catalogVersion, ownCatalog } = transaction;
    const { catalogs, host } = this.#deciding;
    const committed = catalogs.current(host.state, tenant);
    if (catalogVersion >= 0) return committed;
    if (ownCatalog?.catalog.version === catalogVersion && ownCatalog.over === committed.version)
      return ownCatalog.catalog;
    transaction.catalogVersion = this.#nextPending--;
    const catalog = catalogs.pending(reader, tenant, committed, transaction.catalogVersion);
    transaction.ownCatalog = { catalog, over: committed.version };
    return catalog;
  }

  /**
   * Throws a `LockWait` for what has to be waited for, and a `SqlError` for all else that is in the way.
   *
   * @param open the transaction that the statement is part of; null when it stands alone
   */
  execute(request: SqlRequest, session: Session, open: Transaction | null, position: number): Executed {
    const { host, catalogs, locks: lockTable, sequences, reads } = this.#deciding;
    const { state } = host;
    const isAlone = open === null;
    const transaction = open ?? new Transaction(0, request.tenant, "readCommitted", -1);
    const { overlay } = transaction;
    sequences.begin();
    if (request.kind !== "describe") session.advisory.begin();
    const told = transaction.notifications.length;
    const waiting = transaction.deferred.mark();
    const restarts = transaction.restarts.mark;
    const reader = new OverlayReader(state, overlay);
    const locks = new StatementLocks(lockTable, request.tenant, isAlone ? null : transaction.id, session.owner);
    let mark = -1;
    try {
      const present = this.#catalog(transaction, reader);
      const evaluationUnder = (catalog: ObjectCatalog): Evaluation =>
        this.#evaluation(request, session, open, { transaction, catalog, position });
      const asOf = asOfPosition(request, reads, position, () => evaluationUnder(present).context);
      const catalog = asOf === null ? present : catalogs.past(state, request.tenant, asOf);
      const evaluation = evaluationUnder(catalog);
      const planned = this.#planned(request, catalog, evaluation, reader, position);
      if (planned === null) return outcomeOf(answer({ kind: "syntaxWanted" }));
      if (request.kind === "describe") {
        const { context } = evaluation;
        expectNoPartialIndex(request.text, planned.bound, catalog, (table) =>
          host.engine.rulesOf(table, { catalog, context }),
        );
        return outcomeOf(answer(described(planned)));
      }
      expectAllowed(request, planned, asOf);
      this.callIn(request, session);
      const parts = this.#parts(request, session, { transaction, catalog, position }, { locks, reader, evaluation });
      let result = this.#programs.run(parts, planned, catalog);
      if (result === null) {
        // What was loaded before becomes single entries here: only programs write beside it.
        mark = overlay.mark();
        result = this.#runGeneral(parts, planned);
      }
      if (isAlone) this.#settle(parts);
      // It would be committed before it has slept, and could not be called back any more.
      if (isAlone && evaluation.isSleeping && transaction.wantsRecord)
        throw notSupported("pg_sleep in a statement that writes outside of a transaction block");
      if (isAlone && !isOneAnswer(result)) throw answerTooLong();
      const bytes = overlay.bytes + transaction.deferred.bytes;
      if (bytes > transactionBytesMax) throw transactionTooLarge(bytes, transactionBytesMax);
      const reply = (at: number, wrote: boolean): SqlReply =>
        rowsReply(request, session, result, planned, this.#said(evaluation, session), at, wrote);
      if (isAlone) return { kind: "alone", transaction, reply };
      const isCount = result.rows === null && isBoundModification(planned.bound.body);
      return isCount ? { kind: "told", reply: reply(position, false) } : outcomeOf(answer(reply(position, false)));
    } catch (error) {
      if (mark >= 0) overlay.rollbackTo(mark);
      transaction.takeBack(told);
      transaction.deferred.rollbackTo(waiting);
      if (error instanceof LockWait) {
        sequences.giveBack();
        session.advisory.wait();
        transaction.restarts.forget(restarts);
        throw error;
      }
      if (isAlone) leaveTransaction(this.#deciding, transaction);
      throw statementError(error, (defect) => host.defect(defect));
    }
  }

  /**
   * What a statement says beside its rows: also who keeps the session's advisory locks, when its gateway believes something else, and that its
   * temporary tables are there, when its gateway was not told.
   */
  #said(evaluation: Evaluation, { advisory }: Session): Pick<Evaluation, "notices" | "changed" | "takeDelay"> {
    const { notices, settings, context } = evaluation;
    const keeper = advisory.isEmpty ? "" : this.#deciding.keeper;
    const changed: SettingChange[] = [];
    if (settings.get(lockKeeperSetting) !== keeper) changed.push([lockKeeperSetting, keeper, "session"]);
    const { temporarySchema: schema, catalog } = context;
    const isToTell =
      schema !== null && settings.get(temporaryMadeSetting) === "" && catalog.schemaByName(schema) !== null;
    // What a definition has come to it says itself.
    if (isToTell && !evaluation.changed.some(([name]) => name === temporaryMadeSetting))
      changed.push([temporaryMadeSetting, "on", "session"]);
    if (changed.length === 0) return evaluation;
    return { notices, changed: [...evaluation.changed, ...changed], takeDelay: () => evaluation.takeDelay() };
  }

  #parts(
    request: SqlRequest,
    session: Session,
    { transaction, catalog, position }: Around,
    { locks, reader, evaluation }: Pick<StatementParts, "locks" | "reader" | "evaluation">,
  ): StatementParts {
    const { host, catalogs, sequences } = this.#deciding;
    const { engine, state } = host;
    return {
      engine,
      request,
      session,
      transaction,
      locks,
      sequences,
      limits: host.limits,
      state,
      reader,
      catalog,
      definitions: (past, table, versions) => catalogs.tableVersions(past, request.tenant, table, versions),
      pastCatalog: (at) => catalogs.past(state, request.tenant, at),
      position,
      evaluation,
      clock: () => host.monotonic(),
      working: () => host.working(),
    };
  }

  /** Looks at the constraints that have waited for the end of a transaction. Throws as `execute`. */
  settle(request: SqlRequest, session: Session, transaction: Transaction, position: number): void {
    const temporary = temporarySchemaOf(request);
    if (transaction.deferred.isEmpty && temporary === null) return;
    const reader = new OverlayReader(this.#deciding.host.state, transaction.overlay);
    const catalog = this.#catalog(transaction, reader);
    const around = { transaction, catalog, position };
    const evaluation = this.#evaluation(request, session, transaction, around);
    const locks = new StatementLocks(this.#deciding.locks, request.tenant, transaction.id, session.owner);
    const mark = transaction.deferred.mark();
    try {
      this.#settle(this.#parts(request, session, around, { locks, reader, evaluation }));
    } catch (error) {
      transaction.deferred.rollbackTo(mark);
      throw error;
    }
  }

  #settle(parts: StatementParts): void {
    const { transaction, request, reader } = parts;
    // The parameters are those of the statement that was alone in the transaction, and not of its COMMIT.
    const commit = { ...parts, request: { ...request, parameters: [] } };
    if (!transaction.deferred.isEmpty) settleDeferred(commit, new StatementRun(commit, commitStatement));
    const temporary = temporarySchemaOf(request);
    if (temporary === null) return;
    const catalog = this.#catalog(transaction, reader);
    const version = this.#nextPending--;
    if (endOfCommit(transaction, catalog, temporary, reader, version)) transaction.catalogVersion = version;
  }

  /** A session is there: what it has of temporary tables is not left. */
  callIn(request: SqlRequest, { port }: Session): void {
    const schema = temporarySchemaOf(request);
    if (schema !== null) this.#deciding.temporary.callIn(request.tenant, schema, port);
  }

  /**
   * What takes away the temporary tables of a session that is over; null when there are none, or somebody changes one. Until they are gone they
   * count as left.
   */
  withoutTemporary(request: SqlRequest): Transaction | null {
    const { tenant } = request;
    const name = temporarySchemaOf(request);
    const { catalogs, host, locks, temporary } = this.#deciding;
    if (name === null) return null;
    temporary.leave(tenant, name);
    const catalog = catalogs.current(host.state, tenant);
    if (catalog.schemaByName(name) === null) {
      temporary.cleared(tenant, name);
      return null;
    }
    const alone = new StatementLocks(locks, tenant, null, null);
    const draft = new CatalogDraft(catalog, { searchPath: [], temporarySchema: null }, this.#nextPending--);
    dropSchema(draft, name, (oid) => isUndisturbed(tenant, oid, alone));
    if (!draft.hasChanged) return null;
    const transaction = new Transaction(0, tenant, "readCommitted", -1);
    draft.finish(tenant, transaction.overlay, host.state);
    return transaction;
  }

  #evaluation(request: SqlRequest, session: Session, open: Transaction | null, around: Around): Evaluation {
    const { host, locks, sequences } = this.#deciding;
    const { engine, state } = host;
    const { transaction, catalog, position } = around;
    return new Evaluation(request, {
      catalog,
      position,
      now: Math.floor(host.now() * 1_000),
      clock: () => host.now(),
      random: () => host.random(),
      effects: effectsOf({ session, transaction, sequences, state, catalog, request }, (wanted) =>
        advisoryLock(locks, this.#queue, session, open, wanted),
      ),
      names: (searchPath, user) => engine.names(catalog, searchPath, user),
    });
  }

  #runGeneral(parts: StatementParts, planned: PlannedStatement): StatementResult {
    const { bound, columns, point } = planned;
    if (point !== null && columns !== null && readsNow(parts.transaction))
      return this.#point(parts, planned, columns, point);
    const run = new StatementRun(parts, bound);
    const { body } = bound;
    if (parts.request.kind === "load" && body.kind === "insert") return run.load(body, loadedValues(parts, planned));
    return body.kind === "definition" || body.kind === "session"
      ? runDefinition(parts, run, body, {
          nextVersion: () => this.#nextPending--,
          oids: this.#deciding.oids,
        })
      : run.run(bound);
  }

  /** One row by its key, with the transaction's writes. */
  #point(
    { request, evaluation, reader }: StatementParts,
    { bound }: PlannedStatement,
    columns: readonly SqlColumn[],
    point: PointQuery,
  ): StatementResult {
    const { context } = evaluation;
    const rows = this.#rows.of(columns, request.resultFormats, context);
    const parameters = readParameters(request.parameters, bound, context);
    const row = point.read(reader, request.tenant, parameters);
    if (row !== null) rows.add(row);
    return { rows, count: rows.rows, tag: (shown) => `SELECT ${shown}` };
  }

  /** A statement's plan, made now where none is kept that suits the tables; null when it is to come with its syntax. */
  #planned(
    request: SqlRequest,
    catalog: ObjectCatalog,
    evaluation: Evaluation,
    reader: TreeReader,
    position: number,
  ): PlannedStatement | null {
    const { plans, host } = this.#deciding;
    const known = plans.find(request, catalog.version);
    const now = host.now();
    const source = (): TreeTableSource => new TreeTableSource(reader, request.tenant, Math.max(0, position), false);
    if (known?.sizes.suits(source, now) === true) return known;
    const statement = plans.statement(request);
    if (statement === null) return null;
    expectTemporary(request, catalog);
    const sizes = new PlanSizes(source(), now);
    const bound = host.engine.bind({
      statement,
      text: request.text,
      catalog,
      parameterTypes: request.parameterTypes,
      context: evaluation.context,
      statistics: sizes,
    });
    return plans.keep(request, bound, sizes);
  }
}

/** Whether statements see the newest state, and nobody asks what they have looked at. */
const readsNow = ({ isolation, snapshot }: Transaction): boolean => isolation !== "serializable" && snapshot < 0;

function expectAllowed({ kind, transaction }: SqlRequest, { bound }: PlannedStatement, asOf: number | null): void {
  if (kind === "load" && (bound.body.kind !== "insert" || bound.body.plan.kind !== "values")) {
    throw new KimberliteError("frameInvalid", "a load runs an INSERT of one row");
  }
  const isQuery = bound.body.kind === "query" || bound.body.kind === "explain";
  if (asOf !== null && (bound.writes || !isQuery)) {
    throw new SqlError("25006", "cannot execute a statement that changes something while kimberlite.as_of is set");
  }
  if (bound.writes && transaction.isReadOnly) {
    throw new SqlError("25006", "cannot execute a statement that writes in a read-only transaction");
  }
}

const isOneAnswer = ({ rows }: StatementResult): boolean => rows === null || rows.fitting(rows.rows) === rows.rows;

/** The rest would have nobody who keeps it once the statement is committed. */
const answerTooLong = (): SqlError =>
  new SqlError(
    "54000",
    `the rows of a statement outside of a transaction block have more than ${answerBytesMax} bytes`,
    {
      hint: "Run it within a transaction block.",
    },
  );
