import { connect } from "node:net";
import { type ConnectionOptions, connect as connectSecure } from "node:tls";
import test from "ava";
import fc from "fast-check";
import {
  decodeGreeting,
  encodeGreeting,
  FrameAssembler,
  frameHead,
  peerFrames,
} from "../../runtime/actor/peer-frame.js";
import { checkPlaintext, checkSecurity, type PeerSecurity } from "../../runtime/actor/peer-security.js";
import { isKimberliteError } from "../../runtime/types/errors.js";
import { addressesOf, authorityOf, cluster, clusterId, Endpoint, freePorts, Proxy } from "./peer-rig.js";
import { until } from "./rig.js";

const quick = { lifeMs: 20, silentLooksMax: 8 };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = (error: unknown): string => (isKimberliteError(error) ? error.code : String(error));

function filled(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed) & 0xff;
  return bytes;
}

test("frames come out of any chunks as they went in", (t) => {
  let frames = 0;
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
  fc.assert(
    fc.property(payloads, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sent, cuts) => {
      const parts = sent.flatMap((payload) => [frameHead(peerFrames.message, payload.length), payload]);
      const stream = Buffer.concat(parts);
      const received: Uint8Array[] = [];
      const assembler = new FrameAssembler(1_000, (type, payload) => {
        t.is(type, peerFrames.message);
        t.is(payload.byteLength, payload.buffer.byteLength, "a payload is alone in its memory");
        received.push(payload);
      });
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const count = cuts[turn % cuts.length] ?? 1;
        t.true(assembler.push(stream.subarray(at, at + count)));
        at += count;
      }
      t.deepEqual(received, sent);
      frames += received.length;
    }),
  );
  t.true(frames > 100);
});

test("what is no frame is refused before memory is taken for it, and a sink may stop the rest", (t) => {
  const assembler = (): FrameAssembler => new FrameAssembler(100, () => t.fail());
  t.false(assembler().push(frameHead(peerFrames.message, 101)));
  t.false(assembler().push(frameHead(0, 1)));
  t.false(assembler().push(frameHead(6, 1)));
  const reserved = frameHead(peerFrames.message, 1);
  reserved[7] = 1;
  t.false(assembler().push(reserved));
  let seen = 0;
  const stopping = new FrameAssembler(100, () => {
    seen += 1;
    stopping.isStopped = true;
  });
  t.true(stopping.push(Buffer.concat([frameHead(5, 0), frameHead(5, 0)])));
  t.is(seen, 1);
});

test("a greeting reads back; one with any byte of its zeros set is none", (t) => {
  const greeting = { clusterId, from: 3, to: 1, channel: 65 };
  const bytes = encodeGreeting(greeting);
  t.deepEqual(decodeGreeting(bytes), greeting);
  for (const at of [0, 4, 6, 7, 36, 63]) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    t.is(decodeGreeting(changed), null, `byte ${at}`);
  }
  t.is(decodeGreeting(bytes.slice(1)), null);
});

for (const secured of [false, true]) {
  const over = secured ? "TLS" : "plain TCP";

  test(`over ${over} every node reaches every other, and messages of all sizes arrive in order`, async (t) => {
    const nodes = await cluster(3, { security: secured ? authorityOf() : null });
    for (const { endpoint } of nodes) await endpoint.open();
    await until(() => nodes.every((node) => node.of("up").length === 2));
    const sizes = [0, 1, 255, 256, 70_000, 3_000_000, 17];
    for (const [from, { endpoint }] of nodes.entries()) {
      for (const to of [1, 2, 3].filter((node) => node !== from + 1)) {
        for (const [index, size] of sizes.entries()) t.true(endpoint.send(to, filled(size, from * 10 + index)));
      }
    }
    await until(() => nodes.every((node) => node.of("message").length === 2 * sizes.length));
    for (const [at, node] of nodes.entries()) {
      for (const from of [0, 1, 2].filter((index) => index !== at)) {
        const received = node.of("message").filter((one) => one.node === from + 1);
        t.deepEqual(
          received.map(({ bytes }) => bytes.length),
          sizes,
        );
        for (const [index, { bytes }] of received.entries()) {
          t.is(Buffer.compare(bytes, filled(bytes.length, from * 10 + index)), 0);
          t.is(bytes.byteLength, bytes.buffer.byteLength);
        }
      }
    }
    t.is(nodes[0]?.endpoint.inspect().up, 2);
    for (const { endpoint } of nodes) await endpoint.close();
  });
}

