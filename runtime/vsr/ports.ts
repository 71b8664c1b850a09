/**
 * The boundary of the protocol core: `step(state, input) → effects`. The core does no input or output, reads no clock and draws no random
 * number; a shell (worker, simulator) carries the effects out and feeds back what came of them.
 *
 * Rules of a shell:
 *   1. Disk effects (`write…`, `truncate`) are carried out one after the other in the order given, each durable before it is reported
 *      by `written`. A failed one ends the replica: it is never retried.
 *   2. A `send` leaves only after every write named in `after` was reported. Sends to one peer keep their order otherwise.
 *   3. A message may be lost, doubled, delayed and overtaken. One whose bytes do not verify is dropped before it gets here.
 *   4. `read…` may be answered late or never; what does not verify on disk is answered with null or a shorter run, never with other bytes.
 */
import type { PrepareHeader } from "../storage/frame.js";
import type { LogPosition } from "../storage/log-position.js";
import type { Prepare, StoredHeader } from "../storage/prepare.js";
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
}
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
    }
  /** Is this replica still the primary? Answered by `confirmed`. */
  | { readonly kind: "confirm"; readonly token: number }
  /** An operation's bytes were found damaged while running (scrubber, reader). */
  | { readonly kind: "damaged"; readonly op: number }
  /** Hand leadership to the next replica: drain, upgrade. */
  | { readonly kind: "abdicate" };

export type Effect =
  | { readonly kind: "send"; readonly to: number; readonly message: Message; readonly after: readonly number[] }
  /** Writes consecutive prepares at their addresses, then their headers into the header ring. Durable when reported. */
  | { readonly kind: "writePrepares"; readonly id: number; readonly prepares: readonly Prepare[] }
  /** Rewrites one prepare at its address; what lies behind it stays. */
  | { readonly kind: "repair"; readonly id: number; readonly prepare: Prepare }
  /** The log ends behind `op` at `address`: zeroes [address, end), makes the slots of later operations reserved. */
  | {
      readonly kind: "truncate";
      readonly id: number;
      readonly op: number;
      readonly address: number;
      readonly end: number;
    }
  | { readonly kind: "writeState"; readonly id: number; readonly state: DurableState }
  | { readonly kind: "readPrepare"; readonly token: number; readonly header: PrepareHeader }
  | {
      readonly kind: "readRun";
      readonly token: number;
      readonly from: LogPosition;
      readonly untilOp: number;
      readonly bytesMax: number;
    }
  /** Everything up to `position.op` is committed and durable here; grows by any number of operations. */
  | { readonly kind: "committed"; readonly position: LogPosition }
  /** This replica leads `view`: the shard applies up to `head`, then proposes. */
  | { readonly kind: "lead"; readonly view: number; readonly head: LogPosition }
  /** This replica follows: what the shard has proposed and is not committed is void here; its outcome is unknown. */
  | { readonly kind: "follow"; readonly view: number; readonly primary: number }
  | { readonly kind: "confirmed"; readonly token: number; readonly isPrimary: boolean; readonly commit: number }
  /** Stop: an invariant between replicas is broken. The reason is for people. */
  | { readonly kind: "halt"; readonly reason: string };

/** Prepares of the shard under way at once. */
export const pipelineMax = 8;
