/**
 * Rows that come in numbers (COPY, an INSERT of many rows) stand beside the transaction's other writes until somebody looks. Here they are held
 * against a twin that gets the same rows by INSERTs the general way: answers, and every byte of the state, have to be the same.
 */
import test from "ava";
import fc from "fast-check";
import { LoadBlockReader, LoadBlockWriter } from "../../actors/messages/load-block.js";
import { LoadedRows } from "../../actors/shard/sql/loaded-rows.js";
import { CopyBlock } from "../../protocol/postgres/copy/copy-block.js";
import { RowsIn } from "../../protocol/postgres/copy/rows-in.js";
import { itemBytesMax, TableKey, tableSpace, tableTree } from "../../runtime/store/table-trees.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type Answer, contentsOf, type RigSession, ShardRig } from "./shard-rig.js";

const definitions = [
  "CREATE TABLE plain (k int PRIMARY KEY, v text NOT NULL, n bigint DEFAULT 5, CHECK (n < 1000))",
  "CREATE TABLE rich (a int, b varchar(3), u int UNIQUE, x numeric(6, 2), PRIMARY KEY (b, a))",
  "CREATE INDEX ON rich (x DESC, a)",
  "CREATE TABLE broad (k bigint PRIMARY KEY, v text NOT NULL, s smallint, w varchar, d date DEFAULT '2020-02-01', c char(4))",
  // Of texts alone: no row of it is refused, so no number is drawn in vain by one side and not by the other.
  "CREATE TABLE loose (v text, n text)",
  "CREATE INDEX ON loose (n)",
  "CREATE TABLE parent (id int PRIMARY KEY, boss int REFERENCES parent (id))",
  "CREATE TABLE made (k int PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v * 2) STORED)",
  "CREATE INDEX ON made (w) WHERE v > 2",
  "CREATE TABLE unit (name text PRIMARY KEY, u int UNIQUE)",
  "INSERT INTO unit SELECT 'unit ' || u, u FROM generate_series(-3, 150) AS u",
  "CREATE TABLE item (id int PRIMARY KEY, u int REFERENCES unit (u), parent int REFERENCES parent ON DELETE CASCADE, note text)",
  "CREATE INDEX ON item (lower(note), u) WHERE id % 3 <> 1",
  "CREATE UNIQUE INDEX ON item (note) WHERE u > 100",
  "INSERT INTO parent SELECT id FROM generate_series(-3, 190) AS id",
];

const targets = [
  { text: "INSERT INTO plain (k, v) VALUES ($1, $2)", width: 2 },
  { text: "INSERT INTO plain (k, v, n) VALUES ($1, $2, $3)", width: 3 },
  { text: "INSERT INTO rich (a, b, u, x) VALUES ($1, $2, $3, $4)", width: 4 },
  { text: "INSERT INTO broad (k, v, s, w) VALUES ($1, $2, $3, $4)", width: 4 },
  { text: "INSERT INTO broad (c, v, k) VALUES ($3, $2, $1)", width: 3 },
  { text: "INSERT INTO loose (v, n) VALUES ($1, $2)", width: 2 },
  { text: "INSERT INTO parent (id, boss) VALUES ($1, $2)", width: 2 },
  { text: "INSERT INTO made (k, v) VALUES ($1, $2)", width: 2 },
  { text: "INSERT INTO item VALUES ($1, $2)", width: 2 },
  { text: "INSERT INTO item VALUES ($1, $2, $3, $4)", width: 4 },
  { text: "INSERT INTO item (id, parent, note) VALUES ($1, $2, $1)", width: 2 },
  { text: "INSERT INTO unit VALUES ($1, $2)", width: 2 },
] as const;

