/**
 * A session's requests to the shard and the projections of its tenant: made, waited for, their failures put into PostgreSQL's terms.
 *
 * What becomes of a request that is never answered
 *   a read                              the error of whoever was to answer; nothing was changed
 *   within a transaction                40001: nothing of it was committed, run it again
 *   a COMMIT, or a write of its own     08007 unless it is known that nothing was done: it may have been committed
 */
import type { SqlReply, SqlRequest, SqlShape } from "../../actors/messages/sql.js";
import { temporarySchemaSetting } from "../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../runtime/query/error.js";
import { millisecondsOf } from "../../runtime/query/settings.js";
import { assert } from "../../runtime/types/assert.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import type { SqlCall, SqlDestination, SqlExecutor, SqlOutcome } from "./executor.js";
import { FatalError } from "./reports.js";
import type { SessionRoles } from "./session-roles.js";
import type { SessionSettings } from "./settings.js";
import type { Transaction } from "./transaction.js";
import type { UnreadAnswers } from "./unread-answers.js";

export interface SessionIdentity {
  readonly session: number;
  readonly tenant: number;
  readonly tenantName: string;
  readonly user: string;
  /** When it logged in. */
  readonly isSuperuser: boolean;
  /** The system shard does not know it. */
  readonly isOfProcess: boolean;
  /** What the client is told of itself, to cancel by. */
  readonly process: number;
  readonly secret: number;
}

export interface EngineHost {
  readonly executor: SqlExecutor;
  readonly unread: UnreadAnswers;
  /** ms since 1970. */
  now(): number;
  /** Calls back after a time; returns how to take it back. */
  after(delayMs: number, run: () => void): () => void;
}

export type RowsReply = Extract<SqlReply, { kind: "rows" }>;
export type DescribedReply = Extract<SqlReply, { kind: "described" }>;
type Answer = RowsReply | DescribedReply;
export type Wish = Pick<SqlRequest, "kind"> & Partial<SqlRequest>;

const noBytes = new Uint8Array(0);
const noParameters: SqlRequest["parameters"] = [];
const noTypes: SqlRequest["parameterTypes"] = [];
const noFormats: SqlRequest["resultFormats"] = [];
/** Statements of a session whose shapes are kept. */
const shapesMax = 256;
const shapeTextMax = 64 * 1024;
/** Characters of their texts. */
const shapesCharactersMax = 1024 * 1024;
/** What says how things are now: a statement is described by the definitions that there are when it is run next. */
const isOfNow: ReadonlySet<SqlRequest["kind"]> = new Set(["execute", "describe"]);
/** What ends something is done also when nobody waits for it. */
const endings: ReadonlySet<SqlRequest["kind"]> = new Set(["rollback", "close", "end"]);
/** How long that something is over is said again when it was not heard: a minute. */
const insistMs = 250;
const insistTimesMax = 240;

const isSameList = (a: readonly number[], b: readonly number[]): boolean =>
  a === b || (a.length === b.length && a.every((item, at) => item === b[at]));

const isRows = (reply: Answer): reply is RowsReply => reply.kind === "rows";
const isDescription = (reply: Answer): reply is DescribedReply => reply.kind === "described";

export class EngineRuns {
  readonly #host: EngineHost;
  readonly #identity: SessionIdentity;
  readonly #settings: SessionSettings;
  readonly #roles: SessionRoles;
  readonly #transaction: Transaction;
  /** By text. */
  readonly #shapes = new Map<string, SqlShape>();
  #shapesCharacters = 0;
  #call: SqlCall | null = null;
  #cancelled: "client" | "timeout" | null = null;
  /** The client has asked to end the statement while nobody was asked for anything. */
  #isCancelDue = false;
  #isLeft = false;
  #isOver = false;
  #usedShard = false;
  /** Position of the session's last write, or what it was shown later: reads see at least that. */
  #atLeast = -1;

  constructor(
    host: EngineHost,
    identity: SessionIdentity,
    settings: SessionSettings,
    roles: SessionRoles,
    transaction: Transaction,
  ) {
    this.#host = host;
    this.#identity = identity;
    this.#settings = settings;
    this.#roles = roles;
    this.#transaction = transaction;
  }

  get usedShard(): boolean {
    return this.#usedShard;
  }

