/** What a statement that writes sees of the tables while it writes: what was there before it. Each answer is PostgreSQL 15's own. */
import test from "ava";
import { type Case, holdHere, holdThere } from "./postgres/scripts.js";

const returned: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["insert into t values (1, 'a'), (2, 'b') returning i, (select count(*) from t)", "1|0 2|0"],
  [
    "insert into t values (3, 'c'), (4, 'd') returning i, (select count(*) from t x where x.i <= t.i), exists (select 1 from t x where x.i = t.i)",
    "3|2|f 4|2|f",
  ],
  [
    "update t set i = i + 10 where i > 2 returning i, (select array_agg(x.i order by x.i) from t x)",
    "13|{1,2,3,4} 14|{1,2,3,4}",
  ],
  ["delete from t where i > 13 returning i, (select count(*) from t), i in (select i from t)", "14|4|t"],
  ["begin", ""],
  ["insert into t values (5, 'e') returning (select count(*) from t)", "3"],
  ["insert into t values (6, 'f') returning (select count(*) from t)", "4"],
  ["savepoint s", ""],
  ["delete from t where i = 1 returning (select string_agg(s, '' order by i) from t)", "abefc"],
  ["rollback to s", ""],
  ["delete from t where i = 2 returning (select string_agg(s, '' order by i) from t)", "abefc"],
  ["commit", ""],
  ["select i, s from t order by i", "1|a 5|e 6|f 13|c"],
  [
    "with w as (insert into t values (7, 'w') returning (select count(*) from t) c), z as (update t set s = 'z' where i = 1 returning (select count(*) from t) c) select w.c, z.c, (select count(*) from t) from w, z",
    "4|4|4",
  ],
];

const conflicts: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["insert into t values (1, 'a'), (2, 'b')", ""],
  [
    "insert into t values (3, 'new'), (1, 'n'), (2, 'n') on conflict (i) do update set s = (select string_agg(x.s, ',' order by i) from t x where x.i >= excluded.i) where (select count(*) from t) < 3 returning *, (select max(i) from t)",
    "3|new|2 1|a,b|2 2|b|2",
  ],
];

const checked: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["insert into t values (1, 'a'), (2, 'b')", ""],
  [
    "create view alone as select * from t where not exists (select 1 from t x where x.s = t.s and x.i <> t.i) with check option",
    "",
  ],
  // Each of the two is alone with its text as long as the other is not seen.
  ["insert into alone values (3, 'z'), (4, 'z')", ""],
  [
    "insert into alone values (5, 'z')",
    '44000 new row violates check option for view "alone" / Failing row contains (5, z).',
  ],
  ["update alone set s = 'same' where i < 3 returning i, (select count(*) from alone)", "1|2 2|2"],
  ["select * from t order by i", "1|same 2|same 3|z 4|z"],
];

const scripts = { returned, conflicts, checked };
test("a statement's subqueries do not see its own rows", (t) => holdHere(t, scripts));
test("PostgreSQL's subqueries do not see them either", (t) => holdThere(t, scripts));