const others = [
  "SELECT count(*), min(k), max(v) FROM plain",
  "SELECT * FROM rich ORDER BY b, a",
  "SELECT * FROM broad ORDER BY k",
  "SELECT * FROM loose ORDER BY n, v",
  "SELECT * FROM made ORDER BY k",
  "UPDATE plain SET v = v || '!' WHERE k > 3",
  "DELETE FROM plain WHERE k < 4",
  "DELETE FROM rich WHERE a > 5",
  "UPDATE rich SET u = u + 100 WHERE u < 5",
  "UPDATE loose SET n = n || '1' WHERE n = '2'",
  "INSERT INTO plain VALUES (5, 'five') ON CONFLICT DO NOTHING",
  "TRUNCATE made",
  "SELECT * FROM item ORDER BY id",
  "DELETE FROM unit WHERE u BETWEEN 20 AND 30",
  "DELETE FROM parent WHERE id > 170",
  "UPDATE unit SET u = u + 1000 WHERE u = 12",
  "UPDATE item SET u = NULL WHERE id < 40",
  "INSERT INTO unit VALUES ('late', 25), ('later', 160)",
  "CREATE INDEX ON plain (v)",
];

const value = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: -3, max: 200 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("", "x", "ünï", "+7", " 8 ", "99999999999999999999", "2.555", "1e3") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("abcdé", "日本語 and more", "nul\0", "-32769", "40000", "wide".repeat(20_000)),
  },
  { weight: 1, arbitrary: fc.constant(null) },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("load" as const),
      target: fc.constantFrom(...targets),
      rows: fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 12 }),
      isAscending: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("other" as const), text: fc.constantFrom(...others) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("savepoint" as const, "rollbackTo" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("commit" as const, "rollback" as const) }) },
);

const said = (answer: Answer): unknown =>
  answer.kind === "rows"
    ? { tag: answer.tag, rows: answer.rows }
    : answer.kind === "error"
      ? answer.sqlState
      : answer.kind;

/** One statement of many rows the general way: row by row would stop in the middle. */
function generally(session: RigSession, text: string, rows: readonly (readonly (string | null)[])[]): Answer {
  const [head = "", list = ""] = text.split(" VALUES ");
  const width = rows[0]?.length ?? 0;
  const items = rows.map((_, row) => list.replaceAll(/\$(\d)/g, (_all, number) => `$${row * width + Number(number)}`));
  return session.run(`${head} VALUES ${items.join(", ")}`, rows.flat());
}

test("what is loaded is, answer for answer and byte for byte, what INSERTs the general way store", (t) => {
  const seen = { loads: 0, refused: 0, commits: 0, back: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 15, maxLength: 40 }), (steps) => {
      const [loading, general] = [new ShardRig(), new ShardRig()];
      const [a, b] = [loading.session(), general.session()];
      for (const session of [a, b]) for (const text of definitions) session.rows(text);
      const begin = (): void => {
        a.begin();
        // With a snapshot nothing is done by a program, so nothing is loaded. It is alone, so it reads the same.
        b.begin("repeatableRead");
        t.deepEqual(said(a.savepoint("s")), said(b.savepoint("s")));
      };
      begin();
      for (const one of steps) {
        if (one.kind === "load") {
          const { text, width } = one.target;
          const rows = one.rows.map((row, at) =>
            row.slice(0, width).map((each, column) => (one.isAscending && column === 0 ? String(at + 10) : each)),
          );
          const expected = said(generally(b, text, rows));
          const found = said(a.load(text, rows));
          const what = `${text} of ${JSON.stringify(rows)}`;
          // Of several rows that are refused a load names the first, an INSERT the first that is no value at all.
          if (typeof expected === "string" && rows.length > 1) t.is(typeof found, "string", what);
          else t.deepEqual(found, expected, what);
          seen.loads += 1;
          if (typeof expected === "string") seen.refused += 1;
        } else if (one.kind === "other") t.deepEqual(said(a.run(one.text)), said(b.run(one.text)), one.text);
        else if (one.kind === "savepoint") t.deepEqual(said(a.savepoint("s")), said(b.savepoint("s")));
        else if (one.kind === "rollbackTo") {
          t.deepEqual(said(a.rollbackTo("s")), said(b.rollbackTo("s")));
          seen.back += 1;
        } else {
          const end = (session: RigSession): Answer => (one.kind === "commit" ? session.commit() : session.rollback());
          t.deepEqual(said(end(a)), said(end(b)));
          seen.commits += 1;
          begin();
        }
      }
      t.deepEqual(said(a.commit()), said(b.commit()));
      t.deepEqual(contentsOf(loading), contentsOf(general));
      t.is(loading.decider.parked, 0);
    }),
    { numRuns: 20, includeErrorInReport: true },
  );
  t.log(seen);
  t.true(seen.loads > 50 && seen.refused > 10 && seen.commits > 10 && seen.back > 2, "all of it was seen");
});

