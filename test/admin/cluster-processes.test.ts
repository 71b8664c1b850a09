/** A cluster of three processes over TLS through the days of its life, by the commands that its operator has. */
import { cpSync } from "node:fs";
import test from "ava";
import { exitCodeOf } from "../../protocol/admin/exit-codes.js";
import { connect } from "../../protocol/sdk/index.js";
import { readTextFile, writeTextFile } from "../../runtime/storage/host-files.js";
import { type ErrorCode, KimberliteError } from "../../runtime/types/errors.js";
import { ClusterRig } from "./cluster-rig.js";

let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3);
});
test.after.always(() => rig.remove());

const soon = 20_000;

/** Waits for what must come about, and fails with what it saw last. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + soon;
  while (!(await isSo())) {
    if (performance.now() > giveUp) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Appends one event after the other until told to stop. Any failure ends it. */
function writer(name: string, addresses: readonly string[]) {
  let isOver = false;
  let slowestMs = 0;
  const work = (async () => {
    await using db = await connect({ addresses });
    const stream = await db.tenant("main").streams.create(name, { ifNotExists: true });
    let written = 0;
    while (!isOver) {
      const began = performance.now();
      await stream.append({ number: written });
      slowestMs = Math.max(slowestMs, performance.now() - began);
      written += 1;
    }
    const { nextOffset } = await stream.read({ from: 0, limit: 1, consistency: "linearizable" });
    return { written, stored: Number(nextOffset), slowestMs };
  })();
  work.catch(() => {});
  return {
    async stop() {
      isOver = true;
      return await work;
    },
  };
}

test.serial(
  "alone, a node waits for a quorum and says so, answers what is missing, and ends when it is told to",
  async (t) => {
    const alone = rig.spawn(0);
    const [address = ""] = rig.addresses;
    await until(
      "an answer of the lone node",
      async () => (await rig.run(["cluster", "status"], { connect: address })).code === 0,
    );
    const seen = await rig.status({ connect: address });
    t.is(seen.asked, 1);
    t.deepEqual(
      seen.nodes.map(({ reachable }) => reachable),
      [true, false, false],
    );
    t.regex(seen.faults.join("; "), /node 2 \(node-2\) does not answer; .*shard 0 has no leader: its writes wait/);
    t.is(seen.nodeFailuresTolerated, 0);
    const refused = await rig.run(["cluster", "handover", "--shard", "1"], { connect: address });
    t.is(refused.code, 8);
    t.regex(refused.stderr, /not handed over: no replica is known to lead/);
    t.is(await alone.end("SIGTERM"), 0, alone.said());
    t.regex(alone.said(), /waiting for a quorum/);
  },
);

test.serial("three processes are one database: each takes writes and reads what the others took", async (t) => {
  await rig.start(0, 1, 2);
  await rig.must(["stream", "create", "orders"]);
  for (const connectTo of rig.addresses) {
    await rig.must(["append", "orders"], { connect: connectTo, stdin: `{"by":"${connectTo}"}\n` });
  }
  for (const connectTo of rig.addresses) {
    const read = await rig.must(["read", "orders", "--json", "--consistency", "linearizable"], { connect: connectTo });
    t.is(read.trim().split("\n").length, 3, read);
  }
  const text = await rig.must(["cluster", "status", "--wait", "20s"]);
  t.regex(text, /faults now: none\ntolerates from now on: 1 node failure, 0 machine failures \(3 nodes on 1 machine\)/);
  const { shards } = await rig.status();
  t.is(shards.length, 2);
  t.is(new Set(shards.map(({ leader }) => leader)).size, 2, "the first leaders are spread over the nodes");
});

