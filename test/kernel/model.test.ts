import test from "ava";
import fc from "fast-check";
import {
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
} from "../../runtime/kernel/codecs/control-requests.js";
import { decodeReadReply, ReadReply } from "../../runtime/kernel/codecs/events-reply.js";
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
import { requestKind, tenantStatus, tree } from "../../runtime/kernel/kinds.js";
import { decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { listCommits } from "../../runtime/kernel/read/commits.js";
import { direction, planRead } from "../../runtime/kernel/read/events.js";
import { groupByName, listGroups, listParked, UnsettledEvents } from "../../runtime/kernel/read/groups.js";
import { StateReads, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { listStreams, streamById, streamByName } from "../../runtime/kernel/read/streams.js";
import { RecordView } from "../../runtime/kernel/record.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { ModelTree } from "../store/model-tree.js";
import { type Answer, dump, hex, ShardTwin, utf8 } from "./shard-twin.js";
import { endVersion, makeStore } from "./store-under-test.js";
import { type Command, type Expected, type Head, ModelTenant } from "./stupid-model.js";

const limits = { keysMax: 9, bytesMax: 700, streamsMax: 3, sessionsMax: 2, groupsMax: 2 };
const quotas = {
  ...quotasDefault,
  bytesMax: limits.bytesMax,
  streamsMax: limits.streamsMax,
  sessionsMax: limits.sessionsMax,
  groupsPerStreamMax: limits.groupsMax,
};
const tenants = [3, 4];

const streamName = fc.constantFrom("a", "b", "ü", "a/b");
const groupName = fc.constantFrom("g", "g", "g", "h", "i");
const stream = fc.constantFrom(1, 1, 1, 1, 1, 2, 3, 4);
const verdict = fc.constantFrom("ack", "ack", "nack", "park", "replay", "discard") as fc.Arbitrary<
  "ack" | "nack" | "park" | "replay" | "discard"
>;
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      stream,
      expected: fc.oneof({ weight: 3, arbitrary: fc.constant("any" as const) }, { weight: 1, arbitrary: fc.nat(6) }),
      payloads: fc.array(fc.string({ unit: fc.constantFrom("x", "y", "0"), maxLength: 8 }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("streamCreate" as const), name: streamName, ifNotExists: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("sessionOpen" as const), client: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("sessionClose" as const), session: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("groupCreate" as const),
      stream,
      name: groupName,
      start: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constant("head" as const) }),
      attemptsMax: fc.nat(3),
      ifNotExists: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("groupDelete" as const), stream, name: groupName }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("groupAck" as const),
      stream,
      name: groupName,
      entries: fc
        .uniqueArray(fc.record({ offset: fc.nat(9), verdict }), {
          minLength: 1,
          maxLength: 5,
          selector: (entry) => entry.offset,
        })
        .map((entries) => entries.sort((left, right) => left.offset - right.offset)),
    }),
  },
);
/** `ahead` is counted from the session's last number; 1 is the next. */
const submission = fc.record({
  tenant: fc.constantFrom(...tenants),
  key: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }) }),
  /** So many times in a row, the key counting up: what becomes a run of appends. */
  times: fc.constantFrom(1, 1, 1, 2, 3, 5),
  session: fc.constantFrom(0, 0, 0, 1, 2, 3),
  ahead: fc.constantFrom(1, 1, 1, 0, 0, 2, -1),
  again: fc.boolean(),
  command,
});
type Submission = typeof submission extends fc.Arbitrary<infer Value> ? Value : never;

/** What every run begins with, or most commands would only find that there is nothing. */
const prelude: readonly Command[] = [
  { kind: "streamCreate", name: "a", ifNotExists: false },
  { kind: "sessionOpen", client: 1 },
  { kind: "append", stream: 1, expected: 0, payloads: ["x", "y", "", "xyxy"] },
  { kind: "groupCreate", stream: 1, name: "g", start: 0, attemptsMax: 2, ifNotExists: false },
];

/** Keys of one series: they count up in the last bytes. */
const keyOf = (key: number): Uint8Array =>
  key === 0 ? new Uint8Array(16) : new Uint8Array(16).fill(key, 15).fill(7, 0, 9);

