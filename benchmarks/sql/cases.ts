/** What is compared: each case with the ratio to PostgreSQL 15 that is aimed at, how it is set up, and what is run. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type Measured, type PgbenchOptions, pgbench } from "./pgbench.js";
import { pipelined, type Written } from "./pipelined.js";
import type { PipelinedLoad } from "./pipelined-client.js";
import { psql, run, type Server } from "./servers.js";

export interface Case {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  readonly aim: number;
  setUp(server: Server, folder: string): Promise<void>;
  measure(server: Server, folder: string, seconds: number): Promise<Measured>;
}

const pointRows = 100_000;
const factRows = 1_000_000;

/** A case of one script over tables that are made once. */
function scripted(
  about: Pick<Case, "name" | "what" | "aim"> & { readonly unit?: string },
  setUp: (server: Server) => Promise<unknown>,
  script: string,
  options: PgbenchOptions,
): Case {
  const file = (folder: string): string => path.join(folder, `${about.name}.sql`);
  return {
    unit: "transactions",
    ...about,
    async setUp(server, folder) {
      writeFileSync(file(folder), script);
      await setUp(server);
    },
    measure: (server, folder, seconds) => pgbench(server, ["-f", file(folder)], seconds, options),
  };
}

/** A case of one statement, 16 of which are under way on each of 64 connections. */
function pipelinedCase(
  about: Pick<Case, "name" | "what" | "aim">,
  setUp: (server: Server) => Promise<unknown>,
  load: Pick<PipelinedLoad, "statement" | "from" | "to" | "rowsEach">,
  written: Written | null,
): Case {
  const { name, aim } = about;
  return {
    name,
    aim,
    what: `${about.what}, 64 connections, 16 under way on each`,
    unit: "transactions",
    async setUp(server) {
      await setUp(server);
    },
    measure: (server, _folder, seconds) =>
      pipelined(server, { ...load, connections: 64, inFlight: 16, seconds }, written),
  };
}

const pointsTable = async (server: Server): Promise<void> => {
  await psql(
    server,
    "CREATE TABLE IF NOT EXISTS points (k bigint PRIMARY KEY, v text NOT NULL)",
    `INSERT INTO points SELECT n, 'value ' || n FROM generate_series(1, ${pointRows}) n ON CONFLICT DO NOTHING`,
  );
};

const insertedTable = (server: Server): Promise<string> =>
  psql(server, "CREATE TABLE IF NOT EXISTS inserted (k bigint PRIMARY KEY, v text NOT NULL)");

const factsTables = async (server: Server): Promise<void> => {
  await psql(
    server,
    "CREATE TABLE IF NOT EXISTS facts (id int PRIMARY KEY, k int NOT NULL, g int NOT NULL, v int NOT NULL)",
    "CREATE TABLE IF NOT EXISTS things (id int PRIMARY KEY, class int NOT NULL)",
  );
  if (Number(await psql(server, "SELECT count(*) FROM facts")) === factRows) return;
  for (let from = 0; from < factRows; from += 100_000) {
    await psql(
      server,
      `INSERT INTO facts SELECT n, n::bigint * 7919 % 10000, n::bigint * 31 % 1000, n % 100
       FROM generate_series(${from}, ${from + 99_999}) n`,
    );
  }
  await psql(server, "INSERT INTO things SELECT n, n % 20 FROM generate_series(0, 9999) n");
  if (server.name.startsWith("PostgreSQL")) await psql(server, "VACUUM ANALYZE facts", "VACUUM ANALYZE things");
};

const insertStatement = (key: string): string => `INSERT INTO inserted VALUES (${key}, 'abcdefghijklmnopqrstuvwxyz')`;
const insertScript = `\\set k random(1, 9000000000000000)\n${insertStatement(":k")};\n`;
const selectScript = `\\set k random(1, ${pointRows})\nSELECT v FROM points WHERE k = :k;\n`;
const thousandRows = Array.from({ length: 1_000 }, (_, row) => `(${row}, 'abcdefghijklmnopqrstuvwxyz')`).join(",");

/**
 * An audit log whose every row carries the hash of the one before it, tenant by tenant: in PostgreSQL by a trigger that holds the tenant's last hash
 * locked until its transaction ends, as people build it by hand. Here a plain table: the log that it comes of is chained as it is written.
 */
