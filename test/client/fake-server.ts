/**
 * A small server that speaks the protocol over loopback and keeps streams in arrays: what the client is tested against where a
 * fault must happen at one exact place. A script says what to do with the next requests of a kind.
 *
 *   dropBefore   close the connection instead of applying          dropAfter   apply, then close instead of answering
 *   delay        answer after some time                            silent      apply, never answer
 *   badChecksum  answer with a damaged frame                       refuse      answer with an error, apply nothing
 */

import type { AddressInfo } from "node:net";
import net from "node:net";
import { decodeAdminCall, encodeAdminResult } from "../../protocol/wire/admin-call.js";
import { encodeEnded, encodeError } from "../../protocol/wire/error-body.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { decodeHello, encodeWelcome, negotiateVersion } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import { encodeGoingAway, encodeRouteChange, type GoingAway, type RouteChange } from "../../protocol/wire/notices.js";
import { decodeCredit, decodeId, decodeSubscribe, encodeEvent } from "../../protocol/wire/subscription.js";
import { tenantOfRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { type ErrorCode, isKimberliteError, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";

export type Fault =
  | { do: "dropBefore" | "dropAfter" | "silent" | "badChecksum" }
  | { do: "delay"; ms: number }
  | { do: "refuse"; code: ErrorCode; detail?: Record<string, string | number> };

interface StoredEvent {
  readonly position: number;
  readonly time: number;
  readonly format: number;
  readonly payload: Uint8Array;
}

interface FakeStream {
  readonly id: number;
  readonly name: string;
  readonly events: StoredEvent[];
}

interface FakeSubscription {
  readonly id: number;
  readonly stream: FakeStream;
  readonly group: string;
  next: number;
  credits: number;
}

const k = requestKinds;
const startTime = 1_700_000_000_000_000;

export class FakeServer {
  readonly streams = new Map<number, FakeStream>();
  readonly tenants = new Map<string, number>([["main", 1]]);
  /** What to do with the next requests of a kind, first entry first. */
  readonly faults = new Map<number, Fault[]>();
  /** Applied appends by key, to answer a retry with the first outcome. */
  readonly outcomes = new Map<string, Uint8Array>();
  /** What each group was told: offset and verdict. */
  readonly acks: { group: string; offset: number; verdict: number }[] = [];
  /** Requests seen, by kind. */
  readonly seen = new Map<number, number>();
  readonly tokens: number[] = [];
  readonly consistencies: number[] = [];
  readonly connections = new Set<FakeConnection>();
  clusterId = new Uint8Array(16).fill(7);
  faultsInjected = 0;
  accepted = 0;
  position = 0;
  inFlightMax = 1024;
  /** Events per subscription frame, and whether credits are respected. */
  eventsPerFrame = 16;
  ignoresCredits = false;
  /** Answers the hello with these bytes instead. */
  greeting: Uint8Array | undefined;
  /** Comes in one piece with the welcome. */
  afterWelcome: Uint8Array | undefined;
  readonly #server = net.createServer((socket) => {
    this.accepted++;
    const connection = new FakeConnection(this, socket);
    this.connections.add(connection);
    socket.on("close", () => this.connections.delete(connection));
  });

  static async start(port = 0): Promise<FakeServer> {
    const server = new FakeServer();
    await server.listen(port);
    return server;
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => resolve());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  dropAll(): void {
    for (const connection of this.connections) connection.socket.destroy();
  }

  fault(kind: number, ...faults: Fault[]): void {
    this.faults.set(kind, [...(this.faults.get(kind) ?? []), ...faults]);
  }

  stream(name: string): FakeStream {
    for (const stream of this.streams.values()) if (stream.name === name) return stream;
    const stream = { id: this.streams.size + 1, name, events: [] };
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** Appends as if someone else had. */
  put(stream: FakeStream, payloads: readonly string[]): void {
    const position = this.position++;
    for (const payload of payloads) {
      stream.events.push({
        position,
        time: startTime + position,
        format: 0,
        payload: new TextEncoder().encode(payload),
      });
    }
    for (const connection of this.connections) connection.feed();
  }

  say(kind: "goingAway", notice: GoingAway): void;
  say(kind: "routeChange", change: RouteChange): void;
  say(kind: "goingAway" | "routeChange", what: GoingAway | RouteChange): void {
    const body = new ByteWriter();
    if ("reason" in what) encodeGoingAway(what, body);
    else encodeRouteChange(what, body);
    for (const connection of this.connections) connection.send(responseKinds[kind], 0, body.finish());
  }

  /** Sends raw bytes on every connection. */
  spit(bytes: Uint8Array): void {
    for (const connection of this.connections) connection.socket.write(bytes);
  }
}

export class FakeConnection {
  readonly socket: net.Socket;
  readonly #server: FakeServer;
  readonly #writer = new FrameWriter();
  readonly #subscriptions = new Map<number, FakeSubscription>();

  constructor(server: FakeServer, socket: net.Socket) {
    this.#server = server;
    this.socket = socket;
    socket.setNoDelay(true);
    const decoder = new FrameDecoder((kind, id, _timeout, bytes, from, to) =>
      this.#onFrame(kind, id, bytes.slice(from, to)),
    );
    socket.on("data", (chunk) => {
      try {
        decoder.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on("error", () => {});
  }

  send(kind: number, id: number, body: Uint8Array, damage = false): void {
    this.#writer.frame(kind, id, 0, body);
    const bytes = new Uint8Array(this.#writer.take());
    if (damage) bytes[12] = (bytes[12] ?? 0) ^ 0xff;
    this.socket.write(bytes);
  }

  welcome(id: number, body: Uint8Array, more: Uint8Array): void {
    this.#writer.frame(responseKinds.welcome, id, 0, body);
    this.socket.write(Buffer.concat([this.#writer.take(), more]));
  }

  fail(id: number, error: unknown, kind: number = responseKinds.error): void {
    const body = new ByteWriter();
    encodeError(toErrorRecord(error), body);
    this.send(kind, id, body.finish());
  }

  #onFrame(kind: number, id: number, body: Uint8Array): void {
    const server = this.#server;
    server.seen.set(kind, (server.seen.get(kind) ?? 0) + 1);
    const fault = server.faults.get(kind)?.shift();
    if (fault !== undefined) server.faultsInjected++;
    if (fault?.do === "dropBefore") {
      this.socket.destroy();
      return;
    }
    let reply: Uint8Array | undefined;
    try {
      if (fault?.do === "refuse")
        throw new KimberliteError(fault.code, "as the script says", { detail: fault.detail ?? {} });
      reply = this.#answer(kind, id, body);
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      this.fail(id, error);
      return;
    }
    if (reply === undefined || fault?.do === "silent") return;
    const answer = kind === k.hello.kind ? responseKinds.welcome : responseKinds.ok;
    if (fault?.do === "dropAfter") this.socket.destroy();
    else if (fault?.do === "delay") setTimeout(() => this.send(answer, id, reply), fault.ms);
    else if (kind === k.hello.kind && server.afterWelcome !== undefined) this.welcome(id, reply, server.afterWelcome);
    else this.send(answer, id, reply, fault?.do === "badChecksum");
    if (kind === k.subscribe.kind) this.feed();
  }

  #answer(kind: number, id: number, body: Uint8Array): Uint8Array | undefined {
    const server = this.#server;
    const out = new ByteWriter();
    switch (kind) {
      case k.hello.kind: {
        if (server.greeting !== undefined) {
          this.socket.write(server.greeting);
          return undefined;
        }
        const version = negotiateVersion(decodeHello(new ByteReader(body)));
        const { clusterId, inFlightMax } = server;
        const limits = { frameBytesMax: 9 * 1024 * 1024, inFlightMax, sessionNumber: 0 };
        encodeWelcome({ version, serverRelease: "fake", clusterId, nodeId: 1, serverTime: startTime, ...limits }, out);
        return out.finish();
      }
      case k.ping.kind:
        return body;
      case k.admin.kind:
        return this.#admin(body);
      case k.append.kind:
        return this.#append(body);
      case k.streamCreate.kind: {
        const reader = new ByteReader(body, 40);
        reader.u8();
        const stream = server.stream(reader.string(256));
        return out
          .u64(server.position++)
          .u64(startTime)
          .u64(stream.id)
          .u64(0)
          .u32(1)
          .u8(0)
          .finish();
      }
      case k.groupAck.kind: {
        const reader = new ByteReader(body, 40);
        reader.u64();
        const group = reader.string(256);
        const count = reader.u32();
        for (let i = 0; i < count; i++) server.acks.push({ group, offset: reader.u64(), verdict: reader.u8() });
        return out
          .u64(server.position++)
          .u64(startTime)
          .u64(1)
          .u64(0)
          .u32(count)
          .u8(0)
          .finish();
      }
      case k.read.kind:
      case k.streamGet.kind:
      case k.streamList.kind:
      case k.positionGet.kind:
        return this.#read(kind, body);
      case k.subscribe.kind: {
        const subscribe = decodeSubscribe(body, 0, body.length);
        const stream = server.streams.get(subscribe.stream);
        if (stream === undefined) throw new KimberliteError("streamUnknown");
        const { group, from, credits } = subscribe;
        this.#subscriptions.set(id, { id, stream, group, next: from, credits });
        return out.u64(id).finish();
      }
      case k.credit.kind: {
        const credit = decodeCredit(body, 0, body.length);
        const subscription = this.#subscriptions.get(credit.subscription);
        if (subscription !== undefined) subscription.credits += credit.credits;
        this.feed();
        return undefined;
      }
      case k.unsubscribe.kind: {
        const ended = decodeId(body, 0, body.length);
        if (this.#subscriptions.delete(ended)) {
          encodeEnded(out);
          this.send(responseKinds.subscriptionEnd, ended, out.finish());
        }
        return undefined;
      }
      case k.cancel.kind:
        return undefined;
      default:
        throw new KimberliteError("notSupported", `kind ${kind}`);
    }
  }

  #admin(body: Uint8Array): Uint8Array {
    const { tenants } = this.#server;
    const { method, params } = decodeAdminCall(body);
    const name = typeof params["name"] === "string" ? params["name"] : "";
    const tenant = (of: string): { id: number; name: string; shard: number } => {
      const id = tenants.get(of);
      if (id === undefined) throw new KimberliteError("tenantUnknown", of);
      return { id, name: of, shard: 0 };
    };
    switch (method) {
      case "tenant.create":
        if (tenants.has(name)) throw new KimberliteError("tenantExists", name);
        tenants.set(name, tenants.size + 1);
        return encodeAdminResult(tenant(name));
      case "tenant.get":
        return encodeAdminResult(tenant(name));
      case "tenant.list":
        return encodeAdminResult(
          [...tenants.keys()]
            .map(tenant)
            .filter(({ id }) => id > Number(params["after"] ?? 0))
            .slice(0, Number(params["limit"] ?? 1_000)),
        );
      case "tenant.drop":
        tenant(name);
        tenants.delete(name);
        return encodeAdminResult(null);
      default:
        return encodeAdminResult({ method, params });
    }
  }

  #append(body: Uint8Array): Uint8Array {
    const server = this.#server;
    const reader = new ByteReader(body);
    reader.u64();
    const key = Buffer.from(reader.raw(16)).toString("hex");
    const known = server.outcomes.get(key);
    if (known !== undefined) return known;
    reader.raw(16);
    const stream = server.streams.get(reader.u64());
    if (stream === undefined) throw new KimberliteError("streamUnknown");
    const low = reader.u32();
    const high = reader.u32();
    const expected = low === 0xffff_ffff && high === 0xffff_ffff ? -1 : high * 2 ** 32 + low;
    const first = stream.events.length;
    if (expected >= 0 && expected !== first) {
      throw new KimberliteError("wrongExpectedOffset", "", { detail: { next: first } });
    }
    const count = reader.u32();
    const position = server.position++;
    const time = startTime + position;
    for (let i = 0; i < count; i++) {
      const length = reader.u32();
      const format = reader.u8();
      stream.events.push({ position, time, format, payload: new Uint8Array(reader.raw(length)) });
    }
    reader.end();
    const reply = (replayed: number): Uint8Array =>
      new ByteWriter().u64(position).u64(first).u32(count).u64(time).u8(replayed).finish();
    if (!/^0+$/.test(key)) server.outcomes.set(key, reply(1));
    for (const connection of server.connections) connection.feed();
    return reply(0);
  }

  #read(kind: number, body: Uint8Array): Uint8Array {
    const server = this.#server;
    const out = new ByteWriter();
    tenantOfRequest(body, 0, body.length);
    const reader = new ByteReader(body, 8);
    server.consistencies.push(reader.u8());
    server.tokens.push(reader.u64());
    const visible = server.position;
    const describe = (stream: FakeStream): void => {
      out.u64(stream.id).string(stream.name).u64(stream.events.length).u64(0).u64(0).u64(startTime);
    };
    if (kind === k.positionGet.kind)
      return out
        .u64(visible)
        .u64(visible === 0 ? 0 : startTime + visible - 1)
        .finish();
    if (kind === k.streamList.kind) {
      const after = reader.string(256);
      const list = [...server.streams.values()].filter((stream) => stream.name > after).slice(0, reader.u32());
      out.u64(visible).u32(list.length);
      for (const stream of list) describe(stream);
      return out.finish();
    }
    if (kind === k.streamGet.kind) {
      const by = reader.u8() === 0 ? reader.u64() : reader.string(256);
      const stream = [...server.streams.values()].find((one) => one.id === by || one.name === by);
      if (stream === undefined) throw new KimberliteError("streamUnknown", String(by));
      out.u64(visible);
      describe(stream);
      return out.finish();
    }
    const stream = server.streams.get(reader.u64());
    if (stream === undefined) throw new KimberliteError("streamUnknown");
    const from = reader.u64();
    const limit = reader.u32();
    reader.u32();
    const isBackward = reader.u8() === 1;
    const offsets: number[] = [];
    for (let i = 0; i < limit; i++) {
      const offset = isBackward ? Math.min(from, stream.events.length - 1) - i : from + i;
      if (offset < 0 || offset >= stream.events.length) break;
      offsets.push(offset);
    }
    out.u64(visible).u64(stream.events.length).u32(offsets.length);
    for (const offset of offsets) this.#event(stream, offset, out, false);
    return out.finish();
  }

  #event(stream: FakeStream, offset: number, out: ByteWriter, hasAttempt: boolean): void {
    const event = stream.events[offset];
    if (event !== undefined) encodeEvent({ ...event, offset, attempt: 1 }, out, hasAttempt);
  }

  /** Sends what subscriptions may have. */
  feed(): void {
    const { eventsPerFrame, ignoresCredits } = this.#server;
    for (const subscription of this.#subscriptions.values()) {
      const { stream } = subscription;
      for (;;) {
        const open = ignoresCredits ? Number.MAX_SAFE_INTEGER : subscription.credits;
        const count = Math.min(open, stream.events.length - subscription.next, eventsPerFrame);
        if (count <= 0) break;
        const out = new ByteWriter();
        out.u32(count);
        for (let i = 0; i < count; i++) this.#event(stream, subscription.next + i, out, subscription.group !== "");
        subscription.next += count;
        subscription.credits -= count;
        this.send(responseKinds.subscriptionEvents, subscription.id, out.finish());
      }
    }
  }

  /** Leaves out events of every subscription: what a sound server never does. */
  skip(count: number): void {
    for (const subscription of this.#subscriptions.values()) subscription.next += count;
  }

  /** Ends every subscription with an error. */
  endSubscriptions(code: ErrorCode): void {
    const error = new KimberliteError(code, "as the script says");
    for (const id of this.#subscriptions.keys()) this.fail(id, error, responseKinds.subscriptionEnd);
    this.#subscriptions.clear();
  }
}
