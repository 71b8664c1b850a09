-- What wrote a row (xmin), as those use it who change a row only if nobody has changed it since. Its numbers are each server's own: they are compared,
-- and not shown.
CREATE TABLE parts (id int PRIMARY KEY, name text NOT NULL, left_over int DEFAULT 0);
CREATE TABLE notes (said text);
CREATE VIEW part_names AS SELECT id, name FROM parts;

INSERT INTO parts (id, name) VALUES (1, 'bolt'), (2, 'nut') RETURNING id, xmin::text::bigint > 2 AS is_known, pg_typeof(xmin);
INSERT INTO parts (id, name) VALUES (3, 'pin');
INSERT INTO notes VALUES ('a'), ('b');
SELECT count(*), count(DISTINCT xmin::text) FROM parts;
SELECT a.id, b.id, a.xmin = b.xmin FROM parts a JOIN parts b ON a.id < b.id ORDER BY 1, 2;

-- Known from the answer of the write that stands alone, and changed only as long as nobody has.
INSERT INTO parts VALUES (4, 'cog') RETURNING xmin AS seen \gset
SELECT xmin = :'seen' AS same FROM parts WHERE id = 4;
UPDATE parts SET name = 'cog wheel' WHERE id = 4 AND xmin = :'seen' RETURNING xmin <> :'seen' AS moved, xmin AS second \gset
SELECT :'moved';
UPDATE parts SET name = 'lost' WHERE id = 4 AND xmin = :'seen' RETURNING name;
UPDATE parts SET left_over = 1 WHERE id = 4 AND xmin = :'second' RETURNING name;
UPDATE parts SET left_over = 2 WHERE id = 4 AND xmin = :'second' RETURNING name;
SELECT xmin AS third FROM parts WHERE id = 4 \gset
DELETE FROM parts WHERE id = 4 AND xmin = :'second';
DELETE FROM parts WHERE id = 4 AND xmin = :'third' RETURNING xmin = :'third' AS same, name;

-- The same values once more are another version when it was asked for.
SELECT xmin AS seen FROM parts WHERE id = 3 \gset
UPDATE parts SET name = 'pin' WHERE id = 3 AND xmin = :'seen' RETURNING xmin <> :'seen' AS moved, xmin AS second \gset
SELECT :'moved', xmin = :'second' AS same FROM parts WHERE id = 3;

-- Within a transaction, before and behind its end, and with what it has taken back.
BEGIN;
UPDATE parts SET left_over = 5 WHERE id = 1;
INSERT INTO parts VALUES (5, 'rod', 9) RETURNING xmin AS own \gset
SELECT id, xmin = :'own' AS own FROM parts ORDER BY id;
UPDATE parts SET left_over = 6 WHERE id = 5 AND xmin = :'own' RETURNING xmin = :'own' AS own;
COMMIT;
SELECT id, xmin = :'own' AS own FROM parts ORDER BY id;
UPDATE parts SET left_over = 7 WHERE id = 5 AND xmin = :'own' RETURNING left_over;
UPDATE parts SET left_over = 8 WHERE id = 5 AND xmin = :'own' RETURNING left_over;
SELECT xmin AS kept FROM parts WHERE id = 5 \gset
BEGIN;
UPDATE parts SET left_over = 9 WHERE id = 5 RETURNING xmin <> :'kept' AS moved;
ROLLBACK;
UPDATE parts SET left_over = 10 WHERE id = 5 AND xmin = :'kept' RETURNING left_over;
SELECT xmin AS kept FROM parts WHERE id = 2 \gset
BEGIN;
SAVEPOINT s;
UPDATE parts SET name = 'wing nut' WHERE id = 2 RETURNING xmin = :'kept' AS kept;
ROLLBACK TO s;
SELECT name, xmin = :'kept' AS kept FROM parts WHERE id = 2;
COMMIT;
SELECT name, xmin = :'kept' AS kept FROM parts WHERE id = 2;
-- A change and its reverse.
BEGIN;
UPDATE parts SET name = 'x' WHERE id = 2 RETURNING xmin AS there \gset
UPDATE parts SET name = 'nut' WHERE id = 2 RETURNING xmin = :'there' AS same;
COMMIT;
SELECT xmin = :'there' AS there, xmin = :'kept' AS kept FROM parts WHERE id = 2;

-- In queries of all kinds.
SELECT p.xmin = parts.xmin FROM parts AS p JOIN parts USING (id) WHERE p.id = 1;
SELECT (SELECT p.xmin) = p.xmin FROM parts p WHERE id = 1;
SELECT s.x = p.xmin FROM (SELECT id, xmin AS x FROM parts) s JOIN parts p USING (id) ORDER BY id;
SELECT count(*) FROM parts WHERE xmin IN (SELECT xmin FROM parts WHERE id < 3);
SELECT count(*), xmin = (SELECT xmin FROM notes LIMIT 1) FROM notes GROUP BY xmin;
SELECT n.xmin IS NULL FROM parts p LEFT JOIN notes n ON n.said = p.name ORDER BY p.id;
SELECT count(*) FROM notes a, notes b WHERE a.xmin = b.xmin;
SELECT xmin FROM parts ORDER BY xmin;
SELECT max(xmin) FROM parts;
SELECT xmin FROM part_names;
SELECT xmin FROM (SELECT id FROM parts) s;
SELECT parts.xmin FROM parts p;
SELECT xmin FROM parts, notes;
SELECT xmin::int FROM parts;
SELECT xmin = 3::bigint FROM parts;
SELECT count(*) FROM parts WHERE xmin = 0 OR xmin = '1' OR xmin = 2::xid;
SELECT xmin = xmin::text::xid, xmin::text::bigint > 2, age(xmin) IS NOT NULL FROM parts WHERE id = 1;
SELECT * FROM parts WHERE id = 1;
SELECT parts FROM parts WHERE id = 1;
SELECT id FROM parts WHERE id = 1 AND xmin IS NOT NULL FOR UPDATE;
PREPARE change (text, int, xid) AS UPDATE parts SET name = $1 WHERE id = $2 AND xmin = $3 RETURNING xmin <> $3 AS moved;
SELECT xmin AS kept FROM parts WHERE id = 1 \gset
EXECUTE change ('bolt 2', 1, :'kept');
EXECUTE change ('bolt 3', 1, :'kept');
DEALLOCATE change;

