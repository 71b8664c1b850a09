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
    { numRuns: 16 },
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

test("what was committed is a table: position, who, kind, tables and rows of each command", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY)");
  session.rows("INSERT INTO t VALUES (1), (2), (3)");
  const other = rig.session("nurse");
  other.begin();
  other.rows("CREATE SCHEMA s");
  other.rows("CREATE TABLE s.u (id int)");
  other.rows("INSERT INTO s.u VALUES (1)");
  other.rows("DELETE FROM t WHERE id > 1");
  other.commit();
  const rows = session.rows("SELECT position, principal, kind, tables, rows FROM kimberlite.commits ORDER BY position");
  t.deepEqual(rows, [
    ["0", "admin", "sqlCommit", "{}", "0"],
    ["1", "admin", "sqlCommit", "{t}", "3"],
    ["2", "nurse", "sqlCommit", "{t,s.u}", "3"],
  ]);
  session.rows("DROP TABLE s.u");
  t.deepEqual(session.rows("SELECT tables FROM kimberlite.commits WHERE principal = 'nurse'"), [["{t,s.u}"]]);
  t.is(session.state("SELECT * FROM kimberlite.nothing"), "42P01");
  t.is(session.state("DELETE FROM kimberlite.commits"), "42501");
  t.is(session.state("SELECT * FROM kimberlite.commits FOR UPDATE"), "0A000");
  t.is(session.state("SELECT * FROM kimberlite.commits FOR SYSTEM_TIME ALL"), "0A000");
});

test("commits by position and by time are read where they lie: the same rows as by a scan, forwards and backwards", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY)");
  for (let i = 0; i < 600; i++) session.rows(`INSERT INTO t VALUES (${i})`);
  const all = session.rows("SELECT position, time FROM kimberlite.commits");
  t.is(all.length, 601);
  t.deepEqual(
    all.map(([position]) => Number(position)),
    all.map((_, index) => index),
  );
  const times = all.map(([, time]) => time ?? "");
  for (const column of ["position", "time"] as const) {
    const at = (index: number): string => (column === "position" ? String(index) : `'${times[index]}'`);
    for (const [condition, keeps] of [
      [`${column} = ${at(7)}`, (i: number) => i === 7],
      [`${column} > ${at(590)}`, (i: number) => i > 590],
      [`${column} >= ${at(590)} AND ${column} < ${at(595)}`, (i: number) => i >= 590 && i < 595],
      [`${column} <= ${at(280)}`, (i: number) => i <= 280],
      [`${column} IN (${at(5)}, ${at(3)}, ${at(5)})`, (i: number) => i === 3 || i === 5],
    ] as const) {
      const wanted = all.map((_, i) => i).filter(keeps);
      const plan = session.rows(`EXPLAIN SELECT position FROM kimberlite.commits WHERE ${condition}`).flat().join("\n");
      t.regex(plan, column === "position" ? /Primary Key Scan on commits/ : /Index Scan using commits_time on commits/);
      for (const [order, positions] of [
        ["", wanted],
        [" DESC", wanted.toReversed()],
      ] as const) {
        const text = `SELECT position FROM kimberlite.commits WHERE ${condition} ORDER BY ${column}${order}`;
        t.deepEqual(session.rows(text).flat().map(Number), positions, text);
      }
    }
  }
  const newest = "SELECT position FROM kimberlite.commits ORDER BY position DESC LIMIT 2";
  t.deepEqual(session.rows(newest), [["600"], ["599"]]);
  t.notRegex(session.rows(`EXPLAIN ${newest}`).flat().join("\n"), /Sort/);
  session.rows("INSERT INTO t VALUES (-1)");
  t.deepEqual(session.rows("SELECT count(*) FROM kimberlite.commits c JOIN t ON c.position = t.id WHERE t.id < 3"), [
    ["3"],
  ]);
});

