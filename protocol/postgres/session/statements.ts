/** A session's statements are run: here, what is about the session itself; by the shard, a projection or the directory, all else. */
import { asksForPrepared } from "../../../runtime/query/catalog/session-facts.js";
import { temporaryMadeSetting, temporarySchemaSetting } from "../../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../../runtime/query/error.js";
import { lockKeeperSetting } from "../../../runtime/query/session-locks.js";
import type { RelationName } from "../../../runtime/query/syntax/ast-query.js";
import { assert } from "../../../runtime/types/assert.js";
import { checkpointRole } from "../../../runtime/types/predefined-roles.js";
import { CopyRuns } from "../copy-runs.js";
import type { RowsReply, Wish } from "../engine-runs.js";
import type { Portal, WrittenRun } from "../portals.js";
import { warning } from "../reports.js";
import { hasLeft } from "../roles.js";
import { type LocalResult, SettingCommands, tagOnly } from "../session-commands.js";
import type { CachedStatement } from "../statement.js";
import { AtOnce } from "./at-once.js";
import type { Channels } from "./channels.js";
import { Cursors } from "./cursors.js";
import { type Descriptions, textColumn } from "./descriptions.js";
import type { Exchange } from "./exchange.js";
import { outsideBlocks } from "./outside-blocks.js";
import type { Transactions } from "./transactions.js";

/** Words that stand for everyone, or for who asks. */
const unnamedRoles = new Set(["public", "current_user", "current_role", "session_user"]);

export class Statements {
  readonly #exchange: Exchange;
  readonly #channels: Channels;
  readonly #transactions: Transactions;
  readonly #descriptions: Descriptions;
  readonly #cursors: Cursors;
  readonly #commands: SettingCommands;
  readonly #copies: CopyRuns;
  /** What of them is done beside the session's transaction. */
  readonly atOnce: AtOnce;
  /** The statement that runs is the last of its Query. */
  isLastOfQuery = false;
  /** It is one of several of its Query, which are a block. */
  isOneOfSeveral = false;

