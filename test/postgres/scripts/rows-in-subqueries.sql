-- Rows looked for among the rows of a subquery, NULLs among them, that is hashed where it uses no outer row.
\pset null NULL
CREATE TABLE here (a int, b text, n numeric);
CREATE TABLE there (x int, y text, m numeric);
INSERT INTO here VALUES (1, 'one', 1.0), (2, 'two', 2.50), (NULL, 'none', 0), (4, NULL, 4), (NULL, NULL, NULL), (6, 'six', 'NaN'), (7, '1:7', -0.0);
INSERT INTO there VALUES (1, 'one', 1), (2, 'two', 2.5), (2, 'zwei', 2), (6, 'six', 'NaN'), (7, '1:7', 0), (4, 'four', 4);
SELECT a, b, (a, b) IN (SELECT x, y FROM there) AS found, (a, b) NOT IN (SELECT x, y FROM there) AS missing FROM here ORDER BY a, b;
SELECT a, n, (a, n) IN (SELECT x, m FROM there) AS found FROM here ORDER BY a, n;
SELECT a, b, n, (a, b, n) IN (SELECT x, y, m FROM there) AS found FROM here ORDER BY a, b;
-- None at all, none but NULLs, some NULLs.
SELECT a, b, (a, b) IN (SELECT x, y FROM there WHERE false) AS found FROM here ORDER BY a, b;
SELECT a, b, (a, b) IN (SELECT NULL::int, NULL::text) AS found FROM here ORDER BY a, b;
INSERT INTO there VALUES (NULL, 'two', 1), (4, NULL, 1), (9, NULL, NULL);
SELECT a, b, (a, b) IN (SELECT x, y FROM there) AS found, (a, b) NOT IN (SELECT x, y FROM there) AS missing FROM here ORDER BY a, b;
SELECT a, b, (a, b, 1) IN (SELECT x, y, 1 FROM there) AS found, (a, b, 1) IN (SELECT x, y, 2 FROM there) AS other FROM here ORDER BY a, b;
SELECT count(*) FROM here WHERE (a, b) IN (SELECT x, y FROM there);
SELECT count(*) FROM here WHERE (a, b) NOT IN (SELECT x, y FROM there);
SELECT count(*) FROM here WHERE (a, b) NOT IN (SELECT x, y FROM there WHERE x IS NOT NULL AND y IS NOT NULL);
SELECT count(*) FROM here WHERE ROW(a, b) = ANY (SELECT x, y FROM there) OR n IS NULL;
-- With an outer row within, and by other operators.
SELECT a, b, (a, b) IN (SELECT x, y FROM there WHERE x = a) AS found FROM here ORDER BY a, b;
SELECT a, b, (a, b) <> ALL (SELECT x, y FROM there WHERE y IS NOT NULL) AS other FROM here ORDER BY a, b;
SELECT a, b, (a, b) < ANY (SELECT x, y FROM there) AS less FROM here ORDER BY a, b;
PREPARE asked(int, text) AS SELECT ($1, $2) IN (SELECT x, y FROM there);
EXECUTE asked(1, 'one');
EXECUTE asked(1, 'two');
EXECUTE asked(5, 'five');
EXECUTE asked(NULL, 'five');
EXECUTE asked(NULL, 'six');
UPDATE here SET n = -1 WHERE (a, b) IN (SELECT x, y FROM there);
DELETE FROM here WHERE (a, b) IN (SELECT x, y FROM there WHERE m < 2);
SELECT * FROM here ORDER BY a, b;
-- Many partitions of a window, and rows that an index counts.
CREATE TABLE parted (id int PRIMARY KEY, p int, v int);
CREATE INDEX ON parted (p);
INSERT INTO parted SELECT n, n % 5000, n * 7 % 100 FROM generate_series(1, 20000) n;
SELECT sum(r), sum(s), max(l) FROM (SELECT row_number() OVER w AS r, sum(v) OVER w AS s, lag(v) OVER w AS l FROM parted WINDOW w AS (PARTITION BY p ORDER BY v DESC, id)) x;
SELECT p, (SELECT count(*) FROM parted i WHERE i.p = o.p) AS n FROM parted o WHERE id < 4 ORDER BY p;
BEGIN;
DELETE FROM parted WHERE id = 1;
INSERT INTO parted VALUES (0, 2, 0), (-1, 2, 0);
SELECT p, (SELECT count(*) FROM parted i WHERE i.p = o.p) AS n FROM parted o WHERE id < 4 ORDER BY p, id;
SELECT count(*) FROM parted WHERE p = 1;
ROLLBACK;
SELECT count(*) FROM parted WHERE p = 1;
SELECT count(*) FROM parted WHERE p BETWEEN 1 AND 3;
UPDATE parted SET p = 1 WHERE id = 2;
SELECT count(*) FROM parted WHERE p = 1;
SELECT count(*) FROM parted WHERE p = 2;
SELECT to_char(t, 'YYYY-MM-DD HH24:MI:SS.US TZ Day DDD'), extract(epoch FROM t) FROM unnest(ARRAY[timestamptz '2024-02-29 23:59:59.999999+00', '0044-03-15 12:00:00+00 BC']) t;
-- Sums of numeric that slide: what is taken out again leaves neither digits nor NaN behind.
CREATE TABLE slid (id int PRIMARY KEY, n numeric);
INSERT INTO slid VALUES (1, 1), (2, 2.5), (3, 0.125), (4, NULL), (5, 7), (6, 'NaN'), (7, 1.50), (8, 'Infinity'), (9, 2), (10, '-Infinity'), (11, -3.25), (12, 1e20), (13, 0.00000001), (14, 10), (15, 10.0), (16, NULL), (17, NULL), (18, NULL), (19, 4);
SELECT id, sum(n) OVER w, avg(n) OVER w, count(n) OVER w FROM slid WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY id;
SELECT id, sum(n) OVER w, avg(n) OVER w FROM slid WINDOW w AS (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) ORDER BY id;
SELECT id, sum(n) OVER w FROM slid WINDOW w AS (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING) ORDER BY id;
SELECT id, sum(n) FILTER (WHERE id % 2 = 0) OVER w FROM slid WINDOW w AS (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) ORDER BY id;
SELECT sum(n), avg(n) FROM slid WHERE id < 6;
-- Arrays that are the same for each row, with NULLs and without, of types whose values are equal in more than one form.
SELECT count(*) FROM parted WHERE id = ANY (ARRAY(SELECT g FROM generate_series(1, 3000, 3) g));
SELECT count(*) FROM parted WHERE v = ANY (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, NULL, 11]);
SELECT count(*) FROM parted WHERE NOT v = ANY (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
SELECT count(*), count(*) FILTER (WHERE (v = ANY (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, NULL])) IS NULL) FROM parted;
SELECT id, n = ANY (ARRAY[1.00, 2.50, 0.1250, 'NaN', 'Infinity', 7, 8, 9, 10]) AS found FROM slid ORDER BY id;
SELECT id, (NULLIF(id, 5)::float8 = ANY (ARRAY['-0', 'NaN', 1, 2, 3, 4, 6, 7, 8]::float8[])) AS found FROM slid ORDER BY id;
SELECT id, id::text::char(4) = ANY (ARRAY['1', '2  ', '3', '4', '5', '6', '7', '8', '9']::char(4)[]) AS found FROM slid ORDER BY id;
SELECT id, id = ANY (CASE WHEN id < 10 THEN '{1,2,3,4,5,6,7,8,9}'::int[] ELSE '{10,12,14,16,18,20,22,24,26}'::int[] END) AS found FROM slid ORDER BY id;
SELECT id, id <> ALL (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) AS other, id > ANY (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) AS more FROM slid ORDER BY id;