test.serial("leadership is handed over while clients of every node write, and none of them fails", async (t) => {
  const writers = rig.addresses.map((address, index) => writer(`handed-${index}`, [address]));
  const before = await rig.leaderOf(1);
  const moves: unknown[] = [];
  for (let round = 0; round < 3; round++) {
    moves.push(...(JSON.parse(await rig.must(["cluster", "handover", "--shard", "1", "--json"])) as unknown[]));
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  t.is(moves.length, 3);
  t.like(moves[0], { shard: 1, from: before + 1 });
  t.is(await rig.leaderOf(1), before, "three handovers among three nodes go round");
  for (const { written, stored, slowestMs } of await Promise.all(writers.map((one) => one.stop()))) {
    t.true(written > 0);
    t.is(stored, written, "each was stored once");
    t.true(slowestMs < 2_000, `${slowestMs} ms`);
    t.log(`${written} written, the slowest in ${Math.round(slowestMs)} ms`);
  }
});

test.serial(
  "a leader that is told to stop hands over first: writers with several addresses see no error",
  async (t) => {
    const leader = await rig.leaderOf(1);
    const turned = (by: number): string[] => [...rig.addresses.slice(by), ...rig.addresses.slice(0, by)];
    const writers = [0, 1, 2].map((by) => writer(`stopped-${by}`, turned(by)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.is(await rig.end(leader, "SIGTERM"), 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const { written, stored, slowestMs } of await Promise.all(writers.map((one) => one.stop()))) {
      t.is(stored, written);
      t.true(slowestMs < 2_000, `${slowestMs} ms`);
      t.log(`${written} written, the slowest in ${Math.round(slowestMs)} ms`);
    }
    const lacking = await rig.run(["cluster", "status", "--wait", "300ms"]);
    t.is(lacking.code, 8);
    t.regex(lacking.stdout, new RegExp(`node ${leader + 1} \\(node-${leader + 1}\\) does not answer`));
    t.regex(lacking.stdout, /tolerates from now on: 0 node failures/);
    const self = await rig.run(["cluster", "status", "--wait", "5s", "--self"], {
      connect: rig.addresses[(leader + 1) % 3] ?? "",
    });
    t.is(self.code, 0, "the others are sound themselves");
    await rig.start(leader);
    await rig.must(["cluster", "status", "--wait", "20s"]);
  },
);

test.serial("a leader that is killed is not missed by clients that know the others", async (t) => {
  const leader = await rig.leaderOf(1);
  const first = rig.addresses[leader] ?? "";
  const one = writer("killed", [first, ...rig.addresses.filter((address) => address !== first)]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.is(await rig.end(leader, "SIGKILL"), "SIGKILL");
  await until("another leader", async () => ![-1, leader].includes(await rig.leaderOf(1)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { written, stored, slowestMs } = await one.stop();
  t.is(stored, written, "each was stored once");
  t.log(`${written} written, the slowest in ${Math.round(slowestMs)} ms`);
  if (((await rig.leaderOf(1)) + 1) % 3 === leader) {
    const refused = await rig.run(["cluster", "handover", "--shard", "1"]);
    t.regex(refused.stderr, /which would lead next, is not connected/);
  }
  await rig.start(leader);
  await rig.must(["cluster", "status", "--wait", "20s"]);
});

test.serial("what does not belong to the cluster does not get in, and hears why", async (t) => {
  t.is(await rig.end(1, "SIGTERM"), 0);
  const start = (data: string, file: string, node: number) =>
    rig.run(["start", "--data", data, "--cluster", file, "--node", String(node)]);
  const refused = async (data: string, file: string, node: number, code: ErrorCode, says: RegExp): Promise<void> => {
    const { code: ended, stderr } = await start(data, file, node);
    t.is(ended, exitCodeOf(new KimberliteError(code)), stderr);
    t.regex(stderr, says);
    t.true(stderr.trimEnd().endsWith(`(${code})`), stderr);
  };
  const original = readTextFile(rig.path("cluster.toml")) ?? "";
  const variant = (name: string, from: string | RegExp, to: string): string => {
    t.true(original.search(from) >= 0);
    writeTextFile(rig.path(name), original.replace(from, to));
    return name;
  };
  // Swapped numbers, and directories of others, also when somebody has made them look alike.
  await refused(
    "node-2",
    "cluster.toml",
    3,
    "directoryForeign",
    /belongs to node 2 of a cluster of 3 .* not to node 3/s,
  );
  await refused("node-1", "cluster.toml", 1, "directoryLocked", /is held by another running node/);
  cpSync(rig.path("node-2"), rig.path("copy"), { recursive: true });
  const identity = readTextFile(rig.path("copy", "kimberlite.json")) ?? "";
  writeTextFile(rig.path("copy", "kimberlite.json"), identity.replace('"nodeId": 2', '"nodeId": 3'));
  await refused(
    "copy",
    "cluster.toml",
    3,
    "directoryForeign",
    /holds the log of replica 1 .* was it copied from another node\?/s,
  );
  // The address is taken.
  const taken = [
    "start",
    "--data",
    "node-2",
    "--cluster",
    "cluster.toml",
    "--node",
    "2",
    "--listen",
    rig.addresses[0] ?? "",
  ];
  t.regex((await rig.run(taken)).stderr, /listen address is in use: .* \(addressInUse\)/);
  // Keys: missing, of another node, of another authority.
  const nowhere = variant("nowhere.toml", /keys\/\{name\}\.pem/, "keys/none.pem");
  await refused("node-2", nowhere, 2, "configurationInvalid", /tls\.cert: there is no file .*none\.pem/);
  const swapped = variant("swapped.toml", /\{name\}/g, "node-3");
  await refused("node-2", swapped, 2, "configurationInvalid", /does not carry the name node-2: it has DNS:node-3/);
  const halves = variant("halves.toml", "keys/{name}.key", "keys/node-3.key");
  await refused("node-2", halves, 2, "configurationInvalid", /key does not belong to its certificate/);
  await rig.must(["cluster", "keys", "others", "--cluster", "cluster.toml"]);
  const foreign = variant("foreign.toml", 'ca = "keys/', 'ca = "others/');
  await refused("node-2", foreign, 2, "configurationInvalid", /certificate was not issued by the authority/);
  await refused(
    "node-2",
    variant("id.toml", /cluster-id = "../, 'cluster-id = "00'),
    2,
    "directoryForeign",
    /not to node 2 of 3 \(00/,
  );
  t.is((await rig.status()).nodes.filter(({ reachable }) => reachable).length, 2);
});

test.serial("a node of another cluster or authority is turned away by the others, and both sides log it", async (t) => {
  const stranger = async (file: string, says: RegExp): Promise<void> => {
    const spawned = rig.spawn(1, { data: `stranger-${file}`, file });
    await until(`${says.source} in the log`, () => Promise.resolve(says.test(spawned.said())));
    t.is(await spawned.end("SIGTERM"), 0);
  };
  await stranger("id.toml", /it belongs to another cluster/);
  const original = readTextFile(rig.path("cluster.toml")) ?? "";
  writeTextFile(rig.path("others.toml"), original.replaceAll('"keys/', '"others/'));
  await stranger("others.toml", /certificate is of an authority that is not in this node's ca file/);
  await rig.start(1);
  await rig.must(["cluster", "status", "--wait", "20s"]);
});

test.serial("all of them told to stop at once end in order, and come back with everything", async (t) => {
  t.deepEqual(await Promise.all([0, 1, 2].map((index) => rig.end(index, "SIGTERM"))), [0, 0, 0]);
  await rig.start(0, 1, 2);
  const read = await rig.must(["read", "orders", "--json", "--consistency", "linearizable"]);
  t.is(read.trim().split("\n").length, 3, read);
});
