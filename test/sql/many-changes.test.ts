/**
 * UPDATE and DELETE of rows of the state, whose changes go straight into the record (write/many-changes.ts), beside their twin: the general way,
 * which a statement takes that returns something. Both leave the same bytes at the same positions, the past included.
 */
import test from "ava";
import { LoadedRows } from "../../actors/shard/sql/loaded-rows.js";
import { tableTree } from "../../runtime/store/table-trees.js";
import { dump } from "../kernel/shard-twin.js";
import { Random } from "../query/fuzz/expressions.js";
import { type RigSession, ShardRig } from "./shard-rig.js";

const definitions = [
  "CREATE TABLE parent (id int PRIMARY KEY, n int)",
  "CREATE TABLE t (a int, b text, v int, n numeric, w text, x int GENERATED ALWAYS AS (v * 2) STORED, d int REFERENCES parent, CHECK (v < 5000), PRIMARY KEY (b, a))",
  "CREATE TABLE plain (v int, w text, gone int)",
  "ALTER TABLE plain DROP COLUMN gone",
  "CREATE INDEX ON t (v)",
  "CREATE INDEX ON t (n DESC, w)",
  "CREATE INDEX ON t (x) WHERE v % 2 = 0",
  "CREATE INDEX ON t ((v % 10), lower(w))",
  "CREATE UNIQUE INDEX ON t (a)",
  "CREATE INDEX ON plain (w)",
  "INSERT INTO parent SELECT g, g FROM generate_series(1, 20) g",
  "INSERT INTO t (a, b, v, n, w, d) SELECT g, 'k' || g % 5, g, g / 4.0, CASE WHEN g % 7 > 0 THEN 'W' || g % 30 END, 1 + g % 20 FROM generate_series(1, 600) g",
  "INSERT INTO plain SELECT g, 'w' || g % 9 FROM generate_series(1, 300) g",
  "CREATE TABLE boss (id int PRIMARY KEY, up int REFERENCES boss ON DELETE CASCADE, k numeric UNIQUE)",
  "CREATE TABLE staff (id int, boss int REFERENCES boss ON DELETE CASCADE, k numeric REFERENCES boss (k) ON DELETE CASCADE)",
  "CREATE INDEX ON staff (boss, id)",
  "CREATE TABLE own (id int PRIMARY KEY, up int REFERENCES own)",
  "INSERT INTO boss SELECT g, CASE WHEN g > 5 THEN g / 5 END, CASE WHEN g % 9 > 0 THEN g / 2.0 END FROM generate_series(1, 200) g",
  "INSERT INTO staff SELECT g, 1 + g % 200, CASE WHEN g % 4 = 0 THEN (1 + g % 8) / 2.0 END FROM generate_series(1, 400) g",
  "INSERT INTO own SELECT g, CASE WHEN g > 10 THEN g - g % 10 END FROM generate_series(1, 200) g",
  "ALTER TABLE t ADD COLUMN late int DEFAULT 7",
  "ALTER TABLE plain ADD COLUMN late text",
];

function statementOf(random: Random): string {
  const table = random.pick(["t", "t", "plain"]);
  const [m, k] = [2 + random.next(9), random.next(9)];
  const where = random.pick([
    `v % ${m} = ${k % m}`,
    `v BETWEEN ${k * 50} AND ${k * 50 + 90}`,
    `w = 'W${k}'`,
    `v % ${m} < 2 AND w IS NULL`,
  ]);
  const kind = random.next(14);
  if (kind === 10) return `DELETE FROM boss WHERE id % 40 = ${random.next(40)} OR id = ${random.next(9)}`;
  if (kind === 11) return `DELETE FROM own WHERE id BETWEEN ${k * 10} AND ${k * 10 + 7 + random.next(5)}`;
  if (kind === 12) return `DELETE FROM parent WHERE id = ${random.next(30)}`;
  if (kind === 13) return `DELETE FROM staff WHERE id % 20 = ${random.next(20)}`;
  if (kind < 3) return `DELETE FROM ${table} WHERE ${where}`;
  if (kind === 3)
    return `DELETE FROM ${table} USING generate_series(${k}, ${k + 5}) s(i), generate_series(1, 2) WHERE v % 40 = s.i`;
  if (kind === 4) return `UPDATE ${table} SET w = w || s.i FROM generate_series(1, 3) s(i) WHERE v % 30 = s.i + ${k}`;
  if (kind === 5) return `UPDATE ${table} SET w = w, late = late WHERE ${where}`;
  if (kind === 6) return `UPDATE t SET n = NULL, d = ${1 + random.next(24)} WHERE ${where}`;
  if (kind === 7) return `UPDATE t SET a = a + 1000, v = v + ${random.next(3) * 2300} WHERE ${where}`;
  const set = random.pick([
    "v = v + 1",
    "w = upper(w) || v",
    "late = DEFAULT",
    "v = -v, w = NULL",
    "w = repeat('z', v % 90)",
  ]);
  return `UPDATE ${table} SET ${set} WHERE ${where}`;
}

