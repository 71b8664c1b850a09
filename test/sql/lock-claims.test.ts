/** Whoever waits for a table is not passed by those who come later, and waits no longer than it was told to. */
import test from "ava";
import fc from "fast-check";
import { type Answer, type RigSession, rig, ShardRig, stateOf, tagOf } from "./shard-rig.js";

test("a definition waits for the writers that are there, and those that come later wait for it", (t) => {
  const { shard, a, b, c } = rig();
  const [d, e] = [shard.session(), shard.session()];
  a.begin();
  a.rows("INSERT INTO t VALUES (9, 1, 'x')");
  t.is(b.run("ALTER TABLE t ADD COLUMN w int DEFAULT 7").kind, "waits");
  c.begin();
  t.is(c.run("UPDATE t SET v = 0 WHERE id = 1").kind, "waits");
  t.is(d.run("INSERT INTO t VALUES (10, 1, 'y')").kind, "waits");
  t.deepEqual(e.rows("SELECT count(*) FROM t"), [["3"]], "who only reads waits for nobody");
  // Who has written already has to come to its end.
  a.rows("UPDATE t SET v = 2 WHERE id = 9");
  a.commit();
  t.is(tagOf(b.late()), "ALTER TABLE");
  t.is(tagOf(c.late()), "UPDATE 1");
  t.is(tagOf(d.late()), "INSERT 0 1");
  c.commit();
  t.deepEqual(e.rows("SELECT id, v, w FROM t ORDER BY id"), [
    ["1", "0", "7"],
    ["2", "20", "7"],
    ["3", "30", "7"],
    ["9", "2", "7"],
    ["10", "1", "7"],
  ]);
});

test("transactions that follow one another do not keep a definition out", (t) => {
  const { shard, b } = rig();
  const writers = [shard.session(), shard.session()];
  const [first] = writers;
  first?.begin();
  first?.rows("UPDATE t SET v = v + 1 WHERE id = 1");
  t.is(b.run("CREATE INDEX later ON t (v)").kind, "waits");
  let steps = 0;
  for (let turn = 0; b.late() === null && turn < 10; turn++) {
    const [old, next] = turn % 2 === 0 ? writers : [...writers].reverse();
    next?.begin();
    next?.run(`UPDATE t SET v = v + 1 WHERE id = ${2 + (turn % 2)}`);
    old?.commit();
    steps += 1;
  }
  t.is(steps, 1);
  t.is(tagOf(b.late()), "CREATE INDEX");
});

test("a claim that has failed, was given up or is of a session that has ended holds nobody back", (t) => {
  for (const how of ["timeout", "cancel", "end"] as const) {
    const { shard, a, b, c } = rig();
    a.begin();
    a.rows("UPDATE t SET v = 1 WHERE id = 1");
    b.settings = [["lock_timeout", "50ms"]];
    t.is(b.run("DROP TABLE t").kind, "waits");
    c.begin();
    t.is(c.run("UPDATE t SET v = 2 WHERE id = 2").kind, "waits");
    shard.monotonic += 60;
    if (how === "timeout") shard.timer();
    else if (how === "cancel") shard.cancel(b.correlation);
    else b.end();
    if (how !== "end") t.is(stateOf(b.late()), how === "timeout" ? "55P03" : "57014");
    t.is(tagOf(c.late()), "UPDATE 1", how);
    c.commit();
    a.commit();
    t.is(shard.decider.parked, 0);
  }
});

test("a circle that there is by claims alone is no deadlock: who stands behind one goes on", (t) => {
  const { shard, a, b, c } = rig();
  a.rows("CREATE TABLE u (id int PRIMARY KEY, v int)");
  a.rows("INSERT INTO u VALUES (1, 1)");
  a.begin();
  a.rows("UPDATE t SET v = 1 WHERE id = 1");
  c.begin();
  c.rows("UPDATE u SET v = 2 WHERE id = 1");
  t.is(b.run("ALTER TABLE t ADD COLUMN w int").kind, "waits");
  t.is(c.run("UPDATE t SET v = 3 WHERE id = 2").kind, "waits", "behind the definition");
  t.is(a.run("UPDATE u SET v = 4 WHERE id = 1").kind, "waits");
  t.is(tagOf(c.late()), "UPDATE 1");
  c.commit();
  t.is(tagOf(a.late()), "UPDATE 1");
  a.commit();
  t.is(tagOf(b.late()), "ALTER TABLE");
  t.is(shard.decider.parked, 0);
});

