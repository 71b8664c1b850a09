import net from "node:net";
import tls from "node:tls";
import { MessageChannel } from "node:worker_threads";
import test from "ava";
import fc from "fast-check";
import { checkAppendReply, readAppendReply, writeAppend } from "../../protocol/client/append-body.js";
import { Connection } from "../../protocol/client/connection.js";
import { DeadlineWheel, type WheelNode } from "../../protocol/client/deadline-wheel.js";
import { IdempotencyKeys } from "../../protocol/client/idempotency-keys.js";
import type { RequestHandler } from "../../protocol/client/pending.js";
import { formatAddress, parseAddress, socketConnector } from "../../protocol/client/socket-connector.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { encodeWelcome } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import { portTransport } from "../../protocol/wire/transport.js";
import { encodeAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { decodeAppendReply } from "../../runtime/kernel/outcome.js";
import { AssertionFailed } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import { FakeServer } from "./fake-server.js";

const connectTo = async (server: FakeServer, options = {}, events = {}): Promise<Connection> =>
  Connection.open(await socketConnector()(server.address, 2_000), options, events);

interface Answer {
  readonly body: Uint8Array;
}

function ask(connection: Connection, kind: number, body: Uint8Array, timeoutMs = 2_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const handler: RequestHandler = {
      ok: (bytes, _view, from, to) => resolve({ body: bytes.slice(from, to) }),
      failed: reject,
    };
    connection.request(kind, timeoutMs, body, handler);
  });
}

const ping = (connection: Connection, text = "", timeoutMs = 2_000): Promise<string> =>
  ask(connection, requestKinds.ping.kind, Buffer.from(text), timeoutMs).then(({ body }) =>
    Buffer.from(body).toString(),
  );

function append(
  connection: Connection,
  stream: number,
  text: string,
  timeoutMs = 2_000,
): Promise<{ first: number; replayed: boolean }> {
  return new Promise((resolve, reject) => {
    const events = [{ payload: Buffer.from(text), format: 0 }];
    connection.sendAppend(
      1,
      stream,
      -1,
      undefined,
      events,
      timeoutMs,
      (error, _position, first, _count, _time, replayed) => {
        if (error === undefined) resolve({ first, replayed });
        else reject(error);
      },
    );
  });
}

test("the fast path writes and reads an append exactly as the kernel's codecs do", (t) => {
  const event = fc.record({ payload: fc.uint8Array({ maxLength: 50 }), format: fc.constantFrom(0, 1) });
  const key = fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined });
  const expected = fc.oneof(fc.constant("any" as const), fc.maxSafeNat());
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      key,
      fc.maxSafeNat(),
      expected,
      fc.array(event, { minLength: 1, maxLength: 5 }),
      (tenant, requestKey, stream, at, events) => {
        const twin = encodeAppend(new ByteWriter(), { tenant, requestKey }, stream, at, events).finish();
        const writer = new FrameWriter();
        writer.begin(requestKinds.append.kind, 1, 0);
        writeAppend(writer, tenant, requestKey, stream, at === "any" ? -1 : at, events);
        writer.end();
        t.deepEqual(new Uint8Array(writer.take().subarray(32)), twin);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 27, maxLength: 31 }), fc.boolean(), (bytes, isSmall) => {
      // Small numbers most of the time, so that replies are often sound.
      if (isSmall) for (const at of [6, 7, 14, 15, 26, 27]) bytes[at] = 0;
      if (isSmall && bytes.length > 28) bytes[28] = (bytes[28] ?? 0) & 1;
      const outcome = (read: () => unknown): unknown => {
        try {
          return read();
        } catch (error) {
          if (!hasCode(error, "frameInvalid")) throw error;
          return "frameInvalid";
        }
      };
      const fast = outcome(() => {
        let got: unknown;
        const view = new DataView(bytes.buffer);
        checkAppendReply(view, 0, bytes.length);
        readAppendReply(view, 0, (_error, position, firstOffset, count, time, replayed) => {
          got = { position, firstOffset, count, time, replayed };
        });
        return got;
      });
      t.deepEqual(
        fast,
        outcome(() => decodeAppendReply(bytes)),
      );
    }),
  );
});