const auditTable = async (server: Server): Promise<void> => {
  if ((await psql(server, "SELECT to_regclass('audit') IS NOT NULL")) === "t") return;
  await psql(
    server,
    `CREATE TABLE audit (id bigserial PRIMARY KEY, tenant int NOT NULL, at timestamptz NOT NULL DEFAULT now(), who text NOT NULL,
       what text NOT NULL, previous bytea, hash bytea)`,
  );
  if (!server.name.startsWith("PostgreSQL")) return;
  await psql(
    server,
    "CREATE TABLE audit_heads (tenant int PRIMARY KEY, hash bytea NOT NULL) WITH (fillfactor = 50)",
    `INSERT INTO audit_heads SELECT n, '\\x00' FROM generate_series(1, ${auditTenants}) n`,
    `CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       SELECT hash INTO STRICT NEW.previous FROM audit_heads WHERE tenant = NEW.tenant FOR UPDATE;
       NEW.hash := sha256(NEW.previous || convert_to(concat_ws('|', NEW.tenant, NEW.at, NEW.who, NEW.what), 'UTF8'));
       UPDATE audit_heads SET hash = NEW.hash WHERE tenant = NEW.tenant;
       RETURN NEW;
     END $$`,
    "CREATE TRIGGER chain_audit BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit()",
  );
};
const auditTenants = 100;
const auditStatement = (tenant: string): string =>
  `INSERT INTO audit (tenant, who, what) VALUES (${tenant}, 'user-42', 'order.created abcdefghijklmnopqrstuvwxyz')`;
const auditScript = (tenant: string): string => `\\set t ${tenant}\n${auditStatement(":t")};\n`;

const copied = 200_000;
const copyCase: Case = {
  name: "copy",
  what: `COPY of ${copied} rows`,
  unit: "rows",
  aim: 1,
  async setUp(server, folder) {
    const lines = Array.from({ length: copied }, (_, row) => `${row}\tvalue ${row} abcdefghijkl\t${row % 97}\n`);
    writeFileSync(path.join(folder, "copy.tsv"), lines.join(""));
    await psql(server, "CREATE TABLE IF NOT EXISTS copied (k bigint PRIMARY KEY, v text NOT NULL, n int)");
  },
  async measure(server, folder, seconds) {
    let count = 0;
    let elapsed = 0;
    // As often as fits, each by a psql of its own and into an empty table: what is measured is from its start to its end.
    while (elapsed < seconds) {
      await psql(server, "TRUNCATE copied");
      const began = performance.now();
      await psql(server, `\\copy copied FROM '${path.join(folder, "copy.tsv")}'`);
      elapsed += (performance.now() - began) / 1_000;
      const there = Number(await psql(server, "SELECT count(*) FROM copied"));
      if (there !== copied) throw new Error(`${there} rows of ${copied} are there after COPY`);
      count += copied;
    }
    return { rate: count / elapsed, count };
  },
};

const tpcb: Case = {
  name: "tpcb",
  what: "TPC-B-like, scale 10, 64 connections",
  unit: "transactions",
  aim: 1.5,
  async setUp(server) {
    if ((await psql(server, "SELECT to_regclass('pgbench_accounts') IS NOT NULL")) === "t") return;
    await run("pgbench", ["-i", "-q", "-s", "10", "-I", "dtp"], { env: server.environment });
    await psql(
      server,
      "INSERT INTO pgbench_branches (bid, bbalance) SELECT n, 0 FROM generate_series(1, 10) n",
      "INSERT INTO pgbench_tellers (tid, bid, tbalance) SELECT n, (n - 1) / 10 + 1, 0 FROM generate_series(1, 100) n",
    );
    // A branch at a time: the shard gives a statement half a minute, which a busy machine may need for a million rows.
    for (let branch = 0; branch < 10; branch++) {
      const from = branch * 100_000 + 1;
      await psql(
        server,
        `INSERT INTO pgbench_accounts (aid, bid, abalance, filler)
         SELECT n, ${branch + 1}, 0, '' FROM generate_series(${from}, ${from + 99_999}) n`,
      );
    }
    if (server.name.startsWith("PostgreSQL")) await psql(server, "VACUUM ANALYZE");
  },
  measure: (server, _folder, seconds) => pgbench(server, ["-b", "tpcb-like"], seconds, { connections: 64 }),
};

