/**
 * The full walk over a replica's files while no node uses them: superblock, header ring, every prepare from the first byte to the end,
 * seals. Reads only. Unlike recovery it does not stop at the first damage: it reports it, looks for the next sound prepare and goes
 * on, so that one run shows the whole extent.
 */
import { assert } from "../types/assert.js";
import { isKimberliteError, KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { headerBytes, identityBytes, type PrepareHeader, rootIdentity, sameBytes } from "./frame.js";
import { type LogGeometry, nextSegmentStart, paddedBytes, segmentOf, segmentPath } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import { inspectPrepare, LogWindow, windowBytes } from "./log-window.js";
import type { Damage } from "./scrubber.js";
import { encodeSeal } from "./seal-codec.js";
import { computeSeal, readSeal } from "./segment-seal.js";
import { listSegments, SegmentFiles } from "./segments.js";
import { Superblock, type SuperblockContent, superblockPath } from "./superblock.js";
import { chooseCopy } from "./superblock-quorum.js";
import { findEnd } from "./verify-end.js";

export interface VerifyProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Found since the last progress. */
  readonly damage: readonly Damage[];
}

export interface VerifyReport {
  readonly prepares: number;
  readonly records: number;
  readonly segments: number;
  readonly seals: number;
  readonly bytes: number;
  readonly head: LogPosition | null;
  readonly superblock: SuperblockContent | null;
  readonly damage: readonly Damage[];
  /** What is no damage and still worth knowing: an uncommitted end, for one. */
  readonly notes: readonly string[];
}

/** A sound prepare: `bytes[bodyStart, bodyStart + header.bodyBytes)` is its body, until the walk goes on. */
export interface PrepareVisit {
  readonly header: PrepareHeader;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly bodyStart: number;
}

export interface VerifyOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly geometry: LogGeometry;
  /** Called for each sound prepare, e.g. to check records; what it returns is reported as damage there. */
  readonly visit?: (prepare: PrepareVisit) => string | null;
}

const progressEveryBytes = 8 * 1024 * sectorBytes;

/** Runs as a generator: each `next` does a stretch of work. Throws only for what makes any walk impossible, e.g. a missing superblock. */
export function* verifyLog(options: VerifyOptions): Generator<VerifyProgress, VerifyReport> {
  const walk = new VerifyWalk(options);
  try {
    yield* walk.run();
    return walk.report();
  } finally {
    walk.close();
  }
}

