/**
 * What travels between actors. A *message* is plain data with a `kind`; an *envelope* is what the runtime knows about one
 * message that arrived; a *packet* is the form in which a transport carries it. A packet has one flat shape, so that V8 keeps
 * one hidden class and structured clone one layout.
 *
 * Delivery is at most once and in order for each pair of actors. Anything stronger is built above, never by a mailbox.
 */
import type { ErrorRecord } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";

/** The least a message must have. Everything in it is plain data, exact-size byte arrays or views of shared memory. */
export interface MessageBase {
  readonly kind: string;
}

/** A message as a sender writes it: a literal with whatever fields its receiver's vocabulary has, or a value of that vocabulary. */
export type OutgoingMessage = MessageBase | (MessageBase & Readonly<Record<string, unknown>>);

export interface Envelope {
  /** The message's `kind`. */
  readonly kind: string;
  /** Non-zero when the sender waits for an answer (`ask`) or opened a stream; unique per port. */
  readonly correlation: number;
  /** Wall time in ms after which nobody waits for the answer any more; 0 = none. */
  readonly deadline: number;
  /** W3C trace context, or null. */
  readonly traceparent: string | null;
  /** The tenant on whose behalf the message was sent; 0 = the system. */
  readonly tenant: number;
  /** Number of the wiring it was sent under. */
  readonly epoch: Epoch;
  /** Path of the sending actor; the actor's own path for its timers. */
  readonly sender: string;
}

/**
 * The end of an actor as seen by a neighbour; told exactly once for each wiring and each monitor.
 *   stopped      it was stopped in order
 *   crashed      its code failed; `error` says how
 *   gone         its thread or process ended without a word
 *   replaced     the wiring was renewed while the old one still stood
 *   unreachable  silence or a broken socket: *suspected*, not known; never start a second owner of its files for it
 */
export interface Down {
  readonly target: string;
  readonly epoch: Epoch;
  readonly reason: "stopped" | "crashed" | "gone" | "replaced" | "unreachable";
  /** True when the end is known and not only suspected. */
  readonly certain: boolean;
  readonly error: ErrorRecord | null;
}

/** Packet types. `tell` and `ask` need room in the receiver's mailbox; the others are bounded by what the receiver itself began. */
export const packetTypes = {
  tell: 1,
  ask: 2,
  reply: 3,
  fail: 4,
  streamOpen: 5,
  streamItem: 6,
  streamCredit: 7,
  streamEnd: 8,
  streamCancel: 9,
  bye: 10,
  credit: 11,
  hello: 12,
} as const;

export type PacketType = (typeof packetTypes)[keyof typeof packetTypes];

export interface Packet {
  readonly type: PacketType;
  readonly correlation: number;
  readonly deadline: number;
  readonly traceparent: string | null;
  readonly tenant: number;
  readonly epoch: number;
  /** The message, the answer, an `ErrorRecord`, or a number of credits, by type. */
  readonly body: unknown;
}
