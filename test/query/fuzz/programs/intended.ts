/** The closed list of differences between programs' answers that are meant; `docs/sql-differences.md` has them for people. */
import type { PostgresAnswer } from "../../postgres/client.js";

export interface Intended {
  readonly text: string;
  /** Whether the two states differ from here on. */
  readonly endsProgram: boolean;
}

const stateOf = (answer: PostgresAnswer): string => (answer.kind === "failed" ? answer.sqlState : "");

/** Errors about values and rows: which row is met first is not said. */
const ofRows = /^(?:22|23|21)/u;

export function intendedOfProgram(sql: string, expected: PostgresAnswer, actual: PostgresAnswer): Intended | null {
  const there = stateOf(expected);
  const here = stateOf(actual);
  if (here === "0A000" && there !== "0A000")
    return { text: `refused with 0A000: ${actual.kind === "failed" ? actual.message : ""}`, endsProgram: true };
  if (there !== "" && here !== "" && ofRows.test(there) && ofRows.test(here))
    return { text: "of several errors in one statement another was met first", endsProgram: false };
  if (/^select|^with/u.test(sql) && ((there === "" && /^22/u.test(here)) || (here === "" && /^22/u.test(there))))
    return { text: "a condition that fails for a row was, or was not, asked of it", endsProgram: true };
  return null;
}
