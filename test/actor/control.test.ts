/** comlink through our adapter. */
import { MessageChannel, Worker } from "node:worker_threads";
import test from "ava";
import { systemClock, VirtualClock } from "../../runtime/actor/clock.js";
import { ControlClient, exposeControl } from "../../runtime/actor/control.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const methods = {
  add: (a: number, b: number): number => a + b,
  refuse: (): void => {
    throw new KimberliteError("wrongExpectedOffset", "of stream 3", { detail: { expected: 3, actual: 5 } });
  },
  fail: async (): Promise<void> => {
    throw new TypeError("not ours");
  },
  never: (): Promise<void> => new Promise(() => {}),
  take: (bytes: Uint8Array): number => bytes.length,
};

test("control calls answer, keep error codes and details, and refuse unknown methods", async (t) => {
  const { port1, port2 } = new MessageChannel();
  exposeControl(port2, methods);
  const client = new ControlClient<typeof methods & { unknown(): void }>(port1, systemClock, "peer");
  t.is(await client.call("add", [2, 3], { deadlineMs: 1000 }), 5);
  const refused = await t.throwsAsync(client.call("refuse", [], { deadlineMs: 1000 }), { instanceOf: KimberliteError });
  t.is(refused?.code, "wrongExpectedOffset");
  t.is(refused?.sqlState, "KB001");
  t.deepEqual(refused?.detail, { expected: 3, actual: 5 });
  const failed = await t.throwsAsync(client.call("fail", [], { deadlineMs: 1000 }), { instanceOf: KimberliteError });
  t.is(failed?.code, "internal");
  t.is(failed?.message, "not ours");
  const unknown = await t.throwsAsync(client.call("unknown", [], { deadlineMs: 1000 }), {
    instanceOf: KimberliteError,
  });
  t.is(unknown?.code, "notSupported");
  const bytes = new Uint8Array(2048);
  t.is(await client.call("take", [bytes], { deadlineMs: 1000, transfer: [bytes.buffer] }), 2048);
  t.is(bytes.length, 0, "transferred, not copied");
  client.peerDied(null);
});

test("a control call ends at its deadline", async (t) => {
  const { port1, port2 } = new MessageChannel();
  exposeControl(port2, methods);
  const clock = new VirtualClock();
  const client = new ControlClient<typeof methods>(port1, clock, "peer");
  const calling = client.call("never", [], { deadlineMs: 500 });
  calling.catch(() => {});
  await clock.advance(499);
  t.is(client.waiting, 1);
  await clock.advance(1);
  const late = await t.throwsAsync(calling, { instanceOf: KimberliteError });
  t.is(late?.code, "deadlineExceeded");
  t.is(client.waiting, 0);
  client.peerDied(null);
});

test("a control call is rejected when the peer's port closes or its thread dies, and so is every later one", async (t) => {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker("setInterval(() => {}, 1000)", { eval: true, workerData: port2, transferList: [port2] });
  const client = new ControlClient<typeof methods>(port1, systemClock, "peer");
  const calling = client.call("never", [], { deadlineMs: 60_000 });
  calling.catch(() => {});
  await worker.terminate();
  const gone = await t.throwsAsync(calling, { instanceOf: KimberliteError });
  t.is(gone?.code, "actorGone");
  const later = await t.throwsAsync(client.call("add", [1, 2], { deadlineMs: 1000 }), { instanceOf: KimberliteError });
  t.is(later?.code, "actorGone");
});
