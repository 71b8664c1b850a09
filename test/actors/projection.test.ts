/** The projection's mail and its reads by hand. */
import test from "ava";
import { ReplyBatchReader } from "../../actors/messages/reply-batch.js";
import { RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { projectionDefinition } from "../../actors/projection/actor.js";
import type { ProjectionMessage } from "../../actors/projection/messages.js";
import { Outbox } from "../../actors/projection/outbox.js";
import { boundOf } from "../../actors/projection/reading.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { consistency, type ReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { requestKind, tenantStatus } from "../../runtime/kernel/kinds.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { wireOfErrorCode } from "../../runtime/types/errors.js";
import { FakeContext } from "./fake-context.js";

test("order: what a gateway has no room for is sent later, whole and in the order in which it was said", (t) => {
  const context = new FakeContext();
  const port = context.wire("gateway-0");
  const outbox = new Outbox(context);
  context.busy.add("gateway-0");
  outbox.ok(port, 1, Uint8Array.of(1));
  outbox.events(port, 2, Uint8Array.of(2));
  t.false(outbox.send());
  outbox.ok(port, 3, Uint8Array.of(3));
  outbox.end(port, 2, null);
  t.false(outbox.send());
  context.busy.delete("gateway-0");
  t.true(outbox.send());
  const said = context.told.map(({ message }) => {
    const reader = new ReplyBatchReader().open(message["bytes"] as Uint8Array);
    reader.next();
    return `${message.kind} ${reader.correlation}`;
  });
  t.deepEqual(said, ["replies 1", "subscriptionEvents 2", "replies 3", "subscriptionEnds 2"]);
  t.true(outbox.send());
  t.is(context.told.length, 4, "nothing is said twice");
});

function read(correlation: number, deadline: number): { kind: "requests"; bytes: Uint8Array; count: number } {
  const body = new ByteWriter(64).u64(1).u8(consistency.session).u64(0).finish();
  const writer = new RequestBatchWriter();
  writer.add(correlation, deadline, requestKind.positionGet, new Uint8Array(0), body, 0, body.length);
  return { kind: "requests", bytes: writer.take(), count: 1 };
}

async function setUp() {
  const context = new FakeContext();
  context.wire("gateway-0", 2);
  context.wire("shard-1");
  const args = { index: 0, directory: "/none", shard: "shard-1", interest: new SharedArrayBuffer(4), columnBytes: 0 };
  const projection = (await projectionDefinition.create(context, args)) as Actor<ProjectionMessage>;
  return { context, projection };
}

test("a read that comes before the state can be read is answered at its deadline; without reads there is no timer", async (t) => {
  const { context, projection } = await setUp();
  t.deepEqual(context.timers, []);
  projection.receive(read(5, context.time + 100), context.envelope("gateway-0", 2));
  projection.flush?.();
  t.deepEqual(
    context.timers.splice(0).map(({ message }) => message.kind),
    ["sweep"],
  );
  context.time += 200;
  projection.receive({ kind: "sweep" }, context.envelope("self"));
  projection.flush?.();
  t.is(context.toldOf("replies").length, 1);
  t.deepEqual(context.timers, []);
});

test("a read that is called back is answered once, without being done; nobody else's is", async (t) => {
  const { context, projection } = await setUp();
  context.wire("gateway-1", 3);
  projection.receive(read(5, 0), context.envelope("gateway-0", 2));
  projection.receive(read(6, 0), context.envelope("gateway-0", 2));
  projection.receive(read(5, 0), context.envelope("gateway-1", 3));
  const cancel = new RequestBatchWriter();
  const nothing = new Uint8Array(0);
  for (const correlation of [5, 5, 99]) cancel.add(correlation, 0, requestKind.cancel, nothing, nothing, 0, 0);
  projection.receive({ kind: "requests", bytes: cancel.take(), count: 3 }, context.envelope("gateway-0", 2));
  projection.flush?.();
  const told = context.toldOf("replies");
  t.deepEqual(
    told.map(({ to }) => to),
    ["gateway-0"],
  );
  const replies = new ReplyBatchReader().open(told[0]?.message["bytes"] as Uint8Array);
  t.true(replies.next());
  t.is(replies.correlation, 5);
  t.is(replies.status, wireOfErrorCode("cancelled"));
  t.false(replies.next());
  t.is(projection.inspect?.()["reads"], 0);
});

test("isolation: what an earlier gateway asked is not answered to its successor", async (t) => {
  const { context, projection } = await setUp();
  projection.receive(read(5, context.time - 1), context.envelope("gateway-0", 1));
  projection.flush?.();
  t.deepEqual(context.timers, [], "nothing waits");
});

test("a fenced tenant answers only what cannot have changed elsewhere", (t) => {
  const info = { tenant: 1, status: tenantStatus.fenced, nextPosition: 10 };
  const reads = { tenant: () => info } as unknown as StateReads;
  const request = (mode: number, argument: number): ReadRequest =>
    ({ kind: requestKind.positionGet, tenant: 1, consistency: mode, argument }) as ReadRequest;
  t.throws(() => boundOf(reads, request(consistency.linearizable, 0), 0), { code: "tenantMoving" });
  t.throws(() => boundOf(reads, request(consistency.session, 11), 0), { code: "tenantMoving" });
  t.is(boundOf(reads, request(consistency.session, 10), 0)?.visible, 10);
  t.is(boundOf(reads, request(consistency.stale, 0), 0)?.visible, 10);
});
