/** Who waits for whom: for rows, for keys that another has taken, for tables; and who goes first. */
import test from "ava";
import fc from "fast-check";
import { type Answer, type RigSession, rig, ShardRig, stateOf, tagOf } from "./shard-rig.js";

test("a unique value that an open transaction has taken is waited for; when it commits it is a duplicate", (t) => {
  const { a, b, c } = rig();
  a.begin();
  a.rows("INSERT INTO t VALUES (9, 1, 'x')");
  t.is(b.run("INSERT INTO t VALUES (9, 1, 'y')").kind, "waits");
  t.is(c.run("INSERT INTO t VALUES (10, 1, 'x')").kind, "waits");
  a.commit();
  t.is(stateOf(b.late()), "23505");
  t.is(stateOf(c.late()), "23505");
  const again = rig();
  again.a.begin();
  again.a.rows("INSERT INTO t VALUES (9, 1, 'x')");
  t.is(again.b.run("INSERT INTO t VALUES (9, 1, 'y')").kind, "waits");
  again.a.rollback();
  t.is(tagOf(again.b.late()), "INSERT 0 1");
});

test("a table that many wait for is handed on one by one: nobody is forgotten, nothing is lost, shares go side by side", (t) => {
  const kind = fc.constantFrom(
    "add" as const,
    "addAlone" as const,
    "share" as const,
    "commit" as const,
    "rollback" as const,
  );
  const step = fc.record({ kind, who: fc.nat(11), row: fc.integer({ min: 1, max: 2 }) });
  const seen = { waits: 0, deadlocks: 0, commits: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
      const { shard, a } = rig();
      interface Client {
        readonly session: RigSession;
        isOpen: boolean;
        /** What its transaction has added, once the statements have answered. */
        added: number;
        /** What the statement that waits adds; null when none waits. */
        waitsFor: number | null;
      }
      const clients = Array.from(
        { length: 12 },
        (): Client => ({ session: shard.session(), isOpen: false, added: 0, waitsFor: null }),
      );
      let expected = 60;
      const answered = (client: Client, answer: Answer, adds: number): void => {
        client.waitsFor = answer.kind === "waits" ? adds : null;
        if (answer.kind === "waits") seen.waits += 1;
        else if (answer.kind === "error") {
          t.is(answer.sqlState, "40P01");
          seen.deadlocks += 1;
          client.session.rollback();
          client.isOpen = false;
          client.added = 0;
        } else if (client.isOpen) client.added += adds;
        else expected += adds;
      };
      const listen = (): void => {
        for (const client of clients) {
          const late = client.waitsFor === null ? null : client.session.late();
          if (late !== null) answered(client, late, client.waitsFor ?? 0);
        }
      };
      const end = (client: Client, how: "commit" | "rollback"): void => {
        t.is(tagOf(how === "commit" ? client.session.commit() : client.session.rollback()), how.toUpperCase());
        if (how === "commit") expected += client.added;
        seen.commits += 1;
        client.isOpen = false;
        client.added = 0;
      };
      const add = (client: Client, row: number): void =>
        answered(client, client.session.run(`UPDATE t SET v = v + ${row} WHERE id = ${row}`), row);
      for (const { kind: what, who, row } of steps) {
        listen();
        const client = clients[who];
        if (client === undefined || client.waitsFor !== null) continue;
        if (what === "addAlone" && !client.isOpen) add(client, row);
        else if (what === "commit" || what === "rollback") {
          if (client.isOpen) end(client, what);
        } else {
          if (!client.isOpen) client.session.begin();
          client.isOpen = true;
          if (what === "share") answered(client, client.session.run(`SELECT v FROM t WHERE id = ${row} FOR SHARE`), 0);
          else add(client, row);
        }
      }
      for (let rounds = 0; rounds < 50; rounds++) {
        listen();
        for (const client of clients) if (client.isOpen && client.waitsFor === null) end(client, "commit");
      }
      t.is(shard.decider.parked, 0, "nobody waits for nobody");
      t.true(clients.every(({ waitsFor, isOpen }) => waitsFor === null && !isOpen));
      t.deepEqual(a.rows("SELECT sum(v) FROM t"), [[String(expected)]]);
    }),
    { numRuns: 25, includeErrorInReport: true },
  );
  t.log(seen);
  t.true(seen.waits > 50 && seen.deadlocks > 0 && seen.commits > 50, "all of it was seen");
});

