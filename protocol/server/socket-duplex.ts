/** A TCP socket as the byte duplex of a connection. */
import type { Socket } from "node:net";
import type { Duplex } from "./connection.js";

export class SocketDuplex implements Duplex {
  readonly #socket: Socket;
  readonly peer: string;
  readonly host: string;
  readonly channel: Uint8Array | null;

  /** @param channel hash of the certificate that the client was shown; null without TLS */
  constructor(socket: Socket, channel: Uint8Array | null = null) {
    this.#socket = socket;
    this.host = socket.remoteAddress ?? "?";
    this.channel = channel;
    this.peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    // Answers are gathered into one write a turn already; waiting for more in the kernel would only add 40 ms.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
  }

  write(bytes: Uint8Array): boolean {
    // The kernel takes a small write at once as a rule; then Node has let go of the bytes before `write` returns.
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  get outgoingBytes(): number {
    return this.#socket.writableLength;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
    // A peer that does not close its side must not hold the descriptor for ever.
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
