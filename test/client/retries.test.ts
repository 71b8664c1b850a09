import test from "ava";
import fc from "fast-check";
import { Call, type CallHost } from "../../protocol/client/call.js";
import { Client, type ClientOptions } from "../../protocol/client/client.js";
import { sharedWheel } from "../../protocol/client/deadline-wheel.js";
import { backOffMs, finalOutcome, mayRetry } from "../../protocol/client/retry.js";
import { socketConnector } from "../../protocol/client/socket-connector.js";
import { requestKinds } from "../../protocol/wire/kinds.js";
import type { AppendReply } from "../../runtime/kernel/outcome.js";
import { AssertionFailed } from "../../runtime/types/assert.js";
import { type ErrorCode, errorRegistry, KimberliteError } from "../../runtime/types/errors.js";
import { FakeServer, type Fault } from "./fake-server.js";

const k = requestKinds;
const backOff = { minMs: 2, maxMs: 20 };

function clientOf(server: FakeServer, options: Partial<ClientOptions> = {}): Client {
  return new Client({ address: server.address, connector: socketConnector(), backOff, timeoutMs: 3_000, ...options });
}

function append(
  client: Client,
  text: string,
  options: { key?: Uint8Array | null; timeoutMs?: number; signal?: AbortSignal; expected?: number } = {},
): Promise<AppendReply> {
  const key = options.key === null ? undefined : (options.key ?? client.nextKey());
  const events = [{ payload: Buffer.from(text), format: 0 }];
  const { timeoutMs, signal, expected } = options;
  return client.append(1, 1, expected ?? "any", events, key, { timeoutMs, signal });
}

const texts = (server: FakeServer): string[] =>
  server.stream("s").events.map((event) => Buffer.from(event.payload).toString());

async function started(): Promise<{ server: FakeServer; client: Client }> {
  const server = await FakeServer.start();
  server.stream("s");
  const client = clientOf(server);
  // Connected first, so that short deadlines measure the request and not this machine's load.
  await client.connect();
  return { server, client };
}

test("what may be retried, and what a failure means in the end, for every error and kind of request", (t) => {
  const effects = ["read", "write", "control"] as const;
  let checked = 0;
  for (const code of Object.keys(errorRegistry) as ErrorCode[]) {
    for (const effect of effects) {
      for (const hasKey of [false, true]) {
        for (const mayHaveApplied of effect === "read" ? [false] : [false, true]) {
          const error = new KimberliteError(code);
          const attempted = { effect, hasKey, mayHaveApplied };
          const retries = mayRetry(attempted, error);
          if (retries) {
            t.not(error.retry, "never");
            t.not(effect, "control");
            t.true(effect === "read" || hasKey || !mayHaveApplied, "a write without a key is never sent twice");
          }
          if (effect === "read" && error.retry !== "never") t.true(retries);
          const outcome = finalOutcome(attempted, error);
          if (effect === "read" || !mayHaveApplied) t.is(outcome, "notCommitted");
          if (outcome === "unknown") t.true(mayHaveApplied);
          if (mayHaveApplied && error.retry !== "never") t.is(outcome, "unknown");
          checked++;
        }
      }
    }
  }
  t.true(checked > 300);
  t.is(
    finalOutcome({ effect: "write", hasKey: true, mayHaveApplied: true }, new KimberliteError("wrongExpectedOffset")),
    "notCommitted",
  );
  t.is(
    finalOutcome({ effect: "write", hasKey: true, mayHaveApplied: true }, new KimberliteError("quotaExceeded")),
    "unknown",
  );
});

test("a back-off doubles up to its limit, with jitter over its upper half", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const full = Math.min(2_000, 20 * 2 ** (attempt - 1));
        const wait = backOffMs(attempt, { minMs: 20, maxMs: 2_000 }, () => random);
        return wait >= full / 2 && wait <= full;
      }),
    ),
  );
});

test("an append whose answer was lost is retried with its key and applied once", async (t) => {
  const { server, client } = await started();
  server.fault(k.append.kind, { do: "dropAfter" }, { do: "dropBefore" }, { do: "badChecksum" });
  const reply = await append(client, "once");
  t.is(server.faultsInjected, 3);
  t.deepEqual(texts(server), ["once"]);
  t.true(reply.replayed);
  t.is(reply.firstOffset, 0);
  t.is(server.seen.get(k.append.kind), 4);
  await client.close();
  await server.stop();
});

