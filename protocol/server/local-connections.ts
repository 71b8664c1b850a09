/**
 * Connections of clients in the same process (the embedded SDK): the same frames as over a socket, carried by actor messages.
 * Bytes towards the client are handed out when the main thread asks for them (long poll).
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import type { Connection, Duplex } from "./connection.js";
import type { LocalBytes } from "./messages.js";

/** Bytes that one answer carries; the rest waits for the next question. */
const pollBytesMax = 16 * 1024 * 1024;

class LocalDuplex implements Duplex {
  readonly peer = "in process";
  readonly #id: number;
  readonly #queue: (item: LocalBytes) => void;
  outgoingBytes = 0;
  bytesWritten = 0;

  constructor(id: number, queue: (item: LocalBytes) => void) {
    this.#id = id;
    this.#queue = queue;
  }

  write(bytes: Uint8Array): boolean {
    this.outgoingBytes += bytes.length;
    this.#queue({ connection: this.#id, bytes: bytes.slice() });
    return true;
  }

  /** The main thread has taken bytes. */
  left(count: number): void {
    this.outgoingBytes -= count;
    this.bytesWritten += count;
  }

  // The client in this process is asked to hold back by its own limit of requests in flight.
  pause(): void {}
  resume(): void {}

  end(): void {
    this.#queue({ connection: this.#id, bytes: null });
  }

  destroy(): void {
    this.end();
  }
}

export class LocalConnections {
  readonly #context: ActorContext;
  readonly #duplexes = new Map<number, LocalDuplex>();
  readonly #connections = new Map<number, Connection>();
  #queued: LocalBytes[] = [];
  #poll: Envelope | null = null;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  open(id: number): Duplex {
    const duplex = new LocalDuplex(id, (item) => {
      this.#queued.push(item);
      this.#hand();
    });
    this.#duplexes.set(id, duplex);
    return duplex;
  }

  bind(id: number, connection: Connection): void {
    this.#connections.set(id, connection);
  }

  find(id: number): Connection | undefined {
    return this.#connections.get(id);
  }

  close(id: number): Connection | undefined {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    this.#duplexes.delete(id);
    return connection;
  }

  poll(envelope: Envelope): void {
    if (this.#poll !== null) this.#context.reply(this.#poll, []);
    this.#poll = envelope;
    this.#hand();
  }

  #hand(): void {
    if (this.#poll === null || this.#queued.length === 0) return;
    const items: LocalBytes[] = [];
    let bytes = 0;
    while (items.length < this.#queued.length && bytes < pollBytesMax) {
      const item = this.#queued[items.length];
      items.push(item);
      const length = item.bytes?.length ?? 0;
      bytes += length;
      this.#duplexes.get(item.connection)?.left(length);
    }
    this.#queued = this.#queued.slice(items.length);
    this.#context.reply(this.#poll, items, { transfer: true });
    this.#poll = null;
  }
}