test("requests are pipelined and answers may come in any order", async (t) => {
  const server = await FakeServer.start();
  const connection = await connectTo(server);
  server.fault(requestKinds.ping.kind, { do: "delay", ms: 60 });
  const order: string[] = [];
  await Promise.all(["slow", "fast", "faster"].map((text) => ping(connection, text).then((got) => order.push(got))));
  t.deepEqual(order, ["fast", "faster", "slow"]);
  t.is(server.faultsInjected, 1);
  t.is(connection.inFlight, 0);
  t.is(connection.welcome.serverRelease, "fake");
  connection.close();
  await server.stop();
});

test("all requests of a turn leave in one write", async (t) => {
  const { port1, port2 } = new MessageChannel();
  const chunks: number[] = [];
  const far = portTransport(port2);
  const writer = new FrameWriter();
  const decoder = new FrameDecoder((kind, id) => {
    if (kind === requestKinds.hello.kind) {
      const body = new ByteWriter();
      const clusterId = new Uint8Array(16);
      const limits = { frameBytesMax: 1_000_000, inFlightMax: 500, sessionNumber: 0 };
      encodeWelcome({ version: 1, serverRelease: "port", clusterId, nodeId: 1, serverTime: 0, ...limits }, body);
      writer.frame(responseKinds.welcome, 0, 0, body.view());
    } else writer.frame(responseKinds.ok, id, 0, new Uint8Array(0));
  });
  far.start({
    data: (chunk) => {
      t.is(chunk.buffer.byteLength, chunk.length, "only exact-size arrays cross threads");
      chunks.push(chunk.length);
      decoder.push(chunk);
      far.write(writer.take(), (taken) => writer.recycle(taken));
    },
    drained: () => {},
    closed: () => {},
  });
  const connection = await Connection.open(portTransport(port1));
  await Promise.all(Array.from({ length: 300 }, () => ping(connection)));
  t.deepEqual(chunks.slice(1), [300 * 32]);
  connection.close();
});

test("a deadline ends a request once; its late answer is dropped and its slot is free again", async (t) => {
  const server = await FakeServer.start();
  const connection = await connectTo(server);
  server.fault(requestKinds.ping.kind, { do: "delay", ms: 150 });
  const started = performance.now();
  const error = await t.throwsAsync(ping(connection, "late", 50), { instanceOf: KimberliteError });
  t.is(error.code, "deadlineExceeded");
  t.is(error.outcome, "notCommitted");
  t.true(performance.now() - started >= 50);
  t.is(connection.inFlight, 1, "the server still counts it");
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.is(connection.inFlight, 0);
  t.is(await ping(connection, "next"), "next");
  connection.close();
  await server.stop();
});

test("an append that may have been applied ends as unknown, one that never left as notCommitted", async (t) => {
  const server = await FakeServer.start();
  server.stream("s");
  const connection = await connectTo(server);
  server.fault(requestKinds.append.kind, { do: "silent" });
  const silent = await t.throwsAsync(append(connection, 1, "a", 300), { instanceOf: KimberliteError });
  t.is(silent.code, "deadlineExceeded");
  t.is(silent.outcome, "unknown");

  server.fault(requestKinds.append.kind, { do: "dropAfter" });
  const sent = append(connection, 1, "b");
  const lost = await t.throwsAsync(sent, { instanceOf: KimberliteError });
  t.is(lost.code, "connectionLost");
  t.is(lost.outcome, "unknown");
  t.is(server.stream("s").events.length, 2);

  const other = await connectTo(server);
  const unsent = append(other, 1, "c");
  // Before the turn ends, so before anything is written.
  for (const socket of server.connections) socket.socket.destroy();
  other.close();
  const never = await t.throwsAsync(unsent, { instanceOf: KimberliteError });
  t.is(never.code, "connectionLost");
  await server.stop();
});

test("the window of unanswered requests is the smaller of both sides', and room is announced", async (t) => {
  const server = await FakeServer.start();
  server.inFlightMax = 3;
  let rooms = 0;
  const connection = await connectTo(server, { inFlightMax: 10 }, { onRoom: () => rooms++ });
  const pings = [ping(connection), ping(connection), ping(connection)];
  t.false(connection.hasRoom);
  t.throws(() => connection.request(requestKinds.ping.kind, 0, new Uint8Array(0), { ok() {}, failed() {} }), {
    instanceOf: AssertionFailed,
  });
  await Promise.all(pings);
  t.true(rooms > 0);
  t.true(connection.hasRoom);
  connection.close();
  await server.stop();
});