  /** µs since 1970. */
  now(): number {
    return Math.floor(this.#host.now() * 1_000);
  }

  /** Asks to end what runs. Between two requests of a statement, the next one is refused. */
  cancel(why: "client" | "timeout" = "client"): void {
    if (this.#call === null) {
      this.#isCancelDue = true;
      return;
    }
    if (this.#cancelled !== null) return;
    this.#cancelled = why;
    this.#call.cancel();
  }

  /** The client waits for nothing: whatever it wanted to be ended is over. */
  isDone(): void {
    this.#isCancelDue = false;
  }

  /** The client is gone: what runs is called back, and nothing more is run for it. */
  leave(): void {
    this.#isLeft = true;
    if (this.#call === null) return;
    this.#call.takeBack();
    this.cancel();
  }

  /** Throws for a request of a client that is gone, or has asked to end its statement. */
  #expectWanted({ kind, cursor = 0 }: Wish, destination: SqlDestination): void {
    const isCancelled = this.#isCancelDue && kind !== "commit";
    if (endings.has(kind) || !(this.#isLeft || isCancelled)) return;
    this.#isCancelDue = false;
    if (cursor !== 0) this.tell({ kind: "close", cursor }, destination);
    if (this.#isLeft) throw new FatalError("08006", "connection to client lost");
    throw new SqlError("57014", "canceling statement due to user request");
  }

  requestOf(wish: Wish): SqlRequest {
    const { tenant, tenantName: database, session, user } = this.#identity;
    const shape = this.#shape(wish);
    const consistency = this.#settings.find("kimberlite.consistency");
    const transaction = this.#transaction.describe(this.now());
    return {
      kind: wish.kind,
      shape,
      tenant,
      session,
      user,
      database,
      text: shape.text,
      syntax: wish.syntax ?? noBytes,
      parameterTypes: shape.parameterTypes,
      parameters: wish.parameters ?? noParameters,
      resultFormats: shape.resultFormats,
      rowsMax: wish.rowsMax ?? 0,
      cursor: wish.cursor ?? 0,
      atLeast: consistency === "stale" ? -1 : this.#atLeast,
      // A transaction that has its snapshot was told of what it is to see.
      isLinearizable: consistency === "linearizable" && isOfNow.has(wish.kind) && transaction.snapshot < 0,
      columns: shape.columns,
      settings: shape.settings,
      roles: shape.roles,
      transaction,
    };
  }

  /** The shape of a wish, the same object as long as the statement is asked for in the same way. */
  #shape(wish: Wish): SqlShape {
    const { text = "", parameterTypes = noTypes, resultFormats = noFormats, columns = null } = wish;
    const roles = this.#roles.text();
    const settings = wish.settings ?? this.#settings.forEngine();
    const known = this.#shapes.get(text);
    const isSame =
      known !== undefined &&
      known.settings === settings &&
      known.roles === roles &&
      known.columns === columns &&
      isSameList(known.parameterTypes, parameterTypes) &&
      isSameList(known.resultFormats, resultFormats);
    if (isSame) return known;
    const { tenant, tenantName: database, user } = this.#identity;
    const shape: SqlShape = { tenant, user, database, text, parameterTypes, resultFormats, columns, settings, roles };
    if (text.length <= shapeTextMax) {
      if (this.#shapes.size >= shapesMax || this.#shapesCharacters + text.length > shapesCharactersMax) {
        this.#shapes.clear();
        this.#shapesCharacters = 0;
      }
      this.#shapes.set(text, shape);
      this.#shapesCharacters += text.length;
    }
    return shape;
  }

  #send(request: SqlRequest, destination: SqlDestination): Promise<SqlOutcome> {
    if (destination === "shard") this.#usedShard = true;
    return new Promise((resolve) => {
      this.#call = this.#host.executor.run(request, destination, resolve);
    });
  }

  /** Throws a `SqlError` for every outcome but an answer of the kind that is wanted. */
  async #ask<Wanted extends Answer>(
    wish: Wish,
    destination: SqlDestination,
    isWanted: (reply: Answer) => reply is Wanted,
  ): Promise<Wanted> {
    assert(this.#call === null, "a session asks one thing at a time");
    this.#expectWanted(wish, destination);
    const timeout = this.#settings.get("statement_timeout");
    const timeoutMs = timeout === "0" ? 0 : millisecondsOf(timeout);
    const stopTimer = timeoutMs > 0 ? this.#host.after(timeoutMs, () => this.cancel("timeout")) : null;
    const request = this.requestOf(wish);
    const isAtShard = destination === "shard" && wish.kind !== "describe";
    try {
      const outcome = await this.#send(request, destination);
      // Counted whatever the answer: from now on the shard has to know the transaction.
      if (isAtShard && request.transaction.isOpen) this.#transaction.shardAsked();
      const isEnd = wish.kind === "commit" || wish.kind === "rollback";
      if (isEnd && outcome.kind === "lost") this.#insist({ ...request, kind: "rollback" });
      const reply = this.#answer(outcome, request, destination);
      if (reply.kind === "rows" && reply.delayMs > 0) await this.#holdBack(reply, destination);
      if (!isWanted(reply)) throw new SqlError("XX000", `an answer of another kind than ${reply.kind} was expected`);
      return reply;
    } finally {
      stopTimer?.();
      this.#call = null;
      this.#cancelled = null;
    }
  }

  /** Waits as long as an answer is to be held back. Throws 57014 when the statement is cancelled meanwhile. */
  async #holdBack({ delayMs, cursor, wrote }: RowsReply, destination: SqlDestination): Promise<void> {
    assert(!wrote, "what is committed is told at once");
    if (this.#cancelled === null) {
      await new Promise<void>((resolve) => {
        const stopTimer = this.#host.after(delayMs, resolve);
        this.#call = {
          cancel: () => {
            stopTimer();
            resolve();
          },
          takeBack() {},
        };
      });
    }
    if (this.#cancelled === null) return;
    if (cursor !== 0) this.tell({ kind: "close", cursor }, destination);
    throw this.#failed({ sqlState: "57014", message: "", fields: {} });
  }

  #answer(outcome: SqlOutcome, request: SqlRequest, destination: SqlDestination): Answer {
    switch (outcome.kind) {
      case "failed":
        throw this.#failed(outcome);
      case "lost":
        throw this.#lost(outcome.error, request, destination);
      case "syntaxWanted":
        throw new SqlError("XX000", "the executor sends a statement again by itself");
      case "described":
        return outcome;
      case "rows":
        this.#seen(outcome, destination);
        if (!outcome.wrote) this.#expectMemory(outcome, destination);
        return outcome;
    }
  }

  /** Throws 53200 for an answer that cannot be kept until the client has read it. */
  #expectMemory({ rows, cursor }: RowsReply, destination: SqlDestination): void {
    const { unread } = this.#host;
    if (unread.takes(rows.length)) return;
    if (cursor !== 0) this.tell({ kind: "close", cursor }, destination);
    throw new SqlError("53200", "out of memory", {
      detail: `Clients have ${unread.bytes} bytes of answers to read, and this one has ${rows.length} more.`,
      hint: "Read what was answered, or ask for fewer rows at a time.",
    });
  }

