/** The tree on real worker threads: crash, hang, heap limit, storms, and what is left behind. */
import { readdirSync } from "node:fs";
import test from "ava";
import type { Tree } from "../../runtime/actor/tree.js";
import type { ChildSpec, GroupSpec } from "../../runtime/actor/tree-spec.js";
import { group, probe, startProbes } from "./probes.js";
import { slowLoadMs } from "./registry.js";
import { until } from "./rig.js";

const soon = { deadlineMs: 5000 };

/** A message through two actors, tried again while they are being wired. */
async function forwarded(tree: Tree, through: string, to: string): Promise<unknown> {
  let answer: unknown = null;
  for (let tries = 0; tries < 100 && answer === null; tries++) {
    const asked = tree.port(through).ask({ kind: "forward", to, text: "arrived" }, soon);
    answer = await asked.catch(() => null);
    if (answer === null) await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return answer;
}

test.serial(
  "an actor in its own thread is asked, and asks a neighbour in another and one in the same thread",
  async (t) => {
    const { tree } = await startProbes(
      group([probe("a"), probe("b", { neighbours: ["a"] }), probe("c", { worker: "b", neighbours: ["b"] })]),
    );
    const b = tree.port("b");
    t.is(await b.ask({ kind: "echo", text: "hello" }, soon), "hello");
    for (const to of ["a", "c"]) {
      t.is(await b.ask({ kind: "forward", to, text: "far" }, soon), "far");
      t.is((await b.ask<{ text: string }>({ kind: "awaitForward", to, text: "far" }, soon)).text, "far");
    }
    t.deepEqual([...tree.workers()].sort(), ["a", "b"]);
    await tree.stop(2000);
  },
);

test.serial(
  "the threads of a tree load at the same time, each what lives in it, and the actors start in order",
  async (t) => {
    const began = performance.now();
    const slow = ["a", "b", "c", "d", "e"].map((id) => probe(id, { kind: "slowToLoad" }));
    const { tree, events } = await startProbes(group(slow));
    const tookMs = performance.now() - began;
    t.true(tookMs >= slowLoadMs, `a thread is used once it has loaded (${Math.round(tookMs)} ms)`);
    t.true(tookMs < 4 * slowLoadMs, `five threads one after another would take ${5 * slowLoadMs} ms, not ${tookMs}`);
    t.deepEqual(
      events.filter(({ event }) => event === "started").map(({ path }) => path),
      slow.map(({ id }) => `node/${id}`),
    );
    await tree.stop(2000);
    const unknown = await t.throwsAsync(startProbes(group([probe("a"), probe("b", { kind: "nobody" })])));
    t.regex(unknown.message, /no actor of kind nobody/);
  },
);

test.serial("a terminated thread's actor is started again and wired with a new epoch to its neighbours", async (t) => {
  const { tree, events } = await startProbes(group([probe("a"), probe("b", { neighbours: ["a"] })]));
  const b = tree.port("b");
  await tree.terminateWorker("a");
  const reply = await tree.port("a").ask<{ epoch: number }>({ kind: "count" }, soon);
  t.true(reply.epoch > 3);
  const all = await b.ask<string[]>({ kind: "events" }, soon);
  const seen = all.filter((event) => event.includes(" a "));
  t.is(seen.length, 3);
  t.regex(seen[0] ?? "", /^wired a \d+/);
  t.is(seen[1], "unwired a gone");
  t.regex(seen[2] ?? "", /^wired a \d+/);
  t.true(Number(seen[2]?.split(" ")[2]) > Number(seen[0]?.split(" ")[2]));
  t.deepEqual(
    events.filter((event) => event.path === "node/a").map((event) => event.event),
    ["started", "crashed", "started", "restarted"],
  );
  await tree.stop(2000);
});

test.serial(
  "a crash in a shared thread spares the others there; the thread's death is everybody's crash",
  async (t) => {
    const children = [probe("a", { worker: "w" }), probe("b", { worker: "w", neighbours: ["a"] })];
    const { tree, events } = await startProbes(group(children));
    const before = await tree.port("b").ask<{ epoch: number; count: number }>({ kind: "count" }, soon);
    await t.throwsAsync(tree.port("a").ask({ kind: "fail", text: "boom" }, soon), {
      message: /crashed/,
      code: "actorGone",
    });
    t.is(await tree.port("a").ask({ kind: "echo", text: "again" }, soon), "again");
    const after = await tree.port("b").ask<{ epoch: number; count: number }>({ kind: "count" }, soon);
    t.deepEqual([after.epoch, after.count], [before.epoch, before.count + 1], "b kept its life and its state");
    await tree.terminateWorker("w");
    t.is(await forwarded(tree, "b", "a"), "arrived");
    t.deepEqual(
      events
        .filter((event) => event.event === "crashed")
        .map((event) => event.path)
        .sort(),
      ["node/a", "node/a", "node/b"],
    );
    await tree.stop(2000);
  },
);

test.serial("a hang is found by the heartbeat that stands still, and only then", async (t) => {
  const { tree, events } = await startProbes(group([probe("a")]), { heartbeatMs: 50, hangMs: 600 });
  t.is(await tree.port("a").ask({ kind: "spin", ms: 200 }, soon), null);
  await new Promise((resolve) => setTimeout(resolve, 800));
  t.false(
    events.some((event) => event.event === "crashed"),
    "neither a long turn nor idleness is a hang",
  );
  await t.throwsAsync(tree.port("a").ask({ kind: "spinForEver" }, soon), { code: "actorGone" });
  t.is(await tree.port("a").ask({ kind: "echo", text: "back" }, soon), "back");
  // A thread that hangs before its first heartbeat is found as well.
  await t.throwsAsync(tree.port("a").ask({ kind: "spinForEver" }, soon), { code: "actorGone" });
  t.is(await tree.port("a").ask({ kind: "echo", text: "back" }, soon), "back");
  t.deepEqual(
    events.flatMap((event) => (event.event === "crashed" ? [event.kind] : [])),
    ["(hang)", "(hang)"],
  );
  await tree.stop(2000);
});

test.serial("a thread that hangs where no work is known of is found as well, later", async (t) => {
  const { tree, events } = await startProbes(group([probe("a")]), { heartbeatMs: 50, hangMs: 600 });
  t.is(await tree.port("a").ask({ kind: "hangOutsideOfTurns" }, soon), null);
  await until(() => events.some((event) => event.event === "restarted"));
  t.is(await tree.port("a").ask({ kind: "echo", text: "back" }, soon), "back");
  t.deepEqual(
    events.flatMap((event) => (event.event === "crashed" ? [event.kind] : [])),
    ["(hang)"],
  );
  await tree.stop(2000);
});

test.serial("a thread beyond its heap limit is ended and its actor started again", async (t) => {
  const { tree, events } = await startProbes(
    group([probe("a", { resourceLimits: { maxOldGenerationSizeMb: 24 } }), probe("b")]),
  );
  await t.throwsAsync(tree.port("a").ask({ kind: "fillHeap" }, { deadlineMs: 20_000 }));
  t.is(await tree.port("a").ask({ kind: "echo", text: "back" }, soon), "back");
  t.is(await tree.port("b").ask({ kind: "echo", text: "unharmed" }, soon), "unharmed");
  t.deepEqual(
    events.flatMap((event) => (event.event === "crashed" ? [event.kind] : [])),
    ["(heapLimit)"],
  );
  await tree.stop(2000);
});

test.serial(
  "errors that no turn catches are a crash too: laid at the actor's door where it is known, else the thread's end",
  async (t) => {
    const { tree, events } = await startProbes(group([probe("a")]));
    await tree.port("a").ask({ kind: "echo", text: "wired" }, soon);
    for (const kind of ["reject", "stray"]) {
      tree.port("a").tell({ kind });
      const seen = events.length;
      await until(() => events.slice(seen).some((event) => event.event === "restarted"));
      t.is(await tree.port("a").ask({ kind: "echo", text: kind }, soon), kind);
    }
    t.deepEqual(
      events.flatMap((event) => (event.event === "crashed" ? [event.kind] : [])),
      ["(stray)", "(stray)"],
    );
    // With two in the thread nobody knows whose it was: the thread ends, and both are started again.
    await tree.stop(2000);
    const shared = await startProbes(group([probe("a"), probe("b", { worker: "a" })]));
    await shared.tree.port("a").ask({ kind: "echo", text: "wired" }, soon);
    shared.tree.port("a").tell({ kind: "stray" });
    await until(() => shared.events.filter((event) => event.event === "restarted").length === 2);
    t.deepEqual(
      shared.events.flatMap((event) => (event.event === "crashed" ? [`${event.path} ${event.kind}`] : [])).sort(),
      ["node/a (error)", "node/b (error)"],
    );
    await shared.tree.stop(2000);
  },
);

test.serial("an all-for-one group starts again with fresh shared memory for all", async (t) => {
  const withShared = (id: string): ChildSpec<SharedArrayBuffer> => ({
    id,
    kind: "probe",
    args: (shared) => ({ shared }),
    worker: id,
    restart: "permanent",
  });
  const spec: GroupSpec<SharedArrayBuffer> = {
    id: "node",
    strategy: "all-for-one",
    prepare: () => new SharedArrayBuffer(4),
    children: [withShared("a"), withShared("b")],
  };
  const { tree } = await startProbes(spec as GroupSpec<never>);
  const cell = async (id: string): Promise<Int32Array> => {
    const reply = await tree.port(id).ask<{ shared: SharedArrayBuffer }>({ kind: "count" }, soon);
    return new Int32Array(reply.shared);
  };
  Atomics.store(await cell("a"), 0, 41);
  t.is((await cell("b"))[0], 41, "the two share one memory");
  await tree.terminateWorker("a");
  await until(() => tree.workers().length === 2);
  t.is((await cell("a"))[0], 0);
  Atomics.store(await cell("a"), 0, 7);
  t.is((await cell("b"))[0], 7);
  await tree.stop(2000);
});

test.serial("a message that crashes its actor twice is set aside at the third try", async (t) => {
  const { tree, events } = await startProbes(group([probe("a")]));
  const codes: string[] = [];
  for (let at = 0; at < 3; at++) {
    const error = await t.throwsAsync<Error & { code: string }>(
      tree.port("a").ask({ kind: "fail", text: "same" }, soon),
    );
    codes.push(error?.code ?? "");
    await tree.port("a").ask({ kind: "echo", text: "x" }, soon);
  }
  t.deepEqual(codes, ["actorGone", "actorGone", "poisonMessage"]);
  t.deepEqual(
    events.map((event) => event.event).filter((event) => event === "poisoned" || event === "setAside"),
    ["poisoned", "setAside"],
  );
  await tree.stop(2000);
});

test.serial(
  "inspection reports threads, mailboxes, rates and the actor's own numbers, also of one that does not answer",
  async (t) => {
    const { tree } = await startProbes(group([probe("a"), probe("b", { neighbours: ["a"] })]));
    await tree.inspect();
    for (let at = 0; at < 20; at++) await tree.port("a").ask({ kind: "echo", text: "x" }, soon);
    const [a, b] = await tree.inspect();
    t.like(a, {
      id: "a",
      path: "node/a",
      worker: "a",
      state: "running",
      answered: true,
      restarts: 0,
      crashes: 0,
      numbers: { count: 20 },
    });
    t.true((a?.rate ?? 0) > 1 && (a?.processed ?? 0) >= 20 && (a?.heapBytes ?? 0) > 0 && (a?.rssBytes ?? 0) > 0);
    t.true((a?.threadId ?? 0) > 0 && a?.threadId !== b?.threadId);
    void tree.port("a").ask({ kind: "spin", ms: 1500 }, soon);
    await new Promise((resolve) => setTimeout(resolve, 50));
    tree.port("a").tell({ kind: "silence" });
    const [hung] = await tree.inspect();
    t.like(hung, { answered: false, mailboxCount: 2 });
    t.like(await tree.sys("b", "suspend"), { state: "suspended" });
    t.like(await tree.sys("b", "resume"), { state: "running" });
    await tree.stop(4000);
  },
);

test.serial("a storm of terminations leaves a working tree and no handles, ports or files behind", async (t) => {
  const limits = { restartsMax: 1000, windowMs: 1000 };
  const backoff = { baseMs: 1, maxMs: 5 };
  const openFiles = (): number => readdirSync("/proc/self/fd").length;
  const handles = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort" || kind === "Worker").length;
  const filesBefore = openFiles();
  const handlesBefore = handles();
  const children = [
    probe("a", { limits }),
    probe("b", { limits, neighbours: ["a"] }),
    probe("c", { limits, worker: "b", neighbours: ["a", "b"] }),
  ];
  const { tree, events } = await startProbes(group(children, { backoff }));
  await tree.port("b").ask({ kind: "forward", to: "a", text: "x" }, soon);
  const rssBefore = process.memoryUsage().rss;
  let storms = 0;
  const begun = performance.now();
  const elapsed = (): number => performance.now() - begun;
  for (let at = 0; elapsed() < 6_000 || (storms < 20 && elapsed() < 60_000); at++) {
    const worker = at % 2 === 0 ? "a" : "b";
    void tree
      .port("b")
      .ask({ kind: "forward", to: "a", text: "x" }, soon)
      .catch(() => {});
    await until(() => tree.workers().includes(worker));
    await tree.terminateWorker(worker);
    storms++;
  }
  t.true(storms >= 20, `${storms} terminations`);
  t.is(await forwarded(tree, "c", "a"), "arrived");
  t.true(events.filter((event) => event.event === "crashed").length >= storms);
  t.true(process.memoryUsage().rss - rssBefore < 200 * 1024 * 1024);
  await tree.stop(5000);
  await until(() => handles() <= handlesBefore && openFiles() <= filesBefore, 3000);
  t.true(handles() <= handlesBefore, `${handles()} handles, ${handlesBefore} before`);
  t.true(openFiles() <= filesBefore, `${openFiles()} files, ${filesBefore} before`);
});
