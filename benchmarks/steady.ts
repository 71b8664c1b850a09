/**
 * What must not grow, each against its own base in the same run, in turns: so that what else the machine does falls on both.
 *
 *   past     a query AS OF a position, over rows of ten updates each, beside the same query on the current state
 *   size     one operation by key in a table of many rows beside one of 100,000
 *   analyst  how long single writes take (p99) while a query over all rows runs, beside how long they take without it
 *
 *   node dist/benchmarks/steady.js [parts, by commas; default all] [--rounds 3] [--seconds 4] [--rows 10000000] [--out FILE]
 *
 * What is compared is the node's CPU µs for one operation, which a busy machine leaves nearly as it is, and for `analyst` the time that a client sees.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { pgbench } from "./sql/pgbench.js";
import { psql, run, type Server, startOurs } from "./sql/servers.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    rows: { type: "string", default: "10000000" },
    out: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const manyRows = Number(options.rows);
const fewRows = 100_000;
const copiedAtOnce = 1_000_000;

interface Figure {
  readonly what: string;
  readonly unit: string;
  /** Of each round. */
  readonly base: number[];
  readonly compared: number[];
  readonly ratioMax: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const folder = mkdtempSync(path.join(tmpdir(), "kimberlite-steady-"));
let scripts = 0;

/** CPU µs of the node for one run of a script. */
async function cpuOf(server: Server, script: string, connections: number): Promise<number> {
  scripts += 1;
  const file = path.join(folder, `${scripts}.sql`);
  writeFileSync(file, script);
  const before = server.cpuMicros() ?? Number.NaN;
  const { count } = await pgbench(server, ["-f", file], seconds, { connections });
  return ((server.cpuMicros() ?? Number.NaN) - before) / count;
}

async function inTurns(
  figure: Pick<Figure, "what" | "ratioMax">,
  server: Server,
  connections: number,
  base: string,
  compared: string,
  comparedServer: Server = server,
): Promise<Figure> {
  const found: Figure = { ...figure, unit: "CPU µs", base: [], compared: [] };
  await cpuOf(server, base, connections);
  await cpuOf(comparedServer, compared, connections);
  for (let round = 0; round < rounds; round++) {
    found.base.push(await cpuOf(server, base, connections));
    found.compared.push(await cpuOf(comparedServer, compared, connections));
  }
  show(found);
  return found;
}

function show({ what, unit, base, compared, ratioMax }: Figure): void {
  const [one, other] = [median(base), median(compared)];
  const ratio = `${(other / one).toFixed(2)} × (at most ${ratioMax})`;
  process.stdout.write(
    `${what}: ${one.toPrecision(4)} and ${other.toPrecision(4)} ${unit}, ${ratio} · load ${(loadavg()[0] ?? 0).toFixed(1)}\n`,
  );
}

async function past(server: Server): Promise<Figure[]> {
  await psql(
    server,
    "CREATE TABLE versions (k int PRIMARY KEY, g int NOT NULL, v int NOT NULL)",
    `INSERT INTO versions SELECT n, n % 100, 0 FROM generate_series(1, ${fewRows}) n`,
  );
  const position = async (): Promise<string> => await psql(server, "SELECT max(position) FROM kimberlite.commits");
  let middle = "";
  for (let update = 1; update <= 10; update++) {
    await psql(server, "UPDATE versions SET v = v + 1");
    if (update === 5) middle = await position();
  }
  const asOf = ` FOR SYSTEM_TIME AS OF POSITION ${middle}`;
  const sum = await psql(server, `SELECT min(v), max(v), count(*) FROM versions${asOf}`);
  if (sum !== `5|5|${fewRows}`) throw new Error(`as of the fifth update there is ${sum}`);
  const ratioMax = 1.3;
  const scan = (time: string): string => `SELECT g, count(*), sum(v) FROM versions${time} GROUP BY g;\n`;
  const point = (time: string): string =>
    `\\set k random(1, ${fewRows})\nSELECT v FROM versions${time} WHERE k = :k;\n`;
  const newest = ` FOR SYSTEM_TIME AS OF POSITION ${await position()}`;
  const time = await psql(server, `SELECT time FROM kimberlite.commits WHERE position = ${middle}`);
  const moment = ` FOR SYSTEM_TIME AS OF TIMESTAMP '${time}'`;
  const inPast = { ...server, environment: { ...server.environment, PGOPTIONS: `-c kimberlite.as_of=${middle}` } };
  return [
    await inTurns({ what: "past: GROUP BY of 100,000 rows, 5 updates ago", ratioMax }, server, 1, scan(""), scan(asOf)),
    await inTurns({ what: "past: GROUP BY of 100,000 rows, as of now", ratioMax }, server, 1, scan(""), scan(newest)),
    await inTurns({ what: "past: row by key, 5 updates ago", ratioMax }, server, 16, point(""), point(asOf)),
    await inTurns({ what: "past: row by key, as of now", ratioMax }, server, 16, point(""), point(newest)),
    await inTurns({ what: "past: row by key, at a moment of then", ratioMax }, server, 16, point(""), point(moment)),
    await inTurns({ what: "past: row by key, session of then", ratioMax }, server, 16, point(""), point(""), inPast),
  ];
}

