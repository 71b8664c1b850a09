/**
 * INSERT, UPDATE and DELETE through views. Each answer is PostgreSQL 15's own; where there is one on this machine, it is asked again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { startNode } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { PostgresClient } from "./postgres/client.js";
import { answerTo, type Case, holdHere, holdThere } from "./postgres/scripts.js";

const simple: readonly Case[] = [
  ["create table t (a int primary key, b text default 'unset', c int default 7)", ""],
  ["insert into t values (1, 'one', 10), (2, 'two', 20), (3, 'three', 30), (4, 'four', null)", ""],
  ["create view v as select a, b from t where a > 1", ""],
  ["create view vv (x, y, z) as select b, a, a + 1 from v as q where a < 100", ""],
  ["create view renamed as select n.id as k, n.label as l from t as n (id, label) where n.id < 50", ""],
  ["insert into v values (5, 'five') returning *", "5|five"],
  ["insert into v (a) values (6) returning *, a + 1 as n", "6|unset|7"],
  ["insert into v values (8, default), (9, 'nine')", ""],
  ["insert into v values (10, 'x', 3)", "42601 INSERT has more expressions than target columns"],
  ["insert into v (a, nosuch) values (1, 2)", '42703 column "nosuch" of relation "v" does not exist'],
  ["insert into v (a, a) values (1, 2)", '42701 column "a" specified more than once'],
  ["insert into v values ('x', 'y')", '22P02 invalid input syntax for type integer: "x"'],
  ["insert into v select a + 10, b from v where a < 4 returning a, b", "12|two 13|three"],
  ["insert into vv values ('through two', 30)", ""],
  ["insert into vv (y, x) values (31, 'again') returning x, y, z", "again|31|32"],
  [
    "insert into vv values ('q', 32, 33)",
    '0A000 cannot insert into column "z" of view "vv" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "insert into vv (y, z) values (33, default) returning *",
    '0A000 cannot insert into column "z" of view "vv" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "insert into vv (y, z) values (33, 1), (34, default)",
    '0A000 cannot insert into column "z" of view "vv" / View columns that are not columns of their base relation are not updatable.',
  ],
  ["insert into vv (y, z) values (33, 'x')", '22P02 invalid input syntax for type integer: "x"'],
  ["insert into vv (nosuch) select 1", '42703 column "nosuch" of relation "vv" does not exist'],
  ["update v set b = b || '!' where a = 2 returning *", "2|two!"],
  ["update v set b = 'no' where a = 1", ""],
  ["update v set a = 0 where a = 9 returning a, b", "0|nine"],
  // The column of a view has no default.
  ["update v set b = default where a = 3 returning *", "3|"],
  ["update v as q set b = q.a::text where q.a = 3 returning q.*, q.b", "3|3|3"],
  [
    "update v set b = s.t from (values (2, 'joined'), (50, 'none')) s (i, t) where s.i = v.a returning v.*, s.*",
    "2|joined|2|joined",
  ],
  ["update v set (a, b) = (a + 100, 'moved') where a = 5 returning *", "105|moved"],
  ["update v set (a, b) = (select 200, 'sub') where a = 105 returning *", "200|sub"],
  [
    "update vv set z = 3",
    '0A000 cannot update column "z" of view "vv" / View columns that are not columns of their base relation are not updatable.',
  ],
  ["update vv set x = 'zz' where z = 3 returning *", "zz|2|3"],
  ["update vv set x = 'q' || z where z between 3 and 5 returning x, y, z", "q3|2|3 q4|3|4 q5|4|5"],
  ["update vv set y = y + 1000 where y = 2 returning *", "q3|1002|1003"],
  ["update v set a = 1, a = 2", '42601 multiple assignments to same column "a"'],
  ["update v set a = 1 where nosuch = 2", '42703 column "nosuch" does not exist'],
  ["delete from v where a = 1002 returning *", "1002|q3"],
  ["delete from vv using t where t.a = vv.y and t.a = 6 returning vv.*, t.c", "unset|6|7|7"],
  ["delete from v using v as o where o.a = v.a and o.b = 'nope'", ""],
  ["with d as (delete from v where a = 13 returning *) select * from d", "13|three"],
  ["with i as (insert into vv (x, y) values ('cte', 60) returning *) select x, y, z from i", "cte|60|61"],
  ["insert into v values (60, 'c') on conflict (a) do nothing", ""],
  ["insert into v values (60, 'c') on conflict (a) do update set b = excluded.b || v.b returning *", "60|ccte"],
  [
    "insert into vv (y, x) values (60, 'c') on conflict (y) do update set x = excluded.z || vv.z::text returning *",
    "6161|60|61",
  ],
  [
    "insert into vv (y, x) values (60, 'c') on conflict (y) do update set z = 3",
    '0A000 cannot insert into column "z" of view "vv" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "insert into vv (y, x) values (60, 'c') on conflict (z) do nothing",
    "42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification",
  ],
  [
    "insert into vv (y, x) values (60, 'c') on conflict on constraint t_pkey do nothing",
    '42704 constraint "t_pkey" for table "vv" does not exist',
  ],
  ["insert into renamed values (40, 'forty') returning *", "40|forty"],
  ["update renamed set l = upper(l) where k = 40 returning renamed.k, renamed.l", "40|FORTY"],
  ["delete from renamed where k = 40", ""],
  [
    "insert into v (b) values ('no key')",
    '23502 null value in column "a" of relation "t" violates not-null constraint / Failing row contains (null, no key, 7).',
  ],
  [
    "insert into v values (60, 'taken')",
    '23505 duplicate key value violates unique constraint "t_pkey" / Key (a)=(60) already exists.',
  ],
  ["create view twice as select a, a as a2, b from t", ""],
  ["insert into twice values (1, 2, 'x')", '42601 multiple assignments to same column "a"'],
  ["insert into twice (a2) values (501) returning *", "501|501|unset"],
  ["update twice set a = 1, a2 = 2", '42601 multiple assignments to same column "a"'],
  ["prepare p (int, text) as insert into v values ($1, $2) returning *", ""],
  ["execute p (90, 'prepared')", "90|prepared"],
  [
    "select * from t order by a",
    "0|nine|7 1|one|10 3|q4|30 4|q5| 8|unset|7 12|two|7 30|through two|7 31|again|7 60|6161|7 90|prepared|7 200|sub|7 501|unset|7",
  ],
  [
    "merge into v using (values (1)) s (i) on s.i = v.a when matched then delete",
    '0A000 cannot execute MERGE on relation "v" / This operation is not supported for views.',
  ],
  ["truncate v", '42809 "v" is not a table'],
];

const refused: readonly Case[] = [
  ["create table t (a int primary key, b text)", ""],
  ["insert into t values (1, 'one'), (2, 'two')", ""],
  ["create view n_distinct as select distinct a from t", ""],
  ["create view n_group as select a from t group by a", ""],
  ["create view n_having as select 1 as a from t having count(*) > 1", ""],
  ["create view n_union as select a from t union all select a from t", ""],
  ["create view n_with as with x as (select 1) select a from t", ""],
  ["create view n_limit as select a from t limit 1", ""],
  ["create view n_agg as select count(*) from t", ""],
  ["create view n_window as select a, row_number() over () as n from t", ""],
  ["create view n_set as select a, generate_series(1, 2) as n from t", ""],
  ["create view n_join as select t.a, o.b from t join t as o using (a)", ""],
  ["create view n_subquery as select a from (select a from t) s", ""],
  ["create view n_values as values (1), (2)", ""],
  ["create view n_none as select 1 as one, a + 1 as two from t", ""],
  ["create view n_nofrom as select 1 as one", ""],
  ["create view over_join as select a, b || 'x' as bx from n_join", ""],
  ["create view over_none as select one, two from n_none", ""],
  ["create view odd as select tableoid as o, t as whole, a from t", ""],
  ["create view sorted as select a, (select count(*) from t as o where o.a <= t.a) as n from t order by b", ""],
  [
    "insert into n_distinct values (1)",
    '55000 cannot insert into view "n_distinct" / Views containing DISTINCT are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "update n_distinct set a = 1",
    '55000 cannot update view "n_distinct" / Views containing DISTINCT are not automatically updatable. / To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.',
  ],
  [
    "delete from n_distinct",
    '55000 cannot delete from view "n_distinct" / Views containing DISTINCT are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "insert into n_group values (1)",
    '55000 cannot insert into view "n_group" / Views containing GROUP BY are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_having values (1)",
    '55000 cannot insert into view "n_having" / Views containing HAVING are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_union values (1)",
    '55000 cannot insert into view "n_union" / Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_with values (1)",
    '55000 cannot insert into view "n_with" / Views containing WITH are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_limit values (1)",
    '55000 cannot insert into view "n_limit" / Views containing LIMIT or OFFSET are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_agg values (1)",
    '55000 cannot insert into view "n_agg" / Views that return aggregate functions are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "update n_agg set count = 1",
    '55000 cannot update view "n_agg" / Views that return aggregate functions are not automatically updatable. / To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.',
  ],
  [
    "insert into n_window values (1)",
    '55000 cannot insert into view "n_window" / Views that return window functions are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_set values (1)",
    '55000 cannot insert into view "n_set" / Views that return set-returning functions are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_join values (1)",
    '55000 cannot insert into view "n_join" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  ["insert into n_join (nosuch) values (1)", '42703 column "nosuch" of relation "n_join" does not exist'],
  ["update n_join set a = 'x'", '22P02 invalid input syntax for type integer: "x"'],
  ["delete from n_join where nosuch = 1", '42703 column "nosuch" does not exist'],
  [
    "insert into n_subquery values (1)",
    '55000 cannot insert into view "n_subquery" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_values values (1)",
    '55000 cannot insert into view "n_values" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_none values (1)",
    '55000 cannot insert into view "n_none" / Views that have no updatable columns are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into n_nofrom values (1)",
    '55000 cannot insert into view "n_nofrom" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into over_join values (1)",
    '55000 cannot insert into view "n_join" / Views that do not select from a single table or view are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "update over_join set bx = '1'",
    '0A000 cannot update column "bx" of view "over_join" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "delete from over_join",
    '55000 cannot delete from view "n_join" / Views that do not select from a single table or view are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "insert into over_none values (1)",
    '55000 cannot insert into view "n_none" / Views that have no updatable columns are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "insert into odd values (1)",
    '0A000 cannot insert into column "o" of view "odd" / View columns that refer to system columns are not updatable.',
  ],
  [
    "update odd set whole = null",
    '0A000 cannot update column "whole" of view "odd" / View columns that return whole-row references are not updatable.',
  ],
  ["update odd set a = 3 where a = 1 returning a", "3"],
  ["delete from over_none where two = 4 returning *", "1|4"],
  ["update sorted set a = 7 where n = 1 returning a", "7"],
  ["select * from t", "7|two"],
];

const generated: readonly Case[] = [
  [
    "create table t (a int primary key, g int generated always as (a * 2) stored, i int generated always as identity, n int check (n > 0))",
    "",
  ],
  ["create view v as select n, i, g, a from t", ""],
  ["insert into v (a, n) values (1, 5) returning *", "5|1|2|1"],
  [
    "insert into v (a, g) values (2, 3)",
    '428C9 cannot insert a non-DEFAULT value into column "g" / Column "g" is a generated column.',
  ],
  ["insert into v (a, g) values (2, default) returning a, g", "2|4"],
  [
    "insert into v (a, i) values (3, 4)",
    '428C9 cannot insert a non-DEFAULT value into column "i" / Column "i" is an identity column defined as GENERATED ALWAYS. / Use OVERRIDING SYSTEM VALUE to override.',
  ],
  ["insert into v (a, i) overriding system value values (3, 40) returning *", "|40|6|3"],
  ["update v set g = default", '428C9 column "g" can only be updated to DEFAULT / Column "g" is a generated column.'],
  [
    "update v set i = default",
    '428C9 column "i" can only be updated to DEFAULT / Column "i" is an identity column defined as GENERATED ALWAYS.',
  ],
  ["update v set a = 10 where a = 1 returning *", "5|1|20|10"],
  [
    "update v set n = -1 where a = 10",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (10, 20, 1, -1).',
  ],
];

const checked: readonly Case[] = [
  ["create table base (a int primary key, b int check (b < 1000), c text)", ""],
  ["create view lv as select * from base where a > 0 with local check option", ""],
  ["create view cv as select * from base where a > 0 with check option", ""],
  ["create view ov with (check_option = local) as select a, b from base where b > a", ""],
  ["create view ov2 with (check_option = cascaded) as select a, b from ov where a < 50", ""],
  [
    "create view bad with (check_option = nonsense) as select a, b from ov",
    '22023 invalid value for enum option "check_option": nonsense / Valid values are "local" and "cascaded".',
  ],
  [
    "create view bad with (check_option = local) as select a, b from ov with check option",
    '22023 parameter "check_option" specified more than once',
  ],
  ["create view bad with (nosuch = local) as select a, b from ov", '22023 unrecognized parameter "nosuch"'],
  ["create view plain1 as select * from base where a < 10", ""],
  ["create view plain2 as select * from plain1 where b > 10", ""],
  ["create view top_local as select * from plain2 where c is not null with local check option", ""],
  ["create view top_cascaded as select * from plain2 where c is not null with cascaded check option", ""],
  ["create view above_cascaded as select * from top_cascaded where a <> 5", ""],
  ["create view above_local as select * from top_local where a <> 5", ""],
  [
    "insert into lv values (-1, 1, 'x')",
    '44000 new row violates check option for view "lv" / Failing row contains (-1, 1, x).',
  ],
  ["insert into lv values (1, 1, 'x') returning *", "1|1|x"],
  [
    "insert into lv values (1, 1, 'dup')",
    '23505 duplicate key value violates unique constraint "base_pkey" / Key (a)=(1) already exists.',
  ],
  [
    "insert into lv values (-2, 2000, 'check first')",
    '23514 new row for relation "base" violates check constraint "base_b_check" / Failing row contains (-2, 2000, check first).',
  ],
  ["update lv set a = -a", '44000 new row violates check option for view "lv" / Failing row contains (-1, 1, x).'],
  ["update lv set a = 2 returning *", "2|1|x"],
  [
    "insert into cv values (-1, null, 'long long long long long long long long long long long long long long')",
    '44000 new row violates check option for view "cv" / Failing row contains (-1, null, long long long long long long long long long long long long long...).',
  ],
  [
    "insert into ov values (5, 4)",
    '44000 new row violates check option for view "ov" / Failing row contains (5, 4, null).',
  ],
  // What is not known to hold does not.
  [
    "insert into ov values (5, null)",
    '44000 new row violates check option for view "ov" / Failing row contains (5, null, null).',
  ],
  ["insert into ov values (5, 6)", ""],
  ["insert into ov values (5, 4) on conflict (a) do nothing", ""],
  [
    "insert into ov values (5, 4) on conflict (a) do update set b = 5",
    '44000 new row violates check option for view "ov" / Failing row contains (5, 5, null).',
  ],
  ["insert into ov values (5, 4) on conflict (a) do update set b = 50 returning *", "5|50"],
  [
    "insert into ov values (6, 4) on conflict (a) do update set b = 50 returning *",
    '44000 new row violates check option for view "ov" / Failing row contains (6, 4, null).',
  ],
  [
    "insert into ov2 values (60, 70)",
    '44000 new row violates check option for view "ov2" / Failing row contains (60, 70, null).',
  ],
  [
    "insert into ov2 values (40, 30)",
    '44000 new row violates check option for view "ov" / Failing row contains (40, 30, null).',
  ],
  ["insert into ov2 values (40, 70)", ""],
  [
    "insert into top_local values (100, 1, null)",
    '44000 new row violates check option for view "top_local" / Failing row contains (100, 1, null).',
  ],
  ["insert into top_local values (100, 1, 'x')", ""],
  [
    "insert into top_cascaded values (101, 1, 'x')",
    '44000 new row violates check option for view "plain1" / Failing row contains (101, 1, x).',
  ],
  [
    "insert into top_cascaded values (9, 1, 'x')",
    '44000 new row violates check option for view "plain2" / Failing row contains (9, 1, x).',
  ],
  [
    "insert into top_cascaded values (9, 11, null)",
    '44000 new row violates check option for view "top_cascaded" / Failing row contains (9, 11, null).',
  ],
  [
    "insert into top_cascaded values (101, 1, null)",
    '44000 new row violates check option for view "plain1" / Failing row contains (101, 1, null).',
  ],
  ["insert into top_cascaded values (9, 11, 'x')", ""],
  [
    "insert into above_cascaded values (5, 11, 'x')",
    '23505 duplicate key value violates unique constraint "base_pkey" / Key (a)=(5) already exists.',
  ],
  [
    "insert into above_cascaded values (102, 11, 'x')",
    '44000 new row violates check option for view "plain1" / Failing row contains (102, 11, x).',
  ],
  ["insert into above_local values (3, 1, 'x') returning *", "3|1|x"],
  [
    "insert into lv select a + 1000, b, c from base where a = 2 union all select -9, 1, 'z'",
    '44000 new row violates check option for view "lv" / Failing row contains (-9, 1, z).',
  ],
  ["select * from base order by a", "2|1|x 3|1|x 5|50| 9|11|x 40|70| 100|1|x"],
  [
    "create view bad as select distinct a from base with check option",
    "0A000 WITH CHECK OPTION is supported only on automatically updatable views / Views containing DISTINCT are not automatically updatable.",
  ],
  [
    "create view bad as select 1 as one from base with check option",
    "0A000 WITH CHECK OPTION is supported only on automatically updatable views / Views that have no updatable columns are not automatically updatable.",
  ],
  [
    "create view bad as select x.a from base x, base y with local check option",
    "0A000 WITH CHECK OPTION is supported only on automatically updatable views / Views that do not select from a single table or view are not automatically updatable.",
  ],
  ["create table ref (k int primary key)", ""],
  ["insert into ref values (1), (2)", ""],
  ["create view among as select * from base where exists (select 1 from ref where k = b) with check option", ""],
  ["insert into among values (200, 1, 's') returning *", "200|1|s"],
  [
    "insert into among values (201, 3, 's')",
    '44000 new row violates check option for view "among" / Failing row contains (201, 3, s).',
  ],
  ["update among set b = b + 1 where a = 200 returning *", "200|2|s"],
  [
    "update among set b = b + 1 where a = 200",
    '44000 new row violates check option for view "among" / Failing row contains (200, 3, s).',
  ],
  ["create or replace view lv as select * from base where a > 0", ""],
  ["insert into lv values (-3, 1, 'x') returning *", "-3|1|x"],
  ["create or replace view lv as select * from base where a > 0 with check option", ""],
  [
    "insert into lv values (-4, 1, 'x')",
    '44000 new row violates check option for view "lv" / Failing row contains (-4, 1, x).',
  ],
  ["create view part as select a, a + 1 as z, c from base", ""],
  ["create view over_z as select z from part", ""],
  ["create view agg as select count(*) as a from base", ""],
  [
    "select table_name, check_option, is_updatable, is_insertable_into from information_schema.views where table_name in ('lv', 'cv', 'ov', 'part', 'over_z', 'agg', 'top_local') order by 1",
    "agg|NONE|NO|NO cv|CASCADED|YES|YES lv|CASCADED|YES|YES ov|LOCAL|YES|YES over_z|NONE|NO|NO part|NONE|YES|YES top_local|LOCAL|YES|YES",
  ],
  [
    "select table_name, is_insertable_into from information_schema.tables where table_name in ('base', 'lv', 'over_z', 'agg') order by 1",
    "agg|NO base|YES lv|YES over_z|NO",
  ],
  [
    "select table_name, column_name, is_updatable from information_schema.columns where table_name in ('part', 'over_z', 'agg') order by 1, 2",
    "agg|a|NO over_z|z|NO part|a|YES part|c|YES part|z|NO",
  ],
  [
    "select relname, pg_relation_is_updatable(oid, false), reloptions from pg_class where relname in ('base', 'lv', 'cv', 'ov', 'part', 'over_z', 'agg') order by 1",
    "agg|0| base|28| cv|28|{check_option=cascaded} lv|28|{check_option=cascaded} ov|28|{check_option=local} over_z|16| part|28|",
  ],
  [
    "select pg_column_is_updatable('part', 1::int2, false), pg_column_is_updatable('part', 2::int2, false), pg_column_is_updatable('part', -1::int2, false)",
    "t|f|f",
  ],
  ["create temp table tt (a int, b int)", ""],
  ["create temp view tv as select * from tt where b > 0 with check option", ""],
  ["insert into tv values (1, 1) returning *", "1|1"],
  [
    "insert into tv values (1, -1)",
    '44000 new row violates check option for view "tv" / Failing row contains (1, -1).',
  ],
];

/** The owner of a view needs the rights on what is beneath, its user those on the view. */
const rights: readonly Case[] = [
  ["create role alice", ""],
  ["create role bob", ""],
  ["create role carol", ""],
  ["create table t (a int primary key, b text default 'd', secret text default 'hush', n int check (n < 100))", ""],
  ["insert into t values (1, 'one', 's1', 1), (2, 'two', 's2', 2), (3, 'three', 's3', 3)", ""],
  ["grant create on schema public to alice, bob", ""],
  ["grant usage on schema public to alice, bob, carol", ""],
  ["create view super_v as select a, b, n from t where a > 0", ""],
  ["grant select, insert, update, delete on super_v to carol", ""],
  ["set role alice", ""],
  ["create view av as select a, b from t where n is not null", ""],
  ["grant all on av to carol", ""],
  ["create view self as select a from t", ""],
  ["insert into self values (9)", "42501 permission denied for table t"],
  ["reset role", ""],
  ["set role carol", ""],
  ["select * from t", "42501 permission denied for table t"],
  ["select * from av", "42501 permission denied for table t"],
  ["insert into av values (10, 'x')", "42501 permission denied for table t"],
  ["update av set b = 'x'", "42501 permission denied for table t"],
  ["delete from av", "42501 permission denied for table t"],
  ["insert into super_v values (4, 'four', 4) returning *", "4|four|4"],
  ["insert into super_v values (1, 'four', 4)", '23505 duplicate key value violates unique constraint "t_pkey"'],
  [
    "insert into super_v values (7, 'four', 400)",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (a, b, n) = (7, four, 400).',
  ],
  [
    "update super_v set n = 400 where a = 1",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (n) = (400).',
  ],
  ["update super_v set b = 'x' where a = 4 returning *", "4|x|4"],
  ["delete from super_v where a = 4", ""],
  ["insert into super_v values (5, 'x', 5) on conflict (a) do update set b = 'again'", ""],
  ["insert into super_v values (5, 'x', 5) on conflict (a) do update set b = 'again'", ""],
  ["reset role", ""],
  ["grant insert on t to alice", ""],
  ["set role carol", ""],
  ["insert into av values (10, 'x')", ""],
  ["insert into av values (11, 'x') returning a", "42501 permission denied for table t"],
  ["insert into av values (10, 'x') on conflict (a) do nothing", "42501 permission denied for table t"],
  ["insert into av values (10, 'x') on conflict do nothing", ""],
  ["update av set b = 'x'", "42501 permission denied for table t"],
  ["reset role", ""],
  ["grant update (b) on t to alice", ""],
  ["set role carol", ""],
  ["update av set b = 'no read'", ""],
  ["update av set b = b", "42501 permission denied for table t"],
  ["update av set b = 'x' where a = 1", "42501 permission denied for table t"],
  ["update av set a = 1", "42501 permission denied for table t"],
  ["update av set b = 'x' returning a", "42501 permission denied for table t"],
  ["reset role", ""],
  ["grant select (a, b) on t to alice", ""],
  ["set role carol", ""],
  ["update av set b = 'x' where a = 1", "42501 permission denied for table t"],
  ["select * from av", "42501 permission denied for table t"],
  ["reset role", ""],
  ["grant select (n) on t to alice", ""],
  ["set role carol", ""],
  ["update av set b = 'x' where a = 1 returning *", "1|x"],
  ["select * from av order by a", "1|x 2|no read 3|no read 5|no read"],
  ["delete from av where a = 10", "42501 permission denied for table t"],
  ["reset role", ""],
  ["grant delete on t to alice", ""],
  ["set role carol", ""],
  ["delete from av where a = 10", ""],
  ["delete from av where a = 2 returning *", "2|no read"],
  ["reset role", ""],
  ["revoke all on av from carol", ""],
  ["set role carol", ""],
  ["insert into av values (20)", "42501 permission denied for view av"],
  ["update av set b = 'x'", "42501 permission denied for view av"],
  ["delete from av", "42501 permission denied for view av"],
  ["reset role", ""],
  ["grant insert (a) on av to carol", ""],
  ["grant update (b) on av to carol", ""],
  ["set role carol", ""],
  ["insert into av (a) values (21)", ""],
  ["insert into av (a, b) values (22, 'x')", "42501 permission denied for view av"],
  ["insert into av (a) values (23) returning a", "42501 permission denied for view av"],
  ["update av set b = 'only'", ""],
  ["update av set b = 'only' where a = 1", "42501 permission denied for view av"],
  ["update av set a = 3", "42501 permission denied for view av"],
  ["delete from av", "42501 permission denied for view av"],
  ["reset role", ""],
  ["grant select (a) on av to carol", ""],
  ["set role carol", ""],
  ["insert into av (a) values (24) on conflict (a) do nothing", ""],
  ["insert into av (a) values (25) returning a", "25"],
  ["insert into av (a) values (26) returning b", "42501 permission denied for view av"],
  ["update av set b = 'sel' where a = 1 returning a", "1"],
  ["update av set b = 'sel' where b = 'x'", "42501 permission denied for view av"],
  ["update av set b = b || 'x'", "42501 permission denied for view av"],
  ["reset role", ""],
  ["set role bob", ""],
  ["create view bv as select a, b from av where a < 100 with check option", ""],
  ["grant all on bv to carol", ""],
  ["reset role", ""],
  ["set role carol", ""],
  ["insert into bv values (30, 'x')", "42501 permission denied for view av"],
  ["update bv set b = 'x'", "42501 permission denied for view av"],
  ["reset role", ""],
  ["set role alice", ""],
  ["grant insert on av to bob", ""],
  ["reset role", ""],
  ["set role carol", ""],
  [
    "insert into bv values (30, 'x')",
    '44000 new row violates check option for view "av" / Failing row contains (a, b) = (30, x).',
  ],
  [
    "insert into bv values (300, 'x')",
    '44000 new row violates check option for view "av" / Failing row contains (a, b) = (300, x).',
  ],
  ["insert into bv values (31, 'x') returning *", "42501 permission denied for view av"],
  ["update bv set b = 'x' where a = 30", "42501 permission denied for view av"],
  ["reset role", ""],
  ["set role alice", ""],
  ["grant all on av to bob", ""],
  ["reset role", ""],
  ["set role carol", ""],
  [
    "insert into bv values (31, 'x') returning *",
    '44000 new row violates check option for view "av" / Failing row contains (a, b) = (31, x).',
  ],
  ["update bv set b = 'y' where a = 30 returning *", ""],
  ["delete from bv where a = 30 returning *", ""],
  ["reset role", ""],
  ["create view sv2 as select * from t where secret is not null with check option", ""],
  ["grant insert (a, secret), update (secret) on sv2 to carol", ""],
  ["set role carol", ""],
  [
    "insert into sv2 (a, secret) values (50, null)",
    '44000 new row violates check option for view "sv2" / Failing row contains (a, secret) = (50, null).',
  ],
  [
    "update sv2 set secret = null",
    '44000 new row violates check option for view "sv2" / Failing row contains (secret) = (null).',
  ],
  ["insert into sv2 (a, secret) values (1, 'known')", '23505 duplicate key value violates unique constraint "t_pkey"'],
  ["reset role", ""],
  ["create view cv as select a, b from t where b <> 'bad' with check option", ""],
  ["grant all on cv to carol", ""],
  ["set role carol", ""],
  [
    "insert into cv values (60, 'bad')",
    '44000 new row violates check option for view "cv" / Failing row contains (a, b) = (60, bad).',
  ],
  [
    "update cv set b = 'bad' where a = 1",
    '44000 new row violates check option for view "cv" / Failing row contains (b) = (bad).',
  ],
  ["insert into cv values (1, 'good')", '23505 duplicate key value violates unique constraint "t_pkey"'],
  ["reset role", ""],
  ["create table child (k int primary key, p int references t)", ""],
  ["create view chv as select * from child", ""],
  ["grant all on chv to carol", ""],
  ["set role carol", ""],
  [
    "insert into chv values (1, 999)",
    '23503 insert or update on table "child" violates foreign key constraint "child_p_fkey" / Key is not present in table "t".',
  ],
  ["delete from super_v where a = 3", ""],
  ["reset role", ""],
  [
    "insert into child values (1, 3)",
    '23503 insert or update on table "child" violates foreign key constraint "child_p_fkey" / Key (p)=(3) is not present in table "t".',
  ],
  ["set role carol", ""],
  ["delete from super_v where a = 3", ""],
  [
    "merge into super_v using (values (1)) s (i) on true when matched then delete",
    '0A000 cannot execute MERGE on relation "super_v" / This operation is not supported for views.',
  ],
  ["with x as (insert into cv values (70, 'g') returning a) select * from x", "70"],
  ["with x as (insert into av (a) values (71) returning a) select * from x", "71"],
  ["update cv set b = (select max(b) from t) where a = 1", "42501 permission denied for table t"],
  ["update cv set b = (select max(b) from cv) where a = 1 returning b", "x"],
  ["reset role", ""],
  [
    "create view selfref as select a, b, (select count(*) from child) as kids from t where exists (select 1 from child where p = a)",
    "",
  ],
  ["grant all on selfref to carol", ""],
  ["set role carol", ""],
  ["update selfref set b = 'kid' where a = 3 returning *", ""],
  ["insert into selfref (a) values (80)", ""],
  ["delete from selfref where a = 80", ""],
  ["reset role", ""],
  ["alter view cv owner to alice", ""],
  ["set role carol", ""],
  ["insert into cv values (90, 'x')", ""],
  ["update cv set b = 'alices' where a = 90", ""],
  ["delete from cv where a = 90 returning a", "90"],
  ["reset role", ""],
  [
    "select * from t order by a",
    "1|x|s1|1 5|only|hush|5 10|x|hush| 21|d|hush| 24|d|hush| 25|d|hush| 70|g|hush| 71|d|hush| 80|d|hush|",
  ],
];

