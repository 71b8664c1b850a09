/**
 * The bytes of one copy of the superblock (see `superblock.ts`): one sector, little-endian.
 *
 *   at   size  field                                  at   size  field
 *     0    32  SHA-256 of bytes [64, 4096)             168     8  checkpoint: op
 *    32     1  copy index, not under the checksum      176     8  checkpoint: log address behind it
 *    33    31  zero                                    184     8  checkpoint: timestamp µs
 *    64     8  "KMBSUPER"                              192    32  checkpoint: identity of the op's prepare
 *    72     4  format version: 3                       224     4  checkpoint: length of the root reference
 *    76     4  zero                                    228     4  epoch
 *    80    16  cluster id                              232     4  suffix: headers, at most 9
 *    96     8  sequence                                236     4  suffix: bit i set = header i was durable here
 *   104    32  parent: checksum of sequence - 1        240     4  members, at most 6
 *   136     8  generation                              244     1  standing: 0 member, 1 fresh, 2 replaced
 *   144     4  replica                                 256   512  checkpoint: root reference (opaque), zero-padded
 *   148     4  replica count                           768  2304  suffix: prepare headers of 256 bytes, newest first
 *   152     4  view                                   3072    96  members: ids of 16 bytes, by replica number
 *   156     4  log view                               3168   928  zero
 *   160     8  commit max
 *
 * The copy index is not under the checksum: copies of one state hash the same, and a copy in another's place shows. Version 1 had
 * neither epoch nor suffix nor members, and version 2 no standing, and zeros in their places: they are read, and written again as version 3.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { clusterIdBytes, headerBytes, identityBytes, isZero, readHeader, sameBytes, writeU64 } from "./frame.js";
import type { LogPosition } from "./log-position.js";
import type { StoredHeader } from "./prepare.js";

export const superblockRootBytesMax = 512;
export const superblockSuffixMax = 9;
export const superblockMembersMax = 6;
const version = 3;
const oldestVersion = 1;
const suffixFrom = 768;
const membersFrom = suffixFrom + superblockSuffixMax * headerBytes;
const memberBytes = 16;
const coveredFrom = 64;
const magic = new TextEncoder().encode("KMBSUPER");
const u32Span = 2 ** 32;

export interface CheckpointRecord extends LogPosition {
  /** Where the state of this checkpoint lies, in the store's own words; at most 512 bytes. */
  readonly root: Uint8Array;
}

/**
 * member     has taken part, and takes part
 * fresh      just formatted: takes part once a majority of the others has vouched that they know of no other in its place
 * replaced   its disk was lost, or put back to an older state: takes part again in `view` or a later one, in which nobody has heard of it
 */
export type Standing = "member" | "fresh" | "replaced";
const standings: readonly Standing[] = ["member", "fresh", "replaced"];

/** What the protocol keeps. */
export interface ProtocolState {
  /** Left out: as it was. */
  readonly standing?: Standing;
  /** Ids of the replicas as this one knows them, 16 bytes each, by number; zeros for one that it has not met. Left out: as they were. */
  readonly members?: readonly Uint8Array[];
  /** Replicas that vote in the configuration of `view`. Left out: as it was. */
  readonly replicaCount?: number;
  readonly view: number;
  /** The last view whose log this replica's log was. */
  readonly logView: number;
  readonly commitMax: number;
  /** The end of the log as of `logView`, newest first, ops descending; at most 9. */
  readonly suffix: readonly StoredHeader[];
}

/** What a write may change. */
export interface ReplicaState extends ProtocolState {
  readonly checkpoint: CheckpointRecord;
}

export interface ReplicaIdentity {
  readonly clusterId: Uint8Array;
  readonly replica: number;
  readonly replicaCount: number;
  /** How often the cluster was founded anew; 0 at a first format. */
  readonly epoch?: number;
  /** Ids of the replicas, 16 bytes each, by replica number; empty where they are not kept. */
  readonly members?: readonly Uint8Array[];
  readonly standing?: Standing;
  /** The view in which it begins; 0 unless it takes the place of a lost one. */
  readonly view?: number;
}

export interface SuperblockContent
  extends Required<Omit<ReplicaIdentity, "view">>,
    Omit<ReplicaState, "standing" | "members" | "replicaCount"> {
  readonly sequence: number;
  readonly generation: number;
  readonly parent: Uint8Array;
}

export type CopyReading =
  | { readonly kind: "sound"; readonly content: SuperblockContent; readonly checksum: Uint8Array }
  | { readonly kind: "damaged"; readonly fault: "checksum" | "misplaced" | "reserved bytes" | "number" | "suffix" };

export function encodeCopy(bytes: Uint8Array, at: number, copy: number, content: SuperblockContent): Uint8Array {
  assert(content.checkpoint.root.length <= superblockRootBytesMax, "a root reference is within its limit");
  assert(content.checkpoint.parent.length === identityBytes, "a checkpoint names its newest prepare");
  assert(content.suffix.length <= superblockSuffixMax, "a suffix is within its limit");
  assert(content.members.length <= superblockMembersMax, "a member list is within its limit");
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
  encodeSuffix(bytes, view, at, content.suffix);
  view.setUint32(228, content.epoch, true);
  view.setUint32(240, content.members.length, true);
  view.setUint8(244, standings.indexOf(content.standing));
  content.members.forEach((member, index) => {
    assert(member.length === memberBytes, "a member's id is 16 bytes");
    bytes.set(member, at + membersFrom + index * memberBytes);
  });
  const checksum = nodeProvider.sha256(bytes, at + coveredFrom, at + sectorBytes);
  bytes.set(checksum, at);
  bytes[at + 32] = copy;
  return checksum;
}