-- In writes of all kinds.
UPDATE parts SET xmin = 1;
INSERT INTO parts (id, xmin) VALUES (9, 1);
UPDATE parts p SET left_over = 11 FROM notes n WHERE n.said = 'a' AND p.id = 1 RETURNING n.xmin = p.xmin AS same;
WITH changed AS (UPDATE parts SET left_over = 12 WHERE id = 1 RETURNING xmin AS x) SELECT count(x) FROM changed;
INSERT INTO parts VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING xmin AS own \gset
SELECT xmin = :'own' FROM parts WHERE id = 1;
INSERT INTO parts VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET name = 'never' WHERE excluded.xmin IS NULL;
INSERT INTO parts VALUES (1, 'again') ON CONFLICT DO NOTHING RETURNING xmin;
MERGE INTO parts USING notes ON id = 1 AND said = 'a' AND parts.xmin = :'own' WHEN MATCHED THEN UPDATE SET name = 'merged';
SELECT name, xmin = :'own' FROM parts WHERE id = 1;
INSERT INTO part_names VALUES (6, 'six') RETURNING xmin;
COPY (SELECT id, xmin IS NULL FROM parts ORDER BY id) TO STDOUT;
TRUNCATE notes;
COPY notes FROM STDIN;
one
two
\.
SELECT count(DISTINCT xmin::text) FROM notes;

-- In definitions.
CREATE TABLE refused (a int, CHECK (xmin IS NOT NULL));
CREATE TABLE refused (a int, b text GENERATED ALWAYS AS (xmin::text) STORED);
CREATE INDEX ON parts (xmin);
CREATE INDEX ON parts ((xmin::text));
CREATE TABLE refused (a int, xmin int);
CREATE TABLE refused (a int, CHECK (a > 0 AND refused.ctid IS NOT NULL));
ALTER TABLE parts ADD CHECK (xmax IS NOT NULL);
CREATE INDEX ON parts (lower(name)) WHERE xmin IS NOT NULL;
CREATE VIEW versioned AS SELECT id, name, xmin AS version FROM parts;
\d+ versioned
SELECT v.id, v.version = p.xmin FROM versioned v JOIN parts p USING (id) ORDER BY 1;
UPDATE versioned SET name = 'through' WHERE id = 2 AND version = (SELECT xmin FROM parts WHERE id = 2) RETURNING name;
UPDATE versioned SET version = NULL;
UPDATE versioned SET ctid = NULL;
CREATE VIEW known AS SELECT id, name FROM parts WHERE xmin IS NOT NULL WITH CHECK OPTION;
UPDATE known SET name = 'known' WHERE id = 2 RETURNING name;
CREATE TABLE copies AS SELECT id, xmin::text AS version FROM parts;
SELECT count(*) FROM copies c JOIN parts p ON p.id = c.id AND p.xmin::text = c.version;
CREATE MATERIALIZED VIEW held AS SELECT id, xmin::text AS version FROM parts;
SELECT count(*) FROM held h JOIN parts p ON p.id = h.id AND p.xmin::text = h.version;
SELECT count(DISTINCT xmin::text) FROM held;
ALTER TABLE parts ADD COLUMN colour text DEFAULT 'grey';
UPDATE parts SET colour = 'red' WHERE id = 1 RETURNING xmin AS own \gset
ALTER TABLE parts ADD COLUMN weight int;
SELECT colour, weight, xmin = :'own' AS own FROM parts WHERE id = 1;
UPDATE parts SET name = repeat('long', 20000) WHERE id = 1 RETURNING xmin AS own \gset
SELECT length(name), xmin = :'own' AS own, left_over, colour FROM parts WHERE id = 1;

-- Kept in columns, by whoever compares later.
CREATE TABLE seen_parts (id int PRIMARY KEY, version xid, first xid DEFAULT '7', CHECK (version <> '5'));
INSERT INTO seen_parts (id, version) SELECT id, xmin FROM parts;
INSERT INTO seen_parts VALUES (100, '4294967295', NULL), (101, NULL, '0');
SELECT count(*) FROM seen_parts s JOIN parts p ON p.id = s.id AND p.xmin = s.version;
SELECT id, version, first FROM seen_parts WHERE id >= 100 OR version = 5 ORDER BY id;
SELECT first, count(*) FROM seen_parts GROUP BY first ORDER BY first::text;
INSERT INTO seen_parts VALUES (102, '5');
INSERT INTO seen_parts VALUES (102, 5);
UPDATE seen_parts SET version = first WHERE id = 100 RETURNING version IS NULL;
SELECT version FROM seen_parts ORDER BY version;
CREATE INDEX ON seen_parts (version);
ALTER TABLE seen_parts ADD UNIQUE (version);
COPY (SELECT id, version, first FROM seen_parts WHERE id >= 100 ORDER BY id) TO STDOUT;
\d seen_parts
DROP TABLE seen_parts;

DROP MATERIALIZED VIEW held;
DROP TABLE copies, notes;
DROP TABLE parts CASCADE;
