/**
 * Writing a checkpoint: from the shared frames to the page file, in slices, in whatever thread has the time for it.
 *
 * `Store.beginCheckpoint` freezes a published version and makes a *job*: plain data with shared arrays, to be posted to another
 * thread or worked on in place. `runCheckpointSlice` writes a part of it; the last slices sync the file. Only then does
 * the caller write the record that `checkpointRecord` gives into the superblock, and when that is durable calls
 * `Store.completeCheckpoint`.
 *
 * Why this is safe without a lock: the frames of a job are changed by nobody (copy-on-write), evicted by nobody (dirty), recycled by
 * nobody (`inCheckpoint`). And why a crash is harmless at any point: no page of the last durable checkpoint is written, since the allocator
 * does not hand out the numbers of its pages before the next one is durable (T30).
 *
 * The free list of a checkpoint is a chain of pages of its own: 40 … page numbers u32, `heap` word = how many; `next` the next page.
 */
import { assert } from "../types/assert.js";
import type { CheckpointRecord } from "./checkpoint-record.js";
import {
  initialisePage,
  numberOf,
  pageBytes,
  pageCapacity,
  pageHeaderBytes,
  pageKindFreeList,
  pageShift,
  wordHeap,
  wordNext,
} from "./layout.js";
import { type PageFile, sealPage } from "./page-file.js";
import { baseOf, chunkOf, PageSpace } from "./page-space.js";

export const freeListEntries = pageCapacity >> 2;

/** Encodes page number and frame in one number that sorts by page number. */
const frameSpan = 2 ** 24;
export const jobEntry = (number: number, frame: number): number => number * frameSpan + frame;
export const entryNumber = (entry: number): number => Math.floor(entry / frameSpan);
export const entryFrame = (entry: number): number => entry % frameSpan;

export interface CheckpointJob {
  readonly version: number;
  readonly cluster: number;
  readonly rootPage: number;
  readonly pageCount: number;
  /** Pages to write, as `jobEntry`. The first slice sorts them. */
  readonly entries: Float64Array<SharedArrayBuffer>;
  readonly freeNumbers: Uint32Array<SharedArrayBuffer>;
  readonly chain: Uint32Array<SharedArrayBuffer>;
  /** Progress. */
  isSorted: boolean;
  written: number;
  chainWritten: number;
  isSynced: boolean;
  rootChecksum: number;
}

/** Pages that are written with one call at most: 1 MiB. */
const runPagesMax = (1024 * 1024) >> pageShift;

interface CheckpointFrames {
  readonly chunks: readonly SharedArrayBuffer[];
}

/** Writes checkpoints of one store. Holds a buffer of 1 MiB. */
export class CheckpointWriter {
  readonly #space: PageSpace;
  readonly #file: PageFile;
  readonly #u8: Uint8Array;
  readonly #i32: Int32Array;

  constructor(handle: CheckpointFrames, file: PageFile) {
    this.#space = new PageSpace(handle.chunks);
    this.#file = file;
    const buffer = new SharedArrayBuffer(runPagesMax * pageBytes);
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
  }

  /**
   * Writes up to about `budgetPages` pages, and syncs in a slice of its own when all are written. True when the job is done.
   * Throws what the page file throws: abort the job then.
   */
  runSlice(job: CheckpointJob, budgetPages: number): boolean {
    assert(budgetPages > 0, "a slice writes at least one page");
    assert(!job.isSynced, "durability: a checkpoint is written once");
    if (!job.isSorted) {
      job.entries.sort();
      job.isSorted = true;
    }
    let left = budgetPages;
    while (left > 0 && job.written < job.entries.length) left -= this.#writeRun(job);
    while (left > 0 && job.chainWritten < job.chain.length) {
      this.#writeChainPage(job);
      left -= 1;
    }
    if (left <= 0) return false;
    this.#file.sync();
    job.isSynced = true;
    return true;
  }

  /** Writes the next pages that lie side by side in the file. */
  #writeRun(job: CheckpointJob): number {
    const first = entryNumber(job.entries[job.written]);
    let count = 0;
    while (count < runPagesMax && job.written + count < job.entries.length) {
      const entry = job.entries[job.written + count];
      if (entryNumber(entry) !== first + count) break;
      this.#stage(job, entryNumber(entry), entryFrame(entry), count);
      count += 1;
    }
    this.#file.write(this.#u8, 0, count * pageBytes, first * pageBytes);
    job.written += count;
    return count;
  }

  #stage(job: CheckpointJob, number: number, frame: number, at: number): void {
    const from = baseOf(frame);
    const to = at * pageBytes;
    this.#u8.set(this.#space.u8[chunkOf(frame)].subarray(from, from + pageBytes), to);
    assert(numberOf(this.#i32, to) === number, "durability: a page is written under its own number");
    const checksum = sealPage(this.#u8, this.#i32, to);
    if (number === job.rootPage) job.rootChecksum = checksum;
  }

  #writeChainPage(job: CheckpointJob): void {
    const at = job.chainWritten;
    const from = at * freeListEntries;
    const numbers = job.freeNumbers.subarray(from, from + freeListEntries);
    this.#u8.fill(0, 0, pageBytes);
    initialisePage(this.#i32, 0, job.chain[at], job.version, job.cluster, pageKindFreeList, 0, 0);
    this.#i32[wordHeap] = numbers.length;
    this.#i32[wordNext] = at + 1 < job.chain.length ? job.chain[at + 1] : 0;
    this.#i32.set(numbers, pageHeaderBytes >> 2);
    sealPage(this.#u8, this.#i32, 0);
    this.#file.write(this.#u8, 0, pageBytes, job.chain[at] * pageBytes);
    job.chainWritten += 1;
  }
}

/** What the superblock must keep. Only for a job that is done. */
export function checkpointRecord(job: CheckpointJob): CheckpointRecord {
  assert(job.isSynced, "durability: a checkpoint is recorded only when its pages are synced");
  assert(
    job.written === job.entries.length && job.chainWritten === job.chain.length,
    "durability: a checkpoint is recorded only when it is whole",
  );
  return {
    cluster: job.cluster,
    version: job.version,
    pageCount: job.pageCount,
    rootPage: job.rootPage,
    rootChecksum: job.rootChecksum,
    freeListPage: job.chain.length === 0 ? 0 : job.chain[0],
    freePages: job.freeNumbers.length,
    freeListPages: job.chain.length,
  };
}
