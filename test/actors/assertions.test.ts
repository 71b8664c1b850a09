/** Each critical assertion of the actors, tripped on purpose: what must hold is checked, and a breach is noticed where it happens. */
import test from "ava";
import { directoryDefinition } from "../../actors/directory/actor.js";
import type { DirectoryMessage } from "../../actors/directory/messages.js";
import { carryOver } from "../../actors/directory/move.js";
import type { ShardLink } from "../../actors/directory/shard-link.js";
import { RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { projectionDefinition } from "../../actors/projection/actor.js";
import type { EventSource } from "../../actors/projection/event-source.js";
import type { ProjectionMessage } from "../../actors/projection/messages.js";
import { Outbox } from "../../actors/projection/outbox.js";
import { Subscriptions } from "../../actors/projection/subscriptions.js";
import { replicaDefinition } from "../../actors/replica/actor.js";
import type { ReplicaMessage } from "../../actors/replica/messages.js";
import { Checkpointer } from "../../actors/shard/checkpointer.js";
import { Proposal } from "../../actors/shard/proposal.js";
import { Proposer } from "../../actors/shard/proposer.js";
import { type PrepareWalk, Replay } from "../../actors/shard/replay.js";
import { RequestQueue } from "../../actors/shard/request-queue.js";
import { openState, pagesPath } from "../../actors/shard/state-files.js";
import { VersionHeaderWriter } from "../../actors/shard/version-header.js";
import { shardDirectory } from "../../actors/supervisor/data-directory.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { consistency } from "../../runtime/kernel/codecs/read-requests.js";
import { encodeAppend, encodeStreamCreate } from "../../runtime/kernel/codecs/write-requests.js";
import { commitField } from "../../runtime/kernel/commit-row.js";
import { Decision, decided } from "../../runtime/kernel/decision.js";
import { directoryState, noShard } from "../../runtime/kernel/directory-rows.js";
import { genesis, Kernel } from "../../runtime/kernel/kernel.js";
import { requestKind, tree } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { StateKeys } from "../../runtime/kernel/state-keys.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { type LogPosition, logBeginning } from "../../runtime/storage/log-position.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { CheckpointWriter, checkpointRecord } from "../../runtime/store/checkpoint.js";
import { encodeCheckpointRecord } from "../../runtime/store/checkpoint-record.js";
import { Store } from "../../runtime/store/store.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { appendAlone } from "../storage/append-alone.js";
import { ModelTree } from "../store/model-tree.js";
import { FakeContext } from "./fake-context.js";
import { startShard, temporary } from "./started-shard.js";

/** The message of a breach of what must hold. */
const breach = (mustHold: string): string => `assertion failed: ${mustHold}`;

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

function push(queue: RequestQueue, tenant: number, kind: number, body: Uint8Array): void {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const none = { port: null, envelope: null, correlation: 0, deadline: 0, principalFrom: 0, principalTo: 0 };
  queue.push(tenant, { ...none, bytes: body, view, kind, bodyFrom: 0, bodyTo: body.length });
}

const adopt = (): Uint8Array => encodeTenantAdopt(new ByteWriter(), 1, 1, "fresh", quotasDefault).finish();
const create = (): Uint8Array => encodeStreamCreate(new ByteWriter(), { tenant: 1 }, "s", false).finish();
const append = (): Uint8Array =>
  encodeAppend(new ByteWriter(), { tenant: 1 }, 1, "any", [{ payload: new Uint8Array(10), format: 0 }]).finish();

/** A replica's log with three prepares, and the state that follows from them in a store over a real page file. */
async function filled() {
  const { path, clusterId, remove } = await temporary();
  const directory = shardDirectory(path, 1);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  const file = new RealDisk().create(pagesPath(directory), "fdatasync");
  const store = Store.create({ file, clusterId, cacheBytes: 16 * 1024 * 1024 });
  genesis(store);
  const proposer = new Proposer(new Kernel(store), store, log.tail, defaultGeometry, 0, 0);
  const queue = new RequestQueue();
  const proposal = new Proposal();
  const header = new VersionHeaderWriter();
  for (const [tenant, kind, body] of [
    [0, requestKind.tenantAdopt, adopt()],
    [1, requestKind.streamCreate, create()],
    [1, requestKind.append, append()],
  ] as const) {
    push(queue, tenant, kind, body);
    proposer.fill(queue, proposal, 1_000);
    appendAlone(log, proposal.address, proposal.bodyBytes, proposal.recordCount, proposal.time, log.op);
    store.publish(store.seal(header.encode(log.op, log.end, proposal.time)));
    proposal.reset();
  }
  const stop = async (): Promise<void> => {
    store.close();
    file.close();
    log.close();
    superblock.close();
    await remove();
  };
  return { directory, clusterId, log, store, file, stop };
}

test("what must hold is checked: the directory", async (t) => {
  const context = new FakeContext();
  for (const neighbour of ["shard-0", "projection-0.0"]) context.wire(neighbour);
  const answer = async (value: unknown): Promise<void> => {
    await settled();
    // Before it reads, the directory asks how new the snapshot has to be.
    for (; context.asked[0]?.message.kind === "readIndex"; await settled()) {
      context.asked.shift()?.settle({ ok: true, value: 1 as never });
    }
    context.asked.shift()?.settle({ ok: true, value: value as never });
    await settled();
  };
  const row = {
    tenant: 1,
    state: directoryState.active,
    shard: 5,
    targetShard: noShard,
    epoch: 1,
    lastEpoch: 1,
    createdPosition: 0,
    createdTime: 1,
    quotas: quotasDefault,
    name: "main",
  };
  const first = (await directoryDefinition.create(context, { shards: 1 })) as Actor<DirectoryMessage>;
  first.receive({ kind: "systemShard", leads: true }, context.envelope("shard-0"));
  await answer(true);
  await answer({ rows: [row], systemPosition: 5 });
  t.true(String(context.crashed).includes("isolation: a tenant is placed on a shard of this node"));

  context.asked.length = 0;
  context.replies.length = 0;
  const second = (await directoryDefinition.create(context, { shards: 1 })) as Actor<DirectoryMessage>;
  second.receive({ kind: "systemShard", leads: true }, context.envelope("shard-0"));
  await answer(true);
  await answer({ rows: [], systemPosition: 5 });
  await answer([]);
  const params = { name: "new" };
  second.receive({ kind: "admin", method: "tenant.create", params, principal: "test" }, context.envelope("gateway-0"));
  const made = new ByteWriter().u64(6).u64(1).u64(2).u64(0).u32(1).u8(0).finish();
  await answer({ body: made });
  await answer({ rows: [], systemPosition: 6 });
  const said = [...context.replies.map((reply) => String(reply.error)), String(context.crashed)].join(" ");
  t.true(said.includes("order: a placement that was committed can be read"));
});

test("what must hold is checked: a move", async (t) => {
  const link = {
    command: async (_shard: number, kind: number) => ({ count: 1, first: kind === requestKind.tenantFence ? 9 : 0 }),
    tenantOn: async () => null,
    exportRecords: async () => ({ count: 0, records: new Uint8Array(0), nextPosition: 0 }),
  };
  const move = { tenant: 1, source: 1, sourceEpoch: 1, target: 2, epoch: 2, quotas: quotasDefault, principal: "test" };
  await t.throwsAsync(carryOver(link as unknown as ShardLink, move), {
    message: breach("order: a move carries over every position that the source committed"),
  });
});

test("what must hold is checked: the projection", async (t) => {
  const { directory, log, store, stop } = await filled();
  t.teardown(stop);
  const context = new FakeContext();
  context.wire("gateway-0");
  context.wire("shard-1");
  const args = { index: 0, directory, shard: "shard-1", interest: new SharedArrayBuffer(4), columnBytes: 0 };
  const projection = (await projectionDefinition.create(context, args)) as Actor<ProjectionMessage>;
  projection.receive(
    { kind: "attach", store: store.handle, tail: log.tail.handle, directory: "/shard-1" },
    context.envelope("shard-1"),
  );

  const body = new ByteWriter().u64(1).u8(consistency.linearizable).u64(0).finish();
  const writer = new RequestBatchWriter();
  writer.add(1, 0, requestKind.positionGet, new Uint8Array(0), body, 0, body.length);
  projection.receive({ kind: "requests", bytes: writer.take(), count: 1 }, context.envelope("gateway-0"));
  projection.flush?.();
  const asked = context.asked.find(({ message }) => message.kind === "readIndex");
  t.throws(() => asked?.settle({ ok: true, value: (store.publishedVersion + 1) as never }), {
    message: breach("snapshot: what the shard has published can be read"),
  });

  // The row of the append says that its record is a byte longer than it is.
  t.true(store.update(tree.commits, new StateKeys().two(1, 1)));
  const at = store.valueStart + commitField.recordLength;
  store.valueView.setUint32(at, store.valueView.getUint32(at, true) + 1, true);
  store.publish(store.seal(new VersionHeaderWriter().encode(4, log.end, 9)));
  const message = { kind: "exportRecords", tenant: 1, from: 0, bytesMax: 1_000_000 } as const;
  t.throws(() => projection.receive(message, context.envelope("directory")), {
    message: breach("order: a commit points to its own record"),
  });
  await projection.stop?.();
});

test("what must hold is checked: subscriptions", (t) => {
  const state = new ModelTree();
  genesis(state);
  const twin = new Kernel(state);
  const { log, queue, proposal, proposer } = memoryShard(state, twin);
  for (const [tenant, kind, body] of [
    [0, requestKind.tenantAdopt, adopt()],
    [1, requestKind.streamCreate, create()],
    [1, requestKind.append, append()],
  ] as const) {
    push(queue, tenant, kind, body);
    proposer.fill(queue, proposal, 1_000);
    log(proposer.nextAddress);
    proposal.reset();
  }
  const context = new FakeContext();
  const port = context.wire("gateway-0");
  const subscriptions = new Subscriptions();
  const reads = new StateReads(state);
  const one = { port, correlation: 1, tenant: 1, stream: 1, group: "", next: 0, credits: 5, window: 1_000 };
  subscriptions.add(reads, one);
  const elsewhere = { chunk: () => ({ from: 7, next: 8, count: 1, bytes: new Uint8Array(1) }) };
  const pump = (): boolean =>
    subscriptions.pump(reads, elsewhere as unknown as EventSource, 1, new Outbox(context), 0, (error) => error);
  t.throws(pump, { message: breach("order: a subscription gets every event, in order, once") });
});

test("what must hold is checked: the replica", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const context = new FakeContext();
  context.wire("shard-1");
  const directory = shardDirectory(path, 1);
  const args = { directory, clusterId, self: 0, shard: "shard-1", keeper: "keeper-1", peers: null };
  const replica = (await replicaDefinition.create(context, args)) as Actor<ReplicaMessage>;
  const point = { position: { ...logBeginning(clusterId), op: 3 }, record: new Uint8Array(0) };
  t.throws(() => replica.receive({ kind: "saveCheckpoint", point }, context.envelope("shard-1")), {
    message: breach("durability: a checkpoint covers only durable ops"),
  });
  const ahead = { position: { ...logBeginning(clusterId), op: 3, address: 8192 }, record: new Uint8Array(0) };
  t.throws(() => replica.receive({ kind: "saveCheckpoint", point: ahead }, context.envelope("shard-1")), {
    message: breach("durability: a checkpoint holds only what is committed"),
  });
  await replica.stop?.();
});

