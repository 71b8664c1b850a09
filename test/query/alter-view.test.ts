/** ALTER VIEW of columns and options. Each answer is PostgreSQL 15's own; where there is one on this machine, it is asked again. */
import test from "ava";
import { type Case, holdHere, holdThere } from "./postgres/scripts.js";

const renamed: readonly Case[] = [
  ["create table t (i int primary key, s text default 'tt', n int default 5)", ""],
  ["create view v as select i, s, n from t where i < 100", ""],
  ["create view w as select * from v", ""],
  ["alter view v rename column s to label", ""],
  ["alter view v rename column nosuch to x", '42703 column "nosuch" does not exist'],
  ["alter view v rename column i to label", '42701 column "label" of relation "v" already exists'],
  ["alter table v rename column label to s2", ""],
  ["insert into v (i, s2) values (50, 'fifty') returning s2", "fifty"],
  ["select s from w", "fifty"],
  ["create view a (x, y) as select i, s from t where s <> ''", ""],
  ["create view counted as select x, count(*) as c from a group by x", ""],
  ["alter view a rename x to id", ""],
  ["select id from a", "50"],
  ["select x, c from counted", "50|1"],
  ["insert into a (id) values (51) returning *", "51|tt"],
  ["create view both_of (one) as select 1 union select 2", ""],
  ["alter view both_of rename one to two", ""],
  ["select two from both_of order by 1", "1 2"],
  ["delete from t", ""],
];

