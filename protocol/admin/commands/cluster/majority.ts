/** What has to hold before a replica may take a place in which another has voted: a majority without it is in order. */
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { quorumsOf } from "../../../../runtime/vsr/quorums.js";
import type { NodeAccess } from "../../node-access.js";
import { type ClusterReport, clusterShape } from "../../shapes.js";

/** One that a replica may have entered alone before it was lost, and the first in which nobody has heard of it. */
const viewsBeyond = 2;

export const refusedStep = (what: string): KimberliteError =>
  new KimberliteError("stepUnsafe", `${what}. Nothing was changed`);

export interface Majority {
  /** By shard, the system shard first: what its leader has committed, and the first view in which nobody has heard of the lost one. */
  readonly commit: number;
  readonly view: number;
}

export interface Expected {
  /** In hex. */
  readonly clusterId: string;
  /** Number of the node that is lost. */
  readonly node: number;
  /** User shards. */
  readonly shards: number;
  /** Nodes that vote, as the cluster file says. */
  readonly voters: number;
}

/**
 * Has the majority commit operations that say nothing, so that whatever the lost one had acknowledged is on the others' disks or will never be.
 * Throws `stepUnsafe` where a majority without the node is not in order, before and after.
 */
export async function confirmMajority(asked: NodeAccess, expected: Expected): Promise<Majority[]> {
  const status = async (): Promise<ClusterReport> => clusterShape.parse(await asked.admin("cluster.status"));
  checkMajority(await status(), expected);
  await asked.admin("cluster.barrier");
  // After it: what was seen before could be of a view that nobody works in any more.
  return checkMajority(await status(), expected);
}

/** By shard. Throws `stepUnsafe` where a majority without the node is not in order. */
export function checkMajority(report: ClusterReport, { clusterId, node, shards, voters }: Expected): Majority[] {
  if (report.clusterId !== clusterId) throw refusedStep(`the node that answers is of cluster ${report.clusterId}`);
  if (report.shards.length !== shards + 1) {
    throw refusedStep(`the others have ${report.shards.length - 1} user shard(s), the file says ${shards}`);
  }
  const other = report.shards.find((one) => one.voters !== voters);
  if (other !== undefined) {
    throw refusedStep(`${other.voters} nodes vote on shard ${other.shard}, and the file lists ${voters}`);
  }
  const self = report.nodes.find((one) => one.node === node);
  if (self?.reachable === true) throw refusedStep(`node ${node} answers: it runs, with a disk of its own`);
  return report.shards.map(({ shard, leader, replicas: all }) => {
    const replicas = all.filter(({ standby }) => !standby);
    if (leader === null) throw refusedStep(`shard ${shard} has no leader`);
    const unsound = replicas.filter((one) => one.node !== node && one.fault !== null);
    const { replication, viewChange } = quorumsOf(replicas.length);
    const sound = replicas.length - 1 - unsound.length;
    if (sound < Math.max(replication, viewChange)) {
      const faults = unsound.map((one) => `its replica on node ${one.node} ${one.fault ?? ""}`).join("; ");
      throw refusedStep(`shard ${shard} has too few sound replicas without node ${node}: ${faults}`);
    }
    return {
      commit: Math.max(...replicas.map(({ commit }) => commit ?? 0)),
      view: Math.max(...replicas.map(({ view }) => view ?? 0)) + viewsBeyond,
    };
  });
}
