-- CREATE SCHEMA with what is made in it.
\set VERBOSITY verbose
create role keeper;
create role guest;
create schema shop
  create view open_orders as select o.id, i.name from orders o join items i on i.id = o.item where not o.done
  create index on orders (item)
  grant select on open_orders, items to guest
  create table items (id int primary key default nextval('numbers'), name text not null unique)
  create table orders (id serial primary key, item int references items, done bool default false)
  create sequence numbers start 100
  create unique index orders_open on orders (item) where not done;
insert into shop.items (name) values ('tea'), ('rice') returning id;
insert into shop.orders (item) values (100), (101);
insert into shop.orders (item) values (100);
insert into shop.orders (item) values (7);
select * from shop.open_orders order by 1;
select n.nspname, c.relname, c.relkind, c.relowner::regrole from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'shop' and relkind in ('r', 'v', 'S', 'i') order by 2;
\dp shop.*
select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'shop'::regnamespace order by 1;

-- Of somebody else: what is made is the schema's owner's.
create schema authorization keeper
  create table own (a int)
  create view all_own as select * from own
  grant insert on own to guest;
select relname, relowner::regrole, relacl from pg_class where relnamespace = 'keeper'::regnamespace order by 1;
create schema mine authorization keeper create table keeper_has (a int) create table mine.also (a int);
select relname, relowner::regrole from pg_class where relnamespace = 'mine'::regnamespace order by 1;
create schema us authorization current_user create table t (a int);
select relname, relowner::regrole from pg_class where relnamespace = 'us'::regnamespace order by 1;

-- What is wrong with one of them undoes all.
create schema bad create table t (a int) create table other.u (a int);
create schema bad create index on other.u (a);
create schema bad create view v as select * from nothing;
create schema bad create table t (a int) create view v as select b from t;
create schema bad create table a (b int references b) create table b (id int primary key);
create schema bad create table b (id int primary key) create table a (b int references b);
select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'bad'::regnamespace order by 1;
drop schema bad cascade;
create schema bad create view w as select * from v create view v as select 1 as one;
create schema bad create view v as select 1 as one create view w as select * from v;
select * from bad.w;
drop schema bad cascade;
create schema bad create temp table t (a int);
create schema bad create table t (a int) create table t (a int);
create schema bad create table t (a int) grant select on missing to guest;
create schema bad create table t (a int) grant select on t to nobody_there;
create schema if not exists bad create table t (a int);
create schema shop create table more (a int);
begin;
create schema later create table t (a int primary key, b text);
insert into later.t values (1, 'in its own transaction');
select * from later.t;
savepoint s;
create schema later create table u (a int);
rollback to s;
create schema other create table t as (a int);
rollback;
select nspname from pg_namespace where nspname in ('bad', 'later', 'other', 'shop', 'mine', 'us', 'keeper') order by 1;
-- Names are looked for in the new schema before others.
create table items (id int);
create schema second create view v as select * from items create table items (own text);
select pg_get_viewdef('second.v'::regclass) like '%own%';
drop table items;
set role keeper;
create schema denied create table t (a int);
reset role;
\set VERBOSITY terse
drop schema shop, keeper, mine, us, second cascade;
drop role keeper, guest;
