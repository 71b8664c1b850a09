/**
 * A subscription over the life of many connections. Events wait here until the reader takes them; credits follow the reader, so a
 * slow one holds up the server and not this process's memory.
 *
 *   waiting ── connection ──▶ asking ── ok ──▶ streaming ── lost, lagging, going away ──▶ waiting (after a back-off)
 *                                                  └── too many bytes unread ──▶ full ── read down to half ──▶ waiting
 *   any ── close, or a final error ──▶ ended
 *
 * Credits count events, but memory is bytes: the window shrinks as events turn out to be large. Should the server's events outrun
 * even that, the subscription is given up on the wire and begun again once the reader has caught up: the rest of the connection
 * is not held up, as it would be by not reading the socket.
 *
 * Invariants
 *   1. Without a group, events come out by offset, each once, without a gap, over any number of reconnections.
 *   2. With a group, an event is delivered until it is acknowledged: at least once. What was not yet read when the connection was
 *      lost is forgotten here, since the server gives it out again.
 *   3. Bytes unread are at most twice `bytesMax`, plus one frame.
 */
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { requestKinds } from "../wire/kinds.js";
import { decodeEvents, decodeId, encodeCredit, encodeSubscribe, type WireEvent } from "../wire/subscription.js";
import type { CallHost } from "./call.js";
import type { Connection } from "./connection.js";
import type { Waiter } from "./link.js";
import type { RequestHandler } from "./pending.js";

export interface SubscriptionRequest {
  readonly tenant: number;
  readonly stream: number;
  /** First offset wanted; ignored for a group, which has its own place. */
  readonly from: number;
  /** Empty = none. */
  readonly group: string;
  /** The most events that the server may send ahead of the reader. */
  readonly credits: number;
  /** Bytes unread at which the credits are spent. */
  readonly bytesMax: number;
}

type State = "waiting" | "asking" | "streaming" | "full" | "ended";

/** Time for the server to answer a subscribe before it is asked again. */
const askTimeoutMs = 10_000;
/** Gaps in a row, without an event between, after which the server is not believed any more. */
const gapsMax = 3;
/** Credits of a first frame, before the size of events is known. */
const firstCredits = 64;
/** What an event costs here beside its payload. */
const eventCostBytes = 128;

export class Subscription implements RequestHandler, Waiter {
  readonly bytes = 0;
  readonly #host: Pick<CallHost, "route" | "learn" | "backOffMs">;
  readonly #request: SubscriptionRequest;
  readonly #onEnded: () => void;
  #state: State = "waiting";
  #isQueued = false;
  #connection: Connection | undefined;
  #requestId = 0;
  #next: number;
  #unread: WireEvent[] = [];
  #unreadFrom = 0;
  #unreadBytes = 0;
  /** Events that the server may still send. */
  #granted = 0;
  /** Running mean of what an event costs. */
  #meanBytes: number;
  #failures = 0;
  #gaps = 0;
  #pause: NodeJS.Timeout | undefined;
  #error: KimberliteError | undefined;
  #reader: (() => void) | undefined;

  constructor(
    host: Pick<CallHost, "route" | "learn" | "backOffMs">,
    request: SubscriptionRequest,
    onEnded: () => void,
  ) {
    assert(request.credits > 0 && request.bytesMax > 0, "a subscription takes at least one event");
    this.#host = host;
    this.#request = request;
    this.#onEnded = onEnded;
    this.#next = request.from;
    this.#meanBytes = request.bytesMax / firstCredits;
  }

  get isSettled(): boolean {
    return this.#state !== "waiting";
  }

  get state(): State {
    return this.#state;
  }

