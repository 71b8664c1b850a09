/** Runs random expressions on both sides and reports where they differ. */

import { evaluationContext } from "../evaluation-context.js";
import type { PostgresAnswer, PostgresClient } from "../postgres/client.js";
import { type FuzzCase, type Outcome, outcomeOf, Random, randomCase } from "./expressions.js";
import { intendedDifference } from "./intended.js";

export interface FuzzReport {
  readonly compared: number;
  readonly failedAlike: number;
  readonly intended: number;
  readonly differing: number;
  readonly reasons: ReadonlyMap<string, number>;
  /** The first of them, for people. */
  readonly differences: readonly string[];
}

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** Differences told in full at most. */
  readonly shown: number;
  /** Which cases; any of them by default. */
  readonly write?: (random: Random) => FuzzCase;
}

export async function compareExpressions(postgres: PostgresClient, options: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(options.seed);
  const context = evaluationContext();
  const reasons = new Map<string, number>();
  const differences: string[] = [];
  const counts = { compared: 0, failedAlike: 0, intended: 0, differing: 0 };
  const seen = new Set<string>();
  for (let index = 0; index < options.cases; index += 1) {
    const { sql, run } = (options.write ?? randomCase)(random);
    if (seen.has(sql)) continue;
    seen.add(sql);
    const expected = await postgres.query(sql);
    const actual = outcomeOf(() => run(context));
    counts.compared += 1;
    if (isSame(expected, actual)) {
      if (actual.kind === "failed") counts.failedAlike += 1;
      continue;
    }
    const reason = intendedDifference(sql, expected, actual);
    if (reason !== null) {
      counts.intended += 1;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      continue;
    }
    counts.differing += 1;
    if (differences.length < options.shown)
      differences.push(
        `${sql}\n  PostgreSQL: ${shortened(answerText(expected))}\n  here:       ${shortened(JSON.stringify(actual))}`,
      );
  }
  return { ...counts, reasons, differences };
}

function isSame(expected: PostgresAnswer, actual: Outcome): boolean {
  if (expected.kind === "failed")
    return actual.kind === "failed" && actual.sqlState === expected.sqlState && actual.message === expected.message;
  if (actual.kind === "failed") return false;
  const rows = expected.rows.map((row) => row[0] ?? null);
  if (actual.kind === "rows") return JSON.stringify(rows) === JSON.stringify(actual.rows);
  return rows.length === 1 && rows[0] === actual.text && expected.columns[0]?.type === actual.type;
}

const shortened = (text: string): string =>
  text.length > 400 ? `${text.slice(0, 300)} … ${text.length} characters` : text;

const answerText = (answer: PostgresAnswer): string =>
  answer.kind === "failed"
    ? `${answer.sqlState} ${answer.message}`
    : JSON.stringify({ rows: answer.rows.map((row) => row[0] ?? null), type: answer.columns[0]?.type });
