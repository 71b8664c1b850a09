/**
 * The way to one node, or to any one of several: at most one connection that takes new requests, made when someone wants it, made again
 * with back-off when it was lost. What wants to be sent waits here, in order and bounded, until there is a connection with room.
 *
 *   idle ── someone waits ──▶ connecting ──▶ ready ── lost, or going away ──▶ idle, or backing off while someone waits
 *
 * With several addresses a failure moves on to the next at once; the back-off comes when all of them have failed in turn. They have to
 * be of one cluster: a node of another than the first that answered is not talked to, since its tenants and streams have the same numbers.
 *
 * Invariants
 *   1. At most `waitingMax` waiters of at most `waitingBytesMax` bytes; one more is refused with `mailboxFull`.
 *   2. Waiters leave in the order in which they came. One that has settled meanwhile is passed over.
 */
import { assert } from "../../runtime/types/assert.js";
import { isKimberliteError, KimberliteError } from "../../runtime/types/errors.js";
import type { GoingAway, RouteChange } from "../wire/notices.js";
import type { Transport } from "../wire/transport.js";
import { Connection, type ConnectionOptions } from "./connection.js";
import { type BackOff, backOffMs } from "./retry.js";

export type Connector = (address: string, timeoutMs: number) => Promise<Transport>;

/** Something that wants a connection once. */
export interface Waiter {
  readonly bytes: number;
  /** No longer wants one: settled by a deadline or an abort. */
  readonly isSettled: boolean;
  ready(connection: Connection): void;
  /** Waiting has no sense any more: the client was closed. */
  refused(error: KimberliteError): void;
}

export interface LinkOptions {
  readonly connection: ConnectionOptions;
  readonly backOff: BackOff;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly random: () => number;
  readonly now: () => number;
}

/** A connection that lived as long was sound: the next loss begins the back-off anew. */
const soundAfterMs = 1_000;

export class Link {
  readonly #addresses: readonly string[];
  /** Of the address in use, or tried next. */
  #at = 0;
  /** Of the first node that answered. */
  #clusterId: Uint8Array | undefined;
  readonly #connector: Connector;
  readonly #options: LinkOptions;
  readonly #onRouteChange: (change: RouteChange) => void;
  readonly #waiting: Waiter[] = [];
  #waitingFrom = 0;
  #waitingBytes = 0;
  #connection: Connection | undefined;
  readonly #leaving = new Set<Connection>();
  #isConnecting = false;
  #failures = 0;
  /** Of them the last ones, one after the other, that did not let us in. */
  #refusals = 0;
  #connectedAt = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastError: KimberliteError | undefined;
  readonly #roomWanted: (() => void)[] = [];

  /** @param addresses of nodes of one cluster, in the order in which they are tried */
  constructor(
    addresses: readonly string[],
    connector: Connector,
    options: LinkOptions,
    onRouteChange: (change: RouteChange) => void,
  ) {
    assert(options.waitingMax > 0 && options.waitingBytesMax > 0, "a link lets at least one request wait");
    assert(addresses.length > 0, "a link leads somewhere");
    this.#addresses = addresses;
    this.#connector = connector;
    this.#options = options;
    this.#onRouteChange = onRouteChange;
  }

