/** The contract of transports, run against each, and what only the socket must withstand. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as tlsConnect, createServer as tlsCreateServer } from "node:tls";
import { serialize } from "node:v8";
import { MessageChannel } from "node:worker_threads";
import test from "ava";
import { systemClock, VirtualClock } from "../../runtime/actor/clock.js";
import { type Packet, packetTypes } from "../../runtime/actor/envelope.js";
import { DirectTransport } from "../../runtime/actor/transport-direct.js";
import { MessagePortTransport } from "../../runtime/actor/transport-message-port.js";
import { SocketTransport } from "../../runtime/actor/transport-socket.js";
import { ActorVitals, actorVitalsMemory } from "../../runtime/actor/vitals.js";
import { roomBytes, roomCount, transportContract } from "./transport-contract.js";

function vitals(): ActorVitals {
  const made = new ActorVitals(actorVitalsMemory());
  made.setLimits(roomCount, roomBytes);
  return made;
}

for (const clone of [false, true]) {
  transportContract(test, clone ? "in process with forced clone" : "in process", async () => {
    const [vitalsA, vitalsB] = [vitals(), vitals()];
    const [a, b] = DirectTransport.pair(vitalsA, vitalsB, { clone });
    return { a, b, vitalsB, die: () => b.close(), dispose: () => a.close() };
  });
}

transportContract(test, "message port", async () => {
  const { port1, port2 } = new MessageChannel();
  const [vitalsA, vitalsB] = [vitals(), vitals()];
  const a = new MessagePortTransport(port1, vitalsB);
  const b = new MessagePortTransport(port2, vitalsA);
  return {
    a,
    b,
    vitalsB,
    die: () => port2.close(),
    dispose: () => {
      a.close();
      b.close();
    },
  };
});

const address = (server: { address(): unknown }): number => (server.address() as { port: number }).port;

async function tcpPair(): Promise<[Socket, Socket, () => void]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect(address(server), "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  return [near, far, () => void server.close()];
}

/** TLS with a shared secret needs no certificate. */
async function tlsPair(): Promise<[Duplex, Duplex, () => void]> {
  const psk = Buffer.alloc(16, 7);
  const shared = { ciphers: "PSK", maxVersion: "TLSv1.2" as const };
  const server = tlsCreateServer({ ...shared, pskCallback: () => psk });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = tlsConnect({
    ...shared,
    port: address(server),
    host: "127.0.0.1",
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity: "peer" }),
  });
  const [far] = (await once(server, "secureConnection")) as [Duplex];
  return [near, far, () => void server.close()];
}

for (const [name, open] of [
  ["TCP socket", tcpPair],
  ["TLS socket", tlsPair],
] as const) {
  transportContract(test, name, async () => {
    const [near, far, close] = await open();
    const window = { count: roomCount, bytes: roomBytes };
    const a = new SocketTransport(near, systemClock, window);
    const b = new SocketTransport(far, systemClock, window);
    return {
      a,
      b,
      vitalsB: vitals(),
      die: () => void far.destroy(),
      dispose: () => {
        a.close();
        b.close();
        near.destroy();
        far.destroy();
        close();
      },
    };
  });
}

const hostile: readonly [string, Buffer][] = [
  ["a giant length", Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ["random bytes", Buffer.from([8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])],
  ["a packet without a type", frame({ hello: 1 })],
  ["a message without a kind", frame({ ...blank(packetTypes.tell), body: { text: "x" } })],
  ["credit that is not a number", frame({ ...blank(packetTypes.credit), body: { count: "many", bytes: Number.NaN } })],
];

function blank(type: number): object {
  return { type, correlation: 0, deadline: 0, traceparent: null, tenant: 0, epoch: 1 };
}

function frame(value: unknown): Buffer {
  const body = serialize(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

test("bytes that are not packets end the socket as unreachable and never throw", async (t) => {
  for (const [what, bytes] of hostile) {
    const [near, far, close] = await tcpPair();
    const closes: string[] = [];
    const packets: Packet[] = [];
    const transport = new SocketTransport(near, systemClock, { count: 1, bytes: 1 });
    transport.attach({ packet: (packet) => void packets.push(packet), closed: (reason) => void closes.push(reason) });
    far.on("error", () => {});
    far.write(bytes);
    await once(near, "close");
    t.deepEqual(closes, ["unreachable"], what);
    t.is(packets.length, 0, what);
    far.destroy();
    close();
  }
});

test("a packet cut into single bytes arrives whole", async (t) => {
  const [near, far, close] = await tcpPair();
  far.setNoDelay(true);
  const packets: Packet[] = [];
  const transport = new SocketTransport(near, systemClock, { count: 1, bytes: 1 });
  transport.attach({ packet: (packet) => void packets.push(packet), closed: () => {} });
  const bytes = frame({ ...blank(packetTypes.tell), body: { kind: "note", bytes: new Uint8Array([9, 8, 7]) } });
  for (const byte of bytes) {
    far.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (packets.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(packets[0]?.body, { kind: "note", bytes: new Uint8Array([9, 8, 7]) });
  transport.close();
  far.destroy();
  close();
});

test("a silent peer is given up after ten seconds and only suspected", async (t) => {
  const [near, far, close] = await tcpPair();
  const clock = new VirtualClock();
  const closes: string[] = [];
  const transport = new SocketTransport(near, clock, { count: 1, bytes: 1 });
  transport.attach({ packet: () => {}, closed: (reason) => void closes.push(reason) });
  await clock.advance(9_500);
  t.deepEqual(closes, []);
  await clock.advance(3_000);
  t.deepEqual(closes, ["unreachable"]);
  far.destroy();
  close();
});
