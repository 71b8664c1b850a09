/**
 * Scans of `kimberlite.events`: by stream and offset, or by position or time over all streams of the tenant. Each batch finds its place anew,
 * in whatever version of the state is at hand then, reads a bounded piece of the log, and lets go; nobody waits for more than that, and
 * no more than that is ever in memory. A record that does not hold what was written ends the statement with an error.
 */
import { requestKind, tree } from "../../runtime/kernel/kinds.js";
import { direction, type EventSpan, planRead } from "../../runtime/kernel/read/events.js";
import { type StateReads, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { listStreams, streamById, streamByName } from "../../runtime/kernel/read/streams.js";
import { nameBytes } from "../../runtime/kernel/texts.js";
import { eventsByPosition, eventsByTime } from "../../runtime/query/catalog/system/audit.js";
import { SqlError } from "../../runtime/query/error.js";
import type { KeyBound, KeyRange, ScanBatch, ScanRequest, TableScan } from "../../runtime/query/table/access.js";
import { comparatorOf } from "../../runtime/query/types/compare.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import { miB, streamNameBytesMax } from "../../runtime/types/limits.js";
import { unixTimeOf } from "./evaluation.js";
import { type EventRecords, EventRows } from "./event-rows.js";

export type { EventRecords } from "./event-rows.js";

export interface EventHost {
  readonly reads: StateReads;
  readonly tenant: number;
  readonly records: EventRecords | null;
}

/** Rows of a scan's first batch, for most who ask want few; each is four times the one before, up to the last. */
const firstBatchRows = 4;
const lastBatchRows = 256;
/** Payloads of one batch, then to the end of the append. */
const batchBytes = miB;
/** Commands of one batch that are looked at for whether they appended anything. */
const batchCommits = 2_048;
/** Streams whose names are found at once. */
const streamsAtOnce = 64;
/** Names of streams that a scan by position keeps. */
const namesMax = 10_000;

/** What is still to be read, in the order of reading. */
type Leg =
  /** Offsets [from, to) of one stream. */
  | {
      readonly kind: "stream";
      readonly stream: number;
      readonly name: string;
      readonly from: number;
      readonly to: number;
    }
  /** Streams behind a name, up to another. */
  | { readonly kind: "names"; readonly after: string; readonly last: string | null }
  /** Positions [from, to); of the one that is read next, events that have been read. */
  | { readonly kind: "positions"; readonly from: number; readonly to: number; readonly taken: number };

const compareText = comparatorOf(typeOid.text);
const isPossible = (name: string): boolean => name !== "" && nameBytes(name).length <= streamNameBytesMax;

export class EventScan implements TableScan {
  readonly #host: EventHost;
  readonly #request: ScanRequest;
  readonly #bound: number;
  readonly #rows: EventRows;
  readonly #names = new Map<number, string>();
  /** The next one last. */
  #legs: Leg[];
  #batchRows = firstBatchRows;

  /** @param bound positions below it are seen */
  constructor(host: EventHost, request: ScanRequest, bound: number) {
    const { reads, tenant, records } = host;
    const { ranges, isBackward, columns } = request;
    if (records === null) {
      throw new SqlError("0A000", "kimberlite.events cannot be read by a statement or a transaction that writes", {
        hint: "Read it outside of the transaction, or before its first write.",
      });
    }
    this.#host = host;
    this.#request = request;
    this.#bound = bound;
    this.#rows = new EventRows(reads, tenant, records, columns, isBackward);
    const legs = ranges.flatMap((range) => this.#legsOf(range));
    this.#legs = isBackward ? legs : legs.toReversed();
  }

  // ------------------------------------------------------------------ what a range stands for

  #legsOf(range: KeyRange): Leg[] {
    const { index, isBackward } = this.#request;
    if (index !== null) return this.#positionsOf(range);
    const { from, to } = range;
    const [first, low] = from?.values ?? [];
    const [last, high] = to?.values ?? [];
    if (typeof first === "string" && first === last) return this.#streamLegs(first, from, low, to, high);
    assert(low === undefined && high === undefined, "offsets are bounded within one stream");
    const begin = typeof first === "string" ? first : null;
    const end = typeof last === "string" ? last : null;
    // What is not meant after all is left to the scan's condition.
    const legs: Leg[] = begin === null ? [] : this.#streamLegs(begin, null, undefined, null, undefined);
    legs.push({ kind: "names", after: begin !== null && isPossible(begin) ? begin : "", last: end });
    return isBackward ? legs.flatMap((leg) => (leg.kind === "names" ? this.#allNames(leg) : [leg])) : legs;
  }

  #streamLegs(
    name: string,
    from: KeyBound | null,
    low: Datum | undefined,
    to: KeyBound | null,
    high: Datum | undefined,
  ): Leg[] {
    const { reads, tenant } = this.#host;
    const stream = isPossible(name) ? streamByName(reads, tenant, name, this.#bound) : null;
    if (stream === null) return [];
    const begin = low === undefined ? 0 : Number(low) + (from?.isInclusive === true ? 0 : 1);
    const end = high === undefined ? stream.nextOffset : Number(high) + (to?.isInclusive === true ? 1 : 0);
    const [first, last] = [Math.max(0, begin), Math.min(stream.nextOffset, end)];
    return first < last ? [{ kind: "stream", stream: stream.stream, name, from: first, to: last }] : [];
  }

  /** Streams one after the other, each known by its name: for reading from the last one to the first. */
  #allNames({ after, last }: Extract<Leg, { kind: "names" }>): Leg[] {
    const legs: Leg[] = [];
    for (let leg: Leg | undefined = { kind: "names", after, last }; leg !== undefined; ) {
      const next: Leg[] = leg.kind === "names" ? this.#namesOf(leg) : [];
      leg = next.at(-1)?.kind === "names" ? next.pop() : undefined;
      legs.push(...next);
    }
    return legs;
  }

  /** Some of the streams behind a name, and the rest as one leg behind them. */
  #namesOf({ after, last }: Extract<Leg, { kind: "names" }>): Leg[] {
    const { reads, tenant } = this.#host;
    const found = listStreams(reads, tenant, after, streamsAtOnce, this.#bound);
    const wanted = found.filter(({ name }) => last === null || compareText(name, last) <= 0);
    const legs = wanted.map(
      ({ stream, name, nextOffset }): Leg => ({ kind: "stream", stream, name, from: 0, to: nextOffset }),
    );
    const newest = found.at(-1);
    if (newest !== undefined && wanted.length === found.length) legs.push({ kind: "names", after: newest.name, last });
    return legs.filter((leg) => leg.kind !== "stream" || leg.from < leg.to);
  }

  #positionsOf({ from, to }: KeyRange): Leg[] {
    const low = from === null ? 0 : Math.max(0, this.#positionAt(from, "from"));
    const high = to === null ? this.#bound : Math.min(this.#bound, this.#positionAt(to, "to"));
    return low < high ? [{ kind: "positions", from: low, to: high, taken: 0 }] : [];
  }

  /** The first position that a range holds, or the first behind it. */
  #positionAt({ values: [value], isInclusive }: KeyBound, side: "from" | "to"): number {
    const isBehind = (side === "from") !== isInclusive;
    if (value === undefined) return side === "from" ? 0 : this.#bound;
    const wanted = Number(value);
    if (wanted === Number.NEGATIVE_INFINITY) return 0;
    if (wanted === Number.POSITIVE_INFINITY) return this.#bound;
    const { index } = this.#request;
    if (index?.oid === eventsByPosition.oid) return isBehind ? wanted + 1 : wanted;
    assert(index?.oid === eventsByTime.oid, "events lie by stream, by position and by time");
    const time = unixTimeOf(wanted);
    return this.#host.reads.positionsUntil(this.#host.tenant, isBehind ? time : time - 1);
  }

  // ------------------------------------------------------------------ batches

  next(): ScanBatch | null {
    const wanted = this.#batchRows;
    this.#batchRows = Math.min(lastBatchRows, wanted * 4);
    if (this.#legs.length === 0) return null;
    const rows = this.#rows;
    for (let turns = 0; turns < streamsAtOnce && rows.count < wanted && rows.bytes < batchBytes; turns++) {
      const leg = this.#legs.pop();
      if (leg === undefined) break;
      if (leg.kind === "names") this.#legs.push(...this.#namesOf(leg).toReversed());
      else if (leg.kind === "stream") this.#readStream(leg, wanted - rows.count);
      else {
        this.#readPositions(leg, wanted - rows.count);
        // It has looked at as much as a batch may.
        break;
      }
    }
    return rows.take();
  }

  close(): void {
    this.#legs = [];
  }

  #readStream(leg: Extract<Leg, { kind: "stream" }>, wanted: number): void {
    const { reads, tenant } = this.#host;
    const { stream, name, from, to } = leg;
    const { isBackward } = this.#request;
    const way = isBackward ? direction.backward : direction.forward;
    const start = isBackward ? to - 1 : from;
    const limit = Math.min(wanted, to - from);
    // The end is that of an append: what is seen of a stream is whole appends.
    const info = streamById(reads, tenant, stream, this.#bound);
    assert(info !== null && info.nextOffset >= to, "a stream only grows");
    const spans = planRead(reads, tenant, stream, start, limit, batchBytes, way, info.nextOffset);
    let read = 0;
    for (const span of spans) {
      assert(span.position < this.#bound, "snapshot: an event that is read stands at a visible position");
      this.#rows.add(name, span);
      read += span.to - span.from;
      if (this.#rows.bytes >= batchBytes) break;
    }
    assert(read > 0 && read <= limit, "a piece of a stream holds an event, and no more than was asked for");
    const rest = isBackward ? { ...leg, to: to - read } : { ...leg, from: from + read };
    if (rest.from < rest.to) this.#legs.push(rest);
  }

  #readPositions(leg: Extract<Leg, { kind: "positions" }>, wanted: number): void {
    const { isBackward } = this.#request;
    let { from, to, taken } = leg;
    let left = wanted;
    for (let looked = 0; looked < batchCommits && from < to && left > 0 && this.#rows.bytes < batchBytes; looked++) {
      const span = this.#appendAt(isBackward ? to - 1 : from);
      if (span !== null) {
        const some = Math.min(left, span.count - taken);
        const first = isBackward ? span.firstOffset + span.count - taken - some : span.firstOffset + taken;
        this.#rows.add(span.name, { ...span, from: first, to: first + some });
        left -= some;
        taken += some;
        if (taken < span.count) break;
      }
      taken = 0;
      if (isBackward) to -= 1;
      else from += 1;
    }
    if (from < to) this.#legs.push({ kind: "positions", from, to, taken });
  }

  /** The append at a position; null for any other command. */
  #appendAt(position: number): (EventSpan & { readonly name: string }) | null {
    const { reads, tenant } = this.#host;
    const { commits } = reads;
    const found = commits.find(reads.cursor(tree.commits), tenant, position);
    assert(found && commits.position === position, "order: every position below the next one has its commit");
    if (commits.kind !== requestKind.append) return null;
    const { time, address, eventsAt, eventsLength, first, count, subject } = commits;
    return {
      name: this.#nameOf(subject),
      position,
      time,
      address,
      eventsAt,
      eventsLength,
      firstOffset: first,
      count,
      from: first,
      to: first + count,
    };
  }

  #nameOf(stream: number): string {
    const known = this.#names.get(stream);
    if (known !== undefined) return known;
    const info = streamById(this.#host.reads, this.#host.tenant, stream, unbounded);
    assert(info !== null, "a stream is created before it is appended to");
    if (this.#names.size >= namesMax) this.#names.clear();
    this.#names.set(stream, info.name);
    return info.name;
  }
}
