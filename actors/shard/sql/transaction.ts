/**
 * An open transaction: what it has written and nobody else sees, its snapshot, its savepoints, its locks. Nothing of it is in the log before
 * it commits, and with the leadership of the shard it is gone.
 */
import type { Notification } from "../../../runtime/kernel/notification-rows.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { SqlError } from "../../../runtime/query/error.js";
import { compareBytes } from "../../../runtime/query/table/key-buffer.js";
import { Overlay } from "../../../runtime/query/table/overlay.js";
import { xidOfDraw } from "../../../runtime/query/types/xid.js";
import { DeferredChecks, type DeferredMark } from "../../../runtime/query/write/deferred-checks.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlIsolation } from "../../messages/sql.js";
import type { LockOwner, LockTable } from "./lock-table.js";
import { SequenceRestarts } from "./sequence-restarts.js";
import { type Sequences, transactionNumbers } from "./sequences.js";

interface Savepoint {
  readonly name: string;
  readonly writes: number;
  readonly locks: number;
  readonly catalogVersion: number;
  readonly notifications: number;
  readonly deferred: DeferredMark;
  readonly restarts: number;
}

/** Keys of one tree that a serializable transaction has looked at: from low on, before high (null: without an end). */
export interface ReadRange {
  readonly tree: number;
  readonly low: Uint8Array;
  readonly high: Uint8Array | null;
}

/** Bytes of changes that a transaction may hold in memory. */
export const transactionBytesMax = 512 * 1024 * 1024;
const savepointsMax = 10_000;
const notificationsMax = 10_000;

export class Transaction {
  readonly id: LockOwner;
  readonly tenant: number;
  readonly isolation: SqlIsolation;
  readonly overlay = new Overlay();
  /** Position of the state that it reads; -1 for that of each statement. */
  readonly snapshot: number;
  /** When its session began it, µs: no two of a session began at once, so it tells them apart. 0 for a statement that stands alone. */
  readonly startedAt: number;
  readonly reads: ReadRange[] = [];
  /** Objects whose numbers it has drawn: sequences, and tables without a primary key. */
  readonly sequences = new Set<number>();
  readonly restarts = new SequenceRestarts();
  /** Below 0 once it has changed the catalog: the version of its own catalog. */
  catalogVersion = 0;
  /** Its own catalog as it was last read, and the version of everybody's beneath it. */
  ownCatalog: { readonly catalog: ObjectCatalog; readonly over: number } | null = null;
  isFailed = false;
  /** What it is known by before it has a position: `xmin` of what it writes, once somebody has asked for that; 0 before. */
  number = 0;
  /** What those that listen are told when it commits. */
  readonly notifications: Notification[] = [];
  readonly #notified = new Set<string>();
  /** Constraints that are looked at when it commits. */
  readonly deferred = new DeferredChecks();
  #savepoints: Savepoint[] = [];
  /** How much had been written when a materialized view was last computed as a whole, and on the state of which position. */
  readonly #computed = new Map<number, { readonly mark: number; readonly position: number }>();
  /** Where what the commit adds for materialized views begins; null before it was tried. */
  maintainedFrom: number | null = null;

  constructor(id: LockOwner, tenant: number, isolation: SqlIsolation, snapshot: number, startedAt = 0) {
    this.id = id;
    this.tenant = tenant;
    this.isolation = isolation;
    this.snapshot = snapshot;
    this.startedAt = startedAt;
  }

  /** Whether its commit is to be a record: it has changed something, drawn numbers, or tells somebody something. */
  get wantsRecord(): boolean {
    return !this.overlay.isEmpty || this.sequences.size > 0 || this.notifications.length > 0;
  }

  /** Whether it has a number in PostgreSQL's eyes: it has written, or was asked for its number. */
  get isNumbered(): boolean {
    return this.number !== 0 || !this.overlay.isEmpty || this.notifications.length > 0;
  }

