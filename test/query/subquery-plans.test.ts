/** Subqueries asked for many rows: what is found once has the answers that a run for each row has. */
import test from "ava";
import { comparePlansAndRows, type Explained } from "./explained.js";
import { withNode } from "./fuzz/programs/target.js";

const definitions = [
  "create table outside (id int primary key, k int, b bigint, s text, v numeric)",
  "insert into outside select g, nullif(g % 70, 3), g % 9, 'k' || g % 11, g % 13 from generate_series(1, 400) g",
  "create table inside (id int primary key, k int, b bigint, s varchar(9), v int, n numeric)",
  "insert into inside select g, nullif(g % 40, 5), g % 7, 'k' || g % 9, nullif(g % 17, 8), g * 1.5 from generate_series(1, 300) g",
  "create index on inside (k)",
];

const hashed = /Hashed SubPlan/;
const byRow = /^(?![\s\S]*Hashed SubPlan)[\s\S]*SubPlan/;

const found: readonly Explained[] = [
  "select id, (select count(*) from inside i where i.k = o.k) from outside o order by id",
  "select id, (select sum(v) from inside i where i.k = o.k and i.v > 3) from outside o order by id",
  "select id, (select coalesce(max(v), -1) + o.id from inside i where i.k = o.k) from outside o order by id",
  "select id, (select min(i.s) || o.s from inside i where o.b = i.b and i.s = o.s) from outside o order by id",
  "select id, (select count(distinct v) filter (where n > 100) from inside i where i.b = o.k) from outside o order by id",
  "select id, (select i.s from inside i where i.id = o.k) from outside o order by id",
  "select id from outside o where exists (select 1 from inside i where i.k = o.k and i.v = 2) or o.id % 90 = 0 order by id",
  "select id, case when not exists (select from inside i where i.s = o.s) then 'none' end from outside o order by id",
  "select id, (select count(*) from inside i join inside j on j.id = i.v where i.k = o.k) from outside o order by id",
  "select id from outside o where v = (select avg(v) from inside i where i.k = o.k) or v > 11 order by id",
].map((sql) => [sql, hashed]);

const notFound: readonly Explained[] = [
  // What fails for rows that nobody asks for would fail the statement.
  "select id, (select max(100 / (i.id - 300)) from inside i where i.id = o.k) from outside o order by id",
  "select id, (select count(*) from inside i where i.id = o.k and 100 / (i.id - 300) < 0) from outside o order by id",
  "select id, (select count(*) from inside i where i.k < o.k) from outside o where id < 60 order by id",
  "select id, (select v from inside i where i.k = o.k order by id limit 1) from outside o order by id",
  "select id, (select array_agg(v order by v) from inside i where i.k = o.k) from outside o order by id",
  "select id, (select count(*) from inside i where i.k = o.k having count(*) > 7) from outside o order by id",
].map((sql) => [sql, byRow]);

test("a correlated subquery that is asked for many rows is run once for all keys, where nothing in it can fail", async (t) => {
  await comparePlansAndRows(t, definitions, [...found, ...notFound]);
});

test("several rows of a key are an error only where they are asked for", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const sql = "select (select v from inside i where i.k = o.k) from outside o where o.k = 5 or o.id > ";
    t.is((await client.rows(`${sql} 1000`)).length, 6);
    const refused = await t.throwsAsync(client.rows(`${sql} 200`));
    t.regex(refused.message, /more than one row returned by a subquery used as an expression/);
  });
});

const operators = ["<", "<=", ">", ">=", "<>", "="];
const sets = [
  "select v from inside where v between 4 and 6",
  "select nullif(v, 5) from inside where v between 4 and 6",
  "select v from inside where v = 12",
  "select null::int from inside where v = 12",
  "select v from inside where v = 99",
];
const compared = operators.flatMap((operator) =>
  ["any", "all"].flatMap((form) =>
    sets.flatMap((set): Explained[] => [
      [`select count(*) from outside where k ${operator} ${form} (${set})`, /SubPlan/],
      [`select id, v ${operator} ${form} (${set}) from outside where id < 75 order by id`, /SubPlan/],
    ]),
  ),
);
const numbers = "select f from (values ('nan'::float8), (1), ('-infinity')) s(f)";

test("a comparison with all values of a subquery has the answers of one with each of them", async (t) => {
  await comparePlansAndRows(t, definitions, [
    ...compared,
    [
      `select x, x < any (${numbers}), x >= all (${numbers}) from (values ('nan'::float8), (0), (null)) v(x)`,
      /SubPlan/,
    ],
    ["select count(*) from outside where s <> all (select s from inside where v > 14)", /SubPlan/],
    ["select count(*) from outside o where o.k < all (select k from inside i where i.b = o.b)", /SubPlan/],
  ]);
});
