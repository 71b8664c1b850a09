/** What sessions beside one another are asked by the fuzz of sessions (sessions.ts), and what there is when they begin. */
import type { Random } from "./expressions.js";

export const setUp: readonly string[] = [
  "CREATE SCHEMA s1",
  "CREATE SCHEMA s2",
  "CREATE TABLE t (id int PRIMARY KEY, v text)",
  "CREATE TABLE s1.t (id int PRIMARY KEY, v text)",
  "CREATE TABLE s2.t (id int PRIMARY KEY, v text, w int)",
  "CREATE TABLE shared (id int PRIMARY KEY, v text)",
  "CREATE TABLE refers (id int REFERENCES shared)",
  "CREATE SEQUENCE sq",
  "CREATE SEQUENCE s1.sq START 100",
  "CREATE ROLE ra",
  "CREATE ROLE rb",
  "GRANT USAGE ON SCHEMA s1 TO ra",
  "GRANT SELECT ON s1.t TO ra",
  "GRANT SELECT, INSERT, UPDATE, DELETE ON t, shared, refers TO ra",
  "GRANT USAGE ON SEQUENCE sq TO ra, rb",
  "GRANT USAGE ON SCHEMA s2 TO rb",
  "GRANT SELECT (id, v) ON s2.t TO rb",
  ...["t", "s1.t", "shared"].map(
    (table) => `INSERT INTO ${table} SELECT g, '${table}' || g FROM generate_series(1, 5) g`,
  ),
  "INSERT INTO s2.t SELECT g, 'q' || g, g FROM generate_series(1, 5) g",
];
export const tearDown: readonly string[] = [
  "DISCARD ALL",
  "DROP SCHEMA s1, s2 CASCADE",
  "DROP TABLE IF EXISTS t, shared, refers CASCADE",
  "DROP SEQUENCE sq",
  // A session whose node was killed has left its temporary tables behind, which may be a role's.
  "DROP OWNED BY ra, rb",
  "DROP ROLE ra, rb",
];

type Writer = (random: Random) => string;

const table: Writer = (random) => random.pick(["t", "t", "u", "x"]);
const own: Writer = (random) => random.pick(["pg_temp.t", "u", "x"]);
const id: Writer = (random) => String(1 + random.next(6));
const prepared: Writer = (random) => random.pick(["p1", "p2"]);
const cursor: Writer = (random) => random.pick(["c1", "c2"]);

const ofTables: readonly Writer[] = [
  (r) =>
    `CREATE TEMP TABLE ${table(r)} (id int PRIMARY KEY, v text${r.pick(["", ", w int"])})${r.pick(["", " ON COMMIT DELETE ROWS", " ON COMMIT DROP"])}`,
  (r) => `CREATE TEMP TABLE ${table(r)} (id int PRIMARY KEY, v text)`,
  (r) => `DROP TABLE ${own(r)}`,
  (r) =>
    `INSERT INTO ${table(r)} (id, v) VALUES (${id(r)}, 'a') ON CONFLICT (id) DO UPDATE SET v = excluded.v || '+' RETURNING *`,
  (r) => `SELECT * FROM ${table(r)} ORDER BY 1`,
  (r) => `SELECT v FROM ${table(r)} WHERE id = ${id(r)}`,
  (r) => `SELECT count(*), max(v) FROM ${table(r)}`,
  (r) => `UPDATE ${table(r)} SET v = 'u${id(r)}' WHERE id = ${id(r)} RETURNING id`,
  (r) => `DELETE FROM ${table(r)} WHERE id = ${id(r)}`,
  (r) => `ALTER TABLE ${own(r)} ADD COLUMN z int DEFAULT ${id(r)}`,
  (r) => `ALTER TABLE ${own(r)} DROP COLUMN IF EXISTS z`,
  (r) => `TRUNCATE ${own(r)}`,
  (r) => `CREATE INDEX ON ${own(r)} (v)`,
  (r) => `ANALYZE ${table(r)}`,
  (r) => `CREATE TEMP VIEW ${r.pick(["x", "vv"])} AS SELECT * FROM ${table(r)}`,
  () => "SELECT * FROM vv ORDER BY 1",
  () => "DROP VIEW IF EXISTS vv CASCADE",
];

const ofShared: readonly Writer[] = [
  (r) => `ALTER TABLE shared ADD COLUMN z int DEFAULT ${id(r)}`,
  () => "ALTER TABLE shared DROP COLUMN IF EXISTS z",
  (r) => `ALTER TABLE shared ALTER v TYPE ${r.pick(["text", "varchar(20)"])}`,
  () => "SELECT * FROM shared ORDER BY id",
  (r) => `INSERT INTO shared (id, v) VALUES (${id(r)}, 's') ON CONFLICT DO NOTHING`,
  (r) => `UPDATE shared SET v = v || '!' WHERE id = ${id(r)} RETURNING *`,
  () => "SELECT count(*) FROM shared",
];

