/** Runs the records of a sqllogictest file and tells which of them came out otherwise. */
import { createHash } from "node:crypto";
import type { PostgresAnswer, PostgresClient } from "../query/postgres/client.js";
import { parseScript, type SqlLogicRecord } from "./script.js";

export interface ScriptReport {
  readonly records: number;
  readonly failures: readonly string[];
}

type QueryRecord = Extract<SqlLogicRecord, { kind: "query" }>;

/** A value as these files write it: integers without a fraction, reals with three places, an empty text as `(empty)`. */
function valueText(value: string | null, type: string): string {
  if (value === null) return "NULL";
  if (type === "I") {
    if (value === "t") return "1";
    if (value === "f") return "0";
    const number = Number(value);
    return /^-?\d+$/u.test(value) ? value : Number.isNaN(number) ? "0" : String(Math.trunc(number));
  }
  if (type === "R") {
    const number = Number(value);
    return Number.isNaN(number) ? value : number.toFixed(3);
  }
  return value === "" ? "(empty)" : value.replaceAll(/[^\x20-\x7e]/gu, "@");
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** All values of an answer, row after row, in the order that the record asks for. */
function valuesOf(answer: Extract<PostgresAnswer, { kind: "rows" }>, { types, sort }: QueryRecord): string[] {
  const rows = answer.rows.map((row) => row.map((value, index) => valueText(value, types[index] ?? "T")));
  if (sort === "rowsort") rows.sort((a, b) => compareTexts(a.join("\n"), b.join("\n")));
  const values = rows.flat();
  return sort === "valuesort" ? values.toSorted(compareTexts) : values;
}

const hashOf = (values: readonly string[]): string =>
  createHash("md5")
    .update(values.map((value) => `${value}\n`).join(""))
    .digest("hex");

/** What is wrong with an answer; null when nothing is. */
function complaint(record: SqlLogicRecord, answer: PostgresAnswer, labels: Map<string, string>): string | null {
  if (record.kind === "statement") {
    if (record.isOk) return answer.kind === "failed" ? `${answer.sqlState} ${answer.message}` : null;
    if (answer.kind !== "failed") return "no error";
    const text = `${answer.sqlState} ${answer.message}`;
    return record.error === null || record.error.test(text) ? null : `another error: ${text}`;
  }
  if (answer.kind === "failed") return `${answer.sqlState} ${answer.message}`;
  if (answer.columns.length !== record.types.length)
    return `${answer.columns.length} columns, not ${record.types.length}`;
  const values = valuesOf(answer, record);
  const { expected, label } = record;
  if (label !== null) {
    const hash = hashOf(values);
    if ((labels.get(label) ?? hash) !== hash) return `other values than before under the label ${label}`;
    labels.set(label, hash);
  }
  const hashed = /^(\d+) values hashing to ([0-9a-f]{32})$/u.exec(expected[0] ?? "");
  if (hashed !== null) {
    const given = `${values.length} values hashing to ${hashOf(values)}`;
    return given === expected[0] ? null : given;
  }
  // Files of other programs have one value a line, those for people one row a line.
  const lines = values.length === expected.length ? values : rowsOf(values, record.types.length);
  const wanted =
    values.length === expected.length ? expected : expected.map((line) => line.trim().split(/\s+/u).join(" "));
  return lines.join("\n") === wanted.join("\n") ? null : `got\n${lines.join("\n")}\nnot\n${wanted.join("\n")}`;
}

function rowsOf(values: readonly string[], width: number): string[] {
  return Array.from({ length: values.length / width }, (_, row) =>
    values
      .slice(row * width, (row + 1) * width)
      .map((value) => value.trim().split(/\s+/u).join(" "))
      .join(" "),
  );
}

export async function runScript(client: PostgresClient, text: string): Promise<ScriptReport> {
  const records = parseScript(text);
  const labels = new Map<string, string>();
  const answers = await Promise.all(records.map(({ sql }) => client.query(sql)));
  const failures = records.flatMap((record, index) => {
    const answer = answers[index];
    const wrong = answer === undefined ? "no answer" : complaint(record, answer, labels);
    return wrong === null ? [] : [`line ${record.line}: ${record.sql}\n  ${wrong}`];
  });
  return { records: records.length, failures };
}
