/**
 * Random statements held against themselves, in this process: the executor with a plan, the executor without one, and the interpreter that
 * goes row by row; conditions against their three outcomes (TLP), and filtered rows against the same condition counted (NoREC).
 */
import { SqlError } from "../../../runtime/query/error.js";
import { planNaively } from "../../../runtime/query/plan/planner.js";
import { codecOf } from "../../../runtime/query/types/codecs.js";
import { interpret, NotInterpreted } from "../interpret/interpret.js";
import { MemoryDatabase } from "../memory-database.js";
import { isSame } from "./compare-statements.js";
import { Random } from "./expressions.js";
import { QueryWriter, randomTables } from "./statements.js";

export interface TwinReport {
  /** Statements that were run by the interpreter and by the executor with and without a plan. */
  interpreted: number;
  rows: number;
  failedAlike: number;
  notInterpreted: number;
  /** Of several errors another was met first, or a plan did not meet one that the plan as bound meets. */
  otherErrors: number;
  partitions: number;
  partitionedRows: number;
  differing: number;
}

interface Options {
  readonly statements: number;
  readonly milliseconds: number;
  readonly seed: number;
  readonly found: (text: string) => void;
}

/** Statements over the same tables, before new ones are made. */
const statementsPerDatabase = 60;

export function compareTwins(options: Options): TwinReport {
  const random = new Random(options.seed);
  const report: TwinReport = {
    interpreted: 0,
    rows: 0,
    failedAlike: 0,
    notInterpreted: 0,
    otherErrors: 0,
    partitions: 0,
    partitionedRows: 0,
    differing: 0,
  };
  const until = performance.now() + options.milliseconds;
  while (report.interpreted + report.notInterpreted < options.statements && performance.now() < until) {
    const { tables, setup } = randomTables(random);
    const database = new MemoryDatabase();
    for (const sql of setup) database.run(sql);
    const writer = new QueryWriter(random, tables);
    for (let index = 0; index < statementsPerDatabase; index += 1) {
      const sql = writer.statement();
      const problem = differenceOf(database, sql, report) ?? partitioned(database, writer.partition(), report);
      if (problem === null) continue;
      report.differing += 1;
      options.found(`${setup.join(";\n")};\n${problem}\n`);
    }
  }
  return report;
}

type Lines =
  | { readonly kind: "rows"; readonly text: string; readonly rows: number }
  | { readonly kind: "failed"; readonly text: string };

function linesOf(work: () => readonly (readonly string[])[]): Lines {
  try {
    const rows = work().map((row) => row.join("|"));
    return { kind: "rows", text: rows.join("\n"), rows: rows.length };
  } catch (error) {
    if (error instanceof SqlError) return { kind: "failed", text: `${error.sqlState} ${error.message}` };
    throw error;
  }
}

function interpretedLines(database: MemoryDatabase, sql: string): Lines {
  return linesOf(() => {
    const bound = planNaively(database.bind(sql));
    if (bound.body.kind !== "query") throw new NotInterpreted(bound.body.kind);
    const types = bound.columns?.map(({ type }) => type.oid) ?? [];
    return interpret(bound.body, database.environment()).map((row) =>
      row.map((value, at) => (value === null ? "\\N" : codecOf(types[at] ?? 0).output(value, database.context))),
    );
  });
}

/** What is wrong with the answers to a statement, or null. */
export function differenceOf(database: MemoryDatabase, sql: string, report: TwinReport): string | null {
  let wanted: Lines;
  try {
    wanted = interpretedLines(database, sql);
  } catch (error) {
    if (!(error instanceof NotInterpreted)) throw error;
    report.notInterpreted += 1;
    return null;
  }
  report.interpreted += 1;
  for (const isPlanned of [true, false]) {
    database.isPlanned = isPlanned;
    const given = linesOf(() => database.query(sql));
    database.isPlanned = true;
    if (given.kind === "failed" && wanted.kind === "failed") {
      if (given.text === wanted.text) report.failedAlike += 1;
      else report.otherErrors += 1;
    } else if (given.kind !== wanted.kind && isPlanned) report.otherErrors += 1;
    else if (isSame(given.text, wanted.text)) report.rows += given.kind === "rows" ? given.rows : 0;
    else
      return `${sql}\n--- interpreted\n${wanted.text.slice(0, 700)}\n--- ${isPlanned ? "planned" : "as bound"}\n${given.text.slice(0, 700)}`;
  }
  return null;
}

function partitioned(
  database: MemoryDatabase,
  { from, condition }: { readonly from: string; readonly condition: string },
  report: TwinReport,
): string | null {
  const count = (what: string, where: string): number =>
    Number(database.query(`select ${what} from ${from}${where}`)[0]?.[0] ?? 0);
  try {
    const all = count("count(*)", "");
    const parts = [condition, `not (${condition})`, `(${condition}) is null`].map((part) =>
      count("count(*)", ` where ${part}`),
    );
    const counted = count(`count(*) filter (where ${condition})`, "");
    const summed = count(`coalesce(sum((${condition})::int), 0)`, "");
    report.partitions += 1;
    report.partitionedRows += all;
    const sum = parts.reduce((total, part) => total + part, 0);
    if (sum === all && counted === parts[0] && summed === parts[0]) return null;
    return `from ${from} where ${condition}\n--- ${all} rows in all, ${parts.join(" + ")} in parts, ${counted} filtered, ${summed} summed`;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    report.otherErrors += 1;
    return null;
  }
}
