-- Sequences that go with a table or a column, which others draw from.
\set VERBOSITY default
create schema s;
create table c(id int, k int); create sequence n owned by c.id; create table s.b(x int default nextval('n'), y int default nextval('n'));
create view wv as select x from s.b;
alter view wv alter x set default nextval('n');
drop table c;
drop table c cascade;
\d s.b
\d+ wv
select count(*) from pg_class where relname='n';
create table c(id int, k int); create sequence n owned by c.id; alter table s.b alter x set default nextval('n');
alter table c alter k set default nextval('n');
alter table c drop column id;
alter table c drop column id cascade;
\d c
\d s.b
select count(*) from pg_class where relname='n';
drop sequence if exists n cascade;
create table d(id serial, k int); alter table s.b alter x set default nextval('d_id_seq');
alter table d drop column id;
alter table d drop column id cascade;
\d s.b
create table e(id int generated always as identity, k int); alter table s.b alter x set default nextval('e_id_seq');
drop table e, s.b;
create table s.b(x int);
create table e(id int generated always as identity, k int); alter table s.b alter x set default nextval('e_id_seq');
alter table e alter id drop identity;
alter table e alter id drop identity;
\d s.b
drop schema s cascade;
drop view if exists wv;
drop table c, d, e;