test("what must hold is checked: the shard", async (t) => {
  const { path, clusterId, remove } = await temporary();
  t.teardown(remove);
  const { context, shard, stop } = await startShard(path, clusterId);
  t.teardown(stop);
  const from = context.envelope("replica-1");
  const committed = (op: number): void =>
    shard.receive({ kind: "committed", position: { ...logBeginning(clusterId), op, address: 4096 } }, from);
  const message = { kind: "command", requestKind: requestKind.tenantAdopt, tenant: 0, principal: "test" } as const;
  shard.receive({ ...message, body: adopt() }, { ...context.envelope("directory"), deadline: 0 });
  shard.flush?.();
  t.is(context.toldOf("propose").length, 1);
  t.throws(() => shard.receive({ kind: "refused", op: 7, message: "full" }, from), {
    message: breach("order: only what was proposed is refused"),
  });
  t.throws(() => committed(2), {
    message: breach("order: prepares are committed in the order in which they were proposed"),
  });
});

test("what must hold is checked: a state that is ahead of its log", async (t) => {
  const { directory, clusterId, log, store, file, stop } = await filled();
  t.teardown(stop);
  const writer = new CheckpointWriter(store.handle, file);
  const job = store.beginCheckpoint();
  if (job === null) return t.fail("there is something to write");
  while (!writer.runSlice(job, 64));
  const record = encodeCheckpointRecord(checkpointRecord(job));
  const args = { directory, clusterId, cacheBytes: 16 * 1024 * 1024 };
  const behind: LogPosition = { ...log.position(), op: log.op - 1 };
  t.throws(() => openState(args, { position: behind, record }), {
    message: breach("durability: a checkpoint's pages are those that the superblock names"),
  });
  const kernel = new Kernel(store);
  const head = log.position();
  const beginning = logBeginning(clusterId);
  t.throws(() => Replay.open(directory, clusterId, store, kernel, head, beginning), {
    message: breach("durability: no state is ahead of its log"),
  });
  const replay = (to: LogPosition, onto = kernel, state = new ModelTree()): void => {
    const walk = Replay.open(directory, clusterId, state, onto, beginning, to);
    try {
      walk.slice(() => false);
    } finally {
      walk.close();
    }
  };
  const fresh = (): { kernel: Kernel; state: ModelTree } => {
    const state = new ModelTree();
    genesis(state);
    return { kernel: new Kernel(state), state };
  };
  const one = fresh();
  t.throws(() => replay({ ...head, op: head.op + 1 }, one.kernel, one.state), {
    message: breach("durability: every prepare up to the head is there"),
  });
});

