/** Events as rows of `kimberlite.events`: what is known of them by the state, and, where it is asked for, what their records hold. */
import { SpanEvents } from "../../runtime/kernel/codecs/events-reply.js";
import { eventFormat, eventHeaderBytes, tree } from "../../runtime/kernel/kinds.js";
import type { EventSpan } from "../../runtime/kernel/read/events.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { SqlError } from "../../runtime/query/error.js";
import type { ColumnVector, ScanBatch } from "../../runtime/query/table/access.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { jsonbFromText } from "../../runtime/query/types/jsonb.js";
import { assert } from "../../runtime/types/assert.js";
import { sqlTimeOf } from "./evaluation.js";

/** Records of the log, each verified before a byte of it is given out. */
export interface EventRecords {
  /** What `use` gets is valid until the next record, or is a part that stands for one (its span then says so). Throws `dataCorrupt`. */
  record<Result>(
    span: EventSpan,
    use: (span: EventSpan, bytes: Uint8Array, view: DataView, from: number, to: number) => Result,
  ): Result;
}

/** Numbers of the columns. */
const column = { principal: 5, format: 6, data: 7, text: 8, json: 9 } as const;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const names = new TextDecoder("utf-8", { ignoreBOM: true });

/** The payload as text; null when it is none that SQL can hold. */
function textOf(payload: Uint8Array): string | null {
  if (payload.includes(0)) return null;
  try {
    return utf8.decode(payload);
  } catch {
    return null;
  }
}

/** The payload as jsonb, when its writer says that it is JSON and it is. */
function jsonOf(text: string | null, format: number): Datum {
  if (text === null || format !== eventFormat.json) return null;
  try {
    return jsonbFromText(text);
  } catch (error) {
    // JSON that is nested deeper than this thread's stack takes is none for SQL.
    if (error instanceof SqlError || error instanceof RangeError) return null;
    throw error;
  }
}

export class EventRows {
  readonly #reads: StateReads;
  readonly #tenant: number;
  readonly #records: EventRecords;
  readonly #columns: readonly number[];
  readonly #events = new SpanEvents();
  readonly #isBackward: boolean;
  /** Whether any column is asked for that only the record has. */
  readonly #readsRecords: boolean;
  #rows: (readonly Datum[])[] = [];
  /** Bytes of payloads in the batch. */
  bytes = 0;

  constructor(
    reads: StateReads,
    tenant: number,
    records: EventRecords,
    columns: readonly number[],
    isBackward: boolean,
  ) {
    assert(tenant > 0, "isolation: events belong to a tenant of users");
    this.#reads = reads;
    this.#tenant = tenant;
    this.#records = records;
    this.#columns = columns;
    this.#isBackward = isBackward;
    this.#readsRecords = columns.some((number) => number >= column.format);
  }

  get count(): number {
    return this.#rows.length;
  }

  /** Adds the events that are wanted of an append. */
  add(stream: string, span: EventSpan): void {
    assert(span.from < span.to, "an append that is read holds what is wanted of it");
    const principal = this.#columns.includes(column.principal) ? this.#principalOf(span.position) : null;
    if (!this.#readsRecords) {
      for (const offset of this.#offsets(span))
        this.#rows.push([stream, offset, span.position, sqlTimeOf(span.time), principal]);
      return;
    }
    this.#records.record(span, (part, bytes, view, from, to) => {
      const events = this.#events.open(view, from, to, part);
      for (const offset of this.#offsets(span)) {
        const at = events.from(offset);
        const payload = bytes.slice(at + eventHeaderBytes, events.to(offset));
        this.#push(stream, offset, span, principal, view.getUint8(at + 4), payload);
      }
    });
  }

  *#offsets({ from, to }: EventSpan): Iterable<number> {
    for (let index = 0; index < to - from; index++) yield this.#isBackward ? to - 1 - index : from + index;
  }

  #principalOf(position: number): string | null {
    const { commits } = this.#reads;
    const found = commits.find(this.#reads.cursor(tree.commits), this.#tenant, position);
    assert(found && commits.position === position, "an append that is read has its commit");
    const principal = commits.principal();
    return principal === null ? null : names.decode(principal);
  }

  #push(
    stream: string,
    offset: number,
    { position, time }: EventSpan,
    principal: string | null,
    format: number,
    payload: Uint8Array,
  ): void {
    const wantsJson = this.#columns.includes(column.json);
    const text = wantsJson || this.#columns.includes(column.text) ? textOf(payload) : null;
    const name = format === eventFormat.json ? "json" : "bytes";
    const json = wantsJson ? jsonOf(text, format) : null;
    this.bytes += payload.length;
    this.#rows.push([stream, offset, position, sqlTimeOf(time), principal, name, payload, text, json]);
  }

  /** The batch that was gathered; the next one begins. It may have no rows. */
  take(): ScanBatch {
    const rows = this.#rows;
    this.#rows = [];
    this.bytes = 0;
    const columns = this.#columns.map(
      (number): ColumnVector => ({ kind: "values", values: rows.map((row) => row[number - 1] ?? null) }),
    );
    return { rows: rows.length, columns, keys: [] };
  }
}
