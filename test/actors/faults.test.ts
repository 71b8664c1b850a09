/** Actors driven by hand through situations that a running node meets rarely. */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { keeperDefinition } from "../../actors/keeper/actor.js";
import type { KeeperMessage } from "../../actors/keeper/messages.js";
import { replicaDefinition } from "../../actors/replica/actor.js";
import { Checkpointer } from "../../actors/shard/checkpointer.js";
import { realMachine } from "../../actors/shard/machine.js";
import { openState } from "../../actors/shard/state-files.js";
import { VersionHeaderWriter } from "../../actors/shard/version-header.js";
import { openDataDirectory, shardDirectory } from "../../actors/supervisor/data-directory.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { defaultGeometry, placePrepare, segmentPath } from "../../runtime/storage/log-geometry.js";
import { logBeginning } from "../../runtime/storage/log-position.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { superblockPath } from "../../runtime/storage/superblock.js";
import { CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { logSegmentBytes, sectorBytes } from "../../runtime/types/limits.js";
import { appendAlone } from "../storage/append-alone.js";
import { FakeContext } from "./fake-context.js";
import { startShard, temporary, wishes } from "./started-shard.js";

test("a lost kimberlite.json beside shards that were used is an error, and nothing is removed", async (t) => {
  const { path, remove } = await temporary();
  await remove();
  const opened = await openDataDirectory(path, wishes);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory: shardDirectory(path, 1) });
  appendAlone(log, 0, 100, 1, 1_000, 0);
  log.close();
  superblock.close();
  await opened.claim.release();
  renameSync(join(path, "kimberlite.json"), join(path, ".moved"));
  await t.throwsAsync(openDataDirectory(path, wishes), { code: "dataMissing", message: /kimberlite\.json is gone/ });
  renameSync(join(path, ".moved"), join(path, "kimberlite.json"));
  const again = await openDataDirectory(path, wishes);
  const reopened = openReplica({ disk: new RealDisk(), directory: shardDirectory(path, 1) });
  t.is(reopened.log.op, 1, "the acknowledged prepare is still there");
  reopened.log.close();
  reopened.superblock.close();
  await again.claim.release();
  rmSync(path, { recursive: true, force: true });
});

test("a first start that was interrupted before it wrote kimberlite.json is begun again", async (t) => {
  const { path, remove } = await temporary();
  t.teardown(remove);
  const inner = join(path, "inner");
  const first = await openDataDirectory(inner, wishes);
  await first.claim.release();
  rmSync(join(inner, "kimberlite.json"));
  const second = await openDataDirectory(inner, wishes);
  t.true(second.isNew);
  await second.claim.release();
});

test("what stood behind a refused prepare is dropped, what follows is taken at any address", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const context = new FakeContext();
  context.wire("shard-1");
  const directory = shardDirectory(path, 1);
  const replica = (await replicaDefinition.create(context, {
    directory,
    clusterId,
    self: 0,
    shard: "shard-1",
    keeper: "keeper-1",
    peers: null,
  })) as Actor<unknown>;
  replica.receive({ kind: "openLog" }, context.envelope("shard-1"));
  const propose = (op: number, address: number): void =>
    replica.receive(
      { kind: "propose", view: 0, op, address, bodyBytes: 10, recordCount: 1, time: op },
      context.envelope("shard-1"),
    );
  // Op 1 was refused (say); op 2 stood behind it.
  propose(2, sectorBytes);
  t.is(context.toldOf("committed").length, 0);
  // The next try of op 1 may begin at another place, such as the next segment.
  propose(1, 0);
  t.is(context.toldOf("committed").length, 1);
  // Op 1 once more is no op of this log.
  propose(1, sectorBytes);
  t.is(context.toldOf("committed").length, 1);
  await replica.stop?.();
});

test("a shard that drains refuses a command instead of failing", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId);
  await shard.drain?.();
  const message = { kind: "command", requestKind: 20, tenant: 0, principal: "node", body: new Uint8Array(40) } as const;
  shard.receive(message, context.envelope("projection-1.0"));
  t.like(context.replies.at(-1)?.error, { code: "draining" });
  stop();
});

test("a projection is told once where the state is, although its port is seen before `wired` is heard", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId);
  const port = context.port("projection-1.0");
  if (port === null) throw new Error("a port that was wired is open");
  shard.wired?.("projection-1.0", port, port.epoch);
  t.is(context.toldOf("attach").length, 1);
  const renewed = context.wire("projection-1.0", 2);
  shard.wired?.("projection-1.0", renewed, renewed.epoch);
  t.is(context.toldOf("attach").length, 2);
  stop();
});

test("the name of a new page file is durable before a checkpoint is in it", (t) => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/shard");
  const args = { directory: "/shard", clusterId: new Uint8Array(16).fill(7), cacheBytes: 8 * 1024 * 1024 };
  const { store } = openState(args, null, { ...realMachine, disk });
  store.close();
  disk.restart(() => 0);
  t.not(disk.status("/shard/pages"), null);
});

