/**
 * SQL statements that only read, in a projection: each on the state of one position, in slices. Between two slices a statement holds nothing
 * of the store: it goes on in the newest version, read as of its own position. So a result that nobody fetches costs its own memory and no
 * page.
 *
 *   waiting    no version here has what the session wrote, or was shown
 *   due        to be begun
 *   running    begun; a slice of each in turn
 *   cursors    part of the result was handed out, and the client has to ask for more
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import { notificationsAfter } from "../../../runtime/kernel/notification-rows.js";
import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import type { BoundExplain, BoundQuery, BoundStatement } from "../../../runtime/query/bind/bound.js";
import { CatalogCache, type ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import type { QueryEnvironment, RowStream } from "../../../runtime/query/engine.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import type { PointQuery } from "../../../runtime/query/execute/point.js";
import type { SpillSpace } from "../../../runtime/query/execute/spill.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { sqlType, typeOid } from "../../../runtime/query/types/sql-type.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SqlColumn, SqlReply, SqlRequest } from "../../messages/sql.js";
import { decodeSqlRequest, writeSqlReply } from "../../messages/sql-codec.js";
import { asOfPosition } from "../../sql/as-of.js";
import { AuditSource } from "../../sql/audit-source.js";
import { DataRows } from "../../sql/data-rows.js";
import { type Engine, statementError } from "../../sql/engine.js";
import { Evaluation, noEffects, type Surroundings, unixTimeOf } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import { PlanCache, type PlannedStatement } from "../../sql/plan-cache.js";
import type { Outbox } from "../outbox.js";

export interface SqlReadsHost {
  readonly engine: Engine;
  readonly outbox: Outbox;
  /** Where statements write rows that do not fit their memory. */
  readonly spill: SpillSpace;
  /** A statement met a defect of the engine. */
  defect(error: Error): void;
  /** What is answered for an error of the store. */
  answerOf(error: KimberliteError): KimberliteError;
  /** A statement takes long, and is at work. */
  working(): void;
  /** ms since 1970. */
  now(): number;
  monotonic(): number;
  random(): number;
}

interface Asked {
  readonly port: Port;
  readonly correlation: number;
  readonly request: SqlRequest;
}

/** A statement that was begun. */
interface Run {
  readonly source: TreeTableSource;
  readonly environment: QueryEnvironment;
  readonly stream: RowStream;
  readonly rows: DataRows;
  readonly evaluation: Evaluation;
  readonly columns: readonly SqlColumn[] | null;
  readonly position: number;
  readonly tag: (rows: number) => string;
  isDone: boolean;
}

interface Active extends Asked {
  readonly run: Run;
  /** True for the first answer, which has the columns. */
  readonly isFirst: boolean;
}

interface Kept {
  readonly run: Run;
  readonly port: Port;
  /** ms, monotonic. */
  usedAt: number;
}

/** One slice of one statement. */
const sliceMs = 10;
/** One answer: more rows are fetched by the gateway as its client takes them. */
const answerBytesMax = 256 * 1024;
/** A single step, in which nobody else is served. */
const stepMsMax = 60_000;
const cursorsMax = 10_000;
const cursorIdleMs = 600_000;
const waitingMax = 50_000;
/** Notifications of one answer, and then to the end of their transaction. */
const notificationsAtOnce = 1_000;

export class SqlReads {
  readonly #host: SqlReadsHost;
  readonly #catalogs = new CatalogCache();
  readonly #plans = new PlanCache();
  readonly #pointRows = new WeakMap<
    readonly SqlColumn[],
    { readonly formats: SqlRequest["resultFormats"]; readonly rows: DataRows }
  >();
  readonly #reply = new ByteWriter(1_024);
  #reads: StateReads | null = null;
  #due: Asked[] = [];
  #waiting: Asked[] = [];
  #running: Active[] = [];
  readonly #cursors = new Map<string, Kept>();
  #nextCursor = 1;
  executed = 0;

  constructor(host: SqlReadsHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#due.length + this.#waiting.length + this.#running.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get cursors(): number {
    return this.#cursors.size;
  }

