/**
 * One client's session once it is admitted: what it says is acted upon in order, one message after the other, and answered in
 * PostgreSQL's protocol (version 3; chapter 55 of its manual). Writes that follow one another go ahead of their answers (run-ahead.ts).
 *
 * Where a statement is done
 *   here               settings, the bounds of a transaction, what is prepared, cursors' names, the framing of COPY
 *   the directory      users
 *   a projection       reads outside a transaction that the shard has
 *   the shard          all else
 *
 * Invariants
 *   1. Each Query and each Sync is answered by one ReadyForQuery, and everything before it leaves in one write, unless it is large. What is
 *      answered while more messages wait leaves with the answers to those, before anybody is waited for. An error waits for no Sync: clients
 *      that flush send theirs once they have read it.
 *   2. After an error in the extended protocol nothing is done until Sync.
 *   3. In a failed transaction nothing is done but to end it, or to go back to a savepoint.
 */
import type { SessionFact } from "../../../runtime/query/catalog/session-facts.js";
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import { kiB } from "../../../runtime/types/limits.js";
import type { SessionIdentity } from "../engine-runs.js";
import { decodeFrontend, type FrontendMessage, kindOf } from "../frontend-messages.js";
import type { Inbox } from "../inbox.js";
import { type Portal, portalOf } from "../portals.js";
import { FatalError, reportOf } from "../reports.js";
import type { SessionSettings } from "../settings.js";
import { type CachedStatement, firstParameter } from "../statement.js";
import { rolesFrom } from "./at-once.js";
import { Channels } from "./channels.js";
import { Descriptions } from "./descriptions.js";
import { Exchange, type SessionHost } from "./exchange.js";
import { ExtendedQuery } from "./extended-query.js";
import { RunAhead } from "./run-ahead.js";
import { Statements } from "./statements.js";
import { Transactions } from "./transactions.js";
import { VariedQueries } from "./varied-queries.js";

/** Messages whose statements are judged by roles. */
const judged: ReadonlySet<FrontendMessage["kind"]> = new Set(["query", "parse", "bind", "describe", "execute"]);

/** Answers of this size do not wait for more. */
const readyBytesMax: number = 16 * kiB;

/** Whether an error tells of the node or of others, and not of the statement: then the shard may be out of reach, and is not asked. */
const isOfTheNode = (sqlState: string): boolean => /^(?:08|40|53|57|58|XX)/u.test(sqlState);

export class Session {
  readonly #exchange: Exchange;
  readonly #channels: Channels;
  readonly #transactions: Transactions;
  readonly #statements: Statements;
  readonly #extended: ExtendedQuery;
  readonly #ahead: RunAhead;
  readonly #varied: VariedQueries;
  #isSkipping = false;
  #isIdleTooLong: FatalError | null = null;
  #stopIdleTimer: (() => void) | null = null;
  /** Ends `run`, once; with an error for a bug. */
  #ended: ((error: unknown) => void) | null = null;
  /** A ReadyForQuery stands in the writer, or an error: a client may wait for either before it says more. */
  #isDue = false;

  constructor(host: SessionHost, identity: SessionIdentity, settings: SessionSettings, inbox: Inbox) {
    const exchange = new Exchange(host, identity, settings, inbox);
    const descriptions = new Descriptions(exchange);
    this.#exchange = exchange;
    this.#channels = new Channels(exchange);
    this.#transactions = new Transactions(exchange, this.#channels);
    this.#statements = new Statements(exchange, this.#channels, this.#transactions, descriptions);
    this.#extended = new ExtendedQuery(exchange, descriptions, this.#statements);
    this.#ahead = new RunAhead(exchange, () => this.#writeReady());
    this.#varied = new VariedQueries(exchange, descriptions);
  }

  get isIdle(): boolean {
    const { inbox, transaction } = this.#exchange;
    return inbox.count === 0 && !transaction.isOpen && !this.#ahead.isBusy;
  }

