import test from "ava";
import fc from "fast-check";
import { crc32c } from "../../runtime/crypto/crc32c.js";
import { crc32cCombine } from "../../runtime/crypto/crc32c-combine.js";
import { BlockReader, BlockWriter, blockHeaderBytes } from "../../runtime/kernel/block.js";
import {
  encodeDirectoryCreate,
  encodeDirectoryDrop,
  encodeDirectoryMoveBegin,
  encodeDirectoryMoveEnd,
  encodeDirectoryOwner,
  encodeDirectoryQuota,
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
  encodeTenantQuota,
} from "../../runtime/kernel/codecs/control-requests.js";
import { decodeReadReply, eventPlaceBytes } from "../../runtime/kernel/codecs/events-reply.js";
import {
  decodeCommitsReply,
  decodeGroupGetReply,
  decodeGroupListReply,
  decodePositionGetReply,
  decodeStreamGetReply,
  decodeStreamListReply,
  encodeCommitsReply,
  encodeGroupGetReply,
  encodeGroupListReply,
  encodePositionGetReply,
  encodeStreamGetReply,
  encodeStreamListReply,
} from "../../runtime/kernel/codecs/read-replies.js";
import { decodeReadRequest, encodeReadRequest, type ReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import {
  encodeRoleMembers,
  encodeSettingChange,
  encodeUserAlter,
  encodeUserCreate,
  encodeUserDrop,
  encodeUserRename,
} from "../../runtime/kernel/codecs/user-requests.js";
import {
  encodeAppend,
  encodeGroupAck,
  encodeGroupCreate,
  encodeGroupDelete,
  encodeSessionClose,
  encodeSessionOpen,
  encodeStreamCreate,
} from "../../runtime/kernel/codecs/write-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { copyBytes, getU64, getU64OrNone, setU64 } from "../../runtime/kernel/numbers.js";
import { decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { Output } from "../../runtime/kernel/output.js";
import { RecordView } from "../../runtime/kernel/record.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import type { User } from "../../runtime/kernel/user-rows.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { dump, hex, ShardTwin, utf8 } from "./shard-twin.js";

const tenant = 7;
const user: User = {
  isSuperuser: true,
  tenants: null,
  iterations: 4_096,
  salt: new Uint8Array(16),
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
  canLogin: true,
  inherits: false,
  canCreateRole: true,
  canCreateDatabase: false,
  validUntil: null,
  connectionLimit: 3,
};
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** What untrusted bytes may do: give a value, or one of our errors. */
function valueOrError(run: () => unknown): "value" | "error" {
  try {
    run();
    return "value";
  } catch (error) {
    if (error instanceof KimberliteError) return "error";
    throw error;
  }
}

function shardWithRecords(): ShardTwin {
  const shard = new ShardTwin();
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
  shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  const requestKey = new Uint8Array(16).fill(0xab);
  const events = [
    { format: 1, payload: utf8("{}") },
    { format: 0, payload: utf8("") },
  ];
  shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant, requestKey }, 1, 0, events));
  return shard;
}

/** A block as a shard writes one, from the records of a tenant. */
function block(shard: ShardTwin): Uint8Array {
  const out = new Output(new Uint8Array(4_096));
  const writer = new BlockWriter();
  writer.begin(out, tenant, 0);
  for (const entry of shard.log) {
    if (entry.tenant !== tenant) continue;
    out.raw(entry.bytes);
    writer.add();
  }
  writer.end(out);
  return out.bytes.slice(0, out.at);
}

