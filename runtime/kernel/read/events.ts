/**
 * Planning a read of events: which records of the log hold them. The events of one append stand together in one record, so a
 * plan is a list of spans; the projection fetches each record, verifies it, and gives it to `ReadReply` (codecs/read-reply.ts).
 */
import { assert } from "../../types/assert.js";
import { tree } from "../kinds.js";
import type { StateReads } from "./state-reads.js";
import { findRun, openRun } from "./streams.js";

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

type Growing<T> = { -readonly [Key in keyof T]: T[Key] };

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
  const backward = way === direction.backward;
  const start = backward ? Math.min(from, end - 1) : from;
  if (start >= end || start < 0 || limit === 0) return spans;
  const cursor = reads.cursor(tree.events);
  const { commits } = reads;
  const run: Growing<EventSpan>[] = [];
  let events = 0;
  let bytes = 0;
  findRun(reads, tenant, stream, start);
  for (let next = start; ; ) {
    appendsOf(reads, next, way, end, limit - events, run);
    for (const whole of run) {
      const span = narrow(whole, next, limit - events, way);
      spans.push(span);
      events += span.to - span.from;
      bytes += span.eventsLength;
      next = backward ? span.from - 1 : span.to;
      if (events >= limit || bytes >= bytesMax) break;
    }
    if (events >= limit || bytes >= bytesMax || next < 0 || next >= end) break;
    const more = backward ? cursor.previous() : cursor.next();
    assert(more, "order: the appends of a stream follow one another without a gap");
    const first = openRun(reads, tenant, stream);
    assert(
      backward ? first <= next : first === next,
      "order: the appends of a stream follow one another without a gap",
    );
  }
  assert(events <= limit, "a plan holds no more events than were asked for");
  assert(commits.subject === stream, "isolation: a read stays within the stream it was asked for");
  return spans;
}

/** Appends of the run that `reads.commits` stands on, whole, from the one that holds `next` on in the order of the read. */
function appendsOf(
  reads: StateReads,
  next: number,
  way: number,
  end: number,
  wanted: number,
  into: Growing<EventSpan>[],
): void {
  const { commits } = reads;
  const backward = way === direction.backward;
  const last = commits.rowPosition + commits.rowCommands - 1;
  into.length = 0;
  let covered = -1;
  for (;;) {
    const { position, time, address, eventsAt, eventsLength, first: firstOffset, count } = commits;
    const after = firstOffset + count;
    if (backward ? firstOffset <= next : after > next) {
      if (firstOffset >= end) break;
      assert(after <= end, "an append is visible as a whole or not at all");
      into.push({
        position,
        time,
        address,
        eventsAt,
        eventsLength,
        firstOffset,
        count,
        from: firstOffset,
        to: after,
      });
      covered = after;
    }
    // Forward, what lies behind the last event wanted need not be looked at; backward, the last append looked at comes first.
    if (position === last || (backward ? after > next : after - next >= wanted)) break;
    commits.next();
  }
  assert(
    backward ? covered > next : into.length > 0 && (into[0]?.firstOffset ?? 0) <= next,
    "order: the appends of a stream follow one another without a gap",
  );
  if (backward) into.reverse();
}

/** Narrows an append that holds the event `next` to what is wanted of it: from there on in the order of the read. */
function narrow(span: Growing<EventSpan>, next: number, wanted: number, way: number): EventSpan {
  assert(span.from <= next && next < span.to, "order: the appends of a stream follow one another without a gap");
  if (way === direction.backward) {
    span.from = Math.max(span.from, next + 1 - wanted);
    span.to = next + 1;
  } else {
    span.from = next;
    span.to = Math.min(span.to, next + wanted);
  }
  return span;
}
