/**
 * Large answers and large requests of a follower's clients, which travel over the link of the replicas: whole, in bounded memory, and the link and
 * whatever else goes over it stay.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import pg from "pg";
import { z } from "zod";
import { ClusterRig } from "../admin/cluster-rig.js";

let cluster: ClusterRig;
let follower = 0;

test.before(async () => {
  cluster = await ClusterRig.withPostgres(3);
  const client = await connect(0);
  await client.query("CREATE TABLE t (i int)");
  await client.end();
});
test.beforeEach(async () => {
  const leader = await cluster.leaderOf(1);
  follower = [0, 1, 2].find((index) => index !== leader) ?? 0;
});
test.after.always(() => cluster.remove());

async function connect(index: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: cluster.postgresPort(index),
    user: "admin",
    database: "main",
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const connected = (count: number): Promise<pg.Client[]> =>
  Promise.all(Array.from({ length: count }, () => connect(follower)));

const topShape = z.object({
  actors: z.array(
    z.looseObject({ path: z.string(), numbers: z.record(z.string(), z.union([z.string(), z.number()])) }),
  ),
});

/** A number of the user shard's, by node. */
function shardNumbers(name: string): Promise<number[]> {
  return Promise.all(
    cluster.addresses.map(async (address) => {
      const said = await cluster.must(["top", "--once", "--interval", "50ms", "--json"], { connect: address });
      const { actors } = topShape.parse(JSON.parse(said));
      return Number(actors.find(({ path }) => path.endsWith("/shard-1"))?.numbers[name]);
    }),
  );
}

/** A machine that is busy with something else has another replica lead now and then: that ends transactions, and no more. */
const passing = new Set(["40001", "57P03", "08007", "57P01"]);

async function insisting<T>(client: pg.Client, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!passing.has((error as { code?: string }).code ?? "") || attempt === 20) throw error;
      await client.query("ROLLBACK").catch(() => {});
      await sleep(300);
    }
  }
}

/** The most that a node's process ever had in memory, MiB. */
function mostMemory(index: number): number {
  const status = readFileSync(`/proc/${cluster.nodes[index]?.ready.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function expectStanding(t: ExecutionContext): void {
  const said = cluster.said().join("\n");
  t.notRegex(said, /a link between nodes is ended/);
  t.notRegex(said, /it was connected, and/);
  t.notRegex(said, /"level":50/);
}

test.serial(
  "a flood of large answers is told through a follower: the link holds some of it, the leader the rest",
  async (t) => {
    t.timeout(240_000);
    const clients = await connected(24);
    const lengths = await Promise.all(
      clients.map((client) =>
        insisting(client, async () => {
          await client.query("BEGIN; INSERT INTO t VALUES (1)");
          const { rows } = await client.query<{ text: string }>("SELECT repeat('x', 8000000) AS text");
          await client.query("COMMIT");
          return rows[0]?.text.length;
        }),
      ),
    );
    t.deepEqual(
      lengths,
      Array.from({ length: 24 }, () => 8_000_000),
    );
    t.true(Math.max(...(await shardNumbers("answersHeld"))) > 5, "the bound was met");
    const most = Math.max(...(await shardNumbers("answerBytesHeldMost")));
    t.true(most > 8_000_000 && most < 140_000_000, `${most} bytes waited`);
    if (process.platform === "linux") for (const index of [0, 1, 2]) t.true(mostMemory(index) < 1_000);
    expectStanding(t);
    await Promise.all(clients.map((client) => client.end()));
  },
);

test.serial("a request that is longer than a message between nodes is run all the same", async (t) => {
  t.timeout(240_000);
  const client = await connect(follower);
  const count = 20;
  const places = Array.from({ length: count }, (_, index) => `length($${index + 1})`).join(" + ");
  const values = Array.from({ length: count }, (_, index) => "y".repeat(1_000_000 + index));
  const sum = await insisting(client, async () => {
    await client.query("BEGIN; INSERT INTO t VALUES (1)");
    const { rows } = await client.query<{ sum: number }>(`SELECT ${places} AS sum`, values);
    await client.query("COMMIT");
    return rows[0]?.sum;
  });
  t.is(sum, 20_000_190);
  expectStanding(t);
  await client.end();
});

test.serial("a flood of large requests waits at the follower, or is refused: none is lost", async (t) => {
  t.timeout(240_000);
  const clients = await connected(16);
  const values = Array.from({ length: 3 }, () => "y".repeat(1_000_000));
  const outcomes = await Promise.all(
    clients.map((client) =>
      insisting(client, async () => {
        try {
          const text = "SELECT length($1), length($2), length($3) FROM t LIMIT 1 FOR UPDATE";
          return (await client.query(text, values)).rowCount;
        } catch (error) {
          if ((error as { code?: string }).code === "53200") return "53200";
          throw error;
        }
      }),
    ),
  );
  t.true(outcomes.includes(1));
  t.deepEqual(
    outcomes.filter((outcome) => outcome !== 1 && outcome !== "53200"),
    [],
  );
  t.true(Math.max(...(await shardNumbers("relaysRefused"))) > 0, "the bound was met");
  expectStanding(t);
  await Promise.all(clients.map((client) => client.end()));
});