  constructor(exchange: Exchange, channels: Channels, transactions: Transactions, descriptions: Descriptions) {
    this.#exchange = exchange;
    this.#channels = channels;
    this.#transactions = transactions;
    this.#descriptions = descriptions;
    this.#cursors = new Cursors(exchange, descriptions, this);
    this.atOnce = new AtOnce(exchange, transactions);
    const { settings, transaction, inbox, writer, runs } = exchange;
    this.#commands = new SettingCommands(settings, transaction, exchange.roles, (report) => exchange.notice(report));
    this.#copies = new CopyRuns({
      inbox,
      writer,
      runs,
      flush: () => exchange.flush(),
      relieve: () => exchange.relieve(),
      take: (reply) => exchange.take(reply),
      destinationOf: (statement) => exchange.destinationOf(statement),
      enter: (statement) => exchange.enter(statement),
      encoding: () => exchange.encoding,
    });
  }

  /** Runs a portal at once, when it looks one row up by its key; false when it has to be performed. */
  performNow(portal: Portal, rowsMax: number, protocol: "simple" | "extended"): boolean {
    const { statement } = portal;
    if (statement === null || !statement.mayBePoint || portal.state !== "new") return false;
    this.#exchange.expectSound(statement);
    const reply = this.#exchange.openNow(portal, statement, rowsMax);
    if (reply === null) return false;
    this.#opened(portal, reply, protocol);
    this.#exchange.copyRows(reply.rows, reply.columns, portal.resultFormats);
    this.#exchange.writer.commandComplete(reply.tag);
    portal.state = "done";
    return true;
  }

  #opened(portal: Portal, reply: RowsReply, protocol: "simple" | "extended"): void {
    if (portal.prepared !== null) portal.prepared.columns ??= reply.columns;
    this.#descriptions.writeOwed(portal, reply.columns, protocol);
  }

  /** Runs a portal, from its beginning or where it was suspended. */
  perform(portal: Portal, rowsMax: number, protocol: "simple" | "extended"): Promise<void> | void {
    const { statement } = portal;
    if (statement === null) {
      this.#descriptions.writeOwed(portal, null, protocol);
      this.#exchange.writer.emptyQueryResponse();
      return;
    }
    this.#exchange.expectSound(statement);
    if (portal.declared !== null) return this.#cursors.goOn(portal, portal.declared, rowsMax);
    // What it has changed is undone when the client cannot read what it returns.
    if (statement.isPlain && statement.refused !== null && this.#exchange.encoding !== null)
      this.#exchange.transaction.beginImplicit(this.#exchange.runs.now());
    return statement.isPlain
      ? this.#performThere(portal, statement, rowsMax, protocol)
      : this.#performAnywhere(portal, statement, rowsMax, protocol);
  }

  async #performAnywhere(
    portal: Portal,
    statement: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    const alone = outsideBlocks(statement.statement);
    if (alone !== null && (this.isOneOfSeveral || this.#exchange.transaction.isExplicit))
      throw new SqlError("25001", `${alone} cannot run inside a transaction block`);
    const local = await this.#performHere(portal, statement, rowsMax, protocol);
    if (local === "elsewhere") {
      const there = portal.state === "new" ? await this.#cursors.writtenOut(portal, statement) : null;
      await this.#performThere(portal, there ?? statement, rowsMax, protocol);
    }
    if (local !== "elsewhere" && local !== "answered") await this.#writeLocal(portal, local, protocol);
  }

  /**
   * The end of a statement. The last of a Query is told to be done once all of the Query is committed: what is said to be stored must be.
   */
  complete(tag: string): Promise<void> | void {
    if (this.isLastOfQuery && this.#exchange.transaction.isOpen) return this.#completeAtEnd(tag);
    this.#exchange.writer.commandComplete(tag);
  }

  async #completeAtEnd(tag: string): Promise<void> {
    await this.#transactions.endImplicit();
    this.#exchange.writer.commandComplete(tag);
  }

  async #writeLocal(portal: Portal, result: LocalResult, protocol: "simple" | "extended"): Promise<void> {
    const columns = result.columns?.map(textColumn) ?? null;
    this.#descriptions.writeOwed(portal, columns, protocol);
    for (const row of result.rows) this.#exchange.writer.dataRow(row);
    await this.complete(result.tag);
    portal.state = "done";
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
        this.#transactions.begin(statement.modes);
        return tagOnly(statement.isStart ? "START TRANSACTION" : "BEGIN");
      case "commit":
      case "rollback":
        return this.#transactions.endExplicit(statement.kind, statement.andChain);
      case "savepoint":
      case "release":
      case "rollbackTo":
        return this.#transactions.savepoint(statement.kind, statement.name);
      case "setTransaction":
        return this.#commands.setTransaction(statement);
      case "setConstraints":
        if (!this.#exchange.transaction.isOpen)
          this.#exchange.notice(warning("25P01", "SET CONSTRAINTS can only be used in transaction blocks"));
        return "elsewhere";
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
        if (statement.what === "temporary" && this.#exchange.settings.get(temporarySchemaSetting) !== "")
          return "elsewhere";
        if (statement.what === "sequences" && this.#exchange.runs.usedShard) return "elsewhere";
        return this.#discard(statement.what);
      case "prepare":
        return await this.#cursors.prepare(portal.source, cachedStatement);
      case "execute":
        await this.#cursors.execute(portal, cachedStatement, rowsMax, protocol);
        return "answered";
      case "deallocate":
        if (statement.name === null) {
          this.#exchange.prepared.clear();
          return tagOnly("DEALLOCATE ALL");
        }
        this.#exchange.prepared.get(statement.name);
        this.#exchange.prepared.delete(statement.name);
        return tagOnly("DEALLOCATE");
      case "declareCursor":
        return this.#cursors.declare(portal, cachedStatement);
      case "fetch":
        await this.#cursors.fetch(portal, statement, protocol);
        return "answered";
      case "closeCursor":
        if (statement.name === null) {
          this.#exchange.closeAllCursors();
          return tagOnly("CLOSE CURSOR ALL");
        }
        this.#exchange.portals.get(statement.name, "cursor");
        this.#exchange.closePortal(statement.name);
        return tagOnly("CLOSE CURSOR");
      case "copy":
        return this.#copy(cachedStatement);
      case "listen":
      case "unlisten":
        await this.#channels.listen(statement.channel, statement.kind);
        return tagOnly(statement.kind.toUpperCase());
      case "notify":
        await this.#channels.notify(statement.channel, statement.payload);
        return tagOnly("NOTIFY");
      case "grant":
        for (const role of statement.roles) await this.#expectRole(role);
        return "elsewhere";
      case "alterDefaultPrivileges":
        for (const role of [...statement.makers, ...statement.change.roles]) await this.#expectRole(role);
        return "elsewhere";
      case "dropOwned":
        for (const role of statement.roles) await this.#expectRole(role, "orLeft");
        return "elsewhere";
      case "reassignOwned":
        for (const role of [...statement.roles, statement.newOwner]) await this.#expectRole(role);
        return "elsewhere";
      case "createSchema":
        if (statement.owner !== null) await this.#expectRole(statement.owner);
        for (const element of statement.elements)
          if (element.kind === "grant") for (const role of element.roles) await this.#expectRole(role);
        return "elsewhere";
      case "setOwner":
        await this.#expectRole(statement.owner);
        if (statement.objectType !== "database") return "elsewhere";
        return tagOnly(await this.atOnce.setDatabaseOwner(statement));
      case "alterTable":
        for (const action of statement.actions) if (action.kind === "setOwner") await this.#expectRole(action.owner);
        return "elsewhere";
      case "createRole":
      case "alterRole":
      case "dropRole":
      case "renameRole":
      case "grantRole":
        return tagOnly(await this.atOnce.changeRoles(statement, cachedStatement));
      case "comment":
        if (statement.objectType !== "role" && statement.objectType !== "database") return "elsewhere";
        return tagOnly(await this.atOnce.comment(statement));
      case "alterDefault":
        return tagOnly(await this.atOnce.alterDefault(statement, cachedStatement, this.#commands));
      case "createDatabase":
      case "alterDatabase":
      case "dropDatabase":
        return tagOnly(await this.atOnce.changeDatabases(statement, cachedStatement));
      case "lockTable":
        if (!this.#exchange.transaction.isOpen) {
          throw new SqlError("25P01", "LOCK TABLE can only be used in transaction blocks");
        }
        return "elsewhere";
      case "maintenance":
        if (statement.analyzes === false && statement.columns?.some((columns) => columns.length > 0) === true)
          throw new SqlError("0A000", "ANALYZE option must be specified when a column list is provided");
        if (statement.command === "CHECKPOINT") await this.#expectMayCheckpoint();
        // It looks at tables: the transaction's isolation stands.
        else this.#exchange.transaction.queried();
        // Nothing needs it here; but a table that is not there is not passed over.
        for (const [index, table] of statement.tables.entries())
          await this.#expectToMaintain(table, statement.columns?.[index] ?? [], cachedStatement);
        return tagOnly(statement.command);
      default:
        return "elsewhere";
    }
  }

  /** Throws what there is to say of a relation that is not there, or is none. An index can be built anew, and has no columns to be asked for. */
  async #expectToMaintain(table: RelationName, columns: readonly string[], statement: CachedStatement): Promise<void> {
    try {
      const own = await this.#copies.columnsOf(table, [], statement);
      for (const [index, column] of columns.entries()) {
        const label = `column "${column}" of relation "${table.name}"`;
        if (!own.includes(column)) throw new SqlError("42703", `${label} does not exist`);
        if (columns.indexOf(column) < index) throw new SqlError("42701", `${label} appears more than once`);
      }
    } catch (error) {
      const state = error instanceof SqlError ? error.sqlState : null;
      const what = { ANALYZE: "analyze", VACUUM: "vacuum" }[statement.command];
      if (state === "42501" && what !== undefined) {
        const message = `skipping "${table.name}" --- only table or database owner can ${what} it`;
        return this.#exchange.notice(warning("01000", message));
      }
      const isIndex = state === "42809";
      if (!isIndex || statement.command !== "REINDEX") throw error;
    }
  }

  /**
   * Users are the node's: the shard, which takes a grant down, does not know who exists. Throws 42704.
   *
   * @param or `orLeft`: one that was dropped will do whose objects are left
   */
  async #expectRole(name: string, or: "orLeft" | null = null): Promise<void> {
    if (unnamedRoles.has(name) || name === this.#exchange.identity.user) return;
    const actor = await this.#exchange.roles.actor();
    if (actor.roles.find(name) !== null) return;
    if (or === "orLeft" && (await hasLeft(name, actor, this.#exchange.host.administration))) return;
    throw new SqlError("42704", `role "${name}" does not exist`);
  }

  async #expectMayCheckpoint(): Promise<void> {
    const { isSuperuser, roles, user } = await this.#exchange.roles.actor();
    if (isSuperuser || roles.rightsOf(user).has(checkpointRole)) return;
    throw new SqlError("42501", "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT");
  }

  async #performThere(
    portal: Portal,
    statement: CachedStatement,
    rowsMax: number,
    protocol: "simple" | "extended",
  ): Promise<void> {
    if (portal.state === "done") {
      await this.complete(portal.columns === null ? portal.command : "SELECT 0");
      return;
    }
    if (portal.state === "open") {
      const reply = await this.#exchange.runs.rows(
        { kind: "fetch", cursor: portal.cursor, rowsMax },
        portal.destination,
      );
      await this.#deliver(portal, reply, rowsMax);
      return;
    }
    if (statement.asksOfSession && asksForPrepared(statement.text)) await this.#descriptions.tellTypes();
    let reply = await this.#exchange.open(portal, statement, rowsMax);
    if (portal.asWritten !== null && reply.tag === "UPDATE 0")
      reply = await this.#openAsWritten(portal, portal.asWritten(), rowsMax);
    this.#opened(portal, reply, protocol);
    const isMore = this.#deliver(portal, reply, rowsMax);
    if (isMore !== undefined) await isMore;
  }

  /** What is wrong of a constant alone is an error even where no row is met, which a parameter is not asked for. */
  async #openAsWritten(portal: Portal, written: WrittenRun, rowsMax: number): Promise<RowsReply> {
    const { statement } = written.portal;
    assert(statement !== null, "what has no effect is a statement");
    this.#exchange.place = written.place;
    const reply = await this.#exchange.open(written.portal, statement, rowsMax);
    portal.destination = written.portal.destination;
    return reply;
  }

  /** Sends rows as they come, until the portal ends or as many were sent as were asked for. */
  #deliver(portal: Portal, first: RowsReply, rowsMax: number): Promise<void> | void {
    this.#write(portal, first);
    if (first.cursor !== 0) return this.#deliverRest(portal, first, rowsMax);
    return this.complete(tagOf(first, first.rowCount));
  }

  async #deliverRest(portal: Portal, first: RowsReply, rowsMax: number): Promise<void> {
    for (let sent = first.rowCount; rowsMax === 0 || sent < rowsMax; ) {
      await this.#exchange.relieve();
      const left = rowsMax === 0 ? 0 : rowsMax - sent;
      const wish: Wish = { kind: "fetch", cursor: portal.cursor, rowsMax: left };
      const reply = await this.#exchange.runs.rows(wish, portal.destination);
      this.#write(portal, reply);
      sent += reply.rowCount;
      if (reply.cursor !== 0) continue;
      await this.complete(tagOf({ columns: first.columns, tag: reply.tag }, sent));
      return;
    }
    this.#exchange.writer.portalSuspended();
  }

  #write(portal: Portal, reply: RowsReply): void {
    this.#exchange.take(reply);
    this.#exchange.writeRows(reply.rows, portal.columns, portal.resultFormats);
    portal.cursor = reply.cursor;
    portal.state = reply.cursor === 0 ? "done" : "open";
  }

  async #discard(what: "all" | "plans" | "sequences" | "temporary"): Promise<LocalResult> {
    switch (what) {
      case "all":
        this.#exchange.closeAllCursors();
        this.#exchange.prepared.clear();
        this.#exchange.settings.resetAll();
        this.#exchange.roles.authorize(null, "session");
        this.#channels.stop();
        if (this.#exchange.runs.usedShard) await this.#exchange.runs.rows({ kind: "end" }, "shard");
        for (const name of [temporarySchemaSetting, lockKeeperSetting]) this.#exchange.settings.fix(name, "");
        this.#exchange.settings.assume(temporaryMadeSetting, "", "session");
        return tagOnly("DISCARD ALL");
      case "plans":
        return tagOnly("DISCARD PLANS");
      case "temporary":
        return tagOnly("DISCARD TEMP");
      case "sequences":
        return tagOnly("DISCARD SEQUENCES");
    }
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
    this.#exchange.destinationOf(statement);
    // Its rows come in several requests, which stand or fall together.
    this.#exchange.transaction.beginImplicit(this.#exchange.runs.now());
    return tagOnly(`COPY ${await this.#copies.in(copy, statement)}`);
  }
}

/** The tag of what is over: it counts the rows that were sent, not those of its last answer. */
const tagOf = ({ columns, tag }: Pick<RowsReply, "columns" | "tag">, sent: number): string =>
  columns !== null && tag.startsWith("SELECT ") ? `SELECT ${sent}` : tag;
