/**
 * The last resort: a majority of the nodes is lost for good, and the cluster is founded anew from the log that one node has left. What that log holds
 * is kept; what others had acknowledged and it does not hold is gone. Nobody can say from here how much that is, only from where on.
 *
 * A founder's directory is that node's own, or a copy of it for each node of the new cluster: copies are known by what their logs end with
 * (`mark`), so that no two founders begin with different logs. Everything is of the next epoch: what is left of the old cluster, on whatever
 * disk, is turned away by that for ever.
 *
 * The node's identity is written last: interrupted before, the directory starts in no cluster, and the same call completes it.
 */
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { claimDirectory } from "../../runtime/storage/directory-claim.js";
import { sameBytes } from "../../runtime/storage/frame.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { refoundReplica, type SurvivingLog, survivingLog } from "../../runtime/storage/replica-rescue.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type NodeIdentity, newMembers, readIdentity, shardDirectory, writeIdentity } from "./data-directory.js";

export interface Survivor {
  readonly identity: NodeIdentity;
  /** By shard, the system shard first. */
  readonly logs: readonly SurvivingLog[];
  /** What the logs end with, in 16 hex digits: the same for a directory and its copies only. */
  readonly mark: string;
}

export interface Founding {
  readonly clusterId: Uint8Array;
  /** Of the new cluster: one more than the directory's. */
  readonly epoch: number;
  /** Index of the node among those that vote, and how many do. */
  readonly node: number;
  readonly voters: number;
  readonly shards: number;
  /** Told once everything is known and nothing is changed: false, and nothing will be. */
  readonly accepts: (survivor: Survivor) => boolean;
  readonly randomBytes: (count: number) => Uint8Array;
}

const markBytes = 8;

function markOf(logs: readonly SurvivingLog[]): string {
  const all = new Uint8Array(Buffer.concat(logs.map(({ identity }) => identity)));
  return Buffer.from(nodeProvider.sha256(all, 0, all.length).subarray(0, markBytes)).toString("hex");
}

/** Throws `directoryLocked`, `directoryForeign`, `stepUnsafe`, and what recovery finds. */
export async function rescueDataDirectory(path: string, founding: Founding): Promise<Survivor> {
  const { clusterId, epoch, node, voters, shards, accepts, randomBytes } = founding;
  assert(node < voters && epoch > 0, "a founder votes, in an epoch behind the first");
  const disk = new RealDisk();
  const claim = await claimDirectory(disk, path);
  try {
    const identity = readIdentity(disk, path);
    if (identity === null || !sameBytes(identity.clusterId, 0, clusterId, 0, clusterId.length)) {
      throw new KimberliteError("directoryForeign", `${path} holds no node of this cluster`, {
        detail: { directory: path },
      });
    }
    if (identity.shards !== shards) {
      throw new KimberliteError(
        "directoryForeign",
        `${path} has ${identity.shards} user shard(s), and the cluster file says ${shards}`,
        { detail: { directory: path, shards: identity.shards } },
      );
    }
    if (identity.epoch + 1 !== epoch) {
      throw new KimberliteError(
        "stepUnsafe",
        `${path} is of epoch ${identity.epoch}: write \`epoch = ${identity.epoch + 1}\` into the new cluster's file, which says ${epoch}. Nothing was changed`,
        { detail: { directory: path, epoch: identity.epoch } },
      );
    }
    const places = Array.from({ length: shards + 1 }, (_, shard) => ({ disk, directory: shardDirectory(path, shard) }));
    const logs = places.map((place) => survivingLog(place));
    const survivor = { identity, logs, mark: markOf(logs) };
    if (!accepts(survivor)) return survivor;
    for (const place of places) {
      // Of two directories of one number the later epoch counts before any id does.
      const members = voters === 1 ? [] : newMembers(voters, node, 0, randomBytes);
      refoundReplica(place, { epoch, replica: node, replicaCount: voters, members });
    }
    writeIdentity(disk, path, { ...identity, nodeId: node + 1, replicas: voters, epoch });
    return survivor;
  } finally {
    await claim.release();
  }
}
