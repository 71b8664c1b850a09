/**
 * The bytes of a segment's seal (`segment-seal.ts`), and what of a segment travels between replicas. Little-endian:
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
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { clusterIdBytes, identityBytes, isZero, sameBytes, writeU64 } from "./frame.js";
import { type LogGeometry, segmentStart } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import type { NamedHeader } from "./prepare.js";

const magic = new TextEncoder().encode("KMBSEAL1");
/** The bytes of a seal that say something; the rest of its sector is zero. */
export const sealBytes = 256;
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

/** A seal as another replica gives it: its 256 bytes that are not zero. Throws `dataCorrupt`. */
export function unpackSeal(geometry: LogGeometry, segment: number, packed: Uint8Array): SegmentSeal {
  const bytes = new Uint8Array(sectorBytes);
  bytes.set(packed.subarray(0, sealBytes));
  const shown = packed.length === sealBytes ? bytes : packed;
  return decodeSeal(geometry, segment, shown, `the seal of segment ${segment} from another replica`);
}

/** What a segment that was fetched whole from other replicas, and verified, adds to the log. */
export interface FetchedSegment {
  readonly seal: SegmentSeal;
  /** Behind its last prepare. */
  readonly position: LogPosition;
  /** Its newest headers, oldest first, at most as many as the header ring holds. */
  readonly headers: readonly NamedHeader[];
}
