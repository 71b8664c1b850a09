/** The 14 classes of defects that actor runtimes are known for, each by its name. */
import test from "ava";
import { systemClock } from "../../runtime/actor/clock.js";
import { packetTypes } from "../../runtime/actor/envelope.js";
import { EpochRegister } from "../../runtime/actor/epoch-register.js";
import { Letter } from "../../runtime/actor/letter.js";
import { Mailbox } from "../../runtime/actor/mailbox.js";
import { startTree } from "../../runtime/actor/tree.js";
import { ActorVitals, actorVitalsMemory } from "../../runtime/actor/vitals.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { group, probe, registry, startProbes } from "./probes.js";
import { type Note, Rig, until, virtualRig } from "./rig.js";

const idle = (): { receive(): void } => ({ receive() {} });

test("constructor throws", async (t) => {
  const rig = virtualRig();
  await t.throwsAsync(
    rig.start("a", () => {
      throw new Error("no");
    }),
    { message: "no" },
  );
  t.is(rig.host.cell("test/a"), undefined, "nothing of it is left");
  t.deepEqual(rig.ended, [], "told once, by the failed start");
  await rig.start("a", idle);
  t.is(rig.cell("a").state, "running");

  // On threads: at the first start the tree refuses to stand; at a restart it counts against the budget and heals.
  const memory = new SharedArrayBuffer(8);
  const cells = new Int32Array(memory);
  Atomics.store(cells, 0, 1);
  const spec = group([probe("first"), probe("b", { probeArgs: { failStartWhen: memory } })]);
  await t.throwsAsync(startTree(spec, { registry, onFailed: () => t.fail() }), { message: /constructor throws/ });
  Atomics.store(cells, 0, 0);
  const { tree, events } = await startProbes(spec);
  Atomics.store(cells, 0, 1);
  await tree.terminateWorker("b");
  await until(() => Atomics.load(cells, 1) >= 4);
  Atomics.store(cells, 0, 0);
  t.is(await tree.port("b").ask({ kind: "echo", text: "back" }, { deadlineMs: 5000 }), "back");
  t.true(events.some((event) => event.event === "crashed" && event.kind === "start"));
  await tree.stop(2000);
});

test("stop with queued messages", async (t) => {
  const rig = virtualRig();
  const seen: number[] = [];
  await rig.start("a", idle);
  await rig.start("b", (context) => ({
    receive: (note: Note) => {
      seen.push(note.number ?? 0);
      if (note.number === 2) context.exit();
    },
  }));
  rig.wire("a", "b");
  await rig.clock.settle();
  const codes: string[] = [];
  rig.act("a", (context) => {
    const port = context.port("b");
    if (port === null) return;
    for (let number = 1; number <= 5; number++) context.tell(port, { kind: "queued", number });
    context.request(port, { kind: "asked", number: 6 }, { deadlineMs: 1000 }, (outcome) =>
      codes.push(outcome.ok ? "ok" : outcome.error.code),
    );
  });
  await rig.clock.settle();
  t.deepEqual(seen, [1, 2], "nothing is received after the stop");
  t.deepEqual(codes, ["actorGone"], "who asked is told");
  t.is(rig.host.deadLetters.countOf("queued"), 3, "what waited is accounted for");
  t.is(rig.host.deadLetters.countOf("asked"), 1);
});

test("one crash log with path, kind, count", async (t) => {
  const { tree, events, logs } = await startProbes(group([probe("a")]));
  tree.port("a").tell({ kind: "echo", text: "warm" });
  await t.throwsAsync(tree.port("a").ask({ kind: "fail", text: "first" }, { deadlineMs: 5000 }));
  await tree.port("a").ask({ kind: "echo", text: "x" }, { deadlineMs: 5000 });
  await tree.terminateWorker("a");
  await tree.port("a").ask({ kind: "echo", text: "x" }, { deadlineMs: 5000 });
  const crashes = logs.filter((log) => log.message === "actor crashed");
  t.deepEqual(
    crashes.map(({ fields }) => `${String(fields["path"])} ${String(fields["kind"])} ${String(fields["count"])}`),
    ["node/a fail 1", "node/a (terminated) 2"],
  );
  t.is(events.filter((event) => event.event === "crashed").length, 2);
  t.regex(String(crashes[0]?.fields["stack"]), /registry/);
  await tree.stop(2000);
});

