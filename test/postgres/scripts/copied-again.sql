-- The same COPY, word by word, into a table that has become another.
\set VERBOSITY verbose
CREATE TABLE t (x int);
COPY t FROM STDIN;
1
2
\.
ALTER TABLE t ADD COLUMN y int;
COPY t FROM STDIN;
3	4
5	6
\.
SELECT * FROM t ORDER BY x;
COPY t TO STDOUT;
ALTER TABLE t DROP COLUMN x;
COPY t FROM STDIN;
7
\.
COPY t TO STDOUT;
DROP TABLE t;
CREATE TABLE t (x int, y text, z int);
COPY t FROM STDIN;
1	2	3
4	5	6
\.
SELECT * FROM t ORDER BY x;
COPY t TO STDOUT;
ALTER TABLE t RENAME COLUMN x TO w;
COPY t FROM STDIN WHERE z > 6;
7	8	9
1	1	1
\.
SELECT * FROM t ORDER BY w;
DROP TABLE t;
CREATE TABLE t (z int, y int, x int, "a*/b" text);
COPY t FROM STDIN;
1	2	3	c
\.
SELECT * FROM t;
COPY t FROM STDIN WHERE z > 6;
7	8	9	d
1	1	1	e
\.
SELECT * FROM t ORDER BY z;
DROP TABLE t;
SELECT repeat('so that the script prints enough to be compared ', 12);
