/** A stream of one tenant: append, read, subscribe. A handle is cheap and connects to nothing until it is used. */

import { decodeReadReply } from "../../runtime/kernel/codecs/events-reply.js";
import { decodeStreamGetReply } from "../../runtime/kernel/codecs/read-replies.js";
import { encodeReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import type { EventToAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { groupName, streamName } from "../../runtime/types/ids.js";
import type { CallOptions } from "../client/client.js";
import { creditsMax } from "../wire/subscription.js";
import { type ReadOptions, readHead } from "./consistency.js";
import { AppendResult, Event } from "./event.js";
import { type EventInput, encodeEvents, snapshot } from "./event-input.js";
import { type IdempotencyKey, parseIdempotencyKey } from "./idempotency-key.js";
import { countWithin, positionOfVisible, wireNumber } from "./numbers.js";
import { formatToken } from "./position-token.js";
import { EventSubscription, GroupAnswers, type SubscribeOptions } from "./subscription.js";
import type { TenantSession } from "./tenant-session.js";

export interface AppendOptions {
  /** The offset that the first event must get; "any" (default) takes whatever is next. Else `wrongExpectedOffset`. */
  readonly expectedOffset?: bigint | number | "any" | undefined;
  /**
   * Names this append: repeated with the same key it is applied once and answers as the first time. By default each append gets a
   * key of its own, which is what makes retries after a lost connection safe. `null` sends none, and such an append is never
   * retried once it may have been sent.
   */
  readonly idempotencyKey?: IdempotencyKey | null | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamReadOptions extends ReadOptions {
  /** First offset; default the stream's start, or its newest event when reading backward. */
  readonly from?: bigint | number | undefined;
  /** Events at most; default 1,000. An answer may hold fewer, since it is also bounded in bytes. */
  readonly limit?: number | undefined;
  readonly direction?: "forward" | "backward" | undefined;
}

export interface ReadPage {
  readonly events: Event[];
  /** The newest position that the read saw; null before the tenant's first. */
  readonly position: bigint | null;
  /** The offset that the stream's next event will get, as the read saw it. */
  readonly nextOffset: bigint;
  /** A token with which later reads see at least as much. */
  readonly token: string;
}

export interface StreamInfo {
  readonly id: bigint;
  readonly name: string;
  readonly nextOffset: bigint;
  /** Stored bytes of its events. */
  readonly bytes: bigint;
  readonly createdPosition: bigint;
  /** µs since 1970. */
  readonly createdTime: number;
}

const readEventsMax = 100_000;
const readBytesMax = 4 * 1024 * 1024;
const readLimitDefault = 1_000;
const creditsDefault = 1_024;
const subscribedBytesDefault = 8 * 1024 * 1024;

export class Stream {
  readonly name: string;
  readonly #session: TenantSession;
  #id: number | undefined;
  #resolving: Promise<number> | undefined;

  /** @param id when it is known already */
  constructor(session: TenantSession, name: string, id?: number) {
    this.#session = session;
    this.name = streamName(name);
    this.#id = id;
  }

  /**
   * Appends one event or several; several are applied together or not at all, and their offsets follow one another.
   *
   * Rejects with `wrongExpectedOffset`, `streamUnknown`, `eventTooLarge`, `batchTooLarge`, `quotaExceeded`, `invalidArgument` (nothing
   * was written), or with an error whose `outcome` is "unknown" when the deadline passed or the connection was lost for good: then
   * repeat it with the same `idempotencyKey` to learn.
   */
  append(events: EventInput | readonly EventInput[], options: AppendOptions = {}): Promise<AppendResult> {
    try {
      // All that the caller gave is read here, before the first await.
      const encoded = encodeEvents(events);
      const { expectedOffset = "any", idempotencyKey, timeoutMs, signal } = options;
      const expected = expectedOffset === "any" ? "any" : wireNumber(expectedOffset, "expectedOffset");
      const key =
        idempotencyKey === null
          ? undefined
          : idempotencyKey === undefined
            ? this.#session.client.nextKey()
            : parseIdempotencyKey(idempotencyKey);
      const tenant = this.#session.knownId;
      if (tenant !== undefined && this.#id !== undefined) {
        return this.#append(tenant, this.#id, expected, encoded, key, { timeoutMs, signal });
      }
      const kept = snapshot(encoded);
      return this.#ids({ timeoutMs, signal }).then(([tenantId, streamId]) =>
        this.#append(tenantId, streamId, expected, kept, key, { timeoutMs, signal }),
      );
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** One page of events. Rejects with `streamUnknown`, `positionUnknown`, `invalidArgument`, `deadlineExceeded`. */
  async read(options: StreamReadOptions = {}): Promise<ReadPage> {
    const { direction = "forward", limit = readLimitDefault, timeoutMs, signal } = options;
    countWithin(limit, "limit", readEventsMax);
    if (direction !== "forward" && direction !== "backward") {
      throw new KimberliteError("invalidArgument", 'a direction is "forward" or "backward"');
    }
    const isBackward = direction === "backward";
    const from =
      options.from === undefined ? (isBackward ? Number.MAX_SAFE_INTEGER : 0) : wireNumber(options.from, "from");
    const readOptions = { consistency: options.consistency, token: options.token };
    const [tenant, stream] = await this.#ids({ timeoutMs, signal });
    const head = readHead(tenant, this.#session.memory, readOptions);
    const request = {
      ...head,
      kind: requestKind.read,
      stream,
      from,
      limit,
      bytesMax: readBytesMax,
      direction: isBackward ? 1 : 0,
    };
    const body = encodeReadRequest(new ByteWriter(64), request).finish();
    const reply = await this.#session.client.request(
      requestKind.read,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodeReadReply,
    );
    assert(reply.events.length <= limit, "a page holds no more events than were asked for");
    this.#session.memory.note(reply.visible);
    return {
      events: reply.events.map(
        ({ offset, position, time, format, payload }) => new Event(offset, position, time, format, payload),
      ),
      position: positionOfVisible(reply.visible),
      nextOffset: BigInt(reply.nextOffset),
      token: formatToken(tenant, reply.visible),
    };
  }

  /**
   * Events one after the other, page by page, the next page being fetched while one is used. Ends at the newest event that the
   * first page saw; `limit` is the size of a page. To go on with what is appended later, `subscribe`.
   */
  async *events(options: StreamReadOptions = {}): AsyncGenerator<Event, void, undefined> {
    const isBackward = options.direction === "backward";
    let page = await this.read(options);
    const end = page.nextOffset;
    for (;;) {
      const last = page.events.at(-1);
      if (last === undefined) return;
      const next = isBackward ? last.offset - 1n : last.offset + 1n;
      const isLast = isBackward ? next < 0n : next >= end;
      const following = isLast ? undefined : this.read({ ...options, from: next });
      // Its failure is reported when its turn comes, not as an unhandled rejection while this page is used.
      following?.catch(() => {});
      for (const event of page.events) {
        if (event.offset >= end) return;
        yield event;
      }
      if (following === undefined) return;
      page = await following;
    }
  }

  /** All events from a place on, and what comes: an async iterable that survives lost connections without gaps or doubles. */
  subscribe(options: SubscribeOptions = {}): EventSubscription {
    const { from = "start", group, credits = creditsDefault, bytesMax = subscribedBytesDefault, signal } = options;
    const name = group === undefined ? "" : groupName(group);
    countWithin(credits, "credits", creditsMax);
    countWithin(bytesMax, "bytesMax", 1024 * 1024 * 1024);
    if (group !== undefined && options.from !== undefined) {
      throw new KimberliteError("invalidArgument", "a group has its own place in the stream: leave out from");
    }
    const first = typeof from === "string" ? 0 : wireNumber(from, "from");
    return new EventSubscription(async () => {
      const [tenant, stream] = await this.#ids({ signal });
      const { client } = this.#session;
      const start = from === "head" ? Number((await this.info({ signal })).nextOffset) : first;
      const feed = client.subscribe({ tenant, stream, from: start, group: name, credits, bytesMax });
      return { feed, answers: name === "" ? undefined : new GroupAnswers(client, tenant, stream, name) };
    }, signal);
  }

  /** Rejects with `streamUnknown`. */
  async info(options: ReadOptions = {}): Promise<StreamInfo> {
    const { timeoutMs, signal } = options;
    const tenant = await this.#session.id({ timeoutMs, signal });
    const head = readHead(tenant, this.#session.memory, options);
    const request = { ...head, kind: requestKind.streamGet, by: this.#id ?? this.name };
    const body = encodeReadRequest(new ByteWriter(64), request).finish();
    const { client } = this.#session;
    const reply = await client.request(
      requestKind.streamGet,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodeStreamGetReply,
    );
    this.#session.memory.note(reply.visible);
    this.#id = reply.stream.stream;
    return streamInfo(reply.stream);
  }

  /** The stream's number within its tenant, asked for once. Rejects with `streamUnknown`. */
  async id(options: CallOptions = {}): Promise<number> {
    if (this.#id !== undefined) return this.#id;
    this.#resolving ??= this.info(options)
      .then((info) => Number(info.id))
      .finally(() => {
        this.#resolving = undefined;
      });
    return await this.#resolving;
  }

  async #ids(options: CallOptions): Promise<[number, number]> {
    const tenant = await this.#session.id(options);
    return [tenant, await this.id(options)];
  }

  #append(
    tenant: number,
    stream: number,
    expected: number | "any",
    events: readonly EventToAppend[],
    key: Uint8Array | undefined,
    options: CallOptions,
  ): Promise<AppendResult> {
    const { client, memory } = this.#session;
    return client.append(tenant, stream, expected, events, key, options, (reply) => {
      memory.note(reply.position + 1);
      return new AppendResult(tenant, reply);
    });
  }
}

export const streamInfo = (stream: {
  readonly stream: number;
  readonly name: string;
  readonly nextOffset: number;
  readonly bytes: number;
  readonly createdPosition: number;
  readonly createdTime: number;
}): StreamInfo => ({
  id: BigInt(stream.stream),
  name: stream.name,
  nextOffset: BigInt(stream.nextOffset),
  bytes: BigInt(stream.bytes),
  createdPosition: BigInt(stream.createdPosition),
  createdTime: stream.createdTime,
});
