-- Rows that an outer join may be without cannot be locked; which joins are outer ones is told by the conditions, too.
\set VERBOSITY verbose
create schema locking; 
set search_path to locking;
create table t (a int primary key, b int, c text);
create table u (a int primary key, t_a int references t);
insert into t values (1, 1, 'x'), (2, 2, 'y'); insert into u values (1, 1);
select * from t left join u on u.a = t.a for update;
select * from t left join u on u.a = t.a for update of t;
select * from t left join u on u.a = t.a for update of u;
select * from t right join u on u.a = t.a for update of t;
select * from t right join u on u.a = t.a for update of u;
select * from t full join u on u.a = t.a for share;
select * from t left join u on u.a = t.a where u.t_a = 1 for update;
select * from t full join u on u.a = t.a where u.t_a = 1 for update of u;
select * from t left join (select * from u) x on x.a = t.a for update;
select * from t left join (u join t t2 on true) on u.a = t.a for no key update of t2;
select * from t left join (select * from u for update) x on x.a = t.a;
select * from t where exists (select 1 from u left join t tt on tt.a = u.a) for update;
explain (costs off) select * from t left join u on u.a = t.a for key share;
