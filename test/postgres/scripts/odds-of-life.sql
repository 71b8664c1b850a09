-- What people and their tools say beside queries: settings that plans need not, maintenance, what is visible where.
\set VERBOSITY verbose
SET max_parallel_workers_per_gather = 0;
SHOW max_parallel_workers_per_gather;
SET max_parallel_workers_per_gather = 2000;
SET effective_cache_size = '2GB';
SHOW effective_cache_size;
SET seq_page_cost = 1.5;
SHOW seq_page_cost;
SET seq_page_cost = -1;
SET enable_memoize = off;
SHOW enable_memoize;
SET enable_memoize = 5;
SET constraint_exclusion = partition;
SET constraint_exclusion = sometimes;
SET synchronous_commit = off;
SHOW synchronous_commit;
SET client_min_messages = foo;
SET bytea_output = x;
SET plan_cache_mode = y;
SET default_transaction_isolation = z;
SET synchronous_commit = never;
SET nothing_like_it = 1;
RESET ALL;
SHOW seq_page_cost;
SHOW max_parallel_workers_per_gather;
CREATE SCHEMA aside;
CREATE TYPE aside.kind AS ENUM ('in', 'out');
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN aside.small AS int CHECK (value < 5);
SELECT oid::regtype, pg_type_is_visible(oid) FROM pg_type WHERE typname IN ('kind', '_kind', 'mood', 'small', 'int4', '_int4') ORDER BY typname, oid;
SELECT pg_type_is_visible(1);
\dT
\dT aside.*
\dD
SET search_path TO aside;
\dT
\dD
RESET search_path;
CREATE TABLE kept (id int PRIMARY KEY, b text);
CREATE INDEX kept_b ON kept (b);
CREATE VIEW seen AS SELECT * FROM kept;
REINDEX INDEX kept_b;
REINDEX INDEX CONCURRENTLY kept_b;
REINDEX TABLE kept;
REINDEX INDEX nothing;
VACUUM (ANALYZE) kept;
VACUUM nothing;
ANALYZE kept;
ANALYZE nothing;
CHECKPOINT;
SELECT 'a' = 'a' AS same, current_setting('seq_page_cost'), current_setting('nothing.at_all', true);
-- What pgAdmin and drivers ask when they come in, and of keys.
SELECT CASE WHEN usesuper AND pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE FALSE END AS isreplaypaused FROM pg_catalog.pg_user WHERE usename = current_user;
SELECT pg_is_wal_replay_paused();
CREATE TABLE pairs (c int, b text, a int, PRIMARY KEY (a, b));
CREATE INDEX pairs_c ON pairs (c DESC, lower(b)) WHERE c > 0;
SELECT tmp.index_name, tmp.place, trim(both '"' from pg_get_indexdef(tmp.oid, tmp.place, false)) AS name, CASE tmp.options[tmp.place - 1] & 1::smallint WHEN 1 THEN 'D' ELSE 'A' END AS direction, tmp.attribute
  FROM (SELECT ci.relname AS index_name, ci.oid, i.indoption AS options, (information_schema._pg_expandarray(i.indkey)).n AS place, (information_schema._pg_expandarray(i.indkey)).x AS attribute
    FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid WHERE i.indrelid = 'pairs'::regclass) tmp ORDER BY 1, 2;
SELECT (information_schema._pg_expandarray(ARRAY['p', 'q', NULL])).x, (information_schema._pg_expandarray('{}'::int[])).n;
DROP VIEW seen;
DROP TABLE kept, pairs;
DROP TYPE mood, aside.kind;
DROP DOMAIN aside.small;
DROP SCHEMA aside;
