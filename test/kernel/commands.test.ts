import test from "ava";
import {
  encodeDirectoryCreate,
  encodeDirectoryDrop,
  encodeDirectoryMoveBegin,
  encodeDirectoryMoveEnd,
  encodeDirectoryQuota,
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
  encodeTenantQuota,
} from "../../runtime/kernel/codecs/control-requests.js";
import {
  encodeAppend,
  encodeGroupAck,
  encodeGroupCreate,
  encodeSessionClose,
  encodeSessionOpen,
  encodeStreamCreate,
} from "../../runtime/kernel/codecs/write-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { directoryState, noShard } from "../../runtime/kernel/directory-rows.js";
import { Kernel, recordRoom, requestBytesMax } from "../../runtime/kernel/kernel.js";
import { requestKind, tenantStatus } from "../../runtime/kernel/kinds.js";
import { decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { Output } from "../../runtime/kernel/output.js";
import { directoryById, directoryByName, listDirectory } from "../../runtime/kernel/read/directory.js";
import { direction, planRead } from "../../runtime/kernel/read/events.js";
import { groupByName, listParked } from "../../runtime/kernel/read/groups.js";
import { StateReads, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { streamById } from "../../runtime/kernel/read/streams.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { appendBytesMax, appendEventsMax, groupAckWindowMax, groupParkedMax, miB } from "../../runtime/types/limits.js";
import { ModelTree } from "../store/model-tree.js";
import { dump, ShardTwin, utf8 } from "./shard-twin.js";

const tenant = 7;
const event = (text: string) => ({ format: 0, payload: utf8(text) });

function shardWithStream(quotas = quotasDefault, roomBytes?: number): ShardTwin {
  const shard = new ShardTwin({}, new ModelTree(), roomBytes);
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotas));
  shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  return shard;
}

const append = (shard: ShardTwin, count: number, text = "") => {
  const events = Array.from({ length: count }, () => event(text));
  return shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant }, 1, "any", events));
};

test("an append holds 1 to 10,000 events and 8 MiB; beyond, nothing is written", (t) => {
  const shard = shardWithStream(quotasDefault, 9 * miB);
  t.is(append(shard, appendEventsMax).outcome, decided.written);
  const before = dump(shard.state);
  t.is(append(shard, appendEventsMax + 1).error?.code, "batchTooLarge");
  t.is(append(shard, 0).error?.code, "invalidArgument");
  const sized = (bytes: number) =>
    shard.submit(requestKind.append, (out) =>
      encodeAppend(out, { tenant }, 1, "any", [
        { format: 0, payload: new Uint8Array(miB) },
        { format: 0, payload: new Uint8Array(bytes - miB - 10) },
      ]),
    );
  t.is(sized(appendBytesMax + 1).error?.code, "batchTooLarge");
  const one = { format: 0, payload: new Uint8Array(appendBytesMax - 63) };
  t.is(
    shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant }, 1, "any", [one])).error?.code,
    "eventTooLarge",
  );
  t.is(shard.submitBytes(requestKind.append, new Uint8Array(requestBytesMax + 1)).error?.code, "batchTooLarge");
  t.is(dump(shard.state), before);
  t.is(sized(appendBytesMax).outcome, decided.written);
});

test("an output without room is `full` and untouched; with a fresh one the same request is written", (t) => {
  const shard = shardWithStream();
  const body = encodeAppend(new ByteWriter(), { tenant }, 1, "any", [event("a")]).finish();
  const room = recordRoom(body.length);
  const reply = new Output(new Uint8Array(64));
  const tight = new Output(new Uint8Array(room - 1));
  t.is(
    shard.kernel.decide(shard.state, shard.request(requestKind.append, body), 9e6, tight, reply).outcome,
    decided.full,
  );
  t.deepEqual([tight.at, reply.at], [0, 0]);
  t.true(tight.bytes.every((byte) => byte === 0));
  const fresh = new Output(new Uint8Array(room));
  t.is(
    shard.kernel.decide(shard.state, shard.request(requestKind.append, body), 9e6, fresh, reply).outcome,
    decided.written,
  );
  t.true(fresh.at <= fresh.end);
});

test("a clock that stands or steps back does not: times of a tenant grow by at least 1 µs", (t) => {
  const shard = shardWithStream();
  const first = decodeAppendReply(append(shard, 1).reply).time;
  shard.time = 5;
  const second = decodeAppendReply(append(shard, 1).reply).time;
  t.is(second, first + 1);
  t.is(shard.time, second, "and the shard is told");
});

