/**
 * Statements that write rows of values, or one row by its key, are done by programs of their own. Here each is held against its twins: the
 * same statement in a transaction, and in one that has a snapshot, which goes the general way. Answers, and every byte of the state, have
 * to be the same.
 */
import test from "ava";
import fc from "fast-check";
import { type Answer, contentsOf, type RigSession, ShardRig } from "./shard-rig.js";

const definitions = [
  "CREATE TABLE plain (k int PRIMARY KEY, v text NOT NULL, n bigint DEFAULT 5, CHECK (n < 1000))",
  `CREATE TABLE rich (a int, b varchar(3), u int UNIQUE, x numeric(6, 2), at timestamp, PRIMARY KEY (b, a))`,
  "CREATE INDEX ON rich (x DESC, a)",
  "CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, name text)",
  "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent (code) ON UPDATE CASCADE, note text)",
  "CREATE TABLE numbered (id bigserial PRIMARY KEY, v text)",
  "CREATE TABLE loose (v text, n int)",
  "CREATE INDEX ON loose (n)",
  "CREATE TABLE made (k int PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v * 2) STORED CHECK (w <> 6), u text)",
  "CREATE UNIQUE INDEX ON made (w, u)",
  `CREATE TABLE audit (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT 'epoch', r float8 DEFAULT random(),
     g uuid DEFAULT '00000000-0000-0000-0000-000000000000', parent int NOT NULL REFERENCES parent, code int REFERENCES parent (code), what text UNIQUE)`,
  "CREATE INDEX ON audit (parent, what DESC)",
  "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree)",
  "CREATE TABLE task (id int PRIMARY KEY, name text, rank int, done boolean)",
  "CREATE INDEX ON task (lower(name) DESC, rank) WHERE rank <> 2",
  "CREATE UNIQUE INDEX ON task (name) WHERE NOT done",
  "CREATE UNIQUE INDEX ON task ((12 / rank)) WHERE rank > 3 OR rank = 0",
];

interface Kind {
  readonly text: string;
  /** Whether a program can do it. */
  readonly isProgram: boolean;
}

