import test from "ava";
import { compareExpressions } from "./fuzz/compare.js";
import { hasPostgres, withPostgres } from "./postgres/server.js";

test.serial("functions, operators and casts say what PostgreSQL 15 says, in value, type and error", async (t) => {
  if (!hasPostgres()) {
    t.log("skipped: PostgreSQL 15 is not installed");
    t.pass();
    return;
  }
  t.timeout(120_000);
  const report = await withPostgres((postgres) => compareExpressions(postgres, { cases: 4_000, seed: 31, shown: 10 }));
  t.deepEqual(report.differences, []);
  t.true(report.compared > 3_000, "expressions were compared");
  t.true(report.failedAlike > 500, "errors were compared");
});