test("an append without a key is not retried once it may have been sent, and is reported as unknown", async (t) => {
  const { server, client } = await started();
  for (const fault of ["dropAfter", "dropBefore"] as const) {
    server.fault(k.append.kind, { do: fault });
    const error = await t.throwsAsync(append(client, fault, { key: null }), { instanceOf: KimberliteError });
    t.is(error.code, "connectionLost");
    t.is(error.outcome, "unknown");
  }
  t.is(server.seen.get(k.append.kind), 2);
  t.deepEqual(texts(server), ["dropAfter"]);
  // Refused before anything was written: that is safe to repeat.
  server.fault(k.append.kind, { do: "refuse", code: "mailboxFull" });
  await append(client, "later", { key: null });
  t.deepEqual(texts(server), ["dropAfter", "later"]);
  await client.close();
  await server.stop();
});

test("a deadline that passes after sending says unknown, before sending notCommitted", async (t) => {
  const { server, client } = await started();
  server.fault(k.append.kind, { do: "silent" });
  const key = client.nextKey();
  const sent = await t.throwsAsync(append(client, "a", { key, timeoutMs: 300 }), { instanceOf: KimberliteError });
  t.is(sent.code, "deadlineExceeded");
  t.is(sent.outcome, "unknown");
  // The remedy that the error promises: the same key tells what happened.
  const learnt = await append(client, "a", { key });
  t.true(learnt.replayed);
  t.deepEqual(texts(server), ["a"]);

  const { address } = server;
  await client.close();
  await server.stop();
  const alone = new Client({ address, connector: socketConnector(), backOff });
  const never = await t.throwsAsync(append(alone, "b", { timeoutMs: 80 }), { instanceOf: KimberliteError });
  t.is(never.code, "deadlineExceeded");
  t.is(never.outcome, "notCommitted");
  t.regex(never.message, /could not be sent/);
  await alone.close();
});

test("a refusal after a lost attempt stays unknown unless it excludes every attempt", async (t) => {
  const { server, client } = await started();
  server.fault(k.append.kind, { do: "dropBefore" }, { do: "refuse", code: "quotaExceeded" });
  const quota = await t.throwsAsync(append(client, "a"), { instanceOf: KimberliteError });
  t.is(quota.code, "quotaExceeded");
  t.is(quota.outcome, "unknown");
  t.is(quota.detail["attempts"], 2);
  server.fault(k.append.kind, { do: "dropBefore" });
  const wrong = await t.throwsAsync(append(client, "b", { expected: 9 }), { instanceOf: KimberliteError });
  t.is(wrong.code, "wrongExpectedOffset");
  t.is(wrong.outcome, "notCommitted");
  await client.close();
  await server.stop();
});

