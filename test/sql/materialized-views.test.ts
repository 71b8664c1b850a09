/** Materialized views, over a shard without threads: what they hold is what their queries say, whatever is done and undone. */
import test from "ava";
import { LoadedRows } from "../../actors/shard/sql/loaded-rows.js";
import { dump } from "../kernel/shard-twin.js";
import { Random } from "../query/fuzz/expressions.js";
import { type RigSession, ShardRig } from "./shard-rig.js";
import { definitions, statementOf, views } from "./view-program.js";

type Rows = readonly (readonly (string | null)[])[];

const sorted = (rows: Rows): string[] => rows.map((row) => JSON.stringify(row)).sort();

function expectTrue(session: RigSession, say: (view: string, stored: string[], computed: string[]) => void): void {
  for (const { name, query } of views) {
    const stored = sorted(session.rows(`SELECT * FROM ${name}`));
    say(name, stored, sorted(session.rows(query)));
  }
}

for (const seed of [1, 2, 3]) {
  test(`views hold what their queries say after every commit, and as of every position (${seed})`, (t) => {
    const source = new Random(seed);
    const random = (): number => source.next(1_000_000) / 1_000_000;
    const rig = new ShardRig();
    const session = rig.session();
    const other = rig.session();
    for (const definition of definitions) session.rows(definition);
    let position = -1;
    const positions: number[] = [];
    for (let round = 0; round < 300; round += 1) {
      const kind = Math.floor(random() * 40);
      if (kind === 0) {
        session.rows(random() < 0.5 ? "TRUNCATE orders" : "TRUNCATE customers");
      } else if (kind < 6) {
        session.begin();
        session.run(statementOf(random));
        session.savepoint("s");
        if (session.run(statementOf(random)).kind === "error" || random() < 0.4) session.rollbackTo("s");
        // Somebody else commits in between.
        if (random() < 0.5)
          other.run(
            "INSERT INTO orders VALUES (1000, 3, 'new', 5, 'x', 1) ON CONFLICT (id) DO UPDATE SET amount = orders.amount + 1",
          );
        session.run(statementOf(random));
        if (random() < 0.3) session.rollback();
        else session.commit();
      } else if (kind === 6) {
        session.rows(`ALTER TABLE orders ADD COLUMN extra${round} int DEFAULT ${round}`);
      } else if (kind === 7) {
        session.rows("REFRESH MATERIALIZED VIEW totals");
      } else session.run(statementOf(random));
      if (round % 8 !== 0) continue;
      expectTrue(session, (view, stored, computed) => t.deepEqual(stored, computed, `${view}, round ${round}`));
      const answer = session.run("SELECT 1");
      position = answer.kind === "rows" ? answer.position : position;
      positions.push(position);
    }
    t.true(positions.length > 30);
    for (const at of positions.filter((_, index) => index % 12 === 0)) {
      session.settings = [["kimberlite.as_of", String(at)]];
      expectTrue(session, (view, stored, computed) => t.deepEqual(stored, computed, `${view} as of ${at}`));
      session.settings = [];
    }
    const before = views.map(({ name }) => sorted(session.rows(`SELECT * FROM ${name}`)));
    const twin = new ShardRig(rig.shard.replay());
    t.is(dump(twin.shard.state), dump(rig.shard.state), "replay equals live");
    const later = twin.session();
    for (const { name } of views) later.rows(`REFRESH MATERIALIZED VIEW ${name}`);
    t.deepEqual(
      views.map(({ name }) => sorted(later.rows(`SELECT * FROM ${name}`))),
      before,
      "computed as a whole equals kept up to date",
    );
  });
}

