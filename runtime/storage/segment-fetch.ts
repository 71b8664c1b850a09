/**
 * A segment on its way here from other replicas: its bytes gather in `<directory>/fetch/log/…`, in parts and in any order, until they are
 * whole. Nothing of them counts before `finish` has walked them: every prepare's header and body, the chain between them, and the
 * seal that they make, which must be the one that was asked for, content hash and all. What passes is durable; the log's writer takes
 * it into the log by one rename (`LogWriter.installSegment`).
 *
 * A crash loses at most the segments under way: what lies in `fetch` at start is removed, and fetched again.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { miB } from "../types/limits.js";
import { type Disk, type DiskFile, join, parentOf } from "./disk.js";
import { headerBytes } from "./frame.js";
import { headerSlotsOf, type LogGeometry, logDirectoryOf, segmentPath, segmentStart } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import type { NamedHeader } from "./prepare.js";
import type { PrepareCursor } from "./prepare-cursor.js";
import { encodeSeal, type FetchedSegment, type SegmentSeal } from "./seal-codec.js";
import { computeSeal } from "./segment-seal.js";

/** Bytes between two syncs: a segment's worth at once would hold up the commits that share the disk. */
const syncBytes = 4 * miB;
/** A transfer leaves room for a segment of the running log, and for checkpoints. */
const reserveSegments = 2;

/** Where segments gather that are not of the log yet: laid out as a replica's directory, so that the same walk reads them. */
export const fetchDirectoryOf = (directory: string): string => join(directory, "fetch");

/** Removes what an earlier transfer left. At start only. */
export function removeFetched(disk: Disk, directory: string): void {
  const log = logDirectoryOf(fetchDirectoryOf(directory));
  if (disk.status(log) === null) return;
  for (const name of disk.list(log)) disk.remove(join(log, name));
}

export class SegmentFetch {
  readonly seal: SegmentSeal;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #geometry: LogGeometry;
  readonly #file: DiskFile;
  /** By offset: lengths of the parts that are here. */
  readonly #parts = new Map<number, number>();
  #bytes = 0;
  #unsynced = 0;

  /** Begins a segment; what was there of it is forgotten. Throws `diskFull` when it does not fit with its reserve. */
  constructor(disk: Disk, directory: string, geometry: LogGeometry, seal: SegmentSeal) {
    assert(seal.usedBytes > 0 && seal.usedBytes <= geometry.segmentBytes, "a seal's segment has bytes, and fits");
    this.seal = seal;
    this.#disk = disk;
    this.#directory = fetchDirectoryOf(directory);
    this.#geometry = geometry;
    const log = logDirectoryOf(this.#directory);
    disk.makeDirectory(log);
    disk.syncDirectory(parentOf(this.#directory));
    const { freeBytes } = disk.space(log);
    const neededBytes = reserveSegments * geometry.segmentBytes;
    const path = segmentPath(this.#directory, geometry, seal.segment);
    if (freeBytes < neededBytes) {
      throw new KimberliteError("diskFull", "a segment from another replica does not fit with its reserve", {
        detail: { file: path, freeBytes, neededBytes },
      });
    }
    if (disk.status(path) !== null) disk.remove(path);
    this.#file = disk.create(path, "fdatasync");
  }

  get isWhole(): boolean {
    return this.#bytes === this.seal.usedBytes;
  }

  /** Takes a part. One that is here already changes nothing. Throws `diskFull`, `storageFailed`: give the transfer up then. */
  write(offset: number, bytes: Uint8Array): void {
    assert(offset >= 0 && bytes.length > 0, "a part has bytes and a place");
    assert(offset + bytes.length <= this.seal.usedBytes, "a part lies within its segment");
    if (this.#parts.has(offset)) return;
    this.#file.write(bytes, 0, bytes.length, offset);
    this.#parts.set(offset, bytes.length);
    this.#bytes += bytes.length;
    this.#unsynced += bytes.length;
    assert(this.#bytes <= this.seal.usedBytes, "parts do not overlap");
    if (this.#unsynced < syncBytes) return;
    this.#unsynced = 0;
    this.#file.sync();
  }

  /**
   * Verifies the whole segment and makes it durable. Throws `dataCorrupt` when it is not the one that its seal names: then it came
   * damaged, and is to be fetched from somebody else.
   */
  finish(): FetchedSegment {
    assert(this.isWhole, "durability: a segment is judged when all of it is here");
    const { segmentBytes } = this.#geometry;
    // The rest of its file, which is zero: readers take whole segments.
    this.#file.truncate(segmentBytes);
    this.#file.sync();
    this.#file.close();
    const { segment, clusterId } = this.seal;
    const end = segmentStart(this.#geometry, segment) + segmentBytes;
    const headers: NamedHeader[] = [];
    const headerSlots = headerSlotsOf(this.#geometry);
    let position: LogPosition | null = null;
    const met = (cursor: PrepareCursor): void => {
      const at = cursor.bodyStart - headerBytes;
      headers.push({ header: cursor.header, headerBytes: cursor.bytes.slice(at, at + headerBytes) });
      if (headers.length >= 2 * headerSlots) headers.splice(0, headerSlots);
      position = cursor.position();
    };
    const found = computeSeal(this.#disk, this.#directory, this.#geometry, clusterId, segment, end, met);
    const [wanted, given] = [encodeSeal(this.#geometry, this.seal), encodeSeal(this.#geometry, found)];
    if (position === null || !wanted.every((byte, index) => byte === given[index])) {
      throw new KimberliteError(
        "dataCorrupt",
        `segment ${segment} from another replica is not the one that was asked for`,
        {
          detail: { segment },
        },
      );
    }
    this.#disk.syncDirectory(logDirectoryOf(this.#directory));
    return { seal: this.seal, position, headers: headers.slice(-headerSlots) };
  }

  /** Gives it up. */
  discard(): void {
    this.#file.close();
    const path = segmentPath(this.#directory, this.#geometry, this.seal.segment);
    if (this.#disk.status(path) !== null) this.#disk.remove(path);
  }
}

/**
 * Takes a fetched and verified segment into the log: by one rename, which replaces whatever a file of that name held. Durable when it
 * returns. Nothing of what it replaces is lost sight of: the segment holds the committed log of those addresses (T21).
 */
export function installFetched(disk: Disk, directory: string, geometry: LogGeometry, segment: number): void {
  const from = segmentPath(fetchDirectoryOf(directory), geometry, segment);
  const to = segmentPath(directory, geometry, segment);
  assert(disk.status(from)?.bytes === geometry.segmentBytes, "durability: a segment is installed whole");
  disk.rename(from, to);
  disk.syncDirectory(logDirectoryOf(directory));
  disk.syncDirectory(logDirectoryOf(fetchDirectoryOf(directory)));
  const ready = segmentPath(directory, geometry, segment, "ready");
  if (disk.status(ready) !== null) disk.remove(ready);
}
