/** Requests of sessions that have no room for answers wait in their order; those of others are decided. */
import test from "ava";
import fc from "fast-check";
import type { SqlRequest } from "../../actors/messages/sql.js";
import { sqlKindNumber } from "../../actors/messages/sql-codec.js";
import { AnswerShares } from "../../actors/shard/answer-shares.js";
import type { AnswerRoom } from "../../actors/shard/backlog.js";
import { HeldAnswers } from "../../actors/shard/held-answers.js";
import { HeldRequests } from "../../actors/shard/held-requests.js";
import { type QueuedRequest, RequestQueue } from "../../actors/shard/request-queue.js";
import type { Port } from "../../runtime/actor/definition.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { miB } from "../../runtime/types/limits.js";
import { FakeContext } from "./fake-context.js";

/** The head of a statement: tenant, kind and session. */
function headOf(session: number, kind: SqlRequest["kind"]): Uint8Array {
  const bytes = new Uint8Array(17);
  bytes[8] = sqlKindNumber(kind);
  new DataView(bytes.buffer).setUint32(9, session, true);
  return bytes;
}

/** @param session 0: of none */
function requestOf(port: Port, correlation: number, session = 0, kind: SqlRequest["kind"] = "execute"): QueuedRequest {
  const bytes = session === 0 ? new Uint8Array(8) : headOf(session, kind);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    port,
    envelope: null,
    correlation,
    deadline: 0,
    kind: session === 0 ? requestKind.append : requestKind.sql,
    principalFrom: 0,
    principalTo: 0,
    bodyFrom: 0,
    bodyTo: bytes.length,
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
  const held = new HeldRequests(new AnswerShares((port) => (port === slow && isFull ? "full" : "free")));
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

const [long, short] = [100_000, 100];

test("while much waits for a gateway, sessions whose answers have been long wait, and later all whose answers may be", (t) => {
  const context = new FakeContext();
  const port = context.wire("gateway-0");
  let room: AnswerRoom = "full";
  const held = new HeldRequests(new AnswerShares(() => room));
  const queue = new RequestQueue();
  let next = 0;
  const isHeld = (session: number, kind: SqlRequest["kind"] = "execute"): boolean => {
    next += 1;
    return held.hold(0, requestOf(port, next, session, kind));
  };
  const answered = (session: number, bytes: number): void => held.answered(requestOf(port, 0, session), bytes);
  const putBack = (): void => {
    room = "free";
    held.requeue(queue);
    room = "full";
  };
  answered(1, long);
  answered(2, short);
  t.deepEqual([isHeld(2), isHeld(3)], [false, false]);
  t.false(isHeld(1, "commit"), "what ends a transaction frees what others wait for");
  t.true(isHeld(1));
  t.true(isHeld(1, "commit"), "but it does not overtake what came before it");
  t.false(isHeld(2), "nor do others wait behind it");
  for (let shorts = 0; shorts < 63; shorts++) answered(1, short);
  putBack();
  t.deepEqual([queue.count, held.count], [2, 0]);
  t.true(isHeld(1), "a few short answers are no news");
  answered(1, short);
  putBack();
  t.false(isHeld(1));
  room = "over";
  t.deepEqual([isHeld(2), isHeld(20), isHeld(21, "commit")], [true, true, false]);
  room = "full";
  held.requeue(queue);
  t.deepEqual([isHeld(2), isHeld(20)], [false, false]);
});

test("of sessions with long answers some thousands are known: those that had one longest ago are forgotten", (t) => {
  const port = new FakeContext().wire("gateway-0");
  const shares = new AnswerShares(() => "full");
  for (let session = 1; session <= 10_000; session++) shares.answered(port, session, long);
  shares.answered(port, 1, long);
  t.deepEqual([shares.isHeldUp(port, 1), shares.isHeldUp(port, 2)], [true, true]);
  shares.answered(port, 10_001, long);
  t.deepEqual(
    [1, 2, 3, 10_001].map((session) => shares.isHeldUp(port, session)),
    [true, false, true, true],
  );
});

test("whoever waited and whatever came between: nothing is lost, each session keeps its order, and sessions take turns", (t) => {
  let waited = 0;
  const step = fc.record({ session: fc.integer({ min: 1, max: 4 }), isLong: fc.boolean(), toggles: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const context = new FakeContext();
      const port = context.wire("gateway-0");
      let isFull = false;
      const held = new HeldRequests(new AnswerShares(() => (isFull ? "full" : "free")));
      const queue = new RequestQueue();
      const decided: number[] = [];
      const decide = (): void => {
        held.requeue(queue);
        decided.push(...decideAll(queue, held));
      };
      for (const [index, { session, isLong, toggles }] of steps.entries()) {
        held.answered(requestOf(port, 0, session), isLong ? long : short);
        queue.push(index % 2, requestOf(port, session * 1_000 + index, session));
        if (toggles === 0) isFull = !isFull;
        if (toggles < 4) decide();
      }
      waited += held.waited;
      isFull = false;
      decide();
      t.is(decided.length, steps.length);
      t.deepEqual([held.count, held.bytes, queue.count], [0, 0, 0]);
      // The queue keeps order within a tenant.
      for (const session of [1, 2, 3, 4]) {
        for (const tenant of [0, 1]) {
          const own = decided.filter((each) => Math.floor(each / 1_000) === session && (each % 1_000) % 2 === tenant);
          t.deepEqual(
            own,
            own.toSorted((left, right) => left - right),
          );
        }
      }
    }),
    { numRuns: 200 },
  );
  t.true(waited > 100, `${waited} waited`);
  const context = new FakeContext();
  const port = context.wire("gateway-0");
  let isFull = true;
  const held = new HeldRequests(new AnswerShares(() => (isFull ? "full" : "free")));
  const queue = new RequestQueue();
  for (const session of [1, 2, 3]) held.answered(requestOf(port, 0, session), long);
  for (const correlation of [11, 12, 13, 21, 31, 32]) {
    queue.push(0, requestOf(port, correlation, Math.floor(correlation / 10)));
  }
  t.deepEqual(decideAll(queue, held), []);
  isFull = false;
  held.requeue(queue);
  t.deepEqual(decideAll(queue, held), [11, 21, 31, 12, 32, 13]);
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
  const isFull = (port: Port): boolean => held.roomOf(port) !== "free";
  const tell = (port: Port): void => void held.tell(port, { kind: "replies", bytes: new Uint8Array(4 * miB) });
  for (let answer = 0; answer < 8; answer++) tell(slow);
  tell(quick);
  t.false(isFull(slow));
  tell(slow);
  t.deepEqual([isFull(slow), isFull(quick)], [true, false]);
  room = 4;
  held.resend();
  t.true(isFull(slow), "20 MiB still wait");
  room = 1;
  held.resend();
  t.false(isFull(slow));
  t.deepEqual([held.waited, held.most, held.bytes], [9, 36 * miB, 16 * miB]);
  for (let answer = 0; answer < 8; answer++) tell(slow);
  t.true(isFull(slow));
  context.unwire("gateway-0");
  t.false(isFull(slow));
  held.resend();
  t.deepEqual([held.bytes, held.isEmpty], [0, true]);
});
