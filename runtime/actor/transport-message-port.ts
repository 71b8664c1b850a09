/**
 * Two actors in two threads of one process, over a MessagePort between them.
 *
 * One event is raised for each message; when it comes, whatever else has arrived is taken with it, up to a bound, since taking a
 * message from a port costs a third of an event. Node itself hands out up to 1,000 messages before it looks at timers or
 * sockets, so nothing here *runs* actors: packets go to mailboxes, and the scheduler takes its turns between.
 *
 * Room is reserved in the receiver's shared vitals, so what is under way in the port counts, and no credit messages are needed.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { assert } from "../types/assert.js";
import type { Packet } from "./envelope.js";
import type { PacketSink, Transport } from "./transport.js";
import type { ActorVitals } from "./vitals.js";

const takenTogetherMax = 64;

export class MessagePortTransport implements Transport {
  readonly reservesInVitals = true;
  readonly #port: MessagePort;
  readonly #vitalsOfOther: ActorVitals;
  #open = true;
  #sink: PacketSink | null = null;

  constructor(port: MessagePort, vitalsOfOther: ActorVitals) {
    this.#port = port;
    this.#vitalsOfOther = vitalsOfOther;
  }

  attach(sink: PacketSink): void {
    assert(this.#sink === null, "a transport has one sink");
    this.#sink = sink;
    const port = this.#port;
    port.on("message", (packet: Packet) => {
      if (!this.#open) return;
      sink.packet(packet);
      for (let taken = 1; taken < takenTogetherMax && this.#open; taken++) {
        const more = receiveMessageOnPort(port);
        if (more === undefined) break;
        sink.packet(more.message as Packet);
      }
    });
    port.on("messageerror", () => this.#end("gone"));
    port.on("close", () => this.#end("gone"));
  }

  reserve(bytes: number): boolean {
    return this.#vitalsOfOther.reserve(bytes);
  }

  unreserve(bytes: number): void {
    this.#vitalsOfOther.release(bytes);
  }

  post(packet: Packet, transfer: readonly ArrayBuffer[]): boolean {
    assert(this.#sink !== null, "a transport is attached before it posts");
    if (!this.#open) return false;
    this.#port.postMessage(packet, transfer);
    return true;
  }

  consumed(_bytes: number): void {}

  close(): void {
    this.#end("closed");
    this.#port.close();
  }

  #end(reason: "closed" | "gone"): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.close();
    this.#sink?.closed(reason);
  }
}
