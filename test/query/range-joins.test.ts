/** Joins by a range that the other side's row gives: the rows of a nested loop, by whatever way they are joined; and the ways that are chosen. */
import test from "ava";
import type { PlanNode } from "../../runtime/query/plan/plan.js";
import { planBound } from "../../runtime/query/plan/planner.js";
import { inputsOf } from "../../runtime/query/plan/walk.js";
import { comparePlansAndRows } from "./explained.js";
import { Random } from "./fuzz/expressions.js";
import { MemoryDatabase } from "./memory-database.js";

/** A type's values, and a width to add to one of them. */
const kinds: readonly (readonly [type: string, values: readonly string[], width: string])[] = [
  ["int", ["-2", "0", "1", "2", "3", "5", "8", "2147483640"], "2"],
  ["bigint", ["-9007199254740993", "0", "1", "4", "9007199254740991", "9007199254740992"], "3"],
  ["double precision", ["'-Infinity'", "'NaN'", "-1.5", "-0.0", "0.0", "2.25", "'Infinity'"], "1.5"],
  ["numeric", ["'NaN'", "-3.75", "1.50", "1.5", "2", "100000000000000000000"], "0.75"],
  ["date", ["'-infinity'", "'1999-12-31'", "'2020-02-28'", "'2020-02-29'", "'2020-03-01'"], "1"],
  ["timestamptz", ["'2020-01-01 00:00+00'", "'2020-01-01 00:30+00'", "'2020-01-01 02:00+00'"], "interval '1 hour'"],
  ["text", ["''", "'a'", "'ab'", "'b'", "'ä'", "'😀'"], ""],
];

function waysOf(node: PlanNode): readonly string[] {
  const own = node.kind === "join" ? [node.method.kind === "range" ? `range ${node.type}` : node.method.kind] : [];
  return [...own, ...inputsOf(node).flatMap(waysOf)];
}

function table(name: string, type: string, values: readonly string[], rows: number, random: Random): string[] {
  const cell = (): string => (random.next(6) === 0 ? "null" : random.pick(values));
  const lines = Array.from({ length: rows }, (_, id) => `(${id}, ${random.next(4)}, ${cell()}, ${cell()})`);
  const created = `create table ${name} (id int primary key, k int, x ${type}, y ${type})`;
  return rows === 0 ? [created] : [created, `insert into ${name} values ${lines.join(", ")}`];
}

test("random range joins have the rows of a nested loop: NULLs, equal values, empty sides, keys, other conditions, each kind of join", (t) => {
  const random = new Random(20_261_130);
  const ways = new Map<string, number>();
  let rows = 0;
  for (let round = 0; round < 140; round += 1) {
    const [type, values, width] = kinds[round % kinds.length] ?? ["int", ["1"], "1"];
    const database = new MemoryDatabase();
    const size = (): number => (random.next(8) === 0 ? 0 : random.next(60));
    for (const sql of [...table("a", type, values, size(), random), ...table("b", type, values, size(), random)])
      database.run(sql);
    const above = random.pick([">", ">="]);
    const below = random.pick(["<", "<="]);
    const end = width === "" ? "a.y" : random.pick(["a.y", `a.x + ${width}`, `a.y + ${width}`]);
    const range = random.pick([
      `b.x ${above} a.x and b.x ${below} ${end}`,
      `a.x ${below} b.x and ${end} ${above} b.x`,
      `b.x between a.x and ${end}`,
      `b.x ${above} a.x`,
      `a.x ${below} b.x and a.x ${above} b.y`,
      `b.x ${above} a.x and b.x ${above} a.y and b.x ${below} ${end}`,
    ]);
    const more = random.pick([
      "",
      "",
      " and a.k = b.k",
      " and (a.id + b.id) % 3 <> 0",
      " and a.k = b.k and a.id <> b.id",
    ]);
    for (const join of ["join", "left join", "right join", "full join"])
      compare(`select a.id, b.id from a ${join} b on ${range}${more} order by 1, 2`);
    for (const half of ["exists", "not exists"])
      compare(`select a.id from a where ${half} (select from b where ${range}${more}) order by 1`);

    function compare(sql: string): void {
      const { body } = planBound(database.bind(sql), database.source, database, database.context);
      if (body.kind !== "query") throw new Error("no query");
      for (const way of waysOf(body.plan)) ways.set(way, (ways.get(way) ?? 0) + 1);
      const planned = linesOf(database, sql);
      database.isPlanned = false;
      const bound = linesOf(database, sql);
      database.isPlanned = true;
      // A bound that cannot be computed is an error of either, or of none that a NULL or an empty side spares it.
      if (!planned.startsWith("error") && !bound.startsWith("error")) rows += planned.split("\n").length;
      t.true(
        planned === bound || (type === "int" && (planned.startsWith("error") || bound.startsWith("error"))),
        `${sql}\n${planned}\n---\n${bound}`,
      );
    }
  }
  for (const kind of ["inner", "left", "right", "full", "semi", "anti"])
    t.true((ways.get(`range ${kind}`) ?? 0) >= 20, `${kind}: ${JSON.stringify([...ways])}`);
  t.true(rows > 20_000, `${rows} rows`);
});

