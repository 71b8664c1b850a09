/**
 * Walks the log's prepares in order from a checkpoint: replay, sealing, export. Every prepare is verified whole (header, body,
 * padding) and against its predecessor (op, parent, timestamp, place); the first that does not fit ends the walk with
 * `dataCorrupt`, naming file, op and address.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Disk } from "./disk.js";
import { headerBytes, identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import { type LogGeometry, nextSegmentStart, paddedBytes } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import type { LogTail } from "./log-tail.js";
import { inspectPrepare, LogWindow, windowBytes } from "./log-window.js";
import { SegmentFiles } from "./segments.js";

/** Where a walk begins. A null parent is taken on trust from the first header met (a walk that begins within the log). */
export interface CursorStart {
  readonly op: number;
  readonly address: number;
  readonly parent: Uint8Array | null;
  readonly timestamp: number;
}

export class PrepareCursor {
  readonly #window: LogWindow;
  readonly #clusterId: Uint8Array;
  readonly #geometry: LogGeometry;
  #op: number;
  #parent: Uint8Array | null;
  #timestamp: number;
  #address: number;
  #header: PrepareHeader | null = null;
  #offset = 0;

  constructor(window: LogWindow, clusterId: Uint8Array, from: CursorStart) {
    this.#window = window;
    this.#clusterId = clusterId;
    this.#geometry = window.files.geometry;
    this.#op = from.op;
    this.#parent = from.parent;
    this.#timestamp = from.timestamp;
    this.#address = from.address;
  }

  /**
   * A cursor with its own buffer and files, read through the page cache; a sector that cannot be read is damage like any other. Close it
   * after use.
   *
   * @param tail the newest bytes of the log in memory: a replica's log is written past the page cache, so to read what has just been
   *   written would be a read of the disk
   */
  static open(
    disk: Disk,
    directory: string,
    geometry: LogGeometry,
    clusterId: Uint8Array,
    from: CursorStart,
    tail: LogTail | null = null,
  ): PrepareCursor {
    const files = new SegmentFiles(disk, directory, geometry);
    const window = new LogWindow(files, new Uint8Array(windowBytes(geometry)), true, tail);
    return new PrepareCursor(window, clusterId, from);
  }

  /**
   * Goes to the next prepare that lies before `end` (the committed end, which may grow between calls). False when there is none.
   * Throws `dataCorrupt` or `dataMissing`.
   */
  next(end: number): boolean {
    assert(end >= this.#address, "order: a walk's end never goes back");
    if (this.#address >= end) return false;
    let damage = this.#goOn(end);
    if (damage !== null && this.#window.isOfTail) {
      // Memory may have changed; the disk decides.
      this.#window.takeFiles(end);
      damage = this.#goOn(end);
    }
    if (damage !== null) throw damage;
    return true;
  }

  /** Goes to the next prepare; what is in the way of that, with the walk where it was, or null. */
  #goOn(end: number): KimberliteError | null {
    let address = this.#address;
    let finding = inspectPrepare(this.#window, this.#clusterId, address, end);
    if (finding.kind === "unwritten") {
      const next = nextSegmentStart(this.#geometry, address);
      if (next >= end) return this.#damaged(address, "nothing is written where a prepare must begin");
      address = next;
      finding = inspectPrepare(this.#window, this.#clusterId, address, end);
    }
    if (finding.kind === "unwritten") return this.#damaged(address, "nothing is written where a prepare must begin");
    if (finding.kind === "misplaced")
      return this.#damaged(address, `the prepare there belongs to address ${finding.header.address}`);
    if (finding.kind === "damaged") return this.#damaged(address, `the ${finding.fault} of a prepare does not verify`);
    return this.#accept(finding.header, finding.offset);
  }

  /** As `next`, but ends at the last prepare before `segmentEnd` instead of going on in the next segment. */
  nextInSegment(segmentEnd: number): boolean {
    if (this.#address >= segmentEnd) return false;
    const finding = inspectPrepare(this.#window, this.#clusterId, this.#address, segmentEnd);
    return finding.kind === "unwritten" ? false : this.next(segmentEnd);
  }

  #accept(header: PrepareHeader, offset: number): KimberliteError | null {
    const parent = this.#parent;
    if (parent !== null) {
      if (header.op !== this.#op + 1) return this.#damaged(header.address, `op ${header.op} follows op ${this.#op}`);
      if (!sameBytes(header.parent, 0, parent, 0, identityBytes)) {
        return this.#damaged(
          header.address,
          `the hash chain breaks: op ${header.op} does not name op ${this.#op} as its parent`,
        );
      }
      if (header.timestamp <= this.#timestamp) {
        return this.#damaged(header.address, `op ${header.op} has a timestamp that is not after its parent's`);
      }
    }
    this.#header = header;
    this.#offset = offset;
    this.#op = header.op;
    this.#parent = header.identity;
    this.#timestamp = header.timestamp;
    this.#address = header.address + paddedBytes(header.bodyBytes);
    return null;
  }

  /** The prepare that `next` went to. */
  get header(): PrepareHeader {
    const header = this.#header;
    if (header === null) throw new KimberliteError("internal", "a cursor is read before its first prepare");
    return header;
  }

  /** The body is `bytes[bodyStart, bodyStart + header.bodyBytes)`, until the next call of `next`. */
  get bytes(): Uint8Array {
    return this.#window.bytes;
  }

  get view(): DataView {
    return this.#window.view;
  }

  get bodyStart(): number {
    return this.#offset + headerBytes;
  }

  /** Log address of the body's first byte. */
  get bodyAddress(): number {
    return this.header.address + headerBytes;
  }

  /** Where the walk stands: behind the current prepare. */
  position(): LogPosition {
    const parent = this.#parent;
    assert(parent !== null, "hash chain: a walk that has not met a prepare has no position");
    return { op: this.#op, address: this.#address, parent, timestamp: this.#timestamp };
  }

  #damaged(address: number, what: string): KimberliteError {
    const file = this.#window.files.path(address);
    return new KimberliteError("dataCorrupt", `${file} at log address ${address}: ${what}`, {
      detail: { file, address, op: this.#op + 1 },
    });
  }

  close(): void {
    this.#window.files.close();
    this.#window.drop();
  }
}