  /** What others may be told of it. */
  get activity(): Pick<SessionFact, "application" | "transactionAt" | "statementAt" | "statement" | "state"> {
    const { settings, transaction, place, statementAt, isIdle } = this.#exchange;
    const waiting = transaction.status === "failed" ? "idle in transaction (aborted)" : "idle in transaction";
    const state = isIdle ? (transaction.isExplicit ? waiting : "idle") : "active";
    // A transaction that has failed is over, but for being ended.
    const transactionAt = transaction.isFailed
      ? null
      : transaction.isOpen
        ? transaction.startedAt
        : isIdle
          ? null
          : statementAt;
    return {
      application: settings.get("application_name"),
      transactionAt,
      statementAt,
      statement: place?.text ?? "",
      state,
    };
  }

  /** The client asks to end what it waits for, if it waits for something. */
  cancel(): void {
    if (this.#ahead.isBusy) this.#ahead.cancel();
    else if (!this.#exchange.isIdle) this.#exchange.runs.cancel();
  }

  callIn(): void {
    this.#exchange.runs.callIn();
  }

  /** The client is gone: nothing that was not begun is done for it any more. */
  leave(): void {
    this.#exchange.runs.leave();
    this.#ahead.leave();
  }

  /** Until the client ends, is told to, or is gone. What it throws is a bug. */
  run(): Promise<void> {
    this.#exchange.writer.backendKeyData(this.#exchange.identity.process, this.#exchange.identity.secret);
    this.#ready();
    return new Promise((resolve, reject) => {
      this.#ended = (error) => {
        this.#ended = null;
        this.#end();
        if (error === null) resolve();
        else reject(error);
      };
      this.#goOn();
    });
  }

  /**
   * Acts upon what has arrived, one message after the other, until somebody is to be waited for. Most messages are acted upon at once, and
   * whoever brings the next ones, or an answer, calls this: a promise is made only for what others do.
   */
  readonly #goOn = (): void => {
    try {
      let next = this.#next();
      while (next === true) next = this.#next();
      this.#flushDue();
      if (next === "waits") return;
      if (next === false) this.#finish();
      else next.then(this.#goOnOrFinish, this.#broken);
    } catch (error) {
      this.#broken(error);
    }
  };

  readonly #goOnOrFinish = (isMore: boolean): void => {
    if (isMore) this.#goOn();
    else this.#finish();
  };

  #finish(): void {
    if (this.#isIdleTooLong !== null) this.#sayFatal(this.#isIdleTooLong);
    this.#ended?.(null);
  }

