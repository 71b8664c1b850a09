/** All subscriptions of a projection, and the pump that serves them in turn within a budget. */
import type { Port } from "../../runtime/actor/definition.js";
import { groupByName } from "../../runtime/kernel/read/groups.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { unbounded } from "../../runtime/kernel/read/state-reads.js";
import { streamById } from "../../runtime/kernel/read/streams.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { EventSource } from "./event-source.js";
import { GroupCoordinator } from "./group-coordinator.js";
import type { Outbox } from "./outbox.js";
import { servedTenant } from "./reading.js";
import type { Subscription } from "./subscription.js";

const chunkEventsMax = 1_024;
const chunkBytesMax = 256 * 1024;
/** Bytes that one pump gathers before it lets other work of the thread go first. */
const pumpBytesMax = 4 * 1024 * 1024;
const subscriptionsMax = 20_000;

const groupKey = (tenant: number, stream: number, name: string): string => `${tenant}/${stream}/${name}`;

export class Subscriptions {
  readonly #byPort = new Map<Port, Map<number, Subscription>>();
  readonly #groups = new Map<string, GroupCoordinator>();
  /** Where the next pump begins, so that the last in the list is not always the one left out. */
  #turn = 0;
  count = 0;
  delivered = 0;

  /** Whether some event is held by a consumer, whose time may run out. */
  get hasLeases(): boolean {
    for (const group of this.#groups.values()) if (group.leases > 0) return true;
    return false;
  }

  get groups(): Iterable<GroupCoordinator> {
    return this.#groups.values();
  }

  /** Throws the typed refusal that the client gets. */
  add(reads: StateReads, subscription: Subscription): void {
    const { tenant, stream, group, port, correlation } = subscription;
    if (this.count >= subscriptionsMax) throw new KimberliteError("mailboxFull", "the node has too many subscriptions");
    servedTenant(reads, tenant);
    const info = streamById(reads, tenant, stream, unbounded);
    if (info === null) throw new KimberliteError("streamUnknown", `${stream}`, { detail: { stream } });
    if (group !== "") {
      if (groupByName(reads, tenant, stream, group) === null) {
        throw new KimberliteError("groupUnknown", group, { detail: { group } });
      }
      const key = groupKey(tenant, stream, group);
      const coordinator = this.#groups.get(key) ?? new GroupCoordinator(tenant, stream, group);
      this.#groups.set(key, coordinator);
      coordinator.join(subscription);
    }
    let ofPort = this.#byPort.get(port);
    if (ofPort === undefined) {
      ofPort = new Map();
      this.#byPort.set(port, ofPort);
    }
    assert(!ofPort.has(correlation), "a correlation names one subscription");
    ofPort.set(correlation, subscription);
    this.count += 1;
  }

  find(port: Port, correlation: number): Subscription | undefined {
    return this.#byPort.get(port)?.get(correlation);
  }

  remove(subscription: Subscription): void {
    const ofPort = this.#byPort.get(subscription.port);
    if (ofPort === undefined || !ofPort.delete(subscription.correlation)) return;
    this.count -= 1;
    if (subscription.group === "") return;
    const key = groupKey(subscription.tenant, subscription.stream, subscription.group);
    const coordinator = this.#groups.get(key);
    coordinator?.leave(subscription);
    if (coordinator?.members.length === 0) this.#groups.delete(key);
  }

  /** Gateways that are gone take their subscriptions with them. */
  removeClosed(): void {
    for (const [port, ofPort] of this.#byPort) {
      if (port.isOpen) continue;
      for (const subscription of [...ofPort.values()]) this.remove(subscription);
      this.#byPort.delete(port);
    }
  }

  /**
   * Delivers what can be delivered of the pinned version. True when something is left that could go out at once.
   *
   * @param answerOf what a subscriber is told of an error
   */
  pump(
    reads: StateReads,
    source: EventSource,
    version: number,
    outbox: Outbox,
    now: number,
    answerOf: (error: KimberliteError) => KimberliteError,
  ): boolean {
    let hasMore = false;
    const all: Subscription[] = [];
    for (const ofPort of this.#byPort.values()) all.push(...ofPort.values());
    for (let i = 0; i < all.length; i++) {
      const subscription = all[(this.#turn + i) % all.length];
      if (subscription.group !== "") continue;
      if (subscription.credits < 1 || subscription.window < 1) continue;
      if (outbox.bytes >= pumpBytesMax) {
        this.#turn = (this.#turn + i) % all.length;
        return true;
      }
      try {
        hasMore = this.#pumpOne(reads, source, version, outbox, subscription) || hasMore;
      } catch (error) {
        if (!(error instanceof KimberliteError)) throw error;
        outbox.end(subscription.port, subscription.correlation, answerOf(error));
        this.remove(subscription);
      }
    }
    for (const group of [...this.#groups.values()]) {
      if (outbox.bytes >= pumpBytesMax) return true;
      hasMore = this.#pumpGroup(reads, source, outbox, group, now, answerOf) || hasMore;
    }
    return hasMore;
  }

  #pumpOne(
    reads: StateReads,
    source: EventSource,
    version: number,
    outbox: Outbox,
    subscription: Subscription,
  ): boolean {
    const { tenant, stream } = subscription;
    const end = this.#end(reads, tenant, stream);
    const eventsMax = Math.min(subscription.credits, chunkEventsMax);
    const chunk = source.chunk(reads, version, tenant, stream, subscription.next, end, eventsMax, chunkBytesMax);
    if (chunk === null) return false;
    assert(chunk.from === subscription.next, "order: a subscription gets every event, in order, once");
    outbox.events(subscription.port, subscription.correlation, chunk.bytes);
    subscription.next = chunk.next;
    subscription.credits -= chunk.count;
    subscription.window -= chunk.bytes.length;
    this.delivered += chunk.count;
    return chunk.next < end && subscription.credits > 0 && subscription.window > 0;
  }

  #pumpGroup(
    reads: StateReads,
    source: EventSource,
    outbox: Outbox,
    group: GroupCoordinator,
    now: number,
    answerOf: (error: KimberliteError) => KimberliteError,
  ): boolean {
    try {
      const end = this.#end(reads, group.tenant, group.stream);
      const exists = group.pump(reads, source, end, now, (member, bytes) => {
        outbox.events(member.port, member.correlation, bytes);
      });
      if (!exists)
        throw new KimberliteError("groupUnknown", `${group.name} was deleted`, { detail: { group: group.name } });
      return group.hasMore;
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      const answer = answerOf(error);
      for (const member of [...group.members]) {
        outbox.end(member.port, member.correlation, answer);
        this.remove(member);
      }
      return false;
    }
  }

  #end(reads: StateReads, tenant: number, stream: number): number {
    servedTenant(reads, tenant);
    const info = streamById(reads, tenant, stream, unbounded);
    if (info === null) throw new KimberliteError("streamUnknown", `${stream}`, { detail: { stream } });
    return info.nextOffset;
  }
}
