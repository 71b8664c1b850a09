/** Runs random statements on PostgreSQL and on the engine, planned and as bound, and reports where they differ. */
import { SqlError } from "../../../runtime/query/error.js";
import { MemoryDatabase } from "../memory-database.js";
import type { PostgresClient } from "../postgres/client.js";
import { Random } from "./expressions.js";
import { QueryWriter, randomTables } from "./statements.js";

export interface StatementReport {
  readonly compared: number;
  readonly rows: number;
  readonly failedAlike: number;
  readonly refused: number;
  readonly differing: number;
  readonly differences: readonly string[];
}

interface Answer {
  readonly text: string;
  readonly rows: number;
  readonly sqlState: string | null;
}

function answerHere(database: MemoryDatabase, sql: string): Answer {
  try {
    const result = database.run(sql);
    const rows = result.rows.length;
    const shown = database.texts(result).map((row) => row.join("|"));
    return {
      text: [result.names.join("|"), result.types.join("|"), result.tag, ...shown].join("\n"),
      rows,
      sqlState: null,
    };
  } catch (error) {
    if (error instanceof SqlError)
      return { text: `${error.sqlState} ${error.message}`, rows: 0, sqlState: error.sqlState };
    return {
      text: `crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      rows: 0,
      sqlState: "crash",
    };
  }
}

async function answerThere(postgres: PostgresClient, sql: string): Promise<Answer> {
  const answer = await postgres.query(sql);
  if (answer.kind === "failed")
    return { text: `${answer.sqlState} ${answer.message}`, rows: 0, sqlState: answer.sqlState };
  const names = answer.columns.map(({ name }) => name).join("|");
  const types = answer.columns.map(({ type }) => type).join("|");
  const rows = answer.rows.map((row) => row.map((value) => value ?? "\\N").join("|"));
  return { text: [names, types, answer.tag, ...rows].join("\n"), rows: rows.length, sqlState: null };
}

/** Of values that are equal and look different (2 and 2.00), which one stands where they tie is not said: they are compared as one. */
export function isSame(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  const plain = (text: string): string => text.replace(/(\.\d*?)0+(?!\d)/gu, "$1").replace(/\.(?!\d)/gu, "");
  return plain(actual) === plain(expected);
}

/** Statements over the same tables, before new ones are made. */
const statementsPerDatabase = 60;

export async function compareStatements(
  postgres: PostgresClient,
  options: { readonly statements: number; readonly seed: number; readonly shown: number },
): Promise<StatementReport> {
  const random = new Random(options.seed);
  const differences: string[] = [];
  const counts = { compared: 0, rows: 0, failedAlike: 0, refused: 0, differing: 0 };
  while (counts.compared < options.statements) {
    const { tables, setup } = randomTables(random);
    await postgres.rows("drop table if exists t0, t1, t2");
    const planned = new MemoryDatabase();
    for (const sql of setup) {
      await postgres.rows(sql);
      planned.run(sql);
    }
    const writer = new QueryWriter(random, tables);
    for (let index = 0; index < statementsPerDatabase; index += 1) {
      const sql = writer.statement();
      const expected = await answerThere(postgres, sql);
      const actual = answerHere(planned, sql);
      counts.compared += 1;
      if (actual.sqlState === "0A000" && expected.sqlState !== "0A000") {
        counts.refused += 1;
        if (differences.length < options.shown) differences.push(`refused: ${sql}\n  ${actual.text}`);
        continue;
      }
      if (isSame(actual.text, expected.text)) {
        counts.rows += expected.rows;
        if (expected.sqlState !== null) counts.failedAlike += 1;
        continue;
      }
      counts.differing += 1;
      if (differences.length < options.shown)
        differences.push(
          `${setup.join(";\n")};\n${sql}\n--- PostgreSQL\n${expected.text.slice(0, 700)}\n--- here\n${actual.text.slice(0, 700)}`,
        );
    }
  }
  return { ...counts, differences };
}
