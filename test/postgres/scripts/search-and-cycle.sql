-- SEARCH and CYCLE of recursive WITH queries.
create table g (f int, t int, label text);
insert into g values (1,2,'1 -> 2'),(1,3,'1 -> 3'),(2,3,'2 -> 3'),(1,4,'1 -> 4'),(4,5,'4 -> 5'),(5,1,'5 -> 1');
create table tree (id int, parent int, name text);
insert into tree values (1, null, 'root'), (2, 1, 'a'), (3, 1, 'b'), (4, 2, 'aa'), (5, 2, 'ab'), (6, 3, 'ba');
with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search depth first by id set s select * from r order by s;
with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search depth first by name, id set s select id, s from r order by s;
with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search breadth first by id set s select * from r order by s;
with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search breadth first by name set s select id, s, row_to_json(s) from r order by s;
with recursive r as (select * from tree where parent is null union select tree.* from tree join r on tree.parent = r.id) search breadth first by id set s select * from r order by s desc limit 2;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) search depth first by f, t set seq cycle f,t set c using p select * from sg order by seq;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) search breadth first by f, t set seq cycle f,t set c to 'Y' default 'N' using p select * from sg order by seq;
with recursive sg(f, t, label) as (select * from g union select g.* from g, sg where g.f = sg.t) cycle f,t set c to 1 default 0.5 using p select f, t, c, p, pg_typeof(c), pg_typeof(p) from sg order by p, c;
with recursive sg(f, t, label) as (select * from g union distinct select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select count(*), count(distinct p) from sg;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select * from (select * from sg where c) s order by 1,2,3;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p, x as (select * from sg) select * from x order by 1,2,3 limit 3;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p, x as (select f, c, p from sg) select * from x order by p, c limit 3;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t and not c) cycle f,t set c using p select count(*) from sg;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg as s(a, b, d, m, n) where g.f = s.b) cycle f,t set c using p select count(*) from sg where c;
with recursive sg(f, t, label) as (select * from g union all select g.* from sg join g on g.f = sg.t where g.label <> 'x') cycle f set c using p select f, t, p from sg where not c order by p, t;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select * from sg union all select * from sg order by 1, 2, 3 limit 4;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select sg.* from sg where t = 3 order by p;
with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select sg from sg order by p limit 1;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) search depth first by i set s select * from n;
with recursive n(i) as (select 1 union all select i % 3 + 1 from n) cycle i set c using p select * from n;
with recursive n(i, j) as (values (1, 'a') union all select i + 1, j || 'b' from n where i < 3) search breadth first by j, i set s cycle i, j set c using p select * from n;
with recursive a(i) as (select 1 union all select i + 1 from a where i < 3) search depth first by i set s, b(j) as (select i from a union all select j + 10 from b where j < 20) cycle j set m using way select * from b order by j;
insert into g select f, t, 'copy' from (with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f,t set c using p select f, t from sg where c) x;
select * from g where label = 'copy' order by f;
delete from g where label = 'copy';
-- Views.
create view v0 as with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search depth first by id set s select id, s from r;
create view v0 as with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search breadth first by id set s select * from r;
create view v0 as with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) cycle id set c using p select id, x from (select id, p as x from r) y;
create table v0 as with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) search breadth first by f, t set seq select * from sg;
create materialized view v0 as with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) search breadth first by f, t set seq select * from sg;
create view v1 as with recursive r as (select * from tree where parent is null union all select tree.* from tree join r on tree.parent = r.id) search depth first by name, id set s select id, name from r order by s desc;
create view v2 as with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) search breadth first by f, t set "Seq" cycle f, t set "is" to 'Y' default 'N' using p select f, t, "is" from sg;
create view v3 as with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f, t set c using p select f, t, label, c, cardinality(p) as steps from sg;
create view v4 as with recursive sg(f, t, label) as (select * from g union all select g.* from g, sg where g.f = sg.t) cycle f, t set c to 5 default 7.5 using p select f, t, c from sg where c <> 3;
\d+ v1
\d+ v2
\d+ v3
\d+ v4
select * from v1;
select * from v2 where "is" = 'Y' order by f, t;
select * from v3 where c order by f, t;
select * from v4 where c = 5 order by f, t;
-- What is refused.
with recursive sg(f, t) as (select f, t from g) search depth first by f set s select * from sg;
with sg(f, t) as (select f, t from g) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) search depth first by foo, t set s select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) search depth first by f, t, f set s select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) search depth first by f set t select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle foo set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f, f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set f using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c using t select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c using c select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) search depth first by f set c cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) search depth first by f set p cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c to true default 55 using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c to 'a' default 55 using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c to json '1' default json '2' using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, (select * from sg) s where g.f = s.t) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select f, t from g where false union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all (select g.f, g.t from g, sg where g.f = sg.t union all select f, t from g where false)) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, c from g, sg where g.f = sg.t) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, nope from g union all select g.f, g.t from g, sg where g.f = sg.t) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, nope from g, sg where g.f = sg.t) cycle x set c using p select * from sg;
drop view v1, v2, v3, v4;
drop table g, tree;
create table g (f int, t int);
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t order by 1 limit 2) cycle f set c using p select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t limit 2) select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t offset 2) select * from sg;
with recursive sg(f, t) as (select f, t from g union all select g.f, g.t from g, sg where g.f = sg.t for update) select * from sg;
drop table g;