test("a lock_timeout is of the whole wait for a lock, however often it is free for a moment", (t) => {
  const { shard, a, b, c } = rig();
  a.begin();
  a.rows("SELECT v FROM t WHERE id = 1 FOR SHARE");
  b.settings = [["lock_timeout", "100ms"]];
  t.is(b.run("UPDATE t SET v = 0 WHERE id = 1").kind, "waits");
  for (const [old, next] of [
    [a, c],
    [c, a],
  ] as const) {
    next.begin();
    next.rows("SELECT v FROM t WHERE id = 1 FOR SHARE");
    shard.monotonic += 60;
    old.commit();
    t.is(b.late(), null);
  }
  shard.timer();
  t.is(stateOf(b.late()), "55P03");
});

test("writers, lockers and definitions of two tables: all come to their turn, and none is passed for ever", (t) => {
  const kind = fc.constantFrom("write", "alone", "share", "exclusive", "alter", "commit", "rollback");
  const step = fc.record({ kind, who: fc.nat(7), table: fc.constantFrom("t", "u") });
  const seen = { waits: 0, deadlocks: 0, definitions: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
      const { shard, a } = rig();
      a.rows("CREATE TABLE u (id int PRIMARY KEY, v int)");
      a.rows("INSERT INTO u VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)");
      a.rows("INSERT INTO t VALUES (4, 0, 'd'), (5, 0, 'e'), (6, 0, 'f'), (7, 0, 'g'), (8, 0, 'h')");
      const clients = Array.from({ length: 8 }, () => ({ session: shard.session(), isOpen: false, waits: false }));
      type Client = (typeof clients)[number];
      let columns = 0;
      const answered = (client: Client, answer: Answer): void => {
        client.waits = answer.kind === "waits";
        if (client.waits) seen.waits += 1;
        if (answer.kind !== "error") return;
        t.is(answer.sqlState, "40P01", answer.message);
        seen.deadlocks += 1;
        client.session.rollback();
        client.isOpen = false;
      };
      const listen = (): void => {
        for (const client of clients) {
          const late = client.waits ? client.session.late() : null;
          if (late !== null) answered(client, late);
        }
      };
      const end = (client: Client, how: "commit" | "rollback"): void => {
        t.is(tagOf(how === "commit" ? client.session.commit() : client.session.rollback()), how.toUpperCase());
        client.isOpen = false;
      };
      const textOf = (what: string, table: string, who: number): string => {
        if (what === "share") return `LOCK TABLE ${table} IN SHARE MODE`;
        if (what === "exclusive") return `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`;
        if (what !== "alter") return `UPDATE ${table} SET v = v + 1 WHERE id = ${who + 1}`;
        columns += 1;
        seen.definitions += 1;
        return `ALTER TABLE ${table} ADD COLUMN c${columns} int`;
      };
      for (const { kind: what, who, table } of steps) {
        listen();
        const client = clients[who];
        if (client === undefined || client.waits) continue;
        if (what === "commit" || what === "rollback") {
          if (client.isOpen) end(client, what);
          continue;
        }
        const isAlone = what === "alone" || (what === "alter" && who % 2 === 0);
        if (isAlone === client.isOpen) {
          if (isAlone) continue;
          client.session.begin();
          client.isOpen = true;
        }
        answered(client, client.session.run(textOf(what, table, who)));
      }
      for (let rounds = 0; rounds < 40; rounds++) {
        listen();
        for (const client of clients) if (client.isOpen && !client.waits) end(client, "commit");
      }
      t.is(shard.decider.parked, 0, "nobody waits for nobody");
      t.true(clients.every(({ waits, isOpen }) => !waits && !isOpen));
      // Nothing is left that holds anybody back.
      const last: RigSession = shard.session();
      t.is(tagOf(last.run("DROP TABLE t, u")), "DROP TABLE");
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
  t.log(seen);
  t.true(seen.waits > 50 && seen.deadlocks > 0 && seen.definitions > 50, "all of it was seen");
});

test("a shard that leads no more has no claims left", (t) => {
  const { shard, a, b } = rig();
  a.begin();
  a.rows("UPDATE t SET v = 1 WHERE id = 1");
  t.is(b.run("DROP TABLE t").kind, "waits");
  const again = new ShardRig(shard.shard);
  t.is(tagOf(again.session().run("UPDATE t SET v = 5 WHERE id = 1")), "UPDATE 1");
});
