/**
 * The log of one replica as the beginning of a cluster that is founded anew, for when a majority of the replicas is lost for good. What this log
 * holds is kept, known to be committed or not; what it does not hold is gone, whoever had been told that it was written. So it is looked
 * at first (`survivingLog`), and changed (`refoundReplica`) once a person has accepted that.
 */
import type { Disk, WriteMode } from "./disk.js";
import type { LogGeometry } from "./log-geometry.js";
import { openReplica } from "./replica-storage.js";
import type { Refoundation } from "./superblock.js";

export interface SurvivingLog {
  readonly epoch: number;
  /** Newest operation up to which the log is whole, its identity, and the time of its newest record, µs. */
  readonly head: number;
  readonly identity: Uint8Array;
  readonly timestamp: number;
  /** Newest operation that anything here states as committed. What lies between it and the head may or may not have been acknowledged. */
  readonly committed: number;
  /** Newest operation that is known to have been here, and cannot be read; 0 for none. All behind the head is lost with it. */
  readonly damagedUpTo: number;
}

interface Place {
  readonly disk: Disk;
  readonly directory: string;
  readonly geometry?: LogGeometry;
  readonly mode?: WriteMode;
}

/** Recovers the log as a start would. Throws as `openReplica` does. */
export function survivingLog(place: Place): SurvivingLog {
  const { superblock, log } = openReplica(place);
  const { epoch, commitMax } = superblock.content;
  const { sound, beyond, commit } = log.recovered;
  log.close();
  superblock.close();
  return {
    epoch,
    head: sound.op,
    identity: sound.parent.slice(),
    timestamp: sound.timestamp,
    committed: Math.max(commit, commitMax),
    damagedUpTo: beyond.at(-1)?.op ?? 0,
  };
}

/** Cuts the log behind its head, where something is, and has the superblock say that it is a founder's. Durable, and may be repeated. */
export function refoundReplica(place: Place, foundation: Omit<Refoundation, "head">): void {
  const { superblock, log } = openReplica(place);
  try {
    const { sound, beyond, end } = log.recovered;
    if (beyond.length > 0 || end > sound.address) log.truncate(sound.op, sound.address, end);
    superblock.refound({ ...foundation, head: sound.op });
  } finally {
    log.close();
    superblock.close();
  }
}
