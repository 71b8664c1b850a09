/**
 * The footer of a complete segment: the file `log/<start>.seal`, one sector. Sealed segments never change, so backup, state
 * transfer, scrubbing and audit work segment by segment with the content hash as its name.
 *
 *   at   size  field                                        at   size  field
 *     0    32  SHA-256 of bytes [32, 4096)                    96     8  first op
 *    32     8  "KMBSEAL1"                                     104     8  last op
 *    40     8  segment number                                112     8  first timestamp µs
 *    48     8  address of the first byte                     120     8  last timestamp µs
 *    56     8  used bytes: to the end of the last prepare    128    32  identity of the first prepare
 *    64    16  cluster id                                    160    32  identity of the last prepare
 *    80     8  records                                       192    32  parent of the first prepare
 *    88     8  zero                                          224    32  SHA-256 of the used bytes
 *                                                            256  3840  zero
 *
 * Written off the hot path, by rename from a temporary file. A missing seal is no damage: it is made again.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { clusterIdBytes, identityBytes, isZero, sameBytes, writeU64 } from "./frame.js";
import { type LogGeometry, logDirectoryOf, segmentPath, segmentStart } from "./log-geometry.js";
import { PrepareCursor } from "./prepare-cursor.js";
import { SegmentFiles } from "./segments.js";

const magic = new TextEncoder().encode("KMBSEAL1");
const u32Span = 2 ** 32;

export interface SegmentSeal {
  readonly segment: number;
  readonly usedBytes: number;
  readonly clusterId: Uint8Array;
  readonly records: number;
  readonly firstOp: number;
  readonly lastOp: number;
  readonly firstTimestamp: number;
  readonly lastTimestamp: number;
  readonly firstIdentity: Uint8Array;
  readonly lastIdentity: Uint8Array;
  readonly firstParent: Uint8Array;
  readonly contentHash: Uint8Array;
}

export function encodeSeal(geometry: LogGeometry, seal: SegmentSeal): Uint8Array {
  assert(seal.clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  assert(seal.firstOp <= seal.lastOp, "order: a segment's ops ascend");
  const bytes = new Uint8Array(sectorBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 32);
  writeU64(view, 40, seal.segment);
  writeU64(view, 48, segmentStart(geometry, seal.segment));
  writeU64(view, 56, seal.usedBytes);
  bytes.set(seal.clusterId, 64);
  writeU64(view, 80, seal.records);
  writeU64(view, 96, seal.firstOp);
  writeU64(view, 104, seal.lastOp);
  writeU64(view, 112, seal.firstTimestamp);
  writeU64(view, 120, seal.lastTimestamp);
  bytes.set(seal.firstIdentity, 128);
  bytes.set(seal.lastIdentity, 160);
  bytes.set(seal.firstParent, 192);
  bytes.set(seal.contentHash, 224);
  bytes.set(nodeProvider.sha256(bytes, 32), 0);
  return bytes;
}

/** Decodes untrusted bytes. Throws `dataCorrupt` naming the file. */
export function decodeSeal(geometry: LogGeometry, segment: number, bytes: Uint8Array, file: string): SegmentSeal {
  const refuse = (what: string): never => {
    throw new KimberliteError("dataCorrupt", `${file}: ${what}; delete it and it is made again from the segment`, {
      detail: { file, segment },
    });
  };
  if (bytes.length !== sectorBytes) return refuse(`it is ${bytes.length} bytes long instead of ${sectorBytes}`);
  if (!sameBytes(nodeProvider.sha256(bytes, 32), 0, bytes, 0, identityBytes))
    return refuse("its checksum does not fit");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u64 = (at: number): number => view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);
  if (!sameBytes(magic, 0, bytes, 32, magic.length)) return refuse("it is no seal");
  if (u64(40) !== segment || u64(48) !== segmentStart(geometry, segment))
    return refuse("it belongs to another segment");
  if (!isZero(bytes, 88, 96) || !isZero(bytes, 256, sectorBytes)) return refuse("reserved bytes are not zero");
  if (![56, 80, 96, 104, 112, 120].map(u64).every(Number.isSafeInteger)) return refuse("a number is beyond 2^53 - 1");
  return {
    segment,
    usedBytes: u64(56),
    clusterId: bytes.slice(64, 80),
    records: u64(80),
    firstOp: u64(96),
    lastOp: u64(104),
    firstTimestamp: u64(112),
    lastTimestamp: u64(120),
    firstIdentity: bytes.slice(128, 160),
    lastIdentity: bytes.slice(160, 192),
    firstParent: bytes.slice(192, 224),
    contentHash: bytes.slice(224, 256),
  };
}

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

/** What the seal of a complete segment must say, from the segment itself. Throws `dataCorrupt` where the segment is damaged. */
export function computeSeal(
  disk: Disk,
  directory: string,
  geometry: LogGeometry,
  clusterId: Uint8Array,
  segment: number,
  end: number,
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
    return walkSegment(disk, directory, geometry, clusterId, segment, cursor);
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
): SegmentSeal {
  const start = segmentStart(geometry, segment);
  cursor.next(start + geometry.segmentBytes);
  const first = cursor.header;
  let last = first;
  let records = first.recordCount;
  let used = cursor.position().address - start;
  while (cursor.nextInSegment(start + geometry.segmentBytes)) {
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
  const path = segmentPath(directory, geometry, segment, "seal");
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
  return seal;
}
