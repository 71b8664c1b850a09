-- WITH RECURSIVE whose queries stand in any order, JSON arrays of arrays, and errors of both.
\set VERBOSITY verbose
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a;
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT x FROM a) SELECT * FROM a;
WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a;
WITH a AS (SELECT 1) SELECT * FROM a, a2;
WITH x AS (SELECT * FROM x) SELECT * FROM x;
WITH RECURSIVE
   x(id) AS (SELECT 1 UNION ALL SELECT id+1 FROM x WHERE id < 3),
   y(id) AS (SELECT * FROM z WHERE id > 1),
   z(id) AS (SELECT * FROM x)
 SELECT * FROM y ORDER BY 1;
WITH RECURSIVE
   y (id) AS (VALUES (1)),
   x (id) AS (SELECT * FROM y UNION ALL SELECT id+1 FROM x WHERE id < 5)
SELECT * FROM x;
WITH RECURSIVE
   x (id) AS (SELECT 1 UNION ALL SELECT id+1 FROM y WHERE id < 5),
   y (id) AS (SELECT 1 UNION ALL SELECT id+1 FROM x WHERE id < 5)
SELECT * FROM x;
WITH RECURSIVE t(i) AS (SELECT 1), t AS (SELECT 2) SELECT 1;
WITH x(n, b) AS (SELECT 1) SELECT * FROM x;
WITH RECURSIVE x(n) AS (SELECT n FROM x) SELECT * FROM x;
WITH RECURSIVE x(n) AS (SELECT 1 INTERSECT SELECT n+1 FROM x) SELECT * FROM x;
WITH RECURSIVE x(n) AS (SELECT n FROM x UNION ALL SELECT 1) SELECT * FROM x;
WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x LIMIT 10 OFFSET 1) SELECT * FROM x;
WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x FOR UPDATE) SELECT * FROM x;
WITH outermost(x) AS (SELECT 1 UNION (WITH innermost as (SELECT 2) SELECT * FROM outermost UNION SELECT * FROM innermost)) SELECT * FROM outermost ORDER BY 1;
SELECT 1 AS q1 EXCEPT ALL SELECT 2 FOR NO KEY UPDATE;
SELECT count(*) FROM pg_class FOR SHARE;
CREATE TABLE m1 (a int primary key, b int); CREATE TABLE m2 (a int, b int);
MERGE INTO m1 USING m1 ON true WHEN MATCHED THEN DELETE;
COPY (MERGE INTO m1 USING m2 ON true WHEN MATCHED THEN DELETE) TO STDOUT;
MERGE INTO m1 t USING m2 s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (t.a, 1);
INSERT INTO m1 VALUES (1) ON CONFLICT (a) DO NOTHING RETURNING excluded.a;
INSERT INTO m1 VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1 RETURNING excluded.a;
SELECT * FROM (m1 JOIN m2 USING (a)) ss(a,b,c,d);
CREATE MATERIALIZED VIEW mm (ii, jj, kk) AS SELECT a, b FROM m1;
CREATE TABLE mc (ii, jj, kk) AS SELECT a, b FROM m1;
CREATE VIEW mv (ii, jj, kk) AS SELECT a, b FROM m1;
REFRESH MATERIALIZED VIEW CONCURRENTLY mx WITH NO DATA;
SELECT * FROM pg_get_keywords() AS t(f1 int8, f2 int8);
SELECT * FROM sin(3) AS t(f1 int8, f2 int8);
SELECT ROW() = ROW();
SELECT min(generate_series(1, 3));
SELECT min(generate_series(1, 3)) OVER ();
SELECT * FROM generate_series(1, generate_series(1, 3));
ALTER TABLE m1 ADD PRIMARY KEY (nosuch);
ALTER TABLE m2 ADD PRIMARY KEY (nosuch);
ALTER TABLE m2 ADD UNIQUE (nosuch);
CREATE TABLE m3 (a int, PRIMARY KEY (nosuch));
INSERT INTO m2 VALUES (NULL, 1);
ALTER TABLE m2 ADD PRIMARY KEY (a);
ALTER TABLE m2 ALTER a SET NOT NULL;
ALTER TABLE m2 ADD COLUMN c int NOT NULL;
SELECT '{"abc"=1}'::json;
SELECT '''x'''::json;
SELECT 'abc'::json;
SELECT json '{ "a":  "\ud83d\ud83d" }' -> 'a';
SELECT json '{ "a":  "\ude04X" }' -> 'a';
SELECT json '{ "a":  "null \u0000 escape" }' ->> 'a' as fails;
SELECT '"\u0000"'::jsonb;
SELECT * FROM json_to_record('{"ia": 123}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[1], 2]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[1], [2, 3]]}') AS x(ia _int4);
SELECT * FROM json_populate_recordset(null::m1, '[{"a": 1}]') AS x(a int, b int);
SELECT * FROM json_populate_record(null::record, '{"x": 0}');
SELECT sum(c.a) FROM (VALUES (1)) c(a) HAVING sum(sum(c.a)) > 1;
SELECT * FROM json_to_record('{"ia": [[1,2],[3,4]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[1,2],[3]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [1,[3]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[[1],[2]],[[3],[4]]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[],[]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": []}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [null, 1, null]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": [[[1],[2]],[[3],4]]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": "{1,2}"}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": {"a": 1}}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ia": true}') AS x(ia _int4);
SELECT * FROM jsonb_to_record('{"ia": [[1,2],[3,4]]}') AS x(ia _int4);
SELECT * FROM jsonb_to_record('{"ia": [[1,2],3]}') AS x(ia _int4);
SELECT * FROM json_to_record('{"ta": ["a b", "c\"d", {"x": 1}, [1,2], null, "NULL", ""]}') AS x(ta text[]);
SELECT * FROM json_to_record('{"ta": [["a", "b"], ["c", "d"]]}') AS x(ta text[]);
SELECT json '"\ud83d"' ->> 0;
SELECT json '["\ud83d"]' ->> 0;
SELECT json '["\ud83d\u0041"]' ->> 0;
SELECT '[1.2.3]'::json;
SELECT '[-]'::json;
SELECT '[1a]'::json;
SELECT '[ab$c]'::json;
SELECT '[é]'::json;
SELECT '[+1]'::json;
SELECT '[1-2]'::json;
SELECT '[01]'::json;
SELECT '[1e]'::json;
SELECT '[1e+]'::json;
SELECT '[.5]'::json;
SELECT '[5.]'::json;
SELECT '[tru]'::json;
SELECT '[true1]'::json;
SELECT '[null.]'::json;
SELECT '{a:1}'::json;
SELECT '{"a":1;}'::json;
SELECT '[1 2]'::json;
SELECT '[1--2]'::json;
SELECT '[1.5e3x]'::json;
SELECT '[1_0]'::json;
DROP TABLE m1, m2;
