-- Domains over domains: what holds for all levels holds for their values.
create domain d1 as int check (value > 0);
create domain d2 as d1 check (value < 100) not null;
create domain d3 as d2 default 7 constraint even check (value % 2 = 0 or value = 7);
create domain t1 as varchar(5) default 'abc' check (value <> 'no');
create domain t2 as t1 check (length(value) > 1);
create domain t3 as t1(3);
create domain t4 as t2 default 'xyz';
create domain n1 as numeric(6,2);
create domain n2 as n1 check (value > 1);
create domain l1 as int[];
create domain l2 as l1 check (array_length(value, 1) < 3);
create type color as enum ('red', 'green', 'blue');
create domain c1 as color check (value <> 'red');
create domain c2 as c1 not null;
\dD
create table t (id serial primary key, a d2, b t2, c d3);
insert into t (a, b) values (0, 'ab');
insert into t (a, b) values (100, 'ab');
insert into t (a, b) values (null, 'ab');
insert into t (a) values (50);
insert into t (a, b) values (50, 'x');
insert into t (a, b) values (50, 'no');
insert into t (a, b, c) values (50, 'ab', 9);
insert into t (a, b, c) values (50, 'ab', 8);
insert into t (a, b, c) values (50, 'toolong', 8);
insert into t (b) values ('ab');
select * from t order by id;
update t set a = a + 60 where id = 1;
select 5::d2, (-5)::d2;
select 5::d1::d2, 105::d1::d2;
select null::d1, null::d2;
select 5::d3;
select pg_typeof(a) is not null, a + 1, a::d1, b || 'x' from t order by id limit 1;
select cast('abcdefg' as t2), cast('abcdefg' as t1);
select 12345.678::n2, 1::n2;
select '{1,2}'::l2, '{1,2,3}'::l2;
select 'blue'::c2, 'red'::c2;
select array[1,2]::d2[];
select array[1,200]::d2[];
\d t
select typname, typtype, typnotnull, format_type(typbasetype, typtypmod), typtypmod, typdefault, typlen, typcategory, pg_get_expr(typdefaultbin, 0) from pg_type where typname ~ '^[dtnlc][0-9]$' order by 1;
select conname, contypid::regtype, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) from pg_constraint where contypid <> 0 order by 2::text, 1;
select domain_name, data_type, character_maximum_length, numeric_precision, numeric_scale, domain_default, udt_schema, udt_name from information_schema.domains where domain_schema = 'public' order by 1;
select column_name, data_type, character_maximum_length, numeric_precision, domain_name, udt_schema, udt_name from information_schema.columns where table_name = 't' order by ordinal_position;
-- Changes reach what is over.
alter domain d1 add constraint big check (value > 60);
alter domain d1 add constraint big check (value > 6);
insert into t (a, b) values (3, 'ab');
alter domain d1 add constraint huge check (value > 80) not valid;
insert into t (a, b) values (70, 'ab');
insert into t (a, b, c) values (90, 'ab', 90);
alter domain d1 validate constraint huge;
update t set a = 91, c = 92;
alter domain d1 validate constraint huge;
alter domain d1 drop constraint huge;
alter domain d1 drop constraint nope;
alter domain d2 drop constraint if exists big;
alter domain t1 set not null;
insert into t (a, b) values (20, null);
alter domain t1 drop not null;
alter domain t1 set default 'later';
insert into t (a) values (20) returning b;
alter domain d2 rename constraint d2_check to below;
insert into t (a, b) values (200, 'ab');
alter domain d2 rename to d2b;
insert into t (a, b) values (200, 'ab');
alter domain d2b add constraint more check (value <> 22);
insert into t (a, b) values (22, 'ab');
create view v as select a, a::d1 as b from t;
\d+ v
-- What goes along.
drop domain d1;
drop domain t1;
drop domain d1 cascade;
\d t
drop domain t1 cascade;
select * from t order by id limit 1;
drop type color cascade;
\dD
drop table t;
drop domain n2, n1;
drop domain l1, l2;
