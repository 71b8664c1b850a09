/**
 * What replicas say to one another. Plain data: `codec.ts` gives each its bytes.
 *
 *   normal operation   prepare → prepareOk → commit (heartbeat) → commitOk (leadership confirmed)
 *   view change        startViewChange → doViewChange → startView; getView asks for the last
 *   repair             getPrepare → prepare; getRun → run (committed operations in order, however far back)
 *   state sync         getSeals → seals; getSegmentPart → segmentPart (complete segments of the log, by content hash, from anybody)
 *   acquaintance       ping → pong
 *
 * A prepare is the same bytes everywhere: in the sender's log, on the wire, in the receiver's log. Its identity is the SHA-256 of its
 * header, and each names its parent's; so an operation stands for everything before it.
 */
import type { PrepareHeader } from "../storage/frame.js";
import type { LogPosition } from "../storage/log-position.js";
import type { NamedHeader, Prepare } from "../storage/prepare.js";

export type { Prepare } from "../storage/prepare.js";
/** A header as the canonical log of a view names it. */
export type SuffixHeader = NamedHeader;

/** What a replica says of one operation of its log's end when it hands it over in a view change. */
export interface SuffixEntry {
  readonly op: number;
  /** Null: blank. Nothing is known of this operation but its number. */
  readonly header: PrepareHeader | null;
  /** The 256 bytes of `header`, or null. */
  readonly headerBytes: Uint8Array | null;
  /** This replica can give the prepare's body. */
  readonly present: boolean;
  /** This replica never acknowledged the operation and, having left the view, never will for it. */
  readonly nack: boolean;
}

/** An operation and the identity of its prepare. */
export interface OpIdentity {
  readonly op: number;
  readonly identity: Uint8Array;
}

export interface PrepareMessage {
  readonly kind: "prepare";
  readonly prepare: Prepare;
}
/** The sender holds, durably and in the log of this view, everything up to and including `op`. */
export interface PrepareOkMessage extends OpIdentity {
  readonly kind: "prepareOk";
  readonly view: number;
}
/** Heartbeat of a primary: what is committed. `round` grows with each; a `commitOk` repeats it. */
export interface CommitMessage {
  readonly kind: "commit";
  readonly view: number;
  readonly commit: OpIdentity;
  /** The primary's head: tells a backup that it misses prepares. */
  readonly op: number;
  readonly round: number;
}
export interface CommitOkMessage {
  readonly kind: "commitOk";
  readonly view: number;
  readonly round: number;
}
export interface StartViewChangeMessage {
  readonly kind: "startViewChange";
  readonly view: number;
}
export interface DoViewChangeMessage {
  readonly kind: "doViewChange";
  readonly view: number;
  /** The last view in which the sender's log was that view's log. */
  readonly logView: number;
  /** Highest operation known to be committed. */
  readonly commit: number;
  /** Newest operation up to which the sender holds a sound log without a gap. */
  readonly contiguous: number;
  /** From the head (never blank) down to the first operation that is not above `commit`, without gaps in the numbers. */
  readonly suffix: readonly SuffixEntry[];
}
export interface StartViewMessage {
  readonly kind: "startView";
  readonly view: number;
  readonly commit: number;
  /** From the head down to the first operation that is not above `commit`. Empty only for an empty log. */
  readonly suffix: readonly SuffixHeader[];
  /** The asker's, or 0. */
  readonly nonce: number;
}
export interface GetViewMessage {
  readonly kind: "getView";
  readonly view: number;
  readonly nonce: number;
}
export interface GetPrepareMessage extends OpIdentity {
  readonly kind: "getPrepare";
  readonly view: number;
}
/** Asks for the committed operations behind `from`. `until` is known to be committed; a peer that has it gives everything up to it. */
export interface GetRunMessage {
  readonly kind: "getRun";
  readonly from: LogPosition;
  readonly until: OpIdentity;
  readonly bytesMax: number;
}
/** Operations `from.op + 1, …` in order, each the parent of the next, all committed. */
export interface RunMessage {
  readonly kind: "run";
  readonly prepares: readonly Prepare[];
}
/** Asks which complete segments of the log, committed from end to end, the receiver holds from `segment` on. */
export interface GetSealsMessage {
  readonly kind: "getSeals";
  readonly segment: number;
}
/** Seals of the segments `segment`, `segment + 1`, …: 256 bytes each (`storage/segment-seal.ts`), verified by their own checksums. */
export interface SealsMessage {
  readonly kind: "seals";
  readonly segment: number;
  readonly seals: readonly Uint8Array[];
}
/** Asks for bytes of the segment with that content hash. */
export interface GetSegmentPartMessage {
  readonly kind: "getSegmentPart";
  readonly segment: number;
  readonly contentHash: Uint8Array;
  readonly offset: number;
  readonly length: number;
}
/** Empty: it is not to be had here. Nothing about the bytes is verified before the whole segment is. */
export interface SegmentPartMessage {
  readonly kind: "segmentPart";
  readonly segment: number;
  readonly contentHash: Uint8Array;
  readonly offset: number;
  readonly bytes: Uint8Array;
}
export interface PingMessage {
  readonly kind: "ping";
  /** Durable view of the sender. */
  readonly view: number;
  readonly status: ReplicaStatus;
  readonly commit: number;
  readonly release: number;
  /** Sender's monotonic clock, µs. */
  readonly monotonic: number;
  /** Id of the sender's data directory, 16 bytes; zeros when it has none. */
  readonly member: Uint8Array;
}
/** What a replica remembers of another: for one whose disk was lost or put back. */
export interface Remembered {
  /** Id of the data directory that it knows in the other's place; zeros for none. */
  readonly member: Uint8Array;
  /** The highest view that it has seen the other in, and the newest operation that the other said to hold in it. */
  readonly view: number;
  readonly op: number;
}
export interface PongMessage {
  readonly kind: "pong";
  readonly view: number;
  readonly status: ReplicaStatus;
  readonly commit: number;
  readonly release: number;
  /** The ping's monotonic time. */
  readonly echoed: number;
  /** Sender's wall clock, µs since 1970. */
  readonly wall: number;
  /** What the sender remembers of the receiver. */
  readonly remembered: Remembered;
}

export type Message =
  | PrepareMessage
  | PrepareOkMessage
  | CommitMessage
  | CommitOkMessage
  | StartViewChangeMessage
  | DoViewChangeMessage
  | StartViewMessage
  | GetViewMessage
  | GetPrepareMessage
  | GetRunMessage
  | RunMessage
  | GetSealsMessage
  | SealsMessage
  | GetSegmentPartMessage
  | SegmentPartMessage
  | PingMessage
  | PongMessage;

/**
 * normal          works in its view, as primary or backup
 * viewChange      waits for the next primary's decision
 * recoveringHead  found damage at its log's end at start: does not know what it acknowledged, so it takes no part until it has heard a
 *                 startView that is surely newer than the crash
 * fresh           was formatted, and waits for the others to vouch that it is not in the place of one whose disk was lost
 * replaced        has lost what it said before: takes no part before a view in which nobody can have heard of it
 */
export type ReplicaStatus = "normal" | "viewChange" | "recoveringHead" | "fresh" | "replaced";
export const replicaStatuses: readonly ReplicaStatus[] = [
  "normal",
  "viewChange",
  "recoveringHead",
  "fresh",
  "replaced",
];