export const cases: readonly Case[] = [
  scripted({ name: "insert", what: "INSERT of one row, 64 connections", aim: 2 }, insertedTable, insertScript, {
    connections: 64,
  }),
  scripted({ name: "insert1", what: "INSERT of one row, 1 connection", aim: 0.7 }, insertedTable, insertScript, {
    connections: 1,
  }),
  scripted({ name: "select", what: "SELECT by key, 64 connections", aim: 1.5 }, pointsTable, selectScript, {
    connections: 64,
  }),
  scripted({ name: "select1", what: "SELECT by key, 1 connection", aim: 0.7 }, pointsTable, selectScript, {
    connections: 1,
  }),
  // As psql, psycopg2 and whoever else writes values into the text of each statement.
  scripted(
    { name: "insertText", what: "INSERT of one row, 64 connections, values within the text", aim: 2 },
    insertedTable,
    insertScript,
    { connections: 64, mode: "simple" },
  ),
  scripted(
    { name: "selectText", what: "SELECT by key, 64 connections, the key within the text", aim: 1.5 },
    pointsTable,
    selectScript,
    { connections: 64, mode: "simple" },
  ),
  scripted(
    { name: "selectText1", what: "SELECT by key, 1 connection, the key within the text", aim: 0.7 },
    pointsTable,
    selectScript,
    { connections: 1, mode: "simple" },
  ),
  scripted(
    { name: "hot", what: "UPDATE of one row by 64 connections", aim: 10 },
    (server) =>
      psql(
        server,
        "CREATE TABLE IF NOT EXISTS hot (k int PRIMARY KEY, n bigint NOT NULL)",
        "INSERT INTO hot VALUES (1, 0) ON CONFLICT DO NOTHING",
      ),
    "UPDATE hot SET n = n + 1 WHERE k = 1;\n",
    { connections: 64 },
  ),
  scripted(
    { name: "audit100", what: `audit INSERT, ${auditTenants} hash chains by trigger there, 64 connections`, aim: 4 },
    auditTable,
    auditScript(`random(1, ${auditTenants})`),
    { connections: 64 },
  ),
  scripted(
    { name: "audit1", what: "audit INSERT, one hash chain by trigger there, 64 connections", aim: 20 },
    auditTable,
    auditScript("1"),
    { connections: 64 },
  ),
  pipelinedCase(
    { name: "insert64x16", what: "INSERT of one row", aim: 2 },
    insertedTable,
    { statement: insertStatement("$1"), from: "1000000000000000", to: "8999999999999999", rowsEach: 0 },
    { table: "inserted", column: "k" },
  ),
  pipelinedCase(
    { name: "select64x16", what: "SELECT by key", aim: 1.5 },
    pointsTable,
    { statement: "SELECT v FROM points WHERE k = $1", from: "000001", to: String(pointRows), rowsEach: 1 },
    null,
  ),
  pipelinedCase(
    { name: "audit64x16", what: `audit INSERT, ${auditTenants} hash chains by trigger there`, aim: 4 },
    auditTable,
    { statement: auditStatement("$1"), from: "001", to: String(auditTenants), rowsEach: 0 },
    { table: "audit", column: "tenant" },
  ),
  pipelinedCase(
    { name: "audit1x16", what: "audit INSERT, one hash chain by trigger there", aim: 20 },
    auditTable,
    { statement: auditStatement("$1"), from: "001", to: "001", rowsEach: 0 },
    { table: "audit", column: "tenant" },
  ),
  tpcb,
  scripted(
    { name: "scan", what: "scan, filter, sum over 1 M rows", aim: 4, unit: "queries" },
    factsTables,
    "SELECT sum(v) FROM facts WHERE k < 5000;\n",
    { connections: 1 },
  ),
  scripted(
    { name: "join", what: "hash join of 1 M with 10,000 rows", aim: 2, unit: "queries" },
    factsTables,
    "SELECT class, count(*) FROM facts JOIN things ON things.id = facts.k GROUP BY class;\n",
    { connections: 1 },
  ),
  scripted(
    { name: "group", what: "GROUP BY, 1,000 groups of 1 M rows", aim: 3, unit: "queries" },
    factsTables,
    "SELECT g, count(*), sum(v) FROM facts GROUP BY g;\n",
    { connections: 1 },
  ),
  scripted(
    { name: "insert1000", what: "INSERT of 1,000 rows", aim: 1, unit: "rows" },
    (server) => psql(server, "CREATE TABLE IF NOT EXISTS many (id bigserial PRIMARY KEY, n int, v text)"),
    `INSERT INTO many (n, v) VALUES ${thousandRows};\n`,
    { connections: 1, unitsEach: 1_000 },
  ),
  copyCase,
];
