/**
 * Hands the events of one consumer group out to its members. What is settled is durable state (the kernel's `groupAck`); which
 * member holds which event at the moment — a *lease* — is only here: it ends when the event is settled or refused, when its time
 * is up (which counts as a failed attempt, logged like one), or when the member goes (which does not).
 *
 * After a crash of the projection all leases are gone and unsettled events are delivered again: at least once, never lost.
 */
import { type GroupInfo, groupByName, UnsettledEvents } from "../../runtime/kernel/read/groups.js";
import { ackField, ackState } from "../../runtime/kernel/group-rows.js";
import { tree } from "../../runtime/kernel/kinds.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { EventSource } from "./event-source.js";
import type { Subscription } from "./subscription.js";

interface Lease {
  readonly member: Subscription;
  readonly expiresAt: number;
  readonly attempts: number;
}

/** Events under lease in one group, over all members. */
const leasesMax = 10_000;
const chunkEventsMax = 256;
const chunkBytesMax = 256 * 1024;

export class GroupCoordinator {
  readonly tenant: number;
  readonly stream: number;
  readonly name: string;
  readonly members: Subscription[] = [];
  readonly #leases = new Map<number, Lease>();
  readonly #out = new ByteWriter(16 * 1024);
  /** Where the walk for events goes on; back to 0 when something may have become free behind it. */
  #next = 0;
  #turn = 0;
  #seen = "";
  #hasMore = false;
  /** Leases whose time is up, until the attempt is logged. */
  readonly expired: number[] = [];

  constructor(tenant: number, stream: number, name: string) {
    this.tenant = tenant;
    this.stream = stream;
    this.name = name;
  }

  /** False when everything that can be delivered now was delivered. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  join(member: Subscription): void {
    assert(!this.members.includes(member), "a member joins once");
    this.members.push(member);
  }

  /** The member's events are free for the others. */
  leave(member: Subscription): void {
    const index = this.members.indexOf(member);
    if (index >= 0) this.members.splice(index, 1);
    for (const [offset, lease] of this.#leases) {
      if (lease.member !== member) continue;
      this.#leases.delete(offset);
      this.#next = 0;
    }
  }

  get leases(): number {
    return this.#leases.size;
  }

  /** Drops leases whose events the state has settled, retried or parked since. */
  #settle(reads: StateReads, group: GroupInfo): void {
    const fingerprint = `${group.group}.${group.floor}.${group.settled}.${group.retrying}.${group.parked}`;
    if (fingerprint === this.#seen) return;
    this.#seen = fingerprint;
    for (const [offset, lease] of this.#leases) {
      const found = reads.state.get(tree.groupAcks, reads.keys.three(this.tenant, group.group, offset));
      if (found) {
        const at = reads.state.valueStart;
        const isRetrying = reads.state.valueView.getUint8(at + ackField.state) === ackState.retrying;
        const attempts = reads.state.valueView.getUint16(at + ackField.attempts, true);
        if (isRetrying && attempts === lease.attempts) continue;
        this.#leases.delete(offset);
        if (isRetrying) this.#next = 0;
      } else if (offset < group.floor) this.#leases.delete(offset);
      else if (lease.attempts > 0) this.#leases.delete(offset);
    }
    if (group.retrying > 0) this.#next = 0;
  }

  /** Delivers what can be delivered. Returns false when the group is gone. */
  pump(reads: StateReads, source: EventSource, end: number, now: number, send: Send): boolean {
    const group = groupByName(reads, this.tenant, this.stream, this.name);
    if (group === null) return false;
    this.#settle(reads, group);
    this.#hasMore = false;
    if (this.members.length === 0) return true;
    const walk = new UnsettledEvents(reads).open(this.tenant, group, this.#next, end);
    // Entries for each member, gathered in the order of the walk.
    const gathered = new Map<Subscription, { offsets: number[]; attempts: number[] }>();
    let taken = 0;
    while (this.#leases.size < leasesMax && taken < chunkEventsMax * this.members.length) {
      const member = this.#pick(gathered);
      if (member === null) break;
      if (!walk.next()) {
        this.#next = end;
        break;
      }
      const { offset, attempts } = walk;
      if (this.#leases.has(offset)) continue;
      this.#leases.set(offset, { member, attempts, expiresAt: now + group.timeoutMs });
      let entry = gathered.get(member);
      if (entry === undefined) {
        entry = { offsets: [], attempts: [] };
        gathered.set(member, entry);
      }
      entry.offsets.push(offset);
      entry.attempts.push(attempts + 1);
      member.credits -= 1;
      taken += 1;
      this.#next = offset + 1;
    }
    this.#hasMore = taken > 0 && this.#next < end;
    for (const [member, entry] of gathered) this.#deliver(reads, source, end, member, entry, send);
    return true;
  }

  /** The next member in turn that has credit and room. */
  #pick(gathered: ReadonlyMap<Subscription, { offsets: number[] }>): Subscription | null {
    for (let i = 0; i < this.members.length; i++) {
      const member = this.members[(this.#turn + i) % this.members.length];
      if (member.credits < 1 || member.window < 1) continue;
      if ((gathered.get(member)?.offsets.length ?? 0) >= chunkEventsMax) continue;
      this.#turn = (this.#turn + i + 1) % this.members.length;
      return member;
    }
    return null;
  }

  #deliver(
    reads: StateReads,
    source: EventSource,
    end: number,
    member: Subscription,
    entry: { offsets: number[]; attempts: number[] },
    send: Send,
  ): void {
    let out = this.#out.reset().u32(0);
    let count = 0;
    const flush = (): void => {
      if (count === 0) return;
      const bytes = out.finish();
      new DataView(bytes.buffer).setUint32(0, count, true);
      member.window -= bytes.length;
      send(member, bytes);
      out = this.#out.reset().u32(0);
      count = 0;
    };
    for (let i = 0; i < entry.offsets.length; i++) {
      source.oneOf(reads, this.tenant, this.stream, entry.offsets[i], end, entry.attempts[i], out);
      count += 1;
      if (out.length >= chunkBytesMax) flush();
    }
    flush();
  }

  /** Moves leases whose time is up to `expired`; the owner logs them as failed attempts. */
  expire(now: number): void {
    for (const [offset, lease] of this.#leases) {
      if (lease.expiresAt > now) continue;
      this.#leases.delete(offset);
      this.expired.push(offset);
      this.#next = 0;
    }
  }
}

type Send = (member: Subscription, bytes: Uint8Array) => void;