const defaults: readonly Case[] = [
  ["create table t (i int primary key, s text default 'tt', n int default 5)", ""],
  ["create view v as select i, s, n from t where i < 100", ""],
  ["create view w as select * from v", ""],
  ["create view j as select a.i, b.s from t a, t b", ""],
  ["alter view v alter column s set default 'vv'", ""],
  ["insert into v (i) values (1) returning *", "1|vv|5"],
  ["insert into v values (2, default, default) returning *", "2|vv|5"],
  ["insert into w (i) values (3) returning *", "3|vv|5"],
  ["alter view w alter s set default 'ww'", ""],
  ["insert into w (i) values (4) returning *", "4|ww|5"],
  ["insert into w (i, n) values (5, default), (6, 7) returning *", "5|ww|5 6|ww|7"],
  ["insert into v (i) select 20 returning *", "20|vv|5"],
  ["with q as (insert into v (i) values (21) returning *) select * from q", "21|vv|5"],
  ["update v set s = default where i = 4 returning *", "4|vv|5"],
  ["update w set n = default where i = 4 returning *", "4|vv|"],
  ["insert into v (i, s) values (1, 'x') on conflict (i) do update set s = default returning *", "1|vv|5"],
  ["create or replace view v as select i, s, n from t where i < 200", ""],
  ["insert into v (i) values (150) returning *", "150|vv|5"],
  ["alter view v alter column s drop default", ""],
  ["insert into v (i) values (7) returning *", "7|tt|5"],
  ["alter view v alter column nosuch set default 1", '42703 column "nosuch" of relation "v" does not exist'],
  ["alter view v alter column i set default 'x'", '22P02 invalid input syntax for type integer: "x"'],
  ["alter view v alter column n set default (select 1)", "0A000 cannot use subquery in DEFAULT expression"],
  ["alter view v alter column n set default null", ""],
  ["insert into v (i) values (8) returning *", "8|tt|5"],
  ["alter view v alter column n set default 3.7", ""],
  ["insert into v (i) values (9) returning *", "9|tt|4"],
  ["alter table v alter column n set default 4, alter s set default 'both'", ""],
  [
    "select column_name, column_default from information_schema.columns where table_schema = current_schema() and table_name = 'v' and column_name <> 's' order by 1",
    "i| n|4",
  ],
  [
    "select attname, pg_get_expr(adbin, adrelid) from pg_attribute join pg_attrdef on attrelid = adrelid and attnum = adnum where attrelid = 'v'::regclass and attname = 'n'",
    "n|4",
  ],
  ["insert into v (i) values (10) returning *", "10|both|4"],
  ["alter view if exists nosuch alter column n set default 4", ""],
  ["alter view nosuch alter column n set default 4", '42P01 relation "nosuch" does not exist'],
  ["alter view t alter column n set default 4", '42809 "t" is not a view'],
  [
    "alter table v add column z int",
    '42809 ALTER action ADD COLUMN cannot be performed on relation "v" / This operation is not supported for views.',
  ],
  [
    "alter view v alter column n set not null",
    '42809 ALTER action ALTER COLUMN ... SET NOT NULL cannot be performed on relation "v" / This operation is not supported for views.',
  ],
  ["alter view j alter column s set default 'x'", ""],
  [
    "insert into j (i) values (1)",
    '55000 cannot insert into view "j" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  ["create view x as select i, i + 1 as k from t", ""],
  ["alter view x alter k set default 5", ""],
  [
    "insert into x (i) values (300)",
    '0A000 cannot insert into column "k" of view "x" / View columns that are not columns of their base relation are not updatable.',
  ],
  ["alter view x alter k drop default", ""],
  ["insert into x (i) values (300) returning *", "300|301"],
  ["create table d (n int default (select 1))", "0A000 cannot use subquery in DEFAULT expression"],
];

const options: readonly Case[] = [
  ["create table t (i int primary key, s text)", ""],
  ["create view v as select * from t where i < 100", ""],
  ["create view j as select a.i, b.s from t a, t b", ""],
  ["alter view v set (check_option = local)", ""],
  [
    "insert into v (i) values (101)",
    '44000 new row violates check option for view "v" / Failing row contains (101, null).',
  ],
  ["select reloptions from pg_class where oid = 'v'::regclass", "{check_option=local}"],
  [
    "alter view v set (check_option = 'nosuch')",
    '22023 invalid value for enum option "check_option": nosuch / Valid values are "local" and "cascaded".',
  ],
  ["alter view v set (nosuch = 1)", '22023 unrecognized parameter "nosuch"'],
  ["alter view v reset (nosuch)", ""],
  [
    "insert into v (i) values (101)",
    '44000 new row violates check option for view "v" / Failing row contains (101, null).',
  ],
  ["alter table v set (check_option = cascaded)", ""],
  [
    "select check_option from information_schema.views where table_schema = current_schema() and table_name = 'v'",
    "CASCADED",
  ],
  ["alter view v reset (check_option)", ""],
  ["insert into v (i) values (101) returning i", "101"],
  [
    "alter view j set (check_option = local)",
    "0A000 WITH CHECK OPTION is supported only on automatically updatable views / Views that do not select from a single table or view are not automatically updatable.",
  ],
  ["alter view if exists nosuch set (check_option = local)", ""],
  ["alter view t set (check_option = local)", '42809 "t" is not a view'],
];

/** What a default may be made of, a table's and a domain's too. */
const rowless: readonly Case[] = [
  ["create table t (i int primary key, n int default 5)", ""],
  ["create table u (n int default (select 1))", "0A000 cannot use subquery in DEFAULT expression"],
  ["create table u (n int default 1 + n)", "0A000 cannot use column reference in DEFAULT expression"],
  ["create table u (n int default nosuch(n))", "0A000 cannot use column reference in DEFAULT expression"],
  ["alter table t alter column n set default i", "0A000 cannot use column reference in DEFAULT expression"],
  ["alter table t alter column n set default 1 + (select 1)", "0A000 cannot use subquery in DEFAULT expression"],
  ["alter table t add column y int default n", "0A000 cannot use column reference in DEFAULT expression"],
  ["create view v as select * from t", ""],
  ["alter view v alter column n set default i", "0A000 cannot use column reference in DEFAULT expression"],
  ["create domain d as int default (select 1)", "0A000 cannot use subquery in DEFAULT expression"],
  ["create domain d as int default x", "0A000 cannot use column reference in DEFAULT expression"],
  ["create domain d as int default 3", ""],
  ["alter domain d set default (select 2)", "0A000 cannot use subquery in DEFAULT expression"],
  [
    "create table u (n int default case when true then 1 end, m date default current_date, a int[] default array[1, 2], x text default 'a' || 'b')",
    "",
  ],
  ["insert into u default values returning n, a, x", "1|{1,2}|ab"],
];

/** A sequence from which a view's default draws. */
const drawing: readonly Case[] = [
  ["create sequence s", ""],
  ["create table t (i int primary key, n int)", ""],
  ["create view v as select i, n from t", ""],
  ["alter view v alter column n set default nextval('s') * 10", ""],
  ["insert into v (i) values (1), (2) returning n", "10 20"],
  [
    "drop sequence s",
    "2BP01 cannot drop sequence s because other objects depend on it / default value for column n of view v depends on sequence s / Use DROP ... CASCADE to drop the dependent objects too.",
  ],
  ["drop sequence s cascade", ""],
  ["insert into v (i) values (3) returning n", ""],
];

const scripts = { renamed, defaults, options, rowless, drawing };
test("columns and options of views are altered as PostgreSQL does it", (t) => holdHere(t, scripts));
test("PostgreSQL gives the answers that are written here", (t) => holdThere(t, scripts));
