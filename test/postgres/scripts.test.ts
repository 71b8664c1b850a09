/**
 * Scripts of `test/postgres/scripts`, run by psql against a node and against PostgreSQL 15: what psql prints has to be the same to the letter.
 * Where PostgreSQL 15 or psql is not installed, nothing is compared, and the test says so.
 */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import { startTarget } from "./clients/target.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const folder = path.join(root, "test", "postgres", "scripts");
const scripts = readdirSync(folder).filter((name) => name.endsWith(".sql"));

/** Everything that psql prints: results, notices and errors in their order. Places in PostgreSQL's own source text are no part of it. */
function printed(script: string, host: string, port: number): Promise<string> {
  const connection = ["-X", "-h", host, "-p", String(port), "-U", "admin", "main"];
  return new Promise((resolve) => {
    const command = `psql ${connection.join(" ")} -f ${script} 2>&1`;
    execFile("sh", ["-c", command], { cwd: folder, env: { ...process.env, PGTZ: "UTC" } }, (_error, output) =>
      resolve(output.replaceAll(/^LOCATION: .*\n/gm, "")),
    );
  });
}

test("psql prints the same for every script", async (t) => {
  t.timeout(500_000);
  t.true(scripts.length > 0);
  if (!hasPostgres()) {
    t.log(`skipped ${scripts.length} scripts: no PostgreSQL 15 on this machine`);
    return;
  }
  const { target, stop } = await startTarget({
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  try {
    await withPostgres(async (client, port) => {
      await client.query("CREATE ROLE admin SUPERUSER LOGIN");
      for (const script of scripts) {
        await client.query("DROP DATABASE IF EXISTS main");
        await client.query("CREATE DATABASE main OWNER admin");
        const [theirs, ours] = [
          await printed(script, "127.0.0.1", port),
          await printed(script, target.host, target.port),
        ];
        t.true(theirs.length > 1_000, `${script} prints something`);
        t.deepEqual(ours.split("\n"), theirs.split("\n"), script);
      }
    });
  } finally {
    await stop();
  }
});
