/** Sessions of a node, by node-postgres: LISTEN and NOTIFY (what is heard, when, by whom, in which order), settings made by functions, parameters. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test from "ava";
import pg from "pg";
import { z } from "zod";
import { startNodeProcess } from "../admin/run-command.js";

const readyShape = z.looseObject({
  addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
});
const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-notify-"));
const node = await startNodeProcess(path.join(directory, "data"), ["--pg-auth", "trust"]);
const { host, port } = readyShape.parse(JSON.parse(node.lines[0] ?? "{}")).addresses.postgres;

test.after.always(async () => {
  await node.end("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

interface Client {
  readonly client: pg.Client;
  readonly heard: string[];
}

async function connect(): Promise<Client> {
  const client = new pg.Client({ host, port, user: "admin", database: "main" });
  const heard: string[] = [];
  client.on("notification", ({ channel, payload }) => void heard.push(`${channel} ${payload ?? ""}`));
  await client.connect();
  return { client, heard };
}

/** A CancelRequest, by the numbers that the session was told. */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const message = new DataView(new ArrayBuffer(16));
  for (const [at, word] of [16, 80_877_102, processID, secretKey].entries()) message.setInt32(4 * at, word);
  const socket = createConnection({ host, port });
  socket.end(new Uint8Array(message.buffer));
  await new Promise((resolve) => socket.resume().once("close", resolve));
}

async function until(condition: () => boolean): Promise<void> {
  for (let left = 400; left > 0 && !condition(); left--) await new Promise((resolve) => setTimeout(resolve, 25));
}

test.serial(
  "what is told is heard by those that listen, once, in the order of the commits, and not when it is rolled back",
  async (t) => {
    const [a, b, c] = await Promise.all([connect(), connect(), connect()]);
    await a.client.query("LISTEN news");
    await b.client.query("LISTEN news");
    await b.client.query('LISTEN "Other"');
    await c.client.query("NOTIFY news");
    await c.client.query("NOTIFY news, 'it''s here'");
    await c.client.query("BEGIN");
    await c.client.query("CREATE TABLE told (id int)");
    await c.client.query("NOTIFY news, 'one'");
    await c.client.query("SELECT pg_notify('Other', $1)", ["two"]);
    await c.client.query("SAVEPOINT s");
    await c.client.query("NOTIFY news, 'never'");
    await c.client.query("ROLLBACK TO s");
    await c.client.query("NOTIFY news, 'one'");
    await c.client.query("SELECT 1");
    t.deepEqual(a.heard, ["news ", "news it's here"].slice(0, a.heard.length), "nothing before the commit");
    await c.client.query("COMMIT");
    await c.client.query("BEGIN; NOTIFY news, 'lost'; ROLLBACK");
    await t.throwsAsync(c.client.query("SELECT pg_notify('news', 'failed'), 1 / (SELECT count(*) FROM told)"));
    await c.client.query("NOTIFY news, 'last'");
    const wanted = ["news ", "news it's here", "news one", "news last"];
    await until(() => a.heard.length >= 4 && b.heard.length >= 5);
    t.deepEqual(a.heard, wanted);
    t.deepEqual(b.heard, [...wanted.slice(0, 3), "Other two", "news last"]);
    t.deepEqual(c.heard, []);
    await Promise.all([a, b, c].map(({ client }) => client.end()));
  },
);

test.serial(
  "a session hears itself before it is ready again; in a transaction nothing is heard until its end; LISTEN counts from the commit on",
  async (t) => {
    const [a, b] = await Promise.all([connect(), connect()]);
    await a.client.query("LISTEN self");
    await a.client.query("NOTIFY self, 'x'");
    t.deepEqual(a.heard, ["self x"]);
    await a.client.query("BEGIN");
    await b.client.query("NOTIFY self, 'y'");
    await a.client.query("SELECT 1");
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.is(a.heard.length, 1, "not within its transaction");
    await a.client.query("COMMIT");
    await until(() => a.heard.length > 1);
    t.deepEqual(a.heard, ["self x", "self y"]);

    await b.client.query("BEGIN");
    await b.client.query("LISTEN self");
    await b.client.query("ROLLBACK");
    await a.client.query("NOTIFY self, 'z'");
    await b.client.query("BEGIN");
    await b.client.query("SAVEPOINT s");
    await b.client.query("LISTEN self");
    await b.client.query("ROLLBACK TO s");
    await b.client.query("LISTEN late");
    await b.client.query("COMMIT");
    await a.client.query("UNLISTEN *");
    await a.client.query("NOTIFY self, 'nobody'");
    await a.client.query("NOTIFY late, 'b'");
    await until(() => b.heard.length > 0);
    t.deepEqual(b.heard, ["late b"]);
    t.deepEqual(a.heard, ["self x", "self y", "self z"]);
    await Promise.all([a, b].map(({ client }) => client.end()));
  },
);

