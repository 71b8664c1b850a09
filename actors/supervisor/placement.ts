/**
 * Which node holds which replica of a shard. A pure function of the cluster: shard s has its replica k on the node (s + k) mod N, so that
 * the first leaders of the shards are spread over the nodes.
 */

import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { assert } from "../../runtime/types/assert.js";
import type { PeerArgs } from "../replica/peer-links.js";

export interface ClusterMember extends PeerAddress {
  /** What fails as one: nodes of one machine have one name here. The host, when left out. */
  readonly machine?: string | undefined;
}

/** The nodes of a cluster, in the order of their numbers, and which of them this is. */
export interface ClusterPlan {
  readonly clusterId: Uint8Array;
  /** Index of this node in `nodes`. */
  readonly self: number;
  /** `port` is the first of a range: shard s uses port + s. */
  readonly nodes: readonly ClusterMember[];
  /** Null: plaintext, on loopback only. */
  readonly security: PeerSecurity | null;
}

/** The number of a node's replica of a shard. */
export const replicaOn = (node: number, shard: number, nodes: number): number =>
  (node - (shard % nodes) + nodes) % nodes;

/** The node that has a replica of a shard: an index into the nodes. */
export const nodeWith = (replica: number, shard: number, nodes: number): number => (shard + replica) % nodes;

/** How the replicas of a shard reach one another. */
export function peersOf(plan: ClusterPlan, shard: number): PeerArgs {
  const { nodes, security } = plan;
  const replicas = nodes.map((_, replica) => {
    const member = nodes[nodeWith(replica, shard, nodes.length)];
    assert(member !== undefined, "a replica lies on a node of the cluster");
    const { node, name, host, port } = member;
    return { node, name, host, port: port === 0 ? 0 : port + shard };
  });
  return { replicas, channel: shard, security };
}
