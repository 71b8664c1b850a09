/**
 * SQL against PostgreSQL 15 on the same machine, case by case: both in turns within one run, so that what else the machine does falls on
 * both; ratios of medians. pgbench and psql drive both over TCP. Where PostgreSQL is not installed, the comparisons are skipped, counted, and
 * this node's figures are shown alone.
 *
 *   node dist/benchmarks/sql.js [cases, by commas; default all] [--seconds 4] [--rounds 3] [--out FILE] [--alone]
 *
 * Each case is warmed up on both first: this node compiles what it runs often. CPU is what a server's processes, without its clients, worked for
 * one unit: it says something on a busy machine too.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Case, cases } from "./sql/cases.js";
import { hasPostgres, type Server, startOurs, startPostgres } from "./sql/servers.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    out: { type: "string" },
    alone: { type: "boolean", default: false },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const wanted = positionals.flatMap((list) => list.split(","));
const unknown = wanted.filter((name) => cases.every((one) => one.name !== name));
if (unknown.length > 0) {
  process.stderr.write(`no such case: ${unknown.join(", ")}; there are ${cases.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}
const chosen = wanted.length === 0 ? cases : cases.filter(({ name }) => wanted.includes(name));

const warmUpSeconds = 3;

interface Result {
  readonly case: string;
  readonly what: string;
  readonly unit: string;
  readonly aim: number;
  readonly load: number;
  readonly rates: Record<string, number[]>;
  /** µs of the servers' own CPU time for one unit, a round each. */
  readonly cpuMicros: Record<string, number[]>;
  readonly ratio: number | null;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function compare(one: Case, servers: readonly Server[], folder: string): Promise<Result> {
  const rates: Record<string, number[]> = Object.fromEntries(servers.map(({ name }) => [name, []]));
  const cpuMicros: Record<string, number[]> = Object.fromEntries(servers.map(({ name }) => [name, []]));
  for (const server of servers) {
    await one.setUp(server, folder);
    await one.measure(server, folder, warmUpSeconds);
  }
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      const before = server.cpuMicros();
      const { rate, count } = await one.measure(server, folder, seconds);
      const after = server.cpuMicros();
      rates[server.name]?.push(rate);
      if (before !== null && after !== null) cpuMicros[server.name]?.push((after - before) / count);
    }
  }
  const [mine = Number.NaN, theirs] = servers.map(({ name }) => median(rates[name] ?? []));
  const { name, what, unit, aim } = one;
  const ratio = theirs === undefined ? null : mine / theirs;
  return { case: name, what, unit, aim, load: loadavg()[0] ?? 0, rates, cpuMicros, ratio };
}

function show({ what, unit, aim, load, rates, cpuMicros, ratio }: Result): string {
  const each = Object.entries(rates).map(([name, all]) => `${name} ${median(all).toPrecision(4)}/s`);
  const against = ratio === null ? "no PostgreSQL here" : `${ratio.toFixed(2)}× (aim ${aim}×)`;
  const worked = Object.entries(cpuMicros).filter(([, all]) => all.length > 0);
  const cpu = `CPU µs each: ${worked.map(([name, all]) => `${name} ${median(all).toFixed(1)}`).join(", ")}`;
  return `${what}: ${against} · ${each.join(", ")} ${unit} · ${cpu} · load ${load.toFixed(1)}\n`;
}

const folder = mkdtempSync(path.join(tmpdir(), "kimberlite-sql-"));
const servers: Server[] = [];
const results: Result[] = [];
let skipped = 0;
try {
  servers.push(await startOurs(folder));
  if (hasPostgres() && !options.alone) servers.push(await startPostgres(folder));
  else skipped = chosen.length;
  for (const one of chosen) {
    const result = await compare(one, servers, folder);
    results.push(result);
    process.stdout.write(show(result));
  }
  if (skipped > 0)
    process.stdout.write(`${skipped} comparisons skipped: PostgreSQL 15 is not here, or was not asked for\n`);
} finally {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
if (options.out !== undefined) {
  const [cpu] = cpus();
  const machine = { cpu: cpu?.model ?? "", cores: cpus().length, node: process.version };
  writeFileSync(options.out, `${JSON.stringify({ machine, seconds, rounds, skipped, results }, null, 2)}\n`);
}
process.exit(0);