test("what must hold is checked: replay", (t) => {
  const position = (op: number): LogPosition => ({ op, address: op * 4096, parent: new Uint8Array(32), timestamp: op });
  const cursor = {
    next: () => true,
    header: { bodyBytes: 0, recordCount: 1 },
    bytes: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    bodyStart: 0,
    bodyAddress: 0,
    position: () => position(9),
    close() {},
  };
  const state = new ModelTree();
  const over = (recordCount: number): Replay =>
    new Replay(
      () => ({ ...cursor, header: { bodyBytes: 0, recordCount, operation: 0 } }) as unknown as PrepareWalk,
      state,
      new Kernel(state),
      position(0),
      position(3),
    );
  t.throws(() => over(1).slice(() => false), {
    message: breach("order: a prepare holds the records that its header counts"),
  });
  t.throws(() => over(0).slice(() => false), { message: breach("order: replay ends at the head") });
  const other = { ...cursor, header: { bodyBytes: 0, recordCount: 0, operation: 0 }, position: () => position(3) };
  const parent = new Uint8Array(32).fill(1);
  const onto = { ...position(3), parent };
  const elsewhere = new Replay(() => other as unknown as PrepareWalk, state, new Kernel(state), position(0), onto);
  t.throws(() => elsewhere.slice(() => false), {
    message: breach("hash chain: what was applied is what is committed"),
  });
  t.throws(() => over(1).extend({ ...position(4), address: 0 }), {
    message: breach("order: a log grows in address as in op"),
  });
});

