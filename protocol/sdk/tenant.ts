/** One tenant: its streams, its consumer groups, its position. */

import { decodePositionGetReply, decodeStreamListReply } from "../../runtime/kernel/codecs/read-replies.js";
import { encodeReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { encodeStreamCreate } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { streamName } from "../../runtime/types/ids.js";
import type { CallOptions } from "../client/client.js";
import { type ReadOptions, readHead } from "./consistency.js";
import { Groups } from "./groups.js";
import { countWithin, positionOfVisible } from "./numbers.js";
import { formatToken, parseToken } from "./position-token.js";
import { Session, type SessionOptions } from "./session.js";
import type { Sql } from "./sql.js";
import { Stream, type StreamInfo, streamInfo } from "./stream.js";
import type { TenantSession } from "./tenant-session.js";

const listLimitMax = 1_000;
/** Handles of streams that are kept, so that their numbers need not be asked for again. */
const handlesMax = 10_000;

export class Streams {
  readonly #session: TenantSession;
  readonly #handles = new Map<string, Stream>();

  constructor(session: TenantSession) {
    this.#session = session;
  }

  /** A handle to a stream that may or may not exist. Throws `invalidArgument` for a name that no stream can have. */
  handle(name: string): Stream {
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    const stream = new Stream(this.#session, name);
    this.#keep(stream);
    return stream;
  }

  /** Rejects with `streamExists` unless `ifNotExists`, and with `quotaExceeded`. */
  async create(
    name: string,
    options: CallOptions & { readonly ifNotExists?: boolean | undefined } = {},
  ): Promise<Stream> {
    const checked = streamName(name);
    const { client, memory } = this.#session;
    const { ifNotExists = false, timeoutMs, signal } = options;
    const requestKey = client.nextKey();
    const tenant = await this.#session.id({ timeoutMs, signal });
    const body = encodeStreamCreate(new ByteWriter(), { tenant, requestKey }, checked, ifNotExists).finish();
    const reply = await client.request(
      requestKind.streamCreate,
      tenant,
      body,
      true,
      { timeoutMs, signal },
      decodeOutcomeReply,
    );
    assert(reply.subject > 0, "a stream that was created has a number");
    memory.note(reply.position + 1);
    const stream = new Stream(this.#session, checked, reply.subject);
    this.#keep(stream);
    return stream;
  }

  /** Rejects with `streamUnknown`. */
  get(name: string, options: ReadOptions = {}): Promise<StreamInfo> {
    return this.handle(name).info(options);
  }

  /** Streams by name, at most `limit` (default and most: 1,000), those after `after`. */
  async list(
    options: ReadOptions & { readonly after?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<StreamInfo[]> {
    const { after = "", limit = listLimitMax, timeoutMs, signal } = options;
    countWithin(limit, "limit", listLimitMax);
    const { client, memory } = this.#session;
    const tenant = await this.#session.id({ timeoutMs, signal });
    const request = { ...readHead(tenant, memory, options), kind: requestKind.streamList, after, limit };
    const body = encodeReadRequest(new ByteWriter(), request).finish();
    const reply = await client.request(
      requestKind.streamList,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodeStreamListReply,
    );
    memory.note(reply.visible);
    return reply.streams.map(streamInfo);
  }

  /** All streams, page by page. */
  async *all(options: ReadOptions = {}): AsyncGenerator<StreamInfo, void, undefined> {
    let after = "";
    for (;;) {
      const page = await this.list({ ...options, after });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < listLimitMax) return;
      assert(last.name !== after, "a page of a list goes beyond the one before");
      after = last.name;
    }
  }

  #keep(stream: Stream): void {
    if (this.#handles.size >= handlesMax) this.#handles.clear();
    this.#handles.set(stream.name, stream);
  }
}

export class Tenant {
  readonly name: string;
  readonly streams: Streams;
  readonly groups: Groups;
  readonly #session: TenantSession;
  readonly #makeSql: () => Sql;
  #sql: Sql | undefined;

  constructor(session: TenantSession, makeSql: () => Sql) {
    this.#session = session;
    this.#makeSql = makeSql;
    this.name = session.name;
    this.streams = new Streams(session);
    this.groups = new Groups(session, this.streams);
  }

  /** The tenant's tables. Throws `unauthenticated` when the database was connected to without a user for SQL. */
  get sql(): Sql {
    this.#sql ??= this.#makeSql();
    return this.#sql;
  }

  /** A handle to a stream; nothing is asked of the server until it is used. */
  stream(name: string): Stream {
    return this.streams.handle(name);
  }

  /**
   * Opens a session: appends that are numbered, applied exactly once and in the order of their calls, for a writer that must not
   * depend on how long idempotency keys are kept. At the tenant's quota the session opened longest ago ends.
   */
  session(options: SessionOptions = {}): Promise<Session> {
    return Session.open(this.#session, options);
  }

  /** The tenant's newest position; null before its first command. */
  async position(options: ReadOptions = {}): Promise<bigint | null> {
    const { timeoutMs, signal } = options;
    const { client, memory } = this.#session;
    const tenant = await this.#session.id({ timeoutMs, signal });
    const request = { ...readHead(tenant, memory, options), kind: requestKind.positionGet };
    const body = encodeReadRequest(new ByteWriter(), request).finish();
    const reply = await client.request(
      requestKind.positionGet,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodePositionGetReply,
    );
    memory.note(reply.visible);
    return positionOfVisible(reply.visible);
  }

  /** What this client has seen of the tenant, to be handed to another process. */
  async token(options: CallOptions = {}): Promise<string> {
    return formatToken(await this.#session.id(options), this.#session.memory.seen);
  }

  /** From now on session reads see at least what the token's giver had seen. Rejects with `invalidArgument`. */
  async adoptToken(token: string, options: CallOptions = {}): Promise<void> {
    this.#session.memory.note(parseToken(token, await this.#session.id(options)));
  }
}
