/**
 * The client of a node or cluster: finds the way to a tenant, connects again after a loss, retries where that is safe, and tells
 * the caller exactly one outcome. Bytes in, bytes out: what the numbers mean to a user is the SDK's affair.
 *
 * Defaults worth knowing: each write carries an idempotency key unless told not to, so that a lost answer can be asked for again;
 * each request has a deadline; whatever waits is bounded, and one request too many is refused with `mailboxFull`.
 */

import { type EventToAppend, encodeAppend } from "../../runtime/kernel/codecs/write-requests.js";
import type { AppendReply } from "../../runtime/kernel/outcome.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type AdminMethod, adminReads, decodeAdminResult, encodeAdminCall } from "../wire/admin-call.js";
import { frameBodyBytesMax } from "../wire/frame.js";
import { type RequestEffect, requestKindSpec, requestKinds } from "../wire/kinds.js";
import type { RouteChange } from "../wire/notices.js";
import { appendReplyAt } from "./append-body.js";
import { BodySlab } from "./body-slab.js";
import { Call, type CallHost } from "./call.js";
import type { ConnectionOptions } from "./connection.js";
import { type DeadlineWheel, sharedWheel } from "./deadline-wheel.js";
import { IdempotencyKeys } from "./idempotency-keys.js";
import { type Connector, Link, type LinkOptions } from "./link.js";
import type { CredentialsSource } from "./login.js";
import { type BackOff, backOffMs } from "./retry.js";
import { Subscription, type SubscriptionRequest } from "./subscription.js";

export interface ClientOptions {
  /**
   * "host:port" of a node; what it means is the connector's affair. Or of several nodes of one cluster, in the order in which they are
   * tried: when one is lost or stops, the next takes its place.
   */
  readonly address: string | readonly string[];
  readonly connector: Connector;
  readonly clientName?: string;
  /** Who to be, for a node that asks; left out: whoever may read its data directory, on the same machine. */
  readonly credentials?: CredentialsSource;
  /** Deadline of a request that names none. */
  readonly timeoutMs?: number;
  /** To connect to one address [5,000; 2,000 where there is another to go to]. */
  readonly connectTimeoutMs?: number;
  /** Silence after which a node is asked whether it lives; after as much again it is given up [10,000; 2,000 where there is another]. */
  readonly keepAliveMs?: number;
  readonly inFlightMax?: number;
  readonly bufferedBytesMax?: number;
  /** Requests that may wait for a connection with room. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
  readonly backOff?: BackOff;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly wheel?: DeadlineWheel;
  readonly keys?: IdempotencyKeys;
}

export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Turns an ok body into the result; the bytes are valid during the call only. */
type RawDecoder<Result> = (bytes: Uint8Array, view: DataView, from: number, to: number) => Result;

/** Routes are kept for this many tenants; beyond it all are forgotten and learnt again by refusals. */
const routesMax = 100_000;
const timeoutMsMax = 0x7fff_ffff;
/** Where there is another node to go to, a silent one is not waited for until requests run out of time. */
const choiceConnectMs = 2_000;
const choiceKeepAliveMs = 2_000;

export class Client implements CallHost {
  readonly wheel: DeadlineWheel;
  readonly #options: ClientOptions;
  readonly #linkOptions: LinkOptions;
  readonly #links = new Map<string, Link>();
  readonly #home: Link;
  readonly #routes = new Map<number, { epoch: number; link: Link }>();
  readonly #keys: IdempotencyKeys;
  readonly #backOff: BackOff;
  readonly #random: () => number;
  readonly #timeoutMs: number;
  readonly #calls = new Set<Call>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #scratch = new ByteWriter(4096);
  readonly #bodies = new BodySlab();
  #onIdle: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.wheel = options.wheel ?? sharedWheel;
    this.#random = options.random ?? Math.random;
    this.#backOff = options.backOff ?? { minMs: 20, maxMs: 2_000 };
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#keys = options.keys ?? new IdempotencyKeys();
    assert(this.#timeoutMs > 0 && this.#timeoutMs <= timeoutMsMax, "a client's requests have a deadline");
    const addresses = typeof options.address === "string" ? [options.address] : [...options.address];
    if (addresses.length === 0 || new Set(addresses).size < addresses.length) {
      throw new KimberliteError("invalidArgument", "a client needs one address or several, each once");
    }
    const hasChoice = addresses.length > 1;
    const keepAliveMs = options.keepAliveMs ?? (hasChoice ? choiceKeepAliveMs : undefined);
    const connection: ConnectionOptions = {
      wheel: this.wheel,
      ...(options.clientName === undefined ? {} : { clientName: options.clientName }),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
      ...(options.inFlightMax === undefined ? {} : { inFlightMax: options.inFlightMax }),
      ...(options.bufferedBytesMax === undefined ? {} : { bufferedBytesMax: options.bufferedBytesMax }),
    };
    this.#linkOptions = {
      connection,
      backOff: this.#backOff,
      waitingMax: options.waitingMax ?? 100_000,
      waitingBytesMax: options.waitingBytesMax ?? 64 * 1024 * 1024,
      connectTimeoutMs: options.connectTimeoutMs ?? (hasChoice ? choiceConnectMs : 5_000),
      random: this.#random,
      now: () => this.wheel.now(),
    };
    this.#home = this.#link(addresses);
  }