/** What tables hold and held, with the positions. */
const held = ({ shard }: ShardRig): string => {
  const trees = [tableTree.rows, tableTree.rowHistory, tableTree.index, tableTree.indexHistory];
  return dump(shard.state)
    .split("\n")
    .filter((line) => trees.some((tree) => line.startsWith(`${tree} `)))
    .join("\n");
};

/** What a statement came to: its tag, or its error. */
function cameTo(session: RigSession, text: string): string {
  const answer = session.run(text);
  return answer.kind === "error" ? answer.sqlState : answer.kind === "rows" ? answer.tag : answer.kind;
}

for (const seed of [1, 2, 3, 4]) {
  test(`changes that go straight into the record leave what the general way leaves (${seed})`, (t) => {
    const random = new Random(seed);
    const rigs = [new ShardRig(), new ShardRig()] as const;
    const [straight, general] = [rigs[0].session(), rigs[1].session()];
    for (const text of definitions) for (const session of [straight, general]) session.rows(text);
    let [changed, refused, referred] = [0, 0, 0];
    for (let at = 0; at < 48; at += 1) {
      const text = statementOf(random);
      const given = cameTo(straight, text);
      t.is(given, cameTo(general, `${text} RETURNING 1`), text);
      if (/ [1-9]/.test(given)) changed += 1;
      if (/^\d/.test(given)) refused += 1;
      if (/FROM (boss|own|parent)/.test(text)) referred += 1;
      if (at % 3 === 2) t.true(held(rigs[0]) === held(rigs[1]), text);
      if (at % 8 === 7)
        for (const session of [straight, general]) {
          session.rows(`INSERT INTO parent VALUES (${100 + at}, 1)`);
          session.rows(`INSERT INTO boss SELECT max(id) + 1, min(id), NULL FROM boss`);
          session.rows(`INSERT INTO t (a, b, v, w) SELECT max(a) + 1, 'n', ${at}, 'W1' FROM t`);
        }
    }
    t.true(
      changed > 10 && refused > 0 && referred > 5,
      `${changed} changed, ${refused} refused, ${referred} referred to`,
    );
    t.is(dump(rigs[0].shard.replay().state), dump(rigs[0].shard.state), "replay equals live");
  });
}

test("what a transaction has removed at once is seen to be gone, comes back with a savepoint, and may be loaded anew", (t) => {
  const rig = new ShardRig();
  const [one, two] = [rig.session(), rig.session()];
  one.rows("CREATE TABLE t (a int PRIMARY KEY, v int)");
  one.rows("CREATE INDEX ON t (v)");
  one.rows("INSERT INTO t SELECT g, g % 50 FROM generate_series(1, 500) g");
  const rows = (session: RigSession): unknown =>
    session.rows("SELECT count(*), sum(a), count(*) FILTER (WHERE v = 3) FROM t");
  one.begin();
  one.savepoint("before");
  t.is(cameTo(one, "DELETE FROM t WHERE a > 100"), "DELETE 400");
  t.deepEqual(rows(one), [["100", "5050", "2"]]);
  t.deepEqual(rows(two), [["500", "125250", "10"]]);
  one.rollbackTo("before");
  t.deepEqual(rows(one), [["500", "125250", "10"]]);
  one.rows("DELETE FROM t WHERE a > 200");
  one.rows("INSERT INTO t SELECT g, 3 FROM generate_series(201, 300) g");
  t.deepEqual(rows(one), [["300", "45150", "104"]]);
  one.commit();
  t.deepEqual(rows(two), [["300", "45150", "104"]]);
  t.deepEqual(two.rows("SELECT count(*) FROM t WHERE v = 3"), [["104"]]);
  one.begin();
  one.rows("DELETE FROM t WHERE a % 2 = 0");
  one.load(
    "INSERT INTO t VALUES ($1, $2)",
    Array.from({ length: 20 }, (_, at) => [String(2 * at + 2), "9"]),
  );
  t.deepEqual(one.rows("SELECT count(*) FROM t WHERE v = 9"), [["24"]]);
  one.commit();
  t.deepEqual(two.rows("SELECT count(*), count(*) FILTER (WHERE v = 9) FROM t"), [["170", "24"]]);
  t.is(dump(rig.shard.replay().state), dump(rig.shard.state), "replay equals live");
});

