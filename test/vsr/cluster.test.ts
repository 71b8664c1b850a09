import test from "ava";
import { Cluster } from "./cluster.js";

/** Random faults for a while, then none: everything that was committed stays, and all replicas meet again. */
function storm(seed: number): Cluster {
  const count = [3, 3, 3, 5, 4, 2, 6][seed % 7] ?? 3;
  const cluster = new Cluster(count, seed);
  const { random } = cluster;
  cluster.loss = random.below(3) === 0 ? random.below(25) : 0;
  const all = cluster.members.map((_, index) => index);
  for (let at = 0; at < 4000; at++) {
    cluster.advance();
    const some = random.below(count);
    const isUp = cluster.members[some]?.replica !== null;
    if (random.below(4) === 0) for (const index of all) cluster.propose(index);
    if (random.below(300) === 0 && isUp) cluster.crash(some);
    else if (random.below(150) === 0 && !isUp) cluster.start(some);
    if (random.below(400) === 0) cluster.cut.add(`${some}>${random.below(count)}`);
    if (random.below(200) === 0) cluster.cut.clear();
  }
  cluster.loss = 0;
  cluster.cut.clear();
  for (const index of all) if (cluster.members[index]?.replica === null) cluster.start(index);
  cluster.run(6000);
  return cluster;
}

for (let block = 0; block < 4; block++) {
  test(`crashes, loss and partitions lose no committed operation, and the replicas meet again (${block})`, (t) => {
    for (let seed = block * 5 + 1; seed <= block * 5 + 5; seed++) {
      const cluster = storm(seed);
      const newest = Math.max(...cluster.commits.keys());
      t.true(newest > 20, `seed ${seed} commits`);
      for (const { committed, replica } of cluster.members) {
        t.is(committed?.op, newest, `seed ${seed}`);
        t.is(replica?.inspect().status, "normal");
      }
      t.not(cluster.primary, -1, `seed ${seed} has a primary`);
    }
  });
}

test("one replica leads from its start and commits what its own disk holds", (t) => {
  const cluster = new Cluster(1, 1);
  cluster.run(20);
  t.true(cluster.propose(0));
  cluster.run(20);
  t.is(cluster.members[0]?.committed?.op, 1);
  cluster.crash(0);
  cluster.start(0);
  cluster.run(20);
  t.is(cluster.primary, 0);
  t.true(cluster.propose(0));
});

test("a primary that is cut off answers no read, and its successor waits for what it inherited", (t) => {
  const cluster = new Cluster(3, 5);
  cluster.run(1000);
  const old = cluster.primary;
  t.not(old, -1);
  for (let op = 0; op < 5; op++) cluster.propose(old);
  cluster.run(200);
  for (let other = 0; other < 3; other++) {
    cluster.cut.add(`${old}>${other}`);
    cluster.cut.add(`${other}>${old}`);
  }
  const token = cluster.confirm(old);
  cluster.run(3000);
  t.false(cluster.members[old]?.confirmed.some((answer) => answer.token === token && answer.isPrimary));
  const next = cluster.members.findIndex(({ replica }, index) => index !== old && replica?.inspect().isPrimary);
  t.not(next, -1);
  const asked = cluster.confirm(next);
  cluster.run(200);
  const answer = cluster.members[next]?.confirmed.find((each) => each.token === asked);
  t.true(answer?.isPrimary);
  t.true((answer?.commit ?? 0) >= 5);
});

test("leadership is handed over on request, and what was committed goes with it", (t) => {
  const cluster = new Cluster(3, 9);
  cluster.run(1000);
  const old = cluster.primary;
  cluster.propose(old);
  cluster.run(200);
  cluster.step(old, { kind: "abdicate" });
  cluster.run(500);
  t.not(cluster.primary, old);
  t.not(cluster.primary, -1);
  t.true(cluster.propose(cluster.primary));
});
