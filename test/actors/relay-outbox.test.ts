/** What shards of several nodes say to one another: bounded on its way, in order, whole, and nobody waits for ever. */
import test from "ava";
import fc from "fast-check";
import {
  decodeRelay,
  encodeRelay,
  PartAssembler,
  partBytesMax,
  partsOf,
  relayKinds,
} from "../../actors/messages/relay.js";
import { RelayOutbox, windowBytes } from "../../actors/shard/relay-outbox.js";
import { miB } from "../../runtime/types/limits.js";

/** Another node's shard, which takes what it is sent when the test says so. */
class OtherSide {
  readonly sent: (Uint8Array | ((isKnown: boolean | null) => void))[] = [];
  readonly outbox: RelayOutbox;
  readonly taken: Uint8Array[] = [];
  readonly #parts = new PartAssembler();
  isBusy = false;
  /** Null: it says nothing. */
  knowsParts: boolean | null = true;
  rooms = 0;
  most = 0;
  largest = 0;

  constructor() {
    this.outbox = new RelayOutbox({
      send: (bytes) => {
        if (this.isBusy) return false;
        this.sent.push(bytes);
        return true;
      },
      askTaken: (taken) => {
        if (this.isBusy) return false;
        this.sent.push(taken);
        return true;
      },
      roomAgain: () => {
        this.rooms += 1;
      },
    });
  }

  look(): void {
    const bytes = this.sent.reduce((sum, one) => sum + (one instanceof Uint8Array ? one.length : 0), 0);
    this.most = Math.max(this.most, bytes);
    for (const one of this.sent) if (one instanceof Uint8Array) this.largest = Math.max(this.largest, one.length);
  }

  take(): void {
    const next = this.sent.shift();
    if (next === undefined) return;
    if (!(next instanceof Uint8Array)) {
      next(this.knowsParts);
      return;
    }
    const relay = decodeRelay(next);
    const whole = relay.kind === relayKinds.part ? this.#parts.add(relay.body) : next;
    if (whole !== null) this.taken.push(decodeRelay(whole).body);
  }
}

const relayOf = (body: Uint8Array): Uint8Array => encodeRelay({ kind: relayKinds.replies, incarnation: 7, body });

/** One of a lane's messages, in order: says of itself whose it is, and which. */
function bodyOf(lane: number, number: number, length: number): Uint8Array {
  const body = new Uint8Array(Math.max(4, length)).fill(number);
  body[0] = lane;
  return body;
}

test("whatever is sent, at whatever pace it is taken, comes whole and in the order of its lane, and never much of it is on its way", (t) => {
  let waits = 0;
  let larger = 0;
  let between = 0;
  const size = fc.oneof(fc.nat(2_000), fc.nat(2_000), fc.nat(6 * miB), fc.integer({ min: 16 * miB, max: 20 * miB }));
  const lanes = fc.array(fc.array(size, { maxLength: 3 }), { minLength: 1, maxLength: 4 });
  const paces = fc.array(fc.tuple(fc.nat(3), fc.nat(7)), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(lanes, paces, (lengths, drawn) => {
      // Sooner or later something is taken, and each lane is asked.
      const steps = [...drawn, ...lengths.map((_, lane) => [0, lane] as const)];
      const other = new OtherSide();
      const bodies = lengths.map((each, lane) => each.map((length, index) => bodyOf(lane, index + 1, length)));
      const count = bodies.flat().length;
      const waiting = bodies.map((each) => [...each]);
      for (let step = 0; step < 5_000 && other.taken.length < count; step++) {
        const [pace, drawnLane] = steps[step % steps.length] ?? [0, 0];
        other.isBusy = pace === 3;
        const lane = drawnLane % bodies.length;
        const [next] = waiting[lane] ?? [];
        if (next !== undefined) {
          const isBetween = other.outbox.isDue && next.length < partBytesMax;
          if (!other.outbox.hasRoom(lane, next.length)) waits += 1;
          else if (other.outbox.send(lane, relayOf(next))) {
            waiting[lane]?.shift();
            if (isBetween) between += 1;
          }
        }
        other.look();
        if (other.outbox.isDue) other.outbox.goOn();
        if (pace !== 1) other.take();
      }
      other.isBusy = false;
      other.outbox.goOn();
      for (const [lane, sent] of bodies.entries()) {
        t.deepEqual(
          other.taken.filter((body) => body[0] === lane).map((body) => [body.length, body[1], body.at(-1)]),
          sent.map((body) => [body.length, body[1], body.at(-1)]),
        );
      }
      t.is(other.taken.length, count);
      t.true(other.most <= windowBytes, `${other.most} bytes on their way`);
      t.true(other.largest <= partBytesMax + 100);
      larger += bodies.flat().filter(({ length }) => length > partBytesMax).length;
    }),
    {
      numRuns: 20,
      examples: [
        [
          [[8 * miB], [100, 100, 100]],
          [
            [1, 0],
            [0, 1],
          ],
        ],
      ],
    },
  );
  t.true(waits > 20, `the bound was met ${waits} times`);
  t.true(larger > 5, `${larger} went in parts`);
  t.true(between > 0, `${between} went between the parts of others`);
});