test("definitions: made with and without data, refreshed, renamed, moved, indexed and dropped, and what depends on what", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (a int, b text)");
  session.rows("INSERT INTO t VALUES (1, 'x'), (2, 'y'), (2, 'z')");
  const tag = (text: string): string => {
    const answer = session.run(text);
    return answer.kind === "rows" ? answer.tag : JSON.stringify(answer);
  };
  t.is(tag("CREATE MATERIALIZED VIEW v (n, c) AS SELECT a, count(*) FROM t GROUP BY a"), "SELECT 2");
  t.is(session.state("CREATE MATERIALIZED VIEW v AS SELECT 1"), "42P07");
  t.is(tag("CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1"), "CREATE MATERIALIZED VIEW");
  t.deepEqual(session.rows("SELECT * FROM v ORDER BY n"), [
    ["1", "1"],
    ["2", "2"],
  ]);
  t.deepEqual(session.rows("SELECT v.n FROM v WHERE c = 2"), [["2"]]);
  t.is(session.state("SELECT v.c1 FROM v"), "42703", "what sums are kept in is nobody's to see");

  t.is(tag("CREATE MATERIALIZED VIEW empty AS SELECT b FROM t WITH NO DATA"), "CREATE MATERIALIZED VIEW");
  t.is(session.state("SELECT * FROM empty"), "55000");
  t.is(
    tag("CREATE MATERIALIZED VIEW above AS SELECT b || '!' AS c FROM empty WITH NO DATA"),
    "CREATE MATERIALIZED VIEW",
  );
  t.is(session.state("REFRESH MATERIALIZED VIEW above"), "55000");
  t.is(session.state("REFRESH MATERIALIZED VIEW CONCURRENTLY empty"), "0A000");
  t.is(session.state("REFRESH MATERIALIZED VIEW CONCURRENTLY v WITH NO DATA"), "42601");
  t.is(tag("REFRESH MATERIALIZED VIEW empty"), "REFRESH MATERIALIZED VIEW");
  t.is(tag("REFRESH MATERIALIZED VIEW above"), "REFRESH MATERIALIZED VIEW");
  session.rows("INSERT INTO t VALUES (3, 'w')");
  t.deepEqual(session.rows("SELECT c FROM above ORDER BY c"), [["w!"], ["x!"], ["y!"], ["z!"]]);
  t.is(tag("REFRESH MATERIALIZED VIEW empty WITH NO DATA"), "REFRESH MATERIALIZED VIEW");
  t.is(session.state("SELECT * FROM empty"), "55000");
  session.rows("INSERT INTO t VALUES (4, 'q')");
  t.is(session.rows("SELECT c FROM above").length, 4, "a view stays as it is while what it reads cannot be read");
  session.rows("REFRESH MATERIALIZED VIEW empty");
  t.is(session.rows("SELECT c FROM above").length, 5);

  t.is(session.state("INSERT INTO v VALUES (1, 2)"), "42809");
  t.is(session.state("UPDATE v SET n = 1"), "42809");
  t.is(session.state("DELETE FROM v"), "42809");
  t.is(session.state("TRUNCATE v"), "42809");
  t.is(session.state("SELECT * FROM v FOR UPDATE"), "42809");
  t.is(session.state("REFRESH MATERIALIZED VIEW t"), "42809");
  t.is(session.state("REFRESH MATERIALIZED VIEW nowhere"), "42P01");
  t.is(session.state("DROP VIEW v"), "42809");
  t.is(session.state("DROP TABLE v"), "42809");

  t.is(session.state("DROP TABLE t"), "2BP01");
  t.is(session.state("ALTER TABLE t DROP COLUMN a"), "2BP01");
  t.is(session.state("ALTER TABLE t ALTER COLUMN a TYPE bigint"), "0A000");
  // What is read may get other names.
  session.rows("ALTER TABLE t RENAME COLUMN a TO z");
  session.rows("ALTER TABLE t RENAME TO zz");
  session.rows("INSERT INTO zz VALUES (9, 'r')");
  t.deepEqual(session.rows("SELECT c FROM v WHERE n = 9"), [["1"]]);
  session.rows("DELETE FROM zz WHERE z = 9");
  t.deepEqual(session.rows("SELECT c FROM v WHERE n = 9"), []);
  session.rows("ALTER TABLE zz RENAME TO t");
  session.rows("ALTER TABLE t RENAME COLUMN z TO a");
  session.rows("ALTER TABLE t ADD COLUMN d int DEFAULT 7");
  session.rows("CREATE INDEX v_c ON v (c DESC)");
  t.is(session.state("CREATE UNIQUE INDEX ON above (length(c))"), "23505");
  t.is(tag("ALTER MATERIALIZED VIEW v RENAME TO w"), "ALTER MATERIALIZED VIEW");
  session.rows("CREATE SCHEMA s");
  t.is(tag("ALTER MATERIALIZED VIEW w SET SCHEMA s"), "ALTER MATERIALIZED VIEW");
  session.rows("DELETE FROM t WHERE a = 2");
  t.deepEqual(session.rows("SELECT n, c FROM s.w WHERE c > 0 ORDER BY n"), [
    ["1", "1"],
    ["3", "1"],
    ["4", "1"],
  ]);
  t.deepEqual(session.rows("SELECT relkind, relispopulated, relhasindex FROM pg_class WHERE relname = 'w'"), [
    ["m", "t", "t"],
  ]);
  t.deepEqual(session.rows("SELECT attname FROM pg_attribute WHERE attrelid = 's.w'::regclass ORDER BY attnum"), [
    ["n"],
    ["c"],
  ]);
  const [listed] = session.rows(
    "SELECT schemaname, matviewname, hasindexes, ispopulated, definition FROM pg_matviews WHERE matviewname = 'w'",
  );
  t.deepEqual(listed?.slice(0, 4), ["s", "w", "t", "t"]);
  // The table had another name for a while.
  t.is(listed?.[4], " SELECT t.a AS n,\n    count(*) AS c\n   FROM t\n  GROUP BY t.a;");
  t.deepEqual(
    session.rows("SELECT matviewname, mode, ispopulated, rows FROM kimberlite.materialized_views ORDER BY 1"),
    [
      ["above", "incremental", "t", "3"],
      ["empty", "incremental", "t", "3"],
      ["w", "incremental", "t", "3"],
    ],
  );
  t.is(tag("DROP MATERIALIZED VIEW s.w"), "DROP MATERIALIZED VIEW");
  t.is(session.state("DROP MATERIALIZED VIEW empty"), "2BP01");
  t.is(tag("DROP TABLE t CASCADE"), "DROP TABLE");
  t.deepEqual(session.rows("SELECT matviewname FROM pg_matviews"), []);
  t.is(tag("DROP MATERIALIZED VIEW IF EXISTS above"), "DROP MATERIALIZED VIEW");
});

