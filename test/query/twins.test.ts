/** A bounded slice of `npm run fuzz:sql -- --only twins`: the executor and the interpreter that goes row by row have the same rows. */
import test from "ava";
import { compareTwins } from "./fuzz/twins.js";
import { interpret, NotInterpreted } from "./interpret/interpret.js";
import { MemoryDatabase } from "./memory-database.js";

test("random statements have the same rows planned, as bound and interpreted, and conditions part all rows in three", (t) => {
  t.timeout(170_000);
  const found: string[] = [];
  const report = compareTwins({ statements: 240, milliseconds: 40_000, seed: 7, found: (text) => found.push(text) });
  t.deepEqual(found, []);
  t.true(report.interpreted >= 60 && report.rows > 100, JSON.stringify(report));
  t.true(report.partitions >= 60 && report.partitionedRows > 100, JSON.stringify(report));
  t.log(`${report.interpreted} statements, ${report.rows} rows, ${report.partitions} conditions`);
});

test("frames, recursion, sets and subqueries are interpreted as they are executed", (t) => {
  const database = new MemoryDatabase();
  database.run("create table t (id int primary key, n int, s text)");
  database.run(
    "insert into t values (1, 3, 'a'), (2, null, 'b'), (3, 3, null), (4, 1, 'a'), (5, 7, 'c'), (6, null, 'c'), (7, 1, 'b')",
  );
  const frames = ["rows", "groups", "range"].flatMap((mode) =>
    ["unbounded preceding", "2 preceding", "current row", "1 following"].flatMap((from) =>
      ["current row", "1 following", "unbounded following"].flatMap((to) =>
        ["", " exclude current row", " exclude group", " exclude ties"].map(
          (exclude) => `${mode} between ${from} and ${to}${exclude}`,
        ),
      ),
    ),
  );
  const statements = [
    ...frames
      .filter((frame) => !frame.includes("1 following and current row"))
      .flatMap((frame) => [
        `select id, count(*) over (order by n ${frame}), sum(id) over (order by n desc ${frame}) from t order by 1`,
        `select id, array_agg(s) over (partition by s order by id ${frame}) from t order by 1`,
        `select id, nth_value(id, 2) over w, last_value(id) over w, max(n) over w from t window w as (order by n ${frame}) order by 1`,
      ]),
    "with recursive r (n) as (select 1 union select n % 5 + 1 from r) select * from r order by 1",
    "with recursive r (a, b) as (values (0, 1) union all select b, a + b from r where b < 50) select * from r order by 1, 2",
    "select n, s, grouping(n, s), count(*) from t group by cube (n, s) order by 1, 2, 3",
    "select n from t except all select 3 order by 1",
    "select n from t intersect all select n from t where id > 2 order by 1",
    "select id, (select count(*) from t b where b.n = a.n), n = any (select b.n from t b where b.id < a.id) from t a order by 1",
    "select id, n not in (select b.n from t b) from t order by 1",
    "select a.id, x from t a, unnest(array[a.id, a.n]) with ordinality u (x, o) order by 1, 2",
    "select id, generate_series(1, n) from t order by 1, 2",
    "select id from t order by n, id fetch first 2 rows with ties",
    "select string_agg(distinct s, ',' order by s desc), percentile_disc(0.5) within group (order by id) from t",
    "select a.id, b.id from t a full join t b on a.n = b.id order by 1, 2",
  ];
  let rows = 0;
  for (const sql of statements) {
    const bound = database.bind(sql);
    if (bound.body.kind !== "query") throw new Error("no query");
    const { body } = bound;
    const wanted = interpret(body, database.environment());
    t.deepEqual(database.run(sql).rows, wanted, sql);
    rows += wanted.length;
  }
  t.true(rows > 300);
});

test("large frames with EXCLUDE are aggregated as all their rows added anew", (t) => {
  const database = new MemoryDatabase();
  database.run("create table t (id int primary key, n numeric, f float8, g int)");
  database.run("insert into t select i, i % 7 / 10.0, i / 3.0, nullif(i * 7 % 13, 4) from generate_series(1, 60) i");
  const calls = ["sum(n)", "avg(id)", "max(n)", "min(f)", "sum(f)", "count(g)", "array_agg(id)"];
  for (const exclude of ["current row", "group", "ties"]) {
    for (const from of ["unbounded preceding", "20 preceding"]) {
      for (const to of ["current row", "unbounded following"]) {
        const list = calls.map((call) => `${call} over w`).join(", ");
        const sql = `select id, ${list} from t window w as (order by g groups between ${from} and ${to} exclude ${exclude}) order by 1`;
        const { body } = database.bind(sql);
        if (body.kind !== "query") throw new Error("no query");
        t.deepEqual(database.run(sql).rows, interpret(body, database.environment()), sql);
      }
    }
  }
});

test("what changes tables or waits for others has no meaning to the interpreter, and says so", (t) => {
  const database = new MemoryDatabase();
  database.run("create table t (id int primary key)");
  const { body } = database.bind("select id from t for update");
  if (body.kind !== "query") throw new Error("no query");
  t.throws(() => interpret(body, database.environment()), { instanceOf: NotInterpreted });
});
