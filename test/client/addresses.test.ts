import test from "ava";
import { Client, type ClientOptions } from "../../protocol/client/client.js";
import { socketConnector } from "../../protocol/client/socket-connector.js";
import { connect, parseTarget } from "../../protocol/sdk/connect.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { responseKinds } from "../../protocol/wire/kinds.js";
import { encodeGoingAway } from "../../protocol/wire/notices.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { FakeServer } from "./fake-server.js";

const backOff = { minMs: 2, maxMs: 20 };
const clientOf = (address: readonly string[], options: Partial<ClientOptions> = {}): Client =>
  new Client({
    address,
    connector: socketConnector(),
    backOff,
    timeoutMs: 5_000,
    ...options,
  });

interface Place {
  readonly server: FakeServer;
  readonly address: string;
  readonly port: number;
}

async function several(count: number): Promise<Place[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => FakeServer.start()));
  for (const server of servers) server.stream("s");
  return servers.map((server) => ({ server, address: server.address, port: server.port }));
}

const addressesOf = (places: readonly Place[]): string[] => places.map(({ address }) => address);

const append = (client: Client, text: string) =>
  client.append(1, 1, "any", [{ payload: Buffer.from(text), format: 0 }], client.nextKey(), {});

test("the first address that answers is used, and the next one when it is lost", async (t) => {
  const places = await several(3);
  const [one, two, three] = places;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  await one.server.stop();
  const client = clientOf(addressesOf(places));
  t.teardown(() => Promise.all([client.close(0), ...places.map(({ server }) => server.stop())]));
  await client.connect();
  t.is(client.address, two.address);
  await append(client, "a");
  await two.server.stop();
  await append(client, "b");
  t.is(client.address, three.address);
  await one.server.listen(one.port);
  await three.server.stop();
  await append(client, "c");
  t.is(client.address, one.address, "after the last comes the first");
});

test("when no address answers, the error names each, and requests wait until one does", async (t) => {
  const places = await several(2);
  const [one] = places;
  if (one === undefined) return t.fail();
  await Promise.all(places.map(({ server }) => server.stop()));
  const client = clientOf(addressesOf(places));
  t.teardown(() => Promise.all([client.close(0), ...places.map(({ server }) => server.stop())]));
  const error = await t.throwsAsync(client.connect(), { code: "connectionRefused" });
  for (const { address } of places) t.true(error?.message.includes(address), error?.message);
  const waiting = append(client, "late");
  await new Promise((resolve) => setTimeout(resolve, 60));
  await one.server.listen(one.port);
  t.is((await waiting).count, 1);
});

for (const [what, bytes] of [
  ["its end", new Uint8Array(64).fill(0xff)],
  ["a farewell", farewell()],
] as const) {
  test(`a node that says ${what} in one piece with its welcome is left for the next`, async (t) => {
    const places = await several(2);
    const [one, two] = places;
    if (one === undefined || two === undefined) return t.fail();
    one.server.afterWelcome = bytes;
    const client = clientOf(addressesOf(places));
    t.teardown(() => Promise.all([client.close(0), ...places.map(({ server }) => server.stop())]));
    await client.connect();
    await append(client, "a");
    t.is(client.address, two.address);
    t.is(two.server.stream("s").events.length, 1);
  });
}

function farewell(): Uint8Array {
  const body = new ByteWriter();
  encodeGoingAway({ reason: "shutdown", graceMs: 100, message: "stopping" }, body);
  const writer = new FrameWriter();
  writer.frame(responseKinds.goingAway, 0, 0, body.finish());
  return new Uint8Array(writer.take());
}

test("a node of another cluster is not talked to", async (t) => {
  const places = await several(2);
  const [one, two] = places;
  if (one === undefined || two === undefined) return t.fail();
  two.server.clusterId = new Uint8Array(16).fill(0xee);
  const client = clientOf(addressesOf(places), { timeoutMs: 400 });
  t.teardown(() => Promise.all([client.close(0), ...places.map(({ server }) => server.stop())]));
  await append(client, "mine");
  await one.server.stop();
  const error = await t.throwsAsync(append(client, "not theirs"), { code: "deadlineExceeded" });
  t.regex(error?.message ?? "", /could not be sent again \(/);
  t.is(two.server.stream("s").events.length, 0);
});

test("targets name one node or several", async (t) => {
  const a = { host: "a", port: 1 };
  const b = { host: "b", port: 7400 };
  t.deepEqual(parseTarget("kimberlite://a:1,b"), { addresses: [a, b], isSecure: false });
  t.deepEqual(parseTarget("a:1,b:7400").addresses, [a, b]);
  t.deepEqual(parseTarget({ addresses: ["a:1", "b"] }).addresses, [a, b]);
  t.deepEqual(parseTarget("kimberlites://al%40ce:s%3Acr%2Fet@a:1,b"), {
    addresses: [a, b],
    isSecure: true,
    user: "al@ce",
    password: "s:cr/et",
  });
  t.deepEqual(parseTarget("kimberlite://alice@b"), { addresses: [b], isSecure: false, user: "alice" });
  for (const bad of ["kimberlite://@b", "alice:secret@b", "kimberlite://a%:x@b", "kimberlite://a:secret@b/c"]) {
    const error = t.throws(() => parseTarget(bad), { code: "invalidArgument" }, bad);
    t.false(JSON.stringify([error?.message, error]).includes("secret"), "a password is not shown");
  }
  await t.throwsAsync(connect("kimberlite://alice@127.0.0.1:1"), {
    code: "invalidArgument",
    message: /needs a password/,
  });
  await t.throwsAsync(connect("127.0.0.1:1", { password: "x" }), { code: "invalidArgument", message: /needs a user/ });
  t.throws(() => parseTarget({ addresses: [] }), { code: "invalidArgument" });
  t.throws(() => parseTarget("a:1,"), { code: "invalidArgument" });
  await t.throwsAsync(connect({ addresses: ["a:1", "a:1"] }), { code: "invalidArgument" });
});