class VerifyWalk {
  readonly #options: VerifyOptions;
  readonly #files: SegmentFiles;
  readonly #window: LogWindow;
  readonly #damage: Damage[] = [];
  #fresh = 0;
  #superblock: SuperblockContent | null = null;
  #head: LogPosition | null = null;
  #notes: readonly string[] = [];
  #prepares = 0;
  #records = 0;
  #segments = 0;
  #seals = 0;
  #done = 0;
  #total = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.disk, options.directory, options.geometry);
    this.#window = new LogWindow(this.#files, new Uint8Array(windowBytes(options.geometry)));
  }

  *run(): Generator<VerifyProgress, void> {
    const { disk, directory, geometry } = this.#options;
    const superblock = this.#readSuperblock();
    this.#superblock = superblock;
    const segments = listSegments(disk, directory, geometry).inUse;
    this.#segments = segments.length;
    const last = segments.at(-1) ?? 0;
    this.#checkFiles(last);
    const { end, head, damage, notes } = findEnd(disk, this.#window, superblock, (last + 1) * geometry.segmentBytes);
    this.#head = head;
    this.#damage.push(...damage);
    this.#notes = notes;
    this.#total = end;
    yield* this.#walk(superblock.clusterId, end);
    for (let segment = 0; segment < segmentOf(geometry, end); segment++) {
      this.#checkSeal(superblock.clusterId, segment, end);
      yield this.#progress();
    }
    this.#done = end;
    yield this.#progress();
  }

  report(): VerifyReport {
    return {
      prepares: this.#prepares,
      records: this.#records,
      segments: this.#segments,
      seals: this.#seals,
      bytes: this.#total,
      head: this.#head,
      superblock: this.#superblock,
      damage: this.#damage,
      notes: this.#notes,
    };
  }

  close(): void {
    this.#files.close();
  }

  #progress(): VerifyProgress {
    const damage = this.#damage.slice(this.#fresh);
    this.#fresh = this.#damage.length;
    return { bytesDone: this.#done, bytesTotal: this.#total, damage };
  }

  #report(zone: Damage["zone"], file: string, address: number | null, op: number | null, what: string): void {
    this.#damage.push({ zone, file, address, op, what });
  }

  #reportError(zone: Damage["zone"], file: string, error: unknown): void {
    if (!isKimberliteError(error)) throw error;
    const { address, op } = error.detail;
    this.#report(
      zone,
      file,
      typeof address === "number" ? address : null,
      typeof op === "number" ? op : null,
      error.message,
    );
  }

  #readSuperblock(): SuperblockContent {
    const { disk, directory } = this.#options;
    const file = superblockPath(directory);
    const readings = Superblock.inspect(disk, directory);
    readings.forEach((reading, copy) => {
      if (reading.kind === "sound") return;
      this.#report("superblock", file, copy * sectorBytes, null, `copy ${copy + 1}: ${reading.fault} does not verify`);
    });
    return chooseCopy(readings, file).content;
  }

  #checkFiles(last: number): void {
    const { disk, directory, geometry } = this.#options;
    for (let segment = 0; segment <= last; segment++) {
      const file = segmentPath(directory, geometry, segment);
      const status = disk.status(file);
      if (status === null) this.#report("segment", file, null, null, "the file is missing");
      else if (status.bytes !== geometry.segmentBytes) {
        this.#report(
          "segment",
          file,
          null,
          null,
          `the file is ${status.bytes} bytes long instead of ${geometry.segmentBytes}`,
        );
      }
    }
  }

  *#walk(clusterId: Uint8Array, end: number): Generator<VerifyProgress, void> {
    const { geometry } = this.#options;
    let parent: Uint8Array | null = rootIdentity(clusterId);
    let op = 0;
    let timestamp = 0;
    let address = 0;
    let yielded = 0;
    while (address < end) {
      const found = this.#inspect(clusterId, address, end);
      if (found !== null && found.kind === "sound") {
        const { header, offset } = found;
        this.#checkChain(header, parent, op, timestamp);
        this.#visit(header, offset + headerBytes);
        parent = header.identity;
        op = header.op;
        timestamp = header.timestamp;
        address += paddedBytes(header.bodyBytes);
      } else if (found === null) {
        address = nextSegmentStart(geometry, address);
        parent = null;
      } else if (found.kind === "unwritten") {
        address = this.#walkRest(address, end);
      } else {
        const what =
          found.kind === "misplaced"
            ? `a prepare of address ${found.header.address} lies here`
            : `${found.fault} does not verify`;
        this.#report("segment", this.#files.path(address), address, found.header?.op ?? null, what);
        address = this.#findNext(clusterId, address, end);
        parent = null;
      }
      this.#done = Math.min(address, end);
      if (address - yielded < progressEveryBytes) continue;
      yielded = address;
      yield this.#progress();
    }
    assert(address >= end, "a walk ends at the end of the log");
  }

  /** Null when the file cannot be read; that is reported. */
  #inspect(clusterId: Uint8Array, address: number, end: number): ReturnType<typeof inspectPrepare> | null {
    try {
      return inspectPrepare(this.#window, clusterId, address, end);
    } catch (error) {
      this.#reportError("segment", this.#files.path(address), error);
      return null;
    }
  }

  #checkChain(header: PrepareHeader, parent: Uint8Array | null, op: number, timestamp: number): void {
    this.#prepares++;
    this.#records += header.recordCount;
    if (parent === null) return; // behind damage: nothing to compare with
    const file = this.#files.path(header.address);
    if (header.op !== op + 1)
      this.#report("segment", file, header.address, header.op, `op ${header.op} follows op ${op}`);
    if (!sameBytes(header.parent, 0, parent, 0, identityBytes)) {
      this.#report(
        "segment",
        file,
        header.address,
        header.op,
        `the hash chain breaks: op ${header.op} does not name op ${op} as its parent`,
      );
    }
    if (header.timestamp <= timestamp)
      this.#report("segment", file, header.address, header.op, "the timestamp does not grow");
  }

  #visit(header: PrepareHeader, bodyStart: number): void {
    const { visit } = this.#options;
    const what = visit?.({ header, bytes: this.#window.bytes, view: this.#window.view, bodyStart }) ?? null;
    if (what !== null) this.#report("segment", this.#files.path(header.address), header.address, header.op, what);
  }

  /** Zeros where a prepare might begin: fine up to the end of a segment, if all of it is zero. */
  #walkRest(address: number, end: number): number {
    const next = nextSegmentStart(this.#options.geometry, address);
    const limit = Math.min(next, end);
    if (end < next)
      this.#report(
        "segment",
        this.#files.path(address),
        address,
        null,
        "nothing is written where a prepare must begin",
      );
    for (let at = address; at < limit; at += sectorBytes) {
      const offset = this.#window.load(at, sectorBytes, limit);
      if (this.#window.isZero(offset, sectorBytes)) continue;
      this.#report(
        "segment",
        this.#files.path(at),
        at,
        null,
        "bytes behind the last prepare of a segment are not zero",
      );
      break;
    }
    return next;
  }

  #findNext(clusterId: Uint8Array, address: number, end: number): number {
    const limit = Math.min(nextSegmentStart(this.#options.geometry, address), end);
    for (let at = address + sectorBytes; at < limit; at += sectorBytes) {
      if (this.#inspect(clusterId, at, end)?.kind === "sound") return at;
    }
    return limit;
  }

  #checkSeal(clusterId: Uint8Array, segment: number, end: number): void {
    const { disk, directory, geometry } = this.#options;
    const file = segmentPath(directory, geometry, segment, "seal");
    try {
      const seal = readSeal(disk, directory, geometry, segment);
      if (seal === null) return;
      this.#seals++;
      const wanted = encodeSeal(geometry, computeSeal(disk, directory, geometry, clusterId, segment, end));
      if (!sameBytes(wanted, 0, encodeSeal(geometry, seal), 0, wanted.length)) {
        throw new KimberliteError("dataCorrupt", `${file} does not describe its segment`, {
          detail: { file, segment },
        });
      }
    } catch (error) {
      this.#reportError("seal", file, error);
    }
  }
}
