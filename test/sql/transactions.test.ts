import test from "ava";
import { dump } from "../kernel/shard-twin.js";
import { rig, ShardRig, stateOf, tagOf } from "./shard-rig.js";

test("what a transaction has written is its own until it commits, and nobody's when it rolls back", (t) => {
  const { a, b } = rig();
  a.begin();
  t.is(tagOf(a.run("UPDATE t SET v = v + 1 WHERE id = 1")), "UPDATE 1");
  a.rows("INSERT INTO t VALUES (4, 40, 'd')");
  a.rows("DELETE FROM t WHERE id = 2");
  t.deepEqual(a.rows("SELECT id, v FROM t ORDER BY id"), [
    ["1", "11"],
    ["3", "30"],
    ["4", "40"],
  ]);
  t.deepEqual(b.rows("SELECT count(*), sum(v) FROM t"), [["3", "60"]]);
  t.is(tagOf(a.commit()), "COMMIT");
  t.deepEqual(b.rows("SELECT count(*), sum(v) FROM t"), [["3", "81"]]);
  a.begin();
  a.rows("DELETE FROM t");
  t.is(tagOf(a.rollback()), "ROLLBACK");
  t.deepEqual(b.rows("SELECT count(*), sum(v) FROM t"), [["3", "81"]]);
});

test("a row that an open transaction has written is waited for, and then seen as it became", (t) => {
  const { shard, a, b, c } = rig();
  a.begin();
  a.rows("UPDATE t SET v = 100 WHERE id = 1");
  t.is(b.run("UPDATE t SET v = v + 1 WHERE id = 1").kind, "waits");
  t.is(c.run("UPDATE t SET v = v + 1 WHERE id = 1").kind, "waits");
  const d = shard.session();
  t.is(tagOf(d.run("UPDATE t SET v = v + 1 WHERE id = 2")), "UPDATE 1", "other rows are free");
  t.is(b.late(), null);
  a.commit();
  t.is(tagOf(b.late()), "UPDATE 1");
  t.deepEqual(a.rows("SELECT v FROM t WHERE id = 1"), [["102"]]);
});

test("a deadlock is found when it would come about, and ends one transaction", (t) => {
  const { a, b } = rig();
  a.begin();
  b.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  b.rows("UPDATE t SET v = 0 WHERE id = 2");
  t.is(a.run("UPDATE t SET v = 0 WHERE id = 2").kind, "waits");
  t.is(b.state("UPDATE t SET v = 0 WHERE id = 1"), "40P01");
  t.is(b.state("SELECT 1"), "25P02");
  t.is(tagOf(b.commit()), "ROLLBACK", "a failed transaction rolls back");
  t.is(tagOf(a.late()), "UPDATE 1");
  t.is(tagOf(a.commit()), "COMMIT");
});

test("repeatable reads: one snapshot, and the first updater wins", (t) => {
  const { a, b } = rig();
  a.begin("repeatableRead");
  t.deepEqual(a.rows("SELECT sum(v) FROM t"), [["60"]]);
  b.rows("UPDATE t SET v = 0 WHERE id = 1");
  b.rows("INSERT INTO t VALUES (7, 7, 'g')");
  t.deepEqual(a.rows("SELECT sum(v), count(*) FROM t"), [["60", "3"]]);
  t.is(tagOf(a.run("UPDATE t SET v = 21 WHERE id = 2")), "UPDATE 1");
  t.deepEqual(a.rows("SELECT sum(v) FROM t"), [["61"]]);
  t.is(a.state("UPDATE t SET v = 5 WHERE id = 1"), "40001");
  a.rollback();
  t.deepEqual(b.rows("SELECT sum(v) FROM t"), [["57"]]);
});

test("serializable: a write skew is refused, a disjoint one is not", (t) => {
  const { a, b } = rig();
  a.begin("serializable");
  b.begin("serializable");
  a.rows("SELECT sum(v) FROM t");
  b.rows("SELECT sum(v) FROM t");
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  b.rows("UPDATE t SET v = 0 WHERE id = 2");
  t.is(tagOf(a.commit()), "COMMIT");
  t.is(stateOf(b.commit()), "40001");
  const other = rig();
  other.a.begin("serializable");
  other.b.begin("serializable");
  other.a.rows("UPDATE t SET v = v + 1 WHERE id = 1");
  other.b.rows("UPDATE t SET v = v + 1 WHERE id = 2");
  t.is(tagOf(other.a.commit()), "COMMIT");
  t.is(tagOf(other.b.commit()), "COMMIT");
});

