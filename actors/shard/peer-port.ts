/**
 * A shard on another node, as the leading shard sees it: a port like a gateway's, whose answers travel back over the link of the replicas.
 * So a request that was handed on is answered like any other.
 */
import type { ActorContext, Port, TellOptions, TellResult } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { encodeRelay, relayKinds } from "../messages/relay.js";
import type { SendRelay } from "./forwarder.js";
import type { HeldAnswers } from "./held-answers.js";

export class PeerPort implements Port {
  readonly neighbour: string;
  readonly epoch: Epoch;
  readonly replica: number;
  /** Of the shard there. */
  readonly incarnation: number;
  isOpen = true;

  constructor(replica: number, incarnation: number, epoch: Epoch) {
    this.replica = replica;
    this.incarnation = incarnation;
    this.neighbour = `peer-${replica}`;
    this.epoch = epoch;
  }
}

/** What answers need of a context; a peer's go over the link. */
export type Answering = Pick<ActorContext, "tell" | "reply" | "fail">;

/** @param held takes what gateways of this node have no room for */
export function answeringOver(context: ActorContext, held: HeldAnswers, send: SendRelay): Answering {
  return {
    tell: (port: Port, message: OutgoingMessage, options?: TellOptions): TellResult => {
      if (!(port instanceof PeerPort)) return held.tell(port, message, options);
      if (!port.isOpen) return "gone";
      const bytes = "bytes" in message ? message["bytes"] : null;
      assert(message.kind === "replies" && bytes instanceof Uint8Array, "a peer is told replies only");
      const { replica, incarnation } = port;
      return send(replica, encodeRelay({ kind: relayKinds.replies, incarnation, body: bytes })) ? "accepted" : "gone";
    },
    reply: (envelope, value, options) => context.reply(envelope, value, options),
    fail: (envelope, error) => context.fail(envelope, error),
  };
}
