/**
 * The boundary of the protocol core: `step(state, input) → effects`. The core does no input or output, reads no clock and draws no random
 * number; a shell (worker, simulator) carries the effects out and feeds back what came of them.
 *
 * Rules of a shell:
 *   1. Disk effects (`write…`, `truncate`, `repair`, `installSegment`) are carried out one after the other in the order given, each durable before it is reported
 *      by `written`. A failed one ends the replica: it is never retried.
 *   2. A `send` leaves only after every write named in `after` was reported. Sends to one peer keep their order otherwise.
 *   3. A message may be lost, doubled, delayed and overtaken. One whose bytes do not verify is dropped before it gets here.
 *   4. `read…` may be answered late or never; what does not verify on disk is answered with null or a shorter run, never with other bytes.
 */
import type { PrepareHeader } from "../storage/frame.js";
import type { LogPosition } from "../storage/log-position.js";
import type { Prepare, StoredHeader } from "../storage/prepare.js";
import type { FetchedSegment, SegmentSeal } from "../storage/seal-codec.js";
import type { Message } from "./messages.js";

export type { StoredHeader } from "../storage/prepare.js";
export type { RecoveredLog } from "../storage/recovered-log.js";

/** What the superblock keeps for the protocol. */
export interface DurableState {
  readonly view: number;
  readonly logView: number;
  readonly commitMax: number;
  /** The end of the log as of `logView`: what a doViewChange or startView named, from the head down. */
  readonly suffix: readonly StoredHeader[];
  /** A member, when left out. */
  readonly standing?: Standing;
  /** Ids of the replicas, 16 bytes each, by number; zeros for one that is not known. Left out: none has one. */
  readonly members?: readonly Uint8Array[];
  /** Replicas that vote in the configuration of `view`. Left out: as it was. */
  readonly replicaCount?: number;
}

/**
 * member     has taken part, and takes part
 * fresh      just formatted: takes part once a majority of the others has vouched that they know of no other in its place
 * replaced   its disk was lost, or put back to an older state: takes part again in `view` or a later one, in which nobody has heard of it
 */
export type Standing = "member" | "fresh" | "replaced";
export type Input =
  /** Every 10 ms, after all waiting messages. Times in µs: `monotonic` never goes back, `wall` may. */
  | { readonly kind: "tick"; readonly monotonic: number; readonly wall: number }
  | { readonly kind: "message"; readonly from: number; readonly message: Message }
  /** The connection to a peer broke: reason to doubt it earlier. */
  | { readonly kind: "disconnected"; readonly peer: number }
  | { readonly kind: "written"; readonly id: number }
  | { readonly kind: "prepareRead"; readonly token: number; readonly prepare: Prepare | null }
  | { readonly kind: "runRead"; readonly token: number; readonly prepares: readonly Prepare[] }
  /**
   * The shard's next prepare. `frame` has 256 free bytes before the body, which the core fills in. Only while it leads `view`; at most
   * `pipelineMax` are under way. `address` follows the head's.
   */
  | {
      readonly kind: "propose";
      readonly view: number;
      readonly op: number;
      readonly frame: Uint8Array;
      readonly address: number;
      readonly recordCount: number;
      /** µs, greater than the head's. */
      readonly timestamp: number;
      /** Left out: `prepareOperations.commands`. */
      readonly operation?: number;
      /** Of a reconfiguration: how many vote behind it, one more or one fewer than now. */
      readonly voters?: number;
    }
  /** Seals of complete segments here, 256 bytes each, of `segment` and those behind it without a gap. */
  | {
      readonly kind: "sealsRead";
      readonly token: number;
      readonly segment: number;
      readonly seals: readonly Uint8Array[];
    }
  /** Null: the segment is not here under that hash, or cannot be read. */
  | { readonly kind: "segmentPartRead"; readonly token: number; readonly bytes: Uint8Array | null }
  /** A part that was to be stored is; with `isKept` false the whole segment was given up: no space, or it came damaged. */
  | { readonly kind: "partStored"; readonly segment: number; readonly offset: number; readonly isKept: boolean }
  /** All parts of the segment are here, verified and durable, and not of the log yet. */
  | { readonly kind: "segmentFetched"; readonly fetched: FetchedSegment }
  /** Is this replica still the primary? Answered by `confirmed`. */
  | { readonly kind: "confirm"; readonly token: number }
  /** An operation's bytes were found damaged while running (scrubber, reader). */
  | { readonly kind: "damaged"; readonly op: number }
  /**
   * The prepare behind `from` was found damaged, however old it is (scrubber, replay). It is asked of the others and written again, when it
   * is known here to be committed.
   */
  | { readonly kind: "damagedBehind"; readonly from: LogPosition }
  /** Hand leadership to the next replica: drain, upgrade. */
  | { readonly kind: "abdicate" }
  /** So many replicas there are from now on, those that stand by among them. Never said to a replica that would be none of them any more. */
  | { readonly kind: "replicas"; readonly count: number };

