/**
 * Statements that have met a lock in their way. A statement waits for the owners that it met; when one of them gives something back it is woken
 * and run again from its start, and may meet the next.
 *
 * Of those that want the same lock only the first is woken: it will most likely have the lock, and all others would run in vain. They stand
 * behind it until it was decided, and then wait for whoever has the lock now, or the next of them is woken when it is free.
 *
 * A session may have sent more statements behind one that waits, each a transaction of its own. They are held here until that one is decided, and
 * then come before all others, in their order.
 *
 * Who waits for a table has a claim on it (lock-claims.ts) until it is decided, however often it is woken in vain.
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
import { claimOwner, isClaim } from "./lock-claims.js";
import { excludes } from "./lock-modes.js";
import { type LockOwner, type LockTable, WaitGraph } from "./lock-table.js";
import type { LockWait, WantedLock } from "./lock-wait.js";
import { failed } from "./outcome.js";
import type { Session } from "./session.js";
import { isOfTable } from "./statement-locks.js";
import type { Transaction } from "./transaction.js";

/** A request that was woken, known again by where it came from. */
type Head = Pick<QueuedRequest, "port" | "correlation">;

interface Parked {
  readonly request: QueuedRequest;
  readonly tenant: number;
  /** Transactions in its way. */
  owners: Set<number>;
  readonly wanted: WantedLock | null;
  /** Who was woken before it for the same lock and is not decided yet. */
  behind: Head | null;
  readonly transaction: Transaction | null;
  readonly session: Session;
  /** It is a COMMIT: in vain, it ends its transaction. */
  readonly isCommit: boolean;
  /** ms, monotonic; Infinity without a lock_timeout. */
  readonly until: number;
}

/** A statement behind one of its session's that waits. */
interface Held {
  readonly request: QueuedRequest;
  readonly session: Session;
  readonly behind: Head;
}

/** A wait that may go on: for one lock there is one timeout, however often its waiter was woken in vain. */
interface Attempt {
  readonly head: Head;
  readonly name: string | null;
  readonly until: number;
}

interface Woken {
  readonly tenant: number;
  readonly request: QueuedRequest;
}

export class LockQueue {
  readonly #host: Pick<DeciderHost, "answer" | "monotonic">;
  readonly #locks: LockTable;
  readonly #graph = new WaitGraph();
  #parked: Parked[] = [];
  /** Statements that are to be run again, each tenant's first one last. */
  #woken: Woken[] = [];
  /** Statements that stand behind one that was woken. */
  #behind = 0;
  /** In the order in which they came. */
  #held: Held[] = [];
  /** Transactions that have failed while they waited, and whose locks somebody may wait for, and claims that are over. */
  #failed: LockOwner[] = [];
  /** Until when those have waited who were woken and are not decided yet. */
  #attempts: Attempt[] = [];

  readonly #rollback: (session: Session) => void;

  /** @param rollback ends the transaction of a session whose COMMIT has waited in vain */
  constructor(host: Pick<DeciderHost, "answer" | "monotonic">, locks: LockTable, rollback: (session: Session) => void) {
    this.#host = host;
    this.#locks = locks;
    this.#rollback = rollback;
  }

  get count(): number {
    return this.#parked.length;
  }

  /** Whether anything may come to its end by time alone. */
  get hasTimers(): boolean {
    return this.#parked.some(({ until }) => until !== Number.POSITIVE_INFINITY);
  }

