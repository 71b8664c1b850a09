/**
 * Runs seeds in several processes at once (`--jobs N`), or with one job in this one. A run is a function of its seed, so who runs it makes
 * no difference; seeds are handed out one at a time, so that a long one holds up nobody.
 */
import { fork } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import type { FromProcess, ToProcess } from "./seed-process.js";
import { cpuSecondsNow, marksNow, runTask, type SeedReport, type SeedTask } from "./seed-task.js";

export interface PoolEnd {
  /** How often each mark was reached, in all processes together. */
  readonly marks: Readonly<Record<string, number>>;
  /** CPU of all processes. */
  readonly cpuSeconds: number;
}

type Next = () => SeedTask | null;
type Each = (report: SeedReport) => void;

async function runHere(next: Next, each: Each): Promise<PoolEnd> {
  const before = marksNow();
  const began = cpuSecondsNow();
  for (let task = next(); task !== null; task = next()) {
    each(await runTask(task));
    // A run waits for nothing outside of it: without this no signal would be heard.
    await setImmediate();
  }
  const marks = Object.fromEntries(
    Object.entries(marksNow()).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
  return { marks, cpuSeconds: cpuSecondsNow() - began };
}

function runElsewhere(next: Next, each: Each): Promise<PoolEnd> {
  const child = fork(new URL("./seed-process.js", import.meta.url), {
    // Runs are short and go everywhere: baseline code for everything from the start saves an eighth of the CPU (measured over 700 seeds).
    execArgv: [...process.execArgv, "--always-sparkplug"],
  });
  const say = (message: ToProcess): void => void child.send(message);
  let seed: number | null = null;
  const handOut = (): void => {
    const task = next();
    seed = task?.seed ?? null;
    say(task === null ? { kind: "end" } : { kind: "run", task });
  };
  return new Promise((resolve, reject) => {
    child.on("message", (message: FromProcess) => {
      if (message.kind === "ended") {
        resolve({ marks: message.marks, cpuSeconds: message.cpuSeconds });
        return;
      }
      each(message.report);
      handOut();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      reject(new Error(`a process ended (${code ?? signal}) while it ran seed ${seed ?? "none"}`)),
    );
    handOut();
  });
}

/** Runs what `next` gives until it gives null, and says what came of each, in the order in which they end. */
export async function runSeeds(jobs: number, next: Next, each: Each): Promise<PoolEnd> {
  if (!Number.isSafeInteger(jobs) || jobs < 1) throw new Error("--jobs takes a whole number from 1 on");
  if (jobs === 1) return runHere(next, each);
  const ends = await Promise.all(Array.from({ length: jobs }, () => runElsewhere(next, each)));
  const marks: Record<string, number> = {};
  for (const end of ends)
    for (const [name, count] of Object.entries(end.marks)) marks[name] = (marks[name] ?? 0) + count;
  return { marks, cpuSeconds: ends.reduce((sum, end) => sum + end.cpuSeconds, 0) };
}
