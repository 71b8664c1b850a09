/** Connections of clients in the same process (the embedded SDK): the same frames as over a socket, carried by actor messages. */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { Connection, Duplex } from "./connection.js";
import type { LocalOut } from "./messages.js";

class LocalDuplex implements Duplex {
  readonly peer = "in process";
  readonly #context: ActorContext;
  readonly #id: number;
  bytesWritten = 0;
  /** The client in this process is held back by its own limit of requests in flight, not here. */
  readonly outgoingBytes = 0;

  constructor(context: ActorContext, id: number) {
    this.#context = context;
    this.#id = id;
  }

  write(bytes: Uint8Array): boolean {
    this.bytesWritten += bytes.length;
    this.#tell(bytes.slice());
    return true;
  }

  #tell(bytes: Uint8Array | null): void {
    const port = this.#context.port("main");
    const message: LocalOut = { kind: "localOut", connection: this.#id, bytes };
    if (port !== null) this.#context.tell(port, message, { transfer: true });
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#tell(null);
  }

  destroy(): void {
    this.#tell(null);
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
