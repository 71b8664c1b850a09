import test, { type ExecutionContext } from "ava";
import { markCounts } from "../../runtime/vsr/marks.js";
import { fetchBytesPerTick } from "../../runtime/vsr/segment-sync.js";
import { Cluster } from "./cluster.js";

/** Three replicas of which one misses `operations`, more than the header ring names. Gives the cluster and who was away. */
function behind(seed: number, operations: number): { cluster: Cluster; away: number } {
  const cluster = new Cluster(3, seed);
  cluster.run(1_500);
  for (let op = 0; op < 40; op++) {
    cluster.propose(cluster.primary);
    cluster.run(10);
  }
  cluster.run(300);
  const away = (cluster.primary + 1) % 3;
  cluster.crash(away);
  while (cluster.commits.size < operations) {
    if (cluster.primary >= 0) for (let each = 0; each < 4; each++) cluster.propose(cluster.primary);
    cluster.run(10);
  }
  return { cluster, away };
}

const committed = (cluster: Cluster, index: number): number => cluster.members[index]?.committed?.op ?? 0;

function meets(t: ExecutionContext, cluster: Cluster, away: number): void {
  cluster.run(1_000);
  const newest = Math.max(...cluster.commits.keys());
  for (let waited = 0; committed(cluster, away) < newest && waited < 60; waited++) cluster.run(500);
  t.is(committed(cluster, away), newest);
  // From the start of its log to the end: `Cluster` compares identities of what each replica commits.
  const member = cluster.members[away];
  t.is(member?.disk.log.size, newest);
}

test("a replica that is behind by whole segments fetches them by hash, and goes on with runs and the stream", (t) => {
  const { cluster, away } = behind(11, 1_800);
  const before = markCounts();
  cluster.start(away);
  meets(t, cluster, away);
  const after = markCounts();
  const grew = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  t.log(
    Object.entries(after)
      .filter(([name]) => grew(name) > 0)
      .map(([name]) => `${name} ${grew(name)}`)
      .join(" "),
  );
  t.true(grew("segmentInstalled") >= 5, `${grew("segmentInstalled")} segments`);
  t.log(
    Object.entries(after)
      .filter(([name]) => grew(name) > 0)
      .map(([name]) => `${name} ${grew(name)}`)
      .join(" "),
  );
  t.true(grew("runStopsAtSegment") > 0, "the segment that it stood in is completed by runs");
  t.true(cluster.propose(cluster.primary));
  cluster.run(500);
  t.is(committed(cluster, away), Math.max(...cluster.commits.keys()));
});

test("an empty log is filled the same way, from the first segment on", (t) => {
  const { cluster, away } = behind(12, 1_500);
  const member = cluster.members[away];
  if (member === undefined) throw new Error("there are three");
  // What was on it is gone but for who it is: what it acknowledged is known to be committed (T3 is about when it is not).
  member.disk.log.clear();
  const newest = Math.max(...cluster.commits.keys());
  member.disk.state = { ...member.disk.state, commitMax: 0, suffix: [] };
  member.committed = null;
  cluster.start(away);
  meets(t, cluster, away);
  t.true(committed(cluster, away) >= newest);
});

test("T17 T21: what is not installed is not acknowledged; a sync over crashes of all, loss and view changes loses nothing", (t) => {
  for (let seed = 20; seed < 24; seed++) {
    const { cluster, away } = behind(seed, 1_400);
    const { random } = cluster;
    cluster.start(away);
    cluster.loss = random.below(15);
    for (let at = 0; at < 3_000; at++) {
      cluster.advance();
      const some = random.below(3);
      const isUp = cluster.members[some]?.replica !== null;
      if (random.below(6) === 0 && cluster.primary >= 0) cluster.propose(cluster.primary);
      if (random.below(400) === 0 && isUp) cluster.crash(some);
      else if (random.below(60) === 0 && !isUp) cluster.start(some);
      const durable = cluster.members[away]?.replica?.inspect().contiguous ?? 0;
      const held = cluster.members[away]?.disk.log.size ?? 0;
      t.true(durable <= held, "what counts as durable is on the disk");
    }
    cluster.loss = 0;
    for (let index = 0; index < 3; index++) if (cluster.members[index]?.replica === null) cluster.start(index);
    cluster.run(6_000);
    // What a view change discarded is taken off a disk when something is written in its place.
    t.true(cluster.propose(cluster.primary));
    for (let index = 0; index < 3; index++) meets(t, cluster, index);
  }
});

test("a segment that comes damaged is given up and fetched from somebody else", (t) => {
  const { cluster, away } = behind(31, 1_500);
  const before = markCounts()["segmentGivenUp"] ?? 0;
  let damaged = 0;
  cluster.start(away);
  for (let at = 0; at < 40_000 && committed(cluster, away) < 1_500; at++) {
    for (const { message } of cluster.packets) {
      if (message.kind !== "segmentPart" || message.bytes.length === 0 || damaged >= 3) continue;
      message.bytes[5] = (message.bytes[5] ?? 0) ^ 1;
      damaged += 1;
    }
    cluster.advance();
  }
  t.is(damaged, 3);
  t.true((markCounts()["segmentGivenUp"] ?? 0) > before);
  meets(t, cluster, away);
});

/** Ticks until nothing is missing while others commit so many bytes a tick; Infinity after ten minutes. */
function ticksToFetch(missing: number, committedPerTick: number): number {
  let left = missing;
  for (let ticks = 0; ticks < 60_000; ticks++) {
    if (left <= 0) return ticks;
    left += committedPerTick - fetchBytesPerTick(left, ticks);
  }
  return Infinity;
}

test("a replica that fetches takes its time: twenty-five seconds for much, and in haste behind them", (t) => {
  const mebibyte = 1024 * 1024;
  t.true(ticksToFetch(8 * mebibyte, 0) < 60, "a little is had at once");
  const much = ticksToFetch(750 * mebibyte, 0);
  t.true(much > 2_200 && much <= 2_500, `${much} ticks for what takes 10 s in haste`);
  const busy = ticksToFetch(250 * mebibyte, 400 * 1024);
  t.true(busy > 2_000 && busy <= 3_200, `${busy} ticks while others commit 40 MiB a second`);
  t.true(ticksToFetch(8_000 * mebibyte, 400 * 1024) < Infinity, "more than there is time for: as fast as may be");
  t.is(ticksToFetch(mebibyte, 800 * 1024), Infinity, "the model would say so if it could not be had");
});
