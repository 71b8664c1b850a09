/**
 * One client's session once it is admitted: what it says is acted upon in order, one message after the other, and answered in
 * PostgreSQL's protocol (version 3; chapter 55 of its manual).
 *
 * Where a statement is done
 *   here               settings, the bounds of a transaction, what is prepared, cursors' names, the framing of COPY
 *   the directory      users
 *   a projection       reads outside a transaction that the shard has
 *   the shard          all else
 *
 * An Execute asks once for what Parse, Bind and Describe would have asked for before it: the answer of the run says all. Errors
 * come a message later than PostgreSQL's then, which no client can tell, since it reads them all behind its Sync.
 *
 * Invariants
 *   1. Each Query and each Sync is answered by one ReadyForQuery, and everything before it leaves in one write, unless it is large.
 *   2. After an error in the extended protocol nothing is done until Sync.
 *   3. In a failed transaction nothing is done but to end it, or to go back to a savepoint.
 */
import { isSameResult, resultChanged, type SqlColumn } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import type { Fetch } from "../../runtime/query/syntax/ast-session.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import { kiB, miB } from "../../runtime/types/limits.js";
import { BackendWriter, type ErrorReport } from "./backend-writer.js";
import { CopyRuns } from "./copy-runs.js";
import { type EngineHost, EngineRuns, type RowsReply, type SessionIdentity } from "./engine-runs.js";
import { executeParameters } from "./execute-parameters.js";
import type { SqlDestination } from "./executor.js";
import { type Bind, decodeFrontend, type FrontendMessage, kindOf } from "./frontend-messages.js";
import type { Inbox, RawMessage } from "./inbox.js";
import { Notifications } from "./notifications.js";
import { type Description, type Portal, Portals, type Prepared, PreparedStatements, portalOf } from "./portals.js";
import { FatalError, noticeReport, reportOf, type SourcePlace, warning } from "./reports.js";
import { type Administration, runRoleStatement } from "./roles.js";
import { type LocalResult, SettingCommands, shownColumns, tagOnly } from "./session-commands.js";
import type { SessionSettings } from "./settings.js";
import { type CachedStatement, cached, firstParameter, type StatementCache } from "./statement.js";
import { Transaction } from "./transaction.js";
import { builtInType } from "./type-names.js";

export interface SessionHost extends EngineHost {
  readonly statements: StatementCache;
  readonly administration: Administration;
  write(bytes: Uint8Array): void;
  outgoingBytes(): number;
  /** Resolves once most of what was written has left, or the client is gone. */
  whenDrained(): Promise<void>;
}

/** From here on what was gathered leaves without waiting for the end of the answer. */
const gatheredBytesMax: number = 64 * kiB;
/** More than this is not fetched while the client has not read it. */
const outgoingBytesMax: number = 1 * miB;
/** Messages that are looked at before they are acted upon: fewer than may wait. */
const lookAheadMax = 64;
const noBytes = new Uint8Array(0);
const encoder = new TextEncoder();
const endsTransaction = new Set(["commit", "rollback", "rollbackTo"]);
const noticeRanks: Readonly<Record<string, number>> = { INFO: 9, NOTICE: 1, WARNING: 2 };
const wantedRanks: Readonly<Record<string, number>> = { warning: 2, error: 3 };

export class Session {
  readonly #host: SessionHost;
  readonly #identity: SessionIdentity;
  readonly #settings: SessionSettings;
  readonly #inbox: Inbox;
  readonly #writer = new BackendWriter();
  readonly #transaction: Transaction;
  readonly #runs: EngineRuns;
  readonly #commands: SettingCommands;
  readonly #copies: CopyRuns;
  readonly #prepared = new PreparedStatements();
  readonly #portals = new Portals();
  #place: SourcePlace | null = null;
  #isSkipping = false;
  #isLastOfQuery = false;
  #isIdleTooLong: FatalError | null = null;
  /** Counts Syncs: what was described in the same round need not be asked for again. */
  #round = 0;
  #position = -1;
  readonly #notifications: Notifications;
  /** Waits for a message, and owes no answer. */
  #isWaiting = false;
  /** The transaction tells a channel that this session listens to. */
  #tellsItself = false;