test("an expected offset that is not the next one is refused with both numbers, and nothing is written", (t) => {
  const shard = shardWithStream();
  append(shard, 2);
  const answer = shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant }, 1, 1, [event("a")]));
  t.is(answer.error?.code, "wrongExpectedOffset");
  t.deepEqual(answer.error?.detail, { stream: 1, expected: 1, next: 2 });
  t.is(answer.afterPosition, 1, "it may be said once the append that made it wrong is committed");
});

test("a key is answered as long as it is among the newest; then it is free again", (t) => {
  const shard = new ShardTwin({ idempotencyKeysMax: 3 });
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
  shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  const keyed = () =>
    shard.submit(requestKind.append, (out) =>
      encodeAppend(out, { tenant, requestKey: new Uint8Array(16).fill(5) }, 1, "any", [event("k")]),
    );
  t.is(keyed().position, 1);
  append(shard, 1);
  append(shard, 1);
  // Next is position 4, which evicts the key of position 1: until then the key holds.
  t.true(keyed().replayed);
  append(shard, 1);
  t.is(keyed().position, 5);
  t.true(keyed().replayed);
});

test("a key of a run that is under way stays known, whichever key is asked for meanwhile", (t) => {
  const shard = shardWithStream();
  shard.gap = 0;
  shard.settleEvery = 1_000;
  const keyed = (last: number, text = "k") =>
    shard.submit(requestKind.append, (out) =>
      encodeAppend(out, { tenant, requestKey: new Uint8Array(16).fill(last, 15) }, 1, "any", [event(text)]),
    );
  const [five, six, three] = [keyed(5), keyed(6), keyed(3)];
  t.deepEqual([five.position + 1, five.position + 2], [six.position, three.position]);
  for (const [last, first] of [
    [5, five],
    [6, six],
    [3, three],
  ] as const) {
    const again = keyed(last);
    t.true(again.replayed);
    t.is(decodeAppendReply(again.reply).position, first.position);
    t.is(keyed(last, "other").error?.code, "idempotencyKeyReused");
  }
  t.is(keyed(4).position, three.position + 1, "one between them is free, and continues the run");
  t.true(keyed(5).replayed);
});

test("sessions: the next number is taken, the last one is answered, all others are refused; the oldest goes at the quota", (t) => {
  const shard = shardWithStream({ ...quotasDefault, sessionsMax: 2 });
  const open = (client: number) =>
    decodeOutcomeReply(
      shard.submit(requestKind.sessionOpen, (out) =>
        encodeSessionOpen(out, { tenant }, new Uint8Array(16).fill(client)),
      ).reply,
    );
  const send = (session: number, requestNumber: number, text = "a") =>
    shard.submit(requestKind.append, (out) =>
      encodeAppend(out, { tenant, session, requestNumber }, 1, "any", [event(text)]),
    );
  const first = open(1).subject;
  t.is(first, 2, "a session's number is its position + 1");
  t.is(send(first, 1).outcome, decided.written);
  t.true(send(first, 1).replayed);
  t.is(send(first, 1, "other").error?.code, "sessionOutOfOrder");
  t.deepEqual(send(first, 3).error?.detail, { session: first, requestNumber: 3, last: 1 });
  t.is(send(first, 2).outcome, decided.written);
  t.is(send(first, 1).error?.code, "sessionOutOfOrder");
  t.is(send(99, 1).error?.code, "sessionUnknown");
  open(2);
  t.is(open(3).count, 1, "one session is evicted");
  t.is(send(first, 3).error?.code, "sessionUnknown");
  const again = open(2);
  t.is(again.count, 0, "a client that opens again replaces its own session");
  t.is(shard.submit(requestKind.sessionClose, (out) => encodeSessionClose(out, { tenant }, again.subject)).error, null);
  t.is(send(again.subject, 1).error?.code, "sessionUnknown");
  t.is(new StateReads(shard.state).tenant(tenant)?.sessions, 1);
  t.is(
    shard.submit(requestKind.sessionOpen, (out) => encodeSessionOpen(out, { tenant }, new Uint8Array(16))).error?.code,
    "invalidArgument",
  );
});