export type Effect =
  | { readonly kind: "send"; readonly to: number; readonly message: Message; readonly after: readonly number[] }
  /** Writes consecutive prepares at their addresses, `before` them the log, then their headers into the header ring. Durable when reported. */
  | {
      readonly kind: "writePrepares";
      readonly id: number;
      readonly before: LogPosition;
      readonly prepares: readonly Prepare[];
    }
  /** Rewrites one prepare at its address; what lies behind it stays. */
  | { readonly kind: "repair"; readonly id: number; readonly prepare: Prepare }
  /** The log ends at `before`: zeroes up to the address `end`, makes the slots of later operations reserved. */
  | { readonly kind: "truncate"; readonly id: number; readonly before: LogPosition; readonly end: number }
  | { readonly kind: "writeState"; readonly id: number; readonly state: DurableState }
  | { readonly kind: "readPrepare"; readonly token: number; readonly header: PrepareHeader }
  | {
      readonly kind: "readRun";
      readonly token: number;
      readonly from: LogPosition;
      readonly untilOp: number;
      readonly bytesMax: number;
    }
  | { readonly kind: "readSeals"; readonly token: number; readonly segment: number; readonly countMax: number }
  | {
      readonly kind: "readSegmentPart";
      readonly token: number;
      readonly segment: number;
      readonly contentHash: Uint8Array;
      readonly offset: number;
      readonly length: number;
    }
  /**
   * Keeps a part of a segment beside the log, off this thread; answered by `partStored`. Behind the last part of it the whole is
   * verified against the seal, and answered by `segmentFetched`. Nothing of it is of the log before `installSegment`.
   */
  | { readonly kind: "storePart"; readonly seal: SegmentSeal; readonly offset: number; readonly bytes: Uint8Array }
  /** Gives up what was stored of a segment. */
  | { readonly kind: "dropSegment"; readonly segment: number }
  /** Takes a fetched segment into the log, behind `before`, in one step. Durable when reported by `written`. */
  | {
      readonly kind: "installSegment";
      readonly id: number;
      readonly before: LogPosition;
      readonly fetched: FetchedSegment;
    }
  /** Everything up to `position.op` is committed and durable here; grows by any number of operations. */
  | { readonly kind: "committed"; readonly position: LogPosition }
  /** This replica leads `view`: the shard applies up to `head`, then proposes. */
  | { readonly kind: "lead"; readonly view: number; readonly head: LogPosition }
  /** This replica follows: what the shard has proposed and is not committed is void here; its outcome is unknown. */
  | { readonly kind: "follow"; readonly view: number; readonly primary: number }
  | { readonly kind: "confirmed"; readonly token: number; readonly isPrimary: boolean; readonly commit: number }
  /**
   * A replica that was replaced waits for a view from `view` on. The shard, when nothing that it proposed is under way, says `abdicate`.
   * Without that nothing happens: the replica waits on.
   */
  | { readonly kind: "renewView"; readonly view: number }
  /** From now on so many vote: those with the first numbers. */
  | { readonly kind: "configured"; readonly configuration: number; readonly voters: number }
  /** Every replica's program knows `release`, the one behind the log's: the shard proposes an upgrade when it may. */
  | { readonly kind: "upgrade"; readonly release: number }
  /** Stop. The reason is for people. */
  | { readonly kind: "halt"; readonly because: HaltCause; readonly reason: string };

/**
 * broken     an invariant between replicas does not hold
 * lostDisk   this disk is not the one that the others know: it is empty, or another has taken its place
 * release    the log is of a release that this program does not know
 */
export type HaltCause = "broken" | "lostDisk" | "release";

/** Prepares of the shard under way at once. */
export const pipelineMax = 8;
