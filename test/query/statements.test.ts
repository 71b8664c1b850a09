import test from "ava";
import { compareStatements } from "./fuzz/compare-statements.js";
import { MemoryDatabase } from "./memory-database.js";
import { hasPostgres, withPostgres } from "./postgres/server.js";

test.serial("queries over tables at random have PostgreSQL 15's rows, types, names and tags", async (t) => {
  if (!hasPostgres()) {
    t.log("skipped: PostgreSQL 15 is not installed");
    t.pass();
    return;
  }
  t.timeout(120_000);
  const report = await withPostgres((postgres) => compareStatements(postgres, { statements: 420, seed: 3, shown: 5 }));
  t.deepEqual(report.differences, []);
  t.is(report.differing, 0);
  t.true(report.rows > 2_000, "rows were compared");
});

test("grouping sets by one expression under several names are refused, as PostgreSQL may leave out one of them", (t) => {
  const database = new MemoryDatabase();
  t.throws(
    () => database.query("select 1 as x, 1 + g as a, 1 + g as b from generate_series(1, 2) g group by a, rollup (b)"),
    {
      message: /under several names is not supported/,
    },
  );
  t.is(database.query("select g + 1 as x from generate_series(1, 2) g group by rollup (x, x)").length, 5);
});
