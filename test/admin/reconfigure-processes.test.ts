/** A fourth node becomes one that votes, and votes no more, while clients write and nodes are killed. */
import test from "ava";
import { exitCodeOf } from "../../protocol/admin/exit-codes.js";
import { connect } from "../../protocol/sdk/index.js";
import { readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ClusterRig } from "./cluster-rig.js";

const soon = 30_000;
const fourth = 3;
const unsafe = exitCodeOf(new KimberliteError("stepUnsafe"));
let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3, 4);
});
test.after.always(() => rig.remove());

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + soon;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > giveUp) {
      const seen = await rig.status().catch((error: unknown) => String(error));
      throw new Error(`${what} did not come about: ${JSON.stringify(seen)}; ${rig.said().join("\n")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const inStep = async (): Promise<boolean> => (await rig.status()).faults.length === 0;
const addressOf = (index: number): string => {
  const first = Number(rig.addresses[0]?.split(":")[1]);
  return `127.0.0.1:${first + index}`;
};
const reload = async (...indexes: readonly number[]): Promise<void> => {
  for (const index of indexes) await rig.must(["cluster", "reload"], { connect: addressOf(index) });
};
const voters = async (): Promise<(number | undefined)[]> => (await rig.status()).shards.map((shard) => shard.voters);
const add = () => rig.run(["cluster", "add", "--voter", "4", "--cluster", "cluster.toml"]);
const remove = (node: number) => rig.run(["cluster", "remove", String(node), "--cluster", "cluster.toml"]);

/** Appends to a stream until it is told to stop. @returns what was acknowledged */
function load(): { readonly stop: () => Promise<number> } {
  let isOver = false;
  const writing = (async () => {
    await using db = await connect({ addresses: [0, 1, 2].map(addressOf) });
    const stream = await db.tenant("main").streams.create("load", { ifNotExists: true });
    let written = 0;
    for (; !isOver; written++) await stream.append({ number: written });
    return written;
  })();
  writing.catch(() => {});
  return {
    stop: () => {
      isOver = true;
      return writing;
    },
  };
}

let acknowledged = 0;

test.serial("a standby votes once it is in step, and not before, while clients write", async (t) => {
  await rig.start(0, 1, 2);
  const first = Number(rig.addresses[0]?.split(":")[1]);
  const places = ["--peer", `127.0.0.1:${first - 50 + 300}`, "--client", `127.0.0.1:${first + 3}`];
  await rig.must(["cluster", "add", "--cluster", "cluster.toml", ...places]);
  await rig.must(["cluster", "keys", "keys", "--cluster", "cluster.toml"]);
  await reload(0, 1, 2);
  const early = await add();
  t.is(early.code, unsafe);
  t.regex(early.stderr, /its replica on node 4 does not answer: it votes once it is in step\. Nothing was changed/u);
  await rig.start(fourth);
  await until("a standby in step", inStep);
  await rig.end(2, "SIGKILL");
  await until("leaders", async () =>
    (await rig.status()).shards.every(({ leader }) => leader !== null && leader !== 3),
  );
  const missing = await add();
  t.is(missing.code, unsafe);
  t.regex(missing.stderr, /its replica on node 3 does not answer: no voter is added while one is missing/u);
  await rig.start(2);
  await until("all in step", inStep);
  const writing = load();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { code, stdout, stderr } = await add();
  t.is(code, 0, stderr);
  t.regex(stdout, /node 4 \(node-4\) votes on every shard: 4 nodes do/u);
  t.deepEqual(await voters(), [4, 4]);
  await reload(0, 1, 2, fourth);
  await until("all in step", inStep);
  acknowledged += await writing.stop();
  t.true(acknowledged > 20, `${acknowledged} written`);
  const seen = await rig.status();
  t.false(seen.nodes.some(({ standby }) => standby));
  t.is(seen.nodeFailuresTolerated, 1);
  t.is((await add()).code, unsafe, "it votes already");
});

test.serial("what voted is told apart after kills of all, and one that was away learns who votes", async (t) => {
  const writing = load();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await rig.end(1, "SIGKILL");
  await rig.start(1);
  await until("all in step", inStep);
  acknowledged += await writing.stop();
  for (const index of [0, 1, 2, fourth]) await rig.end(index, "SIGKILL");
  await rig.start(0, 1, 2, fourth);
  await until("all in step", inStep);
  t.deepEqual(await voters(), [4, 4]);
});

test.serial(
  "a voter votes no more, and leaves; a node that is killed in the middle changes nothing of that",
  async (t) => {
    t.regex((await remove(2)).stderr, /the one with the highest number goes first/u);
    const writing = load();
    const removing = remove(4);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await rig.end(2, "SIGKILL");
    const { code, stderr } = await removing;
    await rig.start(2);
    await until("all in step", inStep);
    // The node that was asked may have been the one: then the same step is asked for again.
    if (code !== 0) t.is((await remove(4)).code, 0, stderr);
    await reload(0, 1, 2, fourth);
    await until("three that vote", async () => (await voters()).every((count) => count === 3));
    await until("all in step", inStep);
    acknowledged += await writing.stop();
    t.is((await rig.status()).nodeFailuresTolerated, 1);
    t.deepEqual(
      (await rig.status()).nodes.map(({ standby }) => standby),
      [false, false, false, true],
    );
    await rig.end(fourth, "SIGTERM");
    t.is((await remove(4)).code, 0);
    await reload(0, 1, 2);
    t.notRegex(readTextFile(rig.path("cluster.toml")) ?? "", /node-4/u);
    await until("all in step", inStep);
    await using db = await connect({ addresses: [addressOf(0)] });
    const stream = db.tenant("main").streams;
    const { nextOffset } = await (await stream.create("load", { ifNotExists: true })).read({
      from: 0,
      limit: 1,
      consistency: "linearizable",
    });
    t.true(Number(nextOffset) >= acknowledged, `${acknowledged} were acknowledged, ${String(nextOffset)} are there`);
  },
);
