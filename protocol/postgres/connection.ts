/**
 * A client's socket from the first byte to the last: TLS if it asks, who it is, then its session. Until it has proved who it is it costs
 * one small buffer and has `startupMs`.
 *
 * Everything that can go wrong here is said to the client in its protocol, and ends the connection; nothing of it ends the actor but a bug.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SessionFact } from "../../runtime/query/catalog/session-facts.js";
import { SqlError } from "../../runtime/query/error.js";
import { clientAddressSetting, nodeStartSetting, settingNamed } from "../../runtime/query/settings.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { kiB, miB } from "../../runtime/types/limits.js";
import type { LoginAttempt } from "../server/login-attempts.js";
import { mockVerifier } from "../wire/scram-verifier.js";
import type { Outlet } from "./answer-turn.js";
import { Authentication, wrongPassword } from "./authentication.js";
import { BackendWriter } from "./backend-writer.js";
import { clientAddress } from "./client-address.js";
import type { ConnectionHost, UserEntry } from "./connection-host.js";
import type { SessionIdentity } from "./engine-runs.js";
import { FrontendDecoder, NoStartupPacket } from "./frontend-decoder.js";
import { kindOf } from "./frontend-messages.js";
import { Inbox } from "./inbox.js";
import { Outgoing } from "./outgoing.js";
import { defectReport, FatalError, reportOf } from "./reports.js";
import type { SessionHost } from "./session/exchange.js";
import { expectConnect } from "./session/may-connect.js";
import { Session } from "./session/session.js";
import { beginWith } from "./session-defaults.js";
import { SessionSettings } from "./settings.js";
import { tlsOf } from "./socket-security.js";
import { decodeFirst, type StartupMessage } from "./startup.js";
import { largeBytes } from "./unread-answers.js";

/** For a client to say who it is, and again to prove it. */
const startupMs = 10_000;
/** They are counted one by one: while this thread was busy nobody has looked at what the client said. */
const startupTicks = 10;
/** Beyond this the socket is not read until what came has been acted upon. */
const inboxBytesMax: number = 1 * miB;
const inboxCountMax = 4_096;
const drainedBytes: number = 256 * kiB;
/** So much is not held back until the end of a turn. */
const heldBytesMax: number = 16 * kiB;

type Phase = "startup" | "checking" | "authentication" | "session" | "closed";

export class PostgresConnection implements Outlet {
  readonly #host: ConnectionHost;
  #socket: Socket;
  #outgoing: Outgoing;
  readonly #decoder: FrontendDecoder;
  readonly #inbox = new Inbox(() => this.#regulate());
  readonly #writer = new BackendWriter();
  readonly #settings = new SessionSettings();
  #phase: Phase = "startup";
  #startup: StartupMessage | null = null;
  #user: UserEntry | null = null;
  #authentication: Authentication | null = null;
  #attempt: LoginAttempt | null = null;
  #session: Session | null = null;
  #identity: SessionIdentity | null = null;
  /** The tenant that the host was told of. */
  #entered: number | null = null;
  /** µs since 1970. */
  readonly #startedAt: number;
  #isSecure = false;
  #isPaused = false;
  #stopTimer: () => void = () => {};
  #ticks = 0;
  readonly #drained: (() => void)[] = [];
  /** Answers that leave at the end of this turn of the loop. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes that count as unread. */
  #unread = 0;
  readonly peer: string;

  constructor(host: ConnectionHost, socket: Socket) {
    this.#host = host;
    this.#socket = socket;
    this.#outgoing = new Outgoing(socket);
    this.peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.#decoder = new FrontendDecoder((type, body, followed) => this.#message(type, body, followed));
    this.#startedAt = Math.floor(host.now() * 1_000);
    this.#tickLater();
    this.#listen(socket);
  }

  get isInSession(): boolean {
    return this.#phase === "session";
  }

  get isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** Nothing is under way: what an orderly stop waits for. */
  get isIdle(): boolean {
    return this.#session?.isIdle ?? true;
  }

  get userName(): string {
    return this.#startup?.user ?? "";
  }

