/** Windows whose partitions come one after the other by an index: the rows of those that are sorted. */
import test from "ava";
import { comparePlansAndRows, type Explained } from "./explained.js";

const definitions = [
  "create table r (id int primary key, k int, s text, v numeric)",
  `insert into r select g, nullif(g * 7 % 523, 4), 's' || g % 3, nullif(g * 31 % 17, 5) from generate_series(1, 3000) g`,
  "create index r_k_v on r (k, v desc nulls last, id)",
  "create index r_s_k on r (s, k desc, id)",
  "analyze r",
];
const byIndex =
  /WindowAgg[^\n]*(\n +Run Condition[^\n]*)?\n +->  (Incremental Sort[^\n]*\n[^\n]*\n[^\n]*\n +->  )?Index Scan/;
const sorted = /WindowAgg[^\n]*(\n +Run Condition[^\n]*)?\n +->  Seq Scan/;
const inOrder = "partition by k order by v desc nulls last, id";

const some: readonly Explained[] = [
  `select k, id, row_number() over (${inOrder}) n from r order by k limit 20`,
  `select * from (select k, id, row_number() over (${inOrder}) n from r) x where n = 1 order by k limit 20`,
  `select * from (select k, id, row_number() over (${inOrder}) n from r) x where n = 1 order by k desc nulls first limit 40`,
  `select * from (select k, v, rank() over (partition by k order by v desc nulls last) n from r) x where n <= 2 order by k limit 30`,
  `select k, id, sum(v) over (${inOrder}), lead(id) over (${inOrder}), count(*) over (partition by k) from r order by k limit 9`,
  // The limit ends within a partition, and each of the first column has many of the second.
  `select s, k, count(*) over (partition by s, k), min(id) over (partition by k, s) from r order by s, k desc limit 25`,
  `select k, id, last_value(id) over (${inOrder} rows between unbounded preceding and unbounded following) from r
     order by k, v desc nulls last, id limit 50 offset 100`,
  `select k + 1, id from (select k, id, ntile(3) over (${inOrder}) n from r where k > 200) x where n = 2 order by k limit 30`,
].map((sql) => [sql, byIndex]);

const all: readonly Explained[] = [
  `select id, k, row_number() over (${inOrder}) n from r order by id limit 20`,
  `select k, id, row_number() over (${inOrder}) n from r order by v, id limit 20`,
  `select k, v, row_number() over (partition by v order by id) n from r order by v, id limit 20`,
].map((sql) => [sql, sorted]);

test("windows over partitions that an index gives in order are put out as they come", async (t) => {
  await comparePlansAndRows(t, definitions, [...some, ...all]);
});

test("of many windows over one another none is planned more often than there are others", async (t) => {
  const windows = Array.from({ length: 24 }, (_, at) => `sum(id) over (partition by k + ${at} order by v, id)`);
  await comparePlansAndRows(t, definitions, [
    [`select ${windows.join(", ")} from r where id < 4 order by id`, /WindowAgg/],
  ]);
});