test("a state whose rows another program laid out is derived from the log anew", (t) => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/shard");
  const args = { directory: "/shard", clusterId: new Uint8Array(16).fill(7), cacheBytes: 8 * 1024 * 1024 };
  const machine = { ...realMachine, disk };
  const position = { ...logBeginning(args.clusterId), op: 5, address: 4096 };
  const reopened = (layout: number): ReturnType<typeof openState> => {
    const { store } = openState(args, null, machine);
    const header = new VersionHeaderWriter().encode(5, 4096, 9).slice();
    header[0] = layout;
    store.publish(store.seal(header));
    const job = store.beginCheckpoint();
    if (job === null) throw new Error("a new version is to be written");
    const file = disk.open("/shard/pages", "fdatasync");
    const writer = new CheckpointWriter(store.handle, file);
    while (!writer.runSlice(job, 64));
    file.close();
    store.close();
    return openState(args, { position, record: encodeCheckpointRecord(checkpointRecord(job)) }, machine);
  };
  const earlier = reopened(1);
  t.is(earlier.from.op, 0);
  t.regex(earlier.rebuilt ?? "", /a state of layout 1/);
  t.not(disk.status("/shard/pages.damaged"), null);
  const present = reopened(2);
  t.is(present.from.op, 5);
  t.is(present.rebuilt, null);
});

test("a state that is derived again names no checkpoint older than the one that the superblock names", (t) => {
  const context = new FakeContext();
  context.wire("keeper-1");
  context.wire("replica-1");
  const done = { version: 2, written: 0, entries: [], chain: [], chainWritten: 0, isSynced: true, freeNumbers: [] };
  let completed = 0;
  const store = {
    cachePressure: 0,
    handle: { chunks: [] },
    beginCheckpoint: () => done,
    completeCheckpoint: () => {
      completed += 1;
    },
  };
  const args = { replica: "replica-1", keeper: "keeper-1", checkpointBytes: 1, checkpointMs: 1_000 };
  const checkpointer = new Checkpointer(context, args, store as never, 0, 100, () => {});
  for (const [op, saves] of [
    [40, false],
    [100, true],
  ] as const) {
    checkpointer.runNow({ op, address: op * 4_096, parent: new Uint8Array(32), timestamp: op });
    context.asked.shift()?.settle({ ok: true, value: done as never });
    const saved = context.asked.shift();
    t.is(saved?.message.kind, saves ? "saveCheckpoint" : undefined, `op ${op}`);
    saved?.settle({ ok: true, value: true as never });
    t.false(checkpointer.isBusy, `op ${op}`);
  }
  t.is(completed, 2);
});

test("a keeper makes the seals that a crash left out, and scrubs segments of earlier lives", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const directory = shardDirectory(path, 1);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  let op = 0;
  while (log.end <= 2 * logSegmentBytes) {
    const bytes = 9 * 1024 * 1024;
    const address = placePrepare(defaultGeometry, log.end, bytes);
    log.tail.reserve(address + bytes + sectorBytes);
    appendAlone(log, address, bytes, 1, ++op, log.op);
  }
  log.close();
  superblock.close();
  const context = new FakeContext();
  const replica = await replicaDefinition.create(context, {
    directory,
    clusterId,
    self: 0,
    shard: "shard-1",
    keeper: "keeper-1",
    peers: null,
  });
  replica.wired?.("keeper-1", context.wire("keeper-1"), 1 as Epoch);
  const [opened] = context.toldOf("logOpened");
  t.is(opened?.message["complete"], 2);
  const keeper = (await keeperDefinition.create(context, {
    directory,
    clusterId,
    replica: "replica-1",
    scrubBytesPerSecond: 1 << 30,
  })) as Actor<KeeperMessage>;
  keeper.receive({ kind: "logOpened", complete: 2 }, context.envelope("replica-1"));
  keeper.receive({ kind: "work" }, context.envelope("self"));
  keeper.receive({ kind: "work" }, context.envelope("self"));
  keeper.receive({ kind: "scrub" }, context.envelope("self"));
  const numbers = keeper.inspect?.() ?? {};
  t.is(numbers["segmentsSealed"], 2);
  t.true(Number(numbers["scrubbedBytes"]) > logSegmentBytes, "segments were read");
  t.is(numbers["damageFound"], 0);
  context.wire("replica-1");
  // The second prepare of the first segment, in its body.
  const file = segmentPath(directory, defaultGeometry, 0);
  const handle = openSync(file, "r+");
  writeSync(handle, new Uint8Array(8).fill(0xa5), 0, 8, 9 * 1024 * 1024 + 100_000);
  closeSync(handle);
  for (let second = 0; second < 8; second++) keeper.receive({ kind: "scrub" }, context.envelope("self"));
  const [told] = context.toldOf("damaged");
  t.is(told?.to, "replica-1");
  t.like(told?.message["from"], { op: 1 }, "the replica hears behind which operation, and asks the others");
  await keeper.stop?.();
  await replica.stop?.();
});

test("damage that stays is said once an hour and counted once, however often the scrubber meets it", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const directory = shardDirectory(path, 1);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  log.close();
  superblock.close();
  const file = superblockPath(directory);
  const bytes = readFileSync(file);
  bytes.fill(0x55, 0, 100);
  writeFileSync(file, bytes);
  const context = new FakeContext();
  const args = { directory, clusterId, replica: "replica-1", scrubBytesPerSecond: 1 << 20 };
  const keeper = (await keeperDefinition.create(context, args)) as Actor<KeeperMessage>;
  const scrubFor = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      context.time += 1_000;
      keeper.receive({ kind: "scrub" }, context.envelope("self"));
    }
  };
  scrubFor(30);
  t.true(Number(keeper.inspect?.()["scrubTours"]) >= 30, "each look met it");
  t.deepEqual(
    context.errors.map(({ message }) => message),
    ["damage on disk"],
  );
  context.time += 3_600_000;
  scrubFor(2);
  t.is(context.errors.length, 2);
  t.is(keeper.inspect?.()["damageFound"], 1);
  await keeper.stop?.();
});
