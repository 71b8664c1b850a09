/** The gateway by hand: clients in the process, actors played by the test. */
import test from "ava";
import { ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import { RequestBatchReader } from "../../actors/messages/request-batch.js";
import { gatewayDefinition } from "../../protocol/server/gateway.js";
import type { GatewayMessage } from "../../protocol/server/messages.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { encodeHello } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { FakeContext } from "../actors/fake-context.js";

interface Frame {
  readonly kind: number;
  readonly requestId: number;
  readonly body: Uint8Array;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function setUp() {
  const context = new FakeContext();
  const gateway = (await gatewayDefinition.create(context, {
    host: "",
    port: 0,
    listens: false,
    reusePort: false,
    connectionsMax: 10,
    shards: 2,
    projections: 1,
    clusterId: new Uint8Array(16),
    nodeId: 1,
    release: "test",
  })) as Actor<GatewayMessage>;
  context.wire("main");
  for (const neighbour of ["directory", "shard-0", "shard-1", "projection-0.0", "projection-1.0"]) {
    const port = context.wire(neighbour);
    gateway.wired?.(neighbour, port, port.epoch);
  }
  const receive = (message: GatewayMessage, sender: string): void => {
    gateway.receive(message, context.envelope(sender));
    gateway.flush?.();
  };
  const send = (connection: number, kind: number, requestId: number, body: Uint8Array): void => {
    const writer = new FrameWriter();
    writer.frame(kind, requestId, 0, body);
    receive({ kind: "localBytes", connection, bytes: writer.take().slice() }, "main");
  };
  const open = (connection: number): void => {
    receive({ kind: "localOpen", connection }, "main");
    const hello = new ByteWriter(64);
    encodeHello({ versionMin: 1, versionMax: 1, clientName: "test", features: 0 }, hello);
    send(connection, requestKinds.hello.kind, 1, hello.finish());
  };
  /** What a client got since the last call. */
  const heard = (connection: number): Frame[] => {
    const frames: Frame[] = [];
    const decoder = new FrameDecoder((kind, requestId, _timeout, bytes, from, to) => {
      frames.push({ kind, requestId, body: bytes.slice(from, to) });
    });
    for (const { message } of context.toldOf("localOut")) {
      if (message["connection"] === connection && message["bytes"] !== null)
        decoder.push(message["bytes"] as Uint8Array);
    }
    for (let i = context.told.length - 1; i >= 0; i--) {
      if (context.told[i]?.message["connection"] === connection) context.told.splice(i, 1);
    }
    return frames;
  };
  /** Requests that reached an actor since the last call. */
  const reached = async (neighbour: string): Promise<{ correlation: number; kind: number }[]> => {
    await turn();
    const found: { correlation: number; kind: number }[] = [];
    for (let i = 0; i < context.told.length; i++) {
      const { to, message } = context.told[i] ?? { to: "", message: { kind: "" } };
      if (to !== neighbour || message.kind !== "requests") continue;
      const batch = new RequestBatchReader().open(message["bytes" as never] as Uint8Array);
      while (batch.next()) found.push({ correlation: batch.correlation, kind: batch.kind });
      context.told.splice(i--, 1);
    }
    return found;
  };
  const answer = (neighbour: string, correlation: number, body: Uint8Array): void => {
    const writer = new ReplyBatchWriter();
    writer.ok(correlation, body);
    receive({ kind: "replies", bytes: writer.take(), count: 1 }, neighbour);
  };
  return { context, gateway, receive, send, open, heard, reached, answer };
}

const tenantOne = (): ByteWriter => new ByteWriter(64).u64(1);
const learnRoute = (context: FakeContext): void => {
  context.asked.shift()?.settle({ ok: true, value: { tenant: 1, shard: 1, epoch: 1 } as never });
};

test("an answer to a client that has gone never reaches another client's request", async (t) => {
  const { context, gateway, receive, send, open, heard, reached, answer } = await setUp();
  open(1);
  send(1, requestKinds.append.kind, 2, tenantOne().finish());
  learnRoute(context);
  const [late] = await reached("shard-1");
  if (late === undefined) throw new Error("the request was forwarded");
  receive({ kind: "localClose", connection: 1 }, "main");
  open(2);
  heard(2);
  const slot = late.correlation & 0xfffff;
  // More requests than a slot has generations.
  for (let id = 10; id < 10 + 4_200; id++) {
    send(2, requestKinds.append.kind, id, tenantOne().finish());
    const [own] = await reached("shard-1");
    if (own === undefined || (own.correlation & 0xfffff) === slot)
      return t.fail("the slot is used while its answer is due");
    answer("shard-1", own.correlation, new Uint8Array(4));
  }
  t.is(heard(2).length, 4_200);
  send(2, requestKinds.append.kind, 9_999, tenantOne().finish());
  answer("shard-1", late.correlation, Uint8Array.of(1, 2, 3));
  t.deepEqual(heard(2), []);
  const [last] = await reached("shard-1");
  answer("shard-1", last?.correlation ?? 0, new Uint8Array(0));
  t.is(gateway.inspect?.()["pending"], 0, "the slot is free again");
  return undefined;
});

test("a client that does not read its answers is refused more, retryably, and loses none that it was given", async (t) => {
  const { context, send, open, heard, reached, answer } = await setUp();
  open(1);
  heard(1);
  context.busy.add("main");
  const asked = 40;
  for (let id = 2; id < 2 + asked; id++) send(1, requestKinds.read.kind, id, tenantOne().u8(3).u64(0).u64(5).finish());
  learnRoute(context);
  const requests = await reached("projection-1.0");
  t.is(requests.length, asked);
  for (const { correlation } of requests) answer("projection-1.0", correlation, new Uint8Array(1024 * 1024).fill(7));
  context.busy.delete("main");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const frames = heard(1);
  t.is(frames.length, asked, "each request is answered once");
  const refused = frames.filter(({ kind }) => kind === responseKinds.error);
  t.true(refused.length > 0 && refused.length < asked / 2, `${refused.length} refused`);
  t.true(frames.filter(({ kind }) => kind === responseKinds.ok).every(({ body }) => body.length === 1024 * 1024));
});

test("an unsubscribe that finds the projection's mailbox full is sent again", async (t) => {
  const { context, gateway, receive, send, open, reached, answer } = await setUp();
  open(1);
  send(1, requestKinds.subscribe.kind, 2, tenantOne().u64(5).u64(0).string("").u32(10).finish());
  learnRoute(context);
  const [subscribe] = await reached("projection-1.0");
  answer("projection-1.0", subscribe?.correlation ?? 0, new Uint8Array(0));
  context.busy.add("projection-1.0");
  receive({ kind: "localClose", connection: 1 }, "main");
  await turn();
  context.busy.delete("projection-1.0");
  gateway.flush?.();
  t.deepEqual(await reached("projection-1.0"), [
    { correlation: subscribe?.correlation ?? -1, kind: requestKinds.unsubscribe.kind },
  ]);
});

test("the answer to an administrative call that fits no frame is an error, and the gateway goes on", async (t) => {
  const { context, send, open, heard } = await setUp();
  open(1);
  heard(1);
  const call = new TextEncoder().encode(JSON.stringify({ method: "tenant.list", params: {} }));
  send(1, requestKinds.admin.kind, 2, call);
  context.asked.shift()?.settle({ ok: true, value: ["x".repeat(10 * 1024 * 1024)] as never });
  send(1, requestKinds.ping.kind, 3, new Uint8Array(0));
  const frames = heard(1);
  t.deepEqual(
    frames.map(({ kind, requestId }) => [kind, requestId]),
    [
      [responseKinds.error, 2],
      [responseKinds.ok, 3],
    ],
  );
});
