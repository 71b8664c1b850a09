/** Roles over the wire, of a node with its files: what is taken away is gone for the next statement, also of sessions that were open. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test from "ava";
import pg from "pg";
import type { Node } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { hasPostgres } from "../query/postgres/server.js";
import { startScramNode } from "./scram-node.js";

async function connect(node: Node, user: string, database = "main"): Promise<pg.Client> {
  const client = new pg.Client({ ...node.addresses.postgres, user, password: `${user} secret`, database });
  // A test that fails leaves sessions open, which the end of the node ends.
  client.on("error", () => {});
  await client.connect();
  return client;
}

const column = async (client: pg.Client, text: string): Promise<unknown[]> =>
  (await client.query<unknown[]>({ text, rowMode: "array" })).rows.map(([value]) => value);

test("roles, memberships and whom a session is: granted, revoked, renamed, dropped, before and after a restart", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-roles-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  let admin = await connect(node, "admin");
  await admin.query("CREATE TABLE visits (id int PRIMARY KEY, note text)");
  await admin.query("INSERT INTO visits VALUES (1, 'a')");
  await admin.query("CREATE ROLE readers; CREATE ROLE writers IN ROLE readers");
  await admin.query("CREATE USER ann PASSWORD 'ann secret'");
  await admin.query("CREATE USER bob PASSWORD 'bob secret' NOINHERIT IN ROLE writers VALID UNTIL '2099-01-01'");
  await admin.query("GRANT SELECT ON visits TO readers; GRANT INSERT, DELETE ON visits TO writers");
  await t.throwsAsync(connect(node, "readers"), { message: /password authentication failed/ });
  const ann = await connect(node, "ann");
  const denied = { code: "42501", message: "permission denied for table visits" };
  const look = "SELECT note FROM visits WHERE id = $1";
  const reads = () => ann.query({ name: "look", text: look, values: [1] });
  await t.throwsAsync(reads(), denied);
  for (let round = 0; round < 20; round++) {
    await admin.query("GRANT readers TO ann");
    t.is((await reads()).rows.length, 1, "what was granted is there at once");
    await admin.query("REVOKE readers FROM ann");
    await t.throwsAsync(reads(), denied, "what was revoked is gone for the next statement");
  }
  await admin.query("GRANT writers TO ann WITH ADMIN OPTION");
  await ann.query("INSERT INTO visits VALUES (2, 'b')");
  t.deepEqual(await column(ann, "SELECT id FROM visits ORDER BY id"), [1, 2], "through the writers, who are readers");
  await t.throwsAsync(ann.query("GRANT readers TO bob"), {
    code: "42501",
    message: 'must have admin option on role "readers"',
  });
  await t.throwsAsync(admin.query("GRANT writers TO readers"), {
    code: "0LP01",
    message: 'role "writers" is a member of role "readers"',
  });

  // A session is another one, as long as its transaction says so.
  const bob = await connect(node, "bob");
  await t.throwsAsync(bob.query("SELECT * FROM visits"), denied, "it does not inherit");
  await bob.query("BEGIN; SET LOCAL ROLE writers");
  t.deepEqual(await column(bob, "SELECT current_user::text || ' ' || session_user::text"), ["writers bob"]);
  await bob.query("DELETE FROM visits WHERE id = 2");
  await bob.query("COMMIT");
  await t.throwsAsync(bob.query("SELECT * FROM visits"), denied);
  await bob.query("BEGIN; SET ROLE writers; ROLLBACK");
  t.deepEqual(await column(bob, "SHOW role"), ["none"]);
  await bob.query("SET ROLE writers");
  t.deepEqual(await column(bob, "SHOW role"), ["writers"]);
  await bob.query("RESET ALL");
  t.deepEqual(await column(bob, "SHOW role"), ["writers"], "RESET ALL leaves it");
  await bob.query("DISCARD ALL");
  t.deepEqual(await column(bob, "SHOW role"), ["none"]);
  await t.throwsAsync(bob.query("SET ROLE admin"), { code: "42501", message: 'permission denied to set role "admin"' });
  await t.throwsAsync(bob.query("SET ROLE nobody"), { code: "22023", message: 'role "nobody" does not exist' });
  await t.throwsAsync(bob.query("SELECT set_config('role', 'admin', false)"), { code: "42501" });
  await t.throwsAsync(bob.query("SELECT set_config('session_authorization', 'admin', false)"), { code: "55P02" });
  await bob.query("BEGIN; SELECT set_config('role', 'writers', true)");
  t.deepEqual(await column(bob, "SELECT current_user::text"), ["writers"]);
  await bob.query("COMMIT");
  t.deepEqual(await column(bob, "SELECT current_user::text"), ["bob"]);
  await t.throwsAsync(bob.query("SET SESSION AUTHORIZATION admin"), { code: "42501" });
  await bob.query("SET ROLE writers");
  await admin.query("REVOKE writers FROM bob");
  await admin.query("SET SESSION AUTHORIZATION bob");
  await t.throwsAsync(admin.query("SET ROLE writers"), { code: "42501" });
  await t.throwsAsync(admin.query("SELECT * FROM visits"), denied);
  await admin.query("RESET SESSION AUTHORIZATION");
  t.deepEqual(await column(admin, "SELECT principal FROM kimberlite.commits ORDER BY position DESC LIMIT 1"), ["bob"]);

  // Ownership through membership; who made it keeps nothing.
  await admin.query("GRANT CREATE ON SCHEMA public TO writers");
  await ann.query("SET ROLE writers; CREATE TABLE notes (id int)");
  await ann.query("RESET ROLE; ALTER TABLE notes ADD COLUMN text text; ALTER TABLE notes OWNER TO ann");
  await t.throwsAsync(ann.query("ALTER TABLE notes OWNER TO readers; ALTER TABLE notes OWNER TO admin"), {
    code: "42501",
  });
  await t.throwsAsync(admin.query("ALTER ROLE readers RENAME TO watchers"), { code: "0A000" });
  await admin.query("CREATE ROLE empty; ALTER ROLE empty RENAME TO full1; GRANT full1 TO ann");
  await t.throwsAsync(admin.query("BEGIN; GRANT readers TO bob"), { code: "25001" });
  await admin.query("ROLLBACK");

  // A role that makes roles.
  await admin.query("CREATE USER eve PASSWORD 'eve secret' CREATEROLE CREATEDB");
  const eve = await connect(node, "eve");
  await t.throwsAsync(eve.query("CREATE ROLE root SUPERUSER"), { message: "must be superuser to create superusers" });
  await eve.query("CREATE ROLE helpers; GRANT helpers TO eve; ALTER ROLE bob NOLOGIN");
  await t.throwsAsync(eve.query("SELECT 1; CREATE DATABASE hers"), { code: "25001" });
  await eve.query("CREATE DATABASE hers");
  await t.throwsAsync(eve.query("GRANT admin TO eve"), { message: "must be superuser to alter superusers" });
  await t.throwsAsync(eve.query("ALTER ROLE admin PASSWORD 'x'"), { code: "42501" });
  await t.throwsAsync(connect(node, "bob"), { code: "28000", message: 'role "bob" is not permitted to log in' });
  await eve.query("ALTER ROLE bob LOGIN VALID UNTIL '2001-01-01'");
  await t.throwsAsync(connect(node, "bob"), { code: "28P01" });
  await t.throwsAsync(admin.query("ALTER ROLE admin NOLOGIN"), { code: "2BP01" });
  for (const text of ["CREATE ROLE x VALID UNTIL '2999-01-01'", "CREATE ROLE x REPLICATION", "CREATE ROLE x BYPASSRLS"])
    t.like(await t.throwsAsync(eve.query(text)), { code: "0A000" }, text);
  // Who was dropped, or is no superuser any more, is none in sessions that are open either.
  await admin.query("CREATE USER root SUPERUSER PASSWORD 'root secret'");
  const root = await connect(node, "root");
  await root.query("SELECT * FROM visits");
  await admin.query("ALTER ROLE root NOSUPERUSER");
  await t.throwsAsync(root.query("SELECT * FROM visits"), denied);
  await admin.query("ALTER ROLE root SUPERUSER");
  await root.query("SELECT * FROM visits");
  await admin.query("DROP ROLE root");
  await t.throwsAsync(root.query("SELECT * FROM visits"), denied);
  await t.throwsAsync(root.query("CREATE ROLE again SUPERUSER"), { code: "42501" });
  for (const client of [ann, bob, eve, root, admin]) await client.end();

  await node.stop();
  node = await startScramNode(directory);
  admin = await connect(node, "admin");
  const members =
    "SELECT roleid::regrole::text || ' ' || member::regrole::text || ' ' || admin_option::text FROM pg_auth_members WHERE member::regrole::text !~ '^pg_' ORDER BY 1";
  t.deepEqual(await column(admin, members), [
    "full1 ann false",
    "helpers eve false",
    "readers writers false",
    "writers ann true",
  ]);
  const again = await connect(node, "ann");
  t.deepEqual(await column(again, "SELECT id FROM visits"), [1]);
  t.deepEqual(await column(again, "SELECT role_name::text FROM information_schema.enabled_roles ORDER BY 1"), [
    "ann",
    "full1",
    "readers",
    "writers",
  ]);
  await t.throwsAsync(admin.query("DROP ROLE readers"), { code: "2BP01" });
  await admin.query("DROP OWNED BY readers");
  await admin.query("DROP ROLE readers, full1");
  await t.throwsAsync(again.query("SELECT * FROM visits"), denied);
  await again.end();
  if (hasPostgres()) {
    const { host, port } = node.addresses.postgres ?? { host: "", port: 0 };
    const arguments_ = ["-X", "-A", "-h", host, "-p", String(port), "-U", "admin", "main", "-c", "\\du"];
    const environment = { ...process.env, PGPASSWORD: "admin secret" };
    const { stdout } = await promisify(execFile)("psql", arguments_, { env: environment });
    t.deepEqual(stdout.split("\n").slice(0, -1), [
      "List of roles",
      "Role name|Attributes|Member of",
      "admin|Superuser, Create role, Create DB, Replication, Bypass RLS|{}",
      "ann||{writers}",
      "bob|No inheritance",
      "Password valid until 2001-01-01 00:00:00+00|{}",
      "eve|Create role, Create DB|{helpers}",
      "helpers|Cannot login|{}",
      "writers|Cannot login|{}",
    ]);
  }
  await admin.end();
});

test("a role has as many sessions as its limit says, and none in a database that it may not connect to", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-limits-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  const full = { code: "53300", message: 'too many connections for role "ann"' };
  const outside = { code: "42501", message: 'permission denied for database "main"' };
  for (const round of ["before", "after a restart"]) {
    const admin = await connect(node, "admin");
    if (round === "before") {
      await t.throwsAsync(admin.query("CREATE USER ann CONNECTION LIMIT -2"), { code: "22023" });
      await admin.query("CREATE USER ann PASSWORD 'ann secret' CONNECTION LIMIT 1; CREATE ROLE visitors");
    }
    t.deepEqual(await column(admin, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'ann'"), [1]);
    const first = await connect(node, "ann");
    await t.throwsAsync(connect(node, "ann"), full);
    await admin.query("ALTER ROLE ann CONNECTION LIMIT 2");
    const second = await connect(node, "ann");
    await t.throwsAsync(connect(node, "ann"), full, round);
    await second.end();
    await admin.query("ALTER ROLE ann CONNECTION LIMIT 1; ALTER ROLE admin CONNECTION LIMIT 1");
    await (await connect(node, "admin")).end();
    await admin.query("ALTER ROLE admin CONNECTION LIMIT -1; REVOKE CONNECT ON DATABASE main FROM PUBLIC");
    await first.query("SELECT 1");
    await first.end();
    await t.throwsAsync(connect(node, "ann"), outside);
    const address = { ...node.addresses.postgres, user: "ann", password: "ann secret", database: "main" };
    const past = new pg.Client({ ...address, options: "-c kimberlite.as_of=0" });
    past.on("error", () => {});
    await t.throwsAsync(past.connect(), outside, "the past lets nobody in");
    await admin.query("GRANT CONNECT ON DATABASE main TO visitors; GRANT visitors TO ann");
    await (await connect(node, "ann")).end();
    await admin.query("REVOKE visitors FROM ann");
    await t.throwsAsync(connect(node, "ann"), outside);
    await admin.query("GRANT CONNECT ON DATABASE main TO PUBLIC");
    await admin.end();
    if (round === "before") {
      await node.stop();
      node = await startScramNode(directory);
    }
  }
});

test("what is said of roles is done beside the transaction of its query: the end of a role behind it, and what stays is told", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-roles-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  const admin = await connect(node, "admin");
  const warnings: string[] = [];
  admin.on("notice", ({ message }) => warnings.push(message ?? ""));
  await t.throwsAsync(admin.query("CREATE ROLE kept; CREATE ROLE kept_too; SELECT 1 / 0"), { code: "22012" });
  t.deepEqual(warnings, ["done before the error, and not taken back: CREATE ROLE, CREATE ROLE"]);
  t.deepEqual(await column(admin, "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^kept' ORDER BY 1"), [
    "kept",
    "kept_too",
  ]);
  await admin.query("CREATE TABLE a (id int); CREATE TABLE b (id int)");
  await admin.query("ALTER TABLE a OWNER TO kept; ALTER TABLE b OWNER TO kept");
  await t.throwsAsync(admin.query("DROP TABLE a; DROP ROLE kept"), { code: "2BP01" });
  await t.throwsAsync(admin.query("DROP TABLE a; DROP TABLE b; DROP ROLE kept; SELECT 1"), { code: "25001" });
  await t.throwsAsync(admin.query("DROP TABLE a; DROP TABLE b; DROP ROLE kept, nobody"), { code: "42704" });
  t.is((await admin.query("SELECT FROM a, b")).rowCount, 0, "both are there");
  await admin.query("DROP TABLE a; DROP TABLE b; DROP ROLE kept; DROP ROLE kept_too");
  t.deepEqual(await column(admin, "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^kept'"), []);
  for (const text of ["ALTER ROLE admin SET work_mem = '6MB'", "ALTER DATABASE main OWNER TO admin"]) {
    await admin.query("BEGIN");
    t.like(await t.throwsAsync(admin.query(text)), { code: "25001" }, text);
    await admin.query("ROLLBACK");
  }
  t.is(warnings.length, 1, "what was refused, or done whole, is warned of by nobody");
  await admin.end();
});