test("a group: settled out of order, retried, parked after its attempts, replayed, discarded", (t) => {
  const shard = shardWithStream();
  append(shard, 5);
  const group = { stream: 1, name: "mail", start: 0, attemptsMax: 2, timeoutMs: 100 };
  shard.submit(requestKind.groupCreate, (out) => encodeGroupCreate(out, { tenant }, group, false));
  const say = (...entries: readonly (readonly [number, "ack" | "nack" | "park" | "replay" | "discard"])[]) =>
    shard.submit(requestKind.groupAck, (out) =>
      encodeGroupAck(
        out,
        { tenant },
        1,
        "mail",
        entries.map(([offset, verdict]) => ({ offset, verdict })),
      ),
    );
  const reads = new StateReads(shard.state);
  const floor = () => groupByName(reads, tenant, 1, "mail")?.floor;
  say([1, "ack"], [2, "ack"]);
  t.is(floor(), 0);
  say([0, "ack"]);
  t.is(floor(), 3);
  say([3, "nack"]);
  t.is(floor(), 3);
  say([3, "nack"]);
  t.is(floor(), 4, "the second failure parks it");
  const id = groupByName(reads, tenant, 1, "mail")?.group ?? -1;
  t.like(listParked(reads, tenant, id, 0, 9)[0], { offset: 3, attempts: 2, reason: "attempts" });
  t.is(say([3, "ack"]).outcome, decided.answered, "what is settled stays so, and costs no record");
  say([3, "replay"]);
  t.like(groupByName(reads, tenant, 1, "mail"), { floor: 4, retrying: 1, parked: 0 });
  say([3, "park"], [4, "park"]);
  t.like(groupByName(reads, tenant, 1, "mail"), { floor: 5, retrying: 0, parked: 2 });
  say([3, "discard"], [4, "discard"]);
  t.like(groupByName(reads, tenant, 1, "mail"), { floor: 5, parked: 0 });
  t.is(say([5, "ack"]).error?.code, "invalidArgument");
  t.is(say([4, "ack"], [3, "ack"]).error?.code, "invalidArgument");
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("a group's state is bounded: events beyond its window and more parked ones than the limit are refused", (t) => {
  const shard = shardWithStream();
  append(shard, appendEventsMax);
  append(shard, appendEventsMax);
  const group = { stream: 1, name: "g", start: 0, attemptsMax: 0, timeoutMs: 100 };
  shard.submit(requestKind.groupCreate, (out) => encodeGroupCreate(out, { tenant }, group, false));
  const park = (from: number, count: number) =>
    shard.submit(requestKind.groupAck, (out) =>
      encodeGroupAck(
        out,
        { tenant },
        1,
        "g",
        Array.from({ length: count }, (_, i) => ({ offset: from + i, verdict: "park" }) as const),
      ),
    );
  t.is(park(groupAckWindowMax, 1).error?.code, "quotaExceeded");
  for (let from = 0; from < groupParkedMax; from += 1_000) t.is(park(from, 1_000).error, null);
  t.is(park(groupParkedMax, 1).error?.code, "quotaExceeded");
  t.is(park(0, 1_001).error?.code, "invalidArgument");
});

test("quotas of a tenant: set by the node, kept from the next command on, with the limit in the refusal", (t) => {
  const shard = shardWithStream();
  append(shard, 1, "x".repeat(95));
  const quotas = { ...quotasDefault, bytesMax: 200, streamsMax: 1, groupsPerStreamMax: 0 };
  shard.submit(requestKind.tenantQuota, (out) => encodeTenantQuota(out, tenant, 1, quotas));
  t.is(append(shard, 1, "x".repeat(95)).outcome, decided.written);
  t.deepEqual(append(shard, 1).error?.detail, { quota: "bytesMax", limit: 200, used: 200 });
  const create = shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "more", false));
  t.is(create.error?.code, "quotaExceeded");
  const group = { stream: 1, name: "g", start: 0, attemptsMax: 0, timeoutMs: 100 };
  const grouped = shard.submit(requestKind.groupCreate, (out) => encodeGroupCreate(out, { tenant }, group, false));
  t.is(grouped.error?.code, "quotaExceeded");
});

