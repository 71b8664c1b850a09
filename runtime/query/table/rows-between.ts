/**
 * How many entries lie between two places of a tree, without going there: the two ways from the root part at some level, and what lies between
 * them at each level is counted in subtrees as full as one in their midst. Pages at the ends tell less: the last of a table that is added to is
 * almost empty, and the first is another table's as well.
 */
import type { Cursor } from "../../store/tree.js";
import { assert } from "../../types/assert.js";

/** Levels that a tree may have, with room to spare. */
const levelsMax = 32;

interface Ways {
  readonly levels: number;
  /** At each level, from the leaf up: the place of the first entry and of the last, and how many there are in their pages. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly fromCounts: Int32Array;
  readonly toCounts: Int32Array;
  /** Of a page between, by its level. */
  readonly inner: Int32Array;
}

/** The ways to the first entry at or behind `low`, and to the last at or before `high`; "none" where there is no such entry. */
function waysTo(cursor: Cursor, low: Uint8Array, high: Uint8Array): Ways | "none" | null {
  if (cursor.path === undefined || cursor.countsBeneath === undefined) return null;
  const [from, to] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  const [fromCounts, toCounts] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  if (!cursor.seek(low)) return "none";
  const levels = cursor.path(from, fromCounts);
  if (!cursor.seekFloor(high)) return "none";
  assert(cursor.path(to, toCounts) === levels, "two ways of one tree are as long");
  const ways = { levels, from, to, fromCounts, toCounts, inner: fromCounts.slice() };
  const parting = partingOf(ways);
  // Where the last way has pages before it that the first has not: the highest such place tells of the most.
  for (let level = parting; level > 0; level--) {
    const first = level === parting ? (from[level] ?? 0) + 1 : 0;
    const last = (to[level] ?? 0) - 1;
    if (last < first) continue;
    cursor.countsBeneath(level, (first + last) >> 1, ways.inner);
    break;
  }
  return ways;
}

/** The highest level at which the ways go to different places. */
function partingOf({ levels, from, to }: Pick<Ways, "levels" | "from" | "to">): number {
  let level = levels - 1;
  while (level > 0 && from[level] === to[level]) level -= 1;
  return level;
}

/** What lies between the ways above the leaves. @param leaf what a leaf counts for */
function between(ways: Ways, leaf: number): number {
  const { from, to, fromCounts, inner } = ways;
  const parting = partingOf(ways);
  let found = 0;
  let each = leaf;
  for (let level = 1; level <= parting; level++) {
    const places =
      level === parting
        ? (to[level] ?? 0) - (from[level] ?? 0) - 1
        : (fromCounts[level] ?? 0) - 1 - (from[level] ?? 0) + (to[level] ?? 0);
    found += places * each;
    each *= Math.max(1, inner[level] ?? 0);
  }
  return found;
}

/** Whether both ends are in one leaf. */
const isOneLeaf = (ways: Ways): boolean => partingOf(ways) === 0;

/** An estimate of the entries from `low` up to `high`; null for a cursor that cannot tell. Moves the cursor. */
export function entriesBetween(cursor: Cursor, low: Uint8Array, high: Uint8Array): number | null {
  const ways = waysTo(cursor, low, high);
  if (ways === null || ways === "none") return ways === null ? null : 0;
  const { from, to, fromCounts, inner } = ways;
  const atEnds = (to[0] ?? 0) + 1 - (from[0] ?? 0) + (isOneLeaf(ways) ? 0 : (fromCounts[0] ?? 0));
  return Math.max(0, Math.round(atEnds + between(ways, Math.max(1, inner[0] ?? 0))));
}

/** As `entriesBetween`, but leaves: of the first and the last the part that is between. */
export function leavesBetween(cursor: Cursor, low: Uint8Array, high: Uint8Array): number | null {
  const ways = waysTo(cursor, low, high);
  if (ways === null || ways === "none") return ways === null ? null : 0;
  const part = (place: number, count: number): number => place / Math.max(1, count);
  const { from, to, fromCounts, toCounts } = ways;
  const atEnds = part((to[0] ?? 0) + 1, toCounts[0] ?? 0) - part(from[0] ?? 0, fromCounts[0] ?? 0);
  return Math.max(0, atEnds + (isOneLeaf(ways) ? 0 : 1) + between(ways, 1));
}
