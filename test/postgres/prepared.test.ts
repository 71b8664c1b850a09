/**
 * Prepared statements over definitions that change under them, on a real node: what was planned is forgotten when it is no longer true, on
 * the connection that changed it and on others; and a client is never given another result than it was told of.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { startNode } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { bind, describe, execute, fieldsOf, parse, query, RawClient, startupPacket, sync } from "./rig.js";

const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-prepared-"));
const node = await startNode({
  dataDirectory: directory,
  listen: null,
  postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
});
await node.createFirstUser("admin", formatVerifier(await scramVerifier("prepared")));
const clients: RawClient[] = [];

test.after.always(async () => {
  for (const { socket } of clients) socket.destroy();
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function session(): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port: node.addresses.postgres?.port ?? 0 });
  await once(socket, "connect");
  const client = new RawClient(socket);
  clients.push(client);
  client.send(startupPacket({ user: "admin", database: "main" }));
  await client.untilReady();
  return client;
}

/** What a round answers, without the position of the session's last write and the end of the round. */
async function round(client: RawClient, ...messages: readonly Uint8Array[]): Promise<string[]> {
  const answers = await client.ask(...messages);
  return answers.filter((answer) => !answer.startsWith("S kimberlite.position") && !answer.startsWith("Z"));
}

const sql = async (client: RawClient, text: string): Promise<string[]> => round(client, query(text));
const run = (client: RawClient, name: string, ...values: (string | null)[]): Promise<string[]> =>
  round(client, bind("", name, values), execute(""), sync);
const changed = "E 0A000 cached plan must not change result type";

test.serial("definitions change between two runs of a statement, on its own connection and on another", async (t) => {
  const [a, b] = [await session(), await session()];
  for (const changer of [a, b]) {
    await sql(a, "DROP TABLE IF EXISTS people");
    await sql(a, "CREATE TABLE people (id int PRIMARY KEY, name text)");
    await round(a, parse("add", "INSERT INTO people (id, name) VALUES ($1, $2)"), sync);
    await round(a, parse("look", "SELECT name FROM people WHERE id = $1"), sync);
    await round(a, parse("all", "SELECT * FROM people WHERE id = $1"), sync);
    for (const id of ["1", "2", "3"]) t.deepEqual(await run(a, "add", id, `n${id}`), ["2", "C INSERT 0 1"]);
    for (const id of ["1", "2"]) t.deepEqual(await run(a, "look", id), ["2", `D n${id}`, "C SELECT 1"]);
    t.deepEqual(await run(a, "all", "3"), ["2", "D 3|n3", "C SELECT 1"]);

    await sql(changer, "ALTER TABLE people ADD COLUMN age int NOT NULL DEFAULT 7");
    t.deepEqual(await run(a, "add", "4", "n4"), ["2", "C INSERT 0 1"], "a new column has its default");
    t.deepEqual(await run(a, "look", "4"), ["2", "D n4", "C SELECT 1"], "what did not ask for it is as before");
    t.deepEqual(await run(a, "all", "4"), ["2", changed]);
    t.deepEqual(await sql(a, "SELECT age FROM people WHERE id = 4"), ["T age", "D 7", "C SELECT 1"]);

    await sql(changer, "ALTER TABLE people DROP COLUMN age");
    t.deepEqual(await run(a, "all", "4"), ["2", "D 4|n4", "C SELECT 1"], "it is again what the client was told");

    await sql(changer, "ALTER TABLE people ALTER COLUMN name TYPE varchar(5)");
    t.deepEqual(await run(a, "look", "1"), ["2", changed]);
    t.deepEqual(await run(a, "add", "5", "much too long"), [
      "2",
      "E 22001 value too long for type character varying(5)",
    ]);

    await sql(changer, "ALTER TABLE people ADD CONSTRAINT positive CHECK (id > 0)");
    t.regex((await run(a, "add", "-1", "x"))[1] ?? "", /^E 23514 /);
    await sql(changer, "CREATE UNIQUE INDEX ON people (name)");
    t.regex((await run(a, "add", "6", "n1"))[1] ?? "", /^E 23505 /);
    t.deepEqual(await run(a, "add", "6", "n6"), ["2", "C INSERT 0 1"]);

    await sql(changer, "DROP TABLE people");
    t.deepEqual(await run(a, "add", "7", "n7"), ["2", 'E 42P01 relation "people" does not exist @13']);
    for (const name of ["add", "look", "all"]) await sql(a, `DEALLOCATE ${name}`);
  }
});

