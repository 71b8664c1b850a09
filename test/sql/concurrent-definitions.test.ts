/** Transactions that define things beside one another: by stories, and by random definitions of several sessions over few names. */
import test from "ava";
import { CatalogCache, type ObjectCatalog } from "../../runtime/query/catalog/over-trees.js";
import { temporarySchemaSetting } from "../../runtime/query/catalog/temporary.js";
import { beginnings, brokenIn, definitionStatement } from "./definition-statements.js";
import { Random } from "./privilege-statements.js";
import { type Answer, contentsOf, type RigSession, ShardRig, tenant } from "./shard-rig.js";

const catalogOf = (rig: ShardRig): ObjectCatalog => new CatalogCache().current(rig.shard.state, tenant);

function sessionsOf(rig: ShardRig, count: number): RigSession[] {
  return Array.from({ length: count }, (_, index) => {
    const session = rig.session();
    session.settings = [[temporarySchemaSetting, `pg_temp_${index + 1}`]];
    return session;
  });
}

function pairOf(rig: ShardRig): [RigSession, RigSession] {
  const [one, other] = sessionsOf(rig, 2);
  if (one === undefined || other === undefined) throw new Error("two sessions were made");
  return [one, other];
}

test("definitions that have nothing in common do not wait for one another, and both are there", (t) => {
  const rig = new ShardRig();
  const [a, b] = pairOf(rig);
  a.rows("CREATE TYPE mood AS ENUM ('low')");
  a.begin();
  b.begin();
  a.rows("CREATE TABLE one (id serial PRIMARY KEY, m mood)");
  b.rows("CREATE TABLE two (id serial PRIMARY KEY, m mood)");
  a.rows("CREATE TEMP TABLE scratch (id int)");
  b.rows("CREATE TEMP TABLE scratch (id int, more text)");
  a.rows("INSERT INTO scratch VALUES (1)");
  b.rows("INSERT INTO scratch VALUES (2, 'b')");
  a.rows("INSERT INTO one (m) VALUES ('low')");
  b.rows("INSERT INTO two (m) VALUES ('low')");
  b.commit();
  t.deepEqual(a.rows("SELECT count(*) FROM two"), [["1"]], "what another has committed is there at once");
  a.rows("ALTER TABLE one ADD COLUMN z int");
  a.commit();
  t.deepEqual(b.rows("SELECT id, m, z FROM one"), [["1", "low", null]]);
  t.deepEqual(a.rows("SELECT * FROM scratch"), [["1"]]);
  t.deepEqual(b.rows("SELECT * FROM scratch"), [["2", "b"]]);
  t.is(brokenIn(catalogOf(rig)), null);
  const oids = b.rows("SELECT count(*), count(DISTINCT oid) FROM pg_class WHERE oid >= 16384")[0];
  t.is(oids?.[0], oids?.[1]);
});

const waits: readonly (readonly [what: string, first: string, second: string, then: "rows" | "error"])[] = [
  ["a name", "CREATE TABLE q (id int)", "CREATE TABLE q (id text)", "error"],
  ["a name of a type", "CREATE TYPE q AS ENUM ()", "CREATE DOMAIN q AS int", "error"],
  ["a name of a schema", "CREATE SCHEMA q", "CREATE SCHEMA q", "error"],
  ["a new name", "ALTER TABLE p RENAME TO q", "CREATE VIEW q AS SELECT 1", "error"],
  ["a table that is referred to", "CREATE TABLE q (id int REFERENCES p)", "DROP TABLE p", "error"],
  ["a table that goes", "DROP TABLE p", "CREATE TABLE q (id int REFERENCES p)", "error"],
  ["a table that is read", "CREATE VIEW q AS SELECT * FROM p", "DROP TABLE p", "error"],
  ["a column that is read", "CREATE TEMP VIEW q AS SELECT * FROM p", "ALTER TABLE p DROP COLUMN v", "error"],
  ["a type that is used", "CREATE TABLE q (m mood[])", "DROP TYPE mood", "error"],
  ["a domain that is used", "CREATE TEMP TABLE q (m plus)", "DROP DOMAIN plus", "error"],
  ["a sequence that is drawn from", "CREATE TABLE q (n int DEFAULT nextval('n'))", "DROP SEQUENCE n", "error"],
  ["a schema that is filled", "CREATE TABLE s.q (id int)", "DROP SCHEMA s", "error"],
  ["a schema that gets another name", "CREATE VIEW q AS SELECT * FROM s.p", "ALTER SCHEMA s RENAME TO r", "rows"],
  ["one table that two change", "CREATE INDEX ON p (v)", "ALTER TABLE p ADD COLUMN w int", "rows"],
];