test("golden: a block with a created stream and an append, byte for byte", (t) => {
  t.is(
    hex(block(shardWithRecords())),
    [
      // version, tenant 7, first position 0, two records, key id and nonce zero, 154 bytes of records
      "01 0700000000000000 0000000000000000 02000000 00000000 000000000000000000000000 9a000000",
      // length, CRC-32C, kind 17, time, principal "tester", no key, schema 1, no session, no fingerprint; stream 1 "orders"
      "3d000000 71772b63 11 54420f0000000000 06746573746572 00000000000000000000000000000000 01000000 00 00000000 00000000",
      "0100000000000000 0600 6f7264657273",
      // kind 16, key ab…, fingerprint; stream 1, first offset 0, two events: JSON "{}", bytes ""
      "4d000000 08072c7e 10 5e420f0000000000 06746573746572 abababababababababababababababab 01000000 00 6891bc26 20000000",
      "0100000000000000 0000000000000000 02000000 02000000 01 7b7d 00000000 00",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

test("a block is walked as it was written; a flipped bit anywhere is corrupt or an unknown version, never wrong records", (t) => {
  const bytes = block(shardWithRecords());
  const walk = (from: Uint8Array): string[] => {
    const reader = new BlockReader(from, viewOf(from), 0, from.length, "checksums");
    const found: string[] = [];
    while (reader.nextBlock()) {
      while (reader.nextRecord()) {
        const { record } = reader;
        found.push(`${reader.tenant} ${reader.position} ${hex(from.subarray(record.from, record.to))}`);
      }
    }
    return found;
  };
  const whole = walk(bytes);
  t.is(whole.length, 2);
  let caught = 0;
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let outcome: string[] = [];
    if (valueOrError(() => (outcome = walk(flipped))) === "error") caught += 1;
    else {
      // Tenant and first position are under the prepare's digest alone.
      t.true(bit >= 8 && bit < 17 * 8, `bit ${bit} went unnoticed`);
      t.deepEqual(
        outcome.map((line) => line.split(" ")[2]),
        whole.map((line) => line.split(" ")[2]),
      );
    }
  }
  t.true(caught > bytes.length * 7);
  for (let to = 1; to < bytes.length; to += 1) {
    t.is(
      valueOrError(() => walk(bytes.subarray(0, to))),
      "error",
      `cut at ${to}`,
    );
  }
});

test("a block without records is taken back, and one that has no room for its header does not begin", (t) => {
  const out = new Output(new Uint8Array(100), 10, 90);
  const writer = new BlockWriter();
  t.true(writer.begin(out, 1, 0));
  t.is(writer.end(out), 0);
  t.is(out.at, 10);
  t.false(writer.begin(new Output(new Uint8Array(blockHeaderBytes - 1)), 1, 0));
});

test("any bytes as a block or a record: a value or a typed error", (t) => {
  const seen = { value: 0, error: 0 };
  const good = block(shardWithRecords());
  const damaged = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = good.slice();
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      const outcome = valueOrError(() => {
        const reader = new BlockReader(bytes, viewOf(bytes), 0, bytes.length, "bounds");
        while (reader.nextBlock())
          while (reader.nextRecord()) new RecordView().open(bytes, viewOf(bytes), 0, bytes.length);
      });
      seen[outcome] += 1;
    }),
    { numRuns: 3_000 },
  );
  t.true(seen.value > 100 && seen.error > 100);
});