test("of those that wait for one lock one is run again at a time", (t) => {
  const { shard, a } = rig();
  const sessions = Array.from({ length: 20 }, () => shard.session());
  a.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  for (const session of sessions) {
    session.begin();
    t.is(session.run("UPDATE t SET v = v + 1 WHERE id = 1").kind, "waits");
  }
  const before = shard.decided;
  a.commit();
  for (const [at, session] of sessions.entries()) {
    t.is(tagOf(session.late()), "UPDATE 1");
    t.is(shard.decider.parked, sessions.length - at - 1, "the others wait on");
    session.commit();
  }
  // Their COMMITs and its own, and each UPDATE once more.
  t.is(shard.decided - before, 2 * sessions.length + 1);
  t.deepEqual(a.rows("SELECT v FROM t WHERE id = 1"), [["20"]]);
});

test("ON CONFLICT DO NOTHING passes over no row that its transaction does not see", (t) => {
  const rig = new ShardRig();
  const [a, b] = [rig.session(), rig.session()];
  a.rows("CREATE TABLE t (id int PRIMARY KEY, v int UNIQUE)");
  a.rows("INSERT INTO t VALUES (1, 10)");
  for (const text of [
    "INSERT INTO t VALUES (2, 0) ON CONFLICT DO NOTHING",
    "INSERT INTO t VALUES (0, 20) ON CONFLICT (v) DO NOTHING",
  ]) {
    a.begin("repeatableRead");
    t.deepEqual(a.rows("SELECT id FROM t"), [["1"]]);
    a.rows("INSERT INTO t VALUES (1, 0) ON CONFLICT DO NOTHING");
    b.rows("INSERT INTO t VALUES (2, 20)");
    t.is(a.state(text), "40001");
    a.rollback();
    b.rows("DELETE FROM t WHERE id = 2");
  }
});

test("of a row that is there an INSERT waits for who writes it, not for who keeps it from going, and locks nothing of it", (t) => {
  for (const statement of [
    "INSERT INTO t VALUES (1, 7, 'one') ON CONFLICT DO NOTHING",
    "INSERT INTO t VALUES (9, 7, 'a') ON CONFLICT (u) DO NOTHING",
    "INSERT INTO t VALUES (1, 7, 'one')",
    "INSERT INTO t VALUES (9, 7, 'a')",
  ]) {
    const { a, b, c } = rig();
    const kind = statement.includes("CONFLICT") ? "rows" : "error";
    for (const strength of ["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"]) {
      a.begin();
      a.rows(`SELECT FROM t WHERE id = 1 FOR ${strength}`);
      t.is(b.run(statement).kind, kind, `${statement} beside FOR ${strength}`);
      a.commit();
    }
    a.begin();
    a.rows("SELECT FROM t WHERE id = 1 FOR KEY SHARE");
    // Nor do two that find it wait for one another.
    for (const session of [b, c]) {
      session.begin();
      t.is(session.run(statement).kind, kind, `${statement} in a transaction`);
    }
    a.commit();
    t.is(tagOf(a.run("DELETE FROM t WHERE id = 1")), "DELETE 1", "what was found is not held");
    for (const session of [b, c]) session.rollback();
    a.rows("INSERT INTO t VALUES (1, 10, 'a')");
    a.begin();
    a.rows("UPDATE t SET v = v + 1 WHERE id = 1");
    t.is(b.run(statement).kind, "waits", `${statement} beside an UPDATE`);
    a.rows("DELETE FROM t WHERE id = 1");
    a.commit();
    t.is(tagOf(b.late()), "INSERT 0 1");
  }
});

test("whoever finds a row waits for those who wrote it, although it is as it was, and no longer when that is taken back", (t) => {
  const insert = "INSERT INTO t VALUES (1, 7, 'one')";
  for (const [held, written] of [
    ["SELECT FROM t WHERE id = 1 FOR UPDATE", "DELETE FROM t WHERE id = 1"],
    ["SELECT FROM t WHERE id = 1 FOR KEY SHARE", "UPDATE t SET v = v WHERE id = 1"],
    [
      "INSERT INTO t VALUES (1, 0, 'y') ON CONFLICT (id) DO UPDATE SET v = 0 WHERE false",
      "UPDATE t SET id = 11 WHERE id = 1",
    ],
  ] as const) {
    const { a, b } = rig();
    a.begin();
    a.rows(held);
    t.is(stateOf(b.run(insert)), "23505", held);
    a.savepoint("s");
    a.rows(written);
    t.is(b.run(insert).kind, "waits", written);
    a.rollbackTo("s");
    t.is(stateOf(b.late()), "23505", "what was written is taken back, though the lock is kept");
    t.is(b.run("DELETE FROM t WHERE id = 1").kind, "waits");
    a.rollback();
    t.is(tagOf(b.late()), "DELETE 1");
  }
});

