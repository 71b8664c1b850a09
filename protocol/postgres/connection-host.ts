/** What a client's connection needs of its gateway, and what it is told of users and tenants. */
import type { SecureContext } from "node:tls";
import type { KeptSetting } from "../../runtime/kernel/kept-settings.js";
import type { LoginAttempt } from "../server/login-attempts.js";
import type { ScramVerifier } from "../wire/scram-verifier.js";
import type { AnswerTurn } from "./answer-turn.js";
import type { PostgresConnection } from "./connection.js";
import type { SessionHost } from "./session/exchange.js";

export interface UserEntry {
  /** Null: it has no password that is good. */
  readonly verifier: ScramVerifier | null;
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
  /** It is a superuser of the node's own process, whom the system shard does not know. */
  readonly isOfProcess: boolean;
  /** Tenants that it may use; null: all. */
  readonly tenants: readonly number[] | null;
  /** Sessions that it may have with this gateway at a time; null: as many as there are. Superusers may have more. */
  readonly connectionLimit: number | null;
  /** What its sessions begin with. */
  readonly settings: readonly KeptSetting[];
}

export interface TenantEntry {
  readonly id: number;
  readonly name: string;
  /** What its sessions begin with. */
  readonly settings: readonly KeptSetting[];
}

/** What a connection needs of the node. */
export interface ConnectionHost extends Omit<SessionHost, "write" | "outgoingBytes" | "whenDrained"> {
  readonly authentication: "scram" | "trust";
  readonly tls: { readonly context: SecureContext; readonly certificateHash: Uint8Array | null } | null;
  /** Secret of this gateway's for answers about users that do not exist. */
  readonly mockSecret: Uint8Array;
  /** When the node started. µs since 1970 */
  readonly startedAtMicros: number;
  readonly isDraining: boolean;
  /** When answers go to their sockets. */
  readonly answers: AnswerTurn;
  /** Counts an attempt to log in: guessing is made slow. */
  attempt(user: string, address: string): LoginAttempt;
  user(name: string): Promise<UserEntry | null>;
  tenant(name: string): Promise<TenantEntry | null>;
  /** A session of a tenant begins; `leave` is due when it has ended. */
  enter(tenant: number): Promise<void>;
  leave(tenant: number): void;
  /** Numbers by which the client can be told to end what it runs, and the session's own. */
  admit(connection: PostgresConnection): {
    readonly session: number;
    readonly process: number;
    readonly secret: number;
  };
  cancel(process: number, secret: number): void;
  /** Sessions of a user's with this gateway. */
  sessionsOf(user: string): number;
  closed(connection: PostgresConnection): void;
  /** Hears of a bug that was met while one client was served. Its connection ends; those of others go on. */
  defect(error: unknown): void;
}
