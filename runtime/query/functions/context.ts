/**
 * The world as a function of SQL sees it. Time, randomness, identity and settings come in as values or through these methods; nothing in
 * this room looks at a clock.
 */
import type { Catalog } from "../catalog/model.js";
import type { RoleSet } from "../catalog/role-set.js";
import type { ReadsOfView, ShowExpression, ShowView } from "../catalog/shown-expression.js";
import type { SqlErrorFields } from "../error.js";
import type { Int64 } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import type { TextContext } from "../types/text-context.js";

/** What functions do to the session and to sequences; the caller of the engine gives it. Each throws `SqlError`. */
export interface SessionPort {
  /** Value of a setting in force, null when there is none of that name. */
  setting(name: string): string | null;
  setSetting(name: string, value: string, isLocal: boolean): void;
  /** @param fields what is told besides, among it the place in the statement's text */
  notice(severity: "NOTICE" | "WARNING" | "INFO", sqlState: string, message: string, fields?: SqlErrorFields): void;
  nextSequenceValue(sequence: Oid): Int64;
  /** The number by which the transaction, which has written and has no position yet, is known from now on: `xmin` of what it writes. */
  transactionNumber(): number;
  /** That number, of a transaction that has written or was asked for it before; null for another. */
  assignedTransactionNumber(): number | null;
  /** Last value this session was given; 55000 when none was. */
  currentSequenceValue(sequence: Oid): Int64;
  lastSequenceValue(): Int64;
  setSequenceValue(sequence: Oid, value: Int64, isCalled: boolean): void;
  /**
   * Bytes that what is committed under a table's or an index's storage takes, or (null) all of it of the database, roughly: what is true now, or
   * what was before.
   */
  storedBytes(part: "rows" | "index" | "catalog", object: number | null, when: "now" | "before"): number;
  /** How far a sequence is; null when nothing was drawn from it yet. `isCalled`: whether the value was given out. */
  sequenceState(sequence: Oid): { readonly value: Int64; readonly isCalled: boolean } | null;
  /** Advisory locks; a function that must wait throws what the caller knows to mean that. */
  advisoryLock(request: AdvisoryLockRequest): boolean;
  /** Tells those that listen, once the transaction commits. */
  notify(channel: string, payload: string): void;
  /** Holds the statement's answer back for so long, beyond what was asked for before. ms */
  sleep(spanMs: number): void;
}

export interface AdvisoryLockRequest {
  readonly kind: "lock" | "tryLock" | "unlock" | "unlockAll";
  readonly key: Int64 | readonly [number, number] | null;
  readonly isShared: boolean;
  readonly scope: "session" | "transaction";
}

export interface EvaluationContext extends TextContext {
  readonly statementTime: Int64;
  /** µs since 2000-01-01 UTC: the time of now, `clock_timestamp()`. */
  clock(): Int64;
  /** Uniform in [0, 1). */
  random(): number;
  randomBytes(length: number): Uint8Array;
  /** Whose rights are used: the session's user, or the role that it has become (SET ROLE). */
  readonly currentUser: string;
  readonly sessionUser: string;
  /** Whether the current user may do everything. */
  readonly isSuperuser: boolean;
  readonly database: string;
  readonly databaseOid: Oid;
  readonly backendPid: number;
  /** The position of the state that is read: places in the log are told by it. */
  readonly position: number;
  readonly applicationStartTime: Int64;
  readonly query: string;
  readonly searchPath: readonly string[];
  /** Schema of the session's temporary tables, which is looked into before the path; null while it has none. */
  readonly temporarySchema: string | null;
  readonly catalog: Catalog;
  readonly roles: RoleSet;
  readonly session: SessionPort;
  /** How the catalogs show stored expressions. */
  readonly showExpression: ShowExpression;
  readonly showView: ShowView;
  readonly readsOfView: ReadsOfView;
}