test("budget per child", async (t) => {
  const limits = { restartsMax: 2, windowMs: 60_000 };
  const failures: string[] = [];
  const spec = group([probe("a", { limits }), probe("b", { limits })]);
  const { tree, events } = await startProbes(spec, { onFailed: (error) => void failures.push(error.message) });
  for (const worker of ["a", "b", "a", "b"]) {
    await tree.terminateWorker(worker);
    await tree.port(worker).ask({ kind: "echo", text: "x" }, { deadlineMs: 5000 });
  }
  t.false(
    events.some((event) => event.event === "escalated"),
    "four failures, but two of each child",
  );
  await tree.terminateWorker("a");
  await until(() => failures.length > 0);
  t.is(failures.length, 1);
  t.regex(failures[0] ?? "", /node\/a failed too often/);
  t.deepEqual(tree.workers(), [], "nothing runs after the root gave up");
  await tree.stop(1000);
});

test("remote death watch", async (t) => {
  const { tree } = await startProbes(group([probe("a"), probe("b", { neighbours: ["a"] })]));
  const b = tree.port("b");
  await b.ask({ kind: "watch", neighbour: "a" }, { deadlineMs: 5000 });
  await tree.terminateWorker("a");
  await tree.port("a").ask({ kind: "echo", text: "x" }, { deadlineMs: 5000 });
  await tree.terminateWorker("a");
  await tree.port("a").ask({ kind: "echo", text: "x" }, { deadlineMs: 5000 });
  const seen = await b.ask<string[]>({ kind: "events" }, { deadlineMs: 5000 });
  t.deepEqual(
    seen.filter((event) => event.startsWith("down")),
    ["down node/a gone"],
    "exactly one Down for the incarnation that was watched",
  );
  await tree.stop(2000);
});

test("full mailbox never throws into the sender", async (t) => {
  const { tree } = await startProbes(group([probe("a"), probe("b", { neighbours: ["a"] })]));
  void tree.port("a").ask({ kind: "spin", ms: 300 }, { deadlineMs: 5000 });
  const busy = await tree
    .port("b")
    .ask<number>({ kind: "flood", to: "a", count: 1000, bytes: 10 }, { deadlineMs: 5000 });
  t.true(busy > 900, `${busy} of 1,000 were refused, none threw`);
  t.is(await tree.port("b").ask({ kind: "echo", text: "alive" }, { deadlineMs: 5000 }), "alive");
  await tree.stop(2000);
});

test("shutdown names the slow actor", async (t) => {
  const slow = { shutdownMs: 100, probeArgs: { slowDrainMs: 60_000, slowStopMs: 60_000 } };
  const { tree, events, logs } = await startProbes(group([probe("a"), probe("turtle", slow), probe("c")]));
  const began = performance.now();
  await tree.drain(5000);
  await tree.stop(5000);
  t.true(performance.now() - began < 4000, "it is not waited for");
  t.deepEqual(
    events
      .filter((event) => event.event === "slow")
      .map((event) => `${event.path} ${"phase" in event ? event.phase : ""}`),
    ["node/turtle drain", "node/turtle stop"],
  );
  t.is(logs.filter((log) => log.message === "an actor is slow" && log.fields["path"] === "node/turtle").length, 2);
  t.deepEqual(tree.workers(), []);
});

