\set VERBOSITY verbose
-- NULLS NOT DISTINCT: NULLs that are the same to a unique key.
CREATE TABLE seats (id int PRIMARY KEY, row_name text, place int, UNIQUE NULLS NOT DISTINCT (row_name, place));
INSERT INTO seats VALUES (1, 'a', NULL), (2, NULL, NULL), (3, 'a', 1);
INSERT INTO seats VALUES (4, 'a', NULL);
INSERT INTO seats VALUES (4, NULL, NULL);
INSERT INTO seats VALUES (4, NULL, 1), (5, NULL, 2);
UPDATE seats SET place = NULL WHERE id = 5;
UPDATE seats SET place = NULL, row_name = 'b' WHERE id = 5;
INSERT INTO seats VALUES (6, 'a', NULL) ON CONFLICT (row_name, place) DO UPDATE SET id = 60 RETURNING *;
INSERT INTO seats VALUES (7, NULL, NULL) ON CONFLICT DO NOTHING;
INSERT INTO seats SELECT 8, NULL, NULL ON CONFLICT ON CONSTRAINT seats_row_name_place_key DO UPDATE SET place = 9 RETURNING *;
SELECT * FROM seats ORDER BY id;
SELECT * FROM seats WHERE row_name IS NULL AND place IS NULL;
DELETE FROM seats WHERE row_name = 'a' AND place IS NULL;
INSERT INTO seats VALUES (61, 'a', NULL);
\d seats
\d seats_row_name_place_key
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'seats'::regclass ORDER BY 1;
SELECT indexrelid::regclass, indnullsnotdistinct FROM pg_index WHERE indrelid = 'seats'::regclass ORDER BY 1;
SELECT constraint_name, nulls_distinct FROM information_schema.table_constraints WHERE table_name = 'seats' AND constraint_type <> 'CHECK' ORDER BY 1;
CREATE TABLE alike (LIKE seats INCLUDING ALL);
\d alike
INSERT INTO alike VALUES (1, NULL, NULL);
INSERT INTO alike VALUES (2, NULL, NULL);

-- Of an index: partial, of an expression, with columns that are carried along, descending.
CREATE UNIQUE INDEX seats_upper ON seats (upper(row_name) DESC NULLS LAST) INCLUDE (id) NULLS NOT DISTINCT WHERE id > 100;
\d seats_upper
SELECT pg_get_indexdef('seats_upper'::regclass);
INSERT INTO seats VALUES (101, NULL, 11);
INSERT INTO seats VALUES (102, NULL, 12);
INSERT INTO seats VALUES (103, 'x', 12);
INSERT INTO seats VALUES (104, 'X', 13);
CREATE TABLE seats_like (LIKE seats INCLUDING INDEXES);
\d seats_like
CREATE TABLE twice (a int, b int);
INSERT INTO twice VALUES (1, NULL), (1, NULL), (2, 2);
CREATE UNIQUE INDEX twice_distinct ON twice (a, b);
CREATE UNIQUE INDEX twice_same ON twice (a, b) NULLS NOT DISTINCT;
ALTER TABLE twice ADD UNIQUE NULLS NOT DISTINCT (b);
DELETE FROM twice WHERE a = 1;
ALTER TABLE twice ADD CONSTRAINT twice_b UNIQUE NULLS NOT DISTINCT (b) INCLUDE (a);
INSERT INTO twice VALUES (3, NULL);
INSERT INTO twice VALUES (4, NULL);
\d twice

-- Deferred: looked at when the transaction commits.
CREATE TABLE later (id int PRIMARY KEY, u int UNIQUE NULLS NOT DISTINCT DEFERRABLE INITIALLY DEFERRED);
\d later
INSERT INTO later VALUES (1, NULL);
BEGIN;
INSERT INTO later VALUES (2, NULL);
DELETE FROM later WHERE id = 1;
COMMIT;
BEGIN;
INSERT INTO later VALUES (3, NULL);
COMMIT;
SELECT * FROM later;

-- A foreign key may lead to such a key; a NULL of its own leads nowhere.
CREATE TABLE tickets (id int PRIMARY KEY, place int REFERENCES twice (b));
INSERT INTO tickets VALUES (1, NULL), (2, 2);
INSERT INTO tickets VALUES (3, 3);
DELETE FROM twice WHERE b IS NULL;
DELETE FROM twice;