test("any bytes as a write request: decided, and nothing written unless all of it is sound", (t) => {
  const shard = shardWithRecords();
  const kinds = Object.values(requestKind);
  const seen = new Map<string, number>();
  const head = new ByteWriter().u64(tenant).raw(new Uint8Array(32)).finish();
  const systemHead = new ByteWriter().u64(0).raw(new Uint8Array(32)).finish();
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.uint8Array({ maxLength: 90 }).map((rest) => Uint8Array.of(...head, ...rest)),
    fc.uint8Array({ maxLength: 90 }).map((rest) => Uint8Array.of(...systemHead, ...rest)),
    fc.uint8Array({ maxLength: 90 }).map((rest) => Uint8Array.of(...systemHead, tenant, 0, 0, 0, 0, 0, 0, 0, ...rest)),
  );
  // Sound requests with a few bytes changed: most of what a broken client sends.
  const any = { tenant };
  const writer = new ByteWriter();
  const sound: readonly (readonly [number, Uint8Array])[] = [
    [requestKind.append, encodeAppend(writer, any, 1, "any", [{ format: 0, payload: utf8("payload") }]).finish()],
    [requestKind.streamCreate, encodeStreamCreate(writer.reset(), any, "s", true).finish()],
    [
      requestKind.groupCreate,
      encodeGroupCreate(
        writer.reset(),
        any,
        { stream: 1, name: "g", start: 0, attemptsMax: 2, timeoutMs: 9 },
        true,
      ).finish(),
    ],
    [
      requestKind.groupAck,
      encodeGroupAck(writer.reset(), any, 1, "g", [
        { offset: 0, verdict: "park" },
        { offset: 1, verdict: "nack" },
      ]).finish(),
    ],
    [requestKind.groupDelete, encodeGroupDelete(writer.reset(), any, 1, "g").finish()],
    [requestKind.sessionOpen, encodeSessionOpen(writer.reset(), any, new Uint8Array(16).fill(1)).finish()],
    [requestKind.sessionClose, encodeSessionClose(writer.reset(), any, 3).finish()],
    [requestKind.tenantAdopt, encodeTenantAdopt(writer.reset(), 8, 1, "import", quotasDefault).finish()],
    [requestKind.tenantImport, encodeTenantImport(writer.reset(), 8, 1, 0, 1, shard.log[1]?.bytes ?? head).finish()],
    [requestKind.tenantActivate, encodeTenantActivate(writer.reset(), 8, 1, 1).finish()],
    [requestKind.tenantFence, encodeTenantControl(writer.reset(), 8, 1).finish()],
    [requestKind.tenantQuota, encodeTenantQuota(writer.reset(), 8, 1, quotasDefault).finish()],
    [requestKind.tenantRelease, encodeTenantControl(writer.reset(), 8, 1).finish()],
    [requestKind.directoryCreate, encodeDirectoryCreate(writer.reset(), "main", 1, quotasDefault, true).finish()],
    [requestKind.directoryQuota, encodeDirectoryQuota(writer.reset(), 1, quotasDefault).finish()],
    [requestKind.directoryMoveBegin, encodeDirectoryMoveBegin(writer.reset(), 1, 2).finish()],
    [requestKind.directoryMoveAbort, encodeDirectoryMoveEnd(writer.reset(), 1, 2).finish()],
    [requestKind.directoryMoveCommit, encodeDirectoryMoveEnd(writer.reset(), 1, 3).finish()],
    [requestKind.directoryDrop, encodeDirectoryDrop(writer.reset(), 1).finish()],
    [requestKind.userCreate, encodeUserCreate(writer.reset(), "u", user, "new").finish()],
    [
      requestKind.userCreate,
      encodeUserCreate(writer.reset(), "u", user, "new", [
        { action: "grant", grantor: "u", roles: ["v"], members: ["u"] },
      ]).finish(),
    ],
    [requestKind.userAlter, encodeUserAlter(writer.reset(), "u", { ...user, tenants: [1] }).finish()],
    [requestKind.userDrop, encodeUserDrop(writer.reset(), "v").finish()],
    [
      requestKind.roleMembers,
      encodeRoleMembers(writer.reset(), { action: "grant", grantor: "u", roles: ["u", "v"], members: ["w"] }).finish(),
    ],
    [requestKind.userRename, encodeUserRename(writer.reset(), "w", "x").finish()],
    [requestKind.directoryOwner, encodeDirectoryOwner(writer.reset(), 1, "u").finish()],
    [
      requestKind.settingChange,
      encodeSettingChange(writer.reset(), "u", { action: "set", tenant: 0, name: "n", value: "v" }).finish(),
    ],
    [requestKind.settingChange, encodeSettingChange(writer.reset(), "", { action: "resetAll", tenant: 1 }).finish()],
  ];
  const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2, 3, 8, 0xff)), { maxLength: 2 });
  const damaged = fc.tuple(fc.constantFrom(...sound), damage).map(([[kind, whole], changes]) => {
    const bytes = whole.slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return [kind, bytes] as const;
  });
  fc.assert(
    fc.property(fc.oneof(fc.tuple(fc.constantFrom(...kinds), body), damaged), ([kind, bytes]) => {
      const before = dump(shard.state);
      const answer = shard.submitBytes(kind, bytes);
      const code = answer.error?.code ?? `${answer.outcome}`;
      seen.set(code, (seen.get(code) ?? 0) + 1);
      if (answer.outcome !== decided.written) {
        t.is(dump(shard.state), before);
        t.is(shard.out.at, 0, "the output is as it was");
      }
    }),
    { numRuns: 4_000 },
  );
  t.log(JSON.stringify([...seen]));
  t.true((seen.get(`${decided.written}`) ?? 0) > 100);
  for (const code of ["frameInvalid", "invalidArgument", "tenantUnknown", "streamUnknown", "routeStale"])
    t.true((seen.get(code) ?? 0) > 0, code);
  t.is(dump(shard.replay().state), dump(shard.state));
});

