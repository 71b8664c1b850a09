/**
 * A standby's directory becomes that of a node that votes: in the place of one that is lost or retired, whose number it takes. It keeps the log,
 * so that it is in step a moment after its start.
 *
 * Each shard's replica gets the number, an id of its own, and a view before which it is silent: one in which nobody can have heard of
 * the replica that had the number before. What that one has acknowledged this one never denies, and the old directory is turned away by
 * the newer id, for ever.
 *
 * The node's identity is written last. Interrupted before that, the directory starts as neither node, and the same call completes it.
 */
import { claimDirectory } from "../../runtime/storage/directory-claim.js";
import { sameBytes } from "../../runtime/storage/frame.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { headOf, stateOf, takePlace } from "../../runtime/storage/replica-storage.js";
import { configurationOf } from "../../runtime/storage/views.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { newMembers, readIdentity, shardDirectory, writeIdentity } from "./data-directory.js";

export interface Promotion {
  readonly clusterId: Uint8Array;
  readonly epoch: number;
  /** Index of the standby, and of the node whose place it takes. */
  readonly standby: number;
  readonly place: number;
  readonly voters: number;
  /** By shard, the system shard first: what is committed, and the view in which the replica may speak. */
  readonly shards: readonly { readonly commit: number; readonly view: number }[];
  /** Operations that a standby may lack and be promoted. */
  readonly lagMax: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * Gives the newest operation of each shard's log. Throws `directoryLocked` while a node runs there, `directoryForeign` for a directory of another
 * node, `stepUnsafe` for one whose log is too far behind, and what recovery finds.
 */
export async function promoteDataDirectory(path: string, promotion: Promotion): Promise<number[]> {
  const { clusterId, standby, place, voters, shards, lagMax, randomBytes } = promotion;
  assert(standby >= voters && place < voters, "a standby takes the place of a node that votes");
  const disk = new RealDisk();
  const claim = await claimDirectory(disk, path);
  try {
    const known = readIdentity(disk, path);
    const isMeant =
      known !== null &&
      sameBytes(known.clusterId, 0, clusterId, 0, clusterId.length) &&
      known.nodeId === standby + 1 &&
      known.epoch === promotion.epoch &&
      known.shards + 1 === shards.length;
    if (!isMeant) {
      throw new KimberliteError(
        "directoryForeign",
        `${path} is not the directory of node ${standby + 1} of this cluster`,
        {
          detail: { directory: path, node: standby + 1 },
        },
      );
    }
    const heads = shards.map((_, shard) => headOf({ disk, directory: shardDirectory(path, shard) }));
    for (const [shard, { commit }] of shards.entries()) {
      const lag = commit - (heads[shard] ?? 0);
      if (lag <= lagMax) continue;
      throw new KimberliteError(
        "stepUnsafe",
        `not promoted: ${path} lacks ${lag} operations of shard ${shard}, and ${lagMax} are the most: start it as a standby until it is in step`,
        { detail: { shard, lag } },
      );
    }
    for (const [shard, { view }] of shards.entries()) {
      const { replicaCount, view: own } = stateOf(disk, shardDirectory(path, shard));
      if (replicaCount === voters && configurationOf(own) === configurationOf(view)) continue;
      throw new KimberliteError(
        "stepUnsafe",
        `not promoted: ${path} knows ${replicaCount} voters of shard ${shard}, and there are ${voters}, or it has missed a change of them: start it as a standby until it is in step`,
        { detail: { shard, replicaCount, voters } },
      );
    }
    for (const [shard, { view }] of shards.entries()) {
      const members = newMembers(voters, place, view, randomBytes);
      takePlace(disk, shardDirectory(path, shard), { replica: place, members, view });
    }
    writeIdentity(disk, path, { ...known, nodeId: place + 1 });
    return heads;
  } finally {
    await claim.release();
  }
}
