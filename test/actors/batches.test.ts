/**
 * Packed batches between gateways, shards and projections; the queue of a shard; the gateway's table of requests; pieces of large records.
 */
import test from "ava";
import fc from "fast-check";
import { BatchBuffer } from "../../actors/messages/batch-buffer.js";
import { Interned } from "../../actors/messages/interned.js";
import { decodeErrorBody, ReplyBatchReader, ReplyBatchWriter } from "../../actors/messages/reply-batch.js";
import {
  deadlinesFrom,
  deadlinesLeft,
  RequestBatchReader,
  RequestBatchWriter,
} from "../../actors/messages/request-batch.js";
import type { SqlRequest } from "../../actors/messages/sql.js";
import { decodeSqlRequest, encodeSqlRequest, writeSqlRequest } from "../../actors/messages/sql-codec.js";
import { isAnsweredShortly, noSession, sessionOf } from "../../actors/messages/sql-head.js";
import { cutRecord, narrowedTo, pieceCount, piecesHold, piecesOf } from "../../actors/projection/record-pieces.js";
import { Proposal } from "../../actors/shard/proposal.js";
import { type QueuedRequest, RequestQueue } from "../../actors/shard/request-queue.js";
import { decodeVersionHeader, VersionHeaderWriter } from "../../actors/shard/version-header.js";
import { RequestTable } from "../../protocol/server/request-table.js";
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import { SpanEvents } from "../../runtime/kernel/codecs/events-reply.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const bytes = fc.uint8Array({ maxLength: 300 });

test("a batch of requests comes out as it went in, in exact-size bytes", (t) => {
  const request = fc.record({
    correlation: fc.nat(0xffff_ffff),
    deadline: fc.double({ noNaN: true }),
    kind: fc.nat(255),
    principal: fc.uint8Array({ maxLength: 255 }),
    body: bytes,
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 50 }), (requests) => {
      const writer = new RequestBatchWriter();
      for (const { correlation, deadline, kind, principal, body } of requests) {
        writer.add(correlation, deadline, kind, principal, body, 0, body.length);
      }
      const packed = writer.take();
      t.is(packed.byteLength, packed.buffer.byteLength);
      const reader = new RequestBatchReader().open(packed);
      for (const expected of requests) {
        t.true(reader.next());
        t.deepEqual(
          {
            correlation: reader.correlation,
            deadline: reader.deadline,
            kind: reader.kind,
            principal: packed.slice(reader.principalFrom, reader.principalTo),
            body: packed.slice(reader.bodyFrom, reader.bodyTo),
          },
          expected,
        );
      }
      t.false(reader.next());
    }),
    { numRuns: 50 },
  );
});

test("a deadline crosses between nodes as what is left of it, whatever their clocks say; none stays none", (t) => {
  const writer = new RequestBatchWriter();
  const [here, there] = [1_795_000_000_000, 1_795_000_000_000 - 3_600_000];
  const none = new Uint8Array(0);
  for (const deadline of [here + 250, 0, here, here - 5_000]) writer.add(1, deadline, 16, none, none, 0, 0);
  const packed = writer.take();
  deadlinesLeft(packed, here);
  deadlinesFrom(packed, there);
  const reader = new RequestBatchReader().open(packed);
  const arrived: number[] = [];
  while (reader.next()) arrived.push(reader.deadline);
  t.deepEqual(arrived, [there + 250, 0, there - 1, there - 5_000], "one that is just passing has passed");
});

test("a batch of replies carries bodies and typed errors", (t) => {
  const writer = new ReplyBatchWriter();
  const body = Uint8Array.from({ length: 200 }, (_, i) => i);
  writer.ok(7, body);
  writer.ok(8, body, 10, 20);
  writer.fail(9, new KimberliteError("wrongExpectedOffset", "at 4", { detail: { next: 4 } }));
  const reader = new ReplyBatchReader().open(writer.take());
  t.true(reader.next());
  t.deepEqual(reader.body(), body);
  t.true(reader.next());
  t.deepEqual(reader.body(), body.slice(10, 20));
  t.true(reader.next());
  t.is(reader.correlation, 9);
  const record = decodeErrorBody(reader.status, reader.body());
  t.is(record.code, "wrongExpectedOffset");
  t.deepEqual(record.detail, { next: 4 });
  t.is(record.outcome, "notCommitted");
  t.false(reader.next());
});

