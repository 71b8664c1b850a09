/**
 * Requests that end before the actor that has them answers:
 *
 *   time is up          the client is told `deadlineExceeded`, also while the actor stands still
 *   cancelled           the client said that it waits no longer
 *   read too slowly     more answers wait for the client than one connection may make the node hold: its other reads are not worth doing
 *   gone                the connection has ended
 *
 * The client hears one answer, here; the slot stays taken until the actor's own answer has come, which is then dropped (a slot's
 * generation wraps quickly: an answer that is under way must never find another request). A projection is told by a `cancel`, and
 * leaves out what it has not begun. A write is not called back: it may be decided by now, so its outcome is *unknown*.
 *
 * All that a turn gathered is found in one pass over the open slots, so that neither a flood of cancels nor of closed connections
 * costs more than one.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { requestKinds } from "../wire/kinds.js";
import type { Connection } from "./connection.js";
import type { RequestTable } from "./request-table.js";

/** An actor that is alive refuses by itself what came too late, and knows better what became of it. */
const graceMs = 100;

const isRead = (kind: number): boolean => kind >= requestKinds.read.kind && kind <= requestKinds.commits.kind;

/** What this needs of the dispatcher. */
export interface EarlyEndsHost {
  /** Queues a word about an open request to the actor that has it. */
  follow(correlation: number, kind: number, bytes: Uint8Array, from: number, to: number): void;
}

export class EarlyEnds {
  readonly #table: RequestTable<Connection>;
  readonly #host: EarlyEndsHost;
  readonly #cancelled = new Map<Connection, Set<number>>();
  readonly #overfull = new Set<Connection>();
  readonly #gone = new Set<Connection>();
  /** No open request has an earlier deadline. */
  #earliest = Number.POSITIVE_INFINITY;
  ended = 0;

  constructor(table: RequestTable<Connection>, host: EarlyEndsHost) {
    this.#table = table;
    this.#host = host;
  }

  /** True when something is to be ended by the next `settle`. */
  get isDue(): boolean {
    return this.#cancelled.size + this.#overfull.size + this.#gone.size > 0;
  }

  /** A request was opened. */
  watch(deadline: number): void {
    if (deadline < this.#earliest) this.#earliest = deadline;
  }

  cancel(connection: Connection, requestId: number): void {
    const ids = this.#cancelled.get(connection);
    if (ids === undefined) this.#cancelled.set(connection, new Set([requestId]));
    else ids.add(requestId);
  }

  overfull(connection: Connection): void {
    this.#overfull.add(connection);
  }

  gone(connection: Connection): void {
    assert(connection.state === "closing", "a connection that is gone was closed");
    this.#gone.add(connection);
  }

  settle(touched: (connection: Connection) => void): void {
    if (!this.isDue) return;
    const table = this.#table;
    for (let slot = 0; slot < table.slots; slot++) {
      if (!table.isWaiting(slot)) continue;
      const connection = table.owner(slot);
      const kind = table.kind(slot);
      if (this.#gone.has(connection)) {
        if (isRead(kind)) this.#callBack(slot, requestKinds.cancel.kind);
      } else if (kind === requestKinds.read.kind && this.#overfull.has(connection)) {
        this.#end(slot, readTooSlowly(), touched);
      } else if (kind !== requestKinds.subscribe.kind && this.#cancelled.get(connection)?.has(table.requestId(slot))) {
        const outcome = isRead(kind) ? "notCommitted" : "unknown";
        this.#end(slot, new KimberliteError("cancelled", "as the client wished", { outcome }), touched);
      }
    }
    this.#cancelled.clear();
    this.#overfull.clear();
    this.#gone.clear();
  }

  /** Answers what is waited for longer than was asked for. */
  expire(now: number, touched: (connection: Connection) => void): void {
    if (now < this.#earliest + graceMs) return;
    const table = this.#table;
    this.#earliest = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < table.slots; slot++) {
      if (!table.isWaiting(slot)) continue;
      const deadline = table.deadline(slot);
      if (now < deadline + graceMs) {
        this.watch(deadline);
        continue;
      }
      const isWrite = table.kind(slot) < requestKinds.read.kind;
      const outcome = isWrite ? "unknown" : "notCommitted";
      this.#end(
        slot,
        new KimberliteError("deadlineExceeded", "the shard is behind with its work", { outcome }),
        touched,
      );
    }
  }

  #end(slot: number, error: KimberliteError, touched: (connection: Connection) => void): void {
    const table = this.#table;
    const connection = table.owner(slot);
    const kind = table.kind(slot);
    const requestId = table.requestId(slot);
    assert(table.isWaiting(slot), "a request is answered once");
    table.answered(slot);
    this.ended += 1;
    if (kind === requestKinds.subscribe.kind) {
      connection.subscriptions.delete(requestId);
      this.#callBack(slot, requestKinds.unsubscribe.kind);
    } else if (isRead(kind)) this.#callBack(slot, requestKinds.cancel.kind);
    if (connection.state === "closing") return;
    connection.fail(requestId, error);
    touched(connection);
  }

  #callBack(slot: number, kind: number): void {
    this.#host.follow(this.#table.correlation(slot), kind, noBytes, 0, 0);
  }
}

export const readTooSlowly = (): KimberliteError =>
  new KimberliteError("mailboxFull", "answers are read slower than they are asked for");

const noBytes = new Uint8Array(0);
