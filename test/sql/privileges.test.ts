/** Who may do what: by stories, and by random grants and queries of several users side by side with PostgreSQL. */
import test from "ava";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { PostgresClient } from "../query/postgres/client.js";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import {
  columnQueries,
  columnStatement,
  defaultQueries,
  defaultStatement,
  groups,
  Random,
  roleQueries,
  roleStatement,
  statement,
  users,
} from "./privilege-statements.js";
import { RoleRig, type RoleSession } from "./role-rig.js";
import { type RigSession, ShardRig } from "./shard-rig.js";

function sessions(rig: ShardRig, names: readonly string[]): Map<string, RigSession> {
  return new Map(
    ["admin", ...names].map((name) => {
      const session = rig.session(name);
      session.isSuperuser = name === "admin";
      return [name, session];
    }),
  );
}

const mustHave = (found: Map<string, RoleSession>, name: string): RoleSession => {
  const session = found.get(name);
  if (session === undefined) throw new Error(`${name} has a session`);
  return session;
};

const must = (found: Map<string, RigSession>, name: string): RigSession => {
  const session = found.get(name);
  if (session === undefined) throw new Error(`${name} has a session`);
  return session;
};

const refused = (session: RigSession, text: string): string => {
  const answer = session.run(text);
  return answer.kind === "error" ? `${answer.sqlState} ${answer.message}` : `${answer.kind}: ${text}`;
};

