/** Advisory locks of sessions are counted, also by statements that wait for one and run again. */
import test from "ava";
import { type RigSession, ShardRig } from "./shard-rig.js";

const held = (session: RigSession, key: number): number => {
  let count = 0;
  while (session.rows(`SELECT pg_advisory_unlock(${key})`)[0]?.[0] === "t") count += 1;
  return count;
};

test("a lock is given back as often as it was taken, shares and all by themselves", (t) => {
  const shard = new ShardRig();
  const [a, b] = [shard.session(), shard.session()];
  a.rows("SELECT pg_advisory_lock(1), pg_advisory_lock(1), pg_advisory_lock_shared(1)");
  const tries = (how: string): string => b.rows(`SELECT pg_try_advisory_lock${how}(1)`)[0]?.[0] ?? "";
  a.rows("SELECT pg_advisory_unlock(1)");
  t.is(tries("_shared"), "f");
  a.rows("SELECT pg_advisory_unlock(1)");
  t.is(tries(""), "f");
  t.is(tries("_shared"), "t");
  t.deepEqual(a.rows("SELECT pg_advisory_unlock(1), pg_advisory_unlock_shared(1), pg_advisory_unlock_shared(1)"), [
    ["f", "t", "f"],
  ]);
  t.deepEqual(b.rows("SELECT pg_advisory_unlock_shared(1)"), [["t"]]);
  t.is(tries(""), "t");
});

test("a statement that waits and runs again has taken, and given back, each lock once", (t) => {
  const shard = new ShardRig();
  const [a, b, c] = [shard.session(), shard.session(), shard.session()];
  a.rows("SELECT pg_advisory_lock(9), pg_advisory_lock(8)");
  b.rows("SELECT pg_advisory_lock(3), pg_advisory_lock(3)");
  const waits =
    "SELECT pg_advisory_lock(1), pg_advisory_unlock(3), pg_advisory_lock(1), pg_advisory_lock(9), pg_advisory_lock(8)";
  t.is(b.run(waits).kind, "waits");
  t.deepEqual(c.rows("SELECT pg_try_advisory_lock(1)"), [["f"]]);
  a.rows("SELECT pg_advisory_unlock(9)");
  t.is(b.late(), null, "it waits a second time");
  a.rows("SELECT pg_advisory_unlock(8)");
  const late = b.late();
  t.deepEqual(late?.kind === "rows" ? late.rows : [], [["", "t", "", "", ""]]);
  t.is(held(b, 1), 2);
  t.is(held(b, 3), 1);
  t.is(held(b, 9), 1);
  t.is(held(b, 8), 1);
});

test("what a statement had taken before it was called off stays taken, and the next one takes it again", (t) => {
  const shard = new ShardRig();
  const [a, b] = [shard.session(), shard.session()];
  a.rows("SELECT pg_advisory_lock(9)");
  t.is(b.run("SELECT pg_advisory_lock(1), pg_advisory_lock(9)").kind, "waits");
  shard.cancel(b.correlation);
  t.is(b.late()?.kind, "error");
  a.rows("SELECT pg_advisory_unlock(9)");
  b.rows("SELECT pg_advisory_lock(1), pg_advisory_lock(9)");
  t.is(held(b, 1), 2);
  t.is(held(b, 9), 1);
});
