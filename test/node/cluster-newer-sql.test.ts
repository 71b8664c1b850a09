/**
 * Cursors with WHERE CURRENT OF, COPY … WHERE, schemas with their elements, materialized views, generated columns, ON CONFLICT through views and
 * keys that older programs do not take,
 * each asked for at another of three nodes: all of them say the same, also when the one that led has been killed, and when it is back.
 */
import test, { type ExecutionContext } from "ava";
import { ClusterRig } from "../admin/cluster-rig.js";
import { PostgresClient } from "../query/postgres/client.js";

let cluster: ClusterRig;

test.before(async () => {
  cluster = await ClusterRig.withPostgres(3);
});
test.after.always(() => cluster.remove());

async function session(index: number): Promise<PostgresClient> {
  const port = cluster.postgresPort(index);
  const client = await PostgresClient.connect({ host: "127.0.0.1", port, user: "admin", database: "main" });
  await client.rows("SET kimberlite.consistency = 'linearizable'");
  await client.rows("SET search_path TO ward, public");
  return client;
}

/** What is asked of every replica. */
const questions = [
  "SELECT * FROM ward.patients ORDER BY id",
  "SELECT * FROM ward.grown ORDER BY name",
  "SELECT * FROM ward.loads ORDER BY ward",
  "SELECT * FROM ward.later ORDER BY n",
  "SELECT n, length(k), md5(k) FROM ward.letters ORDER BY k",
  "SELECT n FROM ward.letters ORDER BY k DESC, n LIMIT 3",
  "SELECT table_name, is_updatable, check_option FROM information_schema.views WHERE table_schema = 'ward' ORDER BY 1",
  "SELECT relname, relkind, pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'ward'::regnamespace ORDER BY 1",
  "SELECT matviewname, mode, ispopulated, position FROM kimberlite.materialized_views ORDER BY 1",
  "SELECT attname, attgenerated, pg_get_expr(adbin, adrelid) FROM pg_attribute a JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 'ward.patients'::regclass ORDER BY 1",
  "SELECT from_position, operation, id, weight FROM kimberlite.row_history('ward.patients') ORDER BY 1, 3",
  "SELECT * FROM ward.loads FOR SYSTEM_TIME AS OF POSITION 4 ORDER BY ward",
];

const answersOf = async (client: PostgresClient): Promise<readonly unknown[]> => {
  const all: unknown[] = [];
  for (const question of questions) all.push(await client.rows(question));
  return all;
};

/** Every node that runs gives the same answers. @returns them */
async function same(t: ExecutionContext, nodes: readonly number[]): Promise<readonly unknown[]> {
  const clients = await Promise.all(nodes.map(session));
  const [first, ...others] = await Promise.all(clients.map(answersOf));
  t.is(others.length, nodes.length - 1);
  for (const [index, other] of others.entries())
    for (const [place, answer] of other.entries())
      t.deepEqual(answer, first?.[place], `node ${nodes[index + 1]}: ${questions[place]}`);
  for (const client of clients) client.close();
  return first ?? [];
}

/** Changes of every kind, of rows from `first` on. */
async function change(t: ExecutionContext, client: PostgresClient, first: number): Promise<void> {
  const lines = Array.from(
    { length: 20 },
    (_, at) => `${first + at}\tp${first + at}\t${at % 3 === 0 ? "\\N" : at}\t${at % 2 === 0 ? "north" : "south"}\n`,
  );
  const copied = await client.copyIn(
    "COPY ward.patients (id, name, weight, ward) FROM STDIN WHERE weight IS NOT NULL AND id % 5 <> 0",
    lines.join(""),
  );
  t.is(copied.kind === "rows" ? copied.tag : copied.message, "COPY 11");
  await client.rows("BEGIN");
  await client.rows(
    `DECLARE c CURSOR FOR SELECT id, weight FROM ward.patients WHERE id >= ${first} ORDER BY id FOR UPDATE`,
  );
  await client.rows("FETCH 2 FROM c");
  await client.rows("UPDATE ward.patients SET weight = 100 WHERE CURRENT OF c");
  await client.rows("FETCH FROM c");
  await client.rows("DELETE FROM ward.patients WHERE CURRENT OF c");
  await client.rows("COMMIT");
  const upsert = `INSERT INTO ward.heavy AS h (id, name, weight, ward) VALUES (${first + 8}, 'again', 77, 'north'), (${first + 50}, 'new', 88, 'south') ON CONFLICT (id) DO UPDATE SET name = excluded.name || h.name, weight = h.weight + excluded.weight RETURNING id, twice`;
  t.is((await client.rows(upsert)).length, 2);
  const light = await client.query(`INSERT INTO ward.heavy (id, name, weight) VALUES (${first + 60}, 'light', 1)`);
  t.is(light.kind === "failed" ? light.sqlState : "", "44000");
  const given = await client.query(`UPDATE ward.patients SET twice = 1`);
  t.is(given.kind === "failed" ? given.sqlState : "", "428C9");
  const letters = `INSERT INTO ward.letters SELECT i || repeat('letter', 445), i FROM generate_series(${first}, ${first + 9}) i`;
  await client.rows(letters);
  await client.rows("REFRESH MATERIALIZED VIEW ward.later");
}

