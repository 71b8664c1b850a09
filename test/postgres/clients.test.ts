/**
 * The clients that people use, against a node: each in its own way. What they did makes the page docs/sql-clients.md; UPDATE_GOLDEN=1 writes
 * it. Clients that Debian brings are passed over, and counted, where they are not installed.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { nodeClients } from "./clients/node-clients.js";
import { type ClientTarget, type StartedNode, startTarget } from "./clients/target.js";

const run = promisify(execFile);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const folder = path.join(root, "test", "postgres", "clients");
const page = path.join(root, "docs", "sql-clients.md");
const clientMs = 120_000;

interface Row {
  readonly client: string;
  readonly version: string;
  readonly did: string;
}

const rows: Row[] = [];
const skipped: string[] = [];
let started: StartedNode;

test.before(async () => {
  started = await startTarget();
});
test.after.always(async () => {
  await started.stop();
});

const versionOf = (name: string): string =>
  (createRequire(import.meta.url)(path.join(root, "package.json")) as { devDependencies: Record<string, string> })
    .devDependencies[name] ?? "";

for (const [name, client] of Object.entries(nodeClients)) {
  test.serial(`${name} works`, async (t) => {
    t.timeout(clientMs);
    const did = await client(started.target);
    t.true(did.length > 0);
    rows.push({ client: name, version: versionOf(name), did: did.join("; ") });
  });
}

const argumentsOf = ({ host, port, user, password, database }: ClientTarget): string[] => [
  host,
  String(port),
  user,
  password,
  database,
];

/** Output of a command, or null where it cannot be run. */
async function probe(command: string, ...given: string[]): Promise<string | null> {
  try {
    const { stdout } = await run(command, given);
    return stdout.trim();
  } catch {
    return null;
  }
}

const debianPython = "/usr/bin/python3";
const python = async (module: string, version: string) =>
  probe(debianPython, "-c", `import ${module}; print(${version})`);
const jar = "/usr/share/java/postgresql.jar";

interface DebianClient {
  readonly name: string;
  readonly version: () => Promise<string | null>;
  readonly command: (target: ClientTarget) => readonly string[];
}

const debianClients: readonly DebianClient[] = [
  {
    name: "psycopg2",
    version: async () => (await python("psycopg2", "psycopg2.__version__"))?.split(" ")[0] ?? null,
    command: (target) => [debianPython, path.join(folder, "psycopg2_client.py"), ...argumentsOf(target)],
  },
  {
    name: "psycopg 3",
    version: () => python("psycopg", "psycopg.__version__"),
    command: (target) => [debianPython, path.join(folder, "psycopg3_client.py"), ...argumentsOf(target)],
  },
  {
    name: "asyncpg",
    version: () => python("asyncpg", "asyncpg.__version__"),
    command: (target) => [debianPython, path.join(folder, "asyncpg_client.py"), ...argumentsOf(target)],
  },
  {
    name: "SQLAlchemy",
    version: () => python("sqlalchemy, psycopg2", "sqlalchemy.__version__"),
    command: (target) => [debianPython, path.join(folder, "sqlalchemy_client.py"), ...argumentsOf(target)],
  },
  {
    name: "Django",
    version: () => python("django, psycopg2", "django.__version__"),
    command: (target) => [debianPython, path.join(folder, "django_client.py"), ...argumentsOf(target)],
  },
  {
    name: "Django's applications",
    version: () => python("django, psycopg2", "django.__version__"),
    command: (target) => [debianPython, path.join(folder, "django_migrations.py"), ...argumentsOf(target)],
  },
  {
    name: "pgjdbc",
    version: async () => {
      if (!existsSync(jar) || (await probe("javac", "-version")) === null) return null;
      const manifest = await probe("unzip", "-p", jar, "META-INF/MANIFEST.MF");
      return /Implementation-Version: (\S+)/.exec(manifest ?? "")?.[1] ?? "installed";
    },
    command: (target) => ["java", "-cp", jar, path.join(folder, "Jdbc.java"), ...argumentsOf(target)],
  },
];

for (const { name, version, command } of debianClients) {
  test.serial(`${name} works`, async (t) => {
    t.timeout(clientMs);
    const found = await version();
    if (found === null) {
      skipped.push(name);
      t.log("skipped: it is not installed");
      t.pass();
      return;
    }
    const [program = "", ...given] = command(started.target);
    const { stdout } = await run(program, given, { timeout: clientMs });
    t.true(stdout.trim().length > 0);
    rows.push({ client: name, version: found, did: stdout.trim() });
  });
}

test.serial("the page of clients says what was run", (t) => {
  t.true(rows.length >= Object.keys(nodeClients).length, "every client of Node was run");
  if (skipped.length > 0) {
    t.log(`${skipped.length} skipped: ${skipped.join(", ")}; the page is compared where all are installed`);
    return;
  }
  const table = ["| client | version | what it was made to do |", "| --- | --- | --- |"];
  for (const { client, version, did } of rows) table.push(`| ${client} | ${version} | ${did} |`);
  const text = `# Clients of the PostgreSQL protocol\n\nWritten by \`UPDATE_GOLDEN=1 npx ava dist/test/postgres/clients.test.js\`, which runs each of them against a node; a client that stops working fails\nthat test. psql and pgbench have tests of their own.\n\n${table.join("\n")}\n`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(page, text);
  t.is(existsSync(page) ? readFileSync(page, "utf8") : "", text);
});
