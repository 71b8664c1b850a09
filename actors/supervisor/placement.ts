/**
 * Which node holds which replica of a shard. A pure function of the cluster: shard s has its replica k on the node (s + k) mod N, so that
 * the first leaders of the shards are spread over the nodes.
 */

import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { assert } from "../../runtime/types/assert.js";
import type { PeerArgs } from "../replica/peer-links.js";

/** The nodes of a cluster, in the order of their numbers, and which of them this is. */
export interface ClusterPlan {
  readonly clusterId: Uint8Array;
  /** Index of this node in `nodes`. */
  readonly self: number;
  /** `port` is the first of a range: shard s uses port + s. */
  readonly nodes: readonly PeerAddress[];
  /** Null: plaintext, on loopback only. */
  readonly security: PeerSecurity | null;
}

/** The number of a node's replica of a shard. */
export const replicaOn = (node: number, shard: number, nodes: number): number =>
  (node - (shard % nodes) + nodes) % nodes;

/** How the replicas of a shard reach one another. */
export function peersOf(plan: ClusterPlan, shard: number): PeerArgs {
  const { nodes, security } = plan;
  const replicas = nodes.map((_, replica) => {
    const node = nodes[(shard + replica) % nodes.length];
    assert(node !== undefined, "a replica lies on a node of the cluster");
    return { ...node, port: node.port === 0 ? 0 : node.port + shard };
  });
  return { replicas, channel: shard, security };
}
