/**
 * Marzullo's algorithm: from intervals that each claim to hold the true value, some of them wrong, the smallest interval that the most of them
 * agree on. Source: K. A. Marzullo, "Maintaining the Time in a Distributed System" (1984); NTP chooses its clocks by it.
 */
import { assert } from "../types/assert.js";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Null when no `needed` of them have a point in common; intervals that touch do. What the most agree on begins where one of them begins, so
 * each beginning is looked at. O(n²) without memory of its own: there are as many intervals as replicas, and it is asked every tick.
 */
export function agreement(intervals: readonly Interval[], needed: number): Interval | null {
  assert(needed > 0, "an agreement has parties");
  let most = needed - 1;
  let low = 0;
  let high = 0;
  let isFound = false;
  for (const { low: from, high: own } of intervals) {
    assert(from <= own, "an interval does not end before it begins");
    let agreeing = 0;
    // Up to where nobody leaves and nobody else joins.
    let to = own;
    for (const other of intervals) {
      if (other.low > from) to = Math.min(to, other.low);
      else if (other.high >= from) {
        agreeing += 1;
        to = Math.min(to, other.high);
      }
    }
    const isSmaller = to - from < high - low || (to - from === high - low && from < low);
    if (agreeing < most || (agreeing === most && !(isFound && isSmaller))) continue;
    isFound = true;
    most = agreeing;
    low = from;
    high = to;
  }
  return isFound ? { low, high } : null;
}
