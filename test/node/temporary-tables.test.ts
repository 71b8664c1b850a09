/** Temporary tables over three nodes: whose they are, on whichever node, and what is left of them when their sessions, or nodes, are gone. */
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import pg from "pg";
import { silentMs } from "../../actors/shard/sql/temporary-sessions.js";
import { ClusterRig } from "../admin/cluster-rig.js";

let cluster: ClusterRig;

test.before(async () => {
  cluster = await ClusterRig.withPostgres(3, "cuttable");
});
test.after.always(() => cluster.remove());

async function client(index: number): Promise<pg.Client> {
  const port = cluster.postgresPort(index);
  const made = new pg.Client({ host: "127.0.0.1", port, user: "admin", database: "main" });
  made.on("error", () => {});
  await made.connect();
  return made;
}

/** Schemas of temporary tables that there are, as anybody sees them. */
async function schemasSeenBy(each: pg.Client): Promise<number> {
  const text = "SELECT count(*)::int AS n FROM pg_namespace WHERE nspname LIKE 'pg_temp_%'";
  return (await each.query<{ n: number }>(text)).rows[0]?.n ?? -1;
}

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let left = 400; left > 0; left -= 1) {
    if (await condition()) return true;
    await sleep(100);
  }
  return false;
}

test.serial("tables of one name are each session's own, with plans of their own, and end with it", async (t) => {
  const clients = await Promise.all([client(0), client(1), client(2)]);
  for (const [index, each] of clients.entries()) {
    await each.query("CREATE TEMP TABLE mine (id int PRIMARY KEY, v text)");
    await each.query({ name: "put", text: "INSERT INTO mine VALUES ($1, $2)", values: [index, `of ${index}`] });
  }
  for (const [index, each] of clients.entries()) {
    const { rows } = await each.query({ name: "get", text: "SELECT v FROM mine WHERE id = $1", values: [index] });
    t.deepEqual(rows, [{ v: `of ${index}` }]);
    t.is((await each.query("SELECT * FROM mine")).rowCount, 1);
  }
  const [a, b, c] = clients;
  if (a === undefined || b === undefined || c === undefined) throw new Error("three clients were made");
  const { rows } = await a.query<{ s: string }>(
    "SELECT nspname AS s FROM pg_namespace WHERE oid = pg_my_temp_schema()",
  );
  const stranger = b.query(`SELECT * FROM ${rows[0]?.s ?? ""}.mine`);
  await t.throwsAsync(stranger, { message: /other sessions/ });
  t.is(await schemasSeenBy(c), 3);
  await Promise.all([a.end(), b.end()]);
  t.true(await until(async () => (await schemasSeenBy(c)) === 1), "they end with their sessions");
  t.is((await c.query("SELECT v FROM mine")).rows.length, 1);
  await c.end();
});

/** Cuts a node off from others for so long, and proves that nothing came through. ms */
async function cutOff(t: ExecutionContext, node: number, others: readonly number[], ms: number): Promise<void> {
  const { network } = cluster;
  if (network === null) throw new Error("the nodes have a network between them");
  const passed = await network.cut(node, others);
  await sleep(ms);
  t.is(passed(), 0, "nothing came through");
  network.heal();
}

/** A session that goes on, or is ended. @returns what a statement comes to: its rows, or the SQLSTATE */
async function cameTo(each: pg.Client, text: string): Promise<unknown> {
  try {
    return (await each.query(text)).rows;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

test.serial(
  "a session keeps its temporary tables when its node was cut off for a moment, though it says nothing",
  async (t) => {
    const leader = await cluster.leaderOf(1);
    const [node = 0] = [0, 1, 2].filter((index) => index !== leader);
    const [one, other] = [await client(node), await client(leader)];
    await one.query("CREATE TEMP TABLE mine (id int)");
    await one.query("INSERT INTO mine VALUES (7)");
    await cutOff(t, node, [leader], 4_000);
    await sleep(silentMs + 2_000);
    await other.query("CREATE TEMP TABLE mine (id int)");
    t.deepEqual(await cameTo(one, "SELECT * FROM mine"), [{ id: 7 }]);
    await one.query("INSERT INTO mine VALUES (8)");
    t.is((await one.query("SELECT * FROM mine")).rowCount, 2);
    await Promise.all([one.end(), other.end()]);
    const next = await client(leader);
    t.true(await until(async () => (await schemasSeenBy(next)) === 0), "both end with their sessions");
    await next.end();
  },
);

test.serial(
  "a session whose node was cut off for long is ended, and never reads others' tables for its own",
  async (t) => {
    const leader = await cluster.leaderOf(1);
    const rest = [0, 1, 2].filter((index) => index !== leader);
    const [node = 0] = rest;
    const [reads, writes, other] = [await client(node), await client(node), await client(leader)];
    await other.query("CREATE TABLE mine (id int PRIMARY KEY)");
    for (const each of [reads, writes]) {
      await each.query("CREATE TEMP TABLE mine (id int PRIMARY KEY)");
      await each.query({ name: "put", text: "INSERT INTO mine VALUES (7)" });
      await each.query({ name: "get", text: "SELECT * FROM mine WHERE id = 7" });
    }
    await cutOff(
      t,
      node,
      [0, 1, 2].filter((index) => index !== node),
      silentMs + 8_000,
    );
    t.true(await until(async () => (await schemasSeenBy(other).catch(() => -1)) === 0), "they were cleared away");
    t.true(await until(async () => (await cameTo(reads, "SELECT * FROM mine WHERE id = 7")) === "57P01"));
    t.true(await until(async () => (await cameTo(writes, "INSERT INTO mine VALUES (8)")) === "57P01"));
    t.deepEqual(await cameTo(other, "SELECT * FROM mine"), [], "nothing of theirs is in it");
    await other.query("DROP TABLE mine");
    await other.end();
  },
);

test.serial(
  "what the sessions of a killed node leave behind goes though the leader stays, and their role can go",
  async (t) => {
    const leader = await cluster.leaderOf(1);
    const [node = 0] = [0, 1, 2].filter((index) => index !== leader);
    const [lost, other] = [await client(node), await client(leader)];
    await other.query("CREATE ROLE leaves");
    await lost.query("SET ROLE leaves");
    await lost.query("CREATE TEMP TABLE orphan (id int)");
    await cluster.end(node, "SIGKILL");
    t.is(await cameTo(other, "DROP ROLE leaves"), "2BP01");
    t.true(await until(async () => (await schemasSeenBy(other)) === 0));
    t.deepEqual(await cameTo(other, "DROP ROLE leaves"), []);
    t.is(await cluster.leaderOf(1), leader);
    await other.end();
    await cluster.start(node);
  },
);

test.serial(
  "what the sessions of a killed leader leave behind goes, and what sessions of other nodes have does not",
  async (t) => {
    const leader = await cluster.leaderOf(1);
    const [one = 0, two = 0] = [0, 1, 2].filter((index) => index !== leader);
    const [lost, other] = [await client(leader), await client(one)];
    await lost.query("CREATE TEMP TABLE orphan (id int)");
    await lost.query("INSERT INTO orphan SELECT generate_series(1, 100)");
    await other.query("CREATE TEMP TABLE survivor (id int)");
    await other.query("INSERT INTO survivor VALUES (1)");
    await cluster.end(leader, "SIGKILL");
    const next = await client(two);
    t.true(await until(async () => (await schemasSeenBy(next).catch(() => 0)) === 1));
    t.deepEqual(await cameTo(other, "SELECT * FROM survivor"), [{ id: 1 }], "though it has said nothing meanwhile");
    await Promise.all([other.end(), next.end()]);
  },
);
