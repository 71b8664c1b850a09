/**
 * The closed list of differences between programs' answers that are meant, each with its reason and the statements to which it applies;
 * `docs/sql-differences.md` has them for people. What is forgiven is counted and shown.
 */
import type { PostgresAnswer, PostgresColumn } from "../../postgres/client.js";

export interface Intended {
  readonly text: string;
  /** Whether the two states differ from here on. */
  readonly endsProgram: boolean;
}

/** Types from here on are made by statements. */
export const oidsOfObjects = 16_384;

const stateOf = (answer: PostgresAnswer): string => (answer.kind === "failed" ? answer.sqlState : "");

/** Errors about values and rows: data exceptions, constraints, a row that is met twice. */
const ofRows = /^(?:22|23|21)/u;
/** Statements that go over several rows, in an order that nobody promises: another row fails first. */
const overRows =
  /^(?:update|delete|merge|with|copy \S+ \([^)]*\) from|insert into [^;]* select|insert into [^;]* values \(.*\), \(|alter table|create unique index)/u;
const ofDomain = /^23(?:502|514)$/u;
const onDomain = /\bdomain\b/u;
/** Gives a column another type, and what is said of the column another meaning. */
export const newTypePattern = /^alter table \S+ alter column \S+ type /u;
/** An expression that cannot be what it was with the type of a column changed. */
const meansOther = /^42(?:804|883|P17)|^22/u;

export function intendedOfProgram(
  sql: string,
  expected: PostgresAnswer,
  actual: PostgresAnswer,
  isTight: boolean,
  hasNewType = false,
): Intended | null {
  const there = stateOf(expected);
  const here = stateOf(actual);
  if (here === "53200" && isTight) return { text: "what stays in memory had too little: 53200", endsProgram: true };
  if (there === "XX000") return { text: "PostgreSQL failed within itself: XX000", endsProgram: true };
  if (here === "0A000" && there !== "0A000")
    return { text: `refused with 0A000: ${actual.kind === "failed" ? actual.message : ""}`, endsProgram: true };
  if (ofRows.test(there) && ofRows.test(here) && overRows.test(sql))
    return { text: `another of several rows failed first: ${here}, not ${there}`, endsProgram: false };
  if (there.startsWith("22") && here.startsWith("22") && /^(?:select|with)\b/u.test(sql))
    return { text: `another of several rows failed first: ${here}, not ${there}`, endsProgram: false };
  if (there.startsWith("22") && here === "42P10" && sql.includes(" on conflict "))
    return {
      text: "that no index fits ON CONFLICT is told before what is wrong with a constant: 42P10",
      endsProgram: false,
    };
  if (actual.kind === "failed" && actual.message === "interval out of range")
    return { text: "the time of an interval is held to 2^53 µs; beyond it is out of range: 22008", endsProgram: true };
  if (
    there === "" &&
    ofDomain.test(here) &&
    sql.startsWith("copy ") &&
    actual.kind === "failed" &&
    onDomain.test(actual.message)
  )
    return { text: `a column that COPY leaves out is held against its domain: ${here}`, endsProgram: true };
  const count = (answer: PostgresAnswer): number =>
    answer.kind === "rows" ? Number(/^(?:UPDATE|MERGE) (\d+)/u.exec(answer.tag)?.[1] ?? 0) : 0;
  if ((there === "23505" && count(actual) > 1) || (here === "23505" && count(expected) > 1))
    return {
      text: `rows took each other's unique keys in another order: ${there}${here}`,
      endsProgram: true,
    };
  if (
    /^(?:select|with)\b.*\b(?:where|join|having|case|filter)\b/u.test(sql) &&
    ((there === "" && here.startsWith("22")) || (here === "" && there.startsWith("22")))
  )
    return {
      text: `a condition that fails for a row was, or was not, asked of it: ${there}${here}`,
      endsProgram: true,
    };
  if (/\$\d/u.test(sql) && there.startsWith("22") && actual.kind === "rows" && actual.rows.length === 0)
    return {
      text: `a parameter's value that no row asked for was converted: ${there}`,
      endsProgram: true,
    };
  if (newTypePattern.test(sql) && (meansOther.test(there) || meansOther.test(here)))
    return {
      text: `checks and predicates are kept as they were written and mean what they say of the new type: ${here}, not ${there}`,
      endsProgram: here === "" || there === "",
    };
  if (hasNewType && (there === "23514") !== (here === "23514"))
    return { text: "a check means what it says of the new type of its column: 23514", endsProgram: true };
  const unlike = unlikeColumns(expected, actual);
  if (
    unlike?.every(({ mine, theirs }) => mine.type === theirs.type && mine.modifier === -1) &&
    /\bcase when /u.test(sql)
  )
    return {
      text: "a CASE whose conditions are constants keeps the modifier of none of its results",
      endsProgram: false,
    };
  if (unlike?.every(({ theirs }) => theirs.type >= oidsOfObjects) && sql.includes("array_agg("))
    return { text: "an array of a domain's values is one of the type beneath", endsProgram: false };
  return null;
}

interface Unlike {
  readonly mine: PostgresColumn;
  readonly theirs: PostgresColumn;
}

/** Columns that two results with the same rows were announced with, where they differ; null where more than that does, or nothing. */
function unlikeColumns(expected: PostgresAnswer, actual: PostgresAnswer): readonly Unlike[] | null {
  if (expected.kind !== "rows" || actual.kind !== "rows") return null;
  const isSame =
    expected.tag === actual.tag &&
    expected.columns.length === actual.columns.length &&
    JSON.stringify(expected.rows) === JSON.stringify(actual.rows);
  if (!isSame) return null;
  const unlike = expected.columns.flatMap((theirs, index): Unlike[] => {
    const mine = actual.columns[index];
    const isAlike = mine?.name === theirs.name && mine.type === theirs.type && mine.modifier === theirs.modifier;
    return mine === undefined || isAlike ? [] : [{ mine, theirs }];
  });
  return unlike.length > 0 && unlike.every(({ mine, theirs }) => mine.name === theirs.name) ? unlike : null;
}
