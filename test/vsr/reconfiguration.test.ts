/** The number of voters changes while replicas crash, are cut off and lose messages: one log, whoever counted when. */

import test from "ava";
import { configurationOf } from "../../runtime/storage/views.js";
import { Cluster } from "./cluster.js";
import { change, inspect, newestOf, settled, votersOf } from "./voters.js";

test("a standby becomes a voter, and a voter a standby, while prepares are on their way", (t) => {
  const cluster = new Cluster(3, 31, "fresh", 2);
  cluster.run(1_500);
  for (const [by, voters] of [
    [1, 4],
    [1, 5],
    [-1, 4],
    [-1, 3],
    [-1, 2],
    [1, 3],
  ] as const) {
    for (let turn = 0; turn < 4; turn++) cluster.propose(cluster.primary);
    t.true(change(cluster, by), `to ${voters}`);
    t.false(cluster.propose(cluster.primary), "nothing is proposed behind the end of a configuration");
    cluster.run(3_000);
    for (let turn = 0; turn < 4; turn++) t.true(cluster.propose(cluster.primary), `with ${voters}`);
    cluster.run(1_000);
    settled(t, cluster, `with ${voters}`);
    t.is(votersOf(cluster), voters);
    t.true(cluster.primary < voters);
  }
  t.is(configurationOf(inspect(cluster, 0).view), 6);
});

test("T31: a primary whose log ends its configuration says no more that it leads: others may have gone on in the next one", (t) => {
  const cluster = new Cluster(4, 32, "fresh", 1);
  cluster.run(1_500);
  const { primary } = cluster;
  const before = cluster.confirm(primary);
  t.true(change(cluster, -1));
  const behind = cluster.confirm(primary);
  const answerTo = (wanted: number) => cluster.members[primary]?.confirmed.find(({ token }) => token === wanted);
  t.false(answerTo(behind)?.isPrimary ?? true, "asked behind the end");
  cluster.run(3_000);
  t.not(answerTo(before), undefined, "asked before it: answered, either way");
  settled(t, cluster, "with three");
});

test("T3: a standby whose disk was emptied after it had become a voter is turned away", (t) => {
  const cluster = new Cluster(3, 33, "fresh", 1);
  cluster.run(1_500);
  t.true(change(cluster, 1));
  cluster.run(3_000);
  t.is(votersOf(cluster), 4);
  cluster.crash(3);
  cluster.format(3, "fresh", 0);
  cluster.start(3);
  cluster.run(2_000);
  t.regex(cluster.members[3]?.halted ?? "", /knows another data directory in this one's place/u);
});

function storm(seed: number): { cluster: Cluster; changes: number } {
  const cluster = new Cluster([3, 2, 4, 5, 3][seed % 5] ?? 3, seed, "fresh", 1 + (seed % 3));
  const { random, members } = cluster;
  cluster.run(1_500);
  cluster.loss = random.below(3) === 0 ? random.below(25) : 0;
  for (let at = 0; at < 5_000; at++) {
    cluster.advance();
    const some = random.below(members.length);
    const isUp = members[some]?.replica !== null;
    if (random.below(4) === 0) for (const index of members.keys()) cluster.propose(index);
    if (random.below(250) === 0) change(cluster, random.below(2) === 0 ? 1 : -1);
    if (random.below(300) === 0 && isUp) cluster.crash(some);
    else if (random.below(120) === 0 && !isUp) cluster.start(some);
    if (random.below(300) === 0) cluster.cut.add(`${some}>${random.below(members.length)}`);
    if (random.below(200) === 0) cluster.cut.clear();
  }
  cluster.loss = 0;
  cluster.cut.clear();
  for (const [index, { replica }] of members.entries()) if (replica === null) cluster.start(index);
  cluster.run(8_000);
  const { configuration } = inspect(cluster, 0);
  return { cluster, changes: configuration };
}

const seeds = Number(process.env["KIMBERLITE_SEEDS"] ?? 12);

test("through crashes, loss and partitions voters come and go, and there is one log", (t) => {
  let changes = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const run = storm(seed);
    settled(t, run.cluster, `seed ${seed}`);
    t.true(newestOf(run.cluster) > 20, `seed ${seed} commits`);
    changes += run.changes;
  }
  t.true(changes > seeds, "there were changes");
});
