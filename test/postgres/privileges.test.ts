/** Privileges over the wire: users of the node in a tenant, as psql shows them, and after a restart. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test from "ava";
import pg from "pg";
import type { Node } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { startScramNode } from "./scram-node.js";

const run = promisify(execFile);
const hasPsql = await run("psql", ["--version"]).then(
  () => true,
  () => false,
);

async function as<T>(node: Node, user: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const address = node.addresses.postgres;
  const client = new pg.Client({ ...address, user, password: `${user} secret`, database: "main" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test("users see and change what they were granted, over both query protocols, before and after a restart", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-privileges-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  await as(node, "admin", async (admin) => {
    await admin.query("CREATE USER ann PASSWORD 'ann secret'; ");
    await admin.query("CREATE USER bob PASSWORD 'bob secret'");
    await admin.query(
      "CREATE TABLE visits (id int PRIMARY KEY, note text); CREATE VIEW short AS SELECT id FROM visits",
    );
    await admin.query("INSERT INTO visits VALUES (1, 'a'), (2, 'b')");
    await t.throwsAsync(admin.query("GRANT SELECT ON visits TO nobody"), { message: 'role "nobody" does not exist' });
    await t.throwsAsync(admin.query("ALTER TABLE visits OWNER TO nobody"), { message: 'role "nobody" does not exist' });
    await admin.query("GRANT SELECT, INSERT ON visits TO ann WITH GRANT OPTION; GRANT SELECT ON short TO PUBLIC");
    const by = await admin.query("SELECT principal FROM kimberlite.commits ORDER BY position DESC LIMIT 1");
    t.deepEqual(by.rows, [{ principal: "admin" }]);
  });
  for (const round of ["before", "after"]) {
    await as(node, "ann", async (ann) => {
      const plain = await ann.query("SELECT * FROM visits");
      const prepared = await ann.query("SELECT * FROM visits WHERE id > $1", [0]);
      t.deepEqual([plain.rows.length, prepared.rows.length], [2, 2], round);
      await t.throwsAsync(ann.query("UPDATE visits SET note = 'x' WHERE id = $1", [1]), { code: "42501" });
      await t.throwsAsync(ann.query("DROP TABLE visits"), { message: "must be owner of table visits" });
      await t.throwsAsync(ann.query("CREATE USER eve PASSWORD 'x'"), { code: "42501" });
    });
    await as(node, "bob", async (bob) => {
      await t.throwsAsync(bob.query("SELECT * FROM visits"), { message: "permission denied for table visits" });
      await t.throwsAsync(bob.query("COPY visits TO STDOUT"), { code: "42501" });
      await t.throwsAsync(bob.query("SELECT * FROM visits WHERE id = $1", [1]), { code: "42501" });
      await t.throwsAsync(bob.query("SET is_superuser = on"), { code: "55P02" });
      t.is((await bob.query("SELECT * FROM short")).rows.length, 2);
      const seen = await bob.query(
        "SELECT grantee, privilege_type FROM information_schema.table_privileges WHERE table_name = 'short' ORDER BY 1, 2",
      );
      t.deepEqual(seen.rows, [{ grantee: "PUBLIC", privilege_type: "SELECT" }]);
    });
    // A statement that was prepared while it was allowed is not when it is not any more.
    await as(node, "ann", async (ann) => {
      await ann.query("GRANT SELECT ON visits TO bob");
      await as(node, "bob", async (bob) => {
        const statement = { name: "mine", text: "SELECT id FROM visits WHERE id = $1", values: [1] };
        t.is((await bob.query(statement)).rows.length, 1);
        await ann.query("REVOKE SELECT ON visits FROM bob");
        let refused = 0;
        // A projection may be a moment behind.
        for (let tries = 0; tries < 100 && refused === 0; tries++) {
          await bob.query(statement).catch(() => {
            refused += 1;
          });
        }
        t.is(refused, 1, "the right is gone");
      });
    });
    if (hasPsql) {
      const { host = "", port = 0 } = node.addresses.postgres ?? {};
      const arguments_ = ["-X", "-A", "-t", "-h", host, "-p", String(port), "-U", "admin", "main"];
      const environment = { ...process.env, PGPASSWORD: "admin secret" };
      const psql = async (command: string): Promise<string> =>
        (await run("psql", [...arguments_, "-c", command], { env: environment })).stdout;
      t.regex(await psql("\\dp visits"), /admin=arwdDxt\/admin\s+ann=a\*r\*\/admin/);
      t.regex(await psql("\\z short"), /=r\/admin/);
      t.regex(await psql("\\du"), /admin\|Superuser/);
      await as(node, "admin", (admin) => admin.query("GRANT INSERT ON visits TO bob"));
      const id = round === "before" ? 10 : 11;
      const file = path.join(directory, `${round}.txt`);
      writeFileSync(file, `${id}\tcopied\n`);
      const copying = ["-X", "-h", host, "-p", String(port), "-U", "bob", "main"];
      const bobs = { env: { ...process.env, PGPASSWORD: "bob secret" } };
      const copied = await run("psql", [...copying, "-c", `\\copy visits (id, note) from '${file}'`], bobs);
      t.is(copied.stdout.trim(), "COPY 1", "who may insert need not be able to read");
      await as(node, "admin", (admin) =>
        admin.query(`REVOKE INSERT ON visits FROM bob; DELETE FROM visits WHERE id = ${id}`),
      );
    }
    if (round === "before") {
      await node.stop();
      node = await startScramNode(directory);
    }
  }
});

test("a user is dropped once no tenant has anything of it, and a later one of its name comes into nothing", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-dropped-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  await as(node, "admin", async (admin) => {
    await admin.query("CREATE DATABASE second");
    await admin.query("CREATE USER ann PASSWORD 'ann secret'");
    await admin.query("CREATE TABLE visits (id int)");
    await admin.query("GRANT SELECT ON visits TO ann");
    const { host, port } = node.addresses.postgres ?? { host: "", port: 0 };
    const other = new pg.Client({ host, port, user: "admin", password: "admin secret", database: "second" });
    await other.connect();
    await other.query(
      "CREATE SCHEMA hers AUTHORIZATION ann; CREATE TABLE rooms (id int); GRANT SELECT ON rooms TO ann",
    );
    const expected = {
      code: "2BP01",
      message: 'role "ann" cannot be dropped because some objects depend on it',
      detail: "privileges for table visits\n2 objects in database second",
    };
    t.like(await t.throwsAsync(admin.query("DROP USER ann")), expected);
    await other.query("DROP OWNED BY ann");
    t.like(await t.throwsAsync(other.query("DROP USER ann")), { detail: "1 object in database main" });
    await other.end();
    await admin.query("REVOKE SELECT ON visits FROM ann");
    await admin.query("GRANT SELECT ON visits TO ann");
  });
  await node.stop();
  node = await startScramNode(directory);
  await as(node, "admin", async (admin) => {
    t.like(await t.throwsAsync(admin.query("DROP USER ann")), { code: "2BP01" }, "also after a restart");
    await admin.query("DROP OWNED BY ann");
    await admin.query("DROP USER ann");
    await admin.query("CREATE USER ann PASSWORD 'ann secret'");
  });
  await as(node, "admin", async (admin) => {
    const address = node.addresses.postgres;
    const other = new pg.Client({ ...address, user: "admin", password: "admin secret", database: "main" });
    await other.connect();
    await other.query("BEGIN; GRANT SELECT ON visits TO ann");
    await admin.query("DROP USER ann");
    await other.query("COMMIT");
    const left = {
      code: "2BP01",
      message: 'role "ann" cannot be created because objects of a dropped role of that name are left',
      detail: "privileges for table visits",
    };
    t.like(await t.throwsAsync(other.query("CREATE USER ann PASSWORD 'x'")), left, "a grant that was under way");
    t.like(await t.throwsAsync(other.query("CREATE SCHEMA x AUTHORIZATION ann")), { code: "42704" });
    await other.query("DROP OWNED BY ann");
    t.like(await t.throwsAsync(other.query("DROP OWNED BY ann")), { code: "42704" });
    await other.query("CREATE USER ann PASSWORD 'ann secret'");
    await other.end();
  });
  await as(node, "ann", async (ann) => {
    t.like(await t.throwsAsync(ann.query("SELECT * FROM visits")), { code: "42501" });
    t.like(await t.throwsAsync(ann.query("DROP OWNED BY admin")), { code: "42501" });
  });
});

test("columns, later objects, types and the database have privileges over the wire, before and after a restart", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-columns-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let node = await startScramNode(directory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  await as(node, "admin", async (admin) => {
    await admin.query("CREATE USER ann PASSWORD 'ann secret'");
    await admin.query("CREATE USER bob PASSWORD 'bob secret'");
    await admin.query("CREATE TABLE people (id int PRIMARY KEY, name text, pay numeric)");
    await admin.query("INSERT INTO people VALUES (1, 'a', 10), (2, 'b', 20)");
    await admin.query("GRANT SELECT (id, name), UPDATE (name), INSERT (id, name) ON people TO ann");
    await admin.query("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob; CREATE TABLE later (a int)");
    await admin.query("CREATE TYPE mood AS ENUM ('ok'); REVOKE USAGE ON TYPE mood FROM PUBLIC");
    await admin.query("GRANT CREATE ON DATABASE main TO bob; REVOKE TEMP ON DATABASE main FROM PUBLIC");
    await t.throwsAsync(admin.query("GRANT CONNECT ON DATABASE other TO bob"), { code: "0A000" });
    await t.throwsAsync(admin.query("GRANT EXECUTE ON FUNCTION lower(text) TO bob"), { code: "0A000" });
    await admin.query("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO bob");
  });
  const denied = { code: "42501", message: "permission denied for table people" };
  for (const round of [1, 2]) {
    await as(node, "ann", async (ann) => {
      t.deepEqual((await ann.query("SELECT name FROM people WHERE id = $1", [1])).rows, [{ name: "a" }], `${round}`);
      t.deepEqual((await ann.query("SELECT count(*)::int AS n FROM people")).rows, [{ n: 2 }]);
      await ann.query("INSERT INTO people (id, name) VALUES ($1, 'c')", [10 + round]);
      await ann.query("UPDATE people SET name = 'd' WHERE id = $1", [10 + round]);
      for (const text of [
        "SELECT * FROM people",
        "SELECT people FROM people",
        "SELECT id FROM people WHERE pay > 1",
        "SELECT id FROM people ORDER BY pay",
        "UPDATE people SET name = pay::text",
        "UPDATE people SET pay = 1",
        "INSERT INTO people (id, pay) VALUES (9, 9)",
        "INSERT INTO people VALUES (9, 'x', 9)",
        "DELETE FROM people",
        "COPY people TO STDOUT",
        "SELECT row_key FROM people FOR SYSTEM_TIME ALL",
        "SELECT * FROM kimberlite.row_history('people')",
        "CREATE TABLE mine AS SELECT pay FROM people",
        "WITH x AS (UPDATE people SET name = 'x' RETURNING pay) SELECT 1 FROM x",
      ])
        await t.throwsAsync(ann.query(text), text.startsWith("CREATE") ? { code: "42501" } : denied, text);
      t.is((await ann.query("SELECT name FROM people FOR SYSTEM_TIME AS OF POSITION 3 WHERE id = 1")).rows.length, 1);
      await t.throwsAsync(ann.query("CREATE TEMP TABLE z (a int)"), {
        message: 'permission denied to create temporary tables in database "main"',
      });
      await t.throwsAsync(ann.query("CREATE SCHEMA hers"), { message: "permission denied for database main" });
    });
    await as(node, "bob", async (bob) => {
      await bob.query("SELECT * FROM later");
      await t.throwsAsync(bob.query("SELECT * FROM people"), denied);
      await bob.query(`CREATE SCHEMA his${round}`);
      await t.throwsAsync(bob.query(`CREATE TABLE his${round}.x (m mood)`), {
        message: "permission denied for type mood",
      });
    });
    await as(node, "admin", async (admin) => {
      const rows = await admin.query(
        "SELECT column_name, privilege FROM kimberlite.privileges WHERE grantee = 'ann' ORDER BY 1, 2",
      );
      t.is(rows.rows.length, 5);
      t.deepEqual(
        (await admin.query("SELECT attacl::text FROM pg_attribute WHERE attname = 'name' AND attacl IS NOT NULL")).rows,
        [{ attacl: "{ann=arw/admin}" }],
      );
      await admin.query("DELETE FROM people WHERE id > 10 AND id < 12");
      await t.throwsAsync(admin.query("DROP USER ann"), { code: "2BP01" });
    });
    if (hasPsql) {
      const { host = "", port = 0 } = node.addresses.postgres ?? {};
      const psql = async (command: string): Promise<string> =>
        (
          await run("psql", ["-X", "-A", "-t", "-h", host, "-p", String(port), "-U", "admin", "main", "-c", command], {
            env: { ...process.env, PGPASSWORD: "admin secret" },
          })
        ).stdout;
      t.regex(await psql("\\dp people"), /name:\n\s*ann=arw\/admin/);
      t.regex(await psql("\\ddp"), /admin\|\|table\|admin=arwdDxt\/admin\s+bob=r\/admin/);
      t.regex(await psql("\\l"), /=c\/admin/);
      t.regex(await psql("\\dT+ mood"), /admin=U\/admin/);
    }
    if (round === 1) {
      await node.stop();
      node = await startScramNode(directory);
    }
  }
});
