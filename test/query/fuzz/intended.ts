/** Where this engine differs from PostgreSQL on purpose, each with its reason. */
import type { PostgresAnswer } from "../postgres/client.js";
import type { Outcome } from "./expressions.js";

interface IntendedDifference {
  readonly reason: string;
  applies(sql: string, expected: PostgresAnswer, actual: Outcome): boolean;
}

const valueOf = (answer: PostgresAnswer): string | null =>
  answer.kind === "rows" ? (answer.rows[0]?.[0] ?? null) : null;

const differences: readonly IntendedDifference[] = [
  {
    reason: "a feature that is refused with 0A000, never half done",
    applies: (_sql, _expected, actual) =>
      actual.kind === "failed" && actual.sqlState === "0A000" && actual.message.endsWith("is not supported"),
  },
  {
    // PostgreSQL's scanner of jsonpaths goes by bytes.
    reason: "a message is cut behind a whole character, never within one",
    applies: (_sql, expected, actual) => {
      if (expected.kind !== "failed" || actual.kind !== "failed" || !expected.message.includes("\u{fffd}"))
        return false;
      const [head = "", tail = ""] = expected.message.split(/\u{fffd}+/u);
      return actual.message.startsWith(head) && actual.message.endsWith(tail);
    },
  },
  {
    reason: "functions of real numbers may differ in the last digit: they are V8's, not the C library's",
    applies: (_sql, expected, actual) => {
      const value = valueOf(expected);
      if (
        value === null ||
        actual.kind !== "value" ||
        actual.text === null ||
        (actual.type !== 701 && actual.type !== 700)
      )
        return false;
      const left = Number(value);
      const right = Number(actual.text);
      return (
        Number.isFinite(left) && (Math.abs(left - right) <= Math.abs(left) * 1e-14 || Math.abs(left - right) < 1e-300)
      );
    },
  },
  {
    reason:
      'a character of "char" above 127 is a character of text here too, never a broken one, and none is no zero byte',
    applies: (sql) => /'\P{ASCII}*'::"char"/u.test(sql),
  },
  {
    reason: "the difference of two timestamps does not run over beyond 292,000 years, as it does in PostgreSQL 15",
    applies: (sql, _expected, actual) =>
      / - |_mi\(/u.test(sql) &&
      actual.kind === "value" &&
      Math.abs(Number(/^(-?\d+) days/u.exec(actual.text ?? "")?.[1] ?? 0)) > 106_751_991,
  },
  {
    reason:
      "types that do not exist here (geometry, ranges) leave fewer meanings for an operator between two untyped literals",
    applies: (sql, expected) =>
      expected.kind === "failed" &&
      expected.sqlState === "42725" &&
      /^select (?:'[^']*'|null) \S+ (?:'[^']*'|null)$/u.test(sql),
  },
  {
    reason: "a bucket of width_bucket is found exactly; PostgreSQL 15 rounds a quotient, and may name the one above",
    applies: (sql, expected, actual) =>
      /width_bucket\(/u.test(sql) &&
      actual.kind === "value" &&
      actual.type === 23 &&
      Number(valueOf(expected)) === Number(actual.text) + 1,
  },
  {
    reason: "functions behind B-trees tell the order by its sign alone",
    applies: (sql, expected, actual) =>
      /^select (?:bt\w+cmp|bpcharcmp|byteacmp|(?:var)?bitcmp|\w+_cmp)\(/u.test(sql) &&
      actual.kind === "value" &&
      Math.sign(Number(valueOf(expected))) === Number(actual.text),
  },
  {
    reason: "the time of an interval is held to 2^53 µs (285 years of hours); beyond it is out of range",
    applies: (_sql, _expected, actual) => actual.kind === "failed" && actual.message === "interval out of range",
  },
];

/** The reason, or null when it is a fault. */
export function intendedDifference(sql: string, expected: PostgresAnswer, actual: Outcome): string | null {
  return differences.find(({ applies }) => applies(sql, expected, actual))?.reason ?? null;
}
