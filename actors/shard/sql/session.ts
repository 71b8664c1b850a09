/** What the shard keeps of a client's session: its transaction, results that are not all fetched, what it drew of sequences. */
import type { Port } from "../../../runtime/actor/definition.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { Int64 } from "../../../runtime/query/types/datum.js";
import { assert } from "../../../runtime/types/assert.js";
import type { DataRows } from "../../sql/data-rows.js";
import type { UnfetchedRows } from "../../sql/unfetched-rows.js";
import { HeldAdvisoryLocks } from "./held-advisory-locks.js";
import type { LockOwner } from "./lock-table.js";
import type { Transaction } from "./transaction.js";

/** Rows of a result that are still to be fetched. */
export interface OpenCursor {
  readonly rows: DataRows;
  readonly tag: (rows: number) => string;
  fetched: number;
  /** Memory that is counted for it. */
  bytes: number;
}

const cursorsMax = 1_000;

export class Session {
  readonly tenant: number;
  /** Owns its advisory locks that outlive transactions. */
  readonly owner: LockOwner;
  /** Where its requests come from: when that is gone, so is the session. */
  port: Port | null;
  transaction: Transaction | null = null;
  readonly advisory = new HeldAdvisoryLocks();
  readonly #unfetched: UnfetchedRows;
  readonly #cursors = new Map<number, OpenCursor>();
  readonly #drawn = new Map<number, Int64>();
  #lastDrawn: number | null = null;
  #nextCursor = 1;

  constructor(tenant: number, owner: LockOwner, port: Port | null, unfetched: UnfetchedRows) {
    this.#unfetched = unfetched;
    this.tenant = tenant;
    this.owner = owner;
    this.port = port;
  }

  /** Nothing of it has to be remembered. */
  get isIdle(): boolean {
    return this.transaction === null && this.#cursors.size === 0 && this.#drawn.size === 0;
  }

  /** Throws 53400 when it has too many, and 53200 when too much waits to be fetched. */
  open({ rows, tag, fetched }: Omit<OpenCursor, "bytes">): number {
    if (this.#cursors.size >= cursorsMax)
      throw new SqlError("53400", `a session has at most ${cursorsMax} open portals`);
    const bytes = rows.memory;
    // What a statement that stands alone leaves is one answer at most, and the statement is committed.
    if (this.transaction !== null) this.#unfetched.expectRoom(bytes);
    this.#unfetched.changed(0, bytes);
    const number = this.#nextCursor;
    this.#nextCursor += 1;
    this.#cursors.set(number, { rows, tag, fetched, bytes });
    return number;
  }

  cursor(number: number): OpenCursor {
    const cursor = this.#cursors.get(number);
    if (cursor === undefined) throw new SqlError("34000", "the portal's result is no longer there");
    return cursor;
  }

  /** Some of a cursor's rows were taken. */
  taken(cursor: OpenCursor): void {
    const bytes = cursor.rows.memory;
    this.#unfetched.changed(cursor.bytes, bytes);
    cursor.bytes = bytes;
  }

  close(number: number): void {
    this.#unfetched.changed(this.#cursors.get(number)?.bytes ?? 0, 0);
    this.#cursors.delete(number);
  }

  closeAll(): void {
    for (const number of this.#cursors.keys()) this.close(number);
  }

  drew(sequence: number, value: Int64): void {
    assert(sequence > 0, "a sequence has an oid");
    this.#drawn.set(sequence, value);
    this.#lastDrawn = sequence;
  }

  drawn(sequence: number): Int64 | null {
    return this.#drawn.get(sequence) ?? null;
  }

  /** The sequence that was drawn from last, which may be gone by now. */
  get lastDrawn(): number | null {
    return this.#lastDrawn;
  }

  /** DISCARD SEQUENCES. */
  forgetDrawn(): void {
    this.#drawn.clear();
    this.#lastDrawn = null;
  }
}
