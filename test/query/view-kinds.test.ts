/** Which views are written through, column by column, and what check options of views over views demand. Answers are PostgreSQL 15's own. */
import test from "ava";
import { type Case, holdHere, holdThere } from "./postgres/scripts.js";

const kinds: readonly Case[] = [
  ["create table base (a int primary key, b text default 'unspecified', c numeric(6,2), d date)", ""],
  ["insert into base select i, 'row ' || i, i * 1.5, date '2020-01-01' + i from generate_series(-2, 4) i", ""],
  ["create view ro_distinct as select distinct a, b from base", ""],
  ["create view ro_group as select a from base group by a, b", ""],
  ["create view ro_having as select 1 as x from base having max(a) > 0", ""],
  ["create view ro_agg as select count(*) as c from base", ""],
  ["create view ro_window as select row_number() over (order by a) as n from base", ""],
  ["create view ro_union as select a, b from base union select -a, b from base", ""],
  ["create view ro_with as with t as (select a, b from base) select * from t", ""],
  ["create view ro_order_limit as select a, b from base order by a limit 1", ""],
  ["create view ro_offset as select a, b from base order by a offset 1", ""],
  ["create view ro_join as select x.a from base x join base y on x.a = y.a", ""],
  ["create view ro_values as values (1, 'a')", ""],
  ["create view ro_sub as select * from (select a, b from base) q", ""],
  ["create view ro_set as select a, generate_series(1, 2) as g from base", ""],
  ["create view ro_nofrom as select 1 as a", ""],
  ["create view ro_const as select 1 as x, 'y' as y from base", ""],
  ["create view rw_ordered as select a, b from base order by b desc", ""],
  ["create view rw_partial as select a, b, a + 1 as next, upper(b) as loud from base", ""],
  ["create view rw_twice as select a, b, a as same from base", ""],
  ["create view rw_system as select tableoid, a, b from base", ""],
  ["create view rw_over as select a, b from rw_partial where a > 0", ""],
  ["create view rw_renamed (k, v) as select a, b from base", ""],
  ['create view rw_alias as select x.a as "A", x.b as "B" from base x', ""],
  [
    "select table_name, is_insertable_into from information_schema.tables where table_schema = current_schema() and table_type = 'VIEW' order by 1",
    "ro_agg|NO ro_const|NO ro_distinct|NO ro_group|NO ro_having|NO ro_join|NO ro_nofrom|NO ro_offset|NO ro_order_limit|NO ro_set|NO ro_sub|NO ro_union|NO ro_values|NO ro_window|NO ro_with|NO rw_alias|YES rw_ordered|YES rw_over|YES rw_partial|YES rw_renamed|YES rw_system|YES rw_twice|YES",
  ],
  [
    "select table_name, is_updatable, is_insertable_into from information_schema.views where table_schema = current_schema() order by 1",
    "ro_agg|NO|NO ro_const|NO|NO ro_distinct|NO|NO ro_group|NO|NO ro_having|NO|NO ro_join|NO|NO ro_nofrom|NO|NO ro_offset|NO|NO ro_order_limit|NO|NO ro_set|NO|NO ro_sub|NO|NO ro_union|NO|NO ro_values|NO|NO ro_window|NO|NO ro_with|NO|NO rw_alias|YES|YES rw_ordered|YES|YES rw_over|YES|YES rw_partial|YES|YES rw_renamed|YES|YES rw_system|YES|YES rw_twice|YES|YES",
  ],
  [
    "select table_name, column_name, is_updatable from information_schema.columns where table_schema = current_schema() and table_name like 'r%' order by table_name, ordinal_position",
    "ro_agg|c|NO ro_const|x|NO ro_const|y|NO ro_distinct|a|NO ro_distinct|b|NO ro_group|a|NO ro_having|x|NO ro_join|a|NO ro_nofrom|a|NO ro_offset|a|NO ro_offset|b|NO ro_order_limit|a|NO ro_order_limit|b|NO ro_set|a|NO ro_set|g|NO ro_sub|a|NO ro_sub|b|NO ro_union|a|NO ro_union|b|NO ro_values|column1|NO ro_values|column2|NO ro_window|n|NO ro_with|a|NO ro_with|b|NO rw_alias|A|YES rw_alias|B|YES rw_ordered|a|YES rw_ordered|b|YES rw_over|a|YES rw_over|b|YES rw_partial|a|YES rw_partial|b|YES rw_partial|next|NO rw_partial|loud|NO rw_renamed|k|YES rw_renamed|v|YES rw_system|tableoid|NO rw_system|a|YES rw_system|b|YES rw_twice|a|YES rw_twice|b|YES rw_twice|same|YES",
  ],
  [
    "delete from ro_distinct",
    '55000 cannot delete from view "ro_distinct" / Views containing DISTINCT are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_group",
    '55000 cannot delete from view "ro_group" / Views containing GROUP BY are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_having",
    '55000 cannot delete from view "ro_having" / Views containing HAVING are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_agg",
    '55000 cannot delete from view "ro_agg" / Views that return aggregate functions are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_window",
    '55000 cannot delete from view "ro_window" / Views that return window functions are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_union",
    '55000 cannot delete from view "ro_union" / Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_with",
    '55000 cannot delete from view "ro_with" / Views containing WITH are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_order_limit",
    '55000 cannot delete from view "ro_order_limit" / Views containing LIMIT or OFFSET are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_offset",
    '55000 cannot delete from view "ro_offset" / Views containing LIMIT or OFFSET are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_join",
    '55000 cannot delete from view "ro_join" / Views that do not select from a single table or view are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_values",
    '55000 cannot delete from view "ro_values" / Views that do not select from a single table or view are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_sub",
    '55000 cannot delete from view "ro_sub" / Views that do not select from a single table or view are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_set",
    '55000 cannot delete from view "ro_set" / Views that return set-returning functions are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "delete from ro_nofrom",
    '55000 cannot delete from view "ro_nofrom" / Views that do not select from a single table or view are not automatically updatable. / To enable deleting from the view, provide an INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule.',
  ],
  [
    "update ro_const set x = 2",
    '55000 cannot update view "ro_const" / Views that have no updatable columns are not automatically updatable. / To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.',
  ],
  [
    "insert into ro_const values (1, 'z')",
    '55000 cannot insert into view "ro_const" / Views that have no updatable columns are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  ["insert into rw_ordered values (10, 'ten')", ""],
  ["update rw_ordered set b = 'TEN' where a = 10 returning *", "10|TEN"],
  ["insert into rw_partial (a, b) values (11, 'eleven') returning *", "11|eleven|12|ELEVEN"],
  [
    "insert into rw_partial (a, next) values (12, 3)",
    '0A000 cannot insert into column "next" of view "rw_partial" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "insert into rw_partial values (12, 'x', default, default)",
    '0A000 cannot insert into column "next" of view "rw_partial" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "update rw_partial set next = 4",
    '0A000 cannot update column "next" of view "rw_partial" / View columns that are not columns of their base relation are not updatable.',
  ],
  ["update rw_partial set a = 13 where next = 12 returning *", "13|eleven|14|ELEVEN"],
  ["delete from rw_partial where loud = 'ELEVEN' returning a, loud", "13|ELEVEN"],
  ["insert into rw_twice (a, b, same) values (1, 'x', 2)", '42601 multiple assignments to same column "a"'],
  ["insert into rw_twice (b, same) values ('via same', 20) returning *", "20|via same|20"],
  ["update rw_twice set a = 1, same = 2", '42601 multiple assignments to same column "a"'],
  ["update rw_twice set same = 21 where a = 20 returning *", "21|via same|21"],
  [
    "update rw_system set tableoid = 1",
    '0A000 cannot update column "tableoid" of view "rw_system" / View columns that refer to system columns are not updatable.',
  ],
  ["update rw_system set b = 'sys' where a = 21 returning a, b", "21|sys"],
  ["insert into rw_over values (30, 'over') returning *", "30|over"],
  ["insert into rw_over values (-30, 'hidden') returning *", "-30|hidden"],
  ["select a from rw_over where a = -30", ""],
  ["update rw_over set a = -31 where a = 30 returning *", "-31|over"],
  ["update rw_renamed set v = v || '!' where k = 4 returning k, v", "4|row 4!"],
  ["update rw_renamed set a = 1", '42703 column "a" of relation "rw_renamed" does not exist'],
  [
    "insert into rw_renamed (v) values ('no key')",
    '23502 null value in column "a" of relation "base" violates not-null constraint / Failing row contains (null, no key, null, null).',
  ],
  ['update rw_alias set "B" = \'cap\' where "A" = 3 returning "A", "B"', "3|cap"],
  [
    "insert into rw_alias values (40), (41, 'forty-one') returning \"B\"",
    "42601 VALUES lists must all be the same length",
  ],
  ['insert into rw_alias ("A", "B") values (42, default), (43, default) returning *', "42|unspecified 43|unspecified"],
  ['update rw_alias set "B" = default where "A" = 3 returning *', "3|"],
  [
    "update rw_partial p set b = q.v from rw_renamed q where q.k = p.a and p.a = 2 returning p.a, q.v, p.b",
    "2|row 2|row 2",
  ],
  [
    "delete from rw_partial p using rw_renamed q where q.k = p.a and q.v like 'row -%' returning p.a, q.k",
    "-2|-2 -1|-1",
  ],
  ["with gone as (delete from rw_over where a < 3 returning *) select * from gone order by a", "1|row 1 2|row 2"],
  ["truncate rw_over", '42809 "rw_over" is not a table'],
  ["lock table rw_over in share mode", "25P01 LOCK TABLE can only be used in transaction blocks"],
  ["create view ro_top as select * from ro_distinct", ""],
  [
    "insert into ro_top values (1, 'x')",
    '55000 cannot insert into view "ro_distinct" / Views containing DISTINCT are not automatically updatable. / To enable inserting into the view, provide an INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule.',
  ],
  [
    "update ro_top set b = 'x'",
    '55000 cannot update view "ro_distinct" / Views containing DISTINCT are not automatically updatable. / To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.',
  ],
  ["create or replace view rw_over as select a, b, a + 2 as nn from rw_partial where a > 0", ""],
  ["insert into rw_over values (50, 'fifty') returning *", "50|fifty|52"],
  [
    "insert into rw_over (nn) values (1)",
    '0A000 cannot insert into column "nn" of view "rw_over" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "merge into rw_over using (values (1)) v (x) on a = x when matched then delete",
    '0A000 cannot execute MERGE on relation "rw_over" / This operation is not supported for views.',
  ],
  ["insert into rw_over (a, b) values (50, 'again') on conflict (a) do nothing", ""],
  [
    "insert into rw_over (a, b) values (50, 'again') on conflict (a) do update set b = excluded.b || rw_over.b returning *",
    "50|againfifty|52",
  ],
  [
    "insert into rw_over (a, b) values (50, 'again') on conflict (nn) do nothing",
    "42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification",
  ],
  [
    "insert into rw_over (a, b) values (50, 'again') on conflict (a) do update set nn = 1",
    '0A000 cannot insert into column "nn" of view "rw_over" / View columns that are not columns of their base relation are not updatable.',
  ],
  [
    "insert into rw_over as o (a, b) values (50, 'x') on conflict (a) do update set b = o.b || excluded.a returning o.*",
    "50|againfifty50|52",
  ],
  [
    "select a, b from base order by a",
    "-31|over -30|hidden 0|row 0 3| 4|row 4! 10|TEN 21|sys 42|unspecified 43|unspecified 50|againfifty50",
  ],
  [
    "drop table base",
    "2BP01 cannot drop table base because other objects depend on it / view ro_distinct depends on table base\nview ro_top depends on view ro_distinct\nview ro_group depends on table base\nview ro_having depends on table base\nview ro_agg depends on table base\nview ro_window depends on table base\nview ro_union depends on table base\nview ro_with depends on table base\nview ro_order_limit depends on table base\nview ro_offset depends on table base\nview ro_join depends on table base\nview ro_sub depends on table base\nview ro_set depends on table base\nview ro_const depends on table base\nview rw_ordered depends on table base\nview rw_partial depends on table base\nview rw_over depends on view rw_partial\nview rw_twice depends on table base\nview rw_system depends on table base\nview rw_renamed depends on table base\nview rw_alias depends on table base / Use DROP ... CASCADE to drop the dependent objects too.",
  ],
  [
    "drop view rw_partial",
    "2BP01 cannot drop view rw_partial because other objects depend on it / view rw_over depends on view rw_partial / Use DROP ... CASCADE to drop the dependent objects too.",
  ],
];

const nested: readonly Case[] = [
  ["create table base (a int, b int default 10)", ""],
  ["create view v0 as select a, b from base where a < b", ""],
  ["create view v1 as select a, b from v0 where a > 0 with local check option", ""],
  ["create view v2 as select a, b from v0 where a > 0 with cascaded check option", ""],
  ["create view v3 as select a, b from v1 where b < 100 with cascaded check option", ""],
  ["create view v4 as select a, b from v2 where b < 100 with local check option", ""],
  ["create view v5 as select a, b from v3 where a <> 7", ""],
  ["insert into v1 values (5, 20)", ""],
  ["insert into v1 values (20, 5)", ""],
  [
    "insert into v1 values (-1, 5)",
    '44000 new row violates check option for view "v1" / Failing row contains (-1, 5).',
  ],
  [
    "insert into v2 values (20, 5)",
    '44000 new row violates check option for view "v0" / Failing row contains (20, 5).',
  ],
  [
    "insert into v2 values (-1, 5)",
    '44000 new row violates check option for view "v2" / Failing row contains (-1, 5).',
  ],
  [
    "insert into v3 values (20, 5)",
    '44000 new row violates check option for view "v0" / Failing row contains (20, 5).',
  ],
  [
    "insert into v3 values (5, 200)",
    '44000 new row violates check option for view "v3" / Failing row contains (5, 200).',
  ],
  [
    "insert into v3 values (-5, 20)",
    '44000 new row violates check option for view "v1" / Failing row contains (-5, 20).',
  ],
  [
    "insert into v4 values (20, 5)",
    '44000 new row violates check option for view "v0" / Failing row contains (20, 5).',
  ],
  [
    "insert into v4 values (5, 200)",
    '44000 new row violates check option for view "v4" / Failing row contains (5, 200).',
  ],
  ["insert into v5 values (7, 20)", ""],
  [
    "insert into v5 values (7, 200)",
    '44000 new row violates check option for view "v3" / Failing row contains (7, 200).',
  ],
  ["insert into v1 (a) values (9), (11)", ""],
  [
    "update v1 set a = a - 10 where a > 5",
    '44000 new row violates check option for view "v1" / Failing row contains (-3, 20).',
  ],
  [
    "update v2 set b = a where a = 5",
    '44000 new row violates check option for view "v0" / Failing row contains (5, 5).',
  ],
  [
    "update v3 set b = b * 10 where a = 5",
    '44000 new row violates check option for view "v3" / Failing row contains (5, 200).',
  ],
  ["update v5 set a = 7 where a = 5 returning *", "7|20"],
  [
    "select table_name, check_option from information_schema.views where table_schema = current_schema() order by 1",
    "v0|NONE v1|LOCAL v2|CASCADED v3|CASCADED v4|LOCAL v5|NONE",
  ],
  [
    "insert into v2 values (null, 3)",
    '44000 new row violates check option for view "v0" / Failing row contains (null, 3).',
  ],
  [
    "insert into v2 values (3, null)",
    '44000 new row violates check option for view "v0" / Failing row contains (3, null).',
  ],
  ["insert into v1 select a + 1, b from base where a < 9 and a < b", ""],
  ["update v2 set a = 1 where false", ""],
  [
    "insert into v2 values (1, 2), (3, 4), (9, 8)",
    '44000 new row violates check option for view "v0" / Failing row contains (9, 8).',
  ],
  ["select count(*) from base where a in (1, 3)", "0"],
  ["create view checked_sub as select * from base where a in (select b from base) with check option", ""],
  ["insert into checked_sub values (10, 1)", ""],
  [
    "insert into checked_sub values (11, 11)",
    '44000 new row violates check option for view "checked_sub" / Failing row contains (11, 11).',
  ],
  ["create or replace view v2 as select a, b from v0 where a > 0", ""],
  ["insert into v2 values (20, 5) returning *", "20|5"],
  ["create view rec as select * from base with check option", ""],
  ["insert into rec values (1, 1)", ""],
  [
    "create view agg as select count(*) from base with check option",
    "0A000 WITH CHECK OPTION is supported only on automatically updatable views / Views that return aggregate functions are not automatically updatable.",
  ],
  ["create view temp_check as select a from base where a is null or a < 5 with local check option", ""],
  ["insert into temp_check values (null), (4) returning a", " 4"],
  [
    "insert into temp_check values (5)",
    '44000 new row violates check option for view "temp_check" / Failing row contains (5, 10).',
  ],
  ["alter table base add column c int default 3", ""],
  ["insert into v3 values (8, 9) returning *", "8|9"],
  ["alter table base alter column b set not null", ""],
  [
    "alter table base drop column b",
    "2BP01 cannot drop column b of table base because other objects depend on it / view v0 depends on column b of table base\nview v1 depends on view v0\nview v3 depends on view v1\nview v5 depends on view v3\nview v2 depends on view v0\nview v4 depends on view v2\nview checked_sub depends on column b of table base\nview rec depends on column b of table base / Use DROP ... CASCADE to drop the dependent objects too.",
  ],
  [
    "drop view v0",
    "2BP01 cannot drop view v0 because other objects depend on it / view v1 depends on view v0\nview v3 depends on view v1\nview v5 depends on view v3\nview v2 depends on view v0\nview v4 depends on view v2 / Use DROP ... CASCADE to drop the dependent objects too.",
  ],
  ["drop view v0 cascade", ""],
  ["select viewname from pg_views where schemaname = current_schema() order by 1", "checked_sub rec temp_check"],
];

const scripts = { kinds, nested };
test("each kind of view is written through, or not, as in PostgreSQL", (t) => holdHere(t, scripts));
test("PostgreSQL gives the answers that are written here", (t) => holdThere(t, scripts));