test("what cannot be kept up to date with every commit says why, and is brought up to date by REFRESH alone", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (a int PRIMARY KEY, b text, f float8)");
  session.rows("INSERT INTO t VALUES (1, 'x', 0.5), (2, 'y', 1)");
  const queries: readonly (readonly [query: string, reason: string])[] = [
    ["SELECT DISTINCT b FROM t", "DISTINCT"],
    ["SELECT a FROM t ORDER BY a LIMIT 1", "LIMIT"],
    ["SELECT a FROM t UNION SELECT 5", "UNION"],
    ["SELECT a, row_number() OVER (ORDER BY a) AS n FROM t", "window"],
    ["SELECT x.a FROM t x LEFT JOIN t y ON y.a = x.a + 1", "outer join"],
    ["SELECT a FROM t WHERE a IN (SELECT a FROM t)", "subquery"],
    ["SELECT now() AS n, a FROM t", "immutable"],
    ["SELECT random() < 2 AS r, a FROM t", "immutable"],
    ["SELECT sum(f) AS s FROM t", "order of adding"],
    ["SELECT f, count(*) AS n FROM t GROUP BY f", "shown differently"],
    ["SELECT string_agg(b, ',') AS s FROM t", "string_agg"],
    ["SELECT count(DISTINCT b) AS n FROM t", "DISTINCT"],
    ["SELECT b, count(*) AS n FROM t GROUP BY b HAVING count(*) > 1", "rows that are no table's|groups"],
    ["SELECT b, count(*) AS n FROM t GROUP BY ROLLUP (b)", "grouping sets"],
    ["SELECT 1 AS one", "no table"],
    ["WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r", "recursive|WITH"],
    ["SELECT relname FROM pg_class", "no table's"],
  ];
  for (const [at, [query, reason]] of queries.entries()) {
    t.is(session.state(`CREATE MATERIALIZED VIEW strict WITH (maintenance = incremental) AS ${query}`), "0A000", query);
    session.rows(`CREATE MATERIALIZED VIEW r${at} AS ${query}`);
    const [row] = session.rows(`SELECT mode, reason FROM kimberlite.materialized_views WHERE matviewname = 'r${at}'`);
    t.is(row?.[0], "refresh", query);
    t.regex(row?.[1] ?? "", new RegExp(reason), query);
  }
  session.rows(
    "CREATE MATERIALIZED VIEW slow WITH (maintenance = refresh) AS SELECT b, count(*) AS n FROM t GROUP BY b",
  );
  const before = session.rows("SELECT * FROM slow ORDER BY 1");
  session.rows("INSERT INTO t VALUES (3, 'x', 2)");
  t.deepEqual(session.rows("SELECT * FROM slow ORDER BY 1"), before);
  for (const [at] of queries.entries()) session.rows(`REFRESH MATERIALIZED VIEW r${at}`);
  session.rows("REFRESH MATERIALIZED VIEW CONCURRENTLY slow");
  t.deepEqual(session.rows("SELECT * FROM slow ORDER BY 1"), [
    ["x", "2"],
    ["y", "1"],
  ]);
  for (const [at, [query]] of queries.entries()) {
    if (query.includes("now()") || query.includes("pg_class")) continue;
    t.deepEqual(sorted(session.rows(`SELECT * FROM r${at}`)), sorted(session.rows(query)), query);
  }
});