test("all versions of the rows that an index would lead to are found without it", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, code int UNIQUE, v text)");
  session.rows("CREATE INDEX ON t (v)");
  session.rows("INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b')");
  session.rows("UPDATE t SET v = 'c' WHERE id = 1");
  const versions = [["a"], ["c"]];
  const all = "t FOR SYSTEM_TIME ALL";
  t.deepEqual(session.rows(`SELECT v FROM ${all} WHERE code = 10 ORDER BY from_position`), versions);
  t.deepEqual(session.rows(`SELECT t.v FROM (VALUES (10)) k (code) JOIN ${all} USING (code) ORDER BY 1`), versions);
  t.deepEqual(session.rows(`SELECT v FROM ${all} ORDER BY v`), [["a"], ["b"], ["c"]]);
  t.deepEqual(session.rows(`SELECT min(v) FROM ${all} WHERE v > 'a'`), [["b"]]);
});

test("the history of a row: each version, who began and who ended it, by key without reading the rest", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  const nurse = rig.session("nurse");
  session.rows("CREATE TABLE t (id int, part text, v int, PRIMARY KEY (id, part))");
  session.rows("INSERT INTO t VALUES (1, 'a', 10), (2, 'a', 20)");
  nurse.rows("UPDATE t SET v = 11 WHERE id = 1");
  session.rows("DELETE FROM t WHERE id = 2");
  nurse.rows("INSERT INTO t VALUES (2, 'a', 22)");
  const columns = "from_position, to_position, operation, principal, ended_by_operation, ended_by_principal, id, v";
  const history = [
    ["1", "2", "insert", "admin", "update", "nurse", "1", "10"],
    ["2", null, "update", "nurse", null, null, "1", "11"],
    ["1", "3", "insert", "admin", "delete", "admin", "2", "20"],
    ["4", null, "insert", "nurse", null, null, "2", "22"],
  ];
  const order = "ORDER BY id, from_position";
  t.deepEqual(session.rows(`SELECT ${columns} FROM kimberlite.row_history('t') ${order}`), history);
  const one = `SELECT ${columns} FROM kimberlite.row_history('public.t'::regclass, 2, 'a') ${order}`;
  t.deepEqual(session.rows(one), history.slice(2));
  const plan = session.rows(`EXPLAIN ${one}`).flat().join("\n");
  t.regex(plan, /Primary Key Scan on t row/);
  t.regex(plan, /Primary Key Scan on commits/);
  t.notRegex(plan, /Seq Scan/);
  t.deepEqual(
    session.rows(
      "SELECT t.id, h.v FROM t, kimberlite.row_history('t', t.id, t.part) AS h WHERE h.to_position IS NULL ORDER BY 1",
    ),
    [
      ["1", "11"],
      ["2", "22"],
    ],
  );
  t.deepEqual(
    session.rows(
      "SELECT h.from_time = c.time FROM kimberlite.row_history('t') h JOIN kimberlite.commits c ON c.position = h.from_position",
    ),
    [["t"], ["t"], ["t"], ["t"]],
  );
  session.rows("CREATE VIEW v AS SELECT * FROM kimberlite.row_history('t')");
  t.deepEqual(session.rows("SELECT count(*) FROM v"), [["4"]]);
  session.rows("CREATE TABLE keyless (v int)");
  session.rows("INSERT INTO keyless VALUES (1), (1)");
  session.rows("UPDATE keyless SET v = 2");
  t.deepEqual(
    session.rows("SELECT v, operation, ended_by_operation FROM kimberlite.row_history('keyless') ORDER BY 1"),
    [
      ["1", "insert", "update"],
      ["1", "insert", "update"],
      ["2", "update", null],
      ["2", "update", null],
    ],
  );
  for (const [text, state] of [
    ["SELECT * FROM kimberlite.row_history('nothing')", "42P01"],
    ["SELECT * FROM kimberlite.row_history('t', 1)", "42883"],
    ["SELECT * FROM kimberlite.row_history('keyless', 1)", "42883"],
    ["SELECT * FROM kimberlite.row_history('v')", "42809"],
    ["SELECT * FROM kimberlite.row_history('kimberlite.commits')", "42809"],
    ["SELECT * FROM kimberlite.row_history()", "42883"],
    ["SELECT * FROM kimberlite.row_history('t', 'x', 'y')", "22P02"],
    ["SELECT * FROM kimberlite.diff('t', 1)", "42883"],
    ["SELECT * FROM kimberlite.diff('t', 1, 999)", "22023"],
    ["SELECT * FROM kimberlite.diff('t', -1, 2)", "22023"],
  ] as const) {
    t.is(session.state(text), state, text);
  }
});

