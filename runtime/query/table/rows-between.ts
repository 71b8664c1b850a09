/**
 * How many entries lie between two places of a tree, without going there: the two ways from the root part at some level, and what lies between
 * them there is counted in subtrees as full as those on the two ways.
 */
import type { Cursor } from "../../store/tree.js";
import { assert } from "../../types/assert.js";

/** Levels that a tree may have, with room to spare. */
const levelsMax = 32;

/**
 * An estimate of the entries from `low` up to `high`; null for a cursor that cannot tell. Moves the cursor.
 */
export function entriesBetween(cursor: Cursor, low: Uint8Array, high: Uint8Array): number | null {
  if (cursor.path === undefined) return null;
  const [from, to] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  const [fromCounts, toCounts] = [new Int32Array(levelsMax), new Int32Array(levelsMax)];
  if (!cursor.seek(low)) return 0;
  const levels = cursor.path(from, fromCounts);
  if (!cursor.seekFloor(high)) return 0;
  assert(cursor.path(to, toCounts) === levels, "two ways of one tree are as long");
  let entries = 1;
  let below = 1;
  for (let level = 0; level < levels; level++) {
    entries += ((to[level] ?? 0) - (from[level] ?? 0)) * below;
    below *= Math.max(1, ((fromCounts[level] ?? 0) + (toCounts[level] ?? 0)) / 2);
  }
  return Math.max(0, Math.round(entries));
}
