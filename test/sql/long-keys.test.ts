/** Keys as long as they may be, through everything that writes and reads rows; and what refuses them while a replica may not take them. */
import test from "ava";
import fc from "fast-check";
import { itemBytesMax, itemBytesMaxBefore, keyBytesMax } from "../../runtime/store/table-trees.js";
import { dump } from "../kernel/shard-twin.js";
import { contentsOf, type RigSession, ShardRig } from "./shard-rig.js";

/** Texts that differ in their first bytes, in their last, or are short. */
const textOf = (id: number): string => {
  if (id % 4 === 3) return `short ${id}`;
  const letter = String.fromCharCode(97 + (Math.imul(id, 7) % 26));
  const filling = letter.repeat(keyBytesMax - 10);
  return id % 2 === 0 ? `${filling}${id}` : `${id}${filling}`;
};

type Row = readonly [key: string, note: string, n: number];

/** What is in the table, by hand. */
const sorted = (rows: Iterable<Row>): (string | null)[][] =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, note, n]) => [key, note, String(n)]);

const id = fc.integer({ min: 1, max: 24 });
const changes = fc.array(
  fc.record({
    kind: fc.constantFrom("insert", "upsert", "many", "move", "note", "delete", "range"),
    id,
    other: id,
  }),
  { minLength: 10, maxLength: 40, size: "max" },
);

test("random changes of rows with long keys: rows, indexes and every past position are as they were made, also on a replica made of the log", (t) => {
  let [changed, refused, digested] = [0, 0, 0];
  fc.assert(
    fc.property(changes, (steps) => {
      const rig = new ShardRig();
      const session = rig.session();
      session.rows("CREATE TABLE t (k text PRIMARY KEY, note text, n int)");
      session.rows("CREATE INDEX ON t (note DESC, n)");
      session.rows("CREATE UNIQUE INDEX ON t (n, k)");
      const rows = new Map<string, Row>();
      const states = new Map<number, (string | null)[][]>();
      for (const [n, step] of steps.entries()) {
        const [key, other] = [textOf(step.id), textOf(step.other)];
        const was = rows.get(key);
        const answer = session.run(statementOf(step.kind, key, other, n));
        if (answer.kind === "error") {
          t.is(answer.sqlState, "23505");
          t.true(step.kind === "move" || rows.has(key) || step.kind === "many");
          refused += 1;
          continue;
        }
        changed += 1;
        if (step.kind === "insert" || step.kind === "upsert") rows.set(key, [key, other, n]);
        else if (step.kind === "many") {
          for (let each = 0; each < 12; each++)
            rows.set(`${each}${other}`.slice(0, keyBytesMax - 8), [
              `${each}${other}`.slice(0, keyBytesMax - 8),
              key,
              n * 100 + each,
            ]);
        } else if (step.kind === "move" && was !== undefined) {
          rows.delete(key);
          rows.set(other, [other, was[1], was[2]]);
        } else if (step.kind === "note" && was !== undefined) rows.set(key, [key, other, was[2]]);
        else if (step.kind === "delete") rows.delete(key);
        else if (step.kind === "range") {
          const [low, high] = key < other ? [key, other] : [other, key];
          for (const each of [...rows.keys()]) if (each >= low && each < high) rows.delete(each);
        }
        if (answer.kind === "rows") states.set(answer.position, sorted(rows.values()));
      }
      const twin = new ShardRig(rig.shard.replay());
      t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
      digested += contentsOf(rig).filter(
        (line) => line.startsWith("17") && line.split(" ")[2]?.startsWith("00"),
      ).length;
      for (const reader of [session, twin.session()]) {
        for (const [position, then] of states) look(t, reader, `t FOR SYSTEM_TIME AS OF POSITION ${position}`, then);
        look(t, reader, "t", sorted(rows.values()));
      }
    }),
    { numRuns: 4 },
  );
  t.true(changed > 40 && refused > 0 && digested > 0, `${changed} changed, ${refused} refused, ${digested} digested`);
});

function statementOf(kind: string, key: string, other: string, n: number): string {
  switch (kind) {
    case "insert":
      return `INSERT INTO t VALUES ('${key}', '${other}', ${n})`;
    case "upsert":
      return `INSERT INTO t VALUES ('${key}', '${other}', ${n}) ON CONFLICT (k) DO UPDATE SET note = excluded.note, n = excluded.n`;
    case "many":
      return `INSERT INTO t SELECT left(i || '${other}', ${keyBytesMax - 8}), '${key}', ${n} * 100 + i FROM generate_series(0, 11) i`;
    case "move":
      return `UPDATE t SET k = '${other}' WHERE k = '${key}'`;
    case "note":
      return `UPDATE t SET note = '${other}' WHERE k = '${key}'`;
    case "delete":
      return `DELETE FROM t WHERE k = '${key}'`;
    default:
      return key < other
        ? `DELETE FROM t WHERE k >= '${key}' AND k < '${other}'`
        : `DELETE FROM t WHERE k >= '${other}' AND k < '${key}'`;
  }
}

/** Reads the table whole, by key, by a range of keys, and by its index. */
function look(
  t: { deepEqual(actual: unknown, expected: unknown): unknown },
  session: RigSession,
  from: string,
  rows: readonly (readonly (string | null)[])[],
): void {
  t.deepEqual(session.rows(`SELECT k, note, n FROM ${from} ORDER BY k`), rows);
  const notes = [...new Set(rows.map(([, note]) => note ?? ""))];
  for (const note of notes.slice(0, 3)) {
    const found = session.rows(`SELECT k FROM ${from} WHERE note = '${note}' ORDER BY k`);
    t.deepEqual(
      found,
      rows.filter((row) => row[1] === note).map(([key]) => [key]),
    );
  }
  const [key] = rows[rows.length >> 1] ?? [];
  if (key === undefined) return;
  t.deepEqual(
    session.rows(`SELECT n FROM ${from} WHERE k = '${key}'`),
    rows.filter(([k]) => k === key).map(([, , n]) => [n]),
  );
  t.deepEqual(
    session.rows(`SELECT n FROM ${from} WHERE k > '${key}' ORDER BY k LIMIT 5`),
    rows
      .filter(([k]) => (k ?? "") > (key ?? ""))
      .slice(0, 5)
      .map(([, , n]) => [n]),
  );
}