test("a write that a view's query fails on is refused whole, and says which view; the others' answers stay", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (a int PRIMARY KEY, b int)");
  session.rows("CREATE MATERIALIZED VIEW share AS SELECT a, 100 / b AS part FROM t");
  session.rows("INSERT INTO t VALUES (1, 5)");
  const answer = session.run("INSERT INTO t VALUES (2, 0)");
  t.is(answer.kind === "error" ? answer.sqlState : "", "22012");
  t.regex(answer.kind === "error" ? answer.detail : "", /materialized view "share"/);
  session.begin();
  session.rows("INSERT INTO t VALUES (3, 1)");
  session.rows("INSERT INTO t VALUES (4, 0)");
  const commit = session.commit();
  t.is(commit.kind === "error" ? commit.sqlState : "", "22012");
  t.deepEqual(session.rows("SELECT * FROM t"), [["1", "5"]]);
  t.deepEqual(session.rows("SELECT * FROM share"), [["1", "20"]]);
  session.rows("CREATE UNIQUE INDEX ON share (part)");
  t.is(session.state("INSERT INTO t VALUES (5, 5)"), "23505");
  session.rows("UPDATE t SET a = 7, b = 4");
  t.deepEqual(session.rows("SELECT * FROM share WHERE part = 25"), [["7", "25"]]);
});

test("a view that is made or refreshed in a transaction counts what others commit before it does, once", (t) => {
  const rig = new ShardRig();
  const [one, two] = [rig.session(), rig.session()];
  one.rows("CREATE TABLE t (a int PRIMARY KEY, b int)");
  one.rows("CREATE TABLE u (a int PRIMARY KEY)");
  one.rows("INSERT INTO t VALUES (1, 1)");
  one.begin();
  one.rows("INSERT INTO t VALUES (2, 1)");
  one.rows("CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b");
  t.deepEqual(one.rows("SELECT n FROM v"), [["2"]]);
  one.rows("INSERT INTO t VALUES (3, 1)");
  two.rows("INSERT INTO t VALUES (4, 1)");
  one.commit();
  t.deepEqual(one.rows("SELECT n FROM v"), [["4"]]);
  one.begin();
  one.rows("INSERT INTO t VALUES (5, 1)");
  one.rows("REFRESH MATERIALIZED VIEW v");
  t.deepEqual(one.rows("SELECT n FROM v"), [["5"]]);
  two.rows("DELETE FROM t WHERE a = 1");
  one.commit();
  t.deepEqual(one.rows("SELECT n FROM v"), [["4"]]);
  one.begin();
  one.savepoint("s");
  one.rows("REFRESH MATERIALIZED VIEW v");
  one.rollbackTo("s");
  one.rows("INSERT INTO t VALUES (6, 1)");
  one.commit();
  t.deepEqual(one.rows("SELECT n FROM v"), [["5"]]);
  one.begin();
  one.rows("CREATE MATERIALIZED VIEW gone AS SELECT a FROM t");
  one.rollback();
  t.is(one.state("SELECT * FROM gone"), "42P01");
  t.is(dump(rig.shard.replay().state), dump(rig.shard.state), "replay equals live");
});

