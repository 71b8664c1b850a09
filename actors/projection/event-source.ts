/**
 * Events of one stream from the pinned version: places from the store, bytes from the log (its shared tail, or the segment files),
 * each record, or the pieces of it that are wanted (`record-pieces.ts`), verified before a byte of it leaves.
 */
import { encodeEventFrom, SpanEvents } from "../../runtime/kernel/codecs/events-reply.js";
import { direction, type EventSpan, planRead } from "../../runtime/kernel/read/events.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { type LogReader, recordHeadBytes } from "../../runtime/storage/log-reader.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import {
  cutRecord,
  narrowedTo,
  pieceCount,
  piecedRecordBytesMin,
  piecesHold,
  piecesOf,
  type RecordPieces,
} from "./record-pieces.js";

/** Events of one stream, encoded as frame 131 carries them. */
export interface Chunk {
  readonly from: number;
  readonly next: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

const chunkEventsMax = 1_024;
/** Pieces whose checksums are kept: 3 MiB, for a gigabyte of log. */
const keptPiecesMax = 256 * 1024;

/** What is done with the bytes of a span: those of its record, or of a part that stands for one (`span` then says so). */
export type UseOfSpan<Result> = (
  span: EventSpan,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
) => Result;

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
  /** Pieces of large records by address, those used longest ago first. */
  readonly #kept = new Map<number, RecordPieces>();
  #keptPieces = 0;

  constructor(log: LogReader) {
    this.#log = log;
  }

  /** Reads what a span wants of its record; the bytes that `use` gets are valid until the next read. */
  record<Result>(span: EventSpan, use: UseOfSpan<Result>): Result {
    const log = this.#log;
    const isPart = span.to - span.from < span.count && span.eventsLength >= piecedRecordBytesMin;
    const pieces = isPart ? this.#kept.get(span.address) : undefined;
    const wanted = pieces === undefined ? null : piecesOf(pieces, span);
    if (pieces !== undefined && wanted !== null) {
      this.#kept.delete(span.address);
      this.#kept.set(span.address, pieces);
      const [first, last] = wanted;
      const part = narrowedTo(pieces, span, first, last);
      log.readPart(span.address, pieces.places[first] as number, part.eventsLength, (view, from) =>
        piecesHold(pieces, first, last, view, from),
      );
      return use(part, log.bytes, log.view, log.start, log.start + log.length);
    }
    log.read(span.address);
    const from = log.start - recordHeadBytes;
    const to = log.start + log.length;
    // Sequential reads take a record whole and move on; only one that is read in part is likely to be wanted again.
    if (isPart && pieces === undefined && from + span.eventsAt + span.eventsLength === to) {
      this.#keep(span.address, cutRecord(log.view, from, span));
    }
    return use(span, log.bytes, log.view, from, to);
  }

  #keep(address: number, pieces: RecordPieces): void {
    this.#kept.set(address, pieces);
    this.#keptPieces += pieceCount(pieces);
    for (const [oldest, known] of this.#kept) {
      if (this.#keptPieces <= keptPiecesMax) break;
      this.#kept.delete(oldest);
      this.#keptPieces -= pieceCount(known);
    }
    assert(this.#keptPieces <= keptPiecesMax, "kept pieces stay within their bound");
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
      this.record(span, (part, bytes, view, recordFrom, recordTo) => {
        const events = this.#events.open(view, recordFrom, recordTo, part);
        for (let offset = part.from; offset < part.to; offset++) {
          if (next > from && out.length + (events.to(offset) - events.from(offset)) + 24 > bytesMax) return true;
          encodeEventFrom(out, bytes, part, events, offset, 0);
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
    this.record(spans[0], (span, bytes, view, from, to) => {
      encodeEventFrom(out, bytes, span, this.#events.open(view, from, to, span), offset, attempt);
    });
  }
}
