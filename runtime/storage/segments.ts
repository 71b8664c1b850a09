/**
 * The segment files of one log: made zero-filled before use, so that a sync need not write metadata and a full disk shows while
 * nothing is at stake.
 *
 * A background thread makes `….ready` files (`prepareNextSegment`), and only the log's writer turns one into a `….seg`, by rename:
 * two makers can never replace a file that is in use. A `….new` is one that is being filled; left over, it is removed at open.
 */
import { assert } from "../types/assert.js";
import { hasCode, KimberliteError } from "../types/errors.js";
import { miB } from "../types/limits.js";
import type { Disk, DiskFile } from "./disk.js";
import { type LogGeometry, logDirectoryOf, parseSegmentName, segmentPath } from "./log-geometry.js";
import { mark } from "./marks.js";

const zeroChunk = new Uint8Array(miB);
const openFilesDefault = 16;

/** Makes a file of zeros, durable but for its name. On `diskFull` nothing is left behind. */
export function createZeroFilled(disk: Disk, path: string, bytes: number): void {
  assert(bytes > 0, "a preallocated file has a length");
  const file = disk.create(path, "fdatasync");
  try {
    for (let at = 0; at < bytes; at += zeroChunk.length)
      file.write(zeroChunk, 0, Math.min(zeroChunk.length, bytes - at), at);
    file.sync();
    assert(file.size() === bytes, "durability: a preallocated file has its whole length");
  } catch (error) {
    file.close();
    disk.remove(path);
    throw error;
  }
  file.close();
}

function removeIfThere(disk: Disk, path: string): void {
  if (disk.status(path) !== null) disk.remove(path);
}

/**
 * Makes the file of a segment that the log will reach, ready to be taken. Called off the writer's thread, ahead of time; does
 * nothing when the segment exists. Throws `diskFull` when it does not fit, or would leave less than one segment of free space
 * (which checkpoints and the footers of older segments still need).
 */
export function prepareNextSegment(disk: Disk, directory: string, geometry: LogGeometry, segment: number): void {
  const ready = segmentPath(directory, geometry, segment, "ready");
  if (disk.status(ready) !== null || disk.status(segmentPath(directory, geometry, segment)) !== null) return;
  const { freeBytes } = disk.space(logDirectoryOf(directory));
  if (freeBytes < 2 * geometry.segmentBytes) {
    throw new KimberliteError(
      "diskFull",
      `a log segment of ${geometry.segmentBytes} bytes does not fit with its reserve`,
      {
        detail: { file: ready, freeBytes, neededBytes: 2 * geometry.segmentBytes },
      },
    );
  }
  const unfinished = segmentPath(directory, geometry, segment, "new");
  removeIfThere(disk, unfinished);
  createZeroFilled(disk, unfinished, geometry.segmentBytes);
  disk.rename(unfinished, ready);
  disk.syncDirectory(logDirectoryOf(directory));
}

/** Writer only: makes sure that the segment's file is there under its final name, durably. Throws `diskFull` with nothing changed. */
export function takeSegment(disk: Disk, directory: string, geometry: LogGeometry, segment: number): string {
  const path = segmentPath(directory, geometry, segment);
  if (disk.status(path) !== null) return path;
  const ready = segmentPath(directory, geometry, segment, "ready");
  if (disk.status(ready)?.bytes !== geometry.segmentBytes) {
    mark("segmentMadeAtOnce");
    removeIfThere(disk, ready);
    const own = `${path}.new`;
    removeIfThere(disk, own);
    createZeroFilled(disk, own, geometry.segmentBytes);
    disk.rename(own, path);
  } else {
    mark("segmentWasReady");
    disk.rename(ready, path);
  }
  disk.syncDirectory(logDirectoryOf(directory));
  return path;
}

/** Removes what an interrupted preallocation left, and files made ahead for segments in use. At open only: nobody else prepares then. */
export function removeUnfinished(disk: Disk, directory: string, geometry: LogGeometry): void {
  const log = logDirectoryOf(directory);
  for (const name of disk.list(log)) {
    if (!name.endsWith(".new")) continue;
    mark("unfinishedRemoved");
    disk.remove(`${log}/${name}`);
  }
  const { inUse, ready } = listSegments(disk, directory, geometry);
  for (const segment of ready) {
    if (inUse.includes(segment)) disk.remove(segmentPath(directory, geometry, segment, "ready"));
  }
}

export interface SegmentListing {
  /** Numbers of `.seg` files, ascending. */
  readonly inUse: readonly number[];
  readonly ready: readonly number[];
  readonly sealed: readonly number[];
}

