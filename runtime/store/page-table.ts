/**
 * The page table: for each page number the frame that holds the page, shared with the readers. Two words a page:
 *
 *     0  frame + 1, or 0 when the page is not in memory
 *     1  generation: which content the number stands for; 0 as long as that is what the store was opened with. A number that
 *        is used again gets another one, so that a reader's private copy of the old content is never taken for the new.
 *
 * Only the writer changes it. It is allocated for the largest number of pages there may be; what is never touched costs
 * address space, not memory: 8 bytes for each page in use.
 */
import { assert } from "../types/assert.js";

/** Default bound of a store's pages: 128 GiB in pages of 8 KiB, for 128 MiB of address space. */
export const pagesMaxDefault = 1 << 24;
/** Largest bound: a page number with its frame's number stays a safe integer (checkpoint.ts). */
const pagesMaxLimit = 1 << 28;

export function allocatePageTable(pagesMax: number): SharedArrayBuffer {
  assert(pagesMax > 0 && pagesMax <= pagesMaxLimit, "the bound of pages is within its limit");
  return new SharedArrayBuffer(pagesMax * 8);
}

/** The generation of a page number that was used (again) in a version. Never 0. */
export const generationOf = (birth: number): number => (birth % 0x7fff_ffff) + 1;

/** The frame of a page, or -1. For readers: what the writer put into the frame before is then visible. */
export const sharedFrameOf = (table: Int32Array, number: number): number => Atomics.load(table, number << 1) - 1;
