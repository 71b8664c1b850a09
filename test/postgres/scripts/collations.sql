-- Which collation was asked for is kept and shown, though all of them have the same order here.
create domain code as varchar(8) collate "C" check (value <> '');
create domain subcode as code;
create domain plain as text collate "default";
create domain odd as int collate "C";
create table t (a text collate "C", b varchar(10) collate pg_catalog."POSIX", c text collate "default", d text, e code,
  f subcode, g code collate "default", h text[] collate "C", i int, j name, k name collate "C", l plain, m text collate ucs_basic);
select attname, collname from pg_attribute left join pg_collation c on c.oid = attcollation
  where attrelid = 't'::regclass and attnum > 0 order by attnum;
\d t
\dD
select typname, collname from pg_type join pg_collation c on c.oid = typcollation where typname in ('code', 'subcode', 'plain', '_code') order by 1;
select column_name, collation_catalog is null, collation_schema, collation_name from information_schema.columns
  where table_name = 't' order by ordinal_position;
select domain_name, collation_schema, collation_name from information_schema.domains where domain_schema = 'public' order by 1;
create type pair as (x text collate "C", y text, z int);
select attribute_name, collation_name from information_schema.attributes where udt_name = 'pair' order by ordinal_position;
\d pair
alter type pair alter attribute x type text, alter attribute y type varchar collate "POSIX";
\d pair

-- Keys of indexes: their own, or that of what they are of.
create index i1 on t (a, d collate "C", b collate "default" desc, e collate "C" text_pattern_ops, i) include (c, a);
create index i2 on t (lower(a), lower(d), (a || d) collate "C", (d || i), length(a), (d collate "POSIX"));
create index i3 on t (i collate "C");
alter table t add unique (a, d);
select indexrelid::regclass, indcollation from pg_index where indrelid = 't'::regclass order by 1;
select pg_get_indexdef('i1'::regclass), pg_get_indexdef('i2'::regclass);
select pg_get_indexdef('i1'::regclass, n, true) from generate_series(1, 5) n;
select attname, collname from pg_attribute left join pg_collation c on c.oid = attcollation
  where attrelid = 'i1'::regclass order by attnum;
insert into t (a, b, d, e, i) values ('b', 'x', 'B', 'k', 1), ('B', 'y', 'b', 'K', 2), ('a', 'z', 'a', 'l', 3);
select a from t order by a collate "C" desc;
select a, d from t where a > 'B' and d >= 'B' order by a;

-- What is made of a table has its columns' collations.
create table copied (like t including all);
\d copied
create table chosen as select a, b as renamed, d, e, i from t;
\d chosen
create view seen as select a, b, d, i, e from t;
create view seen_again as select b, a as aa from seen;
\d seen
\d seen_again
create materialized view kept as select a, d from t;
\d kept

-- A column's type is said anew with its collation, or without.
drop view seen cascade;
drop materialized view kept;
alter table t alter a type text;
alter table t alter d type text collate "C";
alter table t alter b type varchar(20) collate "C", alter c type text collate "POSIX";
alter table t alter i type text collate "C" using i::text;
alter table t alter i type int collate "C" using i::int;
alter table t add n text collate "C" not null default 'n';
\d t
select a, i, n from t order by a;

drop table t, copied, chosen;
drop type pair;
drop domain subcode, code, plain;

-- One that there is not.
create table cu (a text collate nope);
create table cu2 (a text);
alter table cu2 add b text collate nope;
alter table cu2 alter a type text collate nope;
create domain dd as text collate nope;
create type ct as (a text collate nope);
create type ct as (a text);
alter type ct alter attribute a type text collate nope;
alter type ct add attribute b text collate nope;
create index on cu2 (a collate nope);
create index on cu2 ((a || 'x') collate nope);
create table cu3 as select 'x' collate nope;
drop type ct;
drop table cu2;