test.serial(
  "a connection outlives the time in which it must have been made; one that never greets does not",
  async (t) => {
    const nodes = await cluster(2, { security: authorityOf(), limits: { greetingMsMax: 1_200 } });
    const [one, two] = nodes;
    if (one === undefined || two === undefined) return t.fail();
    for (const { endpoint } of nodes) await endpoint.open();
    await until(() => one.endpoint.isUp(2) && two.endpoint.isUp(1));
    let closed = 0;
    const silent = connect(two.options.self.port, "127.0.0.1").on("error", () => {});
    silent.on("close", () => {
      closed += 1;
    });
    silent.resume();
    await wait(1_500);
    t.deepEqual([...one.of("down"), ...two.of("down")], []);
    await until(() => closed === 1);
    t.is(closed, 1);
    for (const { endpoint } of nodes) await endpoint.close();
  },
);

test.serial("a node that takes a connection and never answers is tried again", async (t) => {
  const proxy = new Proxy();
  await proxy.open();
  const nodes = await cluster(2, { through: new Map([[2, proxy.port]]), limits: { greetingMsMax: 200 } });
  const [one, two] = nodes;
  if (one === undefined || two === undefined) return t.fail();
  proxy.target = two.options.self.port;
  proxy.hold();
  for (const { endpoint } of nodes) await endpoint.open();
  await until(() => one.of("trouble").length > 0);
  proxy.release();
  proxy.cut();
  await until(() => one.endpoint.isUp(2));
  t.true(one.endpoint.isUp(2));
  for (const { endpoint } of nodes) await endpoint.close();
  proxy.close();
});

test.serial("the end of a node is told at once, and it is found again at its address", async (t) => {
  const [one, two] = await cluster(2);
  if (one === undefined || two === undefined) return t.fail();
  await one.endpoint.open();
  await two.endpoint.open();
  await until(() => one.endpoint.isUp(2) && two.endpoint.isUp(1));
  const began = performance.now();
  await two.endpoint.close();
  await until(() => one.of("down").length === 1);
  t.true(performance.now() - began < 2_000, "sooner than silence would tell");
  t.false(one.endpoint.send(2, filled(10, 1)), "what goes nowhere is said to be lost");
  const again = new Endpoint(two.options);
  await again.endpoint.open();
  await until(() => one.endpoint.isUp(2));
  t.deepEqual(
    one.said.filter(({ event }) => event !== "trouble").map(({ event }) => event),
    ["up", "down", "up"],
  );
  await one.endpoint.close();
  await again.endpoint.close();
});

