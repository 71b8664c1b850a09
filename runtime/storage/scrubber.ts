/**
 * Looks for damage before somebody needs the data: over 60 % of latent sector errors in one study were found by a scrubber. One
 * tour reads everything that is durable: superblock copies, header ring, every segment with its seal. It works in steps of
 * a byte budget, so that it never stands in the way of foreground work, and its cursor is plain data that can be saved and resumed.
 *
 * A tour begins at a random origin that the caller draws, so that replicas do not all read one region while a fault spreads.
 * Reports say file, address and what is wrong; the scrubber changes nothing.
 */
import { assert } from "../types/assert.js";
import { isKimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { headerBytes, identityBytes, isZero, sameBytes } from "./frame.js";
import { HeaderRing, headerRingPath } from "./header-ring.js";
import { headerSlotsOf, type LogGeometry, paddedBytes, segmentOf, segmentPath, segmentStart } from "./log-geometry.js";
import type { LogRange } from "./log-places.js";
import { type LogPosition, positionBehind } from "./log-position.js";
import { inspectPrepare, LogWindow, windowBytes } from "./log-window.js";
import { paddingOf } from "./padding.js";
import { readSeal } from "./segment-seal.js";
import { SegmentFiles } from "./segments.js";
import { Superblock, superblockCopies, superblockPath } from "./superblock.js";

export interface Damage {
  readonly zone: "superblock" | "headers" | "segment" | "seal";
  readonly file: string;
  /** Log address, or byte in the file for superblock and headers; null when the whole file is meant. */
  readonly address: number | null;
  readonly op: number | null;
  readonly what: string;
}

export interface FoundDamage extends Damage {
  /** Where the log stands before a damaged prepare, as far as the scrubber knows: what it takes to ask others for it. */
  readonly before: LogPosition | null;
  /** What to zero where a prepare is whole but for its padding. */
  readonly padding: LogRange | null;
}

/** Where a scrubber stands. `address` lies within the segment number `(origin + done) % segments` of this tour. */
export interface ScrubCursor {
  readonly tour: number;
  /** Segments that this tour covers; fixed when it begins. */
  readonly segments: number;
  readonly origin: number;
  readonly done: number;
  /** Offset within the present segment. */
  readonly offset: number;
  readonly ringsDone: boolean;
}

export interface ScrubStep {
  readonly bytes: number;
  readonly damage: readonly FoundDamage[];
  /** True when this step ended a tour. */
  readonly tourDone: boolean;
}

export interface ScrubberOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly geometry: LogGeometry;
  readonly clusterId: Uint8Array;
  /** The committed end at present. */
  readonly end: () => number;
  /** From 0 (inclusive) to 1 (exclusive); drawn once a tour. */
  readonly random: () => number;
  readonly cursor?: ScrubCursor;
}

