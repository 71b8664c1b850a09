/**
 * What a replica accepts and says. A replica orders and stores bytes; it knows nothing of tenants. Today each shard has one
 * replica and an op is committed when it is durable here; with consensus the same `propose` is committed at quorum.
 */
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogTailHandle } from "../../runtime/storage/log-tail.js";

/** The replica's log and checkpoint as its shard finds them at start. */
export interface ReplicaOpened {
  /** The shared memory in which prepares are built and from which readers take what is newest. */
  readonly tail: LogTailHandle;
  /** The newest durable prepare. */
  readonly head: LogPosition;
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
      /** Its place in the order. One that does not follow the log stood behind a prepare that was refused, and is dropped. */
      readonly op: number;
      readonly address: number;
      readonly bodyBytes: number;
      readonly recordCount: number;
      /** Time of the newest record in it, µs. */
      readonly time: number;
    }
  /** Asked by the shard once a checkpoint's pages are durable: writes the superblock. Answered with true. */
  | { readonly kind: "saveCheckpoint"; readonly point: CheckpointPoint }
  /** Told by the keeper: the segment was made ready, or could not be. */
  | { readonly kind: "segmentPrepared"; readonly segment: number; readonly error: string | null };

/** What the replica tells its shard. */
export type ReplicaNotice =
  /** Everything up to and including `position.op` is committed; the next prepare may begin at `position.address`. */
  | { readonly kind: "committed"; readonly address: number; readonly position: LogPosition }
  /** The disk is full: nothing of the prepare at `address`, or of those after it, was written. */
  | { readonly kind: "refused"; readonly address: number; readonly message: string };
