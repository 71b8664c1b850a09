/**
 * Statements that have met a lock in their way. A statement waits for the owners that it met; when one of them gives something back it is woken
 * and run again from its start, and may meet the next.
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { SqlError } from "../../../runtime/query/error.js";
import { millisecondsOf } from "../../../runtime/query/settings.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlRequest } from "../../messages/sql.js";
import { encodeSqlReply } from "../../messages/sql-codec.js";
import { RequestSettings } from "../../sql/evaluation.js";
import type { QueuedRequest, RequestQueue } from "../request-queue.js";
import type { DeciderHost } from "./deciding.js";
import { WaitGraph } from "./lock-table.js";
import type { LockWait } from "./lock-wait.js";
import { failed } from "./outcome.js";
import type { Session } from "./session.js";
import type { Transaction } from "./transaction.js";

interface Parked {
  readonly request: QueuedRequest;
  readonly tenant: number;
  /** Transactions in its way. */
  readonly owners: Set<number>;
  readonly transaction: Transaction | null;
  readonly session: Session;
  /** ms, monotonic; Infinity without a lock_timeout. */
  readonly until: number;
}

interface Woken {
  readonly tenant: number;
  readonly request: QueuedRequest;
}

export class LockQueue {
  readonly #host: Pick<DeciderHost, "answer" | "monotonic">;
  readonly #graph = new WaitGraph();
  #parked: Parked[] = [];
  /** Statements that are to be run again, each tenant's first one last. */
  #woken: Woken[] = [];

  constructor(host: Pick<DeciderHost, "answer" | "monotonic">) {
    this.#host = host;
  }

  get count(): number {
    return this.#parked.length;
  }

  /** Whether anything may come to its end by time alone. */
  get hasTimers(): boolean {
    return this.#parked.some(({ until }) => until !== Number.POSITIVE_INFINITY);
  }

  /** Puts a statement aside. Throws 40P01 when its owners wait for it already. */
  park(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    transaction: Transaction | null,
    { owners }: LockWait,
  ): void {
    assert(owners.length > 0, "whoever waits, waits for somebody");
    if (transaction !== null) {
      if (this.#graph.wouldDeadlock(transaction.id, owners)) {
        throw new SqlError("40P01", "deadlock detected", {
          detail: `The transaction waits for ${owners.length === 1 ? "one that waits" : "some that wait"} for it.`,
          hint: "See server log for query details.",
        });
      }
      this.#graph.wait(transaction.id, owners);
    }
    const timeoutMs = millisecondsOf(new RequestSettings(request.settings).get("lock_timeout"));
    const until = timeoutMs > 0 ? this.#host.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
    this.#parked.push({
      request: { ...waiting },
      tenant: request.tenant,
      owners: new Set(owners),
      transaction,
      session,
      until,
    });
  }

  /** An owner of locks has given some back: who waits for it is run again, in the order of waiting. */
  wake(owner: number): void {
    const woken = this.#parked.filter(({ owners }) => owners.has(owner));
    if (woken.length === 0) return;
    this.#parked = this.#parked.filter(({ owners }) => !owners.has(owner));
    // Each is put before all others of its tenant, so the last one first.
    for (const { request, tenant, transaction } of woken.reverse()) {
      if (transaction !== null) this.#graph.end(transaction.id);
      this.#woken.push({ tenant, request });
    }
  }

  /** A transaction is over: it waits for nobody, and nobody for it. */
  ended(owner: number): void {
    this.#graph.end(owner);
    this.wake(owner);
  }

  /** Puts statements whose locks are free back into the queue, before all others of their tenants. */
  requeue(queue: Pick<RequestQueue, "unshift">, isHeldUp: (tenant: number) => boolean): boolean {
    if (this.#woken.length === 0) return false;
    const woken = this.#woken.filter(({ tenant }) => !isHeldUp(tenant));
    this.#woken = this.#woken.filter(({ tenant }) => isHeldUp(tenant));
    for (const { tenant, request } of woken) queue.unshift(tenant, request);
    return true;
  }

  #fail({ transaction, request }: Parked, error: SqlError): void {
    if (transaction !== null) {
      transaction.isFailed = true;
      this.#graph.end(transaction.id);
    }
    this.#host.answer(request, encodeSqlReply(failed(error)));
  }

  /** Ends what has waited for too long. */
  timer(): void {
    const now = this.#host.monotonic();
    const over = this.#parked.filter(({ until }) => until <= now);
    this.#parked = this.#parked.filter(({ until }) => until > now);
    for (const parked of over) this.#fail(parked, new SqlError("55P03", "canceling statement due to lock timeout"));
  }

  /** The client of a request waits no longer. */
  cancel(port: Port, correlation: number): void {
    const at = this.#parked.findIndex(({ request }) => request.port === port && request.correlation === correlation);
    const parked = this.#parked[at];
    if (parked === undefined) return;
    this.#parked.splice(at, 1);
    this.#fail(parked, new SqlError("57014", "canceling statement due to user request"));
  }

  /** What a session waits for is of no interest any more. */
  drop(session: Session): void {
    this.#parked = this.#parked.filter((parked) => parked.session !== session);
  }

  /** Everybody who waits is told that it was in vain. */
  dropAll(error: SqlError): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const { request } of [...parked, ...this.#woken]) this.#host.answer(request, encodeSqlReply(failed(error)));
    this.#woken = [];
  }
}