  cancel(): void {
    this.#session?.cancel();
  }

  /** Another replica of a shard leads, which may not know of this session. */
  callIn(): void {
    this.#session?.callIn();
  }

  /** What sessions of its tenant may be told of this one; null for another tenant's, and before it is one. */
  fact(tenant: number, pid: number): SessionFact | null {
    const session = this.#session;
    if (session === null || this.#identity?.tenant !== tenant || this.#phase !== "session") return null;
    const { remotePort: port = null } = this.#socket;
    const address = clientAddress(this.#socket);
    const shared = { pid, user: this.userName, address, port, startedAt: this.#startedAt, tls: tlsOf(this.#socket) };
    return { ...shared, ...session.activity };
  }

  /** Says that the node stops, and closes. */
  shutDown(): void {
    if (this.#phase === "closed") return;
    this.#writer.error({
      severity: "FATAL",
      sqlState: "57P01",
      message: "terminating connection due to administrator command",
      fields: {},
      position: 0,
    });
    this.#close();
  }

  destroy(): void {
    this.#gone();
    this.#socket.destroy();
  }

  // ------------------------------------------------------------------ bytes

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => this.#arrived(chunk));
    socket.on("drain", () => {
      this.#outgoing.goOn();
      this.#countUnread();
      this.#wakeDrained();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#gone());
  }

  #arrived(chunk: Buffer): void {
    if (this.#phase === "closed") return;
    try {
      this.#decoder.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this.#inbox.settle();
    } catch (error) {
      this.#refuse(error);
    }
    this.#regulate();
  }

  #regulate(): void {
    const isFull = this.#inbox.bytes > inboxBytesMax || this.#inbox.count > inboxCountMax;
    if (isFull === this.#isPaused || this.#phase === "closed") return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  #write(bytes: Uint8Array): void {
    if (this.#phase !== "closed" && bytes.length > 0) {
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
      if (this.#heldBytes >= heldBytesMax) this.release();
      else if (this.#held.length === 1) this.#host.answers.ready(this);
    }
    this.#regulate();
  }

  /** Writes what was held back until now. */
  release(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#phase === "closed") return;
    this.#outgoing.write(held);
    this.#countUnread();
    if (this.#drained.length > 0) this.#wakeDrained();
  }

  #flush(): void {
    for (const piece of this.#writer.take()) this.#write(piece);
  }

  /** Nobody waits until what a closed connection still holds is gone. */
  get #outgoingBytes(): number {
    return this.#phase === "closed" ? 0 : this.#heldBytes + this.#outgoing.bytes;
  }

  #countUnread(): void {
    const bytes = this.#outgoingBytes;
    if (bytes >= largeBytes || this.#unread > 0) this.#unread = this.#host.unread.changed(this.#unread, bytes);
  }

  #wakeDrained(): void {
    if (this.#outgoingBytes > drainedBytes) return;
    for (const wake of this.#drained.splice(0)) wake();
  }

  /** The error is the client's, or a failure it is told; anything else is a bug and this actor's end. */
  #refuse(error: unknown): void {
    if (error instanceof NoStartupPacket) {
      this.#close();
      return;
    }
    let report = reportOf(error, null);
    if (report === null) {
      this.#host.defect(error);
      report = defectReport(error);
    }
    this.#writer.error({ ...report, severity: "FATAL" });
    this.#close();
  }

  /** Says what was gathered, then ends. */
  #close(): void {
    if (this.#phase === "closed") return;
    this.#flush();
    this.release();
    this.#outgoing.finish();
    const socket = this.#socket;
    this.#gone();
    socket.end();
    setTimeout(() => socket.destroy(), 2_000).unref();
  }

  #gone(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#stopTimer();
    this.#attempt?.failed();
    this.#decoder.stop();
    this.#session?.leave();
    this.#inbox.close();
    this.#countUnread();
    this.#wakeDrained();
    if (this.#entered !== null) this.#host.leave(this.#entered);
    this.#host.closed(this);
  }

  // ------------------------------------------------------------------ start

  #tickLater(): void {
    this.#stopTimer = this.#host.after(startupMs / startupTicks, () => {
      // Timers come first in a turn of the loop; behind it the socket was read.
      setImmediate(() => this.#tick());
    });
  }

  /** Time counts while the client is waited for. */
  #tick(): void {
    if (this.#phase === "session" || this.#phase === "closed") return;
    if (this.#phase !== "checking") this.#ticks += 1;
    if (this.#ticks < startupTicks) this.#tickLater();
    else this.#refuse(new FatalError("57014", "canceling authentication due to timeout"));
  }

  #message(type: number, body: Uint8Array, followed: number): void {
    switch (this.#phase) {
      case "startup":
        this.#first(body, followed);
        return;
      case "authentication":
        if (kindOf(type) !== "password")
          throw new FatalError("08P01", `expected SASL response, got message type ${type}`);
        this.#answered(body);
        return;
      case "session":
        this.#inbox.push({ type, body });
        return;
      case "checking":
        throw new FatalError("08P01", "a message before the server's answer");
      case "closed":
        return;
    }
  }

  #first(body: Uint8Array, followed: number): void {
    const message = decodeFirst(body);
    switch (message.kind) {
      case "cancel":
        this.#host.cancel(message.process, message.secret);
        this.#close();
        return;
      case "gssEncryption":
        this.#expectNothing(followed);
        this.#socket.write("N");
        return;
      case "tls":
        this.#expectNothing(followed);
        this.#startTls();
        return;
      case "startup":
        this.#phase = "checking";
        this.#decoder.startupDone();
        this.#checkStartup(message).catch((error: unknown) => this.#refuse(error));
    }
  }

  /** What came unencrypted behind a request to encrypt may be somebody else's. */
  #expectNothing(followed: number): void {
    if (followed > 0) {
      throw new FatalError(
        "08P01",
        "received unencrypted data after SSL request",
        "This could be a software bug or an attack in progress.",
      );
    }
  }

  #startTls(): void {
    const { tls } = this.#host;
    if (tls === null || this.#isSecure) {
      this.#socket.write("N");
      return;
    }
    this.#isSecure = true;
    const plain = this.#socket;
    plain.removeAllListeners("data");
    plain.removeAllListeners("drain");
    plain.write("S");
    const secure = new TLSSocket(plain, { isServer: true, secureContext: tls.context });
    this.#socket = secure;
    this.#outgoing = new Outgoing(secure);
    this.#listen(secure);
  }

  async #checkStartup(message: StartupMessage): Promise<void> {
    this.#startup = message;
    if (message.wantsReplication) throw new FatalError("0A000", "replication connections are not supported");
    if (this.#host.isDraining) throw new FatalError("57P03", "the database system is shutting down");
    if (message.isNewer || message.unknownOptions.length > 0) {
      this.#writer.negotiateProtocolVersion(0, message.unknownOptions);
    }
    const isGuessable = this.#host.authentication === "scram";
    const attempt = isGuessable ? this.#host.attempt(message.user, this.#socket.remoteAddress ?? "?") : null;
    this.#attempt = attempt;
    const user = await this.#asked(this.#host.user(message.user));
    if (attempt !== null && attempt.waitMs > 0) {
      await new Promise<void>((resolve) => void this.#host.after(attempt.waitMs, resolve));
    }
    if (this.isClosed) return;
    this.#user = user;
    if (this.#host.authentication === "trust") {
      if (user === null) throw new FatalError("28000", `role "${message.user}" does not exist`);
      this.#decoder.authenticated();
      await this.#admit(user);
      return;
    }
    const verifier = user?.verifier ?? mockVerifier(message.user, this.#host.mockSecret);
    const channel = this.#isSecure ? (this.#host.tls?.certificateHash ?? null) : null;
    this.#authentication = new Authentication(this.#writer, message.user, verifier, channel);
    this.#phase = "authentication";
    this.#ticks = 0;
    this.#flush();
  }

  /** A failure of the node's while a client comes in is said as PostgreSQL says it. */
  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      throw new FatalError("57P03", `the database system is not yet accepting connections`, error.message);
    }
  }

  #answered(body: Uint8Array): void {
    const isProved = this.#authentication?.answer(body) ?? false;
    if (!isProved) {
      this.#flush();
      return;
    }
    const user = this.#user;
    if (user !== null) this.#attempt?.proved();
    // A verifier that nothing fits was used: this cannot be, and must not become a way in.
    if (user === null || user.verifier === null) throw wrongPassword(this.userName);
    this.#phase = "checking";
    this.#decoder.authenticated();
    this.#admit(user).catch((error: unknown) => this.#refuse(error));
  }

