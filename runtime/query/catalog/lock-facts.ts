/**
 * Locks of a tenant's sessions, as the shard that leads tells of them to a gateway whose client asks (`pg_locks`, `pg_blocking_pids`, `wait_event` of `pg_stat_activity`). Rows that are
 * locked are not listed one by one, as in PostgreSQL, where they lie in the rows: who waits for one waits for the transaction that has it.
 */
import { assert } from "../../types/assert.js";

/** Modes that tables are locked in, as LOCK TABLE names them, the weakest first. */
export const tableLockModes = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;
export type TableLockMode = (typeof tableLockModes)[number];

/** Ways in which advisory locks are held. */
export const advisoryLockModes = ["share", "update"] as const;
export type AdvisoryLockMode = (typeof advisoryLockModes)[number];

export type LockedThing =
  | { readonly kind: "relation"; readonly oid: number }
  /** One number of 64 bits as text, or two of 32. */
  | { readonly kind: "advisory"; readonly key: string | readonly [number, number] };

export interface LockFact {
  readonly thing: LockedThing;
  readonly mode: TableLockMode | AdvisoryLockMode;
}

/** A session that holds something, or waits. */
export interface LocksOfSession {
  /** `pg_backend_pid()` of it. */
  readonly pid: number;
  /** Number of its open transaction, among all of the shard's since it leads; 0 for none. */
  readonly transaction: number;
  readonly held: readonly LockFact[];
  /** What its statement waits for; null when it waits for a row or a name, or does not wait. */
  readonly wanted: LockFact | null;
  /** Who is in its way; empty while it does not wait. `transaction` is 0 where a session is, with locks that outlive transactions. */
  readonly waitsFor: readonly { readonly pid: number; readonly transaction: number }[];
}

const locksSetting = "kimberlite.session_locks";

export const lockFacts = (sessions: string): readonly [name: string, value: string] => [locksSetting, sessions];

export const encodeLocks = (sessions: readonly LocksOfSession[]): string => JSON.stringify(sessions);

/** Empty where nobody has told of any. */
export function locksOf(setting: (name: string) => string | null): readonly LocksOfSession[] {
  const text = setting(locksSetting);
  if (text === null || text === "") return [];
  const found: unknown = JSON.parse(text);
  assert(Array.isArray(found), "a shard tells a list");
  return found as readonly LocksOfSession[];
}

/** What a text may ask for. It may name something else: then it is told in vain. */
export const asksForLocks = (text: string): boolean => /pg_locks|pg_blocking_pids|wait_event/i.test(text);