test("row locks: FOR UPDATE waits, NOWAIT refuses, SKIP LOCKED passes over, shares go side by side", (t) => {
  const { a, b, c } = rig();
  a.begin();
  a.rows("SELECT * FROM t WHERE id = 1 FOR UPDATE");
  b.begin();
  t.deepEqual(b.rows("SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED"), [["2"], ["3"]]);
  b.rollback();
  b.begin();
  t.is(b.state("SELECT id FROM t WHERE id = 1 FOR UPDATE NOWAIT"), "55P03");
  b.rollback();
  b.begin();
  t.is(b.run("SELECT id FROM t WHERE id = 1 FOR SHARE").kind, "waits");
  a.commit();
  t.is(tagOf(b.late()), "SELECT 1");
  c.begin();
  t.deepEqual(c.rows("SELECT id FROM t WHERE id = 1 FOR SHARE"), [["1"]]);
  c.rollback();
  b.rollback();
});

test("with a LIMIT no more rows are locked than it lets through, so that the next one finds the next row", (t) => {
  const { a, b, c } = rig();
  for (const order of ["", "ORDER BY id", "ORDER BY v + id"]) {
    const first = `SELECT id FROM t ${order} LIMIT 1 FOR UPDATE`;
    const next = `UPDATE t SET v = v WHERE id IN (SELECT id FROM t ${order} LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`;
    a.begin();
    b.begin();
    c.begin();
    const taken = [a.rows(first), b.rows(next), c.rows(`${first} SKIP LOCKED`)].map((rows) => rows.join());
    t.deepEqual(taken.toSorted(), ["1", "2", "3"], order);
    for (const session of [a, b, c]) session.rollback();
  }
  a.begin();
  a.rows("SELECT id FROM t ORDER BY id LIMIT 1 OFFSET 1 FOR UPDATE");
  b.begin();
  t.deepEqual(b.rows("SELECT id FROM t ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED"), [["3"]]);
  for (const session of [a, b]) session.rollback();
});

test("lock_timeout ends a wait with 55P03, a cancel with 57014", (t) => {
  const { shard, a, b, c } = rig();
  a.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  b.settings = [["lock_timeout", "50ms"]];
  t.is(b.run("DELETE FROM t WHERE id = 1").kind, "waits");
  t.is(c.run("DELETE FROM t WHERE id = 1").kind, "waits");
  shard.monotonic += 49;
  shard.timer();
  t.is(b.late(), null);
  shard.monotonic += 2;
  shard.timer();
  t.is(stateOf(b.late()), "55P03");
  shard.cancel(c.correlation);
  t.is(stateOf(c.late()), "57014");
  a.commit();
  t.deepEqual(a.rows("SELECT count(*) FROM t"), [["3"]]);
});

test("what a session sends behind a statement that waits is decided behind it, in order", (t) => {
  const { shard, a, b, c } = rig();
  const send = (text: string): (() => ReturnType<typeof b.late>) => {
    t.is(b.run(text).kind, "waits", text);
    const { correlation } = b;
    return () => {
      b.correlation = correlation;
      return b.late();
    };
  };
  a.begin();
  a.rows("UPDATE t SET v = 100 WHERE id = 1");
  const first = send("UPDATE t SET v = v + 1 WHERE id = 1");
  const second = send("UPDATE t SET v = 7 WHERE id = 2");
  const again = send("UPDATE t SET v = v * 10 WHERE id = 1");
  const third = send("UPDATE t SET v = v + 1 WHERE id = 2");
  t.is(tagOf(c.run("UPDATE t SET v = 50 WHERE id = 2")), "UPDATE 1", "another session's does not wait");
  a.commit();
  for (const late of [first, second, again, third]) t.is(tagOf(late()), "UPDATE 1");
  t.deepEqual(a.rows("SELECT v FROM t WHERE id < 3 ORDER BY id"), [["1010"], ["8"]]);
  // The first is cancelled, the next meets the lock as well, and what is behind that waits on.
  a.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  const cancelled = send("UPDATE t SET v = 1 WHERE id = 1");
  const { correlation } = b;
  const next = send("UPDATE t SET v = v + 2 WHERE id = 1");
  const last = send("UPDATE t SET v = 3 WHERE id = 2");
  shard.cancel(correlation);
  t.is(stateOf(cancelled()), "57014");
  t.is(last(), null);
  a.rollback();
  t.is(tagOf(next()), "UPDATE 1");
  t.is(tagOf(last()), "UPDATE 1");
  t.deepEqual(a.rows("SELECT v FROM t WHERE id < 3 ORDER BY id"), [["1012"], ["3"]]);
});

