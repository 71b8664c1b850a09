/**
 * What the replicas of a cluster say of themselves, judged: which are in order, what is wrong now, and how much more may fail. A pure
 * function, so that every case can be put before it.
 *
 * A replica counts as sound when it answers, works in the leader's view, keeps up, and has space. A shard works on while a quorum for
 * both, writing and changing the leader, is sound. A standby is judged like the others and counts for none of that. Replicas on one machine fail together: what is tolerated is counted in machines, the
 * worst first.
 */
import type { ShardReport } from "../../actors/shard/report.js";
import { type ClusterMember, votersOf } from "../../actors/supervisor/placement.js";
import { isLoopback } from "../../runtime/actor/loopback.js";
import { assert } from "../../runtime/types/assert.js";
import { quorumsOf } from "../../runtime/vsr/quorums.js";

/** Operations behind the leader's commit from which on a replica does not keep up. */
const lagMax = 32;

export interface ReplicaHealth {
  readonly node: number;
  readonly replica: number;
  /** Null when it did not answer; so are the numbers. */
  readonly status: string | null;
  readonly view: number | null;
  readonly op: number | null;
  readonly commit: number | null;
  /** Newest operation up to which its log is whole and on its disk. */
  readonly durable: number | null;
  /** Newest operation that its readers see. */
  readonly applied: number | null;
  /** Operations that the leader has committed and that are not durable here; null without a leader. */
  readonly lag: number | null;
  readonly leads: boolean;
  /** It keeps the log, and neither acknowledges nor votes. */
  readonly standby: boolean;
  /** Null when it is sound. */
  readonly fault: string | null;
}

export interface ShardHealth {
  readonly shard: number;
  readonly view: number | null;
  /** How often the number of voters was changed, as far as any replica knows, and what it is: the nodes with the first numbers vote. */
  readonly configuration: number;
  readonly voters: number;
  /** Number of the node that leads; null while none does. */
  readonly leader: number | null;
  readonly replicas: readonly ReplicaHealth[];
  /** Replicas that are not sound. */
  readonly faults: number;
  /** Nodes that may fail from now on, with those that have failed already counted. */
  readonly nodeFailuresTolerated: number;
  /** Machines that may fail from now on, with those that have failed already counted. */
  readonly machineFailuresTolerated: number;
}

export interface NodeHealth {
  readonly node: number;
  readonly name: string;
  readonly machine: string;
  /** True when a replica there has answered. */
  readonly reachable: boolean;
  readonly standby: boolean;
  /** Shards that it leads. */
  readonly leads: readonly number[];
}

export interface ClusterHealth {
  /** How often the cluster was founded anew. */
  readonly epoch: number;
  readonly nodes: readonly NodeHealth[];
  readonly shards: readonly ShardHealth[];
  /** In words, for people; empty when everything is sound. */
  readonly faults: readonly string[];
  readonly machines: number;
  /** Nodes that may fail from now on without a shard standing still. */
  readonly nodeFailuresTolerated: number;
  /** Machines that may fail from now on without a shard standing still. */
  readonly machineFailuresTolerated: number;
  /** … were everything sound: what the layout can give. */
  readonly machineFailuresTolerable: number;
}

/** What a node of its own is to these functions: the only one. */
export const loneMember: ClusterMember = { node: 1, name: "node-1", host: "127.0.0.1", port: 0 };

/** Loopback has several names and is one machine. */
export const machineOf = ({ machine, host }: ClusterMember): string =>
  machine ?? (isLoopback(host) ? "127.0.0.1" : host);

/** Machines that may fail, whichever they are, while `needed` of the replicas on them are left. */
export function failuresTolerated(machines: readonly string[], needed: number): number {
  const counts = new Map<string, number>();
  for (const machine of machines) counts.set(machine, (counts.get(machine) ?? 0) + 1);
  let left = machines.length;
  let tolerated = 0;
  // The worst first: where most replicas are.
  for (const count of [...counts.values()].sort((a, b) => b - a)) {
    left -= count;
    if (left < needed) break;
    tolerated += 1;
  }
  assert(tolerated < Math.max(1, counts.size), "not every machine may fail");
  return tolerated;
}

/** Replicas that have to work for a shard to take writes and to find a new leader. */
export function needed(replicas: number): number {
  const { replication, viewChange } = quorumsOf(replicas);
  return Math.max(replication, viewChange);
}

/** What the layout gives when nothing has failed. @param voters left out: as many as the cluster file says */
export function failuresTolerable(members: readonly ClusterMember[], voters = votersOf(members)): number {
  return failuresTolerated(members.slice(0, voters).map(machineOf), needed(voters));
}