const kinds: readonly Kind[] = [
  { text: "INSERT INTO plain (k, v) VALUES ($1, $2)", isProgram: true },
  { text: "INSERT INTO plain (k, v, n) VALUES ($1, $2, $3 + 1) ON CONFLICT DO NOTHING", isProgram: true },
  { text: "UPDATE plain SET n = n + $2, v = v || $3 WHERE k = $1", isProgram: true },
  { text: "UPDATE plain SET v = $2 WHERE $1 = k", isProgram: true },
  { text: "UPDATE plain SET v = $2 WHERE k = $1 AND n > 5", isProgram: false },
  // It is one where the row is not there, and where it is, the key moves.
  { text: "UPDATE plain SET k = k + 1 WHERE k = $1", isProgram: true },
  { text: "INSERT INTO rich (a, b, u, x) VALUES ($1, $2, $3, $4)", isProgram: true },
  { text: "UPDATE rich SET at = '2020-01-01' WHERE a = $1 AND b = $2", isProgram: true },
  { text: "UPDATE rich SET x = $3 WHERE a = $1 AND b = $2", isProgram: true },
  { text: "UPDATE rich SET u = $3, x = x + 1 WHERE a = $1 AND b = $2 RETURNING *", isProgram: true },
  { text: "DELETE FROM rich WHERE a = $1 AND b = $2", isProgram: true },
  { text: "DELETE FROM rich WHERE a = $1 AND b = $2 RETURNING u, b || 'x', x * 2", isProgram: true },
  { text: "DELETE FROM plain WHERE k = $1 AND n > 5", isProgram: false },
  { text: "DELETE FROM parent WHERE id = $1", isProgram: false },
  { text: "DELETE FROM loose WHERE n = $1", isProgram: false },
  { text: "INSERT INTO plain (k, v) VALUES ($1, $2) RETURNING k + 1, v, n", isProgram: true },
  { text: "INSERT INTO plain (k, v) VALUES ($1, $2) RETURNING nextval('numbered_id_seq') > 0", isProgram: false },
  { text: "UPDATE plain SET n = n + 1 WHERE k = $1 RETURNING n, v AS value", isProgram: true },
  { text: "UPDATE plain SET n = $2 WHERE k = $1 RETURNING (SELECT count(*) FROM parent)", isProgram: false },
  { text: "INSERT INTO audit (parent, what) VALUES ($1, $2)", isProgram: true },
  { text: "INSERT INTO audit (parent, code, what) VALUES ($1, $2, $3) RETURNING id, at, r, g", isProgram: true },
  { text: "INSERT INTO audit (parent, what) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING", isProgram: true },
  { text: "INSERT INTO audit (parent, what) VALUES ($1, currval('audit_id_seq')::text)", isProgram: true },
  { text: "UPDATE audit SET parent = $2, at = at + interval '1 day' WHERE id = $1", isProgram: true },
  { text: "UPDATE audit SET code = $2, what = $3 WHERE id = $1 RETURNING parent, what", isProgram: true },
  { text: "DELETE FROM audit WHERE id = $1", isProgram: true },
  { text: "INSERT INTO tree VALUES ($1, $2)", isProgram: false },
  { text: "UPDATE tree SET up = $2 WHERE id = $1", isProgram: false },
  { text: "INSERT INTO parent VALUES ($1, $2, $3)", isProgram: true },
  { text: "UPDATE parent SET name = $2 WHERE id = $1", isProgram: true },
  { text: "UPDATE parent SET code = $2 WHERE id = $1", isProgram: false },
  { text: "UPDATE parent SET id = $1, name = $2 WHERE id = $1", isProgram: true },
  { text: "UPDATE parent SET id = $2 WHERE id = $1", isProgram: false },
  { text: "UPDATE task SET id = id, name = $2, rank = $3 WHERE id = $1", isProgram: true },
  { text: "INSERT INTO child VALUES ($1, $2, $3)", isProgram: true },
  { text: "UPDATE child SET parent = $2 WHERE id = $1", isProgram: true },
  { text: "UPDATE child SET note = $2 WHERE id = $1", isProgram: true },
  { text: "INSERT INTO plain (k, v) VALUES ($1, $2), ($3, $4)", isProgram: true },
  { text: "INSERT INTO rich (a, b, u) VALUES ($1, 'y', $2), ($3, 'y', $4) ON CONFLICT DO NOTHING", isProgram: true },
  { text: "INSERT INTO numbered (v) VALUES ($1), ($2)", isProgram: true },
  { text: "INSERT INTO numbered (v) VALUES ($1)", isProgram: true },
  { text: "INSERT INTO loose VALUES ($1, $2)", isProgram: true },
  { text: "INSERT INTO loose (n, v) VALUES ($1, 'a'), ($2, 'b')", isProgram: true },
  {
    text: `INSERT INTO rich (b, a, u) VALUES ('z', $1::int + 10, $2), ('z', $3, $4), ('y', $1, NULL), ('x', $2, $1::int + 12), ('x', $3, $1::int + 20),
           ('w', $1, $1::int + 30), ('w', $3::int + 9, $4::int + 40), ('v', $1, NULL)`,
    isProgram: true,
  },
  {
    text: `INSERT INTO numbered (v) VALUES ($1), ($2), ($3), ($4), ('a'), ('b'), ('c'), ('d'), ('e'), ('f')`,
    isProgram: true,
  },
  { text: "INSERT INTO task VALUES ($1, $2, $3)", isProgram: true },
  { text: "INSERT INTO task VALUES ($1, $2, $3, false), ($4, 'n', 2, true) ON CONFLICT DO NOTHING", isProgram: true },
  { text: "UPDATE task SET name = $2 WHERE id = $1", isProgram: true },
  { text: "UPDATE task SET rank = $2 WHERE id = $1 RETURNING name, rank", isProgram: true },
  { text: "UPDATE task SET done = $2::int > 3, name = $3 WHERE id = $1", isProgram: true },
  { text: "DELETE FROM task WHERE id = $1 RETURNING *", isProgram: true },
  { text: "INSERT INTO made (k, v) VALUES ($1, $2)", isProgram: true },
  { text: "INSERT INTO made (k, v, u) VALUES ($1, $2, $3), ($4, $2, 'u') RETURNING w, k", isProgram: true },
  { text: "UPDATE made SET v = $2 WHERE k = $1 RETURNING w", isProgram: true },
  { text: "UPDATE made SET u = $2 WHERE k = $1", isProgram: true },
];

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 6 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("", "x", "long text", "1e3", "-1", "99999999999", "2.555") },
  { weight: 1, arbitrary: fc.constant(null) },
);
const step = fc.record({
  kind: fc.nat(kinds.length - 1),
  values: fc.array(value, { minLength: 4, maxLength: 4 }),
});

