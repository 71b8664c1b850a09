-- Direct arguments of ordered-set aggregates, and bytes that are joined around NULLs.
SELECT rank(x) WITHIN GROUP (ORDER BY x) FROM generate_series(1, 5) x;
SELECT a, rank(a) WITHIN GROUP (ORDER BY b) FROM (VALUES (1, 1), (1, 4), (3, 2)) v (a, b) GROUP BY a ORDER BY a;
SELECT a + 1, rank(a + 1) WITHIN GROUP (ORDER BY b) FROM (VALUES (1, 1), (1, 4), (3, 2)) v (a, b) GROUP BY a + 1 ORDER BY 1;
SELECT a, rank(b) WITHIN GROUP (ORDER BY b) FROM (VALUES (1, 1), (1, 4), (3, 2)) v (a, b) GROUP BY a ORDER BY a;
SELECT a, percentile_disc(a / 10.0) WITHIN GROUP (ORDER BY b) FROM (VALUES (1, 1), (1, 4), (3, 2)) v (a, b) GROUP BY a ORDER BY a;
SELECT c, a, rank(c) WITHIN GROUP (ORDER BY b) FROM (VALUES (1, 1, 1), (1, 4, 1), (3, 2, 2)) v (a, b, c) GROUP BY c, ROLLUP (a) ORDER BY c, a;
SELECT rank(2) WITHIN GROUP (ORDER BY b), grouping(a) FROM (VALUES (1, 1), (1, 4), (3, 2)) v (a, b) GROUP BY ROLLUP (a) ORDER BY 2, 1;
SELECT string_agg(b, ','), string_agg(b, ',' ORDER BY o DESC) FROM (VALUES (1, NULL::bytea), (2, 'a'), (3, NULL), (4, 'b')) v (o, b);
SELECT string_agg(b, d ORDER BY o) FROM (VALUES (1, NULL::bytea, '-'::bytea), (2, 'a', NULL), (3, 'b', NULL), (4, 'c', '+')) v (o, b, d);
SELECT y, string_agg(x, ',') FROM (VALUES (1, NULL), (2, 'a'::bytea), (1, 'x'), (1, 'y'), (2, NULL), (3, NULL)) v (y, x) GROUP BY y ORDER BY y;
SELECT y, string_agg(x, ',') OVER (ORDER BY y) FROM (VALUES (1, NULL), (2, 'a'::bytea), (3, 'x'), (4, NULL), (5, 'z')) v (y, x);