test("a commit that is decided anew, after others came before it, counts each change once", (t) => {
  const rig = new ShardRig();
  const [one, two] = [rig.session(), rig.session()];
  one.rows("CREATE TABLE t (a int PRIMARY KEY, b int)");
  one.rows("CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n, sum(a) AS s FROM t GROUP BY b");
  one.rows("CREATE MATERIALIZED VIEW bag AS SELECT b FROM t");
  const decide = rig.decider.decide.bind(rig.decider);
  let isNext = false;
  rig.decider.decide = (waiting, tenant) => {
    const outcome = decide(waiting, tenant);
    if (!isNext) return outcome;
    isNext = false;
    t.is(outcome.kind, "commit");
    // The first outcome is dropped, as one that found no room and lost its turn.
    two.rows("INSERT INTO t VALUES (100, 1), (101, 1)");
    two.rows("DELETE FROM t WHERE a = 1");
    return decide(waiting, tenant);
  };
  one.rows("INSERT INTO t VALUES (1, 1), (2, 1)");
  one.begin("repeatableRead");
  one.rows("INSERT INTO t VALUES (3, 1)");
  one.rows("UPDATE t SET b = 2 WHERE a = 2");
  isNext = true;
  one.commit();
  t.false(isNext);
  t.deepEqual(one.rows("SELECT * FROM v ORDER BY b"), [
    ["1", "3", "204"],
    ["2", "1", "2"],
  ]);
  t.deepEqual(one.rows("SELECT b, count(*) FROM bag GROUP BY b ORDER BY b"), [
    ["1", "3"],
    ["2", "1"],
  ]);
  t.is(dump(rig.shard.replay().state), dump(rig.shard.state), "replay equals live");
});

test("tables that are written anew, cascades, dropped columns and indexes leave views what their queries say", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE p (id int PRIMARY KEY, name text)");
  session.rows(
    "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, x int, y text)",
  );
  session.rows("INSERT INTO p SELECT i, 'p' || i FROM generate_series(1, 20) i");
  session.rows("INSERT INTO c SELECT i, i % 20 + 1, i, 'y' FROM generate_series(1, 200) i");
  const queries = [
    "SELECT p, count(*) AS n, sum(x) AS s, max(x) AS m FROM c GROUP BY p",
    "SELECT c.id, p.name FROM c JOIN p ON p.id = c.p",
  ];
  for (const [at, query] of queries.entries()) session.rows(`CREATE MATERIALIZED VIEW v${at} AS ${query}`);
  session.rows("CREATE INDEX v0_n ON v0 (n)");
  const holds = (when: string): void => {
    for (const [at, query] of queries.entries())
      t.deepEqual(sorted(session.rows(`SELECT * FROM v${at}`)), sorted(session.rows(query)), `${when}: ${query}`);
  };
  for (const change of [
    "DELETE FROM p WHERE id < 4",
    "UPDATE p SET id = id + 100 WHERE id > 15",
    "ALTER TABLE c ALTER COLUMN y TYPE varchar(3)",
    "ALTER TABLE c DROP COLUMN y",
    "INSERT INTO c SELECT i, 5, i FROM generate_series(300, 340) i",
    "ALTER TABLE c ADD COLUMN z int DEFAULT 3",
    "DROP INDEX v0_n",
    "WITH gone AS (DELETE FROM c WHERE id % 3 = 0 RETURNING *) INSERT INTO c SELECT id + 1000, p, x FROM gone",
    "TRUNCATE p CASCADE",
    "INSERT INTO p VALUES (1, 'again')",
    "INSERT INTO c VALUES (1, 1, 1)",
  ]) {
    session.rows(change);
    holds(change);
  }
});

