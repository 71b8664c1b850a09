/**
 * One client of the native protocol proves who it is, between its hello and its welcome (`wire/authentication.ts`). A user that does not exist
 * goes the whole way with a verifier that nothing fits: neither answers nor their time tell who exists.
 *
 *   offered ── authenticate ──▶ looking ── verifier ──▶ challenged ── proof ──▶ (welcome)
 */
import { randomBytes } from "node:crypto";
import { unreachable } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { AuthenticateRequest } from "../wire/authentication.js";
import { ScramExchange, ScramFailure, scramBound, scramPlain } from "../wire/scram-exchange.js";
import { mockVerifier, type ScramVerifier } from "../wire/scram-verifier.js";
import type { LoginAttempt } from "./login-attempts.js";

const nonceBytes = 18;

export interface KnownUser {
  readonly verifier: ScramVerifier;
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
  /** Tenants that it may use; null: all. */
  readonly tenants: readonly number[] | null;
}

type State =
  | { readonly kind: "offered" }
  | { readonly kind: "looking" }
  | { readonly kind: "challenged"; readonly exchange: ScramExchange; readonly user: KnownUser | null };

export class NativeLogin {
  readonly #channel: Uint8Array | null;
  readonly #mockSecret: Uint8Array;
  readonly #beginAttempt: (user: string) => LoginAttempt;
  #state: State = { kind: "offered" };
  #attempt: LoginAttempt | null = null;
  userName = "";
  #first: AuthenticateRequest | null = null;

  /**
   * @param channel hash of the server's certificate; null without TLS
   * @param begin counts an attempt of a user's
   */
  constructor(channel: Uint8Array | null, mockSecret: Uint8Array, begin: (user: string) => LoginAttempt) {
    this.#channel = channel;
    this.#mockSecret = mockSecret;
    this.#beginAttempt = begin;
  }

  /** To be waited for before the challenge. */
  get waitMs(): number {
    return this.#attempt?.waitMs ?? 0;
  }

  /** Names of what can be done here. */
  get mechanisms(): string {
    return this.#channel === null ? scramPlain : `${scramBound},${scramPlain}`;
  }

  /** Takes a frame. Null: the user is to be looked up, then `challenge`. Throws `unauthenticated`, `frameInvalid`. */
  take(request: AuthenticateRequest): { readonly signature: string; readonly user: KnownUser } | null {
    const state = this.#state;
    switch (state.kind) {
      case "offered":
        this.#begin(request);
        return null;
      case "looking":
        throw new KimberliteError("frameInvalid", "a proof before its challenge");
      case "challenged":
        return this.#finish(state, request);
      default:
        unreachable(state);
    }
  }

  #begin(request: AuthenticateRequest): void {
    const { user, mechanism } = request;
    if (mechanism !== scramPlain && (mechanism !== scramBound || this.#channel === null)) {
      throw new KimberliteError("unauthenticated", `the mechanism is one of ${this.mechanisms}`);
    }
    if (user === "") throw new KimberliteError("unauthenticated", "a user has a name");
    this.userName = user;
    this.#first = request;
    this.#attempt = this.#beginAttempt(user);
    this.#state = { kind: "looking" };
  }

  /** @param user null: there is none of that name. Returns the challenge. Throws `unauthenticated`, `frameInvalid`. */
  challenge(user: KnownUser | null): string {
    const first = this.#first;
    if (this.#state.kind !== "looking" || first === null) {
      throw new KimberliteError("internal", "a user was looked up that nobody asked for");
    }
    const verifier = user?.verifier ?? mockVerifier(first.user, this.#mockSecret);
    const nonce = randomBytes(nonceBytes).toString("base64");
    const exchange = new ScramExchange(first.mechanism, verifier, nonce, this.#channel);
    const text = inOurWords(() => exchange.start(first.message));
    this.#state = { kind: "challenged", exchange, user };
    return text;
  }

  #finish(
    { exchange, user }: Extract<State, { kind: "challenged" }>,
    { user: name, message }: AuthenticateRequest,
  ): { readonly signature: string; readonly user: KnownUser } {
    if (name !== "") throw new KimberliteError("frameInvalid", "a proof stands alone");
    const signature = inOurWords(() => exchange.finish(message));
    // A verifier that nothing fits was used: this cannot be, and must not become a way in.
    if (signature === null || user === null) throw wrongPassword(this.userName);
    if (!user.canLogin) throw new KimberliteError("unauthenticated", `the user ${this.userName} may not log in`);
    this.#attempt?.proved();
    return { signature, user };
  }

  /** The connection has ended, or the client was refused. */
  ended(): void {
    this.#attempt?.failed();
  }
}

const wrongPassword = (name: string): KimberliteError =>
  new KimberliteError("unauthenticated", `password authentication failed for user "${name}"`, {
    detail: { reason: "password" },
  });

function inOurWords<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ScramFailure)) throw error;
    const code = error.sqlState === "08P01" ? "frameInvalid" : "unauthenticated";
    const explanation = error.explanation === undefined ? error.message : `${error.message}: ${error.explanation}`;
    throw new KimberliteError(code, explanation);
  }
}