for (const [what, first, second, then] of waits) {
  test(`what two have in common is waited for: ${what}`, (t) => {
    const rig = new ShardRig();
    const [a, b] = pairOf(rig);
    a.rows("CREATE TYPE mood AS ENUM ('low')");
    a.rows("CREATE DOMAIN plus AS int CHECK (VALUE > 0)");
    a.rows("CREATE SEQUENCE n");
    a.rows("CREATE TABLE p (id int PRIMARY KEY, v text)");
    a.rows("CREATE SCHEMA s");
    if (second !== "DROP SCHEMA s") a.rows("CREATE TABLE s.p (id int)");
    for (const end of ["rollback", "commit"] as const) {
      a.begin();
      a.rows(first);
      b.begin();
      t.is(b.run(second).kind, "waits");
      a[end]();
      t.is(b.late()?.kind, end === "commit" ? then : "rows", `${second} after ${end}: ${JSON.stringify(b.late())}`);
      if (end === "rollback") b.rollback();
      else b.commit();
      t.is(brokenIn(catalogOf(rig)), null);
    }
  });
}

test("what another session's temporary views read is known when it goes", (t) => {
  const rig = new ShardRig();
  const [a, b] = pairOf(rig);
  b.rows("CREATE TYPE mood AS ENUM ('low')");
  a.rows("CREATE TEMP TABLE scratch (id int, m mood)");
  a.rows("CREATE VIEW w AS SELECT * FROM scratch");
  t.is(b.state("SELECT * FROM pg_temp_1.w"), "0A000");
  const refused = b.run("DROP TYPE mood");
  t.is(
    refused.kind === "error" ? refused.detail : "",
    "column m of table pg_temp_1.scratch depends on type mood\nview pg_temp_1.w depends on column m of table pg_temp_1.scratch",
  );
  b.rows("DROP TYPE mood CASCADE");
  t.is(a.state("SELECT * FROM w"), "42P01");
  t.is(brokenIn(catalogOf(rig)), null);
});

const wanted = new Set(
  "0A000 2BP01 3F000 40P01 42601 42701 42703 42704 42710 42804 42809 42830 42846 42883 42P01 42P06 42P07 42P16 42P17 55000 55006 22P02 23502 23503 23505 23514 25P02 42611 42601 55P04 22023".split(
    " ",
  ),
);

/** A session that goes on after what failed, by savepoints. */
interface Definer {
  readonly session: RigSession;
  isOpen: boolean;
  /** The statement that it waits with; empty for none. */
  waiting: string;
}

for (const seed of [3, 4]) {
  test(`random definitions of four sessions leave a whole catalog, which its log makes again (${seed})`, (t) => {
    const random = new Random(seed * 7_919);
    const rig = new ShardRig();
    const all = sessionsOf(rig, 4).map((session): Definer => ({ session, isOpen: false, waiting: "" }));
    for (const text of beginnings) all[0]?.session.rows(text);
    const counts = { done: 0, failed: 0, waited: 0, ended: 0 };
    const settle = ({ session, isOpen }: Definer, text: string, answer: Answer): void => {
      counts[answer.kind === "error" ? "failed" : "done"] += 1;
      if (answer.kind !== "error") return;
      if (!wanted.has(answer.sqlState)) t.fail(`${text}: ${answer.sqlState} ${answer.message}`);
      if (isOpen) session.rollbackTo("before");
    };
    for (let step = 0; step < 1_000; step++) {
      const one = random.of(all);
      const { session } = one;
      if (one.waiting !== "") {
        const late = session.late();
        if (late === null) continue;
        settle(one, one.waiting, late);
        one.waiting = "";
      }
      const what = random.below(12);
      if (one.isOpen && what < 2) {
        if (what === 0) session.rollback();
        else session.commit();
        one.isOpen = false;
        counts.ended += 1;
      } else if (!one.isOpen && what < 9) {
        session.begin();
        one.isOpen = true;
      } else {
        if (one.isOpen) session.savepoint("before");
        const text = definitionStatement(random);
        const answer = session.run(text);
        if (answer.kind !== "waits") settle(one, text, answer);
        else {
          one.waiting = text;
          counts.waited += 1;
        }
      }
      const broken = brokenIn(catalogOf(rig));
      if (broken !== null) return t.fail(`after ${step} steps: ${broken}`);
    }
    t.true(counts.waited > 20 && counts.ended > 40 && counts.done > 100, JSON.stringify(counts));
    t.deepEqual(contentsOf(new ShardRig(rig.shard.replay())), contentsOf(rig));
    return undefined;
  });
}

