/**
 * What all parts of a session share: the client's messages and the answers on their way to it, what is prepared and opened, the transaction
 * it is in, and the way to whoever runs its statements.
 */

import type { SqlColumn, WireValue } from "../../../actors/messages/sql.js";
import { signalSetting } from "../../../runtime/query/catalog/session-facts.js";
import {
  temporaryMadeSetting,
  temporarySchemaName,
  temporarySchemaSetting,
} from "../../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../../runtime/query/error.js";
import { lockKeeperSetting } from "../../../runtime/query/session-locks.js";
import { encodeCursorRow } from "../../../runtime/query/types/cursor-row.js";
import { assert } from "../../../runtime/types/assert.js";
import { kiB, miB } from "../../../runtime/types/limits.js";
import { BackendWriter, type ErrorReport } from "../backend-writer.js";
import { rowsFor } from "../client-text.js";
import { type ByteEncoding, encodingOf } from "../copy/encodings.js";
import { type EngineHost, EngineRuns, type RowsReply, type SessionIdentity, type Wish } from "../engine-runs.js";
import type { SqlDestination } from "../executor.js";
import type { Inbox } from "../inbox.js";
import { type Portal, Portals, type Prepared, PreparedStatements } from "../portals.js";
import { noticeReport, type SourcePlace } from "../reports.js";
import type { Administration } from "../roles.js";
import { type RoleSource, SessionRoles } from "../session-roles.js";
import type { SessionSettings } from "../settings.js";
import type { CachedStatement, StatementCache } from "../statement.js";
import { Transaction } from "../transaction.js";
import { largeBytes } from "../unread-answers.js";
import type { VariedStatements } from "../varied/varied-statements.js";
import type { CursorMemory } from "./kept-messages.js";
import { deliver, type Peers } from "./peers.js";
import { factsFor } from "./session-facts.js";

export interface SessionHost extends EngineHost {
  readonly statements: StatementCache;
  readonly varied: VariedStatements;
  readonly administration: Administration;
  readonly roles: RoleSource;
  readonly cursorMemory: CursorMemory;
  readonly peers: Peers;
  write(bytes: Uint8Array): void;
  outgoingBytes(): number;
  /** Resolves once most of what was written has left, or the client is gone. */
  whenDrained(): Promise<void>;
}

/** From here on what was gathered leaves without waiting for the end of the answer. */
const gatheredBytesMax: number = 64 * kiB;
/** More than this is not fetched while the client has not read it. */
const outgoingBytesMax: number = 1 * miB;
const endsTransaction = new Set(["commit", "rollback", "rollbackTo"]);
const noticeRanks: Readonly<Record<string, number>> = { INFO: 9, NOTICE: 1, WARNING: 2 };
const wantedRanks: Readonly<Record<string, number>> = { warning: 2, error: 3 };

export class Exchange {
  readonly host: SessionHost;
  readonly identity: SessionIdentity;
  readonly settings: SessionSettings;
  readonly inbox: Inbox;
  readonly writer = new BackendWriter();
  readonly transaction: Transaction;
  readonly roles: SessionRoles;
  readonly runs: EngineRuns;
  readonly prepared = new PreparedStatements();
  readonly portals = new Portals();
  /** Where in the client's text stands what is acted upon. */
  place: SourcePlace | null = null;
  /** When the last statement began, and whether the client is waited for. µs since 1970 */
  statementAt: number | null = null;
  isIdle = true;
  /** Counts Syncs: what was described in the same round need not be asked for again. */
  round = 0;
  #position = -1;

  constructor(host: SessionHost, identity: SessionIdentity, settings: SessionSettings, inbox: Inbox) {
    this.host = host;
    this.identity = identity;
    this.settings = settings;
    this.inbox = inbox;
    this.writer.encoding = () => this.encoding;
    this.transaction = new Transaction(settings);
    this.roles = new SessionRoles(host, identity, settings);
    this.runs = new EngineRuns(host, identity, settings, this.roles, this.transaction);
  }

  /** Of the client's texts; null where they are UTF-8. */
  get encoding(): ByteEncoding | null {
    const name = this.settings.get("client_encoding");
    return name === "UTF8" ? null : encodingOf(name);
  }

