/**
 * Hostile and careless peers: noise, giant lengths, wrong checksums, connections that never say hello, readers that do not read, and
 * too many of all of them. The node neither ends nor swells, and honest clients are served meanwhile.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import test from "ava";
import { connect, KimberliteError } from "../../protocol/sdk/index.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { consistency, encodeReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { miB } from "../../runtime/types/limits.js";
import { eventually, type NodeChild, pause, scratch, startChild } from "./node-child.js";
import { RawClient, rawSocket, requestKinds } from "./raw-client.js";

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume();
    if (socket.destroyed) resolve();
    else socket.once("close", () => resolve());
  });

async function servesWell(node: NodeChild, timeoutMs = 5_000): Promise<void> {
  const db = await connect(node.target);
  try {
    const stream = await db.tenant("main").streams.create("honest", { ifNotExists: true });
    await stream.append("still served", { timeoutMs });
    await stream.read({ limit: 1, timeoutMs });
  } finally {
    await db.close();
  }
  if ((await node.status())["restarts"] !== 0) throw new Error("an actor ended over it");
}

test.serial("noise, giant lengths and wrong checksums end their own connection only", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t) });
  const before = node.rssBytes();
  let ended = 0;
  for (let round = 0; round < 60; round++) {
    const socket = await rawSocket(t, node.port);
    socket.write(randomBytes(1 + round * 97));
    // Noise shorter than a header is only an unfinished frame: it ends with its sender.
    if (1 + round * 97 < 32) socket.end();
    await closed(socket);
    ended += 1;
  }
  const hello = new FrameWriter();
  hello.frame(requestKinds.ping.kind, 1, 0, new Uint8Array(8));
  const frame = Buffer.from(hello.take());
  const damagedCrc = Buffer.from(frame);
  damagedCrc[12] = (damagedCrc[12] ?? 0) ^ 1;
  const giant = Buffer.from(frame);
  giant.writeUInt32LE(0xffff_fff0, 8);
  const wrongMagic = Buffer.from(frame);
  wrongMagic[0] = 0;
  const wrongVersion = Buffer.from(frame);
  wrongVersion[4] = 99;
  for (const bytes of [damagedCrc, giant, wrongMagic, wrongVersion, frame]) {
    const socket = await rawSocket(t, node.port);
    socket.write(bytes);
    await closed(socket);
    ended += 1;
  }
  // An open connection that turns bad, with a request in flight.
  const turned = await RawClient.open(t, node.port);
  turned.send(requestKinds.ping.kind, new Uint8Array(0));
  turned.socket.write(damagedCrc);
  await closed(turned.socket);
  t.is(ended, 65);
  t.true((await node.number("gateway-0", "invalidFrames")) >= 60);
  await servesWell(node);
  t.true(node.rssBytes() - before < 150 * miB, `grew by ${(node.rssBytes() - before) / miB} MiB`);
});

test.serial(
  "connections that announce much and send little, or never say hello, cost little and are ended",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await servesWell(node);
    const before = node.rssBytes();
    const announcing = new FrameWriter();
    announcing.frame(requestKinds.append.kind, 1, 0, new Uint8Array(8 * miB));
    const start = Buffer.from(announcing.take().subarray(0, 1_000));
    const sockets: Socket[] = [];
    for (let i = 0; i < 200; i++) {
      const socket = await rawSocket(t, node.port);
      if (i % 2 === 0) socket.write(start);
      sockets.push(socket);
    }
    const open = await RawClient.open(t, node.port);
    open.socket.write(start);
    t.true((await node.number("gateway-0", "connections")) >= 200);
    t.true(node.rssBytes() - before < 100 * miB, `grew by ${(node.rssBytes() - before) / miB} MiB`);
    await servesWell(node);
    await Promise.all(sockets.map(closed));
    await eventually("the gateway forgot them", async () => (await node.number("gateway-0", "connections")) <= 1);
    t.false(open.socket.destroyed, "who said hello may take time over a frame");
  },
);

test.serial("readers that do not read hold a bounded amount of memory, and are not in the way of others", async (t) => {
  const node = await startChild(t, { dataDirectory: scratch(t) });
  await using db = await connect(node.target);
  const stream = await db.tenant("main").streams.create("large");
  const id = await stream.id();
  for (let i = 0; i < 8; i++) await stream.append(Array.from({ length: 8 }, () => new Uint8Array(512 * 1024).fill(i)));
  const read = encodeReadRequest(new ByteWriter(), {
    tenant: 1,
    consistency: consistency.stale,
    argument: 0,
    kind: requestKind.read,
    stream: id,
    from: 0,
    limit: 10_000,
    bytesMax: 4 * miB,
    direction: 0,
  }).finish();
  const subscribe = new ByteWriter().u64(1).u64(id).u64(0).string("").u32(1_000_000).finish();
  const before = node.rssBytes();
  const slow: RawClient[] = [];
  for (let i = 0; i < 10; i++) {
    const client = await RawClient.open(t, node.port);
    client.socket.pause();
    for (let request = 0; request < 24; request++) client.send(requestKind.read, read);
    for (let request = 0; request < 10; request++) client.send(requestKind.subscribe, subscribe);
    slow.push(client);
  }
  let highest = 0;
  for (let i = 0; i < 30; i++) {
    await pause(50);
    highest = Math.max(highest, node.rssBytes() - before);
  }
  // 240 answers of 4 MiB were asked for: 960 MiB if they were all held. The gateway's mailbox takes 256 MiB of them, and each of the
  // ten connections some more before it counts as too slow.
  t.log(`grew by ${Math.round(highest / miB)} MiB at most`);
  t.true(highest < 560 * miB, `grew by ${highest / miB} MiB`);
  for (const client of slow) client.socket.destroy();
  await eventually("the gateway forgot them", async () => (await node.number("gateway-0", "connections")) <= 1);
  // What nobody could take or waits for any more was not read.
  await servesWell(node);
  const done = await node.number("projection-1.0", "reads");
  t.log(`${done} of 240 reads were done`);
  t.true(done > 3 && done < 220, `${done} were done`);
});

test.serial(
  "a flood beyond the limit of connections is refused with connectionLimit, and those within it are served",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t), connectionsMax: 20 });
    await using db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("s");
    const sockets = await Promise.all(Array.from({ length: 300 }, () => rawSocket(t, node.port)));
    await eventually("refusals are counted", async () => (await node.number("gateway-0", "connectionsRefused")) >= 281);
    t.is((await stream.append("within the limit")).firstOffset, 0n);
    const refused = await t.throwsAsync(connect(node.target, { connectTimeoutMs: 2_000 }), {
      instanceOf: KimberliteError,
    });
    t.is(refused?.code, "connectionLimit");
    for (const socket of sockets) socket.destroy();
    await eventually("there is room again", async () => (await node.number("gateway-0", "connections")) <= 1);
    const again = await connect(node.target);
    await again.close();
    await servesWell(node);
  },
);
