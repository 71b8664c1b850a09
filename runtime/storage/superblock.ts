/**
 * The superblock: what a replica must know before it can trust anything else. The file `superblock` has four copies of one sector
 * each, written one after the other in place.
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
 * The copy index is not under the checksum: copies of one state hash the same, and a copy in another's place shows. A write must
 * verify at least 3 of 4 copies, an open needs 2 equal ones and takes the highest sequence that has them: 3 + 2 > 4, so an open
 * finds every finished write. An open that found anything but four equal copies makes them equal before any new sequence is
 * written; else two contents of one sequence could meet.
 *
 * The generation grows at each open, and each write first reads back that the newest copies are still ours: the second guard
 * against two processes on one directory, after the claim of `directory-claim.ts`.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { allocateAligned, bytesOf } from "./aligned-memory.js";
import { type Disk, type DiskFile, join, type WriteMode } from "./disk.js";
import { clusterIdBytes, identityBytes, isZero, rootIdentity, sameBytes, writeU64 } from "./frame.js";
import type { LogPosition } from "./log-recovery.js";
import { createZeroFilled } from "./segments.js";

export const superblockCopies = 4;
export const superblockRootBytesMax = 512;
const copiesToOpen = 2;
const copiesToWrite = 3;
const fileBytes = superblockCopies * sectorBytes;
const version = 1;
const coveredFrom = 64;
const magic = new TextEncoder().encode("KMBSUPER");
const u32Span = 2 ** 32;

assert(copiesToOpen + copiesToWrite > superblockCopies, "every open meets every finished write");

export const superblockPath = (directory: string): string => join(directory, "superblock");

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

export type SuperblockFault =
  | "quorum lost"
  | "fork"
  | "parent skipped"
  | "parent not connected"
  | "state not monotonic";

const explanations: Readonly<Record<SuperblockFault, string>> = {
  "quorum lost": "fewer than two of its four copies agree",
  fork: "two copies have one sequence and different contents",
  "parent skipped": "two copies are more than one sequence apart",
  "parent not connected": "the newer copies do not name the older ones as their parent",
  "state not monotonic": "the newer copies have a lower view, commit or checkpoint than the older ones",
};

function refuse(fault: SuperblockFault, file: string): never {
  throw new KimberliteError("dataCorrupt", `${file}: ${explanations[fault]}. Restore it from a backup`, {
    detail: { file, fault },
  });
}

type SoundCopy = Extract<CopyReading, { kind: "sound" }>;

const goesBack = (before: SuperblockContent, after: SuperblockContent): boolean =>
  after.view < before.view ||
  after.logView < before.logView ||
  after.commitMax < before.commitMax ||
  after.generation < before.generation ||
  after.checkpoint.op < before.checkpoint.op ||
  after.checkpoint.address < before.checkpoint.address;

/** The working copy among four readings; throws `dataCorrupt` with one of five faults. */
export function chooseCopy(readings: readonly CopyReading[], file: string): SoundCopy {
  const sound = readings.filter((reading): reading is SoundCopy => reading.kind === "sound");
  const equal = (left: SoundCopy, right: SoundCopy): boolean =>
    sameBytes(left.checksum, 0, right.checksum, 0, left.checksum.length);
  for (const left of sound) {
    for (const right of sound) {
      if (left.content.sequence === right.content.sequence && !equal(left, right)) refuse("fork", file);
      if (left.content.sequence > right.content.sequence + 1) refuse("parent skipped", file);
      if (left.content.sequence !== right.content.sequence + 1) continue;
      if (!sameBytes(left.content.parent, 0, right.checksum, 0, right.checksum.length))
        refuse("parent not connected", file);
      if (goesBack(right.content, left.content)) refuse("state not monotonic", file);
    }
  }
  let chosen: SoundCopy | null = null;
  for (const candidate of sound) {
    if (sound.filter((other) => equal(candidate, other)).length < copiesToOpen) continue;
    if (chosen === null || candidate.content.sequence > chosen.content.sequence) chosen = candidate;
  }
  return chosen ?? refuse("quorum lost", file);
}

export class Superblock {
  readonly #file: DiskFile;
  readonly #bytes: Uint8Array;
  #content: SuperblockContent;
  #checksum: Uint8Array;
  #failed = false;
  /** Copies that were not equal to the chosen one at open and were written again. */
  readonly repairedCopies: number;