  /** Rows of an answer whose memory is theirs, as the client reads them. Throws 22P05 for what it cannot. */
  writeRows(rows: Uint8Array, columns: readonly SqlColumn[] | null, formats: readonly (0 | 1)[]): void {
    this.writer.handOn(this.#readableRows(rows, columns, formats));
  }

  /** As `writeRows`, of rows in memory that others will be written to. */
  copyRows(rows: Uint8Array, columns: readonly SqlColumn[] | null, formats: readonly (0 | 1)[]): void {
    this.writer.rows(this.#readableRows(rows, columns, formats));
  }

  #readableRows(rows: Uint8Array, columns: readonly SqlColumn[] | null, formats: readonly (0 | 1)[]): Uint8Array {
    const { encoding } = this;
    return encoding === null || columns === null ? rows : rowsFor(encoding, rows, columns, formats);
  }

  flush(): void {
    for (const piece of this.writer.take()) this.host.write(piece);
  }

  /** Lets go of what has gathered, and waits for a slow reader. */
  async relieve(): Promise<void> {
    if (this.writer.length >= gatheredBytesMax) await this.whenRelieved();
  }

  /** As `relieve`; null while nobody has to be waited for. */
  whenRelieved(): Promise<void> | null {
    if (this.writer.length >= gatheredBytesMax) this.flush();
    const { unread } = this.host;
    return this.host.outgoingBytes() > (unread.isTight ? largeBytes : outgoingBytesMax)
      ? this.host.whenDrained()
      : null;
  }

  notice(report: ErrorReport): void {
    const wanted = wantedRanks[this.settings.get("client_min_messages")] ?? 0;
    if ((noticeRanks[report.severity] ?? 0) >= wanted) this.writer.notice(report);
  }

  /** What an answer says besides its rows. */
  take(reply: RowsReply): void {
    for (const notice of reply.notices) this.notice(noticeReport(notice, this.place));
    for (const [name, value, scope] of reply.settings) {
      // Without a transaction what is local is over already.
      if (scope === "local" && !this.transaction.isOpen) {
        this.settings.meet(name);
        continue;
      }
      if (name === signalSetting) deliver(value, this.identity, this.host.peers);
      else if (name === lockKeeperSetting) this.settings.fix(name, value);
      else if (name === temporaryMadeSetting) this.settings.assume(name, value, "session");
      else if (name === "role") this.roles.become(value, scope);
      else this.settings.set(name, value, scope);
    }
    if (!reply.wrote || reply.position === this.#position) return;
    this.#position = reply.position;
    this.settings.wrote(reply.position);
  }

  expectSound(statement: CachedStatement | null): void {
    if (statement === null || endsTransaction.has(statement.statement.kind)) return;
    this.transaction.expectSound();
  }

  destinationOf(statement: CachedStatement): SqlDestination {
    if (statement.refused !== null && this.transaction.isReadOnly) {
      throw new SqlError("25006", `cannot execute ${statement.refused} in a read-only transaction`);
    }
    // What a serializable transaction reads is looked at when it commits, so it is read where that is decided.
    const { isOpen, isolation } = this.transaction.describe(0);
    const isWatched = isOpen && isolation === "serializable";
    return this.transaction.isAtShard || isWatched ? "shard" : statement.destination;
  }

  /** Where a statement is run. Savepoints that were made before the shard had anything of the transaction are told to it first. */
  enter(statement: CachedStatement): SqlDestination | Promise<SqlDestination> {
    const destination = this.destinationOf(statement);
    if (statement.makesTemporary) this.settings.fix(temporarySchemaSetting, temporarySchemaName(this.identity.session));
    const isTold = destination === "projection" || this.transaction.isAtShard || !this.transaction.hasSavepoints;
    return isTold ? destination : this.#enterBehindSavepoints();
  }

  async #enterBehindSavepoints(): Promise<SqlDestination> {
    assert(this.transaction.isOpen, "savepoints are of a transaction");
    for (const name of this.transaction.savepointNames) {
      await this.runs.rows({ kind: "savepoint", text: name }, "shard");
    }
    return "shard";
  }

  /** The first rows of a statement that is run by others. */
  open(portal: Portal, statement: CachedStatement, rowsMax: number): Promise<RowsReply> {
    const entered = this.enter(statement);
    if (typeof entered === "string") return this.#openAt(entered, portal, statement, rowsMax);
    return entered.then((destination) => this.#openAt(destination, portal, statement, rowsMax));
  }

  #openAt(
    destination: SqlDestination,
    portal: Portal,
    statement: CachedStatement,
    rowsMax: number,
  ): Promise<RowsReply> {
    portal.destination = destination;
    this.transaction.queried();
    const wish = this.#withCursors(wishOf(portal, statement, rowsMax), statement);
    return statement.asksOfSession ? this.#openWithFacts(wish, destination) : this.runs.rows(wish, destination);
  }

  /** With the rows on which the cursors stand that the statement names. Throws 34000 and 24000. */
  #withCursors(wish: Wish, { cursors, parameterCount }: CachedStatement): Wish {
    if (cursors.length === 0) return wish;
    const rows = cursors.map((name): WireValue => {
      const { declared } = this.portals.get(name, "cursor");
      if (declared === null || declared.options.isOfProtocol)
        throw new SqlError("0A000", "WHERE CURRENT OF a portal of the protocol is not supported");
      return { format: 1, bytes: encodeCursorRow(declared.row()) };
    });
    return { ...wish, parameters: [...(wish.parameters ?? []).slice(0, parameterCount), ...rows] };
  }

