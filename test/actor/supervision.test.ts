/** OTP's documented supervisor behaviours as tables, under a virtual clock and without threads. */
import test from "ava";
import { VirtualClock } from "../../runtime/actor/clock.js";
import type { Logger } from "../../runtime/actor/definition.js";
import type { Backoff, RestartLimits } from "../../runtime/actor/restart-policy.js";
import type { Incarnation } from "../../runtime/actor/supervised-nodes.js";
import { type Runner, Supervisor, type TreeEvent } from "../../runtime/actor/supervisor.js";
import type { ChildSpec, GroupSpec, Restart, Strategy } from "../../runtime/actor/tree-spec.js";
import { fromErrorRecord, type KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";

/** Children that live only as lines of a journal. */
class PaperRunner implements Runner {
  readonly journal: string[] = [];
  readonly prepared: string[] = [];
  readonly alive = new Map<string, Incarnation>();
  readonly killed = new Set<Incarnation>();
  readonly failStarts = new Map<string, number>();
  readonly slowStops = new Set<string>();
  readonly slowStarts = new Set<string>();
  readonly clock: VirtualClock;
  startsSeen = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }
  prepare(children: readonly ChildSpec<never>[]): void {
    this.prepared.push(children.map(({ id }) => id).join(" "));
  }
  async start(incarnation: Incarnation): Promise<void> {
    const { id } = incarnation.spec;
    this.startsSeen++;
    const failures = this.failStarts.get(id) ?? 0;
    if (failures > 0) {
      this.failStarts.set(id, failures - 1);
      this.journal.push(`fail ${id}`);
      throw new Error(`${id} does not start`);
    }
    if (this.slowStarts.has(id)) await new Promise<void>((resolve) => void this.clock.after(1_000, resolve));
    if (this.killed.has(incarnation)) throw new Error(`${id} was ended while it started`);
    if (this.alive.has(id)) this.journal.push(`TWICE ${id}`);
    this.alive.set(id, incarnation);
    this.journal.push(`start ${id}`);
  }
  async wire(a: Incarnation, b: Incarnation): Promise<void> {
    this.journal.push(`wire ${a.spec.id}-${b.spec.id}`);
  }
  async wireOutside(): Promise<void> {}
  async drain(incarnation: Incarnation): Promise<void> {
    this.journal.push(`drain ${incarnation.spec.id}`);
    if (this.slowStops.has(incarnation.spec.id)) await new Promise(() => {});
  }
  async stop(incarnation: Incarnation): Promise<void> {
    const { id } = incarnation.spec;
    if (this.slowStops.has(id)) await new Promise(() => {});
    if (this.alive.get(id) === incarnation) this.alive.delete(id);
    this.journal.push(`stop ${id}`);
  }
  async kill(incarnation: Incarnation): Promise<void> {
    const { id } = incarnation.spec;
    this.killed.add(incarnation);
    if (this.alive.get(id) !== incarnation) return;
    this.alive.delete(id);
    this.journal.push(`kill ${id}`);
  }
  async release(): Promise<void> {}
  take(): string[] {
    return this.journal.splice(0);
  }
}

const noBackoff: Backoff = { baseMs: 1, maxMs: 1 };

function child(id: string, more: Partial<ChildSpec<never>> = {}): ChildSpec<never> {
  return { id, kind: "paper", args: () => null, worker: id, restart: "permanent", ...more };
}

function group(
  id: string,
  strategy: Strategy,
  children: GroupSpec<never>["children"],
  more: Partial<GroupSpec<never>> = {},
): GroupSpec<never> {
  return { id, strategy, children, backoff: noBackoff, ...more };
}

interface Stage {
  readonly clock: VirtualClock;
  readonly runner: PaperRunner;
  readonly supervisor: Supervisor;
  readonly events: TreeEvent[];
  readonly failures: KimberliteError[];
  readonly logs: { message: string; fields: Readonly<Record<string, unknown>> }[];
  crash(id: string, more?: { kind?: string; identity?: string; reason?: "crashed" | "exited" }): void;
}

