-- Temporary tables: their session's own, seen before all others, gone with it, with DISCARD, or with a commit.
\set VERBOSITY verbose
CREATE TABLE stays (id int PRIMARY KEY, v text);
INSERT INTO stays VALUES (1, 'permanent');
CREATE TEMP TABLE scratch (id serial PRIMARY KEY, v text UNIQUE, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO scratch (v) VALUES ('a'), ('b') RETURNING *;
CREATE INDEX ON scratch (v);
UPDATE scratch SET v = 'c' WHERE id = 2;
SELECT * FROM scratch JOIN stays USING (id);
SELECT relname, relpersistence, relkind FROM pg_class WHERE relname LIKE 'scratch%' ORDER BY 1;
SELECT table_name, table_type, table_schema LIKE 'pg_temp_%' AS temp FROM information_schema.tables WHERE table_name IN ('scratch', 'stays') ORDER BY 1;
SELECT pg_my_temp_schema() <> 0 AS mine, pg_is_other_temp_schema(pg_my_temp_schema()) AS other;
SELECT nspname LIKE 'pg_temp_%' AS named FROM pg_namespace WHERE oid = pg_my_temp_schema();
SELECT 'scratch'::regclass, pg_table_is_visible('scratch'::regclass);
-- Before the one of the same name.
CREATE TEMPORARY TABLE stays (id int, other text);
SELECT * FROM stays;
SELECT * FROM public.stays;
INSERT INTO stays VALUES (7, 'temporary');
SELECT * FROM pg_temp.stays;
DROP TABLE stays;
SELECT * FROM stays;
CREATE TABLE pg_temp.named (a int);
CREATE TEMP TABLE public.wrong (a int);
CREATE TEMP TABLE IF NOT EXISTS scratch (a int);
CREATE TEMP TABLE scratch (a int);
CREATE TABLE wrong (a int) ON COMMIT DROP;
-- ON COMMIT.
BEGIN;
CREATE TEMP TABLE brief (a serial, b int PRIMARY KEY) ON COMMIT DROP;
INSERT INTO brief (b) VALUES (1), (2);
SELECT * FROM brief;
COMMIT;
SELECT * FROM brief;
CREATE TEMP TABLE emptied (a int PRIMARY KEY, b text) ON COMMIT DELETE ROWS;
INSERT INTO emptied VALUES (1, 'x');
INSERT INTO emptied VALUES (1, 'x');
INSERT INTO emptied VALUES (1, 'x');
SELECT * FROM emptied;
BEGIN;
INSERT INTO emptied VALUES (1, 'y'), (2, 'z');
SELECT * FROM emptied;
SAVEPOINT s;
DELETE FROM emptied;
ROLLBACK TO s;
INSERT INTO public.stays SELECT a + 100, b FROM emptied;
COMMIT;
SELECT * FROM emptied;
SELECT * FROM stays ORDER BY id;
CREATE TEMP TABLE once ON COMMIT DROP AS SELECT 1 AS a;
SELECT * FROM once;
CREATE TEMP TABLE kept ON COMMIT PRESERVE ROWS AS SELECT g FROM generate_series(1, 3) g;
SELECT * INTO TEMP into_temp FROM kept;
SELECT count(*) FROM into_temp;
-- What was made and rolled back.
BEGIN;
CREATE TEMP TABLE never (a int);
ROLLBACK;
SELECT * FROM never;
-- Between what stays and what goes.
CREATE TABLE refers (a int REFERENCES scratch);
CREATE TEMP TABLE refers (a int REFERENCES public.stays);
CREATE TEMP TABLE refers (a int REFERENCES scratch);
\set VERBOSITY default
INSERT INTO refers VALUES (9);
CREATE VIEW over_scratch AS SELECT v FROM scratch;
SELECT * FROM over_scratch ORDER BY v;
CREATE MATERIALIZED VIEW never_kept AS SELECT v FROM scratch;
ALTER TABLE scratch SET SCHEMA public;
CREATE TEMP VIEW small AS SELECT 1 AS one;
SELECT * FROM small;
CREATE TEMP SEQUENCE counter;
SELECT nextval('counter'), nextval('pg_temp.counter');
ALTER TABLE scratch ADD COLUMN w int DEFAULT 5;
SELECT * FROM scratch ORDER BY id;
TRUNCATE scratch CASCADE;
SELECT count(*) FROM scratch;
COPY kept FROM STDIN;
10
11
\.
COPY kept TO STDOUT;
DISCARD TEMP;
SELECT * FROM kept;
SELECT * FROM small;
CREATE TEMP TABLE again (a int);
INSERT INTO again VALUES (1);
SELECT * FROM again;
DISCARD ALL;
SELECT * FROM again;
CREATE TEMP TABLE again (a text);
\c
SELECT * FROM again;
-- What a session leaves is dropped behind its end.
SELECT pg_sleep(2);
SELECT count(*) FROM pg_class WHERE relname = 'again';
DROP TABLE stays;
-- What reads a table that goes with its transaction goes along.
create temp table od(a int primary key) on commit drop;
begin;
create temp table od(a int primary key, s serial) on commit drop;
create temp view ov as select * from od;
create temp view ovv as select * from ov;
create temp table kept(a int references od, n int default nextval('od_s_seq'));
insert into od values (1); insert into kept values (1);
commit;
select * from ovv;
select * from ov;
select * from kept;
drop table kept;

-- A role's tables go with what it owns, and not the session's others, nor their schema.
CREATE ROLE temporary_owner;
SET ROLE temporary_owner;
CREATE TEMP TABLE of_role (i int);
RESET ROLE;
CREATE TEMP TABLE of_session (i int);
SELECT nspowner = 10 FROM pg_namespace WHERE oid = pg_my_temp_schema();
DROP OWNED BY temporary_owner;
DROP ROLE temporary_owner;
SELECT to_regclass('of_role') IS NULL, to_regclass('of_session') IS NULL;
TABLE of_session;
DROP TABLE of_session;
