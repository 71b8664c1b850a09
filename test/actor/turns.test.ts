/** What an actor can rely on: turns, answers, timers, streams, death watch, exact bytes. */
import test from "ava";
import { systemClock, VirtualClock } from "../../runtime/actor/clock.js";
import type { Outcome, StreamReceiver, StreamSender } from "../../runtime/actor/definition.js";
import { messageBytes, transferables } from "../../runtime/actor/exact-bytes.js";
import { Scheduler } from "../../runtime/actor/scheduler.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { type Note, Rig, until, virtualRig } from "./rig.js";

test("an ask ends in exactly one of reply, typed failure, deadline and gone", async (t) => {
  const rig = virtualRig();
  await rig.start("asker", () => ({ receive() {} }));
  await rig.start("server", (context) => ({
    receive(note: Note, envelope) {
      if (note.kind === "good") context.reply(envelope, note.number);
      if (note.kind === "bad")
        context.fail(envelope, new KimberliteError("streamUnknown", "s", { detail: { stream: 7 } }));
      if (note.kind === "late") context.after(200, { kind: "wake" });
      if (note.kind === "twice") {
        context.reply(envelope, 1);
        context.reply(envelope, 2);
      }
    },
  }));
  rig.wire("asker", "server");
  await rig.clock.settle();
  const outcomes: string[] = [];
  const ask = (kind: string, number = 0): void =>
    rig.act("asker", (context) => {
      const port = context.port("server");
      if (port === null) return;
      context.request<number>(port, { kind, number }, { deadlineMs: 100 }, (outcome: Outcome<number>) => {
        outcomes.push(`${kind} ${outcome.ok ? outcome.value : `${outcome.error.code} ${outcome.error.outcome}`}`);
      });
    });
  for (const kind of ["good", "bad", "late", "twice"]) ask(kind, 5);
  await rig.clock.advance(500);
  ask("silent");
  await rig.clock.settle();
  rig.host.kill("test/server");
  await rig.clock.advance(500);
  t.deepEqual(outcomes, [
    "good 5",
    "bad streamUnknown notCommitted",
    "twice 1",
    "late deadlineExceeded unknown",
    "silent actorGone unknown",
  ]);
  t.is(rig.host.deadLetters.countOf("twice"), 1);
});

test("code after the await of an ask runs in a turn: nothing of the actor runs in between, and flush follows", async (t) => {
  const rig = new Rig(systemClock, { passMsMax: 1000 });
  const order: string[] = [];
  await rig.start("server", (context) => ({ receive: (note: Note, envelope) => context.reply(envelope, note.number) }));
  await rig.start("asker", (context) => ({
    receive(note: Note) {
      order.push(note.kind);
      if (note.kind !== "go") return;
      const port = context.port("server");
      if (port === null) return;
      const run = async (): Promise<void> => {
        const number = await context.ask<number>(port, { kind: "question", number: 42 }, { deadlineMs: 1000 });
        order.push(`continued ${number}`);
        await Promise.resolve();
        // Acting is allowed only inside a turn: this would throw outside one.
        context.tell(port, { kind: "thanks", number: 0 });
        order.push("acted");
      };
      void run();
    },
    flush: () => void order.push("flush"),
  }));
  rig.wire("asker", "server");
  await new Promise((resolve) => setTimeout(resolve, 5));
  order.length = 0;
  await rig.start("driver", () => ({ receive() {} }));
  rig.wire("driver", "asker");
  rig.tell("driver", "asker", { kind: "go" });
  rig.tell("driver", "asker", { kind: "other" });
  await until(() => order.includes("acted") && order.at(-1) === "flush");
  t.deepEqual(order.slice(order.indexOf("go")), ["go", "other", "flush", "continued 42", "acted", "flush"]);
  t.deepEqual(rig.ended, []);
});

