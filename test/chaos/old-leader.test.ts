/** What a leader that is cut off from the others says, while they have chosen another and go on. */
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { pause, scratch } from "../node/node-child.js";
import { ClusterProcesses } from "./cluster.js";

test("a leader that is cut off neither reads nor refuses as of a past: it waits until a quorum says that it leads, or does not", async (t) => {
  const cluster = await ClusterProcesses.make({
    directory: scratch(t),
    nodes: 3,
    shards: 1,
    layout: "shared",
    liesAboutSync: false,
    diskBytes: null,
    network: "proxies",
  });
  t.teardown(() => cluster.end());
  await cluster.startAll();
  const databases = await Promise.all(
    [0, 1, 2].map((node) => connect(`127.0.0.1:${cluster.portOf(node)}`, { timeoutMs: 20_000 })),
  );
  t.teardown(() => Promise.all(databases.map((db) => db.close(0))).then(() => {}));
  await databases[0]?.tenant("main").streams.create("s");
  const streams = databases.map((db) => db.tenant("main").stream("s"));
  for (const stream of streams) await stream.append("known everywhere");
  const old = await cluster.leaderOf(1);
  const rest = [0, 1, 2].filter((node) => node !== old);
  for (const other of rest) {
    cluster.link(old, other).isCut = true;
    cluster.link(other, old).isCut = true;
  }
  const elsewhere = streams[rest[0] ?? 0];
  const there = streams[old];
  if (elsewhere === undefined || there === undefined) throw new Error("each node has a client");
  await elsewhere.append("behind its back", { expectedOffset: 3 });
  await elsewhere.append("and once more", { expectedOffset: 4 });

  let hasRead = false;
  const read = there.read({ consistency: "linearizable" }).finally(() => {
    hasRead = true;
  });
  let hasAnswered = false;
  const appended = there.append("what is next is known", { expectedOffset: 5 }).finally(() => {
    hasAnswered = true;
  });
  await pause(1_000);
  t.false(hasRead, "it cannot know what is newest");
  t.false(hasAnswered, "it would have to say that offset 3 is next");
  cluster.healNetwork();
  t.is((await appended).firstOffset, 5n);
  t.true((await read).nextOffset >= 5n);
});
