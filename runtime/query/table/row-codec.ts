/**
 * A row as bytes. One codec a table version: where a column lies follows from the definition, so that one column is read without the
 * others.
 *
 *   0      2   n: the highest column number there was when the row was written · bit 15: wide
 *   2   ⌈n/8⌉  null bitmap, column 1 is bit 0 of the first byte
 *   …          columns of fixed width up to n, each in its place, also where it is NULL
 *   …          for each column of variable width up to n: where it ends, counted from the first of them; u16, or u32 when wide
 *   …          columns of variable width
 *   …       4  the number that its transaction was known by before it had a position; only of rows whose transaction has told it
 *
 * Columns lie in the order of their numbers, dropped ones too (as NULL). A column that was added later is not in older rows: there it has
 * its definition's `missingValue`.
 */
import { assert } from "../../types/assert.js";
import { ByteWriter } from "../../types/byte-writer.js";
import type { TableDefinition } from "../catalog/model.js";
import type { Datum, Value } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import { isXidOfDraw } from "../types/xid.js";
import { getFixed, getNumber, getVariable, type Storage, setFixed, storageOf, writeVariable } from "./value-bytes.js";

/** Columns of one table at most, dropped ones counted, as PostgreSQL has it. */
export const columnsMax = 1_600;
const encoder = new TextEncoder();
/** Texts up to this length are written char by char while they are ASCII. */
const shortTextLength = 128;
const wideMark = 0x8000;
const countMask = 0x7fff;
const writerBytes = 4;

/** Where and how a column lies in a row. */
export interface ColumnPlace {
  readonly number: number;
  readonly storage: Storage;
  /** Of a column of fixed width: its place behind the null bitmap. */
  readonly fixedAt: number;
  /** Of a column of variable width: how many of them are before it. */
  readonly variableIndex: number;
  readonly missing: Datum;
}

/** What a codec has to know of a column. */
export interface StoredColumn {
  readonly number: number;
  readonly type: { readonly oid: Oid };
  readonly missingValue: Datum;
}

export class RowCodec {
  /** By column number - 1. */
  readonly places: readonly ColumnPlace[];
  /** By n: bytes of the fixed part and columns of variable width among the first n columns. */
  readonly #fixedBytes: readonly number[];
  readonly #variables: readonly number[];
  readonly #tail = new ByteWriter(256);
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  // Of the row that is being written: where its columns of fixed width begin, the ends of the others, and these; and where the next one goes.
  #fixedFrom = 0;
  #endsFrom = 0;
  #tailFrom = 0;
  #at = 0;
  /** Rows that come in numbers are mostly of a few lengths: the view that was made last may do for the next. */
  #row = this.#bytes.subarray(0, 0);

  constructor(columns: readonly StoredColumn[]) {
    assert(columns.length >= 0 && columns.length <= columnsMax, "a table has at most 1,600 columns");
    const places: ColumnPlace[] = [];
    const fixedBytes = [0];
    const variables = [0];
    let fixedAt = 0;
    let variableIndex = 0;
    for (const [index, column] of columns.entries()) {
      assert(column.number === index + 1, "columns stand in the order of their numbers");
      const storage = storageOf(column.type.oid);
      assert(storage !== null, "a table's columns are of types that are stored");
      places.push({ number: column.number, storage, fixedAt, variableIndex, missing: column.missingValue });
      if (storage.width > 0) fixedAt += storage.width;
      else variableIndex += 1;
      fixedBytes.push(fixedAt);
      variables.push(variableIndex);
    }
    this.places = places;
    this.#fixedBytes = fixedBytes;
    this.#variables = variables;
  }

  /** A whole row. `values` are by column number - 1; those of dropped columns are NULL. */
  encode(values: readonly Datum[]): Uint8Array {
    return this.encodeView(values).slice();
  }

