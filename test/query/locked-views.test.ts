/** SELECT … FOR UPDATE of views and queries in FROM locks the rows of which theirs are made. Answers are PostgreSQL 15's own. */
import test from "ava";
import { withNode } from "./fuzz/programs/target.js";
import { answerTo, type Case, holdHere, holdThere } from "./postgres/scripts.js";

const locked: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["insert into t values (1, 'a'), (2, 'b'), (3, 'c')", ""],
  ["create view v as select i, s as label from t where i < 3", ""],
  ["create view w as select label, i from v", ""],
  ["create view j as select a.i, b.s from t a join t b on a.i = b.i", ""],
  ["create view o as select a.i, b.s from t a left join t b on a.i = b.i and b.i > 1", ""],
  ["create view sorted as select * from t order by i desc limit 2", ""],
  ["select * from v order by i for update", "1|a 2|b"],
  ["select * from w order by i for share", "a|1 b|2"],
  ["select * from v x where i = 2 for update of x", "2|b"],
  ["select * from v where i = 1 for update nowait", "1|a"],
  ["select i from v order by i limit 1 for update skip locked", "1"],
  ["select * from j order by i for no key update", "1|a 2|b 3|c"],
  ["select * from sorted for update", "3|c 2|b"],
  ["select i from (select * from v) q order by i for update", "1 2"],
  ["select i from (select * from t) q order by i for update of q", "1 2 3"],
  ["select t.i, v.label from v join t on v.i = t.i order by 1 for key share", "1|a 2|b"],
  ["select * from t, (values (1)) q (a) where i = 1 for update", "1|a|1"],
  ["select * from t, generate_series(1, 1) where i = 1 for update", "1|a|1"],
  ["create view counted as select count(*) as c from t", ""],
  ["select * from v for update of nosuch", '42P01 relation "nosuch" in FOR UPDATE clause not found in FROM clause'],
  ["create materialized view m as select i from t", ""],
  ["create view over_m as select * from m", ""],
  ["select * from over_m for update", '42809 cannot lock rows in materialized view "m"'],
  ["create role lara", ""],
  ["grant usage on schema locked to lara", ""],
  ["grant select on v to lara", ""],
  ["set role lara", ""],
  ["select * from v order by i for update", "42501 permission denied for view v"],
  ["reset role", ""],
  ["grant update (label) on v to lara", ""],
  ["set role lara", ""],
  ["select * from v order by i for update", "1|a 2|b"],
  ["select * from t for update", "42501 permission denied for table t"],
  ["reset role", ""],
  ["select * from v, v x where v.i = x.i order by v.i for update", "1|a|1|a 2|b|2|b"],
  ["select * from v cross join w where v.i = w.i order by v.i for update of v", "1|a|a|1 2|b|b|2"],
  ["begin", ""],
  ["declare c cursor for select * from v order by i for update", ""],
  ["fetch all from c", "1|a 2|b"],
  ["commit", ""],
];

/** What has no rows of tables is passed over, unless it is named. */
const passed: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["insert into t values (1, 'a'), (2, 'b'), (3, 'c')", ""],
  ["with q as (select * from t) select * from q order by i for update", "1|a 2|b 3|c"],
  ["with q as (select * from t) select * from q for update of q", "0A000 FOR UPDATE cannot be applied to a WITH query"],
  ["with q as (select * from t) select t.s from q join t on q.i = t.i where q.i = 2 for update", "b"],
  ["with q as (select i as k from t for update) select * from q order by k", "1 2 3"],
  ["select * from generate_series(1, 2) g for update of g", "0A000 FOR UPDATE cannot be applied to a function"],
  ["select * from t, generate_series(1, 2) g where t.i = g order by i for update", "1|a|1 2|b|2"],
  [
    "with recursive r (n) as (select 1 union all select n + 1 from r where n < 3) select t.s from t join r on r.n = t.i order by 1 for update",
    "a b c",
  ],
  ["select * from (with q as (select * from t) select * from q) x where i = 1 for update", "1|a"],
];

test("rows of views are locked as PostgreSQL does it", (t) => holdHere(t, { locked, passed }));
test("PostgreSQL gives the answers that are written here", (t) => holdThere(t, { locked, passed }));

test("rows beneath a view are locked for others, and no more of them", async (t) => {
  await withNode(async (connect) => {
    const [one, other] = [await connect(), await connect()];
    await one.rows("create table t (i int primary key, s text)");
    await one.rows("insert into t values (1, 'a'), (2, 'b'), (3, 'c')");
    await one.rows("create view v as select i, s as label from t where i < 3");
    await one.rows("create view w as select i as k from v");
    await one.rows("begin");
    t.is(await answerTo(one, "select * from w where k = 1 for update"), "1");
    const taken = '55P03 could not obtain lock on row in relation "t"';
    t.is(await answerTo(other, "select i from t where i = 1 for update nowait"), taken);
    t.is(await answerTo(other, "select i from t order by i for update skip locked"), "2 3");
    t.is(await answerTo(other, "select i from v order by i for update skip locked"), "2");
    await one.rows("commit");
    t.is(await answerTo(other, "select i from t where i = 1 for update nowait"), "1");
    one.close();
    other.close();
  });
});
