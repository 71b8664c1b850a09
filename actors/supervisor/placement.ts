/**
 * Which node holds which replica of a shard. A pure function of the cluster: of N nodes that vote, shard s has its replica k on the node
 * (s + k) mod N, so that the first leaders of the shards are spread over the nodes. A node that stands by has the number of its place
 * behind them on every shard: that it comes or goes moves nothing.
 */

import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { assert } from "../../runtime/types/assert.js";
import type { PeerArgs } from "../replica/peer-links.js";

export interface ClusterMember extends PeerAddress {
  /** What fails as one: nodes of one machine have one name here. The host, when left out. */
  readonly machine?: string | undefined;
  /** It keeps every log and does not count. Such nodes come last. */
  readonly isStandby?: boolean | undefined;
}

/** The nodes of a cluster, in the order of their numbers, and which of them this is. */
export interface ClusterPlan {
  readonly clusterId: Uint8Array;
  /** How often the cluster was founded anew; left out: never. */
  readonly epoch?: number | undefined;
  /** Index of this node in `nodes`. */
  readonly self: number;
  /** `port` is the first of a range: shard s uses port + s. */
  readonly nodes: readonly ClusterMember[];
  /** Null: plaintext, on loopback only. */
  readonly security: PeerSecurity | null;
}

/** Nodes that vote: those before the standbys. */
export function votersOf(nodes: readonly ClusterMember[]): number {
  const voters = nodes.filter(({ isStandby }) => isStandby !== true).length;
  assert(voters > 0, "a cluster has nodes that vote");
  assert(
    nodes.slice(0, voters).every(({ isStandby }) => isStandby !== true),
    "standbys come behind the voters",
  );
  return voters;
}

/** The number of a node's replica of a shard. */
export const replicaOn = (node: number, shard: number, voters: number): number =>
  node >= voters ? node : (node - (shard % voters) + voters) % voters;

/** The node that has a replica of a shard: an index into the nodes. */
export const nodeWith = (replica: number, shard: number, voters: number): number =>
  replica >= voters ? replica : (shard + replica) % voters;

/** How the replicas of a shard reach one another. */
export function peersOf(plan: ClusterPlan, shard: number): PeerArgs {
  const { nodes, security } = plan;
  const voters = votersOf(nodes);
  const replicas = nodes.map((_, replica) => {
    const member = nodes[nodeWith(replica, shard, voters)];
    assert(member !== undefined, "a replica lies on a node of the cluster");
    const { node, name, host, port } = member;
    return { node, name, host, port: port === 0 ? 0 : port + shard };
  });
  return { replicas, voters, channel: shard, security };
}
