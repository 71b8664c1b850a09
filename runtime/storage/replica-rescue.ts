/**
 * The log of one replica as the beginning of a cluster that is founded anew, for when a majority of the replicas is lost for good. What this log
 * holds is kept, known to be committed or not; what it does not hold is gone, whoever had been told that it was written. So it is looked
 * at first (`survivingLog`), and changed (`refoundReplica`) once a person has accepted that.
 */
import { KimberliteError } from "../types/errors.js";
import { type OpenOptions, openReplica } from "./replica-storage.js";
import type { Refoundation } from "./superblock.js";
import { superblockSuffixMax } from "./superblock-codec.js";

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

/** Recovers the log as a start would. Throws as `openReplica` does. */
export function survivingLog(place: OpenOptions): SurvivingLog {
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
export function refoundReplica(place: OpenOptions, foundation: Omit<Refoundation, "head" | "suffix">): void {
  const { superblock, log } = openReplica(place);
  try {
    const { sound, beyond, end, headers } = log.recovered;
    if (beyond.length > 0 || end > sound.address) log.truncate(sound.op, sound.address, end);
    // More is never open at a log's end than a suffix has room for.
    const newest = headers.slice(-superblockSuffixMax).reverse();
    const suffix = newest.map((named) => ({ ...named, wasDurable: true }));
    if ((suffix[0]?.header.op ?? 0) !== sound.op) {
      throw new KimberliteError(
        "dataCorrupt",
        `${place.directory}: the header of op ${sound.op}, the newest, cannot be read any more: take another survivor`,
        { detail: { directory: place.directory, op: sound.op } },
      );
    }
    superblock.refound({ ...foundation, head: sound.op, suffix });
  } finally {
    log.close();
    superblock.close();
  }
}
