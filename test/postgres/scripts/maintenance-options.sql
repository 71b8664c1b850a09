-- Options of commands that have nothing to do here: one that there is not is refused all the same.
\set VERBOSITY verbose
create table mt (a int);
vacuum (process_main false) mt;
vacuum (buffer_usage_limit 128) mt;
analyze (skip_locked, verbose off) mt;
analyze (full) mt;
reindex (verbose off, nosuch) table mt;
cluster (nosuch) mt;
vacuum full mt;
vacuum (full, nosuch false) mt;
-- What is passed over fails no transaction.
create role mt_writer;
grant insert on mt to mt_writer;
begin;
insert into mt values (1);
set local role mt_writer;
analyze mt;
copy mt (a) from stdin;
2
\.
reset role;
select * from mt order by 1;
commit;
select count(*) from mt;
drop owned by mt_writer;
drop role mt_writer;
drop table mt;
select pg_size_pretty(10240::bigint), pg_size_pretty(-1::bigint);
CREATE TABLE t1 (a int);
CREATE TABLE t2 (b int);
ANALYZE t1, nope;
VACUUM t1, nope;
ANALYZE t1 (a), t2 (b);
ANALYZE t1 (a), t2 (a);
DROP TABLE t1, t2;
-- What looks at tables decides on the isolation of its transaction.
CREATE TABLE looked_at (i int);
BEGIN;
ANALYZE looked_at;
BEGIN ISOLATION LEVEL REPEATABLE READ;
ROLLBACK;
BEGIN;
CHECKPOINT;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SHOW transaction_isolation;
COMMIT;
DROP TABLE looked_at;
