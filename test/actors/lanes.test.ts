/** What waits for a link waits by session: order within each, turns between them, and short answers do not wait for long ones of others. */
import test from "ava";
import fc from "fast-check";
import { decodeRelay, PartAssembler, relayKinds } from "../../actors/messages/relay.js";
import { ReplyBatchReader, ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import { Lanes } from "../../actors/shard/lanes.js";
import { PeerAnswers } from "../../actors/shard/peer-answers.js";
import { PeerPort } from "../../actors/shard/peer-port.js";
import { windowBytes } from "../../actors/shard/relay-outbox.js";
import { Relays } from "../../actors/shard/relays.js";
import { WaitingRequests } from "../../actors/shard/waiting-requests.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { miB } from "../../runtime/types/limits.js";

interface Item {
  readonly bytes: Uint8Array;
  readonly number: number;
}

test("lanes: nothing is lost or doubled, each keeps its order, whatever is refused and put back meanwhile", (t) => {
  let refusals = 0;
  const step = fc.record({ lane: fc.nat(4), length: fc.nat(40_000), refused: fc.nat(9), takes: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lanes = new Lanes<Item>();
      const came = new Map<number, number[]>();
      const take = (refused: number): boolean => {
        const taken = lanes.take((_, lane) => lane !== refused);
        if (taken === null) return false;
        // Every fourth finds no room after all.
        if (taken.item.number % 4 === 0 && refused < 5) {
          lanes.putBack([taken]);
          refusals += 1;
          return false;
        }
        came.set(taken.lane, [...(came.get(taken.lane) ?? []), taken.item.number]);
        return true;
      };
      for (const [number, { lane, length, refused, takes }] of steps.entries()) {
        lanes.push(lane, { bytes: new Uint8Array(length), number });
        for (let times = 0; times < takes; times++) take(refused);
      }
      while (take(9));
      t.deepEqual([lanes.count, lanes.bytes], [0, 0]);
      for (let lane = 0; lane < 5; lane++) {
        const pushed = [...steps.entries()].filter(([, each]) => each.lane === lane).map(([number]) => number);
        t.deepEqual(came.get(lane) ?? [], pushed);
      }
    }),
    { numRuns: 200 },
  );
  t.true(refusals > 50, `${refusals} were put back`);
});

test("lanes take turns of some kilobytes, and one that was refused is asked first the next time", (t) => {
  const lanes = new Lanes<Item>();
  const push = (lane: number, number: number, length: number): void =>
    lanes.push(lane, { bytes: new Uint8Array(length), number });
  for (let number = 0; number < 40; number++) push(1, 100 + number, 1_000);
  for (const number of [201, 202]) push(2, number, 1_000_000);
  push(3, 301, 10);
  const order: number[] = [];
  for (let next = lanes.take(() => true); next !== null; next = lanes.take(() => true)) order.push(next.item.number);
  t.deepEqual(
    order.slice(0, 17),
    Array.from({ length: 17 }, (_, number) => 100 + number),
  );
  t.deepEqual(order.slice(17, 19), [201, 301]);
  t.is(order.indexOf(202), 19 + 17);
  push(1, 1, 10);
  push(2, 2, 10);
  t.is(lanes.take((_, lane) => lane === 2)?.item.number, 2);
  push(2, 3, 10);
  t.is(lanes.take(() => true)?.item.number, 1);
});

/** A node with gateways, whose clients' answers come from a shard that leads elsewhere. */
class Follower {
  readonly peers: PeerAnswers;
  readonly relays: Relays;
  /** Correlations and lengths of the answers that came. */
  readonly came: { readonly correlation: number; readonly bytes: number }[] = [];
  readonly #way: (Uint8Array | ((isKnown: boolean) => void))[] = [];
  readonly #parts = new PartAssembler();
  isBusy = false;
  most = 0;

  constructor() {
    this.relays = new Relays({
      tell: (_, bytes) => !this.isBusy && this.#way.push(bytes) > 0,
      askTaken: (_, taken) => !this.isBusy && this.#way.push(taken) > 0,
      roomAgain: () => this.peers.resend(),
    });
    this.peers = new PeerAnswers(this.relays, () => {});
  }

  get isQuiet(): boolean {
    return this.#way.length === 0;
  }

  take(): void {
    const bytes = this.#way.reduce((sum, one) => sum + (one instanceof Uint8Array ? one.length : 0), 0);
    this.most = Math.max(this.most, bytes);
    const next = this.#way.shift();
    if (next === undefined) return;
    if (!(next instanceof Uint8Array)) {
      next(true);
      return;
    }
    const { kind, body } = decodeRelay(next);
    const whole = kind === relayKinds.part ? this.#parts.add(body) : next;
    if (whole === null) return;
    const replies = new ReplyBatchReader().open(decodeRelay(whole).body);
    while (replies.next()) this.came.push({ correlation: replies.correlation, bytes: replies.body().length });
  }

  /** Time passes: what was refused is tried again. */
  later(): void {
    this.relays.goOn();
    this.peers.resend();
  }
}

const portOf = (source: number): PeerPort => new PeerPort(1, 7, source, 1 as Epoch);