  /** Connects and says hello. Throws `connectionRefused` or what the server answered; later requests connect by themselves. */
  connect(): Promise<void> {
    return this.#home.connect();
  }

  /** The address in use, or tried next. */
  get address(): string {
    return this.#home.address;
  }

  /** Requests that have no outcome yet. */
  get unsettled(): number {
    return this.#calls.size;
  }

  /** A fresh idempotency key. Keys of one client grow, so that they lie together in the server's index. */
  nextKey(): Uint8Array {
    return this.#keys.next();
  }

  /** Resolves when requests leave at once instead of waiting: what a fast producer awaits between appends. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.#home.whenRoom(resolve));
  }

  /**
   * One request with a body ready to send.
   *
   * @param hasKey the body carries an idempotency key, so that a write may be repeated
   * @param decode turns the ok body, a copy of its own, into the result
   */
  request<Result>(
    kind: number,
    tenant: number,
    body: Uint8Array,
    hasKey: boolean,
    options: CallOptions,
    decode: (body: Uint8Array) => Result,
  ): Promise<Result> {
    const spec = requestKindSpec(kind);
    assert(spec !== undefined && spec.answer === "reply", "a request is of a kind that has one answer");
    return this.#start(kind, spec.effect, tenant, body, hasKey, options, (bytes, _view, from, to) =>
      decode(bytes.slice(from, to)),
    );
  }

  /**
   * Appends events. The caller has checked them against the limits.
   *
   * @param expected offset that the first event must get, or "any"
   * @param key idempotency key; undefined sends none, and the append is then never retried after it may have been sent
   */
  append<Result = AppendReply>(
    tenant: number,
    stream: number,
    expected: number | "any",
    events: readonly EventToAppend[],
    key: Uint8Array | undefined,
    options: CallOptions,
    toResult: (reply: AppendReply) => Result = (reply) => reply as Result,
  ): Promise<Result> {
    encodeAppend(this.#scratch.reset(), { tenant, requestKey: key }, stream, expected, events);
    // A copy that outlives the scratch: the call may have to send it again.
    const body = this.#bodies.keep(this.#scratch.view());
    return this.#start(
      requestKinds.append.kind,
      "write",
      tenant,
      body,
      key !== undefined,
      options,
      (_, view, from, to) => toResult(appendReplyAt(view, from, to)),
    );
  }

  /** An administrative call; reads among them are retried. */
  admin(method: AdminMethod, params: Readonly<Record<string, unknown>>, options: CallOptions): Promise<unknown> {
    const effect: RequestEffect = adminReads.has(method) ? "read" : "control";
    const body = encodeAdminCall(method, params);
    return this.#start(requestKinds.admin.kind, effect, 0, body, false, options, (bytes, _view, from, to) =>
      decodeAdminResult(bytes.subarray(from, to)),
    );
  }

  /** Subscribes, and stays subscribed over lost connections, until `close`, a final error or the end of the client. */
  subscribe(request: SubscriptionRequest): Subscription {
    this.#throwIfClosed();
    const subscription: Subscription = new Subscription(this, request, () => this.#subscriptions.delete(subscription));
    this.#subscriptions.add(subscription);
    subscription.submit();
    return subscription;
  }

  /** Takes no more requests, lets what is in flight be answered within the grace, and closes. */
  async close(graceMs = 5_000): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const subscription of this.#subscriptions) subscription.close();
    if (this.#calls.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of this.#calls) call.cancel("the client was closed");
    for (const link of this.#links.values()) link.close(0);
    assert(this.#calls.size === 0, "a closed client has no request without an outcome");
  }

  // What calls and subscriptions ask of their client.

  route(tenant: number): Link {
    return this.#routes.get(tenant)?.link ?? this.#home;
  }

  learn(tenant: number, error: KimberliteError): void {
    const address = error.detail["address"];
    const epoch = error.detail["epoch"];
    if (typeof address === "string") this.#setRoute({ tenant, address, epoch: typeof epoch === "number" ? epoch : 0 });
    else this.#routes.delete(tenant);
  }

  backOffMs(attempt: number): number {
    return backOffMs(Math.max(1, attempt), this.#backOff, this.#random);
  }

  callEnded(call: Call): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0 || this.#onIdle === undefined) return;
    this.#onIdle();
    this.#onIdle = undefined;
  }

  #start<Result>(
    kind: number,
    effect: RequestEffect,
    tenant: number,
    body: Uint8Array,
    hasKey: boolean,
    options: CallOptions,
    decode: RawDecoder<Result>,
  ): Promise<Result> {
    this.#throwIfClosed();
    if (body.length > frameBodyBytesMax) {
      throw new KimberliteError("batchTooLarge", "the request is larger than a frame", {
        detail: { bytes: body.length, limit: frameBodyBytesMax },
      });
    }
    const { signal } = options;
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    if (!(timeoutMs > 0 && timeoutMs <= timeoutMsMax)) {
      throw new KimberliteError("invalidArgument", `a timeout is from 1 to ${timeoutMsMax} ms`, {
        detail: { timeoutMs },
      });
    }
    if (signal?.aborted === true) {
      throw new KimberliteError("cancelled", "the signal was aborted before", {
        cause: signal.reason,
        outcome: "notCommitted",
      });
    }
    return new Promise((resolve, reject) => {
      const onAbort = signal === undefined ? undefined : (): void => call.cancel(signal.reason);
      const call = new Call(
        this,
        kind,
        effect,
        hasKey,
        tenant,
        body,
        timeoutMs,
        (bytes, view, from, to) => {
          const result = decode(bytes, view, from, to);
          if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
          resolve(result);
        },
        (error) => {
          if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      );
      if (onAbort !== undefined) signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.add(call);
      call.submit();
    });
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new KimberliteError("cancelled", "the client is closed", { outcome: "notCommitted" });
  }

  #link(addresses: readonly string[]): Link {
    const name = addresses.join();
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const link = new Link(addresses, this.#options.connector, this.#linkOptions, (change) => this.#setRoute(change));
    this.#links.set(name, link);
    return link;
  }

  #setRoute(change: RouteChange): void {
    const known = this.#routes.get(change.tenant);
    if (known !== undefined && known.epoch > change.epoch) return;
    if (this.#routes.size >= routesMax) this.#routes.clear();
    // No address: the node that said so serves the tenant itself, by another shard.
    if (change.address === "") this.#routes.delete(change.tenant);
    else this.#routes.set(change.tenant, { epoch: change.epoch, link: this.#link([change.address]) });
  }
}
