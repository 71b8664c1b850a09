/** A data directory and a shard actor over it, driven by hand: what the tests of actors begin with. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReplicaOpened } from "../../actors/replica/messages.js";
import { shardDefinition } from "../../actors/shard/actor.js";
import type { ShardMessage } from "../../actors/shard/messages.js";
import { openDataDirectory, shardDirectory } from "../../actors/supervisor/data-directory.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { FakeContext } from "./fake-context.js";

export const wishes = {
  shards: undefined,
  shardsDefault: 1,
  cluster: null,
  randomBytes: (count: number) => Uint8Array.from({ length: count }, (_, i) => i + 1),
  now: () => 0,
};

export async function temporary(): Promise<{ path: string; clusterId: Uint8Array; remove: () => Promise<void> }> {
  const path = mkdtempSync(join(tmpdir(), "kimberlite-faults-"));
  const opened = await openDataDirectory(path, wishes);
  return {
    path,
    clusterId: opened.identity.clusterId,
    remove: async () => {
      await opened.claim.release();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export async function startShard(path: string, clusterId: Uint8Array, replicas = 1) {
  const context = new FakeContext();
  const interest = new SharedArrayBuffer(4);
  for (const neighbour of ["replica-1", "keeper-1", "projection-1.0", "gateway-0"]) context.wire(neighbour);
  const directory = shardDirectory(path, 1);
  const shard = (await shardDefinition.create(context, {
    shard: 1,
    directory,
    clusterId,
    replica: "replica-1",
    keeper: "keeper-1",
    replicas,
    voters: replicas,
    self: 0,
    projections: ["projection-1.0"],
    interest,
    cacheBytes: 32 * 1024 * 1024,
    pipelineMax: 1,
    checkpointBytes: 1 << 30,
    checkpointMs: 60_000,
  })) as Actor<ShardMessage>;
  const port = context.port("replica-1");
  if (port === null) throw new Error("a port that was wired is open");
  shard.wired?.("replica-1", port, port.epoch);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  const opened: ReplicaOpened = {
    tail: log.tail.handle,
    checkpoint: null,
    writeMode: "fdatasync",
    recovery: [],
  };
  context.asked[0]?.settle({ ok: true, value: opened as never });
  const from = context.envelope("replica-1");
  shard.receive({ kind: "committed", position: log.position() }, from);
  shard.receive({ kind: "lead", view: 0, head: log.position() }, from);
  shard.receive({ kind: "apply" }, from);
  const stop = (): void => {
    void shard.stop?.();
    log.close();
    superblock.close();
  };
  return { context, shard, log, interest: new Int32Array(interest), stop };
}
