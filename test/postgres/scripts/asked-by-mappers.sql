-- What object mappers and their generators ask of the catalogs, with the properties of indexes and the types beneath domains.
CREATE SCHEMA depot;
CREATE DOMAIN depot.weight AS numeric(8, 3) NOT NULL;
CREATE DOMAIN depot.code AS varchar(12);
CREATE DOMAIN depot.short_code AS depot.code CHECK (length(VALUE) < 6);
CREATE TYPE depot.state AS ENUM ('new', 'sold');
CREATE TABLE depot.goods (
  id int PRIMARY KEY,
  weighs depot.weight,
  code depot.code NOT NULL,
  short depot.short_code,
  state depot.state,
  states depot.state[],
  name varchar(40),
  span interval day to second(2),
  at timestamptz
);
CREATE VIEW depot.weights AS SELECT id, weighs FROM depot.goods;
CREATE INDEX goods_names ON depot.goods (name DESC, at NULLS FIRST, lower(name)) INCLUDE (code, state);

SELECT p AS property,
    pg_indexam_has_property(am.oid, p) AS method,
    pg_index_has_property('depot.goods_names'::regclass, p) AS index,
    pg_index_column_has_property('depot.goods_names'::regclass, 1, p) AS first,
    pg_index_column_has_property('depot.goods_names'::regclass, 2, p) AS second,
    pg_index_column_has_property('depot.goods_names'::regclass, 3, p) AS third,
    pg_index_column_has_property('depot.goods_names'::regclass, 4, p) AS carried,
    pg_index_column_has_property('depot.goods_names'::regclass, 6, p) AS none
  FROM pg_am am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include', 'clusterable', 'index_scan', 'bitmap_scan',
    'backward_scan', 'asc', 'desc', 'nulls_first', 'nulls_last', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls',
    'ASC', 'other']) WITH ORDINALITY AS u (p, at)
 WHERE amname = 'btree' ORDER BY at;
SELECT pg_index_has_property('depot.goods'::regclass, 'index_scan'), pg_index_column_has_property('depot.goods'::regclass, 1, 'asc'),
  pg_indexam_has_property(2, 'can_order'), pg_index_column_has_property('depot.goods_names'::regclass, 0, 'asc'), pg_index_has_property(NULL, 'asc');

SELECT a.attname, information_schema._pg_truetypid(a.*, t.*) = t.oid AS is_own, information_schema._pg_truetypmod(a, t),
    information_schema._pg_char_max_length(information_schema._pg_truetypid(a.*, t.*), information_schema._pg_truetypmod(a.*, t.*)) AS length,
    information_schema._pg_interval_type(a.atttypid, a.atttypmod)
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = 'depot.goods'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT a.attname, information_schema._pg_index_position('depot.goods_names'::regclass, a.attnum)
  FROM pg_attribute a WHERE a.attrelid = 'depot.goods'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'depot' ORDER BY table_name, ordinal_position;
SELECT proargnames, proargmodes FROM pg_proc WHERE proname = '_pg_expandarray';

SHOW session_replication_role;
SET session_replication_role = 'local';
SET session_replication_role = DEFAULT;
SHOW session_replication_role;

-- Types are compared with those that a server may have, whatever it has.
SELECT a.attname FROM pg_attribute a WHERE a.attrelid = 'depot.goods'::regclass AND a.attnum > 0
   AND a.atttypid IN ('xml'::regtype, 'pg_catalog.tsvector'::regtype, 'point'::regtype, 'int4range'::regtype, 'varchar'::regtype);
SELECT 'xml'::regtype, 'tsquery'::regtype::oid, 'circle'::regtype::text;
SELECT 'depot.nothing'::regtype;
SELECT 'nothing'::regtype;

SET client_min_messages = warning;
DROP SCHEMA depot CASCADE;
