/**
 * One entry of a mailbox: an envelope with its content and what the runtime needs to settle it. Actors see it as `Envelope`.
 * Besides packets from neighbours, mailboxes hold an actor's own timers and *calls*: runtime work (an outside event, the news of a
 * neighbour's end) that must happen as a turn.
 */
import type { Epoch } from "../types/ids.js";
import type { Envelope, Packet, PacketType } from "./envelope.js";
import type { ActorPort } from "./port.js";

export type LetterType = PacketType | 0;
export const callLetter = 0;

export class Letter implements Envelope {
  readonly type: LetterType;
  readonly kind: string;
  readonly correlation: number;
  readonly deadline: number;
  readonly traceparent: string | null;
  readonly tenant: number;
  readonly epoch: Epoch;
  readonly sender: string;
  /** The port it came through; null for timers and calls. */
  readonly port: ActorPort | null;
  /** Replaced when a newer message coalesces with this one. */
  body: unknown;
  bytes: number;
  /** Monotonic ms of its arrival. */
  readonly arrivedAt: number;
  /** True when the mailbox's bound applies to it. */
  readonly bounded: boolean;
  /** Removed from the mailbox by its overflow policy before it was received. */
  dropped = false;
  answered = false;

  constructor(
    type: LetterType,
    kind: string,
    packet: Packet | null,
    port: ActorPort | null,
    sender: string,
    body: unknown,
    bytes: number,
    arrivedAt: number,
    bounded: boolean,
  ) {
    this.type = type;
    this.kind = kind;
    this.correlation = packet === null ? 0 : packet.correlation;
    this.deadline = packet === null ? 0 : packet.deadline;
    this.traceparent = packet === null ? null : packet.traceparent;
    this.tenant = packet === null ? 0 : packet.tenant;
    this.epoch = (packet === null ? 0 : packet.epoch) as Epoch;
    this.sender = sender;
    this.port = port;
    this.body = body;
    this.bytes = bytes;
    this.arrivedAt = arrivedAt;
    this.bounded = bounded;
  }
}
