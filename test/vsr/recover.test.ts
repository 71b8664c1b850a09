/** Disks that are new, lost, put back or of a former life: who may take part, and what is never lost by it. */
import test, { type ExecutionContext } from "ava";
import { markCounts } from "../../runtime/vsr/marks.js";
import { Cluster } from "./cluster.js";

const newest = (cluster: Cluster): number => Math.max(0, ...cluster.commits.keys());
const statusOf = (cluster: Cluster, index: number): string =>
  cluster.members[index]?.replica?.inspect().status ?? "down";
const viewOf = (cluster: Cluster): number =>
  Math.max(...cluster.members.map(({ replica }) => replica?.inspect().view ?? 0));

function commit(cluster: Cluster, operations: number): void {
  const until = newest(cluster) + operations;
  for (let waited = 0; newest(cluster) < until && waited < 20_000; waited++) {
    if (cluster.primary >= 0) cluster.propose(cluster.primary);
    cluster.run(5);
  }
}

/** Everything that was ever committed is on every replica that runs: `Cluster` has compared each commit with the first of its op. */
function meets(t: ExecutionContext, cluster: Cluster, told: string): void {
  cluster.run(2_000);
  for (let waited = 0; waited < 40; waited++) {
    if (cluster.members.every(({ committed }) => committed?.op === newest(cluster))) break;
    cluster.run(250);
  }
  for (const { committed, replica } of cluster.members) {
    t.is(committed?.op, newest(cluster), told);
    t.is(replica?.inspect().status, "normal", told);
  }
}

function started(seed: number, count = 3): Cluster {
  const cluster = new Cluster(count, seed, "fresh");
  cluster.run(2_000);
  commit(cluster, 20);
  return cluster;
}

/** As `kimberlite cluster recover` does once a majority has committed without the lost one. */
function recover(cluster: Cluster, lost: number): void {
  const head = newest(cluster);
  commit(cluster, 8);
  if (newest(cluster) < head + 8) throw new Error("a majority commits");
  cluster.format(lost, "replaced", viewOf(cluster) + 2);
  cluster.start(lost);
}

test("a new cluster begins once its replicas have met", (t) => {
  for (const count of [2, 3, 4, 5, 6]) {
    const cluster = started(40 + count, count);
    meets(t, cluster, `${count} replicas`);
    t.true(newest(cluster) >= 20);
    for (const { disk } of cluster.members) t.is(disk.state.standing, "member");
  }
});

test("T3: what looks like a new cluster may be the rest of an old one: fewer than a majority of the others prove nothing", (t) => {
  const cluster = new Cluster(3, 50, "fresh");
  cluster.crash(2);
  cluster.run(5_000);
  t.is(cluster.primary, -1);
  t.is(statusOf(cluster, 0), "fresh");
  cluster.start(2);
  cluster.run(2_000);
  t.not(cluster.primary, -1);
});

test("T3: an empty disk in the place of a known one is turned away, whatever it says of itself", (t) => {
  const cluster = started(51);
  const lost = (cluster.primary + 1) % 3;
  cluster.crash(lost);
  cluster.format(lost, "fresh", 0);
  cluster.start(lost);
  cluster.run(1_000);
  t.regex(cluster.members[lost]?.halted ?? "", /this one is new: the former is lost/);
  commit(cluster, 5);
  // Also when everybody has restarted: ids are on their disks.
  for (let index = 0; index < 3; index++) cluster.crash(index);
  cluster.format(lost, "fresh", 0);
  for (let index = 0; index < 3; index++) cluster.start(index);
  cluster.run(2_000);
  t.regex(cluster.members[lost]?.halted ?? "", /the former is lost/);
});

test("a lost disk comes back by recover, in a view that its former life cannot have spoken in", (t) => {
  for (let seed = 60; seed < 66; seed++) {
    const cluster = started(seed, seed % 2 === 0 ? 3 : 5);
    const lost = cluster.random.below(cluster.members.length);
    cluster.crash(lost);
    cluster.run(3_000);
    const before = viewOf(cluster);
    recover(cluster, lost);
    meets(t, cluster, `seed ${seed}`);
    t.true(viewOf(cluster) >= before + 2, `view ${before} to ${viewOf(cluster)}`);
    commit(cluster, 10);
    meets(t, cluster, `seed ${seed}, later`);
  }
});

