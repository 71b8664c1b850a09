/** Events as rows: payloads of every kind, and whose they are. */
import test from "ava";
import { EventRows } from "../../actors/sql/event-rows.js";
import { eventFormat } from "../../runtime/kernel/kinds.js";
import type { EventSpan } from "../../runtime/kernel/read/events.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import type { TreeReader } from "../../runtime/store/tree.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { ShardRig } from "./shard-rig.js";

const reads = new StateReads({} as TreeReader);
const encoder = new TextEncoder();

const spanOf = (count: number, eventsLength: number): EventSpan => ({
  position: 5,
  time: 1_700_000_000_000_000,
  address: 100,
  eventsAt: 0,
  eventsLength,
  firstOffset: 10,
  count,
  from: 10,
  to: 10 + count,
});

test("isolation: events belong to a tenant of users", (t) => {
  t.throws(() => new EventRows(reads, 0, { record: () => undefined as never }, [1], false), {
    message: `assertion failed: ${"isolation: events belong to a tenant of users"}`,
  });
});

test("text is what UTF-8 says and SQL can hold; json is what its writer says is JSON, and is", (t) => {
  const payloads: readonly (readonly [payload: Uint8Array, format: number])[] = [
    [encoder.encode('{"a":1}'), eventFormat.json],
    [encoder.encode('{"a":1}'), eventFormat.bytes],
    [encoder.encode("{not json"), eventFormat.json],
    [Uint8Array.of(0xff, 0xfe), eventFormat.json],
    [Uint8Array.of(65, 0, 66), eventFormat.bytes],
    [encoder.encode(`${"[".repeat(100_000)}`), eventFormat.json],
    [encoder.encode('"\\u0000"'), eventFormat.json],
    [new Uint8Array(0), eventFormat.bytes],
    [encoder.encode("\uFEFFx"), eventFormat.bytes],
  ];
  const out = new ByteWriter(1_024);
  for (const [payload, format] of payloads) out.u32(payload.length).u8(format).raw(payload);
  const bytes = out.finish();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const span = spanOf(payloads.length, bytes.length);
  for (const isBackward of [false, true]) {
    const rows = new EventRows(
      reads,
      3,
      { record: (wanted, use) => use(wanted, bytes, view, 0, bytes.length) },
      [2, 6, 8, 9],
      isBackward,
    );
    rows.add("s", span);
    const batch = rows.take();
    t.is(batch.rows, payloads.length);
    const [offsets, formats, texts, jsons] = batch.columns.map((column) =>
      column.kind === "values" ? (isBackward ? column.values.toReversed() : column.values) : [],
    );
    t.deepEqual(
      offsets,
      payloads.map((_, index) => 10 + index),
    );
    t.deepEqual(formats?.slice(0, 2), ["json", "bytes"]);
    t.deepEqual(
      texts?.map((text) => (typeof text === "string" ? text.length : null)),
      [7, 7, 9, null, null, 100_000, 8, 0, 2],
    );
    t.deepEqual(
      jsons?.map((json) => json !== null),
      [true, false, false, false, false, false, false, false, false],
    );
    t.is(rows.take().rows, 0);
  }
});

test("where something is written, events are not read", (t) => {
  const session = new ShardRig().session();
  t.is(session.state("SELECT * FROM kimberlite.events"), "0A000");
  t.is(session.state("CREATE MATERIALIZED VIEW v AS SELECT stream FROM kimberlite.events"), "0A000");
  session.rows("CREATE MATERIALIZED VIEW v AS SELECT stream FROM kimberlite.events WITH NO DATA");
  t.is(session.state("REFRESH MATERIALIZED VIEW v"), "0A000");
});
