/** Plans that are kept while their tables grow: they are made anew for what the tables have become. */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { PlanSizes } from "../../actors/sql/plan-sizes.js";
import type { TableDefinition } from "../../runtime/query/catalog/model.js";
import { withNode } from "./fuzz/programs/target.js";

test("a plan suits tables until one of them is another by far, and is looked after once in a while", (t) => {
  const table = {} as TableDefinition;
  let [rows, asked] = [1_000, 0];
  const statistics = {
    rowsEstimate: (): number => {
      asked += 1;
      return rows;
    },
  };
  const sizes = new PlanSizes(statistics, 5_000);
  t.is(sizes.rowsEstimate(table), 1_000);
  sizes.end();
  rows = 4_000;
  t.true(sizes.suits(() => statistics, 6_000));
  rows = 4_001;
  t.true(
    sizes.suits(() => statistics, 6_999),
    "nobody has looked",
  );
  t.is(asked, 2);
  t.false(sizes.suits(() => statistics, 7_000));
  rows = 1_000;
  t.false(
    sizes.suits(() => statistics, 9_000),
    "it is made anew, whatever comes",
  );
  const shrinking = new PlanSizes(statistics, 0);
  shrinking.rowsEstimate(table);
  rows = 249;
  // Also when the clock is set back.
  t.false(shrinking.suits(() => statistics, -1_000));
});

test("a prepared join of small tables is planned anew when one of them is large: it is the other one that is hashed then", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    const run = async (...statements: readonly string[]): Promise<void> => {
      for (const sql of statements) await client.rows(sql);
    };
    const join = "from visits v join patients p on v.code = p.code";
    await run(
      "create table visits (id int primary key, code int)",
      "create table patients (id int primary key, code int)",
      "insert into patients select g, g from generate_series(1, 3) g",
      "insert into visits select g, 4 - g from generate_series(1, 3) g",
      `prepare read as select v.id ${join}`,
      "create table seen (at serial, id int)",
      `prepare copy as insert into seen (id) select v.id ${join}`,
    );
    // The order of rows that come out of a hash join is that of the side that is not hashed.
    const order = async (): Promise<string> => {
      await run("delete from seen", "execute copy");
      const read = (await client.rows("execute read")).map(([id]) => id);
      const written = (await client.rows("select id from seen order by at")).map(([id]) => id);
      return [...read, ...written].join(" ");
    };
    t.is(await order(), "1 2 3 1 2 3");
    await run("insert into patients select g, g from generate_series(4, 20000) g");
    await sleep(1_100);
    t.is(await order(), "3 2 1 3 2 1");
  });
});
