/**
 * Sorted runs in a file, merged: what a sort does with rows that do not fit its memory. Of each run a chunk is in memory; the run whose
 * first row comes first gives the next row, the earlier run of equals, so that the order stays that of a stable sort.
 */
import { assert } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import type { SortKey } from "../plan/plan.js";
import type { Datum } from "../types/datum.js";
import type { SortKeys } from "./sort-keys.js";
import { compareSortRows } from "./sort-values.js";
import { type SpilledRows, type SpilledRun, type SpilledTypes } from "./spill.js";
import { BatchBuilder } from "./vector.js";

/** Memory for the chunks of all runs together. */
const chunksBytes = 8 * 1024 * 1024;
const chunkBytesMin = 4 * 1024;
const chunkBytesMax = 256 * 1024;

interface Head {
  readonly run: number;
  readonly rows: Iterator<readonly Datum[]>;
  row: readonly Datum[];
  keys: readonly Datum[];
}

export function* mergeRuns(
  spilled: SpilledRows,
  runs: readonly SpilledRun[],
  types: SpilledTypes,
  keys: readonly SortKey[],
  sortKeys: SortKeys,
  work: (rows: number) => void,
): Generator<RowBatch> {
  const chunkBytes = Math.min(chunkBytesMax, Math.max(chunkBytesMin, Math.floor(chunksBytes / runs.length)));
  const single = new BatchBuilder(types);
  const keysOf = (row: readonly Datum[]): readonly Datum[] => {
    single.clear();
    single.pushRow(row);
    return sortKeys.keysOf(single.columns, 0);
  };
  const heap: Head[] = [];
  const isBefore = (a: Head, b: Head): boolean => {
    const order = compareSortRows(keys, a.keys, b.keys);
    return order === 0 ? a.run < b.run : order < 0;
  };
  for (const [run, stretch] of runs.entries()) {
    const rows = spilled.read(stretch, chunkBytes);
    const first = rows.next();
    if (first.done === true) continue;
    heap.push({ run, rows, row: first.value, keys: keysOf(first.value) });
    rise(heap, heap.length - 1, isBefore);
  }
  const builder = new BatchBuilder(types);
  builder.clear();
  for (let head = heap[0]; head !== undefined; head = heap[0]) {
    builder.pushRow(head.row);
    const next = head.rows.next();
    if (next.done === true) {
      const last = heap.pop();
      assert(last !== undefined, "a heap that has a head has a last");
      if (heap.length > 0) heap[0] = last;
    } else {
      head.row = next.value;
      head.keys = keysOf(next.value);
    }
    sink(heap, 0, isBefore);
    if (!builder.isFull) continue;
    work(builder.rows);
    yield builder.batch();
    builder.clear();
  }
  if (builder.rows > 0) yield builder.batch();
}

type IsBefore = (a: Head, b: Head) => boolean;

function rise(heap: Head[], from: number, isBefore: IsBefore): void {
  for (let at = from; at > 0; ) {
    const above = (at - 1) >> 1;
    if (!exchanged(heap, above, at, isBefore)) return;
    at = above;
  }
}

function sink(heap: Head[], from: number, isBefore: IsBefore): void {
  for (let at = from; ; ) {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    const [one, other] = [heap[left], heap[right]];
    if (one === undefined) return;
    const below = other !== undefined && isBefore(other, one) ? right : left;
    if (!exchanged(heap, at, below, isBefore)) return;
    at = below;
  }
}

/** Puts the lower one above when it comes first. */
function exchanged(heap: Head[], above: number, below: number, isBefore: IsBefore): boolean {
  const [upper, lower] = [heap[above], heap[below]];
  if (upper === undefined || lower === undefined || !isBefore(lower, upper)) return false;
  heap[above] = lower;
  heap[below] = upper;
  return true;
}
