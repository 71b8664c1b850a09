/** The beginning and the end of a session's transactions, and the savepoints between. */
import { SqlError } from "../../../runtime/query/error.js";
import type { RowsReply } from "../engine-runs.js";
import { warning } from "../reports.js";
import { type LocalResult, tagOnly } from "../session-commands.js";
import type { Transaction } from "../transaction.js";
import type { Channels } from "./channels.js";
import type { Exchange } from "./exchange.js";

export class Transactions {
  readonly #exchange: Exchange;
  readonly #channels: Channels;

  constructor(exchange: Exchange, channels: Channels) {
    this.#exchange = exchange;
    this.#channels = channels;
  }

  begin(modes: Parameters<Transaction["setModes"]>[0]): void {
    if (this.#exchange.transaction.isExplicit) {
      this.#exchange.notice(warning("25001", "there is already a transaction in progress"));
    } else this.#exchange.transaction.beginExplicit(this.#exchange.runs.now());
    this.#exchange.transaction.setModes(modes);
  }

  async endExplicit(how: "commit" | "rollback", andChain: boolean): Promise<LocalResult> {
    const isExplicit = this.#exchange.transaction.isExplicit;
    if (!isExplicit && andChain) {
      throw new SqlError("25P01", `${how.toUpperCase()} AND CHAIN can only be used in transaction blocks`);
    }
    if (!isExplicit) this.#exchange.notice(warning("25P01", "there is no transaction in progress"));
    const { isolation } = this.#exchange.transaction.describe(0);
    const isReadOnly = this.#exchange.transaction.isReadOnly;
    const tag = how === "commit" && !this.#exchange.transaction.isFailed ? await this.#commit() : await this.rollback();
    if (andChain) {
      this.#exchange.transaction.beginExplicit(this.#exchange.runs.now());
      this.#exchange.transaction.setModes({ isolation, isReadOnly, isDeferrable: null });
    }
    return tagOnly(tag);
  }

  async endImplicit(): Promise<void> {
    if (!this.#exchange.transaction.isOpen || this.#exchange.transaction.isExplicit) return;
    if (this.#exchange.transaction.isFailed) await this.rollback();
    else await this.#commit();
  }

  /** Returns the command tag: ROLLBACK when the shard could not but roll back. */
  async #commit(): Promise<"COMMIT" | "ROLLBACK"> {
    if (!this.#exchange.transaction.isOpen) return "COMMIT";
    await this.#holdCursors();
    this.#exchange.closeCursorsOfTransaction();
    if (!this.#exchange.transaction.isAtShard) {
      this.#exchange.transaction.committed();
      this.#channels.transactionEnded("committed");
      return "COMMIT";
    }
    let reply: RowsReply;
    try {
      reply = await this.#exchange.runs.rows({ kind: "commit" }, "shard");
    } catch (error) {
      this.#rolledBack();
      throw error;
    }
    if (reply.tag === "ROLLBACK") this.#rolledBack();
    else {
      this.#exchange.transaction.committed();
      this.#channels.transactionEnded("committed");
    }
    this.#exchange.take(reply);
    if (reply.wrote) await this.#channels.hearOwn(reply);
    return reply.tag === "ROLLBACK" ? "ROLLBACK" : "COMMIT";
  }

  /** A cursor that cannot be held fails the commit. */
  async #holdCursors(): Promise<void> {
    try {
      await this.#exchange.holdCursors();
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  /**
   * A statement has failed here, which the shard need not know of: it takes back what was done since the last savepoint, and its locks, since
   * whoever is behind the session may take long to say so.
   */
  async letGo(): Promise<void> {
    const { transaction, runs } = this.#exchange;
    if (!transaction.isOpen || !transaction.isAtShard) return;
    const last = transaction.savepointNames.at(-1);
    try {
      await runs.rows(last === undefined ? { kind: "rollback" } : { kind: "rollbackToSavepoint", text: last }, "shard");
    } catch (error) {
      // What the shard has lost holds nothing.
      if (!(error instanceof SqlError)) throw error;
    }
  }

  async rollback(): Promise<"ROLLBACK"> {
    this.#exchange.closeCursorsOfTransaction();
    if (!this.#exchange.transaction.isOpen) return "ROLLBACK";
    if (this.#exchange.transaction.isAtShard) {
      try {
        await this.#exchange.runs.rows({ kind: "rollback" }, "shard");
      } catch (error) {
        // What the shard has lost is rolled back.
        if (!(error instanceof SqlError)) throw error;
      }
    }
    this.#rolledBack();
    return "ROLLBACK";
  }

  #rolledBack(): void {
    this.#exchange.transaction.rolledBack();
    this.#channels.transactionEnded("rolledBack");
  }

  async savepoint(kind: "savepoint" | "release" | "rollbackTo", name: string): Promise<LocalResult> {
    const words = {
      savepoint: "SAVEPOINT",
      release: "RELEASE SAVEPOINT",
      rollbackTo: "ROLLBACK TO SAVEPOINT",
    } as const;
    if (!this.#exchange.transaction.isExplicit) {
      throw new SqlError("25P01", `${words[kind]} can only be used in transaction blocks`);
    }
    if (kind !== "savepoint") this.#exchange.transaction.expectSavepoint(name);
    const asked = { savepoint: "savepoint", release: "releaseSavepoint", rollbackTo: "rollbackToSavepoint" } as const;
    if (this.#exchange.transaction.isAtShard)
      await this.#exchange.runs.rows({ kind: asked[kind], text: name }, "shard");
    if (kind === "savepoint") this.#exchange.transaction.savepoint(name);
    else if (kind === "release") this.#exchange.transaction.release(name);
    else this.#exchange.transaction.rollbackTo(name);
    const depth = this.#exchange.transaction.savepointCount;
    if (kind === "release") {
      this.#channels.released(depth);
      this.#exchange.savepointsReleased(depth);
    } else if (kind === "rollbackTo") {
      this.#channels.rolledBackTo(depth);
      this.#exchange.closeCursorsBehind(depth);
    }
    return tagOnly(kind === "savepoint" ? "SAVEPOINT" : kind === "release" ? "RELEASE" : "ROLLBACK");
  }
}