test("newer SQL says the same on all three replicas, also when the leader is killed, and when it is back", async (t) => {
  t.timeout(120_000);
  const leader = await cluster.leaderOf(1);
  const followers = [0, 1, 2].filter((index) => index !== leader);
  const [one = 0, two = 0] = followers;
  const a = await session(one);
  await a.rows(
    `CREATE SCHEMA ward
       CREATE TABLE patients (id int PRIMARY KEY, name text NOT NULL, weight numeric CHECK (weight > 0), ward text,
         twice numeric GENERATED ALWAYS AS (weight * 2) STORED, label text GENERATED ALWAYS AS (upper(name)) STORED)
       CREATE INDEX ON patients (ward, twice)
       CREATE TABLE letters (k text PRIMARY KEY, n int)
       CREATE INDEX ON letters (k DESC, n)
       CREATE VIEW heavy AS SELECT id, name, weight, ward, twice FROM patients WHERE weight > 5 WITH CHECK OPTION
       CREATE VIEW grown AS SELECT name, twice FROM heavy
       CREATE SEQUENCE numbers START 5`,
  );
  await a.rows(
    "CREATE MATERIALIZED VIEW ward.loads AS SELECT ward, count(*) AS n, sum(twice) AS s FROM ward.patients GROUP BY ward",
  );
  await a.rows(
    "CREATE MATERIALIZED VIEW ward.later WITH (maintenance = refresh) AS SELECT rank() OVER (ORDER BY id) AS n, label FROM ward.patients",
  );
  await change(t, a, 100);
  const b = await session(two);
  await change(t, b, 200);
  const before = await same(t, [0, 1, 2]);
  t.true(before.every((answer) => Array.isArray(answer)));
  t.true((before[0] as readonly unknown[]).length >= 20, "rows are there to be compared");

  // A cursor's transaction that is open at the kill ends as a whole.
  await b.rows("BEGIN");
  await b.rows("DECLARE c CURSOR FOR SELECT id FROM ward.patients ORDER BY id FOR UPDATE");
  await b.rows("FETCH FROM c");
  await b.rows("UPDATE ward.patients SET weight = 9999 WHERE CURRENT OF c");
  await cluster.end(leader, "SIGKILL");
  const until = Date.now() + 60_000;
  let state = "";
  while (state === "" && Date.now() < until) {
    const answer = await b.query("DELETE FROM ward.patients WHERE CURRENT OF c");
    state = answer.kind === "failed" ? answer.sqlState : "";
  }
  t.true(["40001", "57P01", "57P03", "08007"].includes(state), state);
  await b.query("ROLLBACK");
  let goesOn = false;
  while (!goesOn && Date.now() < until) {
    goesOn = (await a.query("UPDATE ward.patients SET weight = weight WHERE false")).kind === "rows";
    if (!goesOn) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.deepEqual(await same(t, followers), before, "behind the next leader all is as it was");
  await change(t, a, 300);
  const after = await same(t, followers);
  t.notDeepEqual(after, before);
  await cluster.start(leader);
  t.deepEqual(await same(t, [0, 1, 2]), after, "the node that came back says the same");
  a.close();
  b.close();

  // Two of the three, of which neither has heard of the third, know from what is written that it takes such keys.
  await Promise.all([0, 1, 2].map((node) => cluster.end(node, "SIGTERM")));
  await cluster.start(one, two);
  const c = await session(one);
  t.deepEqual(await c.rows("INSERT INTO ward.letters VALUES (repeat('alone', 500), 0) RETURNING length(k)"), [
    ["2500"],
  ]);
  await cluster.start(leader);
  await same(t, [0, 1, 2]);
  c.close();
});
