import test from "ava";
import {
  encodeDirectoryCreate,
  encodeDirectoryMoveBegin,
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
} from "../../runtime/kernel/codecs/control-requests.js";
import { ReadReply } from "../../runtime/kernel/codecs/events-reply.js";
import {
  encodeAppend,
  encodeGroupAck,
  encodeGroupCreate,
  encodeSessionOpen,
  encodeStreamCreate,
} from "../../runtime/kernel/codecs/write-requests.js";
import { commitField } from "../../runtime/kernel/commit-row.js";
import { effect } from "../../runtime/kernel/group-rows.js";
import { requestKind, tree } from "../../runtime/kernel/kinds.js";
import { direction, planRead } from "../../runtime/kernel/read/events.js";
import { groupByName, UnsettledEvents } from "../../runtime/kernel/read/groups.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { sealRecord } from "../../runtime/kernel/record.js";
import { StateKeys } from "../../runtime/kernel/state-keys.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { ModelTree } from "../store/model-tree.js";
import { ShardTwin, utf8 } from "./shard-twin.js";

const tenant = 7;
const keys = new StateKeys();
const event = { format: 0, payload: utf8("event") };

interface Forged {
  readonly kind: number;
  readonly facts: (out: ByteWriter) => ByteWriter;
  readonly time?: number;
  readonly key?: number;
  readonly session?: number;
  readonly requestNumber?: number;
}

/** A record that no `decide` would write. */
function forge({ kind, facts, time = 9_000_000, key = 0, session = 0, requestNumber = 0 }: Forged): Uint8Array {
  const out = new ByteWriter().u32(0).u32(0).u8(kind).u64(time).u8(0).raw(new Uint8Array(16).fill(key)).u32(1);
  if (session === 0) out.u8(0);
  else out.u8(1).u64(session).u64(requestNumber);
  const bytes = facts(out.u32(0).u32(0)).finish();
  sealRecord(bytes, new DataView(bytes.buffer), 0, bytes.length);
  return bytes;
}

function apply(shard: ShardTwin, record: Uint8Array, to: number, position?: number): void {
  const next = new StateReads(shard.state).tenant(to)?.nextPosition ?? 0;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  shard.kernel.apply(shard.state, record, view, 0, record.length, to, position ?? next, shard.address);
  shard.kernel.settle(shard.state);
}

/** One tenant with one stream of two appends, a session, and a group whose event 0 is settled. Next position: 5. */
function shardInUse(options = {}): ShardTwin {
  const shard = new ShardTwin(options);
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
  shard.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "orders", false));
  append(shard, 0);
  append(shard, 0);
  shard.submit(requestKind.sessionOpen, (out) => encodeSessionOpen(out, { tenant }, new Uint8Array(16).fill(1)));
  const group = { stream: 1, name: "g", start: 0, attemptsMax: 0, timeoutMs: 1 };
  shard.submit(requestKind.groupCreate, (out) => encodeGroupCreate(out, { tenant }, group, false));
  return shard;
}

const append = (shard: ShardTwin, key: number) =>
  shard.submit(requestKind.append, (out) =>
    encodeAppend(out, { tenant, requestKey: new Uint8Array(16).fill(key) }, 1, "any", [event]),
  );

const appendFacts =
  (stream: number, first: number) =>
  (out: ByteWriter): ByteWriter =>
    out.u64(stream).u64(first).u32(1).u32(1).u8(0).u8(65);

const ackFacts =
  (name: string, offset: number, what: number) =>
  (out: ByteWriter): ByteWriter =>
    out.u64(1).string(name).u32(1).u64(offset).u8(what);

const control =
  (epoch: number) =>
  (out: ByteWriter): ByteWriter =>
    out.u64(tenant).u32(epoch);

const adoption = (out: ByteWriter): ByteWriter => out.u64(tenant).u32(2).u8(0).u64(0).u32(0).u32(1).u32(0).u32(0);