test("a chain of actors in one thread is done in one pass of the loop", async (t) => {
  const rig = new Rig(systemClock, { passMsMax: 1000 });
  let arrivedIn = 0;
  await rig.start("gateway", () => ({
    receive() {
      arrivedIn = rig.host.scheduler.passes;
    },
  }));
  await rig.start("shard", (context) => ({
    receive(note: Note) {
      const port = context.port(note.kind === "committed" ? "gateway" : "replica");
      if (port !== null) context.tell(port, note);
    },
  }));
  await rig.start("replica", (context) => ({
    receive(note: Note) {
      const port = context.port("shard");
      if (port !== null) context.tell(port, { ...note, kind: "committed" });
    },
  }));
  rig.wire("gateway", "shard");
  rig.wire("shard", "replica");
  await new Promise((resolve) => setTimeout(resolve, 5));
  const before = rig.host.scheduler.passes;
  rig.tell("gateway", "shard", { kind: "request" });
  await until(() => arrivedIn > 0);
  t.is(arrivedIn, before + 1);
});

test("events that are ready together make one flush", async (t) => {
  const rig = new Rig(systemClock);
  let flushes = 0;
  await rig.start("gateway", () => ({ receive() {}, flush: () => void flushes++ }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  flushes = 0;
  for (let at = 0; at < 64; at++) rig.act("gateway", () => {});
  await until(() => flushes > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(flushes, 1);
});

test("isolation: only exact-size byte arrays leave an actor", async (t) => {
  const mustHold = "isolation: only exact-size byte arrays leave an actor";
  const pooled = Buffer.from("ten bytes.");
  t.true(pooled.buffer.byteLength > pooled.byteLength, "a small Buffer lies in a pool");
  const whole = new Uint8Array(100);
  for (const message of [
    { kind: "a", bytes: pooled },
    { kind: "a", bytes: whole.subarray(0, 10) },
    { kind: "a", chunks: [new Uint8Array(3), pooled] },
    { kind: "a", nested: { bytes: pooled } },
  ]) {
    t.throws(() => messageBytes(message), { message: new RegExp(mustHold) });
  }
  t.notThrows(() => messageBytes({ kind: "a", bytes: whole, view: new Uint8Array(new SharedArrayBuffer(100), 10, 5) }));
  const rig = virtualRig();
  await rig.start("sender", () => ({ receive() {} }));
  await rig.start("receiver", () => ({ receive() {} }));
  rig.wire("sender", "receiver");
  await rig.clock.settle();
  rig.tell("sender", "receiver", { kind: "leak", bytes: pooled });
  await rig.clock.settle();
  t.regex(rig.ended[0]?.error?.message ?? "", new RegExp(mustHold));
  t.is(rig.ended[0]?.path, "test/sender");
  t.is(rig.ended[0]?.error?.code, "assertionFailed");
});

test("byte fields are handed over, once each, when asked for; small ones are copied", (t) => {
  const large = new Uint8Array(4096);
  t.deepEqual(transferables({ kind: "a", bytes: large, again: large, small: new Uint8Array(8) }), [large.buffer]);
  t.is(transferables({ kind: "a", bytes: new Uint8Array(new SharedArrayBuffer(4096)) }).length, 0);
});

test("isolation: a running actor acts only inside a turn", async (t) => {
  const rig = virtualRig();
  await rig.start("a", () => ({ receive() {} }));
  await rig.start("b", () => ({ receive() {} }));
  rig.wire("a", "b");
  await rig.clock.settle();
  const port = rig.context("a").port("b");
  t.not(port, null);
  if (port === null) return;
  t.throws(() => rig.context("a").tell(port, { kind: "stray" }), {
    message: /isolation: a running actor acts only inside a turn/,
  });
  t.throws(() => rig.context("a").after(1, { kind: "stray" }), {
    message: /isolation: a running actor acts only inside a turn/,
  });
});

test("timers come as messages to oneself, behind what waits, and not after a cancel or the end", async (t) => {
  const rig = virtualRig();
  const seen: string[] = [];
  await rig.start("a", (context) => ({
    receive(note: Note, envelope) {
      seen.push(`${note.kind} ${context.monotonic()} ${envelope.sender}`);
    },
  }));
  rig.act("a", (context) => {
    context.after(10, { kind: "tick" });
    context.after(20, { kind: "never" }).cancel();
    context.after(50, { kind: "afterTheEnd" });
  });
  await rig.clock.advance(30);
  rig.host.kill("test/a");
  await rig.clock.advance(100);
  t.deepEqual(seen, ["tick 10 test/a"]);
});

test("a stream stays within its credits, says busy, and ends exactly once", async (t) => {
  const rig = virtualRig();
  const sent: string[] = [];
  let sender: StreamSender<{ number: number }> | null = null;
  let next = 0;
  const pump = (): void => {
    if (sender === null) return;
    for (;;) {
      const result = sender.send({ number: next });
      if (result !== "accepted") {
        sent.push(`${result} after ${next}`);
        return;
      }
      next++;
    }
  };
  await rig.start("producer", (context) => ({
    receive(_note: Note, envelope) {
      sender = context.acceptStream(envelope);
      sender.onCredit = pump;
      sender.onCancel = () => void sent.push("cancelled");
      pump();
    },
  }));
  const received: number[] = [];
  const ends: string[] = [];
  const receivers: StreamReceiver[] = [];
  await rig.start("consumer", () => ({ receive() {} }));
  rig.wire("consumer", "producer");
  await rig.clock.settle();
  const open = (): void =>
    rig.act("consumer", (context) => {
      const port = context.port("producer");
      if (port === null) return;
      const stream = context.openStream<{ number: number }>(
        port,
        { kind: "subscribe" },
        {
          credits: 3,
          onItem: (item) => void received.push(item.number),
          onEnd: (error) => void ends.push(error === null ? "end" : error.code),
        },
      );
      if (stream !== null) receivers.push(stream);
    });
  open();
  await rig.clock.settle();
  t.deepEqual(received, [0, 1, 2]);
  t.deepEqual(sent, ["busy after 0", "busy after 3"]);
  rig.act("consumer", () => receivers[0]?.grant(2));
  await rig.clock.settle();
  t.deepEqual(received, [0, 1, 2, 3, 4]);
  rig.act("producer", () => {
    sender?.end();
    sender?.fail(new Error("too late"));
  });
  await rig.clock.settle();
  t.deepEqual(ends, ["end"]);
  open();
  await rig.clock.settle();
  rig.act("consumer", () => receivers[1]?.cancel());
  await rig.clock.settle();
  t.is(sent.at(-1), "cancelled");
  t.deepEqual(ends, ["end"]);
  open();
  await rig.clock.settle();
  rig.host.kill("test/producer");
  await rig.clock.settle();
  t.deepEqual(ends, ["end", "actorGone"]);
});

test("a monitor says Down exactly once, also of one that is gone already", async (t) => {
  const rig = virtualRig();
  const downs: string[] = [];
  const unwired: string[] = [];
  await rig.start("a", () => ({ receive() {}, unwired: (id, down) => void unwired.push(`${id} ${down.reason}`) }));
  await rig.start("b", () => ({
    receive() {
      throw new Error("boom");
    },
  }));
  rig.wire("a", "b");
  await rig.clock.settle();
  rig.act("a", (context) => {
    context.monitor("b", (down) => void downs.push(`first ${down.reason} ${down.error?.message}`));
    context.monitor("b", () => void downs.push("cancelled")).cancel();
  });
  rig.tell("a", "b", { kind: "x" });
  await rig.clock.settle();
  rig.act("a", (context) => void context.monitor("b", (down) => void downs.push(`second ${down.reason}`)));
  await rig.clock.settle();
  t.deepEqual(downs, ["first crashed boom", "second gone"]);
  t.deepEqual(unwired, ["b crashed"]);
});

test("a suspended actor receives nothing and loses nothing; a trace shows what it received", async (t) => {
  const rig = virtualRig();
  const seen: (number | undefined)[] = [];
  await rig.start("a", () => ({ receive() {} }));
  await rig.start("b", () => ({ receive: (note: Note) => void seen.push(note.number) }));
  rig.wire("a", "b");
  await rig.clock.settle();
  rig.host.sys("test/b", "suspend");
  rig.host.sys("test/b", "traceOn");
  for (const number of [1, 2, 3]) rig.tell("a", "b", { kind: "n", number });
  await rig.clock.advance(50);
  t.deepEqual(seen, []);
  const report = rig.host.reports().find((one) => one.path === "test/b");
  t.is(report?.state, "suspended");
  t.is(report?.mailboxCount, 3);
  t.is(report?.mailboxAgeMs, 50);
  rig.host.sys("test/b", "resume");
  await rig.clock.settle();
  t.deepEqual(seen, [1, 2, 3]);
  const trace = rig.host.sys("test/b", "traceOff") as readonly { kind: string; sender: string }[];
  t.deepEqual(
    trace.map((entry) => `${entry.sender} ${entry.kind}`),
    ["test/a n", "test/a n", "test/a n"],
  );
});

test("a poison message is set aside and its asker told", async (t) => {
  const rig = virtualRig();
  const crash = (): never => {
    throw new Error("bad op");
  };
  await rig.start("a", () => ({ receive() {} }));
  await rig.start("b", () => ({ receive: (note: Note) => (note.text === "bad" ? crash() : undefined) }));
  rig.wire("a", "b");
  await rig.clock.settle();
  rig.tell("a", "b", { kind: "op", text: "bad", epoch: 1 });
  await rig.clock.settle();
  const identity = rig.ended[0]?.identity;
  t.truthy(identity);
  const seen: string[] = [];
  await rig.start("b", () => ({ receive: (note: Note) => void seen.push(note.text ?? "") }), {
    poison: [identity ?? ""],
  });
  rig.wire("a", "b");
  await rig.clock.settle();
  const codes: string[] = [];
  rig.act("a", (context) => {
    const port = context.port("b");
    if (port === null) return;
    context.request(port, { kind: "op", text: "bad", epoch: 9 }, { deadlineMs: 100 }, (outcome) => {
      codes.push(outcome.ok ? "ok" : outcome.error.code);
    });
    context.tell(port, { kind: "op", text: "good" });
  });
  await rig.clock.settle();
  t.deepEqual(seen, ["good"]);
  t.deepEqual(codes, ["poisonMessage"]);
  t.deepEqual(rig.poisoned, ["test/b op"]);
});

test("isolation: one turn at a time", (t) => {
  const passes: (() => void)[] = [];
  const clock = { ...systemClock, immediate: (run: () => void) => void passes.push(run) };
  const scheduler = new Scheduler(clock, null);
  const actor = { queued: false, visit: () => false };
  scheduler.runnable(actor);
  t.throws(() => scheduler.turn(actor, () => passes[0]?.()), { message: /isolation: one turn at a time/ });
});

test("isolation: a promise of an actor is settled in its turn", (t) => {
  const scheduler = new Scheduler(new VirtualClock(), null);
  t.throws(() => scheduler.lingerForMicrotasks({ queued: false, visit: () => false }), {
    message: /isolation: a promise of an actor is settled in its turn/,
  });
});

test("order: a newer wiring has a larger epoch", async (t) => {
  const rig = virtualRig();
  await rig.start("a", () => ({ receive() {} }));
  await rig.start("b", () => ({ receive() {} }));
  rig.host.wireLocal("test/a", "test/b", 9 as Epoch);
  t.throws(() => rig.host.wireLocal("test/a", "test/b", 8 as Epoch), {
    message: /order: a newer wiring has a larger epoch/,
  });
});
