/** The closed list of differences between programs' answers that are meant; `docs/sql-differences.md` has them for people. */
import type { PostgresAnswer } from "../../postgres/client.js";

export interface Intended {
  readonly text: string;
  /** Whether the two states differ from here on. */
  readonly endsProgram: boolean;
}

const stateOf = (answer: PostgresAnswer): string => (answer.kind === "failed" ? answer.sqlState : "");

/** Errors about values and rows: which row is met first, and which of them the analysis meets, is not said. */
const ofRows = /^(?:22|23|21|428C9)/u;
const ofAnalysis = /^42/u;
/** An expression that cannot be what it was with the type of a column changed. */
const meansOther = /^42(?:804|883|P17)|^22/u;
/** The index that ON CONFLICT means, and the columns that SET names, are looked for when all else is analysed. */
const ofNames: ReadonlySet<string> = new Set(["42P10", "42703"]);

export function intendedOfProgram(sql: string, expected: PostgresAnswer, actual: PostgresAnswer): Intended | null {
  const there = stateOf(expected);
  const here = stateOf(actual);
  if (here === "0A000" && there !== "0A000")
    return { text: `refused with 0A000: ${actual.kind === "failed" ? actual.message : ""}`, endsProgram: true };
  const isOfSeveral =
    (ofRows.test(there) && (ofRows.test(here) || ofAnalysis.test(here))) ||
    (ofAnalysis.test(there) && (ofRows.test(here) || (there !== here && ofNames.has(here))));
  if (isOfSeveral)
    return {
      text: `of several errors in one statement another was met first: ${here}, not ${there}`,
      endsProgram: false,
    };
  if (
    /^select|^with/u.test(sql) &&
    ((there === "" && here.startsWith("22")) || (here === "" && there.startsWith("22")))
  )
    return { text: "a condition that fails for a row was, or was not, asked of it", endsProgram: true };
  if (/^alter table \S+ alter column \S+ type /u.test(sql) && (meansOther.test(there) || meansOther.test(here)))
    return {
      text: "defaults, checks and predicates are kept as they were written and mean what they say of the new type",
      endsProgram: here === "",
    };
  return null;
}
