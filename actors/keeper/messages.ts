/**
 * What a keeper accepts. The keeper does a shard's slow disk work in a thread of its own, so that no commit waits for it: it writes
 * checkpoint pages, prepares log segments ahead, seals full ones, gathers and verifies those that come from other replicas, and scrubs
 * what lies on disk.
 */
import type { SegmentSeal } from "../../runtime/storage/seal-codec.js";
import type { CheckpointJob } from "../../runtime/store/checkpoint.js";

export type KeeperMessage =
  /** Told by the replica when it starts: segments 0 to `complete - 1` are full. Those without a seal get one, and all may be scrubbed. */
  | { readonly kind: "logOpened"; readonly complete: number }
  /** Told by the replica: make this segment ready (preallocated, zero-filled, durable). Answered by `segmentPrepared`. */
  | { readonly kind: "prepareSegment"; readonly segment: number }
  /** Told by the replica: this segment will never change again. */
  | { readonly kind: "sealSegment"; readonly segment: number }
  /** Asked by the shard: write the pages of a checkpoint from the shared frames. Answered with the finished job. */
  | { readonly kind: "writeCheckpoint"; readonly chunks: readonly SharedArrayBuffer[]; readonly job: CheckpointJob }
  /** Told by the replica: a part of a segment from another replica. Answered by `partStored`, behind the last also by `segmentFetched`. */
  | { readonly kind: "storePart"; readonly seal: SegmentSeal; readonly offset: number; readonly bytes: Uint8Array }
  /** Told by the replica: what was stored of that segment is not wanted any more. */
  | { readonly kind: "dropSegment"; readonly segment: number }
  /** Timers of its own. */
  | { readonly kind: "work" }
  | { readonly kind: "scrub" };