/** An outbox whose other side is known to put parts together. */
function knowing(): OtherSide {
  const other = new OtherSide();
  while (!other.outbox.hasRoom(1, 8 * miB)) other.take();
  return other;
}

test("short messages go between the parts of a long one, but for those of its own lane, which come behind it", (t) => {
  const other = knowing();
  t.true(other.outbox.send(1, relayOf(bodyOf(1, 1, 8 * miB))));
  t.false(other.outbox.hasRoom(1, 100), "it would come before what was said before it");
  t.false(other.outbox.hasRoom(null, 100), "nor may one of which some may be of that lane");
  t.false(other.outbox.hasRoom(2, 8 * miB), "parts do not say whose they are");
  t.true(other.outbox.hasRoom(2, 100));
  t.true(other.outbox.send(2, relayOf(bodyOf(2, 1, 100))));
  while (other.taken.length === 0) other.take();
  t.is(other.taken[0]?.[0], 2);
  while (other.taken.length < 2) other.take();
  t.is(other.taken[1]?.length, 8 * miB);
  t.true(other.outbox.hasRoom(1, 100));
});

test("a long message and a flood of short ones do not keep each other waiting", (t) => {
  const other = knowing();
  const short = 10_000;
  const long = 12 * miB;
  let shorts = 0;
  let waiting = 1;
  const taken: number[] = [];
  while (other.taken.length < 4_000) {
    // The flood is asked first, each time.
    while (other.outbox.hasRoom(2, short) && other.outbox.send(2, relayOf(bodyOf(2, shorts % 200, short)))) shorts += 1;
    if (waiting > 0 && other.outbox.hasRoom(1, long) && other.outbox.send(1, relayOf(bodyOf(1, 1, long)))) waiting -= 1;
    other.take();
    const last = other.taken.at(-1);
    if (last !== undefined) taken.push(last.length);
  }
  const at = other.taken.findIndex(({ length }) => length === long);
  t.true(at > 0, "the long one came");
  t.true(at * short > long / 8, `${at} short ones came before it`);
  t.true(at * short < 2 * long + windowBytes, `${at} short ones came before it`);
});

test("what is large finds room behind a few small ones that nobody was asked about", (t) => {
  const other = new OtherSide();
  for (let small = 0; small < 20; small++) t.true(other.outbox.send(1, relayOf(new Uint8Array(100))));
  t.false(other.outbox.hasRoom(1, 8 * miB), "whether the other side knows parts has to be asked");
  t.true(other.outbox.hasRoom(1, 100));
  while (other.sent.length > 0) other.take();
  t.is(other.rooms, 1);
  t.true(other.outbox.hasRoom(1, 8 * miB));
  t.true(other.outbox.send(1, relayOf(new Uint8Array(8 * miB))));
  t.false(other.outbox.hasRoom(1, 1));
  while (other.sent.length > 0) other.take();
  t.true(other.outbox.hasRoom(1, 1));
  t.is(other.taken.at(-1)?.length, 8 * miB);
});

test("one of an earlier release, which does not know what it is asked, is sent whole messages, one at a time", (t) => {
  const other = new OtherSide();
  other.knowsParts = false;
  const lengths = [8, 3, 12].map((megabytes) => megabytes * miB);
  const sent: number[] = [];
  for (let round = 0; sent.length < lengths.length && round < 20; round++) {
    const next = lengths[sent.length] ?? 0;
    if (other.outbox.hasRoom(1, next) && other.outbox.send(1, relayOf(new Uint8Array(next)))) sent.push(next);
    t.true(other.sent.filter((one) => one instanceof Uint8Array).length <= 1);
    while (other.sent.length > 0) other.take();
  }
  t.deepEqual(
    other.taken.map(({ length }) => length),
    lengths,
  );
  t.true(other.outbox.isTooLong(16 * miB), "with its head it is longer than a message between nodes");
  t.false(other.outbox.isTooLong(12 * miB));
});

test("one that says nothing in time has not said that it knows no parts: it is asked again", (t) => {
  const other = new OtherSide();
  other.knowsParts = null;
  for (let round = 0; round < 3; round++) {
    t.false(other.outbox.hasRoom(1, 20 * miB));
    t.is(other.sent.length, 1, "it is asked");
    other.take();
    t.false(other.outbox.isTooLong(20 * miB));
  }
  other.knowsParts = true;
  while (other.sent.length > 0) other.take();
  t.true(other.outbox.hasRoom(1, 20 * miB));
});

test("parts are put together to what was taken apart, and no more than is ever relayed", (t) => {
  const relay = relayOf(Uint8Array.from({ length: 17 * miB }, (_, index) => index));
  const parts = partsOf(relay);
  t.true(parts.length > 1);
  const assembler = new PartAssembler();
  const wholes = parts.map((part) => assembler.add(decodeRelay(part).body)).filter((whole) => whole !== null);
  t.is(wholes.length, 1);
  t.true(Buffer.from(wholes[0] ?? []).equals(relay));
  const endless = new PartAssembler();
  t.throws(() => {
    for (let part = 0; part < 100; part++) endless.add(new Uint8Array(2 * miB));
  });
});
