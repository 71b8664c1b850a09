/**
 * Events on their way from records of the log to a reader. An event crosses as
 *
 *   [attempt u32, for groups only] offset u64 · position u64 · time u64 · length u32 · format u8 · payload
 *
 * whose last three fields stand in the record just so, and are copied in one piece.
 *
 * The body of a `read`'s ok: visible u64 · next offset u64 · count u32 · events.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { KimberliteError } from "../../types/errors.js";
import { eventBytesMax } from "../../types/limits.js";
import { eventFormatsCount, eventHeaderBytes } from "../kinds.js";
import { direction, type EventSpan } from "../read/events.js";

/** What an event adds on the wire to its bytes in the record. */
export const eventPlaceBytes = 24;
export const readReplyHeadBytes = 20;

/**
 * Finds the events of a span in the bytes of its record: where each one's length field is. Throws `dataCorrupt` when the record
 * does not hold the events that the state says it holds. The result is reused by the next call.
 */
export class SpanEvents {
  /** Index in the bytes of event `firstOffset + i`, for i up to and including the count (the end). */
  #places = new Uint32Array(1_024);
  #firstOffset = 0;

  open(view: DataView, recordFrom: number, recordTo: number, span: EventSpan): this {
    assert(recordFrom >= 0 && recordTo <= view.byteLength, "a record lies within its bytes");
    assert(span.count > 0, "a span is of at least one event");
    if (this.#places.length <= span.count) this.#places = new Uint32Array(span.count + 1);
    let at = recordFrom + span.eventsAt;
    const end = at + span.eventsLength;
    if (end !== recordTo) throw new KimberliteError("dataCorrupt", "a record is not the one that the state points to");
    for (let i = 0; i < span.count; i += 1) {
      this.#places[i] = at;
      if (end - at < eventHeaderBytes) throw new KimberliteError("dataCorrupt", "an event of a record is missing");
      at += eventHeaderBytes + view.getUint32(at, true);
      if (at > end) throw new KimberliteError("dataCorrupt", "an event of a record is cut off");
    }
    if (at !== end) throw new KimberliteError("dataCorrupt", "bytes follow the last event of a record");
    this.#places[span.count] = at;
    this.#firstOffset = span.firstOffset;
    return this;
  }

  /** Where the event's header begins. */
  from(offset: number): number {
    return this.#places[offset - this.#firstOffset] as number;
  }

  /** Where its payload ends. */
  to(offset: number): number {
    return this.#places[offset - this.#firstOffset + 1] as number;
  }
}

/** Appends one event. `attempt` is written only when it is not zero. */
export function encodeEventFrom(
  out: ByteWriter,
  bytes: Uint8Array,
  span: EventSpan,
  events: SpanEvents,
  offset: number,
  attempt: number,
): void {
  assert(offset >= span.firstOffset && offset < span.firstOffset + span.count, "an event is one of its span");
  assert(attempt >= 0, "an attempt is counted from 1");
  if (attempt > 0) out.u32(attempt);
  out.u64(offset).u64(span.position).u64(span.time);
  out.raw(bytes.subarray(events.from(offset), events.to(offset)));
}

/** Gathers the ok body of one `read`. At least one event is taken, whatever its size; then no more than fit `bytesMax`. */
export class ReadReply {
  readonly #events = new SpanEvents();
  readonly #out: ByteWriter;
  readonly #visible: number;
  readonly #nextOffset: number;
  readonly #bytesMax: number;
  #from: number;
  #count = 0;
  #bytes = 0;
  #full = false;

  constructor(out: ByteWriter, visible: number, nextOffset: number, bytesMax: number) {
    assert(visible >= 0 && nextOffset >= 0, "a read has seen a version of its stream");
    this.#out = out;
    this.#visible = visible;
    this.#nextOffset = nextOffset;
    this.#bytesMax = bytesMax;
    this.#from = out.length;
    out.u64(visible).u64(nextOffset).u32(0);
  }

  get full(): boolean {
    return this.#full;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the wanted events of a span from its (verified) record. False once the reply is full. */
  add(span: EventSpan, way: number, bytes: Uint8Array, view: DataView, recordFrom: number, recordTo: number): boolean {
    assert(!this.#full, "nothing is added to a full reply");
    assert(span.position < this.#visible, "snapshot: an event that is read stands at a visible position");
    assert(span.to <= this.#nextOffset, "snapshot: an event that is read lies below the end that was seen");
    const events = this.#events.open(view, recordFrom, recordTo, span);
    const backward = way === direction.backward;
    for (let i = 0; i < span.to - span.from; i += 1) {
      const offset = backward ? span.to - 1 - i : span.from + i;
      const size = eventPlaceBytes + events.to(offset) - events.from(offset);
      if (this.#count > 0 && this.#bytes + size > this.#bytesMax) {
        this.#full = true;
        return false;
      }
      encodeEventFrom(this.#out, bytes, span, events, offset, 0);
      this.#count += 1;
      this.#bytes += size;
    }
    return true;
  }

  /** Fills in the count. The body is what the writer holds since the constructor. */
  finish(): ByteWriter {
    assert(this.#out.length >= this.#from + readReplyHeadBytes, "a reply has its head");
    const view = this.#out.view();
    new DataView(view.buffer, view.byteOffset).setUint32(this.#from + 16, this.#count, true);
    assert(this.#full || this.#bytes <= this.#bytesMax || this.#count <= 1, "a reply keeps its limit");
    return this.#out;
  }
}

export interface EventReply {
  readonly offset: number;
  readonly position: number;
  /** µs */
  readonly time: number;
  readonly format: number;
  /** A view of the reply's bytes. */
  readonly payload: Uint8Array;
}

export interface EventsReply {
  readonly visible: number;
  readonly nextOffset: number;
  readonly events: EventReply[];
}

/** Decodes the ok body of a `read`. Throws `frameInvalid`. */
export function decodeReadReply(bytes: Uint8Array): EventsReply {
  const reader = new ByteReader(bytes);
  const visible = reader.u64();
  const nextOffset = reader.u64();
  const count = reader.u32();
  if (count * (eventPlaceBytes + eventHeaderBytes) > reader.remaining) {
    throw new KimberliteError("frameInvalid", `a count of ${count} events in ${reader.remaining} bytes`);
  }
  const events: EventReply[] = [];
  for (let i = 0; i < count; i += 1) {
    const offset = reader.u64();
    const position = reader.u64();
    const time = reader.u64();
    const length = reader.u32();
    if (length > eventBytesMax) throw new KimberliteError("frameInvalid", `an event of ${length} bytes`);
    events.push({ offset, position, time, format: reader.choice(eventFormatsCount), payload: reader.raw(length) });
  }
  reader.end();
  return { visible, nextOffset, events };
}
