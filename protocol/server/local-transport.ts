/** The client's end of an in-process connection: bytes as messages to the gateway, and back. */
import type { TreePort } from "../../runtime/actor/tree.js";
import { assert } from "../../runtime/types/assert.js";
import type { Transport, TransportEvents } from "../wire/transport.js";
import type { LocalOut } from "./messages.js";

export class LocalTransports {
  readonly #gateway: TreePort;
  readonly #open = new Map<number, TransportEvents>();
  #next = 1;

  constructor(gateway: TreePort) {
    this.#gateway = gateway;
  }

  /** What the gateway says to an in-process client. */
  arrived(message: LocalOut): void {
    const events = this.#open.get(message.connection);
    if (events === undefined) return;
    if (message.bytes !== null) {
      events.data(message.bytes);
      return;
    }
    // The gateway closed it, and still holds what belongs to it until it hears that this end is gone, as it would of a socket.
    this.#gateway.tell({ kind: "localClose", connection: message.connection });
    this.#closed(message.connection);
  }

  /** The gateway was restarted: its connections are gone, and clients connect anew. */
  lost(): void {
    for (const connection of [...this.#open.keys()]) this.#closed(connection);
  }

  #closed(connection: number): void {
    const events = this.#open.get(connection);
    this.#open.delete(connection);
    events?.closed(undefined);
  }

  connect(): Transport {
    const connection = this.#next++;
    const gateway = this.#gateway;
    const close = (): void => {
      if (!this.#open.has(connection)) return;
      gateway.tell({ kind: "localClose", connection });
      queueMicrotask(() => this.#closed(connection));
    };
    return {
      peer: "this process",
      channel: null,
      start: (events) => {
        assert(!this.#open.has(connection), "a transport is started once");
        this.#open.set(connection, events);
        const told = gateway.tell({ kind: "localOpen", connection });
        if (told !== "accepted") queueMicrotask(() => this.#closed(connection));
      },
      write: (bytes, done) => {
        const exact = new Uint8Array(bytes);
        done(bytes);
        const told = gateway.tell({ kind: "localBytes", connection, bytes: exact }, { transfer: true });
        if (told !== "accepted") queueMicrotask(() => this.#closed(connection));
        return true;
      },
      pause() {},
      resume() {},
      close,
      destroy: close,
    };
  }
}
