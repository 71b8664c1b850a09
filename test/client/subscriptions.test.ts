import test from "ava";
import fc from "fast-check";
import { Client, type ClientOptions } from "../../protocol/client/client.js";
import { socketConnector } from "../../protocol/client/socket-connector.js";
import type { Subscription, SubscriptionRequest } from "../../protocol/client/subscription.js";
import { requestKinds } from "../../protocol/wire/kinds.js";
import { type ErrorCode, KimberliteError } from "../../runtime/types/errors.js";
import { FakeServer } from "./fake-server.js";

const k = requestKinds;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function started(options: Partial<ClientOptions> = {}): Promise<{ server: FakeServer; client: Client }> {
  const server = await FakeServer.start();
  server.stream("s");
  const backOff = { minMs: 1, maxMs: 10 };
  return { server, client: new Client({ address: server.address, connector: socketConnector(), backOff, ...options }) };
}

const subscribe = (client: Client, request: Partial<SubscriptionRequest> = {}): Subscription =>
  client.subscribe({ tenant: 1, stream: 1, from: 0, group: "", credits: 64, bytesMax: 1024 * 1024, ...request });

async function take(subscription: Subscription, count: number): Promise<number[]> {
  const offsets: number[] = [];
  while (offsets.length < count) {
    const event = await subscription.next();
    if (event === undefined) break;
    offsets.push(event.offset);
  }
  return offsets;
}

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);
const payloads = (count: number): string[] => upTo(count).map((i) => `event ${i}`);

test("events come by offset, those that are there and those that come", async (t) => {
  const { server, client } = await started();
  server.put(server.stream("s"), payloads(100));
  const subscription = subscribe(client, { from: 10 });
  t.deepEqual(await take(subscription, 90), upTo(90, 10));
  const waiting = take(subscription, 3);
  server.put(server.stream("s"), payloads(3));
  t.deepEqual(await waiting, [100, 101, 102]);
  subscription.close();
  t.is(await subscription.next(), undefined);
  while ((server.seen.get(k.unsubscribe.kind) ?? 0) === 0) await sleep(2);
  await client.close();
  await server.stop();
});

test("a subscription resumes over lost connections without a gap or a double", async (t) => {
  let drops = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("put", "drop", "lag", "take"), { minLength: 5, maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      async (steps, eventsPerFrame) => {
        const { server, client } = await started();
        server.eventsPerFrame = eventsPerFrame;
        const subscription = subscribe(client, { credits: 16 });
        let put = 0;
        const got: number[] = [];
        for (const step of [...steps, "put"]) {
          if (step === "put") {
            server.put(server.stream("s"), payloads(7));
            put += 7;
          } else if (step === "drop") {
            server.dropAll();
            drops++;
          } else if (step === "lag") {
            for (const connection of server.connections) connection.endSubscriptions("subscriptionLagging");
          } else if (got.length < put) got.push(...(await take(subscription, 1)));
          await sleep(1);
        }
        got.push(...(await take(subscription, put - got.length)));
        t.deepEqual(got, upTo(put));
        await client.close();
        await server.stop();
      },
    ),
    { numRuns: 20 },
  );
  t.true(drops > 20);
});

test("a slow reader holds up the server, not this process's memory", async (t) => {
  const { server, client } = await started();
  const bytesMax = 64 * 1024;
  server.put(
    server.stream("s"),
    Array.from({ length: 2_000 }, () => "x".repeat(10_000)),
  );
  const subscription = subscribe(client, { credits: 1_000, bytesMax });
  let most = 0;
  for (let i = 0; i < 2_000; i++) {
    t.is((await subscription.next())?.offset, i);
    if (i % 50 === 0) await sleep(3);
    most = Math.max(most, subscription.unreadBytes);
  }
  // Twice the bound, and one frame of 16 events.
  t.true(most <= 2 * bytesMax + 16 * 10_200, `${most} bytes were unread`);
  await client.close();
  await server.stop();
});

