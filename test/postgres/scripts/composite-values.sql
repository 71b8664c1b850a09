-- Composite types: values in and out as text, fields, comparisons, arrays of them, defaults and checks, COPY.
\set VERBOSITY verbose
create type c1 as (a int, b text);
create table t (id int primary key, x c1);
insert into t values (1, row(1,'a b')), (2, '(2,"x ""y"" \\ z")'), (3, null), (4, row(null,null)), (5, '(,)'), (6, '(5,"")'), (7, (7, 'seven'));
select * from t order by id;
select id, (x).a, (t.x).b from t order by id;
select id, (x).* from t order by id;
select id, x is null, x is not null, x is distinct from null from t order by id;
select x from t order by x, id;
select count(*), x from t group by x order by x;
select distinct x from t order by x;
select row(1,2)::c1, row(1.5,'x')::c1, (1,2)::c1, cast(row('3','q') as c1);
select '(1,2)'::c1, ' ( 1 ,  2 ) '::c1, '(1,")")'::c1, '(1,"a""b")'::c1, '(1,"a\"b")'::c1, '(1,a\,b)'::c1, '("1",)'::c1;
select 'x'::c1;
select '(1'::c1;
select '(1)'::c1;
select '(1,2'::c1;
select '(1,2,3)'::c1;
select '(1,2)x'::c1;
select '(x,2)'::c1;
select ''::c1;
select '(1,"2'::c1;
select '(1,2\'::c1;
select row(1)::c1;
select row(1,2,3)::c1;
select row('a',2)::c1;
select row(now(),2)::c1;
select row()::c1;
select 1::c1;
select 'abc'::text::c1;
select '(1,"a b")'::text::c1;
select row(1,2)::c1::text, row(1,2)::c1::varchar;
select (row(1,2)::c1).a, (row(1,2)::c1).b, (row(1,2)::c1).zz;
select (x).zz from t;
select (id).zz from t;
select x.a from t;
select t.x.a from t;
select (null::c1).a, null::c1;
select x = row(1,'a b')::c1 from t order by id;
select x = row(1,'a b') from t order by id;
select x < row(2,'a')::c1, x >= row(2,'a')::c1, x <> row(1,'')::c1 from t order by id;
select x = '(1,2)' from t;
select x = 1 from t;
select x < row(1) from t;
select x = row(1,2) from t;
select x in (row(1,'a b')::c1, row(7,'seven')::c1) from t order by id;
select id from t where x = row(7,'seven')::c1;
select row(1,null)::c1 = row(1,null)::c1, row(1,null) = row(1,null);
select row(1,null)::c1 is not distinct from row(1,null)::c1;
select pg_typeof(x), pg_typeof(row(1,2)::c1), pg_typeof((x).a), 'c1'::regtype, 'c1[]'::regtype, '_c1'::regtype from t limit 1;
select format_type('c1'::regtype, null), 'c1'::regtype::oid = pg_typeof(x)::oid from t limit 1;
select max(x) from t;
select array_agg(x order by id) from t;
select array[row(1,2)::c1, row(3,'a"b')::c1, null];
select '{"(1,2)","(3,\"a b\")"}'::c1[];
select ('{"(1,2)","(3,\"a b\")"}'::c1[])[2], (('{"(1,2)","(3,\"a b\")"}'::c1[])[2]).b;
select unnest('{"(1,2)","(3,\"a b\")"}'::c1[]);
create table ta (id int, xs c1[], y c1 default row(9,'nine'), check ((y).a > 0));
insert into ta values (1, array[row(1,'x')::c1, null]);
insert into ta values (2, '{}', row(0,'z'));
insert into ta (id, xs) values (3, '{"(1,\"a,b\")"}');
insert into ta values (4, null, null);
select * from ta order by id;
select id, xs[1], (xs[1]).a from ta order by id;
insert into t values (8, row(1));
insert into t values (8, row(1,2,3));
insert into t values (8, 1);
insert into t values (8, row('x','y'));
insert into t select 8, row(8,'e')::c1;
insert into t select 9, (x) from t where id = 8;
update t set x = row((x).a + 1, (x).b) where id = 8 returning *;
update t set x = null where id = 9 returning x;
delete from t where x = row(9,'e')::c1;
select * from t where (x).a > 4 order by (x).b desc;
select coalesce(x, row(0,'none')::c1) from t order by id;
select case when id = 1 then x else null end from t order by id;
select case when id = 1 then x else row(1,2) end from t order by id;
select x from t union select row(1,'a b')::c1 order by 1;
select to_json(x), to_jsonb(x), row_to_json(x) from t order by id;
select json_agg(x order by id) from t;
select row_to_json(t) from t order by id;
select to_json(xs) from ta order by id;
select t from t order by id;
select jsonb_build_object('k', x) from t order by id;
copy t to stdout;
copy t to stdout csv;
copy t from stdin;
100	(100,"a b")
101	\N
102	(,)
\.
copy t from stdin csv;
103,"(100,""a b"")"
104,
\.
copy t from stdin;
105	(100
\.
select * from t where id >= 100 order by id;
drop type c1;
drop type c1 cascade;
select * from t order by id limit 2;
drop table t, ta;