test("nothing is anybody else's until it is granted: reads, writes, the past, views, sequences, definitions", (t) => {
  const rig = new ShardRig();
  const all = sessions(rig, ["ann", "bob"]);
  const [admin, ann, bob] = ["admin", "ann", "bob"].map((name) => must(all, name)) as [
    RigSession,
    RigSession,
    RigSession,
  ];
  t.is(refused(ann, "CREATE TABLE t (a int)"), "42501 permission denied for schema public");
  t.is(refused(ann, "CREATE SCHEMA s"), "42501 permission denied for database main");
  admin.rows("GRANT CREATE ON SCHEMA public TO ann");
  ann.rows("CREATE TABLE t (a int PRIMARY KEY, b int, c int GENERATED ALWAYS AS IDENTITY, d serial)");
  ann.rows("INSERT INTO t (a, b) VALUES (1, 1), (2, 2)");
  ann.rows("UPDATE t SET b = 3 WHERE a = 1");
  ann.rows("CREATE VIEW v AS SELECT a FROM t WHERE b > 2");
  const denied = "42501 permission denied for table t";
  const reads = [
    "SELECT * FROM t",
    "SELECT count(*) FROM t",
    "SELECT 1 FROM t AS x (z)",
    "SELECT * FROM t FOR SYSTEM_TIME AS OF POSITION 3",
    "SELECT * FROM t FOR SYSTEM_TIME ALL",
    "SELECT * FROM kimberlite.row_history('t')",
    "SELECT * FROM kimberlite.diff('t', 2, 3)",
    "WITH x AS (SELECT * FROM t) SELECT * FROM x",
    "SELECT (SELECT max(a) FROM t)",
    "SELECT 1 WHERE EXISTS (SELECT FROM t)",
    "EXPLAIN SELECT * FROM t",
    "INSERT INTO u SELECT a FROM t",
    "CREATE TABLE w AS SELECT * FROM t",
  ];
  admin.rows("GRANT CREATE ON SCHEMA public TO bob");
  bob.rows("CREATE TABLE u (a int)");
  for (const text of reads) t.is(refused(bob, text), denied, text);
  for (const text of [
    "INSERT INTO t (a) VALUES (9)",
    "UPDATE t SET b = 1",
    "DELETE FROM t",
    "TRUNCATE t",
    "MERGE_IS_NOT_HERE",
  ].slice(0, 4)) {
    t.is(refused(bob, text), denied, text);
  }
  for (const text of [
    "ALTER TABLE t ADD COLUMN z int",
    "DROP TABLE t",
    "CREATE INDEX ON t (b)",
    "COMMENT ON TABLE t IS 'mine'",
    "COMMENT ON COLUMN t.a IS 'mine'",
    "ALTER TABLE t RENAME TO z",
    "ALTER TABLE t RENAME COLUMN a TO z",
    "ALTER TABLE t OWNER TO bob",
  ]) {
    t.is(refused(bob, text), "42501 must be owner of table t", text);
  }
  t.is(refused(bob, "DROP INDEX t_pkey"), "42501 must be owner of index t_pkey");
  t.is(refused(bob, "DROP VIEW v"), "42501 must be owner of view v");
  t.is(refused(bob, "CREATE TABLE r (a int REFERENCES t)"), denied);
  t.is(refused(bob, "SELECT nextval('t_d_seq')"), "42501 permission denied for sequence t_d_seq");
  t.is(refused(bob, "SELECT * FROM v"), "42501 permission denied for view v");

  // A view shows with its owner's rights what its reader could not read.
  ann.rows("GRANT SELECT ON v TO bob");
  t.deepEqual(bob.rows("SELECT * FROM v"), [["1"]]);
  t.is(refused(bob, "SELECT * FROM t"), denied);

  // What changes without looking needs no SELECT; what looks does.
  ann.rows("GRANT INSERT, UPDATE, DELETE ON t TO bob");
  t.is(refused(bob, "INSERT INTO t (a, b) VALUES (5, 5)"), "42501 permission denied for sequence t_d_seq");
  ann.rows("GRANT USAGE ON SEQUENCE t_d_seq TO bob");
  bob.rows("INSERT INTO t (a, b) VALUES (5, 5)");
  bob.rows("UPDATE t SET b = 7");
  for (const text of [
    "UPDATE t SET b = b + 1",
    "UPDATE t SET b = 1 WHERE a = 1",
    "UPDATE t SET b = 1 RETURNING a",
    "DELETE FROM t WHERE a = 1",
    "DELETE FROM t RETURNING a",
    "INSERT INTO t (a) VALUES (6) RETURNING a",
    "INSERT INTO t (a) VALUES (5) ON CONFLICT (a) DO NOTHING",
    "INSERT INTO t (a) VALUES (5) ON CONFLICT (a) DO UPDATE SET b = 1",
  ]) {
    t.is(refused(bob, text), denied, text);
  }
  bob.rows("DELETE FROM t");
  t.deepEqual(ann.rows("SELECT count(*) FROM t"), [["0"]]);

  // Taken back at once, also from statements that were prepared.
  ann.rows("REVOKE ALL ON t FROM bob");
  t.is(refused(bob, "DELETE FROM t"), denied);
  t.deepEqual(admin.rows("SELECT relacl FROM pg_class WHERE relname = 't'"), [["{ann=arwdDxt/ann}"]]);

  // Superusers may do everything; what they grant is the owner's.
  admin.rows("GRANT SELECT ON t TO bob WITH GRANT OPTION");
  bob.rows("GRANT SELECT ON t TO PUBLIC");
  t.deepEqual(admin.rows("SELECT relacl FROM pg_class WHERE relname = 't'"), [["{ann=arwdDxt/ann,bob=r*/ann,=r/bob}"]]);
  t.is(refused(ann, "REVOKE SELECT ON t FROM bob"), "2BP01 dependent privileges exist");
  ann.rows("REVOKE SELECT ON t FROM bob CASCADE");
  t.deepEqual(admin.rows("SELECT relacl FROM pg_class WHERE relname = 't'"), [["{ann=arwdDxt/ann}"]]);
  t.deepEqual(bob.rows("SELECT has_table_privilege('t', 'SELECT'), has_table_privilege('ann', 't', 'SELECT')"), [
    ["f", "t"],
  ]);
  admin.rows("ALTER TABLE t OWNER TO bob");
  t.deepEqual(bob.rows("SELECT count(*) FROM t"), [["0"]]);
  t.is(refused(ann, "SELECT * FROM t"), denied);
  // The view's owner has lost it, and so have those that it let in.
  t.is(refused(bob, "SELECT * FROM v"), denied);
});