const many = (from: number, count: number): string[][] =>
  Array.from({ length: count }, (_, at) => [String(from + at), `value ${from + at}`]);

test("keys that are loaded are locked: others wait for them, and for nothing else of the table", (t) => {
  const rig = new ShardRig();
  const [loader, other, third] = [rig.session(), rig.session(), rig.session()];
  loader.rows("CREATE TABLE t (k int PRIMARY KEY, v text UNIQUE)");
  const insert = "INSERT INTO t (k, v) VALUES ($1, $2)";
  loader.begin();
  t.deepEqual(said(loader.load(insert, many(1, 1_000))), { tag: "INSERT 0 1000", rows: [] });
  t.is(other.run("INSERT INTO t VALUES (5000, 'x')").kind, "rows", "a key that is not in the load is free");
  t.is(other.run("INSERT INTO t VALUES (7, 'seven')").kind, "waits");
  t.is(third.run("INSERT INTO t VALUES (6000, 'value 9')").kind, "waits", "a unique value too");
  t.is(loader.commit().kind, "rows");
  t.is(said(other.late() ?? { kind: "waits" }), "23505");
  t.is(said(third.late() ?? { kind: "waits" }), "23505");

  // A load that was taken back leaves no lock, and one that meets a lock waits as a whole.
  loader.begin();
  loader.savepoint("s");
  loader.load(insert, many(2_000, 100));
  t.is(other.run("INSERT INTO t VALUES (2050, 'o')").kind, "waits");
  loader.rollbackTo("s");
  t.deepEqual(said(other.late() ?? { kind: "waits" }), { tag: "INSERT 0 1", rows: [] });
  loader.rollback();
  other.begin();
  other.rows("INSERT INTO t VALUES (3050, 'other')");
  loader.begin();
  t.is(loader.load(insert, many(3_000, 100)).kind, "waits");
  t.is(other.rollback().kind, "rows");
  t.deepEqual(said(loader.late() ?? { kind: "waits" }), { tag: "INSERT 0 100", rows: [] });
  t.is(loader.commit().kind, "rows");
  t.deepEqual(loader.rows("SELECT count(*) FROM t WHERE k BETWEEN 3000 AND 3099"), [["100"]]);
});

