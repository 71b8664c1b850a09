/**
 * What a replica accepts and says. A replica orders and stores bytes; it knows nothing of tenants. The shard beside it learns from it
 * what is committed and whether it leads; a shard that leads proposes.
 */
import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogTailHandle } from "../../runtime/storage/log-tail.js";
import type { FetchedSegment } from "../../runtime/storage/seal-codec.js";

/** The replica's log and checkpoint as its shard finds them at start. */
export interface ReplicaOpened {
  /** The shared memory in which prepares are built and from which readers take what is newest. */
  readonly tail: LogTailHandle;
  /** The newest durable checkpoint; null before the first. */
  readonly checkpoint: CheckpointPoint | null;
  /** How writes reach the disk: direct, dsync or fdatasync. */
  readonly writeMode: string;
  /** What recovery found and did, in words; empty when the last stop was clean. */
  readonly recovery: readonly string[];
}

/** A state on disk and the place in the log that it stands for: it holds everything up to and including `position.op`. */
export interface CheckpointPoint {
  readonly position: LogPosition;
  /** The store's own record (root page and so on), at most 512 bytes. */
  readonly record: Uint8Array;
}

export type ReplicaMessage =
  /** Asked by the shard at its start; answered with `ReplicaOpened`. */
  | { readonly kind: "openLog" }
  /**
   * Told by the shard: a prepare's body stands in the shared tail of the log, 256 bytes after `address`. Answered by `committed`
   * (told) in order, or by `refused`.
   */
  | {
      readonly kind: "propose";
      /** The view in which the shard leads. One of an earlier view is dropped: `follow` is on its way. */
      readonly view: number;
      /** Its place in the order. One that does not follow the log stood behind a prepare that was refused, and is dropped. */
      readonly op: number;
      readonly address: number;
      readonly bodyBytes: number;
      readonly recordCount: number;
      /** Time of the newest record in it, µs. */
      readonly time: number;
      /** What it holds, see `prepareOperations`. */
      readonly operation: number;
      /** Of a reconfiguration: how many vote behind it. */
      readonly voters?: number;
    }
  /** Told by the shard: it has heard `follow` of that view, and writes no more into the shared tail. */
  | { readonly kind: "released"; readonly view: number }
  /** Asked by the shard for linearizable reads: answered with `LeadershipConfirmed` once a quorum has spoken. */
  | { readonly kind: "confirm" }
  /** Told by the shard: bytes for this shard on another replica's node. */
  | { readonly kind: "relay"; readonly to: number; readonly bytes: Uint8Array }
  /** Told by the shard, once nothing that it proposed is under way: end the view, so that another replica leads. */
  | { readonly kind: "abdicate" }
  /**
   * Asked by the node: by number, where the replicas are from now on. Standbys come and go, and another node may have the number of one that
   * votes. Answered with true.
   */
  | { readonly kind: "peers"; readonly replicas: readonly PeerAddress[] }
  /** Asked by the shard; answered with `ReplicaReport`. */
  | { readonly kind: "report" }
  /** Timers of its own. */
  | { readonly kind: "tick" }
  | { readonly kind: "retryFull" }
  | { readonly kind: "noticesDue" }
  /** Asked by the shard once a checkpoint's pages are durable: writes the superblock. Answered with true. */
  | { readonly kind: "saveCheckpoint"; readonly point: CheckpointPoint }
  /** Told by the keeper: a part that it was given is stored; or the whole segment was given up. */
  | { readonly kind: "partStored"; readonly segment: number; readonly offset: number; readonly isKept: boolean }
  /** Told by the keeper: all of a segment is here, verified and durable beside the log. */
  | { readonly kind: "segmentFetched"; readonly fetched: FetchedSegment }
  /** Told by the keeper or the shard: the prepare behind this place in the log is damaged on this disk. Others may have it. */
  | { readonly kind: "damaged"; readonly from: LogPosition }
  /** Told by the keeper: the segment was made ready, or could not be. */
  | { readonly kind: "segmentPrepared"; readonly segment: number; readonly error: string | null };

/** How a replica stands. */
export interface ReplicaReport {
  readonly replica: number;
  readonly status: string;
  readonly view: number;
  /** How often the cluster was founded anew. */
  readonly epoch: number;
  /** How often the number of voters was changed since, and what it is, as this replica knows. */
  readonly configuration: number;
  readonly voters: number;
  /** Its head, the newest operation that it knows to be committed, and the newest up to which its log is whole and durable. */
  readonly op: number;
  readonly commit: number;
  readonly durable: number;
  /** The operation that nobody can give or deny in a view change; 0 for none. */
  readonly stuckAt: number;
  readonly release: number;
}

export interface LeadershipConfirmed {
  /** Everything up to this op was committed when the quorum spoke. */
  readonly commit: number;
}

/** What the replica tells its shard. */
export type ReplicaNotice =
  /** Everything up to and including `position.op` is committed and durable here. */
  | { readonly kind: "committed"; readonly position: LogPosition }
  /** This replica leads `view`: the shard applies the log up to `head`, and proposes from there. */
  | { readonly kind: "lead"; readonly view: number; readonly head: LogPosition }
  /** This replica follows `leader` (a replica's number; may be its own while it is not ready to lead): nothing proposed here stands. */
  | { readonly kind: "follow"; readonly view: number; readonly leader: number }
  /** A replica that was replaced waits for another view: give leadership up when nothing is under way, and take it again. */
  | { readonly kind: "renewView" }
  /** So many replicas vote, those with the first numbers: at the start, and when that changes. */
  | { readonly kind: "configured"; readonly configuration: number; readonly voters: number }
  /** Every node's program knows this release, which is behind the log's: propose an upgrade. */
  | { readonly kind: "upgrade"; readonly release: number }
  /** What time a majority of the replicas' clocks agrees on, µs; null while none does. Once a second, and when that changes. */
  | { readonly kind: "clusterTime"; readonly now: number | null }
  /** The disk is full: nothing of the prepare `op`, or of those after it, was written. */
  | { readonly kind: "refused"; readonly op: number; readonly message: string };

/** What the replica tells its shard of the shards on other nodes. */
export type PeerNotice =
  | { readonly kind: "relayed"; readonly from: number; readonly bytes: Uint8Array }
  /** So many replicas there are from now on, those that stand by among them. */
  | { readonly kind: "replicas"; readonly count: number }
  | { readonly kind: "peerDown"; readonly replica: number }
  | { readonly kind: "peerUp"; readonly replica: number };
