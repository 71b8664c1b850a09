import test from "ava";
import { notificationsAfter } from "../../runtime/kernel/notification-rows.js";
import { dump } from "../kernel/shard-twin.js";
import { ShardRig, tenant } from "./shard-rig.js";

test("what a transaction tells is part of its commit: each once, none that was taken back, the same after a replay", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  const told = (after: number): string[] =>
    notificationsAfter(rig.shard.state, tenant, after, 1_000).map(
      ({ position, channel, payload }) => `${position} ${channel} ${payload}`,
    );
  session.rows("SELECT pg_notify('a', 'alone')");
  session.begin();
  session.rows("SELECT pg_notify('a', g::text) FROM generate_series(1, 2) g");
  session.savepoint("s");
  session.rows("SELECT pg_notify('a', 'back')");
  session.rollbackTo("s");
  session.rows("SELECT pg_notify('b', NULL), pg_notify('a', '2')");
  t.deepEqual(told(-1), ["0 a alone"]);
  session.commit();
  session.begin();
  session.rows("SELECT pg_notify('a', 'rolled back')");
  session.rollback();
  t.is(session.state("SELECT pg_notify('a', 'failed'), 1 / 0"), "22012");
  session.rows("SELECT pg_notify('a', 'last')");
  t.deepEqual(told(-1), ["0 a alone", "1 a 1", "1 a 2", "1 b ", "2 a last"]);
  t.deepEqual(told(1), ["2 a last"]);
  t.is(notificationsAfter(rig.shard.state, tenant, -1, 2).length, 4, "a transaction's are not torn apart");
  t.is(notificationsAfter(rig.shard.state, tenant + 1, -1, 10).length, 0, "nobody hears another tenant");
  t.deepEqual(session.rows("SELECT position, rows, tables FROM kimberlite.commits WHERE position = 1"), [
    ["1", "0", "{}"],
  ]);
  const twin = new ShardRig(rig.shard.replay());
  t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
});

test("what was told long ago makes room, a few by each that is new", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  const count = (): number => notificationsAfter(rig.shard.state, tenant, -1, 1_000).length;
  session.rows("SELECT pg_notify('a', g::text) FROM generate_series(1, 10) g");
  session.rows("SELECT pg_notify('a', 'next')");
  t.is(count(), 11);
  rig.shard.time += 700_000_000;
  session.rows("SELECT pg_notify('a', 'later')");
  t.is(count(), 8);
  for (let round = 0; round < 3; round += 1) session.rows(`SELECT pg_notify('b', '${round}')`);
  t.is(count(), 4);
  const twin = new ShardRig(rig.shard.replay());
  t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
});
