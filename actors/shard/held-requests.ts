/**
 * Requests whose answers would come on top of many that nobody takes at the moment: they are decided once whoever asked has room again, those of a
 * session in the order in which they came. Those of other sessions, and of other gateways, go on meanwhile; of which, answer-shares.ts says.
 * When there is room, the sessions take turns: the first request of each comes before the second of any.
 */
import type { Port } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import { isAnsweredShortly, sessionOf } from "../messages/sql-head.js";
import { type AnswerShares, longBytesMin } from "./answer-shares.js";
import { PeerPort } from "./peer-port.js";
import type { QueuedRequest, RequestQueue } from "./request-queue.js";

interface HeldRequest {
  readonly tenant: number;
  readonly request: QueuedRequest;
}

type Queue = Pick<RequestQueue, "unshiftAll">;

export class HeldRequests {
  readonly #shares: AnswerShares;
  /** By gateway and session. */
  readonly #held = new Map<Port, Map<number, HeldRequest[]>>();
  count = 0;
  bytes = 0;
  /** Requests that had to wait. */
  waited = 0;

  constructor(shares: AnswerShares) {
    this.#shares = shares;
  }

  /** Takes a request over if it is to wait. One whose answer is short, whatever it does, waits only behind others of its session. */
  hold(tenant: number, request: Readonly<QueuedRequest>): boolean {
    const { port } = request;
    if (port === null) return false;
    const session = sessionOf(request);
    const sessions = this.#held.get(port);
    const before = sessions?.get(session);
    if (before === undefined && (!this.#shares.isHeldUp(port, session) || isAnsweredShortly(request))) return false;
    const held = before ?? [];
    held.push({ tenant, request: { ...request } });
    if (sessions === undefined) this.#held.set(port, new Map([[session, held]]));
    else sessions.set(session, held);
    this.count += 1;
    this.bytes += sizeOf(request);
    this.waited += 1;
    return true;
  }

  /** A request was decided. @param bytes of its answer */
  answered(request: Readonly<QueuedRequest>, bytes: number): void {
    const { port, correlation } = request;
    if (port === null) return;
    this.#shares.answered(port, sessionOf(request), bytes);
    if (port instanceof PeerPort && bytes >= longBytesMin) port.decided(correlation, bytes);
  }

  /** Puts those back that need not wait any more, before all that has come since. */
  requeue(queue: Queue): void {
    if (this.#held.size > 0) this.#putBack(queue, (port, session) => !this.#shares.isHeldUp(port, session));
  }

  requeueAll(queue: Queue): void {
    this.#putBack(queue, () => true);
  }

  #putBack(queue: Queue, mayGo: (port: Port, session: number) => boolean): void {
    const going: HeldRequest[][] = [];
    for (const [port, sessions] of this.#held) {
      for (const [session, held] of sessions) {
        if (!mayGo(port, session)) continue;
        going.push(held);
        sessions.delete(session);
      }
      if (sessions.size === 0) this.#held.delete(port);
    }
    if (going.length === 0) return;
    const byTenant = new Map<number, QueuedRequest[]>();
    for (const { tenant, request } of inTurns(going)) {
      const requests = byTenant.get(tenant) ?? [];
      byTenant.set(tenant, requests);
      requests.push(request);
      this.count -= 1;
      this.bytes -= sizeOf(request);
    }
    for (const [tenant, requests] of byTenant) queue.unshiftAll(tenant, requests);
    assert(this.count >= 0 && this.bytes >= 0, "no fewer than none are held");
  }
}

/** The first of each, then the second of each, and so on. */
function inTurns<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const [only] = lists;
  if (only !== undefined && lists.length === 1) return only;
  const items: Item[] = [];
  let left = lists;
  for (let turn = 0; left.length > 0; turn++) {
    for (const list of left) {
      const item = list[turn];
      if (item !== undefined) items.push(item);
    }
    left = left.filter(({ length }) => length > turn + 1);
  }
  return items;
}

const sizeOf = ({ bodyFrom, bodyTo }: Readonly<QueuedRequest>): number => bodyTo - bodyFrom;