test("with credits respected, no more events than credits are ever unread", async (t) => {
  const { server, client } = await started();
  server.put(server.stream("s"), payloads(1_000));
  const subscription = subscribe(client, { credits: 10 });
  t.is((await subscription.next())?.offset, 0);
  await sleep(50);
  t.true(subscription.unreadBytes <= 10 * 200);
  t.deepEqual(await take(subscription, 999), upTo(999, 1));
  await client.close();
  await server.stop();
});

test("a server that sends more than it was given credits for loses the connection, and memory stays bounded", async (t) => {
  const { server, client } = await started();
  server.ignoresCredits = true;
  server.put(server.stream("s"), payloads(5_000));
  const subscription = subscribe(client, { credits: 20, bytesMax: 10_000 });
  while (server.accepted < 4) await sleep(2);
  t.true(subscription.unreadBytes <= 20_000 + 64 * 200);
  server.ignoresCredits = false;
  t.deepEqual(await take(subscription, 5_000), upTo(5_000));
  await client.close();
  await server.stop();
});

test("a gap is never handed on: it is asked for again, and in the end reported", async (t) => {
  const { server, client } = await started();
  const stream = server.stream("s");
  server.put(stream, payloads(10));
  const subscription = subscribe(client);
  t.deepEqual(await take(subscription, 10), upTo(10));
  stream.events.push(...stream.events.slice(0, 5));
  for (const connection of server.connections) connection.skip(3);
  server.put(stream, payloads(1));
  t.deepEqual(await take(subscription, 6), upTo(6, 10));
  t.true(server.accepted > 1);
  await client.close();
  await server.stop();
});

test("an unknown stream ends the subscription with its error, and closing the client ends it without", async (t) => {
  const { server, client } = await started();
  const wrong = subscribe(client, { stream: 9 });
  const error = await t.throwsAsync(wrong.next(), { instanceOf: KimberliteError });
  t.is(error.code, "streamUnknown");
  const open = subscribe(client);
  const waiting = open.next();
  await sleep(10);
  await client.close();
  t.is(await waiting, undefined);
  t.throws(() => subscribe(client), { message: /client is closed/ });
  await server.stop();
});

test("a subscription that the server ends for lagging goes on where it was, one that it ends for good does not", async (t) => {
  const { server, client } = await started();
  server.put(server.stream("s"), payloads(5));
  const subscription = subscribe(client);
  const end = (code: ErrorCode): void => {
    for (const connection of server.connections) connection.endSubscriptions(code);
  };
  t.deepEqual(await take(subscription, 5), upTo(5));
  end("subscriptionLagging");
  server.put(server.stream("s"), payloads(5));
  t.deepEqual(await take(subscription, 5), upTo(5, 5));
  t.is(server.seen.get(k.subscribe.kind), 2);
  t.is(server.accepted, 1, "the connection was sound");
  end("streamUnknown");
  const error = await t.throwsAsync(subscription.next(), { instanceOf: KimberliteError });
  t.is(error.code, "streamUnknown");
  t.is(subscription.state, "ended");
  await client.close();
  await server.stop();
});

test("a server that goes away hands its subscriptions on at once", async (t) => {
  const { server, client } = await started();
  server.put(server.stream("s"), payloads(5));
  const subscription = subscribe(client);
  t.deepEqual(await take(subscription, 5), upTo(5));
  server.say("goingAway", { reason: "shutdown", graceMs: 60_000, message: "" });
  await sleep(20);
  server.put(server.stream("s"), payloads(5));
  t.deepEqual(await take(subscription, 5), upTo(5, 5));
  t.is(server.accepted, 2);
  await client.close();
  await server.stop();
});

test("a subscription that is begun while no server is there begins when one is", async (t) => {
  const server = await FakeServer.start();
  const { port, address } = server;
  await server.stop();
  const client = new Client({ address, connector: socketConnector(), backOff: { minMs: 1, maxMs: 10 } });
  const subscription = subscribe(client);
  const first = subscription.next();
  await sleep(30);
  const later = await FakeServer.start(port);
  later.put(later.stream("s"), ["here"]);
  t.is((await first)?.offset, 0);
  await client.close();
  await later.stop();
});
