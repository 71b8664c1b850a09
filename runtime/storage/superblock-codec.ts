/**
 * The bytes of one copy of the superblock (see `superblock.ts`): one sector, little-endian.
 *
 *   at   size  field                                  at   size  field
 *     0    32  SHA-256 of bytes [64, 4096)             160     8  commit max
 *    32     1  copy index, not under the checksum      168     8  checkpoint: op
 *    33    31  zero                                    176     8  checkpoint: log address behind it
 *    64     8  "KMBSUPER"                              184     8  checkpoint: timestamp µs
 *    72     4  format version: 1                       192    32  checkpoint: identity of the op's prepare
 *    76     4  zero                                    224     4  checkpoint: length of the root reference
 *    80    16  cluster id                              228    28  zero
 *    96     8  sequence                                256   512  checkpoint: root reference (opaque), zero-padded
 *   104    32  parent: checksum of sequence - 1        768  3328  zero
 *   136     8  generation
 *   144     4  replica · 148 replica count · 152 view · 156 log view (u32 each)
 *
 * The copy index is not under the checksum: copies of one state hash the same, and a copy in another's place shows.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { clusterIdBytes, identityBytes, isZero, sameBytes, writeU64 } from "./frame.js";
import type { LogPosition } from "./log-position.js";

export const superblockRootBytesMax = 512;
const version = 1;
const coveredFrom = 64;
const magic = new TextEncoder().encode("KMBSUPER");
const u32Span = 2 ** 32;

export interface CheckpointRecord extends LogPosition {
  /** Where the state of this checkpoint lies, in the store's own words; at most 512 bytes. */
  readonly root: Uint8Array;
}

/** What a write may change. */
export interface ReplicaState {
  readonly view: number;
  readonly logView: number;
  readonly commitMax: number;
  readonly checkpoint: CheckpointRecord;
}

export interface ReplicaIdentity {
  readonly clusterId: Uint8Array;
  readonly replica: number;
  readonly replicaCount: number;
}

export interface SuperblockContent extends ReplicaIdentity, ReplicaState {
  readonly sequence: number;
  readonly generation: number;
  readonly parent: Uint8Array;
}

export type CopyReading =
  | { readonly kind: "sound"; readonly content: SuperblockContent; readonly checksum: Uint8Array }
  | { readonly kind: "damaged"; readonly fault: "checksum" | "misplaced" | "reserved bytes" | "number" };

export function encodeCopy(bytes: Uint8Array, at: number, copy: number, content: SuperblockContent): Uint8Array {
  assert(content.checkpoint.root.length <= superblockRootBytesMax, "a root reference is within its limit");
  assert(content.checkpoint.parent.length === identityBytes, "a checkpoint names its newest prepare");
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, sectorBytes);
  bytes.fill(0, at, at + sectorBytes);
  bytes.set(magic, at + coveredFrom);
  view.setUint32(72, version, true);
  bytes.set(content.clusterId, at + 80);
  writeU64(view, 96, content.sequence);
  bytes.set(content.parent, at + 104);
  writeU64(view, 136, content.generation);
  view.setUint32(144, content.replica, true);
  view.setUint32(148, content.replicaCount, true);
  view.setUint32(152, content.view, true);
  view.setUint32(156, content.logView, true);
  writeU64(view, 160, content.commitMax);
  writeU64(view, 168, content.checkpoint.op);
  writeU64(view, 176, content.checkpoint.address);
  writeU64(view, 184, content.checkpoint.timestamp);
  bytes.set(content.checkpoint.parent, at + 192);
  view.setUint32(224, content.checkpoint.root.length, true);
  bytes.set(content.checkpoint.root, at + 256);
  const checksum = nodeProvider.sha256(bytes, at + coveredFrom, at + sectorBytes);
  bytes.set(checksum, at);
  bytes[at + 32] = copy;
  return checksum;
}

/** Reads 4,096 untrusted bytes. Never throws for damage; `formatUnsupported` for a sound copy of another version. */
export function decodeCopy(bytes: Uint8Array, at: number, copy: number): CopyReading {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, sectorBytes);
  const u64 = (offset: number): number => view.getUint32(offset + 4, true) * u32Span + view.getUint32(offset, true);
  const checksum = nodeProvider.sha256(bytes, at + coveredFrom, at + sectorBytes);
  if (!sameBytes(checksum, 0, bytes, at, checksum.length)) return { kind: "damaged", fault: "checksum" };
  if (!sameBytes(magic, 0, bytes, at + coveredFrom, magic.length)) return { kind: "damaged", fault: "checksum" };
  if (view.getUint32(72, true) !== version) {
    throw new KimberliteError(
      "formatUnsupported",
      `the superblock has version ${view.getUint32(72, true)}, this program knows ${version}`,
    );
  }
  if (bytes[at + 32] !== copy) return { kind: "damaged", fault: "misplaced" };
  const rootBytes = view.getUint32(224, true);
  if (rootBytes > superblockRootBytesMax) return { kind: "damaged", fault: "number" };
  const clean =
    isZero(bytes, at + 33, at + 64) &&
    isZero(bytes, at + 76, at + 80) &&
    isZero(bytes, at + 228, at + 256) &&
    isZero(bytes, at + 256 + rootBytes, at + sectorBytes);
  if (!clean) return { kind: "damaged", fault: "reserved bytes" };
  const numbers = [96, 136, 160, 168, 176, 184].map(u64);
  if (!numbers.every(Number.isSafeInteger)) return { kind: "damaged", fault: "number" };
  const content: SuperblockContent = {
    clusterId: bytes.slice(at + 80, at + 80 + clusterIdBytes),
    sequence: u64(96),
    parent: bytes.slice(at + 104, at + 136),
    generation: u64(136),
    replica: view.getUint32(144, true),
    replicaCount: view.getUint32(148, true),
    view: view.getUint32(152, true),
    logView: view.getUint32(156, true),
    commitMax: u64(160),
    checkpoint: {
      op: u64(168),
      address: u64(176),
      timestamp: u64(184),
      parent: bytes.slice(at + 192, at + 192 + identityBytes),
      root: bytes.slice(at + 256, at + 256 + rootBytes),
    },
  };
  return { kind: "sound", content, checksum };
}

export type SoundCopy = Extract<CopyReading, { kind: "sound" }>;
