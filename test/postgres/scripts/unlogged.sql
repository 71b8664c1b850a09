-- UNLOGGED tables and sequences.
\set VERBOSITY verbose
CREATE UNLOGGED TABLE fast (id serial PRIMARY KEY, v text UNIQUE, n int GENERATED ALWAYS AS IDENTITY);
\d fast
\d fast_pkey
\d fast_id_seq
\d fast_n_seq
CREATE UNLOGGED TABLE faster AS SELECT 1 AS a;
\d faster
CREATE UNLOGGED TABLE IF NOT EXISTS faster AS SELECT 1 AS a;
CREATE UNLOGGED SEQUENCE fast_seq;
\d fast_seq
SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'fast%' ORDER BY 1;
INSERT INTO fast (v) VALUES ('a'), ('b') RETURNING *;
ALTER TABLE fast ADD COLUMN s serial;
CREATE INDEX fast_s ON fast (s);
SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'fast\_%' ORDER BY 1;
CREATE TABLE steady (id int PRIMARY KEY, f int REFERENCES fast);
CREATE TABLE steady (id int PRIMARY KEY);
CREATE UNLOGGED TABLE fast_child (id int PRIMARY KEY, s int REFERENCES steady, f int REFERENCES fast, c int REFERENCES fast_child);
ALTER TABLE steady ADD COLUMN f int;
ALTER TABLE steady ADD FOREIGN KEY (f) REFERENCES fast;
CREATE TEMP TABLE passing (id int PRIMARY KEY);
CREATE TEMP TABLE passing_child (id int PRIMARY KEY, f int REFERENCES fast);
CREATE UNLOGGED TABLE fast_wrong (p int REFERENCES passing);
CREATE TABLE steady_wrong (p int REFERENCES passing);
CREATE UNLOGGED TABLE pg_temp.fast_wrong (p int);
ALTER TABLE fast_child SET LOGGED;
ALTER TABLE steady SET UNLOGGED;
ALTER TABLE fast SET LOGGED;
\d fast
SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'fast\_%' ORDER BY 1;
ALTER TABLE fast_child SET LOGGED;
ALTER TABLE fast_child SET LOGGED;
ALTER TABLE fast SET UNLOGGED;
ALTER TABLE steady SET UNLOGGED;
-- Schemas of sessions have other numbers.
\set VERBOSITY default
ALTER TABLE passing SET LOGGED;
ALTER TABLE passing SET UNLOGGED;
\set VERBOSITY verbose
ALTER SEQUENCE fast_seq SET LOGGED;
\d fast_seq
ALTER SEQUENCE fast_seq SET UNLOGGED;
ALTER TABLE fast_seq SET LOGGED;
CREATE UNLOGGED VIEW fast_view AS SELECT 1 AS a;
CREATE UNLOGGED MATERIALIZED VIEW fast_view AS SELECT 1 AS a;
CREATE TABLE fast_like (LIKE faster INCLUDING ALL);
SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'fast%' ORDER BY 1;
ALTER TABLE faster RENAME TO fastest;
TRUNCATE fastest;
ALTER TABLE fastest ALTER a TYPE bigint, ADD PRIMARY KEY (a);
\d fastest
DROP TABLE fast, fastest, fast_child, fast_like, steady CASCADE;
DROP SEQUENCE fast_seq;
CREATE VIEW no_table AS SELECT 1 AS a;
ALTER TABLE no_table SET LOGGED;
DROP VIEW no_table;