test.serial("a write whose RETURNING has become another is not done", async (t) => {
  const [a, b] = [await session(), await session()];
  await sql(a, "CREATE TABLE things (id int PRIMARY KEY, v int)");
  await round(a, parse("add", "INSERT INTO things VALUES ($1, $2) RETURNING *"), describe("S", "add"), sync);
  t.deepEqual(await run(a, "add", "1", "1"), ["2", "D 1|1", "C INSERT 0 1"]);
  await sql(b, "ALTER TABLE things ALTER COLUMN v TYPE bigint");
  t.deepEqual(await run(a, "add", "2", "2"), ["2", changed]);
  t.deepEqual(await sql(b, "SELECT count(*) FROM things"), ["T count", "D 1", "C SELECT 1"], "nothing was written");
  await round(a, parse("anew", "INSERT INTO things VALUES ($1, $2) RETURNING *"), sync);
  t.deepEqual(await run(a, "anew", "2", "2"), ["2", "D 2|2", "C INSERT 0 1"]);
});

test.serial("a statement's parameters stay of the types that the client was told", async (t) => {
  const [a, b] = [await session(), await session()];
  await sql(a, "CREATE TABLE typed (k int PRIMARY KEY, v text)");
  await sql(a, "INSERT INTO typed VALUES (1, 'one')");
  t.deepEqual(await round(a, parse("look", "SELECT v FROM typed WHERE k = $1"), describe("S", "look"), sync), [
    "1",
    "t 23",
    "T v",
  ]);
  t.deepEqual(await run(a, "look", "1"), ["2", "D one", "C SELECT 1"]);
  await sql(b, "ALTER TABLE typed ALTER COLUMN k TYPE text");
  t.regex((await run(a, "look", "1"))[1] ?? "", /^E 42883 operator does not exist: text = integer/);
});

test.serial("settings, search paths and roles that a plan depends on are told apart", async (t) => {
  const [a, b] = [await session(), await session()];
  await sql(a, "CREATE SCHEMA one");
  await sql(a, "CREATE SCHEMA two");
  for (const schema of ["one", "two"]) {
    await sql(a, `CREATE TABLE ${schema}.placed (k int PRIMARY KEY, v text)`);
    await sql(a, `INSERT INTO ${schema}.placed VALUES (1, '${schema}')`);
  }
  for (const client of [a, b]) {
    await sql(client, "SET search_path = one");
    await round(client, parse("look", "SELECT v FROM placed WHERE k = $1"), sync);
  }
  for (let times = 0; times < 3; times++) {
    for (const [client, schema] of [
      [a, times % 2 === 0 ? "one" : "two"],
      [b, times % 2 === 0 ? "two" : "one"],
    ] as const) {
      await sql(client, `SET search_path = ${schema}`);
      t.deepEqual(await run(client, "look", "1"), ["2", `D ${schema}`, "C SELECT 1"]);
    }
  }
  await sql(a, "CREATE TABLE moments (k int PRIMARY KEY, at timestamptz)");
  await sql(a, "INSERT INTO moments VALUES (1, '2020-01-01 00:00:00+00')");
  await round(a, parse("when", "SELECT at FROM moments WHERE k = $1"), sync);
  t.deepEqual(await run(a, "when", "1"), ["2", "D 2020-01-01 00:00:00+00", "C SELECT 1"]);
  await sql(a, "SET TIME ZONE 'Asia/Tokyo'");
  t.deepEqual(await run(a, "when", "1"), ["2", "D 2020-01-01 09:00:00+09", "C SELECT 1"]);
});