function encodeSuffix(bytes: Uint8Array, view: DataView, at: number, suffix: readonly StoredHeader[]): void {
  let durable = 0;
  suffix.forEach((stored, index) => {
    assert(stored.headerBytes.length === headerBytes, "a stored header is 256 bytes");
    const newer = suffix[index - 1];
    assert(newer === undefined || newer.header.op > stored.header.op, "order: a suffix runs from its head down");
    bytes.set(stored.headerBytes, at + suffixFrom + index * headerBytes);
    if (stored.wasDurable) durable |= 1 << index;
  });
  view.setUint32(232, suffix.length, true);
  view.setUint32(236, durable, true);
}

/** Null when a header of it is not sound. */
function decodeSuffix(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  clusterId: Uint8Array,
): readonly StoredHeader[] | null {
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const durable = view.getUint32(236, true);
  const suffix: StoredHeader[] = [];
  for (let index = 0; index < view.getUint32(232, true); index++) {
    const from = at + suffixFrom + index * headerBytes;
    const reading = readHeader(bytes, whole, from, clusterId);
    const newer = suffix.at(-1);
    if (reading.kind !== "prepare" || (newer !== undefined && newer.header.op <= reading.header.op)) return null;
    const wasDurable = (durable & (1 << index)) !== 0;
    suffix.push({ header: reading.header, headerBytes: bytes.slice(from, from + headerBytes), wasDurable });
  }
  return suffix;
}

/** Reads 4,096 untrusted bytes. Never throws for damage; `formatUnsupported` for a sound copy of another version. */
export function decodeCopy(bytes: Uint8Array, at: number, copy: number): CopyReading {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, sectorBytes);
  const u64 = (offset: number): number => view.getUint32(offset + 4, true) * u32Span + view.getUint32(offset, true);
  const checksum = nodeProvider.sha256(bytes, at + coveredFrom, at + sectorBytes);
  if (!sameBytes(checksum, 0, bytes, at, checksum.length)) return { kind: "damaged", fault: "checksum" };
  if (!sameBytes(magic, 0, bytes, at + coveredFrom, magic.length)) return { kind: "damaged", fault: "checksum" };
  const written = view.getUint32(72, true);
  if (written < oldestVersion || written > version) {
    throw new KimberliteError(
      "formatUnsupported",
      `the superblock has version ${written}, this program knows ${oldestVersion} to ${version}`,
    );
  }
  if (bytes[at + 32] !== copy) return { kind: "damaged", fault: "misplaced" };
  const rootBytes = view.getUint32(224, true);
  const suffixCount = view.getUint32(232, true);
  const memberCount = view.getUint32(240, true);
  if (rootBytes > superblockRootBytesMax) return { kind: "damaged", fault: "number" };
  if (suffixCount > superblockSuffixMax || memberCount > superblockMembersMax)
    return { kind: "damaged", fault: "number" };
  const clean =
    isZero(bytes, at + 33, at + 64) &&
    isZero(bytes, at + 76, at + 80) &&
    isZero(bytes, at + (written < 3 ? 244 : 245), at + 256) &&
    isZero(bytes, at + 256 + rootBytes, at + suffixFrom) &&
    isZero(bytes, at + suffixFrom + suffixCount * headerBytes, at + membersFrom) &&
    isZero(bytes, at + membersFrom + memberCount * memberBytes, at + sectorBytes) &&
    (written > oldestVersion || isZero(bytes, at + 228, at + 256)) &&
    view.getUint32(236, true) >>> suffixCount === 0;
  if (!clean) return { kind: "damaged", fault: "reserved bytes" };
  const numbers = [96, 136, 160, 168, 176, 184].map(u64);
  if (!numbers.every(Number.isSafeInteger)) return { kind: "damaged", fault: "number" };
  const standing = standings[view.getUint8(244)];
  if (standing === undefined) return { kind: "damaged", fault: "number" };
  const clusterId = bytes.slice(at + 80, at + 80 + clusterIdBytes);
  const suffix = decodeSuffix(bytes, view, at, clusterId);
  if (suffix === null) return { kind: "damaged", fault: "suffix" };
  const content: SuperblockContent = {
    clusterId,
    sequence: u64(96),
    parent: bytes.slice(at + 104, at + 136),
    generation: u64(136),
    replica: view.getUint32(144, true),
    replicaCount: view.getUint32(148, true),
    view: view.getUint32(152, true),
    logView: view.getUint32(156, true),
    commitMax: u64(160),
    suffix,
    epoch: view.getUint32(228, true),
    standing,
    members: Array.from({ length: memberCount }, (_, index) => {
      const from = at + membersFrom + index * memberBytes;
      return bytes.slice(from, from + memberBytes);
    }),
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