  async #openWithFacts(wish: Wish, destination: SqlDestination): Promise<RowsReply> {
    const facts = await factsFor(wish.text ?? "", this);
    return this.runs.rows({ ...wish, settings: [...this.settings.forEngine(), ...facts] }, destination);
  }

  /** As `open`, for one row that is looked up by its key and can be had at once; null when it has to be asked for. */
  openNow(portal: Portal, statement: CachedStatement, rowsMax: number): RowsReply | null {
    if (!statement.mayBePoint || statement.asksOfSession) return null;
    if (this.destinationOf(statement) !== "projection") return null;
    // One snapshot for all that a transaction reads begins with a transaction, be it of one round of messages.
    if (this.transaction.describe(0).isolation !== "readCommitted") return null;
    const reply = this.runs.rowsNow(wishOf(portal, statement, rowsMax));
    if (reply !== null) this.transaction.queried();
    return reply;
  }

  closePortal(name: string): void {
    const portal = this.portals.find(name);
    if (portal === undefined) return;
    this.portals.delete(name);
    this.closeCursor(portal);
  }

  closeCursor(portal: Portal): void {
    const { cursor, destination } = portal;
    portal.cursor = 0;
    portal.state = "done";
    portal.declared?.close();
    if (cursor !== 0) this.runs.tell({ kind: "close", cursor }, destination);
  }

  closeAllCursors(): void {
    this.#close(() => true);
  }

  /** The end of a transaction: what was held before stays. */
  closeCursorsOfTransaction(): void {
    this.#close(({ declared }) => declared?.isHeld !== true);
  }

  /** What was made since the last of so many savepoints is gone. */
  closeCursorsBehind(savepoints: number): void {
    this.#close(({ depth, declared }) => depth >= savepoints && declared?.isHeld !== true);
  }

  #close(isMeant: (portal: Portal) => boolean): void {
    for (const portal of this.portals.take(isMeant)) this.closeCursor(portal);
  }

  /** Savepoints beyond so many are none any more; what was made since belongs to those that are left. */
  savepointsReleased(savepoints: number): void {
    for (const portal of this.portals.all) portal.depth = Math.min(portal.depth, savepoints);
  }

  /** Before a commit: cursors that outlast it fetch what is left of their rows. */
  async holdCursors(): Promise<void> {
    for (const { declared } of this.portals.all)
      if (declared !== null && !declared.isHeld && declared.outlastsCommit) await declared.hold();
  }

  addPortal(portal: Portal): void {
    portal.depth = this.transaction.savepointCount;
    this.portals.add(portal);
  }
}

/** What is asked for to run a portal. */
export const wishOf = (
  { parameterTypes, parameters, resultFormats, prepared }: Portal,
  statement: CachedStatement,
  rowsMax: number,
): Wish => ({
  kind: "execute",
  text: statement.text,
  syntax: statement.syntax(),
  parameterTypes,
  parameters,
  resultFormats,
  rowsMax,
  columns: prepared?.columns ?? null,
});

export const placeOf = ({ source, statement }: Pick<Prepared, "source" | "statement">): SourcePlace => ({
  text: source,
  offset: statement?.offset ?? 0,
});
