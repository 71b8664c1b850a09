/**
 * Writes that wait for the next prepare, in arrival order per tenant.
 *
 * A prepare carries one block a tenant, so the queue hands requests out tenant by tenant. A tenant that floods the shard must
 * not own the log: when more waits than one prepare takes, each waiting tenant gets an equal share of it and the tenants take
 * turns in being first (`take` rotates). Entries are numbers in parallel arrays: no object per request.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";

interface TenantQueue {
  readonly tenant: number;
  /** Entry numbers into the parallel arrays, consumed from `head`. */
  entries: number[];
  head: number;
  bytes: number;
}

/** Where one queued request lies. Fields are overwritten by the next call. */
export interface QueuedRequest {
  bytes: Uint8Array;
  view: DataView;
  /** Where the reply goes: a gateway's port, or the asker of a single command. */
  port: Port | null;
  envelope: Envelope | null;
  correlation: number;
  deadline: number;
  kind: number;
  principalFrom: number;
  principalTo: number;
  bodyFrom: number;
  bodyTo: number;
}

export class RequestQueue {
  readonly #tenants = new Map<number, TenantQueue>();
  readonly #pool: QueuedRequest[] = [];
  readonly #free: number[] = [];
  count = 0;
  bytes = 0;

  push(tenant: number, request: Readonly<QueuedRequest>): void {
    const queue = this.#queueOf(tenant, request);
    queue.entries.push(this.#keep(request));
  }

  /** Puts a request before all others of its tenant: one that was taken out and has to be decided after all. */
  unshift(tenant: number, request: Readonly<QueuedRequest>): void {
    const queue = this.#queueOf(tenant, request);
    const index = this.#keep(request);
    if (queue.head > 0) {
      queue.head -= 1;
      queue.entries[queue.head] = index;
    } else queue.entries.unshift(index);
  }

  /** Puts requests, in their order, before all others of their tenant. */
  unshiftAll(tenant: number, requests: readonly Readonly<QueuedRequest>[]): void {
    const first: number[] = [];
    for (const request of requests) {
      this.#queueOf(tenant, request);
      first.push(this.#keep(request));
    }
    const queue = this.#tenants.get(tenant);
    if (queue === undefined) return;
    queue.entries = first.concat(queue.entries.slice(queue.head));
    queue.head = 0;
  }

  #keep(request: Readonly<QueuedRequest>): number {
    let index = this.#free.pop();
    if (index === undefined) {
      index = this.#pool.length;
      this.#pool.push({ ...request });
    } else {
      copyInto(this.#pool[index], request);
    }
    return index;
  }

  /** The tenant's queue, with the request counted in. */
  #queueOf(tenant: number, request: Readonly<QueuedRequest>): TenantQueue {
    let queue = this.#tenants.get(tenant);
    if (queue === undefined) {
      queue = { tenant, entries: [], head: 0, bytes: 0 };
      this.#tenants.set(tenant, queue);
    }
    const size = request.bodyTo - request.bodyFrom;
    queue.bytes += size;
    this.count += 1;
    this.bytes += size;
    return queue;
  }

  get tenantCount(): number {
    return this.#tenants.size;
  }

  /** The waiting tenants, the one served longest ago first. */
  tenants(): readonly number[] {
    return [...this.#tenants.keys()];
  }

  /** The oldest request of a tenant, or null when none waits. */
  peek(tenant: number): QueuedRequest | null {
    const queue = this.#tenants.get(tenant);
    if (queue === undefined || queue.head === queue.entries.length) return null;
    return this.#pool[queue.entries[queue.head]];
  }

  /** Removes what `peek` showed. */
  shift(tenant: number): void {
    const queue = this.#tenants.get(tenant);
    assert(queue !== undefined && queue.head < queue.entries.length, "only a request that waits is removed");
    const index = queue.entries[queue.head];
    const entry = this.#pool[index];
    const size = entry.bodyTo - entry.bodyFrom;
    queue.head += 1;
    queue.bytes -= size;
    this.count -= 1;
    this.bytes -= size;
    entry.bytes = noBytes;
    entry.view = noView;
    entry.port = null;
    entry.envelope = null;
    this.#free.push(index);
    assert(this.count >= 0 && this.bytes >= 0, "a queue never holds less than nothing");
  }

  /** Takes everything out, tenant by tenant, each in its order. */
  drain(): QueuedRequest[] {
    const all: QueuedRequest[] = [];
    for (const tenant of this.tenants()) {
      for (let next = this.peek(tenant); next !== null; next = this.peek(tenant)) {
        all.push({ ...next });
        this.shift(tenant);
      }
      this.endTurn(tenant);
    }
    assert(this.count === 0, "a drained queue is empty");
    return all;
  }

  /** Ends a tenant's turn: it goes behind the others, or leaves when nothing of it waits. */
  endTurn(tenant: number): void {
    const queue = this.#tenants.get(tenant);
    if (queue === undefined) return;
    this.#tenants.delete(tenant);
    if (queue.head === queue.entries.length) return;
    if (queue.head > 1024) {
      queue.entries = queue.entries.slice(queue.head);
      queue.head = 0;
    }
    this.#tenants.set(tenant, queue);
  }
}

const noBytes = new Uint8Array(0);
const noView = new DataView(noBytes.buffer);

/** Field by field: `Object.assign` costs more than all the rest of a push. */
function copyInto(entry: QueuedRequest, request: Readonly<QueuedRequest>): void {
  entry.bytes = request.bytes;
  entry.view = request.view;
  entry.port = request.port;
  entry.envelope = request.envelope;
  entry.correlation = request.correlation;
  entry.deadline = request.deadline;
  entry.kind = request.kind;
  entry.principalFrom = request.principalFrom;
  entry.principalTo = request.principalTo;
  entry.bodyFrom = request.bodyFrom;
  entry.bodyTo = request.bodyTo;
}
