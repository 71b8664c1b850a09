/**
 * One actor's connections to its counterparts on the other nodes: a replica's to the replicas of its shard, a gateway's to the other
 * gateways. It lives in the thread of its actor, so that a message takes no hop between threads on its way (docs/decisions/0006), and its
 * connections end when the actor does: the others hear of it at once.
 *
 *   who dials    the node with the lower number; the other listens. There is one connection for each pair of nodes and channel.
 *   greeting     hello by the dialler, welcome or refusal by the other. Each checks the other's cluster, number, channel and certificate.
 *   replacement  a new connection of a known node takes the place of the one that still stands: its node knows better.
 *   dialling     again and again, with back-off and jitter, for as long as the endpoint lives.
 *
 * Messages may be lost, when there is no connection, when one ends, or when its queue is full; none is received twice or out of
 * order on one connection. `up` and `down` of a node alternate, and messages come between them only.
 */
import { connect as connectPlain, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { connect as connectSecure, createServer as createSecureServer, type TLSSocket } from "node:tls";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Clock } from "./clock.js";
import type { TimerHandle } from "./definition.js";
import { decodeGreeting, encodeGreeting, type Greeting, peerFrames, type Refusal, refusals } from "./peer-frame.js";
import { type LinkEvents, type PeerLimits, PeerLink } from "./peer-link.js";
import {
  carriesName,
  checkPlaintext,
  checkSecurity,
  type PeerSecurity,
  secureOptions,
  troubleOf,
} from "./peer-security.js";
import { backoffMs } from "./restart-policy.js";

export interface PeerAddress {
  readonly node: number;
  /** As its certificate has it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface PeerEvents {
  up(node: number): void;
  down(node: number, reason: string): void;
  message(node: number, bytes: Uint8Array): void;
  /** For the log: why a node cannot be reached or was refused. The same text of the same node comes once until it was up. */
  trouble(node: number | null, text: string): void;
}

export interface PeerEndpointOptions {
  readonly self: PeerAddress;
  readonly others: readonly PeerAddress[];
  readonly clusterId: Uint8Array;
  readonly channel: number;
  /** Null: plaintext, between nodes on loopback only. */
  readonly security: PeerSecurity | null;
  readonly clock: Clock;
  /** Called outside of turns: an actor wraps them in `context.enter`. */
  readonly events: PeerEvents;
  readonly limits?: Partial<PeerLimits>;
}

/** `queueBytesMax` holds two messages of the largest size; four seconds of silence end a connection. */
export const peerLimitsDefault: PeerLimits = {
  messageBytesMax: 17 * 1024 * 1024,
  socketBytesMax: 1024 * 1024,
  queueBytesMax: 34 * 1024 * 1024,
  lifeMs: 500,
  silentLooksMax: 8,
  greetingMsMax: 3_000,
};

const listenAttempts = 40;
const listenRetryMs = 50;
const backoff = { baseMs: 20, maxMs: 500 };
/** A connection that lasted this long was a good one: the next dial is a first attempt again. */
const steadyMs = 2_000;
/** Words about connections of strangers come no more often. */
const strangerMs = 10_000;

interface Place {
  readonly address: PeerAddress;
  link: PeerLink | null;
  attempts: number;
  upAt: number;
  trouble: string;
  redial: TimerHandle | null;
}

export class PeerEndpoint {
  readonly #options: PeerEndpointOptions;
  readonly #limits: PeerLimits;
  readonly #places = new Map<number, Place>();
  /** Connections that are not admitted yet. */
  readonly #greeting = new Set<PeerLink>();
  /** Accepted sockets, also those in the middle of a TLS handshake. */
  readonly #accepting = new Set<Socket>();
  #server: Server | null = null;
  #open = true;
  #strangerAt = Number.NEGATIVE_INFINITY;