const importOf =
  (to: number, records: Uint8Array) =>
  (out: ByteWriter): ByteWriter =>
    out.u64(to).u32(1).u64(0).u32(1).raw(records);

function importing(): ShardTwin {
  const shard = new ShardTwin();
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "import", quotasDefault));
  return shard;
}

const nextAppend: Forged = { kind: requestKind.append, facts: appendFacts(1, 2) };

const critical: readonly (readonly [mustHold: string, trip: () => void])[] = [
  ["order: a record is applied at its tenant's next position", () => apply(shardInUse(), forge(nextAppend), tenant, 6)],
  ["order: the time of a tenant's records grows", () => apply(shardInUse(), forge({ ...nextAppend, time: 5 }), tenant)],
  [
    "order: a position is written once",
    () => {
      const shard = shardInUse();
      shard.state.put(tree.commits, keys.two(tenant, 5), new Uint8Array(80));
      apply(shard, forge(nextAppend), tenant);
    },
  ],
  [
    "order: an append continues its stream at the next offset",
    () => apply(shardInUse(), forge({ kind: requestKind.append, facts: appendFacts(1, 1) }), tenant),
  ],
  [
    "order: an offset of a stream is written once",
    () => {
      const shard = shardInUse();
      shard.state.put(tree.events, keys.three(tenant, 1, 2), new Uint8Array(8));
      apply(shard, forge(nextAppend), tenant);
    },
  ],
  [
    "order: a request key is stored once",
    () => {
      const shard = shardInUse();
      append(shard, 3);
      apply(shard, forge({ kind: requestKind.append, facts: appendFacts(1, 3), key: 3 }), tenant);
    },
  ],
  [
    "order: a request key is kept until its position leaves the window",
    () => {
      const shard = shardInUse({ idempotencyKeysMax: 2 });
      append(shard, 3);
      append(shard, 0);
      const view = new DataView(new Uint8Array(16).fill(3).buffer);
      shard.state.delete(tree.requestKeys, keys.requestKey(tenant, view, 0));
      append(shard, 0);
    },
  ],
  [
    "order: every position below the next one has its commit",
    () => {
      const shard = shardInUse();
      append(shard, 3);
      shard.state.delete(tree.commits, keys.two(tenant, 5));
      append(shard, 3);
    },
  ],
  [
    "order: every offset of a stream lies in an append",
    () => {
      const shard = new ShardTwin();
      planRead(new StateReads(shard.state), tenant, 1, 0, 1, 1, direction.forward, 2);
    },
  ],
  [
    "order: the appends of a stream follow one another without a gap",
    () => {
      const shard = shardInUse();
      shard.state.delete(tree.events, keys.three(tenant, 1, 1));
      planRead(new StateReads(shard.state), tenant, 1, 0, 9, 999, direction.forward, 2);
    },
  ],
  [
    "order: a run of appends has its row of commits",
    () => {
      const shard = shardInUse();
      shard.state.delete(tree.commits, keys.two(tenant, 2));
      planRead(new StateReads(shard.state), tenant, 1, 1, 9, 999, direction.forward, 2);
    },
  ],
  [
    "order: a run's row of commits is that of its stream",
    () => {
      const shard = shardInUse();
      const found = shard.state.update(tree.commits, keys.two(tenant, 2));
      if (found) shard.state.valueView.setUint8(shard.state.valueStart + commitField.subject, 2);
      planRead(new StateReads(shard.state), tenant, 1, 1, 9, 999, direction.forward, 2);
    },
  ],
  [
    "snapshot: nobody changes the trees before what stands beside them is settled",
    () => {
      const shard = shardInUse();
      shard.settleEvery = 100;
      append(shard, 0);
      shard.state.put(tree.meta, new Uint8Array(1), new Uint8Array(1));
      append(shard, 0);
    },
  ],
  [
    "order: a session's request numbers follow one another",
    () => apply(shardInUse(), forge({ ...nextAppend, session: 4, requestNumber: 2 }), tenant),
  ],
  [
    "order: stream ids are drawn in order",
    () =>
      apply(shardInUse(), forge({ kind: requestKind.streamCreate, facts: (out) => out.u64(3).string("x") }), tenant),
  ],
  [
    "order: a tenant is activated at the position its source had reached",
    () => {
      const facts = (out: ByteWriter): ByteWriter => control(1)(out).u64(4);
      apply(importing(), forge({ kind: requestKind.tenantActivate, facts }), 0);
    },
  ],
  [
    "order: a control command is applied at the epoch it was decided for",
    () => apply(shardInUse(), forge({ kind: requestKind.tenantFence, facts: control(2) }), 0),
  ],
  [
    "order: a tenant's status changes as it was decided",
    () => apply(shardInUse(), forge({ kind: requestKind.tenantUnfence, facts: control(1) }), 0),
  ],
  [
    "order: only a parked event is replayed or discarded",
    () => apply(shardInUse(), forge({ kind: requestKind.groupAck, facts: ackFacts("g", 1, effect.replay) }), tenant),
  ],
  [
    "order: an event below the floor is not settled again",
    () => {
      const shard = shardInUse();
      shard.submit(requestKind.groupAck, (out) =>
        encodeGroupAck(out, { tenant }, 1, "g", [{ offset: 0, verdict: "ack" }]),
      );
      apply(shard, forge({ kind: requestKind.groupAck, facts: ackFacts("g", 0, effect.settle) }), tenant);
    },
  ],
  [
    "order: tenant numbers are drawn in order",
    () => {
      const facts = (out: ByteWriter): ByteWriter => out.u64(2).u32(0).raw(new Uint8Array(24)).string("main");
      apply(new ShardTwin(), forge({ kind: requestKind.directoryCreate, facts }), 0);
    },
  ],
  [
    "order: placement epochs are drawn in order",
    () => {
      const shard = new ShardTwin();
      shard.submit(requestKind.directoryCreate, (out) => encodeDirectoryCreate(out, "main", 0, quotasDefault, false));
      shard.submit(requestKind.directoryMoveBegin, (out) => encodeDirectoryMoveBegin(out, 99, 1));
      const facts = (out: ByteWriter): ByteWriter => out.u64(1).u32(1).u32(7);
      apply(shard, forge({ kind: requestKind.directoryMoveBegin, facts }), 0);
    },
  ],
  ["isolation: a record's tenant is on this shard", () => apply(shardInUse(), forge(nextAppend), 8, 0)],
  [
    "isolation: a tenant takes records only in the status for it",
    () => {
      const shard = shardInUse();
      shard.submit(requestKind.tenantFence, (out) => encodeTenantControl(out, tenant, 1));
      apply(shard, forge(nextAppend), tenant);
    },
  ],
  [
    "isolation: a tenant carries only its own commands",
    () => apply(shardInUse(), forge({ kind: requestKind.tenantFence, facts: control(1) }), tenant),
  ],
  [
    "isolation: the system tenant carries only the node's own commands",
    () => apply(shardInUse(), forge(nextAppend), 0),
  ],
  [
    "isolation: an append's stream belongs to the tenant of its block",
    () => {
      const shard = shardInUse();
      shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, 8, 1, "fresh", quotasDefault));
      apply(shard, forge({ kind: requestKind.append, facts: appendFacts(1, 0) }), 8);
    },
  ],
  [
    "isolation: an imported record is a tenant's own command",
    () => {
      const record = forge({ kind: requestKind.tenantFence, facts: control(1) });
      apply(importing(), forge({ kind: requestKind.tenantImport, facts: importOf(tenant, record) }), 0);
    },
  ],
  [
    "isolation: the system tenant is never imported",
    () => {
      const record = forge({ kind: requestKind.tenantFence, facts: control(1) });
      apply(importing(), forge({ kind: requestKind.tenantImport, facts: importOf(0, record) }), 0);
    },
  ],
  [
    "isolation: a record's session is one of its tenant's",
    () => apply(shardInUse(), forge({ ...nextAppend, session: 77, requestNumber: 1 }), tenant),
  ],
  [
    "isolation: an acknowledged group is one of its tenant's",
    () =>
      apply(shardInUse(), forge({ kind: requestKind.groupAck, facts: ackFacts("other", 0, effect.settle) }), tenant),
  ],
  [
    "isolation: a read stays within the stream it was asked for",
    () => planRead(new StateReads(shardInUse().state), tenant, 2, 0, 1, 1, direction.forward, 1),
  ],
  [
    "isolation: a tenant is adopted only where nothing of it is left",
    () => apply(shardInUse(), forge({ kind: requestKind.tenantAdopt, facts: adoption }), 0),
  ],
  [
    "isolation: only a fenced tenant is released",
    () => {
      const facts = (out: ByteWriter): ByteWriter => control(1)(out).u32(10);
      apply(shardInUse(), forge({ kind: requestKind.tenantRelease, facts }), 0);
    },
  ],
  [
    "isolation: a tenant's name is unique",
    () => {
      const shard = new ShardTwin();
      shard.submit(requestKind.directoryCreate, (out) => encodeDirectoryCreate(out, "main", 0, quotasDefault, false));
      const facts = (out: ByteWriter): ByteWriter => out.u64(2).u32(0).raw(new Uint8Array(24)).string("main");
      apply(shard, forge({ kind: requestKind.directoryCreate, facts }), 0);
    },
  ],
  [
    "snapshot: a walk stays on the version it was opened on",
    () => {
      const shard = shardInUse();
      const reads = new StateReads(shard.state);
      const group = groupByName(reads, tenant, 1, "g");
      if (group === null) return;
      const walk = new UnsettledEvents(reads).open(tenant, group, 0, 2);
      reads.use(new ModelTree());
      walk.next();
    },
  ],
  [
    "snapshot: an event that is read stands at a visible position",
    () => {
      const span = planRead(new StateReads(shardInUse().state), tenant, 1, 1, 1, 1, direction.forward, 2)[0];
      const bytes = new Uint8Array(200);
      if (span !== undefined) {
        new ReadReply(new ByteWriter(), 1, 2, 100).add(
          span,
          direction.forward,
          bytes,
          new DataView(bytes.buffer),
          0,
          200,
        );
      }
    },
  ],
  [
    "snapshot: an event that is read lies below the end that was seen",
    () => {
      const span = planRead(new StateReads(shardInUse().state), tenant, 1, 1, 1, 1, direction.forward, 2)[0];
      const bytes = new Uint8Array(200);
      if (span !== undefined) {
        new ReadReply(new ByteWriter(), 9, 1, 100).add(
          span,
          direction.forward,
          bytes,
          new DataView(bytes.buffer),
          0,
          200,
        );
      }
    },
  ],
];

for (const [mustHold, trip] of critical) {
  test(`stops on purpose: ${mustHold}`, (t) => {
    t.throws(trip, { name: "AssertionFailed", message: `assertion failed: ${mustHold}` });
  });
}

test("an activation and an import that fit are applied", (t) => {
  const source = shardInUse();
  const target = importing();
  const own = source.log.filter((entry) => entry.tenant === tenant);
  const records = Buffer.concat(own.map((entry) => entry.bytes));
  target.submit(requestKind.tenantImport, (out) => encodeTenantImport(out, tenant, 1, 0, own.length, records));
  const done = target.submit(requestKind.tenantActivate, (out) => encodeTenantActivate(out, tenant, 1, own.length));
  t.is(done.error, null);
  t.is(new StateReads(target.state).tenant(tenant)?.nextPosition, own.length);
});
