/**
 * The listening socket of a gateway. It accepts, counts, refuses beyond the limit with a typed error, and hands each socket on.
 */
import { createServer, type Server, type Socket } from "node:net";
import { KimberliteError } from "../../runtime/types/errors.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { writeErrorFrame } from "./frames.js";
import type { ListenAddress } from "./messages.js";

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Several gateways share one port: the kernel spreads connections over them (Linux, Node 22.12 and later). */
  readonly reusePort: boolean;
  readonly connectionsMax: number;
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
      // allowHalfOpen stays false: a client that ends its side is answered by ending ours.
      const server = createServer({ noDelay: true, keepAlive: true });
      let listener: Listener | null = null;
      server.on("connection", (socket) => {
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
