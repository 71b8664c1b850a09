/** Requests of those who have no room for answers wait in their order; those of others are decided. */
import test from "ava";
import { HeldAnswers } from "../../actors/shard/held-answers.js";
import { HeldRequests } from "../../actors/shard/held-requests.js";
import { type QueuedRequest, RequestQueue } from "../../actors/shard/request-queue.js";
import type { Port } from "../../runtime/actor/definition.js";
import { miB } from "../../runtime/types/limits.js";
import { FakeContext } from "./fake-context.js";

function requestOf(port: Port, correlation: number): QueuedRequest {
  const bytes = new Uint8Array(8);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    port,
    envelope: null,
    correlation,
    deadline: 0,
    kind: 1,
    principalFrom: 0,
    principalTo: 0,
    bodyFrom: 0,
    bodyTo: 8,
  };
}

/** Takes everything out of a queue, as the one who decides does. @returns correlations that were decided */
function decideAll(queue: RequestQueue, held: HeldRequests): number[] {
  const decided: number[] = [];
  for (const tenant of queue.tenants()) {
    for (let next = queue.peek(tenant); next !== null; next = queue.peek(tenant)) {
      if (!held.hold(tenant, next)) decided.push(next.correlation);
      queue.shift(tenant);
    }
    queue.endTurn(tenant);
  }
  return decided;
}

test("what is asked by one without room waits, in its order and before all that came later; that of others does not", (t) => {
  const context = new FakeContext();
  const [slow, quick] = [context.wire("gateway-0"), context.wire("gateway-1")];
  let isFull = true;
  const held = new HeldRequests((port) => port === slow && isFull);
  const queue = new RequestQueue();
  const push = (port: Port, ...correlations: readonly number[]): void => {
    for (const correlation of correlations) queue.push(correlation % 2, requestOf(port, correlation));
  };
  push(slow, 1, 2, 3, 4);
  push(quick, 11, 12);
  t.deepEqual(new Set(decideAll(queue, held)), new Set([11, 12]));
  t.deepEqual([held.count, held.bytes, queue.count], [4, 32, 0]);
  held.requeue(queue);
  t.is(queue.count, 0, "there is no room yet");
  isFull = false;
  push(slow, 5, 6);
  push(quick, 13, 14);
  t.deepEqual(decideAll(queue, held), [13, 14], "what comes while others of it wait does not overtake them");
  held.requeue(queue);
  push(quick, 15, 16);
  const decided = decideAll(queue, held);
  t.deepEqual(
    decided.filter((correlation) => correlation % 2 === 1),
    [1, 3, 5, 15],
  );
  t.deepEqual(
    decided.filter((correlation) => correlation % 2 === 0),
    [2, 4, 6, 16],
  );
  t.deepEqual([held.count, held.bytes, held.waited], [0, 0, 6]);
});

test("who has not taken 32 MiB of answers is asked for no more until half of them are; who is gone is not waited for", (t) => {
  const context = new FakeContext();
  const [slow, quick] = [context.wire("gateway-0"), context.wire("gateway-1")];
  let room = 0;
  const held = new HeldAnswers(
    (port, message) => {
      if (port === slow && room === 0) return "busy";
      if (port === slow) room -= 1;
      return context.tell(port, message);
    },
    () => {},
  );
  const tell = (port: Port): void => void held.tell(port, { kind: "replies", bytes: new Uint8Array(4 * miB) });
  for (let answer = 0; answer < 8; answer++) tell(slow);
  tell(quick);
  t.false(held.isFull(slow));
  tell(slow);
  t.deepEqual([held.isFull(slow), held.isFull(quick)], [true, false]);
  room = 4;
  held.resend();
  t.true(held.isFull(slow), "20 MiB still wait");
  room = 1;
  held.resend();
  t.false(held.isFull(slow));
  t.deepEqual([held.waited, held.most, held.bytes], [9, 36 * miB, 16 * miB]);
  for (let answer = 0; answer < 8; answer++) tell(slow);
  t.true(held.isFull(slow));
  context.unwire("gateway-0");
  t.false(held.isFull(slow));
  held.resend();
  t.deepEqual([held.bytes, held.isEmpty], [0, true]);
});
