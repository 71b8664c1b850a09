/**
 * Requests whose answers would come on top of many that nobody takes at the moment: they are decided once whoever asked has room again, in the
 * order in which they came. Those of others go on meanwhile.
 */
import type { Port } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import type { QueuedRequest, RequestQueue } from "./request-queue.js";

interface HeldRequest {
  readonly tenant: number;
  readonly request: QueuedRequest;
}

export class HeldRequests {
  readonly #isHeldUp: (port: Port) => boolean;
  readonly #held = new Map<Port, HeldRequest[]>();
  count = 0;
  bytes = 0;
  /** Requests that had to wait. */
  waited = 0;

  /** @param isHeldUp whether nothing is to be decided for somebody now */
  constructor(isHeldUp: (port: Port) => boolean) {
    this.#isHeldUp = isHeldUp;
  }

  /** Takes a request over if it is to wait. */
  hold(tenant: number, request: Readonly<QueuedRequest>): boolean {
    const { port } = request;
    if (port === null) return false;
    const before = this.#held.get(port);
    if (before === undefined && !this.#isHeldUp(port)) return false;
    const held = before ?? [];
    held.push({ tenant, request: { ...request } });
    this.#held.set(port, held);
    this.count += 1;
    this.bytes += sizeOf(request);
    this.waited += 1;
    return true;
  }

  /** Puts those back that need not wait any more, before all that has come since. */
  requeue(queue: Pick<RequestQueue, "unshiftAll">): void {
    if (this.#held.size === 0) return;
    for (const port of [...this.#held.keys()]) if (!this.#isHeldUp(port)) this.#putBack(port, queue);
  }

  requeueAll(queue: Pick<RequestQueue, "unshiftAll">): void {
    for (const port of [...this.#held.keys()]) this.#putBack(port, queue);
  }

  #putBack(port: Port, queue: Pick<RequestQueue, "unshiftAll">): void {
    const byTenant = new Map<number, QueuedRequest[]>();
    for (const { tenant, request } of this.#held.get(port) ?? []) {
      const requests = byTenant.get(tenant) ?? [];
      byTenant.set(tenant, requests);
      requests.push(request);
      this.count -= 1;
      this.bytes -= sizeOf(request);
    }
    this.#held.delete(port);
    for (const [tenant, requests] of byTenant) queue.unshiftAll(tenant, requests);
    assert(this.count >= 0 && this.bytes >= 0, "no fewer than none are held");
  }
}

const sizeOf = ({ bodyFrom, bodyTo }: Readonly<QueuedRequest>): number => bodyTo - bodyFrom;