test("stale owner cannot win back a shard", (t) => {
  const register = new EpochRegister();
  t.true(register.claim("shard-1", "old", 1 as Epoch).granted);
  const next = register.next("shard-1");
  t.true(register.claim("shard-1", "new", next).granted);
  t.deepEqual(register.claim("shard-1", "old", 1 as Epoch), { granted: false, epoch: next, owner: "new" });
  t.deepEqual(register.claim("shard-1", "old", next), { granted: false, epoch: next, owner: "new" });
  t.false(register.isCurrent("shard-1", 1 as Epoch));
  t.false(register.release("shard-1", 1 as Epoch), "nor give away what it lost");
  t.true(register.release("shard-1", next));
  t.false(register.claim("shard-1", "old", 1 as Epoch).granted, "not even when nobody owns it");
});

test("highest sequence number survives compaction", (t) => {
  const register = new EpochRegister();
  for (let epoch = 1; epoch <= 9; epoch++) register.claim("shard-1", `node-${epoch}`, epoch as Epoch);
  register.release("shard-1", 9 as Epoch);
  t.is(register.compact(), 1);
  t.is(register.highest("shard-1"), 9 as Epoch);
  t.false(register.claim("shard-1", "node-8", 8 as Epoch).granted);
  const restored = new EpochRegister(register.entries());
  t.is(restored.next("shard-1"), 10 as Epoch);
  t.false(restored.claim("shard-1", "node-9", 9 as Epoch).granted, "a released epoch is not given twice");
});

test("no state change outside a turn", async (t) => {
  const rig = new Rig(systemClock);
  let inTurn = 0;
  let overlaps = 0;
  const ran = new Set<string>();
  const inside = (what: string): void => {
    ran.add(what);
    inTurn++;
    if (inTurn !== 1 || rig.host.scheduler.current !== rig.cell("a")) overlaps++;
    inTurn--;
  };
  await rig.start("b", (context) => ({ receive: (_note: Note, envelope) => context.reply(envelope, 1) }));
  await rig.start("a", (context) => ({
    receive(note: Note) {
      inside(`receive ${note.kind}`);
      const port = context.port("b");
      if (note.kind !== "go" || port === null) return;
      // An outside event in the middle of a turn is part of it, not a second one beside it.
      context.enter(() => inside("enter inside"));
      context.request(port, { kind: "ask" }, { deadlineMs: 1000 }, () => inside("answer"));
      context.monitor("b", () => inside("down"));
      context.after(1, { kind: "timer" });
      void context.ask(port, { kind: "ask" }, { deadlineMs: 1000 }).then(() => inside("awaited"));
    },
    flush: () => inside("flush"),
    wired: () => inside("wired"),
    unwired: () => inside("unwired"),
  }));
  rig.wire("a", "b");
  rig.act("a", (context) => {
    inside("enter");
    context.after(2, { kind: "go" });
  });
  await until(() => ran.has("awaited") && ran.has("receive timer"));
  rig.host.kill("test/b");
  await until(() => ran.has("down") && ran.has("unwired"));
  t.is(overlaps, 0);
  t.deepEqual([...ran].sort(), [
    "answer",
    "awaited",
    "down",
    "enter",
    "enter inside",
    "flush",
    "receive go",
    "receive timer",
    "unwired",
    "wired",
  ]);
  const port = rig.context("a");
  t.throws(() => port.after(1, { kind: "x" }), { message: /isolation: a running actor acts only inside a turn/ });
});

test("no starvation of timers and I/O", async (t) => {
  const rig = new Rig(systemClock);
  let turns = 0;
  let stop = false;
  const player = (other: string) => (context: import("../../runtime/actor/definition.js").ActorContext) => ({
    receive(note: Note) {
      turns++;
      const port = context.port(other);
      if (!stop && port !== null) context.tell(port, note);
    },
  });
  await rig.start("ping", player("pong"));
  await rig.start("pong", player("ping"));
  rig.wire("ping", "pong");
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (let at = 0; at < 10; at++) rig.tell("ping", "pong", { kind: "ball" });
  // The two never stop by themselves; the timer must fire all the same, again and again.
  let fired = 0;
  const began = performance.now();
  while (fired < 20) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    fired++;
  }
  const took = performance.now() - began;
  stop = true;
  t.is(fired, 20);
  t.true(turns > 1000, `${turns} turns went on beside them`);
  t.true(rig.host.scheduler.passes >= 10, `the loop came round between ${rig.host.scheduler.passes} passes`);
  t.true(took < 5000);
});