test.serial("limits are PostgreSQL's: 7,999 bytes of payload, 63 of the channel's name", async (t) => {
  const [a, b] = await Promise.all([connect(), connect()]);
  await a.client.query("LISTEN big");
  await b.client.query("SELECT pg_notify('big', repeat('x', 7999))");
  await until(() => a.heard.length > 0);
  t.is(a.heard[0]?.length, 8_003);
  const code = async (text: string): Promise<string> =>
    b.client.query(text).then(
      () => "",
      (error: unknown) => (error as { code?: string }).code ?? "",
    );
  t.is(await code("SELECT pg_notify('big', repeat('x', 8000))"), "22023");
  t.is(await code("SELECT pg_notify('', 'x')"), "22023");
  t.is(await code("SELECT pg_notify(NULL, 'x')"), "22023");
  t.is(await code(`SELECT pg_notify('${"c".repeat(64)}', 'x')`), "22023");
  for (let round = 0; round < 300; round += 1) await b.client.query("SELECT pg_notify('big', $1)", [String(round)]);
  await until(() => a.heard.length > 300);
  t.deepEqual(
    a.heard.slice(1),
    Array.from({ length: 300 }, (_, round) => `big ${round}`),
  );
  await Promise.all([a, b].map(({ client }) => client.end()));
});

test.serial("psql shows what it hears", async (t) => {
  const run = promisify(execFile);
  const has = await run("psql", ["--version"]).then(
    () => true,
    () => false,
  );
  if (!has) {
    t.log("skipped: no psql on this machine");
    t.pass();
    return;
  }
  const { stdout } = await run("psql", [
    "-XAtq",
    `host=${host} port=${port} user=admin dbname=main`,
    "-c",
    "LISTEN p",
    "-c",
    "NOTIFY p, 'hello'",
  ]);
  t.regex(stdout, /Asynchronous notification "p" with payload "hello" received from server process with PID \d+/);
});

test.serial(
  "where the session's last write stands is the same by SHOW, by current_setting and in pg_settings",
  async (t) => {
    const { client } = await connect();
    const ways = [
      "SHOW kimberlite.position",
      "SELECT current_setting('kimberlite.position')",
      "SELECT setting FROM pg_settings WHERE name = 'kimberlite.position'",
      "SELECT current_setting('kimberlite.position') FROM written WHERE id = 1",
    ];
    await client.query("CREATE TABLE written (id int PRIMARY KEY)");
    await client.query("INSERT INTO written VALUES (1)");
    const told: unknown[] = [];
    for (const text of ways) told.push(...(await client.query<unknown[]>({ text, rowMode: "array" })).rows.flat());
    told.push(
      (await client.query<{ v: string }>("SELECT current_setting($1) AS v", ["kimberlite.position"])).rows[0]?.v,
    );
    const { rows } = await client.query<{ last: string }>("SELECT max(position)::text AS last FROM kimberlite.commits");
    t.deepEqual(told, Array(ways.length + 1).fill(rows[0]?.last));
    await client.query("DROP TABLE written");
    await client.end();
  },
);

test.serial("set_config for a transaction ends with it, and alone with its statement", async (t) => {
  const { client } = await connect();
  const value = async (): Promise<unknown> =>
    (await client.query<{ v: unknown }>("SELECT current_setting('app.tenant', true) AS v")).rows[0]?.v;
  await client.query("SELECT set_config('app.tenant', 'one', false)");
  t.is(await value(), "one");
  await client.query("BEGIN");
  const { rows } = await client.query("SELECT set_config('app.tenant', 'two', true) AS set");
  t.deepEqual(rows, [{ set: "two" }]);
  t.is(await value(), "two");
  await client.query("CREATE TABLE IF NOT EXISTS local_setting (v text)");
  await client.query("INSERT INTO local_setting SELECT set_config('app.tenant', 'three', true)");
  t.is(await value(), "three", "also where the shard runs the statement");
  await client.query("COMMIT");
  t.is(await value(), "one");
  await client.query("SELECT set_config('app.tenant', 'four', true)");
  t.is(await value(), "one");
  await client.query("BEGIN");
  await client.query("SELECT set_config('app.tenant', 'five', false)");
  await client.query("ROLLBACK");
  t.is(await value(), "one");
  await client.end();
});

