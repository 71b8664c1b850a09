/**
 * Rows of a COPY on their way into the shard, as one parameter of a `load`: values one after the other, row by row, each a length (i32,
 * little-endian; -1 is NULL) and its bytes, text or binary as the client sent it. How many values a row has, the statement says.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const lengthBytes = 4;
const nullLength = -1;
const bytesMin = 64 * 1024;

/** Builds a block, a value at a time. A row that turns out to be none is taken back. */
export class LoadBlockWriter {
  #bytes = new Uint8Array(bytesMin);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #rowFrom = 0;
  /** Values of the row that is being written. */
  values = 0;
  rows = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + count, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = at + count;
    return at;
  }

  null(): void {
    this.#view.setInt32(this.#reserve(lengthBytes), nullLength, true);
    this.values += 1;
  }

  /** The value bytes[from..to). */
  value(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    assert(from <= to && to <= bytes.length, "a value lies within its source");
    const at = this.#reserve(lengthBytes + to - from);
    this.#view.setInt32(at, to - from, true);
    const target = this.#bytes;
    if (to - from > shortCopyBytes) target.set(bytes.subarray(from, to), at + lengthBytes);
    else for (let read = from, write = at + lengthBytes; read < to; read++, write++) target[write] = bytes[read] ?? 0;
    this.values += 1;
  }

  endRow(): void {
    this.#rowFrom = this.#length;
    this.values = 0;
    this.rows += 1;
  }

  /** Forgets the row that is being written. */
  dropRow(): void {
    this.#length = this.#rowFrom;
    this.values = 0;
  }

  /** The values of the row that is being written. */
  rowValues(): (Uint8Array | null)[] {
    const found: (Uint8Array | null)[] = [];
    const reader = new LoadBlockReader(this.#bytes.subarray(this.#rowFrom, this.#length), Math.max(1, this.values));
    if (!reader.next()) return found;
    for (let index = 0; index < this.values; index++) found.push(reader.value(index));
    return found;
  }

  /** The rows so far as bytes of their own; the next block begins. */
  take(): Uint8Array {
    assert(this.values === 0 && this.#rowFrom === this.#length, "a block holds whole rows");
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    this.#rowFrom = 0;
    this.rows = 0;
    return bytes;
  }
}

/** Up to here a loop is cheaper than `set`. */
const shortCopyBytes = 128;

/** Walks a block. Bytes may be anything: what does not fit is `frameInvalid`. */
export class LoadBlockReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #width: number;
  /** Of each value of the row: where it lies; `to` is below `from` for NULL. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  #at = 0;

  /** @param width values of a row */
  constructor(bytes: Uint8Array, width: number) {
    assert(width > 0, "rows of a load have values");
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#width = width;
    this.from = new Int32Array(width);
    this.to = new Int32Array(width);
  }

  /** To the next row; false behind the last. */
  next(): boolean {
    const { bytes, from, to } = this;
    let at = this.#at;
    if (at === bytes.length) return false;
    for (let index = 0; index < this.#width; index++) {
      if (at + lengthBytes > bytes.length) throw cutOff();
      const length = this.#view.getInt32(at, true);
      at += lengthBytes;
      from[index] = at;
      to[index] = at + length;
      if (length < nullLength) throw cutOff();
      if (length > 0) at += length;
      if (at > bytes.length) throw cutOff();
    }
    this.#at = at;
    return true;
  }

  /** A value of the row, as a view. */
  value(index: number): Uint8Array | null {
    const from = this.from[index] ?? 0;
    const to = this.to[index] ?? 0;
    return to < from ? null : this.bytes.subarray(from, to);
  }
}

const cutOff = (): KimberliteError => new KimberliteError("frameInvalid", "rows of a load that are cut off");
