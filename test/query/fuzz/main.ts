/**
 * `npm run fuzz:sql`: PostgreSQL 15 and this engine are asked the same, and what they say is compared.
 *
 *   npm run fuzz:sql -- --cases 100000 --seed 1
 */
import { parseArgs } from "node:util";
import { hasPostgres, withPostgres } from "../postgres/server.js";
import { compareExpressions } from "./compare.js";
import { compareStatements } from "./compare-statements.js";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    show: { type: "string", default: "50" },
    statements: { type: "string", default: "20000" },
  },
});

if (!hasPostgres()) {
  console.error("PostgreSQL 15 is not on this machine: nothing was compared");
  process.exitCode = 1;
} else {
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, {
      cases: Number(values.cases),
      seed: Number(values.seed),
      shown: Number(values.show),
    }),
  );
  for (const difference of report.differences) console.log(difference);
  console.log(
    `${report.compared} expressions compared, ${report.failedAlike} of them errors on both sides, ${report.intended} intended differences, ${report.differing} differences`,
  );
  for (const [reason, count] of report.reasons) console.log(`  ${count} × ${reason}`);
  const statements = await withPostgres((postgres) =>
    compareStatements(postgres, {
      statements: Number(values.statements),
      seed: Number(values.seed),
      shown: Number(values.show),
    }),
  );
  for (const difference of statements.differences) console.log(`${difference}\n`);
  console.log(
    `${statements.compared} statements compared (${statements.rows} rows), ${statements.failedAlike} of them errors on both sides, ${statements.refused} refused here, ${statements.differing} differences`,
  );
  if (report.differing + statements.differing > 0) process.exitCode = 1;
}
