/**
 * SQL statements that only read, in a projection: each on the state of one position, in slices. Between two slices a statement holds nothing
 * of the store: it goes on in the newest version, read as of its own position. So a result that nobody fetches costs its own memory and no
 * page.
 *
 *   unconfirmed  the shard is to say which version is the newest
 *   waiting      no version here has what the session wrote, or was shown
 *   due          to be begun
 *   running      begun; a slice of each in turn
 *   cursors      part of the result was handed out, and the client has to ask for more
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import { notificationsAfter } from "../../../runtime/kernel/notification-rows.js";
import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { SqlError } from "../../../runtime/query/error.js";
import { sqlType, typeOid } from "../../../runtime/query/types/sql-type.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import { decodeSqlRequest, writeSqlReply } from "../../messages/sql-codec.js";
import { DataRows } from "../../sql/data-rows.js";
import { statementError } from "../../sql/engine.js";
import type { Outbox } from "../outbox.js";
import { Cursors } from "./cursors.js";
import { type Active, type Asked, ended, failed, type Run } from "./run.js";
import { Statements, type StatementsHost } from "./statements.js";
import { Unconfirmed } from "./unconfirmed.js";

export interface SqlReadsHost extends StatementsHost {
  readonly outbox: Outbox;
  /** A statement met a defect of the engine. */
  defect(error: Error): void;
  /** What is answered for an error of the store. */
  answerOf(error: KimberliteError): KimberliteError;
}

/** One slice of one statement. */
const sliceMs = 10;
/** One answer: more rows are fetched by the gateway as its client takes them. */
const answerBytesMax = 256 * 1024;
const waitingMax = 50_000;
/** Notifications of one answer, and then to the end of their transaction. */
const notificationsAtOnce = 1_000;

export class SqlReads {
  readonly #host: SqlReadsHost;
  readonly #statements: Statements;
  readonly #cursors: Cursors;
  readonly #reply = new ByteWriter(1_024);
  #reads: StateReads | null = null;
  #due: Asked[] = [];
  #waiting: Asked[] = [];
  readonly #unconfirmed = new Unconfirmed();
  #running: Active[] = [];

  constructor(host: SqlReadsHost) {
    this.#host = host;
    this.#statements = new Statements(host);
    this.#cursors = new Cursors(() => host.monotonic());
  }

  get executed(): number {
    return this.#statements.executed;
  }

  get count(): number {
    return this.#due.length + this.#waiting.length + this.#running.length + this.#unconfirmed.count;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get cursors(): number {
    return this.#cursors.count;
  }

  /** Takes a request. Throws `mailboxFull`, `frameInvalid`. */
  add(port: Port, correlation: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.count >= waitingMax)
      throw new KimberliteError("mailboxFull", "too many statements wait; try again in a moment");
    const request = decodeSqlRequest(bytes, from, to);
    const asked = { port, correlation, request };
    if (request.isLinearizable) this.#unconfirmed.add(asked);
    else this.#due.push(asked);
  }

  /** Whether the shard is to be asked which version is the newest. */
  get hasUnconfirmed(): boolean {
    return this.#unconfirmed.hasGathered;
  }

  /** The shard is asked: for all that have come by now. */
  confirming(): void {
    this.#unconfirmed.ask();
  }

  /** The shard has answered, and the version that it spoke of can be read, or why not. */
  confirmed(error: KimberliteError | null): void {
    for (const asked of this.#unconfirmed.take()) {
      if (error === null) this.#due.push(asked);
      else this.#host.outbox.fail(asked.port, asked.correlation, error);
    }
  }

  /** The client waits no longer. */
  cancel(port: Port, correlation: number): void {
    const isIt = (asked: Asked): boolean => asked.port === port && asked.correlation === correlation;
    const found = this.#unconfirmed.find(isIt) ?? [...this.#due, ...this.#waiting, ...this.#running].find(isIt);
    if (found === undefined) return;
    this.#unconfirmed.keep((asked) => !isIt(asked));
    this.#due = this.#due.filter((asked) => !isIt(asked));
    this.#waiting = this.#waiting.filter((asked) => !isIt(asked));
    const running = this.#running.find(isIt);
    this.#running = this.#running.filter((asked) => !isIt(asked));
    running?.run.stream.close();
    this.#answer(found, failed(new SqlError("57014", "canceling statement due to user request")));
  }

  /** Neighbours that have ended take their statements and cursors with them. */
  dropClosed(): void {
    this.#unconfirmed.keep(({ port }) => port.isOpen);
    this.#due = this.#due.filter(({ port }) => port.isOpen);
    this.#waiting = this.#waiting.filter(({ port }) => port.isOpen);
    for (const { port, run } of this.#running) if (!port.isOpen) run.stream.close();
    this.#running = this.#running.filter(({ port }) => port.isOpen);
    this.#cursors.dropClosed();
  }

  /** Gives up what nobody has asked for in a long time. */
  sweep(): void {
    this.#cursors.sweep();
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
      if (isFull()) {
        this.#running.push(active);
        continue;
      }
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
        this.#cursors.close(request);
        return this.#answer(asked, ended("CLOSE"));
      case "end":
        this.#cursors.closeSession(request);
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
        const begun = this.#statements.begin(request, reader, reads, position);
        if (begun.kind === "reply") return this.#answer(asked, begun.reply);
        return this.#slice({ ...asked, run: begun.run, isFirst: true });
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
    const context = this.#statements.contextOf(request, reader, newest);
    const rows = new DataRows(
      [sqlType(typeOid.int8), sqlType(typeOid.int4), sqlType(typeOid.text), sqlType(typeOid.text)],
      [],
      context,
    );
    for (const { position, process, channel, payload } of found) rows.add([position, process, channel, payload]);
    const position = found.at(-1)?.position ?? newest;
    this.#answer(asked, { ...ended("LISTEN"), rows: rows.take(), rowCount: found.length, position });
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
        this.#statements.beginStep();
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
    const shown = rows.fitting(request.rowsMax === 0 ? rows.rows : Math.min(request.rowsMax, rows.rows));
    const bytes = rows.takeSome(shown);
    const isOver = run.isDone && rows.rows === 0;
    let cursor = 0;
    if (!isOver) {
      try {
        cursor = request.kind === "fetch" ? request.cursor : this.#cursors.open();
        this.#cursors.keep(request, cursor, run, port);
      } catch (error) {
        run.stream.close();
        throw error;
      }
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
      delayMs: run.evaluation.takeDelay(),
      notices: notices.splice(0),
      settings: changed.splice(0),
    });
  }

  #fetch(asked: Asked, reader: TreeReader, reads: StateReads): void {
    const { request } = asked;
    const run = this.#cursors.take(request);
    this.#resume(asked, run, reader, reads);
    this.#slice({ ...asked, run, isFirst: false });
  }
}
