/**
 * Pieces of large records: what lets one event of an append of 1,000 be read without reading and checking all of it.
 *
 * A record's checksum covers it whole (130 KB take 0.1 ms). When a part of a large record is wanted, it is read and verified whole once;
 * then the checksums of pieces of some 4 KiB, each of whole events, are remembered. Later reads take the pieces that hold what they
 * want, and each is verified against what was remembered: bytes are trusted no longer than before, only fewer of them are looked at.
 */
import { crc32cOf } from "../../runtime/crypto/crc32c.js";
import { eventHeaderBytes } from "../../runtime/kernel/kinds.js";
import type { EventSpan } from "../../runtime/kernel/read/events.js";
import { assert } from "../../runtime/types/assert.js";
import { kiB } from "../../runtime/types/limits.js";

const pieceBytesMin = 4 * kiB;
/** Below, a record is as quickly read whole. */
export const piecedRecordBytesMin = 2 * pieceBytesMin;
/** More of a record at once is read as a whole. */
const piecesAtOnceMax = 4;

/** The pieces of one record: piece i holds events [events[i], events[i + 1]) and bytes [places[i], places[i + 1]) of it. */
export interface RecordPieces {
  readonly events: Uint32Array;
  readonly places: Uint32Array;
  readonly checksums: Uint32Array;
}

export const pieceCount = ({ checksums }: RecordPieces): number => checksums.length;

/**
 * Cuts a record that was verified.
 *
 * @param recordFrom its first byte
 */
export function cutRecord(view: DataView, recordFrom: number, span: EventSpan): RecordPieces {
  const { count, eventsAt, eventsLength } = span;
  const events: number[] = [0];
  const places: number[] = [eventsAt];
  let at = eventsAt;
  for (let event = 0; event < count; event++) {
    if (at - (places.at(-1) ?? 0) >= pieceBytesMin) {
      events.push(event);
      places.push(at);
    }
    at += eventHeaderBytes + view.getUint32(recordFrom + at, true);
  }
  assert(at === eventsAt + eventsLength, "a record that was verified ends with its last event");
  events.push(count);
  places.push(at);
  const checksums = places
    .slice(0, -1)
    .map((place, piece) => crc32cOf(view, recordFrom + place, recordFrom + (places[piece + 1] ?? at)));
  return {
    events: Uint32Array.from(events),
    places: Uint32Array.from(places),
    checksums: Uint32Array.from(checksums),
  };
}

/** Which pieces [first, last] hold what a span wants; null when that is so much that the whole record is read as well. */
export function piecesOf(pieces: RecordPieces, span: EventSpan): readonly [first: number, last: number] | null {
  const first = pieceOf(pieces, span.from - span.firstOffset);
  const last = pieceOf(pieces, span.to - 1 - span.firstOffset);
  assert(first <= last, "what is wanted of a record is in order");
  return last - first < piecesAtOnceMax ? [first, last] : null;
}

function pieceOf({ events }: RecordPieces, event: number): number {
  let low = 0;
  let high = events.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as number) <= event) low = middle;
    else high = middle;
  }
  assert((events[low] as number) <= event && event < (events[high] as number), "an event lies in a piece");
  return low;
}

/** The span as if its pieces were a record of their own that begins with the events. */
export function narrowedTo(pieces: RecordPieces, span: EventSpan, first: number, last: number): EventSpan {
  const { events, places } = pieces;
  const event = events[first] as number;
  return {
    ...span,
    firstOffset: span.firstOffset + event,
    count: (events[last + 1] as number) - event,
    eventsAt: 0,
    eventsLength: (places[last + 1] as number) - (places[first] as number),
  };
}

/** Whether the bytes of pieces [first, last], which begin at `from`, are those that were verified. */
export function piecesHold(pieces: RecordPieces, first: number, last: number, view: DataView, from: number): boolean {
  const { places, checksums } = pieces;
  const base = from - (places[first] as number);
  for (let piece = first; piece <= last; piece++) {
    const [start, end] = [places[piece] as number, places[piece + 1] as number];
    if (crc32cOf(view, base + start, base + end) !== checksums[piece]) return false;
  }
  return true;
}
