/** A fourth process beside three that run: it is taken in under load, keeps the log, counts for nothing, and leaves again. */
import test from "ava";
import { exitCodeOf } from "../../protocol/admin/exit-codes.js";
import { connect } from "../../protocol/sdk/index.js";
import { readTextFile, writeTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ClusterRig } from "./cluster-rig.js";

const soon = 30_000;
const standby = 3;
let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3, 4);
});
test.after.always(() => rig.remove());

/** Where the fourth node is, as `cluster init` would have laid it out. */
function placeOfFourth(): { readonly peer: string; readonly client: string } {
  const first = Number(rig.addresses[0]?.split(":")[1]);
  return { peer: `127.0.0.1:${first - 50 + 300}`, client: `127.0.0.1:${first + 3}` };
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + soon;
  while (!(await isSo())) {
    if (performance.now() > giveUp) throw new Error(`${what} did not come about; ${rig.said().join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const reloadAll = async (): Promise<void> => {
  for (const address of rig.addresses) await rig.must(["cluster", "reload"], { connect: address });
};

test.serial("a node is added to three that run and take writes, and not one of these is lost or refused", async (t) => {
  await rig.start(0, 1, 2);
  const { peer, client } = placeOfFourth();
  let isOver = false;
  const writing = (async () => {
    await using db = await connect({ addresses: rig.addresses });
    const stream = await db.tenant("main").streams.create("load", { ifNotExists: true });
    let written = 0;
    for (; !isOver; written++) await stream.append({ number: written });
    return written;
  })();
  writing.catch(() => {});
  const added = await rig.must(["cluster", "add", "--cluster", "cluster.toml", "--peer", peer, "--client", client]);
  t.regex(added, /lists node 4 \(node-4\), which stands by/u);
  await rig.must(["cluster", "keys", "keys", "--cluster", "cluster.toml"]);
  const told = await rig.must(["cluster", "reload"], { connect: rig.addresses[0] ?? "" });
  t.is(told.trim(), "nodes that stand by: 4 (added: 4; removed: none)");
  await reloadAll();
  await rig.start(standby);
  await until("a standby in step", async () => {
    const { shards, faults } = await rig.status();
    return faults.length === 0 && shards.every(({ replicas }) => replicas.some((one) => one.standby && one.lag === 0));
  });
  const leader = await rig.leaderOf(1);
  await rig.end(leader, "SIGKILL");
  await until("another leader", async () => ![-1, leader].includes(await rig.leaderOf(1)));
  const seen = await rig.status();
  t.is(seen.nodeFailuresTolerated, 0, "the standby is no help to a majority");
  t.not(await rig.leaderOf(1), standby);
  await new Promise((resolve) => setTimeout(resolve, 500));
  isOver = true;
  const written = await writing;
  t.true(written > 50);
  await using db = await connect({ addresses: [client] });
  const stream = await db.tenant("main").streams.create("load", { ifNotExists: true });
  const { nextOffset } = await stream.read({ from: 0, limit: 1, consistency: "linearizable" });
  t.true(Number(nextOffset) >= written, "it answers for the leader");
  await rig.start(leader);
  await until("all in step", async () => (await rig.status()).faults.length === 0);
});

test.serial("a standby that was killed comes back to the log, and what happens to it moves no leader", async (t) => {
  const before = await rig.status();
  await rig.end(standby, "SIGKILL");
  await until("its absence", async () => /node 4 \(node-4\) does not answer/u.test((await rig.status()).faults.join()));
  const without = await rig.status();
  t.is(without.nodeFailuresTolerated, 1);
  t.deepEqual(
    without.shards.map(({ leader }) => leader),
    before.shards.map(({ leader }) => leader),
  );
  await rig.start(standby);
  await until("all in step", async () => (await rig.status()).faults.length === 0);
});

test.serial("unsafe steps are refused with the reason, and change nothing", async (t) => {
  const file = rig.path("cluster.toml");
  const text = readTextFile(file) ?? "";
  const voter = await rig.run(["cluster", "remove", "1", "--cluster", "cluster.toml"]);
  t.is(voter.code, exitCodeOf(new KimberliteError("stepUnsafe")));
  t.regex(
    voter.stderr,
    /lists nodes behind node 1 that vote.*the one with the highest number goes first.*Nothing was changed/u,
  );
  const lost = await rig.run(["cluster", "recover", "--cluster", "cluster.toml", "--node", "4", "--data", "elsewhere"]);
  t.is(lost.code, exitCodeOf(new KimberliteError("stepUnsafe")));
  t.regex(lost.stderr, /node 4 stands by and has promised nothing/u);
  t.is(readTextFile(file), text);
  writeTextFile(file, text.replace("standby = true\n", ""));
  const grown = await rig.run(["cluster", "reload"], { connect: rig.addresses[0] ?? "" });
  t.is(grown.code, exitCodeOf(new KimberliteError("configurationInvalid")));
  t.regex(grown.stderr, /3 nodes vote, and the file lists 4; while a node runs standbys may come and go/u);
  writeTextFile(file, text);
  t.is((await rig.status()).nodes.length, 4);
});

test.serial("a standby leaves, and the others know nothing of it any more", async (t) => {
  t.is(await rig.end(standby, "SIGTERM"), 0);
  await rig.must(["verify", "--data", "node-4"]);
  await rig.must(["cluster", "remove", "4", "--cluster", "cluster.toml"]);
  await reloadAll();
  const seen = await rig.status();
  t.deepEqual(
    seen.nodes.map(({ node }) => node),
    [1, 2, 3],
  );
  t.deepEqual(seen.faults, []);
  await rig.must(["stream", "create", "afterwards"]);
});