test("a view between a table and a materialized view is part of its query, and is not replaced", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (a int, b int)");
  session.rows("CREATE VIEW large AS SELECT a, b FROM t WHERE b > 5");
  session.rows("CREATE VIEW named AS SELECT a AS x, b AS y FROM large");
  session.rows("CREATE MATERIALIZED VIEW v AS SELECT x, sum(y) AS s FROM named GROUP BY x");
  session.rows("INSERT INTO t VALUES (1, 2), (1, 7), (1, 8), (2, 9)");
  t.deepEqual(session.rows("SELECT * FROM v ORDER BY x"), [
    ["1", "15"],
    ["2", "9"],
  ]);
  t.is(session.state("CREATE OR REPLACE VIEW large AS SELECT a, b FROM t WHERE b > 7"), "0A000");
  session.rows("CREATE OR REPLACE VIEW other AS SELECT a FROM t");
  session.rows("CREATE OR REPLACE VIEW other AS SELECT a FROM t WHERE a > 1");
  session.rows("ALTER VIEW large RENAME TO big");
  session.rows("UPDATE t SET b = 3 WHERE b = 8");
  t.deepEqual(session.rows("SELECT * FROM v ORDER BY x"), [
    ["1", "7"],
    ["2", "9"],
  ]);
  t.is(session.state("DROP VIEW big"), "2BP01");
  t.is(session.state("DROP VIEW named"), "2BP01");
  session.rows("DROP VIEW big CASCADE");
  t.is(session.state("SELECT * FROM v"), "42P01");
});

test("a star is what it was when a view was made, whatever columns its table gets", (t) => {
  const session = new ShardRig().session();
  session.rows("CREATE TABLE t (a int, b int)");
  session.rows("CREATE MATERIALIZED VIEW v AS SELECT *, 1 AS one FROM t");
  session.rows("CREATE VIEW w AS SELECT *, 1 AS one FROM t");
  session.rows("ALTER TABLE t ADD COLUMN c text DEFAULT 'c'");
  session.rows("INSERT INTO t VALUES (1, 2, 'x')");
  t.deepEqual(session.rows("SELECT * FROM v"), [["1", "2", "1"]]);
  t.deepEqual(session.rows("SELECT * FROM w"), [["1", "2", "1"]]);
});

test("what is loaded into a table that no view reads stays as it was loaded", (t) => {
  let poured = 0;
  const { pour } = LoadedRows.prototype;
  LoadedRows.prototype.pour = function counted(into): void {
    poured += 1;
    pour.call(this, into);
  };
  try {
    const session = new ShardRig().session();
    session.rows("CREATE TABLE seen (id int PRIMARY KEY, n int)");
    session.rows("CREATE TABLE apart (id int PRIMARY KEY, n int)");
    session.rows("CREATE MATERIALIZED VIEW totals AS SELECT n, count(*) c FROM seen GROUP BY n");
    session.rows("INSERT INTO apart SELECT g, g % 7 FROM generate_series(1, 500) g");
    session.rows("CREATE TABLE copied AS SELECT * FROM apart");
    session.rows("CREATE INDEX ON copied (n)");
    t.is(poured, 0, "no view asks for single rows");
    session.rows("INSERT INTO seen SELECT id, n FROM copied");
    t.true(poured > 0, "a view that reads the table does");
    const counted = session.rows("SELECT * FROM totals ORDER BY n");
    t.deepEqual(counted, session.rows("SELECT n, count(*) FROM seen GROUP BY n ORDER BY n"));
  } finally {
    LoadedRows.prototype.pour = pour;
  }
});

