/**
 * What recovery says of a log's end. With one replica there is one truth: `beyond` is empty and the head certain, anything else
 * stopped the start. With several, what cannot be read is named and left to the protocol, which asks the others.
 */
import type { PrepareHeader } from "./frame.js";
import type { LogPosition } from "./log-position.js";
import type { NamedHeader } from "./prepare.js";

/** One operation of the log's end as recovery found it. */
export interface RecoveredSlot {
  readonly op: number;
  /** A faulty one may have been acknowledged here and is not readable now: it is never a vote against itself. */
  readonly state: "sound" | "faulty";
  /** Null for a faulty operation of which no header is known for certain. */
  readonly header: PrepareHeader | null;
  readonly headerBytes: Uint8Array | null;
}

export interface RecoveredLog {
  /** Where recovery began to read: the checkpoint. */
  readonly from: LogPosition;
  /** Everything up to here is sound, chained and in place. */
  readonly sound: LogPosition;
  /** Headers of the newest operations up to `sound.op`, oldest first, without gaps: at most as many as the header ring has slots. */
  readonly headers: readonly NamedHeader[];
  /** What lies behind `sound`: begins with a faulty slot when not empty; one entry for each operation up to the newest known. */
  readonly beyond: readonly RecoveredSlot[];
  /** False when damage at or behind the newest operation may hide one that was acknowledged. */
  readonly headIsCertain: boolean;
  /** Highest operation that a header of this chain states as committed, or the checkpoint's. */
  readonly commit: number;
  /** Log address behind everything that may not be zero: a truncation zeroes up to here. */
  readonly end: number;
}
