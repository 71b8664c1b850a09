/**
 * A window onto the log's bytes for those who walk it: one buffer, read ahead in large steps, in which a whole prepare always lies
 * in one piece. And the question that every walk asks of an address: what is there?
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { miB, sectorBytes } from "../types/limits.js";
import { isUnreadable } from "./disk.js";
import { headerBytes, type PrepareHeader, readHeader, sameBytes } from "./frame.js";
import { type LogGeometry, nextSegmentStart, paddedBytes } from "./log-geometry.js";
import type { LogTail } from "./log-tail.js";
import { mark } from "./marks.js";
import type { SegmentFiles } from "./segments.js";

const readAheadBytes = miB;
/** Not zero: what cannot be read is not unwritten. */
const unreadableByte = 0xee;

/** Bytes that a window's memory must have at least. */
export const windowBytes = (geometry: LogGeometry): number => Math.max(paddedBytes(geometry.bodyBytesMax), sectorBytes);

export class LogWindow {
  readonly files: SegmentFiles;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #words: Int32Array;
  readonly #toleratesUnreadable: boolean;
  readonly #tail: LogTail | null;
  #from = 0;
  #to = 0;
  #isOfTail = false;
  /** Bytes below this address are taken from the files. */
  #filesUntil = 0;
  /** Bytes read from files so far. */
  bytesRead = 0;

  /**
   * @param memory at least `windowBytes`; aligned when the files are opened for direct reads
   * @param toleratesUnreadable a sector that the disk cannot read is taken for a damaged one, instead of an error
   * @param tail where the newest bytes are looked for first: what was written past the page cache costs a read of the disk
   */
  constructor(files: SegmentFiles, memory: Uint8Array, toleratesUnreadable = false, tail: LogTail | null = null) {
    assert(memory.length >= windowBytes(files.geometry), "a window holds the largest prepare");
    assert(
      memory.byteOffset % 4 === 0 && memory.length % sectorBytes === 0,
      "a window is made of whole words and sectors",
    );
    this.files = files;
    this.#toleratesUnreadable = toleratesUnreadable;
    this.#tail = tail;
    this.bytes = memory;
    this.view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength / 4);
  }

  /**
   * Makes the log's bytes `[address, address + length)`, which lie in one segment, available and gives their offset in `bytes`. Nothing
   * at or behind `limit` is read: those bytes may still change.
   */
  load(address: number, length: number, limit: number): number {
    assert(
      address % sectorBytes === 0 && length <= this.bytes.length,
      "a window is loaded from a sector and holds the range",
    );
    assert(address + length <= limit, "a window is not loaded beyond its limit");
    if (address >= this.#from && address + length <= this.#to) return address - this.#from;
    if (this.#loadTail(address, length, limit)) return 0;
    const segmentEnd = nextSegmentStart(this.files.geometry, address);
    const ahead = Math.max(length, Math.min(readAheadBytes, this.bytes.length));
    const wanted = Math.min(ahead, segmentEnd - address, limit - address);
    this.drop();
    try {
      this.files.read(address, this.bytes, 0, wanted);
    } catch (error) {
      if (!this.#toleratesUnreadable || !isUnreadable(error)) throw error;
      this.#readSectors(address, wanted);
    }
    this.bytesRead += wanted;
    this.#from = address;
    this.#to = address + wanted;
    return 0;
  }

  /** Copies out of the tail what it has in one piece from the address on. False when that is not all that is asked for. */
  #loadTail(address: number, length: number, limit: number): boolean {
    const tail = this.#tail;
    if (tail === null || address < tail.tailLow || address < this.#filesUntil) return false;
    const at = tail.offsetOf(address);
    const segmentEnd = nextSegmentStart(this.files.geometry, address);
    const wanted = Math.min(this.bytes.length, segmentEnd - address, limit - address, tail.ringBytes - at);
    if (wanted < length) return false;
    this.drop();
    this.bytes.set(tail.bytes.subarray(at, at + wanted));
    // Were the bytes overwritten while they were copied? Asked *after* the copy.
    if (address < tail.tailLow) return false;
    this.#from = address;
    this.#to = address + wanted;
    this.#isOfTail = true;
    return true;
  }

  /** True when what the window holds came out of the tail. */
  get isOfTail(): boolean {
    return this.#isOfTail;
  }

  /**
   * Forgets what it holds, and takes what lies before `until` from the files: they decide where the tail's bytes do not verify. Those are
   * written before anybody may read them, so it takes a bit that changed in memory.
   */
  takeFiles(until: number): void {
    this.drop();
    this.#filesUntil = until;
  }

  #readSectors(address: number, length: number): void {
    for (let at = 0; at < length; at += sectorBytes) {
      try {
        this.files.read(address + at, this.bytes, at, sectorBytes);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        mark("windowSectorUnreadable");
        this.bytes.fill(unreadableByte, at, at + sectorBytes);
      }
    }
  }

  /** Forgets what was read. */
  drop(): void {
    this.#from = 0;
    this.#to = 0;
    this.#isOfTail = false;
  }

  /** As `isZero`, from any byte on up to a whole word's end. */
  isZeroFrom(offset: number, end: number): boolean {
    const words = offset + ((4 - (offset % 4)) % 4);
    for (let index = offset; index < words; index++) if (this.bytes[index] !== 0) return false;
    return this.isZero(words, end - words);
  }

  isZero(offset: number, length: number): boolean {
    assert(offset % 4 === 0 && length % 4 === 0, "zeros are looked for in whole words");
    for (let index = offset / 4; index < (offset + length) / 4; index++) if (this.#words[index] !== 0) return false;
    return true;
  }
}

export type PrepareFault = "header" | "size" | "body" | "padding";

/** What lies at an address of the log. A `sound` prepare verified whole: header, body, padding, and that it belongs here. */
export type PrepareFinding =
  | { readonly kind: "unwritten" }
  | { readonly kind: "damaged"; readonly fault: PrepareFault; readonly header: PrepareHeader | null }
  | { readonly kind: "misplaced"; readonly header: PrepareHeader }
  | { readonly kind: "sound"; readonly header: PrepareHeader; readonly offset: number };

const checksum = new Uint8Array(32);

export function inspectPrepare(
  window: LogWindow,
  clusterId: Uint8Array,
  address: number,
  limit: number,
): PrepareFinding {
  const { geometry } = window.files;
  const head = window.load(address, sectorBytes, limit);
  if (window.isZero(head, sectorBytes)) return { kind: "unwritten" };
  const reading = readHeader(window.bytes, window.view, head, clusterId);
  if (reading.kind !== "prepare") return { kind: "damaged", fault: "header", header: null };
  const { header } = reading;
  if (header.address !== address) return { kind: "misplaced", header };
  const padded = paddedBytes(header.bodyBytes);
  const end = Math.min(nextSegmentStart(geometry, address), limit);
  if (header.bodyBytes > geometry.bodyBytesMax || address + padded > end)
    return { kind: "damaged", fault: "size", header };
  const offset = window.load(address, padded, limit);
  const bodyEnd = offset + headerBytes + header.bodyBytes;
  nodeProvider.sha256Into(window.bytes, offset + headerBytes, bodyEnd, checksum, 0);
  if (!sameBytes(checksum, 0, header.bodyChecksum, 0, checksum.length))
    return { kind: "damaged", fault: "body", header };
  if (!window.isZeroFrom(bodyEnd, offset + padded)) return { kind: "damaged", fault: "padding", header };
  return { kind: "sound", header, offset };
}