test("an abort ends a request at once, before or after sending", async (t) => {
  const { server, client } = await started();
  const aborted = AbortSignal.abort(new Error("changed my mind"));
  const before = t.throws(() => append(client, "a", { signal: aborted }), { instanceOf: KimberliteError });
  t.is(before.code, "cancelled");
  t.is(before.outcome, "notCommitted");
  server.fault(k.append.kind, { do: "silent" });
  const controller = new AbortController();
  const pending = append(client, "b", { signal: controller.signal });
  while (server.stream("s").events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  const after = await t.throwsAsync(pending, { instanceOf: KimberliteError });
  t.is(after.code, "cancelled");
  t.is(after.outcome, "unknown");
  while ((server.seen.get(k.cancel.kind) ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await client.close();
  await server.stop();
});

test("reads are retried over lost connections and passing refusals", async (t) => {
  const { server, client } = await started();
  const kind = k.ping.kind;
  const ping = () => client.request(kind, 1, Buffer.from("x"), false, {}, (body) => Buffer.from(body).toString());
  server.fault(
    kind,
    { do: "dropBefore" },
    { do: "refuse", code: "shardUnavailable" },
    { do: "badChecksum" },
    { do: "dropAfter" },
  );
  t.is(await ping(), "x");
  t.is(server.faultsInjected, 4);
  server.fault(kind, { do: "refuse", code: "tenantUnknown" });
  const error = await t.throwsAsync(ping(), { instanceOf: KimberliteError });
  t.is(error.code, "tenantUnknown");
  await client.close();
  await server.stop();
});

test("administrative writes are never repeated, administrative reads are", async (t) => {
  const { server, client } = await started();
  server.fault(k.admin.kind, { do: "dropAfter" });
  const error = await t.throwsAsync(client.admin("tenant.create", { name: "x" }, {}), { instanceOf: KimberliteError });
  t.is(error.outcome, "unknown");
  t.true(server.tenants.has("x"));
  server.fault(k.admin.kind, { do: "dropAfter" });
  t.like(await client.admin("tenant.get", { name: "x" }, {}), { name: "x" });
  await client.close();
  await server.stop();
});

test("a server that goes away answers what it has, and the client goes on elsewhere without an error", async (t) => {
  const { server, client } = await started();
  await append(client, "a");
  server.fault(k.append.kind, { do: "delay", ms: 80 });
  const slow = append(client, "b");
  while (server.stream("s").events.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  server.say("goingAway", { reason: "restart", graceMs: 1_000, message: "an update" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const next = append(client, "c");
  const [second, third] = await Promise.all([slow, next]);
  t.false(second.replayed);
  t.false(third.replayed);
  t.is(server.accepted, 2, "the new request went over a new connection");
  t.deepEqual(texts(server), ["a", "b", "c"]);
  await client.close();
  await server.stop();
});

test("route changes and stale routes lead to the node that serves the tenant", async (t) => {
  const { server, client } = await started();
  const other = await FakeServer.start();
  other.stream("s");
  await append(client, "here");
  server.fault(k.append.kind, { do: "refuse", code: "routeStale", detail: { address: other.address, epoch: 2 } });
  await append(client, "there");
  t.deepEqual(texts(other), ["there"]);
  other.say("routeChange", { tenant: 1, epoch: 1, address: server.address });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await append(client, "an older route changes nothing");
  t.is(texts(other).length, 2);
  other.say("routeChange", { tenant: 1, epoch: 3, address: server.address });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await append(client, "back");
  t.deepEqual(texts(server), ["here", "back"]);
  await client.close();
  await Promise.all([server.stop(), other.stop()]);
});

test("more than may wait is refused at once with mailboxFull, and nothing of it is sent", async (t) => {
  const { server } = await started();
  server.inFlightMax = 2;
  const client = clientOf(server, { waitingMax: 5 });
  const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => append(client, `${i}`)));
  const refused = settled.filter((one) => one.status === "rejected");
  t.true(refused.length > 0);
  for (const { reason } of refused) {
    t.is((reason as KimberliteError).code, "mailboxFull");
    t.is((reason as KimberliteError).outcome, "notCommitted");
  }
  t.is(texts(server).length, settled.length - refused.length);
  // Keeping in step loses nothing.
  for (let i = 0; i < 30; i++) {
    await client.whenRoom();
    void append(client, `in step ${i}`);
  }
  await client.close();
  t.is(texts(server).filter((text) => text.startsWith("in step")).length, 30);
  await server.stop();
});

test("under random faults every acknowledged append is there exactly once, in its place", async (t) => {
  const fault = fc.oneof(
    fc.constantFrom<Fault>({ do: "dropBefore" }, { do: "dropAfter" }, { do: "badChecksum" }, { do: "delay", ms: 5 }),
    fc.constantFrom<Fault>({ do: "refuse", code: "mailboxFull" }, { do: "refuse", code: "shardUnavailable" }),
  );
  let faults = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      async (script, count) => {
        const { server, client } = await started();
        server.fault(k.append.kind, ...script);
        const names = Array.from({ length: count }, (_, i) => `event ${i}`);
        const replies = await Promise.all(names.map((name) => append(client, name)));
        const stored = texts(server);
        t.is(stored.length, count);
        for (const [i, reply] of replies.entries()) t.is(stored[reply.firstOffset], names[i]);
        faults += server.faultsInjected;
        await client.close();
        await server.stop();
      },
    ),
    { numRuns: 25 },
  );
  t.true(faults > 50);
});

test("a client that was closed refuses requests and has none left without an outcome", async (t) => {
  const { server, client } = await started();
  server.fault(k.append.kind, { do: "silent" }, { do: "delay", ms: 30 });
  const silent = append(client, "a");
  const slow = append(client, "b");
  await new Promise((resolve) => setTimeout(resolve, 10));
  const closing = client.close(100);
  t.is((await slow).firstOffset, 1);
  const error = await t.throwsAsync(silent, { instanceOf: KimberliteError });
  t.is(error.code, "cancelled");
  t.is(error.outcome, "unknown");
  await closing;
  t.is(client.unsettled, 0);
  t.throws(() => append(client, "c"), { message: /client is closed/ });
  await server.stop();
});

test("a second outcome trips: order: a request has one outcome", (t) => {
  const host: CallHost = {
    wheel: sharedWheel,
    route: () => {
      throw new KimberliteError("mailboxFull");
    },
    learn() {},
    backOffMs: () => 1,
    callEnded() {},
  };
  const told: string[] = [];
  const call = new Call(
    host,
    k.append.kind,
    "write",
    true,
    1,
    new Uint8Array(0),
    1_000,
    () => told.push("ok"),
    (error) => told.push(error.code),
  );
  const error = new KimberliteError("cancelled");
  call.refused(error);
  const failure = t.throws(() => call.refused(error), { instanceOf: AssertionFailed });
  t.regex(failure.message, /order: a request has one outcome/);
  t.deepEqual(told, ["cancelled"]);
});
