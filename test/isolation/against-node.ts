/** Runs the workload of one isolation level on a target whose processes are killed meanwhile, and judges what its clients saw. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectedTo, type IsolationTarget } from "./targets.js";
import { type IsolationLevel, type IsolationVerdict, judge, showCycle } from "./verdict.js";
import { createLists, runWorkload, type WorkloadResult } from "./workload.js";

export interface LevelOptions {
  readonly level: IsolationLevel;
  readonly milliseconds: number;
  /** Between two kills; none for 0. */
  readonly killEveryMs: number;
  readonly sessions: number;
  readonly keys: number;
  readonly seed: number;
  readonly table: string;
  /** Whether real time counts: what had ended is seen by what began later. */
  readonly isStrict: boolean;
}

export interface LevelRun {
  readonly verdict: IsolationVerdict;
  readonly result: WorkloadResult;
  readonly kills: number;
}

/** Makes the table, runs the clients while processes are killed, and judges; the last reading waits for a target that serves. */
export async function runLevel(target: IsolationTarget, options: LevelOptions): Promise<LevelRun> {
  const { level, milliseconds, killEveryMs, sessions, keys, seed, table, isStrict } = options;
  const first = await connectedTo(target);
  await createLists(first, table);
  await first.end();
  const until = performance.now() + milliseconds;
  let kills = 0;
  let isOver = false;
  const killing = async (): Promise<void> => {
    while (killEveryMs > 0 && !isOver) {
      await sleep(Math.min(killEveryMs, Math.max(0, until - performance.now())));
      if (performance.now() + killEveryMs / 4 >= until) return;
      await target.killAndStart();
      kills += 1;
    }
  };
  const killed = killing();
  let remaining = sessions;
  const result = await runWorkload({
    connect: async () => {
      // The reading behind the end of all sessions waits for the target; sessions try again by themselves.
      if (performance.now() < until || remaining <= 0) return target.connect();
      remaining = 0;
      await killed;
      return connectedTo(target);
    },
    level,
    sessions,
    milliseconds,
    keys,
    operationsMax: 4,
    seed,
    table,
  });
  isOver = true;
  await killed;
  return { verdict: judge(result.history, level, { isStrict }), result, kills };
}

/** One line for people, and one for each thing that the level forbids. */
export function showRun(title: string, { verdict, result, kills }: LevelRun): string {
  const classes = new Map<string, number>();
  for (const cycle of verdict.cycles) classes.set(cycle.class, (classes.get(cycle.class) ?? 0) + 1);
  const unknown = result.history.filter(({ outcome }) => outcome === "unknown").length;
  const listed = (counts: ReadonlyMap<string, number>): string =>
    counts.size === 0 ? "none" : [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  return [
    `${title}: ${verdict.isKept ? "kept" : "BROKEN"}; ${verdict.transactions} transactions, ${verdict.committed} committed, ${unknown} of unknown end, ${result.overlapping} beside others; ${verdict.readsSeen} reads, ${verdict.dependencies} dependencies; cycles: ${listed(classes)}; refusals: ${listed(result.refusals)}; ${kills} kills`,
    ...verdict.anomalies.map(({ kind, explanation }) => `  ${kind}: ${explanation}`),
    ...verdict.violations.map((cycle) => `  ${cycle.class}: ${showCycle(cycle)}`),
  ].join("\n");
}
