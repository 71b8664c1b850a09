/** Constraints that wait, where others are in the way: the COMMIT that looks at them waits, too, and in vain it leaves nothing behind. */
import test from "ava";
import { type RigSession, ShardRig, stateOf, tagOf } from "./shard-rig.js";

const rig = (): { shard: ShardRig; a: RigSession; b: RigSession; c: RigSession } => {
  const shard = new ShardRig();
  const a = shard.session();
  a.rows("CREATE TABLE parent (id int PRIMARY KEY)");
  a.rows("CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
  a.rows("CREATE TABLE taken (k int UNIQUE DEFERRABLE INITIALLY DEFERRED, v int)");
  a.rows("INSERT INTO parent VALUES (1), (2)");
  return { shard, a, b: shard.session(), c: shard.session() };
};

test("a COMMIT waits for whoever deletes the row that is referred to, and fails when it is gone", (t) => {
  for (const end of ["commit", "rollback"] as const) {
    const { a, b, c } = rig();
    b.begin();
    b.rows("INSERT INTO child VALUES (1, 1)");
    a.begin();
    a.rows("DELETE FROM parent WHERE id = 1");
    t.is(b.commit().kind, "waits");
    t.is(b.late(), null);
    a[end]();
    if (end === "commit") t.is(stateOf(b.late()), "23503");
    else t.is(tagOf(b.late()), "COMMIT");
    t.deepEqual(c.rows("SELECT count(*) FROM child"), [[end === "commit" ? "0" : "1"]]);
    t.is(
      tagOf(c.run("INSERT INTO child VALUES (1, 2) ON CONFLICT DO NOTHING")),
      end === "commit" ? "INSERT 0 1" : "INSERT 0 0",
    );
  }
});

test("a COMMIT that waits in vain ends its transaction: nothing is left of it, no lock either", (t) => {
  const { shard, a, b, c } = rig();
  a.begin();
  a.rows("DELETE FROM parent WHERE id = 1");
  b.settings = [["lock_timeout", "50ms"]];
  b.begin();
  b.rows("INSERT INTO child VALUES (1, 1), (2, 2)");
  t.is(b.commit().kind, "waits");
  shard.monotonic = 100;
  shard.timer();
  t.is(stateOf(b.late()), "55P03");
  t.is(shard.decider.openTransactions, 1);
  t.is(tagOf(c.run("INSERT INTO child VALUES (2, 2)")), "INSERT 0 1", "the key is free");
  b.settings = [];
  b.begin();
  b.rows("INSERT INTO child VALUES (1, 1)");
  t.is(b.commit().kind, "waits");
  shard.cancel(b.correlation);
  t.is(stateOf(b.late()), "57014");
  t.is(shard.decider.openTransactions, 1);
});

test("a deadlock that a COMMIT would close ends it", (t) => {
  const { shard, a, b } = rig();
  a.begin();
  b.begin();
  a.rows("INSERT INTO child VALUES (1, 1)");
  a.rows("DELETE FROM parent WHERE id = 2");
  b.rows("INSERT INTO child VALUES (2, 2)");
  b.rows("DELETE FROM parent WHERE id = 1");
  t.is(a.commit().kind, "waits");
  t.is(stateOf(b.commit()), "40P01");
  t.is(tagOf(a.late()), "COMMIT");
  t.is(shard.decider.openTransactions, 0);
});

test("a key that may be shared for a while is one transaction's at a time", (t) => {
  const { a, b, c } = rig();
  a.begin();
  a.rows("INSERT INTO taken VALUES (1, 1), (1, 2)");
  t.is(b.run("INSERT INTO taken VALUES (1, 3)").kind, "waits");
  a.rows("DELETE FROM taken WHERE v = 1");
  t.is(tagOf(a.commit()), "COMMIT");
  t.is(stateOf(b.late()), "23505");
  t.deepEqual(c.rows("SELECT k, v FROM taken WHERE k = 1"), [["1", "2"]]);
});

test("taking back: a savepoint, a statement that fails, and SET CONSTRAINTS within them", (t) => {
  const { a } = rig();
  a.begin();
  a.rows("INSERT INTO child VALUES (1, 7)");
  a.savepoint("s");
  t.is(a.state("SET CONSTRAINTS ALL IMMEDIATE"), "23503");
  a.rollbackTo("s");
  a.rows("INSERT INTO parent VALUES (7)");
  a.savepoint("t");
  a.rows("SET CONSTRAINTS child_parent_fkey IMMEDIATE");
  t.is(a.state("INSERT INTO child VALUES (3, 9)"), "23503", "it waits no longer");
  a.rollbackTo("t");
  a.rows("INSERT INTO child VALUES (3, 9)");
  a.rows("DELETE FROM parent WHERE id = 7");
  a.rows("UPDATE child SET parent = 1 WHERE id = 3");
  t.is(stateOf(a.commit()), "23503", "what was looked at before is looked at again");
  t.deepEqual(a.rows("SELECT count(*) FROM child"), [["0"]]);
});

test("rows of a deferrable primary key exchange their keys, and its history is found by the key", (t) => {
  const { shard, a } = rig();
  a.rows("CREATE TABLE seat (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, who text)");
  a.rows("INSERT INTO seat VALUES (1, 'Ann'), (2, 'Bo')");
  a.rows("UPDATE seat SET id = 3 - id");
  t.is(stateOf(a.run("UPDATE seat SET id = 1")), "23505");
  const history = "SELECT who FROM kimberlite.row_history('seat', 1) ORDER BY from_position";
  for (const session of [a, new ShardRig(shard.shard).session()]) {
    t.deepEqual(session.rows("SELECT * FROM seat ORDER BY id"), [
      ["1", "Bo"],
      ["2", "Ann"],
    ]);
    t.deepEqual(session.rows(history), [["Ann"], ["Bo"]]);
    t.is(session.state("SELECT * FROM kimberlite.row_history('seat', 1, 2)"), "42883");
    session.begin();
    session.rows("INSERT INTO seat VALUES (1, 'Cy')");
    t.is(stateOf(session.commit()), "23505");
  }
});

test("definitions outlive a replay of the log, and constraints made then wait", (t) => {
  const { shard } = rig();
  const again = new ShardRig(shard.shard).session();
  again.begin();
  again.rows("INSERT INTO child VALUES (1, 9)");
  again.rows("INSERT INTO taken VALUES (1, 1), (1, 2)");
  t.is(stateOf(again.commit()), "23503");
});
