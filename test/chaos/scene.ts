/** What a fault has to do with: the cluster, chance, and a record of what happened. */
import { pause } from "../node/node-child.js";
import type { ClusterProcesses } from "./cluster.js";
import type { Timeline } from "./timeline.js";

export interface FaultRecord {
  readonly fault: string;
  /** Longest time without an acknowledged write, ms. */
  readonly outageMs: number;
  /** Longest time without an answered read (stale or session) on a node that the fault left alone, ms; NaN where there was none. */
  readonly readGapMs: number;
}

export interface Scene {
  readonly cluster: ClusterProcesses;
  readonly timeline: Timeline;
  readonly random: () => number;
  /** Proofs that faults happened, by what happened. */
  readonly counts: Record<string, number>;
  /** How many proofs there were in all: each fault adds one at least. */
  proofs: number;
  readonly records: FaultRecord[];
  readonly violations: string[];
  /** True once files were damaged or set back: only then may a node find damage. */
  isDamaged: boolean;
  /** How long appends took that returned in a span, ms. */
  latencies: (from: number, to: number) => number[];
  /** The shard whose leader is meant. */
  readonly shard: number;
}

const flowMs = 60_000;
const pollMs = 20;
const flowWrites = 20;
/** A leader is looked for again and again: there may be none for a moment. */
const leaderMs = 30_000;

export const count = (scene: Scene, what: string, by = 1): void => {
  scene.counts[what] = (scene.counts[what] ?? 0) + by;
};

/** A fault happened: what shows it. */
export const prove = (scene: Scene, what: string, by = 1): void => {
  count(scene, what, by);
  if (by > 0) scene.proofs += 1;
};

export const pick = <Item>(scene: Scene, items: readonly Item[]): Item => {
  const item = items[Math.floor(scene.random() * items.length)];
  if (item === undefined) throw new Error("there is something to pick from");
  return item;
};

export const nodeName = (index: number): string => `node ${index + 1}`;

/** The index of the node that leads. */
export async function leader(scene: Scene): Promise<number> {
  const until = performance.now() + leaderMs;
  for (;;) {
    const index = await scene.cluster.leaderOf(scene.shard);
    if (index >= 0) return index;
    if (performance.now() > until) throw new Error(`nobody leads shard ${scene.shard} for ${leaderMs} ms`);
    await pause(50);
  }
}

/** Waits until writes have been acknowledged for a while since an instant. */
export async function flowing(scene: Scene, since: number): Promise<void> {
  const until = performance.now() + flowMs;
  while (scene.timeline.writes.countIn(since, Number.POSITIVE_INFINITY) < flowWrites) {
    if (performance.now() > until) {
      scene.violations.push(`no writes for ${flowMs} ms after a fault that leaves a quorum`);
      scene.timeline.say(`VIOLATION no writes for ${flowMs} ms`);
      throw new Error("the cluster does not take writes any more");
    }
    await pause(5);
  }
}

/** Waits for a condition. @returns false when it did not come true in time */
export async function within(ms: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() > until) return false;
    await pause(pollMs);
  }
}

/** Notes what a fault cost. @param untouched nodes that it left alone */
export function note(scene: Scene, fault: string, from: number, untouched: readonly number[]): FaultRecord {
  const { timeline, records } = scene;
  const to = performance.now();
  const gaps = untouched.map((node) => timeline.reads[node]?.longestGap(from, to) ?? 0);
  const record = {
    fault,
    outageMs: timeline.writes.longestGap(from, to),
    readGapMs: gaps.length === 0 ? Number.NaN : Math.max(...gaps),
  };
  records.push(record);
  count(scene, fault);
  const reads = Number.isNaN(record.readGapMs) ? "" : `, reads elsewhere within ${Math.round(record.readGapMs)} ms`;
  timeline.say(`… ${fault}: no write for ${Math.round(record.outageMs)} ms at most${reads}`);
  return record;
}

export const others = (scene: Scene, ...without: readonly number[]): number[] =>
  scene.cluster.members.flatMap((_, index) => (without.includes(index) ? [] : [index]));