test.serial("each session reads and writes its own temporary table, whatever others call theirs", async (t) => {
  const three = [await session(), await session(), await session()] as const;
  const [plain, one, other] = three;
  await sql(plain, "CREATE TABLE mine (id int PRIMARY KEY, v text)");
  await sql(plain, "INSERT INTO mine VALUES (1, 'everybody')");
  for (const client of [one, other]) await sql(client, "CREATE TEMP TABLE mine (id int PRIMARY KEY, v text)");
  await sql(one, "INSERT INTO mine VALUES (1, 'one')");
  await sql(other, "INSERT INTO mine VALUES (1, 'other')");
  const ask = async (text: string): Promise<string[]> => {
    const values: string[] = [];
    for (const client of [...three, other, one, plain])
      values.push(...(await sql(client, text)).filter((answer) => answer.startsWith("D")));
    return values;
  };
  const wanted = ["everybody", "one", "other", "other", "one", "everybody"];
  // By the row's key, from a projection, and by the shard.
  t.deepEqual(
    await ask("SELECT v FROM mine WHERE id = 1"),
    wanted.map((value) => `D ${value}`),
  );
  t.deepEqual(
    await ask("SELECT max(v) FROM mine"),
    wanted.map((value) => `D ${value}`),
  );
  t.deepEqual(
    await ask("UPDATE mine SET v = v WHERE id = 1 RETURNING v"),
    wanted.map((value) => `D ${value}`),
  );
  for (const client of three) await round(client, parse("mine", "SELECT v FROM mine WHERE id = $1"), sync);
  const prepared = await Promise.all(three.map(async (client) => run(client, "mine", "1")));
  t.deepEqual(
    prepared.map(([, row]) => row),
    wanted.slice(0, 3).map((value) => `D ${value}`),
  );
  await sql(plain, "DROP TABLE mine");
});

test.serial("clients are told by the routine that what they had prepared is to be prepared again", async (t) => {
  const client = await session();
  const routine = async (name: string): Promise<string | undefined> => {
    client.send(bind("", name, []), execute(""), sync);
    const answers = await client.untilReady();
    return fieldsOf(answers.find(({ type }) => type === "E")?.body ?? new Uint8Array(0))["R"];
  };
  await sql(client, "CREATE TABLE told (v text)");
  await round(client, parse("look", "SELECT v FROM told"), describe("S", "look"), sync);
  await round(client, parse("add", "INSERT INTO told SELECT 'x'::text"), describe("S", "add"), sync);
  await sql(client, "ALTER TABLE told ALTER COLUMN v TYPE int USING v::int");
  t.is(await routine("look"), "RevalidateCachedQuery");
  t.is(await routine("add"), "transformAssignedExpr");
  t.is(await routine("none"), "FetchPreparedStatement");
  await sql(client, "DROP TABLE told");
  t.is(await routine("look"), undefined);
});

test.serial("CREATE TABLE AS and DECLARE take parameters, and say of which types they are", async (t) => {
  const client = await session();
  const make = "CREATE TEMP TABLE made AS SELECT $1::int + g AS n, $2 || 'y' AS v FROM generate_series(1, 2) AS g";
  t.deepEqual(await round(client, parse("make", make), describe("S", "make"), sync), ["1", "t 23,25", "n"]);
  t.deepEqual(await run(client, "make", "10", "x"), ["2", "C SELECT 2"]);
  t.deepEqual(await sql(client, "SELECT * FROM made"), ["T n|v", "D 11|xy", "D 12|xy", "C SELECT 2"]);
  await sql(client, "BEGIN");
  const open = "DECLARE c CURSOR FOR SELECT n FROM made WHERE n > $1";
  t.deepEqual(await round(client, parse("open", open), describe("S", "open"), sync), ["1", "t 23", "n"]);
  t.deepEqual(await run(client, "open", "11"), ["2", "C DECLARE CURSOR"]);
  t.deepEqual(await sql(client, "FETCH ALL FROM c"), ["T n", "D 12", "C FETCH 1"]);
  await sql(client, "ROLLBACK");
  t.deepEqual(await round(client, parse("", "DECLARE c CURSOR FOR SELECT $1 FROM nothing"), sync), [
    'E 42P01 relation "nothing" does not exist @37',
  ]);
  t.deepEqual(await round(client, parse("", "CREATE MATERIALIZED VIEW m AS SELECT $1::int AS n"), sync), [
    "E 0A000 materialized views may not be defined using bound parameters",
  ]);
  t.deepEqual(await round(client, parse("", "CREATE VIEW m AS SELECT $1::int AS n"), sync), [
    "E 42P02 there is no parameter $1",
  ]);
});
