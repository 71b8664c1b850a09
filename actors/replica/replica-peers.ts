/**
 * The other replicas as this one reaches them: the protocol's messages on their way there and from there, and beside them what the shards say to one
 * another, which comes in order and whole, or the link ends and both sides hear of that.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import type { Superblock } from "../../runtime/storage/superblock.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { decodeMessage, encodeMessage } from "../../runtime/vsr/codec.js";
import type { Message } from "../../runtime/vsr/messages.js";
import { refusalsOf } from "../messages/refused-requests.js";
import { decodeRelay, encodeRelay, isRelay, relayKindOf, relayKinds } from "../messages/relay.js";
import type { Machine } from "../shard/machine.js";
import type { PeerArgs, PeerLinks } from "./peer-links.js";
import type { ShardNotices } from "./shard-notices.js";

export interface PeersHost {
  readonly context: ActorContext;
  readonly machine: Machine;
  readonly superblock: Superblock;
  readonly notices: ShardNotices;
  /** This replica's number. */
  readonly self: number;
  message(from: number, message: Message): void;
  disconnected(peer: number): void;
}

export class ReplicaPeers {
  readonly #host: PeersHost;
  #links: PeerLinks | null = null;
  /** Replicas to which a connection stands. */
  readonly #linked = new Set<number>();
  /** What was encoded last: one message often goes to several replicas. */
  #encoded: { message: Message; bytes: Uint8Array } | null = null;
  refusedFrames = 0;

  constructor(host: PeersHost) {
    this.#host = host;
  }

  /** Opens the links to the other replicas: part of the start. */
  async open(peers: PeerArgs): Promise<void> {
    const { context, machine, superblock, notices, self } = this.#host;
    const { clusterId } = superblock.content;
    this.#links = await machine.openLinks(context, peers, self, clusterId, {
      message: (from, bytes) => this.#arrived(from, bytes),
      up: (replica) => {
        this.#linked.add(replica);
        notices.tell({ kind: "peerUp", replica });
      },
      down: (replica) => {
        this.#linked.delete(replica);
        this.#host.disconnected(replica);
        notices.tell({ kind: "peerDown", replica });
      },
    });
  }

  /** Connections that came up before the shard was there to hear of it. */
  tellLinked(): void {
    for (const replica of this.#linked) this.#host.notices.tell({ kind: "peerUp", replica });
  }

  setReplicas(replicas: readonly PeerAddress[]): void {
    this.#links?.setReplicas(replicas);
  }

  async close(): Promise<void> {
    await this.#links?.close();
  }

  // ------------------------------------------------------------------ the protocol's

  send(to: number, message: Message): void {
    const links = this.#links;
    if (links === null) return;
    const { machine, superblock, self } = this.#host;
    if (this.#encoded?.message !== message) {
      const { clusterId, epoch } = superblock.content;
      const { release } = machine;
      const bytes = encodeMessage(message, { replica: self, clusterId, epoch, release });
      this.#encoded = { message, bytes };
    }
    // A link that is full loses it: the protocol sends again what matters.
    links.send(to, this.#encoded.bytes);
  }

  #arrived(from: number, bytes: Uint8Array): void {
    const { superblock, notices } = this.#host;
    if (isRelay(bytes)) {
      // Requests can be refused.
      const kind = relayKindOf(bytes);
      const mayWait = kind !== relayKinds.requests && kind !== relayKinds.commands;
      if (!notices.relayed(from, bytes, mayWait)) this.#refuseRelay(from, bytes);
      return;
    }
    const decoded = decodeMessage(bytes, superblock.content.clusterId);
    if ("fault" in decoded) {
      this.refusedFrames += 1;
      return;
    }
    // A prepare is of the epoch that it was written in, wherever it is sent again.
    if (decoded.from !== null && decoded.epoch !== superblock.content.epoch) {
      this.refusedFrames += 1;
      this.#isOfOtherEpoch(from, decoded.epoch);
      return;
    }
    this.#host.message(from, decoded.message);
  }

  /** One of an earlier epoch learns from this replica's own words that it has to go; this one, of a later epoch than its own. */
  #isOfOtherEpoch(from: number, epoch: number): void {
    const own = this.#host.superblock.content.epoch;
    if (epoch < own) return;
    throw new KimberliteError(
      "dataMissing",
      `replica ${from} is of epoch ${epoch}, and this directory of epoch ${own}: the cluster was founded anew by \`kimberlite cluster rescue\`, and this directory must never come back`,
      { detail: { because: "lostDisk", epoch, own } },
    );
  }

  // ------------------------------------------------------------------ the shards'

  /** A loss that only one side knew of would leave the other waiting for ever. */
  relay(to: number, bytes: Uint8Array): void {
    if (this.#links?.send(to, bytes) === true) return;
    if (this.#linked.has(to)) this.disconnect(to, "it takes too little of what is for it");
    // The shard has said it before it heard that the link has ended.
    else this.#host.notices.tell({ kind: "peerDown", replica: to });
  }

  disconnect(replica: number, because: string): void {
    if (!this.#linked.has(replica)) return;
    this.#host.context.log.warn("a link between nodes is ended", { replica, because });
    this.#links?.disconnect(replica, because);
    assert(!this.#linked.has(replica), "who waits over a link hears of its end at once");
  }

  /** This node's shard has no room for what another's says. None of it was begun: requests are refused, and may be sent again. */
  #refuseRelay(from: number, bytes: Uint8Array): void {
    const { kind, incarnation, body } = decodeRelay(bytes);
    if (kind !== relayKinds.requests && kind !== relayKinds.commands) {
      this.disconnect(from, "this node's shard has no room for what it says");
      return;
    }
    const error = new KimberliteError("mailboxFull", "the shard that leads takes no more work at the moment");
    const refusals = refusalsOf(body, error);
    if (refusals.count === 0) return;
    this.relay(from, encodeRelay({ kind: relayKinds.replies, incarnation, body: refusals.take() }));
  }
}
