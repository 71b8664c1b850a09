/** Queries beyond their memory on a node: the same answers, files while they run, none when they have ended, however that was. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import pg from "pg";
import { z } from "zod";
import { startNodeProcess } from "../admin/run-command.js";

const readyShape = z.looseObject({
  addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
});
const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-spill-"));
const data = path.join(directory, "data");
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Files of statements, anywhere on the node. */
function spilled(folder = data): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && path.basename(entry.parentPath) === "spill")
    .map(({ name }) => name);
}

async function until(condition: () => boolean): Promise<boolean> {
  for (let left = 400; left > 0 && !condition(); left--) await new Promise((resolve) => setTimeout(resolve, 25));
  return condition();
}

const join = "SELECT count(*), sum(a.n + b.n) FROM big a JOIN big b ON a.k = b.k AND a.t = b.t";
const queries = [
  join,
  "SELECT count(*), max(k) FROM (SELECT k, t FROM big UNION SELECT n, t FROM big) u",
  "SELECT count(*), sum(n) FROM (SELECT n, t FROM big EXCEPT ALL SELECT n, t FROM big WHERE n % 3 = 0) e",
  "SELECT sum(r), max(s) FROM (SELECT rank() OVER w AS r, sum(n) OVER w AS s FROM big WINDOW w AS (PARTITION BY k ORDER BY t)) q",
  "SELECT sum(c), count(*) FROM (SELECT k, t, count(*) AS c FROM big GROUP BY GROUPING SETS ((k), (t), (k, t))) q",
];

test("joins, set operations, windows and grouping sets go on in files, which end with their statements, and with the node", async (t) => {
  t.timeout(170_000);
  const start = async () => {
    const node = await startNodeProcess(data, ["--pg-auth", "trust"]);
    const { host, port } = readyShape.parse(JSON.parse(node.lines[0] ?? "{}")).addresses.postgres;
    const client = new pg.Client({ host, port, user: "admin", database: "main" });
    client.on("error", () => {});
    await client.connect();
    return { node, client };
  };
  const first = await start();
  await first.client.query("CREATE TABLE big (n int PRIMARY KEY, k int NOT NULL, t text NOT NULL)");
  await first.client.query(
    "INSERT INTO big SELECT g, (g * 7919::bigint) % 7500, 'text ' || g % 10000 FROM generate_series(1, 15000) g",
  );
  const answers = async (client: pg.Client): Promise<unknown[]> => {
    const rows: unknown[] = [];
    for (const query of queries) rows.push((await client.query({ text: query, rowMode: "array" })).rows);
    return rows;
  };
  const expected = await answers(first.client);
  t.deepEqual(spilled(), [], "with memory for all there are no files");
  await first.client.query("SET kimberlite.query_memory = '1MB'");
  t.deepEqual(await answers(first.client), expected);
  t.true(await until(() => spilled().length === 0), "every statement has removed its files");
  // A statement that is cancelled in the middle.
  await first.client.query("SET statement_timeout = '150ms'");
  await t.throwsAsync(first.client.query(`${join} JOIN big c ON c.k = a.k % 100`), { message: /statement timeout/ });
  t.true(await until(() => spilled().length === 0), "and so has one that was ended");
  // A node that is killed in the middle leaves files, which the next one removes when it needs some.
  await first.client.query("SET statement_timeout = 0");
  const cut = first.client.query(`${join} JOIN big c ON c.k = a.k % 100 AND c.n > b.n`).catch(() => null);
  t.true(await until(() => spilled().length > 0), "files are there while a statement runs");
  await first.node.end("SIGKILL");
  await cut;
  const second = await start();
  await second.client.query("SET kimberlite.query_memory = '1MB'");
  t.deepEqual(await answers(second.client), expected);
  t.true(await until(() => spilled().length === 0));
  await second.client.end();
  await second.node.end("SIGTERM");
});