test("a refused prepare answers with the refusal alone: what it would have answered is forgotten", (t) => {
  const sent: { bytes: Uint8Array; count: number }[] = [];
  const context = { tell: (_port: unknown, message: { bytes: Uint8Array; count: number }) => sent.push(message) };
  const port = { neighbour: "gateway-0", isOpen: true } as unknown as Port;
  const proposal = new Proposal();
  proposal.ok(port, 5, new Uint8Array([1, 2, 3]), 0, 3);
  proposal.refuse(context as unknown as ActorContext, new KimberliteError("diskFull"));
  proposal.ok(port, 6, new Uint8Array([4]), 0, 1);
  proposal.send(context as unknown as ActorContext);
  t.is(sent.length, 2);
  const reader = new ReplyBatchReader().open(sent[0].bytes);
  t.true(reader.next());
  t.is(reader.correlation, 5);
  t.is(decodeErrorBody(reader.status, reader.body()).code, "diskFull");
  t.false(reader.next());
  reader.open(sent[1].bytes);
  t.true(reader.next());
  t.is(reader.correlation, 6);
  t.is(reader.status, 0);
  t.false(reader.next(), "nothing of the refused prepare follows");
});

test("a giant entry does not pin its memory: the next batch begins small", (t) => {
  const buffer = new BatchBuffer(1024);
  buffer.entry(100);
  const small = buffer.bytes;
  t.is(buffer.take().length, 100);
  t.is(buffer.bytes, small, "memory of an ordinary size is used again");
  buffer.entry(8 * 1024 * 1024);
  t.is(buffer.take().length, 8 * 1024 * 1024);
  t.is(buffer.bytes.length, 1024);
  t.is(buffer.count, 0);
});

test("an empty batch is not sent", (t) => {
  t.throws(() => new RequestBatchWriter().take(), { message: /an empty batch is not sent/ });
  t.throws(() => new ReplyBatchWriter().take(), { message: /an empty batch is not sent/ });
});

const queued = (correlation: number, size = 1): QueuedRequest => ({
  bytes: new Uint8Array(size),
  view: new DataView(new ArrayBuffer(size)),
  port: null,
  envelope: null,
  correlation,
  deadline: 0,
  kind: 16,
  principalFrom: 0,
  principalTo: 0,
  bodyFrom: 0,
  bodyTo: size,
});

test("the queue keeps the order of each tenant and counts what it holds, as plain arrays do", (t) => {
  const step = fc.oneof(
    fc.record({ push: fc.nat(4), size: fc.nat(50) }),
    fc.record({ shift: fc.nat(4) }),
    fc.record({ end: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new RequestQueue();
      const model = new Map<number, { correlation: number; size: number }[]>();
      let next = 0;
      for (const action of steps) {
        if ("push" in action) {
          queue.push(action.push, queued(next, action.size));
          const list = model.get(action.push) ?? [];
          list.push({ correlation: next, size: action.size });
          model.set(action.push, list);
          next += 1;
        } else if ("shift" in action) {
          const expected = model.get(action.shift)?.[0];
          t.is(queue.peek(action.shift)?.correlation, expected?.correlation);
          if (expected === undefined) continue;
          queue.shift(action.shift);
          model.get(action.shift)?.shift();
        } else queue.endTurn(action.end);
      }
      const left = [...model.values()].flat();
      t.is(queue.count, left.length);
      t.is(
        queue.bytes,
        left.reduce((sum, entry) => sum + entry.size, 0),
      );
      for (const [tenant, list] of model) t.is(queue.peek(tenant)?.correlation, list[0]?.correlation);
    }),
    { numRuns: 100 },
  );
});

test("tenants take turns in being first", (t) => {
  const queue = new RequestQueue();
  for (const tenant of [1, 2, 3]) for (let i = 0; i < 3; i++) queue.push(tenant, queued(tenant * 10 + i));
  t.deepEqual(queue.tenants(), [1, 2, 3]);
  queue.shift(1);
  queue.endTurn(1);
  t.deepEqual(queue.tenants(), [2, 3, 1], "who was served goes behind the others");
  for (let i = 0; i < 3; i++) queue.shift(2);
  queue.endTurn(2);
  t.deepEqual(queue.tenants(), [3, 1], "who has nothing left leaves");
  t.throws(() => queue.shift(2), { message: /only a request that waits is removed/ });
});

