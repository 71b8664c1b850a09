/**
 * One client's connection as the gateway sees it: a duplex of bytes (a socket, or an in-process port), the frames cut out of
 * what arrives, and the frames gathered for the next write. No tenant state lives here.
 *
 * What bounds it
 *   incoming   a frame that is not complete holds at most twice what arrived of it (`FrameDecoder`)
 *   in flight  `inFlightMax` requests; beyond it the connection is not read until answers have gone out
 *   outgoing   above `outgoingPauseBytes` the connection is not read; above `outgoingBytesMax` reads are answered with a retryable
 *              refusal instead of what they read; if nothing leaves for `stalledMs` it is closed
 */
import { assert } from "../../runtime/types/assert.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import { frameBodyBytesMax } from "../wire/frame.js";
import { FrameDecoder, type FrameHandler } from "../wire/frame-decoder.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { writeErrorFrame, writeSubscriptionEnd } from "./frames.js";
import type { NativeLogin } from "./native-login.js";
import type { Principal } from "./principal.js";

/** The byte duplex under a connection. */
export interface Duplex {
  /** Queues bytes. True when they have left already and the memory may be used again at once. */
  write(bytes: Uint8Array): boolean;
  /** Bytes that were queued and have not left the process. */
  readonly outgoingBytes: number;
  /** Bytes that have left so far: what tells a slow reader from one that stands still. */
  readonly bytesWritten: number;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  destroy(): void;
  readonly peer: string;
  /** Where the other end is: the host of `peer`, or null for a client in this process. */
  readonly host: string | null;
  /** Hash of the certificate that TLS showed the client; null without. */
  readonly channel: Uint8Array | null;
}

export const inFlightMax = 4096;
export const outgoingPauseBytes = 4 * 1024 * 1024;
export const outgoingBytesMax = 32 * 1024 * 1024;
export const stalledMs = 30_000;

/** `greeting` and `authenticating`: nobody is let in yet. */
export type ConnectionState = "greeting" | "authenticating" | "open" | "closing";

export class Connection {
  readonly id: number;
  readonly duplex: Duplex;
  readonly decoder: FrameDecoder;
  readonly writer = new FrameWriter();
  /** Who acts on this connection; recorded with every command. */
  principal: Principal;
  /** How it proves that, while it does. */
  login: NativeLogin | null = null;
  readonly openedAt: number;
  state: ConnectionState = "greeting";
  clientName = "";
  inFlight = 0;
  isPaused = false;
  /** True while the connection waits in the gateway's list of those with frames to write. */
  isDirty = false;
  /** Request id of a subscription → its correlation with the projection. */
  readonly subscriptions = new Map<number, number>();
  /** For the stall check: what had been written when it was last looked at, and when that last moved. */
  writtenSeen = 0;
  movedAt: number;

  constructor(id: number, duplex: Duplex, principal: Principal, now: number, onFrame: FrameHandler) {
    this.id = id;
    this.duplex = duplex;
    this.principal = principal;
    this.openedAt = now;
    this.movedAt = now;
    this.decoder = new FrameDecoder(onFrame, frameBodyBytesMax);
  }

  /** Bytes of subscription events written and not yet reported as left, by correlation. */
  readonly #owed = new Map<number, number>();

  owe(correlation: number, bytes: number): void {
    this.#owed.set(correlation, (this.#owed.get(correlation) ?? 0) + bytes);
  }

  get owedCount(): number {
    return this.#owed.size;
  }

  /** Moves what is owed into pairs of correlation and bytes. */
  takeOwed(into: number[]): void {
    for (const [correlation, bytes] of this.#owed) into.push(correlation, bytes);
    this.#owed.clear();
  }

  /** True when bytes have waited for the peer and none has left for `limitMs`. */
  isStalled(now: number, limitMs: number): boolean {
    const written = this.duplex.bytesWritten;
    if (written !== this.writtenSeen || this.duplex.outgoingBytes === 0) {
      this.writtenSeen = written;
      this.movedAt = now;
    }
    return now - this.movedAt > limitMs;
  }

  /** True while more waits to leave than one connection may make the node hold. */
  get isOverfull(): boolean {
    return this.writer.length + this.duplex.outgoingBytes > outgoingBytesMax;
  }

  /** Stops or resumes reading, so that a client cannot make the node hold more than its share. */
  regulate(): void {
    // Subscriptions stay open for long: a client that has many must still be heard, also to end them.
    const isFull =
      this.inFlight - this.subscriptions.size >= inFlightMax || this.duplex.outgoingBytes > outgoingPauseBytes;
    if (isFull === this.isPaused || this.state === "closing") return;
    this.isPaused = isFull;
    if (isFull) this.duplex.pause();
    else this.duplex.resume();
  }

  fail(requestId: number, error: KimberliteError): void {
    writeErrorFrame(this.writer, requestId, error);
  }

  endSubscription(requestId: number, error: KimberliteError | null): void {
    writeSubscriptionEnd(this.writer, requestId, error);
  }

  /** Hands the gathered frames to the duplex. Returns how many bytes. */
  flush(): number {
    const bytes = this.writer.take();
    if (bytes.length === 0) return 0;
    assert(this.state !== "closing" || bytes.length > 0, "a closing connection says its last words");
    if (this.duplex.write(bytes)) this.writer.recycle(bytes);
    return bytes.length;
  }

  /** Says what is gathered and closes. */
  close(): void {
    if (this.state === "closing") return;
    this.flush();
    this.state = "closing";
    this.decoder.stop();
    this.duplex.end();
  }

  destroy(): void {
    this.state = "closing";
    this.decoder.stop();
    this.duplex.destroy();
  }
}
