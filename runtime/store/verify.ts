/**
 * The structural verifier: walks a checkpoint in the page file, offline and page by page, and holds it to everything that the store
 * relies on.
 *
 *   1. each page: checksum, own number, cluster, kind, no younger than the checkpoint
 *   2. each tree: levels fall by one, keys ascend and lie within the bounds that the branches above set, no page is empty,
 *      the root page's counts of entries are right
 *   3. long values: the head lists as many pages as the length needs, all made at once
 *   4. each page number is reached once, or listed free once, or part of the free list: none twice, none missing
 *
 * It goes on after damage, without the pages below, and reports all it finds. The walk keeps one page a level and a bit for each
 * page of the file in memory.
 */
import { assert } from "../types/assert.js";
import { isKimberliteError } from "../types/errors.js";
import { type CheckpointRecord, decodeCheckpointRecord } from "./checkpoint-record.js";
import { checkFileHead } from "./file-head.js";
import { readFreeList } from "./free-list.js";
import { compareKeys } from "./keys.js";
import {
  branchCellHead,
  countOf,
  heapOf,
  kindOf,
  leafCellHead,
  levelOf,
  overflowMark,
  pageBytes,
  pageHeaderBytes,
  pageKindBranch,
  pageKindLeaf,
  pageKindNames,
  pageKindOverflowData,
  pageKindOverflowHead,
  pageKindRoot,
  prefixOf,
  slotBytes,
  treeHeightMax,
} from "./layout.js";
import { overflowPages } from "./overflow.js";
import { type PageFile, readPage } from "./page-file.js";
import { emptyRoots, readRoot } from "./root-page.js";
import { cellBytesOf, cellOf, childOf, copyKey, lengthFieldOf, suffixLengthOf, valueStartOf } from "./slotted-page.js";
import { clusterShort } from "./store.js";
import { treeKeyBytesMax, treesMax, treeValueBytesMax } from "./tree.js";

export interface VerifyProgress {
  readonly pages: number;
  readonly pagesTotal: number;
}

export interface PageProblem {
  readonly page: number;
  readonly kind: string;
  readonly what: string;
}

export interface VerifyResult {
  readonly pages: number;
  readonly entries: number;
  readonly freePages: number;
  readonly version: number;
  /** At most 100, in the order found. */
  readonly problems: readonly PageProblem[];
}

const problemsMax = 100;
const progressPages = 256;

interface Level {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  number: number;
  /** The next cell to visit. */
  index: number;
  /** Bounds of the keys here: at or above `low`, below `high`. */
  low: Uint8Array | null;
  high: Uint8Array | null;
}

const kindName = (kind: number): string => pageKindNames[kind] ?? "unknown";

class Verifier {
  readonly problems: PageProblem[] = [];
  pages = 0;
  entries = 0;
  freePages = 0;
  readonly #file: PageFile;
  readonly #record: CheckpointRecord;
  readonly #seen: Uint8Array;
  #seenCount = 1; // page 0
  readonly #levels: Level[];
  readonly #key = new Uint8Array(treeKeyBytesMax + 64);
  readonly #previous = new Uint8Array(treeKeyBytesMax + 64);