test("rows that refer to others are loaded: what they refer to must be there, and stays", (t) => {
  const rig = new ShardRig();
  const [loader, other] = [rig.session(), rig.session()];
  loader.rows("CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE)");
  loader.rows(
    "CREATE TABLE child (k int PRIMARY KEY, parent int REFERENCES parent, code text REFERENCES parent (code))",
  );
  loader.rows("CREATE INDEX ON child ((k / 2), code) WHERE parent > 5");
  loader.rows("INSERT INTO parent SELECT n, 'code ' || n FROM generate_series(0, 9) n");
  const insert = "INSERT INTO child VALUES ($1, $2, $3)";
  const parents = "INSERT INTO parent VALUES ($1, $2)";
  const children = (from: number, count: number, parent: (at: number) => number): (string | null)[][] =>
    Array.from({ length: count }, (_, at) => [
      String(from + at),
      String(parent(at)),
      at % 7 === 0 ? null : `code ${parent(at)}`,
    ]);
  const loaded = (text: string, rows: readonly (readonly (string | null)[])[]): unknown => {
    const before = rig.decider.programRuns;
    const answer = said(loader.load(text, rows));
    return typeof answer === "string" ? answer : rig.decider.programRuns - before;
  };

  loader.begin();
  t.is(
    loaded(
      insert,
      children(0, 500, (at) => at % 10),
    ),
    1,
    "by a program",
  );
  t.is(other.run("DELETE FROM parent WHERE id = 3").kind, "waits");
  t.is(loader.commit().kind, "rows");
  t.is(said(other.late() ?? { kind: "waits" }), "23503");
  t.deepEqual(loader.rows("SELECT count(*), count(code), sum(parent) FROM child"), [["500", "428", "2250"]]);
  t.deepEqual(
    loader.rows("SELECT count(*) FROM child WHERE parent > 5 AND k / 2 = 38"),
    [["2"]],
    "by the partial index",
  );

  loader.begin();
  loader.savepoint("s");
  t.is(
    loaded(
      insert,
      children(1_000, 20, (at) => (at < 19 ? 1 : 10)),
    ),
    "23503",
    "one of them leads nowhere",
  );
  loader.rollbackTo("s");
  // What the transaction itself has written counts: rows that came in numbers, or one by one, and those that it removed.
  t.is(
    loaded(parents, [
      ["10", "code 10"],
      ...Array.from({ length: 20 }, (_, at) => [String(100 + at), `code ${100 + at}`]),
    ]),
    1,
  );
  t.is(
    loaded(
      insert,
      children(1_000, 20, (at) => 100 + at),
    ),
    1,
  );
  loader.rows("INSERT INTO parent VALUES (200, 'code 200')");
  t.is(
    loaded(
      insert,
      children(1_100, 20, () => 200),
    ),
    1,
  );
  loader.rows("INSERT INTO parent VALUES (300, 'code 300')");
  loader.rows("DELETE FROM parent WHERE id IN (10, 300)");
  loader.savepoint("s");
  t.is(
    loaded(
      insert,
      children(1_200, 8, () => 10),
    ),
    "23503",
  );
  loader.rollbackTo("s");
  t.is(
    loaded(
      insert,
      children(1_200, 8, () => 300),
    ),
    "23503",
  );
  loader.rollbackTo("s");
  t.is(loader.commit().kind, "rows");
  t.deepEqual(loader.rows("SELECT count(*) FROM child WHERE k >= 1000"), [["40"]]);

  other.begin();
  other.rows("DELETE FROM child WHERE parent = 5");
  other.rows("DELETE FROM parent WHERE id = 5");
  loader.begin();
  t.is(
    loader.load(
      insert,
      children(2_000, 10, () => 5),
    ).kind,
    "waits",
    "it may go",
  );
  t.is(other.commit().kind, "rows");
  t.is(said(loader.late() ?? { kind: "waits" }), "23503");
  loader.rollback();
});

test("two loads of one key: the second waits for the first, whole or not at all", (t) => {
  const rig = new ShardRig();
  const [first, second] = [rig.session(), rig.session()];
  first.rows("CREATE TABLE t (k int PRIMARY KEY, v text)");
  const insert = "INSERT INTO t (k, v) VALUES ($1, $2)";
  first.begin();
  second.begin();
  first.load(insert, many(1, 100));
  t.is(second.load(insert, many(200, 100)).kind, "rows");
  t.is(second.load(insert, many(50, 100)).kind, "waits");
  t.is(first.load(insert, many(250, 10)).kind, "error", "each would wait for the other");
  first.rollback();
  t.deepEqual(said(second.late() ?? { kind: "waits" }), { tag: "INSERT 0 100", rows: [] });
  t.is(second.commit().kind, "rows");
  t.deepEqual(first.rows("SELECT count(*), min(k), max(k) FROM t"), [["200", "50", "299"]]);
});

