/**
 * Indexes that are made of rows that are there, and tables that are made of queries: byte for byte what stands there when the index was before the rows, and
 * when the table was filled by an INSERT.
 */
import test from "ava";
import { Random } from "../query/fuzz/expressions.js";
import { type Answer, contentsOf, type RigSession, ShardRig } from "./shard-rig.js";

const table =
  "CREATE TABLE t (id int PRIMARY KEY, n int, s text, x numeric(9, 3), b bytea, at timestamptz, f double precision)";
const indexes = [
  "CREATE INDEX ON t (n)",
  "CREATE INDEX ON t (s DESC NULLS LAST, n)",
  "CREATE INDEX ON t (x, f DESC)",
  "CREATE INDEX ON t (lower(s), id) WHERE n > 2",
  "CREATE INDEX ON t (b) WHERE s IS NOT NULL",
  "CREATE INDEX ON t ((n % 3), at)",
  "CREATE UNIQUE INDEX ON t (id DESC, n)",
  "CREATE UNIQUE INDEX ON t (n, s, id)",
  "ALTER TABLE t ADD CONSTRAINT later UNIQUE (id, s) DEFERRABLE",
];

function rowsOf(random: Random, count: number, from: number): string {
  const maybe = (value: string): string => (random.next(6) === 0 ? "NULL" : value);
  const rows = Array.from({ length: count }, (_, at) => {
    const text = random.pick(["", "a", "Ab", "abc", "b", "ünï", "long ".repeat(random.next(20))]);
    const bytes = random.pick(["", "00", "0001", "ff", "00ff"]);
    const second = random.next(90);
    return `(${from + at}, ${maybe(String(random.next(7) - 3))}, ${maybe(`'${text}'`)}, ${maybe(`${random.next(2_000) - 1_000}.${random.next(9)}`)}, ${maybe(`'\\x${bytes}'`)}, ${maybe(`timestamptz '2020-01-01 00:00:00+00' + ${second} * interval '1 s'`)}, ${maybe(`${random.next(9)} / 4.0 - 1`)})`;
  });
  return `INSERT INTO t VALUES ${rows.join(", ")}`;
}

const failureOf = (answer: Answer): unknown =>
  answer.kind === "error" ? [answer.sqlState, answer.detail] : answer.kind;

function firstDifference(given: readonly string[], wanted: readonly string[]): string | null {
  const at = Array.from({ length: Math.max(given.length, wanted.length) }).findIndex(
    (_, row) => given[row] !== wanted[row],
  );
  return at < 0 ? null : `${given[at] ?? "nothing"} instead of ${wanted[at] ?? "nothing"}`;
}

function inTransaction(session: RigSession, statements: readonly string[]): void {
  session.begin();
  for (const text of statements) session.rows(text);
  session.commit();
}

test("an index of rows that are there has the entries of one that was there before them", (t) => {
  const random = new Random(11);
  for (const count of [0, 1, 30, 400]) {
    const inserts = count === 0 ? [] : [rowsOf(random, count, 1), rowsOf(random, count, 10_000)];
    const changes = ["UPDATE t SET s = s || '!', n = n + 1 WHERE id % 4 = 0", "DELETE FROM t WHERE id % 7 = 0"];
    const [before, after, open] = [new ShardRig(), new ShardRig(), new ShardRig()];
    for (const text of [table, ...indexes, ...inserts, ...changes]) before.session().rows(text);
    for (const text of [table, ...inserts, ...changes, ...indexes]) after.session().rows(text);
    // Rows that the transaction itself has written are read before their entries are.
    inTransaction(open.session(), [table, ...inserts, ...changes, ...indexes]);
    const wanted = contentsOf(before);
    t.is(firstDifference(contentsOf(after), wanted), null);
    t.is(firstDifference(contentsOf(open), wanted), null);
    t.true(wanted.length >= count * 9);
  }
});

test("a unique index is not made of rows that share a key, and says which", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE u (a int, b text, c int)");
  session.rows("INSERT INTO u SELECT n, 'x' || n % 1000, n FROM generate_series(1, 1500) n");
  session.rows("INSERT INTO u VALUES (NULL, NULL, 0), (NULL, NULL, 0)");
  for (const isOwn of [false, true]) {
    session.begin();
    if (isOwn) session.rows("INSERT INTO u VALUES (2000, 'y', 5000)");
    session.savepoint("s");
    for (const [text, detail] of [
      ["CREATE UNIQUE INDEX ON u (b)", "Key (b)=(x1) is duplicated."],
      [
        "CREATE UNIQUE INDEX ON u (upper(b), (c % 1000)) WHERE c > 100",
        "Key (upper(b), (c % 1000))=(X101, 101) is duplicated.",
      ],
      ["ALTER TABLE u ADD UNIQUE NULLS NOT DISTINCT (a)", "Key (a)=(null) is duplicated."],
      ["ALTER TABLE u ADD UNIQUE (b) DEFERRABLE", "Key (b)=(x1) is duplicated."],
    ] as const) {
      const answer = session.run(text);
      t.deepEqual(failureOf(answer), ["23505", detail], text);
      session.rollbackTo("s");
    }
    session.rows("CREATE UNIQUE INDEX ON u (a)");
    session.rollback();
  }
});

const queries = [
  "SELECT * FROM t",
  "SELECT id, s || '?' AS s, n::bigint * 3 AS m, x FROM t WHERE n > 0 ORDER BY id DESC",
  "SELECT nextval('numbers') AS number, id FROM t ORDER BY id",
  "SELECT count(*), n FROM t GROUP BY n ORDER BY n",
  "SELECT id, (SELECT count(*) FROM t u WHERE u.n = t.n) AS alike FROM t",
  "SELECT id, repeat(s, 6000) AS long FROM t WHERE length(s) > 50 AND id < 500",
  "SELECT relname::text AS name FROM pg_class WHERE relname LIKE 't%' ORDER BY 1",
  "SELECT * FROM t WHERE false",
];

test("a table made of a query holds what an INSERT of it would have stored", (t) => {
  const random = new Random(3);
  const rows = rowsOf(random, 2_500, 1);
  for (const query of queries) {
    for (const isOwn of [false, true]) {
      const [made, filled] = [new ShardRig(), new ShardRig()];
      const before = [table, rows, "CREATE SEQUENCE numbers"];
      const own = isOwn ? ["UPDATE t SET n = 5 WHERE id < 20", "DELETE FROM t WHERE id = 3"] : [];
      for (const text of before) for (const rig of [made, filled]) rig.session().rows(text);
      inTransaction(made.session(), [...own, `CREATE TABLE c AS ${query}`]);
      inTransaction(filled.session(), [...own, `CREATE TABLE c AS ${query} WITH NO DATA`, `INSERT INTO c ${query}`]);
      t.is(firstDifference(contentsOf(made), contentsOf(filled)), null, query);
    }
  }
});

test("what a domain forbids is not stored by CREATE TABLE AS either, and nothing stays of a statement that fails", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE DOMAIN small AS int CHECK (VALUE < 10)");
  session.rows("CREATE TABLE kept AS SELECT n::small AS n FROM generate_series(1, 9) n");
  t.deepEqual(session.rows("SELECT count(*), sum(n) FROM kept"), [["9", "45"]]);
  const answer = session.run("CREATE TABLE c AS SELECT 1 / (100 - n) AS x FROM generate_series(1, 5000) n");
  t.deepEqual(failureOf(answer), ["22012", ""]);
  t.is(session.run("SELECT * FROM c").kind, "error");
  t.is(contentsOf(rig).length, 9);
});