/** The writer may be in the middle of a sector while we read it: damage is believed when it shows three times. */
const looksAtLivePlaces = 3;

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #files: SegmentFiles;
  readonly #window: LogWindow;
  #cursor: ScrubCursor;
  /** Behind the newest prepare of the present segment that was sound, or before its first where its seal says that. */
  #before: LogPosition | null = null;
  #damage: FoundDamage[] = [];

  constructor(options: ScrubberOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.disk, options.directory, options.geometry, "read", 1);
    this.#window = new LogWindow(this.#files, new Uint8Array(windowBytes(options.geometry)));
    this.#cursor = options.cursor ?? this.#newTour(1);
  }

  get cursor(): ScrubCursor {
    return this.#cursor;
  }

  #newTour(tour: number): ScrubCursor {
    const end = this.#options.end();
    const segments = end === 0 ? 0 : segmentOf(this.#options.geometry, end - 1) + 1;
    const drawn = this.#options.random();
    assert(drawn >= 0 && drawn < 1, "a random origin lies in [0, 1)");
    return { tour, segments, origin: Math.floor(drawn * segments), done: 0, offset: 0, ringsDone: false };
  }

  /** Reads at least one unit and goes on until `budgetBytes` are read or the tour ends. */
  step(budgetBytes: number): ScrubStep {
    assert(budgetBytes > 0, "a scrub step has a budget");
    this.#damage = [];
    let bytes = 0;
    while (bytes < budgetBytes) {
      const cursor = this.#cursor;
      if (!cursor.ringsDone) {
        bytes += this.#scrubSuperblock() + this.#scrubHeaders();
        this.#cursor = { ...cursor, ringsDone: true };
      } else if (cursor.done < cursor.segments) {
        bytes += this.#scrubSegment(cursor);
      }
      if (this.#cursor.ringsDone && this.#cursor.done >= this.#cursor.segments) {
        this.#cursor = this.#newTour(cursor.tour + 1);
        return { bytes, damage: this.#damage, tourDone: true };
      }
    }
    return { bytes, damage: this.#damage, tourDone: false };
  }

  #report(
    zone: Damage["zone"],
    file: string,
    address: number | null,
    op: number | null,
    what: string,
    before: LogPosition | null = null,
    padding: LogRange | null = null,
  ): void {
    this.#damage.push({ zone, file, address, op, what, before, padding });
  }

  /** Runs a look that throws our errors for damage; true when it passed. */
  #look(zone: Damage["zone"], file: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      const address = error.detail["address"];
      const before = zone === "segment" ? this.#before : null;
      this.#report(zone, file, typeof address === "number" ? address : null, null, error.message, before);
      return false;
    }
  }

  #scrubSuperblock(): number {
    const { disk, directory } = this.#options;
    const file = superblockPath(directory);
    let bad: number[] = [];
    this.#look("superblock", file, () => {
      for (let tries = 0; tries < looksAtLivePlaces; tries++) {
        bad = Superblock.inspect(disk, directory).flatMap((reading, copy) => (reading.kind === "sound" ? [] : [copy]));
        if (bad.length === 0) break;
      }
    });
    for (const copy of bad)
      this.#report(
        "superblock",
        file,
        copy * sectorBytes,
        null,
        `copy ${copy + 1} of ${superblockCopies} does not verify`,
      );
    return superblockCopies * sectorBytes;
  }

  #scrubHeaders(): number {
    const { disk, directory, clusterId, geometry } = this.#options;
    const file = headerRingPath(directory);
    const slots = headerSlotsOf(geometry);
    let bad: number[] = [];
    this.#look("headers", file, () => {
      const ring = HeaderRing.open(disk, directory, clusterId, "fdatasync", { access: "read", slots });
      try {
        for (let tries = 0; tries < looksAtLivePlaces; tries++) {
          if (tries > 0) ring.reload();
          bad = Array.from({ length: slots }, (_, slot) => slot).filter((slot) => ring.read(slot).kind === "bad");
          if (bad.length === 0) break;
        }
      } finally {
        ring.close();
      }
    });
    for (const slot of bad) this.#report("headers", file, slot * headerBytes, null, `slot ${slot} does not verify`);
    return slots * headerBytes;
  }

  /** One prepare, or what follows the last one of a segment. */
  #scrubSegment(cursor: ScrubCursor): number {
    const { geometry, directory, clusterId } = this.#options;
    const segment = (cursor.origin + cursor.done) % cursor.segments;
    const start = segmentStart(geometry, segment);
    const limit = Math.min(start + geometry.segmentBytes, this.#options.end());
    const address = start + cursor.offset;
    const file = segmentPath(directory, geometry, segment);
    if (address >= limit) return this.#endSegment(cursor, segment);
    if (cursor.offset === 0) this.#before = this.#beginningOf(segment);
    let read = sectorBytes;
    const sound = this.#look("segment", file, () => {
      const finding = inspectPrepare(this.#window, clusterId, address, limit);
      if (finding.kind === "sound") {
        read = paddedBytes(finding.header.bodyBytes);
        const last = this.#before;
        if (last !== null && !sameBytes(last.parent, 0, finding.header.parent, 0, identityBytes)) {
          this.#report("segment", file, address, finding.header.op, "the hash chain breaks here", last);
        }
        this.#before = positionBehind(finding.header);
      } else if (finding.kind === "unwritten") {
        read = this.#scrubRest(file, address, limit);
      } else {
        const op = finding.header?.op ?? null;
        const what =
          finding.kind === "misplaced"
            ? `a prepare of address ${finding.header.address}`
            : `${finding.fault} does not verify`;
        const isWhole = finding.kind === "damaged" && finding.fault === "padding" && finding.header !== null;
        this.#report("segment", file, address, op, what, this.#before, isWhole ? paddingOf(finding.header) : null);
        read = this.#distanceToNext(address, limit);
        this.#before = null;
      }
    });
    if (!sound) return this.#endSegment(cursor, segment);
    this.#cursor = { ...cursor, offset: cursor.offset + read };
    return read;
  }

  /** Where the log stands before a segment's first prepare, as its seal has it; null where there is no sound one. */
  #beginningOf(segment: number): LogPosition | null {
    const { disk, directory, geometry } = this.#options;
    try {
      const seal = readSeal(disk, directory, geometry, segment);
      if (seal === null) return null;
      const { firstOp, firstParent, firstTimestamp } = seal;
      return {
        op: firstOp - 1,
        address: segmentStart(geometry, segment),
        parent: firstParent,
        timestamp: firstTimestamp - 1,
      };
    } catch (error) {
      // A damaged seal is reported at the segment's end.
      if (!isKimberliteError(error)) throw error;
      return null;
    }
  }

  /** What lies behind a segment's last prepare must be zero, and in the newest segment nothing durable may lie there. */
  #scrubRest(file: string, address: number, limit: number): number {
    const { geometry } = this.#options;
    if (limit % geometry.segmentBytes !== 0)
      this.#report("segment", file, address, null, "nothing is written where a prepare must begin", this.#before);
    for (let at = address; at < limit; at += sectorBytes) {
      const offset = this.#window.load(at, sectorBytes, limit);
      if (isZero(this.#window.bytes, offset, offset + sectorBytes)) continue;
      this.#report("segment", file, at, null, "bytes behind the last prepare of a segment are not zero");
      break;
    }
    return limit - address;
  }

  /** After damage: how far to the next sector that begins a sound prepare. */
  #distanceToNext(address: number, limit: number): number {
    for (let at = address + sectorBytes; at < limit; at += sectorBytes) {
      if (inspectPrepare(this.#window, this.#options.clusterId, at, limit).kind === "sound") return at - address;
    }
    return limit - address;
  }

  #endSegment(cursor: ScrubCursor, segment: number): number {
    const { disk, directory, geometry } = this.#options;
    const file = segmentPath(directory, geometry, segment, "seal");
    const before = this.#before;
    const last = before?.parent ?? null;
    this.#look("seal", file, () => {
      const seal = readSeal(disk, directory, geometry, segment);
      if (seal !== null && last !== null && !sameBytes(seal.lastIdentity, 0, last, 0, identityBytes)) {
        // A write that was lost at the segment's end: all before it is sound.
        const what = "the seal names another last prepare than the segment holds";
        this.#report("seal", file, null, seal.lastOp, what, before);
      }
    });
    this.#before = null;
    this.#cursor = { ...cursor, done: cursor.done + 1, offset: 0 };
    return sectorBytes;
  }

  close(): void {
    this.#files.close();
  }
}
