/** Scenarios that are worth naming, some of them the smallest case of a bug that a seed has found. In each every oracle looks on. */
import { readFileSync } from "node:fs";
import anyTest from "ava";
import { edited } from "./canaries.js";
import { canaries } from "./canary-table.js";
import { at } from "./event-at.js";
import { calm, linksOf, tell } from "./story.js";

/** One after the other: a run freezes the process's clocks, and marks are counted for the whole thread. */
const test = anyTest.serial;

test("nothing goes wrong: one view, every request answered", async (t) => {
  const { summary } = await tell(calm(), []);
  t.is(summary.views, 1);
  t.is(summary.answered, summary.requests);
});

for (const [who, replica] of [
  ["the primary", 1],
  ["a backup", 2],
] as const) {
  for (const way of ["both", "out", "in"] as const) {
    test(`${who} is cut off (${way}) for three seconds: few views, and it comes back`, async (t) => {
      const links = linksOf(replica, 3, way);
      const { summary } = await tell(calm(), [at(500, { kind: "partition", links, forMs: 3_000 })]);
      t.true(summary.views <= 4, `${summary.views} views`);
      t.true(summary.answered > 20);
    });
  }
}

test("a primary stands still for three seconds (SIGSTOP): another leads, and no confirmation is stale when it goes on", async (t) => {
  const { summary } = await tell(calm({ confirmShare: 1 }), [at(500, { kind: "pause", replica: 1, forMs: 3_000 })]);
  t.true(summary.views >= 2);
});

test("the power of all goes at one instant, three times", async (t) => {
  const cuts = [300, 900, 1_700].map((ms) => at(ms, { kind: "blackout", downMs: 20 }));
  const { summary } = await tell(calm(), cuts);
  t.is(summary.faults["blackout"], 3);
  t.is(summary.starts, 12);
});

test("one replica alone: the power goes within a write, again and again", async (t) => {
  const cuts = [100, 400, 700, 1_000, 1_300].map((ms, index) =>
    at(ms, { kind: "powerCut", replica: 0, operation: index + 1, downMs: 20 }),
  );
  const { summary } = await tell(calm({ replicas: 1 }), cuts);
  t.is(summary.starts, 6);
  t.true(summary.answered > 30);
});

test("two replicas: one down stops everything, and nothing is lost when it comes back", async (t) => {
  const { summary } = await tell(calm({ replicas: 2 }), [at(300, { kind: "kill", replica: 0, downMs: 2_000 })]);
  t.is(summary.unrecoverable, null);
});

test("four replicas commit with two copies: two down stop it, since a view needs three", async (t) => {
  const { summary } = await tell(calm({ replicas: 4 }), [
    at(300, { kind: "kill", replica: 2, downMs: 3_000 }),
    at(300, { kind: "kill", replica: 3, downMs: 3_000 }),
  ]);
  t.is(summary.views, 1, "the primary and one backup are a replication quorum");
  t.true(summary.answered > 50);
});