function linesOf(database: MemoryDatabase, sql: string): string {
  try {
    return database.query(sql).map(String).join("\n");
  } catch (error) {
    return `error ${String(error)}`;
  }
}

const definitions = [
  "create table calls (id int primary key, line int, began timestamptz, ended timestamptz, price numeric(10, 2))",
  `insert into calls select g, g % 7, timestamptz '2020-01-01 00:00+00' + (g * 7919 % 20011) * interval '1 minute',
     case when g % 11 = 0 then null else timestamptz '2020-01-01 00:00+00' + (g * 7919 % 20011 + g % 40) * interval '1 minute' end, g % 977 from generate_series(1, 5000) g`,
  "create table faults (id int primary key, line int, at timestamptz)",
  "insert into faults select g, g % 5, case when g % 13 <> 0 then timestamptz '2020-01-01 00:00+00' + (g * 104729 % 20011) * interval '1 minute' end from generate_series(1, 3000) g",
  "create index faults_at on faults (at)",
  "create index faults_line_at on faults (line, at)",
  "analyze",
];

/** Statement, and what its plan says. */
const statements: readonly (readonly [sql: string, plan: RegExp])[] = [
  [
    "select count(*) from calls a join calls b on b.id between a.id and a.id + 3",
    /Range Join.*\n.*Range Cond: \(b\.id >= a\.id\) AND \(b\.id <= \(a\.id \+ 3\)\)/,
  ],
  [
    "select count(*), sum(a.id * b.id) from calls a join faults b on b.at >= a.began and b.at < a.began + interval '1 hour'",
    /Range Join/,
  ],
  [
    "select count(*), count(b.id), sum(b.id) from calls a left join faults b on b.at > a.began and b.at <= a.ended",
    /Range Left Join/,
  ],
  [
    "select count(*), sum(b.id), sum(a.id) from calls a right join faults b on b.at > a.began and b.at <= a.ended",
    /Range (Left|Right) Join/,
  ],
  [
    "select count(*), count(a.id), count(b.id) from calls a full join faults b on b.line = a.line and b.at > a.began and b.at <= a.ended",
    /Range Full Join/,
  ],
  [
    "select count(*), sum(b.id) from calls a join faults b on b.line = a.line and b.at between a.began and a.ended",
    /Range Join.*\n.*Range Cond: \(.*line = .*line\) AND/,
  ],
  [
    "select count(*) from calls a where not exists (select from faults b where b.at between a.began and a.ended)",
    /Range Anti Join/,
  ],
  ["select count(*) from calls a, calls b where a.id <= 300 and b.id <= 300 and a.price < b.price", /Range Join/],
  // For a few rows a range of the index is looked up for each.
  [
    "select a.id, b.id from calls a join faults b on b.at >= a.began and b.at < a.began + interval '1 hour' where a.id in (5, 600, 4000) order by 1, 2",
    /Nested Loop[^]*Index Scan using faults_at on faults b[^]*Index Cond: \(at >= a\.began\) AND \(at < /,
  ],
  [
    "select a.id, b.id from calls a left join faults b on b.line = a.line and b.at > a.began and b.at <= a.ended where a.id in (5, 600, 4001) order by 1, 2",
    /Nested Loop Left[^]*Index Scan using faults_line_at[^]*Index Cond: \(\(line, at\) > \(a\.line, a\.began\)\) AND/,
  ],
  [
    "select a.id, b.id from calls a join calls b on b.id between a.id and a.id + 3 where a.id = 77 order by 1, 2",
    /Nested Loop[^]*Primary Key Scan on calls b/,
  ],
];

test("ranges that a row gives are looked up by an index for few rows, and searched in sorted rows for many, with PostgreSQL's rows", async (t) => {
  await comparePlansAndRows(t, definitions, statements);
});
