/** One seed as a task that a process can be given, and what it says of it: plain data, since the process may be another one. */
import { execFileSync } from "node:child_process";
import { storageMarkCounts } from "../../runtime/storage/marks.js";
import { recoveryRowCounts } from "../../runtime/storage/recovery-table.js";
import { markCounts } from "../../runtime/vsr/marks.js";
import { drawRun, type Runs } from "./rare-stories.js";
import { runSeed } from "./run-seed.js";
import type { RunSummary } from "./simulation.js";

export interface SeedTask {
  readonly seed: number;
  readonly runs: Runs;
  /** Whether it is run again, to see whether the run follows from its seed: here, or in a process that has run nothing else. */
  readonly again: "no" | "here" | "elsewhere";
}

export interface SeedReport {
  readonly seed: number;
  readonly summary: RunSummary | null;
  /** An oracle's objection, its name first. */
  readonly failure: string | null;
  /** The hash of the second run; null where there was none. */
  readonly hashAgain: string | null;
}

async function hashOf(seed: number, runs: Runs, where: "here" | "elsewhere"): Promise<string> {
  if (where === "here") return (await runSeed(drawRun(seed, runs))).summary?.hash ?? "it failed";
  const simulate = new URL("./simulate.js", import.meta.url).pathname;
  const asked = runs === "sql" ? ["--sql"] : [];
  const output = execFileSync(process.execPath, [simulate, "--seed", String(seed), ...asked], { encoding: "utf8" });
  return (JSON.parse(output.split("\n")[0] ?? "{}") as RunSummary).hash;
}

export async function runTask({ seed, runs, again }: SeedTask): Promise<SeedReport> {
  const { summary, failure } = await runSeed(drawRun(seed, runs));
  const hashAgain = again === "no" || summary === null ? null : await hashOf(seed, runs, again);
  return { seed, summary, failure: failure?.message ?? null, hashAgain };
}

/** How often each mark was reached in this process so far; those of the recovery table by their row. */
export const marksNow = (): Record<string, number> => ({
  ...markCounts(),
  ...storageMarkCounts(),
  ...Object.fromEntries(Object.entries(recoveryRowCounts()).map(([label, count]) => [`row: ${label}`, count])),
});

export function cpuSecondsNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