function send(shard: ShardTwin, tenant: number, head: Head, asked: Command): Answer {
  const common = {
    tenant,
    requestKey: keyOf(head.key),
    session: head.session,
    requestNumber: head.number,
  };
  switch (asked.kind) {
    case "append": {
      const events = asked.payloads.map((payload) => ({ format: payload.length % 2, payload: utf8(payload) }));
      return shard.submit(requestKind.append, (out) => encodeAppend(out, common, asked.stream, asked.expected, events));
    }
    case "streamCreate":
      return shard.submit(requestKind.streamCreate, (out) =>
        encodeStreamCreate(out, common, asked.name, asked.ifNotExists),
      );
    case "sessionOpen": {
      const client = new Uint8Array(16).fill(asked.client);
      return shard.submit(requestKind.sessionOpen, (out) => encodeSessionOpen(out, common, client));
    }
    case "sessionClose":
      return shard.submit(requestKind.sessionClose, (out) => encodeSessionClose(out, common, asked.session));
    case "groupCreate":
      return shard.submit(requestKind.groupCreate, (out) =>
        encodeGroupCreate(out, common, { ...asked, timeoutMs: 1_000 }, asked.ifNotExists),
      );
    case "groupDelete":
      return shard.submit(requestKind.groupDelete, (out) => encodeGroupDelete(out, common, asked.stream, asked.name));
    case "groupAck":
      return shard.submit(requestKind.groupAck, (out) =>
        encodeGroupAck(out, common, asked.stream, asked.name, asked.entries),
      );
  }
}

const seen = { written: 0, replayed: 0, runs: 0, refused: new Map<string, number>() };

function compare(
  t: { deepEqual: (a: unknown, b: unknown, m?: string) => unknown },
  asked: Command,
  got: Answer,
  expected: Expected,
): void {
  const { outcome, code, ...fields } = expected;
  t.deepEqual([got.outcome, got.error?.code], [outcome, code], JSON.stringify(asked));
  if (got.error !== null) {
    seen.refused.set(got.error.code, (seen.refused.get(got.error.code) ?? 0) + 1);
    return;
  }
  if (got.replayed) seen.replayed += 1;
  else if (got.outcome === decided.written) seen.written += 1;
  const { position, replayed = false, ...rest } = fields;
  if (asked.kind === "append") {
    const reply = decodeAppendReply(got.reply);
    t.deepEqual([reply.firstOffset, reply.count, reply.replayed], [rest.first, rest.count, replayed]);
    if (position !== undefined) t.deepEqual(reply.position, position);
    return;
  }
  const reply = decodeOutcomeReply(got.reply);
  t.deepEqual(
    [reply.subject, reply.first, reply.count, reply.replayed],
    [rest.subject, rest.first, rest.count, replayed],
  );
  if (position !== undefined) t.deepEqual(reply.position, position);
}

function run(
  t: { deepEqual: (a: unknown, b: unknown, m?: string) => unknown },
  submissions: readonly Submission[],
  settleEvery = 1,
): { shard: ShardTwin; models: Map<number, ModelTenant> } {
  const shard = new ShardTwin({ idempotencyKeysMax: limits.keysMax });
  shard.gap = 0;
  shard.settleEvery = settleEvery;
  const models = new Map<number, ModelTenant>();
  for (const tenant of tenants) {
    models.set(tenant, new ModelTenant(limits));
    shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotas));
  }
  const last = new Map<number, [Head, Command]>();
  for (const tenant of tenants) {
    for (const asked of prelude) {
      const head = { key: 0, session: 0, number: 0 };
      compare(t, asked, send(shard, tenant, head, asked), (models.get(tenant) as ModelTenant).submit(head, asked));
    }
  }
  for (const one of submissions) {
    const model = models.get(one.tenant) as ModelTenant;
    const open = model.sessions[one.session - 1];
    const unknown = one.ahead === 2 ? 99 : 0;
    const session = one.session === 0 ? 0 : (open?.session ?? unknown);
    const number = session === 0 ? 0 : Math.max(1, (open?.last ?? 0) + one.ahead);
    let [head, asked]: [Head, Command] = [{ key: one.key, session, number }, one.command];
    // A client that did not hear its answer sends exactly the same again.
    if (one.again && one.ahead === 0) [head, asked] = last.get(one.tenant) ?? [head, asked];
    last.set(one.tenant, [head, asked]);
    const times = asked.kind === "append" && session === 0 ? one.times : 1;
    for (let i = 0; i < times; i += 1) {
      const next = { ...head, key: head.key === 0 ? 0 : head.key + i };
      compare(t, asked, send(shard, one.tenant, next, asked), model.submit(next, asked));
    }
  }
  shard.kernel.settle(shard.state);
  return { shard, models };
}

