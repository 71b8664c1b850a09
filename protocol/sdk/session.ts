/**
 * A session: one writer's appends, numbered 1, 2, 3, …, each applied exactly once and in the order in which they were called. Where an
 * idempotency key is remembered for a window of the tenant's writes, a session remembers its last number for as long as it is
 * open; the price is that its appends go one after the other.
 *
 * What becomes of a number
 *   answered         used up; the next append carries the next
 *   refused          not used up: nothing was written
 *   unknown          (the deadline passed, the connection was lost for good) the very same request is sent again before anything
 *                    else of this session is, until its outcome is known. If it had been applied, the node answers as the first time
 *
 * Invariant: at most one number has no known outcome, and it is the last one that was sent.
 */
import { randomBytes } from "node:crypto";
import { encodeAppend, encodeSessionClose, encodeSessionOpen } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { clientIdBytes } from "../../runtime/kernel/session-rows.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import type { CallOptions } from "../client/client.js";
import { finalOutcome, withOutcome } from "../client/retry.js";
import { AppendResult } from "./event.js";
import { type EventInput, encodeEvents, snapshot } from "./event-input.js";
import { type IdempotencyKey, parseIdempotencyKey } from "./idempotency-key.js";
import { wireNumber } from "./numbers.js";
import type { Stream } from "./stream.js";
import type { TenantSession } from "./tenant-session.js";

export interface SessionOptions extends CallOptions {
  /**
   * Names the writer: 16 bytes, or a text. Opening a session ends the one that the same writer had, so that of two processes that
   * take themselves for it only the newer one writes. Default: a new name.
   */
  readonly writer?: IdempotencyKey | undefined;
}

export interface SessionAppendOptions extends CallOptions {
  /** The offset that the first event must get; "any" (default) takes whatever is next. Else `wrongExpectedOffset`. */
  readonly expectedOffset?: bigint | number | "any" | undefined;
}

interface Numbered {
  readonly number: number;
  readonly tenant: number;
  readonly body: Uint8Array;
}

/** Appends of one session that may wait for their turn. */
const waitingMax = 10_000;

export class Session {
  /** Its number within the tenant. */
  readonly id: bigint;
  readonly #tenant: TenantSession;
  readonly #number: number;
  #next = 1;
  #unsettled: Numbered | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #ended: KimberliteError | null = null;

  private constructor(tenant: TenantSession, number: number) {
    assert(number > 0, "a session has a number");
    this.#tenant = tenant;
    this.#number = number;
    this.id = BigInt(number);
  }

  static async open(session: TenantSession, options: SessionOptions): Promise<Session> {
    const { writer, timeoutMs, signal } = options;
    const clientId = writer === undefined ? new Uint8Array(randomBytes(clientIdBytes)) : parseIdempotencyKey(writer);
    const { client, memory } = session;
    const requestKey = client.nextKey();
    const tenant = await session.id({ timeoutMs, signal });
    const body = encodeSessionOpen(new ByteWriter(), { tenant, requestKey }, clientId).finish();
    const kind = requestKind.sessionOpen;
    const reply = await client.request(kind, tenant, body, true, { timeoutMs, signal }, decodeOutcomeReply);
    memory.note(reply.position + 1);
    return new Session(session, reply.subject);
  }

  /** Appends whose outcome is known. */
  get settled(): number {
    return this.#next - 1;
  }

  /**
   * Appends one event or several, after all that was called before. Times count from its turn on.
   *
   * Rejects as `stream.append` does; when the outcome is "unknown", `settle` (or the next append) finishes it. Rejects with
   * `sessionUnknown` once the session was closed, or ended by a newer one of the same writer.
   */
  append(
    stream: Stream,
    events: EventInput | readonly EventInput[],
    options: SessionAppendOptions = {},
  ): Promise<AppendResult> {
    return this.#inTurn(() => {
      // All that the caller gave is read here, before the first await.
      const { expectedOffset = "any", timeoutMs, signal } = options;
      const expected = expectedOffset === "any" ? "any" : wireNumber(expectedOffset, "expectedOffset");
      const kept = snapshot(encodeEvents(events));
      return async () => {
        await this.#finish({ timeoutMs, signal });
        const tenant = await this.#tenant.id({ timeoutMs, signal });
        const streamId = await stream.id({ timeoutMs, signal });
        const number = this.#next;
        const head = { tenant, session: this.#number, requestNumber: number };
        const body = encodeAppend(new ByteWriter(), head, streamId, expected, kept).finish();
        return await this.#send({ number, tenant, body }, { timeoutMs, signal });
      };
    });
  }

  /** Finishes the append whose outcome was unknown, and says what became of it; null when there is none. */
  settle(options: CallOptions = {}): Promise<AppendResult | null> {
    return this.#inTurn(() => () => this.#finish(options));
  }

  /** Ends the session; what was called before is done first. */
  async close(options: CallOptions = {}): Promise<void> {
    await this.#inTurn(() => async () => {
      if (this.#ended !== null) return;
      this.#ended = new KimberliteError("sessionUnknown", `session ${this.id} was closed`, { outcome: "notCommitted" });
      const { client } = this.#tenant;
      const tenant = await this.#tenant.id(options);
      const body = encodeSessionClose(
        new ByteWriter(),
        { tenant, requestKey: client.nextKey() },
        this.#number,
      ).finish();
      try {
        await client.request(requestKind.sessionClose, tenant, body, true, options, decodeOutcomeReply);
      } catch (error) {
        if (!hasCode(error, "sessionUnknown")) throw error;
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One after the other; a failed one does not stop the next. `begin` runs at once, what it returns in its turn. */
  #inTurn<Result>(begin: () => () => Promise<Result>): Promise<Result> {
    try {
      if (this.#waiting >= waitingMax) {
        throw new KimberliteError("mailboxFull", `${waitingMax} appends of this session wait for their turn`);
      }
      const work = begin();
      this.#waiting += 1;
      const mine = this.#turn.then(work).finally(() => {
        this.#waiting -= 1;
      });
      this.#turn = mine.catch(() => {});
      return mine;
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #finish(options: CallOptions): Promise<AppendResult | null> {
    if (this.#ended !== null) throw this.#ended;
    return this.#unsettled === null ? null : await this.#send(this.#unsettled, options);
  }

  async #send(numbered: Numbered, options: CallOptions): Promise<AppendResult> {
    const { number, tenant, body } = numbered;
    const { client, memory } = this.#tenant;
    assert(number === this.#next, "a session sends its numbers one after the other");
    assert(this.#unsettled === null || this.#unsettled === numbered, "what is unknown is finished first");
    try {
      const reply = await client.request(requestKind.append, tenant, body, true, options, decodeAppendReply);
      this.#unsettled = null;
      this.#next = number + 1;
      memory.note(reply.position + 1);
      return new AppendResult(tenant, reply);
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      throw this.#failed(numbered, error);
    }
  }

  /** Takes note of what a failure says about the number, all earlier attempts included. */
  #failed(numbered: Numbered, error: KimberliteError): KimberliteError {
    const mayHaveApplied = this.#unsettled !== null || error.outcome === "unknown";
    const outcome = finalOutcome({ effect: "write", hasKey: true, mayHaveApplied }, error);
    if (error.code === "sessionUnknown" || error.code === "sessionOutOfOrder") {
      this.#ended = new KimberliteError(error.code, error.message, { cause: error, outcome: "notCommitted" });
    }
    this.#unsettled = outcome === "unknown" ? numbered : null;
    if (outcome === "committed") this.#next = numbered.number + 1;
    return outcome === error.outcome ? error : withOutcome(error, outcome);
  }
}