test("T3: what only the primary and the lost disk held is not denied by the one that comes back", (t) => {
  for (let seed = 70; seed < 78; seed++) {
    const cluster = started(seed);
    const { primary } = cluster;
    const [lost, lagging] = [(primary + 1) % 3, (primary + 2) % 3];
    cluster.cut.add(`${primary}>${lagging}`);
    commit(cluster, 6);
    const acknowledged = newest(cluster);
    cluster.crash(lost);
    cluster.cut.clear();
    cluster.run(cluster.random.below(60));
    // Hasty: nobody asked whether a majority commits.
    cluster.format(lost, "replaced", viewOf(cluster) + 2);
    cluster.start(lost);
    cluster.run(200 + cluster.random.below(1_500));
    cluster.crash(primary);
    cluster.run(1_500);
    cluster.start(primary);
    meets(t, cluster, `seed ${seed}`);
    t.true(newest(cluster) >= acknowledged);
  }
});

test("one that came back before somebody has heard of it is not taken for a stranger by him later", (t) => {
  for (let seed = 110; seed < 114; seed++) {
    const cluster = started(seed);
    const lost = (cluster.primary + 1) % 3;
    const deaf = (cluster.primary + 2) % 3;
    cluster.crash(lost);
    cluster.run(1_500);
    cluster.cut.add(`${lost}>${deaf}`);
    cluster.cut.add(`${deaf}>${lost}`);
    recover(cluster, lost);
    cluster.run(4_000);
    t.is(statusOf(cluster, lost), "normal");
    cluster.cut.clear();
    meets(t, cluster, `seed ${seed}`);
    t.is(cluster.members[lost]?.halted, null);
  }
});

test("the old disk of a replica that was replaced never comes back", (t) => {
  const cluster = started(80);
  const lost = (cluster.primary + 1) % 3;
  const former = cluster.snapshot(lost);
  cluster.crash(lost);
  cluster.run(2_000);
  recover(cluster, lost);
  meets(t, cluster, "recovered");
  cluster.crash(lost);
  const member = cluster.members[lost];
  if (member === undefined) throw new Error("there are three");
  const current = cluster.snapshot(lost);
  member.disk = former;
  cluster.start(lost);
  cluster.run(1_000);
  t.regex(member.halted ?? "", /must never come back/);
  member.halted = null;
  cluster.crash(lost);
  member.disk = current;
  cluster.start(lost);
  meets(t, cluster, "the right disk again");
});

test("a disk that was put back to an older state is noticed by what the others remember, and nothing is lost by it", (t) => {
  let noticed = 0;
  for (let seed = 90; seed < 98; seed++) {
    const cluster = started(seed);
    const { primary } = cluster;
    const [back, lagging] = [(primary + 1) % 3, (primary + 2) % 3];
    const old = cluster.snapshot(back);
    // From here on only the primary and the one that is put back hold what is committed.
    cluster.cut.add(`${primary}>${lagging}`);
    commit(cluster, 12);
    const acknowledged = newest(cluster);
    cluster.crash(back);
    const member = cluster.members[back];
    if (member === undefined) throw new Error("there are three");
    member.disk = old;
    member.committed = null;
    const before = markCounts()["diskWasPutBack"] ?? 0;
    cluster.start(back);
    cluster.run(40 + cluster.random.below(100));
    noticed += (markCounts()["diskWasPutBack"] ?? 0) - before;
    cluster.cut.clear();
    cluster.run(cluster.random.below(200));
    cluster.crash(primary);
    cluster.run(1_500);
    cluster.start(primary);
    meets(t, cluster, `seed ${seed}`);
    t.true(newest(cluster) >= acknowledged, `seed ${seed}`);
  }
  t.true(noticed >= 6, `${noticed} of 8 noticed at once`);
});
