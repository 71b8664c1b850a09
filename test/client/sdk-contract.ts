/**
 * What the SDK promises, whichever way it reaches its node: run against `connect` and against `open`. Each test has a tenant of its
 * own on a node that all share.
 */
import type { TestFn } from "ava";
import { type Database, json, KimberliteError, type Stream, type Tenant } from "../../protocol/sdk/index.js";

export interface SdkContext {
  /** The one node of the suite. */
  readonly db: () => Database;
  /** One more database object on the same node: another client. */
  readonly another: () => Promise<Database>;
}

let tenants = 0;

async function fresh({ db }: SdkContext): Promise<{ tenant: Tenant; stream: Stream }> {
  const name = `tenant-${tenants++}`;
  await db().tenants.create(name);
  const tenant = db().tenant(name);
  return { tenant, stream: await tenant.streams.create("s") };
}

const refusal = { instanceOf: KimberliteError } as const;

async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const one of source) {
    taken.push(one);
    if (taken.length === count) break;
  }
  return taken;
}

export function sdkContract(test: TestFn, context: SdkContext): void {
  test("events of every kind come back as they were given", async (t) => {
    const { stream } = await fresh(context);
    const bytes = new Uint8Array([0, 255, 128]);
    const given = [{ a: [1, "ä"] }, "text", bytes, 7, true, null, json("a JSON text"), json([1, 2])];
    const result = await stream.append(given);
    t.is(result.firstOffset, 0n);
    t.is(result.count, given.length);
    t.false(result.replayed);
    const { events, position, nextOffset } = await stream.read();
    t.deepEqual(
      events.map((event) => event.offset),
      given.map((_, i) => BigInt(i)),
    );
    t.true(events.every((event) => event.position === result.position && event.time === result.time));
    t.is(position, result.position);
    t.is(nextOffset, BigInt(given.length));
    t.deepEqual(events[0]?.json(), { a: [1, "ä"] });
    t.is(events[1]?.text(), "text");
    t.deepEqual([...(events[2]?.data ?? [])], [...bytes]);
    t.deepEqual(
      events.slice(3).map((event) => event.json()),
      [7, true, null, "a JSON text", [1, 2]],
    );
    t.deepEqual(
      events.map((event) => event.format),
      ["json", "bytes", "bytes", "json", "json", "json", "json", "json"],
    );
    const one = await stream.append({ alone: true });
    t.is(one.firstOffset, BigInt(given.length));
    t.is(one.count, 1);
  });

  test("what is given may be changed the moment append has returned", async (t) => {
    const { tenant } = await fresh(context);
    await tenant.streams.create("later");
    const bytes = new Uint8Array([1, 2, 3]);
    const object = { value: "before" };
    // The first append of a handle has to ask for the stream's number first; the second has not.
    const other = (await context.another()).tenant(tenant.name).stream("later");
    for (const stream of [other, other]) {
      const appending = stream.append([bytes, object]);
      bytes.fill(9);
      object.value = "after";
      const { firstOffset } = await appending;
      const { events } = await stream.read({ from: firstOffset });
      t.deepEqual([...(events[0]?.data ?? [])], [1, 2, 3]);
      t.deepEqual(events[1]?.json(), { value: "before" });
      bytes.set([1, 2, 3]);
      object.value = "before";
    }
  });

  test("what cannot be appended is refused here, before anything is sent", async (t) => {
    const { stream } = await fresh(context);
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const code = async (events: never): Promise<string> => (await t.throwsAsync(stream.append(events), refusal)).code;
    t.is(await code([] as never), "invalidArgument");
    t.is(await code(cyclic as never), "invalidArgument");
    t.is(await code(undefined as never), "invalidArgument");
    t.is(await code({ big: 1n } as never), "invalidArgument");
    t.is(await code(new Uint16Array(3) as never), "invalidArgument");
    t.is(await code(new Array(10_001).fill("x") as never), "batchTooLarge");
    t.is(await code(new Uint8Array(8 * 1024 * 1024) as never), "eventTooLarge");
    t.is(await code([new Uint8Array(5 * 1024 * 1024), new Uint8Array(4 * 1024 * 1024)] as never), "batchTooLarge");
    for (const options of [
      { expectedOffset: -1n },
      { idempotencyKey: new Uint8Array(3) },
      { timeoutMs: -5 },
      { idempotencyKey: "" },
    ]) {
      t.is((await t.throwsAsync(stream.append("x", options), refusal)).code, "invalidArgument");
    }
    t.is((await stream.read()).events.length, 0);
  });

  test("the largest append passes", async (t) => {
    const { stream } = await fresh(context);
    const event = new Uint8Array(8 * 1024 * 1024 - 64).fill(65);
    await stream.append(event);
    const { events } = await stream.read();
    t.is(events.length, 1);
    t.is(Buffer.compare(events[0]?.data ?? new Uint8Array(0), event), 0);
  });

  test("an expected offset holds, and a wrong one writes nothing", async (t) => {
    const { stream } = await fresh(context);
    await stream.append("a", { expectedOffset: 0n });
    const error = await t.throwsAsync(stream.append("b", { expectedOffset: 0n }), refusal);
    t.is(error.code, "wrongExpectedOffset");
    t.is(error.outcome, "notCommitted");
    await stream.append("c", { expectedOffset: 1n });
    t.deepEqual(
      (await stream.read()).events.map((event) => event.text()),
      ["a", "c"],
    );
  });

  test("the same idempotency key applies once and answers the same; another body with it is refused", async (t) => {
    const { stream } = await fresh(context);
    const first = await stream.append("a", { idempotencyKey: "order 17" });
    const again = await stream.append("a", { idempotencyKey: "order 17" });
    t.true(again.replayed);
    t.is(again.position, first.position);
    t.is(again.firstOffset, first.firstOffset);
    const error = await t.throwsAsync(stream.append(["b", "c"], { idempotencyKey: "order 17" }), refusal);
    t.is(error.code, "idempotencyKeyReused");
    const none = [
      await stream.append("d", { idempotencyKey: null }),
      await stream.append("d", { idempotencyKey: null }),
    ];
    t.true(none.every((one) => !one.replayed));
    t.is((await stream.read()).events.length, 3);
  });

  test("pages and iterators give every event once, in both directions", async (t) => {
    const { stream } = await fresh(context);
    const count = 2_500;
    await stream.append(Array.from({ length: count }, (_, i) => `${i}`));
    const offsets = Array.from({ length: count }, (_, i) => BigInt(i));
    t.deepEqual(
      (await take(stream.events({ limit: 700 }), count + 1)).map((event) => event.offset),
      offsets,
    );
    const backward = await take(stream.events({ limit: 999, direction: "backward" }), count + 1);
    t.deepEqual(
      backward.map((event) => event.offset),
      offsets.toReversed(),
    );
    t.deepEqual(
      (await stream.read({ from: 2_498n })).events.map((event) => event.text()),
      ["2498", "2499"],
    );
    t.deepEqual((await stream.read({ from: 9_999 })).events, []);
    t.is((await stream.read({ direction: "backward", limit: 1 })).events[0]?.text(), "2499");
  });

  test("a token carries what one client has seen to another", async (t) => {
    const { tenant, stream } = await fresh(context);
    const other = (await context.another()).tenant(tenant.name);
    for (let i = 0; i < 50; i++) {
      const { token, position } = await stream.append(`${i}`);
      if (i % 2 === 0) {
        const page = await other.stream("s").read({ token, direction: "backward", limit: 1 });
        t.is(page.events[0]?.text(), `${i}`);
      } else {
        await other.adoptToken(token);
        const seen = await other.position();
        t.true(seen !== null && seen >= position);
      }
    }
    const foreign = await t.throwsAsync(other.adoptToken("kt1.999999.5"), refusal);
    t.is(foreign.code, "invalidArgument");
    t.is((await t.throwsAsync(other.adoptToken("what"), refusal)).code, "invalidArgument");
    t.is(await other.token(), await tenant.token());
  });

  test("the consistencies of a read give what they say", async (t) => {
    const { stream } = await fresh(context);
    const first = await stream.append("a");
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await stream.append("b");
    const texts = async (consistency: Parameters<typeof stream.read>[0]): Promise<string[]> =>
      (await stream.read(consistency)).events.map((event) => event.text());
    t.deepEqual(await texts({ consistency: "linearizable" }), ["a", "b"]);
    t.deepEqual(await texts({ consistency: { atPosition: first.position } }), ["a"]);
    t.deepEqual(await texts({ consistency: { atPosition: second.position } }), ["a", "b"]);
    t.deepEqual(await texts({ consistency: { atTimestamp: second.time - 1 } }), ["a"]);
    t.true((await texts({ consistency: "stale" })).length <= 2);
    const beyond = await t.throwsAsync(stream.read({ consistency: { atPosition: second.position + 1_000n } }), refusal);
    t.is(beyond.code, "positionUnknown");
  });

  test("streams are created once, found and listed by name", async (t) => {
    const { tenant } = await fresh(context);
    for (const name of ["c", "a", "ä", "b"]) await tenant.streams.create(name);
    t.is((await t.throwsAsync(tenant.streams.create("a"), refusal)).code, "streamExists");
    const same = await tenant.streams.create("a", { ifNotExists: true });
    await same.append("x");
    t.is((await tenant.streams.get("a")).nextOffset, 1n);
    t.deepEqual(
      (await tenant.streams.list()).map((info) => info.name),
      ["a", "b", "c", "s", "ä"],
    );
    t.deepEqual(
      (await tenant.streams.list({ after: "b", limit: 2 })).map((info) => info.name),
      ["c", "s"],
    );
    t.is((await t.throwsAsync(tenant.stream("none").append("x"), refusal)).code, "streamUnknown");
    t.throws(() => tenant.stream(""), refusal);
    t.is((await t.throwsAsync(context.db().tenant("nobody").position(), refusal)).code, "tenantUnknown");
  });

  test("a subscription gives what is there and what comes, and ends with its loop, its signal or its close", async (t) => {
    const { stream } = await fresh(context);
    await stream.append(["0", "1", "2"]);
    const running = take(stream.subscribe({ from: 1n }), 4);
    await stream.append(["3", "4"]);
    t.deepEqual(
      (await running).map((event) => event.text()),
      ["1", "2", "3", "4"],
    );
    const head = stream.subscribe({ from: "head" });
    const next = head.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await stream.append("5");
    t.is((await next).value?.offset, 5n);
    const waiting = head.next();
    head.close();
    t.true((await waiting).done);
    const controller = new AbortController();
    const aborted = take(stream.subscribe({ from: 6n, signal: controller.signal }), 1);
    setTimeout(() => controller.abort(), 20);
    t.deepEqual(await aborted, []);
    const plain = (await take(stream.subscribe(), 1))[0];
    t.is((await t.throwsAsync(plain?.ack() ?? Promise.resolve(), refusal))?.code, "invalidArgument");
  });

  test("a consumer group shares a stream: acknowledged once, nacked again, parked and replayed", async (t) => {
    const { tenant, stream } = await fresh(context);
    await tenant.groups.create("s", "workers", { attemptsMax: 2 });
    t.is((await t.throwsAsync(tenant.groups.create("s", "workers"), refusal)).code, "groupExists");
    await stream.append(Array.from({ length: 20 }, (_, i) => `${i}`));
    const done = new Set<string>();
    const failed: number[] = [];
    const enough = new AbortController();
    const consume = async (): Promise<void> => {
      for await (const event of stream.subscribe({ group: "workers", credits: 3, signal: enough.signal })) {
        const text = event.text();
        if (text === "7") {
          failed.push(event.attempt);
          await event.nack();
        } else if (text === "11") await event.park();
        else {
          t.false(done.has(text), `${text} was given out after it was acknowledged`);
          done.add(text);
          await event.ack();
        }
        if (done.size === 18 && failed.length === 2) enough.abort();
      }
    };
    await Promise.all([consume(), consume()]);
    t.deepEqual(failed, [1, 2]);
    const group = await tenant.groups.get("s", "workers", { consistency: "linearizable" });
    t.is(group.floor, 20n);
    t.deepEqual(
      group.parkedEvents.map(({ offset, reason }) => ({ offset, reason })),
      [
        { offset: 7n, reason: "attempts" },
        { offset: 11n, reason: "asked" },
      ],
    );
    t.is(await tenant.groups.replayParked("s", "workers", [7n]), 1);
    const again = (await take(stream.subscribe({ group: "workers" }), 1))[0];
    t.is(again?.text(), "7");
    await again?.ack();
    t.is(await tenant.groups.discardParked("s", "workers"), 1);
    t.is((await tenant.groups.get("s", "workers", { consistency: "linearizable" })).parked, 0);
    t.deepEqual(
      (await tenant.groups.list("s")).map((one) => one.name),
      ["workers"],
    );
    await tenant.groups.delete("s", "workers");
    const gone = await t.throwsAsync(tenant.groups.get("s", "workers", { consistency: "linearizable" }), refusal);
    t.is(gone.code, "groupUnknown");
  });

  test("a session's appends are applied once each, in the order of their calls, and what is refused uses up no number", async (t) => {
    const { tenant, stream } = await fresh(context);
    const session = await tenant.session();
    const results = await Promise.all(Array.from({ length: 50 }, (_, n) => session.append(stream, { n })));
    t.deepEqual(
      results.map(({ firstOffset }) => Number(firstOffset)),
      results.map((_, n) => n),
    );
    const refused = session.append(stream, "x", { expectedOffset: 7 });
    const next = session.append(stream, { n: 50 }, { expectedOffset: 50 });
    t.is((await t.throwsAsync(refused, refusal)).outcome, "notCommitted");
    t.is((await next).firstOffset, 50n);
    t.is(session.settled, 51);
    t.is(await session.settle(), null);
    t.is((await t.throwsAsync(session.append(tenant.stream("nowhere"), "x"), refusal)).code, "streamUnknown");
    const events = (await stream.read({ limit: 100 })).events;
    t.deepEqual(
      events.map((event) => event.json()),
      events.map((_, n) => ({ n })),
    );
    await session.close();
    await session.close();
    t.is((await t.throwsAsync(session.append(stream, "x"), refusal)).code, "sessionUnknown");
  });

  test("a writer has one session at a time: the newer one ends the older, also from elsewhere", async (t) => {
    const { tenant, stream } = await fresh(context);
    const older = await tenant.session({ writer: "importer" });
    await older.append(stream, "first");
    const newer = await (await context.another()).tenant(tenant.name).session({ writer: "importer" });
    t.true(newer.id > older.id);
    t.is((await t.throwsAsync(older.append(stream, "too late"), refusal)).code, "sessionUnknown");
    const later = await t.throwsAsync(older.append(stream, "later still"), refusal);
    t.is(later.code, "sessionUnknown");
    t.is(later.outcome, "notCommitted", "it was not even sent");
    t.is((await newer.append(stream, "second")).firstOffset, 1n);
    await older.close();
    await newer.close();
  });

  test("tenants are apart, listed, limited and dropped", async (t) => {
    const { db } = context;
    const one = await fresh(context);
    const two = await fresh(context);
    await one.stream.append("of one");
    t.is((await two.stream.read()).events.length, 0);
    const names = (await db().tenants.list()).map((tenant) => tenant.name);
    t.true(names.includes(one.tenant.name) && names.includes("main"));
    const paged: bigint[] = [];
    for await (const { id } of db().tenants.all({ pageSize: 2 })) paged.push(id);
    t.is(paged.length, names.length);
    t.true(
      paged.every((id, at) => at === 0 || id > (paged[at - 1] ?? id)),
      "by ascending id, each once",
    );
    t.deepEqual(
      (await db().tenants.list({ after: paged[0] ?? 0n, limit: 1 })).map(({ id }) => id),
      paged.slice(1, 2),
    );
    t.is((await t.throwsAsync(db().tenants.list({ limit: 1_001 }), refusal)).code, "invalidArgument");
    t.is((await t.throwsAsync(db().tenants.create(one.tenant.name), refusal)).code, "tenantExists");
    t.is((await db().tenants.create(one.tenant.name, { ifNotExists: true })).name, one.tenant.name);
    await db().tenants.setQuota(two.tenant.name, { bytesMax: 100 });
    t.is((await t.throwsAsync(two.stream.append("x".repeat(200)), refusal)).code, "quotaExceeded");
    const id = (await db().tenants.get(two.tenant.name)).id;
    t.true(id > 0n);
  });

  test("status and top are answered", async (t) => {
    t.is(typeof (await context.db().status()), "object");
    t.is(typeof (await context.db().top()), "object");
  });

  test("a deadline and an abort end a call with their own errors", async (t) => {
    const { stream } = await fresh(context);
    const error = await t.throwsAsync(stream.append("x", { signal: AbortSignal.abort() }), refusal);
    t.is(error.code, "cancelled");
    t.is(error.outcome, "notCommitted");
    const read = await t.throwsAsync(stream.read({ signal: AbortSignal.abort() }), refusal);
    t.is(read.code, "cancelled");
  });
}