test("bytes that a slow peer does not take are bounded", async (t) => {
  const server = await FakeServer.start();
  server.stream("s");
  const bufferedBytesMax = 256 * 1024;
  const connection = await connectTo(server, { bufferedBytesMax });
  for (const { socket } of server.connections) socket.pause();
  const events = [{ payload: new Uint8Array(64 * 1024), format: 0 }];
  let sent = 0;
  let most = 0;
  const answers: unknown[] = [];
  for (let turn = 0; turn < 400; turn++) {
    while (connection.hasRoom) {
      connection.sendAppend(1, 1, -1, undefined, events, 0, (error) => answers.push(error));
      sent++;
      most = Math.max(most, connection.bufferedBytes);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.false(connection.hasRoom);
  t.true(most <= bufferedBytesMax + 65 * 1024 + 200, `${most} bytes were held`);
  t.is(answers.length, 0);
  for (const { socket } of server.connections) socket.resume();
  while (answers.length < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  t.true(answers.every((error) => error === undefined));
  t.is(server.stream("s").events.length, sent);
  connection.close();
  await server.stop();
});

test("whatever bytes a server sends, the client ends requests with a typed error and nothing is thrown", async (t) => {
  const server = await FakeServer.start();
  let closed = 0;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300, minLength: 1 }), fc.nat(3), async (noise, way) => {
      const connection = await connectTo(server, {}, { onClosed: () => closed++ });
      const writer = new FrameWriter();
      const kind = 128 + ((noise[0] ?? 0) % 9);
      server.fault(requestKinds.append.kind, { do: "silent" });
      server.stream("s");
      const pending = append(connection, 1, "x", 5_000).then(
        () => "ok",
        (error: unknown) => (error instanceof KimberliteError ? error.code : `untyped ${String(error)}`),
      );
      await ping(connection);
      // Noise as it is, or as the body of a sound frame: for no request, for the one in flight, for one that never was.
      if (way === 0) server.spit(noise);
      else {
        writer.frame(kind, way === 1 ? 0 : way === 2 ? 65_536 : 7_777_777, 0, noise);
        server.spit(new Uint8Array(writer.take()));
      }
      server.spit(new Uint8Array(40));
      const outcome = await pending;
      t.true(["connectionLost", "ok", "internal"].includes(outcome) || /^[a-zA-Z]+$/.test(outcome), outcome);
      t.is(connection.inFlight, 0);
    }),
    { numRuns: 60 },
  );
  t.true(closed >= 50);
  await server.stop();
});

test("a damaged answer closes the connection instead of being believed", async (t) => {
  const server = await FakeServer.start();
  let reason: KimberliteError | undefined;
  const connection = await connectTo(server, {}, { onClosed: (error: KimberliteError) => (reason = error) });
  server.fault(requestKinds.ping.kind, { do: "badChecksum" });
  const error = await t.throwsAsync(ping(connection), { instanceOf: KimberliteError });
  t.is(error.code, "connectionLost");
  t.regex(error.message, /checksum does not hold/);
  t.is(server.faultsInjected, 1);
  t.is(reason?.code, "connectionLost");
  t.false(connection.isOpen);
  await server.stop();
});

test("a server that is silent, is no kimberlite, or refuses the hello is told apart", async (t) => {
  const server = await FakeServer.start();
  server.greeting = Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n");
  const stranger = await t.throwsAsync(connectTo(server), { instanceOf: KimberliteError });
  t.regex(stranger.message, /port of another protocol/);

  server.greeting = undefined;
  server.fault(requestKinds.hello.kind, { do: "silent" });
  const silent = await t.throwsAsync(connectTo(server, { connectTimeoutMs: 80 }), { instanceOf: KimberliteError });
  t.is(silent.code, "connectionRefused");
  t.regex(silent.message, /80 ms/);

  server.fault(requestKinds.hello.kind, { do: "refuse", code: "protocolVersionUnsupported" });
  const refused = await t.throwsAsync(connectTo(server), { instanceOf: KimberliteError });
  t.is(refused.code, "protocolVersionUnsupported");

  const { address } = server;
  await server.stop();
  const nobody = await t.throwsAsync(socketConnector()(address, 1_000), { instanceOf: KimberliteError });
  t.is(nobody.code, "connectionRefused");
});

test("a connection that falls silent is found out", async (t) => {
  const server = await FakeServer.start();
  let lost: KimberliteError | undefined;
  const connection = await connectTo(
    server,
    { keepAliveMs: 250 },
    { onClosed: (error: KimberliteError) => (lost = error) },
  );
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.true(connection.isOpen, "pings keep it");
  t.true((server.seen.get(requestKinds.ping.kind) ?? 0) >= 1);
  server.fault(requestKinds.ping.kind, { do: "silent" }, { do: "silent" }, { do: "silent" });
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  t.false(connection.isOpen);
  t.regex(lost?.message ?? "", /silent for 500 ms/);
  await server.stop();
});

