import test from "ava";
import fc from "fast-check";
import {
  adminMethods,
  decodeAdminCall,
  decodeAdminResult,
  encodeAdminCall,
  encodeAdminResult,
} from "../../protocol/wire/admin-call.js";
import {
  cutText,
  decodeError,
  encodeEnded,
  encodeError,
  errorMessageBytesMax,
} from "../../protocol/wire/error-body.js";
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeWelcome,
  negotiateVersion,
} from "../../protocol/wire/handshake.js";
import { requestKindSpec, requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import {
  decodeGoingAway,
  decodeRouteChange,
  encodeGoingAway,
  encodeRouteChange,
  goingAwayReasons,
} from "../../protocol/wire/notices.js";
import {
  decodeCredit,
  decodeEvents,
  decodeId,
  decodeSubscribe,
  encodeCredit,
  encodeEvent,
  encodeId,
  encodeSubscribe,
} from "../../protocol/wire/subscription.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import {
  type ErrorCode,
  errorRegistry,
  fromErrorRecord,
  isKimberliteError,
  KimberliteError,
  toErrorRecord,
} from "../../runtime/types/errors.js";

const u8 = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u31 = fc.integer({ min: 1, max: 0x7fff_ffff });
const u64 = fc.maxSafeNat();
// Lone surrogates have no UTF-8: they are no text.
const text = (max: number) =>
  fc.string({ unit: "grapheme", maxLength: max }).filter((value) => Buffer.byteLength(value) <= max);
const codes = fc.constantFrom(...(Object.keys(errorRegistry) as ErrorCode[]));

function written(encode: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  encode(writer);
  return writer.finish();
}

test("hello and welcome come out as they went in", (t) => {
  fc.assert(
    fc.property(u8, u8, text(128), u32, (a, b, clientName, features) => {
      const hello = { versionMin: Math.min(a, b), versionMax: Math.max(a, b), clientName, features };
      t.deepEqual(decodeHello(new ByteReader(written((writer) => encodeHello(hello, writer)))), hello);
    }),
  );
  const welcomes = fc.record({
    version: u8,
    serverRelease: text(64),
    clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    nodeId: u32,
    serverTime: u64,
    frameBytesMax: u32,
    inFlightMax: u32,
    sessionNumber: u64,
  });
  fc.assert(
    fc.property(welcomes, (welcome) => {
      t.deepEqual(decodeWelcome(new ByteReader(written((writer) => encodeWelcome(welcome, writer)))), welcome);
    }),
  );
});

test("the highest version that both speak is taken, else both ranges are named", (t) => {
  const hello = (versionMin: number, versionMax: number) => ({ versionMin, versionMax, clientName: "", features: 0 });
  t.is(negotiateVersion(hello(1, 1)), 1);
  t.is(negotiateVersion(hello(1, 9), 1, 3), 3);
  t.is(negotiateVersion(hello(2, 5), 1, 7), 5);
  for (const [min, max] of [
    [2, 9],
    [0, 0],
  ] as const) {
    const error = t.throws(() => negotiateVersion(hello(min, max)), { instanceOf: KimberliteError });
    t.is(error.code, "protocolVersionUnsupported");
    t.is(error.detail["clientMin"], min);
    t.is(error.detail["serverMax"], 1);
  }
});

test("every error of the registry crosses the wire with code, message, detail and outcome", (t) => {
  const details = fc.dictionary(text(20), fc.oneof(text(20), fc.integer(), fc.boolean(), fc.constant(null)), {
    maxKeys: 5,
  });
  const outcomes = fc.constantFrom("notCommitted" as const, "committed" as const, "unknown" as const);
  const seen = new Set<string>();
  fc.assert(
    fc.property(codes, text(80), details, outcomes, (code, explanation, detail, outcome) => {
      const record = toErrorRecord(new KimberliteError(code, explanation, { detail, outcome }));
      const bytes = written((writer) => encodeError(record, writer));
      const error = decodeError(bytes, 0, bytes.length);
      t.truthy(error);
      t.deepEqual(toErrorRecord(error), toErrorRecord(fromErrorRecord(record)));
      seen.add(code);
    }),
    { numRuns: 600 },
  );
  t.true(seen.size > Object.keys(errorRegistry).length / 2);
});

test("a long message is cut between characters, and an error of a newer server becomes internal with its number", (t) => {
  const long = "€".repeat(errorMessageBytesMax);
  const bytes = written((writer) =>
    encodeError({ code: "internal", message: long, detail: {}, outcome: "unknown" }, writer),
  );
  const error = decodeError(bytes, 0, bytes.length);
  t.true(long.startsWith(error?.message ?? "none"));
  t.is(Buffer.byteLength(error?.message ?? ""), errorMessageBytesMax - (errorMessageBytesMax % 3));
  t.is(cutText("abc", 2), "ab");

  const newer = written((writer) => writer.u16(60_000).string("from the future").string('{"a":1}').u8(0));
  const unknown = decodeError(newer, 0, newer.length);
  t.is(unknown?.code, "internal");
  t.is(unknown?.message, "from the future");
  t.deepEqual(unknown?.detail, { a: 1, wire: 60_000 });
  t.is(unknown?.outcome, "notCommitted");

  const ended = written(encodeEnded);
  t.is(decodeError(ended, 0, ended.length), undefined);
});