test("while a replica may not take them, keys of more than 492 bytes are refused whichever way they come, and shorter ones are not", (t) => {
  const rig = new ShardRig();
  rig.limits.itemBytes = itemBytesMaxBefore;
  const session = rig.session();
  const [fits, long] = ["x".repeat(490), "y".repeat(491)];
  session.rows("CREATE TABLE t (k text PRIMARY KEY, n int)");
  session.rows("CREATE TABLE u (id int PRIMARY KEY, v text)");
  session.rows("CREATE TABLE w (v text)");
  session.rows(`INSERT INTO t VALUES ('${fits}', 1), ('a', 2)`);
  session.rows(`INSERT INTO u VALUES (1, '${long}'), (2, 'b')`);
  session.rows(`INSERT INTO w VALUES ('${long}')`);
  const before = contentsOf(rig);
  const refused = [
    `INSERT INTO t VALUES ('${long}', 3)`,
    `INSERT INTO t VALUES ('${long}', 3) ON CONFLICT DO NOTHING`,
    `INSERT INTO t VALUES ('c', 3), ('${long}', 3)`,
    `INSERT INTO t SELECT i || '${long}', i FROM generate_series(1, 30) i`,
    `INSERT INTO t SELECT v, id FROM u`,
    `UPDATE t SET k = '${long}' WHERE k = 'a'`,
    `UPDATE t SET k = k || '${long}'`,
    `WITH d AS (DELETE FROM t WHERE k = 'a' RETURNING *) INSERT INTO t SELECT '${long}', n FROM d`,
    "CREATE INDEX ON u (v)",
    "CREATE INDEX ON t (n)",
    "CREATE UNIQUE INDEX ON u (v)",
    "ALTER TABLE w ADD PRIMARY KEY (v)",
    "CREATE INDEX ON w ((v || v))",
  ];
  for (const text of refused) {
    const answer = session.run(text);
    t.like(answer, { kind: "error", sqlState: "54000" }, text);
    t.regex(JSON.stringify(answer), /exceeds maximum 492/, text);
    session.begin();
    t.is(session.state(text), "54000", text);
    session.rollback();
  }
  t.is(
    session.load("INSERT INTO t VALUES ($1, $2)", [
      ["d", "4"],
      [long, "5"],
    ]).kind,
    "error",
  );
  t.deepEqual(contentsOf(rig), before);
  session.rows("CREATE INDEX ON u (id)");
  session.rows("CREATE INDEX ON w (left(v, 400))");
  session.rows(`INSERT INTO t SELECT i || 'z', i FROM generate_series(1, 30) i`);
  rig.limits.itemBytes = itemBytesMax;
  for (const text of refused.filter((text) => !text.startsWith("UPDATE t SET k = k"))) {
    session.begin();
    session.rows(text);
    session.rollback();
  }
});

test("a key that is too long is refused as PostgreSQL refuses it, by the index and the table that it is of", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (k text PRIMARY KEY, n int)");
  session.rows("CREATE TABLE u (id int PRIMARY KEY, v text)");
  session.rows("CREATE INDEX u_v ON u (v)");
  session.rows("INSERT INTO u SELECT i, repeat('x', 2702) FROM generate_series(1, 20) i");
  const long = "y".repeat(3_000);
  const of = (index: string): string => `index row size 3002 exceeds btree version 4 maximum 2704 for index "${index}"`;
  const refused = [
    ["t_pkey", `INSERT INTO t VALUES ('${long}', 1)`],
    ["t_pkey", `INSERT INTO t SELECT '${long}', i FROM generate_series(1, 20) i`],
    ["t_pkey", `INSERT INTO t VALUES ('a', 1), ('${long}', 2)`],
    ["u_v", `INSERT INTO u VALUES (30, '${long}')`],
    ["u_v", `UPDATE u SET v = '${long}' WHERE id = 3`],
    ["u_v", `UPDATE u SET v = '${long}'`],
    ["u_id", `CREATE INDEX u_id ON u ((CASE WHEN id = 7 THEN '${long}' END))`],
  ] as const;
  for (const [index, text] of refused) {
    t.like(session.run(text), { kind: "error", sqlState: "54000", message: of(index) });
    session.begin();
    t.like(session.run(text), { kind: "error", sqlState: "54000", message: of(index) });
    session.rollback();
  }
  t.deepEqual(session.rows("SELECT count(*) FROM t"), [["0"]]);
  t.deepEqual(session.rows("SELECT count(*), sum(length(v)) FROM u"), [["20", String(20 * 2_702)]]);
});

test("the first key that a program of before could not apply is noticed where it is decided, and wherever the log is applied", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (k text PRIMARY KEY, n int)");
  session.rows(`INSERT INTO t VALUES ('${"x".repeat(itemBytesMaxBefore - 2)}', 1)`);
  t.is(rig.longKeys, 0, "as long as such programs take");
  session.rows(`INSERT INTO t VALUES ('${"y".repeat(itemBytesMaxBefore - 1)}', 2)`);
  t.is(rig.longKeys, 1);
  rig.shard.replay();
  t.is(rig.longKeys, 2);
});