/** Of a row that fails nothing is told that its writer may not read, or has not given. */
const told: readonly Case[] = [
  ["create role dora", ""],
  [
    `create table t (a int primary key, b text default 'd', secret text default 'hush' unique, n int not null check (n < 100), g int generated always as (n * 2) stored, "Odd" int)`,
    "",
  ],
  ["create table child (k int primary key, p int references t on update cascade check (p < 1000), q text)", ""],
  ["create unique index on t ((n + a))", ""],
  ["grant usage on schema public to dora", ""],
  ["grant insert (a, b, n, secret), update (b, n, a), select (a), delete on t to dora", ""],
  ["insert into t values (1, 'one', 's1', 1), (2, 'two', 's2', 2)", ""],
  ["grant insert (k, p), select (k) on child to dora", ""],
  ["insert into child values (1, 1)", ""],
  ["set role dora", ""],
  [
    "insert into t (a, n) values (3, 300)",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (a, n) = (3, 300).',
  ],
  [
    "insert into t (a, n) values (3, null)",
    '23502 null value in column "n" of relation "t" violates not-null constraint / Failing row contains (a, n) = (3, null).',
  ],
  [
    "insert into t (a, n) values (1, 1)",
    '23505 duplicate key value violates unique constraint "t_pkey" / Key (a)=(1) already exists.',
  ],
  [
    "insert into t (a, n, secret) values (4, 50, 's1')",
    '23505 duplicate key value violates unique constraint "t_secret_key"',
  ],
  ["insert into t (a, n) values (0, 2)", '23505 duplicate key value violates unique constraint "t_expr_idx"'],
  [
    "update t set n = 300 where a = 1",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (a, n) = (1, 300).',
  ],
  [
    "update t set b = 'x', n = null",
    '23502 null value in column "n" of relation "t" violates not-null constraint / Failing row contains (a, b, n) = (1, x, null).',
  ],
  [
    "update t set a = 2 where a = 1",
    '23505 duplicate key value violates unique constraint "t_pkey" / Key (a)=(2) already exists.',
  ],
  [
    "insert into child (k, p) values (2, 99)",
    '23503 insert or update on table "child" violates foreign key constraint "child_p_fkey" / Key is not present in table "t".',
  ],
  [
    "insert into child (k) values (1)",
    '23505 duplicate key value violates unique constraint "child_pkey" / Key (k)=(1) already exists.',
  ],
  [
    "delete from t where a = 1",
    '23503 update or delete on table "t" violates foreign key constraint "child_p_fkey" on table "child" / Key (a)=(1) is still referenced from table "child".',
  ],
  [
    "insert into t (a, n) values (1, 1) on conflict (a) do update set n = 999",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (a, n) = (1, 999).',
  ],
  [
    "insert into t (a, n) values (1, 1) on conflict (a) do update set n = null, b = 'known'",
    '23502 null value in column "n" of relation "t" violates not-null constraint / Failing row contains (a, b, n) = (1, known, null).',
  ],
  [
    "merge into t using (values (1)) s (i) on a = i when matched then update set n = 777",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (a, n) = (1, 777).',
  ],
  ["reset role", ""],
  ["grant select on t to dora", ""],
  ["set role dora", ""],
  [
    "insert into t (a, n) values (3, 300)",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (3, d, hush, 300, 600, null).',
  ],
  [
    "insert into t (a, n, secret) values (4, 50, 's1')",
    '23505 duplicate key value violates unique constraint "t_secret_key" / Key (secret)=(s1) already exists.',
  ],
  [
    "update t set n = null where a = 1",
    '23502 null value in column "n" of relation "t" violates not-null constraint / Failing row contains (1, one, s1, null, null, null).',
  ],
  [
    "delete from t where a = 1",
    '23503 update or delete on table "t" violates foreign key constraint "child_p_fkey" on table "child" / Key (a)=(1) is still referenced from table "child".',
  ],
  [
    "merge into t using (values (1), (50)) s (i) on a = i when matched then update set n = 777 when not matched then insert (a, n) values (i, 500)",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (1, one, s1, 777, 1554, null).',
  ],
  [
    "insert into child (k, p) values (2, 99)",
    '23503 insert or update on table "child" violates foreign key constraint "child_p_fkey" / Key is not present in table "t".',
  ],
  ["reset role", ""],
  [
    "insert into t (a, n) values (3, 300)",
    '23514 new row for relation "t" violates check constraint "t_n_check" / Failing row contains (3, d, hush, 300, 600, null).',
  ],
  [
    "insert into t (a, n, secret) values (4, 50, 's1')",
    '23505 duplicate key value violates unique constraint "t_secret_key" / Key (secret)=(s1) already exists.',
  ],
  [
    "insert into child (k, p) values (2, 99)",
    '23503 insert or update on table "child" violates foreign key constraint "child_p_fkey" / Key (p)=(99) is not present in table "t".',
  ],
  [
    "delete from t where a = 1",
    '23503 update or delete on table "t" violates foreign key constraint "child_p_fkey" on table "child" / Key (a)=(1) is still referenced from table "child".',
  ],
];