test("ON CONFLICT looks at its arbiters' keys before all others, and waits there for who writes the same", (t) => {
  const { a, b } = rig();
  a.begin();
  a.rows("UPDATE t SET v = 0 WHERE id = 1");
  t.is(
    tagOf(b.run("INSERT INTO t VALUES (1, 0, 'b') ON CONFLICT (u) DO NOTHING")),
    "INSERT 0 0",
    "its id is not asked about",
  );
  t.is(b.run("INSERT INTO t VALUES (1, 0, 'b') ON CONFLICT DO NOTHING").kind, "waits");
  a.commit();
  t.is(tagOf(b.late()), "INSERT 0 0");
  a.begin();
  a.rows("INSERT INTO t VALUES (5, 0, 'e')");
  t.is(b.run("INSERT INTO t VALUES (5, 0, 'b') ON CONFLICT DO NOTHING").kind, "waits", "its id comes first");
  a.rollback();
  t.is(tagOf(b.late()), "INSERT 0 0");
});

test("a change of a key that another row has waits for who wrote that row, and for nobody else", (t) => {
  for (const change of ["UPDATE t SET id = 1 WHERE id = 2", "UPDATE t SET u = 'a' WHERE id = 2"]) {
    const { a, b } = rig();
    a.begin();
    a.rows("SELECT FROM t WHERE id = 1 FOR UPDATE");
    t.is(stateOf(b.run(change)), "23505", change);
    a.rows("DELETE FROM t WHERE id = 1");
    t.is(b.run(change).kind, "waits", change);
    a.commit();
    t.is(tagOf(b.late()), "UPDATE 1");
  }
});

test("a row that refers to one that another transaction has inserted does not wait for it", (t) => {
  const { a, b } = rig();
  a.rows("CREATE TABLE child (t int REFERENCES t)");
  a.begin();
  a.rows("INSERT INTO t VALUES (9, 0, 'y')");
  t.is(stateOf(b.run("INSERT INTO child VALUES (9)")), "23503");
  a.rows("SELECT FROM t WHERE id = 1 FOR UPDATE");
  t.is(b.run("INSERT INTO child VALUES (1)").kind, "waits");
  a.commit();
  t.is(tagOf(b.late()), "INSERT 0 1");
  t.is(tagOf(b.run("INSERT INTO child VALUES (9)")), "INSERT 0 1");
});

test("who removes a row waits for those who have removed what refers to it, one by one or many at once", (t) => {
  for (const [end, whole] of [
    ["commit", "DELETE FROM t WHERE id = 1"],
    ["commit", "DELETE FROM t"],
    ["commit", "UPDATE t SET id = 7 WHERE id = 1"],
    ["rollback", "DELETE FROM t WHERE id = 1"],
  ] as const) {
    const { a, b } = rig();
    a.rows("CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t)");
    a.rows("INSERT INTO child VALUES (1, 1)");
    a.begin();
    a.rows("DELETE FROM child");
    t.is(b.run(whole).kind, "waits", whole);
    if (end === "commit") a.commit();
    else a.rollback();
    const isGone = whole.startsWith("UPDATE") ? "UPDATE 1" : whole.endsWith("t") ? "DELETE 3" : "DELETE 1";
    if (end === "commit") t.is(tagOf(b.late()), isGone, whole);
    else t.is(stateOf(b.late()), "23503", whole);
  }
});

