-- Stored expressions as the catalogs show them: defaults, generated columns, checks, domains, indexes.
CREATE SCHEMA texts;
SET search_path TO texts;
CREATE TYPE mood AS ENUM ('happy', 'so so');
CREATE DOMAIN price AS numeric(10, 2) DEFAULT 1.5 CHECK (VALUE >= 0) CONSTRAINT small CHECK (VALUE BETWEEN 0 AND 1000);
CREATE DOMAIN label AS varchar(20) DEFAULT 'none' CHECK (VALUE IN ('none', 'some') OR VALUE LIKE 'x%') CHECK (length(VALUE) < 9);
CREATE SEQUENCE apart;
CREATE TABLE defaults (
  id serial PRIMARY KEY, big bigserial,
  a text DEFAULT 'x', b varchar(20) DEFAULT 'abc', c char(5) DEFAULT 'zz', d varchar DEFAULT 'it''s \ back',
  e int DEFAULT 0, f int DEFAULT -1, g bigint DEFAULT 0, h bigint DEFAULT 10000000000, i smallint DEFAULT 7,
  j numeric DEFAULT 0, k numeric(10, 2) DEFAULT 1.50, l numeric DEFAULT -2.5, m float8 DEFAULT 1.5, n real DEFAULT '1e3',
  o bool DEFAULT true, p bool DEFAULT 'no', q jsonb DEFAULT '{}', r jsonb DEFAULT '{"b": 1,"a":[1, 2]}'::jsonb, s json DEFAULT '[ ]',
  t date DEFAULT '2020-1-2', u timestamp DEFAULT '2020-01-02 3:04', v timestamptz DEFAULT now(), w timestamptz DEFAULT CURRENT_TIMESTAMP,
  x interval DEFAULT '1 day', y interval DEFAULT interval '90' minute, z uuid DEFAULT gen_random_uuid(),
  aa text[] DEFAULT '{}', ab text[] DEFAULT ARRAY['a', 'b'], ac int[] DEFAULT ARRAY[]::int[], ad int[] DEFAULT '{1,2}', ae varchar[] DEFAULT ARRAY['q']::varchar[],
  af bytea DEFAULT '\xdead', ag text DEFAULT CURRENT_USER, ah date DEFAULT CURRENT_DATE, ai time DEFAULT LOCALTIME, aj timestamp(3) DEFAULT CURRENT_TIMESTAMP(3),
  ak mood DEFAULT 'happy', al mood[] DEFAULT ARRAY['so so'::mood], am price DEFAULT 3, an label, ao label DEFAULT 'some',
  ap int DEFAULT nextval('apart'), aq text DEFAULT 'x' || 'y', ar int DEFAULT 1 + 2 * 3, "As Is" text DEFAULT upper('a'), at timestamptz DEFAULT now() + interval '1 day',
  au timestamp DEFAULT (now() AT TIME ZONE 'utc'), av int DEFAULT (random() * 10)::int, aw text DEFAULT NULL::text, ax varchar(9) DEFAULT NULL,
  ay int DEFAULT length('abc'), az text DEFAULT lower(md5(random()::text)), ba int DEFAULT extract(epoch FROM now()), bb text DEFAULT COALESCE(NULL, 'a'),
  bc int DEFAULT CASE WHEN random() > 2 THEN 1 ELSE 2 END, bd varchar(5) DEFAULT 'x'::text, be text DEFAULT 5, bf int DEFAULT '12', bg bool DEFAULT (NOT true),
  bh timestamptz DEFAULT '2020-01-01 00:00:00+02', bi text DEFAULT to_char(now(), 'YYYY'), bj text DEFAULT 'a'::varchar(3), bk int DEFAULT 5::bigint
);
\d defaults
SELECT column_name, column_default FROM information_schema.columns WHERE table_schema = 'texts' AND table_name = 'defaults' ORDER BY ordinal_position;
SELECT attname, pg_get_expr(adbin, adrelid), pg_get_expr(adbin, adrelid, true) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = 'defaults'::regclass ORDER BY adnum;
\d+ defaults
SET search_path TO public;
SELECT column_name, column_default FROM information_schema.columns WHERE table_schema = 'texts' AND column_default ~ 'nextval|mood|price' ORDER BY ordinal_position;
INSERT INTO texts.defaults DEFAULT VALUES RETURNING id, ap;
SET search_path TO texts;
CREATE TABLE computed (
  id int, n numeric, name text, code varchar(10), at timestamp, v varchar,
  a int GENERATED ALWAYS AS (id * 2) STORED, b text GENERATED ALWAYS AS (lower(name) || '-' || code) STORED, c numeric GENERATED ALWAYS AS (n * 1.2 + id) STORED,
  d text GENERATED ALWAYS AS (COALESCE(name, code, 'none')) STORED, e text GENERATED ALWAYS AS (CASE WHEN id > 3 THEN 'big' WHEN id IS NULL THEN name ELSE v END) STORED,
  f text GENERATED ALWAYS AS (CASE id WHEN 1 THEN 'one' WHEN 2 THEN 'two' END) STORED, g numeric GENERATED ALWAYS AS (extract(year FROM at)) STORED,
  h int GENERATED ALWAYS AS (id + id * 3 - (id - 1) % 7) STORED, i bool GENERATED ALWAYS AS (id > 3 AND NOT (name = 'x' OR code = 'y')) STORED,
  j text GENERATED ALWAYS AS (substring(name FROM 1 FOR 3)) STORED, k text GENERATED ALWAYS AS (substring(name, 1, 3)) STORED, l text GENERATED ALWAYS AS (trim(name)) STORED,
  m int GENERATED ALWAYS AS (position('a' IN name)) STORED, o int GENERATED ALWAYS AS (GREATEST(id, 3, LEAST(id, 9))) STORED, p bigint GENERATED ALWAYS AS (id::bigint * 2) STORED,
  q text GENERATED ALWAYS AS (NULLIF(name, '')) STORED, r varchar(3) GENERATED ALWAYS AS (name::varchar(3)) STORED, s numeric(8, 2) GENERATED ALWAYS AS (n::numeric(10, 1)) STORED,
  t text GENERATED ALWAYS AS (left(name, 2) || right(code, 1)) STORED, u text GENERATED ALWAYS AS (overlay(name PLACING 'x' FROM 1 FOR 2)) STORED, w int GENERATED ALWAYS AS (-id) STORED, x float8 GENERATED ALWAYS AS (n / 3) STORED
);
\d computed
SELECT column_name, is_generated, generation_expression FROM information_schema.columns WHERE table_schema = 'texts' AND table_name = 'computed' AND is_generated = 'ALWAYS' ORDER BY ordinal_position;
SELECT attname, pg_get_expr(adbin, adrelid, true) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = 'computed'::regclass ORDER BY adnum;
CREATE TABLE checks (
  id int, big bigint, sm smallint, price numeric, code text, v varchar(10), c char(3), born date, at timestamptz, ts timestamp, ok bool, j jsonb, tags text[], m mood, amount price, called label, f float8, u uuid,
  CONSTRAINT c01 CHECK (born > '1900-01-01'), CONSTRAINT c02 CHECK (code IN ('a', 'b')), CONSTRAINT c03 CHECK (price >= 0 AND price < 1000), CONSTRAINT c04 CHECK (sm BETWEEN 1 AND 9),
  CONSTRAINT c05 CHECK (v LIKE 'a%'), CONSTRAINT c06 CHECK (v IN ('a', 'b')), CONSTRAINT c07 CHECK (v NOT IN ('a', 'b')), CONSTRAINT c08 CHECK (code NOT LIKE '%x'), CONSTRAINT c09 CHECK (code ILIKE 'a%' AND code NOT ILIKE 'b'),
  CONSTRAINT c10 CHECK (code = ANY (ARRAY['a', 'b'])), CONSTRAINT c11 CHECK (v = ANY ('{a,b}')), CONSTRAINT c12 CHECK (id IN (1)), CONSTRAINT c13 CHECK (id IN (1, 2, big)), CONSTRAINT c14 CHECK (id <> ALL (ARRAY[1, 2])),
  CONSTRAINT c15 CHECK (ok), CONSTRAINT c16 CHECK (NOT ok), CONSTRAINT c17 CHECK (ok IS TRUE OR ok IS NOT FALSE OR ok IS UNKNOWN), CONSTRAINT c18 CHECK (id IS NULL OR code IS NOT NULL), CONSTRAINT c19 CHECK ((id IS NULL) = (code IS NULL)),
  CONSTRAINT c20 CHECK (id IS DISTINCT FROM 3), CONSTRAINT c21 CHECK (id IS NOT DISTINCT FROM sm), CONSTRAINT c22 CHECK (id > -5 AND price > -1.5), CONSTRAINT c23 CHECK (length(code) > 3 OR char_length(v) <= 5),
  CONSTRAINT c24 CHECK (id + 1 > 2 * (sm - 3)), CONSTRAINT c25 CHECK (big > id AND big < 10000000000), CONSTRAINT c26 CHECK (c = 'abc'), CONSTRAINT c27 CHECK (c LIKE 'a%'), CONSTRAINT c28 CHECK (at > '2020-01-01 00:00:00+00'),
  CONSTRAINT c29 CHECK (ts > timestamp '2020-01-01' + interval '1 day'), CONSTRAINT c30 CHECK (j ? 'a' AND j ->> 'b' = 'c' AND (j -> 'd') @> '[1]'), CONSTRAINT c31 CHECK (cardinality(tags) > 0 AND tags[1] <> 'x'), CONSTRAINT c32 CHECK ('a' = ANY (tags)),
  CONSTRAINT c33 CHECK (m = 'happy'), CONSTRAINT c34 CHECK (m IN ('happy', 'so so')), CONSTRAINT c35 CHECK (amount > 3), CONSTRAINT c36 CHECK (called <> 'x'), CONSTRAINT c37 CHECK (f > 0), CONSTRAINT c38 CHECK (f > 0.5),
  CONSTRAINT c39 CHECK (code ~ '^[a-z\d]+$' AND code !~* 'x'), CONSTRAINT c40 CHECK (code SIMILAR TO 'a|b'), CONSTRAINT c41 CHECK (code LIKE 'a!%' ESCAPE '!'), CONSTRAINT c42 CHECK (CASE WHEN id > 1 THEN code = 'a' ELSE ok END),
  CONSTRAINT c43 CHECK (CASE code WHEN 'a' THEN 1 WHEN 'b' THEN 2 ELSE 0 END > 0), CONSTRAINT c44 CHECK (COALESCE(code, v) = 'x'), CONSTRAINT c45 CHECK (COALESCE(price, 0) > 0), CONSTRAINT c46 CHECK ((id, sm) > (1, 2)), CONSTRAINT c47 CHECK ((id, code) = (1, 'a')),
  CONSTRAINT c48 CHECK (extract(year FROM born) > 1900), CONSTRAINT c49 CHECK (at AT TIME ZONE 'UTC' > ts), CONSTRAINT c50 CHECK (born < CURRENT_DATE), CONSTRAINT c51 CHECK (id NOT BETWEEN 3 AND 5), CONSTRAINT c52 CHECK (id BETWEEN SYMMETRIC 5 AND 3),
  CONSTRAINT c53 CHECK (id::text = '1' AND code::int > 2 AND price::int = 3), CONSTRAINT c54 CHECK (lower(v) = v), CONSTRAINT c55 CHECK (upper(code) = code AND (ok OR id = 1)), CONSTRAINT c56 CHECK (num_nonnulls(id, code) = 1), CONSTRAINT c57 CHECK (u <> '00000000-0000-0000-0000-000000000000'),
  CONSTRAINT c58 CHECK (code || v = 'ab'), CONSTRAINT c59 CHECK (tags <@ ARRAY['a', 'b']), CONSTRAINT c60 CHECK (tags <@ ARRAY['a', 'b']::text[]), CONSTRAINT c61 CHECK (code COLLATE "C" > 'a'), CONSTRAINT c62 CHECK (date_trunc('day', ts) = ts), CONSTRAINT c63 CHECK (concat(code, 'x', id) <> ''),
  CONSTRAINT c64 CHECK (- id < 3 AND @ id > 1), CONSTRAINT c65 CHECK (id % 2 = 0 AND (id & 3) = 1), CONSTRAINT c66 CHECK (true), CONSTRAINT c67 CHECK (id = 1 OR (id = 2 AND (sm = 3 OR sm = 4)) OR NOT (id > 5)), CONSTRAINT c68 CHECK (jsonb_typeof(j) = 'object'), CONSTRAINT c69 CHECK (j['a'] IS NOT NULL),
  CONSTRAINT c70 CHECK (sm IN (1, 2, 3)), CONSTRAINT c71 CHECK (price IN (1, 2.5)), CONSTRAINT c72 CHECK (big IN (1, 2)), CONSTRAINT c73 CHECK (id / 2.0 > 1), CONSTRAINT c74 CHECK (born BETWEEN '2000-01-01' AND now()::date), CONSTRAINT c75 CHECK (ok = true), CONSTRAINT c76 CHECK (v::text = code), CONSTRAINT c77 CHECK (v::varchar(5) = v), CONSTRAINT c78 CHECK (NOT (id > 1 AND sm > 1)),
  CONSTRAINT c79 CHECK (id > 0 IS NOT FALSE), CONSTRAINT c80 CHECK ('2020-01-01'::date > born), CONSTRAINT c81 CHECK (at >= '2020-01-01'::date), CONSTRAINT c82 CHECK (tags[1:2] = '{a,b}'), CONSTRAINT c83 CHECK (ROW(id, sm) IS NOT NULL), CONSTRAINT c84 CHECK (char_length(trim(BOTH FROM code)) > 0), CONSTRAINT c85 CHECK (starts_with(code, 'a')),
  CONSTRAINT c86 CHECK (position('@' in code) > 1), CONSTRAINT c87 CHECK (regexp_replace(code, '\s', '', 'g') <> ''), CONSTRAINT c88 CHECK (array_length(tags, 1) <= 3), CONSTRAINT c89 CHECK (c IN ('abc', 'def')), CONSTRAINT c91 CHECK (('x' || code)::varchar(1) = v), CONSTRAINT c92 CHECK ((id, code) IS DISTINCT FROM (1, 'a')), CONSTRAINT c93 CHECK (substring(code FROM '^a') = 'x'), CONSTRAINT c94 CHECK (j['a']['b'] = '1'), CONSTRAINT c95 CHECK (price::int::numeric(10, 2) > 1), CONSTRAINT c90 CHECK (make_interval(days => id) > '1 day')
);
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'checks'::regclass ORDER BY conname;
SELECT conname, pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conrelid = 'checks'::regclass ORDER BY conname;
SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = 'checks'::regclass ORDER BY conname LIMIT 10;
SELECT constraint_name, check_clause FROM information_schema.check_constraints WHERE constraint_schema = 'texts' AND constraint_name LIKE 'c%' ORDER BY constraint_name;
\d checks
SELECT conname, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE contypid IN ('price'::regtype, 'label'::regtype) ORDER BY conname;
SELECT domain_name, domain_default FROM information_schema.domains WHERE domain_schema = 'texts' ORDER BY domain_name;
SELECT typname, typdefault, pg_get_expr(typdefaultbin, 0) FROM pg_type WHERE typname IN ('price', 'label') ORDER BY typname;
\dD
-- What is shown is SQL: given back, it is shown the same again.
SELECT 'ALTER TABLE checks ' || string_agg(format('ADD CONSTRAINT again_%s %s', conname, pg_get_constraintdef(oid)), ', ') FROM pg_constraint WHERE conrelid = 'checks'::regclass \gexec
SELECT 'ALTER TABLE checks ' || string_agg(format('ADD CONSTRAINT pretty_%s %s', conname, pg_get_constraintdef(oid, true)), ', ') FROM pg_constraint WHERE conrelid = 'checks'::regclass AND conname LIKE 'c%' \gexec
SELECT count(*) FROM pg_constraint WHERE conrelid = 'checks'::regclass;
SELECT regexp_replace(conname, '^(again|pretty)_', '') AS name, min(pg_get_constraintdef(oid)), max(pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = 'checks'::regclass GROUP BY 1 HAVING count(DISTINCT pg_get_constraintdef(oid)) > 1 ORDER BY 1;
CREATE TABLE before AS SELECT attname::text AS name, pg_get_expr(adbin, adrelid) AS shown FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = 'defaults'::regclass;
SELECT 'ALTER TABLE defaults ' || string_agg(format('ALTER COLUMN %I SET DEFAULT %s', name, shown), ', ') FROM before \gexec
SELECT name, shown, pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum JOIN before ON name = attname WHERE adrelid = 'defaults'::regclass AND pg_get_expr(adbin, adrelid) <> shown ORDER BY 1;
SELECT 'ALTER TABLE computed ' || string_agg(format('ADD COLUMN %I %s GENERATED ALWAYS AS (%s) STORED', 'again_' || attname, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid, true)), ', ' ORDER BY attnum) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = 'computed'::regclass \gexec
SELECT count(*), count(DISTINCT generation_expression) FROM information_schema.columns WHERE table_schema = 'texts' AND table_name = 'computed' AND is_generated = 'ALWAYS';
CREATE TABLE late (a int, b text);
ALTER TABLE late ADD CONSTRAINT after CHECK (a > 1.5) NOT VALID, ALTER COLUMN b SET DEFAULT 'q', ADD COLUMN c varchar DEFAULT 'w' CHECK (c <> b);
ALTER TABLE late RENAME COLUMN a TO "A";
\d late
CREATE TABLE indexed (id int, code text, name varchar(20), n numeric, j jsonb, ok bool, at timestamptz, tags text[], m mood);
CREATE INDEX i01 ON indexed ((id + 1));
CREATE INDEX i02 ON indexed (code) WHERE code <> 'a' AND n > 5;
CREATE INDEX i03 ON indexed ((j ->> 'a'), lower(name) DESC, upper(code) NULLS FIRST);
CREATE INDEX i04 ON indexed (id) WHERE ok;
CREATE INDEX i05 ON indexed (id) WHERE NOT ok;
CREATE INDEX i06 ON indexed (id) WHERE name IN ('a', 'b') OR id IS NULL;
CREATE INDEX i07 ON indexed ((name || code), (COALESCE(code, 'x')));
CREATE INDEX i08 ON indexed ((CASE WHEN id > 1 THEN 'a' ELSE code END));
CREATE INDEX i09 ON indexed ((n::int), (id::bigint)) INCLUDE (code) WHERE n IS NOT NULL;
CREATE UNIQUE INDEX i10 ON indexed (lower(code), id) WHERE id BETWEEN 1 AND 10;
CREATE INDEX i11 ON indexed ((lower(code) || '-' || name));
CREATE INDEX i12 ON indexed (((j -> 'a') ->> 'b'), ((id * 2) % 3)) WHERE m = 'happy' AND name LIKE 'x%';
CREATE INDEX i13 ON indexed (date_trunc('day', at AT TIME ZONE 'UTC'));
CREATE INDEX i14 ON indexed ((ok IS TRUE), (id IS NULL), ("left"(code, 3)));
CREATE INDEX i15 ON indexed (id) WHERE code ~ '^a' AND (id > 1 OR id < -1);
CREATE INDEX i16 ON indexed (code text_pattern_ops DESC, name varchar_pattern_ops, (lower(code)) text_pattern_ops NULLS FIRST, id int4_ops, tags array_ops, m enum_ops);
CREATE INDEX i17 ON indexed (name varchar_ops, code pg_catalog.text_pattern_ops);
CREATE INDEX ON indexed ((COALESCE(code, 'x')), (CASE WHEN ok THEN 1 END), (id + 1), (n + 1), (id::bigint), (n::int)) INCLUDE (at, ok);
CREATE INDEX wrong ON indexed (id text_ops);
CREATE INDEX wrong ON indexed (code nothing_ops);
CREATE INDEX wrong ON indexed (code nowhere.text_ops);
CREATE INDEX wrong ON indexed (code texts.text_ops);
SELECT i.indexrelid::regclass, a.attname, o.opcname FROM pg_index i, unnest(i.indclass) WITH ORDINALITY AS c (oid, place) JOIN pg_opclass o ON o.oid = c.oid JOIN pg_attribute a ON a.attnum = c.place WHERE a.attrelid = i.indexrelid AND indrelid = 'indexed'::regclass AND i.indexrelid::regclass::text ~ 'i16|i17|idx' ORDER BY i.indexrelid::regclass::text, a.attnum;
CREATE TABLE alike (LIKE indexed INCLUDING INDEXES);
SELECT indexdef FROM pg_indexes WHERE schemaname = 'texts' AND tablename = 'alike' AND indexdef ~ '_ops' ORDER BY 1;
\d indexed
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid), pg_get_indexdef(indexrelid, 0, true) FROM pg_index WHERE indrelid = 'indexed'::regclass ORDER BY indexrelid::regclass::text;
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid, 1, false), pg_get_indexdef(indexrelid, 1, true), pg_get_indexdef(indexrelid, 2, true), pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid), pg_get_expr(indpred, indrelid, true) FROM pg_index WHERE indrelid = 'indexed'::regclass ORDER BY indexrelid::regclass::text;
SELECT replace(pg_get_indexdef(indexrelid), 'INDEX i', 'INDEX again_i') FROM pg_index WHERE indrelid = 'indexed'::regclass ORDER BY indexrelid::regclass::text \gexec
SELECT replace(pg_get_indexdef(indexrelid, 0, true), 'INDEX i', 'INDEX pretty_i') FROM pg_index WHERE indrelid = 'indexed'::regclass AND indexrelid::regclass::text LIKE 'i%' ORDER BY indexrelid::regclass::text \gexec
SELECT count(*), count(DISTINCT replace(replace(pg_get_indexdef(indexrelid), 'INDEX again_i', 'INDEX i'), 'INDEX pretty_i', 'INDEX i')) FROM pg_index WHERE indrelid = 'indexed'::regclass;
SELECT indexname, indexdef FROM pg_indexes WHERE indexname NOT LIKE '%\_i%' AND schemaname = 'texts' ORDER BY indexname;
SET search_path TO public;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'texts.checks'::regclass AND conname IN ('c33', 'c35') ORDER BY conname;
SELECT pg_get_indexdef('texts.i12'::regclass), pg_get_indexdef('texts.i12'::regclass, 0, true);
-- No queries in them.
\set VERBOSITY verbose
CREATE TABLE wrong (a int CHECK (a IN (SELECT 1)));
CREATE TABLE wrong (a int, CHECK (EXISTS (SELECT 1)));
CREATE TABLE wrong (a int, b int GENERATED ALWAYS AS (a + (SELECT 1)) STORED);
CREATE INDEX wrong ON texts.indexed ((id + (SELECT 1)));
CREATE INDEX wrong ON texts.indexed (id) WHERE id > (SELECT 1);
CREATE DOMAIN wrong AS int CHECK (VALUE > (SELECT 1));
ALTER TABLE texts.indexed ADD CHECK (id = ANY (ARRAY(SELECT 1)));
SET client_min_messages TO warning;
DROP SCHEMA texts CASCADE;
-- A text with a value beside it is as immutable as the cast of the value.
create table beside (a text, i int, n numeric, d date, ts timestamptz, g text generated always as (a || i || '/' || n) stored);
create index on beside ((a || i), (i || a), (n || a));
create index on beside ((a || d));
create index on beside ((ts || a));
alter table beside add h text generated always as (d || a) stored;
insert into beside values ('x', 1, 2.50);
select g from beside where a || i = 'x1';
drop table beside;
