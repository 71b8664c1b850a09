/** A node's life from its first start on, over the SDK: what it promises when it is stopped, killed or started twice. */
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { sum } from "../faults/load.js";
import { checkStreams } from "../faults/stream-check.js";
import { verifyDirectory } from "../faults/verify-directory.js";
import { loadFor } from "./load-for.js";
import { eventually, type NodeChild, scratch, startChild } from "./node-child.js";

/** Records that the shards of a node replayed from their logs when they started. */
const replayed = (node: NodeChild): number =>
  node.logged("shard ready").reduce((total, { fields }) => total + Number(fields["replayed"]), 0);

test.serial("a first start makes the tenant main, and what is appended is read, listed and followed", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t) });
  t.true(node.isNew);
  await using db = await connect(node.target);
  const tenants = await db.tenants.list();
  t.deepEqual(
    tenants.map(({ id, name, shard }) => ({ id, name, shard })),
    [{ id: 1n, name: "main", shard: 1 }],
  );
  const orders = await db.tenant("main").streams.create("orders");
  const subscription = orders.subscribe();
  const first = subscription.next();
  const appended = await orders.append([{ item: "tea" }, "bytes", new Uint8Array([1, 2, 3])]);
  t.is(appended.firstOffset, 0n);
  t.is(appended.count, 3);
  const { events, nextOffset } = await orders.read();
  t.deepEqual(events[0]?.json(), { item: "tea" });
  t.is(events[1]?.text(), "bytes");
  t.deepEqual([...(events[2]?.data ?? [])], [1, 2, 3]);
  t.is(nextOffset, 3n);
  const backward = await orders.read({ direction: "backward", limit: 1 });
  t.is(backward.events[0]?.offset, 2n);
  t.deepEqual((await first).value?.json(), { item: "tea" });
  t.is((await subscription.next()).value?.offset, 1n);
  t.is((await subscription.next()).value?.offset, 2n);
  const late = subscription.next();
  await orders.append("later");
  t.is((await late).value?.text(), "later");
  subscription.close();
  await db.tenant("main").streams.create("audit");
  t.deepEqual(
    (await db.tenant("main").streams.list()).map((stream) => stream.name),
    ["audit", "orders"],
  );
});

test.serial("tenants are created, limited and dropped by clients, and each has streams of its own", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t), shards: 2 });
  await using db = await connect(node.target);
  const made = await Promise.all(["a", "b", "c"].map((name) => db.tenants.create(name)));
  t.deepEqual(made.map(({ shard }) => shard).sort(), [1, 2, 2], "tenants spread over the shards; main is on the first");
  await t.throwsAsync(db.tenants.create("a"), { code: "tenantExists" });
  const same = await Promise.all(["a", "b"].map((name) => db.tenant(name).streams.create("same")));
  await Promise.all(same.map((stream, index) => stream.append(`of ${index}`)));
  t.is((await same[0].read()).events[0]?.text(), "of 0");
  t.is((await same[1].read()).events[0]?.text(), "of 1");
  await db.tenants.drop("a");
  await t.throwsAsync(db.tenants.get("a"), { code: "tenantUnknown" });
  await t.throwsAsync(same[0].append("too late"), { code: "tenantUnknown" });
  t.is((await same[1].append("goes on")).firstOffset, 1n);
});

test.serial(
  "a clean stop leaves nothing to replay; SIGKILL under load leaves a log that is replayed with all that was acknowledged",
  async (t) => {
    const dataDirectory = scratch(t);
    let node = await startChild(t, { dataDirectory });
    const writers = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 4 });
    await eventually("some load", () => sum(writers, (writer) => writer.acknowledged) > 500);
    for (const writer of writers) await writer.settle();
    await node.stop();
    t.deepEqual(verifyDirectory(dataDirectory).damage, []);

    node = await startChild(t, { dataDirectory });
    t.false(node.isNew);
    t.is(replayed(node), 0, "a clean stop leaves a checkpoint of the newest state");
    const more = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 4, first: 3 });
    await eventually("more load", () => sum(more, (writer) => writer.acknowledged) > 500);
    await node.kill();
    const promised = sum(more, (writer) => writer.acknowledged);

    node = await startChild(t, { dataDirectory });
    t.true(replayed(node) > 0, "the kill came before a checkpoint");
    for (const writer of more) await writer.settle();
    t.true(sum(more, (writer) => writer.acknowledged) >= promised);
    t.true(
      sum(more, (writer) => writer.connections) > more.length,
      "the writers lost their connections to the killed node",
    );
    await using db = await connect(node.target);
    const check = await checkStreams(db, "main", [...writers, ...more]);
    t.deepEqual(check.violations, []);
    t.true(check.compared > 1_000);
    await node.stop();
    const chain = verifyDirectory(dataDirectory);
    t.deepEqual(chain.damage, []);
    t.true(chain.records > 0);
  },
);

test.serial(
  "two nodes on one data directory: the second is refused with directoryLocked and the first serves on",
  async (t) => {
    const dataDirectory = scratch(t);
    const node = await startChild(t, { dataDirectory });
    await using db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("s");
    const error = await t.throwsAsync(startChild(t, { dataDirectory }), { instanceOf: KimberliteError });
    t.is(error?.code, "directoryLocked");
    t.is((await stream.append("still here")).firstOffset, 0n);
    await node.kill();
    const next = await startChild(t, { dataDirectory });
    t.true(next.port > 0, "a killed node leaves no claim behind");
  },
);

test.serial(
  "a port that is taken and a listen address beyond loopback are refused with their own errors",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    const taken = { host: "127.0.0.1", port: node.port };
    const inUse = await t.throwsAsync(startChild(t, { dataDirectory: scratch(t), listen: taken }), {
      instanceOf: KimberliteError,
    });
    t.is(inUse?.code, "addressInUse");
    const open = { host: "0.0.0.0", port: 0 };
    const insecure = await t.throwsAsync(startChild(t, { dataDirectory: scratch(t), listen: open }), {
      instanceOf: KimberliteError,
    });
    t.is(insecure?.code, "insecureListen");
  },
);
