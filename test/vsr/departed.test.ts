/**
 * A voter leaves, and has the only sound copy of what it was needed for: those that vote ask it. What it gives they look at like what lies on their
 * own disks; it has no word in anything.
 */
import test from "ava";
import { Cluster } from "./cluster.js";
import { change, inspect, newestOf, settled, votersOf } from "./voters.js";

interface Left {
  readonly cluster: Cluster;
  /** It led when the third voter left, and its disk is about to be damaged. */
  readonly primary: number;
  /** It was out of reach, and lacks what was committed meanwhile. */
  readonly absent: number;
  /** The operation that ended the configuration. */
  readonly last: number;
}

/**
 * Of three the third leaves; the last operations before that are on two disks, its own and the primary's.
 *
 * @param isTold it hears that it has left
 */
function leave(seed: number, isTold = true): Left {
  const cluster = new Cluster(3, seed, "fresh");
  cluster.run(1_500);
  while (cluster.primary !== 0) {
    cluster.step(cluster.primary, { kind: "abdicate" });
    cluster.run(1_000);
  }
  const [primary, absent, leaver] = [0, 1, 2];
  for (const other of [primary, leaver]) cluster.cut.add(`${other}>${absent}`).add(`${absent}>${other}`);
  for (let turn = 0; turn < 6; turn++) cluster.propose(primary);
  cluster.run(100);
  if (!change(cluster, -1)) throw new Error("the third voter stays");
  const last = inspect(cluster, primary).op;
  while (inspect(cluster, leaver).op < last) cluster.advance();
  if (!isTold) cluster.cut.add(`${primary}>${leaver}`);
  while (newestOf(cluster) < last) cluster.advance();
  cluster.run(200);
  return { cluster, primary, absent, last };
}

function comesBack({ cluster, primary }: Left): void {
  cluster.start(primary);
  cluster.cut.clear();
  cluster.run(8_000);
}

for (const before of [0, 1, 2, 4]) {
  const what =
    before === 0 ? "the operation that ended the configuration" : `what was committed ${before} before its end`;
  test(`the only sound copy of ${what} is at the voter that left`, (t) => {
    const left = leave(60 + before);
    const { cluster, primary, absent, last } = left;
    t.true(inspect(cluster, absent).op < last - before, "the other one lacks it");
    cluster.crash(primary);
    cluster.damage(primary, (op) => op === last - before);
    comesBack(left);
    settled(t, cluster, "afterwards");
    t.is(votersOf(cluster), 2);
    t.true(cluster.propose(cluster.primary));
  });
}

test("the voter that left gives what it has, whether or not it has heard that it left", (t) => {
  const left = leave(70, false);
  const { cluster, primary, absent, last } = left;
  t.is(inspect(cluster, 2).configuration, 0);
  cluster.crash(primary);
  cluster.damage(primary, (op) => op === last);
  t.true(inspect(cluster, absent).op < last);
  comesBack(left);
  settled(t, cluster, "afterwards");
});

test("a voter that left makes no quorum: with its log whole and one of two voters gone nothing is committed", (t) => {
  const { cluster, primary, last } = leave(71);
  cluster.crash(primary);
  cluster.cut.clear();
  cluster.run(5_000);
  t.is(newestOf(cluster), last);
  t.is(cluster.primary, -1);
});
