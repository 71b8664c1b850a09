/** The first rows of each partition of a window: those that all rows give, with fewer of them sorted. */
import test from "ava";
import { comparePlansAndRows, type Explained } from "./explained.js";

const definitions = [
  "create table r (id int primary key, k int, s text, v numeric, f float8)",
  `insert into r select g, nullif(g * 7 % 23, 4), 's' || g % 3, nullif(g * 31 % 17, 5),
     case g % 9 when 0 then 'nan' when 1 then -0.0 else g % 4 end from generate_series(1, 1500) g`,
];
const run = /Run Condition/;
const none = /^(?![\s\S]*Run Condition)[\s\S]*WindowAgg/;

const of = (calls: string, window: string, condition: string): string =>
  `select * from (select id, ${calls} from r window w as (${window})) x where ${condition} order by id`;

const some: readonly Explained[] = [
  of("k, row_number() over w n", "partition by k order by v desc, id", "n <= 3"),
  of("row_number() over w n", "partition by k order by v nulls first, id desc", "n = 1"),
  of("row_number() over w n", "partition by k, s order by f, id", "3 > n"),
  of("row_number() over w n", "partition by f order by id", "n < 1"),
  of("row_number() over w n", "partition by k order by id", "n <= 2 and id % 2 = 0"),
  of("rank() over w n, sum(v) over w t", "partition by k order by v", "n <= 4"),
  of("rank() over w n, dense_rank() over w d", "partition by f order by s desc", "n <= 1"),
  of("row_number() over w n, lag(v) over w l", "partition by k order by v, id", "n <= 2"),
].map((sql) => [sql, run]);

const all: readonly Explained[] = [
  // The number is of the window below.
  of("row_number() over w n, sum(v) over (w rows unbounded preceding) t", "partition by s order by v, id", "n <= 5"),
  of("row_number() over w n, sum(v) over w t", "partition by k order by v, id", "n <= 2"),
  of("row_number() over w n, lead(v) over w l", "partition by k order by v, id", "n <= 2"),
  of("row_number() over w n, count(*) over (partition by k) c", "partition by k order by v, id", "n <= 2 or c = 9"),
  of("dense_rank() over w n", "partition by k order by v", "n <= 2"),
  of("row_number() over w n", "partition by k order by v, id", "n >= 60"),
].map((sql) => [sql, none]);

test("rows behind the first of their partition are left out before they are sorted, where no result is of them", async (t) => {
  await comparePlansAndRows(t, definitions, [...some, ...all]);
});
