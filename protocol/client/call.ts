/**
 * One request of a user, over as many attempts as its deadline and the rules of `retry.ts` allow. It is at once what waits for a
 * connection, what hears a connection's answer and what stands on the deadline wheel, so a request makes one object and no closure.
 *
 * Invariants
 *   1. It settles exactly once: `onOk` or `onFailed`.
 *   2. `mayHaveApplied` never goes back to false: the caller is told `unknown` unless a refusal excludes every attempt.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { RequestEffect } from "../wire/kinds.js";
import type { Connection } from "./connection.js";
import type { DeadlineWheel, WheelNode } from "./deadline-wheel.js";
import type { Link, Waiter } from "./link.js";
import type { RequestHandler } from "./pending.js";
import { finalOutcome, mayRetry, withOutcome } from "./retry.js";

/** What a call needs of the client that made it. */
export interface CallHost {
  readonly wheel: DeadlineWheel;
  route(tenant: number): Link;
  /** Takes note of a newer route that a refusal named. */
  learn(tenant: number, error: KimberliteError): void;
  backOffMs(attempt: number): number;
  callEnded(call: Call): void;
}

export class Call implements RequestHandler, WheelNode, Waiter {
  wheelNext: WheelNode | null = null;
  wheelPrevious: WheelNode | null = null;
  wheelDue = -1;
  readonly #host: CallHost;
  readonly kind: number;
  readonly effect: RequestEffect;
  readonly hasKey: boolean;
  readonly #tenant: number;
  readonly #body: Uint8Array;
  readonly #deadlineAt: number;
  /** The whole time, while no turn has passed since the call was made: saves most calls a look at the clock. Then 0. */
  #freshMs: number;
  /** Given the ok body; throws when it cannot be read. */
  readonly #onOk: (bytes: Uint8Array, view: DataView, from: number, to: number) => void;
  readonly #onFailed: (error: KimberliteError) => void;
  #link: Link | undefined;
  #connection: Connection | undefined;
  #requestId = 0;
  #attempts = 0;
  #mayHaveApplied = false;
  #lastRefusal: KimberliteError | undefined;
  #pause: NodeJS.Timeout | undefined;
  isSettled = false;

  constructor(
    host: CallHost,
    kind: number,
    effect: RequestEffect,
    hasKey: boolean,
    tenant: number,
    body: Uint8Array,
    timeoutMs: number,
    onOk: (bytes: Uint8Array, view: DataView, from: number, to: number) => void,
    onFailed: (error: KimberliteError) => void,
  ) {
    assert(timeoutMs > 0, "a request has a deadline");
    this.#host = host;
    this.kind = kind;
    this.effect = effect;
    this.hasKey = hasKey;
    this.#tenant = tenant;
    this.#body = body;
    this.#deadlineAt = host.wheel.now() + timeoutMs;
    this.#freshMs = timeoutMs;
    this.#onOk = onOk;
    this.#onFailed = onFailed;
    host.wheel.addAt(this, this.#deadlineAt);
  }

  get bytes(): number {
    return this.#body.length;
  }

  get mayHaveApplied(): boolean {
    return this.#mayHaveApplied;
  }

  /** Begins, or goes on after a pause. */
  submit(): void {
    if (this.isSettled) return;
    this.#pause = undefined;
    this.#link = this.#host.route(this.#tenant);
    try {
      this.#link.submit(this);
      this.#freshMs = 0;
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#settle(error);
    }
  }

  ready(connection: Connection): void {
    assert(!this.isSettled && this.#connection === undefined, "a call has one attempt in flight at a time");
    if (this.#body.length > connection.bodyBytesMax) {
      const detail = { bytes: this.#body.length, limit: connection.bodyBytesMax };
      this.#settle(new KimberliteError("batchTooLarge", "the server takes smaller requests", { detail }));
      return;
    }
    // What is left of the time, so that the server does not work on for a caller that has gone.
    const leftMs = this.#freshMs || Math.max(1, Math.ceil(this.#deadlineAt - this.#host.wheel.now()));
    this.#attempts++;
    this.#connection = connection;
    this.#requestId = connection.request(this.kind, leftMs, this.#body, this, false);
  }

  refused(error: KimberliteError): void {
    this.#settle(error);
  }

  ok(bytes: Uint8Array, view: DataView, from: number, to: number): void {
    if (this.isSettled) return;
    this.#connection = undefined;
    try {
      this.#onOk(bytes, view, from, to);
    } catch (error) {
      // The server did it, and this client cannot read what it says: the connection is of no use, nor is another attempt.
      const outcome = this.effect === "read" ? "notCommitted" : "committed";
      this.#settle(new KimberliteError("frameInvalid", "the answer cannot be read", { cause: error, outcome }));
      return;
    }
    this.#end();
  }

  failed(error: KimberliteError): void {
    if (this.isSettled) return;
    this.#connection = undefined;
    if (this.effect !== "read" && error.outcome === "unknown") this.#mayHaveApplied = true;
    if (!mayRetry(this, error)) {
      this.#settle(error);
      return;
    }
    this.#lastRefusal = error;
    if (error.retry === "reroute") this.#host.learn(this.#tenant, error);
    // A lost connection has a back-off of its own.
    if (error.code === "connectionLost") {
      this.submit();
      return;
    }
    const pauseMs = this.#host.backOffMs(this.#attempts);
    this.#pause = setTimeout(() => this.submit(), pauseMs);
  }

  deadlinePassed(): void {
    if (this.isSettled) return;
    // Waiting for another attempt after a refusal: that refusal is what the caller must hear, "the disk is full" rather than "too late".
    if (
      this.#connection === undefined &&
      this.#lastRefusal !== undefined &&
      this.#lastRefusal.code !== "connectionLost"
    ) {
      this.#settle(this.#lastRefusal);
      return;
    }
    const last = this.#link?.lastError;
    const isStranded = this.#connection === undefined && last !== undefined;
    const sent = this.#attempts === 0 ? "it could not be sent" : "it could not be sent again";
    const why = isStranded ? `${sent} (${last.message})` : "no answer came in time";
    this.#giveUp(new KimberliteError("deadlineExceeded", why, { cause: last }));
  }

  /** Ends it at the caller's wish. */
  cancel(reason: unknown): void {
    if (this.isSettled) return;
    this.#giveUp(new KimberliteError("cancelled", "the caller gave it up", { cause: reason }));
  }

  #giveUp(error: KimberliteError): void {
    const connection = this.#connection;
    if (connection !== undefined) {
      if (this.effect !== "read" && connection.mayHaveLeft(this.#requestId)) this.#mayHaveApplied = true;
      this.#connection = undefined;
      connection.giveUp(this.#requestId);
    }
    this.#settle(error);
  }

  #settle(error: KimberliteError): void {
    assert(!this.isSettled, "order: a request has one outcome");
    this.#end();
    const outcome = finalOutcome(this, error);
    const isSame = outcome === error.outcome && this.#attempts <= 1;
    this.#onFailed(isSame ? error : withOutcome(error, outcome, { attempts: this.#attempts }));
  }

  #end(): void {
    this.isSettled = true;
    clearTimeout(this.#pause);
    this.#host.wheel.remove(this);
    this.#host.callEnded(this);
  }
}
