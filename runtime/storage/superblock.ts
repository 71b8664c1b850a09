/**
 * The superblock: what a replica must know before it can trust anything else: who it is, its view and the log's end as of it, where its
 * newest checkpoint lies. The file `superblock` has four copies of one sector each (layout in `superblock-codec.ts`), written one after
 * the other in place.
 *
 * A write must verify at least 3 of 4 copies, an open needs 2 equal ones (`superblock-quorum.ts`): 3 + 2 > 4, so an open finds
 * every finished write. An open that found anything but four equal copies makes them equal before any new sequence is written;
 * else two contents of one sequence could meet.
 *
 * The generation grows at each open, and each write first reads back that the newest copies are still ours: the second guard
 * against two processes on one directory, after the claim of `directory-claim.ts`.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import { allocateAligned, bytesOf } from "./aligned-memory.js";
import { type Disk, type DiskFile, join, type WriteMode } from "./disk.js";
import { clusterIdBytes, identityBytes, rootIdentity, sameBytes } from "./frame.js";
import { mark } from "./marks.js";
import type { StoredHeader } from "./prepare.js";
import { createZeroFilled } from "./segments.js";
import {
  type CheckpointRecord,
  type CopyReading,
  decodeCopy,
  encodeCopy,
  type ProtocolState,
  type ReplicaIdentity,
  type SoundCopy,
  type SuperblockContent,
} from "./superblock-codec.js";
import { chooseCopy, copiesToOpen, goesBack, refuse } from "./superblock-quorum.js";

import { baseViewOf, configurationOf } from "./views.js";

export type {
  CheckpointRecord,
  ProtocolState,
  ReplicaIdentity,
  SuperblockContent,
} from "./superblock-codec.js";

/** The number that a standby takes over. */
export interface TakenPlace {
  readonly replica: number;
  /** Ids by replica number, zeros but for its own. */
  readonly members: readonly Uint8Array[];
  readonly view: number;
}

/** A cluster that is founded anew from the log of one replica. */
export interface Refoundation {
  readonly epoch: number;
  readonly replica: number;
  readonly replicaCount: number;
  /** Ids by replica number, zeros but for its own; none for a replica of its own. */
  readonly members: readonly Uint8Array[];
  /** Newest operation that is kept, and the headers of the log's end from there down. */
  readonly head: number;
  readonly suffix: readonly StoredHeader[];
}

const refoundViews = 2;

export const superblockCopies = 4;
const copiesToWrite = 3;
const fileBytes = superblockCopies * sectorBytes;
/** Where a copy says which it is. */
const copyAt = 32;

assert(copiesToOpen + copiesToWrite > superblockCopies, "every open meets every finished write");

