/** The parts of a shard without threads: filling prepares, replaying them, and how a node is laid out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Proposal } from "../../actors/shard/proposal.js";
import { Proposer } from "../../actors/shard/proposer.js";
import { Replay } from "../../actors/shard/replay.js";
import { RequestQueue } from "../../actors/shard/request-queue.js";
import { openDataDirectory, shardDirectory } from "../../actors/supervisor/data-directory.js";
import { planLayout, workerOf } from "../../actors/supervisor/layout.js";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { encodeAppend, encodeStreamCreate } from "../../runtime/kernel/codecs/write-requests.js";
import { genesis, Kernel } from "../../runtime/kernel/kernel.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { listCommits } from "../../runtime/kernel/read/commits.js";
import { StateReads, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { logBeginning } from "../../runtime/storage/log-position.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { appendAlone, appendBarrier } from "../storage/append-alone.js";
import { ModelTree } from "../store/model-tree.js";
import { startShard, temporary as temporaryNode } from "./started-shard.js";

const wishes = {
  shards: undefined,
  shardsDefault: 1,
  cluster: null,
  randomBytes: (count: number) => Uint8Array.from({ length: count }, (_, i) => i + 1),
  now: () => 0,
};

function temporary(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "kimberlite-actors-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function push(queue: RequestQueue, tenant: number, kind: number, body: Uint8Array): void {
  const bytes = new Uint8Array(4 + body.length);
  bytes.set(new TextEncoder().encode("test"));
  bytes.set(body, 4);
  queue.push(tenant, {
    bytes,
    view: new DataView(bytes.buffer),
    port: null,
    envelope: null,
    correlation: 0,
    deadline: 0,
    kind,
    principalFrom: 0,
    principalTo: 4,
    bodyFrom: 4,
    bodyTo: bytes.length,
  });
}

const append = (tenant: number, size: number): Uint8Array =>
  encodeAppend(new ByteWriter(), { tenant }, 1, "any", [{ payload: new Uint8Array(size).fill(7), format: 0 }]).finish();

test("prepares are filled, made durable, and replayed to the same state; the clock may step back", async (t) => {
  const { path, remove } = temporary();
  const opened = await openDataDirectory(path, wishes);
  const directory = shardDirectory(path, 1);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory });
  const live = new ModelTree();
  genesis(live);
  const proposer = new Proposer(new Kernel(live), live, log.tail, defaultGeometry, 0, 0);
  const queue = new RequestQueue();
  const proposal = new Proposal();
  const commit = (now: number): void => {
    proposer.fill(queue, proposal, now);
    t.true(proposal.recordCount > 0);
    appendAlone(log, proposal.address, proposal.bodyBytes, proposal.recordCount, proposal.time, log.op);
    t.is(log.end, proposer.nextAddress);
    proposal.reset();
  };
  const tenants = [1, 2, 3];
  for (const tenant of tenants) {
    const adopt = encodeTenantAdopt(new ByteWriter(), tenant, 1, "fresh", quotasDefault).finish();
    push(queue, 0, requestKind.tenantAdopt, adopt);
  }
  commit(1_000);
  for (const tenant of tenants) {
    push(
      queue,
      tenant,
      requestKind.streamCreate,
      encodeStreamCreate(new ByteWriter(), { tenant }, "s", false).finish(),
    );
  }
  commit(2_000);
  // The wall clock steps back by an hour between groups: the log's time goes on.
  for (let group = 0; group < 20; group++) {
    for (const tenant of tenants)
      for (let i = 0; i < 5; i++) push(queue, tenant, requestKind.append, append(tenant, 100 * i));
    commit(group % 2 === 0 ? 3_600_000 : 5_000);
  }
  // Large ones, so that segments are crossed: what does not fit the rest of one begins the next.
  for (let i = 0; i < 12; i++) {
    push(queue, 1, requestKind.append, append(1, 7 * 1024 * 1024));
    commit(4_000_000);
  }
  t.is(queue.count, 0);
  t.true(log.end > defaultGeometry.segmentBytes * 2, "segments were crossed");

  const replayed = new ModelTree();
  genesis(replayed);
  const clusterId = opened.identity.clusterId;
  const replay = Replay.open(
    directory,
    clusterId,
    replayed,
    new Kernel(replayed),
    logBeginning(clusterId),
    log.position(),
  );
  // A clock that says "enough" at once: one prepare is applied all the same, and no more.
  const beginning = replay.position.op;
  t.is(replay.slice(() => true).op, beginning + 1);
  let slices = 0;
  while (!replay.isDone) {
    replay.slice(() => false);
    slices += 1;
  }
  replay.close();
  t.true(slices > 1);
  t.is(replay.replayed, 3 + 3 + 300 + 12);
  const [one, two] = [new StateReads(live), new StateReads(replayed)];
  for (const tenant of tenants) {
    t.deepEqual(two.tenant(tenant), one.tenant(tenant));
    const commits = listCommits(one, tenant, 0, 1_000, unbounded);
    t.deepEqual(listCommits(two, tenant, 0, 1_000, unbounded), commits);
    t.true(commits.length >= 101);
    for (let i = 1; i < commits.length; i++) t.true(commits[i].time > commits[i - 1].time, "time grows");
  }
  log.close();
  superblock.close();
  await opened.claim.release();
  remove();
});

test("a shard that follows applies what is committed in 50 ms at once; when somebody waits, without that pause", async (t) => {
  const { path, clusterId, remove } = await temporaryNode();
  const { context, shard, log, interest, stop } = await startShard(path, clusterId, 3);
  const from = context.envelope("replica-1");
  shard.receive({ kind: "follow", view: 1, leader: 1 }, from);
  shard.receive({ kind: "apply" }, from);
  const applied = (): number => Number(shard.inspect?.()["op"]);
  /** The replica tells of one more commit. Gives the pauses that were begun. */
  const commit = (): number[] => {
    appendBarrier(log);
    const before = context.timers.length;
    shard.receive({ kind: "committed", position: log.position() }, from);
    return context.timers.slice(before).map(({ delayMs }) => delayMs);
  };
  t.deepEqual(commit(), [0], "the first is applied at once");
  shard.receive({ kind: "apply" }, from);
  t.is(applied(), 1);
  context.time += 1;
  t.deepEqual(commit(), [49]);
  context.time += 5;
  t.deepEqual(commit(), [], "those that follow are applied with it");
  t.is(applied(), 1);
  context.time += 44;
  shard.receive({ kind: "apply" }, from);
  t.is(applied(), 3);
  t.deepEqual(commit(), [50]);
  // A projection waits for a newer version.
  interest[0] = 1;
  t.deepEqual(commit(), [0], "the pause ends when somebody waits");
  t.deepEqual(commit(), []);
  shard.receive({ kind: "apply" }, from);
  t.is(applied(), 6);
  t.is(interest[0], 0, "whoever waits was told");
  stop();
  await remove();
});