test("a materialized view is kept by whoever writes what it reads, and read by whom it was granted to", (t) => {
  const rig = new ShardRig();
  const all = sessions(rig, ["ann", "bob"]);
  const [admin, ann, bob] = ["admin", "ann", "bob"].map((name) => must(all, name)) as [
    RigSession,
    RigSession,
    RigSession,
  ];
  admin.rows("CREATE TABLE t (a int, b int)");
  admin.rows("GRANT CREATE ON SCHEMA public TO ann");
  t.is(
    refused(ann, "CREATE MATERIALIZED VIEW m AS SELECT a, count(*) AS n FROM t GROUP BY a"),
    "42501 permission denied for table t",
  );
  admin.rows("GRANT SELECT ON t TO ann");
  admin.rows("GRANT INSERT ON t TO bob");
  ann.rows("CREATE MATERIALIZED VIEW m AS SELECT a, count(*) AS n FROM t GROUP BY a");
  bob.rows("INSERT INTO t VALUES (1, 1), (1, 2)");
  t.deepEqual(ann.rows("SELECT * FROM m"), [["1", "2"]]);
  t.is(refused(bob, "SELECT * FROM m"), "42501 permission denied for materialized view m");
  t.is(refused(bob, "REFRESH MATERIALIZED VIEW m"), "42501 must be owner of materialized view m");
  ann.rows("GRANT SELECT ON m TO bob");
  t.deepEqual(bob.rows("SELECT n FROM m"), [["2"]]);
  admin.rows("ALTER MATERIALIZED VIEW m OWNER TO bob");
  bob.rows("INSERT INTO t VALUES (1, 3)");
  t.deepEqual(bob.rows("SELECT n FROM m"), [["3"]]);
  t.is(refused(ann, "SELECT * FROM m"), "42501 permission denied for materialized view m");
});

test("the settings that say who is a superuser are not the client's to change", (t) => {
  const rig = new ShardRig();
  const all = sessions(rig, ["bob"]);
  must(all, "admin").rows("CREATE TABLE t (a int)");
  const bob = must(all, "bob");
  t.is(
    refused(bob, "SELECT set_config('is_superuser', 'on', false)"),
    '55P02 parameter "is_superuser" cannot be changed',
  );
  t.is(refused(bob, "SELECT * FROM t"), "42501 permission denied for table t");
});

