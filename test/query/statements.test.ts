import test from "ava";
import { compareStatements } from "./fuzz/compare-statements.js";
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