test("a tenant that floods the shard gets a share of each prepare, not all of it", async (t) => {
  const { path, remove } = temporary();
  const opened = await openDataDirectory(path, wishes);
  const { log, superblock } = openReplica({ disk: new RealDisk(), directory: shardDirectory(path, 1) });
  const state = new ModelTree();
  genesis(state);
  const proposer = new Proposer(new Kernel(state), state, log.tail, defaultGeometry, 0, 0);
  const queue = new RequestQueue();
  const proposal = new Proposal();
  for (const tenant of [1, 2]) {
    push(
      queue,
      0,
      requestKind.tenantAdopt,
      encodeTenantAdopt(new ByteWriter(), tenant, 1, "fresh", quotasDefault).finish(),
    );
  }
  proposer.fill(queue, proposal, 1);
  proposal.reset();
  for (const tenant of [1, 2]) {
    push(
      queue,
      tenant,
      requestKind.streamCreate,
      encodeStreamCreate(new ByteWriter(), { tenant }, "s", false).finish(),
    );
  }
  proposer.fill(queue, proposal, 2);
  proposal.reset();
  for (let i = 0; i < 1_000; i++) push(queue, 1, requestKind.append, append(1, 10_000));
  push(queue, 2, requestKind.append, append(2, 10));
  proposer.fill(queue, proposal, 3);
  t.is(queue.peek(2), null, "the quiet tenant's request is in the first prepare");
  t.true(queue.count > 0, "the flood is not");
  log.close();
  superblock.close();
  await opened.claim.release();
  remove();
});

test("a data directory is one node's alone, keeps its identity, and is never started empty by mistake", async (t) => {
  const { path, remove } = temporary();
  const first = await openDataDirectory(path, wishes);
  t.true(first.isNew);
  await t.throwsAsync(openDataDirectory(path, wishes), { code: "directoryLocked" });
  await first.claim.release();
  const again = await openDataDirectory(path, { ...wishes, shards: 2 });
  t.false(again.isNew);
  t.deepEqual(again.identity.clusterId, first.identity.clusterId);
  t.is(again.identity.shards, 2, "shards can be added");
  await again.claim.release();
  await t.throwsAsync(openDataDirectory(path, { ...wishes, shards: 1 }), { code: "configurationInvalid" });
  rmSync(shardDirectory(path, 2), { recursive: true });
  await t.throwsAsync(openDataDirectory(path, wishes), { code: "dataMissing" });
  remove();
  const foreign = temporary();
  new RealDisk().create(join(foreign.path, "letters.txt"), "fdatasync").close();
  await t.throwsAsync(openDataDirectory(foreign.path, wishes), { code: "dataMissing" });
  foreign.remove();
});

test("the layout fits the machine, and says so when a wish cannot be met", (t) => {
  const wish = { layout: "auto", shards: undefined, projections: undefined, gateways: undefined } as const;
  t.is(planLayout(2, wish).layout, "shared");
  t.is(planLayout(4, wish).layout, "threads");
  t.is(planLayout(1, wish).shards, 1);
  t.true(planLayout(16, wish).shards > planLayout(4, wish).shards);
  t.is(planLayout(2, { ...wish, layout: "threads", shards: 4 }).shards, 4);
  t.throws(() => planLayout(2, { ...wish, shards: 0 }), { code: "configurationInvalid" });
  t.throws(() => planLayout(2, { ...wish, shards: 1_000 }), { code: "configurationInvalid" });
  const threads = planLayout(4, wish);
  const names = (["shard", "replica", "keeper", "projection"] as const).map((role) => workerOf(threads, role, 1));
  t.is(new Set(names).size, 4, "each actor has its own thread");
  const shared = planLayout(2, wish);
  t.is(workerOf(shared, "shard", 1), workerOf(shared, "gateway", 0));
  t.is(workerOf(shared, "shard", 1), workerOf(shared, "replica", 1));
  t.not(workerOf(shared, "shard", 1), workerOf(shared, "replicaOfSeveral", 1), "a long statement is no silence");
  t.is(workerOf(threads, "replica", 1), workerOf(threads, "replicaOfSeveral", 1));
  t.not(workerOf(shared, "shard", 1), workerOf(shared, "projection", 1));
  t.not(workerOf(shared, "shard", 1), workerOf(shared, "postgres", 0));
  t.not(workerOf(shared, "postgres", 0, 1), workerOf(shared, "postgres", 0, 0));
  t.is(workerOf(threads, "gateway", 0, 1), workerOf(threads, "postgres", 0, 1));
});