test("an answer to an earlier use of a slot finds no one", (t) => {
  const table = new RequestTable<string>();
  const first = table.open("a", 1, 16, 0, 0);
  const slot = table.find(first);
  t.is(table.owner(slot), "a");
  table.close(slot);
  t.is(table.find(first), -1);
  const second = table.open("b", 2, 16, 1, 0);
  t.not(second, first);
  t.is(table.find(first), -1, "the slot is in use again, by another");
  t.is(table.owner(table.find(second)), "b");
  t.deepEqual(table.slotsOf(1), [table.find(second)]);
  t.deepEqual(table.slotsOf(0), []);
  t.is(table.count, 1);
});

test("a version header says what it stands for, and refuses another layout", (t) => {
  const writer = new VersionHeaderWriter();
  const bytes = writer.encode(12, 2 ** 40, 2 ** 50).slice();
  t.deepEqual(decodeVersionHeader(bytes), { op: 12, logEnd: 2 ** 40, time: 2 ** 50, hasLongKeys: false });
  writer.hasLongKeys = true;
  t.deepEqual(decodeVersionHeader(writer.encode(13, 1, 2)), { op: 13, logEnd: 1, time: 2, hasLongKeys: true });
  const other = bytes.slice();
  other[0] = 1;
  t.throws(() => decodeVersionHeader(other), { code: "formatUnsupported" });
});

test("pieces of a large record give the events that the whole gives, and notice every changed byte", (t) => {
  let parts = 0;
  fc.assert(
    fc.property(
      fc.array(fc.nat(3_000), { minLength: 4, maxLength: 60 }),
      fc.nat(90),
      fc.nat(1_000),
      fc.nat(1_000),
      fc.nat(1_000_000),
      (sizes, head, a, b, where) => {
        const recordFrom = 13;
        const eventsLength = sizes.reduce((sum, size) => sum + size + 5, 0);
        const bytes = new Uint8Array(recordFrom + head + eventsLength).map((_, i) => (i * 131) & 0xff);
        const view = new DataView(bytes.buffer);
        let at = recordFrom + head;
        for (const size of sizes) {
          view.setUint32(at, size, true);
          at += 5 + size;
        }
        const [from, to] = [
          Math.min(a % sizes.length, b % sizes.length),
          Math.max(a % sizes.length, b % sizes.length) + 1,
        ];
        const place = { position: 9, time: 1, address: 0, eventsAt: head, eventsLength };
        const span = { ...place, firstOffset: 100, count: sizes.length, from: 100 + from, to: 100 + to };
        const pieces = cutRecord(view, recordFrom, span);
        const wanted = piecesOf(pieces, span);
        if (wanted === null) return;
        parts += 1;
        const [first, last] = wanted;
        const part = narrowedTo(pieces, span, first, last);
        const start = recordFrom + (pieces.places[first] ?? 0);
        const cut = bytes.slice(start, start + part.eventsLength);
        const cutView = new DataView(cut.buffer);
        t.true(piecesHold(pieces, first, last, cutView, 0));
        const whole = new SpanEvents().open(view, recordFrom, bytes.length, span);
        const some = new SpanEvents().open(cutView, 0, cut.length, part);
        for (let offset = span.from; offset < span.to; offset++) {
          t.deepEqual(
            cut.subarray(some.from(offset), some.to(offset)),
            bytes.subarray(whole.from(offset), whole.to(offset)),
          );
        }
        const flipped = where % cut.length;
        cut[flipped] = (cut[flipped] ?? 0) ^ 4;
        t.false(piecesHold(pieces, first, last, cutView, 0));
        t.true(pieceCount(pieces) <= 1 + eventsLength / 4096);
      },
    ),
    { numRuns: 200 },
  );
  t.true(parts > 50);
});

const statement = (over: Partial<SqlRequest> = {}): SqlRequest => ({
  kind: "execute",
  tenant: 7,
  session: 1,
  user: "admin",
  database: "main",
  text: "SELECT v FROM points WHERE k = $1",
  syntax: Uint8Array.of(1, 2, 3),
  parameterTypes: [20],
  parameters: [
    { format: 0, bytes: Uint8Array.of(0x34, 0x32) },
    { format: 1, bytes: null },
  ],
  resultFormats: [1],
  roles: "[]",
  columns: [{ name: "v", table: 9, column: 2, type: 25, typeLength: -1, modifier: -1 }],
  rowsMax: 0,
  cursor: 0,
  atLeast: 41,
  isLinearizable: true,
  settings: [["TimeZone", "Europe/Zürich"]],
  transaction: { isOpen: true, isolation: "serializable", isReadOnly: true, requests: 2, snapshot: -1, startedAt: 5 },
  ...over,
});

