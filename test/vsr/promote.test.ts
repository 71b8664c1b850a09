/** A standby in the place of a voter that is lost or gone for good: nothing that was acknowledged is lost by it, and the old one is turned away. */
import test, { type ExecutionContext } from "ava";
import { Cluster } from "./cluster.js";

const standby = 3;
const newest = (cluster: Cluster): number => Math.max(0, ...cluster.commits.keys());
const viewOf = (cluster: Cluster): number =>
  Math.max(...cluster.members.map(({ replica }) => replica?.inspect().view ?? 0));

function commit(cluster: Cluster, operations: number): void {
  const until = newest(cluster) + operations;
  for (let waited = 0; newest(cluster) < until && waited < 20_000; waited++) {
    if (cluster.primary >= 0) cluster.propose(cluster.primary);
    cluster.run(5);
  }
}

function meets(t: ExecutionContext, cluster: Cluster, told: string): void {
  for (let waited = 0; waited < 60; waited++) {
    cluster.run(250);
    if (cluster.members.every(({ committed }) => committed?.op === newest(cluster))) break;
  }
  for (const { committed, replica } of cluster.members) {
    t.is(committed?.op, newest(cluster), told);
    t.is(replica?.inspect().status, "normal", told);
  }
}

function started(seed: number): Cluster {
  const cluster = new Cluster(3, seed, "fresh", 1);
  cluster.run(2_000);
  commit(cluster, 20);
  cluster.run(300);
  return cluster;
}

function promote(cluster: Cluster, lost: number): void {
  cluster.crash(standby);
  cluster.promote(standby, lost, viewOf(cluster) + 2);
  cluster.start(lost);
  cluster.start(standby);
}

test("a standby takes a lost voter's place, has its log at once, and counts", (t) => {
  for (let seed = 200; seed < 206; seed++) {
    const cluster = started(seed);
    const lost = cluster.random.below(3);
    cluster.crash(lost);
    commit(cluster, 8);
    cluster.run(300);
    const had = cluster.members[standby]?.committed?.op ?? 0;
    t.is(had, newest(cluster), "the standby is in step");
    promote(cluster, lost);
    t.is(cluster.members[lost]?.replica?.inspect().contiguous, had, "it fetches nothing");
    meets(t, cluster, `seed ${seed}`);
    // It counts: without another voter it is one of the two that are needed.
    const other = [0, 1, 2].find((index) => index !== lost && index !== cluster.primary) ?? 0;
    cluster.crash(other);
    const before = newest(cluster);
    commit(cluster, 10);
    t.true(newest(cluster) >= before + 10, `seed ${seed}: commits with the promoted one`);
    cluster.start(other);
    meets(t, cluster, `seed ${seed}, later`);
  }
});

test("T3: a standby that is behind denies nothing of what the lost voter had acknowledged", (t) => {
  for (let seed = 210; seed < 218; seed++) {
    const cluster = started(seed);
    const { primary } = cluster;
    const [lost, lagging] = [(primary + 1) % 3, (primary + 2) % 3];
    // What is committed from here on only the primary and the one that is to be lost hold; the standby hears nothing of it.
    for (const deaf of [lagging, standby]) cluster.cut.add(`${primary}>${deaf}`);
    commit(cluster, 6);
    const acknowledged = newest(cluster);
    cluster.crash(lost);
    cluster.cut.clear();
    cluster.run(cluster.random.below(60));
    // Hasty: nobody asked whether a majority commits.
    promote(cluster, lost);
    cluster.run(200 + cluster.random.below(1_500));
    cluster.crash(primary);
    cluster.run(1_500);
    cluster.start(primary);
    meets(t, cluster, `seed ${seed}`);
    t.true(newest(cluster) >= acknowledged);
  }
});

test("the disk of the voter whose place was taken is turned away, and says why", (t) => {
  const cluster = started(220);
  const lost = (cluster.primary + 1) % 3;
  const former = cluster.snapshot(lost);
  cluster.crash(lost);
  commit(cluster, 8);
  promote(cluster, lost);
  meets(t, cluster, "promoted");
  cluster.crash(lost);
  const member = cluster.members[lost];
  const current = cluster.snapshot(lost);
  member.disk = former;
  cluster.start(lost);
  cluster.run(1_000);
  t.regex(member.halted ?? "", /a newer one has taken it .* this one must never come back/u);
  member.halted = null;
  cluster.crash(lost);
  member.disk = current;
  cluster.start(lost);
  meets(t, cluster, "the right disk again");
});
