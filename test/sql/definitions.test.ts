import test from "ava";
import { ShardRig } from "./shard-rig.js";

const tooManyColumns = Array.from({ length: 1_601 }, (_, index) => `1 AS c${index}`).join(", ");

const refusals: readonly (readonly [text: string, sqlState: string, message?: string])[] = [
  ["CREATE TABLE p (id int)", "42P07", 'relation "p" already exists'],
  ["CREATE TABLE q (a int, a int)", "42701", 'column "a" specified more than once'],
  ["CREATE TABLE q (a nothing)", "42704", 'type "nothing" does not exist'],
  ["CREATE TABLE nowhere.q (a int)", "3F000", 'schema "nowhere" does not exist'],
  ["CREATE TABLE q (a int PRIMARY KEY, b int PRIMARY KEY)", "42P16"],
  ["CREATE TABLE q (a int REFERENCES missing)", "42P01", 'relation "missing" does not exist'],
  ["CREATE TABLE q (a int REFERENCES p (name2))", "42703"],
  ["CREATE TABLE q (a int, FOREIGN KEY (a) REFERENCES c (amount))", "42830"],
  ["CREATE TABLE q (a int CHECK (b > 1))", "42703", 'column "b" does not exist'],
  ["CREATE TABLE q (a int DEFAULT true)", "42804"],
  ["CREATE TABLE q (a json PRIMARY KEY)", "42704"],
  ["CREATE TEMP TABLE q (a int)", "0A000"],
  [`CREATE TABLE q AS SELECT ${tooManyColumns}`, "54011", "tables can have at most 1600 columns"],
  [`CREATE VIEW q AS SELECT ${tooManyColumns}`, "54011", "tables can have at most 1600 columns"],
  ["INSERT INTO p VALUES (1, 'again')", "23505", 'duplicate key value violates unique constraint "p_pkey"'],
  ["INSERT INTO p VALUES (2, 'one')", "23505", 'duplicate key value violates unique constraint "p_name_key"'],
  [
    "INSERT INTO p VALUES (NULL, 'x')",
    "23502",
    'null value in column "id" of relation "p" violates not-null constraint',
  ],
  [
    "INSERT INTO c VALUES (2, 99, 1)",
    "23503",
    'insert or update on table "c" violates foreign key constraint "c_pid_fkey"',
  ],
  ["INSERT INTO c VALUES (2, 1, -1)", "23514", 'new row for relation "c" violates check constraint "c_amount_check"'],
  [
    "DELETE FROM p WHERE id = 1",
    "23503",
    'update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"',
  ],
  ["UPDATE p SET id = 5 WHERE id = 1", "23503"],
  ["DROP TABLE p", "2BP01", "cannot drop table p because other objects depend on it"],
  ["DROP TABLE missing", "42P01", 'table "missing" does not exist'],
  ["DROP VIEW p", "42809", '"p" is not a view'],
  ["DROP INDEX p_pkey", "2BP01"],
  ["ALTER TABLE p ADD COLUMN name text", "42701", 'column "name" of relation "p" already exists'],
  ["ALTER TABLE p ADD COLUMN must int NOT NULL", "23502", 'column "must" of relation "p" contains null values'],
  ["ALTER TABLE c ADD CHECK (amount > 100)", "23514"],
  ["CREATE UNIQUE INDEX ON dup (a)", "23505", 'could not create unique index "dup_a_idx"'],
  ["ALTER TABLE dup ADD PRIMARY KEY (a)", "23505"],
  ["ALTER TABLE p ALTER COLUMN name TYPE int", "42804"],
  ["TRUNCATE p", "0A000", "cannot truncate a table referenced in a foreign key constraint"],
  ["CREATE SEQUENCE s INCREMENT 0", "22023"],
  ["CREATE TABLE q (a xml)", "0A000", "the type xml is not supported"],
  ["SELECT * FROM p, LATERAL (VALUES (p.*)) v", "0A000", 'row expansion via "*" is not supported here'],
  ["SELECT '{}'::jsonb @@ 1", "42883", "operator does not exist: jsonb @@ integer"],
];

test("what cannot be defined or stored is refused as PostgreSQL refuses it, and changes nothing", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE p (id int PRIMARY KEY, name text UNIQUE)");
  session.rows("CREATE TABLE c (id int PRIMARY KEY, pid int REFERENCES p, amount int CHECK (amount > 0))");
  session.rows("CREATE TABLE dup (a int)");
  session.rows("INSERT INTO p VALUES (1, 'one')");
  session.rows("INSERT INTO c VALUES (1, 1, 5)");
  session.rows("INSERT INTO dup VALUES (1), (1)");
  const before = rig.shard.log.length;
  for (const [text, sqlState, message] of refusals) {
    const answer = session.run(text);
    if (answer.kind !== "error") {
      t.fail(`${text}: ${JSON.stringify(answer)}`);
      continue;
    }
    t.is(answer.sqlState, sqlState, `${text}: ${answer.message}`);
    if (message !== undefined) t.is(answer.message, message, text);
  }
  t.is(rig.shard.log.length, before, "nothing was written");
  t.deepEqual(session.rows("SELECT * FROM p, c"), [["1", "one", "1", "1", "5"]]);
  // Whether there is such a type can be asked.
  t.deepEqual(session.rows("SELECT to_regtype('xml')"), [[null]]);
});

