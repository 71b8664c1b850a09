/**
 * What a replica accepts and says. A replica orders and stores bytes; it knows nothing of tenants. Today each shard has one
 * replica and an op is committed when it is durable here; with consensus the same `propose` is committed at quorum.
 */

/** The replica's log and checkpoint as its shard finds them at start. */
export interface ReplicaOpened {
  /** Newest op that is durable; -1 in an empty log. */
  readonly headOp: number;
  /** Address of the byte after the head prepare: where the next one may begin. */
  readonly headEnd: number;
  /** Time of the head prepare, µs; the next one's is later. */
  readonly headTime: number;
  /** The newest durable checkpoint, opaque to the replica; null before the first. */
  readonly checkpoint: CheckpointPoint | null;
  /** How writes reach the disk: direct, dsync or fdatasync. */
  readonly writeMode: string;
  /** What recovery found and did, in words; empty when the last stop was clean. */
  readonly recovery: readonly string[];
}

/** A state on disk and the place in the log that it stands for. */
export interface CheckpointPoint {
  /** The state holds everything up to and including this op. */
  readonly op: number;
  /** Log address after that op: replay begins here. */
  readonly address: number;
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
      readonly address: number;
      readonly bodyBytes: number;
      readonly recordCount: number;
      /** Time of the newest record in it, µs. */
      readonly time: number;
    }
  /** Asked by the shard once a checkpoint's pages are durable: writes the superblock. Answered with true. */
  | { readonly kind: "saveCheckpoint"; readonly point: CheckpointPoint }
  /** Told by the keeper. */
  | { readonly kind: "segmentReady"; readonly segment: number }
  | { readonly kind: "segmentFailed"; readonly segment: number; readonly diskFull: boolean; readonly message: string };

/** What the replica tells its shard. */
export type ReplicaNotice =
  | {
      readonly kind: "committed";
      readonly op: number;
      readonly address: number;
      /** Where the next prepare may begin. */
      readonly nextAddress: number;
    }
  /** The disk is full: nothing of the prepare at `address` was written. Writes may be tried again in a while. */
  | { readonly kind: "refused"; readonly address: number; readonly message: string };
