/**
 * Two actors in one thread. Packets are passed by reference, without a copy: a message, once sent, belongs to its receiver. With
 * `clone` each packet goes through structured clone all the same, so that tests in one thread see what threads would do to it.
 */
import { assert } from "../types/assert.js";
import type { Packet } from "./envelope.js";
import type { PacketSink, Transport } from "./transport.js";
import type { ActorVitals } from "./vitals.js";

export class DirectTransport implements Transport {
  readonly reservesInVitals = true;
  #other: DirectTransport | null = null;
  #sink: PacketSink | null = null;
  #early: Packet[] = [];
  #open = true;
  readonly #vitalsOfOther: ActorVitals;
  readonly #clone: boolean;

  private constructor(vitalsOfOther: ActorVitals, clone: boolean) {
    this.#vitalsOfOther = vitalsOfOther;
    this.#clone = clone;
  }

  static pair(
    vitalsA: ActorVitals,
    vitalsB: ActorVitals,
    options: { clone: boolean },
  ): [DirectTransport, DirectTransport] {
    const a = new DirectTransport(vitalsB, options.clone);
    const b = new DirectTransport(vitalsA, options.clone);
    a.#other = b;
    b.#other = a;
    return [a, b];
  }

  attach(sink: PacketSink): void {
    assert(this.#sink === null, "a transport has one sink");
    this.#sink = sink;
    const early = this.#early;
    this.#early = [];
    for (const packet of early) sink.packet(packet);
  }

  reserve(bytes: number): boolean {
    return this.#vitalsOfOther.reserve(bytes);
  }

  unreserve(bytes: number): void {
    this.#vitalsOfOther.release(bytes);
  }

  post(packet: Packet, transfer: readonly ArrayBuffer[]): boolean {
    const other = this.#other;
    assert(other !== null, "a direct transport has two ends");
    if (!this.#open || !other.#open) return false;
    const sent = this.#clone ? structuredClone(packet, { transfer: [...transfer] }) : packet;
    if (other.#sink === null) other.#early.push(sent);
    else other.#sink.packet(sent);
    return true;
  }

  consumed(_bytes: number): void {}

  close(): void {
    const other = this.#other;
    assert(other !== null, "a direct transport has two ends");
    if (!this.#open) return;
    this.#open = false;
    const otherWasOpen = other.#open;
    other.#open = false;
    this.#sink?.closed("closed");
    if (otherWasOpen) other.#sink?.closed("closed");
  }
}
