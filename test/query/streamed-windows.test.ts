/** Windows of which the first rows are wanted: the rows that all of them would have, and only as many read as that takes. */
import test from "ava";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import { planBound } from "../../runtime/query/plan/planner.js";
import { inputsOf } from "../../runtime/query/plan/walk.js";
import { comparePlansAndRows } from "./explained.js";
import { Random } from "./fuzz/expressions.js";
import { MemoryDatabase } from "./memory-database.js";

const streams = (node: PlanNode): boolean =>
  (node.kind === "window" && node.stream !== null) || inputsOf(node).some(streams);

function isStreamed(database: MemoryDatabase, sql: string): boolean {
  const { body } = planBound(database.bind(sql), database.source, database, database.context);
  if (body.kind !== "query") throw new Error("no query");
  return streams(body.plan);
}

const calls = [
  "row_number() over w",
  "rank() over w",
  "dense_rank() over w",
  "lag(v) over w",
  "lag(v, 3, -1) over w",
  "lead(v, 2) over w",
  "lead(v, 70) over w",
  "sum(v) over w",
  "count(*) over w",
  "max(s) over (w rows between 3 preceding and 5 following)",
  "sum(v) over (w rows between 2 following and 4 following)",
  "first_value(s) over (w rows between 2 preceding and 1 preceding)",
  "last_value(v) over w",
  "nth_value(v, 2) over (w groups between 1 preceding and current row)",
  "array_agg(v) over (w rows between 2 preceding and current row exclude current row)",
  "array_agg(v) over (w range between 3 preceding and current row exclude ties)",
  "count(*) filter (where v > 4) over w",
  // Of all rows.
  "ntile(3) over w",
  "last_value(v) over (w rows between current row and unbounded following)",
  "percent_rank() over w",
];

test("the first rows of a window are those of all: NULLs, ties, look-ahead, frames, numbers that end it, offsets", (t) => {
  const random = new Random(4_711);
  const seen = { streamed: 0, rows: 0 };
  for (let round = 0; round < 14; round += 1) {
    const database = new MemoryDatabase();
    database.run("create table t (id int primary key, k int, v int, s text)");
    const count = random.pick([0, 3, 200, 1_500]);
    const groups = random.pick([1, 7, 4_000]);
    const cell = (value: string): string => (random.next(8) === 0 ? "null" : value);
    const lines = Array.from(
      { length: count },
      (_, id) =>
        `(${id}, ${cell(String(random.next(groups)))}, ${cell(String(random.next(9)))}, ${cell(`'${random.next(99)}'`)})`,
    );
    if (count > 0) database.run(`insert into t values ${lines.join(", ")}`);
    database.run("create index t_k on t (k)");
    for (let statement = 0; statement < 24; statement += 1) {
      const order = random.pick(["id", "id desc", "k", "k, id", "k desc"]);
      const call = random.pick(calls);
      const isRange = call.includes("range between");
      const w = isRange ? "id" : order;
      const limit = random.pick([1, 5, 40]);
      const inner = `select id, k, v, ${call} as c, row_number() over w as n from t window w as (order by ${w})`;
      const bound = random.pick([
        `n <= ${limit}`,
        `n < ${limit}`,
        `${limit} >= n`,
        `n = ${limit}`,
        `n <= ${limit} and v > 2`,
      ]);
      const sql = random.pick([
        `${inner} order by ${w} limit ${limit}`,
        `${inner} order by ${w} limit ${limit} offset ${random.next(9)}`,
        `select * from (${inner}) x where ${bound}`,
        `select * from (${inner}) x where ${bound} limit 3`,
        `select id, r from (select id, rank() over (order by ${w}) r from t) x where r <= ${limit}`,
        `select id, c from (select id, ${call} as c from t window w as (order by ${w})) x where id % 2 = 0 order by ${w.startsWith("k") ? "id" : w} limit ${limit}`,
      ]);
      // Rows that the order does not tell apart come in any order: they are numbered by what tells them apart.
      const isOne = !/order by k( desc)?\)/.test(sql);
      if (isStreamed(database, sql)) seen.streamed += 1;
      if (!isOne && !sql.startsWith("select id, r")) continue;
      const lines = (): string => {
        const rows = database.query(sql).map(String);
        return (sql.includes("limit") ? rows : rows.toSorted()).join("\n");
      };
      const given = lines();
      database.isPlanned = false;
      const wanted = lines();
      database.isPlanned = true;
      t.is(given, wanted, sql);
      seen.rows += given === "" ? 0 : given.split("\n").length;
    }
  }
  t.true(seen.streamed >= 60 && seen.rows > 1_500, JSON.stringify(seen));
});

test("no more rows are read than a limit, or a number that ends it, takes", (t) => {
  const database = new MemoryDatabase();
  database.run("create table t (id int primary key, v int)");
  database.run("insert into t select g, g % 10 from generate_series(1, 20000) g");
  for (const [sql, rows] of [
    ["select id, avg(v) over (order by id rows between 10 preceding and 10 following) from t order by id limit 5", 5],
    ["select * from (select id, row_number() over (order by id desc) n from t) x where n <= 7", 7],
    ["select * from (select id, rank() over (order by id) n from t) x where n < 4", 3],
    ["select id, row_number() over () from t limit 4", 4],
  ] as const) {
    t.true(isStreamed(database, sql), sql);
    database.rowsScanned = 0;
    t.is(database.query(sql).length, rows, sql);
    t.true(database.rowsScanned <= 2_048, `${database.rowsScanned} rows of ${sql}`);
  }
  // Without an index, the first rows are kept and no others.
  const top = "select * from (select v, id, row_number() over (order by v desc, id % 7, id) n from t) x where n <= 3";
  t.true(isStreamed(database, top));
  t.deepEqual(
    database.query(top).map(([v, id]) => `${v} ${id}`),
    ["9 49", "9 119", "9 189"],
  );
});

const definitions = [
  "create table t (id int primary key, at timestamptz not null, n numeric)",
  "insert into t select g, timestamptz '2020-01-01 00:00+00' + (g * 7919 % 4001) * interval '1 hour', g % 50 from generate_series(1, 4000) g",
  "create index t_at on t (at)",
  "analyze",
];
const statements: readonly (readonly [sql: string, plan: RegExp])[] = [
  [
    "select avg(n) over (order by id rows between 10 preceding and 10 following) from t order by id limit 5",
    /^Limit\n +-> +WindowAgg\n +-> +Seq Scan on t$/,
  ],
  ["select id, sum(n) over (order by at) from t order by at limit 9 offset 3", /WindowAgg\n.*Index Scan using t_at/],
  [
    "select * from (select id, n, row_number() over (order by at desc) r from t) x where r <= 5",
    /WindowAgg\n +Run Condition: \(row_number\(\) OVER \(\?\) <= 5\)\n.*Index Scan Backward using t_at/,
  ],
  [
    "select * from (select id, rank() over (order by n) r from t) x where r < 81 order by id",
    /WindowAgg\n +-> +Seq Scan on t$/,
  ],
  [
    "select * from (select id, row_number() over (order by n, id) r from t) x where r = 3",
    /Run Condition[^]*Top-N Sort/,
  ],
];

test("a window under a limit or a bound on its numbers goes by the index that has its order, with PostgreSQL's rows", async (t) => {
  await comparePlansAndRows(t, definitions, statements);
});
