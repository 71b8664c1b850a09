import test from "ava";
import { Cluster } from "./cluster.js";

test("what a view took over is gone with the only one that had it: the others deny it, and go on without", (t) => {
  const cluster = new Cluster(3, 21);
  cluster.run(1_000);
  const gone = cluster.primary;
  const [next, other] = [(gone + 1) % 3, (gone + 2) % 3];
  const advance = (): void => {
    cluster.advance();
    const kept = cluster.packets.filter(({ from, message }) => from !== gone || message.kind !== "prepare");
    cluster.packets.splice(0, cluster.packets.length, ...kept);
  };
  t.true(cluster.propose(gone));
  cluster.cut.add(`${other}>${next}`);
  cluster.step(gone, { kind: "abdicate" });
  const hasTakenOver = (): boolean => {
    const at = cluster.members[next]?.replica?.inspect();
    return at?.status === "viewChange" && at.logView === at.view && at.op === 1;
  };
  for (let elapsed = 0; elapsed < 1_000 && !hasTakenOver(); elapsed++) advance();
  t.true(hasTakenOver(), "a view is decided by two, and names what only one of them has");
  cluster.crash(gone);
  cluster.cut.clear();
  cluster.run(8_000);
  const { primary } = cluster;
  t.true(primary === next || primary === other, "somebody leads");
  t.is(cluster.commits.size, 0, "what nobody else had was not committed");
  t.true(cluster.propose(primary));
  cluster.run(200);
  t.is(cluster.commits.size, 1);
});
