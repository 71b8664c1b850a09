/**
 * The writing end of a replica's log, used by one thread.
 *
 *   writePrepares   1. take the files of the segments touched      (may throw `diskFull`: nothing was written, try again later)
 *                   2. for each stretch that is contiguous in one segment and not longer than the largest prepare:
 *                      one write of all its prepares, durable; then the sectors of the header ring that hold their headers, durable
 *   truncate        1. zeroes behind the op that stays, durable    2. slots of later ops reserved, newest op first, durable
 *   repair          1. one prepare in its place, durable           2. its slot of the header ring, durable
 *   installSegment  1. a fetched segment takes its place, by rename  2. its newest headers in the ring, durable
 *
 * Prepares that the shard encoded lie in the shared ring already and are written from there; others are copied into it, so that
 * readers of this replica find what is newest in memory whoever leads.
 *
 * Truncation writes zeros first: while they are on their way the header ring still names every op that goes, so a crash leaves it sound or
 * faulty under a known name, and the protocol, whose decision stands in the superblock since before, drops it. The other order could
 * leave bytes without a name, which a replica must take for something acknowledged.
 *
 * Invariants:
 *   1. What a call wrote is durable when it returns. The committed end moves only behind that, and is never truncated.
 *   2. After a failed write or sync the writer is dead: every later call throws `storageFailed`. It never retries, since the page cache
 *      may now claim what the disk does not hold; only a restart, which reads the device, knows.
 *   3. op, timestamp and address only grow from prepare to prepare; each prepare's parent is the identity of the one before.
 */
