/**
 * A session's transaction as its gateway sees it. What was written stands in the shard, where the transaction begins with the first
 * request that writes or locks; until then its reads are served by projections, and to end it is the gateway's own affair.
 *
 *   none       each statement is a transaction of its own
 *   implicit   several statements of one Query, or of one Sync: they stand or fall together
 *   explicit   between BEGIN and its end
 */
import type { SqlIsolation, SqlRequest } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import type { TransactionModes } from "../../runtime/query/syntax/ast-session.js";
import { assert } from "../../runtime/types/assert.js";
import type { TransactionStatus } from "./backend-writer.js";
import type { SessionSettings, SettingsMark } from "./settings.js";

interface Savepoint {
  readonly name: string;
  readonly mark: SettingsMark;
  readonly isReadOnly: boolean;
}

const savepointsMax = 10_000;

export const isolationOf = (text: string): SqlIsolation =>
  text === "serializable" ? "serializable" : text === "repeatable read" ? "repeatableRead" : "readCommitted";

const isolationText = (isolation: TransactionModes["isolation"]): string => {
  switch (isolation) {
    case "serializable":
      return "serializable";
    case "repeatableRead":
      return "repeatable read";
    case "readUncommitted":
      return "read uncommitted";
    default:
      return "read committed";
  }
};

