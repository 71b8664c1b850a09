/**
 * How packets get from one end of a wiring to the other. An actor cannot tell which transport carries its port; every one of them
 * passes the same contract suite:
 *
 *   1. packets arrive in order, each at most once
 *   2. `reserve` says synchronously whether the other side has room, so nothing is buffered without bound
 *   3. closing, from either side or by the other thread's death, is told to the sink exactly once, after every packet that arrived
 *   4. after the close nothing arrives, and `post` returns false
 */
import type { Packet } from "./envelope.js";

/** Why a transport ended: the other side closed it, its thread or process went away, or nobody knows. */
export type CloseReason = "closed" | "gone" | "unreachable";

export interface PacketSink {
  packet(packet: Packet): void;
  closed(reason: CloseReason): void;
}

export interface Transport {
  /** Must be called once before anything is posted; packets that came earlier are delivered then. */
  attach(sink: PacketSink): void;
  /** Takes room at the receiver for a `tell`, an `ask` or a `streamOpen` of that many bytes. */
  reserve(bytes: number): boolean;
  /** Gives reserved room back when nothing was posted after all. */
  unreserve(bytes: number): void;
  /** False when the other side is known to be gone; the packet went nowhere then. */
  post(packet: Packet, transfer: readonly ArrayBuffer[]): boolean;
  /** The receiver has finished with a message for which the other side had reserved this much. */
  consumed(bytes: number): void;
  close(): void;
  /** True when `reserve` on the other side counted in the receiver's own vitals already. */
  readonly reservesInVitals: boolean;
}