test("savepoints take back rows, definitions and locks since", (t) => {
  const { a, b } = rig();
  a.begin();
  a.rows("INSERT INTO t VALUES (5, 50, 'e')");
  a.savepoint("s");
  a.rows("CREATE TABLE other (x int)");
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  t.is(a.state("INSERT INTO t VALUES (5, 0, 'f')"), "23505");
  t.is(tagOf(a.rollbackTo("s")), "ROLLBACK");
  t.is(tagOf(b.run("UPDATE t SET v = 11 WHERE id = 1")), "UPDATE 1", "the lock was given back");
  t.is(a.state("SELECT * FROM other"), "42P01");
  a.rollbackTo("s");
  a.commit();
  t.deepEqual(b.rows("SELECT id, v FROM t ORDER BY id"), [
    ["1", "11"],
    ["2", "20"],
    ["3", "30"],
    ["5", "50"],
  ]);
});

test("a transaction that the shard has lost is refused with 40001, never begun anew", (t) => {
  const { shard, a, b } = rig();
  a.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  t.is(b.run("UPDATE t SET v = 1 WHERE id = 1").kind, "waits");
  shard.decider.dropAll();
  t.is(stateOf(b.late()), "40001");
  t.is(a.state("UPDATE t SET v = 0 WHERE id = 2"), "40001");
  t.is(stateOf(a.commit()), "40001");
  t.deepEqual(b.rows("SELECT sum(v) FROM t"), [["60"]]);
});

test("one hot row, changed by 64 sessions in turn: none fails, none is lost", (t) => {
  const { shard, a } = rig();
  const sessions = Array.from({ length: 64 }, () => shard.session());
  for (let round = 0; round < 5; round += 1) {
    for (const session of sessions) t.is(tagOf(session.run("UPDATE t SET v = v + 1 WHERE id = 1")), "UPDATE 1");
  }
  t.deepEqual(a.rows("SELECT v FROM t WHERE id = 1"), [["330"]]);
  t.is(dump(shard.shard.replay().state), dump(shard.shard.state), "replay equals live");
});

test("definitions wait for transactions that use the table", (t) => {
  const { a, b } = rig();
  a.begin();
  a.rows("INSERT INTO t VALUES (8, 1, 'z')");
  t.is(b.run("ALTER TABLE t ADD COLUMN extra int DEFAULT 5").kind, "waits");
  a.commit();
  t.is(tagOf(b.late()), "ALTER TABLE");
  t.deepEqual(b.rows("SELECT id, extra FROM t WHERE id = 8"), [["8", "5"]]);
});

test("a transaction whose end the shard did not hear of is not gone on with by the next one", (t) => {
  const rig = new ShardRig();
  const [session, other] = [rig.session(), rig.session()];
  session.rows("CREATE TABLE t (a int PRIMARY KEY)");
  session.begin("serializable");
  t.deepEqual(session.rows("SELECT a FROM t"), []);
  // Its connection forgot it: no COMMIT, no ROLLBACK.
  other.rows("INSERT INTO t VALUES (1)");
  session.begin("serializable");
  t.deepEqual(session.rows("SELECT a FROM t"), [["1"]], "on a snapshot of its own");
  session.rollback();
  session.begin("readCommitted");
  t.deepEqual(session.rows("SELECT a FROM t FOR UPDATE"), [["1"]]);
  session.begin("repeatableRead");
  t.deepEqual(session.rows("SELECT a FROM t"), [["1"]]);
  other.rows("UPDATE t SET a = 2");
  t.deepEqual(
    session.rows("SELECT a FROM t"),
    [["1"]],
    "with an isolation of its own, and without the locks of the one before",
  );
});

test("what is only described begins no transaction, which nobody would end", (t) => {
  const rig = new ShardRig();
  const [session, other] = [rig.session(), rig.session()];
  session.rows("CREATE TABLE t (a int PRIMARY KEY)");
  session.begin("serializable");
  t.is(session.describe("SELECT a FROM t").kind, "described");
  t.is(rig.decider.openTransactions, 0);
  t.is(session.describe("SELECT a FROM missing").kind, "error");
  t.deepEqual(session.rows("SELECT a FROM t"), [], "an error in what was described before it began leaves it sound");
  t.is(rig.decider.openTransactions, 1);
  t.is(session.describe("SELECT a FROM missing").kind, "error");
  t.deepEqual(
    session.rows("SELECT a FROM t"),
    [],
    "and so does one within it: whether that ends it is for whoever asked to say",
  );
  session.rollback();
  t.is(rig.decider.openTransactions, 0);
  t.is(other.run("INSERT INTO t VALUES (1)").kind, "rows");
});