test("a doubt of a later view is joined: the primary of that view is gone for ever, and the third replica never heard of it", async (t) => {
  const { summary, marks } = await tell(calm(), [
    at(300, { kind: "kill", replica: 1, downMs: 2_700 }),
    at(2_900, { kind: "lose", replica: 2 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true((marks["doubtMovesView"] ?? 0) > 0);
});

test("a primary that restarts unsure of its head falls silent: the others move on, and it learns its head from them", async (t) => {
  const { summary, marks } = await tell(calm({ requestsMax: 20, requestMicros: 10_000 }), [
    at(900, { kind: "latent", replica: 1, zone: "log", where: 0.93, how: "flip" }),
    at(901, { kind: "kill", replica: 1, downMs: 1 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true((marks["startsWithUncertainHead"] ?? 0) > 0);
  t.true((marks["headBecomesCertain"] ?? 0) > 0);
});

test("damage further back than the header ring reaches: what follows it says what is committed", async (t) => {
  const { summary } = await tell(calm({ requestsMax: 60, requestMicros: 5_000 }), [
    at(900, { kind: "latent", replica: 2, zone: "log", where: 0.3, how: "flip" }),
    at(901, { kind: "blackout", downMs: 20 }),
    at(2_500, { kind: "kill", replica: 1, downMs: 2_000 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true(summary.views >= 2);
});

test("the header ring cannot be read, and the log begins at a checkpoint", async (t) => {
  const { summary, marks } = await tell(calm({ checkpointEvery: 3 }), [
    at(900, { kind: "unreadable", replica: 2, zone: "headers", where: 0.1 }),
    at(901, { kind: "kill", replica: 2, downMs: 10 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true((marks["ringSectorUnreadable"] ?? 0) > 0);
});

test("a disk is lost and its replica recovered: it says nothing before it is known again, and then holds everything", async (t) => {
  const { summary, marks } = await tell(calm({ fresh: true }), [at(1_000, { kind: "wipe", replica: 2, downMs: 50 })]);
  t.is(summary.unrecoverable, null);
  t.true((marks["replacedComesBack"] ?? 0) > 0);
  t.true((marks["freshBecomesMember"] ?? 0) > 0);
});

test("a standby is promoted in the place of a lost voter: it has the log, waits for a view, and an empty one stands by after it", async (t) => {
  const { summary, marks } = await tell(calm({ fresh: true, standbys: 1 }), [
    at(1_000, { kind: "promote", replica: 1, standby: 3, downMs: 50 }),
    at(1_500, { kind: "kill", replica: 0, downMs: 400 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.is(summary.faults["promote"], 1);
  t.true((marks["replacedComesBack"] ?? 0) > 0);
  t.true(summary.answered > 20);
});

test("one of three fresh replicas is lost before all have met it: the last never becomes a member, and the run says that that is why", async (t) => {
  const { summary, marks } = await tell(calm({ fresh: true, faultsAtOnce: true }), [
    at(0, { kind: "kill", replica: 0, downMs: 1_000 }),
    at(500, { kind: "lose", replica: 2 }),
  ]);
  t.regex(summary.unrecoverable ?? "", /^1 replicas never became members/u);
  t.is(marks["freshBecomesMember"], 1);
});

test("one of three fresh replicas comes late: all become members when it does, and the clients are served", async (t) => {
  const { summary, marks } = await tell(calm({ fresh: true, faultsAtOnce: true }), [
    at(0, { kind: "kill", replica: 0, downMs: 1_000 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.is(marks["freshBecomesMember"], 3);
  t.true(summary.answered > 20);
});

test("a disk is full for a while, on the primary and then everywhere", async (t) => {
  const full = [1, 0, 1, 2].map((replica, index) =>
    at(index === 0 ? 300 : 1_500, { kind: "full", replica, forMs: 700 }),
  );
  const { summary } = await tell(calm({ bodyBytesMax: 6_000, segmentBytes: 32 * 1024 }), full);
  t.is(summary.faults["full"], 4);
  t.is(summary.unrecoverable, null);
});

test("the primary's disk stays full: it leaves the lead to a replica with space, and clients are served", async (t) => {
  const options = calm({ bodyBytesMax: 6_000, segmentBytes: 32 * 1024, faultMs: 3_000 });
  const { summary } = await tell(options, [at(300, { kind: "full", replica: 1, forMs: 5_000 })]);
  t.true(summary.views >= 2);
  t.true(summary.answered > 100, `${summary.answered} of ${summary.requests} requests were answered`);
});

test("a write fails: that replica ends, starts again, and reads what its device holds", async (t) => {
  const { summary } = await tell(calm(), [at(400, { kind: "write", replica: 1, zone: "log", fault: "error" })]);
  t.is(summary.faults["error"], 1);
  t.is(summary.starts, 4);
});

test("a sync fails in a file system without direct writes: the same", async (t) => {
  const options = calm({ writeMode: "fdatasync" });
  const { summary } = await tell(options, [at(400, { kind: "write", replica: 2, zone: "log", fault: "syncError" })]);
  t.is(summary.faults["syncError"], 1);
  t.is(summary.starts, 4);
});

test("a header lands in another slot: recovery does not take it for one of that slot", async (t) => {
  const { summary } = await tell(calm(), [
    at(400, { kind: "write", replica: 2, zone: "headers", fault: "misdirected" }),
    at(600, { kind: "kill", replica: 2, downMs: 50 }),
  ]);
  t.is(summary.unrecoverable, null);
});

test("each replica's log is damaged somewhere else: all of it comes back", async (t) => {
  const { summary, marks } = await tell(calm({ requestMicros: 8_000 }), [
    at(900, { kind: "latent", replica: 0, zone: "log", where: 0.2, how: "zero" }),
    at(901, { kind: "latent", replica: 1, zone: "log", where: 0.45, how: "random" }),
    at(902, { kind: "latent", replica: 2, zone: "log", where: 0.7, how: "flip" }),
    at(910, { kind: "blackout", downMs: 20 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true((marks["preparesAsked"] ?? 0) + (marks["runAsked"] ?? 0) > 0);
});

test("an old prepare is damaged and nobody asks for it: the scrubber finds it, and it is written again from another replica", async (t) => {
  const options = calm({
    requestsMax: 200,
    requestMicros: 8_000,
    bodyBytesMax: 6_000,
    segmentBytes: 32 * 1024,
    scrubBytes: 1 << 20,
  });
  const { marks } = await tell(options, [
    at(2_500, { kind: "latent", replica: 2, zone: "log", where: 0.2, how: "flip" }),
    at(2_501, { kind: "latent", replica: 1, zone: "log", where: 0.4, how: "zero" }),
  ]);
  t.true((marks["damageMended"] ?? 0) >= 2, `${marks["damageMended"]}`);
});

test("a state that is derived from the log again meets damage before the checkpoint: the replay waits until another replica has given it", async (t) => {
  const options = calm({ workload: "kernel", checkpointEvery: 3, requestsMax: 200, requestMicros: 8_000 });
  const { summary, marks } = await tell(options, [
    at(2_500, { kind: "latent", replica: 2, zone: "log", where: 0.1, how: "flip" }),
    ...Array.from({ length: 12 }, (_, index) =>
      at(2_501, { kind: "latent", replica: 2, zone: "pages", where: index / 12, how: "zero" }),
    ),
    at(2_600, { kind: "kill", replica: 2, downMs: 10 }),
  ]);
  t.is(summary.unrecoverable, null);
  t.true((marks["damageMended"] ?? 0) > 0);
});

test("a disk forgets one write of a superblock copy, and the power goes within the next: that is no reason to give the disk up", async (t) => {
  for (const operation of [1, 2, 3, 4]) {
    const { summary } = await tell(calm(), [
      at(500, { kind: "write", replica: 2, zone: "superblock", fault: "lost" }),
      at(900, { kind: "pause", replica: 1, forMs: 1_500 }),
      at(950, { kind: "powerCut", replica: 2, operation, downMs: 20 }),
    ]);
    t.is(summary.halts, 0);
  }
});

test("a primary whose prepares do not arrive, while its heartbeats do, gives up", async (t) => {
  const { summary, marks } = await tell(calm({ muteReplica: 1, bodyBytesMax: 1_000 }), []);
  t.true((marks["primaryAbdicates"] ?? 0) > 0);
  t.true(summary.views >= 2);
});

test("a replica that was away for many segments asks for whole ones, and is brought back", async (t) => {
  const options = calm({ requestsMax: 300, requestMicros: 5_000, bodyBytesMax: 6_000, segmentBytes: 32 * 1024 });
  const { marks } = await tell(options, [at(200, { kind: "kill", replica: 2, downMs: 3_000 })]);
  t.true((marks["sealsAsked"] ?? 0) > 0);
  t.true((marks["runIntegrated"] ?? 0) + (marks["segmentInstalled"] ?? 0) > 0);
});

test("clocks jump by an hour in both directions: time in the log only grows", async (t) => {
  const { summary } = await tell(calm(), [
    at(300, { kind: "clockStep", replica: 1, byMs: 3_600_000 }),
    at(600, { kind: "clockStep", replica: 1, byMs: -3_600_000 }),
    at(900, { kind: "handover", replica: 1 }),
  ]);
  t.true(summary.answered > 40);
});

test("a state over the shipping shard: power cuts, handovers and a killed leader; clients see one history", async (t) => {
  const options = calm({ workload: "kernel", checkpointEvery: 3, requestsMax: 120, requestMicros: 10_000 });
  const { summary } = await tell(options, [
    at(700, { kind: "powerCut", replica: 0, operation: 3, downMs: 50 }),
    at(1_200, { kind: "handover", replica: 1 }),
    at(2_000, { kind: "kill", replica: 2, downMs: 500 }),
    at(3_000, { kind: "blackout", downMs: 20 }),
  ]);
  t.true(summary.answered > 40);
});

test("a state over SQL: transactions while the leader is killed, hands over, and a disk is full; none is half there, none that was answered is lost", async (t) => {
  const options = calm({ workload: "kernel", sqlClients: 2, requestsMax: 60, requestMicros: 10_000 });
  const { summary } = await tell(options, [
    at(700, { kind: "handover", replica: 1 }),
    at(1_000, { kind: "kill", replica: 1, downMs: 300 }),
    at(1_400, { kind: "full", replica: 2, forMs: 300 }),
    at(1_900, { kind: "blackout", downMs: 20 }),
  ]);
  const { committed = 0, refused = 0, checks = 0 } = summary.sql ?? {};
  t.true(committed > 20 && refused > 5, `${committed} committed, ${refused} refused`);
  t.true(checks > committed);
});

test("each canary changes a place of the compiled product that is there exactly once", (t) => {
  for (const canary of canaries) {
    for (const edit of canary.edits) {
      const text = readFileSync(new URL(`../../${edit.file}`, import.meta.url), "utf8");
      t.not(edited(text, edit), text, canary.id);
    }
  }
  t.is(canaries.length, 51);
});

test("a shard whose mailbox holds one message at a time: requests of other nodes are refused, answers wait, and everybody gets an answer", async (t) => {
  const busy = {
    workload: "kernel",
    sqlClients: 3,
    requestMicros: 1_000,
    requestsMax: 1_500,
    writeMicros: 3_000,
  } as const;
  const { summary } = await tell(calm({ ...busy, shardMailboxMax: 1, linksBreak: true }), []);
  t.true(summary.noRoom > 100, `${summary.noRoom} messages found no room`);
  t.is(summary.linksEnded, 0, "so little is kept until there is some");
  t.true(summary.answered > 100, `${summary.answered} were answered`);
});
