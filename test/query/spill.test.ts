/** Sorts and groupings beyond their memory: the same rows as with all the memory there is, and no file stays. */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
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

const left = `(select g as id, case when g % 7 = 0 then null else (g::bigint * 31) % 9000 end::int as k, 'l' || g as t from generate_series(1, 12000) g) l`;
const right = `(select case when g % 11 = 0 then null else g % 8000 end::int as k, case when g % 3 = 0 then null else 'r' || g % 5000 end as t, g as n
  from generate_series(1, 12000) g) r`;

for (const type of ["join", "left join", "right join", "full join"]) {
  for (const [name, condition] of [
    ["integers", "l.k = r.k"],
    ["integers and a condition", "l.k = r.k and l.id > r.n"],
    ["texts", "l.k::text = r.k::text"],
    ["two columns", "l.k = r.k and 'r' || l.k % 5000 = r.t"],
  ] as const) {
    test(`a ${type} beyond its memory: ${name}`, (t) => {
      const query = `select l.id, l.k, r.k, r.t, r.n from ${left} ${type} ${right} on ${condition} order by 1, 5, 2, 3`;
      const { small, large, spill } = both(query, 1_500_000);
      t.true(small === large);
      t.true(spill.bytes > 100_000, `${spill.bytes} bytes spilled`);
      t.is(spill.standing, 0);
    });
  }
}

for (const [name, query] of [
  ["EXISTS", `select id from ${left} where exists (select from ${right} where r.k = l.k and r.t <> 'r1') order by 1`],
  ["NOT EXISTS", `select id from ${left} where not exists (select from ${right} where r.k = l.k) order by 1`],
  ["IN", `select id from ${left} where t in (select 'l' || n from ${right}) order by 1`],
] as const) {
  test(`a half join beyond its memory: ${name}`, (t) => {
    const { small, large, spill } = both(query, 900_000);
    t.true(small === large);
    t.true(spill.bytes > 50_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

for (const operation of ["union", "intersect", "except", "intersect all", "except all"]) {
  test(`${operation.toUpperCase()} beyond its memory`, (t) => {
    const query = `select k % 7000, case when k % 5 = 0 then null else 'x' || k % 3 end from ${left} where id % 3 > 0 ${operation}
      select k, case when k % 5 = 0 then null else 'x' || k % 3 end from ${right} order by 1 nulls first, 2`;
    const { small, large, spill } = both(query, 600_000);
    t.true(small === large);
    t.true(spill.bytes > 50_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

for (const [name, query] of [
  [
    "ranks and sums",
    `select id, rank() over w, sum(n) over w, lag(s) over w from ${source} window w as (partition by k % 900 order by s, id) order by id`,
  ],
  [
    "NULL is a partition",
    `select id, count(*) over (partition by n), max(k) over (partition by n) from ${source} order by id`,
  ],
  [
    "frames",
    `select id, array_agg(k) over (partition by s order by id rows between 2 preceding and 1 following) from ${source} order by id`,
  ],
] as const) {
  test(`windows beyond their memory: ${name}`, (t) => {
    const { small, large, spill } = both(query, 3_000_000);
    t.true(small === large);
    t.true(spill.bytes > 500_000, `${spill.bytes} bytes spilled`);
    t.is(spill.standing, 0);
  });
}

test("grouping sets beyond their memory: each has files of its own", (t) => {
  const query = `select k / 3, s, grouping(k / 3, s), count(*), sum(n) from ${source} group by grouping sets ((k / 3), (s), (k / 3, s), ())
    order by 3, 1, 2`;
  const { small, large, spill } = both(query, 6_000_000);
  t.true(small === large);
  t.true(spill.files > 32, `${spill.files} files`);
  t.is(spill.standing, 0);
});

test("what belongs together and does not fit is refused, and leaves no file", (t) => {
  for (const query of [
    // One key of all rows; one partition of all rows.
    `select count(*) from ${left} join (select 1 as k, g as n from generate_series(1, 20000) g) r on l.k = r.k`,
    `select sum(id) over (order by k) from ${source}`,
  ]) {
    const database = new MemoryDatabase();
    const spill = new MemorySpill();
    database.spill = spill;
    database.memoryBytesMax = 400_000;
    const stream = database.open(query);
    const error = t.throws(
      () => {
        while (stream.next() !== null);
      },
      { instanceOf: SqlError },
    );
    t.is(error?.sqlState, "53200");
    stream.close();
    t.is(spill.standing, 0);
  }
});

test("DISTINCT gives its first rows at once, and its files are gone when it is given up; DISTINCT ON remembers one row", (t) => {
  const database = new MemoryDatabase();
  const spill = new MemorySpill();
  database.spill = spill;
  database.memoryBytesMax = 600_000;
  const stream = database.open(`select distinct id from ${source}`);
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
  database.memoryBytesMax = 800_000;
  for (const query of [
    `select * from ${source} order by s`,
    `select s || k, count(*) from ${source} group by 1`,
    `select l.id from ${left} join ${right} on l.t = 'l' || r.n`,
    `select count(*) over (partition by k) from ${source}`,
    `select s || k from ${source} except select 'b'`,
    `select 'b' except select s || k from ${source}`,
  ]) {
    const stream = database.open(query);
    while (spill.standing === 0 && stream.next() !== null);
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