test("a table is locked by those who write others, where foreign keys lead there or follow from there", (t) => {
  for (const [onDelete, mode, text] of [
    ["CASCADE", "SHARE", "DELETE FROM t WHERE id = 2"],
    ["CASCADE", "SHARE", "DELETE FROM t"],
    ["SET NULL", "SHARE", "DELETE FROM t WHERE id = 2"],
    ["NO ACTION", "EXCLUSIVE", "DELETE FROM t WHERE id = 2"],
  ] as const) {
    const { a, b } = rig();
    a.rows(`CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON DELETE ${onDelete})`);
    for (const [locked, statement, its] of [
      ["child", text, mode],
      ["t", "INSERT INTO child VALUES (5, 3)", "EXCLUSIVE"],
      ["t", "INSERT INTO child SELECT g, 3 FROM generate_series(10, 40) g", "EXCLUSIVE"],
    ] as const) {
      a.begin();
      a.run(`LOCK TABLE ${locked} IN ${its} MODE`);
      b.begin();
      t.is(b.run(statement).kind, "waits", `${statement}, ${onDelete}`);
      a.commit();
      t.is(b.late()?.kind, "rows");
      b.rollback();
      a.begin();
      a.run(`LOCK TABLE ${locked} IN ${its === "SHARE" ? "ROW EXCLUSIVE" : "SHARE"} MODE`);
      t.is(b.run(statement).kind, "rows", `${statement}, ${onDelete}`);
      a.rollback();
      b.rows("DELETE FROM child");
      b.rows("INSERT INTO t VALUES (1, 0, 'a'), (2, 0, 'b'), (3, 0, 'c') ON CONFLICT DO NOTHING");
    }
  }
});

test("a key that is unique by the end of a statement, or of its transaction, waits for who has removed the row that had it", (t) => {
  for (const timing of ["IMMEDIATE", "DEFERRED"]) {
    const { a, b } = rig();
    a.rows(`CREATE TABLE d (id int PRIMARY KEY, u int UNIQUE DEFERRABLE INITIALLY ${timing})`);
    a.rows("INSERT INTO d VALUES (1, 1)");
    a.begin();
    a.rows("SELECT FROM d WHERE id = 1 FOR UPDATE");
    t.is(stateOf(b.run("INSERT INTO d VALUES (2, 1)")), "23505", timing);
    a.rows("DELETE FROM d WHERE id = 1");
    t.is(b.run("INSERT INTO d VALUES (2, 1)").kind, "waits", timing);
    a.commit();
    t.is(tagOf(b.late()), "INSERT 0 1");
  }
});

test("transactions share a table IN SHARE MODE, and it is handed to those who wait so together", (t) => {
  const { a, b, c } = rig();
  a.begin();
  a.run("LOCK TABLE t IN ROW EXCLUSIVE MODE");
  for (const session of [b, c]) {
    session.begin();
    t.is(session.run("LOCK TABLE t IN SHARE MODE").kind, "waits");
    t.is(stateOf(session.late()), null);
  }
  a.commit();
  for (const session of [b, c]) t.is(tagOf(session.late()), "LOCK TABLE");
  t.is(b.run("UPDATE t SET v = 0 WHERE id = 1").kind, "waits", "each shares it with the other");
  t.is(stateOf(c.run("UPDATE t SET v = 0 WHERE id = 2")), "40P01");
  t.is(tagOf(b.late()), "UPDATE 1");
});

test("LOCK TABLE keeps out those that write, those that lock rows only from EXCLUSIVE on, and reads never", (t) => {
  const modes: Readonly<Record<string, string>> = {
    "ACCESS SHARE": "",
    "ROW SHARE": "",
    "ROW EXCLUSIVE": "",
    SHARE: "write",
    "SHARE ROW EXCLUSIVE": "write",
    EXCLUSIVE: "write lock",
    "ACCESS EXCLUSIVE": "write lock",
  };
  const statements = {
    read: "SELECT * FROM t",
    lock: "SELECT FROM t WHERE id = 1 FOR UPDATE",
    write: "UPDATE t SET v = 0 WHERE id = 2",
  };
  for (const [mode, keptOut] of Object.entries(modes)) {
    const { a, b } = rig();
    a.begin();
    a.run(`LOCK TABLE t IN ${mode} MODE`);
    for (const [kind, text] of Object.entries(statements)) {
      const isKeptOut = keptOut.split(" ").includes(kind);
      t.is(b.run(text).kind, isKeptOut ? "waits" : "rows", `${text} beside ${mode}`);
      if (!isKeptOut) continue;
      a.commit();
      t.is(b.late()?.kind, "rows");
      a.begin();
      a.run(`LOCK TABLE t IN ${mode} MODE`);
    }
    a.rollback();
  }
});
