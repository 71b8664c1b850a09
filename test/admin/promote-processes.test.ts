/** A standby beside three processes takes the place of one that is killed, under load; the old directory never comes back. */
import test from "ava";
import { exitCodeOf } from "../../protocol/admin/exit-codes.js";
import { connect } from "../../protocol/sdk/index.js";
import { readTextFile, writeTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ClusterRig } from "./cluster-rig.js";

const soon = 30_000;
const lost = 1;
const standby = 3;
let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3, 4);
});
test.after.always(() => rig.remove());

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + soon;
  while (!(await isSo())) {
    if (performance.now() > giveUp) throw new Error(`${what} did not come about; ${rig.said().join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const inStep = async (): Promise<boolean> => {
  const { faults, shards } = await rig.status();
  return faults.length === 0 && shards.every(({ replicas }) => replicas.every(({ lag }) => (lag ?? 1) <= 32));
};
const reload = (...indexes: readonly number[]): Promise<unknown> =>
  Promise.all(indexes.map((index) => rig.must(["cluster", "reload"], { connect: rig.addresses[index] ?? "" })));
const promote = (...more: readonly string[]) =>
  rig.run(["cluster", "promote", "4", "--in-place-of", "2", "--cluster", "cluster.toml", "--data", "node-4", ...more]);
const unsafe = exitCodeOf(new KimberliteError("stepUnsafe"));

/** A fourth node that stands by, in step. */
async function addStandby(): Promise<void> {
  const first = Number(rig.addresses[0]?.split(":")[1]);
  const places = ["--peer", `127.0.0.1:${first - 50 + 300}`, "--client", `127.0.0.1:${first + 3}`];
  await rig.must(["cluster", "add", "--cluster", "cluster.toml", ...places]);
  await rig.must(["cluster", "keys", "keys", "--cluster", "cluster.toml"]);
  await reload(0, 1, 2);
  await rig.start(standby);
  await until("a standby in step", inStep);
}

test.serial("a promotion is refused while it would be unsafe, with the reason, and changes nothing", async (t) => {
  await rig.start(0, 1, 2);
  await addStandby();
  const text = readTextFile(rig.path("cluster.toml")) ?? "";
  const answering = await promote();
  t.is(answering.code, unsafe);
  t.regex(answering.stderr, /node 2 answers: it runs, with a disk of its own\. Nothing was changed/u);
  const voter = await rig.run(["cluster", "promote", "1", "--in-place-of", "2", "--cluster", "cluster.toml"]);
  t.regex(voter.stderr, /node 1 votes already/u);
  const placeless = await rig.run(["cluster", "promote", "4", "--in-place-of", "4", "--cluster", "cluster.toml"]);
  t.regex(placeless.stderr, /node 4 stands by: it has no place to give/u);
  await rig.end(lost, "SIGKILL");
  // While the others are at choosing a leader that is the reason.
  await until(
    "leaders",
    async () => ![-1, lost].includes(await rig.leaderOf(0)) && ![-1, lost].includes(await rig.leaderOf(1)),
  );
  const running = await promote();
  t.is(running.code, exitCodeOf(new KimberliteError("directoryLocked")));
  await rig.end(2, "SIGKILL");
  const alone = await promote();
  t.is(alone.code, unsafe);
  t.regex(alone.stderr, /has no leader|too few sound replicas/u);
  await rig.start(2);
  t.is(readTextFile(rig.path("cluster.toml")), text);
  t.is((await rig.status()).nodes.length, 4);
});

test.serial("a standby takes the place of a node that was killed, and no write is lost or refused by it", async (t) => {
  let isOver = false;
  const [left] = [0, 2].map((index) => rig.addresses[index] ?? "");
  const writing = (async () => {
    await using db = await connect({ addresses: [left ?? "", rig.addresses[2] ?? ""] });
    const stream = await db.tenant("main").streams.create("load", { ifNotExists: true });
    let written = 0;
    for (; !isOver; written++) await stream.append({ number: written });
    return written;
  })();
  writing.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.is(await rig.end(standby, "SIGTERM"), 0);
  writeTextFile(rig.path("old.toml"), readTextFile(rig.path("cluster.toml")) ?? "");
  const { code, stdout, stderr } = await promote();
  t.is(code, 0, stderr);
  t.regex(stdout, /is node 2's now, with its log; .* lists node-4 in its place/u);
  const [told] = (await reload(0, 2)) as string[];
  t.regex(told ?? "", /nodes that stand by: none .* elsewhere from now on: 2/u);
  rig.nodes[lost] = await rig.spawn(lost, { data: "node-4" }).ready;
  await until("all in step", inStep);
  isOver = true;
  const written = await writing;
  t.true(written > 20, `${written} written`);
  const seen = await rig.status();
  t.deepEqual(
    seen.nodes.map(({ node, name, standby: stands }) => ({ node, name, stands })),
    [
      { node: 1, name: "node-1", stands: false },
      { node: 2, name: "node-4", stands: false },
      { node: 3, name: "node-3", stands: false },
    ],
  );
  t.is(seen.nodeFailuresTolerated, 1, "it counts");
  // With it and one other there is a majority.
  await rig.end(0, "SIGKILL");
  const client = `127.0.0.1:${Number(rig.addresses[0]?.split(":")[1]) + 3}`;
  await until("a leader", async () => [1, 2].includes(await rig.leaderOf(1)).valueOf());
  await using db = await connect({ addresses: [client] });
  const stream = await db.tenant("main").streams.create("load", { ifNotExists: true });
  await stream.append({ number: -1 });
  const { nextOffset } = await stream.read({ from: 0, limit: 1, consistency: "linearizable" });
  t.true(Number(nextOffset) > written, "everything that was acknowledged is there");
  await rig.start(0);
  await until("all in step", inStep);
});

test.serial("the directory of the node whose place was taken is turned away, and says why", async (t) => {
  t.is(await rig.end(lost, "SIGTERM"), 0);
  const old = rig.spawn(lost, { data: "node-2" });
  await t.throwsAsync(() => old.ready, { message: /a newer one has taken it|must never come back/u });
  rig.nodes[lost] = await rig.spawn(lost, { data: "node-4" }).ready;
  await until("all in step", inStep);
});
