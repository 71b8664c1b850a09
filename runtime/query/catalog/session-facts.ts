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

const cursorsSetting = "kimberlite.session_cursors";

type Pair = readonly [name: string, value: string];

export const cursorFacts = (cursors: readonly CursorFact[]): Pair => [cursorsSetting, JSON.stringify(cursors)];

/** @param setting a setting of the request; null for one that it does not have */
export function cursorsOf(setting: (name: string) => string | null): readonly CursorFact[] {
  const text = setting(cursorsSetting);
  if (text === null || text === "") return [];
  const found: unknown = JSON.parse(text);
  assert(Array.isArray(found), "a gateway tells a list of cursors");
  return found as readonly CursorFact[];
}

/** Whether a text may ask for the session's cursors. */
export const asksForCursors = (text: string): boolean => /pg_cursors/i.test(text);
