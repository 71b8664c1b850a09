/** Reading a checkpoint's free list (checkpoint.ts tells its form): when a store is opened, and when it is verified. */

import { freeListEntries } from "./checkpoint.js";
import type { CheckpointRecord } from "./checkpoint-record.js";
import { kindOf, pageBytes, pageHeaderBytes, pageKindFreeList, wordHeap, wordNext } from "./layout.js";
import { type PageFile, pageCorrupt, readPage } from "./page-file.js";

const kind = "free list";

/** Calls `onPage` for each page of the list and `onFree` for each number in it. Throws `dataCorrupt`. */
export function readFreeList(
  file: PageFile,
  record: CheckpointRecord,
  onPage: (number: number) => void,
  onFree: (number: number) => void,
): void {
  const u8 = new Uint8Array(pageBytes);
  const i32 = new Int32Array(u8.buffer);
  let pages = 0;
  let numbers = 0;
  for (let number = record.freeListPage; number !== 0; number = i32[wordNext] >>> 0) {
    pages += 1;
    if (number >= record.pageCount) throw pageCorrupt(file, number, kind, "it lies outside the file");
    if (pages > record.freeListPages) throw pageCorrupt(file, number, kind, "the list is longer than its record says");
    const birth = readPage(file, number, record.cluster, u8, i32, 0);
    if (kindOf(i32, 0) !== pageKindFreeList) throw pageCorrupt(file, number, kind, "it is a page of another kind");
    if (birth !== record.version) throw pageCorrupt(file, number, kind, "it belongs to another checkpoint");
    const count = i32[wordHeap];
    if (count < 0 || count > freeListEntries) throw pageCorrupt(file, number, kind, "it has more numbers than fit");
    onPage(number);
    for (let at = 0; at < count; at++) {
      const free = i32[(pageHeaderBytes >> 2) + at] >>> 0;
      if (free === 0 || free >= record.pageCount)
        throw pageCorrupt(file, number, kind, "it lists a page outside the file");
      onFree(free);
    }
    numbers += count;
  }
  if (pages !== record.freeListPages || numbers !== record.freePages) {
    throw pageCorrupt(file, record.freeListPage, kind, "the list is shorter than its record says");
  }
}
