/**
 * What carries frames: a duplex stream of bytes in order. A TCP or TLS socket between machines, a MessagePort inside one process;
 * the two sides of the protocol cannot tell which. Neither knows of frames: chunks may be cut anywhere.
 *
 * Invariants
 *   1. `closed` is called exactly once, and nothing after it.
 *   2. Bytes given to `write` belong to the transport until `done` is called; it is called also when the transport has closed.
 *   3. What crosses threads is an exact-size copy: a view of a larger buffer would carry its neighbours' bytes along.
 */
import type { Socket } from "node:net";
import { assert } from "../../runtime/types/assert.js";
import { peerCertificateHash } from "./certificate-hash.js";

export interface TransportEvents {
  /** A chunk, valid during the call: what is to be kept of it is copied. */
  data(chunk: Uint8Array): void;
  /** After a `write` that returned false: there is room again. */
  drained(): void;
  /** The end, by whichever side; the error that caused it, if one did. */
  closed(cause: Error | undefined): void;
}

export interface Transport {
  /** Who is at the other end, for messages to people: "127.0.0.1:7400" or "this process". */
  readonly peer: string;
  /** Hash of the certificate that the other side has shown (RFC 5929); null without TLS. */
  readonly channel: Uint8Array | null;
  /** Begins delivery; called once, before anything else. */
  start(events: TransportEvents): void;
  /** Sends bytes. False: the peer is slow; hold further bytes back until `drained`. */
  write(bytes: Uint8Array, done: (taken: Uint8Array) => void): boolean;
  /** Stops and resumes delivery of chunks, so that the peer is held up. A MessagePort has no such means and ignores it. */
  pause(): void;
  resume(): void;
  /** Closes once what was written has gone out. Calling it again does nothing. */
  close(): void;
  /** Closes at once; what has not gone out is dropped. */
  destroy(): void;
}

/** Idle time after which the operating system asks whether the other machine is still there. */
const keepAliveMs = 15_000;

const readBytes = 64 * 1024;

/**
 * Reads of TCP sockets into memory that is used again: Node's default gives each chunk 64 KiB of its own, which costs a client a quarter of
 * its time in collections. A chunk is handled before the next read begins, so all sockets of a thread share the memory.
 */
export class SocketReads {
  static readonly #shared = new Uint8Array(readBytes);
  #events: TransportEvents | undefined;
  #early: Uint8Array[] = [];

  /** For `net.connect`. */
  readonly onread = {
    buffer: SocketReads.#shared,
    callback: (length: number, bytes: Uint8Array): boolean => {
      assert(length <= readBytes, "a read stays within its memory");
      if (this.#events === undefined) this.#early.push(bytes.slice(0, length));
      else this.#events.data(new Uint8Array(bytes.buffer, bytes.byteOffset, length));
      return true;
    },
  };

  start(events: TransportEvents): void {
    assert(this.#events === undefined, "a transport is started once");
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) events.data(chunk);
  }
}

const nothing = new Uint8Array(0);

/**
 * A connected TCP or TLS socket as a transport.
 *
 * @param reads those that the socket was connected with, if it was
 */
export function socketTransport(socket: Socket, reads?: SocketReads): Transport {
  let events: TransportEvents | undefined;
  let cause: Error | undefined;
  return {
    peer: socket.remoteAddress === undefined ? "a socket" : `${socket.remoteAddress}:${socket.remotePort}`,
    channel: peerCertificateHash(socket),
    start(given) {
      assert(events === undefined, "a transport is started once");
      events = given;
      // Frames gather for a turn before they are written, so the kernel need not wait for more.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
      if (reads === undefined) socket.on("data", (chunk: Buffer) => given.data(chunk));
      else {
        reads.start(given);
        // The bytes go another way, but only a stream that flows tells its end.
        socket.resume();
      }
      socket.on("drain", () => given.drained());
      socket.on("error", (error) => {
        cause = error;
      });
      socket.on("end", () => socket.end());
      socket.once("close", () => given.closed(cause));
      if (socket.destroyed) queueMicrotask(() => given.closed(cause));
    },
    write(bytes, done) {
      assert(events !== undefined, "a transport is started before it is written to");
      if (socket.destroyed || socket.writableEnded) {
        done(bytes);
        return true;
      }
      const hasRoom = socket.write(bytes);
      // The kernel takes a small write at once as a rule; then Node has let go of the bytes before `write` returns.
      if (socket.writableLength === 0) done(bytes);
      else socket.write(nothing, () => done(bytes));
      return hasRoom;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.end(() => socket.destroy()),
    destroy: () => void socket.destroy(),
  };
}

/** As much of a MessagePort as is needed here. */
export interface PortLike {
  postMessage(value: unknown, transfer: readonly ArrayBuffer[]): void;
  on(event: "message", listener: (value: unknown) => void): unknown;
  once(event: "close", listener: () => void): unknown;
  start(): void;
  close(): void;
}

/** One end of a MessageChannel as a transport; the other end is in another thread, or in this one. */
export function portTransport(port: PortLike, peer = "this process"): Transport {
  let events: TransportEvents | undefined;
  let isClosed = false;
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    port.close();
  };
  return {
    peer,
    channel: null,
    start(given) {
      assert(events === undefined, "a transport is started once");
      events = given;
      port.on("message", (value) => {
        if (!isClosed && value instanceof Uint8Array) given.data(value);
      });
      port.once("close", () => {
        isClosed = true;
        given.closed(undefined);
      });
      port.start();
    },
    write(bytes, done) {
      assert(events !== undefined, "a transport is started before it is written to");
      if (!isClosed) {
        const exact = new Uint8Array(bytes);
        port.postMessage(exact, [exact.buffer]);
      }
      done(bytes);
      return true;
    },
    pause() {},
    resume() {},
    close,
    destroy: close,
  };
}