export class Transaction {
  readonly #settings: SessionSettings;
  #kind: "none" | "implicit" | "explicit" = "none";
  #isFailed = false;
  #mark: SettingsMark;
  #savepoints: Savepoint[] = [];
  /** Requests that the shard has had of it. */
  #requests = 0;
  #snapshot = -1;
  #startedAt = 0;
  /** True once a query has run: the isolation stands from then on. */
  #hasQueried = false;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#mark = settings.mark();
  }

  get isOpen(): boolean {
    return this.#kind !== "none";
  }
  /** µs since 1970. */
  get startedAt(): number {
    return this.#startedAt;
  }
  get isExplicit(): boolean {
    return this.#kind === "explicit";
  }
  get isFailed(): boolean {
    return this.#isFailed;
  }
  /** The shard has something of it. */
  get isAtShard(): boolean {
    return this.#requests > 0;
  }
  get hasSavepoints(): boolean {
    return this.#savepoints.length > 0;
  }
  get savepointCount(): number {
    return this.#savepoints.length;
  }
  /** In the order in which they were made. */
  get savepointNames(): readonly string[] {
    return this.#savepoints.map(({ name }) => name);
  }

  get status(): TransactionStatus {
    if (this.#kind !== "explicit") return "idle";
    return this.#isFailed ? "failed" : "open";
  }

  /** @param now µs since 1970 */
  beginImplicit(now: number): void {
    if (this.#kind === "none") this.#begin("implicit", now);
  }

  beginExplicit(now: number): void {
    assert(this.#kind !== "explicit", "a transaction begins once");
    if (this.#kind === "none") this.#begin("explicit", now);
    else this.#kind = "explicit";
  }

  #begin(kind: "implicit" | "explicit", now: number): void {
    assert(this.#requests === 0 && this.#savepoints.length === 0, "a transaction begins empty");
    this.#kind = kind;
    this.#hasQueried = false;
    this.#mark = this.#settings.mark();
    // Later than the one before, so that the shard can tell them apart.
    this.#startedAt = Math.max(now, this.#startedAt + 1);
    this.#settings.set("transaction_isolation", this.#settings.get("default_transaction_isolation"), "local");
    this.#settings.set("transaction_read_only", this.#settings.get("default_transaction_read_only"), "local");
    this.#settings.set("transaction_deferrable", this.#settings.get("default_transaction_deferrable"), "local");
  }

  /** BEGIN's modes, or those of SET TRANSACTION. */
  setModes(modes: TransactionModes): void {
    if (modes.isDeferrable !== null) {
      if (this.hasSavepoints)
        throw new SqlError("25001", "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction");
      if (this.#hasQueried) {
        throw new SqlError("25001", "SET TRANSACTION [NOT] DEFERRABLE must be called before any query");
      }
      // A snapshot is a place in the log, whose order is the serial one: there is none to wait for.
      this.#settings.set("transaction_deferrable", modes.isDeferrable ? "on" : "off", "local");
    }
    if (modes.isolation !== null) {
      const text = isolationText(modes.isolation);
      if (this.#hasQueried && text !== this.#settings.get("transaction_isolation")) {
        throw new SqlError("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query");
      }
      if (this.hasSavepoints && text !== this.#settings.get("transaction_isolation"))
        throw new SqlError("25001", "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
      this.#settings.set("transaction_isolation", text, "local");
    }
    if (modes.isReadOnly === null) return;
    if (!modes.isReadOnly && this.isReadOnly) {
      if (this.hasSavepoints)
        throw new SqlError("25001", "cannot set transaction read-write mode inside a read-only transaction");
      if (this.#hasQueried) throw new SqlError("25001", "transaction read-write mode must be set before any query");
    }
    this.#settings.set("transaction_read_only", modes.isReadOnly ? "on" : "off", "local");
  }

  /** A statement failed: until the end of the transaction, or of a savepoint, nothing more is done. */
  fail(): void {
    assert(this.isOpen, "a statement of its own has no transaction to fail");
    this.#isFailed = true;
  }

  /** Throws `25P02` in a failed transaction. */
  expectSound(): void {
    if (!this.#isFailed) return;
    throw new SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block");
  }

  get isReadOnly(): boolean {
    return this.#kind !== "none"
      ? this.#settings.get("transaction_read_only") === "on"
      : this.#settings.get("default_transaction_read_only") === "on";
  }

  /** What a request says of it. @param now µs since 1970, for a statement of its own */
  describe(now: number): SqlRequest["transaction"] {
    const isOpen = this.isOpen;
    const level = this.#settings.get(isOpen ? "transaction_isolation" : "default_transaction_isolation");
    return {
      isOpen,
      isolation: isolationOf(level),
      isReadOnly: this.isReadOnly,
      requests: this.#requests,
      snapshot: this.#snapshot,
      startedAt: isOpen ? this.#startedAt : now,
    };
  }

  queried(): void {
    if (this.isOpen) this.#hasQueried = true;
  }

  /** The shard has had a request of it, whatever became of that. */
  shardAsked(): void {
    if (this.isOpen) this.#requests += 1;
  }

  /** A read was answered from this position: in a repeatable read all later ones are too. */
  read(position: number): void {
    if (!this.isOpen || this.#snapshot >= 0) return;
    if (isolationOf(this.#settings.get("transaction_isolation")) !== "readCommitted") this.#snapshot = position;
  }

  // ------------------------------------------------------------------ savepoints

  savepoint(name: string): void {
    if (this.#savepoints.length >= savepointsMax) throw new SqlError("54000", "too many savepoints");
    this.#savepoints.push({ name, mark: this.#settings.mark(), isReadOnly: this.isReadOnly });
  }

  #find(name: string): number {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (at < 0) throw new SqlError("3B001", `savepoint "${name}" does not exist`);
    return at;
  }

  /** Throws `3B001` for a name that is not there. */
  expectSavepoint(name: string): void {
    this.#find(name);
  }

  /** Other than all that is set behind a savepoint, that nothing may be written ends with it. */
  release(name: string): void {
    const at = this.#find(name);
    const isReadOnly = this.#savepoints[at]?.isReadOnly ?? false;
    this.#savepoints.length = at;
    if (isReadOnly !== this.isReadOnly) this.#settings.set("transaction_read_only", isReadOnly ? "on" : "off", "local");
  }

  rollbackTo(name: string): void {
    const at = this.#find(name);
    const savepoint = this.#savepoints[at];
    assert(savepoint !== undefined, "a savepoint that was found is there");
    this.#settings.restore(savepoint.mark);
    this.#savepoints.length = at + 1;
    this.#isFailed = false;
  }

  // ------------------------------------------------------------------ ends

  committed(): void {
    assert(!this.#isFailed, "a failed transaction does not commit");
    this.#settings.endLocal();
    this.#end();
  }

  rolledBack(): void {
    this.#settings.restore(this.#mark);
    this.#end();
  }

  #end(): void {
    this.#kind = "none";
    this.#isFailed = false;
    this.#savepoints = [];
    this.#requests = 0;
    this.#snapshot = -1;
    this.#hasQueried = false;
  }
}
