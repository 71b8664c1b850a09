-- Keys as long as PostgreSQL's: their order, what is found by them and what refuses them. Values are of digests, which PostgreSQL does not compress.
\set VERBOSITY verbose
create table s as
  select i, string_agg(md5((i * 1000 + j)::text), '' order by j) as v
  from generate_series(0, 2000) i, generate_series(1, 95) j where i < 1100 or i = 2000 group by i;
create unique index on s (i);
create table t (k text primary key, n int);
insert into t select (select left(v, 2600) from s where i = n), n from generate_series(1, 60) n;
insert into t select (select left(v, 2590) from s where i = 1) || lpad(n::text, 10, '0'), 100 + n from generate_series(1, 40) n;
insert into t values ((select left(v, 2600) from s where i = 7), 0);
insert into t values ((select left(v, 2600) from s where i = 7), 0) on conflict do nothing;
insert into t values ((select left(v, 2600) from s where i = 7), 0), ((select left(v, 2680) from s where i = 300), 300) on conflict (k) do update set n = t.n + 1000;
select n from t where k = (select left(v, 2600) from s where i = 7);
select left(v, 2600) as one from s where i = 12 \gset
select n from t where k = :'one';
select n from t where k > :'one' order by k limit 2;
select n from t where k in (:'one', :'one' || 'a', 'b') for update;
update t set n = n where k = :'one';
insert into t values (:'one' || 'a', 12), (:'one', 1) on conflict (k) do update set n = excluded.n + t.n;
delete from t where k = :'one' || 'a' returning n;
select n from t where k = (select left(v, 2600) from s where i = 7) || 'x';
select n, length(k), left(k, 12) from t where k >= (select left(v, 2590) from s where i = 1) and k < (select left(v, 2590) from s where i = 1) || ':' order by k limit 5;
select n from t where k > (select left(v, 2600) from s where i = 7) order by k limit 3;
select n from t where k > (select left(v, 2600) from s where i = 7) || repeat('z', 4000) order by k limit 3;
select n from t where k < (select left(v, 2600) from s where i = 7) || repeat('z', 4000) order by k desc limit 3;
select n from t order by k limit 7;
select n from t order by k desc limit 7;
select count(*), sum(n), min(left(k, 20)), max(left(k, 20)) from t;
update t set k = (select left(v, 2600) from s where i = n + 500) where n between 10 and 20;
update t set k = (select left(v, 2600) from s where i = 30) where n = 31;
delete from t where k between '4' and '8';
select count(*), sum(n) from t;
select n from t order by k limit 7;
-- Beside others in a key, the other way round, and unique without being the primary key.
create table m (a text, b int, c bytea, d text, primary key (a, b, c));
insert into m select (select left(v, 1200) from s where i = n % 3), n, decode((select left(v, 1200) from s where i = n % 5), 'hex'), (select left(v, 2500) from s where i = n) from generate_series(1, 80) n;
insert into m select a, b, c, 'again' from m where b = 33;
create index on m (d desc);
create unique index m_d on m (d);
create index on m (a desc, d) where b > 100;
insert into m values ('a', 0, '\x00', (select left(v, 2500) from s where i = 5));
insert into m select '', 1000 + n, '\x', (select left(v, 2500) from s where i = 900 + n) from generate_series(1, 20) n;
select b, left(d, 10) from m where a = (select left(v, 1200) from s where i = 2) and b < 20 order by b;
select b, left(d, 10) from m where a = (select left(v, 1200) from s where i = 2) and b = 23 and c >= decode((select left(v, 1200) from s where i = 3), 'hex');
select b from m where d > (select left(v, 2500) from s where i = 50) order by d limit 4;
select b from m where d < (select left(v, 2500) from s where i = 50) order by d desc limit 4;
select count(*) from m where (a, b, c) < ((select left(v, 1200) from s where i = 1), 40, '\xff');
-- Referred to.
create table r (id int primary key, k text references t on update cascade on delete cascade);
insert into r select n, k from t where n < 30;
insert into r values (1000, (select left(v, 2600) from s where i = 1000));
insert into r values (1001, (select left(v, 5000) from s where i = 1001));
update t set k = (select left(v, 2600) from s where i = 2000) where n = 1;
delete from t where n = 2;
select count(*), sum(id) from r;
select id from r where k = (select left(v, 2600) from s where i = 2000);
create index on r (k);
select id from r where k > (select left(v, 2600) from s where i = 2000) order by k limit 3;
-- What is there becomes a key.
create table l (k text, n int);
copy l from stdin;
one	1
two	2
\.
insert into l select (select left(v, 2650) from s where i = n), n from generate_series(1, 50) n;
insert into l values ((select left(v, 2650) from s where i = 9), 9);
alter table l add primary key (k);
delete from l where n = 9 and ctid <> (select min(ctid) from l where n = 9);
alter table l add primary key (k);
alter table l add constraint whole unique (k, n) deferrable initially deferred;
begin;
insert into l values ((select left(v, 2650) from s where i = 70), 70);
savepoint s;
insert into l values ((select left(v, 2650) from s where i = 71), 71);
rollback to s;
update l set n = n + 1;
select count(*), sum(n) from l;
commit;
select count(*), sum(n) from l;
-- As long as may be, and longer.
\set VERBOSITY sqlstate
create table e (k text primary key);
insert into e values ((select left(v, 2692) from s where i = 1));
insert into e values ((select left(v, 2710) from s where i = 2));
insert into e select (select left(v, 2000) from s where i = 3) || (select left(v, 3000) from s where i = 4);
insert into e values ((select left(v, 2600) from s where i = 5)), ((select left(v, 9000) from s where i = 6));
update e set k = (select left(v, 3000) from s where i = 7);
create table f (k text);
insert into f values ((select left(v, 3000) from s where i = 1));
create index on f (k);
alter table f add primary key (k);
create index on f (md5(k));
select count(*) from e;
select count(*) from f where md5(k) = md5((select left(v, 3000) from s where i = 1));
drop table r, t, m, l, e, f, s;