-- MATCH FULL: all of a key or nothing.
CREATE TABLE wards (site int, ward int, PRIMARY KEY (site, ward));
INSERT INTO wards VALUES (1, 1), (1, 2), (2, 1);
CREATE TABLE beds (
  id int PRIMARY KEY,
  site int DEFAULT 1,
  ward int,
  CONSTRAINT beds_ward FOREIGN KEY (site, ward) REFERENCES wards MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL
);
\d beds
\d wards
INSERT INTO beds VALUES (1, 1, 1), (2, NULL, NULL), (3, 2, 1);
INSERT INTO beds VALUES (4, 1, NULL);
INSERT INTO beds VALUES (4, NULL, 1);
INSERT INTO beds (id) VALUES (4);
INSERT INTO beds VALUES (4, 3, 3);
UPDATE beds SET ward = NULL WHERE id = 1;
UPDATE beds SET ward = NULL, site = NULL WHERE id = 1;
UPDATE beds SET ward = 2 WHERE id = 1;
UPDATE beds SET ward = 2, site = 1 WHERE id = 1;
UPDATE wards SET ward = 5 WHERE ward = 2;
DELETE FROM wards WHERE site = 2;
SELECT * FROM beds ORDER BY id;
SELECT conname, confmatchtype, confdelsetcols, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'beds'::regclass ORDER BY 1;
SELECT constraint_name, match_option, update_rule, delete_rule FROM information_schema.referential_constraints WHERE constraint_name LIKE '%beds%' OR constraint_name LIKE 'tickets%' ORDER BY 1;
\copy beds FROM STDIN CSV
7,1,
\.
\copy beds FROM STDIN CSV
7,,
8,1,5
\.
SELECT * FROM beds ORDER BY id;

-- Added to rows that are there.
CREATE TABLE old_beds (id int PRIMARY KEY, site int, ward int);
INSERT INTO old_beds VALUES (1, 1, NULL), (2, NULL, NULL), (3, 1, 1);
ALTER TABLE old_beds ADD FOREIGN KEY (site, ward) REFERENCES wards MATCH FULL;
ALTER TABLE old_beds ADD CONSTRAINT late FOREIGN KEY (site, ward) REFERENCES wards MATCH FULL NOT VALID;
\d old_beds
UPDATE old_beds SET id = 10 WHERE id = 1;
ALTER TABLE old_beds VALIDATE CONSTRAINT late;
DELETE FROM old_beds WHERE ward IS NULL AND site IS NOT NULL;
ALTER TABLE old_beds VALIDATE CONSTRAINT late;
\d old_beds

-- Deferred, to itself, of one column.
CREATE TABLE nodes (id int PRIMARY KEY, a int, b int, UNIQUE (a, b), p int, q int,
  FOREIGN KEY (p, q) REFERENCES nodes (a, b) MATCH FULL DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO nodes VALUES (1, 1, 1, 2, 2), (2, 2, 2, NULL, 1);
UPDATE nodes SET p = 1 WHERE id = 2;
COMMIT;
BEGIN;
INSERT INTO nodes VALUES (3, 3, 3, 2, NULL);
COMMIT;
INSERT INTO nodes VALUES (3, 3, NULL, 2, 2);
CREATE TABLE single (id int PRIMARY KEY, node int REFERENCES nodes MATCH FULL);
INSERT INTO single VALUES (1, NULL), (2, 1);
INSERT INTO single VALUES (3, 9);
\d single
CREATE TABLE partly (a int, b int, FOREIGN KEY (a, b) REFERENCES wards MATCH SIMPLE);
\d partly

-- Columns that ON DELETE changes.
CREATE TABLE chairs (id int PRIMARY KEY, site int DEFAULT 9, ward int DEFAULT 5,
  FOREIGN KEY (site, ward) REFERENCES wards ON DELETE SET NULL (ward) ON UPDATE SET NULL);
CREATE TABLE desks (id int PRIMARY KEY, site int DEFAULT 9, ward int DEFAULT 5,
  FOREIGN KEY (site, ward) REFERENCES wards ON DELETE SET DEFAULT (ward));
INSERT INTO wards VALUES (3, 1), (3, 2), (3, 5);
INSERT INTO chairs VALUES (1, 3, 1), (2, 3, 2);
INSERT INTO desks VALUES (1, 3, 1);
DELETE FROM wards WHERE site = 3 AND ward = 1;
UPDATE wards SET ward = 7 WHERE site = 3 AND ward = 2;
SELECT * FROM chairs ORDER BY id;
SELECT * FROM desks ORDER BY id;
DELETE FROM wards WHERE site = 3 AND ward = 5;
\d chairs
\d desks
SELECT conrelid::regclass, confdelsetcols, confdeltype FROM pg_constraint WHERE confdelsetcols IS NOT NULL AND conrelid::regclass::text IN ('chairs', 'desks') ORDER BY 1;
CREATE TABLE wrong (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES wards ON DELETE SET NULL (id));
CREATE TABLE wrong (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES wards ON DELETE SET NULL (x));
CREATE TABLE wrong (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES wards ON UPDATE SET NULL (a));
CREATE TABLE wrong (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES wards ON DELETE SET NULL (a) MATCH FULL);
CREATE TABLE full_part (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES wards MATCH FULL ON DELETE SET NULL (a));
INSERT INTO full_part VALUES (1, 1, 1);
DELETE FROM wards WHERE site = 1 AND ward = 1;
