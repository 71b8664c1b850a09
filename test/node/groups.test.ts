/** Consumer groups over a running node: answers, failed attempts, parking, leases that run out, and a projection that dies midway. */
import test from "ava";
import { connect, type SubscribedEvent } from "../../protocol/sdk/index.js";
import { eventually, pause, scratch, startChild } from "./node-child.js";

const name = "workers";

test.serial(
  "members share a stream; what fails comes again and is parked in the end; what is parked can be brought back",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await using db = await connect(node.target);
    const main = db.tenant("main");
    const stream = await main.streams.create("jobs");
    await main.groups.create("jobs", name, { attemptsMax: 2 });
    await stream.append(Array.from({ length: 40 }, (_, i) => `job ${i}`));
    const controller = new AbortController();
    const attempts = new Map<number, number[]>();
    const done = new Set<number>();
    const work = async (): Promise<void> => {
      for await (const event of stream.subscribe({ group: name, credits: 8, signal: controller.signal })) {
        const offset = Number(event.offset);
        attempts.set(offset, [...(attempts.get(offset) ?? []), event.attempt]);
        if (offset === 7) await event.nack();
        else if (offset === 9) await event.park();
        else {
          await event.ack();
          if (done.has(offset)) t.fail(`offset ${offset} was done with twice`);
          done.add(offset);
        }
      }
    };
    const members = [work(), work(), work()];
    await eventually("all are done with or parked", async () => {
      const group = await main.groups.get("jobs", name, { consistency: "linearizable" });
      return group.floor === 40n && group.parked === 2;
    });
    t.is(done.size, 38);
    t.deepEqual(attempts.get(7), [1, 2], "a failed event is given out as often as the group says");
    const group = await main.groups.get("jobs", name);
    t.deepEqual(
      group.parkedEvents.map(({ offset, reason }) => ({ offset, reason })),
      [
        { offset: 7n, reason: "attempts" },
        { offset: 9n, reason: "asked" },
      ],
    );
    t.is(await main.groups.discardParked("jobs", name, [9]), 1);
    t.is(await main.groups.replayParked("jobs", name), 1);
    // A second failure of an event that is being retried already changes none of the group's counts.
    await eventually("the replayed event failed again", () => (attempts.get(7) ?? []).length === 4);
    controller.abort();
    await Promise.all(members);
  },
);

test.serial("a member that takes an event and says nothing loses it to another when its time is up", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t) });
  await using silentDb = await connect(node.target);
  await using db = await connect(node.target);
  const stream = await db.tenant("main").streams.create("jobs");
  await db.tenant("main").groups.create("jobs", name, { answerTimeoutMs: 400 });
  await stream.append("job");
  const silent = silentDb.tenant("main").stream("jobs").subscribe({ group: name });
  const taken = await silent.next();
  t.is(taken.value?.attempt, 1);
  const other = stream.subscribe({ group: name });
  const began = performance.now();
  const given = await other.next();
  t.is(given.value?.offset, 0n);
  t.is(given.value?.attempt, 2, "a lease that ran out counts as an attempt");
  t.true(performance.now() - began < 8_000);
  await given.value?.ack();
  silent.close();
  other.close();
  t.is((await db.tenant("main").groups.get("jobs", name, { consistency: "linearizable" })).floor, 1n);
});

test.serial("a member that goes away gives back what it had not answered", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t) });
  const gone = await connect(node.target);
  await using db = await connect(node.target);
  const stream = await db.tenant("main").streams.create("jobs");
  await db.tenant("main").groups.create("jobs", name);
  await stream.append(["a", "b", "c"]);
  const leaving = gone.tenant("main").stream("jobs").subscribe({ group: name });
  t.is((await leaving.next()).value?.offset, 0n);
  await gone.close(0);
  const staying = stream.subscribe({ group: name });
  const seen: SubscribedEvent[] = [];
  for (let i = 0; i < 3; i++) {
    const event = (await staying.next()).value;
    if (event === undefined) break;
    seen.push(event);
    await event.ack();
  }
  staying.close();
  t.deepEqual(seen.map((event) => event.offset).sort(), [0n, 1n, 2n]);
});

test.serial(
  "a projection, a shard and the whole node end while a group works: every event is done with, none is lost",
  async (t) => {
    const dataDirectory = scratch(t);
    let node = await startChild(t, { dataDirectory, layout: "threads" });
    const { port } = node;
    const db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("jobs");
    await db.tenant("main").groups.create("jobs", name, { attemptsMax: 0, answerTimeoutMs: 2_000 });
    const count = 400;
    for (let from = 0; from < count; from += 50)
      await stream.append(Array.from({ length: 50 }, (_, i) => `${from + i}`));
    const controller = new AbortController();
    const given = new Set<number>();
    const done = new Set<number>();
    const work = async (): Promise<void> => {
      for await (const event of stream.subscribe({ group: name, credits: 16, signal: controller.signal })) {
        given.add(Number(event.offset));
        await pause(2);
        // An answer that is lost is given again with the event: at least once.
        try {
          await event.ack();
          done.add(Number(event.offset));
        } catch {
          continue;
        }
      }
    };
    const members = [work(), work()];
    await eventually("work", () => done.size > 40);
    await node.terminateWorker("projection-1.0");
    const afterFirst = done.size;
    await eventually("work goes on", () => done.size > afterFirst + 40, 20_000);
    await node.terminateWorker("shard-1");
    const afterSecond = done.size;
    await eventually("work goes on", () => done.size > afterSecond + 40, 20_000);
    await node.kill();
    node = await startChild(t, { dataDirectory, layout: "threads", listen: { host: "127.0.0.1", port } });
    await eventually(
      "all is done with",
      async () => (await db.tenant("main").groups.get("jobs", name, { timeoutMs: 20_000 })).floor === BigInt(count),
      30_000,
    );
    controller.abort();
    await Promise.all(members);
    await db.close();
    t.is(given.size, count, "every event was given out");
  },
);
