/** Runs a program on two servers by the simple protocol, and tells the first statement on which they disagree. */
import type { PostgresAnswer, PostgresClient } from "../../postgres/client.js";
import { formsOf } from "./forms.js";
import { intendedOfProgram, newTypePattern, oidsOfObjects } from "./intended.js";
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
  /** Tables that were read again as of a position that had passed. */
  pasts: number;
  /** Statements with so little memory that they went on in files, or were refused with 53200. */
  tight: number;
  readonly intended: Map<string, IntendedCount>;
  readonly forms: Map<string, FormCount>;
}

/** How often statements of a form did what they say, and failed, on both sides. */
export interface FormCount {
  readonly succeeded: number;
  readonly failed: number;
}

/** A forgiven difference: how often, and the first statement that showed it. */
export interface IntendedCount {
  readonly count: number;
  readonly example: string;
}

export const newCounts = (): ProgramCounts => ({
  statements: 0,
  rows: 0,
  failedAlike: 0,
  pasts: 0,
  tight: 0,
  intended: new Map(),
  forms: new Map(),
});

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
  const inferred = answer.parameterTypes.map((type) => (type >= oidsOfObjects ? "named" : type));
  const parameters = inferred.length === 0 ? [] : [`parameters ${inferred.join(" ")}`];
  return [...parameters, answer.tag, columns.join("|"), ...(isOrdered ? rows : rows.toSorted())].join("\n");
}

/** Of values that are equal and look different (2 and 2.00), which one stands where they tie is not said: they are compared as one. */
export function isSame(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  const plain = (text: string): string => text.replace(/(\.\d*?)0+(?!\d)/gu, "$1").replace(/\.(?!\d)/gu, "");
  return plain(actual).split("\n").toSorted().join() === plain(expected).split("\n").toSorted().join();
}

function sent(client: PostgresClient, { sql, via }: Step): Promise<PostgresAnswer> {
  if (via === undefined) return client.query(sql);
  return via.kind === "copyIn" ? client.copyIn(sql, via.data) : client.extended(sql, via.parameters, via.format);
}

/** So little memory that sorts and groupings of a few rows go on in files. */
const tight = (memory: string): string => `set kimberlite.query_memory = '${memory}'`;

/** Runs the steps in a schema of their own, all of them sent at once. @returns the first difference, if there is one */
export async function compareProgram(
  sides: { readonly postgres: PostgresClient; readonly here: PostgresClient },
  schema: string,
  steps: readonly Step[],
  counts: ProgramCounts,
  memory: string | null = null,
): Promise<Difference | null> {
  const kept: { readonly index: number; readonly position: Promise<PostgresAnswer> }[] = [];
  const clear = `drop schema if exists ${schema} cascade`;
  const run = async (client: PostgresClient, isHere: boolean): Promise<readonly PostgresAnswer[]> => {
    const setup = ["rollback", clear, `create schema ${schema}`, `set search_path to ${schema}`];
    for (const sql of setup) void client.query(sql);
    if (isHere) void client.query(memory === null ? "reset kimberlite.query_memory" : tight(memory));
    const answers = steps.map((step, index) => {
      const answer = sent(client, step);
      if (isHere && step.isKept === true) kept.push({ index, position: client.query("show kimberlite.position") });
      return answer;
    });
    const all = await Promise.all(answers);
    await client.query("rollback");
    return all;
  };
  const [expected, actual] = await Promise.all([run(sides.postgres, false), run(sides.here, true)]);
  const past = await comparePast(sides.here, steps, actual, kept, counts);
  await Promise.all([sides.postgres.query(clear), sides.here.query(clear)]);
  let hasNewType = false;
  for (const [index, step] of steps.entries()) {
    const there = expected[index];
    const here = actual[index];
    if (there === undefined || here === undefined) throw new Error("every statement has an answer");
    counts.statements += 1;
    hasNewType ||= newTypePattern.test(step.sql);
    if (memory !== null) counts.tight += 1;
    const [left, right] = [shown(there, step.isOrdered), shown(here, step.isOrdered)];
    if (isSame(right, left)) {
      countForms(counts, step, there.kind === "rows");
      if (there.kind === "rows") counts.rows += there.rows.length;
      else {
        counts.failedAlike += 1;
        if (step.draws === true) return null;
      }
      continue;
    }
    const reason = intendedOfProgram(step.sql, there, here, memory !== null, hasNewType);
    if (reason === null) {
      const message = (answer: PostgresAnswer): string => (answer.kind === "failed" ? ` ${answer.message}` : "");
      return { index, expected: left + message(there), actual: right + message(here) };
    }
    const known = counts.intended.get(reason.text) ?? { count: 0, example: step.sql };
    counts.intended.set(reason.text, { ...known, count: known.count + 1 });
    // Where one side went on and the other did not, what follows cannot be compared.
    if (reason.endsProgram) return null;
  }
  return past;
}

function countForms({ forms }: ProgramCounts, step: Step, hasSucceeded: boolean): void {
  for (const form of formsOf(step)) {
    const { succeeded, failed } = forms.get(form) ?? { succeeded: 0, failed: 0 };
    forms.set(form, { succeeded: succeeded + Number(hasSucceeded), failed: failed + Number(!hasSucceeded) });
  }
}

/** Reads tables again as of where they were read, under the definitions of then: the model of a past is what it was as the present. */
async function comparePast(
  here: PostgresClient,
  steps: readonly Step[],
  answers: readonly PostgresAnswer[],
  kept: readonly { readonly index: number; readonly position: Promise<PostgresAnswer> }[],
  counts: ProgramCounts,
): Promise<Difference | null> {
  for (const { index, position } of kept) {
    const [step, then, at] = [steps[index], answers[index], await position];
    if (step === undefined || then?.kind !== "rows" || at.kind === "failed") continue;
    void here.query(`set kimberlite.as_of = '${at.rows[0]?.[0] ?? ""}'`);
    const again = here.query(step.sql);
    await here.query("reset kimberlite.as_of");
    const [expected, actual] = [shown(then, false), shown(await again, false)];
    counts.pasts += 1;
    if (!isSame(actual, expected)) {
      const message = (await again).kind === "failed" ? ` ${JSON.stringify(await again)}` : "";
      return {
        index: steps.length - 1,
        expected: `as it was:\n${expected}`,
        actual: `as of then:\n${actual}${message}`,
      };
    }
  }
  return null;
}
