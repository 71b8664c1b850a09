-- Which of several errors of a query is told; marks, headers and bytes that are no text in COPY.
\set VERBOSITY verbose
CREATE SCHEMA marks; SET search_path TO marks;
CREATE TABLE t (a int, b text);
SELECT b, row_number() OVER (ORDER BY nothing) FROM t GROUP BY a;
SELECT b, row_number() OVER (ORDER BY b) FROM t GROUP BY a;
SELECT row_number() OVER (PARTITION BY b), b FROM t GROUP BY a;
SELECT a, sum(b) OVER () FROM t GROUP BY a;
SELECT a, sum(a) OVER (ORDER BY nope) FROM t GROUP BY b;
SELECT a FROM t GROUP BY b WINDOW w AS (ORDER BY nope);
SELECT a FROM t GROUP BY b WINDOW w AS (ORDER BY a);
SELECT a FROM t GROUP BY nothing WINDOW w AS (ORDER BY nope);
SELECT rank() OVER (ORDER BY nope) FROM t GROUP BY nothing;
SELECT a, rank() OVER w FROM t GROUP BY b;
SELECT a, rank() OVER (ORDER BY a RANGE 1 PRECEDING), b FROM t GROUP BY a;
SELECT a, rank() OVER (ORDER BY b RANGE 1 PRECEDING) FROM t GROUP BY a;
SELECT a, rank() OVER (ROWS BETWEEN a PRECEDING AND CURRENT ROW), b FROM t GROUP BY a;
SELECT a, count(*) FROM t ORDER BY row_number() OVER (ORDER BY b);
SELECT count(*), rank() OVER (ORDER BY a) FROM t;
SELECT sum(rank() OVER ()) FROM t;
SELECT a FROM t HAVING b > 'x' ORDER BY nope;
SELECT a FROM t GROUP BY b LIMIT nope;
SELECT a FROM t GROUP BY b HAVING nope;
SELECT a FROM t GROUP BY b ORDER BY nope;
CREATE TABLE c (a text, b int);
COPY c FROM STDIN;
x\.y	1
\.
SELECT * FROM c;
TRUNCATE c;
COPY c FROM STDIN;
x	1
y\.	2
\.
COPY c FROM STDIN;
x	1
\.y	2
\.
COPY c FROM STDIN;
x	1\.
\.
COPY c FROM STDIN (FORMAT csv);
x\.y,1
\.
COPY c FROM STDIN (FORMAT csv);
\.x,1
\.
SELECT * FROM c;
CREATE TABLE e (a int, b text);
COPY e TO STDOUT (HEADER);
COPY e TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT 1 AS q WHERE false) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT) TO STDOUT (FORMAT csv, HEADER);
COPY e (b) TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', QUOTE '"', FORCE_QUOTE *);
COPY e FROM STDIN (HEADER);
\.
COPY e FROM STDIN (HEADER MATCH);
\.
COPY e FROM STDIN (FORMAT csv, HEADER MATCH);
a,c
1,2
\.
COPY e FROM STDIN (FORMAT csv, HEADER MATCH);
a
1,2
\.
COPY e FROM STDIN (FORMAT csv, HEADER MATCH);
a,b,c
1,2
\.
COPY e FROM STDIN (FORMAT csv, HEADER);
only a line
1,2
\.
SELECT * FROM e;
TRUNCATE e;
CREATE TABLE o (a int);
COPY o FROM STDIN (HEADER MATCH);
\.
COPY o FROM STDIN (FORMAT csv, HEADER MATCH);
\.
COPY e FROM STDIN (FORMAT csv, HEADER MATCH);
a,
1,2
\.
COPY e FROM STDIN (HEADER MATCH);
a	\N
1	2
\.
COPY e FROM STDIN (HEADER);
a	é
1	2
\.
\copy e from program 'printf "a\t\\377b\n1\t2\n"' (header)
\copy e from program 'printf "a,\\377b\n1,2\n"' (format csv, header)
\copy e from program 'printf "1\tx\n2\t\\377b\n"'
\copy e from program 'printf "1\t2\n3\t4\\\\."'
\copy e from program 'printf "1\t2\n\\\\.x\n3\t4"'
\copy e from program 'printf "1\ta\\\\\\\\.x\n3\t4\\\\\n.\n"'
SELECT * FROM e;
SET client_min_messages TO warning;
DROP SCHEMA marks CASCADE;