  constructor(file: PageFile, record: CheckpointRecord) {
    this.#file = file;
    this.#record = record;
    this.#seen = new Uint8Array(Math.ceil(record.pageCount / 8));
    this.#seen[0] = 1;
    // One more level than trees have, for the pages of long values.
    this.#levels = Array.from({ length: treeHeightMax + 1 }, () => {
      const u8 = new Uint8Array(pageBytes);
      return { u8, i32: new Int32Array(u8.buffer), number: 0, index: 0, low: null, high: null };
    });
  }

  report(page: number, kind: number | string, what: string): void {
    if (this.problems.length >= problemsMax) return;
    this.problems.push({ page, kind: typeof kind === "number" ? kindName(kind) : kind, what });
  }

  /** Notes that a page number is accounted for; false (and a problem) when it was before, or lies outside the file. */
  #account(number: number, kind: number | string): boolean {
    if (number <= 0 || number >= this.#record.pageCount) {
      this.report(number, kind, "it lies outside the file");
      return false;
    }
    const at = number >>> 3;
    const bit = 1 << (number & 7);
    if (((this.#seen[at] ?? 0) & bit) !== 0) {
      this.report(number, kind, "it is reached or listed twice");
      return false;
    }
    this.#seen[at] = (this.#seen[at] ?? 0) | bit;
    this.#seenCount += 1;
    return true;
  }

  /** Reads a page that a reference leads to; false (and a problem) when it is not what it should be. */
  #read(number: number, kind: number, level: Level): boolean {
    if (!this.#account(number, kind)) return false;
    this.pages += 1;
    try {
      const birth = readPage(this.#file, number, this.#record.cluster, level.u8, level.i32, 0);
      if (birth > this.#record.version) this.report(number, kind, "it is younger than the checkpoint");
    } catch (error) {
      if (!isKimberliteError(error) || error.code !== "dataCorrupt") throw error;
      this.report(number, String(error.detail["kind"]), String(error.detail["what"]));
      return false;
    }
    if (kindOf(level.i32, 0) === kind) return true;
    this.report(number, kindOf(level.i32, 0), `a ${kindName(kind)} page was expected`);
    return false;
  }

  #level(at: number): Level {
    const level = this.#levels[at];
    assert(level !== undefined, "the walk stays within the levels of a tree");
    return level;
  }

  *walk(): Generator<VerifyProgress, void> {
    const rootLevel = this.#level(treeHeightMax);
    if (!this.#read(this.#record.rootPage, pageKindRoot, rootLevel)) return;
    const trees = emptyRoots();
    try {
      readRoot(rootLevel.i32, 0, trees);
    } catch (error) {
      this.report(this.#record.rootPage, pageKindRoot, error instanceof Error ? error.message : String(error));
      return;
    }
    for (let tree = 0; tree < treesMax; tree++) {
      const before = this.entries;
      const root = trees.roots[tree] ?? 0;
      const height = trees.heights[tree] ?? 0;
      if (root !== 0) yield* this.#walkTree(root, height);
      const found = this.entries - before;
      if (found !== trees.counts[tree] && this.problems.length === 0) {
        this.report(
          this.#record.rootPage,
          pageKindRoot,
          `tree ${tree} has ${found} entries, not ${trees.counts[tree]}`,
        );
      }
    }
  }

  *#walkTree(root: number, height: number): Generator<VerifyProgress, void> {
    const top = height - 1;
    if (!this.#enter(root, top, null, null)) return;
    for (let at = top; at <= top; ) {
      const level = this.#level(at);
      if (at === 0 || level.index >= countOf(level.i32, 0)) {
        at += 1;
        continue;
      }
      const index = level.index;
      level.index += 1;
      const low = index === 0 ? level.low : this.#keyOf(level, index);
      const high = index + 1 < countOf(level.i32, 0) ? this.#keyOf(level, index + 1) : level.high;
      if (this.#enter(childOf(level.i32, 0, index), at - 1, low, high) && at > 1) at -= 1;
      if (this.pages % progressPages === 0) yield { pages: this.pages, pagesTotal: this.#record.pageCount };
    }
  }

  #keyOf(level: Level, index: number): Uint8Array {
    const length = copyKey(level.u8, level.i32, 0, index, branchCellHead, this.#key);
    return this.#key.slice(0, length);
  }

  /** Reads a page of a tree and checks all of it but its children. */
  #enter(number: number, at: number, low: Uint8Array | null, high: Uint8Array | null): boolean {
    const level = this.#level(at);
    const kind = at === 0 ? pageKindLeaf : pageKindBranch;
    if (!this.#read(number, kind, level)) return false;
    level.number = number;
    level.index = 0;
    level.low = low;
    level.high = high;
    if (levelOf(level.i32, 0) !== at) {
      this.report(number, kind, `it is at level ${levelOf(level.i32, 0)}, not ${at}`);
      return false;
    }
    if (!this.#checkCells(level, kind)) return false;
    if (at === 0) this.#checkLongValues(level);
    return true;
  }

  #checkCells(level: Level, kind: number): boolean {
    const { u8, i32, number } = level;
    const count = countOf(i32, 0);
    const prefix = prefixOf(i32, 0);
    const cellHead = kind === pageKindLeaf ? leafCellHead : branchCellHead;
    if (count === 0) this.report(number, kind, "it is empty");
    if (
      prefix > treeKeyBytesMax ||
      heapOf(i32, 0) < pageHeaderBytes + count * slotBytes ||
      heapOf(i32, 0) > pageBytes - prefix
    ) {
      this.report(number, kind, "its slots and cells overlap");
      return false;
    }
    let previousLength = -1;
    for (let index = 0; index < count; index++) {
      const cell = cellOf(i32, 0, index);
      const suffix = suffixLengthOf(i32, 0, index);
      if (
        cell < heapOf(i32, 0) ||
        prefix + suffix > treeKeyBytesMax ||
        cell + cellBytesOf(u8, i32, 0, index, cellHead) > pageBytes - prefix
      ) {
        this.report(number, kind, `cell ${index} lies outside the page`);
        return false;
      }
      if (kind === pageKindBranch && index === 0) continue;
      const length = copyKey(u8, i32, 0, index, cellHead, this.#key);
      if (previousLength >= 0 && compareKeys(this.#previous, previousLength, this.#key, length) >= 0) {
        this.report(number, kind, `keys ${index - 1} and ${index} do not ascend`);
      }
      const isBelow = level.low !== null && compareKeys(level.low, level.low.length, this.#key, length) > 0;
      const isAbove = level.high !== null && compareKeys(level.high, level.high.length, this.#key, length) <= 0;
      if (isBelow || isAbove)
        this.report(number, kind, `key ${index} lies outside the bounds that the branches above set`);
      this.#previous.set(this.#key);
      previousLength = length;
    }
    if (kind === pageKindLeaf) this.entries += count;
    return true;
  }

  #checkLongValues(leaf: Level): void {
    const view = new DataView(leaf.u8.buffer);
    for (let index = 0; index < countOf(leaf.i32, 0); index++) {
      if (lengthFieldOf(leaf.u8, leaf.i32, 0, index) !== overflowMark) continue;
      const start = valueStartOf(leaf.i32, 0, index);
      this.#checkLong(view.getUint32(start + 4, true), view.getUint32(start, true));
    }
  }

  #checkLong(head: number, length: number): void {
    const level = this.#level(treeHeightMax);
    if (!this.#read(head, pageKindOverflowHead, level)) return;
    const count = level.i32[6] ?? 0;
    if (length > treeValueBytesMax || level.i32[7] !== length || count + 1 !== overflowPages(length)) {
      this.report(
        head,
        pageKindOverflowHead,
        `its length or number of pages is not that of a value of ${length} bytes`,
      );
      return;
    }
    const from = pageHeaderBytes >> 2;
    for (const data of level.i32.slice(from, from + count)) this.#read(data, pageKindOverflowData, level);
  }

  checkFreeList(): void {
    try {
      readFreeList(
        this.#file,
        this.#record,
        (number) => {
          this.pages += 1;
          this.#account(number, "free list");
        },
        (number) => {
          this.freePages += 1;
          this.#account(number, "free");
        },
      );
    } catch (error) {
      if (!isKimberliteError(error) || error.code !== "dataCorrupt") throw error;
      this.report(Number(error.detail["page"]), "free list", String(error.detail["what"]));
    }
    const missing = this.#record.pageCount - this.#seenCount;
    if (missing > 0 && this.problems.length === 0) {
      this.report(0, "file", `${missing} pages are neither reached nor listed as free`);
    }
  }
}

/**
 * Verifies the checkpoint that a record names. Yields progress now and then; returns what was found. Throws `dataCorrupt` when the record
 * itself or the head of the file is damaged, and what the file throws.
 */
export function* verifyCheckpoint(
  file: PageFile,
  clusterId: Uint8Array,
  recordBytes: Uint8Array,
): Generator<VerifyProgress, VerifyResult> {
  const record = decodeCheckpointRecord(recordBytes);
  checkFileHead(file, clusterShort(clusterId));
  const verifier = new Verifier(file, record);
  const rootChecksum = new Uint32Array(1);
  file.read(new Uint8Array(rootChecksum.buffer), 0, 4, record.rootPage * pageBytes);
  if (rootChecksum[0] !== record.rootChecksum) {
    verifier.report(record.rootPage, pageKindRoot, "it is not the page that the checkpoint record names");
  }
  yield* verifier.walk();
  verifier.checkFreeList();
  const { pages, entries, freePages, problems } = verifier;
  return { pages, entries, freePages, version: record.version, problems };
}
