/** What a cursor that SQL declares runs. */
import type { DeclareCursor } from "../../../runtime/query/syntax/ast-session.js";
import { type CachedStatement, cached } from "../statement.js";

/**
 * The query of a cursor. The keys of its rows come with them where rows may be changed while it stands on them; they cost something.
 * Both forms have texts of their own, by which they are known.
 */
export function cursorQuery(
  { query }: DeclareCursor,
  rest: Omit<CachedStatement, "statement">,
  isUpdatable: boolean,
): CachedStatement {
  return isUpdatable
    ? cached({ ...rest, statement: { ...query, isOfCursor: true } })
    : cached({ ...rest, text: `/* rows */ ${rest.text}`, statement: query });
}
