/**
 * What catalogs show of a session that only its gateway knows. It goes with a request whose text asks for it, in settings that nobody can
 * set: names that begin with `kimberlite.` and are not defined are refused to users.
 */

import { assert } from "../../types/assert.js";
import { settingNamed } from "../settings.js";
import { asksForLocks } from "./lock-facts.js";

/** A row of `pg_cursors`. */
export interface CursorFact {
  readonly name: string;
  readonly statement: string;
  readonly isHold: boolean;
  readonly isBinary: boolean;
  readonly isScroll: boolean;
  /** µs since 1970. */
  readonly createdAt: number;
}

/** A row of `pg_prepared_statements`. */
export interface PreparedFact {
  readonly name: string;
  readonly statement: string;
  /** Types of its parameters, domains by their own numbers. */
  readonly types: readonly number[];
  /** PREPARE has made it, and not the protocol's Parse. */
  readonly isOfSql: boolean;
  /** µs since 1970. */
  readonly createdAt: number;
}

/** A row of `pg_database`: a tenant of the node that the session's user may see. */
export interface DatabaseFact {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
}

/** A row of `pg_db_role_setting`, and of `pg_shdescription`. */
export interface DefaultsFact {
  /** Oid of the database; 0: all. */
  readonly database: number;
  /** Empty: whoever it is. */
  readonly role: string;
  /** Of each `name=value`. */
  readonly settings: readonly string[];
  /** Of the role, or the database; null: nothing was said of it. */
  readonly comment: string | null;
}

/** A session of the tenant's with the gateway that is asked. Times are µs since 1970. */
export interface SessionFact {
  /** `pg_backend_pid()` of it. */
  readonly pid: number;
  /** Who has logged in. */
  readonly user: string;
  readonly application: string;
  /** Null where it is not known. */
  readonly address: string | null;
  readonly port: number | null;
  readonly startedAt: number;
  /** Of the transaction that it is in; null for none. */
  readonly transactionAt: number | null;
  /** Of the statement that runs, or was run last. */
  readonly statementAt: number | null;
  readonly statement: string;
  readonly state: "active" | "idle" | "idle in transaction" | "idle in transaction (aborted)";
  /** Null without TLS. */
  readonly tls: { readonly version: string; readonly cipher: string; readonly bits: number } | null;
}

/** What one session may have done to another. */
export type Signal = "cancel" | "terminate";

const databasesSetting = "kimberlite.session_databases";
const defaultsSetting = "kimberlite.session_defaults";
const cursorsSetting = "kimberlite.session_cursors";
const sessionsSetting = "kimberlite.session_backends";
/** Set by a statement that signals, for the gateway to do: never by a user, and never to be read. */
export const signalSetting = "kimberlite.signal";
const preparedSetting = "kimberlite.session_prepared";

type Pair = readonly [name: string, value: string];

export const cursorFacts = (cursors: readonly CursorFact[]): Pair => [cursorsSetting, JSON.stringify(cursors)];

export const preparedFacts = (prepared: readonly PreparedFact[]): Pair => [preparedSetting, JSON.stringify(prepared)];

export const sessionFacts = (sessions: readonly SessionFact[]): Pair => [sessionsSetting, JSON.stringify(sessions)];

export const encodeSignal = (signal: Signal, pid: number): string => `${signal} ${pid}`;

export function decodeSignal(text: string): { readonly signal: Signal; readonly pid: number } {
  const [signal, pid] = text.split(" ");
  assert(signal === "cancel" || signal === "terminate", "a signal is one of those that there are");
  return { signal, pid: Number(pid) };
}

export const databaseFacts = (databases: readonly DatabaseFact[]): Pair => [
  databasesSetting,
  JSON.stringify(databases),
];

export const defaultsFacts = (defaults: readonly DefaultsFact[]): Pair => [defaultsSetting, JSON.stringify(defaults)];

/** A setting of the request; null for one that it does not have. */
type Setting = (name: string) => string | null;

function decodeList(text: string | null): readonly unknown[] {
  if (text === null || text === "") return [];
  const found: unknown = JSON.parse(text);
  assert(Array.isArray(found), "a gateway tells a list");
  return found;
}

export const cursorsOf = (setting: Setting): readonly CursorFact[] =>
  decodeList(setting(cursorsSetting)) as readonly CursorFact[];

export const preparedOf = (setting: Setting): readonly PreparedFact[] =>
  decodeList(setting(preparedSetting)) as readonly PreparedFact[];

/** Sessions of the tenant's that the gateway has told of; none where it has told of none. */
export const sessionsOf = (setting: Setting): readonly SessionFact[] =>
  decodeList(setting(sessionsSetting)) as readonly SessionFact[];

/** Databases that the session's user may see; none where its own is all that it is told of. */
export const databasesOf = (setting: Setting): readonly DatabaseFact[] =>
  decodeList(setting(databasesSetting)) as readonly DatabaseFact[];

/** What sessions begin with, where the gateway has told of it. */
export const defaultsOf = (setting: Setting): readonly DefaultsFact[] =>
  decodeList(setting(defaultsSetting)) as readonly DefaultsFact[];

/** What a text may ask of the session. It may name something else: then it is told in vain. */
export const asksForCursors = (text: string): boolean => /pg_cursors/i.test(text);
export const asksForDatabases = (text: string): boolean => /pg_database/i.test(text);
export const asksForDefaults = (text: string): boolean =>
  /pg_db_role_setting|pg_roles|pg_user|pg_shadow|shobj_description|pg_shdescription/i.test(text);
export const asksForPrepared = (text: string): boolean => /pg_prepared_statements/i.test(text);
export const asksForSessions = (text: string): boolean =>
  /pg_stat_(?:activity|ssl|gssapi)|pg_(?:cancel|terminate)_backend/i.test(text);
/** Reads settings that do not go with every request, or one whose name is not written there. */
export function asksForSettings(text: string): boolean {
  if (/kimberlite\.position|pg_settings/i.test(text)) return true;
  for (const [, name] of text.matchAll(/current_setting\s*\((?:\s*'([^']*)'\s*(?=[,)]))?/gi))
    if (name === undefined || settingNamed(name)?.isForEngine === false) return true;
  return false;
}
export const asksOfSession = (text: string): boolean =>
  asksForCursors(text) ||
  asksForDatabases(text) ||
  asksForDefaults(text) ||
  asksForLocks(text) ||
  asksForPrepared(text) ||
  asksForSessions(text) ||
  asksForSettings(text);
