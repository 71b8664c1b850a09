/** The session's point in time: the setting `kimberlite.as_of`, under whose definitions a statement is bound. */
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { SqlError } from "../../runtime/query/error.js";
import type { EvaluationContext } from "../../runtime/query/functions/context.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import { noModifier, typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import type { SqlRequest } from "../messages/sql.js";
import { unixTimeOf } from "./evaluation.js";

/** What was found of lists of settings: a session sends the same list until one of them changes. */
const asOf = new WeakMap<SqlRequest["settings"], boolean>();

/** Whether the session reads the past: then nothing is changed, and the state of now is not what is read. */
export function isAsOf({ settings }: Pick<SqlRequest, "settings">): boolean {
  let found = asOf.get(settings);
  if (found === undefined) {
    found = settings.some(([name, value]) => value !== "" && name.toLowerCase() === "kimberlite.as_of");
    asOf.set(settings, found);
  }
  return found;
}

/**
 * Position that the setting means, at most `newest`; -1 for a moment before the first command, null when there is none. A moment is read in
 * the session's time zone. Throws 22023 for a position that is not reached, 22007 and 22008 for what is no moment.
 */
export function asOfPosition(
  { tenant, settings }: Pick<SqlRequest, "tenant" | "settings">,
  reads: StateReads,
  newest: number,
  context: () => EvaluationContext,
): number | null {
  const text = settings.find(([name]) => name.toLowerCase() === "kimberlite.as_of")?.[1]?.trim() ?? "";
  if (text === "") return null;
  assert(reads.tenant(tenant) !== null, "a tenant that is read is here");
  if (!/^\d+$/.test(text)) {
    const moment = Number(codecOf(typeOid.timestamptz).input(text, noModifier, context()));
    const position = reads.positionsUntil(tenant, unixTimeOf(moment)) - 1;
    assert(position >= -1, "positions up to a moment are counted");
    return Math.min(newest, position);
  }
  const position = Number(text);
  if (position <= newest) return position;
  throw new SqlError("22023", `position ${position} has not been reached: the state is at ${newest}`);
}