function read(
  shard: ShardTwin,
  reads: StateReads,
  tenant: number,
  number: number,
  way: number,
  bound: number,
): [number, number, string][] {
  const end = streamById(reads, tenant, number, bound)?.nextOffset ?? 0;
  const spans = planRead(reads, tenant, number, way === direction.backward ? 1_000 : 0, 1_000, 1_000_000, way, end);
  const reply = new ReadReply(new ByteWriter(), bound, end, 1_000_000);
  const record = new RecordView();
  for (const span of spans) {
    const { bytes, from } = fetch(shard, span.address);
    const view = new DataView(bytes.buffer);
    record.openVerified(bytes, view, from, bytes.length);
    reply.add(span, way, bytes, view, from, record.to);
  }
  const { events } = decodeReadReply(reply.finish().finish());
  return events.map(({ offset, position, payload }) => [offset, position, Buffer.from(payload).toString()]);
}

/** The record at a log address: one of its own in the log, or one inside an import. */
function fetch(shard: ShardTwin, address: number): { bytes: Uint8Array; from: number } {
  const entry = shard.log.find((one) => one.address <= address && address < one.address + one.bytes.length);
  if (entry === undefined) throw new Error(`no record at ${address}`);
  return { bytes: entry.bytes, from: address - entry.address };
}

function compareReads(
  t: { deepEqual: (a: unknown, b: unknown, m?: string) => unknown },
  shard: ShardTwin,
  models: Map<number, ModelTenant>,
): void {
  const reads = new StateReads(shard.state);
  for (const [tenant, model] of models) {
    const info = reads.tenant(tenant);
    t.deepEqual(
      [info?.nextPosition, info?.streams, info?.storedBytes, info?.sessions],
      [model.done.length, model.streams.length, model.storedBytes(), model.sessions.length],
    );
    t.deepEqual(
      listCommits(reads, tenant, 0, 1_000, unbounded).map(({ position, subject, first, count }) => ({
        position,
        subject,
        first,
        count,
      })),
      model.done.map(({ subject, first, count }, position) => ({ position, subject, first, count })),
    );
    for (const bound of [unbounded, Math.floor(model.done.length / 2)]) {
      const named = model.streams
        .filter((one) => one.created < bound)
        .map((one) => one.name)
        .sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      t.deepEqual(
        listStreams(reads, tenant, "", 100, bound).map((one) => one.name),
        named,
      );
      if (named.length > 1) {
        t.deepEqual(
          listStreams(reads, tenant, named[0] ?? "", 1, bound).map((one) => one.name),
          [named[1]],
        );
      }
      model.streams.forEach((expected, i) => {
        const info = streamByName(reads, tenant, expected.name, bound);
        if (expected.created >= bound) return t.deepEqual(info, null);
        const events = expected.events.flatMap(({ payload, position }, offset) =>
          position < bound ? [[offset, position, payload]] : [],
        );
        const bytes = events.reduce((sum, event) => sum + (event[2] as string).length + 5, 0);
        t.deepEqual([info?.stream, info?.nextOffset, info?.bytes], [i + 1, events.length, bytes]);
        t.deepEqual(read(shard, reads, tenant, i + 1, direction.forward, bound), events as never);
        t.deepEqual(read(shard, reads, tenant, i + 1, direction.backward, bound), events.reverse() as never);
        return undefined;
      });
    }
    model.streams.forEach((expected, i) => {
      t.deepEqual(
        listGroups(reads, tenant, i + 1).map((group) => group.name),
        expected.groups.map((group) => group.name).sort(),
      );
      for (const group of expected.groups) {
        const info = groupByName(reads, tenant, i + 1, group.name);
        if (info === null) throw new Error("a group of the model is missing");
        t.deepEqual(
          [info.floor, info.start, info.parked, info.retrying],
          [group.floor, group.start, group.parked.size, group.retrying.size],
        );
        t.deepEqual(
          listParked(reads, tenant, info.group, 0, 100).map(({ offset, attempts }) => [offset, attempts]),
          [...group.parked].sort((left, right) => left[0] - right[0]),
        );
        const unsettled: [number, number][] = [];
        const walk = new UnsettledEvents(reads).open(tenant, info, 0, expected.events.length);
        while (walk.next()) unsettled.push([walk.offset, walk.attempts]);
        t.deepEqual(unsettled, model.unsettled(group, expected.events.length));
      }
    });
  }
}