const u64 = fc.oneof(fc.nat(20), fc.maxSafeNat());
const u32 = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xffff_ffff }));
const limit = fc.nat(1_000);
const name = fc.constantFrom("orders", "ü", "a b", "x".repeat(100));
const head = { tenant: u64, consistency: fc.constantFrom(0, 2, 4), argument: u64 };
const readRequest = fc.oneof(
  fc.record({
    ...head,
    kind: fc.constant(requestKind.read),
    stream: u64,
    from: u64,
    limit: u32,
    bytesMax: u32,
    direction: fc.nat(1),
  }),
  fc.record({ ...head, kind: fc.constant(requestKind.streamGet), by: fc.oneof(u64, name) }),
  fc.record({ ...head, kind: fc.constant(requestKind.streamList), after: fc.oneof(name, fc.constant("")), limit }),
  fc.record({ ...head, kind: fc.constant(requestKind.positionGet) }),
  fc.record({
    ...head,
    kind: fc.constant(requestKind.groupGet),
    stream: u64,
    name,
    parkedFrom: u64,
    parkedLimit: limit,
  }),
  fc.record({ ...head, kind: fc.constant(requestKind.groupList), stream: u64 }),
  fc.record({ ...head, kind: fc.constant(requestKind.commits), from: u64, limit }),
) as fc.Arbitrary<ReadRequest>;

test("read requests come back as they were sent; any bytes are a value or a typed error", (t) => {
  fc.assert(
    fc.property(readRequest, (request) => {
      const bytes = encodeReadRequest(new ByteWriter(), request).finish();
      t.deepEqual(decodeReadRequest(request.kind, bytes, 0, bytes.length), request);
      t.throws(() => decodeReadRequest(request.kind, bytes, 0, bytes.length - 1), { code: "frameInvalid" });
    }),
  );
  const seen = { value: 0, error: 0 };
  fc.assert(
    fc.property(
      fc.integer({ min: 30, max: 40 }),
      fc.uint8Array({ maxLength: 60 }),
      readRequest,
      (kind, bytes, request) => {
        seen[valueOrError(() => decodeReadRequest(kind, bytes, 0, bytes.length))] += 1;
        const sound = encodeReadRequest(new ByteWriter(), request).finish();
        sound.set(bytes.subarray(0, Math.min(2, bytes.length)), sound.length >> 1);
        seen[valueOrError(() => decodeReadRequest(request.kind, sound, 0, sound.length))] += 1;
      },
    ),
    { numRuns: 2_000 },
  );
  t.true(seen.value > 100 && seen.error > 100);
});

const stream = fc.record({
  stream: u64,
  name,
  nextOffset: u64,
  bytes: u64,
  createdPosition: fc.nat(99),
  createdTime: u64,
});
const group = fc.record({
  name,
  group: u64,
  floor: u64,
  start: u64,
  settled: u32,
  retrying: u32,
  parked: u32,
  timeoutMs: u32,
  attemptsMax: fc.nat(0xffff),
  createdTime: u64,
});
const parked = fc.record({
  offset: u64,
  position: u64,
  time: u64,
  attempts: fc.nat(0xffff),
  reason: fc.constantFrom("attempts" as const, "asked" as const),
});
const commit = fc.record({
  position: fc.nat(99),
  time: u64,
  kind: fc.nat(255),
  subject: u64,
  first: u64,
  count: u32,
  recordLength: u32,
  requestKey: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});

