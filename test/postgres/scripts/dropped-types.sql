-- What goes with a type or a domain: what is told, in which order, and what is left.
CREATE SCHEMA apart;
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE DOMAIN d2 AS text;
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t1 (id int PRIMARY KEY, x d, y d[], z e DEFAULT 'a', w e[]);
CREATE TABLE apart.t2 (x d DEFAULT 5, k e UNIQUE, m e CHECK (m <> 'a'));
CREATE TABLE t3 (a int DEFAULT (7::d), b int GENERATED ALWAYS AS (1) STORED, CONSTRAINT c CHECK (a::d > 3));
CREATE INDEX i1 ON t1 (x);
CREATE INDEX i2 ON t1 ((id::d));
CREATE INDEX i3 ON t1 (id) WHERE z = 'a';
CREATE VIEW v1 AS SELECT x FROM t1;
CREATE VIEW v2 AS SELECT id::d AS q FROM t1;
CREATE VIEW apart.v3 AS SELECT z, 'b'::e AS c FROM t1;
CREATE VIEW v4 AS SELECT * FROM v2;
CREATE MATERIALIZED VIEW mv AS SELECT z FROM t1;
\set VERBOSITY verbose
DROP DOMAIN d;
DROP TYPE e;
DROP DOMAIN d2;
BEGIN; DROP DOMAIN d CASCADE; ROLLBACK;
BEGIN; DROP TYPE e CASCADE; ROLLBACK;
BEGIN; DROP TYPE e, d CASCADE; ROLLBACK;
BEGIN; DROP TYPE d, e CASCADE; ROLLBACK;
BEGIN; DROP DOMAIN IF EXISTS d, nope CASCADE; ROLLBACK;
BEGIN; DROP VIEW v4, v2, v1; DROP DOMAIN d CASCADE; \d t1
\d apart.t2
\d t3
ROLLBACK;
SET search_path = apart, public;
BEGIN; DROP DOMAIN d CASCADE; ROLLBACK;
BEGIN; DROP TYPE e CASCADE; ROLLBACK;
SET search_path = public;
BEGIN; DROP TABLE t1 CASCADE; DROP DOMAIN d CASCADE; DROP TYPE e CASCADE; ROLLBACK;
CREATE DOMAIN only1 AS int; CREATE TABLE o (a only1);
DROP DOMAIN only1; DROP DOMAIN only1 CASCADE;
\d o
CREATE DOMAIN only1 AS int; CREATE TABLE o2 (a only1 PRIMARY KEY, b only1 UNIQUE, c only1 REFERENCES o2 (b), CHECK (b > 0), UNIQUE (a, b));
CREATE INDEX ON o2 (c);
DROP DOMAIN only1; DROP DOMAIN only1 CASCADE;
\d o2
CREATE TYPE e5 AS ENUM ('x'); CREATE TABLE o3 (a int, b e5, PRIMARY KEY (a, b)); CREATE VIEW vo3 AS SELECT a FROM o3 WHERE b = 'x'::e5; CREATE TABLE o4 (p int, q e5, FOREIGN KEY (p, q) REFERENCES o3 (a, b));
DROP TYPE e5; DROP TYPE e5 CASCADE;
CREATE TYPE e5 AS ENUM ('x'); CREATE TABLE o5 (a e5, b e5); CREATE TABLE o6 (a int, b e5);  ALTER TABLE o5 ADD c e5;
DROP TYPE e5; DROP TYPE e5 CASCADE;
CREATE TABLE rest (a int DEFAULT 3, b int CHECK (b > 0));
INSERT INTO rest VALUES (DEFAULT, 1), (4, NULL);
CREATE DOMAIN low AS int CHECK (VALUE < 100);
ALTER TABLE rest ALTER a SET DEFAULT 5::low, ADD c low DEFAULT 7;
ALTER TABLE rest ADD d int GENERATED ALWAYS AS ((b + 1)::low) STORED;
ALTER TABLE rest ADD CONSTRAINT lows CHECK (b::low < 50);
CREATE UNIQUE INDEX lowest ON rest ((b::low));
INSERT INTO rest VALUES (DEFAULT, 2, DEFAULT);
DROP DOMAIN low CASCADE;
INSERT INTO rest VALUES (DEFAULT, 60), (DEFAULT, 60);
TABLE rest;
DROP TABLE rest, o, o2, o3, o4, o5, o6;
DROP TABLE t1, t3 CASCADE;
DROP SCHEMA apart CASCADE;
DROP TYPE d, e CASCADE;
-- Domains over arrays, and what is of a domain alone.
create type mood as enum('a');
create domain moods as mood[] check (cardinality(value) < 3);
create table t(m moods, k mood, l mood[]);


drop type mood;
drop type mood cascade;
\d t
\dD
drop table t;
create type e as enum('a'); create domain d as e; create domain dd as d; create table t(m d, k e, n dd, o d[]); create type comp as (y e);
create view vw as select * from t;
drop type e;
drop type e cascade;
\d t
\d comp
drop table t; drop type comp;