test("rows that are removed or changed at once wait for those who have locked them, and those who come later wait for the removal", (t) => {
  const rig = new ShardRig();
  const [one, two, three] = [rig.session(), rig.session(), rig.session()];
  one.rows("CREATE TABLE t (a int PRIMARY KEY, v int)");
  one.rows("CREATE TABLE child (a int REFERENCES t)");
  one.rows("INSERT INTO t SELECT g, g FROM generate_series(1, 100) g");
  one.begin();
  one.rows("SELECT 1 FROM t WHERE a = 70 FOR UPDATE");
  t.is(two.run("UPDATE t SET v = 0 WHERE v > 60").kind, "waits");
  t.is(cameTo(three, "UPDATE t SET v = -1 WHERE v < 5"), "UPDATE 4");
  one.commit();
  t.is(two.late()?.kind, "rows");
  t.deepEqual(one.rows("SELECT count(*) FROM t WHERE v = 0"), [["40"]]);
  one.begin();
  one.rows("INSERT INTO child VALUES (50)");
  t.is(cameTo(three, "UPDATE t SET v = 1000 WHERE v BETWEEN 45 AND 55"), "UPDATE 11", "a key share lets it pass");
  one.commit();
  one.rows("DROP TABLE child");
  one.begin();
  t.is(cameTo(one, "DELETE FROM t WHERE a > 90"), "DELETE 10");
  t.is(two.run("UPDATE t SET v = 5 WHERE a = 95").kind, "waits");
  t.deepEqual(three.rows("SELECT count(*) FROM t"), [["100"]]);
  t.deepEqual(three.rows("SELECT a FROM t WHERE a > 88 ORDER BY a FOR UPDATE SKIP LOCKED"), [["89"], ["90"]]);
  one.rollback();
  const late = two.late();
  t.is(late?.kind === "rows" ? late.tag : null, "UPDATE 1");
});

test("a cascade that goes straight into the record is as far-reaching as one that does not, and waits for the same locks", (t) => {
  const rig = new ShardRig();
  const [one, two] = [rig.session(), rig.session()];
  one.rows("CREATE TABLE a (id int PRIMARY KEY)");
  one.rows("CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE)");
  one.rows(
    "CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b ON DELETE CASCADE, a int REFERENCES a ON DELETE CASCADE)",
  );
  one.rows("CREATE INDEX ON c (b)");
  one.rows("INSERT INTO a SELECT generate_series(1, 50)");
  one.rows("INSERT INTO b SELECT g, 1 + g % 50 FROM generate_series(1, 200) g");
  one.rows("INSERT INTO c SELECT g, 1 + g % 200, 1 + g % 50 FROM generate_series(1, 600) g");
  two.begin();
  two.rows("SELECT 1 FROM c WHERE id = 7 FOR UPDATE");
  t.is(one.run("DELETE FROM a WHERE id BETWEEN 5 AND 10").kind, "waits");
  two.commit();
  const late = one.late();
  t.is(late?.kind === "rows" ? late.tag : null, "DELETE 6");
  t.deepEqual(one.rows("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), count(*) FROM c"), [
    ["44", "176", "516"],
  ]);
  t.deepEqual(one.rows("SELECT count(*) FROM c WHERE b NOT IN (SELECT id FROM b) OR a NOT IN (SELECT id FROM a)"), [
    ["0"],
  ]);
  t.is(cameTo(one, "DELETE FROM a"), "DELETE 44");
  t.deepEqual(one.rows("SELECT (SELECT count(*) FROM b), count(*) FROM c"), [["0", "0"]]);
  t.is(dump(rig.shard.replay().state), dump(rig.shard.state), "replay equals live");
});

test("what goes straight into the record becomes single entries only when somebody asks", (t) => {
  let poured = 0;
  const { pour } = LoadedRows.prototype;
  LoadedRows.prototype.pour = function counted(into): void {
    poured += 1;
    pour.call(this, into);
  };
  try {
    const session = new ShardRig().session();
    session.rows("CREATE TABLE t (a int PRIMARY KEY, v int)");
    session.rows("CREATE INDEX ON t (v)");
    session.rows("INSERT INTO t SELECT g, g FROM generate_series(1, 300) g");
    const entries = (): string | null | undefined =>
      session.rows("SELECT rows FROM kimberlite.commits ORDER BY position DESC LIMIT 1")[0]?.[0];
    t.is(cameTo(session, "UPDATE t SET v = v + 1 WHERE v % 2 = 0"), "UPDATE 150");
    t.is(entries(), "150");
    t.is(cameTo(session, "UPDATE t SET v = v WHERE a < 50"), "UPDATE 49");
    t.is(entries(), "150", "rows that stay as they are make no record");
    t.is(cameTo(session, "DELETE FROM t WHERE a % 3 = 0"), "DELETE 100");
    t.is(entries(), "100");
    t.is(poured, 0);
    t.is(cameTo(session, "DELETE FROM t WHERE a IN (SELECT a FROM t WHERE a < 10)"), "DELETE 6");
    t.is(poured, 0);
    session.rows("CREATE MATERIALIZED VIEW m AS SELECT count(*) c, sum(v) s FROM t");
    session.rows("DELETE FROM t WHERE a < 100");
    t.true(poured > 0, "a view does");
    t.deepEqual(session.rows("SELECT * FROM m"), session.rows("SELECT count(*), sum(v) FROM t"));
  } finally {
    LoadedRows.prototype.pour = pour;
  }
});
