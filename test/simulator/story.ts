/** What the pinned scenarios are told with: a calm cluster of the given kind, and what happens to it, when. */
import { storageMarkCounts } from "../../runtime/storage/marks.js";
import { markCounts } from "../../runtime/vsr/marks.js";
import { drawOptions, quiet, type SimulationOptions } from "./options.js";
import { runSeed } from "./run-seed.js";
import type { FaultEvent } from "./schedule.js";
import type { RunSummary } from "./simulation.js";

/** Three replicas, small prepares, a steady client; nothing goes wrong but what the story says. */
export function calm(over: Partial<SimulationOptions> = {}): SimulationOptions {
  const options = quiet(drawOptions(1));
  return {
    ...options,
    replicas: 3,
    standbys: 0,
    workload: "bytes",
    atlas: false,
    faultMs: 4_000,
    requestsMax: 150,
    requestMicros: 20_000,
    confirmShare: 0.3,
    bodyBytesMax: 64,
    pipeline: 4,
    headerSlots: 16,
    segmentBytes: 128 * 1024,
    writeMode: "direct",
    writeMicros: 100,
    checkpointEvery: 0,
    clockDriftPpm: 0,
    linksBreak: false,
    coreOnly: false,
    muteReplica: -1,
    fresh: false,
    faultsAtOnce: false,
    scrubBytes: 16_384,
    shardMailboxMax: 0,
    ...over,
  };
}

export interface Told {
  readonly summary: RunSummary;
  /** How often a mark was reached in this story. */
  readonly marks: Readonly<Record<string, number>>;
}

export async function tell(options: SimulationOptions, schedule: readonly FaultEvent[]): Promise<Told> {
  const before = { ...markCounts(), ...storageMarkCounts() };
  const { summary, failure } = await runSeed(options, schedule);
  if (failure !== null || summary === null) throw failure ?? new Error("a story has an end");
  const after = { ...markCounts(), ...storageMarkCounts() };
  const marks = Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]));
  return { summary, marks };
}

/** Links between one replica and all others, in the given direction. */
export function linksOf(replica: number, replicas: number, way: "out" | "in" | "both"): (readonly [number, number])[] {
  const links: (readonly [number, number])[] = [];
  for (let other = 0; other < replicas; other++) {
    if (other === replica) continue;
    if (way !== "in") links.push([replica, other]);
    if (way !== "out") links.push([other, replica]);
  }
  return links;
}