const parametersIn = (text: string): number =>
  Math.max(...[...text.matchAll(/\$(\d)/g)].map(([, number]) => Number(number)));

const stateOf = (answer: Answer): string => (answer.kind === "error" ? answer.sqlState : answer.kind);
const withoutPosition = (answer: Answer): Answer => (answer.kind === "rows" ? { ...answer, position: 0 } : answer);

function inTransaction(
  session: RigSession,
  isolation: "readCommitted" | "repeatableRead",
  text: string,
  parameters: readonly (string | null)[],
): Answer {
  session.begin(isolation);
  const answer = session.run(text, parameters);
  const end = session.commit();
  return end.kind === "error" ? end : answer;
}

test("what programs write is, answer for answer and byte for byte, what the general way writes", (t) => {
  let single = 0;
  let programs = 0;
  let failed = 0;
  let written = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const [alone, within, general] = [new ShardRig(), new ShardRig(), new ShardRig()];
      const [a, b, c] = [alone.session(), within.session(), general.session()];
      for (const session of [a, b, c]) for (const text of definitions) session.rows(text);
      for (const { kind, values } of steps) {
        const { text } = kinds[kind] ?? { text: "" };
        const parameters = values.slice(0, parametersIn(text));
        const what = `${text} with ${parameters.join(", ")}`;
        const expected = withoutPosition(inTransaction(c, "repeatableRead", text, parameters));
        t.deepEqual(withoutPosition(a.run(text, parameters)), expected, what);
        t.deepEqual(withoutPosition(inTransaction(b, "readCommitted", text, parameters)), expected, what);
        if (expected.kind === "error") failed += 1;
        else written += 1;
      }
      // Numbers that a statement has drawn before it failed are not given back, whichever way it went.
      t.deepEqual(contentsOf(alone), contentsOf(within));
      t.deepEqual(contentsOf(alone), contentsOf(general));
      t.is(general.decider.singleRows + general.decider.programRuns, 0, "with a snapshot all goes the general way");
      single += alone.decider.singleRows;
      programs += within.decider.programRuns;
    }),
    { numRuns: 25 },
  );
  t.log({ single, programs, written, failed });
  t.true(single > 50 && programs > 50 && failed > 50 && written > 50, "all of it was seen");
});

test("what a program cannot do is left to the general way", (t) => {
  for (const { text, isProgram } of kinds) {
    const rig = new ShardRig();
    const session = rig.session();
    for (const definition of definitions) session.rows(definition);
    const isParent = text.startsWith("INSERT INTO parent");
    session.rows(`INSERT INTO parent SELECT n, n, n::text FROM generate_series(0, ${isParent ? 4 : 9}) n`);
    // The first time a statement is bound.
    for (const first of ["1", "2", "3"]) session.run(text, ["4", first, first, first].slice(0, parametersIn(text)));
    const runs = (): number => rig.decider.singleRows + rig.decider.programRuns;
    const before = runs();
    session.run(text, ["5", "6", "7", "8"].slice(0, parametersIn(text)));
    t.is(runs() - before, isProgram ? 1 : 0, text);
  }
});

test("a row that an open transaction has locked is waited for, whatever program a statement has", (t) => {
  const rig = new ShardRig();
  const [a, b] = [rig.session(), rig.session()];
  for (const definition of definitions) a.rows(definition);
  const update = "UPDATE plain SET n = n + $2 WHERE k = $1";
  a.rows("INSERT INTO plain VALUES (1, 'one', 1)");
  for (let round = 0; round < 3; round++) b.run(update, ["1", "1"]);
  t.is(rig.decider.singleRows, 2);
  a.begin();
  a.run(update, ["1", "100"]);
  t.is(b.run(update, ["1", "1"]).kind, "waits");
  a.commit();
  t.is(b.late()?.kind, "rows");
  t.deepEqual(a.rows("SELECT n FROM plain WHERE k = 1"), [["105"]]);
});

