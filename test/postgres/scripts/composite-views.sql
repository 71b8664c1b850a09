-- Composite types: how views, defaults, checks and indexes with rows and fields in them are shown.
create type pair as (x int, "Y y" varchar(5), n numeric(5,2), d date);
create view vv as select ROW(1, 'x')::text as t, ROW(1, 'x', 3, '2020-01-01')::pair AS made, cast(row(1,'a',null,null) as pair) = row(1,'b',null,null)::pair as c, (row(1,'x',2.5,null)::pair).x as f;
select pg_get_viewdef('vv'), pg_get_viewdef('vv', true);
create table tt (p pair default row(1,'x',2,'2020-01-01'), q pair default row(1,'x',2,'2020-01-01')::pair, check ((p).x > 1 and p <> row(1,2,3,null)::pair), check ((p)."Y y" || 'a' <> 'b'));
\d tt
create view v2 as select (p)."Y y" as y, p is null as n, p is not distinct from q as d, (array[p, q])[1].x as ax, coalesce(p, q) as c, case when (p).x = 1 then p end as cs, p in (q, null) as i, p = q as e from tt;
select pg_get_viewdef('v2');
select pg_get_viewdef('v2', true);
create view v3 as select (p).* from tt;
select pg_get_viewdef('v3');
select pg_get_viewdef('v3', true);
create view v4 as select row(tt.p, 1)::text as r, row((tt.p).*)::text as rr from tt;
select pg_get_viewdef('v4', true);
create view v5 as select x.* from unnest(array[row(1,'a',2,null)::pair]) x;
select pg_get_viewdef('v5', true);
create index on tt (((p).x), ((q).d desc)) where (p).x > 5;
\d tt
drop view vv, v2, v3, v4, v5; drop table tt; drop type pair;