test("deep mailbox stays O(1)", (t) => {
  const policy = { countMax: 1_000_000, bytesMax: 2 ** 30, overflow: "reject" } as const;
  const packet = {
    type: packetTypes.tell,
    correlation: 0,
    deadline: 0,
    traceparent: null,
    tenant: 0,
    epoch: 1,
    body: null,
  };
  const microseconds = (depth: number): number => {
    const vitals = new ActorVitals(actorVitalsMemory());
    const mailbox = new Mailbox(policy, vitals, () => {});
    const letter = new Letter(packetTypes.tell, "n", packet, null, "s", null, 1, 0, true);
    for (let at = 0; at < depth; at++) if (vitals.reserve(1)) mailbox.put(letter);
    const rounds = 20_000;
    const began = performance.now();
    for (let at = 0; at < rounds; at++) {
      if (vitals.reserve(1)) mailbox.put(letter);
      if (mailbox.take() !== undefined) vitals.release(1);
    }
    t.is(mailbox.length, depth);
    return ((performance.now() - began) * 1000) / rounds;
  };
  microseconds(100);
  const best = (depth: number): number => Math.min(microseconds(depth), microseconds(depth), microseconds(depth));
  const shallow = best(100);
  const deep = best(500_000);
  // An array's `shift` takes 50 µs and more at this depth, a hundred times a shallow one.
  t.true(deep < shallow * 10 + 5, `${shallow.toFixed(2)} µs at 100, ${deep.toFixed(2)} µs at 500,000`);
});

test("flood stays within the memory bound", async (t) => {
  const { tree } = await startProbes(group([probe("a"), probe("b", { neighbours: ["a"] })]));
  await tree.port("a").ask({ kind: "echo", text: "warm" }, { deadlineMs: 5000 });
  await tree.sys("a", "suspend");
  const before = process.memoryUsage().rss;
  // 2,000 messages of 100 KiB are offered, 200 MB; the mailbox's bound is 1 MiB.
  const busy = await tree
    .port("b")
    .ask<number>({ kind: "flood", to: "a", count: 2000, bytes: 100 * 1024 }, { deadlineMs: 10_000 });
  const report = (await tree.inspect()).find((one) => one.id === "a");
  t.is(busy, 1990);
  t.true((report?.mailboxBytes ?? 0) <= 1024 * 1024, `${report?.mailboxBytes} bytes wait`);
  t.true((report?.mailboxBytes ?? 0) > 500 * 1024, "and the flood did arrive");
  t.true((report?.refused ?? 0) >= busy);
  await tree.sys("a", "resume");
  t.deepEqual(await tree.deadLetters(), { bytes: 10 }, "the answers to what was told, not asked, are accounted for");
  t.true(process.memoryUsage().rss - before < 150 * 1024 * 1024);
  await tree.stop(2000);
});

test("a message to a dead port is accounted for", async (t) => {
  const rig = virtualRig();
  await rig.start("a", idle);
  await rig.start("b", idle);
  rig.wire("a", "b");
  await rig.clock.settle();
  const port = rig.context("a").port("b");
  t.not(port, null);
  rig.host.kill("test/b");
  const results: string[] = [];
  rig.act("a", (context) => {
    if (port === null) return;
    results.push(context.tell(port, { kind: "lost" }), context.tell(port, { kind: "lost" }));
  });
  await rig.clock.settle();
  t.deepEqual(results, ["gone", "gone"]);
  t.is(rig.host.deadLetters.countOf("lost"), 2);
  t.deepEqual(
    rig.host.deadLetters.recent().map((one) => `${one.sender} ${one.target} ${one.kind} ${one.reason}`),
    ["test/a test/b lost portClosed", "test/a test/b lost portClosed"],
  );
});
