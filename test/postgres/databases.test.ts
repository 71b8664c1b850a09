/** CREATE and DROP DATABASE by a client: tenants of a node, each with tables of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import pg from "pg";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { startScramNode } from "./scram-node.js";

test("a database is made, used, dropped and made again, and is empty then", async (t) => {
  const dataDirectory = mkdtempSync(path.join(tmpdir(), "kimberlite-databases-"));
  t.teardown(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const node = await startScramNode(dataDirectory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  const connect = async (database: string, user = "admin"): Promise<pg.Client> => {
    const client = new pg.Client({ ...node.addresses.postgres, user, password: `${user} secret`, database });
    await client.connect();
    return client;
  };
  const admin = await connect("main");
  t.teardown(() => admin.end());
  const codeOf = (sql: string, client = admin): Promise<unknown> =>
    client.query(sql).then(
      () => "",
      (error: unknown) => (error instanceof pg.DatabaseError ? error.code : error),
    );
  await admin.query("CREATE DATABASE clinic TEMPLATE template0 ENCODING 'UTF8' OWNER admin CONNECTION LIMIT -1");
  t.is(await codeOf("CREATE DATABASE clinic"), "42P04");
  t.is(await codeOf("CREATE DATABASE other ENCODING 'LATIN1'"), "0A000");
  t.is(await codeOf("CREATE DATABASE other LOCALE 'de_DE'"), "0A000");
  t.is(await codeOf("BEGIN; CREATE DATABASE other"), "25001");
  await admin.query("ROLLBACK");
  const clinic = await connect("clinic");
  const names = "SELECT datname FROM pg_database ORDER BY datname";
  const shown = async (client: pg.Client): Promise<string> =>
    (await client.query<{ datname: string }>(names)).rows.map(({ datname }) => datname).join(" ");
  t.is(await shown(clinic), "clinic main", "a superuser sees all");
  t.is(await shown(admin), "clinic main");
  const asked = "SELECT oid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS own";
  t.is((await clinic.query(`${asked} FROM pg_database`)).rows.filter(({ own }) => own === true).length, 1);
  await admin.query("BEGIN");
  await admin.query("CREATE TABLE begun (id int)");
  t.is(await shown(admin), "clinic main", "within a transaction that has written, too");
  await admin.query("ROLLBACK");
  const allowed = "SELECT has_database_privilege(datname, 'CONNECT') AS may FROM pg_database ORDER BY datname";
  t.deepEqual((await admin.query(allowed)).rows, [{ may: null }, { may: true }]);
  t.is(await codeOf("SET kimberlite.session_databases = '[]'"), "42704", "nobody says what there is");
  await clinic.query("CREATE TABLE patients (id int); INSERT INTO patients VALUES (1)");
  t.is(await codeOf("DROP DATABASE clinic", clinic), "55006");
  // Whoever ends his session may be gone a moment later.
  await admin.query("CREATE DATABASE ward");
  const ward = await connect("ward");
  const dropped = admin.query("DROP DATABASE ward");
  await ward.query("SELECT 1");
  await ward.end();
  await dropped;
  const refused = await admin.query("DROP DATABASE clinic").catch((error: unknown) => error);
  t.true(refused instanceof pg.DatabaseError && refused.code === "55006", "a session is in it, and stays");
  t.is((refused as pg.DatabaseError).detail, "There is 1 other session using the database.");
  t.is((await clinic.query("TABLE patients")).rows.length, 1);
  await clinic.end();

  await admin.query("CREATE USER ann PASSWORD 'ann secret'");
  const ann = await connect("main", "ann");
  t.is(await shown(ann), "main", "tenants do not see each other");
  await admin.query("SET ROLE ann");
  t.is(await shown(admin), "main");
  await admin.query("RESET ROLE");
  t.is(await codeOf("CREATE DATABASE hers", ann), "42501");
  t.is(await codeOf("DROP DATABASE clinic", ann), "42501");
  await ann.end();

  t.is(await codeOf("DROP DATABASE clinic"), "");
  t.is(await codeOf("DROP DATABASE clinic"), "3D000");
  const notices: unknown[] = [];
  admin.on("notice", ({ message }) => notices.push(message));
  t.is(await codeOf("DROP DATABASE IF EXISTS clinic WITH (FORCE)"), "");
  t.deepEqual(notices, ['database "clinic" does not exist, skipping']);
  await t.throwsAsync(connect("clinic"), { message: /"clinic" does not exist/ });
  await admin.query("CREATE DATABASE clinic");
  const again = await connect("clinic");
  t.is(await codeOf("SELECT * FROM patients", again), "42P01");
  const ended = new Promise((resolve) => again.on("error", resolve));
  t.is(await codeOf("DROP DATABASE clinic WITH (FORCE)"), "");
  t.regex(String(await ended), /terminating connection/);
});