export function listSegments(disk: Disk, directory: string, geometry: LogGeometry): SegmentListing {
  const found = { inUse: [] as number[], ready: [] as number[], sealed: [] as number[] };
  for (const name of disk.list(logDirectoryOf(directory))) {
    const parsed = parseSegmentName(geometry, name);
    if (parsed?.suffix === "seg") found.inUse.push(parsed.segment);
    else if (parsed?.suffix === "ready") found.ready.push(parsed.segment);
    else if (parsed?.suffix === "seal") found.sealed.push(parsed.segment);
  }
  for (const numbers of Object.values(found)) numbers.sort((left, right) => left - right);
  return found;
}

/** Checks that segments 0 to `last` are all there at full length. Throws `dataMissing` or `dataCorrupt` with the file's name. */
export function checkSegmentFiles(disk: Disk, directory: string, geometry: LogGeometry, last: number): void {
  for (let segment = 0; segment <= last; segment++) {
    const path = segmentPath(directory, geometry, segment);
    const status = disk.status(path);
    if (status === null) {
      throw new KimberliteError("dataMissing", `${path} belongs to the log; restore it before starting`, {
        detail: { file: path, segment },
      });
    }
    if (status.bytes !== geometry.segmentBytes) {
      throw new KimberliteError(
        "dataCorrupt",
        `${path} is ${status.bytes} bytes long instead of ${geometry.segmentBytes}`,
        {
          detail: { file: path, segment, bytes: status.bytes, expectedBytes: geometry.segmentBytes },
        },
      );
    }
  }
}

/** Reads the log's bytes by address through a bounded number of open files, the least recently used closed first. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly directory: string;
  readonly geometry: LogGeometry;
  readonly #access: "read" | "direct";
  readonly #openMax: number;
  // Insertion order is age: a hit is re-inserted.
  readonly #open = new Map<number, DiskFile>();
  #newest: DiskFile | null = null;
  #newestSegment = -1;

  /** @param access `direct` reads past the page cache; its callers then read whole sectors into aligned memory */
  constructor(
    disk: Disk,
    directory: string,
    geometry: LogGeometry,
    access: "read" | "direct" = "read",
    openMax = openFilesDefault,
  ) {
    assert(openMax > 0, "at least one file may be open");
    this.#disk = disk;
    this.directory = directory;
    this.geometry = geometry;
    this.#access = access;
    this.#openMax = openMax;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  exists(segment: number): boolean {
    return this.#open.has(segment) || this.#disk.status(segmentPath(this.directory, this.geometry, segment)) !== null;
  }

  path(address: number): string {
    return segmentPath(this.directory, this.geometry, Math.floor(address / this.geometry.segmentBytes));
  }

  /** Reads exactly `length` bytes at `address`, which lie in one segment. Throws `dataMissing` or `dataCorrupt` naming the file. */
  read(address: number, target: Uint8Array, from: number, length: number): void {
    const segment = Math.floor(address / this.geometry.segmentBytes);
    const offset = address - segment * this.geometry.segmentBytes;
    assert(offset + length <= this.geometry.segmentBytes, "a read stays within one segment");
    const file = segment === this.#newestSegment && this.#newest !== null ? this.#newest : this.#fileOf(segment);
    const count = file.read(target, from, length, offset);
    if (count < length) {
      throw new KimberliteError(
        "dataCorrupt",
        `${file.path} ends at ${offset + count}, before byte ${offset + length}`,
        {
          detail: { file: file.path, address, bytes: offset + count },
        },
      );
    }
  }

  #fileOf(segment: number): DiskFile {
    let file = this.#open.get(segment);
    if (file === undefined) {
      file = this.#openSegment(segment);
      for (const [oldest, evicted] of this.#open) {
        if (this.#open.size < this.#openMax) break;
        evicted.close();
        this.#open.delete(oldest);
      }
    } else {
      this.#open.delete(segment);
    }
    this.#open.set(segment, file);
    assert(this.#open.size <= this.#openMax, "open files stay within their bound");
    this.#newest = file;
    this.#newestSegment = segment;
    return file;
  }

  #openSegment(segment: number): DiskFile {
    const path = segmentPath(this.directory, this.geometry, segment);
    try {
      return this.#disk.open(path, this.#access);
    } catch (error) {
      if (!hasCode(error, "dataMissing")) throw error;
      throw new KimberliteError("dataMissing", `${path} belongs to the log`, {
        detail: { file: path, segment },
        cause: error,
      });
    }
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
    this.#newest = null;
    this.#newestSegment = -1;
  }
}
