/** Founders: replicas whose logs are copies of one survivor's, as `kimberlite cluster rescue` makes them, go on from exactly that log. */
import test from "ava";
import { readHeader, writePrepareHeader } from "../../runtime/storage/frame.js";
import { Cluster, clusterId, recover } from "./cluster.js";

const suffixMax = 9;
const newest = (cluster: Cluster): number => Math.max(0, ...cluster.commits.keys());

/** A cluster in the midst of its work, some of which only some replicas know to be committed, all at once without power. */
function cutShort(seed: number): Cluster {
  const cluster = new Cluster(3, seed, "fresh");
  cluster.run(1_500);
  cluster.loss = cluster.random.below(20);
  for (let at = 0; at < 2_500 + cluster.random.below(500); at++) {
    cluster.advance();
    if (cluster.random.below(6) === 0) for (const index of [0, 1, 2]) cluster.propose(index);
    if (cluster.random.below(700) === 0) {
      const some = cluster.random.below(3);
      cluster.crash(some);
      cluster.start(some);
    }
  }
  for (const index of [0, 1, 2]) cluster.crash(index);
  cluster.packets.length = 0;
  cluster.loss = 0;
  return cluster;
}

/** What `refoundReplica` leaves on each disk. @returns the newest operation that is kept */
function found(cluster: Cluster, survivor: number): number {
  const { state, log } = cluster.snapshot(survivor);
  const { headers, sound } = recover({ state, log, lost: new Set() });
  const suffix = headers
    .slice(-suffixMax)
    .reverse()
    .map((named) => ({ ...named, wasDurable: true }));
  for (const [op] of cluster.commits) if (op > sound.op) cluster.commits.delete(op);
  for (const [index, member] of cluster.members.entries()) {
    const members = cluster.members.map(() => new Uint8Array(16));
    members[index]?.fill(101 + index, 4);
    const view = state.view + 2;
    const commitMax = Math.min(state.commitMax, sound.op);
    member.disk = {
      state: { view, logView: view, commitMax, suffix, standing: "member", members },
      log: new Map([...log].filter(([, { header }]) => header.op <= sound.op)),
      lost: new Set(),
    };
    member.committed = null;
    cluster.start(index);
  }
  return sound.op;
}

test("everything that the survivor's log held is committed again, and what comes is behind it", (t) => {
  let lost = 0;
  for (let seed = 300; seed < 312; seed++) {
    const cluster = cutShort(seed);
    const before = newest(cluster);
    const kept = found(cluster, cluster.random.below(3));
    lost += Math.max(0, before - kept);
    for (let waited = 0; waited < 20_000 && newest(cluster) < kept + 20; waited += 5) {
      if (cluster.primary >= 0) cluster.propose(cluster.primary);
      cluster.run(5);
    }
    t.true(newest(cluster) >= kept + 20, `seed ${seed} goes on`);
    cluster.run(2_000);
    for (const { committed, replica } of cluster.members) {
      t.is(committed?.op, newest(cluster), `seed ${seed}`);
      t.is(replica?.inspect().status, "normal");
    }
    // One of them may go, as ever.
    cluster.crash(cluster.primary);
    const then = newest(cluster);
    for (let waited = 0; waited < 20_000 && newest(cluster) < then + 5; waited += 5) {
      if (cluster.primary >= 0) cluster.propose(cluster.primary);
      cluster.run(5);
    }
    t.true(newest(cluster) >= then + 5, `seed ${seed} goes on without one`);
  }
  t.log(`${lost} committed operations were not in the log of the survivor`);
});

test("an empty disk in a founder's place is turned away as in any other's", (t) => {
  const cluster = cutShort(320);
  found(cluster, 0);
  cluster.run(3_000);
  const lost = (cluster.primary + 1) % 3;
  cluster.crash(lost);
  cluster.format(lost, "fresh", 0);
  cluster.start(lost);
  cluster.run(2_000);
  t.regex(cluster.members[lost]?.halted ?? "", /this one is new: the former is lost/u);
});

test("what the old cluster prepared in the founders' view is not taken for their own (seed 90027279)", (t) => {
  const cluster = cutShort(320);
  found(cluster, 0);
  cluster.run(3_000);
  const { primary } = cluster;
  t.true(primary >= 0, "somebody leads");
  const backup = (primary + 1) % 3;
  const numbers = (): { op: number; view: number } | undefined => cluster.members[backup]?.replica?.inspect();
  const head = numbers()?.op ?? 0;
  const isPrepare = ({ to, message }: (typeof cluster.packets)[number]): boolean =>
    to === backup && message.kind === "prepare";
  t.true(cluster.propose(primary));
  const packet = cluster.packets.find(isPrepare);
  if (packet?.message.kind !== "prepare") throw new Error("what is proposed is sent");
  const { header, frame } = packet.message.prepare;
  t.true(numbers()?.view === header.view);
  const foreign = frame.slice();
  const view = new DataView(foreign.buffer);
  writePrepareHeader(foreign, view, 0, { ...header, clusterId, epoch: header.epoch + 1 }, new Uint8Array(32));
  const reading = readHeader(foreign, view, 0, clusterId);
  if (reading.kind !== "prepare") throw new Error("a header that was just written reads");
  t.false(Buffer.from(reading.header.identity).equals(header.identity), "another prepare of that op and view");
  const message = { kind: "prepare", prepare: { header: reading.header, frame: foreign } } as const;
  cluster.step(backup, { kind: "message", from: primary, message });
  t.is(numbers()?.op, head, "it is not in its log");
  cluster.run(500);
  t.is(numbers()?.op, head + 1);
  cluster.step(backup, { kind: "message", from: primary, message });
  t.true(cluster.propose(primary));
  cluster.run(500);
  t.is(numbers()?.op, head + 2, "nor a reason to stop");
});
