/**
 * Planning a read of events: which records of the log hold them. The events of one append stand together in one record, so a
 * plan is a list of spans; the projection fetches each record, verifies it, and gives it to `ReadReply` (codecs/read-reply.ts).
 */
import { assert } from "../../types/assert.js";
import { tree } from "../kinds.js";
import { getU64 } from "../numbers.js";
import { eventsField } from "../stream-rows.js";
import type { StateReads } from "./state-reads.js";
import { appendStart } from "./streams.js";

export const direction = { forward: 0, backward: 1 } as const;

/** Consecutive events of one append. */
export interface EventSpan {
  readonly position: number;
  /** µs */
  readonly time: number;
  /** Log address of the record's first byte, and where in the record the append's events begin and how long they are. */
  readonly address: number;
  readonly eventsAt: number;
  readonly eventsLength: number;
  /** Offset and count of the whole append. */
  readonly firstOffset: number;
  readonly count: number;
  /** Offsets wanted of it: [from, to). */
  readonly from: number;
  readonly to: number;
}

/**
 * Spans that hold the events asked for, in the order asked for: forward from `from` up, backward from `from` down (an offset
 * beyond the end begins at the newest event). Stops at `limit` events, after the span with which `bytesMax` is reached, and at
 * `end`, the stream's next offset at the bound of the read (see `streamEnd`). O(log n + spans).
 */
export function planRead(
  reads: StateReads,
  tenant: number,
  stream: number,
  from: number,
  limit: number,
  bytesMax: number,
  way: number,
  end: number,
): EventSpan[] {
  assert(from >= 0 && limit >= 0, "a read has a start and a limit");
  assert(end >= 0, "a read has an end");
  const spans: EventSpan[] = [];
  const start = way === direction.backward ? Math.min(from, end - 1) : from;
  if (start >= end || start < 0 || limit === 0) return spans;
  const cursor = reads.cursor(tree.events);
  let events = 0;
  let bytes = 0;
  let more = cursor.seekFloor(reads.keys.three(tenant, stream, start));
  assert(more, "order: every offset of a stream lies in an append");
  let next = start;
  while (more) {
    const span = spanAt(reads, tenant, stream, next, limit - events, way, end);
    spans.push(span);
    events += span.to - span.from;
    bytes += span.eventsLength;
    next = way === direction.backward ? span.from - 1 : span.to;
    if (events >= limit || bytes >= bytesMax || next < 0 || next >= end) break;
    more = way === direction.backward ? cursor.previous() : cursor.next();
    assert(more, "order: the appends of a stream follow one another without a gap");
  }
  assert(events <= limit, "a plan holds no more events than were asked for");
  return spans;
}

/** The part of the append under the cursor that begins (or, backward, ends) with the event `next`. */
function spanAt(
  reads: StateReads,
  tenant: number,
  stream: number,
  next: number,
  wanted: number,
  way: number,
  end: number,
): EventSpan {
  const firstOffset = appendStart(reads, tenant, stream);
  const { valueView: view, valueStart: at } = reads.cursor(tree.events);
  const count = view.getUint32(at + eventsField.count, true);
  assert(
    firstOffset <= next && next < firstOffset + count,
    "order: the appends of a stream follow one another without a gap",
  );
  assert(firstOffset + count <= end, "an append is visible as a whole or not at all");
  const backward = way === direction.backward;
  return {
    position: getU64(view, at + eventsField.position),
    time: getU64(view, at + eventsField.time),
    address: getU64(view, at + eventsField.address),
    eventsAt: view.getUint32(at + eventsField.eventsAt, true),
    eventsLength: view.getUint32(at + eventsField.length, true),
    firstOffset,
    count,
    from: backward ? Math.max(firstOffset, next + 1 - wanted) : next,
    to: backward ? next + 1 : Math.min(firstOffset + count, next + wanted),
  };
}
