/**
 * A gateway beside a shard on another node, as the leading shard sees it: a port like that of a gateway of its own node, whose answers travel
 * back over the link of the replicas. So a request that was handed on is answered like any other.
 */
import type { ActorContext, Port, TellOptions, TellResult } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { encodeRelay, relayKinds } from "../messages/relay.js";
import type { HeldAnswers } from "./held-answers.js";

export class PeerPort implements Port {
  readonly neighbour: string;
  readonly epoch: Epoch;
  readonly replica: number;
  /** Of the shard there. */
  readonly incarnation: number;
  /** Which gateway beside it; 0 for none. */
  readonly source: number;
  isOpen = true;

  constructor(replica: number, incarnation: number, source: number, epoch: Epoch) {
    this.replica = replica;
    this.incarnation = incarnation;
    this.source = source;
    this.neighbour = `peer-${replica}`;
    this.epoch = epoch;
  }
}

/** What answers need of a context; a peer's go over the link. */
export type Answering = Pick<ActorContext, "tell" | "reply" | "fail">;

/** Bytes for the shards of other nodes. */
export interface RelaySender {
  hasRoom(replica: number, bytes: number): boolean;
  /** Whether the other side could not take so many in one: a shard of an earlier release, which does not put parts together. */
  isTooLong(replica: number, bytes: number): boolean;
  /** Where there is room. False when they are not on their way. */
  send(replica: number, bytes: Uint8Array): boolean;
}

/** Tells a gateway, or over the link of the replicas one of another node. */
export function deliverOver(context: Pick<ActorContext, "tell">, relays: RelaySender) {
  return (port: Port, message: OutgoingMessage, options?: TellOptions): TellResult => {
    if (!(port instanceof PeerPort)) return context.tell(port, message, options);
    if (!port.isOpen) return "gone";
    const bytes = "bytes" in message ? message["bytes"] : null;
    assert(message.kind === "replies" && bytes instanceof Uint8Array, "a peer is told replies only");
    const { replica, incarnation } = port;
    if (!relays.hasRoom(replica, bytes.length)) return "busy";
    return relays.send(replica, encodeRelay({ kind: relayKinds.replies, incarnation, body: bytes }))
      ? "accepted"
      : "busy";
  };
}

/** @param held takes what there is no room for */
export const answeringOver = (context: ActorContext, held: HeldAnswers): Answering => ({
  tell: (port, message, options) => held.tell(port, message, options),
  reply: (envelope, value, options) => context.reply(envelope, value, options),
  fail: (envelope, error) => context.fail(envelope, error),
});
