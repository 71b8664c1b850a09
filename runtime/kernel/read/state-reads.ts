/**
 * Reads of one version of a shard's state: what projections (and the shard's and the directory's own look-ups) use instead of
 * the trees. Nothing here writes, waits or knows of the log's bytes; events are answered as places in the log.
 *
 * `bound` in all of these is a number of positions: positions below it are visible, others do not exist. `unbounded` is the
 * version itself. Streams, events and commits are exact at any bound, since they are only ever added to. Groups, sessions and
 * quotas are of the version alone.
 *
 * One object per thread, pointed at another version with `use`. Cursors are kept while the reader stays the same object.
 */
import type { Cursor, TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { CommitWalk } from "../commit-walk.js";
import { tree } from "../kinds.js";
import { getU64 } from "../numbers.js";
import { StateKeys } from "../state-keys.js";
import { type Quotas, quotasAt, tenantField, tenantRowBytes } from "../tenant-row.js";

export const unbounded = Number.MAX_SAFE_INTEGER;

export interface TenantInfo {
  readonly tenant: number;
  /** One of `tenantStatus`. */
  readonly status: number;
  readonly epoch: number;
  /** Positions so far: the next command gets this one. */
  readonly nextPosition: number;
  /** µs; 0 before the first command. */
  readonly lastTime: number;
  readonly streams: number;
  /** Event bytes, event headers included. */
  readonly storedBytes: number;
  readonly sessions: number;
  readonly groups: number;
  readonly quotas: Quotas;
}

export class StateReads {
  readonly keys = new StateKeys();
  readonly commits = new CommitWalk();
  readonly #cursors: (Cursor | undefined)[] = [];
  state: TreeReader;

  constructor(state: TreeReader) {
    this.state = state;
  }

  use(state: TreeReader): this {
    if (state !== this.state) this.#cursors.length = 0;
    this.state = state;
    return this;
  }

  /** The kept cursor of a tree: seek before use. */
  cursor(number: number): Cursor {
    const kept = this.#cursors[number];
    if (kept !== undefined) return kept;
    const made = this.state.cursor(number);
    this.#cursors[number] = made;
    return made;
  }

  tenant(tenant: number): TenantInfo | null {
    const { state } = this;
    if (!state.get(tree.tenants, this.keys.one(tenant))) return null;
    const { valueView: view, valueStart: at } = state;
    assert(state.valueLength === tenantRowBytes, "a tenant row has its fixed size");
    const info: TenantInfo = {
      tenant,
      status: view.getUint8(at + tenantField.status),
      epoch: view.getUint32(at + tenantField.epoch, true),
      nextPosition: getU64(view, at + tenantField.nextPosition),
      lastTime: getU64(view, at + tenantField.lastTime),
      streams: getU64(view, at + tenantField.streams),
      storedBytes: getU64(view, at + tenantField.storedBytes),
      sessions: view.getUint32(at + tenantField.sessions, true),
      groups: view.getUint32(at + tenantField.groups, true),
      quotas: quotasAt(view, at + tenantField.quotas),
    };
    assert(view.getUint8(at) === 1, "a tenant row has a known version");
    return info;
  }

  /** Tenants of this shard in the order of their numbers, after the given one (-1: from the system tenant on). */
  tenants(after: number, limit: number): TenantInfo[] {
    assert(limit >= 0 && after >= -1, "a listing has a start and a limit");
    const found: TenantInfo[] = [];
    const cursor = this.cursor(tree.tenants);
    const key = new Uint8Array(8);
    const view = new DataView(key.buffer);
    const numbers: number[] = [];
    for (let more = cursor.seek(this.keys.one(after + 1)); more && numbers.length < limit; more = cursor.next()) {
      cursor.keyInto(key);
      numbers.push(view.getUint32(0) * 2 ** 32 + view.getUint32(4));
    }
    for (const number of numbers) {
      const info = this.tenant(number);
      assert(info !== null, "a listed tenant has a row");
      found.push(info);
    }
    return found;
  }

  /** Time of a position's command, µs; -1 for a position that is not there. */
  timeOf(tenant: number, position: number): number {
    assert(position >= 0, "a position is not negative");
    if (!this.commits.find(this.cursor(tree.commits), tenant, position)) return -1;
    const { time } = this.commits;
    assert(time > 0, "a command has a time");
    return time;
  }

  /**
   * Positions whose time is at most `time`: the bound of a read at that timestamp. O(log² n). Exact for good once the tenant's
   * shard has passed that time; before, later commands may still fall under it, which is for the caller to wait out.
   */
  positionsUntil(tenant: number, time: number): number {
    const info = this.tenant(tenant);
    if (info === null || info.nextPosition === 0) return 0;
    if (info.lastTime <= time) return info.nextPosition;
    // Invariant: positions below `low` are at or before the time; those from `high` on are after it.
    let low = 0;
    let high = info.nextPosition - 1;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const at = this.timeOf(tenant, middle);
      assert(at > 0, "order: every position below the next one has its commit");
      if (at <= time) low = middle + 1;
      else high = middle;
    }
    assert(low < info.nextPosition, "the newest command is after the time");
    return low;
  }
}
