-- What tells changed rows to who replicates, and triggers and rules that there are none of.
\set VERBOSITY verbose
create table t (a int primary key, b int not null unique, c int unique, d int not null);
create index t_d on t (d);
create unique index t_part on t (b) where b > 0;
create unique index t_expr on t ((b + 1));
create table other (a int primary key);
alter table t disable trigger all;
alter table t enable trigger all;
alter table t disable trigger user;
alter table t enable trigger user;
alter table t disable trigger nope;
alter table t enable always trigger nope;
alter table t enable replica trigger nope;
alter table t disable rule r, enable rule s;
alter table nope disable trigger all;
create table child (a int references t);
alter table child enable trigger all;
alter table child disable trigger user;
alter table t replica identity full;
select relreplident from pg_class where oid = 't'::regclass;
\d+ t
alter table t add e int, add check (e > 0);
select relreplident from pg_class where oid = 't'::regclass;
alter table t replica identity nothing;
\d+ t
alter table t replica identity using index t_b_key;
select relreplident from pg_class where oid = 't'::regclass;
select indexrelid::regclass from pg_index where indisreplident and indrelid = 't'::regclass;
\d+ t
alter table t alter b drop not null;
alter table t replica identity using index t_c_key;
alter table t replica identity using index t_d;
alter table t replica identity using index t_part;
alter table t replica identity using index t_expr;
alter table t replica identity using index other_pkey;
alter table t replica identity using index nope;
alter table t replica identity using index t;
alter table t alter d type bigint;
alter table t replica identity default;
select relreplident from pg_class where oid = 't'::regclass;
select indexrelid::regclass from pg_index where indisreplident and indrelid = 't'::regclass;
alter table t cluster on t_pkey;
alter table t set without cluster;
create view v as select 1 as x;
alter view v alter x drop default;
drop view v;
drop table child, t, other;
