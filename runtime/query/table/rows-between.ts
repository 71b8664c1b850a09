/**
 * How many entries lie between two places of a tree, without going there: the two ways from the root part at some level, and what lies between
 * them there is counted in subtrees as full as those on the two ways.
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
}

/** The ways to the first entry at or behind `low`, and to the last at or before `high`; "none" where there is no such entry. */
function waysTo(cursor: Cursor, low: Uint8Array, high: Uint8Array): Ways | "none" | null {
  if (cursor.path === undefined) return null;
  const [from, to] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  const [fromCounts, toCounts] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  if (!cursor.seek(low)) return "none";
  const levels = cursor.path(from, fromCounts);
  if (!cursor.seekFloor(high)) return "none";
  assert(cursor.path(to, toCounts) === levels, "two ways of one tree are as long");
  return { levels, from, to, fromCounts, toCounts };
}

/** What lies between the ways above the leaves, counted in parts as full as those on the ways. */
function between({ levels, from, to, fromCounts, toCounts }: Ways, first: number): number {
  let found = 0;
  let below = first;
  for (let level = 1; level < levels; level++) {
    found += ((to[level] ?? 0) - (from[level] ?? 0)) * below;
    below *= Math.max(1, ((fromCounts[level] ?? 0) + (toCounts[level] ?? 0)) / 2);
  }
  return found;
}

/**
 * An estimate of the entries from `low` up to `high`; null for a cursor that cannot tell. Moves the cursor.
 */
export function entriesBetween(cursor: Cursor, low: Uint8Array, high: Uint8Array): number | null {
  const ways = waysTo(cursor, low, high);
  if (ways === null || ways === "none") return ways === null ? null : 0;
  const { from, to, fromCounts, toCounts } = ways;
  const perLeaf = Math.max(1, ((fromCounts[0] ?? 0) + (toCounts[0] ?? 0)) / 2);
  const entries = 1 + (to[0] ?? 0) - (from[0] ?? 0) + between(ways, perLeaf);
  return Math.max(0, Math.round(entries));
}

/** As `entriesBetween`, but leaves: of the first and the last the part that is between. */
export function leavesBetween(cursor: Cursor, low: Uint8Array, high: Uint8Array): number | null {
  const ways = waysTo(cursor, low, high);
  if (ways === null || ways === "none") return ways === null ? null : 0;
  const part = (place: number, count: number): number => place / Math.max(1, count);
  const { from, to, fromCounts, toCounts } = ways;
  const atEnds = part((to[0] ?? 0) + 1, toCounts[0] ?? 0) - part(from[0] ?? 0, fromCounts[0] ?? 0);
  return Math.max(0, atEnds + between(ways, 1));
}