  #failed({ sqlState, message, fields }: Pick<SqlError, "sqlState" | "message" | "fields">): SqlError | FatalError {
    // What the session is to have, it has no more.
    if (sqlState === "57P01") return new FatalError(sqlState, message, fields.detail);
    if (sqlState !== "57014" || this.#cancelled === null) return new SqlError(sqlState, message, fields);
    const why = this.#cancelled === "timeout" ? "statement timeout" : "user request";
    return new SqlError("57014", `canceling statement due to ${why}`);
  }

  #lost(error: KimberliteError, request: SqlRequest, destination: SqlDestination): SqlError {
    // Nothing was done, since there is no memory for more: a transaction that is open goes on to its ROLLBACK.
    if (error.code === "mailboxFull" && error.outcome === "notCommitted" && request.kind !== "commit") {
      return new SqlError("53200", "out of memory", {
        detail: `${error.message}.`,
        hint: "Try again in a moment, with less at a time.",
      });
    }
    const isRefused = error.code === "notSupported" && error.outcome === "notCommitted" && request.kind !== "commit";
    if (isRefused || destination === "projection" || request.kind === "describe")
      return new SqlError(error.sqlState, error.message);
    // Nothing was done, and whoever runs it again at once meets the same disk.
    if (error.code === "diskFull" && error.outcome === "notCommitted")
      return new SqlError(error.sqlState, error.message);
    const { isOpen } = request.transaction;
    if (isOpen && request.kind !== "commit") {
      return new SqlError("40001", "could not serialize access: the transaction was lost, none of it is committed", {
        detail: error.message,
        hint: "Run the transaction again.",
      });
    }
    if (error.outcome === "notCommitted") {
      return new SqlError(
        isOpen ? "40001" : error.sqlState,
        error.message,
        isOpen ? { hint: "Run the transaction again." } : {},
      );
    }
    return new SqlError("08007", "transaction resolution unknown: the node that was asked ended before it answered", {
      detail: error.message,
      hint: "The transaction may have been committed: look before it is run again.",
    });
  }

  /** As `rows`, for a statement that reads one row by its key and is answered at once; null when it has to be asked for. */
  rowsNow(wish: Wish): RowsReply | null {
    assert(this.#call === null, "a session asks one thing at a time");
    const reply = this.#host.executor.readNow(this.requestOf(wish));
    if (reply !== null) this.#seen(reply, "projection");
    return reply;
  }

  #seen(reply: RowsReply, destination: SqlDestination): void {
    if (reply.position > this.#atLeast) this.#atLeast = reply.position;
    if (destination === "projection") this.#transaction.read(reply.position);
  }

  /**
   * Sends a statement that stands alone beside others of this session that are not answered yet; null when it has to be asked for by `rows`.
   * What comes of it `replyTo` says.
   */
  sendInOrder(request: SqlRequest, settle: (outcome: SqlOutcome) => void): SqlCall | null {
    assert(this.#call === null, "what is asked one at a time does not meet what goes ahead");
    const call = this.#host.executor.runInOrder(request, settle);
    if (call !== null) this.#usedShard = true;
    return call;
  }

  /** Throws a `SqlError` for every outcome but rows. */
  replyTo(outcome: SqlOutcome, request: SqlRequest): RowsReply {
    const reply = this.#answer(outcome, request, "shard");
    if (!isRows(reply)) throw new SqlError("XX000", `an answer of another kind than ${reply.kind} was expected`);
    return reply;
  }

  /** Asks for what answers with rows. */
  rows(wish: Wish, destination: SqlDestination): Promise<RowsReply> {
    return this.#ask(wish, destination, isRows);
  }

  described(wish: Wish, destination: SqlDestination): Promise<DescribedReply> {
    return this.#ask(wish, destination, isDescription);
  }

  /** Asks what was notified behind a position, or (null) for the newest one; beside whatever else the session asks for. */
  listen(position: number | null, settle: (outcome: SqlOutcome) => void): SqlCall {
    const request = this.requestOf({ kind: "listen" });
    const transaction = { ...request.transaction, isOpen: false, requests: 0, snapshot: -1 };
    return this.#host.executor.run(
      { ...request, atLeast: position ?? -1, rowsMax: position === null ? 1 : 0, transaction },
      "projection",
      settle,
    );
  }

  /** Asks the shard for the locks of the tenant's sessions; beside whatever else the session asks for. */
  locks(settle: (outcome: SqlOutcome) => void): SqlCall {
    const request = this.requestOf({ kind: "locks" });
    const transaction = { ...request.transaction, isOpen: false, requests: 0, snapshot: -1 };
    return this.#host.executor.run({ ...request, atLeast: -1, transaction }, "shard", settle);
  }

  /** The session is over: its transaction, its locks and what its sequences gave end with it. */
  end(): void {
    this.#isOver = true;
    if (this.#usedShard) this.#insist(this.requestOf({ kind: "end" }));
  }

  /**
   * Says to the shard that something is over, or that the session is not, and again when that was lost: it may not have come there (a mailbox was
   * full), and what the shard does not know to be over keeps its locks. Heard twice it does nothing.
   */
  #insist(request: SqlRequest, times = 1): void {
    assert(endings.has(request.kind), "only what does nothing the second time is said twice");
    this.#host.executor.run(request, "shard", (outcome) => {
      if (outcome.kind !== "lost" || outcome.error.retry === "never" || times >= insistTimesMax) return;
      // Nobody calls in behind the end.
      if (this.#isOver && request.kind === "close") return;
      this.#host.after(insistMs, () => this.#insist(request, times + 1));
    });
  }

  /** Tells the shard, whoever leads it now, that the session is there, for the sake of its temporary tables: it clears away what nobody has. */
  callIn(): void {
    if (!this.#isOver && this.#settings.get(temporarySchemaSetting) !== "")
      this.#insist(this.requestOf({ kind: "close" }));
  }

  /** Told, not asked: what it answers is of no interest. */
  tell(wish: Wish, destination: SqlDestination): void {
    this.#host.executor.run(this.requestOf(wish), destination, () => {});
  }
}
