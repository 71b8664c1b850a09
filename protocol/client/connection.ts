/**
 * One connection: requests out, answers in, in any order. It knows frames, ids, windows and deadlines; it does not reconnect and
 * retries nothing, which is the `Client`'s work.
 *
 * All frames of a turn of the event loop leave in one write. While the transport is behind, frames gather; when too much has
 * gathered or too many requests are unanswered, `hasRoom` is false and `onRoom` says when that has passed.
 *
 * Invariants
 *   1. Unanswered requests never exceed the window that both sides agreed on, nor frames not yet taken by the transport the
 *      buffer's limit plus one frame.
 *   2. Each request ends in exactly one of: ok, the server's error, `deadlineExceeded`, `cancelled`, `connectionLost`.
 *   3. A request that provably never left this process ends as `notCommitted`; one that may have left and would write, as `unknown`.
 *   4. Whatever bytes the server sends, the connection goes on or closes with an error; nothing is thrown into the event loop.
 */
import type { EventToAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { isKimberliteError, KimberliteError } from "../../runtime/types/errors.js";
import { decodeError } from "../wire/error-body.js";
import { frameHeaderBytes, u32Max } from "../wire/frame.js";
import { FrameDecoder } from "../wire/frame-decoder.js";
import type { Welcome } from "../wire/handshake.js";
import { requestKindSpec, requestKinds, responseKinds } from "../wire/kinds.js";
import { decodeGoingAway, decodeRouteChange, type GoingAway, type RouteChange } from "../wire/notices.js";
import type { Transport } from "../wire/transport.js";
import { checkAppendReply, readAppendReply, writeAppend } from "./append-body.js";
import { lost } from "./connection-lost.js";
import { type DeadlineWheel, sharedWheel } from "./deadline-wheel.js";
import { Greeting } from "./greeting.js";
import { ClientLogin, type CredentialsSource, localAccess } from "./login.js";
import { Outbox } from "./outbox.js";
import {
  type AppendCallback,
  inFlightSlotsMax,
  type PendingRequest,
  PendingTable,
  type RequestHandler,
} from "./pending.js";

export interface ConnectionOptions {
  /** Shown by the server in its list of connections. */
  readonly clientName?: string;
  /** Unanswered requests; the server's own limit holds if it is lower. */
  readonly inFlightMax?: number;
  /** Bytes that wait for the transport before `hasRoom` is false. */
  readonly bufferedBytesMax?: number;
  /** From the transport's start to the welcome; a node that asks who we are may take `loginMs` on top. */
  readonly connectTimeoutMs?: number;
  /** Who to be, for a node that asks; left out: whoever may read its data directory, on the same machine. */
  readonly credentials?: CredentialsSource;
  /** A connection that is silent for this long is asked; silent for as long again, it is given up. 0 = never. */
  readonly keepAliveMs?: number;
  readonly wheel?: DeadlineWheel;
}

export interface ConnectionEvents {
  /** There is room again after `hasRoom` was false. */
  onRoom?(): void;
  onRouteChange?(change: RouteChange): void;
  /** The server takes no new requests; those in flight are answered. */
  onGoingAway?(notice: GoingAway): void;
  /** The end, after every request in flight has been failed. */
  onClosed?(error: KimberliteError): void;
}

const defaults = {
  clientName: "kimberlite-js",
  inFlightMax: 4096,
  bufferedBytesMax: 4 * 1024 * 1024,
  connectTimeoutMs: 5_000,
  keepAliveMs: 10_000,
};

export class Connection {
  readonly #transport: Transport;
  readonly #events: ConnectionEvents;
  readonly #wheel: DeadlineWheel;
  readonly #decoder: FrameDecoder;
  readonly #outbox: Outbox;
  readonly #pending: PendingTable;
  readonly #bufferedBytesMax: number;
  readonly #keepAliveMs: number;
  #inFlightMax: number;
  #frameBytesMax = 0;
  #welcome: Welcome | undefined;
  #onOpened: ((error: KimberliteError | undefined) => void) | undefined;
  #wantsRoom = false;
  #closedBy: KimberliteError | undefined;
  #isTransportClosed = false;
  #isGoingAway = false;
  #isClosing = false;
  #heardSince = true;
  #timer: NodeJS.Timeout | undefined;
  readonly #greeting: Greeting;

  private constructor(transport: Transport, options: ConnectionOptions, events: ConnectionEvents) {
    this.#transport = transport;
    this.#outbox = new Outbox(transport);
    this.#greeting = new Greeting(
      this.#outbox,
      transport.peer,
      new ClientLogin(options.credentials ?? localAccess, transport.channel),
      options.connectTimeoutMs ?? defaults.connectTimeoutMs,
      { welcomed: (welcome) => this.#onWelcome(welcome), failed: (error) => this.#fail(error, true) },
    );
    this.#events = events;
    this.#wheel = options.wheel ?? sharedWheel;
    this.#bufferedBytesMax = options.bufferedBytesMax ?? defaults.bufferedBytesMax;
    this.#keepAliveMs = options.keepAliveMs ?? defaults.keepAliveMs;
    this.#inFlightMax = Math.min(options.inFlightMax ?? defaults.inFlightMax, inFlightSlotsMax);
    assert(this.#inFlightMax > 0 && this.#bufferedBytesMax > 0, "a connection may hold at least one request");
    this.#pending = new PendingTable((entry) => this.#onDeadline(entry));
    this.#decoder = new FrameDecoder((kind, id, _timeoutMs, bytes, from, to, view) =>
      this.#onFrame(kind, id, bytes, from, to, view),
    );
  }

  /** Says hello over a transport that is connected. Throws `connectionLost`, `deadlineExceeded` or what the server answered. */
  static open(
    transport: Transport,
    options: ConnectionOptions = {},
    events: ConnectionEvents = {},
  ): Promise<Connection> {
    const connection = new Connection(transport, options, events);
    return new Promise((resolve, reject) => {
      connection.#begin(options, (error) => {
        if (error === undefined) resolve(connection);
        else reject(error);
      });
    });
  }

  get welcome(): Welcome {
    const welcome = this.#welcome;
    assert(welcome !== undefined, "an open connection was welcomed");
    return welcome;
  }

  get peer(): string {
    return this.#transport.peer;
  }

  get isOpen(): boolean {
    return this.#closedBy === undefined && !this.#isClosing;
  }

  get inFlight(): number {
    return this.#pending.count;
  }

  /** Bytes of frames that the transport has not passed on. */
  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  /** False: send nothing more until `onRoom`. */
  get hasRoom(): boolean {
    const hasRoom =
      this.isOpen &&
      !this.#isGoingAway &&
      this.#pending.count < this.#inFlightMax &&
      this.bufferedBytes < this.#bufferedBytesMax;
    if (!hasRoom) this.#wantsRoom = true;
    return hasRoom;
  }

  /**
   * Sends a request. The caller checked `hasRoom`.
   *
   * @param timeoutMs told to the server; 0 = the server's default
   * @param isTimed whether this connection ends the request at the timeout; a caller that keeps its own deadline says false
   * @returns the request id
   */
  request(kind: number, timeoutMs: number, body: Uint8Array, handler: RequestHandler, isTimed = true): number {
    const entry = this.#begun(kind, timeoutMs, isTimed);
    entry.handler = handler;
    this.#outbox.writer.frame(kind, entry.id, timeoutMs, body);
    return entry.id;
  }

  /**
   * An append on the fast path: encoded in place, answered as numbers, with nothing allocated. Nothing is retried. The caller
   * checked `hasRoom`, and the events against the limits.
   *
   * @param key idempotency key, 16 bytes
   * @param expected offset that the first event must get, -1 = any
   * @param callback must not throw: what it throws ends the process as an uncaught exception
   * @returns the request id
   */
  sendAppend(
    tenant: number,
    stream: number,
    expected: number,
    key: Uint8Array | undefined,
    events: readonly EventToAppend[],
    timeoutMs: number,
    callback: AppendCallback,
  ): number {
    const entry = this.#begun(requestKinds.append.kind, timeoutMs, true);
    entry.appendCallback = callback;
    this.#outbox.writer.begin(requestKinds.append.kind, entry.id, timeoutMs);
    writeAppend(this.#outbox.writer, tenant, key, stream, expected, events);
    this.#outbox.writer.end();
    return entry.id;
  }

  /** Sends a frame that has no answer: credit, unsubscribe, cancel. */
  tell(kind: number, body: Uint8Array): void {
    assert(requestKindSpec(kind)?.answer === "none", "a frame without an answer is of a kind that has none");
    if (!this.isOpen) return;
    this.#outbox.writer.frame(kind, 0, 0, body);
    this.#outbox.schedule();
  }

  /** Stops waiting for a request: its handler hears nothing more. The server is told, so that it need not go on. */
  giveUp(id: number): void {
    const entry = this.#pending.find(id);
    if (entry === undefined || entry.isGivenUp) return;
    this.#forget(entry);
    const isStream = requestKindSpec(entry.kind)?.answer === "stream";
    this.tell(isStream ? requestKinds.unsubscribe.kind : requestKinds.cancel.kind, idBody(id));
  }

  /** True when a request's frame may have left this process. */
  mayHaveLeft(id: number): boolean {
    const entry = this.#pending.find(id);
    return entry !== undefined && entry.ordinal <= this.#outbox.flushed;
  }

  /** Ends the connection once what was asked has been answered, or at the deadline. New requests are no longer taken. */
  close(graceMs = 0): void {
    if (this.#isClosing || this.#closedBy !== undefined) return;
    this.#isClosing = true;
    if (this.#pending.count === 0 || graceMs === 0) {
      this.#outbox.flush();
      this.#fail(
        new KimberliteError("connectionLost", "it was closed by this side", { outcome: "notCommitted" }),
        false,
      );
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail(lost(this.peer, "it was closed by this side"), true), graceMs);
  }

  #begin(options: ConnectionOptions, opened: (error: KimberliteError | undefined) => void): void {
    this.#onOpened = opened;
    this.#transport.start({
      data: (chunk) => this.#onChunk(chunk),
      drained: () => this.#onDrained(),
      closed: (cause) => {
        this.#isTransportClosed = true;
        // What a node that wants TLS does with a hello, and what one that is ending does.
        const unsaid = this.#welcome === undefined && this.#transport.channel === null;
        const silence = `the other side closed it${unsaid ? " without a word; does it want TLS (kimberlites://, tls-ca)?" : ""}`;
        this.#fail(lost(this.peer, cause?.message ?? silence, cause), true);
      },
    });
    this.#greeting.begin(options.clientName ?? defaults.clientName);
  }

  #begun(kind: number, timeoutMs: number, isTimed: boolean): PendingRequest {
    assert(this.#welcome !== undefined && this.isOpen, "requests are sent on an open connection");
    assert(this.#pending.count < this.#inFlightMax, "the window of unanswered requests is respected");
    const entry = this.#pending.add(kind);
    entry.ordinal = this.#outbox.nextOrdinal();
    if (isTimed && timeoutMs > 0) this.#wheel.add(entry, timeoutMs);
    return entry;
  }

  #onDrained(): void {
    this.#outbox.drained();
    this.#offerRoom();
  }

  #offerRoom(): void {
    if (!this.#wantsRoom || !this.hasRoom) return;
    this.#wantsRoom = false;
    this.#events.onRoom?.();
  }

  #onChunk(chunk: Uint8Array): void {
    this.#heardSince = true;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      if (isKimberliteError(error) && error.code === "unauthenticated") {
        this.#fail(error, true);
        return;
      }
      const isOurs = isKimberliteError(error) && error.code === "frameInvalid";
      const reason = `${this.peer} sent what this client cannot read: ${error instanceof Error ? error.message : String(error)}`;
      this.#fail(lost(this.peer, reason, error), true);
      // A defect of ours is not the server's: it is reported, after the requests have had their answer.
      if (!isOurs) throw error;
      return;
    }
    this.#offerRoom();
    if (this.#isClosing && this.#pending.count === 0) this.close();
  }

  #onFrame(kind: number, id: number, bytes: Uint8Array, from: number, to: number, view: DataView): void {
    if (this.#welcome === undefined) {
      this.#greeting.answered(kind, bytes, from, to);
      return;
    }
    switch (kind) {
      case responseKinds.ok:
        this.#onOk(id, bytes, from, to, view);
        return;
      case responseKinds.error:
        this.#onError(id, bytes, from, to);
        return;
      case responseKinds.subscriptionEvents:
        this.#pending.find(id)?.handler?.events?.(bytes, from, to);
        return;
      case responseKinds.subscriptionEnd:
        this.#onStreamEnd(id, bytes, from, to);
        return;
      case responseKinds.routeChange:
        this.#events.onRouteChange?.(decodeRouteChange(bytes, from, to));
        return;
      case responseKinds.goingAway:
        this.#onGoingAway(decodeGoingAway(bytes, from, to));
        return;
      default:
        throw new KimberliteError("frameInvalid", "a server sends no frames of this kind", { detail: { kind } });
    }
  }

  #onWelcome(welcome: Welcome): void {
    this.#welcome = welcome;
    this.#inFlightMax = Math.min(this.#inFlightMax, welcome.inFlightMax);
    this.#frameBytesMax = welcome.frameBytesMax;
    if (this.#keepAliveMs > 0) this.#timer = setInterval(() => this.#onKeepAlive(), this.#keepAliveMs).unref();
    const onOpened = this.#onOpened;
    this.#onOpened = undefined;
    onOpened?.(undefined);
  }

  #onOk(id: number, bytes: Uint8Array, from: number, to: number, view: DataView): void {
    const entry = this.#pending.find(id);
    // An answer that no one waits for is dropped: ids are never used twice, so it cannot be taken for another's.
    if (entry === undefined || entry.isStreaming) return;
    const { handler, appendCallback } = entry;
    if (appendCallback !== undefined) checkAppendReply(view, from, to);
    this.#wheel.remove(entry);
    if (requestKindSpec(entry.kind)?.answer === "stream") entry.isStreaming = true;
    else this.#pending.remove(entry);
    if (appendCallback !== undefined) readAppendReply(view, from, appendCallback);
    else handler?.ok(bytes, view, from, to);
  }

  #onError(id: number, bytes: Uint8Array, from: number, to: number): void {
    const error = decodeError(bytes, from, to);
    if (error === undefined) throw new KimberliteError("frameInvalid", "an error frame carries no error");
    if (id === 0) {
      // The server's last word on the whole connection; it closes after it.
      this.#fail(error, true);
      return;
    }
    const entry = this.#pending.find(id);
    if (entry === undefined || entry.isStreaming) return;
    this.#wheel.remove(entry);
    const { handler, appendCallback } = entry;
    this.#pending.remove(entry);
    appendCallback?.(error, 0, 0, 0, 0, false);
    handler?.failed(error);
  }

  #onStreamEnd(id: number, bytes: Uint8Array, from: number, to: number): void {
    const entry = this.#pending.find(id);
    if (entry === undefined) return;
    const error = decodeError(bytes, from, to);
    if (!entry.isStreaming) throw new KimberliteError("frameInvalid", "a subscription ended that had not begun");
    const { handler } = entry;
    this.#pending.remove(entry);
    handler?.ended?.(error);
  }

  #onGoingAway(notice: GoingAway): void {
    if (this.#isGoingAway) return;
    this.#isGoingAway = true;
    // Streams would hold the connection open to the end of the grace: they end here and begin again elsewhere.
    for (const entry of this.#pending.inUse()) {
      if (!entry.isStreaming || entry.handler === undefined) continue;
      const { handler } = entry;
      this.#forget(entry);
      this.tell(requestKinds.unsubscribe.kind, idBody(entry.id));
      handler.ended?.(new KimberliteError("draining", notice.message));
    }
    this.#events.onGoingAway?.(notice);
  }

  #onDeadline(entry: PendingRequest): void {
    assert(entry.id !== 0, "only a request in flight has a deadline");
    const { handler, appendCallback } = entry;
    const outcome = this.#outcomeOf(entry);
    this.giveUp(entry.id);
    const error = new KimberliteError("deadlineExceeded", `no answer from ${this.peer} in time`, { outcome });
    appendCallback?.(error, 0, 0, 0, 0, false);
    handler?.failed(error);
  }

  #outcomeOf(entry: PendingRequest): "unknown" | "notCommitted" {
    const writes = requestKindSpec(entry.kind)?.effect !== "read";
    return writes && entry.ordinal <= this.#outbox.flushed ? "unknown" : "notCommitted";
  }

  #forget(entry: PendingRequest): void {
    this.#wheel.remove(entry);
    entry.handler = undefined;
    entry.appendCallback = undefined;
    assert(entry.isGivenUp, "a request that was given up has no one to tell");
  }

  #onKeepAlive(): void {
    if (this.#heardSince) {
      // With a full window there is no room to ask in, and a server that is busy with what it has owes no answer.
      if (!this.hasRoom) return;
      this.#heardSince = false;
      this.request(requestKinds.ping.kind, this.#keepAliveMs, new Uint8Array(0), ignored, false);
      return;
    }
    // After the sockets were read once more: when this thread was held up, what arrived meanwhile counts.
    setImmediate(() => {
      if (!this.#heardSince) this.#fail(lost(this.peer, `it was silent for ${2 * this.#keepAliveMs} ms`), true);
    });
  }

  /** Ends everything, once. */
  #fail(error: KimberliteError, atOnce: boolean): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    clearTimeout(this.#timer);
    this.#greeting.stop();
    this.#decoder.stop();
    this.#outbox.close();
    if (!this.#isTransportClosed) {
      if (atOnce) this.#transport.destroy();
      else this.#transport.close();
    }
    // In the order in which they were asked, so that what is asked again keeps that order.
    const entries = [...this.#pending.inUse()].sort((a, b) => a.ordinal - b.ordinal);
    for (const entry of entries) {
      const { handler, appendCallback, isStreaming } = entry;
      const outcome = this.#outcomeOf(entry);
      this.#wheel.remove(entry);
      this.#pending.remove(entry);
      const failure = new KimberliteError("connectionLost", error.message, { cause: error, outcome });
      appendCallback?.(failure, 0, 0, 0, 0, false);
      if (isStreaming) handler?.ended?.(failure);
      else handler?.failed(failure);
    }
    assert(this.#pending.count === 0, "a closed connection has nothing in flight");
    const onOpened = this.#onOpened;
    this.#onOpened = undefined;
    if (onOpened !== undefined) onOpened(error);
    else this.#events.onClosed?.(error);
  }

  /** The largest body that the server takes. */
  get bodyBytesMax(): number {
    return Math.min(this.#frameBytesMax, u32Max) - frameHeaderBytes;
  }
}

const ignored: RequestHandler = { ok() {}, failed() {} };

function idBody(id: number): Uint8Array {
  return new ByteWriter(8).u64(id).finish();
}
