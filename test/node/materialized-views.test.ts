/**
 * Materialized views on nodes in processes of their own: while clients write, the node or the leader is killed in the middle; whenever it
 * answers again, on whichever node, each view holds what its query says.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import pg from "pg";
import { z } from "zod";
import { ClusterRig } from "../admin/cluster-rig.js";
import { startNodeProcess } from "../admin/run-command.js";
import { Random } from "../query/fuzz/expressions.js";
import { definitions, statementOf, views } from "../sql/view-program.js";

const run = promisify(execFile);
const readyShape = z.looseObject({
  addresses: z.looseObject({ postgres: z.object({ host: z.string(), port: z.number() }) }),
});

async function clientOf(host: string, port: number): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user: "admin", database: "main" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

async function rowsOf(client: pg.Client, text: string): Promise<string[]> {
  const { rows } = await client.query<unknown[]>({ text, rowMode: "array" });
  return sorted(rows);
}

/** Views and queries in one snapshot, while others write. */
async function holds(t: ExecutionContext, client: pg.Client, when: string): Promise<void> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  for (const { name, query } of views) {
    t.deepEqual(await rowsOf(client, `SELECT * FROM ${name}`), await rowsOf(client, query), `${name}, ${when}`);
  }
  await client.query("COMMIT");
}

interface Writing {
  readonly random: () => number;
  committed: number;
  isOver: boolean;
}

/** Writes until it is told to stop or its node is gone: single statements and transactions. */
async function write(client: pg.Client, writing: Writing): Promise<void> {
  const { random } = writing;
  const attempt = async (text: string): Promise<boolean> => {
    try {
      await client.query(text);
      return true;
    } catch (error) {
      // Statements may fail; a connection that is gone ends the writing.
      if ((error as { code?: string }).code === undefined) writing.isOver = true;
      return false;
    }
  };
  while (!writing.isOver) {
    if (random() < 0.7) {
      if (await attempt(statementOf(random))) writing.committed += 1;
      continue;
    }
    await attempt("BEGIN");
    for (let count = 0; count < 3; count += 1) if (!(await attempt(statementOf(random)))) break;
    if (await attempt(random() < 0.8 ? "COMMIT" : "ROLLBACK")) writing.committed += 1;
  }
}

/** A busy machine writes slowly. */
async function untilCommitted(writing: Writing, wanted: number): Promise<void> {
  const until = performance.now() + 20_000;
  while (writing.committed < wanted && performance.now() < until) await pause(100);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.serial(
  "a node that is killed while clients write has its views right when it is back, and psql shows them",
  async (t) => {
    t.timeout(240_000);
    const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-views-"));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const start = async () => {
      const node = await startNodeProcess(path.join(directory, "data"), ["--pg-auth", "trust"]);
      t.teardown(async () => void (await node.end("SIGKILL")));
      return { node, ...readyShape.parse(JSON.parse(node.lines[0] ?? "{}")).addresses.postgres };
    };
    let { node, host, port } = await start();
    const first = await clientOf(host, port);
    for (const definition of definitions) await first.query(definition);
    await first.end();
    const source = new Random(77);
    let committed = 0;
    for (let round = 0; round < 4; round += 1) {
      const writing: Writing = { random: () => source.next(1_000_000) / 1_000_000, committed: 0, isOver: false };
      const clients = await Promise.all([0, 1, 2, 3].map(() => clientOf(host, port)));
      const writers = clients.map((client) => write(client, writing));
      const looking = await clientOf(host, port);
      await untilCommitted(writing, 15);
      await holds(t, looking, `while ${round} is written`);
      await pause(500);
      await node.end("SIGKILL");
      writing.isOver = true;
      await Promise.all(writers);
      committed += writing.committed;
      for (const client of [...clients, looking]) await client.end().catch(() => {});
      ({ node, host, port } = await start());
      const after = await clientOf(host, port);
      await holds(t, after, `after kill ${round}`);
      await after.end();
    }
    t.log(`${committed} commits, 4 kills`);
    t.true(committed > 60, `${committed} commits`);
    const client = await clientOf(host, port);
    const before = await Promise.all(views.map(({ name }) => rowsOf(client, `SELECT * FROM ${name}`)));
    for (const { name } of views) await client.query(`REFRESH MATERIALIZED VIEW ${name}`);
    for (const [index, { name }] of views.entries())
      t.deepEqual(await rowsOf(client, `SELECT * FROM ${name}`), before[index], `${name}, refreshed`);
    await client.end();

    const psql = async (command: string): Promise<string> => {
      const target = `host=${host} port=${port} user=admin dbname=main`;
      return (await run("psql", ["-XA", "-v", "ON_ERROR_STOP=1", target, "-c", command])).stdout;
    };
    const hasPsql = await run("psql", ["--version"]).then(
      () => true,
      () => false,
    );
    if (!hasPsql) {
      t.log("psql is not on this machine");
      return;
    }
    t.is((await psql("\\dm")).split("\n").filter((line) => line.includes("|materialized view|")).length, views.length);
    const shown = await psql("\\d totals");
    t.regex(shown, /customer\|integer\|\|\|/);
    t.false(shown.includes("||||\n|"), "what sums are kept in is not shown");
    t.regex(shown, /"totals_customer_idx" UNIQUE, btree \(customer\)/);
    t.regex(await psql("\\d+ totals"), /View definition:[\s\S]*GROUP BY/);
  },
);