test.serial("a simple query has no parameters: 42P02 with the place of the first; PREPARE may", async (t) => {
  const { client } = await connect();
  const error = async (text: string): Promise<{ code?: string; message: string; position?: string }> =>
    client.query(text).then(
      () => ({ message: "" }),
      (caught: unknown) => caught as { code?: string; message: string; position?: string },
    );
  t.like(await error("SELECT 1 + $2, $1"), { code: "42P02", message: "there is no parameter $2", position: "12" });
  t.like(await error("SELECT 1; DELETE FROM local_setting WHERE v = $1"), { code: "42P02", position: "47" });
  await client.query("PREPARE p(int) AS SELECT $1 + 1 AS n");
  t.deepEqual((await client.query("EXECUTE p(4)")).rows, [{ n: 5 }]);
  await client.end();
});

test.serial(
  "pg_sleep: the answer is held back, others are served meanwhile; it ends by statement_timeout and by a cancel",
  async (t) => {
    const [a, b] = await Promise.all([connect(), connect()]);
    const began = performance.now();
    const slept = a.client.query<{ span: string }>(
      "SELECT pg_sleep(0.4), clock_timestamp() - now() >= '400 ms' AS long",
    );
    t.is((await b.client.query("SELECT 1")).rowCount, 1);
    t.true(performance.now() - began < 400, "the thread does not sleep");
    t.deepEqual((await slept).rows, [{ pg_sleep: "", long: true }]);
    t.true(performance.now() - began >= 400);
    await a.client.query("SET statement_timeout = '100ms'");
    await t.throwsAsync(a.client.query("SELECT pg_sleep_for('1 hour')"), { message: /statement timeout/ });
    await a.client.query("RESET statement_timeout");
    const long = a.client.query("SELECT pg_sleep('Infinity')");
    await cancel(a.client);
    await t.throwsAsync(long, { message: /user request/ });
    await Promise.all([a, b].map(({ client }) => client.end()));
  },
);

test.serial(
  "a statement of the row on which a cursor stands takes parameters, is prepared once, and finds the row by its key",
  async (t) => {
    const { client } = await connect();
    const count = 3_000;
    await client.query(`CREATE TABLE walked AS SELECT g AS i, 0 AS seen FROM generate_series(1, ${count}) g`);
    await client.query("BEGIN");
    await client.query("DECLARE w CURSOR FOR SELECT i FROM walked");
    const update = { name: "mark", text: "UPDATE walked SET seen = seen + $1 WHERE CURRENT OF w RETURNING i" };
    const began = performance.now();
    for (let row = 1; row <= count; row++) {
      const { rows } = await client.query<{ i: number }>("FETCH w");
      const marked = await client.query<{ i: number }>({ ...update, values: [row] });
      t.deepEqual(marked.rows, rows);
    }
    // A scan for each row would look at nine million.
    t.true(performance.now() - began < 120_000);
    await client.query("COMMIT");
    await t.throwsAsync(client.query({ ...update, values: [] }), { code: "08P01" });
    await t.throwsAsync(client.query({ ...update, values: [1] }), { code: "34000" });
    const { rows } = await client.query(
      "SELECT count(*)::int AS n, sum(seen)::int AS total FROM walked WHERE seen = i",
    );
    t.deepEqual(rows, [{ n: count, total: (count * (count + 1)) / 2 }]);
    const plan = await client.query<{ "QUERY PLAN": string }>(
      "EXPLAIN (COSTS off) SELECT i FROM walked FOR SYSTEM_TIME ALL w WHERE w.row_key = '\\x00'::bytea",
    );
    t.deepEqual(
      plan.rows.slice(0, 2).map((row) => row["QUERY PLAN"].trim()),
      ["Primary Key Scan on walked w", "Index Cond: (row_key = '\\x00'::bytea)"],
    );
    await client.end();
  },
);

test.serial("a listener that reads late hears everything, in order", async (t) => {
  const [listener, teller] = await Promise.all([connect(), connect()]);
  await listener.client.query("LISTEN late");
  const { stream } = (listener.client as unknown as { connection: { stream: Socket } }).connection;
  stream.pause();
  const [count, payload] = [6_000, "x".repeat(7_900)];
  for (let from = 0; from < count; from += 500) {
    const numbers = `generate_series(${from}, ${from + 499})`;
    await teller.client.query(`SELECT count(pg_notify('late', n || ' ${payload}')) FROM ${numbers} n`);
  }
  t.deepEqual(listener.heard, []);
  stream.resume();
  await until(() => listener.heard.length === count);
  t.deepEqual(
    listener.heard.map((text) => Number(text.split(" ")[1])),
    Array.from({ length: count }, (_, number) => number),
  );
  await Promise.all([listener.client.end(), teller.client.end()]);
});