test.serial("a node is taken in while others are connected, let go, and taken in elsewhere", async (t) => {
  const [one, two, three] = await cluster(3);
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  const alone = new Endpoint({ ...one.options, others: [two.options.self] });
  const low = new Endpoint({ ...two.options, others: [alone.options.self] });
  for (const { endpoint } of [alone, low, three]) await endpoint.open();
  await until(() => alone.endpoint.isUp(2) && three.of("trouble").length === 0);
  t.throws(() => alone.endpoint.send(3, filled(10, 1)), { message: /a node of the cluster/ });
  alone.endpoint.admit(three.options.self);
  low.endpoint.admit(three.options.self);
  await until(() => alone.endpoint.isUp(3) && low.endpoint.isUp(3) && three.endpoint.isUp(1) && three.endpoint.isUp(2));
  t.true(alone.endpoint.isUp(2), "nobody else noticed");
  t.throws(() => alone.endpoint.admit(three.options.self), { message: /a node's number is its own/ });
  alone.endpoint.drop(3);
  await until(() => three.of("down").length === 1);
  t.is(alone.of("down").length, 1);
  t.throws(() => alone.endpoint.drop(3), { message: /a node that leaves was of the cluster/ });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(alone.of("up").length, 2, "it is not dialled any more");
  await three.endpoint.close();
  const [port = 0] = await freePorts(1);
  const elsewhere = new Endpoint({ ...three.options, self: { ...three.options.self, port } });
  await elsewhere.endpoint.open();
  alone.endpoint.admit(elsewhere.options.self);
  await until(() => alone.endpoint.isUp(3));
  for (const { endpoint } of [alone, low, elsewhere]) await endpoint.close();
});

test("a connection that is cut again and again is made again, and up and down alternate", async (t) => {
  const proxy = new Proxy();
  await proxy.open();
  const nodes = await cluster(2, { through: new Map([[2, proxy.port]]) });
  const [one, two] = nodes;
  if (one === undefined || two === undefined) return t.fail();
  proxy.target = two.options.self.port;
  await two.endpoint.open();
  await one.endpoint.open();
  let cuts = 0;
  for (let round = 1; round <= 5; round++) {
    await until(() => one.endpoint.isUp(2) && two.endpoint.isUp(1));
    t.true(one.endpoint.send(2, filled(round, 0)));
    await until(() => two.of("message").length === round);
    cuts += proxy.cut() > 0 ? 1 : 0;
    await until(() => one.of("down").length === round && two.of("down").length === round);
  }
  t.is(cuts, 5);
  for (const node of nodes) {
    const turns = node.said.filter(({ event }) => event === "up" || event === "down");
    t.true(turns.every(({ event }, index) => event === (index % 2 === 0 ? "up" : "down")));
    await node.endpoint.close();
  }
  proxy.close();
});

test("a peer that takes nothing costs no more than the bound: heartbeats replace one another, the rest is dropped", async (t) => {
  const proxy = new Proxy();
  await proxy.open();
  const limits = {
    messageBytesMax: 100_000,
    socketBytesMax: 50_000,
    queueBytesMax: 300_500,
    ...quick,
    silentLooksMax: 50,
  };
  const nodes = await cluster(2, { through: new Map([[2, proxy.port]]), limits });
  const [one, two] = nodes;
  if (one === undefined || two === undefined) return t.fail();
  proxy.target = two.options.self.port;
  for (const { endpoint } of nodes) await endpoint.open();
  await until(() => one.endpoint.isUp(2));
  proxy.hold();
  let refused = 0;
  // More than the kernel's buffers hold.
  for (let sent = 0; sent < 300 && refused === 0; sent++) {
    for (let index = 0; index < 4; index++) if (!one.endpoint.send(2, filled(100_000, index))) refused += 1;
    t.true(one.endpoint.inspect().waitingBytes <= 50_000 + 100_008 + 300_500);
    await wait(1);
  }
  t.true(refused > 0);
  t.is(one.endpoint.inspect().dropped, refused);
  // No room for anything but what takes the place of something.
  while (one.endpoint.send(2, filled(1_000, 0)));
  const room = one.endpoint.inspect().waitingBytes;
  for (let beat = 0; beat < 10; beat++) one.endpoint.send(2, filled(200, beat), 7);
  t.true(one.endpoint.inspect().waitingBytes <= room + 200);
  const { replaced } = one.endpoint.inspect();
  proxy.release();
  await until(() => one.endpoint.inspect().waitingBytes === 0);
  t.true(replaced > 0);
  const beats = (): Uint8Array[] => two.of("message").flatMap(({ bytes }) => (bytes.length === 200 ? [bytes] : []));
  await until(() => beats().length === 10 - replaced);
  t.is(beats().length, 10 - replaced);
  t.is(beats().at(-1)?.[0], 9, "the newest is the one that arrives");
  t.deepEqual(one.of("down"), []);
  for (const { endpoint } of nodes) await endpoint.close();
  proxy.close();
});

test.serial("silence ends a connection, a pause of this thread does not", async (t) => {
  const proxy = new Proxy();
  await proxy.open();
  const nodes = await cluster(2, { through: new Map([[2, proxy.port]]), limits: quick });
  const [one, two] = nodes;
  if (one === undefined || two === undefined) return t.fail();
  proxy.target = two.options.self.port;
  for (const { endpoint } of nodes) await endpoint.open();
  await until(() => one.endpoint.isUp(2) && two.endpoint.isUp(1));
  const end = performance.now() + 500;
  while (performance.now() < end);
  await wait(50);
  t.deepEqual(
    [...one.of("down"), ...two.of("down")],
    [],
    "the pause was three times the silence that ends a connection",
  );
  proxy.hold();
  await until(() => one.of("down").length === 1 && two.of("down").length === 1);
  t.is(one.of("down")[0]?.text, "nothing was heard of it");
  for (const { endpoint } of nodes) await endpoint.close();
  proxy.close();
});

test("a node of another cluster, at a wrong address or for another channel is refused with the reason", async (t) => {
  const cases = [
    [{ clusterId: new Uint8Array(16) }, /another cluster/],
    [{ channel: 2 }, /another actor/],
    [{ others: [9] }, /leads to another node/],
    [{ self: 0 }, /not in the other's cluster file/],
  ] as const;
  for (const [change, reason] of cases) {
    const [, second] = await cluster(2);
    if (second === undefined) return t.fail();
    await second.endpoint.open();
    const [first] = second.options.others;
    if (first === undefined) return t.fail();
    const seen = { ...second.options.self, node: "others" in change ? 9 : 2 };
    const stranger = new Endpoint({
      self: "self" in change ? { ...first, node: 0 } : first,
      others: [seen],
      security: null,
      ...("clusterId" in change ? { clusterId: change.clusterId } : {}),
      ...("channel" in change ? { channel: change.channel } : {}),
    });
    await stranger.endpoint.open();
    await until(() => stranger.of("trouble").length > 0 && second.of("trouble").length > 0);
    t.regex(stranger.of("trouble")[0]?.text ?? "", reason);
    await wait(100);
    t.is(stranger.of("trouble").length, 1, "said once, however often it is tried");
    t.deepEqual([...stranger.of("up"), ...second.of("up")], []);
    await stranger.endpoint.close();
    await second.endpoint.close();
  }
});

test("only the certificate of the node itself opens its place", async (t) => {
  const ours = authorityOf();
  const theirs = authorityOf();
  // Each passes its own check at the start: it takes itself for the node it has a certificate of, and trusts both authorities.
  const foreign = (name: string): PeerSecurity => {
    const made = theirs(name);
    return { ...made, ca: made.ca + ours(name).ca };
  };
  const cases: readonly (readonly [string, PeerSecurity, string, PeerSecurity, string, RegExp])[] = [
    ["another node's certificate", ours("node-3"), "node-3", ours("node-2"), "node-2", /not carry the node's name/],
    ["another authority's certificate", foreign("node-1"), "node-1", ours("node-2"), "node-2", /./],
    [
      "a listener with another's certificate",
      ours("node-1"),
      "node-1",
      ours("node-3"),
      "node-3",
      /not carry the node's name/,
    ],
    ["a listener of another authority", ours("node-1"), "node-1", foreign("node-2"), "node-2", /./],
  ];
  for (const [what, first, firstName, second, secondName, reason] of cases) {
    const addresses = addressesOf(await freePorts(2));
    const [one, two] = addresses;
    if (one === undefined || two === undefined) return t.fail();
    const dialler = new Endpoint({ self: { ...one, name: firstName }, others: [two], security: first });
    const listener = new Endpoint({ self: { ...two, name: secondName }, others: [one], security: second });
    await listener.endpoint.open();
    await dialler.endpoint.open();
    await until(() => dialler.of("trouble").length > 0);
    t.regex(dialler.of("trouble")[0]?.text ?? "", reason, what);
    await wait(60);
    t.deepEqual([...dialler.of("up"), ...listener.of("up")], [], what);
    await dialler.endpoint.close();
    await listener.endpoint.close();
  }
});

test("a connection without certificate, of an older TLS, or in plaintext gets nowhere", async (t) => {
  const security = authorityOf();
  const [, two] = await cluster(2, { security });
  if (two === undefined) return t.fail();
  await two.endpoint.open();
  const { port } = two.options.self;
  const greeting = Buffer.concat([
    frameHead(peerFrames.hello, 64),
    encodeGreeting({ clusterId, from: 1, to: 2, channel: 1 }),
  ]);
  const answerOf = (options: ConnectionOptions | null): Promise<Buffer> =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const socket =
        options === null
          ? connect(port, "127.0.0.1", () => socket.write(greeting))
          : connectSecure({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }, () =>
              socket.write(greeting),
            );
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("error", () => {});
      socket.on("close", () => resolve(Buffer.concat(chunks)));
    });
  const { ca, cert, key } = security("node-1");
  t.is((await answerOf({ ca })).length, 0);
  t.is((await answerOf({ ca, cert, key, maxVersion: "TLSv1.2" })).length, 0);
  t.false((await answerOf(null)).includes("KMBP"));
  t.deepEqual(two.of("up"), []);
  t.is(two.of("trouble").length, 1, "strangers do not fill the log");
  const welcomed = connectSecure({ port, host: "127.0.0.1", servername: "node-2", ca, cert, key }, () =>
    welcomed.write(greeting),
  );
  await until(() => two.of("up").length === 1);
  t.is(welcomed.getProtocol(), "TLSv1.3");
  welcomed.destroy();
  await two.endpoint.close();
});

test("bytes that are no frames end the connection, and the endpoint goes on", async (t) => {
  const [one, two] = await cluster(2);
  if (one === undefined || two === undefined) return t.fail();
  await two.endpoint.open();
  let runs = 0;
  for (let run = 0; run < 30; run++) {
    await new Promise<void>((resolve) => {
      const socket = connect(two.options.self.port, "127.0.0.1", () =>
        socket.write(Buffer.from(filled(40 + run, run))),
      );
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.resume();
    });
    runs += 1;
  }
  t.is(runs, 30);
  await one.endpoint.open();
  await until(() => one.endpoint.isUp(2));
  t.true(one.endpoint.isUp(2));
  await one.endpoint.close();
  await two.endpoint.close();
});

test("an endpoint closes at once, whoever is still in the middle of greeting it", async (t) => {
  const [, two] = await cluster(2, { security: authorityOf() });
  if (two === undefined) return t.fail();
  await two.endpoint.open();
  const silent = connect(two.options.self.port, "127.0.0.1").on("error", () => {});
  await until(() => silent.readyState === "open");
  await wait(20);
  const began = performance.now();
  await two.endpoint.close();
  t.true(performance.now() - began < 2_000, "sooner than a handshake times out");
  silent.destroy();
});

test("a newer connection of a node takes the place of the older one", async (t) => {
  const [one, two] = await cluster(2);
  if (one === undefined || two === undefined) return t.fail();
  await two.endpoint.open();
  await one.endpoint.open();
  await until(() => two.endpoint.isUp(1));
  const second = new Endpoint({ ...one.options, self: { ...one.options.self, port: 0 } });
  await second.endpoint.open();
  await until(() => two.of("up").length >= 2);
  t.is(two.of("down")[0]?.text, "a newer connection took its place");
  await one.endpoint.close();
  await until(() => second.endpoint.isUp(2) && two.endpoint.isUp(1));
  t.true(second.endpoint.send(2, filled(5, 0)));
  await until(() => two.of("message").length > 0);
  await second.endpoint.close();
  await two.endpoint.close();
});

test("a port that is taken is waited for a while, as the last incarnation may still hold it", async (t) => {
  const [one, two] = await cluster(2);
  if (one === undefined || two === undefined) return t.fail();
  await one.endpoint.open();
  const next = new Endpoint(one.options);
  const opening = next.endpoint.open();
  await wait(120);
  await one.endpoint.close();
  t.is((await opening).port, one.options.self.port);
  await next.endpoint.close();
  const nowhere = new Endpoint({
    ...one.options,
    self: { ...one.options.self, host: "192.0.2.1" },
    security: authorityOf()("node-1"),
  });
  t.is(codeOf(await t.throwsAsync(nowhere.endpoint.open())), "configurationInvalid");
});

test("plaintext beyond loopback, and certificates that do not fit, are refused at the start", (t) => {
  checkPlaintext(["127.0.0.1", "::1", "localhost", "127.1.2.3"]);
  t.is(codeOf(t.throws(() => checkPlaintext(["127.0.0.1", "10.0.0.1"]))), "insecureListen");
  const ours = authorityOf();
  const good = ours("node-1");
  const now = Date.now();
  checkSecurity(good, "node-1", now);
  checkSecurity({ ...good, ca: authorityOf()("x").ca + good.ca }, "node-1", now);
  const bad: readonly (readonly [string, Partial<typeof good>, RegExp])[] = [
    ["node-2", {}, /does not carry the name node-2: it has DNS:node-1/],
    ["node-1", { key: ours("node-1").key }, /key does not belong/],
    ["node-1", { key: "nonsense" }, /no PEM private key/],
    ["node-1", { cert: "nonsense" }, /no PEM certificate/],
    ["node-1", { ca: authorityOf()("node-1").ca }, /not issued by the authority/],
  ];
  for (const [name, change, reason] of bad) {
    const error = t.throws(() => checkSecurity({ ...good, ...change }, name, now));
    t.is(codeOf(error), "configurationInvalid");
    t.regex(error instanceof Error ? error.message : "", reason);
  }
  const late = t.throws(() => checkSecurity(good, "node-1", now + 10 * 24 * 3_600_000));
  t.regex(late instanceof Error ? late.message : "", /valid from/);
});
