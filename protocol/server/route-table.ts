/**
 * Which shard serves a tenant, as far as this gateway knows: a cache of the directory's answers. A wrong entry does no harm: the
 * shard that no longer serves the tenant refuses with `routeStale`, and the entry is asked for again.
 */
import type { Route } from "../../actors/directory/messages.js";
import type { ActorContext } from "../../runtime/actor/definition.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

type Settle = (error: KimberliteError | null) => void;

interface Waiter {
  /** ms since 1970. */
  readonly deadline: number;
  readonly bytes: number;
  readonly settle: Settle;
}

const routesMax = 200_000;
/** Bytes of requests that may wait for routes, over all tenants. */
const waitingBytesMax = 64 * 1024 * 1024;
/** What a waiter costs besides its request. */
const waiterBytes = 512;
const askMs = 10_000;

export class RouteTable {
  readonly #context: ActorContext;
  readonly #routes = new Map<number, Route>();
  readonly #waiting = new Map<number, Waiter[]>();
  #waitingBytes = 0;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** The shard, null when there is no such tenant, undefined when it has to be asked for. */
  shardOf(tenant: number): number | null | undefined {
    return this.#routes.get(tenant)?.shard;
  }

  /** True while requests wait for a route. */
  get isWaitedFor(): boolean {
    return this.#waiting.size > 0;
  }

  /** Calls back once the route of a tenant is known, or with the error that prevented it. `bodyBytes` is what the waiter holds. */
  whenKnown(tenant: number, bodyBytes: number, deadline: number, settle: Settle): void {
    const bytes = bodyBytes + waiterBytes;
    if (this.#waitingBytes + bytes > waitingBytesMax) {
      throw new KimberliteError("mailboxFull", "too many requests wait for the directory; try again in a moment");
    }
    this.#waitingBytes += bytes;
    const waiter: Waiter = { deadline, bytes, settle };
    const waiting = this.#waiting.get(tenant);
    if (waiting !== undefined) {
      waiting.push(waiter);
      return;
    }
    this.#waiting.set(tenant, [waiter]);
    const port = this.#context.port("directory");
    if (port === null) {
      this.#settle(tenant, new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment"));
      return;
    }
    this.#context.request<Route>(port, { kind: "route", tenant }, { deadlineMs: askMs }, (outcome) => {
      if (outcome.ok) this.changed(outcome.value);
      this.#settle(tenant, outcome.ok ? null : outcome.error);
    });
  }

  #settle(tenant: number, error: KimberliteError | null): void {
    const waiting = this.#waiting.get(tenant);
    if (waiting === undefined) return;
    this.#waiting.delete(tenant);
    for (const waiter of waiting) this.#end(waiter, error);
  }

  #end({ bytes, settle }: Waiter, error: KimberliteError | null): void {
    this.#waitingBytes -= bytes;
    settle(error);
    assert(this.#waitingBytes >= 0, "no fewer than zero bytes wait for routes");
  }

  /** Answers those whose time is up while the directory is silent. */
  expire(now: number): void {
    for (const [tenant, waiting] of this.#waiting) {
      const late = waiting.filter(({ deadline }) => deadline <= now);
      if (late.length === 0) continue;
      // The tenant keeps its place, also when nobody is left: its question is under way.
      this.#waiting.set(
        tenant,
        waiting.filter(({ deadline }) => deadline > now),
      );
      const error = new KimberliteError("deadlineExceeded", "the directory did not answer in time", {
        outcome: "notCommitted",
      });
      for (const waiter of late) this.#end(waiter, error);
    }
  }

  /** Learns a route; an older epoch never replaces a newer one. */
  changed(route: Route): void {
    const known = this.#routes.get(route.tenant);
    if (known !== undefined && known.epoch > route.epoch) return;
    if (this.#routes.size >= routesMax && known === undefined) this.#routes.clear();
    if (route.shard === null) this.#routes.delete(route.tenant);
    else this.#routes.set(route.tenant, route);
    if (route.shard === null && this.#waiting.has(route.tenant)) {
      this.#settle(
        route.tenant,
        new KimberliteError("tenantUnknown", "see tenant.list", { detail: { tenant: route.tenant } }),
      );
    }
  }

  forgetAll(): void {
    this.#routes.clear();
  }
}