test("over TLS the same frames pass, and a server that does not prove itself is refused", async (t) => {
  const server = await FakeServer.start();
  // A pre-shared key spares the test a certificate; the proxy in front of the server speaks TLS.
  const psk = Buffer.from("0123456789abcdef");
  const ciphers = "PSK";
  const proxy = tls.createServer({ ciphers, pskCallback: () => psk }, (socket) => {
    const inner = net.connect(server.port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    socket.on("error", () => inner.destroy());
    inner.on("error", () => socket.destroy());
  });
  proxy.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", () => resolve()));
  const address = `127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;
  const pskCallback = () => ({ psk, identity: "client" });
  const connector = socketConnector({ ciphers, pskCallback, checkServerIdentity: () => undefined });
  const connection = await Connection.open(await connector(address, 2_000));
  t.is(await ping(connection, "private"), "private");
  connection.close();
  const wrong = await t.throwsAsync(socketConnector({})(address, 2_000), { instanceOf: KimberliteError });
  t.is(wrong.code, "connectionRefused");
  const plain = await t.throwsAsync(Connection.open(await socketConnector()(address, 2_000)), {
    instanceOf: KimberliteError,
  });
  t.true(["connectionLost", "connectionRefused"].includes(plain.code));
  proxy.close();
  await server.stop();
});

class Node implements WheelNode {
  wheelNext: WheelNode | null = null;
  wheelPrevious: WheelNode | null = null;
  wheelDue = -1;
  passedAt = 0;
  passed = 0;
  deadlinePassed(): void {
    this.passed++;
    this.passedAt = performance.now();
  }
}

test("the wheel is never early, tells each once, forgets what was removed, and rests when empty", async (t) => {
  const wheel = new DeadlineWheel();
  const started = performance.now();
  const nodes = [0, 5, 30, 31, 70, 70, 120].map((timeoutMs) => ({ timeoutMs, node: new Node() }));
  const removed = new Node();
  for (const { node, timeoutMs } of nodes) wheel.add(node, timeoutMs);
  wheel.add(removed, 40);
  wheel.remove(removed);
  wheel.remove(removed);
  t.is(wheel.waiting, nodes.length);
  // The thread is held up: what is due is told late, not lost.
  while (performance.now() - started < 60);
  // A busy machine may hold up the timers too: wait for what must come, not for a fixed time.
  const giveUp = started + 10_000;
  while (wheel.waiting > 0 && performance.now() < giveUp) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const { node, timeoutMs } of nodes) {
    t.is(node.passed, 1);
    t.true(node.passedAt - started >= timeoutMs, `${timeoutMs} ms was told after ${node.passedAt - started}`);
  }
  t.is(removed.passed, 0);
  t.is(wheel.waiting, 0);
  const again = new Node();
  wheel.add(again, 10);
  t.throws(() => wheel.add(again, 10), { instanceOf: AssertionFailed });
  while (wheel.waiting > 0 && performance.now() < giveUp) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(again.passed, 1);
});

test("keys of one client grow, those of two differ, and each is 16 bytes", (t) => {
  const keys = new IdempotencyKeys();
  const other = new IdempotencyKeys();
  const drawn = Array.from({ length: 1_000 }, () => keys.next());
  for (let i = 1; i < drawn.length; i++)
    t.true(Buffer.compare(drawn[i - 1] ?? Buffer.of(), drawn[i] ?? Buffer.of()) < 0);
  t.true(drawn.every((key) => key.length === 16));
  t.notDeepEqual(other.next(), drawn[0]);
});

test("addresses are read and written, and nonsense is invalidArgument", (t) => {
  t.deepEqual(parseAddress("db.example:7401"), { host: "db.example", port: 7401 });
  t.deepEqual(parseAddress("localhost"), { host: "localhost", port: 7400 });
  t.deepEqual(parseAddress("[::1]:9"), { host: "::1", port: 9 });
  t.is(formatAddress({ host: "::1", port: 9 }), "[::1]:9");
  for (const bad of ["", ":7400", "a b:1", "host:0", "host:99999", "http://x", "a:b:c"]) {
    t.throws(() => parseAddress(bad), { instanceOf: KimberliteError }, bad);
  }
});
