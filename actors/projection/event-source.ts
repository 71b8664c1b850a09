/**
 * Events of one stream from the pinned version: places from the store, bytes from the log (its shared tail, or the segment files),
 * each record verified by its checksum before a byte of it leaves.
 */
import { encodeEventFrom, SpanEvents } from "../../runtime/kernel/codecs/events-reply.js";
import { direction, type EventSpan, planRead } from "../../runtime/kernel/read/events.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { type LogReader, recordHeadBytes } from "../../runtime/storage/log-reader.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";

/** Events of one stream, encoded as frame 131 carries them. */
export interface Chunk {
  readonly from: number;
  readonly next: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

const chunkEventsMax = 1_024;
/** Records of at least this size are kept, verified, for reads that come back to them: below, checking again is as cheap. */
const keptRecordBytesMin = 4 * 1024;
const keptBytesMax = 16 * 1024 * 1024;

/** A record copied out of the log after its checksum held; from its first byte on. */
interface KeptRecord {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class EventSource {
  readonly #log: LogReader;
  readonly #events = new SpanEvents();
  readonly #out = new ByteWriter(64 * 1024);
  /** The chunk made last, for the next subscriber that stands at the same place: fan-out reads and encodes once. */
  #lastTenant = 0;
  #lastStream = 0;
  #lastVersion = -1;
  #last: Chunk | null = null;
  reused = 0;
  /** Verified records by address, the one used longest ago first. An append of 1,000 events is one record: reading its events one
   * by one would check all of it each time. */
  readonly #kept = new Map<number, KeptRecord>();
  #keptBytes = 0;

  constructor(log: LogReader) {
    this.#log = log;
  }

  /** Reads the record of a span; its bytes are described by the arguments of `use` until the next read. */
  record<Result>(
    span: EventSpan,
    use: (bytes: Uint8Array, view: DataView, from: number, to: number) => Result,
  ): Result {
    const known = this.#kept.get(span.address);
    if (known !== undefined) {
      this.#kept.delete(span.address);
      this.#kept.set(span.address, known);
      return use(known.bytes, known.view, 0, known.bytes.length);
    }
    const log = this.#log;
    log.read(span.address);
    const from = log.start - recordHeadBytes;
    const to = log.start + log.length;
    // Sequential reads take a record whole and move on; only one that is read in part is likely to be wanted again.
    if (to - from >= keptRecordBytesMin && span.to - span.from < span.count)
      this.#keep(span.address, log.bytes, from, to);
    return use(log.bytes, log.view, from, to);
  }

  #keep(address: number, source: Uint8Array, from: number, to: number): void {
    const bytes = source.slice(from, to);
    if (bytes.length > keptBytesMax / 2) return;
    this.#kept.set(address, { bytes, view: new DataView(bytes.buffer) });
    this.#keptBytes += bytes.length;
    for (const [oldest, record] of this.#kept) {
      if (this.#keptBytes <= keptBytesMax) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= record.bytes.length;
    }
    assert(this.#keptBytes <= keptBytesMax, "kept records stay within their bound");
  }

  /** Up to `eventsMax` events from `from` on, at least one, then no more than fit `bytesMax`. Null at the stream's end. */
  chunk(
    reads: StateReads,
    version: number,
    tenant: number,
    stream: number,
    from: number,
    end: number,
    eventsMax: number,
    bytesMax: number,
  ): Chunk | null {
    if (from >= end || eventsMax < 1) return null;
    const last = this.#last;
    const isSamePlace = version === this.#lastVersion && stream === this.#lastStream && tenant === this.#lastTenant;
    if (
      last !== null &&
      isSamePlace &&
      last.from === from &&
      last.count <= eventsMax &&
      last.bytes.length <= bytesMax
    ) {
      this.reused += 1;
      return last;
    }
    const limit = Math.min(eventsMax, chunkEventsMax);
    const spans = planRead(reads, tenant, stream, from, limit, bytesMax, direction.forward, end);
    const out = this.#out.reset().u32(0);
    let next = from;
    const add = (span: EventSpan): boolean =>
      this.record(span, (bytes, view, recordFrom, recordTo) => {
        const events = this.#events.open(view, recordFrom, recordTo, span);
        for (let offset = span.from; offset < span.to; offset++) {
          if (next > from && out.length + (events.to(offset) - events.from(offset)) + 24 > bytesMax) return true;
          encodeEventFrom(out, bytes, span, events, offset, 0);
          next = offset + 1;
        }
        return false;
      });
    for (const span of spans) {
      try {
        if (add(span)) break;
      } catch (error) {
        // What stands before a damaged record is delivered; the next chunk begins with it and says so.
        if (next === from || !(error instanceof KimberliteError)) throw error;
        break;
      }
    }
    const count = next - from;
    assert(count >= 1 && count <= limit, "a chunk holds an event, and no more than asked for");
    const bytes = out.finish();
    new DataView(bytes.buffer).setUint32(0, count, true);
    this.#lastTenant = tenant;
    this.#lastStream = stream;
    this.#lastVersion = version;
    this.#last = { from, next, count, bytes };
    return this.#last;
  }

  /** One event with its attempt before it, appended to `out`. */
  oneOf(
    reads: StateReads,
    tenant: number,
    stream: number,
    offset: number,
    end: number,
    attempt: number,
    out: ByteWriter,
  ): void {
    const spans = planRead(reads, tenant, stream, offset, 1, Number.MAX_SAFE_INTEGER, direction.forward, end);
    assert(spans.length === 1, "an offset below the end lies in one append");
    this.record(spans[0], (bytes, view, from, to) => {
      encodeEventFrom(out, bytes, spans[0], this.#events.open(view, from, to, spans[0]), offset, attempt);
    });
  }
}
