/**
 * The listening socket of a gateway. It accepts, counts, refuses beyond the limit with a typed error, and hands each socket on.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { KimberliteError } from "../../runtime/types/errors.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { writeErrorFrame } from "./frames.js";
import type { ListenAddress, TlsIdentity } from "./messages.js";

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Several gateways share one port: the kernel spreads connections over them (Linux, Node 22.12 and later). */
  readonly reusePort: boolean;
  readonly connectionsMax: number;
  /** What the node shows its clients; null for plain sockets. */
  readonly tls: TlsIdentity | null;
}

/** From a connection to the end of its TLS handshake. */
const handshakeMs = 10_000;

/** A server, and the event that brings a socket whose bytes are the client's. Throws `configurationInvalid` for what is no certificate or key. */
function serverOf(identity: TlsIdentity | null): { readonly server: Server; readonly arrival: string } {
  // allowHalfOpen stays false: a client that ends its side is answered by ending ours.
  const sockets = { noDelay: true, keepAlive: true };
  if (identity === null) return { server: createServer(sockets), arrival: "connection" };
  const { certificate: cert, key } = identity;
  try {
    const server = createTlsServer({ ...sockets, cert, key, minVersion: "TLSv1.2", handshakeTimeout: handshakeMs });
    // Handshakes that fail are the client's affair; without a listener here each would end its socket all the same.
    server.on("tlsClientError", ignore);
    return { server, arrival: "secureConnection" };
  } catch (cause) {
    throw new KimberliteError("configurationInvalid", "tls-cert and tls-key are not a certificate and its key", {
      cause,
    });
  }
}

export class Listener {
  readonly #server: Server;
  readonly address: ListenAddress;
  readonly #connectionsMax: number;
  open = 0;
  accepted = 0;
  refused = 0;

  private constructor(server: Server, address: ListenAddress, connectionsMax: number) {
    this.#server = server;
    this.address = address;
    this.#connectionsMax = connectionsMax;
  }

  /** Binds and listens. Throws `addressInUse`, or `configurationInvalid` when the host is not one of this machine. */
  static listen(options: ListenOptions, onSocket: (socket: Socket) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const { server, arrival } = serverOf(options.tls);
      let listener: Listener | null = null;
      server.on(arrival, (socket: Socket) => {
        // An 'error' without a listener would end the process: a peer that resets is no reason for that.
        socket.on("error", ignore);
        if (listener === null || !listener.#admit(socket)) return;
        onSocket(socket);
      });
      server.on("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EADDRINUSE" ? "addressInUse" : "configurationInvalid";
        reject(
          new KimberliteError(code, `${options.host}:${options.port} (${cause.code ?? cause.message})`, { cause }),
        );
      });
      const request = { host: options.host, port: options.port, backlog: 1024, reusePort: options.reusePort };
      server.listen(request, () => {
        const bound = server.address();
        const port = typeof bound === "object" && bound !== null ? bound.port : options.port;
        listener = new Listener(server, { host: options.host, port }, options.connectionsMax);
        resolve(listener);
      });
    });
  }

  #admit(socket: Socket): boolean {
    if (this.open >= this.#connectionsMax) {
      this.refused += 1;
      const writer = new FrameWriter();
      writeErrorFrame(
        writer,
        0,
        new KimberliteError("connectionLimit", `this node takes ${this.#connectionsMax}; raise --connections-max`),
      );
      socket.end(writer.take());
      setTimeout(() => socket.destroy(), 1_000).unref();
      return false;
    }
    this.open += 1;
    this.accepted += 1;
    socket.once("close", () => {
      this.open -= 1;
    });
    return true;
  }

  /** Takes no more connections; those that are open go on. */
  close(): void {
    this.#server.close();
  }
}

const ignore = (): void => {};
