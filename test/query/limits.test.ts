/** What a statement may take: depth, memory, work. Beyond it there is an error that says so, and nothing else. */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { rowsOfStream, runPlan } from "../../runtime/query/execute/run.js";
import { MemoryDatabase } from "./memory-database.js";

const filled = (): MemoryDatabase => {
  const database = new MemoryDatabase();
  database.run("create table t (id int primary key, k int, s text)");
  database.run("insert into t select g, g % 50, 'text ' || g from generate_series(1, 5000) g");
  return database;
};

test("what keeps more rows than its memory ends with 53200 and names the setting", (t) => {
  const database = filled();
  database.memoryBytesMax = 200_000;
  for (const query of [
    "select * from t order by s",
    "select s, count(*) from t group by s",
    "select distinct s from t",
    "select count(*) from t a join t b on a.s = b.s",
    "select a.s, b.s from t a join t b on a.id < b.id",
    "select s from t intersect select s from t",
    "select row_number() over (order by s) from t",
    "with x as (select * from t) select count(*) from x a, x b",
    "with recursive r(n) as (select 1 union select n + 1 from r where n < 100000) select count(*) from r",
    "select count(*) from t where s in (select s from t)",
  ]) {
    const error = database.errorOf(query);
    t.is(error.sqlState, "53200", query);
    t.regex(error.fields.hint ?? "", /kimberlite\.query_memory/);
  }
  t.deepEqual(database.query("select count(*), sum(k) from t"), [["5000", "122500"]]);
  t.is(database.query("select * from t order by s limit 3").length, 3);
});

test("what runs again for every row gives back what it took", (t) => {
  const database = filled();
  database.memoryBytesMax = 400_000;
  for (const inner of [
    "select s from t b where b.k = a.k order by s limit 1",
    "select string_agg(s, ',') from (select s from t b where b.k = a.k and b.id < 100 order by s) q",
    "select count(*) from (select distinct s from t b where b.k = a.k) q",
    "select max(r) from (select row_number() over (order by s) r from t b where b.k = a.k) q",
    "select count(*) from t b join t c on b.id = c.id where b.k = a.k and c.k = a.k and b.id < 500 and c.id < 500",
    "select count(*) from (select s from t b where b.k = a.k except select s from t c where c.k = a.k + 1) q",
  ]) {
    t.is(database.query(`select count(x) from (select (${inner}) x from t a where a.id <= 60) y`)[0]?.[0], "60", inner);
  }
});

test("a statement is asked now and then whether it is to end", (t) => {
  const database = filled();
  const { body } = database.bind("select count(*) from t a, t b where a.k <> b.k");
  if (body.kind !== "query") throw new Error("no query");
  let asked = 0;
  const environment = {
    ...database.environment(),
    check: (): void => {
      asked += 1;
      if (asked === 20) throw new SqlError("57014", "canceling statement due to user request");
    },
  };
  const stream = runPlan(body.plan, body.outputs, environment);
  const error = t.throws(() => [...rowsOfStream(stream)], { instanceOf: SqlError });
  t.is(error?.sqlState, "57014");
});

test("what reads all of its input first does so in steps, and others may be served between them", (t) => {
  const database = filled();
  const many = "(select g as id, g % 50 as k, 'text ' || g as s from generate_series(1, 60000) g) m";
  for (const [query, stepsMin] of [
    [`select * from ${many} order by s`, 3],
    [`select s, count(*) from ${many} group by s`, 3],
    [`select row_number() over (order by s) from ${many}`, 3],
    [`select * from ${many} where s = 'nowhere'`, 3],
    [`select k from (select k, count(*) from ${many} where s <> '' group by k) q order by k limit 5`, 3],
  ] as const) {
    const { body } = database.bind(query);
    if (body.kind !== "query") throw new Error("no query");
    const stream = runPlan(body.plan, body.outputs, database.environment());
    let steps = 0;
    const stepwise: (readonly unknown[])[] = [];
    for (;;) {
      while (!stream.prepare()) steps += 1;
      const batch = stream.next();
      if (batch === null) break;
      stepwise.push(...rowsOfStream({ prepare: () => true, next: once(batch), close: () => {} }));
    }
    t.true(steps >= stepsMin, `${query}: ${steps} steps`);
    const whole = runPlan(body.plan, body.outputs, database.environment());
    // As texts: the comparison of so many lists takes longer than all else.
    t.true(stepwise.map(String).join("\n") === [...rowsOfStream(whole)].map(String).join("\n"), query);
  }
});

function once<Item>(item: Item): () => Item | null {
  let next: Item | null = item;
  return () => {
    const given = next;
    next = null;
    return given;
  };
}

test("deep statements run, or end with 54001", (t) => {
  const database = new MemoryDatabase();
  const deep: readonly (readonly [text: string, rows: string | null])[] = [
    [`select 1${"+1".repeat(900)}`, "901"],
    [`select ${"not ".repeat(900)}true`, "t"],
    [`select ${"case when true then ".repeat(400)}1${" end".repeat(400)}`, "1"],
    [`${"select * from (".repeat(200)}select 1${") q".repeat(200)}`, "1"],
    [`select ${"(select ".repeat(200)}1${")".repeat(200)}`, "1"],
    [`select ${Array.from({ length: 3_000 }, (_, at) => `1 = ${at}`).join(" or ")}`, "t"],
    [`select 7 in (${Array.from({ length: 20_000 }, (_, at) => at).join(",")})`, "t"],
    [`select 1${"+1".repeat(5_000)}`, null],
    [`select ${"(select ".repeat(1_200)}1${")".repeat(1_200)}`, null],
  ];
  for (const [text, wanted] of deep) {
    if (wanted === null) t.is(database.errorOf(text).sqlState, "54001", text.slice(0, 40));
    else t.is(database.query(text)[0]?.[0], wanted, text.slice(0, 40));
  }
});

test("results, rows and calls have PostgreSQL's widths and no more: the protocol counts columns in two bytes", (t) => {
  const database = filled();
  const list = (count: number): string => Array(count).fill("1").join(", ");
  const entries = "target lists can have at most 1664 entries";
  const errors: readonly (readonly [string, string, string])[] = [
    [`select ${list(1_665)}`, "54011", entries],
    [`select exists (select ${list(1_665)})`, "54011", entries],
    [`values (${list(1_665)})`, "54011", entries],
    [`select ${list(1_664)} from t order by k + 1`, "54011", entries],
    [`delete from t returning ${list(1_665)}`, "54011", "number of columns (1665) exceeds limit (1664)"],
    [`select row(${list(1_665)})`, "54011", "ROW expressions can have at most 1664 entries"],
    [`select concat(${list(101)})`, "54023", "cannot pass more than 100 arguments to a function"],
  ];
  for (const [text, sqlState, message] of errors) {
    const error = database.errorOf(text);
    t.deepEqual([error.sqlState, error.message], [sqlState, message], text.slice(0, 40));
  }
  t.is(database.query(`select ${list(1_664)}`)[0]?.length, 1_664);
  t.is(database.query(`select coalesce(${list(3_000)}), concat(${list(100)})`).length, 1);
});
