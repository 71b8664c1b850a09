/**
 * Points by SQL: one row read by its key, one row inserted, prepared, at 64 connections: this node against PostgreSQL 15 on the same machine,
 * in turns within one run, so that what else the machine does falls on both. Both sync to disk before they acknowledge. pgbench drives both.
 *
 *   node dist/benchmarks/sql-points.js [seconds each, default 8] [rounds, default 3]
 *
 * PostgreSQL is looked for in /usr/lib/postgresql/15/bin and runs as the user `postgres` when this runs as root, which it refuses to.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { startNode } from "../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../protocol/wire/scram-verifier.js";

const run = promisify(execFile);
const binaries = "/usr/lib/postgresql/15/bin";
const seconds = Number(process.argv[2] ?? 8);
const rounds = Number(process.argv[3] ?? 3);
const connections = 64;
const rowsCount = 100_000;

interface Server {
  readonly name: string;
  readonly environment: Record<string, string>;
}

const asPostgres = (command: string, given: readonly string[]): [string, string[]] =>
  process.getuid?.() === 0 ? ["runuser", ["-u", "postgres", "--", command, ...given]] : [command, [...given]];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function startPostgres(folder: string): Promise<{ readonly server: Server; readonly child: ChildProcess }> {
  const data = path.join(folder, "postgres");
  chmodSync(folder, 0o777);
  await run(...asPostgres(path.join(binaries, "initdb"), ["-D", data, "-A", "trust", "-U", "admin", "--no-sync"]));
  const port = await freePort();
  const options = [
    "-D",
    data,
    "-p",
    String(port),
    "-k",
    "",
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "max_connections=200",
  ];
  const child = spawn(...asPostgres(path.join(binaries, "postgres"), options), { stdio: "ignore" });
  const environment = { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "admin", PGDATABASE: "postgres" };
  for (let tries = 0; ; tries++) {
    try {
      await run("psql", ["-XAtc", "SELECT 1"], { env: { ...process.env, ...environment } });
      return { server: { name: "PostgreSQL 15", environment }, child };
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const folder = mkdtempSync(path.join(tmpdir(), "kimberlite-points-"));
const selectFile = path.join(folder, "select.sql");
const insertFile = path.join(folder, "insert.sql");
writeFileSync(selectFile, `\\set k random(1, ${rowsCount})\nSELECT v FROM points WHERE k = :k;\n`);
writeFileSync(
  insertFile,
  "\\set k random(1, 9000000000000000)\nINSERT INTO points VALUES (:k, 'abcdefghijklmnopqrstuvwxyz') ON CONFLICT DO NOTHING;\n",
);

const node = await startNode({
  dataDirectory: path.join(folder, "kimberlite"),
  listen: null,
  postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "scram", tls: null },
});
await node.createFirstUser("admin", formatVerifier(await scramVerifier("points")));
const ours: Server = {
  name: "Kimberlite",
  environment: {
    PGHOST: "127.0.0.1",
    PGPORT: String(node.addresses.postgres?.port),
    PGUSER: "admin",
    PGDATABASE: "main",
    PGPASSWORD: "points",
  },
};
const theirs = await startPostgres(folder);
const servers = [ours, theirs.server];

async function bench({ environment }: Server, file: string): Promise<number> {
  const given = ["-n", "-M", "prepared", "-c", String(connections), "-j", "2", "-T", String(seconds), "-f", file];
  const { stdout } = await run("pgbench", given, { env: { ...process.env, ...environment } });
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

try {
  for (const { environment } of servers) {
    const env = { ...process.env, ...environment };
    await run("psql", ["-XAtq", "-c", "CREATE TABLE points (k bigint PRIMARY KEY, v text NOT NULL)"], { env });
    await run(
      "psql",
      ["-XAtq", "-c", `INSERT INTO points SELECT n, 'value ' || n FROM generate_series(1, ${rowsCount}) n`],
      { env },
    );
  }
  for (const [what, file] of [
    ["SELECT by key", selectFile],
    ["INSERT", insertFile],
  ] as const) {
    const tps = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) tps.get(server.name)?.push(await bench(server, file));
    }
    const medians = servers.map(({ name }) => median(tps.get(name) ?? []));
    const [mine = Number.NaN, other = Number.NaN] = medians;
    process.stdout.write(
      `${what}, ${connections} connections, prepared: ${servers.map(({ name }, index) => `${name} ${Math.round(medians[index] ?? 0)}/s`).join(", ")}: ${(mine / other).toFixed(2)}×\n`,
    );
  }
} finally {
  theirs.child.kill("SIGINT");
  await once(theirs.child, "exit");
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