test("definitions over many rows, and an INSERT of what a query yields, store what is stored row by row", (t) => {
  const text = [
    "CREATE TABLE source (k int, v text, n numeric)",
    "INSERT INTO source SELECT n, 'v' || n % 50, n / 3.0 FROM generate_series(1, 300) n",
    "CREATE TABLE t (k int, v text, n numeric)",
    "INSERT INTO t SELECT * FROM source",
    "INSERT INTO t SELECT k + 1000, v, n FROM t WHERE k < 20",
    "ALTER TABLE t ADD PRIMARY KEY (k)",
    "CREATE UNIQUE INDEX ON t (v, k) WHERE k > 10",
    "CREATE INDEX ON t (lower(v))",
    "ALTER TABLE t ALTER COLUMN n TYPE text",
    "INSERT INTO t SELECT k + 2000, v, n FROM t ON CONFLICT DO NOTHING",
  ];
  const [loading, general] = [new ShardRig(), new ShardRig()];
  const [a, b] = [loading.session(), general.session()];
  for (const session of [a, b]) session.rows("CREATE TABLE scratch (n int)");
  for (const each of text) {
    a.rows("INSERT INTO scratch VALUES (1)");
    // Has written a row, and has a snapshot: all is read before the first row is written, and INSERTs go the general way.
    b.begin("repeatableRead");
    b.rows("INSERT INTO scratch VALUES (1)");
    t.deepEqual(said(a.run(each)), said(b.run(each)), each);
    t.is(b.commit().kind, "rows");
  }
  t.deepEqual(a.rows("SELECT count(*), min(v), max(n), sum(k) FROM t"), [
    ["638", "v0", "99.6666666666666667", "766680"],
  ]);
  t.is(a.state("CREATE UNIQUE INDEX ON t (v)"), "23505");
  t.is(a.state("INSERT INTO t SELECT k, v, n FROM t"), "23505");
  t.is(a.state("INSERT INTO t SELECT 5000 + k % 2, v, n FROM t"), "23505", "twice within the statement");
  t.deepEqual(contentsOf(loading), contentsOf(general));

  // Within a transaction that goes on, and back.
  a.begin();
  a.rows("INSERT INTO t SELECT k + 9000, v, n FROM t");
  t.deepEqual(a.rows("SELECT count(*) FROM t WHERE k > 9000"), [["638"]]);
  a.savepoint("s");
  a.rows("CREATE INDEX ON t (n)");
  a.rows("ALTER TABLE t DROP CONSTRAINT t_pkey");
  a.rows("ALTER TABLE t ADD PRIMARY KEY (v, k)");
  t.deepEqual(a.rows("SELECT count(*) FROM t WHERE v = 'v7'"), [["28"]]);
  a.rollbackTo("s");
  t.deepEqual(a.rows("SELECT count(*) FROM t WHERE k > 9000"), [["638"]]);
  a.rollback();
  t.deepEqual(contentsOf(loading), contentsOf(general));
});

test("a few rows many times, looked at in between, are held in memory for what they are", (t) => {
  const rig = new ShardRig();
  const [loader, other] = [rig.session(), rig.session()];
  loader.rows("CREATE TABLE t (k int PRIMARY KEY, v text)");
  loader.begin();
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 500; round++) {
    loader.load("INSERT INTO t (k, v) VALUES ($1, $2)", many(round * 10, 10));
    t.deepEqual(loader.rows(`SELECT v FROM t WHERE k = ${round * 10 + 3}`), [[`value ${round * 10 + 3}`]]);
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  t.true(grown < 16 * 1024 * 1024, `${grown} bytes for 5,000 rows`);
  t.is(other.run("INSERT INTO t VALUES (7, 'seven')").kind, "waits", "the first of them are locked still");
  t.is(loader.rollback().kind, "rows");
  t.deepEqual(said(other.late() ?? { kind: "waits" }), { tag: "INSERT 0 1", rows: [] });
});

