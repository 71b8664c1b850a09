/** A tenant moves between shards while it takes writes: no loss, no double, order and positions kept, also when the node dies midway. */
import test from "ava";
import { connect, type Database } from "../../protocol/sdk/index.js";
import { sum } from "../faults/load.js";
import { checkStreams } from "../faults/stream-check.js";
import { verifyDirectory } from "../faults/verify-directory.js";
import { loadFor } from "./load-for.js";
import { eventually, pause, scratch, startChild } from "./node-child.js";

/** Positions of everything that the writers' streams hold, each once, from the first on without a gap. */
async function positionsOf(db: Database, writers: number): Promise<bigint[]> {
  const positions = new Set<bigint>();
  for (let writer = 0; writer < writers; writer++) {
    const stream = db.tenant("main").stream(`writer-${writer}`);
    positions.add((await stream.info()).createdPosition);
    for await (const event of stream.events({ limit: 10_000 })) positions.add(event.position);
  }
  return [...positions].sort((a, b) => (a < b ? -1 : 1));
}

test.serial(
  "a tenant moves to and fro under load: nothing is lost or doubled, and its positions have no gap",
  async (t) => {
    const dataDirectory = scratch(t);
    const node = await startChild(t, { dataDirectory, shards: 2 });
    const writers = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 2 });
    await using db = await connect(node.target);
    const subscription = db.tenant("main").stream("writer-0").subscribe();
    let followed = 0;
    const following = (async () => {
      for await (const event of subscription) {
        if (Number(event.offset) !== followed) throw new Error(`offset ${event.offset} where ${followed} was due`);
        followed += 1;
      }
    })();
    let moves = 0;
    for (const shard of [2, 1, 2]) {
      const before = sum(writers, (writer) => writer.acknowledged);
      await eventually("load", () => sum(writers, (writer) => writer.acknowledged) > before + 300);
      await db.tenants.move("main", shard, { timeoutMs: 20_000 });
      moves += 1;
      const info = await db.tenants.get("main");
      t.is(info.shard, shard);
      t.is(info.more["state"], "active");
      const at = performance.now();
      await eventually("writes go on after the move", () => writers.every((writer) => writer.acknowledgedAt > at));
    }
    t.is(moves, 3);
    t.is(await node.number("directory", "moves"), 3);
    for (const writer of writers) await writer.settle();
    t.deepEqual((await checkStreams(db, "main", writers)).violations, []);
    const positions = await positionsOf(db, writers.length);
    t.deepEqual(
      positions,
      Array.from({ length: positions.length }, (_, index) => BigInt(index)),
    );
    t.is(await db.tenant("main").position(), BigInt(positions.length - 1));
    const sent = writers[0]?.acknowledged ?? 0;
    await eventually("the subscription followed through the moves", () => followed === sent);
    subscription.close();
    await following;
    await t.throwsAsync(db.tenants.move("main", 9), { code: "shardUnknown" });
    await node.stop();
    t.deepEqual(verifyDirectory(dataDirectory).damage, []);
  },
);

test.serial(
  "a node that is killed in the middle of a move finishes or takes it back when it starts again",
  async (t) => {
    const dataDirectory = scratch(t);
    let node = await startChild(t, { dataDirectory, shards: 2 });
    const writers = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 4 });
    let midway = 0;
    let shard = 1;
    for (let round = 0; round < 4; round++) {
      const before = sum(writers, (writer) => writer.acknowledged);
      await eventually("load", () => sum(writers, (writer) => writer.acknowledged) > before + 500);
      const db = await connect(node.target);
      shard = (await db.tenants.get("main")).shard;
      const moving = db.tenants.move("main", 3 - shard).then(
        () => "moved",
        () => "unknown",
      );
      // Somewhere between the first fact and the last.
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 9));
      await node.kill();
      if ((await Promise.race([moving, db.close(0).then(() => "closed")])) !== "moved") midway += 1;
      node = await startChild(t, { dataDirectory, shards: 2 });
      const again = await connect(node.target);
      await eventually("the move has an end", async () => (await again.tenants.get("main")).more["state"] === "active");
      const at = performance.now();
      await eventually("writes go on", () => writers.every((writer) => writer.acknowledgedAt > at));
      await again.close();
    }
    t.true(midway > 0, "a kill met a move that had no answer yet");
    t.log(`${midway} of 4 kills met a move`);
    for (const writer of writers) await writer.settle();
    await using db = await connect(node.target);
    t.deepEqual((await checkStreams(db, "main", writers)).violations, []);
    const positions = await positionsOf(db, writers.length);
    t.deepEqual(
      positions,
      Array.from({ length: positions.length }, (_, index) => BigInt(index)),
    );
  },
);

test.serial(
  "a worker that ends in the middle of a move, on either side of it, costs no event and leaves no tenant stuck",
  async (t) => {
    const dataDirectory = scratch(t);
    const node = await startChild(t, { dataDirectory, shards: 2, layout: "threads" });
    const writers = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 4 });
    await using db = await connect(node.target);
    let midway = 0;
    for (const [round, victim] of ["directory", "shard-1", "shard-2", "projection-1.0", "shard-0"].entries()) {
      const before = sum(writers, (writer) => writer.acknowledged);
      await eventually("load", () => sum(writers, (writer) => writer.acknowledged) > before + 400, 20_000);
      const { shard } = await db.tenants.get("main", { timeoutMs: 20_000 });
      let isOver = false;
      const moving = db.tenants.move("main", 3 - shard, { timeoutMs: 20_000 }).then(
        () => void (isOver = true),
        () => void (isOver = true),
      );
      await pause(5 + round * 3);
      if (!isOver) midway += 1;
      await node.terminateWorker(victim);
      await moving;
      await eventually(
        `the move in which ${victim} ended has an end`,
        async () => (await db.tenants.get("main", { timeoutMs: 20_000 })).more["state"] === "active",
        20_000,
      );
      const at = performance.now();
      await eventually("writes go on", () => writers.every((writer) => writer.acknowledgedAt > at), 20_000);
    }
    t.true(midway > 0, "a worker ended while a move was under way");
    t.log(`${midway} of 5 met a move`);
    for (const writer of writers) await writer.settle();
    t.deepEqual((await checkStreams(db, "main", writers)).violations, []);
    const positions = await positionsOf(db, writers.length);
    t.deepEqual(
      positions,
      Array.from({ length: positions.length }, (_, index) => BigInt(index)),
    );
  },
);
