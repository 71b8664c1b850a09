/** Requests that are wrong get the error that says so, and leave nothing behind: the tenant's position stays where it was. */
import test from "ava";
import { connect, hasCode, json } from "../../protocol/sdk/index.js";
import { encodeAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { appendBytesMax, appendEventsMax } from "../../runtime/types/limits.js";
import { scratch, startChild } from "./node-child.js";
import { RawClient, requestKinds } from "./raw-client.js";

test.serial(
  "too large, wrong kind, unknown, wrong offset, over quota, reused key: typed errors, and nothing is written",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await using db = await connect(node.target);
    await db.tenants.create("small", { quotas: { bytesMax: 2_000, streamsMax: 2 } });
    const main = db.tenant("main");
    const stream = await main.streams.create("s");
    const key = "6f1e7a52-90c4-4a0e-9b5e-0c7b7b1f9a01";
    const first = await stream.append(["a", "b"], { idempotencyKey: key });
    const small = db.tenant("small");
    const smallStream = await small.streams.create("s");
    await smallStream.append("x".repeat(500));
    const position = await main.position({ consistency: "linearizable" });
    const smallPosition = await small.position({ consistency: "linearizable" });
    let refused = 0;
    const refuses = async (code: string, work: () => Promise<unknown>): Promise<void> => {
      await t.throwsAsync(work(), { code }, code);
      refused += 1;
    };
    await refuses("eventTooLarge", () => stream.append(new Uint8Array(appendBytesMax)));
    await refuses("batchTooLarge", () => stream.append(new Array<string>(appendEventsMax + 1).fill("")));
    await refuses("batchTooLarge", () =>
      stream.append([new Uint8Array(appendBytesMax / 2), new Uint8Array(appendBytesMax / 2)]),
    );
    await refuses("invalidArgument", () => stream.append([]));
    await refuses("invalidArgument", () => stream.append(json(undefined)));
    await refuses("streamUnknown", () => main.stream("nowhere").append("x"));
    await refuses("streamUnknown", () => main.stream("nowhere").read());
    await refuses("tenantUnknown", () => db.tenant("nobody").stream("s").append("x"));
    await refuses("streamExists", () => main.streams.create("s"));
    await refuses("wrongExpectedOffset", () => stream.append("x", { expectedOffset: 1 }));
    await refuses("wrongExpectedOffset", () => stream.append("x", { expectedOffset: 3 }));
    await refuses("idempotencyKeyReused", () => stream.append("other", { idempotencyKey: key }));
    await refuses("quotaExceeded", () => smallStream.append("x".repeat(2_000)));
    await small.streams.create("second");
    await refuses("quotaExceeded", () => small.streams.create("third"));
    await refuses("groupUnknown", () => main.groups.get("s", "nobody"));
    await refuses("groupUnknown", () => main.groups.delete("s", "nobody"));
    await refuses("positionUnknown", () => stream.read({ consistency: { atPosition: 1_000_000 } }));
    t.is(refused, 17);
    t.is(await main.position({ consistency: "linearizable" }), position, "nothing was written to main");
    t.is(await small.position({ consistency: "linearizable" }), (smallPosition ?? 0n) + 1n, "only the second stream");
    const again = await stream.append(["a", "b"], { idempotencyKey: key });
    t.true(again.replayed);
    t.is(again.position, first.position, "the first outcome is answered again");
    t.is((await stream.append("c", { expectedOffset: 2 })).firstOffset, 2n);
    t.is((await stream.read()).events.length, 3);
  },
);

