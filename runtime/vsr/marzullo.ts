/**
 * Marzullo's algorithm: from intervals that each claim to hold the true value, some of them wrong, the smallest interval that the most of them
 * agree on. Source: K. A. Marzullo, "Maintaining the Time in a Distributed System" (1984); NTP chooses its clocks by it.
 */
import { assert } from "../types/assert.js";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

interface Edge {
  readonly at: number;
  /** -1 begins an interval, +1 ends one: begins come first where both meet, so that intervals that touch agree. */
  readonly step: -1 | 1;
}

/** Null when no `needed` of them have a point in common. O(n log n). */
export function agreement(intervals: readonly Interval[], needed: number): Interval | null {
  assert(needed > 0, "an agreement has parties");
  const edges: Edge[] = [];
  for (const { low, high } of intervals) {
    assert(low <= high, "an interval does not end before it begins");
    edges.push({ at: low, step: -1 }, { at: high, step: 1 });
  }
  edges.sort((left, right) => left.at - right.at || left.step - right.step);
  let open = 0;
  let most = needed - 1;
  let found: Interval | null = null;
  for (const [index, { at, step }] of edges.entries()) {
    open -= step;
    const next = edges[index + 1];
    if (next === undefined || step === 1) continue;
    const isBetter = open > most || (open === most && found !== null && next.at - at < found.high - found.low);
    if (!isBetter) continue;
    most = open;
    found = { low: at, high: next.at };
  }
  return found;
}