  /** What a session's statement waits for; null while it does not. Who stands behind another for the same lock waits for whoever has it. */
  waitOf(session: Session): { readonly owners: Iterable<LockOwner>; readonly wanted: WantedLock | null } | null {
    const parked = this.#parked.find((each) => each.session === session);
    if (parked === undefined) return null;
    const { wanted, behind, transaction } = parked;
    if (behind === null || wanted === null) return parked;
    const { name, mode } = wanted;
    return { wanted, owners: this.#locks.waitedFor(name, mode, transaction?.id ?? null, session.owner) };
  }

  /** Puts a statement aside. Throws 40P01 when its owners wait for it already. */
  park(
    waiting: Readonly<QueuedRequest>,
    request: SqlRequest,
    session: Session,
    transaction: Transaction | null,
    { owners, wanted }: LockWait,
  ): void {
    assert(owners.length > 0, "whoever waits, waits for somebody");
    if (transaction !== null && this.#graph.wouldDeadlock(transaction.id, owners)) throw deadlock(owners.length);
    const parked: Parked = {
      request: { ...waiting },
      tenant: request.tenant,
      owners: new Set<LockOwner>(),
      wanted,
      behind: null,
      transaction,
      session,
      isCommit: request.kind === "commit",
      until: this.#until(waiting, request, wanted),
    };
    this.#parked.push(parked);
    this.#wait(parked, owners);
  }

  /** Waits for owners, and claims the table that it waits for. A circle that there is by claims alone is broken: who stands behind one goes on. */
  #wait(parked: Parked, owners: readonly LockOwner[]): void {
    const { transaction, session, wanted } = parked;
    const { claims } = this.#locks;
    const own = claimOwner(session.owner);
    const waiters = transaction === null ? [own] : [transaction.id, own];
    const circle = this.#graph.circleOfClaims(waiters, owners) ?? [];
    for (const owner of circle) this.#endClaim(owner);
    const left = owners.filter((owner) => !circle.includes(owner));
    parked.owners = new Set(left);
    for (const waiter of waiters) this.#graph.wait(waiter, left);
    if (wanted !== null && isOfTable(wanted.name) && circle.length === 0)
      claims.add(wanted.name, wanted.mode, session.owner);
    if (left.length === 0) this.#wakeFirst([parked]);
  }

  /** Nobody stands behind it any more. */
  #endClaim(owner: LockOwner): void {
    assert(isClaim(owner), "a claim is ended by its name");
    if (this.#locks.claims.end(claimOwner(owner))) this.wake(owner);
  }

  #until(head: Head, request: SqlRequest, wanted: WantedLock | null): number {
    const attempt = this.#attempts.find((each) => isSame(each.head, head) && each.name === (wanted?.name ?? null));
    if (attempt !== undefined) return attempt.until;
    const timeoutMs = millisecondsOf(new RequestSettings(request.settings).get("lock_timeout"));
    return timeoutMs > 0 ? this.#host.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
  }

  /** Holds a statement of a session that waits with another one. False when it does not. */
  holdBehind(session: Session, waiting: Readonly<QueuedRequest>): boolean {
    const parked = this.#parked.find((each) => each.session === session);
    if (parked === undefined) return false;
    const { port, correlation } = parked.request;
    this.#held.push({ request: { ...waiting }, session, behind: { port, correlation } });
    return true;
  }

  /** A statement is over, or waits again: then so do those that its session has sent behind it. */
  #release(head: Head): void {
    if (this.#held.length === 0 || this.#parked.some(({ request }) => isSame(request, head))) return;
    const free = this.#held.filter(({ behind }) => isSame(behind, head));
    this.#held = this.#held.filter(({ behind }) => !isSame(behind, head));
    for (const { request, session } of free.reverse()) this.#woken.push({ tenant: session.tenant, request });
  }

  /** An owner of locks has given some back: who waits for it is run again, in the order of waiting, or stands behind who is. */
  wake(owner: number): void {
    const found = this.#parked.filter(({ owners }) => owners.has(owner));
    if (found.length > 0) this.#wakeFirst(found);
  }

