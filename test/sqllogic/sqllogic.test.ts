/** The runner of sqllogictest files: our own files pass on a node, and what is otherwise than a file says is told. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { projectRoot } from "../project/sources.js";
import { withNode } from "../query/fuzz/programs/target.js";
import { runScript } from "./run.js";
import { parseScript } from "./script.js";

const folder = path.join(projectRoot, "test/sqllogic/files");

for (const file of readdirSync(folder)) {
  test(`${file} comes out as it says`, async (t) => {
    const { records, failures } = await withNode(async (connect) => {
      const client = await connect();
      const report = await runScript(client, readFileSync(path.join(folder, file), "utf8"));
      client.close();
      return report;
    });
    t.deepEqual(failures, []);
    t.true(records > 50);
  });
}

const script = `
# the values are wrong
query IT rowsort
select * from (values (2, 'b'), (1, '')) v
----
1
(empty)
2
c

query I nosort first
select 1
----
1 values hashing to b026324c6904b2a9cb4b88d6d61c81d1

query I nosort first
select 2

statement ok
select nothing

statement error 42703
select nothing

statement error division
select nothing

statement error
select 1

skipif postgresql
statement ok
select nothing

onlyif mysql
statement ok
select nothing

query II
select 1, null
union all select 3, 4 order by 1
----
1 NULL
3 4

halt

statement ok
select nothing
`;

test("what comes out otherwise is told by its line", async (t) => {
  const records = parseScript(script);
  t.is(records.length, 8);
  const { failures } = await withNode(async (connect) => {
    const client = await connect();
    const report = await runScript(client, script);
    client.close();
    return report;
  });
  t.deepEqual(
    failures.map((failure) => Number(/^line (\d+):/u.exec(failure)?.[1])),
    [3, 16, 19, 25, 28],
  );
  t.throws(() => parseScript("nonsense\n"), { message: /line 1: no record is called "nonsense"/u });
});