function stage(spec: GroupSpec<never>): Stage {
  const clock = new VirtualClock(7);
  const runner = new PaperRunner(clock);
  const failures: KimberliteError[] = [];
  const logs: Stage["logs"] = [];
  const write = (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
    void logs.push({ message, fields });
  const log: Logger = { debug: write, info: write, warn: write, error: write };
  const supervisor = new Supervisor(spec, { clock, runner, log, onFailed: (error) => void failures.push(error) });
  const events: TreeEvent[] = [];
  supervisor.onEvent((event) => events.push(event));
  return {
    clock,
    runner,
    supervisor,
    events,
    failures,
    logs,
    crash(id, more = {}) {
      const incarnation = runner.alive.get(id);
      if (incarnation === undefined) throw new Error(`${id} is not alive`);
      runner.alive.delete(id);
      supervisor.ended(incarnation.path, incarnation.epoch, {
        reason: more.reason ?? "crashed",
        error: toErrorRecord(new Error("boom")),
        stack: null,
        kind: more.kind ?? "work",
        identity: more.identity ?? null,
      });
    },
  };
}

/** Drives promises of the code under test along the virtual clock. */
async function driven<Value>(clock: VirtualClock, work: Promise<Value>, ms = 60_000): Promise<Value> {
  let done = false;
  const watched = work.finally(() => {
    done = true;
  });
  watched.catch(() => {});
  for (let passed = 0; !done && passed < ms; passed += 100) await clock.advance(100);
  return await watched;
}

const abc = (strategy: Strategy, more: Partial<GroupSpec<never>> = {}): GroupSpec<never> =>
  group("root", strategy, [child("a"), child("b", { neighbours: ["a"] }), child("c", { neighbours: ["b"] })], more);

test("start is left to right with ports wired before the next; stop is right to left", async (t) => {
  const { clock, runner, supervisor } = stage(abc("one-for-one"));
  await driven(clock, supervisor.start());
  t.deepEqual(runner.take(), ["start a", "start b", "wire b-a", "start c", "wire c-b"]);
  await driven(clock, supervisor.stop(1000));
  t.deepEqual(runner.take(), ["stop c", "stop b", "stop a"]);
});

test("what children run in is announced for the whole tree at once, and before a restart for those that start again", async (t) => {
  const inner = group("inner", "all-for-one", [child("b"), child("c")]);
  const { clock, runner, supervisor, crash } = stage(group("root", "one-for-one", [child("a"), inner, child("d")]));
  await driven(clock, supervisor.start());
  t.deepEqual(runner.prepared.splice(0), ["a b c d"]);
  crash("c");
  await clock.advance(100);
  crash("d");
  await clock.advance(100);
  t.deepEqual(runner.prepared, ["b c", "d"]);
  await driven(clock, supervisor.stop(1000));
});

const strategies: readonly [Strategy, readonly string[]][] = [
  ["one-for-one", ["start b", "wire b-a", "wire c-b"]],
  ["rest-for-one", ["stop c", "start b", "wire b-a", "start c", "wire c-b"]],
  ["all-for-one", ["stop c", "stop a", "start a", "start b", "wire b-a", "start c", "wire c-b"]],
];
for (const [strategy, expected] of strategies) {
  test(`${strategy} answers the failure of the middle child as OTP does`, async (t) => {
    const { clock, runner, supervisor, crash } = stage(abc(strategy));
    await driven(clock, supervisor.start());
    runner.take();
    crash("b");
    await clock.advance(100);
    t.deepEqual(runner.take(), expected);
    await driven(clock, supervisor.stop(1000));
  });
}

const restarts: readonly [Restart, "crashed" | "exited", boolean][] = [
  ["permanent", "crashed", true],
  ["permanent", "exited", true],
  ["transient", "crashed", true],
  ["transient", "exited", false],
  ["temporary", "crashed", false],
  ["temporary", "exited", false],
];
for (const [restart, reason, again] of restarts) {
  test(`a ${restart} child that ${reason} is ${again ? "" : "not "}started again`, async (t) => {
    const { clock, runner, supervisor, crash } = stage(
      group("root", "one-for-one", [child("a", { restart }), child("b")]),
    );
    await driven(clock, supervisor.start());
    runner.take();
    crash("a", { reason });
    await clock.advance(1000);
    t.deepEqual(runner.take(), again ? ["start a"] : []);
    await driven(clock, supervisor.stop(1000));
  });
}

const limits: RestartLimits = { restartsMax: 2, windowMs: 1_000 };

test("a budget used up stops the group, its parent starts it afresh, and at the root the owner is told", async (t) => {
  const tree = group(
    "root",
    "one-for-one",
    [
      child("x"),
      group("inner", "one-for-one", [child("a", { limits }), child("b")], {
        limits: { restartsMax: 1, windowMs: 60_000 },
      }),
    ],
    {},
  );
  const { clock, runner, supervisor, events, failures, crash } = stage(tree);
  await driven(clock, supervisor.start());
  runner.take();
  for (let at = 0; at < 3; at++) {
    crash("a");
    await clock.advance(50);
  }
  t.deepEqual(runner.take(), ["start a", "start a", "stop b", "start a", "start b"]);
  t.deepEqual(
    events.filter((event) => event.event === "escalated").map((event) => event.path),
    ["root/inner"],
  );
  for (let at = 0; at < 3; at++) {
    crash("a");
    await clock.advance(50);
  }
  t.deepEqual(runner.take(), ["start a", "start a", "stop b", "stop x"]);
  t.is(failures.length, 1);
  t.is(runner.alive.size, 0);
});

test("failures spread wider than the window never escalate", async (t) => {
  const { clock, runner, supervisor, events, crash } = stage(group("root", "one-for-one", [child("a", { limits })]));
  await driven(clock, supervisor.start());
  for (let at = 0; at < 20; at++) {
    crash("a");
    await clock.advance(600);
  }
  t.is(runner.startsSeen, 21);
  t.false(events.some((event) => event.event === "escalated"));
  await driven(clock, supervisor.stop(1000));
});

test("back-off delays the restart, longer each time, and a stop ends the wait", async (t) => {
  const { clock, runner, supervisor, crash } = stage(
    group("root", "one-for-one", [child("a"), child("b")], { backoff: { baseMs: 100, maxMs: 10_000 } }),
  );
  await driven(clock, supervisor.start());
  runner.take();
  for (const [min, max] of [
    [50, 100],
    [100, 200],
    [200, 400],
  ] as const) {
    crash("a");
    await clock.advance(min - 1);
    t.deepEqual(runner.take(), [], `not before ${min}`);
    await clock.advance(max - min + 2);
    t.deepEqual(runner.take(), ["start a"], `by ${max}`);
  }
  crash("a");
  await clock.advance(10);
  await driven(clock, supervisor.stop(1000));
  await clock.advance(20_000);
  t.deepEqual(runner.take(), ["stop b"]);
  t.is(clock.pending, 0);
});

test("one child's back-off does not delay its siblings' restarts", async (t) => {
  const { clock, runner, supervisor, crash } = stage(
    group("root", "one-for-one", [child("a"), child("b")], { backoff: { baseMs: 100, maxMs: 100_000 } }),
  );
  await driven(clock, supervisor.start());
  runner.failStarts.set("a", 4);
  crash("a");
  await clock.advance(300);
  runner.take();
  crash("b");
  await clock.advance(101);
  t.true(runner.take().includes("start b"));
  await clock.advance(10_000);
  t.true(runner.alive.has("a"));
  await driven(clock, supervisor.stop(1000));
});

test("a child that does not start again counts against its budget; one of a first start fails the tree and leaves nothing", async (t) => {
  const first = stage(abc("one-for-one"));
  first.runner.failStarts.set("c", 1);
  await t.throwsAsync(driven(first.clock, first.supervisor.start()), { message: "c does not start" });
  t.deepEqual(first.runner.take(), ["start a", "start b", "wire b-a", "fail c", "stop b", "stop a"]);

  const { clock, runner, supervisor, failures, crash } = stage(abc("rest-for-one"));
  await driven(clock, supervisor.start());
  runner.take();
  runner.failStarts.set("c", 2);
  crash("b");
  await clock.advance(1000);
  t.deepEqual(runner.take(), ["stop c", "start b", "wire b-a", "fail c", "fail c", "start c", "wire c-b"]);
  runner.failStarts.set("a", 100);
  crash("a");
  await clock.advance(60_000);
  t.is(failures.length, 1);
  t.is(runner.alive.size, 0);
});

test("prepare makes fresh shared memory for each start of an all-for-one group, and inner groups see it", async (t) => {
  let prepared = 0;
  const seen: string[] = [];
  const args = (id: string) => (shared: number) => void seen.push(`${id} ${shared}`);
  const tree: GroupSpec<never> = {
    ...group("root", "all-for-one", [
      { ...child("a"), args: args("a") } as ChildSpec<never>,
      group("inner", "one-for-one", [{ ...child("b"), args: args("b") } as ChildSpec<never>]),
    ]),
    prepare: () => ++prepared as never,
  };
  const { clock, supervisor, crash } = stage(tree);
  await driven(clock, supervisor.start());
  crash("a");
  await clock.advance(100);
  crash("b");
  await clock.advance(100);
  t.deepEqual(seen, ["a 1", "b 1", "a 2", "b 2", "b 2"]);
  await driven(clock, supervisor.stop(1000));
});

test("news of an older incarnation is ignored, and each incarnation has a larger epoch", async (t) => {
  const { clock, runner, supervisor, crash } = stage(group("root", "one-for-one", [child("a")]));
  await driven(clock, supervisor.start());
  const old = runner.alive.get("a");
  crash("a");
  await clock.advance(100);
  runner.take();
  const young = runner.alive.get("a");
  t.true(old !== undefined && young !== undefined && young.epoch > old.epoch);
  if (old === undefined) return;
  supervisor.ended(old.path, old.epoch, { reason: "crashed", error: null, stack: null, kind: "late", identity: null });
  await clock.advance(1000);
  t.deepEqual(runner.take(), []);
  await driven(clock, supervisor.stop(1000));
});

test("a child that dies while its siblings are still being started is started again once they stand", async (t) => {
  const { clock, runner, supervisor, crash } = stage(group("root", "one-for-one", [child("a"), child("b")]));
  runner.slowStarts.add("b");
  const starting = supervisor.start();
  await clock.advance(500);
  crash("a");
  await driven(clock, starting);
  await clock.advance(1000);
  t.deepEqual(runner.take(), ["start a", "start b", "start a"]);
  await driven(clock, supervisor.stop(1000));
});

test("a stop while a child starts ends that child too and nothing starts after it", async (t) => {
  const { clock, runner, supervisor, crash } = stage(group("root", "one-for-one", [child("a"), child("b")]));
  await driven(clock, supervisor.start());
  runner.slowStarts.add("a");
  crash("a");
  await clock.advance(500);
  await driven(clock, supervisor.stop(1000));
  await clock.advance(5_000);
  t.is(runner.alive.size, 0);
  t.false(runner.journal.includes("TWICE a"));
});

test("the second equal failure makes a message poison for the next incarnation", async (t) => {
  const { clock, runner, supervisor, events, crash } = stage(group("root", "one-for-one", [child("a")]));
  await driven(clock, supervisor.start());
  crash("a", { kind: "op", identity: "op:1" });
  await clock.advance(100);
  t.deepEqual(runner.alive.get("a")?.poison, []);
  crash("a", { kind: "op", identity: "op:1" });
  await clock.advance(100);
  t.deepEqual(runner.alive.get("a")?.poison, ["op:1"]);
  t.is(events.filter((event) => event.event === "poisoned").length, 1);
  await driven(clock, supervisor.stop(1000));
});

test("random failures, starts that fail and stops: never two of one child alive, never an orphan, always an end", async (t) => {
  let crashes = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = new VirtualClock(seed);
    const names = ["a", "b", "c", "d", "e"];
    const kinds: readonly Strategy[] = ["one-for-one", "rest-for-one", "all-for-one"];
    const pick = (): Strategy => kinds[Math.floor(random.random() * 3)] ?? "one-for-one";
    const tree = group("root", pick(), [
      child("a"),
      group("inner", pick(), [child("b"), child("c", { neighbours: ["a", "b"] })]),
      child("d"),
      child("e", { neighbours: ["d"] }),
    ]);
    const { clock, runner, supervisor, failures, crash } = stage(tree);
    await driven(clock, supervisor.start());
    for (let step = 0; step < 25; step++) {
      const name = names[Math.floor(random.random() * names.length)] ?? "a";
      if (random.random() < 0.2) runner.failStarts.set(name, 1);
      if (runner.alive.has(name)) {
        crash(name);
        crashes++;
      }
      await clock.advance(Math.floor(random.random() * 2500));
    }
    await clock.advance(30_000);
    t.false(
      runner.journal.some((line) => line.startsWith("TWICE")),
      `seed ${seed}`,
    );
    if (failures.length === 0) t.deepEqual([...runner.alive.keys()].sort(), names, `seed ${seed}`);
    await driven(clock, supervisor.stop(1000));
    t.is(runner.alive.size, 0, `seed ${seed}`);
  }
  t.true(crashes > 200);
});

test("errors keep their code as records", (t) => {
  const record = toErrorRecord(new Error("boom"));
  t.is(fromErrorRecord(record).code, "internal");
});
