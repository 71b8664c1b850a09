-- Arrays of the values of a domain.
\set VERBOSITY verbose
CREATE SCHEMA listed;
SET search_path TO listed;
CREATE DOMAIN small AS int CHECK (VALUE < 10) CONSTRAINT above CHECK (VALUE > 0);
CREATE DOMAIN word AS varchar(5) NOT NULL;
CREATE DOMAIN anything AS numeric(6,2);
CREATE TABLE lists (id int PRIMARY KEY, s small[] DEFAULT '{1,2}', w word[], n anything[], x small);
\d lists
INSERT INTO lists VALUES (1, '{1,2,9}', '{a,bc}', '{1.234,5}', 3), (2, NULL, NULL, NULL, NULL), (3, '{}', '{}', '{NULL}', 1);
INSERT INTO lists (id) VALUES (4) RETURNING *;
INSERT INTO lists VALUES (5, ARRAY[1, 20]);
INSERT INTO lists VALUES (5, ARRAY[1, -1]);
INSERT INTO lists VALUES (5, ARRAY[20, -1]);
INSERT INTO lists VALUES (5, ARRAY[1, NULL]);
INSERT INTO lists (id, w) VALUES (6, ARRAY['a', NULL]);
INSERT INTO lists (id, w) VALUES (6, ARRAY['too long']);
UPDATE lists SET s = s || 7 WHERE id = 1;
UPDATE lists SET s = s || 70 WHERE id = 1;
UPDATE lists SET s[1] = 5 WHERE id = 1;
UPDATE lists SET s[1] = 50 WHERE id = 1;
INSERT INTO lists VALUES (1, '{3}') ON CONFLICT (id) DO UPDATE SET s = excluded.s || 30;
INSERT INTO lists VALUES (1, '{3}') ON CONFLICT (id) DO UPDATE SET s = excluded.s || 4 RETURNING s;
\copy lists (id, s, w) FROM STDIN CSV
10,"{1,2}","{a}"
\.
SELECT * FROM lists ORDER BY id;

-- Casts.
SELECT '{1,2}'::small[], ARRAY[3, 4]::small[], '{}'::small[], NULL::small[], CAST('{a}' AS word[]);
SELECT ARRAY[1, 20]::small[];
SELECT ARRAY[1, -3]::small[];
SELECT '{1,x}'::small[];
SELECT ARRAY['a', NULL]::word[];
SELECT (ARRAY[1, 2]::small[])[2], s[1], s[1:2], array_length(s, 1), 2 = ANY (s) FROM lists WHERE id = 10;
SELECT unnest(s) FROM lists WHERE id = 10;
SELECT id, s::text, s::int[] FROM lists WHERE s = '{1,2}' ORDER BY id;
SELECT ARRAY[5, 6]::_small;
SELECT id FROM lists WHERE s @> '{2}' ORDER BY id;

-- Parameters.
PREPARE p (small[]) AS SELECT $1, array_length($1, 1);
EXECUTE p('{1,2}');
EXECUTE p(ARRAY[1, 200]);
EXECUTE p(ARRAY[-1]);
PREPARE i AS INSERT INTO lists (id, s) VALUES ($1, $2) RETURNING s;
EXECUTE i(20, '{8}');
EXECUTE i(21, ARRAY[80]);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'p';

-- What catalogs say.
SELECT typname, typtype, typcategory, typlen, typelem::regtype, typarray::regtype, typbasetype::regtype FROM pg_type
  WHERE typnamespace = 'listed'::regnamespace AND typname IN ('small', '_small', 'word', '_word') ORDER BY typname;
SELECT attname, format_type(atttypid, atttypmod), atttypid::regtype FROM pg_attribute WHERE attrelid = 'lists'::regclass AND attnum > 0 ORDER BY attnum;
SELECT 'small[]'::regtype, '_small'::regtype, 'listed.small[]'::regtype, to_regtype('small[]'), to_regtype('nothing[]');
SET search_path TO public;
SELECT 'listed.small[]'::regtype;
\d listed.lists
SET search_path TO listed;
SELECT column_name, data_type, udt_schema, udt_name, domain_name FROM information_schema.columns WHERE table_name = 'lists' ORDER BY ordinal_position;
SELECT collection_type_identifier, data_type, udt_schema, udt_name FROM information_schema.element_types WHERE object_name = 'lists' ORDER BY 1;

-- Columns that come, change and are computed.
ALTER TABLE lists ADD COLUMN more small[] DEFAULT ARRAY[1, 2]::small[], ADD COLUMN ints int[];
ALTER TABLE lists ADD COLUMN wrong small[] DEFAULT '{100}';
UPDATE lists SET ints = '{1,100}' WHERE id = 1;
ALTER TABLE lists ALTER ints TYPE small[];
UPDATE lists SET ints = '{1,9}' WHERE id = 1;
ALTER TABLE lists ALTER ints TYPE small[];
\d lists
INSERT INTO lists (id, ints) VALUES (30, ARRAY[11]);
ALTER TABLE lists ALTER ints TYPE bigint[];
ALTER TABLE lists ADD CONSTRAINT has CHECK (s <> ARRAY[9]::small[]);
INSERT INTO lists (id, s) VALUES (31, '{9}');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'has';
CREATE VIEW listed_view AS SELECT id, s, '{1}'::small[] AS one, ARRAY[id]::small[] AS own FROM lists WHERE id < 3 AND id > 0;
\d+ listed_view
SELECT * FROM listed_view ORDER BY id;
CREATE TABLE copied AS SELECT id, s FROM lists WHERE id = 1;
\d copied
INSERT INTO copied VALUES (2, ARRAY[100]);

-- What the domain may become.
ALTER DOMAIN small ADD CHECK (VALUE <> 5);
ALTER DOMAIN small ADD CHECK (VALUE <> 5) NOT VALID;
INSERT INTO lists (id, s) VALUES (40, ARRAY[5]);
ALTER DOMAIN small DROP CONSTRAINT small_check1;
INSERT INTO lists (id, s) VALUES (40, '{5}');
ALTER DOMAIN small SET NOT NULL;
ALTER DOMAIN small DROP CONSTRAINT above;
INSERT INTO lists (id, s) VALUES (41, '{-5}');
ALTER DOMAIN small RENAME TO tiny;
\d lists
\d+ listed_view
DROP DOMAIN word;
DROP DOMAIN word CASCADE;
\d lists
DROP VIEW listed_view;
DROP TABLE copied;
ALTER TABLE lists DROP COLUMN more, DROP COLUMN x, DROP CONSTRAINT has;
DROP DOMAIN tiny;
DROP DOMAIN tiny CASCADE;
\d lists
SELECT count(*) FROM pg_type WHERE typname IN ('tiny', '_tiny', 'word', '_word');
CREATE ROLE lister LOGIN;
CREATE DOMAIN kept AS int;
REVOKE USAGE ON DOMAIN kept FROM PUBLIC;
GRANT ALL ON SCHEMA listed TO lister;
SET ROLE lister;
CREATE TABLE refused (k kept[]);
RESET ROLE;
GRANT USAGE ON DOMAIN kept TO lister;
SET ROLE lister;
CREATE TABLE granted (k kept[]);
RESET ROLE;
DROP TABLE granted, lists;
