/**
 * The footer of a complete segment: the file `log/<start>.seal`, one sector. Sealed segments never change, so backup, state
 * transfer, scrubbing and audit work segment by segment with the content hash as its name.
 *
 * Written off the hot path, by rename from a temporary file. A missing seal is no damage: it is made again.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { isZero } from "./frame.js";
import { type LogGeometry, logDirectoryOf, segmentPath, segmentStart } from "./log-geometry.js";
import { PrepareCursor } from "./prepare-cursor.js";
import { decodeSeal, encodeSeal, type SegmentSeal } from "./seal-codec.js";
import { SegmentFiles } from "./segments.js";

/** Null when the segment has no seal. Throws `dataCorrupt` for a damaged one. */
export function readSeal(disk: Disk, directory: string, geometry: LogGeometry, segment: number): SegmentSeal | null {
  const path = segmentPath(directory, geometry, segment, "seal");
  const status = disk.status(path);
  if (status === null) return null;
  const bytes = new Uint8Array(Math.min(status.bytes, 2 * sectorBytes));
  const file = disk.open(path, "read");
  try {
    return decodeSeal(geometry, segment, bytes.subarray(0, file.read(bytes, 0, bytes.length, 0)), path);
  } finally {
    file.close();
  }
}

/**
 * What the seal of a complete segment must say, from the segment itself. Throws `dataCorrupt` where the segment is damaged.
 *
 * @param met is shown each header in order, for those who want more of a segment than its seal
 */
export function computeSeal(
  disk: Disk,
  directory: string,
  geometry: LogGeometry,
  clusterId: Uint8Array,
  segment: number,
  end: number,
  met: (cursor: PrepareCursor) => void = () => {},
): SegmentSeal {
  const start = segmentStart(geometry, segment);
  assert(end > start + geometry.segmentBytes - 1, "durability: only a segment that the log has left is sealed");
  const cursor = PrepareCursor.open(disk, directory, geometry, clusterId, {
    op: 0,
    address: start,
    parent: null,
    timestamp: 0,
  });
  try {
    return walkSegment(disk, directory, geometry, clusterId, segment, cursor, met);
  } finally {
    cursor.close();
  }
}

function walkSegment(
  disk: Disk,
  directory: string,
  geometry: LogGeometry,
  clusterId: Uint8Array,
  segment: number,
  cursor: PrepareCursor,
  met: (cursor: PrepareCursor) => void,
): SegmentSeal {
  const start = segmentStart(geometry, segment);
  cursor.next(start + geometry.segmentBytes);
  met(cursor);
  const first = cursor.header;
  let last = first;
  let records = first.recordCount;
  let used = cursor.position().address - start;
  while (cursor.nextInSegment(start + geometry.segmentBytes)) {
    met(cursor);
    last = cursor.header;
    records += last.recordCount;
    used = cursor.position().address - start;
  }
  const content = new Uint8Array(geometry.segmentBytes);
  const files = new SegmentFiles(disk, directory, geometry);
  try {
    files.read(start, content, 0, geometry.segmentBytes);
  } finally {
    files.close();
  }
  if (!isZero(content, used, content.length)) {
    const file = segmentPath(directory, geometry, segment);
    throw new KimberliteError("dataCorrupt", `${file}: bytes behind its last prepare (from ${used} on) are not zero`, {
      detail: { file, segment, address: start + used },
    });
  }
  return {
    segment,
    usedBytes: used,
    clusterId: clusterId.slice(),
    records,
    firstOp: first.op,
    lastOp: last.op,
    firstTimestamp: first.timestamp,
    lastTimestamp: last.timestamp,
    firstIdentity: first.identity,
    lastIdentity: last.identity,
    firstParent: first.parent,
    contentHash: nodeProvider.sha256(content, 0, used),
  };
}

/**
 * Seals a complete segment, off the hot path; does nothing when a sound seal is there.
 *
 * @param end the committed end: the segment must lie before it, since what is not committed may still be truncated
 */
export function sealSegment(
  disk: Disk,
  directory: string,
  geometry: LogGeometry,
  clusterId: Uint8Array,
  segment: number,
  end: number,
): SegmentSeal {
  const existing = readSeal(disk, directory, geometry, segment);
  if (existing !== null) return existing;
  const seal = computeSeal(disk, directory, geometry, clusterId, segment, end);
  writeSeal(disk, directory, geometry, seal);
  return seal;
}

/** Writes a segment's seal, durably, by rename. */
export function writeSeal(disk: Disk, directory: string, geometry: LogGeometry, seal: SegmentSeal): void {
  const path = segmentPath(directory, geometry, seal.segment, "seal");
  const unfinished = `${path}.new`;
  if (disk.status(unfinished) !== null) disk.remove(unfinished);
  const bytes = encodeSeal(geometry, seal);
  const file = disk.create(unfinished, "fdatasync");
  try {
    file.write(bytes, 0, bytes.length, 0);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(unfinished, path);
  disk.syncDirectory(logDirectoryOf(directory));
}
