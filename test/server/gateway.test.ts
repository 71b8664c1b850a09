/** The gateway by hand: clients in the process, actors played by the test. */
import test from "ava";
import { ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import { RequestBatchReader } from "../../actors/messages/request-batch.js";
import { gatewayDefinition } from "../../protocol/server/gateway.js";
import type { GatewayMessage } from "../../protocol/server/messages.js";
import { decodeError } from "../../protocol/wire/error-body.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { encodeHello } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
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
    tls: null,
    reusePort: false,
    connectionsMax: 10,
    shards: 2,
    projections: 1,
    clusterId: new Uint8Array(16),
    nodeId: 1,
    release: "test",
    authentication: "scram",
    mockSecret: new Uint8Array(32),
    localUser: null,
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
  const send = (connection: number, kind: number, requestId: number, body: Uint8Array, timeoutMs = 0): void => {
    const writer = new FrameWriter();
    writer.frame(kind, requestId, timeoutMs, body);
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
  const reached = async (neighbour: string): Promise<{ correlation: number; kind: number; body: Uint8Array }[]> => {
    await turn();
    const found: { correlation: number; kind: number; body: Uint8Array }[] = [];
    for (let i = 0; i < context.told.length; i++) {
      const { to, message } = context.told[i] ?? { to: "", message: { kind: "" } };
      if (to !== neighbour || message.kind !== "requests") continue;
      const batch = new RequestBatchReader().open(message["bytes" as never] as Uint8Array);
      while (batch.next()) {
        const body = batch.bytes.slice(batch.bodyFrom, batch.bodyTo);
        found.push({ correlation: batch.correlation, kind: batch.kind, body });
      }
      context.told.splice(i--, 1);
    }
    return found;
  };
  /** Runs the timers that are due within `ms`, each once. */
  const pass = (ms: number): void => {
    context.time += ms;
    for (const { message } of context.timers.splice(0).filter(({ delayMs }) => delayMs <= ms))
      receive(message as GatewayMessage, "under-test");
  };
  const answer = (neighbour: string, correlation: number, body: Uint8Array): void => {
    const writer = new ReplyBatchWriter();
    writer.ok(correlation, body);
    receive({ kind: "replies", bytes: writer.take(), count: 1 }, neighbour);
  };
  return { context, gateway, receive, send, open, heard, reached, pass, answer };
}

const errorOf = ({ kind, body }: Frame): KimberliteError | undefined =>
  kind === responseKinds.error ? decodeError(body, 0, body.length) : undefined;
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

test("what a slow reader asked for besides is not done: it is called back, and answered once", async (t) => {
  const { context, gateway, send, open, heard, reached, answer } = await setUp();
  open(1);
  heard(1);
  context.busy.add("main");
  const [asked, done] = [200, 50];
  const read = tenantOne().u8(3).u64(0).u64(5).finish();
  for (let id = 2; id < 2 + asked; id++) send(1, requestKinds.read.kind, id, read);
  send(1, requestKinds.positionGet.kind, 1_000, tenantOne().u8(3).u64(0).finish());
  learnRoute(context);
  const requests = await reached("projection-1.0");
  for (const { correlation } of requests.slice(0, done))
    answer("projection-1.0", correlation, new Uint8Array(1024 * 1024));
  const calledBack = await reached("projection-1.0");
  t.true(calledBack.every(({ kind }) => kind === requestKinds.cancel.kind));
  t.is(calledBack.length, asked - done, "all reads that were not begun, and nothing else");
  send(1, requestKinds.read.kind, 2_000, read);
  t.is((await reached("projection-1.0")).length, 0, "a further one is refused at once");
  for (const { correlation } of requests.slice(done)) answer("projection-1.0", correlation, new Uint8Array(8));
  context.busy.delete("main");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const frames = heard(1);
  t.is(frames.length, asked + 2);
  t.is(new Set(frames.map(({ requestId }) => requestId)).size, asked + 2, "each request is answered once");
  const refused = frames.filter(({ kind }) => kind === responseKinds.error).map(errorOf);
  t.true(refused.length >= asked - done && refused.every((error) => error?.code === "mailboxFull"));
  t.is(frames.find(({ requestId }) => requestId === 1_000)?.kind, responseKinds.ok);
  t.is(gateway.inspect?.()["pending"], 0, "every slot is free again");
});

test("a cancelled request is answered at once and once; a read is called back, a write's outcome is unknown", async (t) => {
  const { context, gateway, send, open, heard, reached, answer } = await setUp();
  open(1);
  const cancel = (id: number): void => send(1, requestKinds.cancel.kind, 0, new ByteWriter(8).u64(id).finish());
  send(1, requestKinds.append.kind, 2, tenantOne().finish());
  learnRoute(context);
  send(1, requestKinds.read.kind, 3, tenantOne().u8(3).u64(0).u64(5).finish());
  send(1, requestKinds.read.kind, 4, tenantOne().u8(3).u64(0).u64(5).finish());
  const [append] = await reached("shard-1");
  const [cancelled, wanted] = await reached("projection-1.0");
  heard(1);
  for (const id of [2, 3, 3, 77]) cancel(id);
  const called = await reached("projection-1.0");
  t.deepEqual(
    called.map(({ correlation, kind }) => [correlation, kind]),
    [[cancelled?.correlation, requestKinds.cancel.kind]],
  );
  t.deepEqual(await reached("shard-1"), [], "a write may be decided by now: it is not called back");
  gateway.flush?.();
  const answers = heard(1);
  t.deepEqual(
    answers.map((frame) => [frame.requestId, errorOf(frame)?.code, errorOf(frame)?.outcome]),
    [
      [2, "cancelled", "unknown"],
      [3, "cancelled", "notCommitted"],
    ],
  );
  answer("shard-1", append?.correlation ?? 0, new Uint8Array(29));
  for (const read of [cancelled, wanted]) answer("projection-1.0", read?.correlation ?? 0, new Uint8Array(4));
  t.deepEqual(
    heard(1).map(({ requestId }) => requestId),
    [4],
  );
  t.is(gateway.inspect?.()["pending"], 0);
});

test("requests to a shard or directory that stands still are answered when their time is up", async (t) => {
  const { context, gateway, send, open, heard, reached, pass, answer } = await setUp();
  open(1);
  send(1, requestKinds.append.kind, 2, tenantOne().finish(), 1_000);
  learnRoute(context);
  send(1, requestKinds.read.kind, 3, tenantOne().u8(3).u64(0).u64(5).finish(), 1_000);
  send(1, requestKinds.subscribe.kind, 4, tenantOne().u64(5).u64(0).string("").u32(10).finish(), 1_000);
  send(1, requestKinds.subscribe.kind, 5, tenantOne().u64(5).u64(0).string("").u32(10).finish(), 1_000);
  send(1, requestKinds.append.kind, 6, tenantOne().finish(), 60_000);
  send(1, requestKinds.append.kind, 7, new ByteWriter(64).u64(2).finish(), 1_000);
  const [append] = await reached("shard-1");
  const [read, late, standing] = await reached("projection-1.0");
  answer("projection-1.0", standing?.correlation ?? 0, new Uint8Array(0));
  heard(1);
  for (let i = 0; i < 3; i++) pass(250);
  t.deepEqual(heard(1), [], "nobody is late yet");
  for (let i = 0; i < 2; i++) pass(250);
  const answers = heard(1).map((frame) => [frame.requestId, errorOf(frame)?.code, errorOf(frame)?.outcome] as const);
  t.deepEqual(
    answers.sort(([a], [b]) => a - b),
    [
      [2, "deadlineExceeded", "unknown"],
      [3, "deadlineExceeded", "notCommitted"],
      [4, "deadlineExceeded", "notCommitted"],
      [7, "deadlineExceeded", "notCommitted"],
    ],
  );
  t.deepEqual(
    (await reached("projection-1.0")).map(({ correlation, kind }) => [correlation, kind]),
    [
      [read?.correlation, requestKinds.cancel.kind],
      [late?.correlation, requestKinds.unsubscribe.kind],
    ],
  );
  answer("shard-1", append?.correlation ?? 0, new Uint8Array(29));
  t.deepEqual(heard(1), [], "an answer that comes later is dropped");
  t.is(gateway.inspect?.()["pending"], 4, "read and subscribe wait for their last word; 5 and 6 go on");
});

test("a full mailbox is asked again after a moment, not in every turn, and credits are summed up meanwhile", async (t) => {
  const { context, send, open, reached, pass, answer } = await setUp();
  open(1);
  send(1, requestKinds.subscribe.kind, 2, tenantOne().u64(5).u64(0).string("").u32(10).finish());
  learnRoute(context);
  const [subscribe] = await reached("projection-1.0");
  answer("projection-1.0", subscribe?.correlation ?? 0, new Uint8Array(0));
  context.busy.add("projection-1.0");
  for (let i = 0; i < 3; i++) send(1, requestKinds.credit.kind, 0, new ByteWriter(12).u64(2).u32(100).finish());
  for (let i = 0; i < 50; i++) await turn();
  t.is(context.refused, 1);
  context.busy.delete("projection-1.0");
  pass(5);
  const [credit, ...more] = await reached("projection-1.0");
  t.deepEqual(more, []);
  t.is(credit?.kind, requestKinds.credit.kind);
  t.is(new DataView(credit?.body.buffer ?? new ArrayBuffer(4)).getUint32(0, true), 300);
});

test("an unsubscribe that finds the projection's mailbox full is sent again", async (t) => {
  const { context, receive, send, open, reached, pass, answer } = await setUp();
  open(1);
  send(1, requestKinds.subscribe.kind, 2, tenantOne().u64(5).u64(0).string("").u32(10).finish());
  learnRoute(context);
  const [subscribe] = await reached("projection-1.0");
  answer("projection-1.0", subscribe?.correlation ?? 0, new Uint8Array(0));
  context.busy.add("projection-1.0");
  receive({ kind: "localClose", connection: 1 }, "main");
  await turn();
  context.busy.delete("projection-1.0");
  pass(5);
  t.deepEqual(await reached("projection-1.0"), [
    { correlation: subscribe?.correlation ?? -1, kind: requestKinds.unsubscribe.kind, body: new Uint8Array(0) },
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
