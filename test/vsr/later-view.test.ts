import test from "ava";
import { Cluster } from "./cluster.js";

for (const [what, elapsedMs] of [
  ["prepares", 400],
  ["segments", 4_000],
] as const) {
  test(`who has not been told of a view takes no ${what} of it into the log of an older one`, (t) => {
    const cluster = new Cluster(3, 5);
    cluster.run(1_000);
    const old = cluster.primary;
    t.true(cluster.propose(old));
    cluster.run(200);
    const [next, away] = [(old + 1) % 3, (old + 2) % 3];
    const others = [old, next];
    for (const other of others) {
      cluster.cut.add(`${away}>${other}`);
      cluster.cut.add(`${other}>${away}`);
    }
    cluster.step(old, { kind: "abdicate" });
    cluster.step(next, { kind: "disconnected", peer: old });
    cluster.run(500);
    t.is(cluster.primary, next, "another leads, in a view that one has not heard of");
    for (let elapsed = 0; elapsed < elapsedMs; elapsed++) {
      cluster.propose(next);
      cluster.advance();
    }
    cluster.run(300);
    const committed = cluster.members[next]?.committed?.op ?? 0;
    t.true(committed > elapsedMs / 20, `${committed} operations are committed`);
    cluster.cut.clear();
    const isStartView = ({ to, message }: (typeof cluster.packets)[number]): boolean =>
      to === away && message.kind === "startView";
    let dropped = 0;
    for (let elapsed = 0; elapsed < 3_000; elapsed++) {
      cluster.advance();
      const kept = cluster.packets.filter((packet) => !isStartView(packet));
      dropped += cluster.packets.length - kept.length;
      cluster.packets.splice(0, cluster.packets.length, ...kept);
      t.is(cluster.members[away]?.replica?.inspect().op, 1, "its log is that of its own view");
    }
    t.true(dropped > 10, "it has heard of the view, and was not told its log");
    cluster.run(5_000);
    t.is(cluster.members[away]?.committed?.op, committed, "then it gets everything");
  });
}
