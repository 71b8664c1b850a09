-- Composite types: rows within rows, in views, casts, columns that change their types, parameters, plans.
\set VERBOSITY verbose
create type c1 as (a int, b text);
create type inner_t as (n numeric(6,2), d date, v varchar(3));
create type outer_t as (i inner_t, is_ok bool, arr int[], inners inner_t[], ts timestamptz, j jsonb);
create table o (id int, x outer_t);
insert into o values (1, row(row(1.239,'2020-01-02','abc'), true, '{1,2,null}', array[row(1,null,'x')::inner_t], '2020-01-01 00:00+00', '{"a": [1,2]}'));
insert into o values (2, '("(1.5,2020-02-03,""a"")",f,"{1,2}","{""(1,,)"",NULL}","2021-01-01","{""k"": ""v w""}")');
insert into o values (3, '(,,,,,)');
insert into o values (4, '("(1.5,2020-02-03,abcd)",f,"{1,2}",,,)');
insert into o values (4, row(row(1,null,'abcd'),null,null,null,null,null));
insert into o values (4, row(row(1,null,'abcd')::inner_t,null,null,null,null,null));
insert into o values (4, '("(123456.5,,)",,,,,)');
insert into o values (4, '("(1,x,)",,,,,)');
insert into o values (4, '(,,,,,{bad})');
select * from o order by id;
select (x).i, ((x).i).n, (x).i.d, (x).inners[1].v, (x).arr[2] from o order by id;
select (x).* from o order by id;
select ((x).i).* from o order by id;
select to_json(x) from o order by id;
select to_jsonb(x) from o order by id;
select x is null, x is not null from o order by id;
select x = x from o order by id;
select id from o order by x desc;
select row(1,2)::inner_t;
select row(1,'2020-01-01','abcdef')::inner_t;
create type jt as (j json);
create table jj(x jt);
insert into jj values ('("{""a"":1}")');
select * from jj;
select distinct x from jj;
select x from jj order by x;
select x = x from jj;
select x from jj group by x;
with w as (select row(1,'q')::c1 as c) select c, (c).a, (c).b from w;
select (c).a from (values (row(1,2)::c1), (row(3,4)::c1)) v(c) order by 1;
select (f).* from (select row(1,2)::c1) s(f);
select row((c).*) , row((c).*, 5) from (select row(1,2)::c1) s(c);
select c.* from (select row(1,2)::c1) s(c);
select (c.c).* from (select row(1,2)::c1) s(c);
create view v1 as select id, x, (x).i as inn, ((x).i).n + 1 as n1, row(1,2)::c1 as made, (x).inners[1].v, '(1,2)'::c1 as lit, array[row(1,2)::c1] as arr, null::c1 as nothing from o where (x).is_ok is not null;
\d+ v1
select * from v1 order by id;
select pg_get_viewdef('v1');
create table ck (x c1 default row(1,'d') check ((x).a < 100), y c1 default '(2,e)', z int generated always as ((x).a * 2) stored, constraint notnull check (x is not null));
\d ck
insert into ck default values;
insert into ck values (row(100,'x'));
insert into ck values (row(null,'x'));
insert into ck (y) values (null);
select * from ck;
\d c1
\d+ c1
\dT
\dT+ c1
\d o
alter table ck alter column y type text;
alter table ck alter column y type c1 using y::c1;
alter table ck alter column y type c1;
select y from ck;
alter table ck add column w c1 default row(5,'added');
select w, (w).b from ck;
alter table ck alter column w set default row(6,'six');
alter table ck alter column w drop default;
create index on ck ((( x).a));
select * from ck where (x).a = 1;
prepare p(c1) as select $1, ($1).a;
execute p(row(1,'pp'));
execute p('(2,"q q")');
execute p(3);
deallocate p;
prepare p2 as select * from t1 where x = $1;
prepare p3 as insert into ck(y) values ($1);
execute p3(row(4,'exe'));
select y from ck order by y;
explain (costs off) select * from ck where x = row(1,'d')::c1;
explain (costs off) select (x).a from ck where y > '(1,2)'::c1;
select greatest(row(1,2)::c1, row(1,3)::c1), least(row(1,2)::c1, row(1,null)::c1);
select nullif(row(1,2)::c1, row(1,2)::c1);
select count(distinct x) from o;
select row(1,2)::c1 || 'x';
select length(row(1,2)::c1);
select row(1,2)::c1 + 1;
select lower(row(1,'A')::c1::text);
select x::text from o where id=1;
select string_agg(x::text, ';' order by id) from o;
select 'c1'::regclass;
select row(1,2)::c1 between row(1,1)::c1 and row(2,2)::c1;
select row(1,2)::c1 = any(array[row(1,2)::c1]);
select array_position(array[row(1,2)::c1,row(3,4)::c1], row(3,4)::c1);
select array[row(1,2)::c1] || row(3,4)::c1, array[row(1,2)::c1] @> array[row(1,2)::c1];
select array[row(1,2), row(3,4)]::c1[];
select (array[row(1,2), row(3,4)]::c1[])[1].b;
drop view v1; drop table o, jj; drop type outer_t; drop type inner_t, jt, c1;