  async #admit(user: UserEntry): Promise<void> {
    const startup = this.#startup;
    if (startup === null) throw new FatalError("08P01", "a session needs a startup message");
    if (!user.canLogin) throw new FatalError("28000", `role "${startup.user}" is not permitted to log in`);
    this.#expectRoom(startup.user, user);
    const tenant = await this.#asked(this.#host.tenant(startup.database));
    if (this.#phase === "closed") return;
    if (tenant === null) throw new FatalError("3D000", `database "${startup.database}" does not exist`);
    if (user.tenants !== null && !user.tenants.includes(tenant.id)) {
      throw new FatalError(
        "42501",
        `permission denied for database "${startup.database}"`,
        "User does not have CONNECT privilege.",
      );
    }
    this.#entered = tenant.id;
    await this.#asked(this.#host.enter(tenant.id));
    if (this.isClosed) return;
    // Others have come in meanwhile.
    this.#expectRoom(startup.user, user);
    this.#writer.authenticationOk();
    beginWith(this.#settings, tenant.id, tenant.settings, user.settings, (report) => this.#writer.notice(report));
    this.#applySettings(startup, user);
    this.#stopTimer();
    const numbers = this.#host.admit(this);
    const identity: SessionIdentity = {
      ...numbers,
      tenant: tenant.id,
      tenantName: tenant.name,
      user: startup.user,
      isSuperuser: user.isSuperuser,
      isOfProcess: user.isOfProcess,
    };
    this.#phase = "session";
    this.#identity = identity;
    this.#flush();
    this.#run(identity);
  }

  #expectRoom(name: string, { isSuperuser, connectionLimit }: UserEntry): void {
    if (isSuperuser || connectionLimit === null || this.#host.sessionsOf(name) < connectionLimit) return;
    throw new FatalError("53300", `too many connections for role "${name}"`);
  }

  #applySettings({ settings, user: name }: StartupMessage, user: UserEntry): void {
    for (const [setting, value] of settings) {
      try {
        this.#settings.startup(setting, value);
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        throw new FatalError(error.sqlState, error.message);
      }
    }
    this.#settings.fix("is_superuser", user.isSuperuser ? "on" : "off");
    this.#settings.fix("session_authorization", name);
    this.#settings.fix(nodeStartSetting, String(this.#host.startedAtMicros));
    this.#settings.fix(clientAddressSetting, clientAddress(this.#socket) ?? "");
    if (this.#isSecure && settingNamed("ssl") !== undefined) this.#settings.fix("ssl", "on");
  }

  #run(identity: SessionIdentity): void {
    const host: SessionHost = {
      executor: this.#host.executor,
      statements: this.#host.statements,
      varied: this.#host.varied,
      administration: this.#host.administration,
      roles: this.#host.roles,
      cursorMemory: this.#host.cursorMemory,
      unread: this.#host.unread,
      peers: this.#host.peers,
      now: () => this.#host.now(),
      after: (delayMs, run) => this.#host.after(delayMs, run),
      write: (bytes) => this.#write(bytes),
      outgoingBytes: () => this.#outgoingBytes,
      whenDrained: () =>
        new Promise((resolve) => {
          this.#drained.push(resolve);
          this.#wakeDrained();
        }),
    };
    this.#session = new Session(host, identity, this.#settings, this.#inbox);
    const session = this.#session;
    expectConnect(host, identity)
      .then(() => session.run())
      .then(
        () => this.#close(),
        (error: unknown) => this.#refuse(error),
      );
  }
}
