/**
 * What the command asks of a node, in the command's own words; `connect.ts` says it in the SDK's. Numbers are plain: none of the
 * protocol is above 2^53 - 1.
 */
import type { AdminMethod } from "../wire/admin-call.js";

export interface StreamEntry {
  readonly id: number;
  readonly name: string;
  readonly nextOffset: number;
  readonly bytes: number;
  readonly createdPosition: number;
  /** Microseconds since 1970. */
  readonly createdTime: number;
}

export interface StoredEvent {
  readonly offset: number;
  readonly position: number;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly isJson: boolean;
  readonly payload: Uint8Array;
  /** How often a group's event was handed out; null outside groups. */
  readonly attempt: number | null;
}

export interface AppendWish {
  readonly events: readonly Uint8Array[];
  readonly isJson: boolean;
  /** The offset that the first event must get; null = whatever is next. */
  readonly expected: number | null;
  /** 16 bytes; null = the client draws one. */
  readonly key: Uint8Array | null;
}

export interface AppendOutcome {
  readonly position: number;
  readonly firstOffset: number;
  readonly count: number;
  readonly time: number;
  /** True when an earlier attempt had written this already. */
  readonly replayed: boolean;
}

export type Consistency =
  | { readonly kind: "session" | "linearizable" | "stale" }
  | { readonly kind: "position"; readonly position: number }
  | { readonly kind: "timestamp"; readonly micros: number };

export interface ReadWish {
  readonly from: number;
  readonly limit: number;
  readonly backward: boolean;
  readonly consistency: Consistency;
}

export interface ReadOutcome {
  /** Positions visible to the read: its newest one plus one. */
  readonly visible: number;
  readonly nextOffset: number;
  readonly events: readonly StoredEvent[];
}

export interface GroupEntry {
  readonly name: string;
  readonly floor: number;
  readonly settled: number;
  readonly retrying: number;
  readonly parked: number;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly createdTime: number;
}

export interface ParkedEntry {
  readonly offset: number;
  readonly position: number;
  readonly time: number;
  readonly attempts: number;
  readonly reason: string;
}

export interface GroupWish {
  /** The first offset that the group reads. */
  readonly from: number;
  /** An event that is not answered for this long is handed out again. */
  readonly timeoutMs: number;
  /** After so many attempts an event is parked. */
  readonly attemptsMax: number;
}

/** One tenant of a node. */
export interface TenantAccess {
  createStream(name: string, ifNotExists: boolean): Promise<StreamEntry>;
  stream(name: string): Promise<StreamEntry>;
  /** In the order of their names. */
  streams(): AsyncIterable<StreamEntry>;
  append(stream: string, wish: AppendWish): Promise<AppendOutcome>;
  read(stream: string, wish: ReadWish): Promise<ReadOutcome>;
  /** Events from an offset on as they come, those that came together at once, over reconnects, until the signal aborts. */
  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]>;
  createGroup(stream: string, group: string, wish: GroupWish): Promise<void>;
  deleteGroup(stream: string, group: string): Promise<void>;
  group(
    stream: string,
    group: string,
  ): Promise<{ readonly group: GroupEntry; readonly parked: readonly ParkedEntry[] }>;
  groups(stream: string): Promise<readonly GroupEntry[]>;
  /** Hands parked events out again, or counts them as done with. Resolves to how many. */
  settleParked(
    stream: string,
    group: string,
    offsets: readonly number[] | "all",
    verdict: "replay" | "discard",
  ): Promise<number>;
  /** A group's events; each is to be acknowledged or it comes again. */
  consume(
    stream: string,
    group: string,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly event: StoredEvent; readonly acknowledge: () => Promise<void> }>;
}

export interface NodeAccess {
  admin(method: AdminMethod, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Throws `tenantUnknown`. */
  tenant(name: string): Promise<TenantAccess>;
  close(): Promise<void>;
}
