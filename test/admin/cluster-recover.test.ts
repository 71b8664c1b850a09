/** Disks of a cluster's nodes that are lost, put back to an older state, or turn up again: three processes over TLS. */
import { cpSync, rmSync } from "node:fs";
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { ClusterRig } from "./cluster-rig.js";

let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3);
});
test.after.always(() => rig.remove());

const stored: number[] = [];

async function write(count: number): Promise<void> {
  await using db = await connect({ addresses: rig.addresses });
  const stream = await db.tenant("main").streams.create("numbers", { ifNotExists: true });
  for (let written = 0; written < count; written++) {
    await stream.append({ number: stored.length });
    stored.push(stored.length);
  }
}

/** As the node itself has it. */
async function numbersOn(node: number): Promise<number[]> {
  const lines = await rig.must(["read", "numbers", "--raw", "--consistency", "stale"], {
    connect: rig.addresses[node - 1] ?? "",
  });
  return lines
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { number: number }).number);
}

const recover = (node: number) =>
  rig.run(
    ["cluster", "recover", "--cluster", "cluster.toml", "--node", String(node), "--data", rig.path(`node-${node}`)],
    {
      connect: rig.addresses.filter((_, index) => index !== node - 1).join(),
    },
  );

/** It ends by itself. @returns what it said */
async function startFails(node: number): Promise<string> {
  const { code, stderr } = await rig.run([
    "start",
    "--data",
    rig.path(`node-${node}`),
    "--cluster",
    "cluster.toml",
    "--node",
    String(node),
  ]);
  return `${code} ${stderr}`;
}

test.serial("an emptied data directory is not taken for a new one: the others know better", async (t) => {
  await rig.start(0, 1, 2);
  await rig.must(["cluster", "status", "--wait", "20s"]);
  await write(50);
  const early = await recover(2);
  t.regex(early.stderr, /node 2 answers: it runs, with a disk of its own. Nothing was changed/);
  t.true(early.stderr.includes("stepUnsafe"));
  t.is(await rig.end(1, "SIGKILL"), "SIGKILL");
  cpSync(rig.path("node-2"), rig.path("former-2"), { recursive: true });
  rmSync(rig.path("node-2"), { recursive: true });
  t.regex(await startFails(2), /this one is new: the former is lost.*cluster recover/s);
  await write(10);
});

test.serial(
  "recover is refused while the others are not a sound majority, and for a directory that holds data",
  async (t) => {
    t.is(await rig.end(2, "SIGTERM"), 0);
    t.regex((await recover(2)).stderr, /shard \d has no leader|too few sound replicas/);
    await rig.start(2);
    cpSync(rig.path("node-3"), rig.path("copy-3"), { recursive: true });
    await rig.must(["cluster", "status", "--self", "--wait", "20s"], { connect: rig.addresses[2] ?? "" });
    const held = await rig.run(
      ["cluster", "recover", "--cluster", "cluster.toml", "--node", "2", "--data", rig.path("former-2")],
      { connect: rig.addresses[0] ?? "" },
    );
    t.regex(held.stderr, /holds a node's data\. If it is damaged, move it away first/);
  },
);

test.serial("a node whose disk was lost comes back empty, fetches everything, and counts again", async (t) => {
  const recovered = await recover(2);
  t.is(recovered.code, 0, recovered.stderr);
  await rig.start(1);
  await rig.must(["cluster", "status", "--wait", "30s"]);
  await write(10);
  t.deepEqual(await numbersOn(2), stored);
  // It counts: with it, another may fail.
  t.is(await rig.end(0, "SIGKILL"), "SIGKILL");
  await write(10);
  await rig.start(0);
  await rig.must(["cluster", "status", "--wait", "30s"]);
  t.is(await rig.end(1, "SIGTERM"), 0);
  await rig.must(["verify", "--data", rig.path("node-2")]);
});

test.serial("the lost disk that turns up later is turned away", async (t) => {
  cpSync(rig.path("node-2"), rig.path("current-2"), { recursive: true });
  rmSync(rig.path("node-2"), { recursive: true });
  cpSync(rig.path("former-2"), rig.path("node-2"), { recursive: true });
  t.regex(await startFails(2), /must never come back/);
  rmSync(rig.path("node-2"), { recursive: true });
  cpSync(rig.path("current-2"), rig.path("node-2"), { recursive: true });
  await rig.start(1);
  await rig.must(["cluster", "status", "--wait", "30s"]);
});

test.serial("a disk that was put back to an older state is noticed, and loses nothing", async (t) => {
  t.is(await rig.end(2, "SIGTERM"), 0);
  cpSync(rig.path("node-3"), rig.path("older-3"), { recursive: true });
  await rig.start(2);
  await rig.must(["cluster", "status", "--wait", "30s"]);
  await write(20);
  t.is(await rig.end(2, "SIGTERM"), 0);
  rmSync(rig.path("node-3"), { recursive: true });
  cpSync(rig.path("older-3"), rig.path("node-3"), { recursive: true });
  await rig.start(2);
  await rig.must(["cluster", "status", "--wait", "30s"]);
  await write(5);
  // It has just been started, and a stale read says what it has by now.
  const giveUp = performance.now() + 20_000;
  while ((await numbersOn(3)).length < stored.length && performance.now() < giveUp)
    await new Promise((resolve) => setTimeout(resolve, 100));
  t.deepEqual(await numbersOn(3), stored);
});
