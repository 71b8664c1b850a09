/**
 * Reporting queries and writes of many rows beside PostgreSQL 15, one after the other: what each takes, as a client sees it, and whether both answer the
 * same. It looks for statements that are slower by an order of magnitude, not for a tenth: those are measured in `sql.ts`.
 *
 *   node dist/benchmarks/queries.js [--timeout 15] [--from 1] [--out FILE]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasPostgres, psql, run, type Server, startOurs, startPostgres } from "./sql/servers.js";

const { values: options } = parseArgs({
  options: {
    timeout: { type: "string", default: "15" },
    from: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const timeoutMs = Number(options.timeout) * 1_000;
const folder = mkdtempSync(path.join(tmpdir(), "kimberlite-queries-"));
const fileOf = (name: string): string => fileURLToPath(new URL(`../../benchmarks/queries/${name}`, import.meta.url));

interface Answer {
  /** ms; null when it failed, or took too long. */
  readonly ms: number | null;
  readonly rows: string;
}

/** Runs a query twice, for the better time; a write once. */
async function ask(server: Server, statement: string): Promise<Answer> {
  const times = /^(?:SELECT|WITH)\b/.test(statement) ? 2 : 1;
  const script = path.join(folder, "statement.sql");
  const set = `SET statement_timeout = ${timeoutMs};`;
  writeFileSync(script, [set, "\\timing on", ...Array.from({ length: times }, () => statement), ""].join("\n"));
  let printed: string;
  try {
    const given = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", script];
    ({ stdout: printed } = await run("psql", given, { env: server.environment, maxBuffer: 2 ** 28 }));
  } catch (error) {
    return {
      ms: null,
      rows:
        String(error)
          .split("\n")
          .find((line) => line.includes("ERROR")) ?? "failed",
    };
  }
  const taken = [...printed.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, ms]) => Number(ms));
  return { ms: Math.min(...taken), rows: printed.replaceAll(/^Time: .*\n/gm, "") };
}

async function prepare(server: Server): Promise<void> {
  await run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", fileOf("schema.sql")], { env: server.environment });
  await psql(server, server.name === "Kimberlite" ? "ANALYZE" : "VACUUM ANALYZE");
}

const servers = [await startOurs(folder), ...(hasPostgres() ? [await startPostgres(folder)] : [])];
const results: { statement: string; ours: number | null; postgres: number | null; areSame: boolean | null }[] = [];
const shown = (ms: number | null | undefined): string =>
  (ms === undefined ? "-" : (ms?.toFixed(1) ?? "no answer")).padStart(9);
try {
  for (const server of servers) await prepare(server);
  const statements = readFileSync(fileOf("statements.sql"), "utf8").split("\n");
  for (const statement of statements
    .filter((line) => line !== "" && !line.startsWith("--"))
    .slice(Number(options.from) - 1)) {
    const answers: Answer[] = [];
    for (const server of servers) answers.push(await ask(server, statement));
    const [ours, postgres] = answers;
    const isBoth = ours?.ms !== undefined && ours.ms !== null && postgres?.ms !== undefined && postgres.ms !== null;
    const areSame = isBoth ? ours.rows === postgres.rows : null;
    results.push({ statement, ours: ours?.ms ?? null, postgres: postgres?.ms ?? null, areSame });
    const ratio = isBoth && ours.ms !== null && postgres.ms !== null ? `${(ours.ms / postgres.ms).toFixed(2)}×` : "";
    const said = areSame === false ? " · OTHER ROWS" : ours?.ms === null ? ` · ${ours.rows}` : "";
    process.stdout.write(`${ratio.padStart(8)} ${shown(ours?.ms)} ${shown(postgres?.ms)} ms  ${statement}${said}\n`);
  }
} finally {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
const ratios = results.flatMap(({ ours, postgres }) => (ours === null || postgres === null ? [] : [ours / postgres]));
ratios.sort((a, b) => a - b);
const median = ratios[Math.floor(ratios.length / 2)] ?? Number.NaN;
const unanswered = results.filter(({ ours }) => ours === null).length;
const others = results.filter(({ areSame }) => areSame === false).length;
process.stdout.write(
  `${results.length} statements · median ${median.toFixed(2)}× PostgreSQL's time · ${others} with other rows · ${unanswered} without an answer · load ${loadavg()[0]?.toFixed(1)}\n`,
);
if (options.out !== undefined)
  writeFileSync(options.out, `${JSON.stringify({ node: process.version, results }, null, 1)}\n`);
