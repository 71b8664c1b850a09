/** jsonpaths, and `to_char`, `to_date`, `to_timestamp` and `to_number`: templates at random on both sides, and what was once another thing here. */
import test from "ava";
import { compareExpressions } from "./fuzz/compare.js";
import { jsonPathCase, templateCase } from "./fuzz/expressions.js";
import { withNode } from "./fuzz/programs/target.js";
import { hasPostgres, withPostgres } from "./postgres/server.js";

test.serial("templates at random say what PostgreSQL 15 says", async (t) => {
  if (!hasPostgres()) {
    t.log("skipped: PostgreSQL 15 is not installed");
    t.pass();
    return;
  }
  t.timeout(120_000);
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, { cases: 4_000, seed: 31, shown: 10, write: templateCase }),
  );
  t.deepEqual(report.differences, []);
  t.true(report.compared > 3_000, "templates were compared");
  t.true(report.failedAlike > 500, "errors were compared");
});

test.serial("jsonpaths at random find what PostgreSQL 15 finds", async (t) => {
  if (!hasPostgres()) {
    t.log("skipped: PostgreSQL 15 is not installed");
    t.pass();
    return;
  }
  t.timeout(120_000);
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, { cases: 4_000, seed: 32, shown: 10, write: jsonPathCase }),
  );
  t.deepEqual(report.differences, []);
  t.true(report.compared > 3_000, "paths were compared");
  t.true(report.failedAlike > 500 && report.failedAlike < 2_000, "errors were compared, and results");
});

/** An expression, and its value or SQLSTATE. */
const cases: readonly (readonly [expression: string, answer: string])[] = [
  // A separator of the template takes one of the text or none; a minus may be the sign of what follows.
  ["to_date('2021-03-04', 'YYYYMMDD')", "2021-01-03"],
  ["to_date('2021 - 03', 'YYYY-MM')", "2021-03-01"],
  ["to_date('2021x03', 'YYYY-MM')", "22007"],
  ["to_date('20210304', 'YYYY-MM-DD')", "22008"],
  ["to_date('2021  03', 'FXYYYY MM')", "2021-03-01"],
  ["to_date('3rd 4th 2021', 'MMth DDth YYYY')", "2021-03-04"],
  ["to_date('2021-02-31', 'YYYY-MM-DD')", "22008"],
  ["to_date('31 02', 'DD MM')", "0001-03-02 BC"],
  ["to_date('Mar 05 2021 04', 'Mon MM YYYY DD')", "22007"],
  ["to_date('21 5', 'CC YY')", "2005-01-01"],
  ["to_date('12345', 'J')", "4680-09-12 BC"],
  ["to_timestamp('2021-03-04 -05', 'YYYY-MM-DD TZH')", "2021-03-04 05:00:00+00"],
  ["to_timestamp('1.23456', 'SS.FF3')", "0001-01-01 00:00:01.235+00 BC"],
  ["to_char(double precision '-Infinity', 'RN')", "###############"],
  ["to_char(numeric '-Infinity', 'RN')", "0A000"],
  ["to_char(numeric 'NaN', '999')", " NaN"],
  ["to_char(12345, '999')", " ###"],
  ["to_char(-0.05, 'FM9.9')", "-.1"],
  ["to_char(485, '9 9 9')", " 4 8 5"],
  ["to_char(12, '99V99')", " 1200"],
  ["to_char(9.999, '9.9EEEE')", " 10.0e+00"],
  ["to_char(1, 'S9MI')", "42601"],
  ["to_char(interval '-1 day', 'DD')", "-1"],
  ["to_char(interval '1 year', 'Month')", "22007"],
  ["to_char(date '2021-06-15', 'TMMonth|Month|RM')", "June|June     |VI  "],
  ["to_number('12,454.8-', '99G999D9S')", "-12454.8"],
  ["to_number('<12>', '99PR')", "-12"],
  ["to_number('1 -', '9S')", "1"],
  ["to_number('x', '999')", "22P02"],
];

test("templates", async (t) => {
  await withNode(async (here) => {
    const client = await here();
    for (const [expression, expected] of cases) {
      const answer = await client.query(`select ${expression}`);
      t.is(answer.kind === "rows" ? (answer.rows[0]?.[0] ?? "NULL") : answer.sqlState, expected, expression);
    }
    client.close();
  });
});
