/**
 * Rows that do not fit a statement's memory, written to a file and read again in the order in which they were written. The file is scratch
 * space: it is gone when its statement ends, and nothing of it must be durable.
 *
 *   row   length u32 · the row as a table of these columns would store it (`table/row-codec.ts`)
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { RowCodec } from "../table/row-codec.js";
import { storageOf } from "../table/value-bytes.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";

export interface SpillFile {
  /** Writes at the end. Throws `SqlError` 53100 when the disk is full. */
  append(bytes: Uint8Array, length: number): void;
  /** Reads up to `length` bytes at `at` into the start of `target`; gives back how many there were. */
  read(target: Uint8Array, length: number, at: number): number;
  /** Removes it; twice is fine. */
  close(): void;
}

/** Where files for rows come from. */
export interface SpillSpace {
  open(): SpillFile;
}

export type SpilledTypes = readonly { readonly type: { readonly oid: Oid } }[];

/** Rows of such columns can be written: records that are made up, for example, have no stored form. */
export const canSpill = (types: SpilledTypes): boolean => types.every(({ type }) => storageOf(type.oid) !== null);

const bufferBytes = 256 * 1024;
const lengthBytes = 4;
/** What one statement may write in one file. */
const fileBytesMax = 2 ** 36;

/** A stretch of a file, in bytes. */
export interface SpilledRun {
  readonly from: number;
  readonly to: number;
}

/** One file of rows: runs are written one after the other. */
export class SpilledRows {
  readonly #codec: RowCodec;
  readonly #file: SpillFile;
  #buffer: Uint8Array | null = null;
  #buffered = 0;
  #written = 0;

  constructor(types: SpilledTypes, space: SpillSpace) {
    assert(canSpill(types), "rows that are written have a stored form");
    this.#codec = new RowCodec(types.map(({ type }, index) => ({ number: index + 1, type, missingValue: null })));
    this.#file = space.open();
  }

  /** Bytes so far: where the next run begins. */
  get end(): number {
    return this.#written + this.#buffered;
  }

  add(row: readonly Datum[]): void {
    const bytes = this.#codec.encode(row);
    const length = lengthBytes + bytes.length;
    if (this.#buffered + length > bufferBytes) this.flush();
    if (this.end + length > fileBytesMax)
      throw new SqlError("53400", `a statement needs more than ${fileBytesMax} bytes of temporary space`);
    this.#buffer ??= new Uint8Array(bufferBytes);
    const target = length > bufferBytes ? new Uint8Array(length) : this.#buffer;
    new DataView(target.buffer).setUint32(target === this.#buffer ? this.#buffered : 0, bytes.length, true);
    target.set(bytes, (target === this.#buffer ? this.#buffered : 0) + lengthBytes);
    if (target === this.#buffer) this.#buffered += length;
    else {
      this.#file.append(target, length);
      this.#written += length;
    }
  }

  /** What was added can be read from here on. */
  flush(): void {
    if (this.#buffer !== null && this.#buffered > 0) this.#file.append(this.#buffer, this.#buffered);
    this.#written += this.#buffered;
    this.#buffered = 0;
  }

  /** The rows of a run, in order. */
  *read({ from, to }: SpilledRun, chunkBytes: number): Generator<readonly Datum[]> {
    assert(to <= this.#written, "what is read was flushed");
    let chunk = new Uint8Array(chunkBytes);
    for (let at = from; at < to; ) {
      const length = this.#file.read(chunk, Math.min(chunk.length, to - at), at);
      const view = new DataView(chunk.buffer);
      let used = 0;
      while (used + lengthBytes <= length) {
        const bytes = view.getUint32(used, true);
        if (used + lengthBytes + bytes > length) break;
        yield this.#codec.decode(chunk, view, used + lengthBytes);
        used += lengthBytes + bytes;
      }
      if (used === 0) {
        assert(chunk.length < to - at && length === chunk.length, "a spilled row is whole");
        const needed = lengthBytes + (length >= lengthBytes ? view.getUint32(0, true) : 0);
        chunk = new Uint8Array(Math.max(needed, chunk.length * 2));
      }
      at += used;
    }
  }

  close(): void {
    this.#buffer = null;
    this.#file.close();
  }
}