/** A row that a view does not show is in the way of another. */
const hidden: readonly Case[] = [
  ["create table t (a int primary key, b text)", ""],
  ["create view v as select * from t where a > 10", ""],
  ["create view vv as select * from v where a < 20", ""],
  ["create view named as select a, b from t where b <> 'x'", ""],
  ["create view divides as select * from t where 1 / (a - 1) > 5", ""],
  ["create view has as select * from t where exists (select from t as o where o.b = t.b and o.a > t.a)", ""],
  ["insert into t values (1, 'one'), (2, null), (15, 'f'), (30, 'f')", ""],
  ["insert into v values (1, 'h') on conflict (a) do nothing", ""],
  [
    "insert into v values (1, 'h') on conflict (a) do update set b = 'seen' where false",
    '55000 conflicting row is not visible through view "v"',
  ],
  [
    "insert into vv values (1, 'h') on conflict (a) do update set b = 'seen'",
    '55000 conflicting row is not visible through view "v"',
  ],
  [
    "insert into vv values (30, 'h') on conflict (a) do update set b = 'seen'",
    '55000 conflicting row is not visible through view "vv"',
  ],
  [
    "insert into vv values (15, 'h'), (1, 'h') on conflict (a) do update set b = 'seen'",
    '55000 conflicting row is not visible through view "v"',
  ],
  [
    "insert into named values (2, 'h') on conflict (a) do update set b = 'seen'",
    '55000 conflicting row is not visible through view "named"',
  ],
  ["insert into divides values (1, 'h') on conflict (a) do update set b = 'h' where false", "22012 division by zero"],
  ["insert into has values (15, 'h') on conflict (a) do update set b = has.b || '!' returning *", "15|f!"],
  [
    "insert into has values (30, 'h') on conflict (a) do update set b = 'seen'",
    '55000 conflicting row is not visible through view "has"',
  ],
  ["insert into vv values (15, 'h') on conflict (a) do update set b = 'seen' returning *", "15|seen"],
  ["select * from t order by a", "1|one 2| 15|seen 30|f"],
];
/** The first of PostgreSQL 15 that looks whether the view shows it. */
const looksFrom = 150_020;

