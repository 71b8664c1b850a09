-- Types that are none of values are no columns' types.
CREATE SCHEMA pseudo;
SET search_path TO pseudo;
\set VERBOSITY verbose
CREATE TABLE ps (a int, b record);
CREATE TABLE ps (a anyelement);
CREATE TABLE ps (a void);
CREATE TABLE ps (a cstring);
CREATE TABLE ps (a trigger);
CREATE TABLE ps (a anyarray);
CREATE TABLE ps (a "any");
CREATE TABLE ps (a record[]);
CREATE TABLE ps (a unknown);
CREATE TABLE ps AS SELECT ROW(1, 2) AS r;
CREATE TABLE ps AS SELECT ARRAY[ROW(1, 2)] AS r;
CREATE TABLE ps (a int);
ALTER TABLE ps ADD COLUMN b record;
ALTER TABLE ps ALTER a TYPE record;
ALTER TABLE ps ALTER a TYPE anyelement USING a;
CREATE DOMAIN psd AS record;
CREATE DOMAIN psd AS anyelement;
CREATE DOMAIN psd AS void;
CREATE TEMP TABLE ps3 (a record);
CREATE MATERIALIZED VIEW psm AS SELECT ROW(1, 2) AS r;
DROP TABLE ps;
EXPLAIN (FORMAT nothing) SELECT 1;
-- A cast to a type of arguments leaves what fits as it is.
select pg_typeof('{1,2}'::int[]::anyarray), pg_typeof(1::anyelement), 1::anyelement + 1 as sum, array[1]::anyarray || 2 as more;
select array['a', null]::anycompatiblearray as texts, 'x'::text::anynonarray, 1::"any", 1.5::anycompatible;
select 1::anyarray;
select array[1]::anynonarray;
select 1::anyenum;
-- A parameter of nothing is no argument: clients send one in the place of a function's answer.
prepare answered (void, text) as select upper($1, $2), length($2, $1);
execute answered (null, 'a');
deallocate answered;
select upper(null::void, 'a');