  /** Makes the file of a new replica. The caller syncs the directory. */
  static format(disk: Disk, directory: string, identity: ReplicaIdentity): void {
    assert(identity.clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
    const path = superblockPath(directory);
    createZeroFilled(disk, path, fileBytes);
    const bytes = new Uint8Array(fileBytes);
    const checkpoint = {
      op: 0,
      address: 0,
      timestamp: 0,
      parent: rootIdentity(identity.clusterId),
      root: new Uint8Array(0),
    };
    const content: SuperblockContent = {
      ...identity,
      view: 0,
      logView: 0,
      commitMax: 0,
      checkpoint,
      sequence: 1,
      generation: 0,
      parent: new Uint8Array(identityBytes),
    };
    for (let copy = 0; copy < superblockCopies; copy++) encodeCopy(bytes, copy * sectorBytes, copy, content);
    const file = disk.open(path, "fdatasync");
    try {
      file.write(bytes, 0, fileBytes, 0);
      file.sync();
    } finally {
      file.close();
    }
  }

  /** Reads without changing anything: for `verify` and `status` on a node that is down. */
  static inspect(disk: Disk, directory: string): readonly CopyReading[] {
    const file = disk.open(superblockPath(directory), "read");
    try {
      return readCopies(file, new Uint8Array(fileBytes));
    } finally {
      file.close();
    }
  }

  /**
   * Opens, makes all copies equal where they were not, and writes the next generation. Throws `dataMissing`, `dataCorrupt` (see
   * `SuperblockFault`), `formatUnsupported`, `storageFailed`.
   */
  static open(disk: Disk, directory: string, mode: WriteMode = "direct"): Superblock {
    const memory = allocateAligned(disk, directory, fileBytes, mode);
    const file = disk.open(superblockPath(directory), memory.mode);
    try {
      const bytes = bytesOf(memory);
      const readings = readCopies(file, bytes);
      const chosen = chooseCopy(readings, file.path);
      const stale = readings.flatMap((reading, copy) =>
        reading.kind === "sound" && sameBytes(reading.checksum, 0, chosen.checksum, 0, identityBytes) ? [] : [copy],
      );
      const superblock = new Superblock(file, bytes, chosen, stale.length);
      if (stale.length > 0) superblock.#writeCopies(stale, chosen.content);
      superblock.#commit({ ...chosen.content, generation: chosen.content.generation + 1 });
      return superblock;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(file: DiskFile, bytes: Uint8Array, chosen: SoundCopy, repairedCopies: number) {
    this.#file = file;
    this.#bytes = bytes;
    this.#content = chosen.content;
    this.#checksum = chosen.checksum;
    this.repairedCopies = repairedCopies;
  }

  get content(): SuperblockContent {
    return this.#content;
  }

  /**
   * Makes a new state durable. Throws `directoryLocked` when somebody else wrote the superblock since, `storageFailed` when
   * fewer than three copies verify; after either the superblock is dead.
   */
  write(state: ReplicaState): void {
    const next: SuperblockContent = { ...this.#content, ...state };
    assert(!goesBack(this.#content, next), "durability: a superblock's view, commit and checkpoint never go back");
    this.#commit(next);
  }

  #commit(next: SuperblockContent): void {
    if (this.#failed)
      throw new KimberliteError("storageFailed", `${this.#file.path} failed before and takes no more writes`);
    this.#failed = true; // until the write has been verified
    this.#checkStillOurs();
    const content = { ...next, sequence: this.#content.sequence + 1, parent: this.#checksum };
    const copies = Array.from({ length: superblockCopies }, (_, copy) => copy);
    this.#checksum = this.#writeCopies(copies, content);
    this.#content = content;
    this.#failed = false;
  }

  #checkStillOurs(): void {
    const readings = readCopies(this.#file, this.#bytes);
    const ours = readings.filter(
      (reading) => reading.kind === "sound" && sameBytes(reading.checksum, 0, this.#checksum, 0, identityBytes),
    );
    const newer = readings.some(
      (reading) => reading.kind === "sound" && reading.content.sequence > this.#content.sequence,
    );
    if (newer) {
      throw new KimberliteError("directoryLocked", `${this.#file.path} was written by another node; this one stops`, {
        detail: { file: this.#file.path, generation: this.#content.generation },
      });
    }
    if (ours.length < copiesToOpen) refuse("quorum lost", this.#file.path);
  }

  /** Writes the given copies, reads all back, and checks that enough are the new content. */
  #writeCopies(copies: readonly number[], content: SuperblockContent): Uint8Array {
    let checksum: Uint8Array = this.#checksum;
    for (const copy of copies) {
      const at = copy * sectorBytes;
      checksum = encodeCopy(this.#bytes, at, copy, content);
      this.#file.write(this.#bytes, at, sectorBytes, at);
      this.#file.sync();
    }
    const verified = readCopies(this.#file, this.#bytes).filter(
      (reading) => reading.kind === "sound" && sameBytes(reading.checksum, 0, checksum, 0, identityBytes),
    ).length;
    if (verified < copiesToWrite) {
      throw new KimberliteError(
        "storageFailed",
        `only ${verified} of ${superblockCopies} copies of ${this.#file.path} read back right`,
        {
          detail: { file: this.#file.path, verified },
        },
      );
    }
    return checksum;
  }

  close(): void {
    this.#file.close();
  }
}

function readCopies(file: DiskFile, bytes: Uint8Array): CopyReading[] {
  const count = file.read(bytes, 0, fileBytes, 0);
  bytes.fill(0, count, fileBytes); // a shortened file has damaged copies
  return Array.from({ length: superblockCopies }, (_, copy) => decodeCopy(bytes, copy * sectorBytes, copy));
}
