/**
 * The gateway actor: sockets in, requests to shards and projections, answers out. It holds connections and routes, never tenant
 * state; what it loses in a crash are connections, and clients reconnect.
 *
 * The way of a request
 *   1. A chunk arrives; `FrameDecoder` cuts frames; each is checked here as far as routing needs (tenant, stream).
 *   2. It gathers in the batch of its destination. When the turn of the event loop has read all sockets (check phase), one message
 *      goes to each destination.
 *   3. The answers come back in one message; their frames gather per connection and go out in one write each (`flush`).
 *
 * A request whose tenant has no known route waits, copied and bounded, for the directory's answer.
 */

import type { Socket } from "node:net";
import type { Route } from "../../actors/directory/messages.js";
import type { Actor, ActorContext, ActorDefinition, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { unreachable } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { certificateHash } from "../wire/certificate-hash.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import { encodeRouteChange } from "../wire/notices.js";
import { AdminCalls } from "./admin-calls.js";
import { Admission, type AdmissionArgs } from "./admission.js";
import { Answers } from "./answers.js";
import { Connection, type Duplex, stalledMs } from "./connection.js";
import { Dispatcher } from "./dispatcher.js";
import { readTooSlowly } from "./early-ends.js";
import { Forwarding } from "./forwarding.js";
import { sayGoingAway } from "./greeting.js";
import { Listener } from "./listener.js";
import { LocalConnections } from "./local-connections.js";
import type { GatewayMessage, TlsIdentity } from "./messages.js";
import { expectTenant, localPrincipal } from "./principal.js";
import { RouteTable } from "./route-table.js";
import { SocketDuplex } from "./socket-duplex.js";

export interface GatewayArgs extends AdmissionArgs {
  readonly host: string;
  readonly port: number;
  /** False for a node that serves only its own process. */
  readonly listens: boolean;
  readonly reusePort: boolean;
  readonly connectionsMax: number;
  readonly tls: TlsIdentity | null;
  readonly shards: number;
  readonly projections: number;
}

const requestTimeoutMsDefault = 30_000;
const requestTimeoutMsMax = 600_000;
/** From the connection to the welcome; who has failed before waits up to 4 s of it. */
const greetingMs = 10_000;
const sweepMs = 1_000;

class Gateway implements Actor<GatewayMessage> {
  readonly #context: ActorContext;
  readonly #args: GatewayArgs;
  readonly #dispatcher: Dispatcher;
  readonly #routes: RouteTable;
  readonly #forwarding: Forwarding;
  readonly #connections = new Map<number, Connection>();
  readonly #dirty: Connection[] = [];
  readonly #answers: Answers;
  readonly #flushed: number[] = [];
  readonly #admin: AdminCalls;
  readonly #admission: Admission;
  readonly locals: LocalConnections;
  #listener: Listener | null = null;
  #nextConnection = 1;
  #isDraining = false;
  #invalidFrames = 0;

  constructor(context: ActorContext, args: GatewayArgs) {
    this.#context = context;
    this.#args = args;
    this.#dispatcher = new Dispatcher(context, args.shards, args.projections);
    this.#routes = new RouteTable(context);
    this.#forwarding = new Forwarding(
      context,
      this.#dispatcher,
      this.#routes,
      (connection) => this.#touch(connection),
      () => this.#hasLoneRequest(),
    );
    this.#answers = new Answers(
      this.#dispatcher,
      (connection) => this.#touch(connection),
      () => this.#routes.forgetAll(),
    );
    this.#admin = new AdminCalls(context, (connection) => this.#touch(connection));
    this.#admission = new Admission(context, args, (connection) => this.#touch(connection));
    this.locals = new LocalConnections(context);
  }

  async listen(): Promise<void> {
    if (this.#args.listens) {
      // A socket is read from the moment on at which it has a listener: none of its bytes can come before its connection is known.
      const { tls } = this.#args;
      const channel = tls === null ? null : certificateHash(tls.certificate);
      const take = (socket: Socket): void => {
        if (socket.destroyed) return;
        const duplex = new SocketDuplex(socket, channel);
        const connection = this.#open(duplex);
        socket.on("data", (chunk: Buffer) => this.#context.enter(() => this.#arrived(connection, chunk)));
        socket.on("drain", () => this.#context.enter(() => this.#drained(connection)));
        socket.on("close", () => this.#context.enter(() => this.#closed(connection)));
      };
      this.#listener = await Listener.listen(this.#args, (socket) => this.#context.enter(() => take(socket)));
    }
    this.#context.after(sweepMs, { kind: "sweep" });
  }

  // ------------------------------------------------------------------ connections

  #open(duplex: Duplex): Connection {
    const id = this.#nextConnection++;
    const connection: Connection = new Connection(
      id,
      duplex,
      localPrincipal,
      this.#context.monotonic(),
      (kind, requestId, timeoutMs, bytes, from, to, view) =>
        this.#frame(connection, kind, requestId, timeoutMs, bytes, from, to, view),
    );
    this.#connections.set(id, connection);
    return connection;
  }

  #arrived(connection: Connection, chunk: Uint8Array): void {
    if (connection.state === "closing") return;
    try {
      connection.decoder.push(chunk);
    } catch (error) {
      // Framing is lost: say why and close. Anything that is not the peer's fault is this actor's crash.
      if (!(error instanceof KimberliteError)) throw error;
      if (error.code === "frameInvalid") this.#invalidFrames += 1;
      connection.fail(0, error);
      connection.close();
    }
    connection.regulate();
    this.#forwarding.schedule();
  }

  /** What was queued has left: the client may ask for more, and its subscriptions may be sent more. */
  #drained(connection: Connection): void {
    if (connection.state === "closing") return;
    connection.regulate();
    this.#settleOwed(connection);
  }

  #closed(connection: Connection): void {
    connection.state = "closing";
    this.#admission.ended(connection);
    this.#dispatcher.forget(connection);
    this.#connections.delete(connection.id);
    this.#forwarding.schedule();
  }

  /** One client is connected, with one request under way: nobody can join it in a group. */
  #hasLoneRequest(): boolean {
    if (this.#connections.size > 1) return false;
    for (const { inFlight, subscriptions } of this.#connections.values()) return inFlight - subscriptions.size === 1;
    return false;
  }

  #touch(connection: Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.#dirty.push(connection);
  }

  // ------------------------------------------------------------------ requests

  #frame(
    connection: Connection,
    kind: number,
    requestId: number,
    timeoutMs: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView,
  ): void {
    this.#forwarding.requests += 1;
    if (connection.state === "greeting" || connection.state === "authenticating") {
      this.#admission.take(connection, kind, new ByteReader(bytes, from, to));
      if (this.#isDraining && connection.state !== "authenticating") sayGoingAway(connection);
      return;
    }
    try {
      const wait = Math.min(timeoutMs === 0 ? requestTimeoutMsDefault : timeoutMs, requestTimeoutMsMax);
      this.#request(connection, kind, requestId, this.#context.now() + wait, bytes, from, to, view);
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      connection.fail(requestId, error);
      this.#touch(connection);
    }
  }

  #request(
    connection: Connection,
    kind: number,
    requestId: number,
    deadline: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView,
  ): void {
    switch (kind) {
      case requestKinds.ping.kind:
        connection.writer.frame(responseKinds.ok, requestId, 0, bytes, from, from);
        this.#touch(connection);
        return;
      case requestKinds.admin.kind:
        this.#admin.call(connection, requestId, deadline, bytes.slice(from, to));
        return;
      case requestKinds.credit.kind:
      case requestKinds.unsubscribe.kind: {
        const correlation = to - from < 8 ? undefined : connection.subscriptions.get(numberAt(view, from));
        if (correlation !== undefined) this.#dispatcher.follow(correlation, kind, bytes, from + 8, to);
        return;
      }
      case requestKinds.cancel.kind:
        if (to - from >= 8) this.#dispatcher.early.cancel(connection, numberAt(view, from));
        return;
      default:
        this.#tenantRequest(connection, kind, requestId, deadline, bytes, from, to, view);
    }
  }

  #tenantRequest(
    connection: Connection,
    kind: number,
    requestId: number,
    deadline: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView,
  ): void {
    const isWrite = kind >= requestKinds.append.kind && kind <= requestKinds.sessionClose.kind;
    const isRead = kind >= requestKinds.read.kind && kind <= requestKinds.commits.kind;
    if (!isWrite && !isRead && kind !== requestKinds.subscribe.kind) {
      throw new KimberliteError("notSupported", `request kind ${kind}`);
    }
    if (this.#isDraining) throw new KimberliteError("draining", "connect again once it is back");
    if (to - from < 8) throw new KimberliteError("frameInvalid", "the request names no tenant");
    if (kind === requestKinds.read.kind && connection.isOverfull) throw readTooSlowly();
    const tenant = numberAt(view, from);
    if (tenant === 0 || tenant > Number.MAX_SAFE_INTEGER) {
      throw new KimberliteError("tenantUnknown", "tenant ids begin at 1; see tenant.list", { detail: { tenant } });
    }
    expectTenant(connection.principal, tenant);
    const shard = this.#routes.shardOf(tenant);
    if (shard === undefined) {
      const copy = bytes.slice(from, to);
      this.#routes.whenKnown(tenant, copy.length, deadline, (error) => {
        if (connection.state === "closing") return;
        if (error !== null) {
          connection.fail(requestId, error);
          this.#touch(connection);
          return;
        }
        this.#frame(
          connection,
          kind,
          requestId,
          Math.max(1, deadline - this.#context.now()),
          copy,
          0,
          copy.length,
          viewOf(copy),
        );
        this.#forwarding.schedule();
      });
      this.#forwarding.watchTime();
      return;
    }
    if (shard === null) throw new KimberliteError("tenantUnknown", "see tenant.list", { detail: { tenant } });
    if (isWrite) {
      this.#dispatcher.send(
        connection,
        this.#dispatcher.shardDestination(shard),
        requestId,
        kind,
        deadline,
        bytes,
        from,
        to,
        view,
      );
      return;
    }
    // A stream's number stands behind the consistency of a read, and directly behind the tenant of a subscribe.
    const isSubscribe = kind === requestKinds.subscribe.kind;
    const streamAt = from + (isSubscribe ? 8 : 17);
    const key = streamAt + 4 <= to ? view.getUint32(streamAt, true) : 0;
    if (isSubscribe && connection.subscriptions.has(requestId)) {
      throw new KimberliteError("invalidArgument", "a subscription with this request id is open on this connection");
    }
    const destination = this.#dispatcher.projectionDestination(shard, key);
    const correlation = this.#dispatcher.send(connection, destination, requestId, kind, deadline, bytes, from, to);
    if (isSubscribe) connection.subscriptions.set(requestId, correlation);
  }

  // ------------------------------------------------------------------ answers

  receive(message: GatewayMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "replies":
        this.#answers.replies(message.bytes);
        return;
      case "subscriptionEvents":
        this.#answers.events(message.bytes);
        return;
      case "subscriptionEnds":
        this.#answers.ends(message.bytes);
        return;
      case "routeChanged":
        this.#routeChanged(message.route);
        return;
      case "sweep":
        this.#sweep();
        return;
      case "expire":
        this.#forwarding.expire();
        return;
      case "retryHeld":
        this.#forwarding.retryHeld();
        return;
      case "address":
        this.#context.reply(envelope, this.#listener?.address ?? null);
        return;
      case "nodeAnswer":
        this.#admin.node.answered(message);
        return;
      case "localOpen": {
        const connection = this.#open(this.locals.duplex(message.connection));
        this.locals.bind(message.connection, connection);
        return;
      }
      case "localBytes": {
        const connection = this.locals.find(message.connection);
        if (connection !== undefined) this.#arrived(connection, message.bytes);
        return;
      }
      case "localClose": {
        const connection = this.locals.close(message.connection);
        if (connection !== undefined) this.#closed(connection);
        return;
      }
      default:
        unreachable(message);
    }
  }

  flush(): void {
    // Requests that waited for a route gathered in this turn, not in a socket's: they need a forward of their own.
    this.#forwarding.schedule();
    if (this.#dirty.length === 0) return;
    for (const connection of this.#dirty) {
      connection.isDirty = false;
      if (connection.state === "closing") continue;
      connection.flush();
      if (connection.isPaused) connection.regulate();
      this.#settleOwed(connection);
    }
    this.#dirty.length = 0;
  }

  /** Tells projections which subscription bytes have left, so that they may send more. */
  #settleOwed(connection: Connection): void {
    if (connection.owedCount === 0 || connection.duplex.outgoingBytes > 256 * 1024) return;
    this.#flushed.length = 0;
    connection.takeOwed(this.#flushed);
    for (let i = 0; i < this.#flushed.length; i += 2) {
      const [correlation, bytes] = [this.#flushed[i], this.#flushed[i + 1]];
      if (!this.#dispatcher.flushedTo(correlation, bytes)) connection.owe(correlation, bytes);
    }
  }

  // ------------------------------------------------------------------ neighbours, routes, time

  wired(neighbour: string, port: Port): void {
    this.#dispatcher.wired(neighbour, port);
  }

  unwired(neighbour: string): void {
    this.#dispatcher.unwired(neighbour, (connection) => this.#touch(connection));
  }

  #routeChanged(route: Route): void {
    this.#routes.changed(route);
    const body = new ByteWriter(64);
    encodeRouteChange({ tenant: route.tenant, epoch: route.epoch, address: "" }, body);
    for (const connection of this.#connections.values()) {
      if (connection.state !== "open") continue;
      connection.writer.frame(responseKinds.routeChange, 0, 0, body.view());
      this.#touch(connection);
    }
  }

  #sweep(): void {
    const now = this.#context.monotonic();
    for (const connection of this.#connections.values()) {
      const isStranger = connection.state === "greeting" || connection.state === "authenticating";
      if (isStranger && now - connection.openedAt > greetingMs) {
        const what = connection.state === "greeting" ? "hello" : "proof of who it is";
        const error = new KimberliteError("deadlineExceeded", `no ${what} within 10 s`, { outcome: "notCommitted" });
        connection.fail(0, error);
        connection.close();
        continue;
      }
      if (connection.isStalled(now, stalledMs)) {
        this.#context.log.warn("closing a connection that does not read", { peer: connection.duplex.peer });
        connection.destroy();
        continue;
      }
      connection.regulate();
      this.#settleOwed(connection);
    }
    this.#admin.node.expire();
    this.#context.after(sweepMs, { kind: "sweep" });
  }

  /** Takes no new requests; those under way get their answers. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#listener?.close();
    for (const connection of this.#connections.values()) {
      if (connection.state !== "open") continue;
      sayGoingAway(connection);
      this.#touch(connection);
    }
    this.flush();
    const giveUp = this.#context.monotonic() + 4_000;
    const isBusy = (): boolean => {
      if (this.#context.monotonic() > giveUp) return false;
      for (const connection of this.#connections.values()) {
        if (connection.inFlight > connection.subscriptions.size || connection.duplex.outgoingBytes > 0) return true;
      }
      return false;
    };
    while (isBusy()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  stop(): void {
    this.#listener?.close();
    for (const connection of this.#connections.values()) connection.close();
    for (const connection of this.#connections.values()) connection.destroy();
    this.#connections.clear();
  }

  inspect(): Record<string, string | number> {
    return {
      address: this.#listener === null ? "in process" : `${this.#listener.address.host}:${this.#listener.address.port}`,
      connections: this.#connections.size,
      connectionsRefused: this.#listener?.refused ?? 0,
      requests: this.#forwarding.requests,
      pending: this.#dispatcher.pending,
      lateReplies: this.#dispatcher.lateReplies,
      endedEarly: this.#dispatcher.early.ended,
      invalidFrames: this.#invalidFrames,
      loginsUnderWay: this.#admission.strangers,
      loginsFailed: this.#admission.failures,
      routes: this.#routes.size,
    };
  }
}

const numberAt = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const gatewayDefinition: ActorDefinition<GatewayArgs, GatewayMessage> = {
  kind: "gateway",
  mailbox: { countMax: 100_000, bytesMax: 256 * 1024 * 1024, overflow: "reject" },
  async create(context, args) {
    const gateway = new Gateway(context, args);
    await gateway.listen();
    return gateway;
  },
};
