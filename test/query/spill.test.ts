/** Sorts and groupings beyond their memory: the same rows as with all the memory there is, and no file stays. */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { runPlan } from "../../runtime/query/execute/run.js";
import { MemoryDatabase } from "./memory-database.js";
import { MemorySpill } from "./memory-spill.js";

const rows = 20_000;
const source = `(select g as id, (g::bigint * 7919) % ${rows} as k, 'text ' || (g % 977) as s, case when g % 5 = 0 then null else g / 3.0 end as n
  from generate_series(1, ${rows}) g) m`;
const enough = 2 ** 30;
const tight = 1_500_000;

function both(
  query: string,
  memoryBytesMax = tight,
): { readonly small: unknown; readonly large: unknown; spill: MemorySpill } {
  const database = new MemoryDatabase();
  const spill = new MemorySpill();
  database.memoryBytesMax = enough;
  const large = database.query(query).map(String).join("\n");
  database.spill = spill;
  database.memoryBytesMax = memoryBytesMax;
  const small = database.query(query).map(String).join("\n");
  return { small, large, spill };
}

for (const [name, query] of [
  ["texts, then numbers", `select * from ${source} order by s, k`],
  ["ties stay in the order of their rows", `select id, s from ${source} order by s desc`],
  ["NULLs first and last", `select id, n from ${source} order by n nulls first, id desc`],
  ["an expression", `select id from ${source} order by id % 10, k desc`],
] as const) {
  test(`a sort beyond its memory: ${name}`, (t) => {
    const { small, large, spill } = both(query);
    t.true(small === large);
    t.true(spill.bytes > 100_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

for (const [name, query] of [
  ["texts", `select s || id % 4000, count(*), sum(n), min(k) from ${source} group by 1 order by 1`],
  ["integers", `select id % 15000, count(n), max(s) from ${source} group by 1 order by 1`],
  ["NULL is a group", `select n, count(*) from ${source} group by n order by n nulls first`],
  [
    "two columns and a condition",
    `select k / 2, s, count(*) from ${source} group by 1, 2 having count(*) < 3 order by 1, 2`,
  ],
  ["rows in order within a group", `select k / 4, string_agg(s, ',') from ${source} group by 1 order by 1`],
] as const) {
  test(`a grouping beyond its memory: ${name}`, (t) => {
    const { small, large, spill } = both(query, 3_500_000);
    t.true(small === large);
    t.true(spill.bytes > 100_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

for (const [name, query] of [
  ["integers", `select distinct k from ${source} order by 1`],
  ["texts", `select distinct s || k % 9000 from ${source} order by 1`],
  ["NULL is a value", `select distinct n from ${source} order by n nulls first`],
  ["several columns", `select distinct s, k / 2 from ${source} order by 1, 2`],
] as const) {
  test(`DISTINCT beyond its memory: ${name}`, (t) => {
    const { small, large, spill } = both(query, 1_000_000);
    t.true(small === large);
    t.true(spill.bytes > 100_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

test("DISTINCT gives its first rows at once, and its files are gone when it is given up; DISTINCT ON remembers one row", (t) => {
  const database = new MemoryDatabase();
  const spill = new MemorySpill();
  database.spill = spill;
  database.memoryBytesMax = 600_000;
  const { body } = database.bind(`select distinct id from ${source}`);
  if (body.kind !== "query") throw new Error("no query");
  const stream = runPlan(body.plan, body.outputs, database.environment());
  t.true((stream.next()?.rows ?? 0) > 0);
  let rows = 0;
  while (spill.standing === 0) rows += stream.next()?.rows ?? 0;
  t.true(rows > 1_000);
  stream.close();
  t.is(spill.standing, 0);
  const first = database.query(`select distinct on (k / 2) k / 2, id from ${source} order by k / 2, id desc limit 5`);
  t.is(first.length, 5);
});

test("what overflows again is parted again", (t) => {
  const { small, large, spill } = both(`select id, count(*) from ${source} group by id order by id limit 50`, 400_000);
  t.true(small === large);
  t.true(spill.files > 16, `${spill.files} files`);
  t.is(spill.standing, 0);
});

test("a statement that is given up removes its files", (t) => {
  const database = new MemoryDatabase();
  const spill = new MemorySpill();
  database.spill = spill;
  database.memoryBytesMax = tight;
  for (const query of [`select * from ${source} order by s`, `select s || k, count(*) from ${source} group by 1`]) {
    const { body } = database.bind(query);
    if (body.kind !== "query") throw new Error("no query");
    const stream = runPlan(body.plan, body.outputs, database.environment());
    stream.next();
    t.true(spill.standing > 0, query);
    stream.close();
    t.is(spill.standing, 0, query);
  }
});

test("states that grow take memory that no file gives back", (t) => {
  const database = new MemoryDatabase();
  database.spill = new MemorySpill();
  database.memoryBytesMax = 200_000;
  const error = t.throws(() => database.query(`select count(distinct id) from ${source}`), { instanceOf: SqlError });
  t.is(error?.sqlState, "53200");
});
