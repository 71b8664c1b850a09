/**
 * Writes to the log's segment files: prepares from the shared ring or from this writer's own memory, zeros where the log is cut. Every
 * call is durable when it returns.
 */
import { assert } from "../types/assert.js";
import { sectorBytes } from "../types/limits.js";
import { type AlignedMemory, bytesOf } from "./aligned-memory.js";
import type { Disk, DiskFile, WriteMode } from "./disk.js";
import { type LogGeometry, nextSegmentStart, segmentOf, segmentPath } from "./log-geometry.js";
import { takeSegment } from "./segments.js";

export class SegmentWriter {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #geometry: LogGeometry;
  readonly #mode: WriteMode;
  /** For what does not go through the ring: a prepare of the largest size fits. */
  readonly #scratch: Uint8Array;
  #file: DiskFile | null = null;
  #segment = -1;

  constructor(disk: Disk, directory: string, geometry: LogGeometry, memory: AlignedMemory) {
    this.#disk = disk;
    this.#directory = directory;
    this.#geometry = geometry;
    this.#mode = memory.mode;
    this.#scratch = bytesOf(memory);
  }

  /** Makes sure that the address's segment has its file. Throws `diskFull` with nothing changed. */
  take(address: number): void {
    const segment = segmentOf(this.#geometry, address);
    if (segment !== this.#segment) takeSegment(this.#disk, this.#directory, this.#geometry, segment);
  }

  #fileOf(address: number): DiskFile {
    const segment = segmentOf(this.#geometry, address);
    if (this.#file !== null && segment === this.#segment) return this.#file;
    const next = this.#disk.open(segmentPath(this.#directory, this.#geometry, segment), this.#mode);
    this.#file?.close();
    this.#file = next;
    this.#segment = segment;
    return next;
  }

  /** Writes `source[from, from + length)`, aligned memory, at the address; all of it lies in one segment that was taken. */
  write(address: number, source: Uint8Array, from: number, length: number): void {
    assert(address % sectorBytes === 0 && length % sectorBytes === 0, "the log is written in whole sectors");
    assert(address + length <= nextSegmentStart(this.#geometry, address), "a write stays within one segment");
    const file = this.#fileOf(address);
    file.write(source, from, length, address % this.#geometry.segmentBytes);
    file.sync();
  }

  /** As `write`, from memory of any kind, with zeros behind it up to `padded` bytes. */
  writeCopy(address: number, source: Uint8Array, padded: number): void {
    assert(source.length <= padded && padded <= this.#scratch.length, "a prepare fits the writer's memory");
    this.#scratch.set(source, 0);
    this.#scratch.fill(0, source.length, padded);
    this.write(address, this.#scratch, 0, padded);
  }

  /** Zeroes `[from, to)` in every segment that has a file. */
  zero(from: number, to: number): void {
    assert(from % sectorBytes === 0 && to % sectorBytes === 0, "the log is cut in whole sectors");
    this.#scratch.fill(0);
    for (let at = from; at < to; ) {
      const limit = Math.min(nextSegmentStart(this.#geometry, at), to);
      const path = segmentPath(this.#directory, this.#geometry, segmentOf(this.#geometry, at));
      if (this.#disk.status(path) === null) {
        at = limit;
        continue;
      }
      const length = Math.min(limit - at, this.#scratch.length);
      this.write(at, this.#scratch, 0, length);
      at += length;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#segment = -1;
  }
}
