/**
 * The offline walk over a data directory: every replica's superblock, header ring, log and seals, every record in it, and the
 * checkpointed state's trees. Reads only. It does not stop at the first damage, so one run shows the whole extent.
 */
import { BlockReader } from "../../../runtime/kernel/block.js";
import { claimDirectory } from "../../../runtime/storage/directory-claim.js";
import { type Disk, join } from "../../../runtime/storage/disk.js";
import { defaultGeometry } from "../../../runtime/storage/log-geometry.js";
import { superblockPath } from "../../../runtime/storage/superblock.js";
import { type PrepareVisit, type VerifyReport, verifyLog } from "../../../runtime/storage/verify-log.js";
import { isKimberliteError, KimberliteError } from "../../../runtime/types/errors.js";
import { checkTrees, type TreesReport } from "./trees.js";

/** Directories below the data directory in which replicas are looked for. */
const depthMax = 4;
/** Other work gets its turn between two stretches of the walk: signals, the progress bar. */
const yieldEveryMs = 50;

export interface Finding {
  readonly replica: string;
  readonly zone: string;
  readonly file: string;
  readonly address: number | null;
  readonly op: number | null;
  readonly what: string;
}

export interface ReplicaReport {
  readonly directory: string;
  readonly prepares: number;
  readonly records: number;
  readonly tenants: number;
  readonly segments: number;
  readonly seals: number;
  readonly bytes: number;
  readonly headOp: number | null;
  readonly trees: TreesReport | null;
}

export interface DirectoryReport {
  readonly directory: string;
  readonly replicas: readonly ReplicaReport[];
  readonly damage: readonly Finding[];
}

export interface VerifyWatcher {
  /** Bytes of the log at hand. */
  progress(done: number, total: number, replica: string): void;
  found(finding: Finding): void;
  readonly interrupted: AbortSignal;
}

/**
 * Throws `invalidArgument` where there is no data directory, `directoryLocked` while a node uses it, `cancelled` when interrupted;
 * damage is reported, not thrown.
 */
export async function verifyDataDirectory(
  disk: Disk,
  directory: string,
  watcher: VerifyWatcher,
): Promise<DirectoryReport> {
  if (disk.status(directory)?.isDirectory !== true) {
    throw new KimberliteError("invalidArgument", `there is no directory ${directory}`, { detail: { directory } });
  }
  const claim = await claimDirectory(disk, directory);
  try {
    const places = replicasBelow(disk, directory);
    if (places.length === 0) {
      throw new KimberliteError("dataMissing", `${directory} holds no replica: not one superblock was found`, {
        detail: { directory },
      });
    }
    const replicas: ReplicaReport[] = [];
    const damage: Finding[] = [];
    const report = (finding: Finding): void => {
      damage.push(finding);
      watcher.found(finding);
    };
    for (const place of places) replicas.push(await verifyReplica(disk, place, watcher, report));
    return { directory, replicas, damage };
  } finally {
    await claim.release();
  }
}

/** A directory that holds a superblock or a log is a replica's, even if the other one is gone. */
function replicasBelow(disk: Disk, directory: string): string[] {
  const found: string[] = [];
  const waiting: { readonly path: string; readonly depth: number }[] = [{ path: directory, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const names = disk.list(next.path);
    if (disk.status(superblockPath(next.path)) !== null || names.includes("log")) {
      found.push(next.path);
      continue;
    }
    if (next.depth === depthMax) continue;
    for (const name of names) {
      const path = join(next.path, name);
      if (disk.status(path)?.isDirectory === true) waiting.push({ path, depth: next.depth + 1 });
    }
  }
  return found.sort();
}

async function verifyReplica(
  disk: Disk,
  directory: string,
  watcher: VerifyWatcher,
  report: (finding: Finding) => void,
): Promise<ReplicaReport> {
  const records = new RecordCheck();
  const walk = verifyLog({ disk, directory, geometry: defaultGeometry, visit: (prepare) => records.visit(prepare) });
  let result: VerifyReport | null = null;
  let yielded = performance.now();
  try {
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) {
        result = step.value;
        break;
      }
      for (const damage of step.value.damage) report({ replica: directory, ...damage });
      watcher.progress(step.value.bytesDone, step.value.bytesTotal, directory);
      if (performance.now() - yielded < yieldEveryMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      yielded = performance.now();
      if (watcher.interrupted.aborted) throw new KimberliteError("cancelled", "the walk was interrupted");
    }
  } catch (error) {
    // A superblock that is missing or has no two equal copies: there is nothing to start from.
    if (!isKimberliteError(error) || error.code === "cancelled") throw error;
    report({
      replica: directory,
      zone: "superblock",
      file: superblockPath(directory),
      address: null,
      op: null,
      what: error.message,
    });
  } finally {
    walk.return?.(undefined as never);
  }
  const trees =
    result?.superblock === null || result === null ? null : checkTrees(disk, directory, result.superblock, report);
  return {
    directory,
    prepares: result?.prepares ?? 0,
    records: records.count,
    tenants: records.tenants,
    segments: result?.segments ?? 0,
    seals: result?.seals ?? 0,
    bytes: result?.bytes ?? 0,
    headOp: result?.head?.op ?? null,
    trees,
  };
}

/** Every block and record of every prepare: bounds, checksums, and each tenant's positions in order without repetition. */
class RecordCheck {
  readonly #next = new Map<number, number>();
  count = 0;

  get tenants(): number {
    return this.#next.size;
  }

  visit({ header, bytes, view, bodyStart }: PrepareVisit): string | null {
    let inPrepare = 0;
    try {
      const blocks = new BlockReader(bytes, view, bodyStart, bodyStart + header.bodyBytes, "checksums");
      while (blocks.nextBlock()) {
        // A tenant that was moved away and back has its positions between in another shard's log: forward is legal, back is not.
        const expected = this.#next.get(blocks.tenant) ?? 0;
        if (blocks.firstPosition < expected) {
          return `position ${blocks.firstPosition} of tenant ${blocks.tenant} follows position ${expected - 1}`;
        }
        this.#next.set(blocks.tenant, blocks.firstPosition + blocks.count);
        while (blocks.nextRecord()) inPrepare += 1;
      }
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      return error.message;
    }
    this.count += inPrepare;
    return inPrepare === header.recordCount
      ? null
      : `the header counts ${header.recordCount} records, the body holds ${inPrepare}`;
  }
}
