/**
 * The offline walk over a data directory, its replicas side by side on as many cores as there are: every replica's superblock, header ring, log and seals, every record in it, and the
 * checkpointed state's trees. Reads only. It does not stop at the first damage, so one run shows the whole extent.
 */
import { claimDirectory } from "../../../runtime/storage/directory-claim.js";
import { type Disk, join } from "../../../runtime/storage/disk.js";
import { superblockPath } from "../../../runtime/storage/superblock.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { verifyInPool } from "./pool.js";
import type { TreesReport } from "./trees.js";

/** Directories below the data directory in which replicas are looked for. */
const depthMax = 4;

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
  /** What is no damage and still worth knowing of a replica that has peers. */
  readonly notes: readonly string[];
  readonly trees: TreesReport | null;
}

export interface DirectoryReport {
  readonly directory: string;
  readonly replicas: readonly ReplicaReport[];
  readonly damage: readonly Finding[];
}

export interface VerifyWatcher {
  /** Bytes of log over all replicas: so far, and in all as far as is known. */
  progress(done: number, total: number): void;
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
    const damage: Finding[] = [];
    const report = (finding: Finding): void => {
      damage.push(finding);
      watcher.found(finding);
    };
    const replicas = await verifyInPool(places, { ...watcher, interrupted: watcher.interrupted, found: report });
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