  /** Wakes of each lock's waiters the first, and those that can have it beside the first. */
  #wakeFirst(found: readonly Parked[]): void {
    const firsts = new Map<string, Parked>();
    const woken = new Set<Parked>();
    for (const parked of found) {
      this.#waitsNoLonger(parked);
      const { wanted, request } = parked;
      const first = wanted === null ? undefined : firsts.get(wanted.name);
      if (wanted !== null && first?.wanted !== undefined && first.wanted !== null) {
        if (excludes(first.wanted.mode, wanted.mode)) {
          if (parked.behind === null) this.#behind += 1;
          parked.behind = { port: first.request.port, correlation: first.request.correlation };
          parked.owners = new Set();
          continue;
        }
      } else if (wanted !== null) firsts.set(wanted.name, parked);
      assert(request.correlation >= 0, "who is woken is a request");
      if (parked.behind !== null) this.#behind -= 1;
      parked.behind = null;
      woken.add(parked);
    }
    this.#parked = this.#parked.filter((parked) => !woken.has(parked));
    for (const { request: head, wanted, until } of woken)
      if (until !== Number.POSITIVE_INFINITY) this.#attempts.push({ head, name: wanted?.name ?? null, until });
    // Each is put before all others of its tenant, so the last one first.
    for (const { request, tenant } of [...woken].reverse()) this.#woken.push({ tenant, request });
  }

  #waitsNoLonger({ transaction, session }: Parked): void {
    if (transaction !== null) this.#graph.end(transaction.id);
    this.#graph.end(claimOwner(session.owner));
  }

  /** A request was decided: who stands behind it waits for whoever has the lock now, or is woken when nobody has it. */
  decided(head: Head): void {
    if (this.#attempts.length > 0) this.#attempts = this.#attempts.filter((each) => !isSame(each.head, head));
    if (this.#behind > 0) this.#decidedLock(head);
    this.#release(head);
    this.#wakeBehindFailed();
  }

  /** The statement of a session was decided, and does not wait again: others need not stand behind it. */
  claimed(session: Session): void {
    if (!this.#parked.some((parked) => parked.session === session)) this.#endClaim(claimOwner(session.owner));
  }

  #decidedLock(head: Head): void {
    const free: Parked[] = [];
    for (const parked of [...this.#parked]) {
      const { behind, wanted, transaction } = parked;
      if (behind === null || !isSame(behind, head)) continue;
      assert(wanted !== null, "who stands behind another wants the same lock");
      const owners = this.#locks.waitedFor(wanted.name, wanted.mode, transaction?.id ?? null, parked.session.owner);
      if (owners.length === 0) {
        free.push(parked);
        continue;
      }
      parked.behind = null;
      this.#behind -= 1;
      if (transaction === null || !this.#graph.wouldDeadlock(transaction.id, owners)) this.#wait(parked, owners);
      else {
        this.#parked = this.#parked.filter((each) => each !== parked);
        this.#fail(parked, deadlock(owners.length));
      }
    }
    if (free.length > 0) this.#wakeFirst(free);
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

  #fail(parked: Parked, error: SqlError): void {
    const { transaction, request, behind, isCommit, session } = parked;
    if (behind !== null) this.#behind -= 1;
    this.#waitsNoLonger(parked);
    if (transaction !== null) {
      transaction.fail(this.#locks);
      this.#failed.push(transaction.id);
    }
    if (this.#locks.claims.end(session.owner)) this.#failed.push(claimOwner(session.owner));
    session.advisory.forget();
    this.#host.answer(request, encodeSqlReply(failed(error)));
    if (isCommit) this.#rollback(session);
    this.#release(request);
  }

  #wakeBehindFailed(): void {
    const owners = this.#failed;
    this.#failed = [];
    for (const owner of owners) this.wake(owner);
  }

  /** Ends what has waited for too long. */
  timer(): void {
    const now = this.#host.monotonic();
    const over = this.#parked.filter(({ until }) => until <= now);
    this.#parked = this.#parked.filter(({ until }) => until > now);
    for (const parked of over) this.#fail(parked, new SqlError("55P03", "canceling statement due to lock timeout"));
    this.#wakeBehindFailed();
  }

  /** The client of a request waits no longer. */
  cancel(port: Port, correlation: number): void {
    const at = this.#parked.findIndex(({ request }) => request.port === port && request.correlation === correlation);
    const parked = this.#parked[at];
    if (parked === undefined) return;
    this.#parked.splice(at, 1);
    this.#fail(parked, new SqlError("57014", "canceling statement due to user request"));
    this.#wakeBehindFailed();
  }

  /** What a session waits for is of no interest any more. */
  drop(session: Session): void {
    const dropped = this.#parked.filter((parked) => parked.session === session);
    this.#parked = this.#parked.filter((parked) => parked.session !== session);
    // They came before its end.
    for (const { request } of dropped) this.#release(request);
    this.#behind = this.#parked.filter(({ behind }) => behind !== null).length;
    this.#graph.end(claimOwner(session.owner));
    this.#endClaim(claimOwner(session.owner));
  }

  /** Everybody who waits is told that it was in vain. */
  dropAll(error: SqlError): void {
    const parked = this.#parked;
    this.#parked = [];
    this.#failed = [];
    this.#attempts = [];
    this.#locks.claims.clear();
    this.#behind = 0;
    const held = this.#held;
    this.#held = [];
    for (const { request } of [...parked, ...this.#woken, ...held])
      this.#host.answer(request, encodeSqlReply(failed(error)));
    this.#woken = [];
  }
}

const isSame = (one: Head, other: Head): boolean => one.port === other.port && one.correlation === other.correlation;

const deadlock = (owners: number): SqlError =>
  new SqlError("40P01", "deadlock detected", {
    detail: `The transaction waits for ${owners === 1 ? "one that waits" : "some that wait"} for it.`,
    hint: "See server log for query details.",
  });
