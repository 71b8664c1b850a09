/**
 * Letting clients in: hello, proof, welcome. Clients in the node's own process are let in as they are; those on sockets prove who they are,
 * unless the node was told to trust whoever reaches it.
 *
 * What bounds strangers: the time until they are in (`greetingMs` of the gateway), how many of them there are at once, how long those
 * wait who have failed before (`login-attempts.ts`).
 */

import type { ActorContext } from "../../runtime/actor/definition.js";
import { isLoopback } from "../../runtime/actor/loopback.js";
import type { UserRow } from "../../runtime/kernel/user-rows.js";
import { assert } from "../../runtime/types/assert.js";
import type { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import {
  type AuthenticationStep,
  decodeAuthenticate,
  encodeAuthenticationStep,
  featureAuthentication,
} from "../wire/authentication.js";
import type { Hello } from "../wire/handshake.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import type { ScramVerifier } from "../wire/scram-verifier.js";
import { verifierOf } from "../wire/scram-verifier.js";
import type { Connection } from "./connection.js";
import { hear, type NodeIdentity, welcome } from "./greeting.js";
import { LoginAttempts } from "./login-attempts.js";
import { type KnownUser, NativeLogin } from "./native-login.js";
import { principalOf } from "./principal.js";

export interface AdmissionArgs extends NodeIdentity {
  readonly authentication: "scram" | "trust";
  /** Secret of this node's for answers about users that do not exist. */
  readonly mockSecret: Uint8Array;
  /** A superuser of this process alone, and where its password lies for those who may read it. */
  readonly localUser: { readonly name: string; readonly verifier: ScramVerifier; readonly path: string } | null;
}

const directoryMs = 5_000;
/** Clients that have not proved who they are; beyond them new ones are refused. */
const strangersMax = 512;

export class Admission {
  readonly #context: ActorContext;
  readonly #args: AdmissionArgs;
  readonly #attempts: LoginAttempts;
  readonly #touch: (connection: Connection) => void;
  readonly #hellos = new Map<Connection, Hello>();

  /** @param touch called for each connection that has frames to send */
  constructor(context: ActorContext, args: AdmissionArgs, touch: (connection: Connection) => void) {
    this.#context = context;
    this.#args = args;
    this.#touch = touch;
    this.#attempts = new LoginAttempts(() => context.monotonic());
  }

  get failures(): number {
    return this.#attempts.failures;
  }

  /** Clients that are proving who they are. */
  get strangers(): number {
    return this.#hellos.size;
  }

  /**
   * Takes a frame of a connection that is not open yet. Throws `frameInvalid`, `protocolVersionUnsupported`, `unauthenticated` and
   * `connectionLimit`, after which it is to be closed.
   */
  take(connection: Connection, kind: number, body: ByteReader): void {
    if (connection.state === "greeting") this.#hello(connection, kind, body);
    else this.#proof(connection, kind, body);
    this.#touch(connection);
  }

  #hello(connection: Connection, kind: number, body: ByteReader): void {
    const hello = hear(connection, kind, body);
    const { host, channel } = connection.duplex;
    const { authentication, mockSecret, localUser } = this.#args;
    if (host === null || authentication === "trust") {
      this.#welcome(connection, hello);
      return;
    }
    if ((hello.features & featureAuthentication) === 0) {
      throw new KimberliteError(
        "unauthenticated",
        "this node wants to know who its clients are, and this client cannot say it; update it",
      );
    }
    if (this.#hellos.size >= strangersMax) {
      throw new KimberliteError("connectionLimit", "too many clients are logging in at once; try again in a moment");
    }
    this.#hellos.set(connection, hello);
    connection.state = "authenticating";
    const login = new NativeLogin(channel, mockSecret, (user) => this.#attempts.begin(user, host));
    connection.login = login;
    // Where this node keeps its files is nobody's affair who could not read them.
    const localAccess = localUser !== null && isLoopback(plain(host)) ? localUser.path : "";
    this.#say(connection, { step: "offer", text: login.mechanisms, localAccess });
  }

  #proof(connection: Connection, kind: number, body: ByteReader): void {
    assert(connection.state === "authenticating", "who proves something has been asked to");
    const { login } = connection;
    assert(login !== null, "a connection that proves who it is has a login");
    if (kind !== requestKinds.authenticate.kind) {
      throw new KimberliteError("unauthenticated", "say who you are before you ask for anything");
    }
    const proved = login.take(decodeAuthenticate(body));
    if (proved === null) {
      this.#lookUp(connection, login);
      return;
    }
    const { user, signature } = proved;
    const hello = this.#hellos.get(connection);
    assert(hello !== undefined, "who proves something has said hello");
    this.#hellos.delete(connection);
    connection.principal = principalOf(login.userName, user.isSuperuser, user.tenants);
    connection.login = null;
    this.#say(connection, { step: "proved", text: signature, localAccess: "" });
    this.#welcome(connection, hello);
  }

  #welcome(connection: Connection, hello: Hello): void {
    welcome(connection, this.#args, this.#context.now(), hello);
  }

  #say(connection: Connection, step: AuthenticationStep): void {
    const body = new ByteWriter(256);
    encodeAuthenticationStep(step, body);
    connection.writer.frame(responseKinds.authentication, 0, 0, body.view());
    this.#touch(connection);
  }

  /** The user is looked up at once, so that the time of an answer does not tell who exists, and answered when the wait is over. */
  #lookUp(connection: Connection, login: NativeLogin): void {
    const { localUser } = this.#args;
    const later = (user: KnownUser | null): void => {
      if (login.waitMs === 0) this.#challenge(connection, login, user);
      else setTimeout(() => this.#context.enter(() => this.#challenge(connection, login, user)), login.waitMs);
    };
    if (login.userName === localUser?.name) {
      later({ verifier: localUser.verifier, isSuperuser: true, canLogin: true, tenants: null });
      return;
    }
    const port = this.#context.port("directory");
    if (port === null) {
      this.#refuse(
        connection,
        new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment"),
      );
      return;
    }
    const message = { kind: "user", name: login.userName };
    this.#context.request<UserRow | null>(port, message, { deadlineMs: directoryMs }, (outcome) => {
      if (!outcome.ok) this.#refuse(connection, outcome.error);
      else later(outcome.value === null ? null : knownUser(outcome.value, this.#context.now()));
    });
  }

  #challenge(connection: Connection, login: NativeLogin, user: KnownUser | null): void {
    if (connection.state !== "authenticating") return;
    try {
      this.#say(connection, { step: "challenge", text: login.challenge(user), localAccess: "" });
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#refuse(connection, error);
    }
  }

  #refuse(connection: Connection, error: KimberliteError): void {
    if (connection.state !== "authenticating") return;
    connection.fail(0, error);
    connection.close();
    this.ended(connection);
  }

  /** A connection has closed, or is to be. */
  ended(connection: Connection): void {
    this.#hellos.delete(connection);
    connection.login?.ended();
    connection.login = null;
  }
}

function knownUser(row: UserRow, nowMs: number): KnownUser | null {
  const verifier = verifierOf(row, nowMs);
  const { isSuperuser, canLogin, tenants } = row;
  return verifier === null ? null : { verifier, isSuperuser, canLogin, tenants };
}

/** An address of IPv4 as a socket of IPv6 shows it. */
const plain = (host: string): string => (host.startsWith("::ffff:") ? host.slice(7) : host);
