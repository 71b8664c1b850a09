/** Runs a program on two servers by the simple protocol, and tells the first statement on which they disagree. */
import type { PostgresAnswer, PostgresClient } from "../../postgres/client.js";
import { intendedOfProgram } from "./intended.js";
import type { Step } from "./queries.js";

export interface Difference {
  /** Place of the statement in the program. */
  readonly index: number;
  readonly expected: string;
  readonly actual: string;
}

export interface ProgramCounts {
  statements: number;
  rows: number;
  failedAlike: number;
  readonly intended: Map<string, number>;
}

export const newCounts = (): ProgramCounts => ({ statements: 0, rows: 0, failedAlike: 0, intended: new Map() });

const oidsOfObjects = 16_384;

/** The answer as text: what is compared, and what people are shown. */
export function shown(answer: PostgresAnswer, isOrdered: boolean): string {
  if (answer.kind === "failed") {
    const constraint = answer.fields.get("n");
    return `${answer.sqlState}${constraint === undefined ? "" : ` (${constraint})`}`;
  }
  const columns = answer.columns.map(({ name, type, modifier }) =>
    type >= oidsOfObjects ? `${name} record` : `${name} ${type}${modifier < 0 ? "" : `(${modifier})`}`,
  );
  const rows = answer.rows.map((row) => row.map((value) => value ?? "\\N").join("|"));
  return [answer.tag, columns.join("|"), ...(isOrdered ? rows : rows.toSorted())].join("\n");
}

/** Of values that are equal and look different (2 and 2.00), which one stands where they tie is not said: they are compared as one. */
export function isSame(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  const plain = (text: string): string => text.replace(/(\.\d*?)0+(?!\d)/gu, "$1").replace(/\.(?!\d)/gu, "");
  return plain(actual).split("\n").toSorted().join() === plain(expected).split("\n").toSorted().join();
}

/** Runs the steps in a schema of their own, all of them sent at once. @returns the first difference, if there is one */
export async function compareProgram(
  sides: { readonly postgres: PostgresClient; readonly here: PostgresClient },
  schema: string,
  steps: readonly Step[],
  counts: ProgramCounts,
): Promise<Difference | null> {
  const clear = `drop schema if exists ${schema} cascade`;
  const run = async (client: PostgresClient): Promise<readonly PostgresAnswer[]> => {
    const setup = ["rollback", clear, `create schema ${schema}`, `set search_path to ${schema}`];
    const answers = Promise.all(
      [...setup, ...steps.map(({ sql }) => sql), "rollback", clear].map((sql) => client.query(sql)),
    );
    return (await answers).slice(setup.length, -2);
  };
  const [expected, actual] = await Promise.all([run(sides.postgres), run(sides.here)]);
  for (const [index, step] of steps.entries()) {
    const there = expected[index];
    const here = actual[index];
    if (there === undefined || here === undefined) throw new Error("every statement has an answer");
    counts.statements += 1;
    const [left, right] = [shown(there, step.isOrdered), shown(here, step.isOrdered)];
    if (isSame(right, left)) {
      if (there.kind === "failed") counts.failedAlike += 1;
      else counts.rows += there.rows.length;
      continue;
    }
    const reason = intendedOfProgram(step.sql, there, here);
    if (reason === null) {
      const message = (answer: PostgresAnswer): string => (answer.kind === "failed" ? ` ${answer.message}` : "");
      return { index, expected: left + message(there), actual: right + message(here) };
    }
    counts.intended.set(reason.text, (counts.intended.get(reason.text) ?? 0) + 1);
    // Where one side went on and the other did not, what follows cannot be compared.
    if (reason.endsProgram) return null;
  }
  return null;
}
