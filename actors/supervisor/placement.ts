/**
 * Which node holds which replica of a shard: the node at index k has replica k of every shard, those that stand by behind those that vote. So how many
 * vote moves no replica. That the shards are led by different nodes comes from where each shard's views begin to count (`rotation` of a replica).
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

/** How the replicas of a shard reach one another. */
export function peersOf(plan: ClusterPlan, shard: number): PeerArgs {
  const { nodes, security } = plan;
  votersOf(nodes);
  const replicas = nodes.map(({ node, name, host, port }) => {
    return { node, name, host, port: port === 0 ? 0 : port + shard };
  });
  return { replicas, channel: shard, security };
}
