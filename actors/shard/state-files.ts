/**
 * The file that a shard's state is checkpointed to: `pages` in the shard's directory. It is a cache of the log: when it is missing or
 * damaged the state is derived again from the first record on, which takes time and loses nothing.
 */

import { type Disk, type DiskFile, join } from "../../runtime/storage/disk.js";
import { type LogPosition, logBeginning } from "../../runtime/storage/log-position.js";
import { Store } from "../../runtime/store/store.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { CheckpointPoint } from "../replica/messages.js";
import { type Machine, realMachine } from "./machine.js";
import { decodeVersionHeader, versionHeaderBytes } from "./version-header.js";

export const pagesPath = (directory: string): string => join(directory, "pages");
const damagedPath = (directory: string): string => join(directory, "pages.damaged");

export interface OpenedState {
  readonly store: Store;
  /** The log position that the state stands for: replay begins here. */
  readonly from: LogPosition;
  /** Why the state begins empty although there was a checkpoint; null when it does not. */
  readonly rebuilt: string | null;
  /** See the version header: false of an empty state. */
  readonly hasLongKeys: boolean;
}

interface StateArgs {
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly cacheBytes: number;
}

function openFile(disk: Disk, directory: string): DiskFile {
  const path = pagesPath(directory);
  if (disk.status(path) !== null) return disk.open(path, "fdatasync");
  const file = disk.create(path, "fdatasync");
  // Syncing its pages does not make its name durable, and a superblock will name what is in it.
  disk.syncDirectory(directory);
  return file;
}

/** Opens the state at the newest checkpoint, or an empty one to be rebuilt by replay. */
export function openState(
  args: StateArgs,
  checkpoint: CheckpointPoint | null,
  machine: Machine = realMachine,
): OpenedState {
  const { directory, clusterId, cacheBytes } = args;
  const { disk, pagesMax } = machine;
  let rebuilt: string | null = null;
  if (checkpoint !== null) {
    try {
      if (disk.status(pagesPath(directory)) === null) {
        throw new KimberliteError("dataMissing", pagesPath(directory), { detail: { file: pagesPath(directory) } });
      }
      const store = Store.open({ file: openFile(disk, directory), clusterId, cacheBytes, pagesMax }, checkpoint.record);
      const bytes = new Uint8Array(512);
      assert(store.headerInto(bytes) >= versionHeaderBytes, "a published version says which op it stands for");
      const header = decodeVersionHeader(bytes);
      assert(
        header.op === checkpoint.position.op,
        "durability: a checkpoint's pages are those that the superblock names",
      );
      return { store, from: checkpoint.position, rebuilt, hasLongKeys: header.hasLongKeys };
    } catch (error) {
      if (!(error instanceof KimberliteError) || !isDerivedAnew(error)) throw error;
      rebuilt = error.message;
      // The superblock names the old root until the next checkpoint. A new state in the same file could leave that root whole and put
      // other pages under it; a start after a crash would take that for the state.
      setDamagedAside(directory, disk);
    }
  }
  return {
    store: Store.create({ file: openFile(disk, directory), clusterId, cacheBytes, pagesMax }),
    from: logBeginning(clusterId),
    rebuilt,
    hasLongKeys: false,
  };
}

/** Damage, and the state of a program whose rows looked different: the log has all of it. */
const isDerivedAnew = (error: KimberliteError): boolean =>
  error.code === "dataCorrupt" ||
  error.code === "dataMissing" ||
  (error.code === "formatUnsupported" && error.detail["layout"] !== undefined);

/** Renames a damaged page file out of the way, so that the next start does not trust it. The newest damaged one is kept for study. */
export function setDamagedAside(directory: string, disk: Disk): void {
  if (disk.status(pagesPath(directory)) === null) return;
  disk.rename(pagesPath(directory), damagedPath(directory));
  disk.syncDirectory(directory);
}
