/**
 * The checkpointed state: opens the page file at the checkpoint that the superblock names and walks every tree from its first
 * entry to its last. Reading a page checks its checksum, number, kind and cluster; the walk checks that keys strictly ascend.
 */
import { type Disk, join } from "../../../runtime/storage/disk.js";
import type { SuperblockContent } from "../../../runtime/storage/superblock.js";
import { Store } from "../../../runtime/store/store.js";
import { treeKeyBytesMax, treesMax } from "../../../runtime/store/tree.js";
import { isKimberliteError } from "../../../runtime/types/errors.js";
import type { Finding } from "./data-directory.js";

const cacheBytes = 64 * 1024 * 1024;
const nothing = new Uint8Array(0);

export interface TreesReport {
  readonly op: number;
  readonly trees: number;
  readonly entries: number;
  readonly pages: number;
}

/** Null when there is no checkpoint yet. */
export function checkTrees(
  disk: Disk,
  directory: string,
  superblock: SuperblockContent,
  report: (finding: Finding) => void,
): TreesReport | null {
  const { root, op } = superblock.checkpoint;
  if (root.length === 0) return null;
  const path = join(directory, "pages");
  const damaged = (what: string): void =>
    report({
      replica: directory,
      zone: "pages",
      file: path,
      address: null,
      op,
      what: `${what} (derived data: the node rebuilds it from the log)`,
    });
  try {
    const file = disk.open(path, "read");
    try {
      const store = Store.open({ file, clusterId: superblock.clusterId, cacheBytes }, root);
      let trees = 0;
      let entries = 0;
      for (let tree = 0; tree < treesMax; tree += 1) {
        const found = walkTree(store, tree, damaged);
        trees += found > 0 ? 1 : 0;
        entries += found;
      }
      const pages = store.status().pageCount;
      store.close();
      return { op, trees, entries, pages };
    } finally {
      file.close();
    }
  } catch (error) {
    if (!isKimberliteError(error)) throw error;
    damaged(error.message);
    return null;
  }
}

function walkTree(store: Store, tree: number, damaged: (what: string) => void): number {
  const cursor = store.cursor(tree);
  let key = new Uint8Array(treeKeyBytesMax);
  let before = new Uint8Array(treeKeyBytesMax);
  let beforeLength = -1;
  let entries = 0;
  for (let valid = cursor.seek(nothing); valid; valid = cursor.next()) {
    const length = cursor.keyInto(key);
    if (beforeLength >= 0 && Buffer.compare(before.subarray(0, beforeLength), key.subarray(0, length)) >= 0) {
      damaged(`tree ${tree}: entry ${entries} does not follow the one before it`);
      return entries;
    }
    [key, before] = [before, key];
    beforeLength = length;
    entries += 1;
  }
  return entries;
}
