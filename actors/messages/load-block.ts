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
    const at = this.#reserve(lengthBytes);
    this.#view.setInt32(at, nullLength, true);
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

  /**
   * The values of a line of text that is as most are: whole, ended by a line feed alone, without escapes but for the mark of NULL, and with `width`
   * values. Copied as it is read.
   *
   * @param view of all that `bytes` is
   * @returns where the line feed is; -1 for any other line: nothing was written then
   */
  plainLine(
    bytes: Uint8Array,
    view: DataView,
    from: number,
    delimiter: number,
    mark: Uint8Array,
    width: number,
  ): number {
    assert(this.#rowFrom === this.#length, "a line begins a row");
    this.#reserve(bytes.length - from + lengthBytes * width);
    this.#length = this.#rowFrom;
    const target = this.#bytes;
    const targetView = this.#view;
    const end = bytes.length;
    let at = from;
    let head = this.#rowFrom;
    for (let values = 1; values <= width; values++) {
      const start = at;
      let write = head + lengthBytes;
      let byte = -1;
      for (; at + 4 <= end; at += 4, write += 4) {
        const word = view.getUint32(at, true);
        if (mayEnd(word, delimiter)) break;
        targetView.setUint32(write, word, true);
      }
      for (; at < end; at++, write++) {
        byte = bytes[at] ?? 0;
        if (byte === delimiter || byte === lineFeed || byte === backslash || byte === carriageReturn) break;
        target[write] = byte;
      }
      if (at === end || byte === carriageReturn) return -1;
      let length = at - start;
      if (byte === backslash) {
        if (length > 0 || !isMark(mark, bytes, at)) return -1;
        at += mark.length;
        byte = at < end ? (bytes[at] ?? 0) : -1;
        if (byte !== delimiter && byte !== lineFeed) return -1;
        length = nullLength;
        write = head + lengthBytes;
      } else if (length === mark.length && isMark(mark, bytes, start)) {
        length = nullLength;
        write = head + lengthBytes;
      }
      targetView.setInt32(head, length, true);
      head = write;
      if ((byte === lineFeed) !== (values === width)) return -1;
      if (byte === lineFeed) break;
      at += 1;
    }
    this.#length = head;
    this.endRow();
    return at;
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

  /** The rows so far; the next block begins. They are overwritten by its first row. */
  take(): Uint8Array {
    assert(this.values === 0 && this.#rowFrom === this.#length, "a block holds whole rows");
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#rowFrom = 0;
    this.rows = 0;
    return bytes;
  }
}

/** Up to here a loop is cheaper than `set`. */
const shortCopyBytes = 128;
const backslash = 0x5c;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Whether four bytes may have one in them that ends a plain value: a control character, a backslash or the delimiter. */
function mayEnd(word: number, delimiter: number): boolean {
  const asBackslash = word ^ 0x5c5c_5c5c;
  const asDelimiter = word ^ Math.imul(delimiter, 0x0101_0101);
  const found =
    ((word - 0x2020_2020) & ~word) |
    ((asBackslash - 0x0101_0101) & ~asBackslash) |
    ((asDelimiter - 0x0101_0101) & ~asDelimiter);
  return (found & 0x8080_8080) !== 0;
}

function isMark(mark: Uint8Array, bytes: Uint8Array, from: number): boolean {
  if (from + mark.length > bytes.length) return false;
  for (let at = 0; at < mark.length; at++) if (mark[at] !== bytes[from + at]) return false;
  return true;
}

/** Walks a block. Bytes may be anything: what does not fit is `frameInvalid`. */
export class LoadBlockReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #width: number;
  /** Of each value of the row: where it lies; `to` is below `from` for NULL. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  #at = 0;

  /** @param width values of a row */
  constructor(bytes: Uint8Array, width: number) {
    assert(width > 0, "rows of a load have values");
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
      const length = this.view.getInt32(at, true);
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
