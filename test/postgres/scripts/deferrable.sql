-- Constraints that wait for COMMIT, or for SET CONSTRAINTS.
\set VERBOSITY verbose
CREATE SCHEMA deferring;
SET search_path TO deferring;
CREATE TABLE author (id int PRIMARY KEY, name text);
CREATE TABLE book (id int PRIMARY KEY, author int REFERENCES author DEFERRABLE INITIALLY DEFERRED, title text);
CREATE TABLE page (book int CONSTRAINT page_of REFERENCES book ON DELETE CASCADE DEFERRABLE, number int, UNIQUE (book, number) DEFERRABLE INITIALLY IMMEDIATE);
CREATE TABLE ring (id int PRIMARY KEY, next int NOT NULL REFERENCES ring DEFERRABLE INITIALLY DEFERRED);
\d book
\d page
\d author
SELECT conname, condeferrable, condeferred, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('book'::regclass, 'page'::regclass) ORDER BY conname;
SELECT indexrelid::regclass, indisunique, indimmediate FROM pg_index WHERE indrelid = 'page'::regclass;
SELECT table_name, constraint_name, is_deferrable, initially_deferred FROM information_schema.table_constraints WHERE constraint_schema = 'deferring' AND constraint_type <> 'CHECK' ORDER BY 1, 2;
-- Children before parents.
BEGIN;
INSERT INTO book VALUES (1, 10, 'late');
INSERT INTO author VALUES (10, 'Ann');
COMMIT;
BEGIN;
INSERT INTO book VALUES (2, 11, 'orphan');
SELECT count(*) FROM book;
COMMIT;
SELECT count(*) FROM book;
-- Alone: at the end of the statement.
INSERT INTO book VALUES (2, 11, 'orphan');
INSERT INTO ring VALUES (1, 2), (2, 3), (3, 1);
INSERT INTO ring VALUES (4, 5);
-- What is gone again is not looked at.
BEGIN;
INSERT INTO book VALUES (3, 12, 'gone'), (4, 12, 'mended');
DELETE FROM book WHERE id = 3;
UPDATE book SET author = 10 WHERE id = 4;
COMMIT;
-- A parent that goes and comes back.
BEGIN;
DELETE FROM author WHERE id = 10;
INSERT INTO author VALUES (10, 'Ann again');
COMMIT;
BEGIN;
DELETE FROM author WHERE id = 10;
COMMIT;
-- The key of a row that waits changes.
BEGIN;
INSERT INTO book VALUES (5, 13, 'moves');
UPDATE book SET id = 6 WHERE id = 5;
COMMIT;
-- SET CONSTRAINTS looks at what has waited, and turns waiting on and off.
BEGIN;
INSERT INTO book VALUES (7, 14, 'x');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET CONSTRAINTS book_author_fkey IMMEDIATE;
INSERT INTO book VALUES (7, 14, 'x');
ROLLBACK;
BEGIN;
SET CONSTRAINTS page_of DEFERRED;
INSERT INTO page VALUES (99, 1);
SAVEPOINT s;
SET CONSTRAINTS page_of IMMEDIATE;
ROLLBACK TO s;
INSERT INTO book VALUES (99, 10, 'there now');
SET CONSTRAINTS page_of IMMEDIATE;
INSERT INTO page VALUES (98, 1);
ROLLBACK;
BEGIN;
SAVEPOINT a;
INSERT INTO book VALUES (8, 15, 'taken back');
ROLLBACK TO a;
COMMIT;
SET CONSTRAINTS nothing DEFERRED;
SET CONSTRAINTS book_pkey DEFERRED;
SET CONSTRAINTS nowhere.book_pkey DEFERRED;
SET CONSTRAINTS deferring.page_of DEFERRED;
-- Cascades never wait.
BEGIN;
INSERT INTO book VALUES (20, 10, 'pages');
INSERT INTO page VALUES (20, 1), (20, 2);
SET CONSTRAINTS ALL DEFERRED;
DELETE FROM book WHERE id = 20;
SELECT count(*) FROM page;
COMMIT;
-- Definitions wait until nothing does.
BEGIN;
INSERT INTO book VALUES (9, 10, 'pending');
ALTER TABLE book ADD COLUMN pages int;
ROLLBACK;
BEGIN;
INSERT INTO book VALUES (9, 10, 'pending');
TRUNCATE book CASCADE;
ROLLBACK;
BEGIN;
INSERT INTO ring VALUES (9, 9);
DROP TABLE ring;
ROLLBACK;
BEGIN;
INSERT INTO book VALUES (9, 10, 'pending');
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE book ADD COLUMN pages int;
COMMIT;
-- Unique keys that wait.
INSERT INTO page SELECT 1, n FROM generate_series(1, 5) n;
UPDATE page SET number = number + 1;
SELECT * FROM page ORDER BY number;
INSERT INTO page VALUES (1, 6);
BEGIN;
SET CONSTRAINTS page_book_number_key DEFERRED;
INSERT INTO page VALUES (1, 6);
SELECT count(*) FROM page WHERE book = 1 AND number = 6;
UPDATE page SET number = 7 WHERE ctid_is_not_a_column;
ROLLBACK;
BEGIN;
SET CONSTRAINTS page_book_number_key DEFERRED;
INSERT INTO page VALUES (1, 6);
SELECT count(*) FROM page WHERE book = 1 AND number = 6;
COMMIT;
BEGIN;
SET CONSTRAINTS page_book_number_key DEFERRED;
INSERT INTO page VALUES (1, 6);
DELETE FROM page WHERE number = 6;
COMMIT;
SELECT * FROM page ORDER BY number;
INSERT INTO page VALUES (NULL, 1), (NULL, 1);
INSERT INTO page VALUES (1, 2) ON CONFLICT DO NOTHING;
INSERT INTO page VALUES (1, 2) ON CONFLICT (book, number) DO UPDATE SET number = 9;
CREATE TABLE refers (book int, number int, FOREIGN KEY (book, number) REFERENCES page (book, number));
-- Constraints that are added, and changed.
CREATE TABLE late (a int, b int);
INSERT INTO late VALUES (1, 1), (1, 2);
ALTER TABLE late ADD CONSTRAINT late_a UNIQUE (a) DEFERRABLE;
ALTER TABLE late ADD CONSTRAINT late_b UNIQUE (b) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE late ALTER COLUMN b TYPE bigint;
UPDATE late SET b = 3 - b;
SELECT * FROM late ORDER BY b;
ALTER TABLE late ALTER COLUMN b TYPE int USING 1;
ALTER TABLE book ALTER CONSTRAINT book_author_fkey NOT DEFERRABLE;
ALTER TABLE book ALTER CONSTRAINT nothing DEFERRABLE;
ALTER TABLE book ALTER CONSTRAINT book_pkey DEFERRABLE;
INSERT INTO book VALUES (30, 99, 'at once');
\d book
CREATE TABLE wrong (a int CHECK (a > 0) DEFERRABLE);
CREATE TABLE wrong (a int UNIQUE DEFERRABLE NOT DEFERRABLE);
CREATE TABLE wrong (a int UNIQUE INITIALLY DEFERRED NOT DEFERRABLE);
DROP TABLE page, book, author, ring, late CASCADE;
