/**
 * `pg_dump` of a tenant, and what `psql` and `pg_restore` make of it in another: the same tables, rows, keys, sequences, views and comments, which
 * dump to the same text again.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { Client } from "../../protocol/client/client.js";
import { startTarget } from "./clients/target.js";

const run = promisify(execFile);

const hasTools = await Promise.all(["pg_dump", "pg_restore", "psql"].map((tool) => run(tool, ["--version"]))).then(
  () => true,
  () => false,
);

const schema = `
CREATE SCHEMA ward;
CREATE TABLE patients (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name <> ''),
  born date, weight numeric(6,2), tags text[] DEFAULT '{}', meta jsonb, at timestamptz DEFAULT now(),
  twice numeric GENERATED ALWAYS AS (weight * 2) STORED
);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine');
CREATE TYPE ward."Kind" AS ENUM ('in', 'out');
CREATE DOMAIN positive AS int DEFAULT 3 NOT NULL CONSTRAINT above CHECK (value > 0);
CREATE TABLE feelings (
  id serial PRIMARY KEY, m mood NOT NULL DEFAULT 'ok', ms mood[] DEFAULT '{ok}', p positive,
  kind ward."Kind" CHECK (kind <> 'out'::ward."Kind" OR m = 'sad')
);
CREATE VIEW felt AS SELECT id, m, 'sad'::mood AS least, p::positive AS often FROM feelings WHERE m > 'sad'::mood;
COMMENT ON TYPE mood IS 'how it is';
INSERT INTO feelings (m, p, kind) SELECT (ARRAY['sad','ok','it''s fine'])[1 + i % 3]::mood, i, 'in' FROM generate_series(1, 30) i;
CREATE SEQUENCE ward.number START 5 INCREMENT 7;
CREATE TABLE ward.visits (
  id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
  number int DEFAULT nextval('ward.number') UNIQUE,
  patient bigint NOT NULL REFERENCES patients ON DELETE CASCADE,
  note varchar(20), code char(3), raw bytea, took interval, share double precision
);
CREATE INDEX heavy ON patients (lower(name)) WHERE weight > 50;
CREATE INDEX ON ward.visits (patient, number DESC NULLS LAST);
CREATE VIEW a_view AS SELECT p.name, count(*) AS visits FROM patients p JOIN ward.visits v ON v.patient = p.id GROUP BY p.name;
COMMENT ON TABLE patients IS 'whom we know';
COMMENT ON COLUMN patients.born IS 'it''s a date';
COMMENT ON INDEX heavy IS 'partial';
COMMENT ON VIEW a_view IS 'reads a table whose name comes behind its own';
COMMENT ON SCHEMA ward IS 'a schema';
COMMENT ON CONSTRAINT visits_pkey ON ward.visits IS 'the key';
GRANT SELECT ON patients TO PUBLIC;
GRANT UPDATE (note, code), SELECT (note) ON ward.visits TO PUBLIC;
REVOKE USAGE ON TYPE mood FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA ward GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE MATERIALIZED VIEW ward.counts AS SELECT patient, count(*) AS visits FROM ward.visits GROUP BY patient;
COMMENT ON MATERIALIZED VIEW ward.counts IS 'kept up to date';
INSERT INTO patients (name, born, weight, tags, meta)
  SELECT 'p' || i, date '1950-01-01' + i, i * 0.37, ARRAY['a', 'b"c'], jsonb_build_object('k', i) FROM generate_series(1, 300) i;
INSERT INTO ward.visits (patient, note, code, raw, took, share)
  SELECT 1 + i % 300, E'tab\\t\\\\' || i, 'x', '\\x00ff', i * interval '1 hour 3 days', i / 7.0 FROM generate_series(1, 500) i;
INSERT INTO patients (name) VALUES ('nothing else');
`;

/** A key of psql's own that is drawn for each dump; and sequences, whose values stand in one statement each. */
const plain = (dump: string): string => dump.replace(/^\\(un)?restrict .*$/gmu, "");

test("a tenant is dumped by pg_dump and restored by psql and by pg_restore", async (t) => {
  t.timeout(240_000);
  if (!hasTools) {
    t.log("skipped: pg_dump, pg_restore and psql are not on this machine");
    t.pass();
    return;
  }
  const { node, target, stop } = await startTarget();
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-dump-"));
  t.teardown(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const env = {
    ...process.env,
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSWORD: target.password,
  };
  const tool = async (name: string, ...given: readonly string[]): Promise<string> => {
    const { stdout } = await run(name, given, { env, cwd: directory, maxBuffer: 64 * 1_024 * 1_024 });
    return stdout;
  };
  const psql = (database: string, ...given: readonly string[]) =>
    tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, ...given);
  const client = new Client({ address: "local", connector: () => Promise.resolve(node.connectLocal()) });
  for (const name of ["plain", "custom"]) await client.admin("tenant.create", { name }, {});
  await client.close(0);
  writeFileSync(path.join(directory, "schema.sql"), schema);
  await psql("main", "-f", "schema.sql");

  const dumped = await tool("pg_dump", "main");
  t.regex(dumped, /COPY ward\.visits/);
  t.regex(dumped, /GRANT SELECT\(note\),UPDATE\(note\) ON TABLE ward\.visits TO PUBLIC/);
  t.regex(dumped, /ALTER DEFAULT PRIVILEGES FOR ROLE \w+ IN SCHEMA ward GRANT SELECT ON TABLES +TO PUBLIC/);
  t.regex(dumped, /COMMENT ON COLUMN public\.patients\.born IS 'it''s a date'/);
  writeFileSync(path.join(directory, "dump.sql"), dumped);
  await psql("plain", "-f", "dump.sql");
  t.is(plain(await tool("pg_dump", "plain")), plain(dumped), "what was restored dumps to the same text");

  await tool("pg_dump", "-Fc", "-f", "dump.custom", "main");
  await tool("pg_restore", "--exit-on-error", "-d", "custom", "dump.custom");
  t.is(plain(await tool("pg_dump", "custom")), plain(dumped));

  const ask =
    "SELECT count(*), sum(visits) FROM a_view; SELECT count(*), min(m), max(m) FROM felt; INSERT INTO feelings DEFAULT VALUES RETURNING *; SELECT nextval('ward.number'); SELECT sum(visits) FROM ward.counts; INSERT INTO patients (name) VALUES ('x') RETURNING id";
  t.is(await psql("plain", "-c", ask), await psql("main", "-c", ask), "sequences go on where they were");
});

test("psql describes a table that others refer to, and what belongs to an extension", async (t) => {
  t.timeout(180_000);
  if (!hasTools) {
    t.log("skipped: psql is not on this machine");
    t.pass();
    return;
  }
  const { target, stop } = await startTarget();
  t.teardown(stop);
  const psql = async (...commands: readonly string[]): Promise<string> => {
    const given = ["-X", "-v", "ON_ERROR_STOP=1", target.url, ...commands.flatMap((command) => ["-c", command])];
    const { stdout } = await run("psql", given);
    return stdout;
  };
  await psql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a, CHECK (a > 0))");
  t.regex(await psql("\\d a"), /TABLE "b" CONSTRAINT "b_a_fkey" FOREIGN KEY \(a\) REFERENCES a\(id\)/);
  t.regex(await psql("\\d b"), /"b_a_check" CHECK \(a > 0\)/);
  t.regex(await psql("\\dx"), /kimberlite/m);
});
