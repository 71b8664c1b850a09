/** Handing out events of a consumer group: leases, their end, and what a member may hold. */
import test from "ava";
import type { EventSource } from "../../actors/projection/event-source.js";
import { GroupCoordinator } from "../../actors/projection/group-coordinator.js";
import { type Subscription, windowBytes } from "../../actors/projection/subscription.js";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import {
  encodeAppend,
  encodeGroupAck,
  encodeGroupCreate,
  encodeStreamCreate,
} from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import { ShardTwin } from "../kernel/shard-twin.js";
import { FakeContext } from "./fake-context.js";

const tenant = 1;
const timeoutMs = 1_000;

function setUp(events: number, eventBytes = 10) {
  const twin = new ShardTwin();
  twin.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
  const made = twin.submit(requestKind.streamCreate, (out) => encodeStreamCreate(out, { tenant }, "s", false));
  const reads = new StateReads(twin.state);
  const stream = decodeOutcomeReply(made.reply).subject;
  const payload = new Uint8Array(4);
  twin.submit(requestKind.append, (out) =>
    encodeAppend(
      out,
      { tenant },
      stream,
      "any",
      Array.from({ length: events }, () => ({ payload, format: 0 })),
    ),
  );
  const created = twin.submit(requestKind.groupCreate, (out) =>
    encodeGroupCreate(out, { tenant }, { stream, name: "g", start: 0, attemptsMax: 5, timeoutMs }, false),
  );
  if (created.error !== null) throw new Error(created.error.message);
  // Delivers offset and attempt, and as many bytes as the test wants.
  const source = {
    oneOf: (
      _reads: unknown,
      _t: number,
      _s: number,
      offset: number,
      _end: number,
      attempt: number,
      out: ByteWriter,
    ) => {
      out.u32(offset).u32(attempt).raw(new Uint8Array(eventBytes));
    },
  } as unknown as EventSource;
  const coordinator = new GroupCoordinator(tenant, stream, "g");
  const port = new FakeContext().wire("gateway-0");
  const member: Subscription = {
    port,
    correlation: 1,
    tenant,
    stream,
    group: "g",
    next: 0,
    credits: 1_000,
    window: windowBytes,
  };
  coordinator.join(member);
  const got: string[] = [];
  const pump = (now: number): boolean =>
    coordinator.pump(reads, source, events, now, (_member, bytes) => {
      const view = new DataView(bytes.buffer);
      const each = 8 + eventBytes;
      for (let at = 4; at < bytes.length; at += each)
        got.push(`${view.getUint32(at, true)}.${view.getUint32(at + 4, true)}`);
    });
  const nack = (offsets: readonly number[]): void => {
    const entries = offsets.map((offset) => ({ offset, verdict: "nack" as const }));
    twin.submit(requestKind.groupAck, (out) => encodeGroupAck(out, { tenant }, stream, "g", entries));
  };
  return { twin, coordinator, member, got, pump, nack };
}

test("a lease that ran out is delivered again once, when the failed attempt is in the log", (t) => {
  const { coordinator, got, pump, nack } = setUp(3);
  pump(0);
  t.deepEqual(got.splice(0), ["0.1", "1.1", "2.1"]);
  const expired = coordinator.expire(timeoutMs, 2);
  t.deepEqual(expired, [0, 1], "no more than one command holds");
  t.deepEqual(coordinator.expire(timeoutMs, 2), [2], "each is told once");
  pump(timeoutMs);
  t.deepEqual(got.splice(0), [], "nothing is given out while the attempt is on its way");
  nack(expired);
  pump(timeoutMs);
  coordinator.logged(expired);
  pump(timeoutMs);
  t.deepEqual(got.splice(0), ["0.2", "1.2"]);
  // The third could not be logged: it comes again, uncounted.
  coordinator.logged([2]);
  pump(timeoutMs);
  t.deepEqual(got.splice(0), ["2.1"]);
});

test("a member is given no more bytes at once than its window, however many events it asked for", (t) => {
  const { member, got, pump } = setUp(200, 100 * 1024);
  pump(0);
  t.true(got.length >= 1 && got.length < 15, `${got.length} events of 100 KiB`);
  const first = got.length;
  pump(0);
  member.window += 200 * 1024;
  while (member.window > 0) pump(0);
  t.true(got.length > first);
  t.deepEqual(
    got.map((each) => Number.parseInt(each, 10)),
    got.map((_, index) => index),
    "in order, each once",
  );
});
