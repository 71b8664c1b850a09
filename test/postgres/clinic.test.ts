/**
 * The days of a clinic, by psql against a node in a process of its own: a schema, a load, questions, a transaction that is taken back, last
 * week's state, the node killed in the middle and started again: the same answers.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { z } from "zod";
import { kimberlite, startNodeProcess } from "../admin/run-command.js";

const run = promisify(execFile);
const observations = 20_000;

const hasPsql = await run("psql", ["--version"]).then(
  () => true,
  () => false,
);

const schema = `
CREATE TABLE patients (id bigint PRIMARY KEY, name text NOT NULL, born date NOT NULL);
CREATE TABLE encounters (id bigint PRIMARY KEY, patient bigint NOT NULL REFERENCES patients, at timestamptz NOT NULL, ward text);
CREATE TABLE observations (id bigint PRIMARY KEY, encounter bigint NOT NULL REFERENCES encounters, code text NOT NULL, value numeric(8,2));
CREATE INDEX ON encounters (patient);
CREATE INDEX ON observations (encounter);
`;

const rowsOf = (count: number, row: (number: number) => string): string =>
  Array.from({ length: count }, (_, index) => `${row(index + 1)}\n`).join("");

const readyShape = z.looseObject({
  addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
  admin: z.object({ name: z.string(), password: z.string().nullable() }).optional(),
});

test("psql and a clinic: load, ask, change, take back, look into the past, kill, and ask again", async (t) => {
  t.timeout(240_000);
  if (!hasPsql) {
    t.log("skipped: no psql on this machine");
    t.pass();
    return;
  }
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-clinic-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const data = path.join(directory, "data");
  let password = "";
  const start = async () => {
    const node = await startNodeProcess(data);
    t.teardown(async () => void (await node.end("SIGKILL")));
    const ready = readyShape.parse(JSON.parse(node.lines[0] ?? "{}"));
    password = ready.admin?.password ?? password;
    const psql = async (...commands: readonly string[]): Promise<string> => {
      const { host, port } = ready.addresses.postgres;
      const target = `host=${host} port=${port} user=admin dbname=main`;
      const given = ["-XAtq", "-v", "ON_ERROR_STOP=1", target, ...commands.flatMap((command) => ["-c", command])];
      const { stdout } = await run("psql", given, { cwd: directory, env: { ...process.env, PGPASSWORD: password } });
      return stdout.trim();
    };
    return { node, ready, psql };
  };

  const first = await start();
  t.regex(first.ready.admin?.password ?? "", /^[\w-]{24}$/, "the first start shows a password, once");
  const { psql } = first;
  await psql(schema);
  writeFileSync(
    path.join(directory, "p.csv"),
    rowsOf(200, (n) => `${n},Patient ${n},19${40 + (n % 60)}-01-02`),
  );
  writeFileSync(
    path.join(directory, "e.csv"),
    rowsOf(2_000, (n) => `${n},${1 + (n % 200)},2026-10-01 08:00:00+00,ward ${n % 7}`),
  );
  writeFileSync(
    path.join(directory, "o.csv"),
    rowsOf(observations, (n) => `${n},${1 + (n % 2_000)},code${n % 50},${n % 1_000}.25`),
  );
  await psql(
    "\\copy patients FROM p.csv CSV",
    "\\copy encounters FROM e.csv CSV",
    "\\copy observations FROM o.csv CSV",
  );

  const wards =
    "SELECT ward, count(*), avg(value)::numeric(10,3) FROM observations o JOIN encounters e ON e.id = o.encounter GROUP BY ward ORDER BY ward";
  const before = await psql(wards);
  t.is(before.split("\n").length, 7);
  const position = Number(await psql("SELECT max(position) FROM kimberlite.commits").catch(() => "-1"));

  t.is(
    await psql(
      "UPDATE observations SET value = 0 WHERE code = 'code7'",
      "SELECT count(*) FROM observations WHERE value = 0",
    ),
    "400",
  );
  await psql("BEGIN; DELETE FROM observations; SAVEPOINT s; DROP TABLE patients CASCADE; ROLLBACK TO s; ROLLBACK");
  t.is(await psql("SELECT count(*) FROM observations"), String(observations));
  await t.throwsAsync(psql("INSERT INTO encounters VALUES (9999, 9999, now(), 'x')"), {
    message: /violates foreign key constraint/,
  });
  await t.throwsAsync(psql("SELECT 1/0"), { message: /division by zero/ });
  if (position > 0) {
    const past = wards.replace("observations o", `observations FOR SYSTEM_TIME AS OF POSITION ${position} o`);
    t.is(await psql(past), before, "the state before the update");
  }
  const after = await psql(wards);
  t.not(after, before);

  // Who changed what: the same before and after the node was killed, by position and by time.
  const moment = await psql(`SELECT time FROM kimberlite.commits WHERE position = ${position}`);
  t.is(
    await psql(
      "ALTER TABLE patients RENAME TO people",
      `SET kimberlite.as_of = '${moment}'`,
      "SELECT count(*) FROM patients",
      "RESET kimberlite.as_of",
      "ALTER TABLE people RENAME TO patients",
    ),
    "200",
    "a moment is read under its own definitions",
  );
  const audit = [
    "SELECT principal, tables, rows FROM kimberlite.commits WHERE 'observations' = ANY (tables) AND kind = 'sqlCommit' ORDER BY position DESC LIMIT 1",
    "SELECT operation, principal, value, ended_by_operation FROM kimberlite.row_history('observations', 7) ORDER BY from_position",
    `SELECT operation, count(*), sum((before->>'value')::numeric) FROM kimberlite.diff('observations', '${moment}', now()) GROUP BY operation`,
  ];
  const audited = await psql(...audit);
  t.deepEqual(audited.split("\n"), [
    "admin|{observations}|400",
    "insert|admin|7.25|update",
    "update|admin|0.00|",
    "update|400|192900.00",
  ]);

  const startTime = "SELECT (extract(epoch from pg_postmaster_start_time()) * 1000)::bigint";
  const startedAt = await psql("CREATE VIEW started AS SELECT pg_postmaster_start_time() AS at", startTime);
  t.is(
    await psql(`BEGIN; CREATE TABLE here (); ${startTime}; ROLLBACK`, startTime, "SELECT at < now() FROM started"),
    `${startedAt}\n${startedAt}\nt`,
    "whoever runs the statement, the node's start is the same",
  );
  const killedAt = Date.now();
  await first.node.end("SIGKILL");
  const second = await start();
  t.true(Number(startedAt) < killedAt);
  t.true(Number(await second.psql(startTime)) >= killedAt, "a start is later than the end of what was before");
  t.is(second.ready.admin, undefined, "there is an admin already");
  t.is(await second.psql(wards), after, "the same answers after a kill");
  t.is(await second.psql(...audit), audited);
  t.regex(await second.psql("\\di"), /observations_pkey/);
  t.regex(await second.psql("\\dt"), /encounters/);

  // The command's own shell, over the same protocol.
  const { host, port } = second.ready.addresses.postgres;
  const environment: Record<string, string> = {
    KIMBERLITE_PG_CONNECT: `${host}:${port}`,
    KIMBERLITE_PASSWORD: password,
  };
  const shell = await kimberlite(["sql", "--json", "-c", "SELECT id, name, born FROM patients WHERE id = 7"], {
    environment,
  });
  t.deepEqual(JSON.parse(shell.stdout), { id: 7, name: "Patient 7", born: "1947-01-02" });
  const typed = await kimberlite(["sql"], {
    environment,
    stdin: "SELECT count(*)\n  FROM patients;\nSELECT nothing;\n",
  });
  t.true(typed.stdout.includes("200"));
  t.regex(typed.stderr, /column "nothing" does not exist \(42703\)/);
  t.is(typed.code, 1);
  const wrong = await kimberlite(["sql", "-c", "SELECT 1"], {
    environment: { ...environment, KIMBERLITE_PASSWORD: "x" },
  });
  t.regex(wrong.stderr, /password authentication failed/);
  t.not(wrong.code, 0);

  // Another user, confined to a tenant, made by the command.
  const native = second.node.environment;
  t.is((await kimberlite(["tenant", "create", "other"], { environment: native })).code, 0);
  const made = await kimberlite(["user", "create", "nurse", "--tenants", "other"], {
    environment: native,
    stdin: "a word\n",
  });
  t.is(made.code, 0, made.stderr);
  const nurse = { ...environment, KIMBERLITE_USER: "nurse", KIMBERLITE_PASSWORD: "a word" };
  t.regex(
    (await kimberlite(["sql", "-c", "SELECT 1"], { environment: nurse })).stderr,
    /permission denied for database "main"/,
  );
  t.is((await kimberlite(["sql", "-c", "SELECT 1", "--tenant", "other"], { environment: nurse })).code, 0);
  t.is((await kimberlite(["user", "drop", "nurse"], { environment: native })).code, 0);
  t.regex(
    (await kimberlite(["sql", "-c", "SELECT 1", "--tenant", "other"], { environment: nurse })).stderr,
    /password authentication failed/,
  );

  t.is(await second.node.end("SIGTERM"), 0);
});
