/** Sizes of tables, indexes and databases, against what was put into them. */
import test from "ava";
import pg from "pg";
import { startTarget } from "./clients/target.js";

const { target, stop } = await startTarget({
  postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
});
const client = new pg.Client({ host: target.host, port: target.port, user: "admin", database: "main" });
await client.connect();
test.after.always(async () => {
  await client.end();
  await stop();
});

async function numbers(text: string): Promise<readonly (number | null)[]> {
  const { rows } = await client.query<(string | null)[]>({ text, rowMode: "array" });
  return (rows[0] ?? []).map((value) => (value === null ? null : Number(value)));
}

const sizesOf = async (table: string): Promise<readonly number[]> =>
  (
    await numbers(
      `SELECT pg_relation_size('${table}'), pg_table_size('${table}'), pg_indexes_size('${table}'), pg_total_relation_size('${table}')`,
    )
  ).map((size) => size ?? Number.NaN);

test.serial(
  "a table's size is about what its rows take, and includes its past and its indexes where that is asked for",
  async (t) => {
    await client.query("CREATE TABLE sized (i int PRIMARY KEY, b text)");
    await client.query("CREATE INDEX by_text ON sized (b)");
    t.deepEqual(await sizesOf("sized"), [0, 0, 0, 0]);
    const rows = 20_000;
    await client.query(`INSERT INTO sized SELECT g, repeat(md5(g::text), 3) || g FROM generate_series(1, ${rows}) g`);
    const [own = 0, table = 0, indexes = 0, total = 0] = await sizesOf("sized");
    const rowBytes = rows * 100;
    t.true(own > rowBytes && own < 2.5 * rowBytes, String(own));
    t.is(table, own);
    t.true(indexes > rowBytes && indexes < 3 * rowBytes, String(indexes));
    t.is(total, table + indexes);
    await client.query("UPDATE sized SET b = reverse(b)");
    const [, withPast = 0, indexesWithPast = 0] = await sizesOf("sized");
    t.true(withPast > 1.5 * table && indexesWithPast > 1.5 * indexes);
    const [key = -1, byText = 0] = await numbers("SELECT pg_relation_size('sized_pkey'), pg_relation_size('by_text')");
    t.is(key, 0);
    t.true((byText ?? 0) > rowBytes);
    await client.query("TRUNCATE sized");
    t.deepEqual(await sizesOf("sized"), [0, 0, 0, 0]);
  },
);

test.serial("long values count, few rows take little, and what has no rows takes nothing", async (t) => {
  await client.query("CREATE TABLE few AS SELECT g AS i FROM generate_series(1, 3) g");
  await client.query("CREATE TABLE long AS SELECT repeat(md5(g::text), 2000) AS text FROM generate_series(1, 50) g");
  await client.query("CREATE VIEW seen AS SELECT * FROM few");
  await client.query("CREATE SEQUENCE drawn");
  const [few = 0] = await sizesOf("few");
  t.true(few > 30 && few < 16_384, String(few));
  const [long = 0] = await sizesOf("long");
  t.true(long > 50 * 64_000 && long < 50 * 96_000, String(long));
  await client.query("BEGIN");
  await client.query("INSERT INTO few SELECT g FROM generate_series(1, 1000) g");
  t.deepEqual((await sizesOf("few"))[0], few);
  await client.query("ROLLBACK");
  t.deepEqual(
    await numbers(
      "SELECT pg_relation_size('seen'), pg_table_size('drawn'), pg_relation_size('pg_class'), pg_relation_size('few', 'vm')",
    ),
    [0, 0, 0, 0],
  );
  t.deepEqual(await numbers("SELECT pg_relation_size(4000000000), pg_total_relation_size(4000000000)"), [null, null]);
  await t.throwsAsync(client.query("SELECT pg_relation_size('few', 'rest')"), { code: "22023" });
});

test.serial("a database is at least its tables, and one that does not exist is an error", async (t) => {
  const [database = 0, long = 0] = await numbers("SELECT pg_database_size('main'), pg_total_relation_size('long')");
  t.true((database ?? 0) > (long ?? 0));
  const { rows } = await client.query(
    "SELECT pg_size_pretty(pg_database_size(oid)) ~ '^\\d+ (kB|MB)$' AS told FROM pg_database",
  );
  t.deepEqual(rows, [{ told: true }]);
  await t.throwsAsync(client.query("SELECT pg_database_size('nowhere')"), { code: "3D000" });
});
