/**
 * What sessions see of one another, and may do to one another: `pg_stat_activity` and its like, `pg_cancel_backend`, `pg_terminate_backend`. The
 * same is asked of a node and of PostgreSQL 15, where it is installed.
 */
import test, { type ExecutionContext } from "ava";
import pg from "pg";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import { startTarget } from "./clients/target.js";

interface Told {
  readonly client: pg.Client;
  /** What the server said beside its answers. */
  readonly heard: string[];
  /** Rows, or SQLSTATE and message. */
  ask(sql: string): Promise<string>;
}

async function connect(host: string, port: number, user: string, application: string): Promise<Told> {
  const client = new pg.Client({ host, port, user, database: "main", application_name: application });
  const heard: string[] = [];
  client.on("error", (error: Error & { readonly code?: string }) => {
    if (error.code !== undefined) heard.push(`${error.code} ${error.message}`);
  });
  client.on("notice", ({ severity, message }) => void heard.push(`${severity ?? ""} ${message ?? ""}`));
  await client.connect();
  return {
    client,
    heard,
    ask: (sql) =>
      client.query<unknown[]>({ text: sql, rowMode: "array" }).then(
        ({ rows }) => rows.map((row) => row.map(String).join("|")).join(" "),
        (error: Error & { readonly code?: string }) => `${error.code ?? ""} ${error.message}`,
      ),
  };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let times = 0; times < 500 && !(await isSo()); times += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

const named = (application: string): string => `FROM pg_stat_activity WHERE application_name = '${application}'`;

async function sessionsMeet(t: ExecutionContext, host: string, port: number): Promise<void> {
  const admin = await connect(host, port, "admin", "of admin");
  for (const role of ["nurse", "porter"]) await admin.client.query(`CREATE ROLE ${role} LOGIN`);
  const nurse = await connect(host, port, "nurse", "of nurse");
  const porter = await connect(host, port, "porter", "of porter");

  const { processID } = nurse.client as unknown as { readonly processID: number };
  t.is(await nurse.ask("SELECT pg_backend_pid()"), String(processID), "the number that the client was told");
  const seen = `SELECT usename, state, query, xact_start IS NULL, client_addr IS NULL, backend_type ${named("of nurse")}`;
  t.is(await admin.ask(seen), "nurse|idle|SELECT pg_backend_pid()|true|false|client backend");
  t.is(await porter.ask(seen), "nurse|null|<insufficient privilege>|true|true|null");
  await nurse.client.query("BEGIN");
  await nurse.client.query("SELECT 7");
  t.is(await admin.ask(seen), "nurse|idle in transaction|SELECT 7|false|false|client backend");
  t.is(await nurse.ask("SELECT 1/0"), "22012 division by zero");
  t.is(await admin.ask(seen), "nurse|idle in transaction (aborted)|SELECT 1/0|true|false|client backend");
  await nurse.client.query("ROLLBACK");
  t.is(
    await admin.ask(
      "SELECT ssl, version, gss_authenticated, encrypted FROM pg_stat_ssl JOIN pg_stat_gssapi USING (pid) WHERE pid = pg_backend_pid()",
    ),
    "false|null|false|false",
  );
  t.is(await admin.ask("SELECT count(*) FROM pg_stat_bgwriter"), "1");

  // Who may.
  t.is(await admin.ask("SELECT pg_cancel_backend(1), pg_terminate_backend(1)"), "false|false");
  const warned = "WARNING PID 1 is not a PostgreSQL backend process";
  t.deepEqual(admin.heard.splice(0), [warned, warned]);
  t.is(await admin.ask("SELECT pg_terminate_backend(1, -1)"), '22003 "timeout" must not be negative');
  for (const [signal, ofSuperuser, ofOthers] of [
    ["cancel", "to cancel superuser query", "whose query is being canceled"],
    ["terminate", "to terminate superuser process", "whose process is being terminated"],
  ] as const) {
    const send = `SELECT pg_${signal}_backend(pid)`;
    t.is(await porter.ask(`${send} ${named("of admin")}`), `42501 must be a superuser ${ofSuperuser}`);
    t.is(
      await porter.ask(`${send} ${named("of nurse")}`),
      `42501 must be a member of the role ${ofOthers} or member of pg_signal_backend`,
    );
  }
  await admin.client.query("GRANT nurse TO porter");

  // What it does.
  const slow = nurse.ask("SELECT pg_sleep(60)");
  await until(async () => (await admin.ask(seen)).includes("|active|SELECT pg_sleep(60)|false|"));
  t.is(await porter.ask(`SELECT pg_cancel_backend(pid) ${named("of nurse")}`), "true");
  t.is(await slow, "57014 canceling statement due to user request");
  t.is(await nurse.ask("SELECT 'still here'"), "still here");
  t.is(await admin.ask("SELECT pg_cancel_backend(pg_backend_pid())"), "57014 canceling statement due to user request");
  await admin.client.query("CREATE TABLE written (x int)");
  await admin.client.query("GRANT ALL ON written TO nurse");
  await nurse.client.query("BEGIN");
  await nurse.client.query("INSERT INTO written VALUES (1)");
  t.is(
    await admin.ask(
      `WITH made AS (INSERT INTO written VALUES (2)) SELECT pg_terminate_backend(pid, 30000) ${named("of nurse")}`,
    ),
    "true",
  );
  await until(() => nurse.heard.length > 0);
  t.deepEqual(nurse.heard, ["57P01 terminating connection due to administrator command"]);
  await until(async () => (await admin.ask(`SELECT count(*) ${named("of nurse")}`)) === "0");
  t.is(await admin.ask(`SELECT count(*) ${named("of nurse")}`), "0");
  t.is(await admin.ask("SELECT x FROM written"), "2", "its transaction is gone, and its locks");
  t.is(
    await porter.ask("SELECT pg_terminate_backend(pg_backend_pid())"),
    "57P01 terminating connection due to administrator command",
  );
  await admin.client.end();
}

test("sessions see one another as they may, and one cancels or ends another", async (t) => {
  t.timeout(120_000);
  const { target, stop } = await startTarget({
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  try {
    const client = await connect(target.host, target.port, "admin", "");
    await client.client.query("CREATE DATABASE other");
    await client.client.end();
    // Tenants do not see each other.
    const other = new pg.Client({ host: target.host, port: target.port, user: "admin", database: "other" });
    await other.connect();
    const { processID } = other as unknown as { readonly processID: number };
    await sessionsMeet(t, target.host, target.port);
    const again = await connect(target.host, target.port, "admin", "again");
    t.is(await again.ask(`SELECT pg_terminate_backend(${processID}), count(*) FROM pg_stat_activity`), "false|1");
    await again.client.end();
    t.is((await other.query("SELECT 1 AS one")).rowCount, 1);
    await other.end();
  } finally {
    await stop();
  }
});

test("and so they do in PostgreSQL 15", async (t) => {
  t.timeout(120_000);
  if (!hasPostgres()) {
    t.log("skipped: no PostgreSQL 15 on this machine");
    t.pass();
    return;
  }
  await withPostgres(async (client, port) => {
    await client.query("CREATE ROLE admin SUPERUSER LOGIN");
    await client.query("CREATE DATABASE main OWNER admin");
    await sessionsMeet(t, "127.0.0.1", port);
  });
});