test("a view without rows is loaded, with likes, wide rows and indexes; one that has some, or had, is what its query says", (t) => {
  let [loads, poured] = [0, 0];
  const { pour, mark } = LoadedRows.prototype;
  LoadedRows.prototype.pour = function counted(into): void {
    poured += 1;
    pour.call(this, into);
  };
  LoadedRows.prototype.mark = function counted() {
    loads += 1;
    return mark.call(this);
  };
  const same = (session: RigSession, view: string, query: string): void => {
    const wanted = sorted(session.rows(query));
    t.true(wanted.length > 0);
    t.deepEqual(sorted(session.rows(`SELECT * FROM ${view}`)), wanted, view);
  };
  const [bag, groups] = ["SELECT b, w FROM t", "SELECT b, count(*) n, sum(a) s, avg(b) m, min(w) x FROM t GROUP BY b"];
  try {
    const rig = new ShardRig();
    const session = rig.session();
    session.rows("CREATE TABLE t (a int PRIMARY KEY, b int, w text)");
    session.rows(
      "INSERT INTO t SELECT g, g % 40, CASE WHEN g % 50 = 0 THEN repeat('x', 70000 + g % 40) END FROM generate_series(1, 400) g",
    );
    [loads, poured] = [0, 0];
    session.rows(`CREATE MATERIALIZED VIEW bag AS ${bag}`);
    session.rows(`CREATE MATERIALIZED VIEW groups AS ${groups}`);
    t.deepEqual([loads, poured], [2, 0], "both are loaded, and stay so until they are committed");
    same(session, "bag", bag);
    same(session, "groups", groups);
    session.rows("CREATE MATERIALIZED VIEW late AS SELECT a, b FROM t WITH NO DATA");
    session.rows("CREATE UNIQUE INDEX ON late (a)");
    session.rows("CREATE INDEX ON late (b)");
    session.rows("REFRESH MATERIALIZED VIEW late");
    same(session, "late", "SELECT a, b FROM t");
    t.deepEqual(session.rows("SELECT a FROM late WHERE b = 7 ORDER BY a LIMIT 1"), [["7"]]);
    session.rows("CREATE MATERIALIZED VIEW twice AS SELECT b FROM t WITH NO DATA");
    session.rows("CREATE UNIQUE INDEX ON twice (b)");
    t.is(session.state("REFRESH MATERIALIZED VIEW twice"), "23505");
    // Keys that go and come again in one transaction, and rows that it has not committed.
    session.begin();
    session.rows("DELETE FROM t WHERE a % 2 = 0");
    for (const view of ["bag", "groups", "late"]) session.rows(`REFRESH MATERIALIZED VIEW ${view}`);
    session.rows("INSERT INTO t SELECT g, g % 40, NULL FROM generate_series(2, 300, 2) g");
    for (const view of ["bag", "groups", "late"]) session.rows(`REFRESH MATERIALIZED VIEW ${view}`);
    session.rows(`CREATE MATERIALIZED VIEW own AS ${bag}`);
    for (const [view, query] of [
      ["bag", bag],
      ["groups", groups],
      ["late", "SELECT a, b FROM t"],
      ["own", bag],
    ] as const)
      same(session, view, query);
    session.commit();
    session.begin();
    session.rows("DELETE FROM t");
    session.rows("REFRESH MATERIALIZED VIEW bag");
    t.deepEqual(session.rows("SELECT count(*) FROM bag"), [["0"]]);
    session.rows("INSERT INTO t VALUES (1, 1, NULL), (2, 1, NULL), (3, 2, repeat('y', 300000))");
    session.rows("REFRESH MATERIALIZED VIEW bag");
    same(session, "bag", bag);
    session.commit();
    session.rows("INSERT INTO t VALUES (9, 1, NULL)");
    session.rows("DELETE FROM t WHERE a = 2");
    for (const [view, query] of [
      ["bag", bag],
      ["groups", groups],
      ["late", "SELECT a, b FROM t"],
      ["own", bag],
    ] as const)
      same(session, view, query);
    t.is(dump(rig.shard.replay().state), dump(rig.shard.state), "replay equals live");
  } finally {
    Object.assign(LoadedRows.prototype, { pour, mark });
  }
});

test("a refresh writes the rows that differ and no other", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE t (a int PRIMARY KEY, b int)");
  session.rows("INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 100) g");
  session.rows("CREATE MATERIALIZED VIEW bag WITH (maintenance = refresh) AS SELECT b FROM t");
  session.rows("CREATE MATERIALIZED VIEW sums WITH (maintenance = refresh) AS SELECT b, sum(a) s FROM t GROUP BY b");
  session.rows("DELETE FROM t WHERE a IN (5, 6)");
  session.rows("INSERT INTO t VALUES (200, 77)");
  const written = (view: string): Rows => {
    session.rows(`REFRESH MATERIALIZED VIEW ${view}`);
    return session.rows("SELECT rows FROM kimberlite.commits ORDER BY position DESC LIMIT 1");
  };
  t.deepEqual(written("bag"), [["3"]], "two that went, one that came");
  t.deepEqual(written("sums"), [["3"]], "two groups that changed, one that came");
  t.deepEqual(written("bag"), [["0"]]);
  t.deepEqual(sorted(session.rows("SELECT * FROM bag")), sorted(session.rows("SELECT b FROM t")));
  t.deepEqual(sorted(session.rows("SELECT * FROM sums")), sorted(session.rows("SELECT b, sum(a) FROM t GROUP BY b")));
});
