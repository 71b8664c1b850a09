/** Where a log ends, for `verify`: as recovery would find it, with everything worth saying about that end. Reads only. */
import { isKimberliteError } from "../types/errors.js";
import type { Disk } from "./disk.js";
import { headerBytes } from "./frame.js";
import { HeaderRing, headerRingPath } from "./header-ring.js";
import { headerSlotsOf } from "./log-geometry.js";
import { knownEnd } from "./log-open.js";
import type { LogPosition } from "./log-position.js";
import { LogExaminer } from "./log-recovery.js";
import type { LogWindow } from "./log-window.js";
import type { RecoveredLog } from "./recovered-log.js";
import { discardedBy } from "./replica-storage.js";
import { ReplicatedExaminer } from "./replicated-recovery.js";
import type { Damage } from "./scrubber.js";
import type { SuperblockContent } from "./superblock.js";

export interface LogEnd {
  /** Address up to which the log is walked. */
  readonly end: number;
  /** Behind the newest op up to which everything is sound; null where recovery would refuse. */
  readonly head: LogPosition | null;
  readonly damage: readonly Damage[];
  /** What is no damage and still worth knowing of a replica that has peers, in sentences. */
  readonly notes: readonly string[];
}

/** Where recovery would refuse, that is reported and the walk goes to the end of the files. */
export function findEnd(disk: Disk, window: LogWindow, superblock: SuperblockContent, filesEnd: number): LogEnd {
  const { directory, geometry } = window.files;
  const damage: Damage[] = [];
  const file = headerRingPath(directory);
  try {
    const ring = HeaderRing.open(disk, directory, superblock.clusterId, "fdatasync", {
      access: "read",
      slots: headerSlotsOf(geometry),
    });
    try {
      for (let slot = 0; slot < ring.slots; slot++) {
        if (ring.read(slot).kind !== "bad") continue;
        damage.push({
          zone: "headers",
          file,
          address: slot * headerBytes,
          op: null,
          what: `slot ${slot} does not verify`,
        });
      }
      const { clusterId, checkpoint, replicaCount } = superblock;
      const examiner =
        replicaCount === 1
          ? new LogExaminer(disk, window, ring, clusterId)
          : new ReplicatedExaminer(disk, window, ring, clusterId, discardedBy(superblock));
      const { log } = examiner.examine(checkpoint);
      for (const { op, state, header } of log.beyond) {
        if (state === "sound" || header !== null) continue;
        const what = `op ${op} may have been here and cannot be read, nor its header; other replicas may hold it`;
        damage.push({ zone: "segment", file, address: null, op, what });
      }
      return { end: knownEnd(log), head: log.sound, damage, notes: replicaCount === 1 ? [] : notesOf(log, superblock) };
    } finally {
      ring.close();
      window.drop();
    }
  } catch (error) {
    if (!isKimberliteError(error)) throw error;
    const { address, op } = error.detail;
    const [at, number] = [typeof address === "number" ? address : null, typeof op === "number" ? op : null];
    damage.push({ zone: "segment", file, address: at, op: number, what: error.message });
    return { end: filesEnd, head: null, damage, notes: [] };
  }
}

const opsFrom = (first: number, last: number): string =>
  first === last ? `op ${first} is` : `ops ${first} to ${last} are`;

function notesOf(log: RecoveredLog, superblock: SuperblockContent): string[] {
  const notes: string[] = [];
  const newest = log.beyond.findLast(({ header }) => header !== null)?.op ?? log.sound.op;
  const committed = Math.max(log.commit, superblock.commitMax);
  if (newest > committed)
    notes.push(
      `${opsFrom(committed + 1, newest)} written here and not known to be committed: the replicas decide together`,
    );
  const faulty = log.beyond.filter(({ state }) => state === "faulty").map(({ op }) => op);
  if (faulty.length > 0)
    notes.push(
      `${faulty.length} ops from op ${faulty[0]} on are damaged: other replicas give them again once this one runs`,
    );
  if (!log.headIsCertain)
    notes.push("the damage is at the log's head: this replica casts no vote before it has heard from a newer view");
  if (committed > newest)
    notes.push(
      `op ${committed} is known to be committed, the log here ends at op ${newest}: the rest comes from other replicas`,
    );
  const known = knownEnd(log);
  if (log.end > known)
    notes.push(`bytes from address ${known} to ${log.end} belong to a write or truncation that did not finish`);
  return notes;
}