test("what must hold is checked: the checkpointer", (t) => {
  const context = new FakeContext();
  context.wire("keeper-1");
  context.wire("replica-1");
  const job = { version: 2, written: 0, entries: [], chain: [], chainWritten: 0, isSynced: true, freeNumbers: [] };
  const store = { cachePressure: 0, handle: { chunks: [] }, beginCheckpoint: () => job, completeCheckpoint() {} };
  const args = { replica: "replica-1", keeper: "keeper-1", checkpointBytes: 1, checkpointMs: 1_000 };
  const checkpointer = new Checkpointer(context, args, store as unknown as Store, 10, 10, () => {});
  t.throws(() => new Checkpointer(context, args, store as unknown as Store, 10, 9, () => {}), {
    message: breach("durability: no state is newer than the checkpoint that it was opened from"),
  });
  checkpointer.runNow({ op: 9, address: 0, parent: new Uint8Array(32), timestamp: 0 });
  t.throws(() => context.asked.shift()?.settle({ ok: true, value: job as never }), {
    message: breach("order: checkpoints follow the log"),
  });
});

/** A shard's parts over memory: the tail of a log that is never written. */
function memoryShard(state: ModelTree, kernel: Kernel) {
  const bytes = new Uint8Array(new SharedArrayBuffer(defaultGeometry.segmentBytes));
  let end = 0;
  const tail = {
    bytes,
    view: new DataView(bytes.buffer),
    ringBytes: bytes.length,
    offsetOf: (address: number) => address % bytes.length,
    reserve() {},
    get committedEnd() {
      return end;
    },
  };
  const proposer = new Proposer(kernel, state, tail as never, defaultGeometry, 0, 0);
  const log = (to: number): void => {
    end = to;
  };
  return { tail, proposer, queue: new RequestQueue(), proposal: new Proposal(), log };
}

test("what must hold is checked: the proposer", (t) => {
  const state = new ModelTree();
  genesis(state);
  const decision = new Decision();
  const kernel = { decide: () => decision, apply() {}, nextPosition: () => 0, settle() {} } as unknown as Kernel;
  const fill = (tenant: number, time: number): void => {
    const { proposer, queue, proposal } = memoryShard(state, kernel);
    decision.outcome = decided.written;
    decision.tenant = tenant;
    decision.time = time;
    push(queue, 0, requestKind.tenantAdopt, adopt());
    proposer.fill(queue, proposal, 1);
  };
  t.throws(() => fill(8, 5), { message: breach("isolation: a record is written under the tenant that sent it") });
  t.throws(() => fill(0, 0), { message: breach("order: the log's time grows with every record") });
  // A place that does not move on: the tail answers as if the body ended before it began.
  const { tail, queue, proposal } = memoryShard(state, kernel);
  let asked = 0;
  const wandering = { ...tail, offsetOf: (address: number) => address + (asked++ === 0 ? 0 : 2 ** 20) };
  const lost = new Proposer(kernel, state, wandering as never, defaultGeometry, 0, 0);
  decision.tenant = 0;
  decision.time = 7;
  push(queue, 0, requestKind.tenantAdopt, adopt());
  t.throws(() => lost.fill(queue, proposal, 1), { message: breach("order: prepares follow one another in the log") });
});