export const superblockPath = (directory: string): string => join(directory, "superblock");

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
      clusterId: identity.clusterId,
      replica: identity.replica,
      replicaCount: identity.replicaCount,
      epoch: identity.epoch ?? 0,
      members: identity.members ?? [],
      standing: identity.standing ?? "member",
      view: identity.view ?? 0,
      logView: 0,
      commitMax: 0,
      suffix: [],
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
      if (stale.length > 0) {
        mark("superblockCopiesRepaired");
        superblock.#writeCopies(stale, chosen.content);
      }
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
   * Makes the protocol's state durable; the checkpoint stays. `commitMax` only grows: a lower one leaves it as it is. Throws
   * `directoryLocked` when somebody else wrote the superblock since, `storageFailed` when fewer than three copies verify; after
   * either the superblock is dead.
   */
  writeState({ view, logView, commitMax, suffix, standing, members, replicaCount }: ProtocolState): void {
    assert(logView <= view, "order: a replica's log is never of a later view than its own");
    this.#change({
      ...this.#content,
      view,
      logView,
      replicaCount: replicaCount ?? this.#content.replicaCount,
      standing: standing ?? this.#content.standing,
      members: members?.map((member) => member.slice()) ?? this.#content.members,
      commitMax: Math.max(commitMax, this.#content.commitMax),
      suffix: suffix.map((stored) => ({ ...stored, headerBytes: stored.headerBytes.slice() })),
    });
  }

  /** Makes a checkpoint durable; view, log view and suffix stay. Throws as `writeState` does. */
  writeCheckpoint(checkpoint: CheckpointRecord, commitMax: number): void {
    assert(commitMax >= checkpoint.op, "durability: a checkpoint covers only committed ops");
    this.#change({ ...this.#content, checkpoint, commitMax: Math.max(commitMax, this.#content.commitMax) });
  }

  /**
   * A standby's replica takes the number of one that votes, and keeps its log. It is silent until `view`, in which nobody can have heard of
   * the one that had the number before. Said again after a crash: the newer id counts. Throws as `writeState` does.
   */
  takePlace({ replica, members, view }: TakenPlace): void {
    const content = this.#content;
    const isInterrupted = content.replica === replica && content.standing === "replaced";
    assert(content.replica >= content.replicaCount || isInterrupted, "only a standby takes another's place");
    assert(
      replica < content.replicaCount && members.length === content.replicaCount,
      "a place is one of those that vote",
    );
    assert(view > content.logView, "a place is taken in a view that is still to come");
    this.#change({ ...content, replica, members, standing: "replaced", view: Math.max(view, content.view) });
  }

  /**
   * The replica is one of a cluster that is founded anew from its log: in the next epoch, in a view of its own, whose log is this one up to
   * `head`. Said again after a crash it changes nothing. Throws as `writeState` does.
   */
  refound({ epoch, replica, replicaCount, members, head, suffix }: Refoundation): void {
    const content = this.#content;
    if (content.epoch === epoch) return;
    assert(epoch === content.epoch + 1, "order: a cluster is founded anew one epoch after the other");
    assert(replica < replicaCount && (replicaCount === 1 || members.length === replicaCount), "a founder votes");
    assert(head >= content.checkpoint.op, "durability: a log reaches its checkpoint");
    assert((suffix[0]?.header.op ?? 0) === head, "order: a view's log is named from its head down");
    // Copies of one directory come to one view, and no view before it has been so high here.
    const configuration = configurationOf(content.view);
    // Those that found it are not those that voted last: what they say is of a configuration of their own. In the first one the epoch alone tells.
    const view = (configuration === 0 ? content.view : baseViewOf(configuration + 1)) + refoundViews;
    const commitMax = Math.min(content.commitMax, head);
    const next = { ...content, epoch, replica, replicaCount, members, commitMax, view, logView: view };
    this.#change({ ...next, standing: "member", suffix });
  }

  #change(next: SuperblockContent): void {
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

  /**
   * Writes the given copies, reads all back, and checks that enough are the new content. A copy that is not is written once more: one that
   * the disk forgot would be two sequences behind when the next write is cut short, which no crash explains.
   */
  #writeCopies(copies: readonly number[], content: SuperblockContent): Uint8Array {
    const image = new Uint8Array(sectorBytes);
    const checksum = encodeCopy(image, 0, 0, content);
    this.#putCopies(copies, image);
    let wrong = this.#copiesOtherThan(checksum);
    if (wrong.length > 0) {
      mark("superblockCopyWrittenAgain");
      this.#putCopies(wrong, image);
      wrong = this.#copiesOtherThan(checksum);
    }
    const verified = superblockCopies - wrong.length;
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

  /** The copies are the same but for their number, which is not under the checksum. */
  #putCopies(copies: readonly number[], image: Uint8Array): void {
    for (const copy of copies) {
      const at = copy * sectorBytes;
      this.#bytes.set(image, at);
      this.#bytes[at + copyAt] = copy;
      this.#file.write(this.#bytes, at, sectorBytes, at);
      this.#file.sync();
    }
  }

  #copiesOtherThan(checksum: Uint8Array): number[] {
    return readCopies(this.#file, this.#bytes).flatMap((reading, copy) =>
      reading.kind === "sound" && sameBytes(reading.checksum, 0, checksum, 0, identityBytes) ? [] : [copy],
    );
  }

  close(): void {
    this.#file.close();
  }
}

function readCopies(file: DiskFile, bytes: Uint8Array): CopyReading[] {
  const count = file.read(bytes, 0, fileBytes, 0);
  bytes.fill(0, count, fileBytes); // a shortened file has damaged copies
  const first = decodeCopy(bytes, 0, 0);
  return Array.from({ length: superblockCopies }, (_, copy) => {
    const isTwin = copy === 0 || (first.kind === "sound" && isTwinOfFirst(bytes, copy));
    return isTwin ? first : decodeCopy(bytes, copy * sectorBytes, copy);
  });
}

/** What differs from a sound copy in its number alone is as sound: nothing has to be hashed again. */
function isTwinOfFirst(bytes: Uint8Array, copy: number): boolean {
  const at = copy * sectorBytes;
  if (bytes[at + copyAt] !== copy) return false;
  const same = (from: number, to: number): boolean =>
    Buffer.compare(bytes.subarray(from, to), bytes.subarray(at + from, at + to)) === 0;
  return same(0, copyAt) && same(copyAt + 1, sectorBytes);
}
