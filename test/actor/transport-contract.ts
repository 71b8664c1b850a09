/** What every transport must do, whatever carries it. Each implementation runs the same suite. */
import type { TestFn } from "ava";
import { type Packet, packetTypes } from "../../runtime/actor/envelope.js";
import type { Transport } from "../../runtime/actor/transport.js";
import type { ActorVitals } from "../../runtime/actor/vitals.js";
import { until } from "./rig.js";

export interface TransportPair {
  readonly a: Transport;
  readonly b: Transport;
  readonly vitalsB: ActorVitals;
  /** Ends side b without a word, as a dying thread or process would. */
  die(): void | Promise<void>;
  dispose(): void | Promise<void>;
}

export const roomCount = 8;
export const roomBytes = 64 * 1024;

class Collector {
  readonly packets: Packet[] = [];
  readonly closes: string[] = [];
  readonly order: string[] = [];
  packet(packet: Packet): void {
    this.packets.push(packet);
    this.order.push("packet");
  }
  closed(reason: string): void {
    this.closes.push(reason);
    this.order.push("closed");
  }
}

const packet = (correlation: number, body: unknown = { kind: "note", correlation }): Packet => ({
  type: packetTypes.tell,
  correlation,
  deadline: 0,
  traceparent: null,
  tenant: 0,
  epoch: 1,
  body,
});

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

export function transportContract(test: TestFn, name: string, make: () => Promise<TransportPair>): void {
  test(`${name}: packets arrive in order, each once, in both directions`, async (t) => {
    const pair = await make();
    const [atA, atB] = [new Collector(), new Collector()];
    pair.a.attach(atA);
    pair.b.attach(atB);
    for (let at = 1; at <= 500; at++) t.true(pair.a.post(packet(at), []));
    for (let at = 1; at <= 100; at++) t.true(pair.b.post(packet(at), []));
    await until(() => atB.packets.length >= 500 && atA.packets.length >= 100);
    await quiet();
    t.deepEqual(
      atB.packets.map((one) => one.correlation),
      Array.from({ length: 500 }, (_, at) => at + 1),
    );
    t.is(atA.packets.length, 100);
    t.deepEqual(atB.packets[7]?.body, { kind: "note", correlation: 8 });
    await pair.dispose();
  });

  test(`${name}: bytes arrive unchanged and of exact size`, async (t) => {
    const pair = await make();
    const atB = new Collector();
    pair.a.attach(new Collector());
    pair.b.attach(atB);
    const bytes = new Uint8Array(5000).map((_, at) => at & 0xff);
    pair.a.post(packet(1, { kind: "note", bytes, chunks: [new Uint8Array([1]), new Uint8Array([2, 3])] }), []);
    await until(() => atB.packets.length === 1);
    const body = atB.packets[0]?.body as { bytes: Uint8Array; chunks: Uint8Array[] };
    t.deepEqual([...body.bytes], [...bytes]);
    for (const view of [body.bytes, ...body.chunks]) {
      t.is(view.byteOffset, 0);
      t.is(view.byteLength, view.buffer.byteLength);
    }
    await pair.dispose();
  });

  test(`${name}: room is refused synchronously when it is used up, and comes back when messages are consumed`, async (t) => {
    const pair = await make();
    pair.a.attach(new Collector());
    pair.b.attach(new Collector());
    await until(() => {
      const free = pair.a.reserve(100);
      if (free) pair.a.unreserve(100);
      return free;
    });
    let taken = 0;
    while (taken <= roomCount && pair.a.reserve(100)) taken++;
    t.is(taken, roomCount);
    pair.a.unreserve(100);
    t.false(pair.a.reserve(roomBytes), "bytes are bounded too");
    t.true(pair.a.reserve(100));
    for (let at = 0; at < roomCount; at++) {
      if (pair.b.reservesInVitals) pair.vitalsB.release(100);
      else pair.b.consumed(100);
    }
    let again = false;
    await until(() => {
      again ||= pair.a.reserve(100);
      return again;
    });
    t.true(again);
    await pair.dispose();
  });

  test(`${name}: a close is told once at each side, after what was sent before it, and nothing follows`, async (t) => {
    const pair = await make();
    const [atA, atB] = [new Collector(), new Collector()];
    pair.a.attach(atA);
    pair.b.attach(atB);
    for (let at = 1; at <= 20; at++) pair.a.post(packet(at), []);
    pair.a.close();
    pair.a.close();
    t.false(pair.a.post(packet(21), []));
    await until(() => atB.closes.length > 0);
    await quiet();
    t.is(atB.packets.length, 20);
    t.is(atB.order.at(-1), "closed");
    t.is(atA.closes.length, 1);
    t.is(atB.closes.length, 1);
    t.false(pair.b.post(packet(1), []));
    await quiet();
    t.is(atA.packets.length, 0);
    await pair.dispose();
  });

  test(`${name}: a death on the other side is told once`, async (t) => {
    const pair = await make();
    const atA = new Collector();
    pair.a.attach(atA);
    pair.b.attach(new Collector());
    await pair.die();
    await until(() => atA.closes.length > 0);
    await quiet();
    t.is(atA.closes.length, 1);
    t.false(pair.a.post(packet(1), []));
    await pair.dispose();
  });
}
