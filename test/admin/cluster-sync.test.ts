/** A node that was away while whole segments of the log were written: three processes over TLS. */
import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { ClusterRig } from "./cluster-rig.js";

let rig: ClusterRig;

test.before(async () => {
  rig = await ClusterRig.make(3);
});
test.after.always(() => rig.remove());

const batches = 90;
const eventsPerBatch = 1_000;

test.serial(
  "a node that was away for segments of log fetches them, and a kill in between costs only time",
  async (t) => {
    await rig.start(0, 1, 2);
    await rig.must(["cluster", "status", "--wait", "20s"]);
    t.is(await rig.end(2, "SIGKILL"), "SIGKILL");
    const text = "x".repeat(1_900);
    {
      await using db = await connect({ addresses: rig.addresses.slice(0, 2) });
      const stream = await db.tenant("main").streams.create("filled");
      for (let batch = 0; batch < batches; batch++) {
        await stream.append(Array.from({ length: eventsPerBatch }, (_, index) => ({ batch, index, text })));
      }
    }
    const complete = (node: number): string[] =>
      readdirSync(rig.path(`node-${node}`, "shard-1", "log")).filter((name) => name.endsWith(".seal"));
    t.true(complete(1).length >= 2, "two segments of 32 MiB are complete");
    // A start that ends in the middle of it.
    const interrupted = rig.spawn(2);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await interrupted.end("SIGKILL");
    await rig.start(2);
    await rig.must(["cluster", "status", "--wait", "60s"]);
    for (let waited = 0; complete(3).length < complete(1).length && waited < 200; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const name of complete(1)) {
      const of = (node: number): Buffer => readFileSync(rig.path(`node-${node}`, "shard-1", "log", name));
      t.deepEqual(of(3), of(1), `${name} is the same on both`);
    }
    const { actors } = JSON.parse(await rig.must(["top", "--once", "--json"], { connect: rig.addresses[2] ?? "" })) as {
      actors: { path: string; numbers: Record<string, number> }[];
    };
    const fetched = actors.find(({ path }) => path.endsWith("/keeper-1"))?.numbers["fetchedBytes"] ?? 0;
    t.log(`${fetched} bytes fetched as segments after the second start`);
    const read = await rig.must(
      ["read", "filled", "--json", "--limit", "2", "--from", String(batches * eventsPerBatch - 2)],
      {
        connect: rig.addresses[2] ?? "",
      },
    );
    t.is(read.trim().split("\n").length, 2);
    t.is(await rig.end(2, "SIGTERM"), 0);
    await rig.must(["verify", "--data", rig.path("node-3")]);
  },
);