test("definitions that change between two runs of a statement change what it does", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  for (const definition of definitions) session.rows(definition);
  const insert = "INSERT INTO plain (k, v) VALUES ($1, $2)";
  for (const key of ["1", "2"]) session.run(insert, [key, "x"]);
  t.is(rig.decider.singleRows, 1);
  session.rows("ALTER TABLE plain ADD COLUMN added int DEFAULT 7");
  session.run(insert, ["3", "x"]);
  session.rows("ALTER TABLE plain ALTER COLUMN added SET DEFAULT 8");
  session.run(insert, ["4", "x"]);
  session.rows("ALTER TABLE plain ADD CONSTRAINT short CHECK (length(v) < 3)");
  t.is(stateOf(session.run(insert, ["5", "much too long"])), "23514");
  session.rows("ALTER TABLE plain DROP COLUMN n");
  session.run(insert, ["6", "x"]);
  t.deepEqual(session.rows("SELECT k, v, added FROM plain ORDER BY k"), [
    ["1", "x", "7"],
    ["2", "x", "7"],
    ["3", "x", "7"],
    ["4", "x", "8"],
    ["6", "x", "8"],
  ]);
  session.rows("DELETE FROM plain WHERE k > 1");
  session.rows("CREATE UNIQUE INDEX ON plain (v)");
  t.is(stateOf(session.run(insert, ["7", "x"])), "23505");
  session.rows("DROP TABLE plain");
  t.is(stateOf(session.run(insert, ["8", "y"])), "42P01");
});

const lookUps = [
  "SELECT v, k, v FROM plain WHERE k = $1",
  "SELECT * FROM plain WHERE $1 = k",
  "SELECT x, at FROM rich WHERE a = $1 AND b = $2",
  "SELECT u FROM rich WHERE b = $2 AND a = $1 AND a = $1",
  "SELECT name FROM parent p WHERE p.id = $1",
];

test("a row that is looked up by its key is the row that a scan with the same condition finds", (t) => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), fc.boolean(), (steps, isOpen) => {
      const rig = new ShardRig();
      const session = rig.session();
      for (const definition of definitions) session.rows(definition);
      if (isOpen) session.begin();
      for (const { kind, values } of steps) {
        const { text } = kinds[kind] ?? { text: "" };
        if (isOpen) session.savepoint("s");
        const answer = session.run(text, values.slice(0, parametersIn(text)));
        if (isOpen && answer.kind === "error") session.rollbackTo("s");
      }
      for (const text of lookUps) {
        for (const [a = null, b = null] of [
          ["1", "1"],
          ["2", "x"],
          ["3", "3"],
          [null, "1"],
          ["6", "long text"],
        ]) {
          const parameters = [a, b].slice(0, parametersIn(text));
          const byKey = session.run(text, parameters);
          // An expression that changes nothing keeps the key's index from being used.
          const byScan = session.run(text.replace(/\b(k|a|b|p\.id)\b(?= =)|(?<== )k\b/g, "coalesce($&)"), parameters);
          t.deepEqual(withoutPosition(byKey), withoutPosition(byScan), `${text} with ${parameters.join(", ")}`);
          if (byKey.kind === "rows") found += byKey.rows.length;
        }
      }
    }),
    { numRuns: 25 },
  );
  t.log({ found });
  t.true(found > 20, "rows were found");
});

test("a program writes nothing while a past moment is set, also one that was made before", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (k int PRIMARY KEY, v int)");
  const statements = [
    ["INSERT INTO t VALUES ($1, $2)", ["1", "10"]],
    ["UPDATE t SET v = v + $2 WHERE k = $1", ["1", "1"]],
  ] as const;
  for (const [text, parameters] of statements) t.is(session.run(text, parameters).kind, "rows");
  const before = contentsOf(rig);
  session.settings = [["kimberlite.as_of", "1"]];
  for (const [text] of statements) t.is(stateOf(session.run(text, ["2", "2"])), "25006", text);
  t.deepEqual(contentsOf(rig), before);
  session.settings = [];
  t.is(session.run(statements[0][0], ["2", "2"]).kind, "rows");
});