  /** The address in use, or tried next. */
  get address(): string {
    return this.#addresses[this.#at] ?? "";
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get waiting(): number {
    return this.#waiting.length - this.#waitingFrom;
  }

  /** Why the last attempt to connect failed, or the last connection was lost. */
  get lastError(): KimberliteError | undefined {
    return this.#lastError;
  }

  /** True while a request would leave at once. */
  get hasRoom(): boolean {
    return this.waiting === 0 && this.#connection !== undefined && this.#connection.hasRoom;
  }

  /** Calls back once when requests no longer wait, so that a fast producer can keep in step. */
  whenRoom(callback: () => void): void {
    if (this.hasRoom) callback();
    else {
      this.#roomWanted.push(callback);
      this.#connect();
    }
  }

  /** Gives the waiter a connection with room, now or later. Throws `mailboxFull`: nothing was sent. */
  submit(waiter: Waiter): void {
    if (this.#isClosed) throw new KimberliteError("cancelled", "the client is closed", { outcome: "notCommitted" });
    const connection = this.#connection;
    if (connection !== undefined && this.waiting === 0 && connection.hasRoom) {
      waiter.ready(connection);
      return;
    }
    const { waitingMax, waitingBytesMax } = this.#options;
    if (this.waiting >= waitingMax || this.#waitingBytes + waiter.bytes > Math.max(waitingBytesMax, waiter.bytes)) {
      throw new KimberliteError("mailboxFull", "too many requests wait to be sent; await earlier ones first", {
        detail: { waiting: this.waiting, waitingMax, waitingBytes: this.#waitingBytes, waitingBytesMax },
      });
    }
    this.#waiting.push(waiter);
    this.#waitingBytes += waiter.bytes;
    this.#connect();
  }

  /** Connects now. Throws why no address would do. For the first connection of a client, whose failure should be told at once. */
  async connect(): Promise<void> {
    const reasons: string[] = [];
    for (const _ of this.#addresses) {
      if (this.#connection !== undefined) return;
      this.#isConnecting = true;
      clearTimeout(this.#retryTimer);
      this.#retryTimer = undefined;
      try {
        await this.#open();
        return;
      } catch (error) {
        const reason = this.#onConnectFailed(error);
        if (this.#addresses.length === 1) throw reason;
        reasons.push(reason.message);
      }
    }
    throw new KimberliteError("connectionRefused", `no node answers; ${reasons.join("; ")}`, {
      cause: this.#lastError,
    });
  }

  /** Lets what is in flight be answered within the grace; what waits is refused. */
  close(graceMs: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    const error = new KimberliteError("cancelled", "the client was closed", { outcome: "notCommitted" });
    for (const waiter of this.#takeAll()) if (!waiter.isSettled) waiter.refused(error);
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close(graceMs);
    for (const callback of this.#roomWanted.splice(0)) callback();
    assert(this.waiting === 0, "a closed link lets no one wait");
  }

  #takeAll(): Waiter[] {
    const all = this.#waiting.slice(this.#waitingFrom);
    this.#waiting.length = 0;
    this.#waitingFrom = 0;
    this.#waitingBytes = 0;
    return all;
  }

  #connect(): void {
    if (this.#connection !== undefined || this.#isConnecting || this.#retryTimer !== undefined || this.#isClosed)
      return;
    this.#isConnecting = true;
    this.#open().catch((error: unknown) => this.#onConnectFailed(error));
  }

  async #open(): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    const transport = await this.#connector(this.address, connectTimeoutMs);
    if (this.#isClosed) {
      transport.destroy();
      throw new KimberliteError("cancelled", "the client was closed", { outcome: "notCommitted" });
    }
    // What comes in one piece with the welcome is heard before the connection is in our hands.
    let opened: Connection | null = null;
    let farewell: GoingAway | null = null;
    const connection = await Connection.open(
      transport,
      { ...this.#options.connection, connectTimeoutMs },
      {
        onRoom: () => this.#pump(),
        onRouteChange: (change) => this.#onRouteChange(change),
        onGoingAway: (notice) => {
          if (opened === null) farewell = notice;
          else this.#onGoingAway(opened, notice);
        },
        onClosed: (error) => {
          if (opened !== null) this.#onClosed(opened, error);
        },
      },
    );
    opened = connection;
    this.#isConnecting = false;
    // The socket may have ended, or the client been closed, between the welcome and this turn.
    if (this.#isClosed || !connection.isOpen) {
      connection.close();
      throw new KimberliteError("connectionLost", "it ended at once", { outcome: "notCommitted" });
    }
    this.#checkCluster(connection);
    this.#refusals = 0;
    this.#connection = connection;
    this.#connectedAt = this.#options.now();
    if (farewell !== null) this.#onGoingAway(connection, farewell);
    this.#pump();
  }

  #checkCluster(connection: Connection): void {
    if (this.#addresses.length === 1) return;
    const { clusterId } = connection.welcome;
    this.#clusterId ??= clusterId.slice();
    if (this.#clusterId.every((byte, index) => byte === clusterId[index])) return;
    connection.close();
    const [one, other] = [this.#clusterId, clusterId].map((id) => Buffer.from(id).toString("hex"));
    throw new KimberliteError(
      "connectionRefused",
      `${this.address} is a node of cluster ${other}; another of the addresses led to cluster ${one}`,
    );
  }

  #onConnectFailed(error: unknown): KimberliteError {
    this.#isConnecting = false;
    const reason = isKimberliteError(error)
      ? error
      : new KimberliteError("connectionRefused", `${this.address}: ${String(error)}`, { cause: error });
    this.#lastError = reason;
    this.#failures++;
    this.#refusals = reason.code === "unauthenticated" ? this.#refusals + 1 : 0;
    this.#moveOn();
    // Nobody lets us in: what waits would wait for its deadline, and each further attempt would count as one more guess.
    if (this.#refusals >= this.#addresses.length) {
      for (const waiter of this.#takeAll()) if (!waiter.isSettled) waiter.refused(reason);
      for (const callback of this.#roomWanted.splice(0)) callback();
    }
    this.#connectLater();
    return reason;
  }

  #moveOn(): void {
    this.#at = (this.#at + 1) % this.#addresses.length;
  }

  #onClosed(connection: Connection, error: KimberliteError): void {
    this.#leaving.delete(connection);
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#lastError = error;
    if (this.#options.now() - this.#connectedAt >= soundAfterMs) this.#failures = 0;
    this.#failures++;
    this.#moveOn();
    this.#connectLater();
  }

  #onGoingAway(connection: Connection, notice: GoingAway): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#leaving.add(connection);
    connection.close(notice.graceMs);
    this.#lastError = new KimberliteError("draining", notice.message);
    this.#failures = Math.max(1, this.#failures);
    this.#moveOn();
    this.#connectLater();
  }

  #connectLater(): void {
    // While no one waits there is no haste: the next request connects at once.
    const isWanted = this.waiting > 0 || this.#roomWanted.length > 0;
    if (!isWanted || this.#isClosed || this.#retryTimer !== undefined || this.#isConnecting) return;
    const { backOff, random } = this.#options;
    const rounds = Math.floor(this.#failures / this.#addresses.length);
    const isInRound = this.#failures % this.#addresses.length !== 0;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#connect();
      },
      isInRound ? 0 : backOffMs(rounds, backOff, random),
    );
  }

  #pump(): void {
    const connection = this.#connection;
    while (this.waiting > 0 && connection !== undefined && this.#connection === connection && connection.hasRoom) {
      const waiter = this.#waiting[this.#waitingFrom];
      assert(waiter !== undefined, "a waiter is where the count says");
      this.#waitingFrom++;
      this.#waitingBytes -= waiter.bytes;
      if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom > 1024) {
        this.#waiting.splice(0, this.#waitingFrom);
        this.#waitingFrom = 0;
      }
      if (!waiter.isSettled) waiter.ready(connection);
    }
    assert(this.#waitingBytes >= 0, "the bytes that wait are counted");
    if (this.#roomWanted.length > 0 && this.hasRoom) for (const callback of this.#roomWanted.splice(0)) callback();
  }
}
