/**
 * Result rows as DataRow messages of PostgreSQL's protocol, back to back: what a gateway writes to its socket as it is.
 *
 *   'D' u8 · length i32 (itself counted) · columns i16 · for each: length i32 (-1 is NULL) and the value, as text or binary
 */
import type { RowBatch } from "../../runtime/query/engine.js";
import { SqlError } from "../../runtime/query/error.js";
import type { ColumnVector } from "../../runtime/query/table/access.js";
import type { TypeCodec } from "../../runtime/query/types/codec.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import type { Datum, Value } from "../../runtime/query/types/datum.js";
import { type SqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";

const encoder = new TextEncoder();
const letterDataRow = 0x44;
const headBytes = 7;
const firstBytes = 4 * 1024;
/** Of the rows of one answer, and so of a row: what is longer is no message that can be read. */
export const answerBytesMax: number = 8 * miB;
/** Rows that wait to be taken. */
const waitingBytesMax: number = 320 * miB;
const longTextMin = 4 * 1024;
/** Memory that is kept for the rows of another run. */
const keptBytesMax = 64 * 1024;

interface Column {
  readonly codec: TypeCodec;
  readonly isBinary: boolean;
  /** Values whose text is what `String` makes of them, or that are their text. */
  readonly isPlain: boolean;
}

const plainTypes: ReadonlySet<number> = new Set([
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.oid,
  typeOid.text,
  typeOid.varchar,
  typeOid.bpchar,
  typeOid.uuid,
  typeOid.macaddr,
  typeOid.macaddr8,
  typeOid.bit,
  typeOid.varbit,
]);

/** What a client wants a column as: none given is text, one is for all. */
export const formatOf = (formats: readonly (0 | 1)[], index: number): 0 | 1 =>
  formats.length === 0 ? 0 : formats.length === 1 ? (formats[0] ?? 0) : (formats[index] ?? 0);

export class DataRows {
  readonly #columns: readonly Column[];
  #context: TextContext;
  #bytes = new Uint8Array(firstBytes);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  /** Where each row begins, those that were taken among them. */
  #starts: number[] = [];
  /** The first row that was not taken, and where it begins. */
  #first = 0;
  #from = 0;

  constructor(types: readonly Pick<SqlType, "oid">[], formats: readonly (0 | 1)[], context: TextContext) {
    this.#context = context;
    this.#columns = types.map(({ oid }, index) => ({
      codec: codecOf(oid),
      isBinary: formatOf(formats, index) === 1,
      isPlain: plainTypes.has(oid),
    }));
  }

  /** For the rows of another statement of the same columns. */
  under(context: TextContext): this {
    this.#context = context;
    // What an error left half written is nobody's.
    this.#empty();
    return this;
  }

  #empty(): void {
    this.#at = 0;
    this.#first = 0;
    this.#from = 0;
    this.#starts.length = 0;
    if (this.#bytes.length > keptBytesMax) this.#use(new Uint8Array(firstBytes));
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** The only row of a result, as a view that the next one overwrites. */
  addOnly(row: readonly Datum[]): Uint8Array {
    assert(this.#at === 0, "the only row of a result has none before it");
    this.add(row);
    const bytes = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    this.#starts.length = 0;
    return bytes;
  }

  get rows(): number {
    return this.#starts.length - this.#first;
  }

  get length(): number {
    return this.#at - this.#from;
  }

  /** Bytes of memory that it holds. */
  get memory(): number {
    return this.#bytes.length;
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    if (this.#at + count > waitingBytesMax)
      throw new SqlError("53200", "out of memory", { detail: "The rows that are found together are too long." });
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#use(grown);
  }

  #begin(): number {
    const start = this.#at;
    this.#room(headBytes);
    this.#starts.push(start);
    this.#bytes[start] = letterDataRow;
    this.#view.setInt16(start + 5, this.#columns.length);
    this.#at = start + headBytes;
    return start;
  }

  #end(start: number): void {
    assert(this.#at > start, "a row has its head");
    if (this.#at - start > answerBytesMax)
      throw new SqlError("54000", `a row of a result has ${this.#at - start} bytes, more than ${answerBytesMax}`);
    this.#view.setInt32(start + 1, this.#at - start - 1);
  }

  add(row: readonly Datum[]): void {
    assert(row.length === this.#columns.length, "a row has a value for each column");
    const start = this.#begin();
    for (let index = 0; index < row.length; index++) this.#value(this.#columns[index], row[index] ?? null);
    this.#end(start);
  }

  /** Some rows of a batch: columns by their places in it. */
  addBatch({ selection, columns }: RowBatch, places: readonly number[], from: number, to: number): void {
    for (let row = from; row < to; row++) {
      const at = selection === null ? row : (selection[row] ?? 0);
      const start = this.#begin();
      for (let index = 0; index < places.length; index++) {
        const vector = columns[places[index] ?? -1];
        assert(vector !== undefined, "a result's columns are in its batches");
        this.#value(this.#columns[index], valueAt(vector, at));
      }
      this.#end(start);
    }
  }

  #value(column: Column, value: Datum): void {
    if (value === null) {
      this.#room(4);
      this.#view.setInt32(this.#at, -1);
      this.#at += 4;
    } else if (column.isBinary) this.#raw(column.codec.send(value, this.#context));
    else if (column.isPlain) this.#text(String(value as number | string | bigint));
    else this.#text(column.codec.output(value as Value, this.#context));
  }

  #raw(bytes: Uint8Array): void {
    this.#room(4 + bytes.length);
    this.#view.setInt32(this.#at, bytes.length);
    this.#bytes.set(bytes, this.#at + 4);
    this.#at += 4 + bytes.length;
  }

  #text(text: string): void {
    const { length } = text;
    // Of a long one the room is measured, not guessed: three times as much would be held as long as the rows are.
    this.#room(4 + (length > longTextMin ? Buffer.byteLength(text) : 3 * length));
    const bytes = this.#bytes;
    let at = this.#at + 4;
    let index = 0;
    if (length <= 64) {
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code >= 0x80) break;
        bytes[at++] = code;
      }
    }
    if (index < length) {
      const { written } = encoder.encodeInto(text, bytes.subarray(this.#at + 4));
      at = this.#at + 4 + written;
    }
    this.#view.setInt32(this.#at, at - this.#at - 4);
    this.#at = at;
  }

  /** How many of the first `wanted` rows one answer holds: at least one of them. */
  fitting(wanted: number): number {
    assert(wanted <= this.rows, "only rows that are there are wanted");
    if (this.length <= answerBytesMax) return wanted;
    let count = Math.min(1, wanted);
    while (count < wanted && this.#startOf(count + 1) - this.#from <= answerBytesMax) count += 1;
    return count;
  }

  /** Where a row begins, or the last one ends. */
  #startOf(row: number): number {
    return this.#starts[this.#first + row] ?? this.#at;
  }

  /** The rows so far as an exact copy; empty afterwards. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(this.#from, this.#at);
    this.#empty();
    return taken;
  }

  /** The first rows as an exact copy, at most so many; the others stay. */
  takeSome(count: number): Uint8Array {
    if (count >= this.rows) return this.take();
    const end = this.#startOf(count);
    const taken = this.#bytes.slice(this.#from, end);
    this.#first += count;
    this.#from = end;
    const isHalf = this.#first > this.#starts.length / 2 && this.length <= this.#from;
    if (isHalf || this.#bytes.length > Math.max(keptBytesMax, 2 * this.length)) this.#compact();
    return taken;
  }

  /** What stays may stay for long, and takes no more memory than it needs. */
  #compact(): void {
    const from = this.#from;
    this.#starts = this.#starts.slice(this.#first).map((start) => start - from);
    this.#use(this.#bytes.slice(from, this.#at));
    this.#at -= from;
    this.#first = 0;
    this.#from = 0;
  }
}

export function valueAt(vector: ColumnVector, at: number): Datum {
  if (vector.kind === "values") return vector.values[at] ?? null;
  return vector.nulls[at] === 1 ? null : (vector.numbers[at] ?? null);
}
