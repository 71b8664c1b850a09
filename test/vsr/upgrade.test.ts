/** A rolling upgrade to a made-up next release, replica by replica, and back while that is still possible. */
import test from "ava";
import { Cluster } from "./cluster.js";

const newest = (cluster: Cluster): number => Math.max(0, ...cluster.commits.keys());

function commit(cluster: Cluster, operations: number): void {
  const until = newest(cluster) + operations;
  for (let waited = 0; newest(cluster) < until && waited < 20_000; waited++) {
    if (cluster.primary >= 0) cluster.propose(cluster.primary);
    cluster.run(5);
  }
}

/** Starts a replica with a program that knows releases up to this one. */
function restart(cluster: Cluster, index: number, release: number): void {
  const member = cluster.members[index];
  if (member === undefined) throw new Error("there is such a replica");
  if (member.replica !== null) cluster.crash(index);
  member.halted = null;
  member.release = release;
  cluster.start(index);
  cluster.run(2_500);
}

const releasesOf = (cluster: Cluster): (number | undefined)[] =>
  cluster.members.map(({ replica }) => replica?.inspect().logRelease);

test("the log is upgraded once every replica is there and knows the next release, and not before", (t) => {
  const cluster = new Cluster(3, 201);
  cluster.run(1_500);
  commit(cluster, 10);
  for (const index of [0, 1]) {
    restart(cluster, index, 2);
    commit(cluster, 5);
    cluster.run(4_000);
    t.deepEqual(releasesOf(cluster), [1, 1, 1], "a replica would be left behind");
  }
  // The third is away: what it knows is not known.
  cluster.crash(2);
  cluster.run(5_000);
  commit(cluster, 5);
  t.true(releasesOf(cluster).every((release) => release !== 2));
  restart(cluster, 2, 2);
  cluster.run(4_000);
  commit(cluster, 5);
  cluster.run(1_000);
  t.deepEqual(releasesOf(cluster), [2, 2, 2]);
  // What was prepared before keeps its release; what comes after has the new one.
  const releases = [...(cluster.members[0]?.disk.log.values() ?? [])]
    .sort((left, right) => left.header.op - right.header.op)
    .map(({ header }) => header.release);
  t.is(releases[0], 1);
  t.is(releases.at(-1), 2);
  t.deepEqual(releases, [...releases].sort(), "releases grow along a log");
  t.is(releases.filter((_, index) => index > 0 && releases[index - 1] !== releases[index]).length, 1);
});

test("back to the program before, until the upgrade is logged; after it that program stops and says why", (t) => {
  const cluster = new Cluster(3, 202);
  cluster.run(1_500);
  commit(cluster, 5);
  restart(cluster, 0, 2);
  restart(cluster, 1, 2);
  restart(cluster, 0, 1);
  commit(cluster, 5);
  t.deepEqual(releasesOf(cluster), [1, 1, 1]);
  for (let index = 0; index < 3; index++) restart(cluster, index, 2);
  cluster.run(4_000);
  commit(cluster, 5);
  cluster.run(1_000);
  t.deepEqual(releasesOf(cluster), [2, 2, 2]);
  const back = (cluster.primary + 1) % 3;
  restart(cluster, back, 1);
  t.regex(cluster.members[back]?.halted ?? "", /is of release 2, and this program knows releases up to 1/);
  commit(cluster, 5);
  restart(cluster, back, 3);
  cluster.run(2_000);
  t.is(cluster.members[back]?.committed?.op, newest(cluster));
  t.deepEqual(releasesOf(cluster), [2, 2, 2], "one program that knows a third release changes nothing");
});

test("a replica that was away over an upgrade, with the old program, stores nothing of the new release", (t) => {
  const cluster = new Cluster(3, 203);
  cluster.run(1_500);
  commit(cluster, 5);
  for (let index = 0; index < 3; index++) restart(cluster, index, 2);
  const away = (cluster.primary + 1) % 3;
  cluster.crash(away);
  cluster.run(2_000);
  // It had said that it knows the next release within the last seconds: the upgrade may be logged without it.
  for (let waited = 0; waited < 40 && !releasesOf(cluster).includes(2); waited++) {
    commit(cluster, 1);
    cluster.run(200);
  }
  const member = cluster.members[away];
  if (member === undefined) throw new Error("there are three");
  const before = member.disk.log.size;
  restart(cluster, away, 1);
  if (releasesOf(cluster).includes(2)) {
    t.regex(member.halted ?? "", /start the newer program again/);
    t.true([...member.disk.log.values()].every(({ header }) => header.release === 1 || header.op <= before));
  }
  restart(cluster, away, 2);
  cluster.run(4_000);
  t.is(member.committed?.op, newest(cluster));
});
