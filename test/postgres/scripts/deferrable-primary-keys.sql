-- Primary keys that wait.
\set VERBOSITY verbose
CREATE SCHEMA waiting_keys;
SET search_path TO waiting_keys;
CREATE TABLE item (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, place int, UNIQUE (place) DEFERRABLE);
CREATE TABLE pair (a int, b text, c int, PRIMARY KEY (a, b) INCLUDE (c) DEFERRABLE INITIALLY IMMEDIATE);
CREATE TABLE soon (id int PRIMARY KEY NOT DEFERRABLE INITIALLY IMMEDIATE);
CREATE TABLE wrong (id int PRIMARY KEY NOT DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE twice (id int PRIMARY KEY DEFERRABLE, other int PRIMARY KEY);
CREATE TABLE twice (id int PRIMARY KEY DEFERRABLE, other int, PRIMARY KEY (other));
CREATE TABLE checked (id int CHECK (id > 0) DEFERRABLE);
\d item
\d pair
SELECT conname, contype, condeferrable, condeferred, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('item'::regclass, 'pair'::regclass, 'soon'::regclass) ORDER BY conname;
SELECT indexrelid::regclass, indisunique, indisprimary, indimmediate, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN ('item'::regclass, 'pair'::regclass) ORDER BY 1;
SELECT table_name, constraint_name, constraint_type, is_deferrable, initially_deferred FROM information_schema.table_constraints WHERE constraint_schema = 'waiting_keys' AND constraint_type <> 'CHECK' ORDER BY 1, 2;
SELECT table_name, constraint_name, column_name, ordinal_position FROM information_schema.key_column_usage WHERE constraint_schema = 'waiting_keys' ORDER BY 1, 2, 4;
INSERT INTO item VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO item VALUES (NULL, 4);
INSERT INTO item VALUES (3, 4);
INSERT INTO item VALUES (4, 3);
UPDATE item SET id = id + 1;
UPDATE item SET id = 5 WHERE place < 3;
UPDATE item SET place = place + 1;
SELECT * FROM item ORDER BY id;
BEGIN;
INSERT INTO item VALUES (2, 10);
SELECT * FROM item WHERE id = 2 ORDER BY place;
SELECT count(*) FROM item a JOIN item b USING (id);
DELETE FROM item WHERE id = 2 AND place < 10;
COMMIT;
SELECT * FROM item ORDER BY id;
BEGIN;
INSERT INTO item VALUES (2, 11);
COMMIT;
SELECT * FROM item ORDER BY id;
BEGIN;
INSERT INTO item VALUES (2, 11);
SET CONSTRAINTS item_pkey IMMEDIATE;
ROLLBACK;
BEGIN;
SET CONSTRAINTS item_pkey IMMEDIATE;
INSERT INTO item VALUES (2, 11);
ROLLBACK;
BEGIN;
SET CONSTRAINTS pair_pkey DEFERRED;
INSERT INTO pair VALUES (1, 'x', 1), (1, 'x', 2);
SAVEPOINT s;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
UPDATE pair SET b = 'y' WHERE c = 2;
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
INSERT INTO pair VALUES (1, 'y', 3);
SELECT * FROM pair ORDER BY a, b;
SET CONSTRAINTS soon_pkey DEFERRED;
-- What may not refer to one.
CREATE TABLE child (item int REFERENCES item);
CREATE TABLE child (item int REFERENCES item (id));
CREATE TABLE child (item int, FOREIGN KEY (item) REFERENCES item);
CREATE TABLE child (item int REFERENCES item (place));
CREATE TABLE self (id int PRIMARY KEY DEFERRABLE, parent int REFERENCES self);
CREATE TABLE child (item int);
ALTER TABLE child ADD FOREIGN KEY (item) REFERENCES item;
CREATE UNIQUE INDEX item_again ON item (id);
CREATE TABLE child2 (item int REFERENCES item);
CREATE TABLE child2 (item int REFERENCES item (id));
DROP TABLE child2;
DROP INDEX item_again;
INSERT INTO item VALUES (1, 1) ON CONFLICT DO NOTHING;
INSERT INTO item VALUES (1, 1) ON CONFLICT (id) DO NOTHING;
INSERT INTO item VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET place = 0;
INSERT INTO item VALUES (1, 1) ON CONFLICT ON CONSTRAINT item_pkey DO NOTHING;
-- It does not say that a group has one row.
SELECT id, place FROM item GROUP BY id;
SELECT id, place FROM item GROUP BY id, place ORDER BY id;
-- Definitions around it.
CREATE TABLE copied (LIKE item INCLUDING ALL);
\d copied
ALTER TABLE item ALTER id DROP NOT NULL;
ALTER TABLE item ADD PRIMARY KEY (place);
ALTER TABLE item ALTER CONSTRAINT item_pkey NOT DEFERRABLE;
ALTER TABLE item RENAME CONSTRAINT item_pkey TO item_key;
ALTER INDEX item_key RENAME TO item_key2;
\d item
INSERT INTO item VALUES (1, 50), (1, 51);
ALTER TABLE item DROP CONSTRAINT item_key2;
ALTER TABLE item ALTER id DROP NOT NULL;
\d item
INSERT INTO item VALUES (NULL, 60);
ALTER TABLE item ADD CONSTRAINT again PRIMARY KEY (id) DEFERRABLE;
DELETE FROM item WHERE id IS NULL;
INSERT INTO item VALUES (77, 61), (77, 62);
ALTER TABLE item ADD CONSTRAINT again PRIMARY KEY (id) DEFERRABLE;
DELETE FROM item WHERE place = 62;
ALTER TABLE item ADD CONSTRAINT again PRIMARY KEY (id) DEFERRABLE;
\d item
BEGIN;
SET CONSTRAINTS again DEFERRED;
INSERT INTO item VALUES (77, 63);
TRUNCATE item;
COMMIT;
SELECT * FROM item;
INSERT INTO item VALUES (1, 1), (2, 2);
ALTER TABLE item ALTER id TYPE bigint;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE item SET id = 3 - id;
COMMIT;
SELECT * FROM item ORDER BY place;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO item VALUES (1, 9);
ALTER TABLE item DROP CONSTRAINT again;
ROLLBACK;
ALTER TABLE item DROP COLUMN id;
\d item
CREATE INDEX ON pair (c);
ALTER TABLE pair CLUSTER ON pair_pkey;
CLUSTER pair;
COPY pair FROM STDIN;
5	v	1
5	v	2
\.
COPY pair FROM STDIN;
5	v	1
6	v	2
\.
SELECT * FROM pair ORDER BY a, b;
UPDATE pair SET a = CASE a WHEN 5 THEN 6 WHEN 6 THEN 5 ELSE a END;
MERGE INTO pair USING (VALUES (5, 'v', 50), (7, 'v', 70)) s(a, b, c) ON pair.a = s.a AND pair.b = s.b WHEN MATCHED THEN UPDATE SET c = s.c WHEN NOT MATCHED THEN INSERT VALUES (s.a, s.b, s.c);
SELECT * FROM pair ORDER BY a, b;
CREATE TABLE many (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
INSERT INTO many (v) SELECT 'v' || g FROM generate_series(1, 300) g;
UPDATE many SET id = 301 - id;
UPDATE many SET id = DEFAULT WHERE id = 300;
SELECT min(id), max(id), count(*) FROM many;
SET client_min_messages TO warning;
DROP SCHEMA waiting_keys CASCADE;