test("the difference of two positions is that of the two states, both ways, whatever was done in between", (t) => {
  let rows = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 2, maxLength: 20, size: "max" }), (changes) => {
      const rig = new ShardRig();
      const session = rig.session();
      session.rows("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, note text)");
      const states: ReadonlyMap<string, string>[] = [];
      const look = (): ReadonlyMap<string, string> =>
        new Map(session.rows("SELECT id, v, note FROM t").map((row) => [row[0] ?? "", row.join(" ")]));
      states.push(look());
      for (const each of changes) {
        const before = rig.shard.log.length;
        session.run(textOf(each));
        if (rig.shard.log.length > before) states.push(look());
      }
      const last = states.length - 1;
      for (const [from, to] of [
        [0, last],
        [last, 0],
        [last >> 1, last],
        [last, last >> 1],
        [last, last],
      ] as const) {
        const [a, b] = [states[from], states[to]];
        if (a === undefined || b === undefined) throw new Error("a position has a state");
        const told = session.rows(
          `SELECT operation, id, v, note, before->>'v', before->>'note' FROM kimberlite.diff('t', ${from}, ${to})`,
        );
        const seen = new Set<string>();
        for (const [operation, key = "", v, note, oldV, oldNote] of told) {
          const id = key ?? "";
          seen.add(id);
          rows += 1;
          const [old, now] = [a.get(id), b.get(id)];
          t.is(operation, old === undefined ? "insert" : now === undefined ? "delete" : "update");
          if (old !== undefined) t.is([id, oldV, oldNote].join(" "), old);
          t.is([id, v, note].join(" "), now ?? old ?? "");
        }
        t.is(seen.size, told.length, "each row once");
        for (const id of new Set([...a.keys(), ...b.keys()]))
          if (!seen.has(id)) t.is(a.get(id), b.get(id), "what is not told is the same");
      }
    }),
    { numRuns: 12 },
  );
  t.true(rows > 30, `${rows} rows were told`);
});

test("a moment is the position of the newest command before it, and its definitions are those of then", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, v int)");
  session.rows("INSERT INTO t VALUES (1, 10)");
  session.rows("ALTER TABLE t ALTER COLUMN v TYPE text");
  session.rows("ALTER TABLE t RENAME TO u");
  session.rows("INSERT INTO u VALUES (2, 'two')");
  const times = session.rows("SELECT time FROM kimberlite.commits ORDER BY position").map(([time]) => time ?? "");
  for (const point of ["1", times[1] ?? ""]) {
    session.settings = [["kimberlite.as_of", point]];
    session.begin();
    t.deepEqual(session.rows("SELECT id, v + 1 FROM t"), [["1", "11"]], `as of ${point}`);
    t.is(session.state("SELECT * FROM u"), "42P01");
    session.rollback();
    for (const text of ["INSERT INTO t VALUES (9, 9)", "CREATE TABLE w (id int)", "TRUNCATE t"])
      t.is(session.state(text), "25006", text);
  }
  session.settings = [["kimberlite.as_of", "1900-01-01"]];
  t.is(session.state("SELECT * FROM t"), "42P01");
  session.settings = [["kimberlite.as_of", "infinity"]];
  t.deepEqual(session.rows("SELECT v FROM u ORDER BY id"), [["10"], ["two"]]);
  session.settings = [["kimberlite.as_of", "yesterday noonish"]];
  t.is(session.state("SELECT * FROM u"), "22007");
  session.settings = [];
  t.deepEqual(session.rows(`SELECT operation, id FROM kimberlite.diff('u', '${times[3]}', '${times[4]}')`), [
    ["insert", "2"],
  ]);
  const text = "SELECT v FROM u FOR SYSTEM_TIME AS OF TIMESTAMP 'infinity' ORDER BY id";
  t.deepEqual(session.rows(text), [["10"], ["two"]]);
});

