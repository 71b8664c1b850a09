/**
 * The way from replica to replica: round trips between two processes over a peer endpoint, with and without TLS, beside a bare socket, and
 * beside a hop between two threads, which a transport actor of its own would add four times.
 *
 *   node dist/benchmarks/peers.js [round trips]
 */
import { type ChildProcess, fork } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, Worker, workerData } from "node:worker_threads";
import { systemClock } from "../runtime/actor/clock.js";
import { PeerEndpoint } from "../runtime/actor/peer-endpoint.js";
import type { PeerSecurity } from "../runtime/actor/peer-security.js";
import { createAuthority, createNodeCertificate } from "../runtime/crypto/certificate.js";

const self = fileURLToPath(import.meta.url);
const sizes = [272, 1_400, 65_536, 1_048_576] as const;
const port = 7590;
const clusterId = new Uint8Array(16).fill(7);
const addressOf = (node: number) => ({ node, name: `node-${node}`, host: "127.0.0.1", port: port + node });

function open(node: number, security: PeerSecurity | null, events: { up(): void; message(bytes: Uint8Array): void }) {
  const endpoint = new PeerEndpoint({
    self: addressOf(node),
    others: [addressOf(3 - node)],
    clusterId,
    channel: 1,
    security,
    clock: systemClock,
    events: {
      up: () => events.up(),
      down: () => {},
      message: (_node, bytes) => events.message(bytes),
      trouble: (_node, text) => process.stderr.write(`${text}\n`),
    },
  });
  return endpoint.open().then(() => endpoint);
}

const microsAt = (times: number[], share: number): number =>
  Math.round((times.sort((left, right) => left - right)[Math.floor(times.length * share)] ?? 0) * 1000);

/** Sends, waits for the echo, and again. Returns a line. */
async function rounds(
  name: string,
  size: number,
  count: number,
  send: (bytes: Uint8Array) => void,
  on: { echo: () => void },
) {
  const bytes = new Uint8Array(size);
  const times: number[] = [];
  for (let round = 0; round < count + count / 10; round++) {
    const began = performance.now();
    await new Promise<void>((resolve) => {
      on.echo = resolve;
      send(bytes);
    });
    if (round >= count / 10) times.push(performance.now() - began);
  }
  process.stdout.write(
    `${name.padEnd(14)} ${String(size).padStart(8)} B   p50 ${microsAt(times, 0.5)} µs   p99 ${microsAt(times, 0.99)} µs\n`,
  );
}

function child(role: string, security: PeerSecurity | null): Promise<ChildProcess> {
  const made = fork(self, [role], { serialization: "advanced" });
  made.send({ security });
  return new Promise((resolve) => made.once("message", () => resolve(made)));
}

async function overEndpoint(
  name: string,
  count: number,
  own: PeerSecurity | null,
  others: PeerSecurity | null,
): Promise<void> {
  const other = await child("endpoint", others);
  const on = { echo: () => {} };
  let isUp = () => {};
  const up = new Promise<void>((resolve) => {
    isUp = resolve;
  });
  const endpoint = await open(1, own, { up: () => isUp(), message: () => on.echo() });
  await up;
  for (const size of sizes) {
    await rounds(name, size, size > 100_000 ? count / 20 : count, (bytes) => endpoint.send(2, bytes), on);
  }
  other.kill();
  await endpoint.close();
}

async function overSocket(count: number): Promise<void> {
  const other = await child("socket", null);
  const on = { echo: () => {} };
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await new Promise((resolve) => socket.once("connect", resolve));
  for (const size of sizes) {
    let heard = 0;
    socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
      heard += chunk.length;
      if (heard < size) return;
      heard = 0;
      on.echo();
    });
    await rounds("bare socket", size, size > 100_000 ? count / 20 : count, (bytes) => socket.write(bytes), on);
  }
  other.kill();
  socket.destroy();
}

async function overThreads(count: number): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(self, { workerData: { echo: port2 }, transferList: [port2] });
  const on = { echo: () => {} };
  port1.on("message", () => on.echo());
  await rounds("two threads", 272, count, (bytes) => port1.postMessage(bytes), on);
  await worker.terminate();
  port1.close();
}

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? 5_000);
  const day = 24 * 3_600_000;
  const validity = { from: Date.now() - day, to: Date.now() + day };
  const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
  const authority = createAuthority("benchmark", validity, random);
  const key = createPrivateKey(authority.key);
  const securityOf = (name: string): PeerSecurity => ({
    ca: authority.cert,
    ...createNodeCertificate(name, { cert: authority.cert, key }, validity, random),
  });
  await overSocket(count);
  await overEndpoint("plain", count, null, null);
  await overEndpoint("TLS 1.3", count, securityOf("node-1"), securityOf("node-2"));
  await overThreads(count);
}

const echo = (workerData as { echo?: MessagePort } | null)?.echo;
if (echo !== undefined) {
  echo.on("message", (bytes: Uint8Array) => echo.postMessage(bytes));
} else if (process.argv[2] === "endpoint") {
  process.once("message", (message: { security: PeerSecurity | null }) => {
    const opening = open(2, message.security, {
      up: () => {},
      message: (bytes) => void opening.then((endpoint) => endpoint.send(1, bytes)),
    });
    void opening.then(() => process.send?.("ready"));
  });
} else if (process.argv[2] === "socket") {
  createServer({ noDelay: true }, (socket) =>
    socket.on("data", (chunk) => socket.write(chunk)).on("error", () => {}),
  ).listen(port, "127.0.0.1", () => process.send?.("ready"));
} else {
  await main();
}
