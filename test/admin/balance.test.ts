/** `cluster balance` against real nodes: tenants that are written to move apart, online; leaders go where there are none. */
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { sum } from "../faults/load.js";
import { checkStreams } from "../faults/stream-check.js";
import { loadFor } from "../node/load-for.js";
import { eventually, scratch, startChild } from "../node/node-child.js";
import { kimberlite } from "./run-command.js";

test.serial(
  "busy tenants of one shard are spread over both while they are written to, and nothing is lost",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t), shards: 2 });
    await using db = await connect(node.target);
    const names = ["north", "south", "east"];
    for (const name of names) await db.tenants.create(name, { shard: 1 });
    const loads = await Promise.all(
      names.map((tenant, index) => loadFor(t, () => node.port, { tenant, writers: 1, depth: 2, first: index })),
    );
    await eventually("load", () => loads.every((writers) => sum(writers, (writer) => writer.acknowledged) > 50));
    const balance = (...words: string[]) =>
      kimberlite(["cluster", "balance", "--watch", "2s", "--json", ...words], {
        environment: { KIMBERLITE_CONNECT: `127.0.0.1:${node.port}` },
      });
    const planned = await balance("--dry-run");
    t.is(planned.code, 0, planned.stderr);
    const plan = JSON.parse(planned.stdout) as { measure: string; moves: { from: number; to: number }[] };
    t.is(plan.measure, "commits/s");
    t.true(plan.moves.length >= 1 && plan.moves.every(({ from, to }) => from === 1 && to === 2));
    t.true((await Promise.all(names.map((name) => db.tenants.get(name)))).every(({ shard }) => shard === 1));
    const done = await balance();
    t.is(done.code, 0, done.stderr);
    const shards = (await Promise.all(names.map((name) => db.tenants.get(name)))).map(({ shard }) => shard);
    t.deepEqual([...new Set(shards)].sort(), [1, 2], "no shard has them all");
    const at = performance.now();
    await eventually("writes go on", () => loads.flat().every((writer) => writer.acknowledgedAt > at));
    for (const [index, tenant] of names.entries()) {
      const writers = loads[index] ?? [];
      for (const writer of writers) await writer.settle();
      t.deepEqual((await checkStreams(db, tenant, writers)).violations, []);
    }
  },
);