/**
 * A tenant's own state without log addresses, and with the commands of a run one by one: what a move must carry over unchanged. Where
 * runs begin and end is a matter of the log that they lie in.
 */
function tenantDump(shard: ShardTwin, tenant: number): string {
  const prefix = hex(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, tenant));
  const inRuns = [tree.events, tree.commits, tree.requestKeys].map(String);
  const rows = dump(shard.state)
    .split("\n")
    .map((line) => line.split(" ") as [string, string, string])
    .filter(([number, key]) => number !== "1" && number !== "11" && key.startsWith(prefix));
  const reads = new StateReads(shard.state);
  const commits = listCommits(reads, tenant, 0, 10_000, unbounded).map((one) => ({ ...one, address: 0 }));
  const streams = listStreams(reads, tenant, "", 100, unbounded).map(({ stream: number, nextOffset }) =>
    planRead(reads, tenant, number, 0, 10_000, 1_000_000, direction.forward, nextOffset).map((one) => ({
      ...one,
      address: 0,
    })),
  );
  const isGone = commits.length === 0 && streams.flat().length === 0;
  const others = rows.filter(([number]) => isGone || !inRuns.includes(number)).map((row) => row.join(" "));
  const plain = (_name: string, value: unknown): unknown => (value instanceof Uint8Array ? hex(value) : value);
  return isGone
    ? others.join("\n")
    : JSON.stringify([others, commits, streams, keysOf(rows, commits.length - limits.keysMax)], plain);
}

/** Request keys one by one, each with its position. Forgotten ones may still be in a row. */
const keysOf = (rows: readonly [string, string, string][], oldest: number): string[] =>
  rows
    .filter(([number]) => number === String(tree.requestKeys))
    .flatMap(([, key, value]) => {
      const row = Buffer.from(value, "hex");
      const last = Number.parseInt(key.slice(-8), 16);
      const count = row.readUInt32LE(8);
      if (count > 1) seen.runs += 1;
      const places = Array.from({ length: count }, (_, i) => [last + i, row.readUInt32LE(0) + i] as const);
      return places
        .filter(([, position]) => position >= oldest)
        .map(([word, position]) => `${key.slice(0, -8)}${word} ${position}`);
    });

function moveTenant(source: ShardTwin, target: ShardTwin, tenant: number, chunk: number): void {
  const reads = new StateReads(source.state);
  const fence = decodeOutcomeReply(
    source.submit(requestKind.tenantFence, (out) => encodeTenantControl(out, tenant, 1)).reply,
  );
  target.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 2, "import", quotas));
  for (let from = 0; from < fence.first; from += chunk) {
    const commits = listCommits(reads, tenant, from, chunk, unbounded);
    const records = Buffer.concat(
      commits.map(({ address, recordLength }) => {
        const { bytes, from: at } = fetch(source, address);
        return bytes.subarray(at, at + recordLength);
      }),
    );
    const body = (out: ByteWriter): ByteWriter => encodeTenantImport(out, tenant, 2, from, commits.length, records);
    target.submit(requestKind.tenantImport, body);
    // A mover that did not hear the answer sends the same again: answered, nothing written twice.
    const written = target.log.length;
    target.submit(requestKind.tenantImport, body);
    if (target.log.length !== written) throw new Error("an import was written twice");
  }
  target.submit(requestKind.tenantActivate, (out) => encodeTenantActivate(out, tenant, 2, fence.first));
}