test("replies to reads come back as they were sent; any bytes are a value or a typed error", (t) => {
  const visible = 100;
  const list = <Value>(entry: fc.Arbitrary<Value>) => fc.array(entry, { maxLength: 4 });
  fc.assert(
    fc.property(
      list(stream),
      list(group),
      list(parked),
      list(commit),
      stream,
      group,
      (streams, groups, held, commits, one, other) => {
        const out = (): ByteWriter => new ByteWriter();
        const decoded = [
          decodeStreamGetReply(encodeStreamGetReply(out(), visible, one).finish()).stream,
          decodeStreamListReply(encodeStreamListReply(out(), visible, streams).finish()).streams,
          decodePositionGetReply(encodePositionGetReply(out(), visible, 5).finish()).time,
          decodeGroupGetReply(encodeGroupGetReply(out(), visible, other, held).finish()),
          decodeGroupListReply(encodeGroupListReply(out(), visible, groups).finish()).groups,
          decodeCommitsReply(encodeCommitsReply(out(), visible, commits).finish()).commits,
        ];
        t.deepEqual(decoded, [one, streams, 5, { visible, group: other, parked: held }, groups, commits]);
      },
    ),
  );
  const decoders = [
    decodeStreamGetReply,
    decodeStreamListReply,
    decodePositionGetReply,
    decodeGroupGetReply,
    decodeGroupListReply,
    decodeCommitsReply,
    decodeReadReply,
    decodeAppendReply,
    decodeOutcomeReply,
  ];
  let errors = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      for (const decode of decoders) if (valueOrError(() => decode(bytes)) === "error") errors += 1;
    }),
    { numRuns: 1_000 },
  );
  t.true(errors > 1_000);
  // A count that lies is refused before anything is made for it.
  t.throws(() => decodeReadReply(new ByteWriter().u64(1).u64(1).u32(0xffff_ffff).finish()), { code: "frameInvalid" });
  t.is(eventPlaceBytes, 24);
});

test("numbers and copies: words in both orders, any alignment, into shared memory too", (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const view = new DataView(new ArrayBuffer(8));
      setU64(view, 0, value);
      return getU64(view, 0) === value && view.getBigUint64(0, true) === BigInt(value);
    }),
  );
  t.is(getU64OrNone(new DataView(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0).buffer), 0), -1);
  const source = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251);
  for (const shared of [false, true]) {
    const target = new Uint8Array(shared ? new SharedArrayBuffer(220_000) : new ArrayBuffer(220_000));
    for (const [from, length, at] of [
      [3, 7, 1],
      [0, 1_024, 5],
      [5, 1_025, 2],
      [1, 65_536, 3],
      [7, 140_001, 6],
    ] as const) {
      target.fill(0);
      copyBytes(source, viewOf(source), from, from + length, target, viewOf(target), at);
      t.deepEqual(target.slice(at, at + length), source.slice(from, from + length));
      t.is(
        target.slice(0, at).reduce((sum, byte) => sum + byte, 0) +
          target.slice(at + length).reduce((sum, byte) => sum + byte, 0),
        0,
      );
    }
  }
});

test("two checksums combine into that of both byte strings", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      const both = Uint8Array.of(...first, ...second);
      return crc32cCombine(crc32c(first), crc32c(second), second.length) === crc32c(both);
    }),
  );
  const large = new Uint8Array(9_000_001).fill(0x5a);
  t.is(crc32cCombine(crc32c(large, 0, 11), crc32c(large, 11), large.length - 11), crc32c(large));
});

test("a large append with a key has the checksum and the fingerprint of its bytes, whichever way they were computed", (t) => {
  const shard = shardWithRecords();
  const requestKey = new Uint8Array(16).fill(9);
  const events = Array.from({ length: 300 }, (_, i) => ({ format: 0, payload: new Uint8Array(100).fill(i) }));
  const send = () =>
    shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant, requestKey }, 1, "any", events));
  t.is(send().outcome, decided.written);
  const { bytes } = shard.log.at(-1) ?? { bytes: new Uint8Array(0) };
  const record = new RecordView();
  record.openVerified(bytes, viewOf(bytes), 0, bytes.length);
  const body = encodeAppend(new ByteWriter(), { tenant, requestKey }, 1, "any", events).finish();
  t.is(record.requestCrc, crc32c(body, 40));
  t.true(send().replayed);
});
