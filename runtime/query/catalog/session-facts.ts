/**
 * What catalogs show of a session that only its gateway knows. It goes with a request whose text asks for it, in settings that nobody can
 * set: names that begin with `kimberlite.` and are not defined are refused to users.
 */
import { assert } from "../../types/assert.js";

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
}

const databasesSetting = "kimberlite.session_databases";
const cursorsSetting = "kimberlite.session_cursors";
const preparedSetting = "kimberlite.session_prepared";
/** It is another after each write, so it goes with no other statement. */
const positionSetting = "kimberlite.position";

type Pair = readonly [name: string, value: string];

export const cursorFacts = (cursors: readonly CursorFact[]): Pair => [cursorsSetting, JSON.stringify(cursors)];

export const preparedFacts = (prepared: readonly PreparedFact[]): Pair => [preparedSetting, JSON.stringify(prepared)];

export const databaseFacts = (databases: readonly DatabaseFact[]): Pair => [
  databasesSetting,
  JSON.stringify(databases),
];

/** @param position of the session's last write, as its setting says it */
export const positionFact = (position: string): Pair => [positionSetting, position];

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

/** Databases that the session's user may see; none where its own is all that it is told of. */
export const databasesOf = (setting: Setting): readonly DatabaseFact[] =>
  decodeList(setting(databasesSetting)) as readonly DatabaseFact[];

/** What a text may ask of the session. It may name something else: then it is told in vain. */
export const asksForCursors = (text: string): boolean => /pg_cursors/i.test(text);
export const asksForDatabases = (text: string): boolean => /pg_database/i.test(text);
export const asksForPrepared = (text: string): boolean => /pg_prepared_statements/i.test(text);
/** Names the setting, or reads one whose name is not written there. */
export const asksForPosition = (text: string): boolean =>
  /kimberlite\.position|pg_settings|current_setting\s*\(\s*[^'\s]/i.test(text);
export const asksOfSession = (text: string): boolean =>
  asksForCursors(text) || asksForDatabases(text) || asksForPrepared(text) || asksForPosition(text);
