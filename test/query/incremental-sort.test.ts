/** Sorts of rows that come in the order of the first keys: the rows of a whole sort, and only as many read as a limit asks for. */
import test from "ava";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import { planBound } from "../../runtime/query/plan/planner.js";
import { inputsOf } from "../../runtime/query/plan/walk.js";
import { comparePlansAndRows } from "./explained.js";
import { Random } from "./fuzz/expressions.js";
import { MemoryDatabase } from "./memory-database.js";
import { MemorySpill } from "./memory-spill.js";

const isPresorted = (node: PlanNode): boolean =>
  (node.kind === "sort" && node.presorted > 0) || inputsOf(node).some(isPresorted);

function planOf(database: MemoryDatabase, sql: string): PlanNode {
  const { body } = planBound(database.bind(sql), database.source, database, database.context);
  if (body.kind !== "query") throw new Error("no query");
  return body.plan;
}

test("rows that come in the order of some keys are sorted as all rows are: NULLs, equal keys, limits, offsets, ties, either way", (t) => {
  const random = new Random(77);
  let presorted = 0;
  let rows = 0;
  for (let round = 0; round < 25; round += 1) {
    const database = new MemoryDatabase();
    database.run("create table t (k int, id int, n int, s text, primary key (k, id))");
    const count = random.pick([1, 40, 400, 3_000]);
    const groups = random.pick([1, 3, 200, 5_000]);
    const cell = (value: string): string => (random.next(7) === 0 ? "null" : value);
    const lines = Array.from(
      { length: count },
      (_, id) =>
        `(${random.next(groups)}, ${id}, ${cell(String(random.next(groups)))}, ${cell(`'${random.next(9)}'`)})`,
    );
    database.run(`insert into t values ${lines.join(", ")}`);
    database.run("create index t_n on t (n)");
    database.run("create index t_ns on t (n desc nulls last, s)");
    for (let statement = 0; statement < 12; statement += 1) {
      const keys = random.pick([
        "k, s",
        "k desc, n",
        "n, id",
        "n desc, id",
        "n desc nulls last, s desc",
        "n nulls first, s",
        "k, id desc",
      ]);
      const limit = random.pick([
        "",
        " limit 1",
        " limit 7",
        ` limit ${random.next(count + 2)} offset ${random.next(40)}`,
        " limit 0",
        " fetch first 3 rows with ties",
      ]);
      const where = random.pick(["", " where k >= 1", " where n > 2", " where id % 3 = 0"]);
      const sql = `select id, k, n, s from t${where} order by ${keys}${limit.includes("ties") ? "" : ", id, k"}${limit}`;
      if (isPresorted(planOf(database, sql))) presorted += 1;
      const given = database.query(sql).map(String);
      // Rows with the same keys may come in any order.
      if (limit.includes("ties")) given.sort();
      database.isPlanned = false;
      const wanted = database.query(sql).map(String);
      if (limit.includes("ties")) wanted.sort();
      database.isPlanned = true;
      t.is(given.join("\n"), wanted.join("\n"), sql);
      rows += given.length;
    }
  }
  t.true(presorted >= 60 && rows > 10_000, `${presorted} statements, ${rows} rows`);
});

test("a limit ends the reading, and one large group is sorted in files", (t) => {
  const database = new MemoryDatabase();
  database.run("create table t (k int, id int, s text, primary key (k, id))");
  database.run("insert into t select g / 10, g, 'text ' || (g * 7919) % 5003 from generate_series(1, 5000) g");
  const sql = "select id from t order by k, s limit 5";
  t.true(isPresorted(planOf(database, sql)));
  database.rowsScanned = 0;
  t.is(database.query(sql).length, 5);
  t.true(database.rowsScanned <= 1_024, `${database.rowsScanned} rows`);

  database.run("create table one (k int, id int, s text, primary key (k, id))");
  database.run("insert into one select 7, g, 'text ' || (g * 7919) % 20011 from generate_series(1, 20000) g");
  const whole = "select k, id, s from one order by k, s, id desc";
  t.true(isPresorted(planOf(database, whole)));
  const wanted = database.query(whole).map(String).join("\n");
  const spill = new MemorySpill();
  database.spill = spill;
  database.memoryBytesMax = 1_500_000;
  t.true(database.query(whole).map(String).join("\n") === wanted);
  t.true(spill.bytes > 100_000, `${spill.bytes} bytes spilled`);
  t.is(spill.standing, 0);
});

const definitions = [
  "create table t (id int primary key, at timestamptz not null, n int, s text)",
  "insert into t select g, timestamptz '2020-01-01 00:00+00' + (g * 7919 % 1009) * interval '1 hour', nullif(g % 50, 0), 'x' || g % 77 from generate_series(1, 5000) g",
  "create index t_at on t (at)",
  "create index t_n on t (n)",
  "analyze",
];

const statements: readonly (readonly [sql: string, plan: RegExp])[] = [
  [
    "select * from t where at > '2020-01-05 00:00+00' order by at, id limit 10",
    /Incremental Sort\n.*Sort Key: .*at, .*id\n.*Presorted Key: .*at\n[^]*Index Scan using t_at/,
  ],
  [
    "select id from t order by at desc, s desc, id limit 20 offset 30",
    /Incremental Sort[^]*Index Scan Backward using t_at/,
  ],
  ["select id, n from t order by n, s desc, id limit 7", /Incremental Sort[^]*Index Scan using t_n/],
  ["select id, n from t order by n desc, s, id limit 130", /Incremental Sort[^]*Index Scan Backward using t_n/],
  ["select id, n from t order by n nulls first, s, id limit 5", /Top-N Sort/],
];

test("what an index yields in the order of the first keys is sorted bit by bit for a limit, with PostgreSQL's rows", async (t) => {
  await comparePlansAndRows(t, definitions, statements);
});
