/**
 * The walk over one replica's files, as a task of the CPU pool (`pool.ts`). Progress and findings go through the port that came with
 * the task; the report is its result.
 */
import { BlockReader } from "../../../runtime/kernel/block.js";
import type { Disk } from "../../../runtime/storage/disk.js";
import { isOwnOperation } from "../../../runtime/storage/frame.js";
import { defaultGeometry } from "../../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../../runtime/storage/real-disk.js";
import { superblockPath } from "../../../runtime/storage/superblock.js";
import { type PrepareVisit, type VerifyReport, verifyLog } from "../../../runtime/storage/verify-log.js";
import { isKimberliteError } from "../../../runtime/types/errors.js";
import type { Finding, ReplicaReport } from "./data-directory.js";
import { checkTrees } from "./trees.js";

export interface VerifyTask {
  readonly directory: string;
  /** One end of a channel. */
  readonly port: { postMessage(news: VerifyNews): void };
}

/** What a task says on its way. */
export type VerifyNews =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "found"; readonly finding: Finding }
  | { readonly kind: "end" };

const progressEveryMs = 100;

export function verifyTask({ directory, port }: VerifyTask): ReplicaReport {
  const tell = (news: VerifyNews): void => port.postMessage(news);
  try {
    return verifyReplica(new RealDisk(), directory, tell);
  } finally {
    tell({ kind: "end" });
  }
}

function verifyReplica(disk: Disk, directory: string, tell: (news: VerifyNews) => void): ReplicaReport {
  const report = (finding: Finding): void => tell({ kind: "found", finding });
  const records = new RecordCheck();
  const walk = verifyLog({ disk, directory, geometry: defaultGeometry, visit: (prepare) => records.visit(prepare) });
  let result: VerifyReport | null = null;
  let told = 0;
  try {
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) {
        result = step.value;
        break;
      }
      const { bytesDone, bytesTotal, damage } = step.value;
      for (const one of damage) report({ replica: directory, ...one });
      if (performance.now() - told < progressEveryMs) continue;
      tell({ kind: "progress", done: bytesDone, total: bytesTotal });
      told = performance.now();
    }
  } catch (error) {
    // A superblock that is missing or has no two equal copies: there is nothing to start from.
    if (!isKimberliteError(error)) throw error;
    const file = superblockPath(directory);
    report({ replica: directory, zone: "superblock", file, address: null, op: null, what: error.message });
  } finally {
    walk.return?.(undefined as never);
  }
  if (result !== null) tell({ kind: "progress", done: result.bytes, total: result.bytes });
  const trees =
    result?.superblock === null || result === null ? null : checkTrees(disk, directory, result.superblock, report);
  return {
    directory,
    prepares: result?.prepares ?? 0,
    records: records.count,
    tenants: records.tenants,
    segments: result?.segments ?? 0,
    seals: result?.seals ?? 0,
    bytes: result?.bytes ?? 0,
    headOp: result?.head?.op ?? null,
    notes: result?.notes ?? [],
    trees,
  };
}

/** Every block and record of every prepare: bounds, checksums, and each tenant's positions in order without repetition. */
class RecordCheck {
  readonly #next = new Map<number, number>();
  count = 0;

  get tenants(): number {
    return this.#next.size;
  }

  visit({ header, bytes, view, bodyStart }: PrepareVisit): string | null {
    if (isOwnOperation(header.operation)) return null;
    let inPrepare = 0;
    try {
      const blocks = new BlockReader(bytes, view, bodyStart, bodyStart + header.bodyBytes, "checksums");
      while (blocks.nextBlock()) {
        // A tenant that was moved away and back has its positions between in another shard's log: forward is legal, back is not.
        const expected = this.#next.get(blocks.tenant) ?? 0;
        if (blocks.firstPosition < expected) {
          return `position ${blocks.firstPosition} of tenant ${blocks.tenant} follows position ${expected - 1}`;
        }
        this.#next.set(blocks.tenant, blocks.firstPosition + blocks.count);
        while (blocks.nextRecord()) inPrepare += 1;
      }
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      return error.message;
    }
    this.count += inPrepare;
    return inPrepare === header.recordCount
      ? null
      : `the header counts ${header.recordCount} records, the body holds ${inPrepare}`;
  }
}
