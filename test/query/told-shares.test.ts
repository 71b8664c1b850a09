/** What the planner takes rows to be by what indexes tell of their columns' values: not by guesses, whatever the values are. */
import test from "ava";
import { withNode } from "./fuzz/programs/target.js";

const definitions = [
  "create table few (id int primary key, kind int, part int)",
  "insert into few select g, g % 4, g % 2000 from generate_series(1, 8000) g",
  "create index few_kind on few (kind, part)",
  "create table many (id int primary key, owner int, text text)",
  "insert into many select g, g % 10000, 'x' from generate_series(1, 20000) g",
  "create index many_owner on many (owner)",
  // As large, and nothing tells of its values.
  "create table dark (id int primary key, owner int)",
  "insert into dark select g, g % 10000 from generate_series(1, 20000) g",
];

/** What a condition is of, and how many rows it lets pass. */
const cases: readonly (readonly [from: string, rows: number])[] = [
  ["few where kind = $1", 2_000],
  ["few where kind = $1 and part = $2", 4],
  ["few where kind in ($1, $2)", 4_000],
  ["many where owner = $1", 2],
  ["many where owner = $1 and text = $2::text", 1],
  ["few join many on many.owner = few.part", 16_000],
  ["many a join many b on a.owner = b.owner", 40_000],
  ["few a join few b on a.kind = b.kind", 16_000_000],
  ["(select owner as o from many offset 0) a join many b on a.o = b.owner", 40_000],
];

test("rows of a condition and of a join are told by the indexes of their columns", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    for (const [at, [from, expected]] of cases.entries()) {
      const count = new Set(from.match(/\$\d/gu)).size;
      await client.rows(`prepare p${at} as select 1 from ${from}`);
      const given = count === 0 ? "" : `(${Array.from({ length: count }, () => "1").join(", ")})`;
      const plan = await client.rows(`explain execute p${at}${given}`);
      const rows = Number(/rows=(\d+)/u.exec(plan[0]?.[0] ?? "")?.[1]);
      t.true(rows >= expected / 2 && rows <= expected * 2, `${from}: ${rows} rows, and there are ${expected}`);
    }
  });
});

test("rows that are looked up for each of a hundred are few where an index tells so, and not where nothing does", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const planOf = async (table: string): Promise<string> =>
      (await client.rows(`explain select * from few join ${table} on ${table}.owner = few.id where few.id <= 300`))
        .map(([line]) => line)
        .join("\n");
    t.regex(await planOf("many"), /Nested Loop[\s\S]*many_owner/);
    t.regex(await planOf("dark"), /Hash Cond/);
  });
});
