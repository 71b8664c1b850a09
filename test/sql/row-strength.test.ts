/** How strongly rows are locked that are changed: whether who refers to them waits. */
import test from "ava";
import { ShardRig, stateOf, tagOf } from "./shard-rig.js";

/** Statements that change row 1, each by itself, and whether its key is another one for those who refer to it. */
const changes: readonly (readonly [text: string, isOfKey: boolean])[] = [
  ["UPDATE t SET id = id, v = 3 WHERE id = 1", false],
  ["UPDATE t SET id = 1, u = 'a', n = 1.0, v = 3 WHERE id = 1", false],
  ["UPDATE t SET id = id, v = 3", false],
  ["UPDATE t SET part = 7 WHERE id = 1", false],
  ["UPDATE t SET id = 4 WHERE id = 1", true],
  ["UPDATE t SET id = id, u = 'd' WHERE id = 1", true],
  ["UPDATE t SET u = 'd' WHERE v = 10", true],
  ["UPDATE t SET n = 1.00 WHERE id = 1", true],
  ["UPDATE t SET made = 2 WHERE id = 1", true],
  [
    "MERGE INTO t USING (VALUES (1, 'a')) s (i, u) ON id = i WHEN MATCHED THEN UPDATE SET id = i, u = s.u, v = 3",
    false,
  ],
  ["MERGE INTO t USING (VALUES (1, 'd')) s (i, u) ON id = i WHEN MATCHED THEN UPDATE SET id = i, u = s.u", true],
  // Here the row is locked before what becomes of it is known.
  ["INSERT INTO o VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET v = 3", false],
  ["INSERT INTO o VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET id = excluded.id", true],
  ["INSERT INTO t VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET v = 3", true],
  ["DELETE FROM t WHERE id = 1", true],
];

test("who refers to a row waits for a change of its key, and for none that gives its key the value that it has", (t) => {
  for (const [text, isOfKey] of changes) {
    const shard = new ShardRig();
    const [a, b] = [shard.session(), shard.session()];
    a.rows(
      "CREATE TABLE t (id int PRIMARY KEY, v int, u text UNIQUE, n numeric UNIQUE, part int, made int," +
        " key int GENERATED ALWAYS AS (made * 2) STORED UNIQUE)",
    );
    a.rows("CREATE UNIQUE INDEX ON t (part) WHERE part > 0");
    a.rows("CREATE TABLE o (id int PRIMARY KEY, v int)");
    a.rows("INSERT INTO t VALUES (1, 10, 'a', 1.0, 1, 1), (2, 20, 'b', 2.0, 2, 3)");
    a.rows("INSERT INTO o VALUES (1, 10)");
    a.rows("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t, o int REFERENCES o)");
    a.begin();
    a.rows(text);
    const refer = b.run("INSERT INTO c VALUES (1, 1, 1)");
    t.is(refer.kind === "waits", isOfKey, text);
    a.rollback();
    t.is(tagOf(isOfKey ? b.late() : refer), "INSERT 0 1", text);
    // And the other way round.
    b.rows("DELETE FROM c");
    b.begin();
    b.rows("INSERT INTO c VALUES (1, 1, 1)");
    t.is(a.run(text).kind === "waits", isOfKey, text);
    b.rollback();
  }
});

test("what a row refers to follows a key that is gone without keeping those out who refer to the row", (t) => {
  const shard = new ShardRig();
  const [a, b] = [shard.session(), shard.session()];
  a.rows("CREATE TABLE p (id int PRIMARY KEY)");
  a.rows("CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE)");
  a.rows("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t)");
  a.rows("INSERT INTO p VALUES (1), (2)");
  a.rows("INSERT INTO t VALUES (1, 1), (2, 2)");
  a.begin();
  a.rows("DELETE FROM p WHERE id = 1");
  a.rows("UPDATE p SET id = 3 WHERE id = 2");
  t.is(tagOf(b.run("INSERT INTO c VALUES (1, 1), (2, 2)")), "INSERT 0 2");
  a.commit();
  t.deepEqual(a.rows("SELECT * FROM t ORDER BY id"), [
    ["1", null],
    ["2", "3"],
  ]);
});

test("a row that was changed while it was waited for is locked for what becomes of it then", (t) => {
  const shard = new ShardRig();
  const [a, b, c] = [shard.session(), shard.session(), shard.session()];
  a.rows("CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, v int)");
  a.rows("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t)");
  a.rows("INSERT INTO t VALUES (1, 5, 0)");
  a.begin();
  a.rows("UPDATE t SET u = 6, v = 1 WHERE id = 1");
  b.begin();
  t.is(b.run("UPDATE t SET u = 5 WHERE id = 1").kind, "waits");
  a.commit();
  t.is(tagOf(b.late()), "UPDATE 1");
  t.is(c.run("INSERT INTO c VALUES (1, 1)").kind, "waits", "it was 6, and is 5 again");
  b.commit();
  t.is(tagOf(c.late()), "INSERT 0 1");
});

test("what may not become of a row is said without waiting for who has it, and so is that it was changed behind a snapshot", (t) => {
  const shard = new ShardRig();
  const [a, b] = [shard.session(), shard.session()];
  a.rows("CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 100))");
  a.rows("INSERT INTO t VALUES (1, 1), (2, 2)");
  b.begin("repeatableRead");
  b.rows("SELECT FROM t");
  a.rows("UPDATE t SET v = 3 WHERE id = 2");
  a.begin();
  a.rows("UPDATE t SET v = v + 1");
  t.is(stateOf(b.run("DELETE FROM t WHERE id = 2")), "40001");
  b.rollback();
  t.is(stateOf(b.run("UPDATE t SET v = 100 WHERE id = 1")), "23514");
  t.is(stateOf(b.run("UPDATE t SET id = NULL WHERE id = 1")), "23502");
  t.is(b.run("UPDATE t SET v = v + 98 WHERE id = 1").kind, "waits");
  a.commit();
  t.is(stateOf(b.late()), "23514", "of the row as it is by then");
});