  /** Bytes of events that wait for the reader. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** The next event; undefined at the end. Throws the error that ended it. One reader at a time. */
  async next(): Promise<WireEvent | undefined> {
    for (;;) {
      const event = this.#take();
      if (event !== undefined) return event;
      if (this.#state === "ended") {
        if (this.#error !== undefined) throw this.#error;
        return undefined;
      }
      assert(this.#reader === undefined, "a subscription has one reader at a time");
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
  }

  /** Ends it. What is unread is dropped. */
  close(error?: KimberliteError): void {
    if (this.#state === "ended") return;
    this.#leave();
    this.#unread = [];
    this.#unreadFrom = 0;
    this.#unreadBytes = 0;
    this.#end(error);
  }

  /** Gets in line for a connection. */
  submit(): void {
    this.#pause = undefined;
    if (this.#state === "ended" || this.#isQueued) return;
    this.#state = "waiting";
    try {
      this.#isQueued = true;
      this.#host.route(this.#request.tenant).submit(this);
    } catch (error) {
      this.#isQueued = false;
      if (!(error instanceof KimberliteError)) throw error;
      this.#again(error);
    }
  }

  ready(connection: Connection): void {
    this.#isQueued = false;
    assert(this.#state === "waiting", "only a waiting subscription takes a connection");
    this.#state = "asking";
    this.#connection = connection;
    this.#granted = Math.max(1, this.#window() - this.#unreadCount);
    const { tenant, stream, group } = this.#request;
    const from = group === "" ? this.#next : 0;
    const body = new ByteWriter(64);
    encodeSubscribe({ tenant, stream, from, group, credits: this.#granted }, body);
    this.#requestId = connection.request(requestKinds.subscribe.kind, askTimeoutMs, body.view(), this);
  }

  refused(error: KimberliteError): void {
    this.#isQueued = false;
    this.#end(error);
  }

  ok(bytes: Uint8Array, _view: DataView, from: number, to: number): void {
    if (this.#state !== "asking") return;
    const id = decodeId(bytes, from, to);
    if (id !== this.#requestId) throw new KimberliteError("frameInvalid", "a subscription is named by its request id");
    this.#state = "streaming";
  }

  failed(error: KimberliteError): void {
    this.#again(error);
  }

  ended(error: KimberliteError | undefined): void {
    this.#again(error ?? new KimberliteError("subscriptionLagging", "the server ended it without being asked"));
  }

  events(bytes: Uint8Array, from: number, to: number): void {
    if (this.#state !== "streaming") return;
    const isGroup = this.#request.group !== "";
    // A copy of the whole frame, which its events then share.
    const body = bytes.slice(from, to);
    const events = decodeEvents(body, 0, body.length, isGroup);
    this.#granted -= events.length;
    if (this.#granted < 0) throw new KimberliteError("frameInvalid", "more events than there were credits for");
    for (const event of events) {
      if (!isGroup) {
        if (event.offset < this.#next) continue;
        if (event.offset > this.#next) throw this.#gap(event.offset);
        this.#next = event.offset + 1;
      }
      this.#unread.push(event);
      const cost = event.payload.length + eventCostBytes;
      this.#unreadBytes += cost;
      this.#meanBytes += (cost - this.#meanBytes) / 16;
    }
    if (events.length > 0) {
      this.#failures = 0;
      this.#gaps = 0;
    }
    if (this.#unreadBytes > 2 * this.#request.bytesMax && this.#unreadCount > 1) {
      this.#leave();
      this.#state = "full";
    }
    this.#wake();
  }

  get #unreadCount(): number {
    return this.#unread.length - this.#unreadFrom;
  }

  #take(): WireEvent | undefined {
    const event = this.#unread[this.#unreadFrom];
    if (event === undefined) return undefined;
    this.#unreadFrom++;
    this.#unreadBytes -= event.payload.length + eventCostBytes;
    assert(this.#unreadBytes >= 0, "unread bytes are counted");
    if (this.#unreadFrom === this.#unread.length || this.#unreadFrom >= 1024) {
      this.#unread = this.#unread.slice(this.#unreadFrom);
      this.#unreadFrom = 0;
    }
    if (this.#state === "streaming") this.#grant();
    else if (this.#state === "full" && this.#unreadBytes <= this.#request.bytesMax / 2) this.submit();
    return event;
  }

  /** Events that may be under way and unread together. */
  #window(): number {
    const { credits, bytesMax } = this.#request;
    return Math.max(1, Math.min(credits, Math.floor(bytesMax / this.#meanBytes)));
  }

  /** Renews the credits when half of them are spent, so that a credit frame is paid for by many events. */
  #grant(): void {
    const window = this.#window();
    const open = this.#granted + this.#unreadCount;
    if (open > window / 2) return;
    const credits = window - open;
    if (credits <= 0) return;
    this.#granted += credits;
    const body = new ByteWriter(12);
    encodeCredit({ subscription: this.#requestId, credits }, body);
    this.#connection?.tell(requestKinds.credit.kind, body.view());
  }

  #gap(offset: number): KimberliteError {
    this.#gaps++;
    const detail = { expected: this.#next, offset };
    const error = new KimberliteError("frameInvalid", "the server left out events of a subscription", { detail });
    if (this.#gaps >= gapsMax) this.close(error);
    return error;
  }

  /** Off the wire, whatever it was doing there. */
  #leave(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    if (connection !== undefined && (this.#state === "asking" || this.#state === "streaming")) {
      connection.giveUp(this.#requestId);
    }
    this.#granted = 0;
  }

  /** After a failure: again, if that can help. */
  #again(error: KimberliteError): void {
    if (this.#state === "ended") return;
    this.#connection = undefined;
    this.#granted = 0;
    if (error.retry === "never") {
      this.#end(error);
      return;
    }
    if (error.retry === "reroute") this.#host.learn(this.#request.tenant, error);
    if (this.#request.group !== "") {
      this.#unread = [];
      this.#unreadFrom = 0;
      this.#unreadBytes = 0;
    }
    this.#failures++;
    this.#state = "waiting";
    this.#pause = setTimeout(() => this.submit(), this.#host.backOffMs(this.#failures));
  }

  #end(error: KimberliteError | undefined): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#error = error;
    clearTimeout(this.#pause);
    this.#wake();
    this.#onEnded();
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }
}