test("a load that one record cannot hold is committed in parts, and a serializable transaction hears of every row", (t) => {
  const rig = new ShardRig();
  const [loader, reader] = [rig.session(), rig.session()];
  loader.rows("CREATE TABLE t (k int PRIMARY KEY, v text)");
  const insert = "INSERT INTO t (k, v) VALUES ($1, $2)";
  reader.begin("serializable");
  reader.rows("SELECT count(*) FROM t WHERE k > 100");
  reader.rows("INSERT INTO t VALUES (-1, 'reader')");
  loader.begin();
  const filler = "f".repeat(1_000);
  for (let from = 0; from < 10_000; from += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, at) => [String(from + at), filler]);
    t.is(loader.load(insert, rows).kind, "rows");
  }
  t.is(loader.commit().kind, "rows");
  t.is(said(reader.commit()), "40001", "what it has read was changed by the load");
  t.deepEqual(loader.rows("SELECT count(*), sum(length(v)) FROM t"), [["10000", "10000000"]]);
});

test("a block holds the rows that were written, and rubbish is refused", (t) => {
  const rows = fc.array(fc.array(fc.option(fc.uint8Array({ maxLength: 300 })), { minLength: 3, maxLength: 3 }));
  fc.assert(
    fc.property(rows, fc.nat(), (given, cut) => {
      const writer = new LoadBlockWriter();
      for (const row of given) {
        writer.null();
        t.is(writer.rowValues().length, 1);
        writer.dropRow();
        for (const each of row) {
          if (each === null) writer.null();
          else writer.value(each);
        }
        t.deepEqual(writer.rowValues(), row);
        writer.endRow();
      }
      t.is(writer.rows, given.length);
      const bytes = writer.take();
      const read = (from: Uint8Array): (Uint8Array | null)[][] => {
        const reader = new LoadBlockReader(from, 3);
        const found: (Uint8Array | null)[][] = [];
        while (reader.next()) found.push([0, 1, 2].map((at) => reader.value(at)));
        return found;
      };
      t.deepEqual(read(bytes), given);
      const end = bytes.length === 0 ? 0 : cut % bytes.length;
      try {
        t.true(read(bytes.subarray(0, end)).length <= given.length);
      } catch (error) {
        t.true(error instanceof KimberliteError && error.code === "frameInvalid");
      }
    }),
    { numRuns: 200 },
  );
});

test("lines of COPY are the values that were written in them, wherever they are cut", (t) => {
  const text = fc.string({ unit: fc.constantFrom(..."abcdefgh01N\\\t\n\r,é.".split(""), "\\N", "日"), maxLength: 12 });
  const lines = fc.array(fc.array(fc.option(text, { freq: 6 }), { minLength: 3, maxLength: 3 }), { maxLength: 12 });
  const options = fc.record({
    delimiter: fc.constantFrom("\t", ",", "|"),
    mark: fc.constantFrom("\\N", "", "NULL", "0"),
  });
  const seen = { plain: 0, escaped: 0 };
  const copyDefaults = { format: "text", header: "none", quote: '"', escape: '"', encoding: null } as const;
  const forces = { forceQuote: [], forceNull: [], forceNotNull: [] } as const;
  fc.assert(
    fc.property(lines, options, fc.integer({ min: 1, max: 40 }), (given, { delimiter, mark }, cut) => {
      const escapedAs = (value: string | null): string => {
        if (value === null) return mark;
        const escaped = value
          .replaceAll("\\", "\\\\")
          .replaceAll("\t", "\\t")
          .replaceAll("\n", "\\n")
          .replaceAll("\r", "\\r")
          .replaceAll(delimiter, `\\${delimiter}`);
        seen[escaped === value ? "plain" : "escaped"] += 1;
        // What looks like the mark of NULL is told from it by an escape.
        return escaped === mark && mark !== "" ? `\\x${mark.charCodeAt(0).toString(16)}${escaped.slice(1)}` : escaped;
      };
      const bytes = Buffer.from(given.map((row) => `${row.map(escapedAs).join(delimiter)}\n`).join(""));
      const columns = ["x", "y", "z"];
      const block = new CopyBlock("t", columns, false);
      const rows = new RowsIn({ ...copyDefaults, ...forces, delimiter, null: mark }, columns, block);
      for (let at = 0; at < bytes.length; at += cut) rows.push(bytes.subarray(at, at + cut));
      rows.finish();
      const reader = new LoadBlockReader(block.values.take(), 3);
      const found: (string | null)[][] = [];
      const textOf = (value: Uint8Array | null): string | null =>
        value === null ? null : Buffer.from(value).toString();
      while (reader.next()) found.push([0, 1, 2].map((at) => textOf(reader.value(at))));
      t.deepEqual(
        found,
        given.map((row) => row.map((value) => (value === mark && mark === "" ? null : value))),
      );
    }),
    { numRuns: 1_000 },
  );
  t.true(seen.plain > 1_000 && seen.escaped > 1_000);
});

