/** The smallest statements of what random programs (`npm run fuzz:sql -- --only programs`) found to be otherwise than in PostgreSQL. */
import test from "ava";
import { ShardRig } from "./shard-rig.js";

test("no part of a statement sees what a change in its WITH has written", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, v int)");
  session.rows("INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)");
  t.deepEqual(
    session.rows(
      "WITH d AS (DELETE FROM t WHERE id < 3 RETURNING *) SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM t)",
    ),
    [["2", "3"]],
  );
  t.deepEqual(session.rows("SELECT * FROM t"), [["3", "30"]]);
  t.deepEqual(
    session.rows("WITH a AS (INSERT INTO t VALUES (4, 40)), b AS (UPDATE t SET v = 0 RETURNING id) SELECT id FROM b"),
    [["3"]],
  );
  t.deepEqual(session.rows("SELECT * FROM t ORDER BY id"), [
    ["3", "0"],
    ["4", "40"],
  ]);
});

test("of two changes of a row in one statement one takes place", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, v int)");
  session.rows("INSERT INTO t VALUES (1, 10), (2, 20)");
  session.rows("WITH a AS (UPDATE t SET v = v + 1 WHERE id = 1) UPDATE t SET v = v + 100");
  t.deepEqual(session.rows("SELECT v FROM t ORDER BY id"), [["11"], ["120"]]);
});

test("a row as one value knows the names of its columns", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, name text)");
  session.rows("INSERT INTO t VALUES (1, 'a')");
  t.deepEqual(session.rows("SELECT row_to_json(q)::text FROM (SELECT id, name AS n FROM t) q"), [['{"id":1,"n":"a"}']]);
  t.deepEqual(session.rows("SELECT row_to_json(ROW(1, 'a'))::text"), [['{"f1":1,"f2":"a"}']]);
});

test("a conflict that ON CONFLICT names comes before one that it does not", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE)");
  session.rows("INSERT INTO t VALUES (1, 10)");
  session.rows("INSERT INTO t VALUES (1, 10) ON CONFLICT (u) DO NOTHING");
  t.is(session.state("INSERT INTO t VALUES (1, 11) ON CONFLICT (u) DO NOTHING"), "23505");
  t.deepEqual(session.rows("SELECT * FROM t"), [["1", "10"]]);
});

test("what is stored with a row depends on nothing but the row", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, u text UNIQUE)");
  t.is(session.state("CREATE TABLE x (at timestamptz, d date GENERATED ALWAYS AS (at::date) STORED)"), "42P17");
  t.is(session.state("CREATE INDEX ON t ((date_trunc('day', at)))"), "42P17");
  t.is(session.state("CREATE INDEX ON t (id) WHERE at > now()"), "42P17");
  session.rows("CREATE TABLE y (a time, b char(8) GENERATED ALWAYS AS (a::char(8)) STORED)");
  t.is(session.state("CREATE TABLE x (a text, b time GENERATED ALWAYS AS (a::time) STORED)"), "42P17");
  session.rows("CREATE INDEX ON t ((lower(u))) WHERE at > '2020-01-01 00:00:00+00'");
});

test("columns that others are computed of, and types that a key or an index needs", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a + 1) STORED, c text UNIQUE)");
  session.rows("CREATE TABLE r (id int PRIMARY KEY, t int REFERENCES t (id))");
  session.rows("INSERT INTO t (id, a, c) VALUES (1, 1, '1')");
  session.rows("INSERT INTO r VALUES (1, 1)");
  t.is(session.state("ALTER TABLE t DROP COLUMN a"), "2BP01");
  t.is(session.state("ALTER TABLE t ALTER COLUMN a TYPE bigint"), "0A000");
  t.is(session.state("ALTER TABLE t ALTER COLUMN c TYPE json USING c::json"), "42704");
  t.is(session.state("ALTER TABLE t ALTER COLUMN id TYPE text"), "42804");
  t.is(session.state("ALTER TABLE r ALTER COLUMN t TYPE text"), "42804");
  t.is(session.state("ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES r (id) ON UPDATE CASCADE"), "42601");
  t.is(session.state("ALTER TABLE t ALTER COLUMN b TYPE text USING b::text"), "42611");
  session.rows("ALTER TABLE r ALTER COLUMN t TYPE bigint");
  t.is(session.state("INSERT INTO r VALUES (2, 2)"), "23503");
  session.rows("ALTER TABLE t DROP COLUMN a CASCADE");
  t.deepEqual(session.rows("SELECT * FROM t"), [["1", "1"]]);
});

test("GROUP BY the number or name of a result column, whatever is in it and before it", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, a int, b int)");
  session.rows("INSERT INTO t VALUES (1, 1, 7), (2, 1, 8), (3, 2, 9)");
  const above = "t.a < (SELECT max(x.a) FROM t x WHERE x.b >= t.b)";
  const expected = [
    ["f", "1"],
    ["t", "2"],
  ];
  t.deepEqual(session.rows(`SELECT ${above}, count(*) FROM t GROUP BY 1 ORDER BY 1`), expected);
  t.deepEqual(session.rows(`SELECT ${above} AS k, count(*) FROM t GROUP BY k ORDER BY k`), expected);
  t.deepEqual(session.rows("SELECT q.*, count(*) FROM (SELECT a, b > 7 AS c FROM t) q GROUP BY 1, 2 ORDER BY 1, 2"), [
    ["1", "f", "1"],
    ["1", "t", "1"],
    ["2", "t", "1"],
  ]);
  t.is(session.state("SELECT q.*, count(*) FROM (SELECT a FROM t) q GROUP BY 1, 2"), "42803");
  t.is(session.state("SELECT q.*, count(*) FROM (SELECT a FROM t) q GROUP BY 3"), "42P10");
});

test("of several checks that a row breaks the first by name is told", (t) => {
  const session = new ShardRig().session();
  session.rows(
    "CREATE TABLE t (a int CONSTRAINT z CHECK (a > 0), CONSTRAINT m CHECK (a > 1), CONSTRAINT n CHECK (a > 2))",
  );
  const answer = session.run("INSERT INTO t VALUES (0)");
  t.is(answer.kind === "error" ? answer.message : "", 'new row for relation "t" violates check constraint "m"');
});

test("a sign takes one of the places of a number in a date that is read by a pattern", (t) => {
  const session = new ShardRig().session();
  t.is(session.state("SELECT to_date('2021-13-01', 'YYYYMMDD')"), "22008");
  t.is(session.state("SELECT to_date('2021a', 'YYYYMM')"), "22007");
  t.deepEqual(session.rows("SELECT to_date('20211201', 'YYYYMMDD')::text"), [["2021-12-01"]]);
});