  /** Takes a request. Throws `mailboxFull`, `frameInvalid`. */
  add(port: Port, correlation: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.count >= waitingMax)
      throw new KimberliteError("mailboxFull", "too many statements wait; try again in a moment");
    this.#due.push({ port, correlation, request: decodeSqlRequest(bytes, from, to) });
  }

  /** The client waits no longer. */
  cancel(port: Port, correlation: number): void {
    const isIt = (asked: Asked): boolean => asked.port === port && asked.correlation === correlation;
    const found = [...this.#due, ...this.#waiting, ...this.#running].find(isIt);
    if (found === undefined) return;
    this.#due = this.#due.filter((asked) => !isIt(asked));
    this.#waiting = this.#waiting.filter((asked) => !isIt(asked));
    const running = this.#running.find(isIt);
    this.#running = this.#running.filter((asked) => !isIt(asked));
    running?.run.stream.close();
    this.#answer(found, failed(new SqlError("57014", "canceling statement due to user request")));
  }

  /** Neighbours that have ended take their statements and cursors with them. */
  dropClosed(): void {
    this.#due = this.#due.filter(({ port }) => port.isOpen);
    this.#waiting = this.#waiting.filter(({ port }) => port.isOpen);
    for (const { port, run } of this.#running) if (!port.isOpen) run.stream.close();
    this.#running = this.#running.filter(({ port }) => port.isOpen);
    for (const [name, { port, run }] of this.#cursors) {
      if (port.isOpen) continue;
      run.stream.close();
      this.#cursors.delete(name);
    }
  }

  /** Gives up what nobody has asked for in a long time. */
  sweep(): void {
    const now = this.#host.monotonic();
    for (const [name, kept] of this.#cursors) {
      if (now - kept.usedAt < cursorIdleMs) continue;
      kept.run.stream.close();
      this.#cursors.delete(name);
    }
  }

  #answer({ port, correlation }: Asked, reply: SqlReply): void {
    // The outbox copies it.
    this.#host.outbox.ok(port, correlation, writeSqlReply(reply, this.#reply).view());
  }

  // ------------------------------------------------------------------ a turn's work

  /** Begins what may be begun and gives each running statement a slice. True when more is to be done on any version. */
  work(reader: TreeReader, isFull: () => boolean): boolean {
    this.#reads ??= new StateReads(reader);
    const reads = this.#reads.use(reader);
    const due = [...this.#waiting, ...this.#due];
    this.#waiting = [];
    this.#due = [];
    const running = this.#running;
    this.#running = [];
    for (const active of running) {
      this.#guarded(active, () => {
        this.#resume(active, active.run, reader, reads);
        this.#slice(active);
      });
    }
    let at = 0;
    const until = this.#host.monotonic() + sliceMs;
    for (; at < due.length && !isFull() && this.#host.monotonic() < until; at++) {
      const asked = due[at];
      assert(asked !== undefined, "a list that is walked has its items");
      if (asked.port.isOpen) this.#guarded(asked, () => this.#begin(asked, reader, reads));
    }
    this.#due = [...due.slice(at), ...this.#due];
    return this.#due.length + this.#running.length > 0;
  }

  /** A tenant that was moved away, or has taken more commands since, is read in its past. */
  #resume({ request }: Asked, { source }: Run, reader: TreeReader, reads: StateReads): void {
    const info = reads.tenant(request.tenant);
    source.resume(reader, info === null || info.nextPosition - 1 > source.position);
  }

  #guarded(asked: Asked, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof KimberliteError) {
        this.#host.outbox.fail(asked.port, asked.correlation, this.#host.answerOf(error));
        return;
      }
      this.#answer(asked, failed(statementError(error, (defect) => this.#host.defect(defect))));
    }
  }

  /** Position of the tenant's newest command; null when the state is to be awaited. */
  #positionFor({ tenant, atLeast }: SqlRequest, reads: StateReads): number | null {
    const info = reads.tenant(tenant);
    const isServed = info !== null && (info.status === tenantStatus.active || info.status === tenantStatus.fenced);
    if (!isServed || tenant === 0) {
      throw new KimberliteError("routeStale", `tenant ${tenant} is not served by this shard`, { detail: { tenant } });
    }
    const position = info.nextPosition - 1;
    if (position >= atLeast) return position;
    if (info.status === tenantStatus.fenced) {
      throw new KimberliteError("tenantMoving", "ask again in a moment", { detail: { tenant } });
    }
    return null;
  }

  #begin(asked: Asked, reader: TreeReader, reads: StateReads): void {
    const { request } = asked;
    switch (request.kind) {
      case "fetch":
        return this.#fetch(asked, reader, reads);
      case "close":
        this.#closeCursor(nameOf(request, request.cursor));
        return this.#answer(asked, ended("CLOSE"));
      case "end":
        for (const name of [...this.#cursors.keys()])
          if (name.startsWith(`${request.tenant} ${request.session} `)) this.#closeCursor(name);
        return this.#answer(asked, ended("END"));
      case "listen":
        return this.#listen(asked, reader, reads);
      case "describe":
      case "execute": {
        const position = this.#positionFor(request, reads);
        if (position === null) {
          this.#waiting.push(asked);
          return;
        }
        return this.#execute(asked, reader, reads, position);
      }
      default:
        throw new SqlError("XX000", "a transaction is ended where it writes");
    }
  }

  /** What was notified since; without any, it is asked again in the next version. */
  #listen(asked: Asked, reader: TreeReader, reads: StateReads): void {
    const { request } = asked;
    const { tenant, atLeast } = request;
    const newest = this.#positionFor({ ...request, atLeast: -1 }, reads);
    assert(newest !== null, "nothing is awaited without a position");
    const isFirst = request.rowsMax === 1;
    const found = isFirst ? [] : notificationsAfter(reader, tenant, atLeast, notificationsAtOnce);
    if (!isFirst && found.length === 0) {
      this.#waiting.push(asked);
      return;
    }
    const { context } = new Evaluation(request, this.#around(this.#catalogs.current(reader, tenant), newest));
    const rows = new DataRows(
      [sqlType(typeOid.int8), sqlType(typeOid.int4), sqlType(typeOid.text), sqlType(typeOid.text)],
      [],
      context,
    );
    for (const { position, process, channel, payload } of found) rows.add([position, process, channel, payload]);
    const position = found.at(-1)?.position ?? newest;
    this.#answer(asked, { ...ended("LISTEN"), rows: rows.take(), rowCount: found.length, position });
  }

  #closeCursor(name: string): void {
    this.#cursors.get(name)?.run.stream.close();
    this.#cursors.delete(name);
  }

  #execute(asked: Asked, reader: TreeReader, reads: StateReads, newest: number): void {
    const { request } = asked;
    const { isOpen, isolation, snapshot } = request.transaction;
    const isSnapshot = isOpen && isolation !== "readCommitted" && snapshot >= 0;
    const current = this.#catalogs.current(reader, request.tenant);
    const evaluationAt = (catalog: ObjectCatalog, position: number): Evaluation =>
      new Evaluation(request, this.#around(catalog, position));
    const asOf = asOfPosition(request, reads, newest, () => evaluationAt(current, newest).context);
    const position = asOf ?? (isSnapshot ? Math.min(snapshot, newest) : newest);
    // The past is read under its own definitions.
    const catalog = asOf === null ? current : this.#catalogs.past(reader, request.tenant, position);
    const evaluation = evaluationAt(catalog, position);
    const known = this.#plans.find(request, catalog.version);
    if (known !== undefined && known.point !== null && position === newest && isWhole(request)) {
      return this.#point(asked, known, known.point, evaluation, reader, position);
    }
    const source = new TreeTableSource(reader, request.tenant, Math.max(0, position), position < newest, {
      definitions: (past, table, versions) => this.#catalogs.tableVersions(past, request.tenant, table, versions),
    });
    const began = this.#host.monotonic();
    const planned = known ?? this.#plan(request, catalog, evaluation, source);
    const planningMs = this.#host.monotonic() - began;
    if (planned === null) return this.#answer(asked, { kind: "syntaxWanted" });
    const { bound, columns } = planned;
    const { body } = bound;
    if (request.kind === "describe") {
      return this.#answer(asked, { kind: "described", parameterTypes: bound.parameterTypes, columns });
    }
    if (body.kind === "session" && body.statement.kind === "maintenance") {
      // There is nothing to vacuum, analyze or reindex; what is named must be there.
      const draft = new CatalogDraft(catalog, evaluation.context.searchPath, -1);
      for (const name of body.statement.tables) draft.table(name);
      return this.#answer(asked, { ...ended(body.statement.command), position });
    }
    if (body.kind !== "query" && body.kind !== "explain")
      throw notSupported(`a ${body.kind} where only reads are done`);
    const environment: QueryEnvironment = {
      ...this.#environment(request, bound, evaluation, source, reads),
      stopwatch: { monotonic: () => this.#host.monotonic(), planningMs },
    };
    const run = this.#start(request, body, planned, evaluation, source, environment, position);
    this.executed += 1;
    this.#slice({ ...asked, run, isFirst: true });
  }

  #around(catalog: ObjectCatalog, position: number): Surroundings {
    return {
      catalog,
      position,
      now: Math.floor(this.#host.now() * 1_000),
      clock: () => this.#host.now(),
      random: () => this.#host.random(),
      effects: noEffects,
      names: (searchPath) => this.#host.engine.names(catalog, searchPath),
    };
  }

  #plan(
    request: SqlRequest,
    catalog: ObjectCatalog,
    evaluation: Evaluation,
    statistics: TreeTableSource,
  ): PlannedStatement | null {
    const statement = this.#plans.statement(request);
    if (statement === null) return null;
    const { text, parameterTypes } = request;
    const { context } = evaluation;
    const bound = this.#host.engine.bind({ statement, text, catalog, parameterTypes, context, statistics });
    return this.#plans.keep(request, bound);
  }

  /** One row by its key, read and answered at once. */
  #point(
    asked: Asked,
    { bound, columns }: PlannedStatement,
    point: PointQuery,
    { context }: Evaluation,
    reader: TreeReader,
    position: number,
  ): void {
    const { request } = asked;
    const parameters = readParameters(request.parameters, bound.parameterTypes, context, "");
    const row = point.read(reader, request.tenant, parameters);
    let rows: Uint8Array = nothing;
    if (row !== null) {
      assert(columns !== null, "a query has result columns");
      rows = this.#rowOf(columns, request, context).addOnly(row);
    }
    this.executed += 1;
    this.#answer(asked, {
      kind: "rows",
      columns,
      rows,
      rowCount: row === null ? 0 : 1,
      tag: row === null ? "SELECT 0" : "SELECT 1",
      cursor: 0,
      position,
      wrote: false,
      notices: [],
      settings: [],
    });
  }

  /** Where rows of a point are written, used again and again. */
  #rowOf(columns: readonly SqlColumn[], { resultFormats }: SqlRequest, context: EvaluationContext): DataRows {
    const known = this.#pointRows.get(columns);
    if (known !== undefined && known.formats === resultFormats) return known.rows.under(context);
    const rows = new DataRows(
      columns.map(({ type }) => ({ oid: type })),
      resultFormats,
      context,
    );
    this.#pointRows.set(columns, { formats: resultFormats, rows });
    return rows;
  }

  #environment(
    request: SqlRequest,
    bound: BoundStatement,
    evaluation: Evaluation,
    source: TreeTableSource,
    reads: StateReads,
  ): QueryEnvironment {
    const { engine } = this.#host;
    const { context } = evaluation;
    const { statementTimeout: timeoutMs, queryMemory } = evaluation;
    const deadline = timeoutMs > 0 ? this.#host.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
    const { tenant } = request;
    const { catalog } = context;
    const past = (position: number) => this.#catalogs.past(reads.state, tenant, position);
    return {
      source: new AuditSource(source, { reads, tenant, catalog, past }),
      context,
      parameters: readParameters(request.parameters, bound.parameterTypes, context, ""),
      memoryBytesMax: queryMemory,
      spill: this.#host.spill,
      check: () => this.#check(deadline),
      positionAt: (at) => reads.positionsUntil(tenant, unixTimeOf(at)) - 1,
      systemRows: (table) => engine.systemRows(table, { catalog, context }),
    };
  }

  #stepUntil = 0;

  #check(deadline: number): void {
    this.#host.working();
    const now = this.#host.monotonic();
    if (now >= deadline) throw new SqlError("57014", "canceling statement due to statement timeout");
    if (now < this.#stepUntil) return;
    throw new SqlError("57014", `canceling statement: one step of it took longer than ${stepMsMax / 1_000} s`, {
      hint: "An index, or a smaller part of the data, makes its steps shorter.",
    });
  }

  #start(
    request: SqlRequest,
    body: BoundQuery | BoundExplain,
    { bound, columns }: PlannedStatement,
    evaluation: Evaluation,
    source: TreeTableSource,
    environment: QueryEnvironment,
    position: number,
  ): Run {
    const { engine } = this.#host;
    const rows = new DataRows(
      (bound.columns ?? []).map(({ type }) => type),
      request.resultFormats,
      evaluation.context,
    );
    const common = { source, environment, rows, evaluation, columns, position };
    this.#stepUntil = this.#host.monotonic() + stepMsMax;
    if (body.kind === "explain") {
      for (const line of engine.explain(body, environment)) rows.add([line]);
      return { ...common, stream: noRows, tag: () => "EXPLAIN", isDone: true };
    }
    const stream = engine.run(body.plan, body.outputs, environment);
    return { ...common, stream, tag: (shown) => `SELECT ${shown}`, isDone: false };
  }

  /** Pulls rows until the answer is full, the slice is over, or there are no more. */
  #slice(active: Active): void {
    const { run, request } = active;
    const { rows, stream } = run;
    const wanted = request.rowsMax === 0 ? Number.POSITIVE_INFINITY : request.rowsMax;
    const places = (run.columns ?? []).map((_column, index) => index);
    const until = this.#host.monotonic() + sliceMs;
    try {
      while (!run.isDone && rows.rows < wanted && rows.length < answerBytesMax) {
        this.#stepUntil = this.#host.monotonic() + stepMsMax;
        if (stream.prepare()) {
          const batch = stream.next();
          if (batch === null) {
            run.isDone = true;
            stream.close();
            break;
          }
          rows.addBatch(batch, places, 0, batch.rows);
        }
        if (this.#host.monotonic() < until) continue;
        if (rows.rows >= wanted || rows.length >= answerBytesMax) break;
        this.#running.push(active);
        return;
      }
    } catch (error) {
      stream.close();
      throw error;
    }
    this.#deliver(active);
  }

  #deliver(active: Active): void {
    const { run, request, port } = active;
    const { rows } = run;
    const shown = request.rowsMax === 0 ? rows.rows : Math.min(request.rowsMax, rows.rows);
    const bytes = rows.takeSome(shown);
    const isOver = run.isDone && rows.rows === 0;
    let cursor = 0;
    if (!isOver) {
      cursor = request.kind === "fetch" ? request.cursor : this.#open();
      this.#cursors.set(nameOf(request, cursor), { run, port, usedAt: this.#host.monotonic() });
    }
    const { notices, changed } = run.evaluation;
    this.#answer(active, {
      kind: "rows",
      columns: active.isFirst ? run.columns : null,
      rows: bytes,
      rowCount: shown,
      tag: isOver ? run.tag(shown) : "",
      cursor,
      position: run.position,
      wrote: false,
      notices: notices.splice(0),
      settings: changed.splice(0),
    });
  }

  #open(): number {
    if (this.#cursors.size >= cursorsMax) {
      throw new SqlError("53400", `${cursorsMax} results are open on this node; close some`);
    }
    const cursor = this.#nextCursor;
    this.#nextCursor = (this.#nextCursor % 0x7fff_ffff) + 1;
    return cursor;
  }

  #fetch(asked: Asked, reader: TreeReader, reads: StateReads): void {
    const { request } = asked;
    const name = nameOf(request, request.cursor);
    const kept = this.#cursors.get(name);
    if (kept === undefined) throw new SqlError("34000", "the portal's result is no longer there");
    this.#cursors.delete(name);
    this.#resume(asked, kept.run, reader, reads);
    this.#slice({ ...asked, run: kept.run, isFirst: false });
  }
}

/** Whether the first answer is to have all rows of a query that yields one at most. */
const isWhole = ({ kind, rowsMax }: SqlRequest): boolean => kind === "execute" && rowsMax !== 1;

const nothing = new Uint8Array(0);
const noRows: RowStream = { prepare: () => true, next: () => null, close: () => {} };
const nameOf = ({ tenant, session }: SqlRequest, cursor: number): string => `${tenant} ${session} ${cursor}`;

const failed = ({ sqlState, message, fields }: SqlError): SqlReply => ({ kind: "failed", sqlState, message, fields });

const ended = (tag: string): Extract<SqlReply, { kind: "rows" }> => ({
  kind: "rows",
  columns: null,
  rows: nothing,
  rowCount: 0,
  tag,
  cursor: 0,
  position: -1,
  wrote: false,
  notices: [],
  settings: [],
});