test("privileges are facts: after a replay of the log they are as before, and the past says who had which", (t) => {
  const rig = new ShardRig();
  const all = sessions(rig, ["bob"]);
  const [admin, bob] = [must(all, "admin"), must(all, "bob")];
  admin.rows("CREATE TABLE t (a int)");
  admin.rows("GRANT SELECT ON t TO bob");
  bob.rows("SELECT * FROM t");
  admin.rows("REVOKE SELECT ON t FROM bob");
  t.is(refused(bob, "SELECT * FROM t FOR SYSTEM_TIME AS OF POSITION 1"), "42501 permission denied for table t");
  const had = `SELECT privilege, from_position, to_position, c.principal
    FROM kimberlite.privileges p JOIN kimberlite.commits c ON c.position = p.from_position
    WHERE object_name = 't' AND grantee = 'bob' ORDER BY from_position`;
  t.deepEqual(admin.rows(had), [["SELECT", "1", "2", "admin"]]);
  // Other changes of the table do not break a right's span; another name is another row, and what is dropped had an end.
  admin.rows("GRANT SELECT, INSERT ON t TO bob");
  admin.rows("ALTER TABLE t ADD COLUMN b int");
  admin.rows("COMMENT ON TABLE t IS 'seen'");
  admin.rows("REVOKE INSERT ON t FROM bob");
  admin.rows("ALTER TABLE t RENAME TO z");
  admin.rows("DROP TABLE z");
  const all2 = `SELECT object_name, privilege, from_position, to_position FROM kimberlite.privileges
    WHERE grantee = 'bob' ORDER BY from_position, privilege`;
  t.deepEqual(admin.rows(all2), [
    ["t", "SELECT", "1", "2"],
    ["t", "INSERT", "3", "6"],
    ["t", "SELECT", "3", "7"],
    ["z", "SELECT", "7", "8"],
  ]);
  // Who could read it as of a position.
  t.deepEqual(
    admin.rows(
      "SELECT DISTINCT grantee FROM kimberlite.privileges WHERE privilege = 'SELECT' AND from_position <= 4 AND coalesce(to_position, 5) > 4 ORDER BY 1",
    ),
    [["admin"], ["bob"]],
  );
  const usage =
    "SELECT grantee, from_position, to_position FROM kimberlite.privileges WHERE object_type = 'schema' AND privilege = 'USAGE' ORDER BY 1, 2";
  t.deepEqual(admin.rows(usage), [
    ["PUBLIC", "0", null],
    ["pg_database_owner", "0", null],
  ]);
  admin.rows("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
  t.deepEqual(admin.rows(usage), [
    ["PUBLIC", "0", "9"],
    ["pg_database_owner", "0", null],
  ]);
});

// ---- side by side with PostgreSQL

const someVerifier = scramVerifier("secret").then(formatVerifier);
/** What differs on purpose: the database's name, and the words for a table that is written through its schema. */
const plain = (text: string): string => text.replaceAll("postgres", "admin");

/** KIMBERLITE_PRIVILEGE_SEEDS=500 for a long run. */
const seeds = Number(process.env["KIMBERLITE_PRIVILEGE_SEEDS"] ?? 12);
test("random grants, revokes and queries of several users end as in PostgreSQL 15", async (t) => {
  if (!hasPostgres()) {
    t.log("skipped: PostgreSQL 15 is not installed");
    t.pass();
    return;
  }
  await withPostgres(async (client, port) => {
    let compared = 0;
    let became = 0;
    let denials = 0;
    const differences: string[] = [];
    await client.rows("CREATE ROLE admin LOGIN SUPERUSER");
    for (let seed = 1; seed <= seeds; seed++) {
      await client.rows(`CREATE DATABASE d${seed} OWNER admin`);
      const servers = new Map<string, PostgresClient>();
      const connect = async (user: string): Promise<void> => {
        servers.set(user, await PostgresClient.connect({ host: "127.0.0.1", port, user, database: `d${seed}` }));
      };
      const rig = new RoleRig();
      await rig.administer("user.create", { name: "admin", superuser: true, verifier: await someVerifier });
      const ours = new Map<string, RoleSession>();
      const run = async (user: string, text: string): Promise<void> => {
        const theirs = await servers.get(user)?.query(text.replaceAll("@db", `d${seed}`));
        const own = await mustHave(ours, user).run(text.replaceAll("@db", "main"));
        const expected =
          theirs?.kind === "failed" ? `${theirs.sqlState} ${theirs.message}` : JSON.stringify(theirs?.rows);
        const found =
          own.kind === "error"
            ? `${own.sqlState} ${own.message}`
            : own.kind === "rows"
              ? JSON.stringify(own.rows)
              : own.kind;
        compared += 1;
        if (found.startsWith("42501")) denials += 1;
        else if (text.startsWith("SET ROLE") && own.kind === "rows") became += 1;
        if (plain(found) === plain(expected).replaceAll(`d${seed}`, "main")) return;
        // Of several tables of a schema PostgreSQL names the one that lies first in its files.
        if (text.includes("ALL TABLES") && found.slice(0, 5) === expected.slice(0, 5)) return;
        differences.push(`seed ${seed}, ${user}: ${text}\n    ${found}\n    ${expected}`);
      };
      await connect("admin");
      ours.set("admin", rig.session("admin"));
      for (const user of users) {
        await run("admin", `CREATE USER ${user} ${user === "cyd" ? "NOINHERIT" : ""}`);
        await connect(user);
        ours.set(user, rig.session(user));
      }
      for (const group of groups) await run("admin", `CREATE ROLE ${group} ${group === "h" ? "NOINHERIT" : ""}`);
      for (const text of [
        "CREATE TABLE t (a int, b int)",
        "CREATE TABLE u (a int, b int)",
        "CREATE VIEW v AS SELECT a, b FROM t",
        "CREATE SEQUENCE q",
        "CREATE SCHEMA s",
        "CREATE TABLE s.w (a int, b int)",
        "ALTER TABLE t OWNER TO ann",
        "ALTER TABLE u OWNER TO bob",
        "ALTER VIEW v OWNER TO bob",
        "CREATE TABLE s.k (a int PRIMARY KEY, b int)",
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE DOMAIN small AS int",
      ]) {
        await run("admin", text);
      }
      const random = new Random(seed);
      // Behind a difference the two go on from different states.
      const before = differences.length;
      for (let step = 0; step < 150 && differences.length === before; step++) {
        const user = random.of([...users, ...users, "admin"]);
        const text = random.of([roleStatement, statement, statement, columnStatement, defaultStatement])(random);
        await run(user, text);
      }
      await run(
        "admin",
        "SELECT relname::text, relacl::text FROM pg_class WHERE relname IN ('t', 'u', 'v', 'w', 'q') ORDER BY relname",
      );
      await run("admin", "SELECT nspacl::text FROM pg_namespace WHERE nspname = 's'");
      for (const text of [...roleQueries, ...columnQueries, ...defaultQueries]) await run("admin", text);
      for (const server of servers.values()) server.close();
      await client.rows(`DROP DATABASE d${seed}`);
      const made = await client.rows("SELECT rolname FROM pg_roles WHERE oid > 16000 AND rolname <> 'admin'");
      for (const [name] of made) await client.rows(`DROP ROLE "${name}"`);
    }
    t.log(`${compared} statements compared, ${denials} denied, ${became} roles taken on`);
    t.deepEqual(differences, []);
    t.true(compared > 1_500 && denials > 300 && became > 10);
  });
});
