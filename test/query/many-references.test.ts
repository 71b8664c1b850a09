/** Keys that go away in numbers: what refers to them follows, by an index and without one, through several tables and within one. */
import test from "ava";
import { comparePlansAndRows } from "./explained.js";
import { withNode } from "./fuzz/programs/target.js";

const definitions = [
  "create table par (id int primary key, other bigint unique)",
  "create table chi (id int primary key, p int references par on delete cascade, q bigint references par (other) on delete set null, n int)",
  "create index on chi (p)",
  "create index on chi (n)",
  "create table bare (id int primary key, p bigint references par on delete cascade)",
  "create table leaf (id int primary key, c int references chi on delete set null, b int references bare on delete set default default 3)",
  "create table tree (id int primary key, up int references tree on delete cascade)",
  "create table held (id int primary key, p int references par)",
  "insert into par select g, g * 2 from generate_series(1, 300) g",
  "insert into chi select g, g * 7 % 300 + 1, nullif((g * 11 % 300 + 1) * 2, 22), g * 13 % 50 from generate_series(1, 900) g",
  "insert into bare select g, nullif(g * 17 % 290, 0) + 5 from generate_series(1, 600) g",
  "insert into leaf select g, nullif(g % 901, 0), g % 600 + 1 from generate_series(1, 1200) g",
  "insert into tree select g, nullif(g / 2, 0) from generate_series(1, 500) g",
  "insert into held select g, g + 280 from generate_series(1, 20) g",
];
const written = [
  "delete from par where id % 3 = 1 and id < 270",
  "delete from tree where id in (5, 9, 40, 80)",
  "delete from bare where id % 11 = 1",
];

test("rows that refer to many keys that are gone follow them as in PostgreSQL", async (t) => {
  await comparePlansAndRows(
    t,
    [...definitions, ...written],
    ["par", "chi", "bare", "leaf", "tree"].map((table) => [`select * from ${table} order by id`, /./]),
  );
});

test("of many keys that are gone the first that is still referred to is named", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const refused = await t.throwsAsync(client.rows("delete from par where id > 270"));
    t.regex(refused.message, /"par" violates foreign key constraint "held_p_fkey" on table "held"/);
    t.deepEqual((await client.rows("select count(*) from chi")).map(String), ["900"], "nothing of it was done");
    t.deepEqual((await client.rows("delete from par where id between 270 and 280 returning id")).length, 11);
  });
});
