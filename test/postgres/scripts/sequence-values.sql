-- Where a sequence is, without drawing from it.
create sequence s cache 5;
select pg_sequence_last_value('s');
create sequence s1;
select pg_sequence_last_value('s1');
select nextval('s1');
select pg_sequence_last_value('s1'), pg_sequence_last_value('s1'::regclass::oid), pg_sequence_last_value(null);
select setval('s1', 7, false);
select pg_sequence_last_value('s1');
select setval('s1', 70);
select pg_sequence_last_value('s1'), last_value from pg_sequences where sequencename = 's1';
begin; select nextval('s1'); select pg_sequence_last_value('s1'); rollback;
select pg_sequence_last_value('s1');
create table t (a int);
select pg_sequence_last_value('t');
select pg_sequence_last_value(1);
select pg_sequence_last_value('nope');
create sequence c cache 0;
alter sequence s cache 20;
create role bound login;
set role bound;
select pg_sequence_last_value('s1');
reset role;
grant usage on sequence s1 to bound;
set role bound;
select pg_sequence_last_value('s1');
reset role;
create role over in role bound;
create role under role bound admin over;
\du bound
\du over
\du under
drop sequence s, s1;
drop table t;
drop role under, over, bound;