test("random commands: the kernel agrees with its stupid twin, replay with the live state, a moved tenant with its source", (t) => {
  fc.assert(
    fc.property(
      fc.array(submission, { minLength: 10, maxLength: 80, size: "max" }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      (submissions, chunk, settleEvery) => {
        const { shard, models } = run(t, submissions, settleEvery);
        compareReads(t, shard, models);
        t.is(dump(shard.replay(new ModelTree(), chunk).state), dump(shard.state), "replay equals live");
        shard.settleEvery = 1;

        const target = new ShardTwin({ idempotencyKeysMax: limits.keysMax }, new ModelTree());
        for (const tenant of tenants) {
          moveTenant(shard, target, tenant, chunk);
          t.is(tenantDump(target, tenant), tenantDump(shard, tenant), "a moved tenant is the same but for addresses");
        }
        compareReads(t, target, models);
        t.is(dump(target.replay().state), dump(target.state), "an import replays");

        // What is left behind is removed, in bounded steps, until only the tombstone stands.
        for (const tenant of tenants) {
          let done = 0;
          for (let i = 0; i < 4 && done === 0; i += 1) {
            done = decodeOutcomeReply(
              shard.submit(requestKind.tenantRelease, (out) => encodeTenantControl(out, tenant, 1)).reply,
            ).count;
          }
          t.is(done, 1);
          t.is(tenantDump(shard, tenant), "");
          t.is(new StateReads(shard.state).tenant(tenant)?.status, tenantStatus.released);
        }
        t.is(dump(shard.replay().state), dump(shard.state), "a release replays");
      },
    ),
    { numRuns: 300 },
  );
  t.log(
    `written ${seen.written}, replayed ${seen.replayed}, runs ${seen.runs}, refused ${JSON.stringify([...seen.refused])}`,
  );
  t.true(seen.written > 1_000 && seen.replayed > 50 && seen.runs > 100);
  for (const code of [
    "streamUnknown",
    "streamExists",
    "wrongExpectedOffset",
    "quotaExceeded",
    "idempotencyKeyReused",
    "sessionUnknown",
    "sessionOutOfOrder",
    "groupUnknown",
    "groupExists",
    "invalidArgument",
  ]) {
    t.true((seen.refused.get(code) ?? 0) > 0, `${code} was met`);
  }
});

test("the real store ends with the same bytes as the sorted arrays, live and at replay, version by version", (t) => {
  let commands = 0;
  let versions = 0;
  fc.assert(
    fc.property(
      fc.array(submission, { minLength: 20, maxLength: 80, size: "max" }),
      fc.integer({ min: 1, max: 7 }),
      (submissions, versionCommands) => {
        const { shard, models } = run(t, submissions);
        const store = makeStore(4 * 1024 * 1024);
        const live = new ShardTwin({ idempotencyKeysMax: limits.keysMax }, store);
        for (const entry of shard.log) {
          const { bytes, tenant, position, address } = entry;
          live.log.push(entry);
          live.kernel.apply(store, bytes, new DataView(bytes.buffer), 0, bytes.length, tenant, position, address);
          commands += 1;
          if (commands % versionCommands !== 0) continue;
          live.kernel.settle(store);
          endVersion(store);
          versions += 1;
        }
        live.kernel.settle(store);
        t.is(dump(store), dump(shard.state));
        compareReads(t, live, models);

        // What was decided and not committed is dropped with its version, and decided again the same way.
        endVersion(store);
        const before = dump(store);
        const head = { key: 0, session: 0, number: 0 };
        const asked: Command = { kind: "append", stream: 1, expected: "any", payloads: ["lost"] };
        live.time = shard.time;
        const first = send(live, 3, head, asked);
        store.rollbackTo(store.publishedVersion);
        t.is(dump(store), before, "a version that is rolled back takes everything with it");
        if (first.outcome === decided.written) {
          live.time = shard.time;
          t.deepEqual(send(live, 3, head, asked), first);
        }
        store.close();
      },
    ),
    { numRuns: 40 },
  );
  t.log(`${commands} commands in ${versions} versions`);
  t.true(commands > 500 && versions > 100);
});