test("the head of a packed statement says whose it is, and whether its answer is short whatever it does", (t) => {
  const packed = (over: Partial<SqlRequest>) => {
    const body = encodeSqlRequest(statement(over));
    const bytes = new Uint8Array(body.length + 3);
    bytes.set(body, 3);
    return {
      bytes,
      view: new DataView(bytes.buffer),
      kind: requestKind.sql,
      bodyFrom: 3,
      bodyTo: bytes.length,
    } as const;
  };
  for (const session of [1, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
    const request = packed({ session });
    t.is(sessionOf(request), session);
    t.is(sessionOf({ ...request, kind: requestKind.append }), noSession);
    t.is(sessionOf({ ...request, bodyTo: 3 + 16 }), noSession, "one that is too short is refused later");
  }
  const ends = ["close", "end", "commit", "rollback", "savepoint", "load"] as const;
  for (const kind of ends) t.true(isAnsweredShortly(packed({ kind })), kind);
  for (const kind of ["describe", "fetch", "listen"] as const) t.false(isAnsweredShortly(packed({ kind })), kind);
  const writes = ["INSERT INTO t VALUES (1)", "  update t\nSET a = 1", "Delete from t"];
  for (const text of writes) {
    t.true(isAnsweredShortly(packed({ text })), text);
    t.false(isAnsweredShortly(packed({ text: `${text}\nReturning *` })), text);
    const whole = packed({ text });
    for (let bodyTo = 3; bodyTo < whole.bodyTo; bodyTo++) t.notThrows(() => isAnsweredShortly({ ...whole, bodyTo }));
  }
  for (const text of [
    "SELECT 1",
    "WITH x AS (DELETE FROM t) SELECT 1",
    "EXPLAIN INSERT INTO t VALUES (1)",
    "",
    "inserts",
  ]) {
    t.false(isAnsweredShortly(packed({ text })), text);
  }
});

test("a statement comes out as it went in; requests of one shape share it, whatever else they say", (t) => {
  const first = decodeSqlRequest(encodeSqlRequest(statement()));
  const { shape, ...rest } = first;
  t.deepEqual(rest, statement());
  t.deepEqual(shape.settings, [["TimeZone", "Europe/Zürich"]]);
  const later = statement({ session: 2, parameters: [], shape });
  const again = decodeSqlRequest(writeSqlRequest(later, new ByteWriter(), "without").finish());
  t.is(again.shape, shape, "it is known again by its bytes");
  t.is(again.syntax.length, 0);
  for (const other of [
    { user: "ann" },
    { tenant: 8 },
    { parameterTypes: [23] },
    { resultFormats: [] },
    { settings: [] },
  ]) {
    t.not(decodeSqlRequest(encodeSqlRequest(statement(other))).shape, shape);
  }
});

test("isolation: a statement's shape is of the tenant that its request is routed by", (t) => {
  const bytes = encodeSqlRequest(statement());
  bytes[0] = 9;
  t.throws(() => decodeSqlRequest(bytes), { message: /another tenant/ });
});

test("what is interned is the same object for the same bytes, never for others, and is bounded", (t) => {
  let decoded = 0;
  const texts = new Interned(
    (bytes, from, to) => {
      decoded += 1;
      return { text: String.fromCharCode(...bytes.subarray(from, to)) };
    },
    { countMax: 8, bytesMax: 64 * 1024 },
  );
  const of = (text: string): { readonly text: string } => {
    const bytes = Uint8Array.from(`<${text}>`, (letter) => letter.charCodeAt(0));
    return texts.of(bytes, 1, bytes.length - 1);
  };
  t.is(of("one"), of("one"));
  t.is(decoded, 1);
  for (let number = 0; number < 1_000; number++) t.is(of(`text ${number}`).text, `text ${number}`);
  t.true(texts.count <= 8);
  t.is(of("").text, "");
});