  constructor(host: SessionHost, identity: SessionIdentity, settings: SessionSettings, inbox: Inbox) {
    this.#host = host;
    this.#identity = identity;
    this.#settings = settings;
    this.#inbox = inbox;
    this.#transaction = new Transaction(settings);
    this.#runs = new EngineRuns(host, identity, settings, this.#transaction);
    this.#commands = new SettingCommands(settings, this.#transaction, identity.user, (report) => this.#notice(report));
    this.#notifications = new Notifications({
      ask: (position, settle) => this.#runs.listen(position, settle),
      after: (delayMs, run) => host.after(delayMs, run),
      news: () => {
        if (!this.#isWaiting || this.#transaction.isOpen) return;
        this.#writeNotifications();
        this.#flush();
      },
    });
    this.#copies = new CopyRuns({
      inbox,
      writer: this.#writer,
      runs: this.#runs,
      flush: () => this.#flush(),
      relieve: () => this.#relieve(),
      take: (reply) => this.#take(reply),
      enterShard: () => this.#enterShard(),
      destinationOf: (statement) => this.#destinationOf(statement),
    });
  }

  get isIdle(): boolean {
    return this.#inbox.count === 0 && !this.#transaction.isOpen;
  }

  cancel(): void {
    this.#runs.cancel();
  }

  // ------------------------------------------------------------------ messages

  /** Until the client ends, is told to, or is gone. What it throws is a bug. */
  async run(): Promise<void> {
    this.#writer.backendKeyData(this.#identity.process, this.#identity.secret);
    this.#ready();
    try {
      while (await this.#next()) {
        // One message after the other.
      }
      if (this.#isIdleTooLong !== null) this.#sayFatal(this.#isIdleTooLong);
    } finally {
      this.#end();
    }
  }

  /** False at the end of the session. */
  async #next(): Promise<boolean> {
    const raw = this.#inbox.glance(0) ?? (await this.#whenSpokenTo());
    if (raw === null) return false;
    this.#inbox.take();
    const kind = kindOf(raw.type);
    if (kind === "terminate") return false;
    if (this.#isSkipping && kind !== "sync") return true;
    try {
      // Most messages are acted upon at once: only what waits for others is waited for.
      const done = this.#step(decodeFrontend(kind, raw.body));
      if (done !== undefined) await done;
      return true;
    } catch (error) {
      return await this.#failed(error, kind === "query");
    }
  }

  /** The next message, which has not arrived. */
  async #whenSpokenTo(): Promise<RawMessage | null> {
    const stopTimer = this.#idleTimer();
    this.#isWaiting = true;
    const raw = await this.#inbox.peek(0);
    this.#isWaiting = false;
    stopTimer?.();
    return raw;
  }

  /** A session that only waits may be told to end. */
  #idleTimer(): (() => void) | null {
    const name = this.#transaction.isExplicit ? "idle_in_transaction_session_timeout" : "idle_session_timeout";
    const value = this.#settings.get(name);
    if (value === "0") return null;
    const error = this.#transaction.isExplicit
      ? new FatalError("25P03", "terminating connection due to idle-in-transaction timeout")
      : new FatalError("57P05", "terminating connection due to idle-session timeout");
    return this.#host.after(millisecondsIn(value), () => {
      this.#isIdleTooLong = error;
      this.#inbox.close();
    });
  }

  #step(message: FrontendMessage): Promise<void> | void {
    switch (message.kind) {
      case "query":
        return this.#query(message.text);
      case "parse":
        return this.#parse(message);
      case "bind":
        return this.#bind(message);
      case "describe":
        return message.target === "statement"
          ? this.#describeStatement(message.name)
          : this.#describePortal(message.name);
      case "execute":
        return this.#execute(message.portal, message.rowsMax);
      case "close":
        return this.#close(message);
      case "flush":
        return this.#flush();
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
    const report = reportOf(error, this.#place);
    if (report === null) throw error;
    this.#writer.error(report);
    if (report.severity === "FATAL") {
      this.#flush();
      return false;
    }
    this.#isLastOfQuery = false;
    if (this.#transaction.isOpen) this.#transaction.fail();
    if (this.#transaction.isOpen && !this.#transaction.isExplicit) await this.#rollback();
    if (isQuery) this.#ready();
    else this.#isSkipping = true;
    return true;
  }

  #sayFatal(error: FatalError): void {
    const report = reportOf(error, null);
    assert(report !== null, "a fatal error can be told");
    this.#writer.error(report);
    this.#flush();
  }

  #end(): void {
    this.#notifications.stop();
    for (const portal of this.#portals.takeAll()) this.#closeCursor(portal);
    // Its transaction, its locks and what its sequences gave end with it.
    if (this.#runs.usedShard) this.#runs.tell({ kind: "end" }, "shard");
  }

  #flush(): void {
    if (this.#writer.length > 0) this.#host.write(this.#writer.take());
  }

  /** Lets go of what has gathered, and waits for a slow reader. */
  async #relieve(): Promise<void> {
    if (this.#writer.length < gatheredBytesMax) return;
    this.#flush();
    if (this.#host.outgoingBytes() > outgoingBytesMax) await this.#host.whenDrained();
  }

  #ready(): void {
    for (const [name, value] of this.#settings.unreported()) this.#writer.parameterStatus(name, value);
    if (!this.#transaction.isOpen) this.#writeNotifications();
    this.#writer.readyForQuery(this.#transaction.status);
    this.#flush();
  }

  #writeNotifications(): void {
    for (const { process, channel, payload } of this.#notifications.take()) {
      this.#writer.notification(process, channel, payload);
    }
  }

  #notice(report: ErrorReport): void {
    const wanted = wantedRanks[this.#settings.get("client_min_messages")] ?? 0;
    if ((noticeRanks[report.severity] ?? 0) >= wanted) this.#writer.notice(report);
  }

  /** What an answer says besides its rows. */
  #take(reply: RowsReply): void {
    for (const notice of reply.notices) this.#notice(noticeReport(notice));
    for (const [name, value, scope] of reply.settings) {
      // Without a transaction what is local is over already.
      if (scope === "session" || this.#transaction.isOpen) this.#settings.set(name, value, scope);
    }
    if (!reply.wrote || reply.position === this.#position) return;
    this.#position = reply.position;
    this.#settings.wrote(reply.position);
  }

  // ------------------------------------------------------------------ simple query

  async #query(text: string): Promise<void> {
    this.#place = { text, offset: 0 };
    this.#prepared.delete("");
    this.#closePortal("");
    const statements = this.#host.statements.statements(text);
    if (statements.length === 0) this.#writer.emptyQueryResponse();
    for (const [index, statement] of statements.entries()) {
      this.#place = { text, offset: statement.offset };
      expectNoParameters(statement);
      this.#isLastOfQuery = index === statements.length - 1;
      // Several statements of one text stand or fall together.
      if (statements.length > 1) this.#transaction.beginImplicit(this.#runs.now());
      const portal = portalOf("", { source: text, statement, parameterTypes: [] }, [], []);
      await this.#perform(portal, 0, "simple");
      this.#closeCursor(portal);
    }
    this.#isLastOfQuery = false;
    await this.#endImplicit();
    this.#ready();
  }

  // ------------------------------------------------------------------ extended query

  async #parse(message: Extract<FrontendMessage, { kind: "parse" }>): Promise<void> {
    const { name, text, parameterTypes } = message;
    this.#place = { text, offset: 0 };
    if (name === "") this.#prepared.delete("");
    const statements = this.#host.statements.statements(text);
    if (statements.length > 1) {
      throw new SqlError("42601", "cannot insert multiple commands into a prepared statement");
    }
    const statement = statements[0] ?? null;
    if (statement !== null) this.#place = { text, offset: statement.offset };
    this.#expectSound(statement);
    const prepared: Prepared = {
      name,
      source: text,
      statement,
      parameterTypes,
      description: null,
      describedIn: -1,
      columns: null,
    };
    const next = this.#inbox.glance(0) ?? (await this.#inbox.peek(0));
    const nextKind = next === null ? "sync" : kindOf(next.type);
    // A statement that is only prepared is checked now; one that is run tells its errors then.
    if (nextKind === "sync" || nextKind === "flush") await this.#describe(prepared);
    this.#prepared.add(prepared);
    this.#writer.parseComplete();
  }

  #expectSound(statement: CachedStatement | null): void {
    if (statement === null || endsTransaction.has(statement.statement.kind)) return;
    this.#transaction.expectSound();
  }

  #bind(message: Bind): void {
    const { portal: name, statement, parameters, resultFormats } = message;
    const prepared = this.#prepared.get(statement);
    this.#place = placeOf(prepared);
    this.#expectSound(prepared.statement);
    const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
    if (parameters.length !== expected) {
      throw new SqlError(
        "08P01",
        `bind message supplies ${parameters.length} parameters, but prepared statement "${statement}" requires ${expected}`,
      );
    }
    if (name === "") this.#closePortal("");
    this.#portals.add(portalOf(name, prepared, parameters, resultFormats, prepared));
    this.#writer.bindComplete();
  }

  /** Asks what a statement takes and yields, unless that was asked in this round. */
  async #describe(prepared: Prepared): Promise<Description> {
    if (prepared.description !== null && prepared.describedIn === this.#round) return prepared.description;
    const description = await this.#describeAnew(prepared.statement, prepared.parameterTypes);
    if (prepared.columns !== null && !isSameResult(prepared.columns, description.columns)) throw resultChanged();
    prepared.columns = description.columns;
    prepared.parameterTypes = description.parameterTypes;
    prepared.description = description;
    prepared.describedIn = this.#round;
    return description;
  }

  async #describeAnew(statement: CachedStatement | null, parameterTypes: readonly number[]): Promise<Description> {
    const here = statement === null ? { parameterTypes: [], columns: null } : await this.#describeHere(statement);
    if (here !== null || statement === null) return here ?? { parameterTypes: [], columns: null };
    const destination = this.#transaction.isAtShard ? "shard" : "projection";
    return this.#runs.described(
      { kind: "describe", text: statement.text, syntax: statement.syntax(), parameterTypes },
      destination,
    );
  }

  /** What is done here is described here; null for all else. */
  async #describeHere({ statement }: CachedStatement): Promise<Description | null> {
    switch (statement.kind) {
      case "show":
        return { parameterTypes: [], columns: shownColumns(statement.name).map(textColumn) };
      case "execute": {
        const { columns } = await this.#describe(this.#prepared.get(statement.name));
        return { parameterTypes: [], columns };
      }
      case "fetch": {
        const { columns } = this.#portals.get(statement.cursor, "cursor");
        return { parameterTypes: [], columns: statement.isMove ? null : columns };
      }
      default:
        return isDoneHere(statement.kind) ? { parameterTypes: [], columns: null } : null;
    }
  }

  async #describeStatement(name: string): Promise<void> {
    const prepared = this.#prepared.get(name);
    this.#place = placeOf(prepared);
    this.#expectSound(prepared.statement);
    const { parameterTypes, columns } = await this.#describe(prepared);
    this.#writer.parameterDescription(parameterTypes);
    this.#writeColumns(columns, []);
  }

  async #describePortal(name: string): Promise<void> {
    const portal = this.#portals.get(name);
    this.#place = placeOf(portal);
    this.#expectSound(portal.statement);
    const next = this.#inbox.glance(0) ?? (await this.#inbox.peek(0));
    if (portal.state === "new" && next !== null && kindOf(next.type) === "execute") {
      const message = decodeFrontend("execute", next.body);
      if (message.kind === "execute" && message.portal === name) {
        portal.owesDescription = true;
        return;
      }
    }
    if (portal.columns === null) {
      portal.columns = (await this.#describeAnew(portal.statement, portal.parameterTypes)).columns;
    }
    this.#writeColumns(portal.columns, portal.resultFormats);
  }

  #writeColumns(columns: readonly SqlColumn[] | null, formats: readonly (0 | 1)[]): void {
    if (columns === null) this.#writer.noData();
    else {
      expectFormats(formats, columns.length);
      this.#writer.rowDescription(columns, formats);
    }
  }

  async #execute(name: string, rowsMax: number): Promise<void> {
    const portal = this.#portals.get(name);
    this.#place = placeOf(portal);
    const { statement } = portal;
    if (statement !== null && portal.state === "new" && !this.#transaction.isOpen) {
      const isPlainRead = statement.destination === "projection" && !isDoneHere(statement.statement.kind);
      const isLoose = isPlainRead && this.#settings.get("default_transaction_isolation") === "read committed";
      if (!isLoose && !(await this.#isLastOfRound())) this.#transaction.beginImplicit(this.#runs.now());
    }
    await this.#perform(portal, rowsMax, "extended");
  }

  /** True when nothing that is run comes before the next Sync: then a statement is a transaction of its own. */
  async #isLastOfRound(): Promise<boolean> {
    for (let ahead = 0; ahead < lookAheadMax; ahead++) {
      const message = this.#inbox.glance(ahead) ?? (await this.#inbox.peek(ahead));
      if (message === null) return true;
      const kind = kindOf(message.type);
      if (kind === "sync" || kind === "terminate") return true;
      if (kind !== "close") return false;
    }
    return false;
  }

  #close({ target, name }: Extract<FrontendMessage, { kind: "close" }>): void {
    if (target === "statement") this.#prepared.delete(name);
    else this.#closePortal(name);
    this.#writer.closeComplete();
  }

  #closePortal(name: string): void {
    const portal = this.#portals.find(name);
    if (portal === undefined) return;
    this.#portals.delete(name);
    this.#closeCursor(portal);
  }

  #closeCursor(portal: Portal): void {
    const { cursor, destination } = portal;
    portal.cursor = 0;
    portal.state = "done";
    if (cursor !== 0) this.#runs.tell({ kind: "close", cursor }, destination);
  }

  #sync(): Promise<void> | void {
    this.#isSkipping = false;
    if (this.#transaction.isOpen && !this.#transaction.isExplicit) return this.#syncImplicit();
    this.#synced();
  }

  /** The end of a round of several statements is the end of their transaction. */
  async #syncImplicit(): Promise<void> {
    try {
      await this.#endImplicit();
    } catch (error) {
      await this.#failed(error, false);
      this.#isSkipping = false;
    }
    this.#synced();
  }

  #synced(): void {
    if (!this.#transaction.isExplicit) this.#closeAllCursors();
    this.#round += 1;
    this.#ready();
  }

  #closeAllCursors(): void {
    for (const portal of this.#portals.takeAll()) this.#closeCursor(portal);
  }

  // ------------------------------------------------------------------ statements

  /** Runs a portal, from its beginning or where it was suspended. */
  async #perform(portal: Portal, rowsMax: number, protocol: "simple" | "extended"): Promise<void> {
    const { statement } = portal;
    if (statement === null) {
      this.#writer.emptyQueryResponse();
      return;
    }
    this.#expectSound(statement);
    const local = await this.#performHere(portal, statement, rowsMax, protocol);
    if (local === "elsewhere") await this.#performThere(portal, statement, rowsMax, protocol);
    else if (local !== "answered") await this.#writeLocal(portal, local, protocol);
  }

  /**
   * The end of a statement. The last of a Query is told to be done once all of the Query is committed: what is said to be stored must be.
   */
  async #complete(tag: string): Promise<void> {
    if (this.#isLastOfQuery && this.#transaction.isOpen) await this.#endImplicit();
    this.#writer.commandComplete(tag);
  }

  async #writeLocal(portal: Portal, result: LocalResult, protocol: "simple" | "extended"): Promise<void> {
    const columns = result.columns?.map(textColumn) ?? null;
    this.#writeOwed(portal, columns, protocol);
    for (const row of result.rows) this.#writer.dataRow(row);
    await this.#complete(result.tag);
    portal.state = "done";
  }

  /** The row description that comes with the answer of a run. */
  #writeOwed(portal: Portal, columns: readonly SqlColumn[] | null, protocol: "simple" | "extended"): void {
    portal.columns = columns;
    if (columns !== null) expectFormats(portal.resultFormats, columns.length);
    if (protocol === "simple" && columns !== null) this.#writer.rowDescription(columns, []);
    if (protocol === "extended" && portal.owesDescription) this.#writeColumns(columns, portal.resultFormats);
    portal.owesDescription = false;
  }

  async #performHere(
    portal: Portal,
    cachedStatement: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<LocalResult | "answered" | "elsewhere"> {
    const { statement } = cachedStatement;
    switch (statement.kind) {
      case "begin":
        this.#begin(statement.modes);
        return tagOnly(statement.isStart ? "START TRANSACTION" : "BEGIN");
      case "commit":
      case "rollback":
        return this.#endExplicit(statement.kind, statement.andChain);
      case "savepoint":
      case "release":
      case "rollbackTo":
        return this.#savepoint(statement.kind, statement.name);
      case "setTransaction":
        return this.#commands.setTransaction(statement);
      case "setConstraints":
        return tagOnly("SET CONSTRAINTS");
      case "prepareTransaction":
      case "commitPrepared":
      case "rollbackPrepared":
        throw new SqlError("0A000", "two-phase commit is not supported");
      case "set":
      case "reset":
      case "resetAll":
      case "show":
        return this.#commands.run(statement);
      case "discard":
        return this.#discard(statement.what);
      case "prepare":
        return this.#prepareHere(portal.source, cachedStatement);
      case "execute":
        await this.#executeHere(portal, cachedStatement, rowsMax, protocol);
        return "answered";
      case "deallocate":
        if (statement.name === null) {
          this.#prepared.clear();
          return tagOnly("DEALLOCATE ALL");
        }
        this.#prepared.get(statement.name);
        this.#prepared.delete(statement.name);
        return tagOnly("DEALLOCATE");
      case "declareCursor":
        return this.#declare(portal.source, cachedStatement);
      case "fetch":
        await this.#fetch(portal, statement, protocol);
        return "answered";
      case "closeCursor":
        if (statement.name === null) {
          this.#closeAllCursors();
          return tagOnly("CLOSE CURSOR ALL");
        }
        this.#portals.get(statement.name, "cursor");
        this.#closePortal(statement.name);
        return tagOnly("CLOSE CURSOR");
      case "copy":
        return this.#copy(cachedStatement);
      case "listen":
      case "unlisten":
        await this.#listen(statement.channel, statement.kind);
        return tagOnly(statement.kind.toUpperCase());
      case "notify":
        await this.#notify(statement.channel, statement.payload);
        return tagOnly("NOTIFY");
      case "createRole":
      case "alterRole":
      case "dropRole":
        if (this.#transaction.isExplicit) {
          throw new SqlError("25001", `${cachedStatement.command} cannot run inside a transaction block`);
        }
        return tagOnly(await runRoleStatement(statement, this.#identity, this.#host.administration));
      case "maintenance":
        if (statement.command === "VACUUM" && this.#transaction.isExplicit) {
          throw new SqlError("25001", "VACUUM cannot run inside a transaction block");
        }
        // Nothing needs it here; but a table that is not there is not passed over.
        for (const table of statement.tables) await this.#copies.columnsOf(table, [], cachedStatement);
        return tagOnly(statement.command);
      default:
        return "elsewhere";
    }
  }

  #destinationOf(statement: CachedStatement): SqlDestination {
    if (statement.writes && this.#transaction.isReadOnly) {
      throw new SqlError("25006", `cannot execute ${statement.command} in a read-only transaction`);
    }
    // What a serializable transaction reads is looked at when it commits, so it is read where that is decided.
    const { isOpen, isolation } = this.#transaction.describe(0);
    const isWatched = isOpen && isolation === "serializable";
    return this.#transaction.isAtShard || isWatched ? "shard" : statement.destination;
  }

  /** Savepoints that were made before the shard had anything of the transaction are told to it first. */
  async #enterShard(): Promise<void> {
    if (!this.#transaction.isOpen || this.#transaction.isAtShard) return;
    for (const name of this.#transaction.savepointNames) {
      await this.#runs.rows({ kind: "savepoint", text: name }, "shard");
    }
  }

  async #performThere(
    portal: Portal,
    statement: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    if (portal.state === "done") {
      await this.#complete(portal.columns === null ? portal.command : "SELECT 0");
      return;
    }
    if (portal.state === "open") {
      const reply = await this.#runs.rows({ kind: "fetch", cursor: portal.cursor, rowsMax }, portal.destination);
      await this.#deliver(portal, reply, rowsMax);
      return;
    }
    const reply = await this.#open(portal, statement, rowsMax);
    if (portal.prepared !== null) portal.prepared.columns ??= reply.columns;
    this.#writeOwed(portal, reply.columns, protocol);
    await this.#deliver(portal, reply, rowsMax);
  }

  /** The first rows of a statement that is run by others. */
  async #open(portal: Portal, statement: CachedStatement, rowsMax: number): Promise<RowsReply> {
    portal.destination = this.#destinationOf(statement);
    if (portal.destination === "shard") await this.#enterShard();
    this.#transaction.queried();
    const { parameterTypes, parameters, resultFormats, prepared } = portal;
    return this.#runs.rows(
      {
        kind: "execute",
        text: statement.text,
        syntax: statement.syntax(),
        parameterTypes,
        parameters,
        resultFormats,
        rowsMax,
        columns: prepared?.columns ?? null,
      },
      portal.destination,
    );
  }

  /** Sends rows as they come, until the portal ends or as many were sent as were asked for. */
  async #deliver(portal: Portal, first: RowsReply, rowsMax: number): Promise<void> {
    let reply = first;
    let sent = 0;
    for (;;) {
      this.#take(reply);
      this.#writer.rows(reply.rows);
      sent += reply.rowCount;
      portal.cursor = reply.cursor;
      portal.state = reply.cursor === 0 ? "done" : "open";
      if (reply.cursor === 0) {
        const isCounted = first.columns !== null && reply.tag.startsWith("SELECT ");
        await this.#complete(isCounted ? `SELECT ${sent}` : reply.tag);
        return;
      }
      if (rowsMax > 0 && sent >= rowsMax) {
        this.#writer.portalSuspended();
        return;
      }
      await this.#relieve();
      const left = rowsMax === 0 ? 0 : rowsMax - sent;
      reply = await this.#runs.rows({ kind: "fetch", cursor: portal.cursor, rowsMax: left }, portal.destination);
    }
  }

  // ------------------------------------------------------------------ LISTEN and NOTIFY

  async #listen(channel: string | null, kind: "listen" | "unlisten"): Promise<void> {
    const depth = this.#transaction.savepointNames.length;
    await this.#notifications.wish(channel, kind === "listen", depth);
    if (!this.#transaction.isOpen) this.#notifications.end("committed");
  }

  /** What pg_notify does, which is what is told with the transaction that tells it. */
  async #notify(channel: string, payload: string): Promise<void> {
    const text = "SELECT pg_catalog.pg_notify($1, $2)";
    const [statement] = this.#host.statements.statements(text);
    assert(statement !== undefined, "a text of one statement has it");
    const parameters = [channel, payload].map((value) => ({ format: 0 as const, bytes: encoder.encode(value) }));
    const prepared = { source: text, statement, parameterTypes: [typeOid.text, typeOid.text] };
    const reply = await this.#open(portalOf("", prepared, parameters, []), statement, 0);
    this.#take(reply);
    this.#tellsItself ||= this.#notifications.listensTo(channel);
    if (reply.wrote) await this.#hearOwn(reply);
  }

  /** A session that listens to what it has told hears that before it is ready for more, as in PostgreSQL. */
  async #hearOwn({ position }: RowsReply): Promise<void> {
    if (this.#tellsItself) await this.#notifications.reached(position);
    this.#tellsItself = false;
  }

  // ------------------------------------------------------------------ transactions

  #begin(modes: Parameters<Transaction["setModes"]>[0]): void {
    if (this.#transaction.isExplicit) {
      this.#notice(warning("25001", "there is already a transaction in progress"));
    } else this.#transaction.beginExplicit(this.#runs.now());
    this.#transaction.setModes(modes);
  }

  async #endExplicit(how: "commit" | "rollback", andChain: boolean): Promise<LocalResult> {
    const isExplicit = this.#transaction.isExplicit;
    if (!isExplicit && andChain) {
      throw new SqlError("25P01", `${how.toUpperCase()} AND CHAIN can only be used in transaction blocks`);
    }
    if (!isExplicit) this.#notice(warning("25P01", "there is no transaction in progress"));
    const { isolation } = this.#transaction.describe(0);
    const isReadOnly = this.#transaction.isReadOnly;
    const tag = how === "commit" && !this.#transaction.isFailed ? await this.#commit() : await this.#rollback();
    if (andChain) {
      this.#transaction.beginExplicit(this.#runs.now());
      this.#transaction.setModes({ isolation, isReadOnly, isDeferrable: null });
    }
    return tagOnly(tag);
  }

  async #endImplicit(): Promise<void> {
    if (!this.#transaction.isOpen || this.#transaction.isExplicit) return;
    if (this.#transaction.isFailed) await this.#rollback();
    else await this.#commit();
  }

  /** Returns the command tag: ROLLBACK when the shard could not but roll back. */
  async #commit(): Promise<"COMMIT" | "ROLLBACK"> {
    if (!this.#transaction.isOpen) return "COMMIT";
    this.#closeAllCursorsOfTransaction();
    if (!this.#transaction.isAtShard) {
      this.#transaction.committed();
      this.#notifications.end("committed");
      return "COMMIT";
    }
    let reply: RowsReply;
    try {
      reply = await this.#runs.rows({ kind: "commit" }, "shard");
    } catch (error) {
      this.#rolledBack();
      throw error;
    }
    if (reply.tag === "ROLLBACK") this.#rolledBack();
    else {
      this.#transaction.committed();
      this.#notifications.end("committed");
    }
    this.#take(reply);
    if (reply.wrote) await this.#hearOwn(reply);
    return reply.tag === "ROLLBACK" ? "ROLLBACK" : "COMMIT";
  }

  async #rollback(): Promise<"ROLLBACK"> {
    this.#closeAllCursorsOfTransaction();
    if (!this.#transaction.isOpen) return "ROLLBACK";
    if (this.#transaction.isAtShard) {
      try {
        await this.#runs.rows({ kind: "rollback" }, "shard");
      } catch (error) {
        // What the shard has lost is rolled back.
        if (!(error instanceof SqlError)) throw error;
      }
    }
    this.#rolledBack();
    return "ROLLBACK";
  }

  #rolledBack(): void {
    this.#transaction.rolledBack();
    this.#notifications.end("rolledBack");
    this.#tellsItself = false;
  }

  /** The unnamed portal of the COMMIT itself goes too: it has been looked up already. */
  #closeAllCursorsOfTransaction(): void {
    this.#closeAllCursors();
  }

  async #savepoint(kind: "savepoint" | "release" | "rollbackTo", name: string): Promise<LocalResult> {
    const words = {
      savepoint: "SAVEPOINT",
      release: "RELEASE SAVEPOINT",
      rollbackTo: "ROLLBACK TO SAVEPOINT",
    } as const;
    if (!this.#transaction.isExplicit) {
      throw new SqlError("25P01", `${words[kind]} can only be used in transaction blocks`);
    }
    if (kind !== "savepoint") this.#transaction.expectSavepoint(name);
    const asked = { savepoint: "savepoint", release: "releaseSavepoint", rollbackTo: "rollbackToSavepoint" } as const;
    if (this.#transaction.isAtShard) await this.#runs.rows({ kind: asked[kind], text: name }, "shard");
    if (kind === "savepoint") this.#transaction.savepoint(name);
    else if (kind === "release") this.#transaction.release(name);
    else this.#transaction.rollbackTo(name);
    const depth = this.#transaction.savepointNames.length;
    if (kind === "release") this.#notifications.released(depth);
    else if (kind === "rollbackTo") this.#notifications.rolledBackTo(depth);
    return tagOnly(kind === "savepoint" ? "SAVEPOINT" : kind === "release" ? "RELEASE" : "ROLLBACK");
  }

  #discard(what: "all" | "plans" | "sequences" | "temporary"): LocalResult {
    switch (what) {
      case "all":
        if (this.#transaction.isExplicit) {
          throw new SqlError("25001", "DISCARD ALL cannot run inside a transaction block");
        }
        this.#closeAllCursors();
        this.#prepared.clear();
        this.#settings.resetAll();
        this.#notifications.stop();
        if (this.#runs.usedShard) this.#runs.tell({ kind: "end" }, "shard");
        return tagOnly("DISCARD ALL");
      case "plans":
        return tagOnly("DISCARD PLANS");
      case "temporary":
        return tagOnly("DISCARD TEMP");
      case "sequences":
        throw new SqlError("0A000", "DISCARD SEQUENCES is not supported", { hint: "Use DISCARD ALL." });
    }
  }

  // ------------------------------------------------------------------ PREPARE, cursors, COPY

  /** PREPARE's own statement, in the place of the whole. */
  #prepareHere(source: string, { statement, ...rest }: CachedStatement): LocalResult {
    assert(statement.kind === "prepare", "a PREPARE is prepared");
    const inner = cached({ ...rest, statement: statement.statement });
    const parameterTypes = statement.types.map(builtInType);
    if (statement.name === "") throw new SqlError("26000", "invalid statement name: must not be empty");
    this.#prepared.add({
      name: statement.name,
      source,
      statement: inner,
      parameterTypes,
      description: null,
      describedIn: -1,
      columns: null,
    });
    return tagOnly("PREPARE");
  }

  async #executeHere(
    portal: Portal,
    { statement, ...rest }: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    assert(statement.kind === "execute", "an EXECUTE is executed");
    const prepared = this.#prepared.get(statement.name);
    const expected = Math.max(prepared.statement?.parameterCount ?? 0, prepared.parameterTypes.length);
    if (statement.arguments.length !== expected) {
      throw new SqlError("42601", `wrong number of parameters for prepared statement "${statement.name}"`, {
        detail: `Expected ${expected} parameters but got ${statement.arguments.length}.`,
      });
    }
    const parameters = await executeParameters(statement, rest, portal.parameters, (query) =>
      this.#runs.rows(
        {
          kind: "execute",
          text: query.text,
          syntax: query.syntax(),
          parameterTypes: portal.parameterTypes,
          parameters: portal.parameters,
        },
        this.#destinationOf(query),
      ),
    );
    const inner = portalOf("", prepared, parameters, portal.resultFormats, prepared);
    inner.owesDescription = portal.owesDescription;
    portal.owesDescription = false;
    this.#place = placeOf(prepared);
    await this.#perform(inner, 0, protocol);
    portal.columns = inner.columns;
    portal.state = "done";
    assert(rowsMax >= 0, "a limit of rows is not negative");
    this.#closeCursor(inner);
  }

  /** The query is run now, as it sees the rows of now; its first row is kept until it is fetched. */
  async #declare(source: string, { statement, ...rest }: CachedStatement): Promise<LocalResult> {
    assert(statement.kind === "declareCursor", "a DECLARE declares a cursor");
    const { name, isScroll, isHold, isBinary } = statement;
    if (isHold) throw new SqlError("0A000", "cursors WITH HOLD are not supported");
    if (isScroll) throw new SqlError("0A000", "SCROLL cursors are not supported");
    if (!this.#transaction.isExplicit) {
      throw new SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks");
    }
    this.#portals.expectFree(name);
    const inner = cached({ ...rest, statement: statement.query });
    const prepared = { source, statement: inner, parameterTypes: [] };
    const portal = portalOf(name, prepared, [], isBinary ? [1] : []);
    const reply = await this.#open(portal, inner, 1);
    this.#take(reply);
    portal.columns = reply.columns;
    portal.cursor = reply.cursor;
    portal.state = "open";
    portal.ready = reply.rows.slice();
    portal.readyCount = reply.rowCount;
    this.#portals.add(portal);
    return tagOnly("DECLARE CURSOR");
  }

  async #fetch(portal: Portal, statement: Fetch, protocol: "simple" | "extended"): Promise<void> {
    const { isMove } = statement;
    const cursor = this.#portals.get(statement.cursor, "cursor");
    const count = forwardCount(statement);
    if (cursor.state === "new") throw new SqlError("0A000", "FETCH from a portal of the protocol is not supported");
    if (!isMove) {
      const format = cursor.resultFormats[0] ?? 0;
      if (portal.resultFormats.some((wanted) => wanted !== format)) {
        throw new SqlError("0A000", "FETCH in another format than the cursor's is not supported");
      }
      this.#writeOwed(portal, cursor.columns, protocol);
    } else this.#writeOwed(portal, null, protocol);
    const fetched = await this.#pull(cursor, count, !isMove);
    await this.#complete(`${isMove ? "MOVE" : "FETCH"} ${fetched}`);
    portal.state = "done";
  }

  /** Moves a cursor forward by so many rows, or with null to its end. Returns how many there were. */
  async #pull(cursor: Portal, count: number | null, writes: boolean): Promise<number> {
    if (count === 0) return 0;
    let fetched = cursor.readyCount;
    if (writes) this.#writer.rows(cursor.ready);
    cursor.ready = noBytes;
    cursor.readyCount = 0;
    while (cursor.cursor !== 0 && (count === null || fetched < count)) {
      const rowsMax = count === null ? 0 : count - fetched;
      const reply = await this.#runs.rows({ kind: "fetch", cursor: cursor.cursor, rowsMax }, cursor.destination);
      this.#take(reply);
      cursor.cursor = reply.cursor;
      fetched += reply.rowCount;
      if (writes) this.#writer.rows(reply.rows);
      await this.#relieve();
    }
    return fetched;
  }

  async #copy(statement: CachedStatement): Promise<LocalResult> {
    assert(statement.statement.kind === "copy", "a COPY copies");
    const { statement: copy } = statement;
    if (copy.file !== null || copy.isProgram) {
      throw new SqlError(
        "0A000",
        `COPY ${copy.isFrom ? "from" : "to"} a file or program of the server is not supported`,
        {
          hint: "psql's \\copy reads and writes files of the client.",
        },
      );
    }
    if (!copy.isFrom) return tagOnly(`COPY ${await this.#copies.out(copy, statement)}`);
    // Its rows come in several requests, which stand or fall together.
    this.#transaction.beginImplicit(this.#runs.now());
    return tagOnly(`COPY ${await this.#copies.in(copy, statement)}`);
  }
}

