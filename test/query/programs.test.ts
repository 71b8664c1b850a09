/** A bounded slice of `npm run fuzz:sql -- --only programs`: changes, definitions, transactions and queries over the wire, beside PostgreSQL 15. */
import test from "ava";
import { comparePrograms, program } from "./fuzz/programs/compare.js";
import { formNames, formsOf } from "./fuzz/programs/forms.js";
import { withNode } from "./fuzz/programs/target.js";
import { compareSessions } from "./fuzz/sessions.js";
import { connectInUtc } from "./postgres/client.js";
import { hasPostgres, withPostgres } from "./postgres/server.js";

test("random programs come to what they come to in PostgreSQL 15, and their pasts stay", async (t) => {
  t.timeout(170_000);
  if (!hasPostgres()) {
    t.log("skipped: no PostgreSQL 15 on this machine");
    t.pass();
    return;
  }
  const found: string[] = [];
  const report = await withPostgres((_client, port) =>
    withNode((here) =>
      comparePrograms({
        statements: 1_000,
        milliseconds: 60_000,
        seed: 1,
        length: 50,
        lanes: 2,
        connect: {
          here,
          postgres: () => connectInUtc(port),
        },
        found: (text) => found.push(text),
      }),
    ),
  );
  t.deepEqual(found, []);
  t.true(report.statements > 100 && report.rows > 50 && report.pasts > 10, JSON.stringify(report));
  t.log(`${report.programs} programs, ${report.statements} statements, ${report.rows} rows, ${report.pasts} pasts`);
});

test("programs have statements of every form that is counted, MERGE and columns of their own types among them", (t) => {
  const written = new Set(Array.from({ length: 60 }, (_, seed) => program(seed, 50).flatMap(formsOf)).flat());
  t.deepEqual(
    formNames.filter((form) => !written.has(form)),
    [],
  );
});

test("several sessions beside one another hold and wait for what they would in PostgreSQL 15", async (t) => {
  t.timeout(120_000);
  if (!hasPostgres()) {
    t.log("skipped: no PostgreSQL 15 on this machine");
    t.pass();
    return;
  }
  const found: string[] = [];
  const report = await withPostgres((_client, port) =>
    withNode((here) =>
      compareSessions({
        steps: 400,
        milliseconds: 40_000,
        seed: 2,
        patienceMs: 400,
        failovers: null,
        connect: { here, postgres: () => connectInUtc(port) },
        found: (text) => found.push(text),
      }),
    ),
  );
  t.deepEqual(found, []);
  t.true(report.steps > 100 && report.failedAlike < report.steps, JSON.stringify(report));
  t.log(`${report.steps} steps, ${report.failedAlike} of them errors on both sides`);
});