  /** As `encode`; overwritten by the next call. */
  encodeView(values: readonly Datum[]): Uint8Array {
    const count = this.places.length;
    assert(values.length === count, "a row has a value for each of its table's columns");
    this.begin();
    for (let index = 0; index < count; index++) this.put(index, values[index] ?? null);
    const length = this.end();
    if (length < 0) return this.#encodeWide(values);
    if (this.#row.length !== length) this.#row = this.#bytes.subarray(0, length);
    return this.#row;
  }

  // A row whose columns are put one by one, each of them, in the order of their numbers.

  begin(): void {
    const count = this.places.length;
    this.#fixedFrom = 2 + ((count + 7) >> 3);
    this.#endsFrom = this.#fixedFrom + this.#fixedBytes[count];
    this.#tailFrom = this.#endsFrom + 2 * this.#variables[count];
    this.#at = this.#tailFrom;
    this.#room(this.#tailFrom);
    const bytes = this.#bytes;
    for (let at = 0; at < this.#tailFrom; at++) bytes[at] = 0;
    this.#view.setUint16(0, count, true);
  }

  /** @param index column number - 1 */
  put(index: number, value: Datum): void {
    const place = this.places[index];
    if (value === null) this.#bytes[2 + (index >> 3)] |= 1 << (index & 7);
    if (place.storage.width > 0) {
      if (value !== null) setFixed(place.storage, this.#bytes, this.#view, this.#fixedFrom + place.fixedAt, value);
      return;
    }
    if (value !== null) this.#at = this.#putVariable(place.storage, this.#at, value);
    this.#endVariable(place.variableIndex);
  }

  /**
   * As `put`, of a text that is UTF-8 already.
   *
   * @param isSound whether UTF-8 is sound and without U+0000; asked only from the first four bytes on that are not all ASCII
   * @returns false when it is not: nothing was put
   */
  putText(
    index: number,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    isSound: (from: number, to: number) => boolean,
  ): boolean {
    const { storage, variableIndex } = this.places[index];
    assert(storage.kind === "text" && from <= to, "a text is put where texts are stored");
    this.#room(this.#at + to - from);
    let write = this.#at;
    let read = from;
    for (; read + 4 <= to; read += 4, write += 4) {
      const word = view.getUint32(read, true);
      // A byte of 0x80 or more, or one that is 0.
      if (((word | (word - 0x0101_0101)) & 0x8080_8080) !== 0) break;
      this.#view.setUint32(write, word, true);
    }
    for (; read < to; read++, write++) {
      const byte = bytes[read];
      if (byte === 0 || byte >= 0x80) break;
      this.#bytes[write] = byte;
    }
    if (read < to) {
      if (!isSound(read, to)) return false;
      this.#bytes.set(bytes.subarray(read, to), write);
    }
    this.#at += to - from;
    this.#endVariable(variableIndex);
    return true;
  }

  #endVariable(variableIndex: number): void {
    this.#view.setUint16(this.#endsFrom + 2 * variableIndex, this.#at - this.#tailFrom, true);
  }

  /** Length of the row, at the start of `rowBytes`; -1 when it is too wide to be put so, and has to be encoded as a whole. */
  end(): number {
    return this.#at - this.#tailFrom > 0xffff ? -1 : this.#at;
  }

  get rowBytes(): Uint8Array {
    return this.#bytes;
  }

  get rowView(): DataView {
    return this.#view;
  }

  #room(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#row = grown.subarray(0, 0);
  }

  /** Where the value that begins at `at` ends. */
  #putVariable(storage: Storage, at: number, value: Value): number {
    if (storage.kind !== "text" || typeof value !== "string") {
      const tail = this.#tail.reset();
      writeVariable(storage, tail, value);
      this.#room(at + tail.length);
      this.#bytes.set(tail.view(), at);
      return at + tail.length;
    }
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#room(at + 3 * value.length);
    const bytes = this.#bytes;
    let write = at;
    if (value.length <= shortTextLength) {
      for (let index = 0; index < value.length; index++) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) return at + encoder.encodeInto(value, bytes.subarray(at)).written;
        bytes[write++] = code;
      }
      return write;
    }
    return at + encoder.encodeInto(value, bytes.subarray(at)).written;
  }

  /** A row whose columns of variable width take more than 64 KiB. */
  #encodeWide(values: readonly Datum[]): Uint8Array {
    const { places } = this;
    const count = places.length;
    const tail = this.#tail.reset();
    const ends: number[] = [];
    for (const place of places) {
      if (place.storage.width > 0) continue;
      const value = values[place.number - 1];
      if (value !== null && value !== undefined) writeVariable(place.storage, tail, value);
      ends.push(tail.length);
    }
    assert(tail.length > 0xffff, "a row is wide when it has to be");
    const fixedFrom = 2 + ((count + 7) >> 3);
    const endsFrom = fixedFrom + this.#fixedBytes[count];
    const tailFrom = endsFrom + 4 * ends.length;
    const bytes = new Uint8Array(tailFrom + tail.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, count | wideMark, true);
    for (const place of places) {
      const value = values[place.number - 1];
      if (value === null || value === undefined) bytes[2 + ((place.number - 1) >> 3)] |= 1 << ((place.number - 1) & 7);
      else if (place.storage.width > 0) setFixed(place.storage, bytes, view, fixedFrom + place.fixedAt, value);
    }
    for (const [index, end] of ends.entries()) view.setUint32(endsFrom + 4 * index, end, true);
    bytes.set(tail.view(), tailFrom);
    return bytes;
  }

  /** One column of the row that begins at `from`. */
  read(bytes: Uint8Array, view: DataView, from: number, place: ColumnPlace): Datum {
    const head = view.getUint16(from, true);
    const count = head & countMask;
    const index = place.number - 1;
    if (index >= count) return place.missing;
    if ((bytes[from + 2 + (index >> 3)] & (1 << (index & 7))) !== 0) return null;
    const fixedFrom = from + 2 + ((count + 7) >> 3);
    const { storage } = place;
    if (storage.width > 0) return getFixed(storage, bytes, view, fixedFrom + place.fixedAt);
    return this.#readVariable(bytes, view, fixedFrom, count, (head & wideMark) !== 0, place);
  }

  #readVariable(
    bytes: Uint8Array,
    view: DataView,
    fixedFrom: number,
    count: number,
    isWide: boolean,
    { storage, variableIndex }: ColumnPlace,
  ): Value {
    assert(count < this.#fixedBytes.length, "a row has no more columns than its table");
    const endsFrom = fixedFrom + this.#fixedBytes[count];
    const endBytes = isWide ? 4 : 2;
    const tailFrom = endsFrom + this.#variables[count] * endBytes;
    const endAt = endsFrom + variableIndex * endBytes;
    const end = isWide ? view.getUint32(endAt, true) : view.getUint16(endAt, true);
    const before = endAt - endBytes;
    const begin = variableIndex === 0 ? 0 : isWide ? view.getUint32(before, true) : view.getUint16(before, true);
    return getVariable(storage, bytes, view, tailFrom + begin, tailFrom + end);
  }

  /**
   * One column of numbers: the value goes to `numbers[row]`. Answers true when it is NULL.
   */
  readNumber(
    bytes: Uint8Array,
    view: DataView,
    from: number,
    place: ColumnPlace,
    numbers: Float64Array,
    row: number,
  ): boolean {
    const count = view.getUint16(from, true) & countMask;
    const index = place.number - 1;
    if (index >= count) {
      if (place.missing === null) return true;
      numbers[row] = Number(place.missing);
      return false;
    }
    if ((bytes[from + 2 + (index >> 3)] & (1 << (index & 7))) !== 0) return true;
    numbers[row] = getNumber(place.storage, view, from + 2 + ((count + 7) >> 3) + place.fixedAt);
    return false;
  }

  /**
   * One column of numbers of many rows, which begin at `starts`: to `numbers` from `row` on, with 1 in `nulls` for NULL. Answers whether there
   * was one.
   */
  readNumbers(
    view: DataView,
    starts: Int32Array,
    count: number,
    place: ColumnPlace,
    numbers: Float64Array,
    nulls: Uint8Array,
    row: number,
  ): boolean {
    assert(count <= starts.length && row + count <= numbers.length, "a column has room for the rows");
    const { storage, fixedAt, missing } = place;
    const index = place.number - 1;
    const bitmapAt = 2 + (index >> 3);
    const bit = 1 << (index & 7);
    const isInt32 = storage.kind === "int32";
    let hasNulls = false;
    for (let at = 0; at < count; at++) {
      const from = starts[at] ?? 0;
      const columns = view.getUint16(from, true) & countMask;
      if (index < columns && (view.getUint8(from + bitmapAt) & bit) === 0) {
        const value = from + 2 + ((columns + 7) >> 3) + fixedAt;
        numbers[row + at] = isInt32 ? view.getInt32(value, true) : getNumber(storage, view, value);
      } else if (index < columns || missing === null) {
        nulls[row + at] = 1;
        hasNulls = true;
      } else numbers[row + at] = Number(missing);
    }
    return hasNulls;
  }

  /** The number that the transaction of a row told of itself before it was committed; 0 of a row that is known by its position. */
  writer(view: DataView, from: number, length: number): number {
    const head = view.getUint16(from, true);
    const count = head & countMask;
    assert(count < this.#fixedBytes.length, "a row has no more columns than its table");
    const endBytes = (head & wideMark) !== 0 ? 4 : 2;
    const variables = this.#variables[count] ?? 0;
    const tailFrom = 2 + ((count + 7) >> 3) + (this.#fixedBytes[count] ?? 0) + variables * endBytes;
    const lastEndAt = from + tailFrom - endBytes;
    const last =
      variables === 0 ? 0 : endBytes === 4 ? view.getUint32(lastEndAt, true) : view.getUint16(lastEndAt, true);
    const own = tailFrom + last;
    if (length === own) return 0;
    assert(length === own + writerBytes, "behind a row stands the number of its writer, or nothing");
    return view.getUint32(from + own, true);
  }

  /** All columns, by column number - 1. */
  decode(bytes: Uint8Array, view: DataView, from: number): Datum[] {
    return this.places.map((place) => this.read(bytes, view, from, place));
  }
}

/** A row as a tree's value with the number of its writer, which has told it, behind it. */
export function withWriter(value: Uint8Array, writer: number): Uint8Array {
  assert(isXidOfDraw(writer), "the number of a writer that has no position was drawn");
  const bytes = new Uint8Array(value.length + writerBytes);
  bytes.set(value);
  new DataView(bytes.buffer).setUint32(value.length, writer, true);
  return bytes;
}

const codecs = new WeakMap<TableDefinition, RowCodec>();

/** The codec of a table's definition, made once. */
export function rowCodecOf(table: TableDefinition): RowCodec {
  let codec = codecs.get(table);
  if (codec === undefined) {
    codec = new RowCodec(table.columns);
    codecs.set(table, codec);
  }
  return codec;
}