test("rows that are loaded: what is in them is found, back to any mark", (t) => {
  const partBytes = 16 * 1024;
  const operation = fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant("add" as const), key: fc.nat(400), tree: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("ascend" as const), count: fc.integer({ min: 1, max: 2_000 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "mark" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "rewind" as const }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const loaded = new LoadedRows(3, { partBytes, itemBytes: itemBytesMax });
      const model = new Map<string, number>();
      const marks: { mark: ReturnType<LoadedRows["mark"]>; names: number }[] = [];
      const keys = new TableKey();
      let next = 1_000;
      const keyOf = (space: number, key: number): Uint8Array =>
        keys.item(3, space + 20, Uint8Array.of(key >> 16, (key >> 8) & 255, key & 255)).slice();
      const add = (space: number, key: number): void => {
        const name = `${space} ${key}`;
        const tree = space === tableSpace.rows ? tableTree.rows : tableTree.index;
        t.is(loaded.has(tree, keyOf(space, key)), model.has(name), name);
        if (model.has(name)) return;
        loaded.add(space, space + 20, keyOf(space, key), new Uint8Array(key % 70).fill(key));
        model.set(name, key);
      };
      for (const one of operations) {
        if (one.kind === "add") add(one.tree ? tableSpace.rows : tableSpace.index, one.key);
        else if (one.kind === "ascend") for (let at = 0; at < one.count; at++) add(tableSpace.rows, next++);
        else if (one.kind === "mark") marks.push({ mark: loaded.mark(), names: model.size });
        else {
          const back = marks.pop();
          if (back === undefined) continue;
          loaded.rewind(back.mark);
          for (const name of [...model.keys()].slice(back.names)) model.delete(name);
        }
      }
      t.is(loaded.entries, model.size);
      t.is(loaded.rows, [...model.keys()].filter((name) => name.startsWith(`${tableSpace.rows} `)).length);
      const poured: string[] = [];
      loaded.pour((tree, key, value) => {
        const space = tree === tableTree.rows ? tableSpace.rows : tableSpace.index;
        const number = ((key.at(-3) ?? 0) << 16) | ((key.at(-2) ?? 0) << 8) | (key.at(-1) ?? 0);
        t.is(value?.length, 8 + (number % 70));
        poured.push(`${space} ${number}`);
      });
      t.deepEqual(poured, [...model.keys()]);
      // The next run's parts have the memory of this one's.
      loaded.release();
      t.deepEqual(
        [loaded.isEmpty, loaded.parts.length, loaded.has(tableTree.rows, keyOf(tableSpace.rows, 1))],
        [true, 0, false],
      );
    }),
    { numRuns: 60 },
  );
});