  /** Throws `configurationInvalid` or `insecureListen` where nodes could never talk. */
  constructor(options: PeerEndpointOptions) {
    const { self, others, security } = options;
    assert(
      new Set([self.node, ...others.map(({ node }) => node)]).size === others.length + 1,
      "a node's number is its own",
    );
    if (security === null) checkPlaintext([self, ...others].map(({ host }) => host));
    else checkSecurity(security, self.name, options.clock.now());
    this.#options = options;
    this.#limits = { ...peerLimitsDefault, ...options.limits };
    for (const address of others) {
      this.#places.set(address.node, { address, link: null, attempts: 0, upAt: 0, trouble: "", redial: null });
    }
  }

  /** Listens, and begins to dial. Throws `addressInUse` or `configurationInvalid`. */
  async open(): Promise<{ readonly host: string; readonly port: number }> {
    assert(this.#server === null && this.#open, "an endpoint opens once");
    const { self } = this.#options;
    const server = this.#makeServer();
    for (let attempt = 1; ; attempt++) {
      try {
        await listen(server, self);
        break;
      } catch (cause) {
        // The last incarnation of this actor may be about to give the port up.
        const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
        if (code === "EADDRINUSE" && attempt < listenAttempts) {
          await new Promise<void>((resolve) => void this.#options.clock.after(listenRetryMs, resolve));
          continue;
        }
        const kind = code === "EADDRINUSE" ? "addressInUse" : "configurationInvalid";
        throw new KimberliteError(kind, `${self.host}:${self.port} for other nodes (${code})`, { cause });
      }
    }
    this.#server = server;
    this.#boundConnections();
    for (const place of this.#places.values()) if (self.node < place.address.node) this.#dial(place);
    const bound = server.address();
    return { host: self.host, port: typeof bound === "object" && bound !== null ? bound.port : self.port };
  }

  /** Ends every connection. Nothing is told after it. */
  async close(): Promise<void> {
    this.#open = false;
    for (const place of this.#places.values()) {
      place.redial?.cancel();
      place.link?.close("this side closed");
      place.link = null;
    }
    for (const link of [...this.#greeting]) link.close("this side closed");
    for (const socket of this.#accepting) socket.destroy();
    const server = this.#server;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Takes another node in: it is dialled, or may dial. Throws `insecureListen` where it could only be reached in plaintext from afar. */
  admit(address: PeerAddress): void {
    const { self, security } = this.#options;
    assert(address.node !== self.node && !this.#places.has(address.node), "a node's number is its own");
    if (security === null) checkPlaintext([address.host]);
    const place: Place = { address, link: null, attempts: 0, upAt: 0, trouble: "", redial: null };
    this.#places.set(address.node, place);
    this.#boundConnections();
    if (this.#server !== null && self.node < address.node) this.#dial(place);
  }

  /** Ends the connection to a node, if there is one: `down` is told before this returns, and it is dialled anew. */
  disconnect(node: number, reason: string): void {
    const place = this.#places.get(node);
    assert(place !== undefined, "a connection that ends was to a node of the cluster");
    place.link?.close(reason);
    assert(place.link === null, "a connection that has ended takes nothing more");
  }

  /** Has no more to do with a node: its connection ends, and what it dials is refused. */
  drop(node: number): void {
    const place = this.#places.get(node);
    assert(place !== undefined, "a node that leaves was of the cluster");
    place.redial?.cancel();
    place.link?.close("it left the cluster");
    // What is on its way to it finds a place that is no more.
    this.#places.delete(node);
    this.#boundConnections();
  }

  /** Strangers cannot take the places of nodes: their connections are few and short. */
  #boundConnections(): void {
    if (this.#server !== null) this.#server.maxConnections = 16 + this.#places.size * 4;
  }

  #isCurrent(place: Place): boolean {
    return this.#open && this.#places.get(place.address.node) === place;
  }

  isUp(node: number): boolean {
    return this.#places.get(node)?.link?.isOpen === true;
  }

  /** False when the message is lost for certain; true says nothing. The bytes must not change until they have left. */
  send(node: number, bytes: Uint8Array, key = 0): boolean {
    const place = this.#places.get(node);
    assert(place !== undefined, "a message goes to a node of the cluster");
    return place.link !== null && place.link.send(bytes, key);
  }

  /** Numbers for `top`. */
  inspect(): {
    readonly up: number;
    readonly waitingBytes: number;
    readonly dropped: number;
    readonly replaced: number;
  } {
    const sum = { up: 0, waitingBytes: 0, dropped: 0, replaced: 0 };
    for (const { link } of this.#places.values()) {
      if (link === null) continue;
      sum.up += 1;
      sum.waitingBytes += link.waitingBytes;
      sum.dropped += link.dropped;
      sum.replaced += link.replaced;
    }
    return sum;
  }

  // --- greeting ---

  #greetingTo(node: number): Uint8Array {
    const { clusterId, channel, self } = this.#options;
    return encodeGreeting({ clusterId, from: self.node, to: node, channel });
  }

  /** Null when the greeting is acceptable. `from` is the node that must speak, if that is known. */
  #judge(greeting: Greeting | null, from: number | null, hasName: (name: string) => boolean): Refusal | null {
    const { clusterId, channel, self } = this.#options;
    if (greeting === null) return 1;
    if (!greeting.clusterId.every((byte, index) => byte === clusterId[index])) return 2;
    if (greeting.to !== self.node || (from !== null && greeting.from !== from)) return 3;
    const place = this.#places.get(greeting.from);
    if (place === undefined || (from === null && greeting.from > self.node)) return 4;
    if (greeting.channel !== channel) return 5;
    return hasName(place.address.name) ? null : 6;
  }

  #admit(place: Place, link: PeerLink): void {
    assert(link.isOpen, "only an open connection is admitted");
    this.#greeting.delete(link);
    place.link?.close("a newer connection took its place");
    assert(place.link === null, "a node is down before it is up again");
    place.link = link;
    place.upAt = this.#options.clock.monotonic();
    place.trouble = "";
    link.admit();
    this.#options.events.up(place.address.node);
  }

  #closed(place: Place | null, link: PeerLink, reason: string): void {
    this.#greeting.delete(link);
    if (place === null || place.link !== link) return;
    place.link = null;
    if (this.#options.clock.monotonic() - place.upAt >= steadyMs) place.attempts = 0;
    if (this.#open) this.#options.events.down(place.address.node, reason);
  }

  #stranger(text: string): void {
    const now = this.#options.clock.monotonic();
    if (!this.#open || now - this.#strangerAt < strangerMs) return;
    this.#strangerAt = now;
    this.#options.events.trouble(null, text);
  }

  #trouble(place: Place, text: string): void {
    if (place.trouble === text || !this.#open) return;
    place.trouble = text;
    this.#options.events.trouble(place.address.node, text);
  }

  // --- the side that dials ---

  #dial(place: Place): void {
    const { security, clock } = this.#options;
    const { host, port, name, node } = place.address;
    place.attempts += 1;
    const socket: Socket =
      security === null
        ? connectPlain({ host, port, noDelay: true })
        : connectSecure({
            host,
            port,
            servername: name,
            ...secureOptions(security),
            // By the same rule on both sides, below and when a greeting is judged.
            checkServerIdentity: () => undefined,
          });
    socket.setNoDelay(true);
    let reason = "no answer in time";
    const timer = clock.after(this.#limits.greetingMsMax, () => socket.destroy());
    let link: PeerLink | null = null;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reason = troubleOf(error);
    });
    socket.once("close", () => {
      timer.cancel();
      if (link === null) this.#dialFailed(place, reason);
    });
    socket.once(security === null ? "connect" : "secureConnect", () => {
      // Nobody but the node itself is greeted.
      const isTheNode = this.#hasName(socket, name);
      if (!isTheNode) reason = refusals[6];
      if (!this.#isCurrent(place) || !isTheNode) {
        socket.destroy();
        return;
      }
      const events: LinkEvents = {
        frame: (from, type, payload) => {
          timer.cancel();
          this.#answered(place, from, type, payload);
        },
        closed: (ended, why) => {
          timer.cancel();
          const wasUp = place.link === ended;
          this.#closed(place, ended, why);
          this.#dialFailed(place, wasUp ? `it was connected, and ${why}` : why);
        },
      };
      link = new PeerLink(socket, clock, this.#limits, events);
      this.#greeting.add(link);
      link.write(peerFrames.hello, this.#greetingTo(node));
    });
  }

  #dialFailed(place: Place, reason: string): void {
    if (!this.#isCurrent(place)) return;
    const { host, port } = place.address;
    this.#trouble(place, `${host}:${port}: ${reason}`);
    const { clock } = this.#options;
    place.redial = clock.after(backoffMs(Math.max(1, place.attempts), clock.random(), backoff), () =>
      this.#dial(place),
    );
  }

  #answered(place: Place, link: PeerLink, type: number, payload: Uint8Array): void {
    if (place.link === link) {
      if (type === peerFrames.message) this.#options.events.message(place.address.node, payload);
      else link.close("it greeted twice");
      return;
    }
    if (type === peerFrames.refusal) {
      const code = payload[0] as Refusal;
      link.close(`it refused: ${refusals[code] ?? "for a reason this version does not know"}`);
      return;
    }
    const refusal =
      type === peerFrames.welcome ? this.#judge(decodeGreeting(payload), place.address.node, () => true) : 1;
    if (refusal !== null) link.close(refusals[refusal]);
    else if (this.#isCurrent(place)) this.#admit(place, link);
    else link.close("it left the cluster");
  }

  #hasName(socket: Socket, name: string): boolean {
    if (this.#options.security === null) return true;
    const certificate = (socket as TLSSocket).getPeerX509Certificate();
    return certificate !== undefined && carriesName(certificate, name);
  }

  // --- the side that listens ---

  #makeServer(): Server {
    const { security } = this.#options;
    const onSocket = (socket: Socket): void => this.#accepted(socket);
    let server: Server;
    if (security === null) server = createPlainServer({ noDelay: true }, onSocket);
    else {
      const secure = createSecureServer(
        {
          ...secureOptions(security),
          requestCert: true,
          rejectUnauthorized: true,
          handshakeTimeout: this.#limits.greetingMsMax,
          noDelay: true,
        },
        onSocket,
      );
      secure.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
        // Node leaves one whose handshake took too long standing.
        socket.destroy();
        this.#stranger(`a connection was refused: ${troubleOf(error)}`);
      });
      server = secure;
    }
    server.on("connection", (socket) => {
      this.#accepting.add(socket);
      socket.once("close", () => this.#accepting.delete(socket));
    });
    return server;
  }

  #accepted(socket: Socket): void {
    const { clock } = this.#options;
    if (!this.#open) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    let place: Place | null = null;
    const events: LinkEvents = {
      frame: (link, type, payload) => {
        if (place === null) place = this.#greeted(link, socket, type, payload, timer);
        else if (type === peerFrames.message) this.#options.events.message(place.address.node, payload);
        else link.close("it greeted twice");
      },
      closed: (link, reason) => {
        timer.cancel();
        this.#closed(place, link, reason);
      },
    };
    const link = new PeerLink(socket, clock, this.#limits, events);
    const timer = clock.after(this.#limits.greetingMsMax, () => link.close("it did not greet"));
    this.#greeting.add(link);
  }

  #greeted(link: PeerLink, socket: Socket, type: number, payload: Uint8Array, timer: TimerHandle): Place | null {
    timer.cancel();
    const greeting = type === peerFrames.hello ? decodeGreeting(payload) : null;
    const refusal = this.#judge(greeting, null, (name) => this.#hasName(socket, name));
    const place = greeting === null ? undefined : this.#places.get(greeting.from);
    if (refusal !== null || place === undefined) {
      const code = refusal ?? 4;
      const text = `a connection from ${socket.remoteAddress ?? "nowhere"} was refused: ${refusals[code]}`;
      if (place === undefined) this.#stranger(text);
      else this.#trouble(place, text);
      link.refuse(Uint8Array.of(code), refusals[code]);
      return null;
    }
    link.write(peerFrames.welcome, this.#greetingTo(place.address.node));
    this.#admit(place, link);
    return place;
  }
}

function listen(server: Server, { host, port }: PeerAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = (): void => {
      server.off("error", failed);
      server.on("error", () => {});
      resolve();
    };
    const failed = (error: Error): void => {
      server.off("listening", listening);
      reject(error);
    };
    server.once("error", failed);
    server.once("listening", listening);
    server.listen({ host, port });
  });
}