const millisecondsIn = (value: string): number => {
  const [, digits = "0", unit = "ms"] = /^(\d+)([a-z]*)$/.exec(value) ?? [];
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(digits) * (factors[unit] ?? 1);
};

const placeOf = ({ source, statement }: Pick<Prepared, "source" | "statement">): SourcePlace => ({
  text: source,
  offset: statement?.offset ?? 0,
});

const textColumn = (name: string): SqlColumn => ({
  name,
  table: 0,
  column: 0,
  type: typeOid.text,
  typeLength: -1,
  modifier: -1,
});

/** A simple query brings no values; a PREPARE has places for those that come later. */
function expectNoParameters({ statement, parameterCount }: CachedStatement): void {
  if (parameterCount === 0 || statement.kind === "prepare") return;
  const { number, location } = firstParameter(statement) ?? { number: parameterCount, location: -1 };
  throw new SqlError("42P02", `there is no parameter $${number}`, {
    position: location < 0 ? undefined : location,
  });
}

function expectFormats(formats: readonly (0 | 1)[], columns: number): void {
  if (formats.length <= 1 || formats.length === columns) return;
  throw new SqlError("08P01", `bind message has ${formats.length} result formats but query has ${columns} columns`);
}

const doneHere = new Set([
  "begin",
  "commit",
  "rollback",
  "savepoint",
  "release",
  "rollbackTo",
  "setTransaction",
  "setConstraints",
  "prepareTransaction",
  "commitPrepared",
  "rollbackPrepared",
  "set",
  "reset",
  "resetAll",
  "discard",
  "prepare",
  "deallocate",
  "declareCursor",
  "closeCursor",
  "copy",
  "listen",
  "unlisten",
  "notify",
  "createRole",
  "alterRole",
  "dropRole",
  "maintenance",
]);

/** Statements that no shard or projection hears of. */
const isDoneHere = (kind: string): boolean => doneHere.has(kind);

/** How many rows a FETCH goes forward; null is all. */
function forwardCount({ direction, count }: Fetch): number | null {
  const isForward = direction === "forward" || direction === "relative";
  if (isForward && (count === null || count > 0)) return direction === "relative" ? onlyOne(count) : count;
  if (direction === "forward" && count === 0) {
    throw new SqlError("0A000", "FETCH 0, which reads the current row again, is not supported");
  }
  throw new SqlError("55000", "cursor can only scan forward", {
    hint: "Declare it with SCROLL option to enable backward scan.",
  });
}

/** FETCH RELATIVE n yields the n-th row alone. */
function onlyOne(count: number | null): number {
  if (count === 1) return 1;
  throw new SqlError("0A000", "FETCH RELATIVE by more than one row is not supported");
}
