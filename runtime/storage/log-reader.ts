/**
 * Reads single records by address, from any thread: out of the shared ring while they are new, else from the segment files. One
 * reader belongs to one thread.
 *
 *   record at its address:  length u32 (of the body) · CRC32C u32 (of the body) · body
 *
 * What is read is copied into the reader's own buffer and its checksum is verified, so a reader gives the right bytes or throws
 * `dataCorrupt`, never wrong bytes. A copy out of the ring that fails its check is read again from the file, which decides.
 */
import { crc32cOf } from "../crypto/crc32c.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { kiB } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { type LogGeometry, nextSegmentStart } from "./log-geometry.js";
import type { LogTail } from "./log-tail.js";
import { SegmentFiles } from "./segments.js";

export const recordHeadBytes = 8;

const firstReadBytes = 4 * kiB;
/** Read ahead when the reader goes on where it was. */
const sequentialReadBytes = 64 * kiB;
/** Below this a loop copies faster than making a view for `set`. */
const loopCopyBytesMax = 192;

export class LogReader {
  readonly #tail: LogTail;
  readonly #files: SegmentFiles;
  readonly #geometry: LogGeometry;
  /** Record body copied from the ring, or a stretch of a file. */
  #ringCopy: Uint8Array;
  #ringView: DataView;
  #fileBytes: Uint8Array;
  #fileView: DataView;
  #fileFrom = 0;
  #fileTo = 0;
  /** The body of the record last read: `bytes[start, start + length)`, its 8-byte head before it; until the next read. */
  bytes: Uint8Array;
  view: DataView;
  start = 0;
  length = 0;
  /** Where reads were answered from, for metrics. */
  readonly reads = { ring: 0, fileCached: 0, file: 0 };

  constructor(disk: Disk, directory: string, geometry: LogGeometry, tail: LogTail, openFilesMax?: number) {
    this.#tail = tail;
    this.#geometry = geometry;
    this.#files = new SegmentFiles(disk, directory, geometry, "read", openFilesMax);
    this.#ringCopy = new Uint8Array(firstReadBytes);
    this.#ringView = new DataView(this.#ringCopy.buffer);
    this.#fileBytes = new Uint8Array(sequentialReadBytes);
    this.#fileView = new DataView(this.#fileBytes.buffer);
    this.bytes = this.#ringCopy;
    this.view = this.#ringView;
  }

  /** Address behind the newest committed prepare. */
  get committedEnd(): number {
    return this.#tail.committedEnd;
  }

  get openFiles(): number {
    return this.#files.openFiles;
  }

