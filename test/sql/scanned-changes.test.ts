/**
 * UPDATE, DELETE and locks of rows that a scan finds: keys are made of the rows that the condition lets pass, so every type of a key has to come to the key
 * that its row lies under, whether the transaction has written before or not.
 */
import test from "ava";
import { contentsOf, ShardRig } from "./shard-rig.js";

/** Types of keys, and twelve values that are not equal. */
const keys: readonly (readonly [columns: string, primary: string, values: (n: number) => string])[] = [
  ["k int", "k", (n) => String(n - 6)],
  ["k bigint", "k", (n) => `${n - 6} * 1500000000000000`],
  ["k smallint, j bool", "j, k", (n) => `${n}, ${n % 2 === 0}`],
  ["k text", "k", (n) => `'${["", "a", "ab", "b", "ä", "😀", "日本", "A", "a b", "z".repeat(300), "0", "~"][n] ?? n}'`],
  ["k varchar(9), j char(5)", "k, j", (n) => `'${"x".repeat(n % 4)}', '${"y".repeat(n % 5)}${Math.floor(n / 4)}'`],
  [
    "k numeric",
    "k",
    (n) =>
      [
        "0",
        "1.50",
        "-1.5",
        "100",
        "1e20",
        "'NaN'",
        "'Infinity'",
        "0.001",
        "-7",
        "12345678901234567890.5",
        "1.05",
        "10",
      ][n] ?? String(n),
  ],
  [
    "k double precision",
    "k",
    (n) =>
      ["'-0'", "1.5", "'NaN'", "'Infinity'", "'-Infinity'", "-2", "1e300", "1e-300", "3", "4", "5", "6"][n] ??
      String(n),
  ],
  ["k real", "k", (n) => `${n} / 3.0`],
  [
    "k bytea",
    "k",
    (n) => `'\\x${["", "00", "0000", "00ff", "ff", "ff00", "01", "0100", "7f", "80", "8000", "fe"][n] ?? ""}'`,
  ],
  ["k date", "k", (n) => (n === 0 ? "'-infinity'" : n === 1 ? "'infinity'" : `date '2020-02-27' + ${n}`)],
  ["k timestamptz", "k", (n) => `timestamptz '2020-01-01 00:00+00' + ${n} * interval '1.5 s'`],
  ["k interval", "k", (n) => `${n} * interval '1 mon 3 days 0.5 s'`],
  ["k uuid", "k", (n) => `'0000000${(n % 10).toString()}-0000-4000-8000-00000000000${Math.floor(n / 10)}'`],
  ["k int[]", "k", (n) => `array[${Array.from({ length: n % 4 }, (_, at) => at + n).join(",")}]::int[] || ${n}`],
  ["k jsonb", "k", (n) => `'${JSON.stringify({ n, list: Array.from({ length: n % 3 }, () => 1.5) })}'`],
  ["k time", "k", (n) => `time '10:00' + ${n} * interval '7 min'`],
];

const statements = [
  "UPDATE t SET v = v + 100 WHERE v % 3 = 0",
  "DELETE FROM t WHERE v % 5 = 1 RETURNING v",
  "UPDATE t SET w = 'changed ' || v WHERE w LIKE '%9%' RETURNING v, w",
  "SELECT v FROM t WHERE v > 4 FOR UPDATE",
  "UPDATE t SET v = t.v + s.n FROM generate_series(1, 3) s(n) WHERE t.v % 7 = s.n RETURNING t.v",
  "DELETE FROM t WHERE w IS NULL RETURNING v",
];

for (const [columns, primary, valuesOf] of keys) {
  test(`rows by a key of ${columns} that a scan finds are changed as those that are found by their number`, (t) => {
    const answers = ["keyed", "numbered", "written before"].map((kind) => {
      const rig = new ShardRig();
      const session = rig.session();
      const key = kind === "numbered" ? "" : `, PRIMARY KEY (${primary})`;
      session.rows(`CREATE TABLE t (${columns}, v int, w text${key})`);
      for (let n = 0; n < 12; n += 1)
        session.rows(`INSERT INTO t SELECT ${valuesOf(n)}, ${n}, ${n % 4 === 2 ? "NULL" : `'row ${n}'`}`);
      session.begin();
      // Own writes are read with the state, row by row.
      if (kind === "written before") {
        session.rows("CREATE TABLE other (n int)");
        session.rows("INSERT INTO other VALUES (1)");
      }
      const found = statements.map((text) => session.rows(text).map(String).toSorted().join(" "));
      session.commit();
      const left = session.rows("SELECT v, w FROM t ORDER BY v, w").map(String).join(" ");
      const others = kind === "written before" ? 1 : 0;
      t.is(contentsOf(rig).length, session.rows("SELECT v FROM t").length + others);
      return [...found, left].join("\n");
    });
    t.is(answers[0], answers[1]);
    t.is(answers[2], answers[1]);
    t.regex(answers[0] ?? "", /changed/);
  });
}

test("a condition over many rows changes the same rows in an open transaction as alone, and what it has changed is seen by the next", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (a int, b text, v int, PRIMARY KEY (b, a))");
  session.rows("INSERT INTO t SELECT n, 'k' || n % 7, n FROM generate_series(1, 3000) n");
  session.rows("DELETE FROM t WHERE v % 50 = 0");
  t.deepEqual(session.rows("SELECT count(*) FROM t"), [["2940"]]);
  session.begin();
  session.rows("UPDATE t SET v = -v WHERE v % 50 = 1");
  session.rows("DELETE FROM t WHERE v < -2000");
  t.deepEqual(session.rows("SELECT count(*), count(*) FILTER (WHERE v < 0) FROM t"), [["2920", "40"]]);
  session.commit();
  t.deepEqual(session.rows("SELECT count(*), count(*) FILTER (WHERE v < 0) FROM t"), [["2920", "40"]]);
  // What a statement reads while it writes is as it was before.
  t.deepEqual(
    session.rows(
      "WITH gone AS (DELETE FROM t WHERE a % 2 = 0 RETURNING a) SELECT count(*), (SELECT count(*) FROM t) FROM gone",
    ),
    [["1440", "2920"]],
  );
  const counted = session.rows("DELETE FROM t WHERE v < 0 RETURNING (SELECT count(*) FROM t)").flat();
  t.deepEqual(
    counted,
    Array.from({ length: 40 }, () => "1480"),
  );
});
