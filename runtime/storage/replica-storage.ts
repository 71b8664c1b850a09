/**
 * Everything that one replica keeps on disk, opened in the right order: superblock (which says where to look), then the log from its
 * checkpoint on.
 *
 *   <directory>/superblock     four copies: who I am, where the newest checkpoint lies
 *   <directory>/headers        the header ring
 *   <directory>/log/*.seg      the log
 *   <directory>/log/*.seal     footers of complete segments
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { type Disk, join, parentOf, type WriteMode } from "./disk.js";
import { HeaderRing, headerRingPath } from "./header-ring.js";
import { checkGeometry, defaultGeometry, headerSlotsOf, type LogGeometry, logDirectoryOf } from "./log-geometry.js";
import type { Discarded } from "./log-places.js";
import { LogWriter } from "./log-writer.js";
import { takeSegment } from "./segments.js";
import {
  type CheckpointRecord,
  type ReplicaIdentity,
  Superblock,
  type SuperblockContent,
  superblockPath,
  type TakenPlace,
} from "./superblock.js";
import { chooseCopy } from "./superblock-quorum.js";

export interface ReplicaStorage {
  readonly superblock: Superblock;
  readonly log: LogWriter;
}

export interface OpenOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly geometry?: LogGeometry;
  readonly ringBytes?: number;
  readonly mode?: WriteMode;
}

const unfinishedPath = (directory: string): string => join(directory, "formatting");

/**
 * True when the directory holds a replica, be it a damaged one: any of its files without the mark of an unfinished format. Only a
 * directory for which this is false may be formatted, so a lost superblock never turns into an empty replica.
 */
export function isFormatted(disk: Disk, directory: string): boolean {
  if (disk.status(unfinishedPath(directory)) !== null) return false;
  return [superblockPath(directory), headerRingPath(directory), logDirectoryOf(directory)].some(
    (path) => disk.status(path) !== null,
  );
}

/** Makes of a replica that nobody needs one that was never finished: `formatReplica` begins it anew. Durable. */
export function unformatReplica(disk: Disk, directory: string): void {
  const mark = unfinishedPath(directory);
  if (disk.status(mark) === null) disk.create(mark, "fdatasync").close();
  disk.syncDirectory(directory);
  removeRemains(disk, directory);
  disk.syncDirectory(directory);
}

function removeRemains(disk: Disk, directory: string): void {
  const log = logDirectoryOf(directory);
  for (const name of disk.status(log) === null ? [] : disk.list(log)) disk.remove(join(log, name));
  for (const path of [superblockPath(directory), headerRingPath(directory)]) {
    if (disk.status(path) !== null) disk.remove(path);
  }
}

/**
 * Makes an empty replica, durably. A format that was interrupted left its mark and is begun anew. Refuses a directory that holds a
 * replica: one that lost its files must never come back empty and vote.
 */
export function formatReplica(
  disk: Disk,
  directory: string,
  identity: ReplicaIdentity,
  geometry: LogGeometry = defaultGeometry,
): void {
  checkGeometry(geometry);
  assert(
    identity.replica < identity.replicaCount || identity.replicaCount > 1,
    "a replica's number is below the replica count, or it stands by beside several",
  );
  if (isFormatted(disk, directory)) {
    throw new KimberliteError("invalidArgument", `${directory} already holds a replica`, { detail: { directory } });
  }
  disk.makeDirectory(directory);
  disk.syncDirectory(parentOf(directory));
  const mark = unfinishedPath(directory);
  if (disk.status(mark) === null) disk.create(mark, "fdatasync").close();
  disk.syncDirectory(directory);
  removeRemains(disk, directory);
  disk.makeDirectory(logDirectoryOf(directory));
  HeaderRing.format(disk, directory, identity.clusterId, headerSlotsOf(geometry));
  takeSegment(disk, directory, geometry, 0);
  Superblock.format(disk, directory, identity);
  disk.syncDirectory(directory);
  disk.remove(mark);
  disk.syncDirectory(directory);
}

/**
 * The newest operation up to which the log in a directory that no node uses is whole; recovers it, as a start would. Throws as
 * `openReplica` does.
 */
export function headOf(options: OpenOptions): number {
  const { superblock, log } = openReplica(options);
  const { op } = log;
  log.close();
  superblock.close();
  return op;
}

/** What the superblock of a replica that no node uses says. Throws as `openReplica` does. */
export function stateOf(disk: Disk, directory: string): SuperblockContent {
  return chooseCopy(Superblock.inspect(disk, directory), superblockPath(directory)).content;
}

/** A standby's replica takes the place of one that votes: see `Superblock.takePlace`. Durable. */
export function takePlace(disk: Disk, directory: string, place: TakenPlace, mode?: WriteMode): void {
  const superblock = Superblock.open(disk, directory, mode);
  try {
    superblock.takePlace(place);
  } finally {
    superblock.close();
  }
}

/** Opens superblock and log. Throws `dataMissing`, `dataCorrupt`, `formatUnsupported`, `diskFull`, `storageFailed`. */
export function openReplica(options: OpenOptions): ReplicaStorage {
  const { disk, directory } = options;
  const superblock = Superblock.open(disk, directory, options.mode);
  const { clusterId, replicaCount, checkpoint } = superblock.content;
  const discarded = discardedBy(superblock.content);
  try {
    return {
      superblock,
      log: LogWriter.open({ ...options, clusterId, replicaCount, from: checkpoint, discarded }),
    };
  } catch (error) {
    superblock.close();
    throw error;
  }
}

/**
 * What the log's end as of the log view says of everything older behind it: a decision has dropped it, and a replica that still finds it
 * was stopped before it could truncate. A log view that names no end began with an empty log, or with what a checkpoint covers.
 */
export function discardedBy(content: SuperblockContent): Discarded | null {
  const { suffix, logView, replicaCount, checkpoint } = content;
  return logView === 0 || replicaCount === 1 ? null : { op: suffix[0]?.header.op ?? checkpoint.op, view: logView };
}

/** Records that the state up to `checkpoint.op`, which is committed, is durable elsewhere: the next start replays from there. */
export function recordCheckpoint(storage: ReplicaStorage, checkpoint: CheckpointRecord, commitMax: number): void {
  const { superblock, log } = storage;
  assert(checkpoint.op <= log.op, "durability: a checkpoint covers only durable ops");
  assert(checkpoint.op <= log.committed.op, "durability: a checkpoint covers only committed ops");
  superblock.writeCheckpoint(checkpoint, commitMax);
}
