/** Standbys: they come to hold the log through everything, and nothing that they do or are told counts. */
import test from "ava";
import type { Message } from "../../runtime/vsr/messages.js";
import { Cluster } from "./cluster.js";

/** Faults at voters and standbys alike, then none. */
function storm(seed: number): Cluster {
  const count = [3, 3, 5, 2, 4][seed % 5] ?? 3;
  const cluster = new Cluster(count, seed, seed % 2 === 0 ? "fresh" : "member", 1 + (seed % 2));
  const { random, members } = cluster;
  // Fresh replicas get to know one another first: else a run may be over before anything is committed.
  cluster.run(500);
  cluster.loss = random.below(3) === 0 ? random.below(25) : 0;
  for (let at = 0; at < 4000; at++) {
    cluster.advance();
    const some = random.below(members.length);
    const isUp = members[some]?.replica !== null;
    if (random.below(4) === 0) for (const index of members.keys()) cluster.propose(index);
    if (random.below(300) === 0 && isUp) cluster.crash(some);
    else if (random.below(150) === 0 && !isUp) cluster.start(some);
    if (random.below(400) === 0) cluster.cut.add(`${some}>${random.below(members.length)}`);
    if (random.below(200) === 0) cluster.cut.clear();
  }
  cluster.loss = 0;
  cluster.cut.clear();
  for (const [index, { replica }] of members.entries()) if (replica === null) cluster.start(index);
  cluster.run(6000);
  return cluster;
}

for (let block = 0; block < 2; block++) {
  test(`through crashes, loss and partitions standbys come to hold what was committed, and lead nothing (${block})`, (t) => {
    for (let seed = block * 5 + 1; seed <= block * 5 + 5; seed++) {
      const cluster = storm(seed);
      const newest = Math.max(...cluster.commits.keys());
      t.true(newest > 20, `seed ${seed} commits`);
      for (const [index, { committed, replica }] of cluster.members.entries()) {
        t.is(committed?.op, newest, `seed ${seed}, replica ${index}`);
        t.is(replica?.inspect().status, "normal");
        if (index >= cluster.voters) t.false(replica?.inspect().isPrimary);
      }
      t.true(cluster.primary >= 0 && cluster.primary < cluster.voters, `seed ${seed} has a primary that votes`);
    }
  });
}

test("a standby says nothing that counts: it asks, and that is all", (t) => {
  const cluster = new Cluster(3, 21, "member", 1);
  const said = new Set<Message["kind"]>();
  for (let at = 0; at < 4_000; at++) {
    cluster.advance();
    if (at % 20 === 0) for (const index of [0, 1, 2, 3]) cluster.propose(index);
    if (at === 2_000) cluster.crash(cluster.primary);
    for (const { from, message } of cluster.packets) if (from === 3) said.add(message.kind);
  }
  t.true(said.has("ping") && said.has("getView"));
  for (const kind of ["prepareOk", "commitOk", "startViewChange", "doViewChange", "startView", "prepare"] as const) {
    t.false(said.has(kind), kind);
  }
});

test("standbys make no quorum: with two of three voters away nothing is committed and nobody leads anew", (t) => {
  const cluster = new Cluster(3, 22, "member", 2);
  cluster.run(1_000);
  const { primary } = cluster;
  t.not(primary, -1);
  for (const index of [0, 1, 2]) if (index !== primary) cluster.crash(index);
  const before = Math.max(0, ...cluster.commits.keys());
  t.true(cluster.propose(primary));
  cluster.run(5_000);
  t.is(Math.max(0, ...cluster.commits.keys()), before);
  t.is(cluster.members.filter(({ leads }) => leads !== null).length <= 1, true);
});

test("what a standby would say out of turn moves nobody", (t) => {
  const cluster = new Cluster(3, 23, "member", 1);
  cluster.run(1_000);
  const { primary } = cluster;
  t.true(cluster.propose(primary));
  cluster.run(300);
  const view = cluster.members[primary]?.replica?.inspect().view ?? 0;
  const identity = new Uint8Array(32);
  const suffix = [{ op: 9, header: null, headerBytes: null, present: false, nack: true }];
  const lies: Message[] = [
    { kind: "startViewChange", view: view + 7 },
    { kind: "doViewChange", view: view + 7, logView: view + 6, commit: 0, contiguous: 0, suffix },
    { kind: "startView", view: view + 7, commit: 0, suffix: [], nonce: 0 },
    { kind: "getView", view: view + 7, nonce: 5 },
    { kind: "prepareOk", view, op: 1, identity },
    { kind: "commit", view: view + 7, commit: { op: 1, identity }, op: 1, round: 1 },
    { kind: "commitOk", view, round: 1 },
  ];
  for (const message of lies) for (const to of [0, 1, 2]) cluster.step(to, { kind: "message", from: 3, message });
  cluster.run(500);
  for (const index of [0, 1, 2]) t.is(cluster.members[index]?.replica?.inspect().view, view);
  t.is(cluster.primary, primary);
});

test("a standby that comes late fetches the whole log", (t) => {
  const cluster = new Cluster(3, 24, "member", 1);
  cluster.crash(3);
  for (let at = 0; at < 6_000; at++) {
    cluster.advance();
    for (const index of [0, 1, 2]) cluster.propose(index);
  }
  const newest = Math.max(...cluster.commits.keys());
  t.true(newest > 100);
  cluster.start(3);
  cluster.run(6_000);
  t.is(cluster.members[3]?.committed?.op, Math.max(...cluster.commits.keys()));
});

test("standbys are taken in and let go while the others work, also one that is being answered", (t) => {
  const cluster = new Cluster(3, 25, "member", 1);
  cluster.crash(3);
  for (const index of [0, 1, 2]) cluster.step(index, { kind: "replicas", count: 3 });
  for (let at = 0; at < 3_000; at++) {
    cluster.advance();
    for (const index of [0, 1, 2]) cluster.propose(index);
  }
  cluster.start(3);
  cluster.run(1_000);
  t.is(cluster.members[3]?.committed, null, "nobody knows it");
  for (const index of [0, 1, 2]) cluster.step(index, { kind: "replicas", count: 4 });
  cluster.run(4_000);
  const newest = Math.max(...cluster.commits.keys());
  t.is(cluster.members[3]?.committed?.op, newest);
  for (const index of [0, 1, 2]) {
    cluster.step(index, { kind: "message", from: 3, message: { kind: "getSeals", segment: 0 } });
    cluster.step(index, { kind: "replicas", count: 3 });
  }
  for (const index of [0, 1, 2]) cluster.propose(index);
  cluster.run(1_000);
  t.true(Math.max(...cluster.commits.keys()) > newest);
  t.is(cluster.members[3]?.committed?.op, newest, "it hears nothing any more");
});
