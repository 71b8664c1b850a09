import test from "ava";
import { logBeginning, positionBehind } from "../../runtime/storage/log-position.js";
import { type Effect, pipelineMax } from "../../runtime/vsr/ports.js";
import { Replica } from "../../runtime/vsr/replica.js";
import { chain } from "./chain.js";
import { Cluster, clusterId, geometry } from "./cluster.js";

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
      t.true(newest >= 20, `seed ${seed} commits`);
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

test("a primary that is heard and hears nobody gives up before anybody could miss it", (t) => {
  const cluster = new Cluster(3, 11);
  cluster.run(3_000);
  const deaf = cluster.primary;
  t.not(deaf, -1);
  for (const index of [0, 1, 2]) if (index !== deaf) cluster.cut.add(`${index}>${deaf}`);
  cluster.run(1_800);
  const next = cluster.members.findIndex(({ leads }, index) => leads !== null && index !== deaf);
  t.not(next, -1, "another leads");
  t.true(cluster.propose(next));
  cluster.run(200);
  t.true(cluster.commits.size > 0, "and commits");
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

test("a replica that finds its log full of holes at start still names no more than the pipeline in a view change", (t) => {
  const links = chain(199, 0);
  const sound = positionBehind(links[9].header);
  const beyond = links.slice(10).map(({ header, headerBytes }, index) => {
    // Both copies of some headers are gone, so nothing behind them hangs together with what is sound.
    const named = index % 3 === 0 ? null : { header, headerBytes };
    return {
      op: header.op,
      state: index % 3 === 2 ? ("sound" as const) : ("faulty" as const),
      header: named?.header ?? null,
      headerBytes: named?.headerBytes ?? null,
    };
  });
  const config = { replica: 1, replicaCount: 3, clusterId, geometry, release: 1, seed: 1 };
  const state = { view: 0, logView: 0, commitMax: 0, suffix: [] };
  const log = {
    from: logBeginning(clusterId),
    sound,
    headers: links.slice(0, 10),
    beyond,
    headIsCertain: true,
    commit: 9,
    end: 199 * 4096,
  };
  const replica = new Replica(config, state, log);
  const effects: Effect[] = [];
  const doubt = { kind: "startViewChange", view: 0 } as const;
  replica.step({ kind: "tick", monotonic: 0, wall: 0 }, effects);
  replica.step({ kind: "message", from: 0, message: doubt }, effects);
  replica.step({ kind: "message", from: 2, message: doubt }, effects);
  const written = effects.filter((effect) => effect.kind === "writeState");
  t.is(written.length, 1, "it entered the next view");
  const suffix = written[0]?.state.suffix ?? [];
  t.true(suffix.length <= pipelineMax + 1, `${suffix.length} headers`);
  t.is(suffix[0]?.header.op, 199);
});

test("every operation lost on one disk, each on another's: together the replicas still hold the log, and find it", (t) => {
  for (const seed of [1, 2, 3]) {
    const cluster = new Cluster(3, seed);
    for (let at = 0; at < 3_000; at++) {
      cluster.advance();
      if (at % 10 === 0) for (const index of [0, 1, 2]) cluster.propose(index);
    }
    const newest = Math.max(...cluster.commits.keys());
    t.true(newest > 60, `${newest} operations`);
    for (const index of [0, 1, 2]) cluster.crash(index);
    // Both copies of each; the end of the log is left alone, as who does not know where its log ends has to wait for others.
    for (const index of [0, 1, 2]) cluster.damage(index, (op) => op % 3 === index && op < newest - 20);
    for (const index of [0, 1, 2]) cluster.start(index);
    cluster.run(6_000);
    t.not(cluster.primary, -1, `seed ${seed} has a primary`);
    for (const { committed, disk } of cluster.members) {
      t.true((committed?.op ?? 0) >= newest, `seed ${seed}: ${committed?.op} of ${newest}`);
      t.is(disk.lost.size, 0, "everything was repaired");
    }
  }
});

test("a backup that is heard and gives nothing is soon left out: who was away is brought back by the primary", (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const cluster = new Cluster(3, seed);
    cluster.run(1_000);
    const { primary } = cluster;
    const [away = 0, stingy = 0] = [0, 1, 2].filter((index) => index !== primary);
    cluster.crash(away);
    for (let count = 0; count < 100; count++) {
      cluster.propose(primary);
      cluster.run(40);
    }
    cluster.stingy.add(stingy);
    cluster.start(away);
    cluster.run(2_500);
    const [behind, ahead] = [cluster.members[away], cluster.members[primary]];
    t.true((ahead.committed?.op ?? 0) >= 90);
    t.is(behind.committed?.op, ahead.committed?.op, `seed ${seed}`);
  }
});

test("damage that is found long after it was written is asked of another replica by its place, and written again", (t) => {
  const cluster = new Cluster(3, 4);
  for (let at = 0; at < 3_000; at++) {
    cluster.advance();
    if (at % 10 === 0) for (const index of [0, 1, 2]) cluster.propose(index);
  }
  cluster.run(500);
  const member = cluster.members[2];
  const [lost, before] = [5, 4].map((op) => [...member.disk.log.values()].find(({ header }) => header.op === op));
  if (lost === undefined || before === undefined) throw new Error("five operations are in the log");
  const isThere = (): boolean => member.disk.log.has(lost.header.address);
  member.disk.log.delete(lost.header.address);
  cluster.cut.add("0>2").add("1>2");
  // What another log has there is not taken, nor is what does not follow.
  const from = positionBehind(before.header);
  cluster.step(2, { kind: "damagedBehind", from: { ...from, parent: new Uint8Array(32) } });
  cluster.run(100);
  t.false(isThere());
  cluster.cut.clear();
  cluster.run(1_000);
  t.false(isThere(), "nobody has a prepare behind such a place");
  cluster.step(2, { kind: "damagedBehind", from });
  cluster.run(1_000);
  t.true(isThere());
  t.deepEqual(member.disk.log.get(lost.header.address)?.frame, lost.frame);
});

test("an operation that is lost on every disk stops the replicas, and the next primary names it", (t) => {
  const cluster = new Cluster(3, 5);
  for (let at = 0; at < 1_500; at++) {
    cluster.advance();
    if (at % 10 === 0) for (const index of [0, 1, 2]) cluster.propose(index);
  }
  const newest = Math.max(...cluster.commits.keys());
  for (const index of [0, 1, 2]) cluster.crash(index);
  for (const index of [0, 1, 2]) cluster.damage(index, (op) => op === newest - 15);
  for (const index of [0, 1, 2]) cluster.start(index);
  cluster.run(8_000);
  t.is(cluster.primary, -1, "nobody leads");
  const stuckAt = cluster.members.map(({ replica }) => replica?.inspect().stuckAt ?? 0);
  t.true(stuckAt.includes(newest - 15), `${stuckAt.join()} of ${newest}`);
});