  /** Draws the number by which it is known from now on. Its rows keep it (facts-of.ts): what was told is true also when it is committed. */
  tellNumber(sequences: Sequences, state: TreeReader): number {
    if (this.number === 0) {
      this.sequences.add(transactionNumbers);
      this.number = xidOfDraw(sequences.nextTransactionNumber(state, this.tenant));
    }
    return this.number;
  }

  savepoint(name: string, locks: LockTable): void {
    if (this.#savepoints.length >= savepointsMax) {
      throw new SqlError("54000", `a transaction has at most ${savepointsMax} savepoints`);
    }
    const { overlay, id, catalogVersion, notifications, deferred } = this;
    const marks = { writes: overlay.mark(), locks: locks.mark(id), notifications: notifications.length };
    this.#savepoints.push({ name, catalogVersion, deferred: deferred.mark(), restarts: this.restarts.mark, ...marks });
  }

  /**
   * A statement failed. What was locked since the last savepoint is let go of at once: nothing that was done since then can be kept, and whoever
   * is behind the session may take long to say so.
   */
  fail(locks: LockTable): void {
    this.isFailed = true;
    locks.releaseTo(this.id, this.#savepoints.at(-1)?.locks ?? 0);
  }

  #find(name: string): number {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (at < 0) throw new SqlError("3B001", `savepoint "${name}" does not exist`);
    return at;
  }

  release(name: string): void {
    this.#savepoints.length = this.#find(name);
  }

  /** A materialized view is what its query says of all that was written by now. */
  computed(view: number, position: number): void {
    this.#computed.set(view, { mark: this.overlay.written, position });
  }

  /** What a statement has written behind `computed` is definitions, which change no view that it computed. */
  defined(computed: number): void {
    for (const [view, { mark, position }] of this.#computed) if (mark === computed) this.computed(view, position);
  }

  /** Whether nothing was written since a view was computed as a whole, by this transaction or by another that has committed. */
  isComputed(view: number, position: number): boolean {
    const found = this.#computed.get(view);
    return found !== undefined && found.mark === this.overlay.written && found.position === position;
  }

  /** Back to a savepoint, which stays. */
  rollbackTo(name: string, locks: LockTable, sequences: Sequences): void {
    const at = this.#find(name);
    const savepoint = this.#savepoints[at];
    if (savepoint === undefined) return;
    this.#savepoints.length = at + 1;
    this.overlay.rollbackTo(savepoint.writes);
    for (const [view, { mark }] of this.#computed) if (mark > savepoint.writes) this.#computed.delete(view);
    locks.releaseTo(this.id, savepoint.locks);
    this.catalogVersion = savepoint.catalogVersion;
    this.takeBack(savepoint.notifications);
    this.restarts.undo(savepoint.restarts, this.tenant, sequences);
    this.deferred.rollbackTo(savepoint.deferred);
    this.isFailed = false;
  }

  /** The same is told once. */
  notify(notification: Notification): void {
    const name = `${notification.channel}\0${notification.payload}`;
    if (this.#notified.has(name)) return;
    if (this.notifications.length >= notificationsMax) {
      throw new SqlError("54000", `a transaction sends at most ${notificationsMax} notifications`);
    }
    this.#notified.add(name);
    this.notifications.push(notification);
  }

  /** Forgets notifications behind the first `count`. */
  takeBack(count: number): void {
    assert(count >= 0 && count <= this.notifications.length, "notifications are taken back to a mark");
    for (const { channel, payload } of this.notifications.splice(count))
      this.#notified.delete(`${channel}\0${payload}`);
  }

  hasRead(tree: number, key: Uint8Array): boolean {
    return this.reads.some(
      ({ tree: read, low, high }) =>
        read === tree &&
        compareBytes(key, key.length, low, low.length) >= 0 &&
        (high === null || compareBytes(key, key.length, high, high.length) < 0),
    );
  }
}