  /**
   * Reads the record whose length field lies at `address`. Afterwards `bytes`, `view`, `start` and `length` describe its body.
   * Throws `dataCorrupt` when there is no sound committed record, `dataMissing` when the file is gone.
   */
  read(address: number): void {
    assert(Number.isSafeInteger(address) && address >= 0, "a record's address is a safe integer");
    if (this.#readRing(address)) return;
    this.#readFile(address);
    assert(this.start + this.length <= this.bytes.length, "a record lies within the bytes that describe it");
  }

  /**
   * Reads a part of the record at `address`: bytes [from, from + length) of it, counted from its length field. Afterwards `bytes`, `view`,
   * `start` and `length` describe the part.
   *
   * @param holds whether the bytes at an index of a view are those of the part: the reader knows only the checksum of the whole
   */
  readPart(address: number, from: number, length: number, holds: (view: DataView, at: number) => boolean): void {
    const at = address + from;
    assert(from >= recordHeadBytes && length > 0, "a part is of the record's body");
    const end = this.#endFor(address);
    if (at + length > end) throw this.#damaged(address, `a part of it would end behind the log's end, ${end}`);
    if (this.#partFromRing(at, length, holds)) return;
    this.#load(at, length, end);
    this.bytes = this.#fileBytes;
    this.view = this.#fileView;
    this.start = at - this.#fileFrom;
    this.length = length;
    if (holds(this.view, this.start)) return;
    this.#fileTo = this.#fileFrom; // do not keep damaged bytes: the file may be restored while we run
    throw this.#damaged(address, `its bytes from ${from} to ${from + length} are not those that its checksum held for`);
  }

  #partFromRing(at: number, length: number, holds: (view: DataView, at: number) => boolean): boolean {
    const tail = this.#tail;
    if (at < tail.tailLow) return false;
    const offset = tail.offsetOf(at);
    const copy = this.#ringCopyOf(length);
    copy.set(tail.bytes.subarray(offset, offset + length));
    // Were the bytes overwritten while they were copied? Asked *after* the copy.
    if (at < tail.tailLow || !holds(this.#ringView, 0)) return false;
    this.bytes = copy;
    this.view = this.#ringView;
    this.start = 0;
    this.length = length;
    this.reads.ring++;
    return true;
  }

  #readRing(address: number): boolean {
    const tail = this.#tail;
    if (address < tail.tailLow) return false;
    const end = this.#endFor(address);
    const at = tail.offsetOf(address);
    const length = tail.view.getUint32(at, true);
    const wanted = tail.view.getUint32(at + 4, true);
    if (length === 0 || length > this.#geometry.bodyBytesMax) return false; // torn or wrong: the file decides
    if (address + recordHeadBytes + length > end) return false;
    // The head is copied too: a caller that knows the record by its first byte finds the fields where the log has them.
    const whole = recordHeadBytes + length;
    const copy = this.#ringCopyOf(whole);
    if (whole <= loopCopyBytesMax) {
      const source = tail.bytes;
      for (let index = 0; index < whole; index++) copy[index] = source[at + index] as number;
    } else {
      copy.set(tail.bytes.subarray(at, at + whole));
    }
    // Were the bytes overwritten while they were copied? Asked *after* the copy.
    if (address < tail.tailLow) return false;
    if (crc32cOf(this.#ringView, recordHeadBytes, whole) !== wanted) return false;
    this.bytes = copy;
    this.view = this.#ringView;
    this.start = recordHeadBytes;
    this.length = length;
    this.reads.ring++;
    return true;
  }

  #ringCopyOf(length: number): Uint8Array {
    if (length > this.#ringCopy.length) {
      this.#ringCopy = new Uint8Array(Math.max(length, this.#ringCopy.length * 2));
      this.#ringView = new DataView(this.#ringCopy.buffer);
    }
    return this.#ringCopy;
  }

  /** The end of the readable bytes of the address's segment. Throws when not even a record's head fits before it. */
  #endFor(address: number): number {
    let end = this.#tail.committedEnd;
    // Between the two stores of its halves the committed end may read too low, never too high: look again before giving up.
    for (let tries = 0; address + recordHeadBytes > end && tries < 3; tries++) end = this.#tail.committedEnd;
    end = Math.min(end, nextSegmentStart(this.#geometry, address));
    if (address + recordHeadBytes > end)
      throw this.#damaged(address, `there is no committed record: the log ends at ${end}`);
    return end;
  }

  #readFile(address: number): void {
    const end = this.#endFor(address);
    this.#load(address, recordHeadBytes, end);
    let at = address - this.#fileFrom;
    const length = this.#fileView.getUint32(at, true);
    const wanted = this.#fileView.getUint32(at + 4, true);
    if (length === 0 || length > this.#geometry.bodyBytesMax || address + recordHeadBytes + length > end) {
      throw this.#damaged(address, `its length field says ${length}`);
    }
    this.#load(address, recordHeadBytes + length, end);
    at = address - this.#fileFrom + recordHeadBytes;
    if (crc32cOf(this.#fileView, at, at + length) !== wanted) {
      this.#fileTo = this.#fileFrom; // do not keep damaged bytes: the file may be restored while we run
      throw this.#damaged(address, "its checksum does not fit");
    }
    this.bytes = this.#fileBytes;
    this.view = this.#fileView;
    this.start = at;
    this.length = length;
  }

  /** Makes `[address, address + length)` available in the file buffer. Committed bytes never change, so a stretch stays good. */
  #load(address: number, length: number, end: number): void {
    if (address >= this.#fileFrom && address + length <= this.#fileTo) {
      this.reads.fileCached++;
      return;
    }
    const goesOn = address >= this.#fileFrom && address <= this.#fileTo + firstReadBytes;
    const wanted = Math.min(Math.max(length, goesOn ? sequentialReadBytes : firstReadBytes), end - address);
    if (wanted > this.#fileBytes.length) {
      this.#fileBytes = new Uint8Array(Math.max(wanted, this.#fileBytes.length * 2));
      this.#fileView = new DataView(this.#fileBytes.buffer);
    }
    this.#fileTo = this.#fileFrom;
    this.#files.read(address, this.#fileBytes, 0, wanted);
    this.#fileFrom = address;
    this.#fileTo = address + wanted;
    this.reads.file++;
  }

  #damaged(address: number, what: string): KimberliteError {
    const file = this.#files.path(address);
    return new KimberliteError("dataCorrupt", `the record at address ${address} in ${file}: ${what}`, {
      detail: { file, address },
    });
  }

  close(): void {
    this.#files.close();
    this.#fileTo = this.#fileFrom;
  }
}
