import test from "ava";
import fc from "fast-check";
import { dump } from "../kernel/shard-twin.js";
import { ShardRig } from "./shard-rig.js";

const id = fc.integer({ min: 1, max: 8 });
const change = fc.oneof(
  fc.record({ kind: fc.constant("insert" as const), id, value: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ kind: fc.constant("update" as const), id, value: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ kind: fc.constant("move" as const), id, value: id }),
  fc.record({ kind: fc.constant("delete" as const), id, value: fc.constant(0) }),
  fc.record({ kind: fc.constant("all" as const), id, value: fc.integer({ min: 0, max: 3 }) }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const textOf = ({ kind, id: key, value }: Change): string => {
  switch (kind) {
    case "insert":
      return `INSERT INTO t VALUES (${key}, ${value}, 'n${value}') ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v`;
    case "update":
      return `UPDATE t SET v = ${value}, note = note || '!' WHERE id = ${key}`;
    case "move":
      return `UPDATE t SET id = ${value} WHERE id = ${key}`;
    case "delete":
      return `DELETE FROM t WHERE id = ${key}`;
    case "all":
      return `UPDATE t SET v = v + 1 WHERE v < ${value}`;
  }
};

test("random changes, alone and in transactions: every past position reads as it did then, also on a replica made of the log", (t) => {
  let positions = 0;
  fc.assert(
    fc.property(
      fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12, size: "max" }),
      (transactions) => {
        const rig = new ShardRig();
        const session = rig.session();
        session.rows("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, note text)");
        session.rows("CREATE INDEX t_v ON t (v, note DESC)");
        const states = new Map<number, readonly (readonly (string | null)[])[]>();
        const look = "SELECT id, v, note FROM t";
        for (const changes of transactions) {
          if (changes.length > 1) session.begin();
          let position = -1;
          for (const each of changes) {
            const answer = session.run(textOf(each));
            if (answer.kind === "rows") position = answer.position;
            else if (answer.kind === "error") {
              t.is(answer.sqlState, "23505");
              break;
            }
          }
          if (changes.length > 1) {
            const answer = session.commit();
            if (answer.kind === "rows") position = answer.position;
          }
          if (position >= 0) states.set(position, session.rows(`${look} ORDER BY id`));
        }
        const twin = new ShardRig(rig.shard.replay());
        t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
        for (const reader of [session, twin.session()]) {
          for (const [position, rows] of states) {
            const past = `${look} FOR SYSTEM_TIME AS OF POSITION ${position}`;
            t.deepEqual(reader.rows(`${past} ORDER BY id`), rows);
            t.deepEqual(
              reader.rows(`${past} WHERE v >= 2 AND v <= 5 ORDER BY id`),
              rows.filter(([, v]) => Number(v) >= 2 && Number(v) <= 5),
            );
            t.deepEqual(
              reader.rows(`${past} WHERE id = 3`),
              rows.filter(([key]) => key === "3"),
            );
            positions += 1;
          }
        }
      },
    ),
    { numRuns: 12 },
  );
  t.true(positions > 60, `${positions} positions were compared`);
});

test("the past of a table that was written anew since is read under its definition of then, or refused", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, v int)");
  const inserted = session.run("INSERT INTO t VALUES (1, 10), (2, 20)");
  const position = inserted.kind === "rows" ? inserted.position : -1;
  session.rows("TRUNCATE t");
  t.deepEqual(session.rows("SELECT * FROM t"), []);
  t.deepEqual(session.rows(`SELECT * FROM t FOR SYSTEM_TIME AS OF POSITION ${position} ORDER BY id`), [
    ["1", "10"],
    ["2", "20"],
  ]);
  session.rows("ALTER TABLE t ALTER COLUMN v TYPE text");
  session.rows("INSERT INTO t VALUES (3, 'three')");
  t.is(session.state(`SELECT * FROM t FOR SYSTEM_TIME AS OF POSITION ${position}`), "0A000");
  t.deepEqual(session.rows(`SELECT id FROM t FOR SYSTEM_TIME AS OF POSITION ${position} ORDER BY id`), [["1"], ["2"]]);
  t.is(session.state("SELECT * FROM t FOR SYSTEM_TIME ALL"), "0A000");
});

test("large transactions are staged, and stand or fall as one", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, note text)");
  const before = rig.shard.log.length;
  session.rows("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 12000) AS g");
  t.true(rig.shard.log.length - before > 10, "several records");
  t.deepEqual(session.rows("SELECT count(*), sum(length(note)) FROM t"), [["12000", "12000000"]]);
  const last = rig.shard.log.at(-1)?.position ?? -1;
  t.deepEqual(session.rows(`SELECT count(*) FROM t FOR SYSTEM_TIME AS OF POSITION ${last - 1}`), [["0"]]);
  const twin = new ShardRig(rig.shard.replay());
  t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
});

test("what was committed is a table: position, kind and rows of each command", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY)");
  session.rows("INSERT INTO t VALUES (1), (2), (3)");
  session.rows("DELETE FROM t WHERE id > 1");
  t.deepEqual(session.rows("SELECT position, kind, rows FROM kimberlite.commits ORDER BY position"), [
    ["0", "sqlCommit", "0"],
    ["1", "sqlCommit", "3"],
    ["2", "sqlCommit", "2"],
  ]);
  t.is(session.state("SELECT * FROM kimberlite.nothing"), "42P01");
});