test("a statement that stands alone ends a transaction whose end was not heard of, and does not wait for its locks", (t) => {
  const rig = new ShardRig();
  const [session, other] = [rig.session(), rig.session()];
  session.rows("CREATE TABLE t (a int PRIMARY KEY, v int)");
  session.rows("INSERT INTO t VALUES (1, 0)");
  session.begin();
  session.rows("UPDATE t SET v = 1 WHERE a = 1");
  t.is(other.run("UPDATE t SET v = v + 10 WHERE a = 1").kind, "waits");
  session.forget();
  session.rows("UPDATE t SET v = v + 100 WHERE a = 1");
  t.is(other.late()?.kind, "rows");
  t.deepEqual(session.rows("SELECT v FROM t"), [["110"]]);
  t.is(rig.decider.openTransactions, 0);
});

test("a COMMIT is of the transaction that it names, and so is a ROLLBACK that is said once more", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (a int PRIMARY KEY)");
  session.begin();
  session.rows("INSERT INTO t VALUES (1)");
  session.begin();
  t.is(session.commit().kind, "error", "40001: the shard never had the second");
  t.deepEqual(rig.session().rows("SELECT a FROM t"), []);
  session.begin();
  session.rows("INSERT INTO t VALUES (2)");
  session.rollbackBefore();
  t.is(session.commit().kind, "rows");
  t.deepEqual(session.rows("SELECT a FROM t"), [["2"]]);
});

test("only that rows were written in a transaction is told before what is under way is stored: nothing of what others have written", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (k int PRIMARY KEY, v int CHECK (v < 10))");
  session.rows("INSERT INTO t VALUES (1, 1), (2, 2)");
  t.is(rig.told, 0, "what stands alone is stored when it is told");
  session.begin();
  const early = [
    "INSERT INTO t VALUES (3, 3)",
    "UPDATE t SET v = v + 1 WHERE k = 1",
    "UPDATE t SET v = v",
    "DELETE FROM t WHERE k = 2",
  ];
  for (const [at, text] of early.entries()) {
    session.rows(text);
    t.is(rig.told, at + 1, text);
  }
  session.savepoint("s");
  for (const text of ["SELECT v FROM t WHERE k = 1", "SELECT * FROM t", "UPDATE t SET v = 5 WHERE k = 1 RETURNING v"])
    session.rows(text);
  t.is(session.state("UPDATE t SET v = 20 WHERE k = 1"), "23514");
  session.rollbackTo("s");
  session.rows("CREATE TABLE u (k int)");
  t.is(rig.told, early.length, "rows, errors and definitions wait");
  session.commit();
  t.is(rig.told, early.length, "and so does the COMMIT");
  t.deepEqual(session.rows("SELECT * FROM t ORDER BY k"), [
    ["1", "2"],
    ["3", "3"],
  ]);
});

test("a transaction that has failed holds nobody up, but for what it locked before its last savepoint", (t) => {
  const rig = new ShardRig();
  const [a, b] = [rig.session(), rig.session()];
  a.rows("CREATE TABLE t (id int PRIMARY KEY, v int)");
  a.rows("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)");
  a.begin();
  a.rows("UPDATE t SET v = 1 WHERE id = 1");
  t.is(b.run("UPDATE t SET v = 2 WHERE id = 1").kind, "waits");
  t.is(a.state("SELECT 1 / 0"), "22012");
  t.is(b.late()?.kind, "rows", "it is over, but for being told so");
  t.is(a.state("SELECT 1"), "25P02");
  a.rollback();
  a.begin();
  a.rows("UPDATE t SET v = 3 WHERE id = 2");
  a.savepoint("s");
  a.rows("UPDATE t SET v = 3 WHERE id = 3");
  t.is(a.state("SELECT 1 / 0"), "22012");
  t.is(b.run("UPDATE t SET v = 4 WHERE id = 3").kind, "rows");
  t.is(b.run("UPDATE t SET v = v + 10 WHERE id = 2").kind, "waits");
  a.rollbackTo("s");
  t.deepEqual(a.rows("SELECT * FROM t ORDER BY id"), [
    ["1", "2"],
    ["2", "3"],
    ["3", "4"],
  ]);
  a.commit();
  t.is(b.late()?.kind, "rows");
  t.deepEqual(a.rows("SELECT v FROM t WHERE id = 2"), [["13"]]);
});