test("a definition keeps out of a table what PostgreSQL's lock for it keeps out, and waits for no more", (t) => {
  /** Whether it goes beside who writes rows, and beside who locks some. */
  const definitions: readonly (readonly [text: string, writers: boolean, lockers: boolean])[] = [
    ["COMMENT ON TABLE t IS 'x'", true, true],
    ["COMMENT ON COLUMN t.v IS 'x'", true, true],
    ["ALTER TABLE t ALTER v SET STATISTICS 7, SET (fillfactor = 70)", true, true],
    ["ALTER TABLE t VALIDATE CONSTRAINT positive", true, true],
    ["ALTER TABLE t CLUSTER ON t_pkey", true, true],
    ["ALTER DOMAIN d SET DEFAULT 3", true, true],
    ["ALTER DOMAIN d ADD CHECK (value < 9) NOT VALID", true, true],
    ["ALTER DOMAIN d ADD CHECK (value < 9)", false, true],
    ["CREATE INDEX ON t (v)", false, true],
    ["CREATE TABLE c (id int REFERENCES t)", false, true],
    ["ALTER TABLE o ADD FOREIGN KEY (id) REFERENCES t", false, true],
    ["ALTER TABLE t ADD FOREIGN KEY (v) REFERENCES o NOT VALID", false, true],
    ["ALTER TABLE t ALTER v SET STATISTICS 7, ADD COLUMN w int", false, false],
    ["ALTER TABLE t ALTER v SET STORAGE PLAIN", false, false],
    ["ALTER TABLE t RENAME CONSTRAINT positive TO other", false, false],
  ];
  for (const [text, writers, lockers] of definitions) {
    const shard = new ShardRig();
    const [a, b, c] = [shard.session(), shard.session(), shard.session()];
    a.rows("CREATE DOMAIN d AS int");
    a.rows("CREATE TABLE t (id int PRIMARY KEY, v int, d d)");
    a.rows("CREATE TABLE o (id int PRIMARY KEY)");
    a.rows("INSERT INTO t VALUES (1, 1, 1)");
    a.rows("INSERT INTO o VALUES (1)");
    a.rows("ALTER TABLE t ADD CONSTRAINT positive CHECK (v > 0) NOT VALID");
    b.begin();
    b.rows("SELECT FROM t WHERE id = 1 FOR UPDATE");
    a.begin();
    t.is(a.run(text).kind !== "waits", lockers, text);
    b.rollback();
    a.rollback();
    b.begin();
    b.rows("UPDATE t SET v = 2 WHERE id = 1");
    b.rows("INSERT INTO t VALUES (2, 2, 2)");
    a.begin();
    const answer = a.run(text);
    t.is(answer.kind !== "waits", writers, text);
    if (!writers) {
      b.commit();
      t.is(a.late()?.kind, "rows", text);
    }
    const insert = c.run("INSERT INTO t VALUES (3, 1, 3)");
    t.is(insert.kind !== "waits", writers, text);
    if (writers) b.commit();
    a.commit();
    t.is((writers ? insert : c.late())?.kind, "rows", text);
    t.deepEqual(c.rows("SELECT id, v FROM t ORDER BY id"), [
      ["1", "2"],
      ["2", "2"],
      ["3", "1"],
    ]);
  }
});

test("a foreign key is not made beside who removes what its rows refer to", (t) => {
  const shard = new ShardRig();
  const [a, b] = [shard.session(), shard.session()];
  a.rows("CREATE TABLE p (id int PRIMARY KEY)");
  a.rows("CREATE TABLE c (id int)");
  a.rows("INSERT INTO p VALUES (1)");
  a.rows("INSERT INTO c VALUES (1)");
  a.begin();
  a.rows("DELETE FROM p");
  t.is(b.run("ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES p").kind, "waits");
  a.commit();
  const late = b.late();
  t.is(late?.kind === "error" ? late.sqlState : null, "23503");
});
