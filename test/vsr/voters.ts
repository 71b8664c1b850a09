/** For tests of clusters whose voters come and go: how they stand, and how a change is asked for. */
import type { ReplicaInspection } from "../../runtime/vsr/replica.js";
import type { Cluster } from "./cluster.js";

export function inspect(cluster: Cluster, index: number): ReplicaInspection {
  const { replica } = cluster.members[index] ?? {};
  if (!replica) throw new Error(`replica ${index} is down`);
  return replica.inspect();
}

export const newestOf = (cluster: Cluster): number => Math.max(0, ...cluster.commits.keys());

/** The newest configuration of a cluster all of whose replicas are up. */
export const votersOf = (cluster: Cluster): number =>
  cluster.members
    .map((_, index) => inspect(cluster, index))
    .reduce((newest, one) => (one.configuration > newest.configuration ? one : newest)).voters;

/** Proposes one voter more or fewer at whoever leads. */
export function change(cluster: Cluster, by: number): boolean {
  const { primary } = cluster;
  if (primary < 0) return false;
  const voters = inspect(cluster, primary).voters + by;
  if (voters < 2 || voters > Math.min(6, cluster.members.length)) return false;
  return cluster.propose(primary, voters);
}

export function settled(
  t: { is: (a: unknown, b: unknown, m?: string) => void },
  cluster: Cluster,
  label: string,
): void {
  const newest = newestOf(cluster);
  const voters = votersOf(cluster);
  for (const [index, { committed, halted }] of cluster.members.entries()) {
    t.is(halted, null, `${label}: replica ${index}`);
    t.is(committed?.op, newest, `${label}: replica ${index}`);
    const { status, voters: known } = inspect(cluster, index);
    t.is(status, "normal", `${label}: replica ${index}`);
    t.is(known, voters, `${label}: replica ${index}`);
  }
}
