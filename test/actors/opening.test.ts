/** A shard that its replica tells things before it has its log. */
import test from "ava";
import type { ReplicaOpened } from "../../actors/replica/messages.js";
import { shardDefinition } from "../../actors/shard/actor.js";
import type { ShardMessage } from "../../actors/shard/messages.js";
import { shardDirectory } from "../../actors/supervisor/data-directory.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { headerBytes, prepareOperations } from "../../runtime/storage/frame.js";
import { positionBehind } from "../../runtime/storage/log-position.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { finishPrepare } from "../storage/append-alone.js";
import { FakeContext } from "./fake-context.js";
import { temporary } from "./started-shard.js";

test("what is told to be committed before the log is opened stands: a leader does not wait for it for ever", async (t) => {
  const { path, clusterId, remove } = await temporary();
  const directory = shardDirectory(path, 1);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  const frame = new Uint8Array(headerBytes + 8);
  const prepare = finishPrepare(frame, new DataView(frame.buffer), 0, {
    clusterId,
    parent: log.position().parent,
    bodyBytes: 8,
    epoch: 0,
    view: 1,
    release: 1,
    replica: 1,
    op: 1,
    commit: 0,
    timestamp: 10,
    address: 0,
    recordCount: 0,
    operation: prepareOperations.barrier,
  });
  log.writePrepares([prepare]);
  const head = positionBehind(prepare.header);
  const context = new FakeContext();
  const port = context.wire("replica-1");
  const shard = (await shardDefinition.create(context, {
    shard: 1,
    directory,
    clusterId,
    replica: "replica-1",
    keeper: "keeper-1",
    replicas: 3,
    voters: 3,
    self: 0,
    projections: [],
    interest: new SharedArrayBuffer(4),
    cacheBytes: 32 * 1024 * 1024,
    pipelineMax: 1,
    checkpointBytes: 1 << 30,
    checkpointMs: 60_000,
  })) as Actor<ShardMessage>;
  shard.wired?.("replica-1", port, port.epoch);
  const from = context.envelope("replica-1");
  shard.receive({ kind: "follow", view: 1, leader: 0 }, from);
  shard.receive({ kind: "committed", position: head }, from);
  const opened: ReplicaOpened = {
    tail: log.tail.handle,
    checkpoint: null,
    writeMode: "fdatasync",
    recovery: [],
  };
  context.asked[0]?.settle({ ok: true, value: opened as never });
  shard.receive({ kind: "lead", view: 1, head }, from);
  for (let slice = 0; slice < 5; slice++) shard.receive({ kind: "apply" }, from);
  t.like(shard.inspect?.(), { phase: "leading", op: 1, inFlight: 0 });
  await shard.stop?.();
  log.close();
  superblock.close();
  await remove();
});