import { assert } from "../types/assert.js";
import { hasCode, KimberliteError } from "../types/errors.js";
import { allocateAligned } from "./aligned-memory.js";
import type { Disk, WriteMode } from "./disk.js";
import { identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import type { HeaderRing } from "./header-ring.js";
import { type LogGeometry, nextSegmentStart, paddedBytes, segmentOf, segmentStart } from "./log-geometry.js";
import { type LogOptions, type OpenedLog, openLog, type RecoveryReport } from "./log-open.js";
import { type LogPosition, logBeginning, positionBehind } from "./log-position.js";
import { createTail, LogTail } from "./log-tail.js";
import { LogWindow, windowBytes } from "./log-window.js";
import { mark } from "./marks.js";
import { checkChain, checkPlace, type Prepare } from "./prepare.js";
import { PrepareReader } from "./prepare-reader.js";
import type { RecoveredLog } from "./recovered-log.js";
import type { FetchedSegment } from "./seal-codec.js";
import { installFetched } from "./segment-fetch.js";
import { writeSeal } from "./segment-seal.js";
import { SegmentSource } from "./segment-source.js";
import { SegmentWriter } from "./segment-writer.js";
import { SegmentFiles } from "./segments.js";

export type { LogOptions, RecoveryReport } from "./log-open.js";

export class LogWriter {
  readonly geometry: LogGeometry;
  readonly clusterId: Uint8Array;
  readonly mode: WriteMode;
  /** The shared tail; its `handle` goes to the shard and to readers. */
  readonly tail: LogTail;
  readonly recovered: RecoveredLog;
  readonly report: RecoveryReport;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #ring: HeaderRing;
  readonly #segments: SegmentWriter;
  readonly #reader: PrepareReader;
  readonly #source: SegmentSource;
  /** Behind the newest prepare that was written or found sound without a gap. */
  #position: LogPosition;
  #committed: LogPosition;
  /** Address behind everything on disk that may not be zero. */
  #written: number;
  /** Newest op that a slot of the header ring may be about. */
  #newestOp: number;
  #failure: unknown = null;

  /** Opens the log, recovers it and gives a writer at its end. Throws `dataCorrupt`, `dataMissing`, `diskFull`, `storageFailed`. */
  static open(options: LogOptions): LogWriter {
    const opened = openLog(options);
    try {
      return new LogWriter(options, opened);
    } catch (error) {
      opened.ring.close();
      throw error;
    }
  }

  private constructor(options: LogOptions, { geometry, memory, ring, recovered, report }: OpenedLog) {
    const { disk, directory, clusterId } = options;
    const own = allocateAligned(disk, directory, windowBytes(geometry), memory.mode);
    this.geometry = geometry;
    this.clusterId = clusterId.slice();
    this.mode = memory.mode;
    this.recovered = recovered;
    this.report = report;
    this.tail = new LogTail(createTail(memory));
    this.#disk = disk;
    this.#directory = directory;
    this.#ring = ring;
    this.#segments = new SegmentWriter(disk, directory, geometry, own);
    const files = new SegmentFiles(disk, directory, geometry);
    this.#reader = new PrepareReader(new LogWindow(files, new Uint8Array(windowBytes(geometry))), clusterId);
    this.#source = new SegmentSource(disk, directory, geometry);
    this.#position = recovered.sound;
    const isAlone = (options.replicaCount ?? 1) === 1;
    const { op, address, parent, timestamp } = options.from;
    this.#committed = isAlone ? recovered.sound : { op, address, parent, timestamp };
    this.#written = recovered.end;
    this.#newestOp = recovered.beyond.at(-1)?.op ?? recovered.sound.op;
    this.tail.begin(this.#committed.address, recovered.end);
  }

  /** The newest op written, or found sound without a gap at start; 0 in an empty log. */
  get op(): number {
    return this.#position.op;
  }

  /** Address behind that op; the next begins here or at the next segment's start. */
  get end(): number {
    return this.#position.address;
  }

  /** Its timestamp, µs. */
  get timestamp(): number {
    return this.#position.timestamp;
  }

  /** True after a failed write or sync: the replica must end. */
  get isDead(): boolean {
    return this.#failure !== null;
  }

  /** Where the log stands. */
  position(): LogPosition {
    return this.#position;
  }

  /** Up to where it is known to be committed: what a checkpoint may cover and a seal may close. */
  get committed(): LogPosition {
    return this.#committed;
  }

  /** Makes sure of the file that a prepare at this address goes to. Throws `diskFull`: nothing was begun, try again later. */
  makeRoom(address: number): void {
    this.#checkAlive();
    this.#take(address);
  }

  /**
   * Makes consecutive prepares durable at their addresses, behind what is written. See the head of this file. `before` is where the log
   * stands in front of them, as whoever proved it knows: recovery may have lost every copy of that header.
   */
  writePrepares(prepares: readonly Prepare[], before: LogPosition | null = null): void {
    this.#checkAlive();
    this.#checkChain(prepares, before);
    for (const { header } of prepares) this.#take(header.address);
    for (let at = 0; at < prepares.length; ) at = this.#writeStretch(prepares, at);
  }

  #checkChain(prepares: readonly Prepare[], stated: LogPosition | null): void {
    const first = prepares[0]?.header;
    assert(first !== undefined, "a write has something to write");
    const before = this.#standing(first.op - 1, stated);
    assert(before !== null, "order: prepares are written behind an op that is there");
    assert(before.address === this.#written, "order: prepares are written behind everything that is on the disk");
    checkChain(prepares, before, this.geometry);
  }

  /** Where the log stands behind an op, or null when that op is not known here. */
  #behind(op: number): LogPosition | null {
    if (op === this.#position.op) return this.#position;
    if (op === this.#committed.op) return this.#committed;
    if (op === 0) return logBeginning(this.clusterId);
    const header = this.#ring.find(op);
    return header === null ? null : positionBehind(header);
  }

  /** Where the log stands behind an op: as it was stated by the caller, whom nothing that is known here contradicts, else as is known here. */
  #standing(op: number, stated: LogPosition | null): LogPosition | null {
    const known = this.#behind(op);
    if (stated === null) return known;
    assert(stated.op === op, "order: a write is stated to follow the op before it");
    assert(
      known === null ||
        (known.address === stated.address && sameBytes(known.parent, 0, stated.parent, 0, identityBytes)),
      "hash chain: the log stands where the protocol says",
    );
    return stated;
  }

  /** Writes from `prepares[first]` on as many as one write takes; gives the index of the next. */
  #writeStretch(prepares: readonly Prepare[], first: number): number {
    const start = prepares[first]?.header.address ?? 0;
    const limit = Math.min(nextSegmentStart(this.geometry, start), start + paddedBytes(this.geometry.bodyBytesMax));
    let next = first;
    let end = start;
    for (let prepare = prepares[next]; prepare !== undefined; prepare = prepares[next]) {
      const behind = end + paddedBytes(prepare.header.bodyBytes);
      if (prepare.header.address !== end || behind > limit) break;
      this.tail.place(prepare.frame, end, behind, this.#written);
      end = behind;
      next++;
    }
    if (next < prepares.length) mark("writeInStretches");
    if (start > this.#position.address) this.tail.passOver(this.#position.address);
    const newest = prepares[next - 1];
    assert(newest !== undefined && end > start, "a stretch has a prepare");
    this.#guard(() => {
      this.#segments.write(start, this.tail.bytes, this.tail.offsetOf(start), end - start);
      this.#ring.write(prepares, first, next);
    });
    this.#position = positionBehind(newest.header);
    this.#written = end;
    this.#newestOp = Math.max(this.#newestOp, newest.header.op);
    return next;
  }

  /** The log ends behind `op` at `address`: zeroes up to `end` and makes the slots of later ops reserved, durably. `stated` as above. */
  truncate(op: number, address: number, end: number, stated: LogPosition | null = null): void {
    this.#checkAlive();
    const kept = this.#standing(op, stated);
    assert(kept !== null && kept.address === address, "order: the log is truncated behind an op that is there");
    assert(op >= this.#committed.op, "durability: what is committed is never truncated");
    mark("logTruncated");
    const until = Math.max(end, this.#written);
    this.#guard(() => {
      this.#segments.zero(address, until);
      this.#ring.discardBehind(op, this.#newestOp);
    });
    this.#position = kept;
    this.#written = address;
    this.#newestOp = op;
  }

  /** Writes one prepare again in its place, durably; what lies behind it stays. Throws `diskFull` as `writePrepares` does. */
  repair(prepare: Prepare): void {
    this.#checkAlive();
    const { header, frame } = prepare;
    checkPlace(prepare, this.geometry);
    const padded = paddedBytes(header.bodyBytes);
    const isNext = header.op === this.#position.op + 1;
    if (isNext) mark("repairAtHead");
    else mark("repairBehind");
    if (isNext) {
      const isChild = sameBytes(header.parent, 0, this.#position.parent, 0, identityBytes);
      assert(isChild, "hash chain: a prepare names the one before it as its parent");
    }
    this.#take(header.address);
    this.#guard(() => {
      // The rest of a segment that the op leaves free holds at most what damage left there.
      const gap = Math.min(nextSegmentStart(this.geometry, this.#position.address), header.address);
      if (isNext && gap > this.#position.address) {
        mark("repairZeroesGap");
        this.#segments.zero(this.#position.address, gap);
        this.tail.passOver(this.#position.address);
      }
      this.#segments.writeCopy(header.address, frame, padded);
      this.#ring.rewrite(prepare, this.#newestOp);
    });
    this.tail.refresh(frame, header.address, header.address + padded, this.#written);
    if (isNext) this.#position = positionBehind(header);
    this.#written = Math.max(this.#written, header.address + padded);
    this.#newestOp = Math.max(this.#newestOp, header.op);
  }

  /**
   * Takes a whole segment into the log, which was fetched from another replica and verified (`segment-fetch.ts`), durably. It follows what
   * is written: its first prepare is the child of the newest one here. What lay behind that on the disk is replaced.
   */
  installSegment({ seal, position, headers }: FetchedSegment, stated: LogPosition | null = null): void {
    this.#checkAlive();
    const { segment } = seal;
    const start = segmentStart(this.geometry, segment);
    // Not the newest prepare on this disk: a view change may have discarded that one, or it lies behind a damaged one.
    const before = this.#standing(seal.firstOp - 1, stated);
    assert(before !== null, "order: a segment is installed behind the last one that holds something");
    assert(position.op > before.op, "order: a segment goes on with the log");
    assert(
      sameBytes(before.parent, 0, seal.firstParent, 0, identityBytes),
      "hash chain: a segment's first prepare names the one before it as its parent",
    );
    const first = before.op === 0 ? 0 : segmentOf(this.geometry, before.address - 1) + 1;
    assert(segment === first, "order: a segment is installed behind the last one that holds something");
    assert(segmentOf(this.geometry, position.address - 1) === segment, "a segment's last prepare lies in it");
    this.#guard(() => {
      // What a discarded log left behind the last prepare of the segment before.
      const leftover = Math.min(this.#written, start);
      if (leftover > before.address) {
        mark("segmentEndsZeroed");
        this.#segments.zero(before.address, leftover);
      }
      this.#segments.close();
      installFetched(this.#disk, this.#directory, this.geometry, segment);
      const isLast = this.#written <= position.address;
      if (!isLast) mark("segmentBelowDiscarded");
      const named = headers.map(({ header, headerBytes: frame }): Prepare => ({ header, frame }));
      // Operations behind it that recovery kept have their names in the ring, and may have been acknowledged: those stay.
      const first = named.findIndex(({ header }) => header.op + this.#ring.slots > this.#newestOp);
      if (first >= 0) this.#ring.write(named, first, named.length);
      if (isLast) this.#ring.discardBehind(position.op, Math.max(this.#newestOp, position.op));
      writeSeal(this.#disk, this.#directory, this.geometry, seal);
    });
    this.#reader.drop();
    this.#position = position;
    this.#written = Math.max(this.#written, position.address);
    this.#newestOp = Math.max(this.#newestOp, position.op);
    this.tail.skipTo(position.address);
  }

  /** Everything up to `position` is committed: others may read it, and it stays. */
  publishCommitted(position: LogPosition): void {
    assert(position.op >= this.#committed.op, "durability: what is committed stays committed");
    assert(position.address <= this.#written, "durability: only what is on the disk is committed here");
    const known = this.#behind(position.op);
    assert(
      known === null ||
        (known.address === position.address && sameBytes(known.parent, 0, position.parent, 0, identityBytes)),
      "hash chain: what is committed is what the log holds",
    );
    this.#committed = position;
    // What recovery found beyond a damaged op is of the log again once that op is repaired.
    if (position.op > this.#position.op) {
      mark("commitPassesRepair");
      this.#position = position;
    }
    this.tail.publishCommittedEnd(position.address);
  }

  /** The prepare of that header, verified and copied, or null when it is not there. */
  readPrepare(header: PrepareHeader): Prepare | null {
    return this.#reader.readPrepare(header, this.#written);
  }

  /** Verified, chained prepares behind `from` up to `untilOp`: as many as `bytesMax` holds but at least one, or fewer. */
  readRun(from: LogPosition, untilOp: number, bytesMax: number): Prepare[] {
    return this.#reader.readRun(from, untilOp, bytesMax, this.#written);
  }

  /** What other replicas may have of complete segments. */
  get source(): SegmentSource {
    return this.#source;
  }

  #checkAlive(): void {
    if (this.#failure !== null) throw this.#stopped();
  }

  /** Makes sure of the address's segment. Nothing is written yet: no space is a passing state here, everything else ends the writer. */
  #take(address: number): void {
    try {
      this.#segments.take(address);
    } catch (error) {
      if (hasCode(error, "diskFull")) throw error;
      this.#failure = error;
      throw this.#stopped();
    }
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure = error;
      throw this.#stopped();
    }
  }

  #stopped(): KimberliteError {
    const cause = this.#failure;
    return new KimberliteError(
      "storageFailed",
      `the log stopped after a failed write (${cause instanceof Error ? cause.message : String(cause)}); what was in flight is decided at the next start`,
      { detail: { directory: this.#directory, op: this.op + 1 }, cause },
    );
  }

  close(): void {
    this.#segments.close();
    this.#reader.close();
    this.#source.close();
    this.#ring.close();
  }
}
