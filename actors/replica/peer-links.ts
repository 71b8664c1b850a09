/** The replica's links to the other replicas of its shard: numbers of replicas here, nodes and addresses below. */

import { systemClock } from "../../runtime/actor/clock.js";
import type { ActorContext } from "../../runtime/actor/definition.js";
import { type PeerAddress, PeerEndpoint } from "../../runtime/actor/peer-endpoint.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { assert } from "../../runtime/types/assert.js";

export interface PeerArgs {
  /** By replica number: the node that holds it, and where this shard's replica is reached there. */
  readonly replicas: readonly PeerAddress[];
  /** Tells the shards' connections apart: the shard's number. */
  readonly channel: number;
  /** Null: plaintext, on loopback only. */
  readonly security: PeerSecurity | null;
}

export interface PeerLinkEvents {
  message(from: number, bytes: Uint8Array): void;
  up(replica: number): void;
  down(replica: number): void;
}

export interface PeerLinks {
  /** False when the message is lost for certain. The bytes must not change until they have left. */
  send(to: number, bytes: Uint8Array): boolean;
  /** Ends a link that stands: both sides are told `down` of it, this one before the call returns. It is made anew. */
  disconnect(replica: number, reason: string): void;
  /** Where they are from now on, by number: connections to others end, and new ones are made. */
  setReplicas(replicas: readonly PeerAddress[]): void;
  close(): Promise<void>;
}

/** Throws `addressInUse`, `configurationInvalid`, `insecureListen`. */
export async function openPeerLinks(
  context: ActorContext,
  args: PeerArgs,
  self: number,
  clusterId: Uint8Array,
  events: PeerLinkEvents,
): Promise<PeerLinks> {
  const own = args.replicas[self];
  assert(own !== undefined, "a replica's number is one of its shard's");
  let replicas = args.replicas;
  const replicaOf = new Map(replicas.map(({ node }, replica) => [node, replica]));
  const of = (node: number): number => {
    const replica = replicaOf.get(node);
    assert(replica !== undefined, "a node that is heard is one of the cluster");
    return replica;
  };
  const endpoint = new PeerEndpoint({
    self: own,
    others: args.replicas.filter((_, replica) => replica !== self),
    clusterId,
    channel: args.channel,
    security: args.security,
    clock: systemClock,
    events: {
      up: (node) => context.enter(() => events.up(of(node))),
      down: (node) => context.enter(() => events.down(of(node))),
      message: (node, bytes) => context.enter(() => events.message(of(node), bytes)),
      trouble: (node, text) => context.log.warn("link between nodes", { node: node ?? "?", text }),
    },
  });
  await endpoint.open();
  return {
    send: (to, bytes) => {
      const peer = replicas[to];
      return peer !== undefined && endpoint.send(peer.node, bytes);
    },
    disconnect: (replica, reason) => {
      const peer = replicas[replica];
      if (peer !== undefined) endpoint.disconnect(peer.node, reason);
    },
    setReplicas: (next) => {
      const isKept = (one: PeerAddress): boolean =>
        next.some(({ node, name, host, port }) => {
          return node === one.node && name === one.name && host === one.host && port === one.port;
        });
      const left = replicas.filter((one) => !isKept(one));
      assert(!left.includes(own), "a node does not leave its own cluster");
      // Their ends are told while their numbers are known.
      for (const { node } of left) endpoint.drop(node);
      for (const { node } of left) replicaOf.delete(node);
      const known = new Set(replicaOf.keys());
      replicas = next;
      for (const [replica, { node }] of next.entries()) replicaOf.set(node, replica);
      for (const address of next) if (!known.has(address.node)) endpoint.admit(address);
    },
    close: () => endpoint.close(),
  };
}