test("a fenced tenant takes no writes until it is unfenced; a released one says that it left", (t) => {
  const shard = shardWithStream();
  append(shard, 3);
  const control = (kind: number, epoch = 1) => shard.submit(kind, (out) => encodeTenantControl(out, tenant, epoch));
  t.is(control(requestKind.tenantRelease).error?.code, "invalidArgument", "not before it is fenced");
  t.is(control(requestKind.tenantFence, 2).error?.code, "routeStale", "not by a mover of another epoch");
  t.is(
    decodeOutcomeReply(control(requestKind.tenantFence).reply).first,
    2,
    "the fence says how many positions there are",
  );
  t.is(control(requestKind.tenantFence).outcome, decided.answered);
  t.is(append(shard, 1).error?.code, "tenantMoving");
  t.is(control(requestKind.tenantUnfence).error, null);
  t.is(append(shard, 1).outcome, decided.written);
  control(requestKind.tenantFence);
  t.is(decodeOutcomeReply(control(requestKind.tenantRelease).reply).count, 0);
  t.is(decodeOutcomeReply(control(requestKind.tenantRelease).reply).count, 1, "nothing is left");
  t.is(append(shard, 1).error?.code, "routeStale");
  t.is(new StateReads(shard.state).tenant(tenant)?.status, tenantStatus.released);
  const adopt = (epoch: number) =>
    shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, epoch, "fresh", quotasDefault));
  t.is(adopt(1).error?.code, "tenantExists", "the same epoch does not come back");
  t.is(adopt(2).outcome, decided.written);
  t.is(adopt(2).outcome, decided.answered);
  t.is(adopt(1).error?.code, "routeStale");
  t.is(
    shard.submit(requestKind.tenantActivate, (out) => encodeTenantActivate(out, tenant, 2, 0)).outcome,
    decided.answered,
  );
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("an import that skips positions and an activation before its end say how far they are; nothing is written", (t) => {
  const source = shardWithStream();
  append(source, 1);
  const target = new ShardTwin();
  target.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 2, "import", quotasDefault));
  const own = source.log.filter((entry) => entry.tenant === tenant);
  const give = (first: number, count: number, damage = 0) => {
    const records = Buffer.concat(own.slice(first, first + count).map((entry) => entry.bytes));
    records[records.length - 1] = (records.at(-1) ?? 0) ^ damage;
    return target.submit(requestKind.tenantImport, (out) => encodeTenantImport(out, tenant, 2, first, count, records));
  };
  const activate = () =>
    target.submit(requestKind.tenantActivate, (out) => encodeTenantActivate(out, tenant, 2, own.length)).error;
  t.like(give(1, 1).error, { code: "positionUnknown", detail: { tenant, next: 0, first: 1 } });
  t.is(give(0, 1, 1).error?.code, "dataCorrupt", "a damaged record is not taken over");
  t.is(give(0, 1).outcome, decided.written);
  t.like(activate(), { code: "positionUnknown", detail: { tenant, next: 1, expected: 2 } });
  t.is(append(target, 1).error?.code, "tenantMoving");
  t.is(give(1, 1).outcome, decided.written);
  t.is(activate(), null);
  t.is(append(target, 1).position, 2);
});

test("a release removes a bounded number of entries at a time", (t) => {
  const shard = shardWithStream();
  for (let i = 0; i < 1_500; i += 1) append(shard, 1);
  const control = (kind: number) => shard.submit(kind, (out) => encodeTenantControl(out, tenant, 1));
  control(requestKind.tenantFence);
  const lines = () => dump(shard.state).split("\n").length;
  const full = lines();
  control(requestKind.tenantRelease);
  t.true(full - lines() <= 2_000 && full - lines() > 1_900);
  t.is(new StateReads(shard.state).tenant(tenant)?.status, tenantStatus.releasing);
  control(requestKind.tenantRelease);
  t.is(new StateReads(shard.state).tenant(tenant)?.status, tenantStatus.released);
});