const scripts = { simple, refused, generated, checked, rights, told };

test("views are written through as PostgreSQL does it", (t) => holdHere(t, { ...scripts, hidden }));
test("PostgreSQL gives the answers that are written here", (t) => holdThere(t, scripts));
test("a row that a view does not show is not changed through it, in PostgreSQL either", (t) =>
  holdThere(t, { hidden }, looksFrom));

test("COPY goes through views, and a check option is still there after a restart", async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "kimberlite-views-"));
  const listen = { host: "127.0.0.1", port: 0 };
  const withClient = async (work: (client: PostgresClient) => Promise<void>): Promise<void> => {
    const node = await startNode({
      dataDirectory,
      listen: null,
      postgres: { listen, authentication: "trust", tls: null },
    });
    try {
      const address = node.addresses.postgres;
      if (address === null) throw new Error("the node serves the PostgreSQL protocol");
      const verifier = formatVerifier(await scramVerifier("a secret"));
      await node.createFirstUser("admin", verifier).catch(() => undefined);
      const client = await PostgresClient.connect({ ...address, user: "admin", database: "main" });
      await work(client);
      client.close();
    } finally {
      await node.stop();
    }
  };
  try {
    await withClient(async (client) => {
      await client.rows("create table t (a int primary key, b text default 'd')");
      await client.rows("create view v as select b, a from t where a < 100 with check option");
      t.is((await client.copyIn("copy v from stdin", "x\t1\ny\t2\n")).kind, "rows");
      const failed = await client.copyIn("copy v (a) from stdin", "3\n300\n");
      t.is(
        failed.kind === "failed" ? `${failed.sqlState} ${failed.fields.get("W") ?? ""}` : "",
        '44000 COPY v, line 2: "300"',
      );
    });
    await withClient(async (client) => {
      t.is(await answerTo(client, "select * from v order by a"), "x|1 y|2");
      t.is(
        await answerTo(client, "update v set a = a + 99"),
        '44000 new row violates check option for view "v" / Failing row contains (100, x).',
      );
      t.is(await answerTo(client, "update v set a = a + 97 returning *"), "x|98 y|99");
    });
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
});
