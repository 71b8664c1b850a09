/** A session here and its twin on PostgreSQL: how both are asked the same, and which of their answers may differ. */
import type { PostgresAnswer, PostgresClient } from "../postgres/client.js";

/** What an answer says, without what only one of the two can call it by: the number of a session's schema. */
export function saidBy(answer: PostgresAnswer): string {
  if (answer.kind === "failed") return `${answer.sqlState} ${answer.message}`.replaceAll(/pg_temp_\d+/gu, "pg_temp_N");
  const rows = answer.rows.map((row) => row.map((value) => value ?? "NULL").join(", ")).join("; ");
  return `${answer.tag}: ${rows}`.replaceAll(/pg_temp_\d+/gu, "pg_temp_N");
}

export const stateOf = (answer: PostgresAnswer): string => (answer.kind === "failed" ? answer.sqlState : "");

/** Differences that are told in the documentation, or of no interest; null for another. */
export function intended(text: string, here: PostgresAnswer, there: PostgresAnswer): string | null {
  if (text.startsWith("PREPARE") && stateOf(here) === "42501")
    return "rights are asked for when a statement is prepared";
  if (text.startsWith("DECLARE") && stateOf(here) !== "" && stateOf(there) !== "")
    return "of two errors of a DECLARE the other is told";
  if (stateOf(here) === "25006")
    return "nothing is written in a READ ONLY transaction, temporary tables included, and that is told first";
  if (text.includes("pg_temp") && [stateOf(here), stateOf(there)].toSorted().join() === "3F000,42P01")
    return "a transaction that came to nothing has made no schema";
  return null;
}

/** Locks on objects do not say what of them is changed: two CREATE INDEX, or ANALYZE and a change, exclude one another here or there alone. */
export const mayWaitHere = (text: string): boolean => /^(?:CREATE|ALTER|DROP|ANALYZE|TRUNCATE|DISCARD)/u.test(text);

export interface Pair {
  here: PostgresClient;
  there: PostgresClient;
  /** Whose session it is here, by index. */
  node: number;
}

export const both = async (
  { here, there }: Pair,
  text: string,
): Promise<[here: PostgresAnswer, there: PostgresAnswer]> => Promise.all([here.query(text), there.query(text)]);

export async function ask(
  pair: Pair,
  text: string,
  patienceMs: number,
): Promise<[here: PostgresAnswer, there: PostgresAnswer]> {
  await both(pair, `SET statement_timeout = ${patienceMs}`);
  return both(pair, text);
}