async function fill(server: Server, table: string, rows: number): Promise<void> {
  await psql(server, `CREATE TABLE ${table} (k int PRIMARY KEY, v text NOT NULL, n int NOT NULL)`);
  for (let from = 0; from < rows; from += copiedAtOnce) {
    const to = Math.min(rows, from + copiedAtOnce) - 1;
    const lines = `awk 'BEGIN { for (k = ${from}; k <= ${to}; k++) printf "%d\\tvalue %d\\t%d\\n", k, k, k % 97 }'`;
    await psql(server, `\\copy ${table} FROM PROGRAM '${lines.replaceAll("'", "''")}'`);
  }
  const there = Number(await psql(server, `SELECT count(*) FROM ${table}`));
  if (there !== rows) throw new Error(`${there} rows of ${rows} are in ${table}`);
}

async function size(server: Server): Promise<Figure[]> {
  await fill(server, "few", fewRows);
  const began = performance.now();
  await fill(server, "many", manyRows);
  process.stdout.write(`size: ${manyRows} rows loaded in ${((performance.now() - began) / 1_000).toFixed(0)} s\n`);
  const ratioMax = 1.3;
  const key = (rows: number): string => `\\set k random(0, ${rows - 1})\n`;
  const select = (table: string, rows: number): string => `${key(rows)}SELECT v FROM ${table} WHERE k = :k;\n`;
  const update = (table: string, rows: number): string => `${key(rows)}UPDATE ${table} SET n = n + 1 WHERE k = :k;\n`;
  const insert = (table: string, rows: number): string =>
    `\\set k random(${rows}, 2000000000)\nINSERT INTO ${table} VALUES (:k, 'new', 0) ON CONFLICT DO NOTHING;\n`;
  const figures: Figure[] = [];
  for (const [name, script] of Object.entries({ SELECT: select, UPDATE: update, INSERT: insert })) {
    const figure = { what: `size: ${name} by key, ${fewRows} and ${manyRows} rows`, ratioMax };
    figures.push(await inTurns(figure, server, 16, script("few", fewRows), script("many", manyRows)));
  }
  return figures;
}

const analystSeconds = 60;
const writers = 8;

/** ms within which 99 of 100 writes of the last run were answered. */
function p99Ms(prefix: string): number {
  const micros: number[] = [];
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    for (const line of readFileSync(path.join(folder, name), "utf8").split("\n")) {
      const latency = Number(line.split(" ")[2] ?? Number.NaN);
      if (Number.isFinite(latency)) micros.push(latency);
    }
    unlinkSync(path.join(folder, name));
  }
  if (micros.length < 1_000) throw new Error(`${micros.length} writes are too few`);
  return (micros.sort((a, b) => a - b)[Math.floor(micros.length * 0.99)] ?? Number.NaN) / 1_000;
}

async function analyst(server: Server): Promise<Figure[]> {
  await psql(server, "CREATE TABLE writes (k bigint PRIMARY KEY, v text NOT NULL)");
  await psql(server, "CREATE TABLE facts (k int PRIMARY KEY, g int NOT NULL, v int NOT NULL)");
  await psql(server, "INSERT INTO facts SELECT n, n % 1000, n % 97 FROM generate_series(1, 200000) n");
  const file = path.join(folder, "write.sql");
  writeFileSync(file, "\\set k random(1, 9000000000000000)\nINSERT INTO writes VALUES (:k, 'abcdefghijklmnop');\n");
  const write = async (lasting: number): Promise<number> => {
    const prefix = path.join(folder, "latency");
    const more = ["-l", `--log-prefix=${prefix}`];
    await pgbench(server, ["-f", file], lasting, { connections: writers, more });
    return p99Ms("latency");
  };
  // 200 rows of each of 1,000 groups, all pairs of them, and again with a third: it does not end by itself.
  const query =
    "SELECT count(*) FROM facts a JOIN facts b ON a.g = b.g JOIN facts c ON b.g = c.g WHERE a.v + b.v < c.v";
  const what = `analyst: p99 of INSERTs by ${writers} connections, without and during ${analystSeconds} s of a query`;
  const found: Figure = { what, unit: "ms", base: [], compared: [], ratioMax: 2 };
  await write(5);
  for (let round = 0; round < rounds; round++) {
    found.base.push(await write(Math.ceil(analystSeconds / rounds)));
    const environment = { ...server.environment, PGOPTIONS: `-c statement_timeout=${analystSeconds}s` };
    const asked = run("psql", ["-XAtc", query], { env: environment }).then(
      () => "ended by itself",
      (error: unknown) => (String(error).includes("statement timeout") ? "ran" : String(error)),
    );
    found.compared.push(await write(analystSeconds - 2));
    const ending = await asked;
    if (ending !== "ran") throw new Error(`the query ${ending}`);
  }
  show(found);
  return [found];
}

const parts = { past, size, analyst };
const wanted = positionals.flatMap((list) => list.split(","));
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  process.stderr.write(`no such part: ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}\n`);
  process.exit(2);
}
const figures: Figure[] = [];
const server = await startOurs(folder);
try {
  for (const [name, measure] of Object.entries(parts)) {
    if (wanted.length === 0 || wanted.includes(name)) figures.push(...(await measure(server)));
  }
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
if (options.out !== undefined)
  writeFileSync(options.out, `${JSON.stringify({ node: process.version, rounds, seconds, figures }, null, 2)}\n`);
process.exit(0);
