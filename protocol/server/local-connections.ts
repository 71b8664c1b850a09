/** Connections of clients in the same process (the embedded SDK): the same frames as over a socket, carried by actor messages. */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Connection, Duplex } from "./connection.js";
import type { LocalOut } from "./messages.js";

const retryMs = 2;

class LocalDuplex implements Duplex {
  readonly peer = "in process";
  readonly host = null;
  readonly channel = null;
  readonly #context: ActorContext;
  readonly #id: number;
  bytesWritten = 0;
  outgoingBytes = 0;
  /** What the main thread's mailbox had no room for, in order; null closes. */
  readonly #queue: (Uint8Array | null)[] = [];

  constructor(context: ActorContext, id: number) {
    this.#context = context;
    this.#id = id;
  }

  write(bytes: Uint8Array): boolean {
    this.outgoingBytes += bytes.length;
    this.#send(bytes.slice());
    return true;
  }

  #send(bytes: Uint8Array | null): void {
    if (this.#queue.length > 0 || !this.#tell(bytes)) {
      if (this.#queue.length === 0) this.#later();
      this.#queue.push(bytes);
    }
  }

  /** False when the main thread is too far behind. Bytes that were dropped would be a hole in the stream. */
  #tell(bytes: Uint8Array | null): boolean {
    const port = this.#context.port("main");
    const message: LocalOut = { kind: "localOut", connection: this.#id, bytes };
    const size = bytes?.length ?? 0;
    if (port !== null && this.#context.tell(port, message, { transfer: true }) === "busy") return false;
    this.outgoingBytes -= size;
    this.bytesWritten += size;
    return true;
  }

  #later(): void {
    setTimeout(() => this.#context.enter(() => this.#goOn()), retryMs);
  }

  #goOn(): void {
    while (this.#queue.length > 0) {
      if (!this.#tell(this.#queue[0])) {
        this.#later();
        return;
      }
      this.#queue.shift();
    }
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#send(null);
  }

  destroy(): void {
    this.#queue.length = 0;
    this.#send(null);
  }
}

export class LocalConnections {
  readonly #context: ActorContext;
  readonly #connections = new Map<number, Connection>();

  constructor(context: ActorContext) {
    this.#context = context;
  }

  duplex(id: number): Duplex {
    return new LocalDuplex(this.#context, id);
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
    return connection;
  }
}
