/** Temporary tables over three nodes: whose they are, on whichever node, and what is left of them when their sessions, or nodes, are gone. */
import test from "ava";
import pg from "pg";
import { ClusterRig } from "../admin/cluster-rig.js";

let cluster: ClusterRig;

test.before(async () => {
  cluster = await ClusterRig.withPostgres(3);
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
    await new Promise((resolve) => setTimeout(resolve, 25));
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

test.serial(
  "what the sessions of a killed node leave behind is cleared away by the next that makes some",
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
    t.true(
      await until(async () => {
        // A session makes its schema once.
        await next.query("DISCARD TEMP").catch(() => {});
        await next.query("CREATE TEMP TABLE fresh (id int)").catch(() => {});
        return (await schemasSeenBy(next).catch(() => 0)) === 2;
      }),
      "the orphan's schema is gone, the survivor's is not",
    );
    t.deepEqual(
      (await other.query("SELECT * FROM survivor")).rows,
      [{ id: 1 }],
      "though it has said nothing meanwhile",
    );
    await Promise.all([other.end(), next.end()]);
  },
);
