/**
 * The writing end of a replica's log, used by one thread. The shard has encoded a body in the shared ring; `append` makes it a durable
 * prepare:
 *
 *   1. take the segment's file when the address begins a new one      (may throw `diskFull`: nothing was written, try again later)
 *   2. write the header before the body, in the ring: checksums, chain
 *   3. one write of the whole prepare from the ring, durable
 *   4. one write of the header's sector of the header ring, durable
 *   5. publish the new durable end; the prepare may be acknowledged
 *
 * Invariants:
 *   1. The durable end moves only behind bytes whose write *and* sync succeeded.
 *   2. After a failed write or sync (steps 3, 4) the writer is dead: every later call throws `storageFailed`. It never retries, since
 *      the page cache may now claim what the disk does not hold; only a restart, which reads the device, knows.
 *   3. op, timestamp and address only grow; each prepare's parent is the identity of the one before.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { logTailBytes, sectorBytes } from "../types/limits.js";
import { allocateAligned, bytesOf } from "./aligned-memory.js";
import type { Disk, DiskFile, WriteMode } from "./disk.js";
import { headerBytes, type PrepareFields, writePrepareHeader } from "./frame.js";
import { HeaderRing } from "./header-ring.js";
import {
  checkGeometry,
  defaultGeometry,
  type LogGeometry,
  nextSegmentStart,
  paddedBytes,
  segmentOf,
} from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import { type LogExamination, LogExaminer, repairLog } from "./log-recovery.js";
import { createTail, LogTail } from "./log-tail.js";
import { LogWindow, windowBytes } from "./log-window.js";
import { checkSegmentFiles, removeUnfinished, SegmentFiles, takeSegment } from "./segments.js";

export interface LogOptions {
  readonly disk: Disk;
  /** Holds `headers` and `log/`. */
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: number;
  /** The checkpoint: recovery reads from here on. */
  readonly from: LogPosition;
  readonly geometry?: LogGeometry;
  /** Length of the shared ring; a multiple of the segment's. */
  readonly ringBytes?: number;
  /** The best write mode to try; default `direct`. */
  readonly mode?: WriteMode;
  readonly release?: number;
}

/** What recovery found and did. Plain data, for the log line and the status page. */
export interface RecoveryReport {
  readonly head: LogPosition;
  readonly prepares: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly repairedSlots: number;
  /** Bytes of a torn, never acknowledged prepare that were zeroed. */
  readonly cutBytes: number;
  readonly bytesRead: number;
  readonly mode: WriteMode;
  /** False where the file system refuses direct reads: after a disk fault the page cache may then show what the disk lacks. */
  readonly readPastPageCache: boolean;
}

export class LogWriter {
  readonly geometry: LogGeometry;
  readonly mode: WriteMode;
  /** The shared tail; its `handle` goes to the shard and to readers. */
  readonly tail: LogTail;
  readonly report: RecoveryReport;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #ring: HeaderRing;
  readonly #fields: PrepareFields;
  /** Identity of the newest prepare; also `#fields.parent`. */
  readonly #parent: Uint8Array;
  #op: number;
  #end: number;
  #timestamp: number;
  #file: DiskFile | null = null;
  #fileSegment = -1;
  #failure: unknown = null;

  /** Opens the log, recovers it and gives a writer at its end. Throws `dataCorrupt`, `dataMissing`, `diskFull`, `storageFailed`. */
  static open(options: LogOptions): LogWriter {
    const { disk, directory, clusterId, from } = options;
    const geometry = checkGeometry(options.geometry ?? defaultGeometry);
    const ringBytes = options.ringBytes ?? Math.max(logTailBytes, geometry.segmentBytes);
    assert(ringBytes % geometry.segmentBytes === 0, "the ring is a multiple of the segment, so no prepare wraps in it");
    assert(ringBytes >= windowBytes(geometry), "the ring holds the largest prepare");
    const memory = allocateAligned(disk, directory, ringBytes, options.mode);
    removeUnfinished(disk, directory, geometry);
    const ring = HeaderRing.open(disk, directory, clusterId, memory.mode);
    const direct = memory.mode === "direct";
    const files = new SegmentFiles(disk, directory, geometry, direct ? "direct" : "read");
    try {
      // The ring is not in use yet: it serves as the window through which recovery reads.
      const window = new LogWindow(files, bytesOf(memory));
      if (from.address > 0) checkSegmentFiles(disk, directory, geometry, segmentOf(geometry, from.address - 1));
      const found = new LogExaminer(disk, window, ring, clusterId).examine(from);
      if (found.head.address > 0)
        checkSegmentFiles(disk, directory, geometry, segmentOf(geometry, found.head.address - 1));
      repairLog(disk, window, ring, found, memory.mode);
      const report = reportOf(found, memory.mode, window.bytesRead);
      return new LogWriter(options, geometry, ring, new LogTail(createTail(memory)), report);
    } catch (error) {
      ring.close();
      throw error;
    } finally {
      files.close();
    }
  }

