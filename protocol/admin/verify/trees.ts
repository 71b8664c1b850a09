/** The checkpointed state of one replica: the store's own structural verifier over the page file, as the walk's findings. */
import { type Disk, join } from "../../../runtime/storage/disk.js";
import type { SuperblockContent } from "../../../runtime/storage/superblock.js";
import { type VerifyResult, verifyCheckpoint } from "../../../runtime/store/verify.js";
import { isKimberliteError } from "../../../runtime/types/errors.js";
import type { Finding } from "./data-directory.js";

export interface TreesReport {
  readonly op: number;
  readonly entries: number;
  readonly pages: number;
  readonly freePages: number;
}

/** Null when there is no checkpoint yet, or nothing of it could be walked. */
export function checkTrees(
  disk: Disk,
  directory: string,
  superblock: SuperblockContent,
  report: (finding: Finding) => void,
): TreesReport | null {
  const { root, op } = superblock.checkpoint;
  if (root.length === 0) return null;
  const file = join(directory, "pages");
  const damaged = (what: string): void =>
    report({
      replica: directory,
      zone: "pages",
      file,
      address: null,
      op,
      what: `${what} (derived data: the node rebuilds it from the log)`,
    });
  try {
    const pages = disk.open(file, "read");
    try {
      const walk = verifyCheckpoint(pages, superblock.clusterId, root);
      let step = walk.next();
      while (step.done !== true) step = walk.next();
      const result: VerifyResult = step.value;
      for (const { page, kind, what } of result.problems) damaged(`page ${page} (${kind}): ${what}`);
      return { op, entries: result.entries, pages: result.pages, freePages: result.freePages };
    } finally {
      pages.close();
    }
  } catch (error) {
    if (!isKimberliteError(error)) throw error;
    damaged(error.message);
    return null;
  }
}