  readonly #broken = (error: unknown): void => {
    this.#ended?.(error);
  };

  /** False at the end of the session; `waits` when it goes on with what the client says next, or with an answer. */
  #next(): boolean | "waits" | Promise<boolean> {
    // A client that does not read what it is answered is not acted for: its answers would fill the memory.
    const relieved = this.#exchange.whenRelieved();
    if (relieved !== null) return relieved.then(() => true);
    if (!this.#isSkipping && this.#ahead.advance()) return true;
    this.#ahead.expectSound();
    if (this.#ahead.isBusy) return this.#wait();
    const raw = this.#exchange.inbox.glance(0);
    if (raw === undefined) return this.#waitForMore();
    this.#exchange.inbox.take();
    const kind = kindOf(raw.type);
    if (kind === "terminate") return false;
    if (this.#isSkipping && kind !== "sync") return true;
    try {
      const message = decodeFrontend(kind, raw.body, this.#exchange.encoding);
      if (kind === "query" || kind === "execute") this.#exchange.statementAt = this.#exchange.runs.now();
      const wait = judged.has(kind) ? this.#exchange.roles.whenFresh() : null;
      const done = wait === null ? this.#step(message) : wait.then(() => this.#step(message));
      return done === undefined ? true : this.#whenDone(done, kind === "query");
    } catch (error) {
      return this.#failed(error, kind === "query");
    }
  }

  /** For more messages, or for answers to what is under way. */
  #wait(): false | "waits" {
    const { inbox } = this.#exchange;
    if (inbox.isClosed) return false;
    inbox.watch(this.#woken);
    if (this.#ahead.isBusy) this.#ahead.watch(this.#answered);
    return "waits";
  }

  /** For more messages of a client that is owed nothing. */
  #waitForMore(): false | "waits" {
    const waits = this.#wait();
    if (waits === false) return false;
    this.#stopIdleTimer = this.#idleTimer();
    this.#channels.isWaiting = true;
    this.#exchange.isIdle = true;
    return waits;
  }

  readonly #answered = (): void => this.#woken(true);

  readonly #woken = (isMore: boolean): void => {
    this.#exchange.inbox.unwatch();
    this.#ahead.unwatch();
    this.#channels.isWaiting = false;
    this.#exchange.isIdle = false;
    this.#stopIdleTimer?.();
    this.#stopIdleTimer = null;
    if (isMore) this.#goOn();
    else this.#finish();
  };

  async #whenDone(done: Promise<void>, isQuery: boolean): Promise<boolean> {
    try {
      await done;
      return true;
    } catch (error) {
      return await this.#failed(error, isQuery);
    }
  }

  /** A session that only waits may be told to end. */
  #idleTimer(): (() => void) | null {
    const name = this.#exchange.transaction.isExplicit ? "idle_in_transaction_session_timeout" : "idle_session_timeout";
    const value = this.#exchange.settings.get(name);
    if (value === "0") return null;
    const error = this.#exchange.transaction.isExplicit
      ? new FatalError("25P03", "terminating connection due to idle-in-transaction timeout")
      : new FatalError("57P05", "terminating connection due to idle-session timeout");
    return this.#exchange.host.after(millisecondsIn(value), () => {
      this.#isIdleTooLong = error;
      this.#exchange.inbox.close();
    });
  }

  #step(message: FrontendMessage): Promise<void> | void {
    switch (message.kind) {
      case "query":
        return this.#query(message.text);
      case "parse":
        return this.#extended.parse(message);
      case "bind":
        return this.#extended.bind(message);
      case "describe":
        return message.target === "statement"
          ? this.#extended.describeStatement(message.name)
          : this.#extended.describePortal(message.name);
      case "execute":
        return this.#extended.execute(message.portal, message.rowsMax);
      case "close":
        return this.#extended.close(message);
      case "flush":
        return this.#exchange.flush();
      case "sync":
        return this.#sync();
      case "functionCall":
        throw new SqlError("0A000", "the function call protocol is not supported");
      case "copyData":
      case "copyDone":
      case "copyFail":
        // What is left of a COPY that failed.
        return;
      case "password":
      case "terminate":
        throw new FatalError("08P01", `unexpected message type "${message.kind}"`);
    }
  }

  /** Says what went wrong. False when the session cannot go on. */
  async #failed(error: unknown, isQuery: boolean): Promise<boolean> {
    const report = reportOf(error, this.#exchange.place);
    if (report === null) throw error;
    this.#statements.atOnce.tellDone();
    this.#exchange.writer.error(report);
    if (report.severity === "FATAL") {
      this.#exchange.flush();
      return false;
    }
    this.#statements.isLastOfQuery = false;
    this.#statements.isOneOfSeveral = false;
    const { transaction } = this.#exchange;
    const wasSound = !transaction.isFailed;
    if (transaction.isOpen) transaction.fail();
    if (transaction.isOpen && !transaction.isExplicit) await this.#transactions.rollback();
    else if (wasSound && !isOfTheNode(report.sqlState)) await this.#transactions.letGo();
    if (isQuery) this.#ready();
    else {
      this.#isSkipping = true;
      this.#isDue = true;
    }
    return true;
  }

  #sayFatal(error: FatalError): void {
    const report = reportOf(error, null);
    assert(report !== null, "a fatal error can be told");
    this.#exchange.writer.error(report);
    this.#exchange.flush();
  }

  #end(): void {
    this.#ahead.stop();
    this.#channels.stop();
    this.#exchange.closeAllCursors();
    this.#exchange.runs.end();
  }

  /** More messages that wait are most likely answered at once: then one write does for all. */
  #ready(): void {
    this.#exchange.runs.isDone();
    this.#writeReady();
    this.#isDue = true;
    if (this.#exchange.inbox.count === 0 || this.#exchange.writer.length >= readyBytesMax) this.#flushDue();
  }

  #flushDue(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#exchange.flush();
  }

  #writeReady(): void {
    this.#exchange.roles.text();
    for (const [name, value] of this.#exchange.settings.unreported())
      this.#exchange.writer.parameterStatus(name, value);
    if (!this.#exchange.transaction.isOpen) this.#channels.write();
    this.#exchange.writer.readyForQuery(this.#exchange.transaction.status);
  }

  async #query(text: string): Promise<void> {
    this.#exchange.place = { text, offset: 0 };
    this.#exchange.prepared.delete("");
    this.#exchange.closePortal("");
    const found = this.#varied.find(text);
    if (found !== null && "length" in found) {
      for (const [index, { portal, place }] of found.entries()) {
        this.#exchange.place = place;
        await this.#run(portal, index, found.length);
      }
    } else {
      const statements = this.#exchange.host.statements.statements(text);
      if (statements.length === 0) this.#exchange.writer.emptyQueryResponse();
      const tail = rolesFrom(statements);
      for (const [index, statement] of statements.entries()) {
        this.#exchange.place = { text, offset: statement.offset };
        this.#statements.atOnce.isTail = index >= tail;
        expectNoParameters(statement);
        const portal = portalOf("", { source: text, statement, parameterTypes: [] }, [], []);
        await this.#run(portal, index, statements.length);
      }
      if (found !== null) await this.#varied.learn(found, statements);
    }
    this.#statements.isLastOfQuery = false;
    this.#statements.isOneOfSeveral = false;
    await this.#transactions.endImplicit();
    this.#statements.atOnce.forget();
    this.#ready();
  }

  /** Runs one of so many statements of a Query. */
  async #run(portal: Portal, index: number, count: number): Promise<void> {
    const isAlone = count === 1;
    this.#statements.isLastOfQuery = index === count - 1;
    this.#statements.isOneOfSeveral = !isAlone;
    // Several statements of one text stand or fall together.
    if (!isAlone) this.#exchange.transaction.beginImplicit(this.#exchange.runs.now());
    if (!isAlone || !this.#statements.performNow(portal, 0, "simple"))
      await this.#statements.perform(portal, 0, "simple");
    this.#exchange.closeCursor(portal);
    if (!isAlone) await this.#exchange.relieve();
  }

  #sync(): Promise<void> | void {
    this.#isSkipping = false;
    if (this.#exchange.transaction.isOpen && !this.#exchange.transaction.isExplicit) return this.#syncImplicit();
    this.#synced();
  }

  /** The end of a round of several statements is the end of their transaction. */
  async #syncImplicit(): Promise<void> {
    try {
      await this.#transactions.endImplicit();
    } catch (error) {
      await this.#failed(error, false);
      this.#isSkipping = false;
    }
    this.#synced();
  }

  #synced(): void {
    this.#statements.atOnce.forget();
    if (!this.#exchange.transaction.isExplicit) this.#exchange.closeCursorsOfTransaction();
    this.#exchange.round += 1;
    this.#ready();
  }
}

const millisecondsIn = (value: string): number => {
  const [, digits = "0", unit = "ms"] = /^(\d+)([a-z]*)$/.exec(value) ?? [];
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(digits) * (factors[unit] ?? 1);
};

/** A simple query brings no values; a PREPARE has places for those that come later. */
function expectNoParameters({ statement, parameterCount }: CachedStatement): void {
  if (parameterCount === 0 || statement.kind === "prepare") return;
  const { number, location } = firstParameter(statement) ?? { number: parameterCount, location: -1 };
  throw new SqlError("42P02", `there is no parameter $${number}`, {
    position: location < 0 ? undefined : location,
  });
}
