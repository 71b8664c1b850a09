/** Whose databases are, and what sessions begin with: for clients that come in later, and after a new start of the node. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import pg from "pg";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { startScramNode } from "./scram-node.js";

test("the owner of a database does in it what an owner may; sessions begin with what was set, after a new start, too", async (t) => {
  const dataDirectory = mkdtempSync(path.join(tmpdir(), "kimberlite-defaults-"));
  t.teardown(() => rmSync(dataDirectory, { recursive: true, force: true }));
  let node = await startScramNode(dataDirectory);
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("admin secret")));
  const inSession = async <Result>(
    user: string,
    database: string,
    work: (client: pg.Client) => Promise<Result>,
    options: pg.ClientConfig = {},
  ): Promise<Result> => {
    const client = new pg.Client({
      ...node.addresses.postgres,
      ...options,
      user,
      password: `${user} secret`,
      database,
    });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const codeOf = (client: pg.Client, sql: string): Promise<unknown> =>
    client.query(sql).then(
      () => "",
      (error: unknown) => (error instanceof pg.DatabaseError ? error.code : error),
    );
  const codes = (user: string, database: string, ...statements: readonly string[]): Promise<readonly unknown[]> =>
    inSession(user, database, async (client) => {
      const found: unknown[] = [];
      for (const sql of statements) found.push(await codeOf(client, sql));
      return found;
    });
  const shown = (user: string, database: string, names: readonly string[], options: pg.ClientConfig = {}) =>
    inSession(
      user,
      database,
      async (client) => {
        const values: unknown[] = [];
        for (const name of names)
          values.push(Object.values((await client.query<Record<string, string>>(`SHOW ${name}`)).rows[0] ?? {})[0]);
        return values.join(" ");
      },
      options,
    );

  await inSession("admin", "main", async (admin) => {
    for (const sql of [
      "CREATE ROLE app LOGIN PASSWORD 'app secret'",
      "CREATE ROLE other LOGIN PASSWORD 'other secret' CREATEDB",
      "CREATE DATABASE appdb OWNER app",
      "ALTER DATABASE appdb SET search_path = stuff, public",
      "ALTER ROLE app SET work_mem = '7MB'",
      "ALTER ROLE app SET statement_timeout = '5s'",
      "ALTER ROLE app IN DATABASE appdb SET statement_timeout = '9s'",
    ])
      await admin.query(sql);
    t.is(await codeOf(admin, "DROP ROLE app"), "2BP01");
  });

  const asOwner = await codes(
    "app",
    "appdb",
    "CREATE SCHEMA stuff",
    "CREATE TABLE public.t (id int)",
    "GRANT CREATE ON DATABASE appdb TO other",
    "GRANT USAGE ON SCHEMA public TO other",
    "ALTER DATABASE appdb SET lock_timeout = '3s'",
    "CREATE DATABASE another",
  );
  t.deepEqual(asOwner, ["", "", "", "", "", "42501"]);
  const asOther = await codes(
    "other",
    "appdb",
    "CREATE SCHEMA theirs",
    "CREATE TABLE public.u (id int)",
    "ALTER DATABASE appdb SET lock_timeout = '3s'",
    "DROP DATABASE appdb",
    "ALTER ROLE app SET work_mem = '1MB'",
    "ALTER ROLE other SET work_mem = '1MB'",
    "ALTER ROLE other SET work_mem = 'much'",
    "CREATE DATABASE theirs",
    "ALTER DATABASE theirs OWNER TO app",
  );
  t.deepEqual(asOther, ["", "42501", "42501", "42501", "42501", "", "22023", "", "42501"]);
  t.deepEqual(
    await codes("app", "main", "CREATE TABLE public.t (id int)"),
    ["42501"],
    "it owns the one, not the other",
  );

  const names = ["search_path", "work_mem", "statement_timeout", "lock_timeout"];
  const expectShown = async (): Promise<void> => {
    t.is(await shown("app", "appdb", names), "stuff, public 7MB 9s 3s");
    t.is(await shown("app", "main", names), '"$user", public 7MB 5s 0');
    t.is(await shown("other", "appdb", names), "stuff, public 1MB 0 3s");
    t.is(
      await shown("app", "appdb", ["work_mem"], { options: "-c work_mem=2MB" }),
      "2MB",
      "what a client asks for goes first",
    );
  };
  await expectShown();
  await inSession("app", "appdb", async (client) => {
    await client.query("SET work_mem = '1MB'");
    await client.query("RESET work_mem");
    const { rows } = await client.query<{ work_mem: string }>("SHOW work_mem");
    t.is(rows[0]?.work_mem, "7MB", "RESET goes back to it");
  });
  await node.stop();
  node = await startScramNode(dataDirectory);
  await expectShown();

  await inSession("admin", "appdb", async (admin) => {
    const listed = await admin.query(
      `SELECT d.datname AS database, setrole::regrole::text AS role, setconfig AS settings
       FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase ORDER BY 1 NULLS FIRST, 2`,
    );
    t.deepEqual(listed.rows, [
      { database: null, role: "app", settings: ["work_mem=7MB", "statement_timeout=5s"] },
      { database: null, role: "other", settings: ["work_mem=1MB"] },
      { database: "appdb", role: "-", settings: ["search_path=stuff, public", "lock_timeout=3s"] },
      { database: "appdb", role: "app", settings: ["statement_timeout=9s"] },
    ]);
    const owners = await admin.query(
      "SELECT datname || ' ' || pg_get_userbyid(datdba) AS owner FROM pg_database ORDER BY datname",
    );
    t.deepEqual(
      owners.rows.map(({ owner }: { owner: string }) => owner),
      ["appdb app", "main admin", "theirs other"],
    );
    await admin.query("ALTER DATABASE appdb OWNER TO other");
    await admin.query("ALTER DATABASE appdb RESET ALL");
    await admin.query("ALTER ROLE app IN DATABASE appdb RESET statement_timeout");
  });
  t.is(await shown("app", "appdb", names), '"$user", public 7MB 5s 0');
  t.deepEqual(await codes("app", "appdb", "CREATE TABLE public.v (id int)"), ["42501"], "it owns it no more");
  t.deepEqual(await codes("other", "appdb", "CREATE TABLE public.v (id int)"), [""]);
  t.deepEqual(await codes("other", "main", "DROP DATABASE appdb", "DROP DATABASE theirs"), ["", ""]);
});