  private constructor(
    options: LogOptions,
    geometry: LogGeometry,
    ring: HeaderRing,
    tail: LogTail,
    report: RecoveryReport,
  ) {
    const { head } = report;
    this.geometry = geometry;
    this.mode = report.mode;
    this.tail = tail;
    this.report = report;
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#ring = ring;
    this.#parent = head.parent.slice();
    this.#fields = {
      clusterId: options.clusterId,
      parent: this.#parent,
      bodyBytes: 0,
      epoch: 0,
      view: 0,
      release: options.release ?? 1,
      replica: options.replica,
      op: 0,
      commit: 0,
      timestamp: 0,
      address: 0,
      recordCount: 0,
      operation: 0,
    };
    this.#op = head.op;
    this.#end = head.address;
    this.#timestamp = head.timestamp;
    tail.begin(head.address);
  }

  /** The newest op; 0 in an empty log. */
  get op(): number {
    return this.#op;
  }

  /** Address behind the newest prepare; the next begins here or at the next segment's start. */
  get end(): number {
    return this.#end;
  }

  /** Timestamp of the newest prepare, µs. */
  get timestamp(): number {
    return this.#timestamp;
  }

  /** True after a failed write or sync: the replica must end. */
  get isDead(): boolean {
    return this.#failure !== null;
  }

  /** Where the log stands, as a checkpoint records it; a copy. */
  position(): LogPosition {
    return { op: this.#op, address: this.#end, parent: this.#parent.slice(), timestamp: this.#timestamp };
  }

  /** The view that later prepares are stamped with. */
  setView(view: number): void {
    assert(view >= this.#fields.view, "order: a log's view never goes back");
    this.#fields.view = view;
  }

  /**
   * Makes the body that lies in the ring at `address + 256` the next prepare, durably. See the head of this file.
   *
   * @param commit highest committed op known
   * @param timestamp µs, greater than that of the prepare before
   */
  append(address: number, bodyBytes: number, recordCount: number, timestamp: number, commit: number): void {
    if (this.#failure !== null) throw this.#stopped();
    const padded = paddedBytes(bodyBytes);
    assert(
      address === this.#end || address === nextSegmentStart(this.geometry, this.#end),
      "order: a prepare begins at the end of the log or at the next segment",
    );
    assert(address + padded <= nextSegmentStart(this.geometry, address), "a prepare never spans two segments");
    assert(timestamp > this.#timestamp, "order: timestamps grow from prepare to prepare");
    assert(bodyBytes > 0 && bodyBytes <= this.geometry.bodyBytesMax, "a prepare's body is within the log's limit");
    assert(
      this.tail.tailLow + this.tail.ringBytes >= address + padded,
      "isolation: a prepare lies in reserved memory of the ring",
    );
    const file = this.#fileFor(address);
    const ringAt = this.tail.offsetOf(address);
    const bytes = this.tail.bytes;
    const fields = this.#fields;
    fields.bodyBytes = bodyBytes;
    fields.op = this.#op + 1;
    fields.commit = commit;
    fields.timestamp = timestamp;
    fields.address = address;
    fields.recordCount = recordCount;
    bytes.fill(0, ringAt + headerBytes + bodyBytes, ringAt + padded);
    writePrepareHeader(bytes, this.tail.view, ringAt, fields, this.#parent);
    try {
      file.write(bytes, ringAt, padded, address % this.geometry.segmentBytes);
      file.sync();
      this.#ring.write(fields.op, bytes, ringAt);
    } catch (error) {
      this.#failure = error;
      throw this.#stopped();
    }
    this.#op = fields.op;
    this.#end = address + padded;
    this.#timestamp = timestamp;
    this.tail.publishDurableEnd(this.#end);
  }

  /** The open file of the address's segment, taking the next one where needed. */
  #fileFor(address: number): DiskFile {
    const segment = segmentOf(this.geometry, address);
    if (this.#file !== null && segment === this.#fileSegment) return this.#file;
    try {
      const path = takeSegment(this.#disk, this.#directory, this.geometry, segment);
      const next = this.#disk.open(path, this.mode);
      this.#file?.close();
      this.#file = next;
      this.#fileSegment = segment;
      return next;
    } catch (error) {
      // Nothing of the prepare was written yet: no space is a passing state here, everything else ends the writer.
      if (error instanceof KimberliteError && error.code === "diskFull") throw error;
      this.#failure = error;
      throw this.#stopped();
    }
  }

  #stopped(): KimberliteError {
    const cause = this.#failure;
    return new KimberliteError(
      "storageFailed",
      `the log stopped after a failed write (${cause instanceof Error ? cause.message : String(cause)}); what was in flight is decided at the next start`,
      { detail: { directory: this.#directory, op: this.#op + 1 }, cause },
    );
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#ring.close();
  }
}

function reportOf(found: LogExamination, mode: WriteMode, bytesRead: number): RecoveryReport {
  const cutBytes = found.leftovers.reduce((sum, range) => sum + range.bytes, 0);
  assert(cutBytes % sectorBytes === 0, "a cut is whole sectors");
  return {
    head: found.head,
    prepares: found.prepares,
    rows: found.rows,
    repairedSlots: found.slots.size,
    cutBytes,
    bytesRead,
    mode,
    readPastPageCache: mode === "direct",
  };
}