/** @param reports by shard, then by replica; an empty list for a shard that is being restarted */
export function judge(
  members: readonly ClusterMember[],
  reports: readonly (readonly (ShardReport | null)[])[],
): ClusterHealth {
  assert(members.length > 0 && reports.length > 0, "a cluster has nodes and shards");
  const shards = reports.map((ofShard, shard) => judgeShard(members, shard, ofShard));
  const nodes = members.map((member): NodeHealth => {
    const places = shards.map(({ replicas }) => replicas.find(({ node }) => node === member.node));
    return {
      node: member.node,
      name: member.name,
      machine: machineOf(member),
      standby: places.every((place) => place?.standby === true),
      reachable: places.some((place) => place !== undefined && place.status !== null),
      leads: shards.filter(({ leader }) => leader === member.node).map(({ shard }) => shard),
    };
  });
  return {
    epoch: Math.max(0, ...reports.flat().map((report) => report?.epoch ?? 0)),
    nodes,
    shards,
    faults: [...nodes.filter(({ reachable }) => !reachable).map(silent), ...shards.flatMap((one) => words(one, nodes))],
    machines: new Set(nodes.filter(({ standby }) => !standby).map(({ machine }) => machine)).size,
    nodeFailuresTolerated: Math.min(...shards.map((one) => one.nodeFailuresTolerated)),
    machineFailuresTolerated: Math.min(...shards.map((one) => one.machineFailuresTolerated)),
    machineFailuresTolerable: Math.min(...shards.map(({ voters }) => failuresTolerable(members, voters))),
  };
}

function judgeShard(
  members: readonly ClusterMember[],
  shard: number,
  reports: readonly (ShardReport | null)[],
): ShardHealth {
  let leader: ShardReport | null = null;
  // One that was cut off may not know yet that it leads no more.
  for (const report of reports) if (report?.leads === true && report.view >= (leader?.view ?? 0)) leader = report;
  const { configuration, voters } = configurationOf(members, reports);
  const replicas = members.map(({ node }, replica): ReplicaHealth => {
    const standby = replica >= voters;
    const report = reports[replica] ?? null;
    if (report === null) {
      const none = { status: null, view: null, op: null, commit: null, durable: null, applied: null, lag: null };
      return { node, replica, ...none, leads: false, standby, fault: "does not answer" };
    }
    const { status, view, op, commit, durable, applied } = report;
    const lag = leader === null ? null : Math.max(0, leader.commit - durable);
    const leads = report === leader;
    return {
      node,
      replica,
      status,
      view,
      op,
      commit,
      durable,
      applied,
      lag,
      leads,
      standby,
      fault: faultOf(report, leader, lag),
    };
  });
  const sound = replicas.filter(({ fault, standby }) => fault === null && !standby);
  const machines = sound.map(({ node }) => {
    const member = members.find((one) => one.node === node);
    assert(member !== undefined, "a replica lies on a node of the cluster");
    return machineOf(member);
  });
  return {
    shard,
    view: leader?.view ?? null,
    configuration,
    voters,
    leader: leader === null ? null : (replicas[leader.replica]?.node ?? null),
    replicas,
    faults: replicas.filter(({ fault }) => fault !== null).length,
    nodeFailuresTolerated: leader === null ? 0 : Math.max(0, sound.length - needed(voters)),
    machineFailuresTolerated: leader === null ? 0 : failuresTolerated(machines, needed(voters)),
  };
}

/** The newest that any replica is in. While none answers the file has the word. */
function configurationOf(
  members: readonly ClusterMember[],
  reports: readonly (ShardReport | null)[],
): { readonly configuration: number; readonly voters: number } {
  let newest = { configuration: 0, voters: votersOf(members) };
  for (const report of reports) {
    if (report !== null && report.configuration >= newest.configuration) newest = report;
  }
  const { configuration, voters } = newest;
  return { configuration, voters: Math.min(voters, members.length) };
}

function faultOf(report: ShardReport, leader: ShardReport | null, lag: number | null): string | null {
  if (report.isDiskFull) return "its disk is full";
  if (report.stuckAt > 0) return `op ${report.stuckAt} can be neither found nor ruled out`;
  if (report.status === "recoveringHead") return "the end of its log is damaged, and it waits to hear of it";
  if (report.status === "fresh") return "is new, and waits until a majority of the others knows it";
  if (report.status === "replaced") return "comes back after the loss of its disk, or to an older state of it";
  if (report.status !== "normal") return "takes part in a change of leader";
  if (leader === null) return null;
  if (report.view < leader.view) return `is in view ${report.view} still`;
  return lag !== null && lag > lagMax ? `is ${lag} operations behind` : null;
}

const silent = ({ node, name }: NodeHealth): string => `node ${node} (${name}) does not answer`;

function words({ shard, leader, replicas }: ShardHealth, nodes: readonly NodeHealth[]): string[] {
  const silentNodes = new Set(nodes.filter(({ reachable }) => !reachable).map(({ node }) => node));
  return [
    ...(leader === null ? [`shard ${shard} has no leader: its writes wait`] : []),
    ...replicas.flatMap(({ node, fault }) =>
      fault === null || silentNodes.has(node) ? [] : [`shard ${shard}: its replica on node ${node} ${fault}`],
    ),
  ];
}
