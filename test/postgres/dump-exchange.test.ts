/**
 * Dumps go both ways: what `pg_dump` writes of a PostgreSQL 15 is loaded by `psql` and `pg_restore` into a tenant, which dumps to the same
 * definitions and rows again; what it writes of the tenant is loaded into PostgreSQL, with the same outcome.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import { startTarget } from "./clients/target.js";
import { dumpedSchema, refusedSchema } from "./dumped-schema.js";

const run = promisify(execFile);

const hasTools = await Promise.all(
  ["pg_dump", "pg_dumpall", "pg_restore", "psql"].map((tool) => run(tool, ["--version"])),
).then(
  () => hasPostgres(),
  () => false,
);

/** Runs a tool of PostgreSQL on one of the two. @returns what it wrote and what it complained of */
type Tool = (
  name: string,
  ...given: readonly string[]
) => Promise<{ readonly stdout: string; readonly stderr: string }>;

interface Sides {
  readonly there: Tool;
  readonly here: Tool;
  /** A file in a directory of the test's own. */
  file(name: string, text?: string): string;
}

async function withSides(t: ExecutionContext, work: (sides: Sides) => Promise<void>): Promise<void> {
  if (!hasTools) {
    t.log("skipped: PostgreSQL 15, pg_dump, pg_dumpall, pg_restore and psql are not all on this machine");
    t.pass();
    return;
  }
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-exchange-"));
  const { target, stop } = await startTarget();
  const tool =
    (port: number, user: string, password: string): Tool =>
    (name, ...given) =>
      run(name, given, {
        env: {
          ...process.env,
          PGHOST: "127.0.0.1",
          PGPORT: String(port),
          PGUSER: user,
          PGPASSWORD: password,
          PGTZ: "UTC",
        },
        cwd: directory,
        maxBuffer: 64 * 1_024 * 1_024,
      });
  try {
    await withPostgres(async (client, port) => {
      await client.query('CREATE ROLE admin SUPERUSER LOGIN; CREATE ROLE clerk; CREATE ROLE "Odd Role"');
      await work({
        there: tool(port, "admin", ""),
        here: tool(target.port, target.user, target.password),
        file: (name, text) => {
          if (text !== undefined) writeFileSync(path.join(directory, name), text);
          return path.join(directory, name);
        },
      });
    });
  } finally {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const psql = (tool: Tool, database: string, ...given: readonly string[]) =>
  tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, ...given);
const dump = async (tool: Tool, database: string, ...given: readonly string[]): Promise<string> =>
  (await tool("pg_dump", ...given, database)).stdout;

/** A dump without what says nothing of the database, the rows of each table sorted: here they lie in the order of their keys. */
function content(text: string): string {
  const kept: string[] = [];
  let rows: string[] | null = null;
  for (const line of text.split("\n")) {
    if (rows !== null) {
      if (line !== "\\.") rows.push(line);
      else {
        kept.push(...rows.toSorted(), line);
        rows = null;
      }
    } else if (/^(?:--|\\(?:un)?restrict|$)/u.test(line) || line === "ALTER SCHEMA public OWNER TO admin;") continue;
    else {
      kept.push(line);
      if (line.startsWith("COPY ")) rows = [];
    }
  }
  return kept.join("\n");
}

test("what pg_dump writes of PostgreSQL is loaded into tenants, and dumps to the same; and the other way", async (t) => {
  t.timeout(300_000);
  await withSides(t, async ({ there, here, file }) => {
    await psql(there, "postgres", "-c", "CREATE DATABASE source");
    await psql(there, "source", "-f", file("schema.sql", dumpedSchema));
    await psql(here, "main", "-c", "CREATE ROLE clerk", "-c", 'CREATE ROLE "Odd Role"');
    const original = await dump(there, "source");
    t.regex(original, /COPY "Odd Schema"\."Odd Table"/u);
    const expected = content(original);
    const forms: readonly (readonly [tenant: string, ...dumps: (readonly string[])[]])[] = [
      ["plain", []],
      ["inserts", ["--inserts"]],
      ["named", ["--column-inserts", "--rows-per-insert=50", "--quote-all-identifiers"]],
      ["parts", ["--schema-only"], ["--data-only"]],
      ["sections", ["--section=pre-data"], ["--section=data"], ["--section=post-data"]],
    ];
    for (const [tenant, ...dumps] of forms) {
      await psql(here, "main", "-c", `CREATE DATABASE ${tenant}`);
      for (const given of dumps)
        await psql(here, tenant, "-f", file("dump.sql", await dump(there, "source", ...given)));
      // As in PostgreSQL, the rows of materialized views are in neither of two parts.
      if (tenant === "parts") await psql(here, tenant, "-c", "REFRESH MATERIALIZED VIEW ward.counts");
      t.is(content(await dump(here, tenant)), expected, `${tenant}: what was loaded dumps to the same`);
    }
    await there("pg_dump", "-Fc", "-f", file("dump.custom"), "source");
    await there("pg_dump", "-Fd", "-f", file("dump.folder"), "source");
    const restores = [
      ["custom", "dump.custom"],
      ["single", "dump.custom", "-1"],
      ["jobs", "dump.folder", "-j", "3"],
    ] as const;
    for (const [tenant, from, ...given] of restores) {
      await psql(here, "main", "-c", `CREATE DATABASE ${tenant}`);
      await here("pg_restore", "--exit-on-error", ...given, "-d", tenant, file(from));
      t.is(content(await dump(here, tenant)), expected, `${tenant}: what was restored dumps to the same`);
    }

    for (const [name, ...given] of [
      ["copied", "--lock-wait-timeout=1000"],
      ["inserted", "--inserts", "--serializable-deferrable"],
    ] as const) {
      await psql(there, "postgres", "-c", `CREATE DATABASE ${name}`);
      await psql(there, name, "-f", file("dump.sql", await dump(here, "plain", ...given)));
      t.is(content(await dump(there, name)), expected, `${name}: what PostgreSQL loads dumps to the same`);
    }
    await here("pg_dump", "-Fc", "-f", file("here.custom"), "plain");
    await psql(there, "postgres", "-c", "CREATE DATABASE restored");
    await there("pg_restore", "--exit-on-error", "-d", "restored", file("here.custom"));
    t.is(content(await dump(there, "restored")), expected);

    const all = (await here("pg_dumpall", "-l", "main")).stdout;
    t.regex(all, /^CREATE ROLE clerk;$/mu);
    t.regex(all, /^CREATE DATABASE plain /mu);
    t.notRegex(all, /PASSWORD/u, "no password is shown, so that none is set");
  });
});

test("what only PostgreSQL has is refused by its name when a dump is loaded, and the rest of it is there", async (t) => {
  t.timeout(180_000);
  await withSides(t, async ({ there, here, file }) => {
    await psql(there, "postgres", "-c", "CREATE DATABASE source");
    await psql(there, "source", "-f", file("schema.sql", refusedSchema));
    await psql(there, "source", "-c", "INSERT INTO a VALUES (1, 'x')");
    const name = file("dump.sql", await dump(there, "source"));
    const { stderr } = await here("psql", "-XAtq", "-v", "VERBOSITY=verbose", "-d", "main", "-f", name);
    for (const refused of [
      /EXCLUDE/u,
      /INHERITS/u,
      /PARTITION BY/u,
      /CREATE TYPE of ranges/u,
      /CREATE FUNCTION/u,
      /ALTER FUNCTION … OWNER TO/u,
      /CREATE TRIGGER/u,
      /CREATE RULE/u,
      /EnableRowSecurity/u,
      /CREATE POLICY/u,
      /CREATE STATISTICS/u,
      /access method "hash"/u,
      /CREATE AGGREGATE/u,
      /the type xml/u,
      /the type point/u,
    ])
      t.regex(stderr, new RegExp(`ERROR: +0A000: [^\\n]*${refused.source}[^\\n]* not supported`, "u"));
    const states = new Set([...stderr.matchAll(/ERROR: +(\w{5}):/gu)].map(([, state]) => state));
    // Whatever is of a thing that was refused is missed then.
    t.deepEqual([...states].toSorted(), ["0A000", "42P01", "42704"].toSorted());
    t.is((await psql(here, "main", "-c", "SELECT * FROM a")).stdout, "1|x\n");
  });
});

test("hints of how rows are laid out load, what is none is refused", async (t) => {
  t.timeout(180_000);
  await withSides(t, async ({ there, here, file }) => {
    await psql(there, "postgres", "-c", "CREATE DATABASE source");
    const hinted = `
      CREATE TABLE t (id int PRIMARY KEY WITH (fillfactor = 90), b text) WITH (fillfactor = 80, autovacuum_enabled = false);
      ALTER TABLE t ALTER b SET STATISTICS 500, ALTER b SET STORAGE external, ALTER b SET COMPRESSION pglz, ALTER b SET (n_distinct = 5);
      CREATE INDEX i ON t (b) WITH (deduplicate_items = off);
      CREATE SEQUENCE s CACHE 5;
      INSERT INTO t VALUES (1, 'x');`;
    await psql(there, "source", "-f", file("schema.sql", hinted));
    await psql(here, "main", "-f", file("dump.sql", await dump(there, "source")));
    await psql(here, "main", "-c", "ALTER TABLE t SET (fillfactor = 70)", "-c", "ALTER TABLE t RESET (fillfactor)");
    t.is((await psql(here, "main", "-c", "SELECT * FROM t")).stdout, "1|x\n");
    for (const [wrong, told] of [
      ["ALTER TABLE t ALTER c SET STATISTICS 5", /column "c" of relation "t" does not exist/u],
      ["ALTER TABLE t ALTER b SET STATISTICS -2", /statistics target -2 is too low/u],
      ["ALTER TABLE t ALTER b SET STORAGE far", /invalid storage type "far"/u],
      ["ALTER TABLE t SET (nothing = 1)", /unrecognized parameter "nothing"/u],
    ] as const) {
      for (const [tool, database] of [
        [there, "source"],
        [here, "main"],
      ] as const)
        await t.throwsAsync(psql(tool, database, "-c", wrong), { message: told }, wrong);
    }
  });
});
