/** Which statements an index serves, seen by EXPLAIN; and that they have the rows that they have without one. */
import test from "ava";
import { afterPrefix, likePrefix } from "../../runtime/query/plan/prefix.js";
import { compareText } from "../../runtime/query/types/text.js";
import { withNode } from "./fuzz/programs/target.js";

const definitions = [
  "create table t (id int primary key, n int, s text, state text, at timestamptz, amount numeric)",
  `insert into t select g, case when g % 10 = 0 then null else (g * 7919) % 5000 end,
     case g % 4 when 0 then 'ab' || g when 1 then 'Ab' || g when 2 then 'x%_' || g else null end,
     case g % 50 when 0 then 'open' else 'done' end,
     timestamptz '2020-01-01' + g * interval '1 hour', (g % 700) / 4.0 from generate_series(1, 5000) g`,
];
const indexes = [
  "create index t_n on t (n)",
  "create index t_n_down on t (n desc nulls last, id)",
  "create index t_s on t (s)",
  "create index t_lower on t (lower(s))",
  "create index t_open on t (at) where state = 'open'",
  "create index t_positive on t (amount) where amount > 100",
  "create index t_there on t (id, s) where s is not null",
];

/** Statement, and the index that its plan names; null: none. */
const statements: readonly (readonly [sql: string, index: string | null])[] = [
  ["select min(n) from t", "t_n"],
  ["select max(n) from t", "t_n"],
  ["select min(n), max(n), min(s) from t", "t_n"],
  ["select max(n) from t where n < 1000", "t_n"],
  ["select min(id), max(id) from t", "Primary Key Scan"],
  ["select min(n) from t where n > 6000", "t_n"],
  ["select max(n), count(*) from t", null],
  ["select n from t order by n limit 5", "t_n"],
  ["select n from t order by n desc limit 5", "t_n"],
  ["select n, id from t order by n desc nulls last, id limit 5", "t_n_down"],
  ["select n from t order by n nulls first limit 5", "t_n_down"],
  ["select s from t order by s desc nulls last limit 5", null],
  ["select id from t where s like 'ab1%'", "t_s"],
  ["select id from t where s like 'ab17'", "t_s"],
  ["select id from t where s like 'x\\%\\_1%'", "t_s"],
  ["select id from t where s like '%b1'", null],
  ["select id from t where s ilike 'ab1%'", null],
  ["select id from t where lower(s) = 'ab9'", "t_lower"],
  ["select id from t where lower(s) like 'ab12%'", "t_lower"],
  ["select id from t where lower(s) in ('ab9', 'ab12', 'x%_6')", "t_lower"],
  ["select id from t where upper(s) = 'AB9'", null],
  ["select id from t where state = 'open' and at < timestamptz '2020-01-20'", "t_open"],
  ["select id from t where at < timestamptz '2020-01-20'", null],
  ["select id from t where state = 'done' and at < timestamptz '2020-01-20'", null],
  ["select id from t where amount > 170", "t_positive"],
  ["select id from t where amount = 174.75", "t_positive"],
  ["select id from t where amount > 99", null],
  ["select id from t where amount >= 100 and amount < 100.5", null],
  ["select id from t where n = 1 or n = 2 or n = 77", "t_n"],
  ["select id from t where n in (1, 2, 77)", "t_n"],
  ["select id from t where n = any ('{1,2,77}')", "t_n"],
];

test("indexes serve extremes, orders, prefixes, expressions, lists and what a partial index holds; the rows stay the same", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    for (const sql of definitions) await client.rows(sql);
    const without: string[] = [];
    for (const [sql] of statements) without.push(JSON.stringify((await client.rows(sql)).map(String).toSorted()));
    for (const sql of indexes) await client.rows(sql);
    for (const [at, [sql, index]] of statements.entries()) {
      const plan = (await client.lines(`explain (costs off) ${sql}`)).join("\n");
      const used = index?.startsWith("Primary") === true ? index : `Index Scan (?:Backward )?using ${index ?? ""}`;
      if (index === null) t.false(/Index Scan/u.test(plan), `${sql}\n${plan}`);
      else t.regex(plan, new RegExp(`${used}\\b`, "u"), sql);
      t.is(JSON.stringify((await client.rows(sql)).map(String).toSorted()), without[at], sql);
    }
    client.close();
  });
});

test("the first text behind a prefix is behind all texts that begin with it, and not behind any other", (t) => {
  for (const prefix of ["a", "ab", "\u007f", "\ud7ff", "\uffff", "\u{10ffff}", "a\u{10ffff}", "ß"]) {
    const after = afterPrefix(prefix);
    for (const more of ["", "\u0001", "z", "\u{10ffff}\u{10ffff}"])
      t.true(after === null || compareText(prefix + more, after) < 0, JSON.stringify([prefix, more]));
    if (after === null) t.regex(prefix, /^\u{10ffff}+$/u);
    else t.false(after.startsWith(prefix));
  }
  t.deepEqual(likePrefix("ab%c"), { prefix: "ab", isWhole: false });
  t.deepEqual(likePrefix("a\\%_"), { prefix: "a%", isWhole: false });
  t.deepEqual(likePrefix("abc"), { prefix: "abc", isWhole: true });
  t.is(likePrefix("%a"), null);
  t.is(likePrefix("a\\"), null);
});
