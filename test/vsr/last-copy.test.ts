/** Of a pair the one that is behind gets from a standby what the other has not got any more. */
import test, { type ExecutionContext } from "ava";
import { Cluster, geometry } from "./cluster.js";
import { change, inspect, newestOf, settled } from "./voters.js";

/** Replica 0 was away while the others filled segments and made two voters of three: the view that this begins with would be its own to lead. */
function pairWithOneBehind(t: ExecutionContext, seed: number): Cluster {
  const cluster = new Cluster(3, seed);
  cluster.run(1_500);
  cluster.crash(0);
  while (newestOf(cluster) < 900) {
    if (cluster.primary >= 0) for (let each = 0; each < 4; each++) cluster.propose(cluster.primary);
    cluster.run(10);
  }
  cluster.run(300);
  t.true(change(cluster, -1));
  cluster.run(1_000);
  t.deepEqual([inspect(cluster, 1).voters, inspect(cluster, 2).voters, cluster.primary], [2, 2, -1]);
  return cluster;
}

/** The disk of replica 1 loses a prepare amid its second segment, while it runs. */
function loseOne(cluster: Cluster): void {
  const { log } = cluster.members[1].disk;
  const lost = [...log.keys()].find((address) => address > 1.5 * geometry.segmentBytes);
  if (lost === undefined || lost > 2 * geometry.segmentBytes) throw new Error("a segment holds many prepares");
  log.delete(lost);
}

test("a seal or run that the other voter of a pair has not got is asked of a standby", (t) => {
  const cluster = pairWithOneBehind(t, 41);
  loseOne(cluster);
  cluster.start(0);
  cluster.run(20_000);
  settled(t, cluster, "without a seal");
  t.not(cluster.primary, -1);
});

test("a part of a segment that the other voter of a pair has sealed and lost is asked of a standby", (t) => {
  const cluster = pairWithOneBehind(t, 42);
  cluster.start(0);
  const isAsked = (): boolean =>
    cluster.packets.some(({ message }) => message.kind === "getSegmentPart" && message.segment === 1);
  for (let waited = 0; !isAsked() && waited < 20_000; waited++) cluster.advance();
  t.true(isAsked());
  loseOne(cluster);
  cluster.run(20_000);
  settled(t, cluster, "without a part");
  t.not(cluster.primary, -1);
});