test("answers of many sessions in any batches, taken at any pace: all come, each session's in order, and little is on its way", (t) => {
  let waited = 0;
  let overtaken = 0;
  const answer = fc.record({
    session: fc.nat(4),
    bytes: fc.oneof(fc.nat(500), fc.nat(500), fc.nat(300_000), fc.integer({ min: miB, max: 9 * miB })),
  });
  const batch = fc.record({
    port: fc.nat(1),
    answers: fc.array(answer, { minLength: 1, maxLength: 4 }),
    pace: fc.nat(5),
    isBusy: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 12 }), (batches) => {
      const follower = new Follower();
      const ports = [portOf(1), portOf(2)];
      const sent: { readonly lane: string; readonly correlation: number; readonly bytes: number }[] = [];
      for (const { port: index, answers, pace, isBusy } of batches) {
        const port = ports[index];
        if (port === undefined) throw new Error("there are two");
        const writer = new ReplyBatchWriter();
        for (const { session, bytes } of answers) {
          const correlation = sent.length + 1;
          // Sessions of a gateway are not those of another; session 0 is none.
          const number = session === 0 ? 0 : session * 10 + index;
          port.asked(correlation, number);
          if (bytes > 100_000) port.decided(correlation, bytes);
          writer.ok(correlation, new Uint8Array(bytes));
          sent.push({ lane: `${index} ${number}`, correlation, bytes });
        }
        follower.isBusy = isBusy;
        t.is(follower.peers.tell(port, writer.take()), "accepted");
        follower.isBusy = false;
        for (let taken = 0; taken < pace; taken++) follower.take();
        if (!isBusy) follower.later();
      }
      for (let looks = 0; looks < 2_000 && follower.came.length < sent.length; looks++) {
        follower.take();
        if (follower.isQuiet) follower.later();
      }
      t.is(follower.came.length, sent.length);
      const laneOf = new Map(sent.map(({ correlation, lane }) => [correlation, lane]));
      for (const lane of new Set(laneOf.values())) {
        t.deepEqual(
          follower.came.filter(({ correlation }) => laneOf.get(correlation) === lane),
          sent.filter((each) => each.lane === lane).map(({ correlation, bytes }) => ({ correlation, bytes })),
        );
      }
      t.true(follower.most <= windowBytes, `${follower.most} bytes on their way`);
      t.deepEqual([follower.peers.bytes, follower.peers.isEmpty], [0, true]);
      for (const port of ports) t.true(port.backlog.isEmpty);
      waited += follower.peers.waited;
      overtaken += follower.came.filter(({ correlation }, at) => correlation < at).length;
    }),
    { numRuns: 60 },
  );
  t.true(waited > 100, `${waited} waited`);
  t.true(overtaken > 20, `${overtaken} were overtaken by those of other sessions`);
});

test("an answer of a row does not wait for those of many megabytes before it, and those of other sessions take turns", (t) => {
  const follower = new Follower();
  const port = portOf(1);
  let correlation = 0;
  const tell = (session: number, bytes: number): number => {
    correlation += 1;
    port.asked(correlation, session);
    const writer = new ReplyBatchWriter();
    writer.ok(correlation, new Uint8Array(bytes));
    follower.peers.tell(port, writer.take());
    return correlation;
  };
  const long: number[] = [];
  for (const session of [1, 1, 1, 2, 3]) long.push(tell(session, 8 * miB));
  follower.take();
  t.is(port.backlog.room, "full");
  const row = tell(4, 100);
  const own = tell(1, 100);
  while (follower.came.length === 0) follower.take();
  t.deepEqual(follower.came, [{ correlation: row, bytes: 100 }]);
  while (!follower.isQuiet) {
    follower.take();
    if (follower.isQuiet) follower.later();
  }
  const [first, second, third, of2, of3] = long;
  t.deepEqual(
    follower.came.map((answer) => answer.correlation),
    [row, first, of2, of3, second, third, own],
  );
  t.is(port.backlog.room, "free");
});

test("answers to a gateway that is gone are forgotten, and those of a link that ended", (t) => {
  const follower = new Follower();
  const [gone, stays] = [portOf(1), portOf(2)];
  const tell = (port: PeerPort, correlation: number): unknown => {
    const writer = new ReplyBatchWriter();
    writer.ok(correlation, new Uint8Array(8 * miB));
    return follower.peers.tell(port, writer.take());
  };
  tell(gone, 1);
  tell(stays, 2);
  gone.isOpen = false;
  t.is(tell(gone, 3), "gone");
  for (let looks = 0; looks < 100; looks++) {
    follower.take();
    if (follower.isQuiet) follower.later();
  }
  t.deepEqual(
    follower.came.map(({ correlation }) => correlation),
    [2],
  );
  follower.isBusy = true;
  tell(stays, 4);
  t.true(follower.peers.bytes > 8 * miB);
  follower.peers.down(1);
  t.deepEqual([follower.peers.bytes, follower.peers.isEmpty], [0, true]);
});

test("short requests find room beside long ones that wait, and all of them together do not have more than they had", (t) => {
  const waiting = new WaitingRequests();
  const request = (bytes: number) => ({
    port: null,
    envelope: null,
    kind: relayKinds.requests,
    correlation: 1,
    bytes: new Uint8Array(bytes),
  });
  const push = (bytes: number): boolean => {
    const one = request(bytes);
    if (!waiting.hasRoom(one)) return false;
    waiting.push(1, one);
    return true;
  };
  let bytes = 0;
  while (push(5 * miB)) bytes += 5 * miB;
  t.is(bytes, 20 * miB);
  while (push(64_000)) bytes += 64_000;
  t.true(bytes > 31 * miB && bytes <= 32 * miB, `${bytes} bytes wait`);
  t.is(
    waiting.drain().reduce((sum, each) => sum + each.bytes.length, 0),
    bytes,
  );
  t.true(push(60 * miB), "one of any length");
  t.false(push(miB));
  t.true(push(100));
});
