/** Connections for SQL to one tenant: made when they are wanted, kept when they are idle, a bounded number. */
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SqlTarget } from "./sql-connection.js";
import { SqlConnection } from "./sql-connection.js";

const connectionsMaxDefault = 8;
/** Callers that may wait for a connection. */
const waitingMax = 10_000;

type Waiter = { readonly resolve: (connection: SqlConnection) => void; readonly reject: (error: unknown) => void };

export class SqlPool {
  readonly #target: () => Promise<SqlTarget>;
  readonly #connectionsMax: number;
  readonly #idle: SqlConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #open = 0;
  #isClosed = false;

  /** @param target asked for each new connection: where the node is, and who wants in */
  constructor(target: () => Promise<SqlTarget>, connectionsMax = connectionsMaxDefault) {
    assert(connectionsMax > 0, "a pool has connections");
    this.#target = target;
    this.#connectionsMax = connectionsMax;
  }

  /** Lends a connection for as long as the work takes. One that was left in a transaction, or lost, is not lent again. */
  async use<Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.#take();
    try {
      return await work(connection);
    } finally {
      this.#giveBack(connection);
    }
  }

  async #take(): Promise<SqlConnection> {
    if (this.#isClosed) throw new KimberliteError("cancelled", "the database was closed", { outcome: "notCommitted" });
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isLost) return idle;
      this.#open -= 1;
    }
    if (this.#open < this.#connectionsMax) return this.#connect();
    if (this.#waiting.length >= waitingMax) {
      throw new KimberliteError("mailboxFull", `${waitingMax} statements wait for a connection`);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async #connect(): Promise<SqlConnection> {
    this.#open += 1;
    try {
      return await SqlConnection.connect(await this.#target());
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }

  #giveBack(connection: SqlConnection): void {
    const isSound = !connection.isLost && connection.status === "idle" && !this.#isClosed;
    const waiter = this.#waiting.shift();
    if (isSound) {
      if (waiter === undefined) this.#idle.push(connection);
      else waiter.resolve(connection);
      return;
    }
    this.#open -= 1;
    void connection.close();
    if (waiter !== undefined) this.#connect().then(waiter.resolve, waiter.reject);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new KimberliteError("cancelled", "the database was closed", { outcome: "notCommitted" });
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }
}