test.serial(
  "what an honest client cannot send is refused by the server itself, one request at a time, over a connection that goes on",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await using db = await connect(node.target);
    const id = await (await db.tenant("main").streams.create("s")).id();
    const before = await db.tenant("main").position({ consistency: "linearizable" });
    const raw = await RawClient.open(t, node.port);
    let keys = 1;
    const append = (events: { payload: Uint8Array; format: number }[], tenant = 1): Uint8Array => {
      const requestKey = new Uint8Array(16).fill(keys++);
      return encodeAppend(new ByteWriter(), { tenant, requestKey }, id, "any", events).finish();
    };
    const one = append([{ payload: new Uint8Array(10), format: 0 }]);
    const withCount = (count: number): Uint8Array => {
      const body = one.slice();
      new DataView(body.buffer).setUint32(8 + 16 + 8 + 8 + 8 + 8, count, true);
      return body;
    };
    const codes: string[] = [];
    for (const [kind, body] of [
      [requestKinds.append.kind, one.subarray(0, one.length - 1)],
      [requestKinds.append.kind, withCount(0)],
      [requestKinds.append.kind, withCount(0xffff_ffff)],
      [requestKinds.append.kind, append([{ payload: new Uint8Array(10), format: 9 }])],
      [requestKinds.append.kind, append([{ payload: new Uint8Array(1), format: 0 }], 0)],
      [requestKinds.append.kind, append([{ payload: new Uint8Array(1), format: 0 }], 77)],
      [
        requestKinds.append.kind,
        append(Array.from({ length: appendEventsMax + 1 }, () => ({ payload: new Uint8Array(0), format: 0 }))),
      ],
      [requestKinds.append.kind, append([{ payload: new Uint8Array(appendBytesMax), format: 0 }])],
      [requestKinds.append.kind, new Uint8Array(3)],
      [requestKinds.streamCreate.kind, new Uint8Array(41)],
      [requestKinds.read.kind, new Uint8Array(9).fill(1)],
      [requestKinds.subscribe.kind, new Uint8Array(8).fill(1)],
      [requestKinds.admin.kind, new TextEncoder().encode("{")],
      [200, new Uint8Array(16)],
    ] as const) {
      const answer = await raw.ask(kind, body);
      codes.push(answer.error?.code ?? "ok");
    }
    t.false(codes.includes("ok"), codes.join(" "));
    t.false(codes.includes("internal") || codes.includes("assertionFailed"), codes.join(" "));
    t.log(codes.join(" "));
    t.is((await raw.ask(requestKinds.append.kind, one)).error, null, "the connection goes on");
    t.is(await db.tenant("main").position({ consistency: "linearizable" }), (before ?? 0n) + 1n);
    t.is((await node.status())["restarts"], 0, "no actor ended over it");
  },
);

test.serial(
  "all consistencies and tokens: own writes are seen, the past stays as it was, the future has no state yet",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await using writerDb = await connect(node.target);
    await using readerDb = await connect(node.target);
    const written = await writerDb.tenant("main").streams.create("s");
    const seen = readerDb.tenant("main").stream("s");
    const acks = [];
    for (let i = 0; i < 30; i++) {
      const ack = await written.append(`e${i}`);
      acks.push(ack);
      t.is((await written.read({ from: i })).events.length, 1, "a session reads its own writes");
      t.is((await seen.read({ from: i, token: ack.token })).events.length, 1, "another reads them by token");
      t.is(
        (await seen.read({ from: i, consistency: "linearizable" })).events.length,
        1,
        "a linearizable read sees what was acknowledged",
      );
    }
    const stale = await seen.read({ consistency: "stale" });
    t.true(stale.events.length > 0);
    const tenth = acks[9];
    const then = await seen.read({ consistency: { atPosition: tenth?.position ?? 0n } });
    t.is(then.events.length, 10);
    t.is(then.nextOffset, 10n);
    const atTime = await seen.read({ consistency: { atTimestamp: tenth?.time ?? 0 } });
    t.is(atTime.events.length, 10);
    await t.throwsAsync(seen.read({ consistency: { atTimestamp: Date.now() * 1_000 + 60_000_000 } }), {
      code: "invalidArgument",
    });
    const future = acks.at(-1)?.token.replace(/\d+$/, "999999") ?? "";
    const late = await t.throwsAsync(seen.read({ token: future, timeoutMs: 300 }));
    t.true(hasCode(late, "deadlineExceeded"), "a token that is not reached waits until the deadline, and no longer");
    const times = acks.map((ack) => ack.time);
    t.deepEqual(
      times,
      [...new Set(times)].sort((a, b) => a - b),
      "times strictly increase",
    );
  },
);

test.serial(
  "a format is a label: what is said to be JSON is stored as it came, and is refused when it is read as JSON",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    await using db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("s");
    const raw = await RawClient.open(t, node.port);
    const id = await stream.id();
    const payload = Uint8Array.of(0x7b, 0xff, 0x00);
    const body = (format: number): Uint8Array =>
      encodeAppend(new ByteWriter(), { tenant: 1 }, id, "any", [{ payload, format }]).finish();
    t.is((await raw.ask(requestKinds.append.kind, body(1))).error, null);
    t.is((await raw.ask(requestKinds.append.kind, body(2))).error?.code, "frameInvalid", "an unknown label is refused");
    const [event, ...more] = (await stream.read()).events;
    t.deepEqual(more, []);
    t.is(event?.format, "json");
    t.deepEqual(Uint8Array.from(event?.data ?? []), payload, "not a byte is changed");
    t.throws(() => event?.json(), { code: "invalidArgument" });
  },
);