const ofSessions: readonly Writer[] = [
  (r) =>
    `SET search_path TO ${r.pick(["public", "s1", "s2", "s1, public", "pg_temp, public", "public, pg_temp", "s2, s1"])}`,
  () => "RESET search_path",
  () => "SHOW search_path",
  (r) => `SET ROLE ${r.pick(["ra", "rb", "none"])}`,
  () => "RESET ROLE",
  () => "SELECT current_user = 'ra', current_user = 'rb'",
  (r) => `SELECT set_config('my.x', '${id(r)}', ${r.pick(["true", "false"])})`,
  () => "SELECT current_setting('my.x', true)",
  (r) => `SET LOCAL work_mem = '${id(r)}MB'`,
  () => "SHOW work_mem",
  (r) => `SET timezone = '${r.pick(["UTC", "Europe/Berlin", "America/New_York"])}'`,
  () => "SELECT '2020-07-01 12:00+00'::timestamptz::text",
  (r) => `DISCARD ${r.pick(["ALL", "TEMP", "PLANS", "SEQUENCES"])}`,
  (r) => `SELECT to_regclass('${table(r)}')::text, to_regclass('s1.t')::text`,
  (r) => `SELECT relname, relkind, relpersistence FROM pg_class WHERE oid = '${table(r)}'::regclass`,
  (r) => `SELECT pg_try_advisory_lock(${id(r)})`,
  (r) => `SELECT pg_advisory_unlock(${id(r)})`,
  () => "SELECT pg_advisory_unlock_all()",
];

const ofPlans: readonly Writer[] = [
  (r) => `PREPARE ${prepared(r)} AS SELECT ${r.pick(["v", "*"])} FROM ${r.pick([table(r), "shared"])} WHERE id = 1`,
  (r) => `EXECUTE ${prepared(r)}`,
  (r) => `EXECUTE ${prepared(r)}`,
  (r) => `DEALLOCATE ${r.pick(["ALL", "p1", "p2"])}`,
  () => "SELECT count(*) FROM pg_prepared_statements",
  (r) =>
    `DECLARE ${cursor(r)} ${r.pick(["", "SCROLL "])}CURSOR ${r.pick(["", "WITH HOLD "])}FOR SELECT * FROM ${table(r)} ORDER BY 1`,
  (r) => `FETCH ${r.pick(["1", "2", "ALL"])} ${cursor(r)}`,
  (r) => `CLOSE ${r.pick(["c1", "c2", "ALL"])}`,
  () => "SELECT name, is_holdable FROM pg_cursors ORDER BY 1",
  () => "SELECT currval('sq') > 0",
  (r) => `CREATE TEMP SEQUENCE ${r.pick(["sq", "sq2"])}`,
  () => "SELECT nextval('pg_temp.sq')",
  () => "SELECT nextval('s1.sq') > 0",
  () => "DROP SEQUENCE pg_temp.sq",
];

const ofTransactions: readonly Writer[] = [
  () => "BEGIN",
  () => "COMMIT",
  () => "COMMIT",
  () => "ROLLBACK",
  (r) => `SAVEPOINT a${r.next(2)}`,
  (r) => `ROLLBACK TO a${r.next(2)}`,
  (r) => `RELEASE a${r.next(2)}`,
];

/** Those that keep out no reader, who waits nowhere here. */
const tableModes = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
];

const ofLocks: readonly Writer[] = [
  (r) =>
    `SELECT * FROM shared WHERE id ${r.pick(["= 1", "= 2", "< 4"])} ORDER BY id FOR ${r.pick(["UPDATE", "SHARE", "NO KEY UPDATE", "KEY SHARE"])} ${r.pick(["NOWAIT", "SKIP LOCKED"])}`,
  (r) => `SELECT id FROM shared ORDER BY id LIMIT ${id(r)} FOR UPDATE SKIP LOCKED`,
  (r) => `UPDATE shared SET v = 'l' WHERE id = ${id(r)}`,
  (r) => `DELETE FROM shared WHERE id = ${id(r)} RETURNING v`,
  (r) => `INSERT INTO shared (id, v) VALUES (${id(r)}, 'i') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id`,
  (r) => `LOCK TABLE ${r.pick(["shared", "refers"])} IN ${r.pick(tableModes)} MODE ${r.pick(["", "NOWAIT"])}`,
  () => "BEGIN ISOLATION LEVEL REPEATABLE READ",
  () => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
  () => "SELECT * FROM shared ORDER BY id",
  () => "COMMIT",
  (r) => `SELECT pg_try_advisory_xact_lock(${id(r)})`,
  (r) => `INSERT INTO refers VALUES (${id(r)})`,
  (r) => `DELETE FROM refers WHERE id = ${id(r)}`,
];

const themes = [ofTables, ofTables, ofShared, ofSessions, ofPlans, ofTransactions, ofLocks] as const;
export const sessionStatement: Writer = (random) => random.pick(random.pick(themes))(random);
