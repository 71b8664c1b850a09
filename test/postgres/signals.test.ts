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

/** Who holds what, and who waits for whom. */
async function locksAreShown(t: ExecutionContext, host: string, port: number): Promise<void> {
  const [watcher, holder, waiter, last] = await Promise.all(
    ["watcher", "holder", "waiter", "last"].map((name) => connect(host, port, "admin", name)),
  );
  if (watcher === undefined || holder === undefined || waiter === undefined || last === undefined) return t.fail();
  const ofAll =
    "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name IN ('holder', 'waiter', 'last')";
  const blocked = (name: string): Promise<string> =>
    watcher.ask(
      `SELECT array_agg(b.application_name ORDER BY 1) FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) p JOIN pg_stat_activity b ON b.pid = p WHERE w.application_name = '${name}'`,
    );
  await watcher.client.query("CREATE TABLE beds (id int PRIMARY KEY, n int); INSERT INTO beds VALUES (1, 0), (2, 0)");
  await watcher.client.query("CREATE TABLE rooms ()");
  t.is(await watcher.ask(`SELECT count(*) ${ofAll}`), "0");
  t.is(await watcher.ask("SELECT pg_blocking_pids(pg_backend_pid()), pg_blocking_pids(1)"), "|");

  // A row: whoever wants it waits for the transaction that has it.
  await holder.client.query("BEGIN");
  await holder.client.query("UPDATE beds SET n = 1 WHERE id = 1");
  const updated = waiter.ask("UPDATE beds SET n = 2 WHERE id = 1");
  await until(async () => (await blocked("waiter")) === "holder");
  t.is(await blocked("waiter"), "holder");
  t.is(await blocked("holder"), "null");
  t.is(
    await watcher.ask("SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE application_name = 'waiter'"),
    "Lock|transactionid",
  );
  t.is(
    await watcher.ask(
      `SELECT a.application_name, l.mode, l.granted ${ofAll} AND l.relation = 'beds'::regclass AND a.application_name = 'holder'`,
    ),
    "holder|RowExclusiveLock|true",
  );
  t.is(
    await watcher.ask(
      `SELECT w.mode, h.mode FROM pg_locks w JOIN pg_locks h ON h.transactionid = w.transactionid AND h.granted
       WHERE NOT w.granted AND w.locktype = 'transactionid'`,
    ),
    "ShareLock|ExclusiveLock",
  );
  await holder.client.query("COMMIT");
  t.is(await updated, "");
  t.is(await watcher.ask(`SELECT count(*) ${ofAll}`), "0", "nothing is left");

  // Advisory locks, of one number and of two, and a table as a whole.
  await holder.client.query("SELECT pg_advisory_lock(4294967298), pg_advisory_lock_shared(-1, 7)");
  await waiter.client.query("BEGIN");
  const taken = waiter.ask("SELECT pg_advisory_xact_lock(4294967298)");
  await until(async () => (await blocked("waiter")) === "holder");
  t.is(
    await watcher.ask(
      `SELECT a.application_name, l.classid, l.objid, l.objsubid, l.mode, l.granted ${ofAll} AND l.locktype = 'advisory' ORDER BY 1, 2`,
    ),
    "holder|1|2|1|ExclusiveLock|true holder|4294967295|7|2|ShareLock|true waiter|1|2|1|ExclusiveLock|false",
  );
  await holder.client.query("SELECT pg_advisory_unlock_all()");
  t.is(await taken, "");
  await waiter.client.query("UPDATE beds SET n = 3");
  const truncated = last.ask("TRUNCATE beds");
  await until(async () => (await blocked("last")) === "waiter");
  t.is(
    await watcher.ask(
      `SELECT a.application_name, l.mode, l.granted ${ofAll} AND l.relation = 'beds'::regclass AND l.locktype = 'relation' ORDER BY 1`,
    ),
    "last|AccessExclusiveLock|false waiter|RowExclusiveLock|true",
  );
  // A table in all modes, and what is wanted of it beside others.
  await holder.client.query("BEGIN");
  for (const mode of ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"])
    await holder.client.query(`LOCK TABLE rooms IN ${mode} MODE`);
  const modesOf = (name: string): Promise<string> =>
    watcher.ask(
      `SELECT l.mode, l.granted ${ofAll} AND l.relation = 'rooms'::regclass AND a.application_name = '${name}' ORDER BY 1`,
    );
  t.is(await modesOf("holder"), "AccessShareLock|true RowExclusiveLock|true RowShareLock|true");
  const shared = waiter.ask("LOCK TABLE rooms IN SHARE MODE");
  await until(async () => (await blocked("waiter")) === "holder");
  t.is(await modesOf("waiter"), "ShareLock|false");
  await holder.client.query("ROLLBACK");
  t.is(await shared, "");
  await holder.client.query("BEGIN");
  t.is(await holder.ask("LOCK TABLE rooms IN SHARE MODE NOWAIT"), "", "transactions share it");
  await holder.client.query("ROLLBACK");
  for (const mode of ["SHARE UPDATE EXCLUSIVE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"])
    await waiter.client.query(`LOCK TABLE rooms IN ${mode} MODE`);
  t.is(
    await modesOf("waiter"),
    "AccessExclusiveLock|true ExclusiveLock|true ShareLock|true ShareRowExclusiveLock|true ShareUpdateExclusiveLock|true",
  );
  // Asked within a transaction that has written.
  t.is(await waiter.ask("SELECT count(*) > 0 FROM pg_locks WHERE pid = pg_backend_pid() AND granted"), "true");
  await waiter.client.query("ROLLBACK");
  t.is(await truncated, "");
  for (const { client, heard } of [watcher, holder, waiter, last]) {
    t.deepEqual(heard, []);
    await client.end();
  }
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
    await locksAreShown(t, target.host, target.port);
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
    await locksAreShown(t, "127.0.0.1", port);
  });
});
