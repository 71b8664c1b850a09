/** Opening a log: memory, header ring, recovery. What comes out is all that a writer needs to go on. */
import { assert } from "../types/assert.js";
import { logTailBytes, sectorBytes } from "../types/limits.js";
import { type AlignedMemory, allocateAligned, bytesOf } from "./aligned-memory.js";
import type { Disk, WriteMode } from "./disk.js";
import { HeaderRing } from "./header-ring.js";
import { checkGeometry, defaultGeometry, headerSlotsOf, type LogGeometry, segmentOf } from "./log-geometry.js";
import type { Discarded } from "./log-places.js";
import { type LogPosition, positionBehind } from "./log-position.js";
import { type LogExamination, LogExaminer, repairLog } from "./log-recovery.js";
import { LogWindow, windowBytes } from "./log-window.js";
import type { RecoveredLog } from "./recovered-log.js";
import { ReplicatedExaminer } from "./replicated-recovery.js";
import { checkSegmentFiles, removeUnfinished, SegmentFiles } from "./segments.js";

export interface LogOptions {
  readonly disk: Disk;
  /** Holds `headers` and `log/`. */
  readonly directory: string;
  readonly clusterId: Uint8Array;
  /** 1, the default: damage stops the start. More: it is left to the protocol. */
  readonly replicaCount?: number;
  /** The checkpoint: recovery reads from here on. Everything up to it is committed. */
  readonly from: LogPosition;
  /** What the superblock says was discarded. */
  readonly discarded?: Discarded | null;
  readonly geometry?: LogGeometry;
  /** Length of the shared ring; a multiple of the segment's. */
  readonly ringBytes?: number;
  /** The best write mode to try; default `direct`. */
  readonly mode?: WriteMode;
}

/** What recovery found and did. Plain data, for the log line and the status page. */
export interface RecoveryReport {
  /** The newest prepare up to which everything is sound. */
  readonly head: LogPosition;
  readonly prepares: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly repairedSlots: number;
  /** Ops that are known and not readable; always 0 with one replica, which would not start. */
  readonly faultyOps: number;
  /** Bytes of a torn, never acknowledged prepare that were zeroed. */
  readonly cutBytes: number;
  /** Prepares that were whole but for their padding, which was zeroed again. */
  readonly mendedPaddings: number;
  readonly bytesRead: number;
  readonly mode: WriteMode;
  /** False where the file system refuses direct reads: after a disk fault the page cache may then show what the disk lacks. */
  readonly readPastPageCache: boolean;
}

export interface OpenedLog {
  readonly geometry: LogGeometry;
  /** Of the shared ring; its mode is that of all writes. */
  readonly memory: AlignedMemory;
  readonly ring: HeaderRing;
  readonly recovered: RecoveredLog;
  readonly report: RecoveryReport;
}

/** Opens and recovers. Throws `dataCorrupt`, `dataMissing`, `diskFull`, `storageFailed`. */
export function openLog(options: LogOptions): OpenedLog {
  const { disk, directory, clusterId, from } = options;
  const geometry = checkGeometry(options.geometry ?? defaultGeometry);
  const ringBytes = options.ringBytes ?? Math.max(logTailBytes, geometry.segmentBytes);
  assert(ringBytes % geometry.segmentBytes === 0, "the ring is a multiple of the segment, so no prepare wraps in it");
  assert(ringBytes >= windowBytes(geometry), "the ring holds the largest prepare");
  const memory = allocateAligned(disk, directory, ringBytes, options.mode);
  removeUnfinished(disk, directory, geometry);
  const hasPeers = (options.replicaCount ?? 1) > 1;
  const ring = HeaderRing.open(disk, directory, clusterId, memory.mode, {
    toleratesUnreadable: hasPeers,
    slots: headerSlotsOf(geometry),
  });
  const files = new SegmentFiles(disk, directory, geometry, memory.mode === "direct" ? "direct" : "read");
  try {
    // The ring is not in use yet: it serves as the window through which recovery reads.
    const window = new LogWindow(files, bytesOf(memory), hasPeers);
    if (from.address > 0) checkSegmentFiles(disk, directory, geometry, segmentOf(geometry, from.address - 1));
    const examiner = hasPeers
      ? new ReplicatedExaminer(disk, window, ring, clusterId, options.discarded ?? null)
      : new LogExaminer(disk, window, ring, clusterId);
    const found = examiner.examine(from);
    const known = knownEnd(found.log);
    if (known > 0) checkSegmentFiles(disk, directory, geometry, segmentOf(geometry, known - 1));
    repairLog(disk, window, ring, found, memory.mode);
    const report = reportOf(found, memory.mode, window.bytesRead);
    return { geometry, memory, ring, recovered: found.log, report };
  } catch (error) {
    ring.close();
    throw error;
  } finally {
    files.close();
  }
}

/** Address behind the newest op whose place is known: files up to there were made before anything was acknowledged in them. */
export function knownEnd(log: RecoveredLog): number {
  return log.beyond.reduce(
    (end, { header }) => (header === null ? end : Math.max(end, positionBehind(header).address)),
    log.sound.address,
  );
}

function reportOf(found: LogExamination, mode: WriteMode, bytesRead: number): RecoveryReport {
  const cutBytes = found.leftovers.reduce((sum, range) => sum + range.bytes, 0);
  assert(cutBytes % sectorBytes === 0, "a cut is whole sectors");
  return {
    head: found.log.sound,
    prepares: found.prepares,
    rows: found.rows,
    repairedSlots: found.slots.size,
    faultyOps: found.log.beyond.filter(({ state }) => state === "faulty").length,
    cutBytes,
    mendedPaddings: found.paddings.length,
    bytesRead,
    mode,
    readPastPageCache: mode === "direct",
  };
}
