/**
 * A rolling upgrade with real processes. The newer program is a copy of this build that knows one release of the log more. Nodes are exchanged
 * one after the other under load; the log stays of the old release, and a node can go back, until every node knows the new one.
 */
import fs from "node:fs";
import path from "node:path";
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { projectRoot } from "../project/sources.js";
import { ClusterRig } from "./cluster-rig.js";

const knows = /^ {4}release: 1,$/m;

/** @returns its main module */
function buildNewerProgram(directory: string): string {
  fs.cpSync(path.join(projectRoot, "dist"), path.join(directory, "dist"), { recursive: true });
  fs.copyFileSync(path.join(projectRoot, "package.json"), path.join(directory, "package.json"));
  fs.symlinkSync(path.join(projectRoot, "node_modules"), path.join(directory, "node_modules"));
  // What is packed is this build's.
  fs.rmSync(path.join(directory, "dist/bundle"), { recursive: true, force: true });
  const file = path.join(directory, "dist/actors/shard/machine.js");
  const text = fs.readFileSync(file, "utf8");
  if (!knows.test(text)) throw new Error("this build's release stands elsewhere");
  fs.writeFileSync(file, text.replace(knows, "    release: 2,"));
  return path.join(directory, "dist/protocol/admin/main.js");
}

test("nodes are exchanged one by one under load; the log is upgraded once all know how, and an older program then stays out", async (t) => {
  const rig = await ClusterRig.make(3);
  try {
    const newer = buildNewerProgram(rig.path("newer"));
    await rig.start(0, 1, 2);
    await rig.must(["cluster", "status", "--wait", "30s"]);
    await using db = await connect(rig.all);
    const stream = await db.tenant("main").streams.create("upgraded");
    let isStopped = false;
    let written = 0;
    const writing = (async () => {
      while (!isStopped) {
        await stream.append({ n: written }, { timeoutMs: 30_000 });
        written += 1;
      }
    })();
    const exchange = async (index: number, program: string | null): Promise<void> => {
      t.is(await rig.end(index, "SIGTERM"), 0);
      rig.program = program;
      await rig.start(index);
      await rig.must(["cluster", "status", "--wait", "30s"]);
    };
    const upgraded = (): boolean => rig.said().some((said) => said.includes("the log is upgraded"));
    await exchange(0, newer);
    await exchange(1, newer);
    t.false(upgraded(), "a node that does not know the release holds it back");
    await exchange(1, null);
    await exchange(1, newer);
    await exchange(2, newer);
    const until = performance.now() + 30_000;
    while (!upgraded() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
    t.true(upgraded());
    const after = written + 20;
    while (written < after) await new Promise((resolve) => setTimeout(resolve, 20));
    isStopped = true;
    await writing;
    let found = 0;
    for await (const event of stream.events()) {
      t.deepEqual(event.json(), { n: found });
      found += 1;
    }
    t.is(found, written, "each once, in order, over all exchanges");
    t.is(await rig.end(2, "SIGTERM"), 0);
    rig.program = null;
    const older = rig.spawn(2);
    await t.throwsAsync(older.ready, { message: /release 2, and this program knows releases up to 1/ });
    rig.program = newer;
    await rig.start(2);
    await rig.must(["cluster", "status", "--wait", "30s"]);
  } finally {
    await rig.remove();
  }
});
