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

test("whatever is sent, at whatever pace it is taken, comes whole and in order, and never much of it is on its way", (t) => {
  let waits = 0;
  let larger = 0;
  const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.nat(6 * miB), fc.integer({ min: 16 * miB, max: 20 * miB })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(3), { minLength: 1, maxLength: 50 }), (lengths, drawn) => {
      // Sooner or later something is taken.
      const paces = [...drawn, 0];
      const other = new OtherSide();
      const bodies = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
      const waiting = [...bodies];
      for (let step = 0; step < 2_000 && other.taken.length < bodies.length; step++) {
        const pace = paces[step % paces.length];
        other.isBusy = pace === 3;
        const [next] = waiting;
        if (next !== undefined) {
          if (!other.outbox.hasRoom(next.length)) waits += 1;
          else if (other.outbox.send(relayOf(next))) waiting.shift();
        }
        other.look();
        if (other.outbox.isDue) other.outbox.goOn();
        if (pace !== 1) other.take();
      }
      other.isBusy = false;
      other.outbox.goOn();
      t.deepEqual(
        other.taken.map((body) => [body.length, body[0], body.at(-1)]),
        bodies.map((body) => [body.length, body[0], body.at(-1)]),
      );
      t.true(other.most <= windowBytes, `${other.most} bytes on their way`);
      t.true(other.largest <= partBytesMax + 100);
      larger += bodies.filter(({ length }) => length > partBytesMax).length;
    }),
    { numRuns: 20 },
  );
  t.true(waits > 20, `the bound was met ${waits} times`);
  t.true(larger > 5, `${larger} went in parts`);
});

test("what is large finds room behind a few small ones that nobody was asked about", (t) => {
  const other = new OtherSide();
  for (let small = 0; small < 20; small++) t.true(other.outbox.send(relayOf(new Uint8Array(100))));
  t.false(other.outbox.hasRoom(8 * miB), "whether the other side knows parts has to be asked");
  t.true(other.outbox.hasRoom(100));
  while (other.sent.length > 0) other.take();
  t.is(other.rooms, 1);
  t.true(other.outbox.hasRoom(8 * miB));
  t.true(other.outbox.send(relayOf(new Uint8Array(8 * miB))));
  t.false(other.outbox.hasRoom(1));
  while (other.sent.length > 0) other.take();
  t.true(other.outbox.hasRoom(1));
  t.is(other.taken.at(-1)?.length, 8 * miB);
});

test("one of an earlier release, which does not know what it is asked, is sent whole messages, one at a time", (t) => {
  const other = new OtherSide();
  other.knowsParts = false;
  const lengths = [8, 3, 12].map((megabytes) => megabytes * miB);
  const sent: number[] = [];
  for (let round = 0; sent.length < lengths.length && round < 20; round++) {
    const next = lengths[sent.length] ?? 0;
    if (other.outbox.hasRoom(next) && other.outbox.send(relayOf(new Uint8Array(next)))) sent.push(next);
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
    t.false(other.outbox.hasRoom(20 * miB));
    t.is(other.sent.length, 1, "it is asked");
    other.take();
    t.false(other.outbox.isTooLong(20 * miB));
  }
  other.knowsParts = true;
  while (other.sent.length > 0) other.take();
  t.true(other.outbox.hasRoom(20 * miB));
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