test("foreign keys: cascade, set null, set default, to the table itself, in one statement", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE p (id int PRIMARY KEY)");
  session.rows("CREATE TABLE a (id int PRIMARY KEY, pid int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE)");
  session.rows("CREATE TABLE b (id int PRIMARY KEY, aid int REFERENCES a ON DELETE SET NULL)");
  session.rows("CREATE TABLE d (id int PRIMARY KEY, pid int DEFAULT 1 REFERENCES p ON DELETE SET DEFAULT)");
  session.rows("INSERT INTO p VALUES (1), (2), (3)");
  session.rows("INSERT INTO a VALUES (10, 2), (11, 3)");
  session.rows("INSERT INTO b VALUES (20, 10), (21, 11)");
  session.rows("INSERT INTO d VALUES (30, 2)");
  session.rows("UPDATE p SET id = 4 WHERE id = 3");
  t.deepEqual(session.rows("SELECT * FROM a ORDER BY id"), [
    ["10", "2"],
    ["11", "4"],
  ]);
  session.rows("DELETE FROM p WHERE id = 2");
  t.deepEqual(session.rows("SELECT id FROM a"), [["11"]]);
  t.deepEqual(session.rows("SELECT * FROM b ORDER BY id"), [
    ["20", null],
    ["21", "11"],
  ]);
  t.deepEqual(session.rows("SELECT * FROM d"), [["30", "1"]]);
  session.rows("CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree)");
  session.rows("INSERT INTO tree VALUES (1, 2), (2, NULL), (3, 1)");
  t.is(session.state("DELETE FROM tree WHERE id = 1"), "23503");
  session.rows("DELETE FROM tree");
  t.deepEqual(session.rows("SELECT count(*) FROM tree"), [["0"]]);
});

test("tables change while they hold rows: columns come, go and become others, keys too", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (a int, b text)");
  session.rows("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
  session.rows("ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 7, ADD COLUMN d numeric(6,2)");
  session.rows("INSERT INTO t VALUES (3, 'z', 8, 1.5)");
  t.deepEqual(session.rows("SELECT * FROM t ORDER BY a"), [
    ["1", "x", "7", null],
    ["2", "y", "7", null],
    ["3", "z", "8", "1.50"],
  ]);
  session.rows("ALTER TABLE t ADD PRIMARY KEY (a)");
  session.rows("CREATE INDEX ON t (b)");
  t.is(session.state("INSERT INTO t (a) VALUES (1)"), "23505");
  session.rows("ALTER TABLE t ALTER COLUMN a TYPE bigint, ALTER COLUMN c TYPE text USING 'n' || c");
  session.rows("ALTER TABLE t DROP COLUMN d");
  session.rows("ALTER TABLE t RENAME COLUMN b TO label");
  t.deepEqual(session.rows("SELECT a, label, c FROM t WHERE label = 'y'"), [["2", "y", "n7"]]);
  session.rows("ALTER TABLE t DROP CONSTRAINT t_pkey");
  session.rows("INSERT INTO t VALUES (1, 'twice', 'n')");
  t.deepEqual(session.rows("SELECT count(*) FROM t WHERE a = 1"), [["2"]]);
  session.rows("ALTER TABLE t RENAME TO renamed");
  t.is(session.state("SELECT * FROM t"), "42P01");
  t.deepEqual(session.rows("SELECT count(*) FROM renamed"), [["4"]]);
});

test("generated columns, expression and partial indexes follow their rows", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED)");
  session.rows("CREATE UNIQUE INDEX t_even ON t ((a % 10)) WHERE a > 0");
  session.rows("INSERT INTO t (id, a) VALUES (1, 3), (2, -3), (3, -13)");
  t.deepEqual(session.rows("SELECT twice FROM t ORDER BY id"), [["6"], ["-6"], ["-26"]]);
  t.is(session.state("INSERT INTO t (id, a) VALUES (4, 13)"), "23505");
  session.rows("UPDATE t SET a = -1 WHERE id = 1");
  session.rows("INSERT INTO t (id, a) VALUES (4, 13)");
  t.is(session.state("UPDATE t SET a = 23 WHERE id = 1"), "23505");
  t.deepEqual(session.rows("SELECT id, twice FROM t ORDER BY id"), [
    ["1", "-2"],
    ["2", "-6"],
    ["3", "-26"],
    ["4", "26"],
  ]);
});

test("an ALTER TABLE of many actions says with each that it is at work, and binds with none what those before have said", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (a int)");
  const before = rig.signs;
  const actions = Array.from({ length: 40 }, (_, index) => `ADD CHECK (a > ${-index})`);
  session.rows(`ALTER TABLE t ${actions.join(", ")}`);
  t.true(rig.signs - before >= actions.length, `${rig.signs - before} signs`);
  // Each once for its errors and once for the rows that are there.
  t.is(rig.engine.checks, 2 * actions.length);
  // A column that means another thing is looked at by all of them.
  session.rows("ALTER TABLE t ALTER a TYPE bigint");
  t.true(rig.engine.checks >= 3 * actions.length, `${rig.engine.checks} checks`);
  t.like(session.run("ALTER TABLE t ALTER a TYPE text"), { kind: "error", sqlState: "42883" });
});

test("a foreign key between types whose equal values have different keys is refused", (t) => {
  const session = new ShardRig().session();
  const pairs = [
    ["text", "char(5)", "0A000"],
    ["char(5)", "text", "0A000"],
    ["timestamp", "timestamptz", "0A000"],
    ["timestamptz", "timestamp", "0A000"],
    ["int[]", "text[]", "42804"],
  ] as const;
  for (const [index, [referenced, own, state]] of pairs.entries()) {
    session.rows(`CREATE TABLE k${index} (a ${referenced} PRIMARY KEY)`);
    t.is(session.state(`CREATE TABLE f (a ${own} REFERENCES k${index})`), state, `${own} to ${referenced}`);
  }
});
