/**
 * Hands the events of one consumer group out to its members. What is settled is durable state (the kernel's `groupAck`); which
 * member holds which event at the moment — a *lease* — is only here: it ends when the event is settled or refused, when its time
 * is up (which counts as a failed attempt, logged like one, and delivered again once it is), or when the member goes (which does not).
 *
 * After a crash of the projection all leases are gone and unsettled events are delivered again: at least once, never lost.
 */

import { ackField, ackState } from "../../runtime/kernel/group-rows.js";
import { tree } from "../../runtime/kernel/kinds.js";
import { type GroupInfo, groupByName, UnsettledEvents } from "../../runtime/kernel/read/groups.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { EventSource } from "./event-source.js";
import type { Subscription } from "./subscription.js";

interface Lease {
  readonly member: Subscription;
  readonly expiresAt: number;
  readonly attempts: number;
  /** Its time is up, and the failed attempt is on its way to the log. Delivered now, it would be delivered again for that attempt. */
  isExpiring: boolean;
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
  /** Where the walk for events goes on; back to 0 when something may have become free behind it. */
  #next = 0;
  #turn = 0;
  #seen = "";
  #group = -1;
  #hasMore = false;

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
    // An event that fails again changes none of the counts: while some are being retried, any command of the tenant may be that.
    const position = group.retrying === 0 ? 0 : (reads.tenant(this.tenant)?.nextPosition ?? 0);
    const fingerprint = `${group.group}.${group.floor}.${group.settled}.${group.retrying}.${group.parked}.${position}`;
    if (fingerprint === this.#seen) return;
    this.#seen = fingerprint;
    if (group.group !== this.#group) {
      // Deleted and made anew under the same name: what was held of the old one says nothing of this one.
      this.#group = group.group;
      this.#leases.clear();
      this.#next = 0;
    }
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
    // One chunk a member, gathered in the order of the walk.
    const chunks = new Map<Subscription, Chunk>();
    let taken = 0;
    try {
      while (this.#leases.size < leasesMax && taken < chunkEventsMax * this.members.length) {
        const member = this.#pick(chunks);
        if (member === null) break;
        if (!walk.next()) {
          this.#next = end;
          break;
        }
        const { offset, attempts } = walk;
        if (this.#leases.has(offset)) continue;
        const chunk = chunks.get(member) ?? { out: new ByteWriter(4 * 1024).u32(0), count: 0 };
        chunks.set(member, chunk);
        const before = chunk.out.length;
        try {
          source.oneOf(reads, this.tenant, this.stream, offset, end, attempts + 1, chunk.out);
        } catch (error) {
          chunk.out.rewind(before);
          throw error;
        }
        chunk.count += 1;
        this.#leases.set(offset, { member, attempts, expiresAt: now + group.timeoutMs, isExpiring: false });
        member.credits -= 1;
        member.window -= chunk.out.length - before;
        taken += 1;
        this.#next = offset + 1;
      }
    } finally {
      // Also before an event that cannot be read: those in front of it are leased, and are delivered.
      for (const [member, { out, count }] of chunks) {
        if (count === 0) continue;
        const bytes = out.finish();
        new DataView(bytes.buffer).setUint32(0, count, true);
        send(member, bytes);
      }
    }
    this.#hasMore = taken > 0 && this.#next < end;
    return true;
  }

  /** The next member in turn that has credit and room. */
  #pick(chunks: ReadonlyMap<Subscription, Chunk>): Subscription | null {
    for (let i = 0; i < this.members.length; i++) {
      const member = this.members[(this.#turn + i) % this.members.length];
      if (member.credits < 1 || member.window < 1) continue;
      const chunk = chunks.get(member);
      if (chunk !== undefined && (chunk.count >= chunkEventsMax || chunk.out.length >= chunkBytesMax)) continue;
      this.#turn = (this.#turn + i + 1) % this.members.length;
      return member;
    }
    return null;
  }

  /** Offsets whose time is up, at most `max`. The owner logs them as failed attempts and says `logged` when it knows what came of it. */
  expire(now: number, max: number): number[] {
    const expired: number[] = [];
    for (const [offset, lease] of this.#leases) {
      if (expired.length === max) break;
      if (lease.isExpiring || lease.expiresAt > now) continue;
      lease.isExpiring = true;
      expired.push(offset);
    }
    return expired;
  }

  /** The failed attempts are in the log, or could not be brought there: either way their events are free for the next pump. */
  logged(offsets: readonly number[]): void {
    for (const offset of offsets) {
      if (this.#leases.get(offset)?.isExpiring !== true) continue;
      this.#leases.delete(offset);
      this.#next = 0;
    }
  }
}

interface Chunk {
  readonly out: ByteWriter;
  count: number;
}

type Send = (member: Subscription, bytes: Uint8Array) => void;