test("administrative calls come out as they went in; an unlisted method is notSupported", (t) => {
  for (const method of adminMethods) {
    const params = { name: "ä", shard: 3, quotas: { bytesMax: 5 } };
    t.deepEqual(decodeAdminCall(encodeAdminCall(method, params)), { method, params });
  }
  t.deepEqual(decodeAdminResult(encodeAdminResult([1, { a: null }])), [1, { a: null }]);
  t.is(decodeAdminResult(encodeAdminResult(undefined)), null);
  const bytesOf = (value: string) => new TextEncoder().encode(value);
  t.throws(() => decodeAdminCall(bytesOf('{"method":"node.explode"}')), { message: /no such administrative method/ });
  for (const bad of ["", "[]", "null", "{}", '{"method":1}', '{"method":"tenant.list","params":[]}', "{"]) {
    const error = t.throws(() => decodeAdminCall(bytesOf(bad)), { instanceOf: KimberliteError });
    t.is(error.code, "frameInvalid");
  }
  t.throws(() => encodeAdminCall("tenant.create", { name: "x".repeat(70_000) }), { message: /at most/ });
  t.throws(() => decodeAdminCall(new Uint8Array(70_000)), { message: /at most/ });
});

test("subscription and notice bodies come out as they went in", (t) => {
  const subscribes = fc.record({ tenant: u64, stream: u64, from: u64, group: text(128), credits: u31 });
  fc.assert(
    fc.property(subscribes, (raw) => {
      const subscribe = raw.group === "" ? raw : { ...raw, from: 0 };
      const bytes = written((writer) => encodeSubscribe(subscribe, writer));
      t.deepEqual(decodeSubscribe(bytes, 0, bytes.length), subscribe);
    }),
  );
  fc.assert(
    fc.property(u64, u31, u64, text(100), (subscription, credits, epoch, message) => {
      const credit = written((writer) => encodeCredit({ subscription, credits }, writer));
      t.deepEqual(decodeCredit(credit, 0, credit.length), { subscription, credits });
      const id = written((writer) => encodeId(subscription, writer));
      t.is(decodeId(id, 0, id.length), subscription);
      const change = { tenant: subscription, epoch, address: message };
      const route = written((writer) => encodeRouteChange(change, writer));
      t.deepEqual(decodeRouteChange(route, 0, route.length), change);
      for (const reason of goingAwayReasons) {
        const notice = { reason, graceMs: credits, message };
        const away = written((writer) => encodeGoingAway(notice, writer));
        t.deepEqual(decodeGoingAway(away, 0, away.length), notice);
      }
    }),
  );
});

test("events come out as they went in, with attempts for groups only", (t) => {
  const event = fc.record({
    attempt: u31,
    offset: u64,
    position: u64,
    time: u64,
    format: fc.constantFrom(0, 1),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), fc.boolean(), (list, hasAttempt) => {
      const events = hasAttempt ? list : list.map((one) => ({ ...one, attempt: 1 }));
      const bytes = written((writer) => {
        writer.u32(events.length);
        for (const one of events) encodeEvent(one, writer, hasAttempt);
      });
      t.deepEqual(decodeEvents(bytes, 0, bytes.length, hasAttempt), events);
    }),
  );
  const lying = written((writer) => writer.u32(0xffff_ffff).raw(new Uint8Array(100)));
  t.throws(() => decodeEvents(lying, 0, lying.length, false), { message: /more events announced/ });
});

test("any bytes given to any decoder become a value or frameInvalid", (t) => {
  const decoders: ((bytes: Uint8Array) => unknown)[] = [
    (bytes) => decodeHello(new ByteReader(bytes)),
    (bytes) => decodeWelcome(new ByteReader(bytes)),
    (bytes) => decodeError(bytes, 0, bytes.length),
    (bytes) => decodeAdminCall(bytes),
    (bytes) => decodeAdminResult(bytes),
    (bytes) => decodeSubscribe(bytes, 0, bytes.length),
    (bytes) => decodeCredit(bytes, 0, bytes.length),
    (bytes) => decodeId(bytes, 0, bytes.length),
    (bytes) => decodeEvents(bytes, 0, bytes.length, true),
    (bytes) => decodeEvents(bytes, 0, bytes.length, false),
    (bytes) => decodeRouteChange(bytes, 0, bytes.length),
    (bytes) => decodeGoingAway(bytes, 0, bytes.length),
  ];
  let values = 0;
  let refusals = 0;
  const small = fc.array(fc.oneof(fc.constant(0), fc.constant(1), u8), { maxLength: 90 });
  fc.assert(
    fc.property(small, fc.nat(decoders.length - 1), (list, which) => {
      const bytes = Uint8Array.from(list);
      try {
        decoders[which]?.(bytes);
        values++;
      } catch (error) {
        if (!isKimberliteError(error) || (error.code !== "frameInvalid" && error.code !== "notSupported")) throw error;
        refusals++;
      }
    }),
    { numRuns: 3_000 },
  );
  t.true(values > 0 && refusals > 0);
});

test("every request kind is below 128, every response kind is not, and none is used twice", (t) => {
  const requests = Object.values(requestKinds).map((spec) => spec.kind);
  const responses = Object.values(responseKinds);
  t.is(new Set([...requests, ...responses]).size, requests.length + responses.length);
  t.true(requests.every((kind) => kind > 0 && kind < 128 && requestKindSpec(kind)?.kind === kind));
  t.true(responses.every((kind) => kind >= 128 && kind < 256));
  t.is(requestKindSpec(127), undefined);
  t.is(requestKindSpec(200), undefined);
});

test("a writer that grows in the middle of a field keeps what was written", (t) => {
  const writer = new ByteWriter(1);
  writer
    .u16(0x0201)
    .u32(0x0605_0403)
    .raw(Uint8Array.of(7, 8, 9))
    .u8(10)
    .u64(11);
  t.deepEqual([...writer.finish()], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0]);
});
