/** Rows and results that are larger than what one answer between threads holds: whole, or refused, and nobody's connection is lost. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import pg from "pg";
import { z } from "zod";
import { spawnNode } from "../admin/run-command.js";
import { withNode } from "../query/fuzz/programs/target.js";

test("a result of long rows comes whole, a row that is too long is refused, and the node stays", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table t (i int)");
    const length = async (sql: string): Promise<number> => {
      const answer = await client.query(sql);
      if (answer.kind === "failed") throw new Error(answer.message);
      return answer.rows.reduce((sum, [value]) => sum + (value?.length ?? 0), 0);
    };
    const refused = async (sql: string): Promise<string> => {
      const answer = await client.query(sql);
      return answer.kind === "failed" ? answer.sqlState : answer.kind;
    };
    const long = "select repeat('x', 100000) from generate_series(1, 300)";
    t.is(await refused("select repeat('x', 56000000)"), "54000");
    t.is(await length("select repeat('x', 8000000)"), 8_000_000);
    t.is(await length(long), 30_000_000);
    await client.rows("begin");
    await client.rows("insert into t values (1)");
    t.is(await length(long), 30_000_000, "also where the shard answers");
    await client.rows("declare c cursor for " + long);
    t.is(await length("fetch all from c"), 30_000_000);
    t.is(
      await length("insert into t select g from generate_series(1, 300) g returning repeat('y', 100000)"),
      30_000_000,
    );
    await client.rows("commit");
    // Alone it is committed with its answer: nothing of it is done when that cannot be told.
    t.is(await refused("insert into t select g from generate_series(1, 300) g returning repeat('y', 100000)"), "54000");
    t.deepEqual(await client.rows("select count(*) from t"), [["301"]]);
  });
});

test("many large answers at once are all told, in bounded memory, by the shard and by a projection", async (t) => {
  t.timeout(120_000);
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-flood-"));
  const spawned = spawnNode(directory, ["--pg-auth", "trust"]);
  const node = await spawned.ready;
  const ready = z.looseObject({ addresses: z.looseObject({ postgres: z.object({ port: z.number() }) }) });
  const { port } = ready.parse(JSON.parse(node.lines[0] ?? "{}")).addresses.postgres;
  const clients = await Promise.all(
    Array.from({ length: 48 }, async () => {
      const client = new pg.Client({ host: "127.0.0.1", port, user: "admin", database: "main" });
      await client.connect();
      return client;
    }),
  );
  const memory = (): number => {
    const status = readFileSync(`/proc/${node.ready.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };
  try {
    await clients[0]?.query("CREATE TABLE t (i int)");
    for (const where of ["projection", "shard"]) {
      if (where === "shard") for (const client of clients) await client.query("BEGIN; INSERT INTO t VALUES (1)");
      const lengths = await Promise.all(
        clients.map(async (client) => {
          const { rows } = await client.query<{ text: string }>("SELECT repeat('x', 8000000) AS text");
          return rows[0]?.text.length;
        }),
      );
      t.deepEqual(new Set(lengths), new Set([8_000_000]), where);
      // 384 MB are told; more than a mailbox holds, and each answer is held by several in turn.
      if (process.platform === "linux") t.true(memory() < 1_500, `${where}: ${memory()} MiB`);
    }
    t.notRegex(spawned.said(), /"level":(?:40|50)/, "nothing was restarted");
  } finally {
    t.log(spawned.said());
    await Promise.all(clients.map((client) => client.end()));
    await node.end("SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  }
});