test.serial(
  "views change with their tables on three nodes, through the loss of the leader, and are the same on each",
  async (t) => {
    t.timeout(280_000);
    const cluster = await ClusterRig.make(3);
    t.teardown(() => cluster.remove());
    cluster.flags = ["--pg-listen", "127.0.0.1:0", "--pg-auth", "trust"];
    await cluster.start(0, 1, 2);
    const client = (index: number): Promise<pg.Client> => {
      const address: unknown = cluster.nodes[index]?.ready["pgListen"];
      if (typeof address !== "string") throw new Error("a node says where it serves PostgreSQL's protocol");
      return clientOf("127.0.0.1", Number(address.split(":").at(-1)));
    };
    const leader = await cluster.leaderOf(1);
    const others = [0, 1, 2].filter((index) => index !== leader);
    const clients = await Promise.all(others.map(client));
    const [one] = clients;
    for (const definition of definitions) await one?.query(definition);
    const source = new Random(5);
    const writing: Writing = { random: () => source.next(1_000_000) / 1_000_000, committed: 0, isOver: false };
    const writers = clients.map((each) => write(each, writing));
    await pause(3_000);
    const looking = await client(others[0] ?? 0);
    await holds(t, looking, "on a follower");
    await cluster.end(leader, "SIGKILL");
    const lost = writing.committed;
    const until = Date.now() + 60_000;
    while (writing.committed < lost + 50 && Date.now() < until) await pause(100);
    writing.isOver = true;
    await Promise.all(writers);
    t.true(writing.committed >= lost + 50, "clients of the others go on");
    t.log(`${lost} commits before the leader was killed, ${writing.committed - lost} after it`);
    await cluster.start(leader);
    const wanted = Number(
      (await looking.query<{ p: string }>("SELECT max(position) AS p FROM kimberlite.commits")).rows[0]?.p,
    );
    const states: string[] = [];
    for (const index of [0, 1, 2]) {
      const each = await client(index);
      let seen = -1;
      while (seen < wanted && Date.now() < until + 60_000) {
        seen = Number(
          (await each.query<{ p: string }>("SELECT max(position) AS p FROM kimberlite.commits")).rows[0]?.p ?? -1,
        );
      }
      await holds(t, each, `on node ${index} at last`);
      let state = "";
      for (const { name } of views) state += (await rowsOf(each, `SELECT * FROM ${name}`)).join("\n");
      states.push(state);
      await each.end();
    }
    t.is(new Set(states).size, 1, "each node has the same views");
    await looking.end();
    for (const each of clients) await each.end().catch(() => {});
  },
);
