/** A majority is lost for good: the cluster is founded anew from what one node has left, on purpose and never by mistake. */
import { cpSync, rmSync } from "node:fs";
import test from "ava";
import { exitCodeOf } from "../../protocol/admin/exit-codes.js";
import { connect } from "../../protocol/sdk/index.js";
import { readTextFile, writeTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ClusterRig } from "./cluster-rig.js";

const soon = 60_000;
const unsafe = exitCodeOf(new KimberliteError("stepUnsafe"));
let rig: ClusterRig;
let written = 0;

test.before(async () => {
  rig = await ClusterRig.make(3);
});
test.after.always(() => rig.remove());

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + soon;
  while (!(await isSo())) {
    if (performance.now() > giveUp) throw new Error(`${what} did not come about; ${rig.said().join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const rescue = (node: number, data: string, ...more: readonly string[]) =>
  rig.run(["cluster", "rescue", "--cluster", "new.toml", "--node", String(node), "--data", data, ...more]);
const appended = async (count: number): Promise<void> => {
  await using db = await connect({ addresses: rig.addresses });
  const stream = await db.tenant("main").streams.create("kept", { ifNotExists: true });
  for (let left = count; left > 0; left--, written++) await stream.append({ number: written });
};
const kept = async (): Promise<number> => {
  await using db = await connect({ addresses: rig.addresses });
  const stream = await db.tenant("main").streams.create("kept", { ifNotExists: true });
  const { nextOffset } = await stream.read({ from: 0, limit: 1, consistency: "linearizable" });
  return Number(nextOffset);
};

test.serial("a cluster that works is not rescued, nor one whose file names no new epoch", async (t) => {
  await rig.start(0, 1, 2);
  await appended(30);
  const text = readTextFile(rig.path("cluster.toml")) ?? "";
  writeTextFile(rig.path("new.toml"), text);
  const sameEpoch = await rescue(1, "node-1");
  t.is(sameEpoch.code, unsafe);
  t.regex(sameEpoch.stderr, /says nothing of an epoch/u);
  writeTextFile(rig.path("new.toml"), text.replace("shards =", "epoch = 1\nshards ="));
  const working = await rescue(1, "node-1");
  t.is(working.code, unsafe);
  t.regex(working.stderr, /its cluster has leaders: it works/u);
});

test.serial("what may be lost is said first, and nothing is changed; another log's mark is refused", async (t) => {
  await until("all in step", async () => (await rig.status()).faults.length === 0);
  for (const index of [0, 1, 2]) t.is(await rig.end(index, "SIGTERM"), 0);
  // Two disks of three are gone; what is left of the second turns up later.
  for (const name of ["node-2", "node-3"]) cpSync(rig.path(name), rig.path(`${name}.old`), { recursive: true });
  for (const name of ["node-2", "node-3"]) rmSync(rig.path(name), { recursive: true });
  const { code, stdout } = await rescue(1, "node-1");
  t.is(code, exitCodeOf(new KimberliteError("mailboxFull")));
  t.regex(stdout, /lost: every operation behind it/u);
  t.regex(stdout, /nothing was changed\. To accept it: --accept-loss [0-9a-f]{16}/u);
  const wrong = await rescue(1, "node-1", "--accept-loss", "0123456789abcdef");
  t.is(wrong.code, unsafe);
  t.regex(wrong.stderr, /has the mark [0-9a-f]{16}, not 0123456789abcdef/u);
});

test.serial(
  "three copies of one log are a cluster again, with everything that the log held, and take writes",
  async (t) => {
    const report = JSON.parse((await rig.run(["cluster", "rescue", "--json", ...place(1)])).stdout) as { mark: string };
    for (const name of ["node-2", "node-3"]) cpSync(rig.path("node-1"), rig.path(name), { recursive: true });
    for (const node of [1, 2, 3]) {
      const { code, stderr } = await rescue(node, `node-${node}`, "--accept-loss", report.mark);
      t.is(code, 0, stderr);
    }
    writeTextFile(rig.path("cluster.toml"), readTextFile(rig.path("new.toml")) ?? "");
    await rig.start(0, 1, 2);
    t.is(await kept(), written, "everything that was acknowledged was on the disk that is left");
    await appended(20);
    await until("all in step", async () => (await rig.status()).faults.length === 0);
    const seen = await rig.status();
    t.is(seen.epoch, 1);
    t.is(seen.nodeFailuresTolerated, 1);
    await rig.end(await rig.leaderOf(1), "SIGKILL");
    await until("another leader", async () => (await rig.leaderOf(1)) >= 0);
    await appended(5);
    t.is(await kept(), written);
  },
);

const place = (node: number): string[] => ["--cluster", "new.toml", "--node", String(node), "--data", `node-${node}`];

test.serial("a disk of the old cluster is turned away, with the old file and with the new", async (t) => {
  const down = rig.nodes.findIndex((node) => node === null);
  const victim = down >= 0 ? down : 2;
  if (down < 0) await rig.end(victim, "SIGTERM");
  const old = victim === 0 ? "node-2.old" : `node-${victim + 1}.old`;
  if (victim === 0) {
    await rig.start(0);
    await rig.end(1, "SIGTERM");
  }
  const node = victim === 0 ? 1 : victim;
  const foreign = rig.spawn(node, { data: old });
  await t.throwsAsync(() => foreign.ready, { message: /is of epoch 0 of its cluster, and the cluster file says 1/u });
  const text = readTextFile(rig.path("cluster.toml")) ?? "";
  writeTextFile(rig.path("former.toml"), text.replace("epoch = 1\n", ""));
  const former = rig.spawn(node, { data: old, file: "former.toml" });
  await t.throwsAsync(() => former.ready, { message: /founded anew by .*must never come back/u });
  await rig.start(node);
  t.is(await kept(), written);
});

test.serial(
  "stopped in order all nodes have one mark, so nothing is lost, and another number of nodes goes on: three are one, and one is three",
  async (t) => {
    await rig.start(...rig.nodes.flatMap((node, index) => (node === null ? [index] : [])));
    await until("all in step", async () => (await rig.status()).faults.length === 0);
    const stop = async (): Promise<void> => {
      for (const [index, node] of rig.nodes.entries()) if (node !== null) t.is(await rig.end(index, "SIGTERM"), 0);
    };
    await stop();
    const three = readTextFile(rig.path("cluster.toml")) ?? "";
    const [head = "", first = ""] = three.split("[[node]]");
    writeTextFile(rig.path("new.toml"), `${head}[[node]]${first}`.replace("epoch = 1", "epoch = 2"));
    const marks = new Set<string>();
    for (const node of [1, 2, 3]) {
      const { stdout } = await rescue(1, `node-${node}`, "--json");
      marks.add((JSON.parse(stdout) as { mark: string }).mark);
    }
    t.is(marks.size, 1, "every log ends alike");
    const [mark = ""] = marks;
    t.is((await rescue(1, "node-1", "--accept-loss", mark)).code, 0);
    writeTextFile(rig.path("cluster.toml"), readTextFile(rig.path("new.toml")) ?? "");
    await rig.start(0);
    t.is(await kept(), written);
    await appended(5);
    await stop();
    // And back: a node of its own is copied, and the copies are a cluster.
    writeTextFile(rig.path("new.toml"), three.replace("epoch = 1", "epoch = 3"));
    const alone = JSON.parse((await rescue(1, "node-1", "--json")).stdout) as { mark: string };
    for (const name of ["node-2", "node-3"]) {
      rmSync(rig.path(name), { recursive: true });
      cpSync(rig.path("node-1"), rig.path(name), { recursive: true });
    }
    for (const node of [1, 2, 3]) t.is((await rescue(node, `node-${node}`, "--accept-loss", alone.mark)).code, 0);
    writeTextFile(rig.path("cluster.toml"), readTextFile(rig.path("new.toml")) ?? "");
    await rig.start(0, 1, 2);
    t.is(await kept(), written);
    await appended(5);
    await until("all in step", async () => (await rig.status()).faults.length === 0);
    t.like(await rig.status(), { epoch: 3, nodeFailuresTolerated: 1 });
    await stop();
    // Prepares of three epochs are one chain.
    for (const node of [1, 2, 3]) t.regex(await rig.must(["verify", `node-${node}`]), /sound/u);
  },
);
