/**
 * The PostgreSQL gateway actor: sockets of clients of that protocol, statements to shards and projections. Like the native gateway it holds
 * connections and routes, never tenant state; what it loses in a crash are connections.
 *
 * Several gateways share one port. A client's request to cancel may reach another gateway than its session: the process number that the
 * client was told names the gateway, and that one is told; so are the other nodes, over the links of the system shard's replicas.
 */
import { randomInt, timingSafeEqual } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext } from "node:tls";
import type { KnownRoles, KnownTenant, Route } from "../../actors/directory/messages.js";
import type { CancelMessage } from "../../actors/messages/cancel.js";
import type { RepliesMessage } from "../../actors/messages/requests.js";
import { senderPort } from "../../actors/messages/sender.js";
import type { AttachMessage, LeaderChangedMessage } from "../../actors/shard/messages.js";
import { sessionOfPid } from "../../actors/sql/backend-pid.js";
import { preciseClock } from "../../actors/sql/precise-clock.js";
import type { Actor, ActorContext, ActorDefinition, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import type { UserRow } from "../../runtime/kernel/user-rows.js";
import type { SessionFact, Signal } from "../../runtime/query/catalog/session-facts.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { shardNeighbour } from "../server/dispatcher.js";
import { LoginAttempts } from "../server/login-attempts.js";
import type { ListenAddress } from "../server/messages.js";
import { SqlParser } from "../server/sql-parser.js";
import { certificateHash } from "../wire/certificate-hash.js";
import { type ScramVerifier, verifierOf } from "../wire/scram-verifier.js";
import { AnswerTurn } from "./answer-turn.js";
import { BackendWriter } from "./backend-writer.js";
import { PostgresConnection } from "./connection.js";
import type { ConnectionHost, TenantEntry, UserEntry } from "./connection-host.js";
import { RoleBook } from "./role-book.js";
import { CursorMemory } from "./session/kept-messages.js";
import { SqlRouter } from "./sql-router.js";
import { StatementCache } from "./statement.js";
import { UnreadAnswers } from "./unread-answers.js";
import { VariedStatements } from "./varied/varied-statements.js";
import { WaitingSockets } from "./waiting-sockets.js";

export interface PostgresGatewayArgs {
  /** Place among this node's gateways of this protocol, below 16. */
  readonly index: number;
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly connectionsMax: number;
  readonly shards: number;
  readonly projections: number;
  readonly authentication: "scram" | "trust";
  /** PEM texts; null: no TLS. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Superusers of this process alone. */
  readonly processUsers: readonly { readonly name: string; readonly verifier: ScramVerifier }[];
  /** Secret of this node's for answers about users that do not exist. */
  readonly mockSecret: Uint8Array;
  /** When this node started; a gateway that starts anew is still of the same. µs since 1970 */
  readonly startedAtMicros: number;
}

export type PostgresGatewayMessage =
  | RepliesMessage
  /** The directory: a tenant is served elsewhere from now on, or is gone. */
  | { readonly kind: "routeChanged"; readonly route: Route }
  /** A shard: its state can be read here. */
  | AttachMessage
  /** A shard: another replica of it leads. */
  | LeaderChangedMessage
  /** Asked by the directory: roles are others now. Answered once nothing is judged by those of before. */
  | { readonly kind: "rolesChanged" }
  /** Another gateway, or a shard for one of another node: a client wants what its session runs to end. */
  | CancelMessage
  /** A timer of its own. */
  | { readonly kind: "sweep" }
  /** The node asks where this gateway listens. */
  | { readonly kind: "address" };

const sweepMs = 250;
const directoryMs = 10_000;
const gatewaysMax = 16;
/** Numbers of one gateway's sessions; all of them are positive int4. */
const processesMax = 2 ** 27 - 1;
const elsewherePerSecondMax = 100;
/** Connections that have not proved who they are, beyond which new ones are not read: they are cheap to open. */
const unprovedMax = 512;

interface Numbers {
  readonly connection: PostgresConnection;
  readonly secret: number;
}

class PostgresGateway implements Actor<PostgresGatewayMessage> {
  readonly #context: ActorContext;
  readonly #args: PostgresGatewayArgs;
  readonly #router: SqlRouter;
  readonly #attempts: LoginAttempts;
  readonly #roles: RoleBook;
  readonly #host: ConnectionHost;
  readonly #connections = new Set<PostgresConnection>();
  readonly #byProcess = new Map<number, Numbers>();
  readonly #processes = new Map<PostgresConnection, number>();
  readonly #waiting: WaitingSockets;
  readonly #unread = new UnreadAnswers();
  #server: Server | null = null;
  #address: ListenAddress | null = null;
  #isDraining = false;
  #accepted = 0;
  #refused = 0;
  #cancelled = 0;
  #askedElsewhere = { second: 0, times: 0 };

  constructor(context: ActorContext, args: PostgresGatewayArgs, parser: SqlParser) {
    assert(args.index >= 0 && args.index < gatewaysMax, "a gateway's place is below 16");
    this.#context = context;
    this.#args = args;
    this.#router = new SqlRouter(context, args.shards, args.projections);
    this.#attempts = new LoginAttempts(() => context.monotonic());
    this.#waiting = new WaitingSockets(() => context.monotonic());
    this.#roles = new RoleBook({
      monotonic: () => context.monotonic(),
      read: (tenants) => this.#ask<KnownRoles>({ kind: "roles", tenants }),
    });
    this.#host = this.#makeHost(parser);
  }

  #makeHost(parser: SqlParser): ConnectionHost {
    const context = this.#context;
    const { tls, authentication } = this.#args;
    const isDraining = (): boolean => this.#isDraining;
    return {
      executor: this.#router,
      statements: new StatementCache((text) => parser.parse(text)),
      varied: new VariedStatements(),
      administration: {
        call: (method, params, principal) => this.#ask({ kind: "admin", method, params, principal }),
      },
      roles: this.#roles,
      cursorMemory: new CursorMemory(),
      unread: this.#unread,
      peers: {
        sessions: (tenant) => this.#sessionsOf(tenant),
        signal: (tenant, pid, signal) => this.#signal(tenant, pid, signal),
      },
      authentication,
      tls:
        tls === null
          ? null
          : {
              context: createSecureContext({ cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2" }),
              certificateHash: certificateHash(tls.certificate),
            },
      mockSecret: this.#args.mockSecret,
      startedAtMicros: this.#args.startedAtMicros,
      answers: new AnswerTurn(),
      get isDraining() {
        return isDraining();
      },
      now: preciseClock(
        () => context.now(),
        () => context.monotonic(),
      ),
      after: (delayMs, run) => {
        const timer = setTimeout(() => context.enter(run), delayMs);
        return () => clearTimeout(timer);
      },
      attempt: (user, address) => this.#attempts.begin(user, address),
      user: (name) => this.#user(name),
      tenant: (name) => this.#tenant(name),
      enter: (tenant) => this.#roles.enter(tenant),
      leave: (tenant) => this.#roles.leave(tenant),
      admit: (connection) => this.#admit(connection),
      cancel: (process, secret) => this.#cancel(process, secret),
      sessionsOf: (user) => [...this.#processes.keys()].filter(({ userName }) => userName === user).length,
      closed: (connection) => this.#closed(connection),
      defect: (error) => tellDefect(context, error),
    };
  }

  // ------------------------------------------------------------------ sockets

  listen(): Promise<void> {
    const { host, port, reusePort } = this.#args;
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, keepAlive: true }, (socket) =>
        this.#context.enter(() => this.#accept(socket)),
      );
      server.on("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EADDRINUSE" ? "addressInUse" : "configurationInvalid";
        reject(new KimberliteError(code, `${host}:${port} (${cause.code ?? cause.message})`, { cause }));
      });
      server.listen({ host, port, backlog: 1024, reusePort }, () => {
        const bound = server.address();
        this.#address = { host, port: typeof bound === "object" && bound !== null ? bound.port : port };
        this.#server = server;
        this.#context.after(sweepMs, { kind: "sweep" });
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    // An 'error' without a listener would end the process.
    socket.on("error", () => {});
    if (this.#connections.size + this.#waiting.count >= this.#args.connectionsMax) this.#refuse(socket);
    else if (this.#isCrowded || this.#waiting.count > 0) this.#waiting.add(socket);
    else this.#begin(socket);
  }

  /** As many as may be are saying who they are. */
  get #isCrowded(): boolean {
    return this.#connections.size - this.#byProcess.size >= unprovedMax;
  }

  #begin(socket: Socket): void {
    this.#accepted += 1;
    this.#connections.add(new PostgresConnection(this.#host, socket));
  }

  #beginWaiting(): void {
    while (!this.#isCrowded) {
      const socket = this.#waiting.take();
      if (socket === null) return;
      this.#begin(socket);
    }
  }

  #refuse(socket: Socket): void {
    this.#refused += 1;
    const writer = new BackendWriter();
    const message = "sorry, too many clients already";
    writer.error({ severity: "FATAL", sqlState: "53300", message, fields: {}, position: 0 });
    // What the client has said is read: a socket that is closed with bytes unread takes back what was written to it.
    socket.resume();
    socket.end(Buffer.concat(writer.take()));
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  #closed(connection: PostgresConnection): void {
    this.#connections.delete(connection);
    const process = this.#processes.get(connection);
    if (process !== undefined) {
      this.#processes.delete(connection);
      this.#byProcess.delete(process);
    }
    this.#beginWaiting();
  }

  // ------------------------------------------------------------------ who comes in

  /** Asks the directory, in a turn of its own: connections speak up outside of turns. */
  #ask<Answer>(message: { readonly kind: string } & Readonly<Record<string, unknown>>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#context.enter(() => {
        const port = this.#context.port("directory");
        if (port === null) {
          reject(new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment"));
          return;
        }
        this.#context.request<Answer>(port, message, { deadlineMs: directoryMs }, (outcome) => {
          if (outcome.ok) resolve(outcome.value);
          else reject(outcome.error);
        });
      });
    });
  }

  async #user(name: string): Promise<UserEntry | null> {
    const own = this.#args.processUsers.find((user) => user.name === name);
    const ofProcess = { isSuperuser: true, canLogin: true, tenants: null, connectionLimit: null };
    if (own !== undefined) return { verifier: own.verifier, ...ofProcess, settings: [], isOfProcess: true };
    const row = await this.#ask<UserRow | null>({ kind: "user", name });
    if (row === null) return null;
    await this.#roles.meet(name);
    const { isSuperuser, canLogin, tenants, connectionLimit, settings } = row;
    const verifier = verifierOf(row, this.#context.now());
    return { verifier, isSuperuser, canLogin, tenants, connectionLimit, settings, isOfProcess: false };
  }

  async #tenant(name: string): Promise<TenantEntry | null> {
    const known = await this.#ask<KnownTenant | null>({ kind: "tenantNamed", name });
    return known === null ? null : { ...known, name };
  }

  #admit(connection: PostgresConnection): { session: number; process: number; secret: number } {
    const process = this.#newProcess();
    const secret = randomInt(2 ** 32);
    this.#byProcess.set(process, { connection, secret });
    this.#processes.set(connection, process);
    this.#beginWaiting();
    // Below 2^48: nobody else's, as far as chance goes.
    return { session: sessionOfPid(process, (max) => randomInt(max)), process, secret };
  }

  /** Of this gateway's place, and no session's here. */
  #newProcess(): number {
    for (;;) {
      const process = randomInt(1, processesMax) * gatewaysMax + this.#args.index;
      if (!this.#byProcess.has(process)) return process;
    }
  }

  #sessionsOf(tenant: number): readonly SessionFact[] {
    return [...this.#byProcess].flatMap(([process, { connection }]) => connection.fact(tenant, process) ?? []);
  }

  #signal(tenant: number, process: number, signal: Signal): void {
    const connection = this.#byProcess.get(process)?.connection;
    if (connection === undefined || connection.fact(tenant, process) === null) return;
    this.#cancelled += 1;
    if (signal === "cancel") connection.cancel();
    else connection.shutDown();
  }

  /** A process number is of a gateway's place, and may be another node's as well: whoever knows the secret is meant. */
  #cancel(process: number, secret: number): void {
    if (this.#cancelHere(process, secret)) return;
    const message: CancelMessage = { kind: "cancelRequest", process, secret };
    const index = process % gatewaysMax;
    this.#context.enter(() => {
      const beside = index === this.#args.index ? null : this.#context.port(`postgres-${index}`);
      if (beside !== null) this.#context.tell(beside, message);
      const system = this.#context.port(shardNeighbour(0));
      if (system !== null && this.#mayAskElsewhere())
        this.#context.tell(system, { kind: "cancelElsewhere", cancel: message });
    });
  }

  /** Anybody can send such requests, before he has said who he is: no more go to other nodes than people need. */
  #mayAskElsewhere(): boolean {
    const second = Math.floor(this.#context.monotonic() / 1_000);
    if (second !== this.#askedElsewhere.second) this.#askedElsewhere = { second, times: 0 };
    this.#askedElsewhere.times += 1;
    return this.#askedElsewhere.times <= elsewherePerSecondMax;
  }

  #cancelHere(process: number, secret: number): boolean {
    const found = this.#byProcess.get(process);
    if (found === undefined || !isSameSecret(found.secret, secret)) return false;
    this.#cancelled += 1;
    found.connection.cancel();
    return true;
  }

  // ------------------------------------------------------------------ messages

  receive(message: PostgresGatewayMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "replies":
        this.#router.replies(message.bytes);
        return;
      case "routeChanged":
        this.#router.routeChanged(message.route);
        return;
      case "attach": {
        const shard = senderPort(this.#context, envelope);
        if (shard !== null) this.#router.attach(shard.neighbour, message);
        return;
      }
      case "leaderChanged":
        for (const { connection } of this.#byProcess.values()) connection.callIn();
        return;
      case "rolesChanged":
        this.#roles.changed();
        this.#context.reply(envelope, true);
        return;
      case "cancelRequest":
        this.#cancelHere(message.process, message.secret);
        return;
      case "sweep":
        this.#router.expire();
        for (const socket of this.#waiting.takeOverdue()) this.#refuse(socket);
        this.#context.after(sweepMs, { kind: "sweep" });
        return;
      case "address":
        this.#context.reply(envelope, this.#address);
        return;
      default:
        unreachable(message);
    }
  }

  wired(neighbour: string, port: Port): void {
    this.#router.wired(neighbour, port);
  }

  unwired(neighbour: string): void {
    this.#router.unwired(neighbour);
  }

  /** Takes no new sessions; those that are in the middle of something may finish it. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#server?.close();
    this.#beginWaiting();
    const giveUp = this.#context.monotonic() + 4_000;
    for (;;) {
      for (const connection of [...this.#connections]) if (connection.isIdle) connection.shutDown();
      if (this.#connections.size === 0 || this.#context.monotonic() > giveUp) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const connection of [...this.#connections]) connection.shutDown();
  }

  stop(): void {
    this.#server?.close();
    for (let socket = this.#waiting.take(); socket !== null; socket = this.#waiting.take()) socket.destroy();
    for (const connection of [...this.#connections]) connection.destroy();
    this.#router.close();
  }

  inspect(): Record<string, string | number> {
    return {
      address: this.#address === null ? "" : `${this.#address.host}:${this.#address.port}`,
      connections: this.#connections.size,
      connectionsWaiting: this.#waiting.count,
      sessions: this.#byProcess.size,
      connectionsAccepted: this.#accepted,
      connectionsRefused: this.#refused,
      requests: this.#router.requests,
      pointReads: this.#router.pointReads,
      pending: this.#router.pending,
      cancelled: this.#cancelled,
      unreadBytes: this.#unread.bytes,
      unreadBytesMost: this.#unread.most,
      unreadRefused: this.#unread.refused,
      loginsFailed: this.#attempts.failures,
      routes: this.#router.routes,
    };
  }
}

function isSameSecret(a: number, b: number): boolean {
  const bytes = [a, b].map((value) => {
    const array = new Uint8Array(4);
    new DataView(array.buffer).setUint32(0, value);
    return array;
  });
  const [left, right] = bytes;
  assert(left !== undefined && right !== undefined, "two secrets are compared");
  return timingSafeEqual(left, right);
}

/** Whoever runs the node reads of it; the client whose statement it was is told as well. */
function tellDefect(context: ActorContext, error: unknown): void {
  context.log.error("a session met a defect", { error: error instanceof Error ? error.stack : String(error) });
}

export const postgresGatewayDefinition: ActorDefinition<PostgresGatewayArgs, PostgresGatewayMessage> = {
  kind: "postgres",
  mailbox: { countMax: 100_000, bytesMax: 256 * 1024 * 1024, overflow: "reject" },
  async create(context, args) {
    const gateway = new PostgresGateway(context, args, await SqlParser.load((error) => tellDefect(context, error)));
    await gateway.listen();
    return gateway;
  },
};
