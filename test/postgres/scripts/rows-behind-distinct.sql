-- Functions that return rows beside DISTINCT ON: behind it, unless rows are sorted by them.
\set VERBOSITY verbose
SELECT DISTINCT ON (a) a, b, generate_series(1,3) g FROM (VALUES (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) AS t(a, b) ORDER BY a, b DESC;
SELECT DISTINCT ON (a) a, b, generate_series(1,3) g FROM (VALUES (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) AS t(a, b) ORDER BY a, b DESC, g DESC;
SELECT DISTINCT ON (a, b, g) a, b, generate_series(1,3) g FROM (VALUES (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) AS t(a, b) ORDER BY a, b DESC, g;
SELECT DISTINCT ON (g) a, b, generate_series(1,3) g FROM (VALUES (3, 2), (3,1), (1,1), (1,4), (5,3), (5,1)) AS t(a, b) ORDER BY g, a, b;
SELECT a, generate_series(1,2) g FROM (VALUES (2), (1)) t(a) ORDER BY a;
SELECT a, generate_series(1,2) g FROM (VALUES (2), (1)) t(a) ORDER BY a LIMIT 3;
SELECT a, generate_series(1,2) g FROM (VALUES (2), (1)) t(a) ORDER BY a DESC OFFSET 1 LIMIT 2;
SELECT a, generate_series(1,2) g FROM (VALUES (2), (1)) t(a) ORDER BY g DESC, a;
SELECT DISTINCT a, generate_series(1,2) g FROM (VALUES (2), (1), (2)) t(a) ORDER BY a, g;
SELECT DISTINCT ON (a) a, generate_series(1, a) g, generate_series(1, 2) + a AS h FROM (VALUES (2), (3), (2)) t(a) ORDER BY a;
SELECT DISTINCT ON (a) a, generate_series(1, 2) FROM (VALUES (2), (3), (2)) t(a) ORDER BY a LIMIT 3;
SELECT DISTINCT ON (a) a, generate_series(1, 2) FROM (VALUES (2), (3), (2)) t(a) LIMIT 1;
SELECT DISTINCT ON (a) a, count(*), generate_series(1, 2) FROM (VALUES (2), (3), (2)) t(a) GROUP BY a ORDER BY a;
SELECT DISTINCT ON (a) a, row_number() OVER (ORDER BY a) rn, generate_series(1, 2) FROM (VALUES (2), (3), (2)) t(a) ORDER BY a, rn;
SELECT DISTINCT ON (a) a, b, unnest(ARRAY[b, b * 10]) u FROM (VALUES (3, 2), (3,1), (1,1), (1,4)) AS t(a, b) ORDER BY a, b DESC;
SELECT DISTINCT ON (a) a, b, generate_series(1, b) g, (generate_series(1, b)) * 2 FROM (VALUES (3, 2), (3,1), (1,1), (1,4)) AS t(a, b) ORDER BY a, b DESC;
SELECT a FROM (SELECT DISTINCT ON (a) a, b, generate_series(1,3) g FROM (VALUES (3, 2), (3,1)) AS t(a, b) ORDER BY a, b DESC) s;
SELECT (SELECT DISTINCT ON (x) generate_series(1, 1) + a FROM (VALUES (1), (1)) v(x)) FROM (VALUES (2), (3)) t(a);
SELECT generate_series(1,3) AS g, a FROM (VALUES (2),(1)) t(a) ORDER BY a, generate_series(1,3) DESC;
SELECT a, generate_series(1,2) g FROM (VALUES (2),(1),(3)) t(a) ORDER BY a FETCH FIRST 3 ROWS WITH TIES;