test("rows that were given up for others all at once have a history too: TRUNCATE and a new type end them", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (id int PRIMARY KEY, v int, note text)");
  session.rows("INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b')");
  session.rows("UPDATE t SET v = 11 WHERE id = 1");
  session.rows("TRUNCATE t");
  session.rows("INSERT INTO t VALUES (2, 22, 'c')");
  const history =
    "SELECT from_position, to_position, operation, ended_by_operation, id, v FROM kimberlite.row_history('t'";
  t.deepEqual(session.rows(`${history}) ORDER BY id, from_position`), [
    ["1", "2", "insert", "update", "1", "10"],
    ["2", "3", "update", "delete", "1", "11"],
    ["1", "3", "insert", "delete", "2", "20"],
    ["4", null, "insert", null, "2", "22"],
  ]);
  t.deepEqual(session.rows(`${history}, 2) ORDER BY from_position`), [
    ["1", "3", "insert", "delete", "2", "20"],
    ["4", null, "insert", null, "2", "22"],
  ]);
  t.deepEqual(session.rows("SELECT id, from_position FROM t FOR SYSTEM_TIME ALL ORDER BY id DESC, from_position"), [
    ["2", "1"],
    ["2", "4"],
    ["1", "1"],
    ["1", "2"],
  ]);
  t.deepEqual(session.rows("SELECT operation, id, position FROM kimberlite.diff('t', 2, 3) ORDER BY id"), [
    ["delete", "1", "3"],
    ["delete", "2", "3"],
  ]);
  t.deepEqual(session.rows("SELECT operation, id, v, before->>'v' FROM kimberlite.diff('t', 1, 4) ORDER BY id"), [
    ["delete", "1", "10", "10"],
    ["update", "2", "22", "20"],
  ]);
  t.deepEqual(session.rows("SELECT operation, id FROM kimberlite.diff('t', 3, 2) ORDER BY id"), [
    ["insert", "1"],
    ["insert", "2"],
  ]);
  t.deepEqual(session.rows("SELECT id, to_position FROM t FOR SYSTEM_TIME AS OF POSITION 2 ORDER BY id"), [
    ["1", "3"],
    ["2", "3"],
  ]);
  // A column whose type has changed is not read as if it had not; the others are.
  session.rows("ALTER TABLE t ALTER COLUMN v TYPE text");
  session.rows("INSERT INTO t VALUES (3, 'thirty', 'd')");
  t.is(session.state(`${history})`), "0A000");
  t.is(session.state("SELECT * FROM kimberlite.diff('t', 1, 5)"), "0A000");
  t.deepEqual(
    session.rows(
      "SELECT id, from_position, to_position FROM t FOR SYSTEM_TIME FROM POSITION 3 TO POSITION 6 ORDER BY 2",
    ),
    [
      ["2", "4", "5"],
      ["2", "5", null],
    ],
  );
  session.rows("CREATE TABLE keyless (v int)");
  session.rows("INSERT INTO keyless VALUES (1)");
  session.rows("TRUNCATE keyless");
  t.is(session.state("SELECT * FROM kimberlite.row_history('keyless')"), "0A000", "numbers of rows begin anew");
});