test("the directory: tenants are numbered, named once, moved under an epoch of their own, and dropped", (t) => {
  const shard = new ShardTwin();
  const reads = new StateReads(shard.state);
  const create = (name: string, ifNotExists = false) =>
    shard.submit(requestKind.directoryCreate, (out) => encodeDirectoryCreate(out, name, 1, quotasDefault, ifNotExists));
  const begin = (target: number) =>
    shard.submit(requestKind.directoryMoveBegin, (out) => encodeDirectoryMoveBegin(out, 1, target));
  const end = (kind: number, epoch: number) => shard.submit(kind, (out) => encodeDirectoryMoveEnd(out, 1, epoch));
  const { directoryMoveAbort: abort, directoryMoveCommit: commit } = requestKind;
  t.like(decodeOutcomeReply(create("main").reply), { subject: 1, first: 1, count: 1 });
  t.like(decodeOutcomeReply(create("main", true).reply), { subject: 1, first: 1, count: 0 });
  t.is(create("main").error?.code, "tenantExists");
  t.is(decodeOutcomeReply(create("other").reply).subject, 2);

  t.is(begin(1).error?.code, "invalidArgument", "not to where it is");
  t.is(begin(64).error?.code, "shardUnknown");
  t.is(decodeOutcomeReply(begin(2).reply).first, 2);
  t.is(decodeOutcomeReply(begin(2).reply).first, 2, "asked again, the same move");
  t.is(begin(3).error?.code, "tenantMoving");
  t.like(directoryById(reads, 1), { state: directoryState.moving, shard: 1, targetShard: 2, epoch: 1, lastEpoch: 2 });
  t.is(end(abort, 2).outcome, decided.written);
  t.is(end(abort, 2).outcome, decided.answered);
  t.is(end(commit, 2).error?.code, "routeStale", "it ended the other way");
  t.is(decodeOutcomeReply(begin(3).reply).first, 3, "an aborted move's epoch is used up");
  t.is(end(commit, 2).error?.code, "routeStale");
  t.is(end(commit, 3).outcome, decided.written);
  t.is(end(commit, 3).outcome, decided.answered);
  t.like(directoryByName(reads, "main"), { state: directoryState.active, shard: 3, targetShard: noShard, epoch: 3 });

  shard.submit(requestKind.directoryQuota, (out) => encodeDirectoryQuota(out, 1, { ...quotasDefault, bytesMax: 5 }));
  t.is(directoryById(reads, 1)?.quotas.bytesMax, 5);
  const drop = () => shard.submit(requestKind.directoryDrop, (out) => encodeDirectoryDrop(out, 1));
  t.is(drop().outcome, decided.written);
  t.is(drop().outcome, decided.answered);
  t.is(begin(2).error?.code, "tenantUnknown");
  t.is(directoryByName(reads, "main"), null);
  t.deepEqual(
    listDirectory(reads, 0, 10).map((row) => row.name),
    ["other"],
  );
  t.is(decodeOutcomeReply(create("main").reply).subject, 3, "the name is free again, the number is not");
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("reads at a position or a timestamp see exactly what was there", (t) => {
  const shard = shardWithStream();
  const times: number[] = [];
  for (let i = 0; i < 20; i += 1) times.push(decodeAppendReply(append(shard, 1 + (i % 3), "e").reply).time);
  const reads = new StateReads(shard.state);
  times.forEach((time, i) => {
    t.is(reads.positionsUntil(tenant, time), i + 2);
    t.is(reads.positionsUntil(tenant, time - 1), i + 1);
    const end = streamById(reads, tenant, 1, i + 2)?.nextOffset ?? -1;
    const spans = planRead(reads, tenant, 1, 0, 1_000, 1_000_000, direction.forward, end);
    t.is(spans.length, i + 1);
    t.is(spans.at(-1)?.to, end);
  });
  t.is(reads.positionsUntil(tenant, 0), 0);
  t.is(reads.positionsUntil(99, 5), 0);
  t.is(streamById(reads, tenant, 1, 0), null, "the stream did not exist yet");
  const end = streamById(reads, tenant, 1, unbounded)?.nextOffset ?? 0;
  t.is(end, 39);
  const plan = (from: number, limit: number, bytesMax: number, way: number) =>
    planRead(reads, tenant, 1, from, limit, bytesMax, way, end).map((span) => [span.from, span.to]);
  t.deepEqual(plan(3, 4, 1, direction.forward), [[3, 6]], "the byte limit ends a plan after its first span");
  t.deepEqual(
    plan(4, 3, 1_000, direction.forward),
    [
      [4, 6],
      [6, 7],
    ],
    "a plan begins and ends within appends",
  );
  t.deepEqual(
    plan(500, 3, 1_000, direction.backward),
    [
      [37, 39],
      [36, 37],
    ],
    "backward from beyond the end: from the newest",
  );
  t.deepEqual(plan(1, 9, 1_000, direction.backward), [
    [1, 2],
    [0, 1],
  ]);
  t.deepEqual(plan(39, 9, 1_000, direction.forward), [], "nothing yet");
});

test("requests for a tenant that was never here, or of the wrong kind for it, are refused", (t) => {
  const shard = shardWithStream();
  const elsewhere = shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant: 8 }, 1, "any", [event("a")]));
  t.is(elsewhere.error?.code, "tenantUnknown");
  const asSystem = shard.submit(requestKind.append, (out) => encodeAppend(out, { tenant: 0 }, 1, "any", [event("a")]));
  t.is(asSystem.error?.code, "invalidArgument");
  const body = encodeTenantControl(new ByteWriter(), tenant, 1).finish();
  body[0] = tenant;
  t.is(
    shard.submitBytes(requestKind.tenantFence, body).error?.code,
    "invalidArgument",
    "a client cannot fence its tenant",
  );
  t.is(
    shard.submitBytes(requestKind.read, encodeTenantControl(new ByteWriter(), tenant, 1).finish()).error?.code,
    "invalidArgument",
  );
  t.throws(() => new Kernel(shard.state, { idempotencyKeysMax: 0 }), { name: "AssertionFailed" });
});
